#!/usr/bin/env python3
"""Prints tables of evaluation/eval.json files.

    table.py zeroshot FILE...    accuracies on class sets
    table.py probe FILE...       accuracies of linear probes
    table.py robustness FILE     what a shift takes, beside the supervised models' line
    table.py baseline COMPARE    of compare.json, the accuracies of the supervised
                                 models on both sets as the file that eval.baseline names
"""

import json
import sys


def row(*cells):
    print("| " + " | ".join(str(c) for c in cells) + " |")


def header(*cells):
    row(*cells)
    print("|" + "---|" * len(cells))


def last(path):
    return path.rsplit("/", 1)[-1]


def interval(accuracy):
    low, high = accuracy["interval"]
    return f"{low:.1%} to {high:.1%}"


def zeroshot(results):
    header("templates", "pictures", "classes", "top-1", "95% interval", "top-5")
    for r in results:
        for s in r["sets"]:
            row(len(s["templates"]), f"{last(s['set'])}, {s['pictures']}", s["classes"], f"{s['top1']['rate']:.1%}", interval(s["top1"]), f"{s['top5']['rate']:.1%}")


def probe(results):
    header("set", "encoder", "accuracy", "95% interval", "lambda")
    for r in results:
        p = r["probe"]
        encoder = "random" if r.get("weights") == "initial" else "trained"
        row(p["test"].split("/")[-2], encoder, f"{p['accuracy']['rate']:.1%}", interval(p["accuracy"]), f"{p['lambda']:.2g}")


def robustness(results):
    header("model", "standard", "shifted", "predicted by the supervised", "effective robustness")
    for r in results:
        x = r["robustness"]
        row(r["model"], f"{r['sets'][0]['top1']['rate']:.1%}", f"{x['accuracy']['rate']:.1%}", f"{x['predicted']:.1%}", f"{100 * x['effective']:+.1f} points")


def baseline(results):
    for r in results:
        for run in r["runs"]:
            if run["objective"] == "supervised":
                for p in run["points"]:
                    standard, shifted = (s["top1"] for s in p["scores"])
                    print(f"seed {run['seed']} at {p['pairs']} pairs,{standard:.6f},{shifted:.6f}")


kind, *paths = sys.argv[1:]
results = []
for path in paths:
    with open(path) as f:
        results.append(json.load(f))
{"zeroshot": zeroshot, "probe": probe, "robustness": robustness, "baseline": baseline}[kind](results)
