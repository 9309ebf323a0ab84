#!/usr/bin/env python3
"""One side of the bench: open_clip on PyTorch, as open_clip's own trainer steps.

peer.py MODEL WEIGHTS INPUTS [--compile] [--bf16] [--threads N]

Takes two steps, then prints a line of JSON. After that each line on stdin that
says "step" is answered by one step: forward, backward, AdamW in open_clip's
groups (PyTorch's fused one, its fastest) and the clamp of the scale. "end" is
answered by the peak of resident memory since the second step.
"""
import argparse
import json
import math
import sys
import time

import torch
from open_clip.loss import ClipLoss
from safetensors.torch import load_file

import models

RATE = 1e-5


def peak():
    """The highest resident memory in bytes since reset_peak."""
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmHWM:"))


def reset_peak():
    with open("/proc/self/clear_refs", "w") as f:
        f.write("5")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("weights")
    parser.add_argument("inputs")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    o = parser.parse_args()
    torch.set_num_threads(o.threads)

    model = models.create(o.model)
    model.load_state_dict(load_file(o.weights), strict=True)
    inputs = load_file(o.inputs)
    pictures, tokens = inputs["pictures"], inputs["tokens"]
    parameters = list(model.named_parameters())
    free = [p for n, p in parameters if p.ndim < 2 or n == "logit_scale"]
    decayed = [p for n, p in parameters if p.ndim >= 2]
    optimizer = torch.optim.AdamW(
        [{"params": free, "weight_decay": 0.0}, {"params": decayed, "weight_decay": 0.2}],
        lr=RATE, betas=(0.9, 0.98), eps=1e-6, fused=True,
    )
    scale = model.logit_scale
    if o.compile:
        model = torch.compile(model)
    loss_of = ClipLoss()

    def step():
        began = time.perf_counter()
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=o.bf16):
            loss = loss_of(*model(pictures, tokens)[:3])
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            scale.clamp_(0, math.log(100))
        return {"loss": loss.item(), "seconds": time.perf_counter() - began}

    def say(line):
        print(json.dumps(line), flush=True)

    first = step()
    reset_peak()
    second = step()
    say({"losses": [first["loss"], second["loss"]], "first_seconds": first["seconds"]})
    for line in sys.stdin:
        if line.strip() == "end":
            break
        say(step())
    say({"peak_bytes": peak()})


main()
