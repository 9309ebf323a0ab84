"""In how many bits the hashes of several outputs differ. Usage: agree.py NAME=FILE..."""
import sys
hashes = {}
for arg in sys.argv[1:]:
    name, path = arg.split("=")
    hashes[name] = [(l.split("\t")[0]) for l in open(path).read().split("\n")[:-1]]
names = list(hashes)
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
