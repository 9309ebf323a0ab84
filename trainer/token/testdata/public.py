#!/usr/bin/env python3
"""Writes public.jsonl: texts with their tokens by open_clip 3.3.0, ftfy 6.3.1 and
regex, Python 3.11. Every line is [text, [tokens without start and end]].

public.py > public.jsonl

Texts that ftfy takes for mojibake are left out: package token does not guess
encodings.
"""
import json
import random

import ftfy
from open_clip.tokenizer import SimpleTokenizer

TEXTS = [
    "a photo of a red fox, 2 bears!", "", " ", "A", "don't we'll they'd I'VE you're he'M it'S 'ſ", "!!'s 'sx",
    "1999 ²½Ⅷ ٣٤ x²½y", "ΟΔΥΣΣΕΥΣ Σ ΑΣ. ΑΣ.Β 'Σ' ΑΣ\u0301 ΣΑΣ", "İstanbul IĞDIR ıI", "STRASSE Straße ẞ",
    "“curly” ‘quotes’ „low‟ ʼn ŉ", "ﬁne ﬂuﬃest Ĳsselmeer ǅ", "ＬＯＵＤ　ＮＯＩＳＥＳ ｶﾞｷﾞ ￡１２", "日本語の写真 한국어 각",
    "a\u0301 e\u0301 \u1e9b\u0323 Å K", "&amp;amp;amp;amp; &lt;b&gt; &EACUTE; &eacute &notit; &copy2024 &nGt;",
    "<b>&amp;amp;amp;</b> &EACUTE;", "&#0;&#1;&#133;&#x80;&#xD800;&#x110000;&#99999999999;&#65&#x41;&#;&#x;&#59;",
    "&SZLIG; &szlig; &FILIG; &nbsp;x&NBSP;y", "\x1b[31mred\x1b[0m \x1b[ \x1bA \x1b[ﬁ", "a\x01b\x0bc\x0cd\x7fe\ufefff\u206ag",
    "a\u2028b\u2029c\td", "x\u0085y \u0091z\u0092 \u0081", "😀 👍🏽 👩‍👩‍👧 🇩🇪", "soft\u00adhyphen zero\u200bwidth",
    "</w> a</w> </w></w> <w /w>", "Don&amp;#39;t stop", "  Fotos   von Füchsen ", "हिन्दी தமிழ் ไทย العربية עברית",
    "Привет, МИР! ЁЖ", "x" * 90, "supercalifragilisticexpialidocious " * 3, "𝒥ohn 𝟙𝟚 ℋancock", "10³ µm ºC ª", "…—–·•", "\u037e \u1fef \u2126",
]
POOL = ["Σ", "ς", "İ", "I", "'", "s", "S", "ſ", "re", "LL", " ", "  ", "\t", "\x0b", "\x1b[31m", "\x1b[", "\x01", "&amp;", "&AMP;",
        "&lt;", "<", "&", "#", "3", "9;", ";", "é", "e\u0301", "\u0301", "\u0307", "ﬁ", "Ａ", "ｶﾞ", "“", "’", "\u2028", "\u200b",
        "\u00ad", "😀", "\U0001F3FD", "\u200d", "한", "각", "日", "½", "Ⅷ", "٣", "</w>", "a.", "Α", "·", ":", "\ufffd", "ŉ", "&szlig;",
        "&SZLIG;", "\u037e", "&#x2019;", "photo", " of ", "Red", "www.", "http://"]


def main():
    random.seed(1)
    texts = TEXTS + ["".join(random.choice(POOL) for _ in range(random.randint(2, 9))) for _ in range(600)]
    tokenizer = SimpleTokenizer()
    for text in texts:
        if ftfy.fix_text(text, fix_encoding=False) == ftfy.fix_text(text):
            print(json.dumps([text, tokenizer.encode(text)], ensure_ascii=True))


main()
