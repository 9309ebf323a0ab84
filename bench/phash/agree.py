"""In how many bits the hashes of several outputs differ. Usage: agree.py NAME=FILE..."""
import sys
hashes = {}
for arg in sys.argv[1:]:
    name, path = arg.split("=")
    hashes[name] = [(l.split("\t")[0]) for l in open(path).read().split("\n")[:-1]]
names = list(hashes)
if len(names) == 3:  # where the second and the third have one opinion
    a, b, c = (hashes[n] for n in names)
    both = [(x, y, z) for x, y, z in zip(a, b, c) if len(x) == len(y) == len(z) == 16 and bin(int(y, 16) ^ int(z, 16)).count("1") <= 2]
    good = sum(all(bin(int(x, 16) ^ int(o, 16)).count("1") <= 2 for o in (y, z)) for x, y, z in both)
    print(f"where {names[1]} and {names[2]} are within 2 bits of one another, {len(both)} pictures, {names[0]} is within 2 bits of both for {100*good/len(both):.2f}%")
for i, a in enumerate(names):
    for b in names[i + 1:]:
        n, within = 0, [0] * 5
        for x, y in zip(hashes[a], hashes[b]):
            if len(x) != 16 or len(y) != 16:
                continue
            n += 1
            d = bin(int(x, 16) ^ int(y, 16)).count("1")
            for k in range(5):
                within[k] += d <= k
        print(f"{a:11s} {b:11s} {n:6d} pictures  " + "  ".join(f"<= {k}: {100*w/n:6.2f}%" for k, w in enumerate(within)))
