"""In how many bits the hashes of three outputs differ, for all pictures and by kind:
agree.py KINDS NAME=FILE NAME=FILE NAME=FILE"""
import sys
from itertools import combinations
kinds = open(sys.argv[1]).read().split("\n")[:-1]
hashes = {}
for arg in sys.argv[2:]:
    name, path = arg.split("=")
    hashes[name] = [l.split("\t")[0] for l in open(path).read().split("\n")[:-1]]
names = list(hashes)


def bits(a, b):
    return bin(int(a, 16) ^ int(b, 16)).count("1")


for title, wanted in [("all", None), ("JPEG", {"jpeg"}), ("opaque, JPEG among them", {"jpeg", "opaque"}), ("see-through", {"see-through"})]:
    rows = [h for k, *h in zip(kinds, *hashes.values(), strict=True) if (not wanted or k in wanted) and all(len(x) == 16 for x in h)]
    print(f"{title}: {len(rows)} pictures")
    if not rows:
        continue
    for a, b in combinations(range(len(names)), 2):
        distances = [bits(h[a], h[b]) for h in rows]
        print(f"  {names[a]:11s} {names[b]:11s} " + "  ".join(f"<= {k}: {100 * sum(d <= k for d in distances) / len(rows):6.2f}%" for k in range(5)))
    # where the second and the third have one opinion
    both = [h for h in rows if bits(h[1], h[2]) <= 2]
    good = sum(bits(h[0], h[1]) <= 2 and bits(h[0], h[2]) <= 2 for h in both)
    print(f"  where {names[1]} and {names[2]} are within 2 bits of one another, {len(both)} pictures, {names[0]} is within 2 bits of both for {100 * good / max(1, len(both)):.2f}%")
