#!/usr/bin/env python3
"""Compares language detectors on short texts of known languages.

usage: languages.py LOCALE_DIR FILTERBENCH

The texts are translations of GIMP's messages (Debian's gimp-data, LOCALE_DIR is its
usr/share/locale): those of 35 to 65 characters (20 to 40 of Chinese, Japanese and Korean)
that differ from the English, up to 300 a language, as they stand and in upper case.
Needs Python's fasttext-predict, pycld2 and lingua-language-detector; LID names the model.
"""
import collections
import gettext
import os
import random
import re
import subprocess
import sys
import tempfile
import time

import fasttext
import pycld2
from lingua import LanguageDetectorBuilder

CODES = "bg ca cs da de el en es eu fa fi fr he hu it ja ko lt nb nl pl pt ro ru sk sl sv tr uk vi zh_CN".split()
random.seed(1)
rows, english = [], set()
for code in CODES:
    if code == "en":
        continue
    catalog = gettext.GNUTranslations(open(f"{sys.argv[1]}/{code}/LC_MESSAGES/gimp20.mo", "rb"))._catalog
    short = code[:2] in ("zh", "ja", "ko")
    texts = []
    for key, text in catalog.items():
        key = key[0] if isinstance(key, tuple) else key
        text = text.replace("_", "")
        if key and text != key and not re.search(r"[%<>{}\n\t]", text + key) and (20 <= len(text) <= 40 if short else 35 <= len(text) <= 65):
            texts.append(text)
            english.add(key.replace("_", ""))
    random.shuffle(texts)
    rows += [("no" if code == "nb" else code[:2], t) for t in texts[:300]]
english = sorted(t for t in english if 35 <= len(t) <= 65)
random.shuffle(english)
rows += [("en", t) for t in english[:300]]

model = fasttext.load_model(os.environ["LID"])
all_languages = LanguageDetectorBuilder.from_all_languages().build()
lower_accuracy = LanguageDetectorBuilder.from_all_languages().with_low_accuracy_mode().build()


def by_fasttext(texts):
    return [model.predict(t, k=1, threshold=0.0)[0][0].removeprefix("__label__") for t in texts]


def by_cld2(texts):
    codes = []
    for t in texts:
        try:
            codes.append(pycld2.detect(t)[2][0][1].removesuffix("-Hant").replace("iw", "he"))
        except pycld2.error:  # it refuses soft hyphens and the like
            codes.append("")
    return codes


def by_lingua(detector):
    def codes(texts):
        found = [detector.detect_language_of(t) for t in texts]
        names = [f.iso_code_639_1.name.lower() if f else "" for f in found]
        return ["no" if n in ("nb", "nn") else n for n in names]

    return codes


def by_pairloom(texts):
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
        f.write("\n".join(texts) + "\n")
        f.flush()
        return subprocess.run([sys.argv[2], "-languages", f.name], check=True, capture_output=True, text=True).stdout.split("\n")[:-1]


want = [code for code, _ in rows]
print(f"{len(rows)} texts in {len(CODES)} languages")
for name, detect in (("pairloom", by_pairloom), ("fastText, lid.176.ftz", by_fasttext), ("CLD2", by_cld2), ("lingua", by_lingua(all_languages)), ("lingua, low accuracy", by_lingua(lower_accuracy))):
    line = f"{name:22s}"
    for change in (str, str.upper):
        texts = [change(t) for _, t in rows]
        start = time.process_time() + sum(os.times()[2:4])
        got = detect(texts)
        took = time.process_time() + sum(os.times()[2:4]) - start
        right = collections.Counter(w for w, g in zip(want, got) if w == g)
        of = collections.Counter(want)
        wrong = sum(g == "en" != w for w, g in zip(want, got)) / (len(want) - of["en"])
        line += f"  {100 * sum(right.values()) / len(want):5.1f}% right, English found {100 * right['en'] / of['en']:5.1f}%, others taken for it {100 * wrong:4.1f}%"
        if change is str:
            line += f", {took / len(texts) * 1e6:5.0f} us"
            worst = sorted(of, key=lambda c: right[c] / of[c])[:5]
            lows = ", ".join(f"{c} {100 * right[c] / of[c]:.0f}%" for c in worst)
    print(line, "| least:", lows)
