"""Pick src and alt of every img with resiliparse, over the HTML files of a list.

    peer.py LIST ROUNDS

LIST names one file a line. The files are read into memory first; what is timed
is one process on one core: bytes to tree to pairs.
"""

import sys
import time

from resiliparse.parse.encoding import bytes_to_str, detect_encoding
from resiliparse.parse.html import HTMLTree


def pairs(body: bytes) -> int:
    tree = HTMLTree.parse(bytes_to_str(body, detect_encoding(body)))
    found = 0
    for img in tree.document.get_elements_by_tag_name("img"):
        src, alt = img.getattr("src"), img.getattr("alt")
        if src and alt:
            found += 1
    return found


def utf8(body: bytes) -> int:
    """The same without looking for the character set: UTF-8 is taken for granted."""
    tree = HTMLTree.parse_from_bytes(body, "utf-8")
    found = 0
    for img in tree.document.get_elements_by_tag_name("img"):
        src, alt = img.getattr("src"), img.getattr("alt")
        if src and alt:
            found += 1
    return found


def main() -> None:
    with open(sys.argv[1]) as names:
        bodies = [open(name.rstrip("\n"), "rb").read() for name in names]
    size = sum(map(len, bodies)) / 1e6
    for way, pick in (("resiliparse", pairs), ("resiliparse, UTF-8 taken for granted", utf8)):
        best, found = float("inf"), 0
        for _ in range(int(sys.argv[2])):
            start = time.process_time()
            found = sum(map(pick, bodies))
            best = min(best, time.process_time() - start)
        print(f"{way}\t{len(bodies)} pages\t{size:.1f} MB\t{found} pairs\t{size / best:.1f} MB/s a core")


if __name__ == "__main__":
    main()
