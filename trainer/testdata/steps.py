#!/usr/bin/env python3
"""Writes steps.safetensors: 20 training steps of the models in
../clip/testdata, by PyTorch in float64.

steps.py OUT

MODEL/loss, MODEL/norm and MODEL/scale have a number a step: the loss, the norm
of the gradient before clipping, and the logit scale after the update.
MODEL/autocast/NAME is the same in float32 under autocast to bfloat16. Step s
takes the pairs (3s + i) mod n of the file's n, i below five sixths of n.
"""
import math
import os
import sys

import torch
from open_clip.loss import ClipLoss
from safetensors.torch import load_file, save_file

MODELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "clip", "testdata")
sys.path.insert(0, MODELS)
import golden  # noqa: E402

STEPS, WARMUP = 20, 2
FIRST_SCALE = {"vit": 4.61, "resnet": 2.5}
RATES = {"vit": 1e-3, "resnet": 1e-4}


def rate(step, peak):
    """open_clip's warm-up and cosine."""
    if step < WARMUP:
        return peak * (step + 1) / WARMUP
    return peak * 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP)))


def train(name, autocast=False):
    kind = torch.float32 if autocast else torch.float64
    data = load_file(os.path.join(MODELS, f"{name}.safetensors"))
    model = golden.create(name, False).to(kind)
    model.load_state_dict({k.removeprefix("weights/"): v for k, v in data.items() if k.startswith("weights/")}, strict=True)
    with torch.no_grad():  # the ViT's above its limit, so that the clamp has work to do
        model.logit_scale.fill_(float(torch.tensor(FIRST_SCALE[name]).float()))
    named = list(model.named_parameters())
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for n, p in named if p.ndim < 2 or n == "logit_scale"], "weight_decay": 0.0},
            {"params": [p for n, p in named if p.ndim >= 2], "weight_decay": 0.2},
        ],
        betas=(0.9, 0.98), eps=1e-6,
    )
    pairs = len(data["tokens"])
    batch = pairs * 5 // 6
    out = {"loss": [], "norm": [], "scale": []}
    for step in range(STEPS):
        rows = [(3 * step + i) % pairs for i in range(batch)]
        for group in optimizer.param_groups:
            group["lr"] = rate(step, RATES[name])
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            loss = ClipLoss()(*model(data["pictures"][rows].to(kind), data["tokens"][rows]))
        loss.backward()
        out["norm"].append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)))
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
        out["loss"].append(loss.item())
        out["scale"].append(model.logit_scale.item())
    print(name, " ".join(f"{x:.4f}" for x in out["loss"]), file=sys.stderr)
    name += "/autocast" if autocast else ""
    return {f"{name}/{k}": torch.tensor(v, dtype=torch.float64) for k, v in out.items()}


save_file(train("vit") | train("resnet") | train("vit", True) | train("resnet", True), sys.argv[1])
