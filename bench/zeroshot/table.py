#!/usr/bin/env python3
"""Prints the zero-shot accuracies of evaluation/eval.json files: table.py FILE..."""

import json
import sys

print("| templates | pictures | classes | top-1 | 95% interval | top-5 |")
print("|---|---|---|---|---|---|")
for path in sys.argv[1:]:
    with open(path) as f:
        result = json.load(f)
    for s in result["sets"]:
        low, high = s["top1"]["interval"]
        print(
            f"| {len(s['templates'])} | {s['set'].rsplit('/', 1)[-1]}, {s['pictures']} | {s['classes']} | "
            f"{s['top1']['rate']:.1%} | {low:.1%} to {high:.1%} | {s['top5']['rate']:.1%} |"
        )
