"""Writes a dump of SIZE bytes of XML from the articles of a small real one.

usage: generate.py SOURCE.xml.bz2 SIZE SEED OUT.xml

Articles are repeated whole, in a shuffled order for each round, and their
paragraphs are shuffled within them. Beside each link stands now and then a word
that no other article has, so that the number of different words and phrases
grows with the dump as it does in a real one (Heaps' law) and tables fill.
"""

import bz2
import random
import re
import sys


def main():
    source, size, seed, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    text = bz2.open(source, "rt", encoding="utf-8").read()
    pages = [p for p in re.findall(r"  <page>.*?</page>\n", text, re.S) if "<ns>0</ns>" in p and "<redirect" not in p]
    if len(pages) < 50:
        sys.exit("generate.py: only %d articles in %s" % (len(pages), source))
    head = text[: text.index("  <page>")]
    r = random.Random(seed)
    syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "is")]
    written = 0
    with open(out, "w", encoding="utf-8", buffering=1 << 20) as f:
        f.write(head)
        while written < size:
            r.shuffle(pages)
            for page in pages:
                paragraphs = page.split("\n\n")
                middle = paragraphs[1:-1]
                r.shuffle(middle)
                page = "\n\n".join(paragraphs[:1] + middle + paragraphs[-1:])
                parts = page.split("]] ")
                for i in range(0, len(parts) - 1, 3):
                    parts[i] += "]] " + "".join(r.choices(syllables, k=4)) + " "
                for i in range(len(parts) - 1):
                    if i % 3:
                        parts[i] += "]] "
                page = "".join(parts)
                written += f.write(page)
                if written >= size:
                    break
        f.write("</mediawiki>\n")


main()
