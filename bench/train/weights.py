#!/usr/bin/env python3
"""Holds full-size weights against open_clip, both ways.

weights.py OURS FOLDER MODEL...

For each model, open_clip's first weights give our program the embeddings that
they give open_clip; and weights that our program drew and saved load in
open_clip with strict=True and give the same embeddings again. Evaluation mode,
8 pairs, relative error of all embeddings at most 1e-5. inputs.py has made
FOLDER/MODEL.weights and FOLDER/MODEL-8.inputs.
"""
import os
import subprocess
import sys

import torch
from safetensors.torch import load_file, save_file

import models

TOLERANCE = 1e-5


def embeddings(name, weights, inputs):
    """open_clip's, in float64."""
    model = models.create(name)
    model.load_state_dict(load_file(weights), strict=True)
    model = model.double().eval()
    with torch.no_grad():
        return {
            "images": model.encode_image(inputs["pictures"].double(), normalize=True),
            "texts": model.encode_text(inputs["tokens"], normalize=True),
        }


def stir(weights, out):
    """Moves what batch norms start with, among it the gains of 0 that hide the
    blocks of a ResNet."""
    state = load_file(weights)
    if not any(k.endswith("running_var") for k in state):
        return False
    torch.manual_seed(3)
    for k, v in state.items():
        if ".bn" in k or "downsample.1." in k:
            if k.endswith("running_var"):
                v *= 0.5 + torch.rand_like(v)
            elif not k.endswith("num_batches_tracked"):
                v += 0.1 * torch.randn_like(v)
    save_file(state, out)
    return True


def main():
    ours, folder = sys.argv[1], sys.argv[2]
    failed = False
    print("| model | weights | pictures' embeddings | texts' embeddings |\n|---|---|---|---|")
    for name in sys.argv[3:]:
        inputs_path = os.path.join(folder, f"{name}-8.inputs")
        inputs = load_file(inputs_path)
        drawn, out = os.path.join(folder, f"{name}.drawn"), os.path.join(folder, f"{name}.embeddings")
        subprocess.run([ours, "draw", name, drawn], check=True)
        theirs, stirred = os.path.join(folder, f"{name}.weights"), os.path.join(folder, f"{name}.stirred")
        cases = [("open_clip's", theirs), ("pairloom's", drawn)]
        if stir(theirs, stirred):
            cases.append(("open_clip's, batch norms stirred", stirred))
        for made_by, weights in cases:
            subprocess.run([ours, "embed", name, weights, inputs_path, out], check=True)
            got, want = load_file(out), embeddings(name, weights, inputs)
            errors = {k: float((got[k].double() - want[k]).norm() / want[k].norm()) for k in want}
            failed = failed or not all(e <= TOLERANCE for e in errors.values())
            print(f"| {name} | {made_by} | {errors['images']:.1e} | {errors['texts']:.1e} |", flush=True)
            if weights != theirs:
                os.remove(weights)
    sys.exit("the embeddings differ" if failed else 0)


main()
