#!/usr/bin/env python3
"""Makes the texts of the bench: alt texts and sentences of HTML and plain pages.

texts.py FOLDER COUNT OUT

Every text stands in a page under FOLDER; none is generated. Where the pages
have fewer than COUNT different texts, whole rounds of all of them are repeated,
and the result is shuffled with a fixed seed. One text a line.
"""
import concurrent.futures
import gzip
import html
import os
import random
import re
import sys

DROP = re.compile(r"(?is)<(script|style|pre|svg|head)\b.*?</\1>|<!--.*?-->")
ALT = re.compile(r"""(?is)\b(?:alt|title)\s*=\s*(?:"([^"]{3,})"|'([^']{3,})')""")
BLOCK = re.compile(r"(?is)</?(p|div|li|ul|ol|dl|dt|dd|td|th|tr|table|h[1-6]|br|section|article|nav|blockquote|figure|figcaption)\b[^>]*>")
TAG = re.compile(r"(?s)<[^>]*>")
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"“(])")
SPACE = re.compile(r"\s+")
MOST_BYTES = 4 << 20  # of a page


def texts(path):
    opened = gzip.open if path.endswith(".gz") else open
    try:
        with opened(path, "rb") as f:
            page = f.read(MOST_BYTES).decode("utf-8", "replace")
    except (OSError, EOFError):
        return []
    found = []
    if ".htm" in os.path.basename(path):
        page = DROP.sub(" ", page)
        found = [a or b for a, b in ALT.findall(page)]
        page = TAG.sub("", BLOCK.sub("\n\n", page))
        found = [html.unescape(t) for t in found]
        page = html.unescape(page)
    for paragraph in re.split(r"\n\s*\n", page):
        found += SENTENCE.split(paragraph)
    out = []
    for t in found:
        t = SPACE.sub(" ", t).strip()
        if 2 <= t.count(" ") + 1 <= 256 and len(t) <= 1000 and any(c.isalpha() for c in t):
            out.append(t)
    return out


def main():
    folder, count, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    paths = sorted(
        os.path.join(d, f)
        for d, _, files in os.walk(folder)
        for f in files
        if re.search(r"\.(html?|rst|txt)(\.gz)?$", f)
    )
    different = {}
    with concurrent.futures.ProcessPoolExecutor() as pool:
        for found in pool.map(texts, paths, chunksize=64):
            different.update(dict.fromkeys(found))
    different = list(different)
    if not different:
        sys.exit(f"no texts under {folder}")
    rounds = -(-count // len(different))
    lines = (different * rounds)
    random.Random(1).shuffle(lines)
    lines = lines[:count] if rounds > 1 else lines
    with open(out, "w", encoding="utf-8") as f:
        f.writelines(t + "\n" for t in lines)
    print(f"{len(paths)} pages, {len(different)} different texts, {len(lines)} lines", file=sys.stderr)


main()
