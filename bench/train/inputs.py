#!/usr/bin/env python3
"""Writes what both programs of the bench read: inputs.py TEXTS MODEL BATCH FOLDER

FOLDER/MODEL-BATCH.inputs has pictures[batch,3,side,side], drawn from a fixed
seed since no time depends on them, and tokens[batch,77] of real texts by the
public tokenizer, padded with 0. FOLDER/MODEL.weights has open_clip's first
weights, so that both programs start from the same and must keep the same loss.
"""
import os
import sys

import torch
from open_clip.tokenizer import SimpleTokenizer
from safetensors.torch import save_file

import models

MOST_WORDS = 20  # of a text; keeps captions near 15 tokens, as alt texts are


def main():
    texts, name, batch, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    os.makedirs(folder, exist_ok=True)
    weights = os.path.join(folder, f"{name}.weights")
    if not os.path.exists(weights):
        torch.manual_seed(1)
        save_file(models.create(name).state_dict(), weights + ".partial")
        os.rename(weights + ".partial", weights)
    inputs = os.path.join(folder, f"{name}-{batch}.inputs")
    if os.path.exists(inputs):
        return
    with open(texts, encoding="utf-8") as f:
        lines = [line.strip() for line in f]
    lines = [line for line in lines if line.count(" ") < MOST_WORDS]
    step = len(lines) / batch
    chosen = [lines[int(i * step)] for i in range(batch)]
    tokens = SimpleTokenizer()(chosen)
    side = models.side(name)
    pictures = torch.randn(batch, 3, side, side, generator=torch.Generator().manual_seed(2))
    save_file({"pictures": pictures, "tokens": tokens}, inputs + ".partial")
    os.rename(inputs + ".partial", inputs)
    lengths = (tokens != 0).sum(1).float()
    print(f"{name}, batch {batch}: captions of {lengths.mean():.1f} tokens, at most {int(lengths.max())}", file=sys.stderr)


main()
