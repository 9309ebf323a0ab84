#!/usr/bin/env python3
"""The public tokenizers, for the bench.

peers.py tokens TEXTS OUT          tokens of every text, for "token check"
peers.py open_clip TEXTS COUNT     texts a processor second of open_clip's tokenizer
peers.py tokenizers TEXTS ROUNDS   texts a processor second of Hugging Face's, in Rust, one thread

Hugging Face's is put together from the same merges with the steps of the
released CLIP models: NFC, white space folded, lower case, CLIP's pattern, BPE. It
does not repair text as ftfy does, nor unescape HTML.
"""
import array
import multiprocessing
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import ftfy
import tokenizers
from open_clip.tokenizer import SimpleTokenizer
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers


def read(path):
    with open(path, encoding="utf-8", newline="\n") as f:
        return [line.rstrip("\n") for line in f]


def encode(texts):
    tokenizer = SimpleTokenizer()
    out, mojibake = array.array("i"), 0
    for text in texts:
        ids = tokenizer.encode(text)
        out.append(len(ids))
        out.extend(ids)
        mojibake += ftfy.fix_text(text) != ftfy.fix_text(text, fix_encoding=False)
    return out.tobytes(), mojibake


def tokens(path, out):
    texts, mojibake = read(path), 0
    with multiprocessing.Pool() as pool, open(out, "wb") as f:
        for part, n in pool.imap(encode, [texts[i : i + 5000] for i in range(0, len(texts), 5000)]):
            f.write(part)
            mojibake += n
    print(f"{len(texts)} texts, of which ftfy takes {mojibake} for mojibake")


def rust():
    t = SimpleTokenizer()
    merges = sorted(t.bpe_ranks, key=t.bpe_ranks.get)
    out = Tokenizer(models.BPE(vocab=dict(t.encoder), merges=merges, end_of_word_suffix="</w>", continuing_subword_prefix="", fuse_unk=False, unk_token="<end_of_text>"))
    out.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    pattern = Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    out.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(pattern, behavior="removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    return out


def main():
    kind, path, n = sys.argv[1:]
    if kind == "tokens":
        return tokens(path, n)
    texts, best = read(path), 1e30
    if kind == "open_clip":
        texts = texts[: int(n)]
        tokenizer = SimpleTokenizer()
        start = time.process_time()
        total = sum(len(tokenizer.encode(t)) + 2 for t in texts)
        best = time.process_time() - start
    else:
        tokenizer = rust()
        for _ in range(int(n)):
            total = seconds = 0
            for i in range(0, len(texts), 10000):
                start = time.process_time()
                encoded = tokenizer.encode_batch_fast(texts[i : i + 10000])
                seconds += time.process_time() - start
                total += sum(len(e) for e in encoded) + 2 * len(encoded)
            best = min(best, seconds)
    name = "open_clip" if kind == "open_clip" else f"tokenizers {tokenizers.__version__}"
    print(f"{name}\t{len(texts)}\t{len(texts) / best:.0f}\t{total}")


main()
