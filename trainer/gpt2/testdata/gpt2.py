#!/usr/bin/env python3
"""Writes a GPT-2 of 3 layers, 32 wide, with random weights, and what it makes of
four texts, from its published description in plain PyTorch, in float64.

gpt2.py FOLDER

gpt2.safetensors, vocab.json, merges.txt   the model, as GPT-2 is published
truth.safetensors
  KIND/LAYERS/N  rows of text N after so many layers and ln_f, divided by their
                 length; KIND is the activation: exact (GELU) or new (GPT-2's)
"""
import json
import math
import os
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

WIDTH, LAYERS, HEADS, POSITIONS = 32, 3, 4, 40
END = "<|endoftext|>"
TEXTS = ["a photo of a red fox", "two bears", "", "a fox of a photo of a red fox of two red bears"]


def letters():
    """The characters that stand for bytes, in the order of their ids."""
    printable = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
    rest = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(len(rest))]


def vocabulary():
    tokens, merges = letters(), []
    for word in sorted({w for t in TEXTS for w in t.split()}):
        left = "\u0120"  # a space
        for right in word:
            if left + right not in tokens:
                merges.append(f"{left} {right}")
                tokens.append(left + right)
            left += right
    return {t: i for i, t in enumerate(tokens + [END])}, merges


def weights(size):
    draw = lambda std, *shape: (std * torch.randn(*shape)).half()
    w = {"wte.weight": draw(0.1, size, WIDTH), "wpe.weight": draw(0.1, POSITIONS, WIDTH)}
    norms = ["ln_f"] + [f"h.{i}.ln_{k}" for i in range(LAYERS) for k in (1, 2)]
    for name in norms:
        w[f"{name}.weight"], w[f"{name}.bias"] = 1 + draw(0.2, WIDTH), draw(0.2, WIDTH)
    for i in range(LAYERS):
        for name, n, m in [("attn.c_attn", 1, 3), ("attn.c_proj", 1, 1), ("mlp.c_fc", 1, 4), ("mlp.c_proj", 4, 1)]:
            w[f"h.{i}.{name}.weight"], w[f"h.{i}.{name}.bias"] = draw(0.25, n * WIDTH, m * WIDTH), draw(0.2, m * WIDTH)
        w[f"h.{i}.attn.bias"] = torch.ones(POSITIONS, POSITIONS).tril().half()[None, None]
        w[f"h.{i}.attn.masked_bias"] = torch.tensor(-1e4).half()
    return w


def gelu_new(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def forward(w, ids, layers, activation):
    linear = lambda x, name: x @ w[f"{name}.weight"] + w[f"{name}.bias"]
    norm = lambda x, name: F.layer_norm(x, (WIDTH,), w[f"{name}.weight"], w[f"{name}.bias"], 1e-5)
    n = len(ids)
    x = w["wte.weight"][ids] + w["wpe.weight"][:n]
    for i in range(layers):
        heads = lambda t: t.view(n, HEADS, WIDTH // HEADS).transpose(0, 1)
        q, k, v = map(heads, linear(norm(x, f"h.{i}.ln_1"), f"h.{i}.attn.c_attn").chunk(3, dim=-1))
        scores = q @ k.transpose(1, 2) / math.sqrt(WIDTH // HEADS)
        scores = scores.masked_fill(torch.ones(n, n).triu(1).bool(), -torch.inf)
        x = x + linear((scores.softmax(-1) @ v).transpose(0, 1).reshape(n, WIDTH), f"h.{i}.attn.c_proj")
        x = x + linear(activation(linear(norm(x, f"h.{i}.ln_2"), f"h.{i}.mlp.c_fc")), f"h.{i}.mlp.c_proj")
    return F.normalize(norm(x, "ln_f"), dim=-1)


def main():
    torch.manual_seed(2)
    folder = sys.argv[1]
    ids, merges = vocabulary()
    w = weights(len(ids))
    save_file(w, os.path.join(folder, "gpt2.safetensors"))
    with open(os.path.join(folder, "vocab.json"), "w") as f:
        json.dump(ids, f)
    with open(os.path.join(folder, "merges.txt"), "w") as f:
        f.write("\n".join(["#version: 0.2", *merges, ""]))
    w = {k: v.double() for k, v in w.items()}
    truth = {}
    for kind, activation in [("exact", F.gelu), ("new", gelu_new)]:
        for layers in range(1, LAYERS + 1):
            for n, text in enumerate(TEXTS):
                row = [ids[END], *(ids["\u0120" + t] for t in text.split()), ids[END]]
                truth[f"{kind}/{layers}/{n}"] = forward(w, row, layers, activation).float()
    save_file(truth, os.path.join(folder, "truth.safetensors"))


if __name__ == "__main__":
    main()
