#!/usr/bin/env python3
"""datasketch on the same texts: peer.py TEXTS BANDS ROWS HASH OUT

Texts are gone through in order; one that the index has candidates for is dropped,
any other goes in. Shingles are runs of 3, 4 and 5 characters. Texts under 20
characters are compared for equality alone. HASH is sha1, the default of datasketch,
or xxh32, which is faster.
"""
import resource
import sys
import time

import xxhash
from datasketch import MinHash, MinHashLSH


def main():
    path, bands, rows, name, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as f:
        texts = [line.rstrip("\n") for line in f]
    more = {"hashfunc": xxhash.xxh32_intdigest} if name == "xxh32" else {}
    began, cpu = time.time(), time.process_time()
    places = bands * rows
    empty = MinHash(num_perm=places, seed=1, **more)
    index = MinHashLSH(num_perm=places, params=(bands, rows))
    short, dropped = {}, 0
    with open(out, "w") as f:
        for i, text in enumerate(texts):
            if len(text) < 20:
                first = short.setdefault(text, i)
                if first != i:
                    f.write(f"{i}\t{first}\n")
                    dropped += 1
                continue
            shingles = {text[k:k + n].encode("utf-8", "surrogateescape") for n in (3, 4, 5) for k in range(len(text) - n + 1)}
            sketch = empty.copy()
            sketch.update_batch(shingles)
            found = index.query(sketch)
            if found:
                f.write("\t".join(map(str, [i] + found[:64])) + "\n")
                dropped += 1
            else:
                index.insert(i, sketch, check_duplication=False)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"datasketch-{name}\t{len(texts)}\t{time.time() - began:.2f}\t{time.process_time() - cpu:.2f}\t{most}\t{dropped}")


main()
