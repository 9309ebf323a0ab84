#!/usr/bin/env python3
"""Writes crops.txt: what torchvision 0.29's RandomResizedCrop makes of given random numbers.

Each line is width, height, scale, aspect, the numbers in 0..1 in the order in which they
are drawn (area, shape, and where they fit, down and right), a colon, and x, y, width and
height of the crop.
"""
import os
import random

import torch
from PIL import Image
from torchvision.transforms import RandomResizedCrop

r = random.Random(1)
numbers = []


class Drawn:
    """Stands for the tensor that uniform_ draws."""

    def uniform_(self, low, high):
        numbers.append(round(r.random(), 6))
        self.value = float(low) + numbers[-1] * (float(high) - float(low))
        return torch.tensor(self.value, dtype=torch.float64)


def randint(low, high, size):
    numbers.append(round(r.random(), 6))
    return torch.tensor([low + int((high - low) * numbers[-1])])


torch.empty, torch.randint = lambda n: Drawn(), randint
lines = []
for width, height in ((256, 341), (341, 256), (256, 256), (1, 1), (900, 2), (3, 400), (640, 480)):
    for scale, aspect in ((0.9, 0.75), (0.08, 0.75), (0.5, 1), (0.3, 0.5)):
        for _ in range(3):
            numbers.clear()
            y, x, h, w = RandomResizedCrop.get_params(Image.new("L", (width, height)), (scale, 1), (aspect, 1 / aspect))
            lines.append(" ".join(map(str, [width, height, scale, aspect, *numbers, ":", x, y, w, h])))
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "crops.txt"), "w") as f:
    f.write("\n".join(lines) + "\n")
