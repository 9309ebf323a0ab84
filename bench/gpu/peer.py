#!/usr/bin/env python3
"""open_clip on PyTorch, as its own trainer steps, on one batch.

peer.py SHAPE INPUTS BATCH OUT [--seconds 8] [--eager] [--device cuda]

SHAPE is an open_clip configuration (gpu shape MODEL prints one), INPUTS the captions
that gpu inputs made. Steps are forward and backward under autocast to bf16
(amp_bf16), PyTorch's fused AdamW in open_clip's groups, and the clamp of the scale; the
model is compiled (torch.compile) unless --eager is given. Attention is PyTorch's fused
one. Pictures are on the device already. OUT is JSON with the keys of gpu step.
"""
import argparse
import json
import math
import os
import statistics
import time

import numpy
import torch
from open_clip.loss import ClipLoss
from open_clip.model import CLIP

RATE = 1e-5
CONTEXT = 77


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("shape")
    parser.add_argument("inputs")
    parser.add_argument("batch", type=int)
    parser.add_argument("out")
    parser.add_argument("--model", default="")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--eager", action="store_true")
    parser.add_argument("--device", default="cuda")
    o = parser.parse_args()
    device = torch.device(o.device)
    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.benchmark = True

    with open(o.shape, encoding="utf-8") as f:
        shape = json.load(f)["model_cfg"]
    shape["text_cfg"] = {k: v for k, v in shape["text_cfg"].items() if not k.startswith(("hf_", "tokenizer"))}
    model = CLIP(**shape).to(device).train()
    side = shape["vision_cfg"]["image_size"]
    pictures = torch.randn(o.batch, 3, side, side, device=device, generator=torch.Generator(device).manual_seed(2))
    ids = numpy.fromfile(o.inputs, dtype="<i4", count=o.batch * CONTEXT).reshape(o.batch, CONTEXT)
    tokens = torch.from_numpy(ids.astype("int64")).to(device)
    parameters = list(model.named_parameters())
    free = [p for n, p in parameters if p.ndim < 2 or n == "logit_scale"]
    decayed = [p for n, p in parameters if p.ndim >= 2]
    optimizer = torch.optim.AdamW(
        [{"params": free, "weight_decay": 0.0}, {"params": decayed, "weight_decay": 0.2}],
        lr=RATE, betas=(0.9, 0.98), eps=1e-6, fused=True,
    )
    scale = model.logit_scale
    if not o.eager:
        model = torch.compile(model)
    loss_of = ClipLoss()

    def wait():
        if device.type == "cuda":
            torch.cuda.synchronize()

    def step():
        began = time.perf_counter()
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16):
            loss = loss_of(*model(pictures, tokens)[:3])
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            scale.clamp_(0, math.log(100))
        value = loss.item()
        wait()
        return value, time.perf_counter() - began

    first = step()[1]
    for _ in range(2):
        step()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    times, began, loss = [], time.perf_counter(), 0
    while len(times) < 3 or time.perf_counter() - began < o.seconds:
        loss, took = step()
        times.append(took)
    middle = statistics.median(times)
    name = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    result = {
        "program": "open_clip", "what": "step", "device": f"{name}, torch {torch.__version__}", "precision": "bf16",
        "model": o.model, "batch": o.batch, "steps": len(times), "first_seconds": first, "step_seconds": middle,
        "pairs_per_second": o.batch / middle, "loss": loss,
        "peak_bytes": torch.cuda.max_memory_allocated() if device.type == "cuda" else 0,
    }
    with open(o.out + ".partial", "w", encoding="utf-8") as f:
        json.dump(result, f, indent=2)
    os.rename(o.out + ".partial", o.out)


main()
