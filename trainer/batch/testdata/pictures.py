#!/usr/bin/env python3
"""Writes the pictures of this folder, and what torchvision makes of them.

pictures.py DATA      DATA: folder skimage/data of the scikit-image 0.25.2 wheel

NAME.jpg is a photograph with a short side of 256 pixels; NAME.N.png is what
torchvision 0.29 makes of it on Pillow's pixels: Resize(N, BICUBIC), CenterCrop(N).
Sources and licences are in README.md.
"""
import os
import sys

from PIL import Image
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

here = os.path.dirname(os.path.abspath(__file__))
# name, source, mode, sampling of colours, progressive, where to cut, sides
PICTURES = [
    ("astronaut", "astronaut.png", "RGB", "4:4:4", False, (0, 0, 512, 500), (64, 112, 224)),
    ("chelsea", "chelsea.png", "RGB", "4:4:4", False, None, (64, 112)),
    ("coffee", "coffee.png", "RGB", "4:2:0", False, None, (64, 112)),
    ("gray", "chelsea.png", "L", "4:4:4", False, (30, 0, 333, 300), (64,)),
    ("progressive", "coffee.png", "RGB", "4:4:4", True, (0, 0, 400, 399), (64,)),
]

for name, source, mode, sampling, progressive, cut, sides in PICTURES:
    picture = Image.open(os.path.join(sys.argv[1], source)).convert(mode)
    if cut:
        picture = picture.crop(cut)
    path = os.path.join(here, name + ".jpg")
    options = {"subsampling": sampling} if mode == "RGB" else {}
    Resize(256)(picture).save(path, quality=90, optimize=True, progressive=progressive, **options)
    for n in sides:
        transform = Compose([Resize(n, InterpolationMode.BICUBIC, antialias=True), CenterCrop(n)])
        transform(Image.open(path).convert("RGB")).save(os.path.join(here, f"{name}.{n}.png"), optimize=True)
