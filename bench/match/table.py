#!/usr/bin/env python3
"""Prints the bench's table: table.py RESULTS TEXTS. MB/s are of raw text."""
import os
import sys

rows = {}
sample = None
for line in open(sys.argv[1]):
    name, cores, texts, seconds, found, total, resident, peak, load = line.rstrip("\n").split("\t")
    row = (float(seconds), int(texts), found, total, int(resident), int(peak), float(load))
    if name.startswith("sample: "):
        sample = (found, total)
        continue
    key = (name, cores)
    rows.setdefault(key, []).append(row)

with open(sys.argv[2], "rb") as f:
    mean = os.path.getsize(sys.argv[2]) / sum(1 for _ in f)

ours = min(r[0] / r[1] for r in rows["pairloom-clean", "1"])
print("| program | cores | texts run | texts/s best | texts/s worst | MB/s | ours is faster | resident MiB | peak MiB | load ms |")
print("|---|---|---|---|---|---|---|---|---|---|")
for (name, cores), runs in rows.items():
    best, worst = min(r[0] / r[1] for r in runs), max(r[0] / r[1] for r in runs)
    print(
        f"| {name} | {cores} | {runs[0][1]} | {1 / best:,.0f} | {1 / worst:,.0f} | {mean / best / 1e6:.2f} | {best / ours:.2f} "
        f"| {max(r[4] for r in runs) / 1024:.0f} | {max(r[5] for r in runs) / 1024:.0f} | {min(r[6] for r in runs):.1f} |"
    )
print()
# One key a kind of matching: those of a kind must agree on matches and ids.
clean = {r[2:4] for (name, _), runs in rows.items() for r in runs if r[1] == rows["pairloom-clean", "1"][0][1] and "metaclip" not in name}
print("all programs on all texts agree:", "yes" if len(clean) == 1 else f"NO: {clean}")
loop = rows["metaclip", "1"][0][2:4]
print("mode metaclip and MetaCLIP's loop agree on the sample:", "yes" if loop == sample else f"NO: {loop} and {sample}")
if len(clean) != 1 or loop != sample:
    sys.exit(1)
