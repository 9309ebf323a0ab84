#!/usr/bin/env python3
"""Other ways from a JPEG and a caption to tensors, on one core.

peer.py PICTURES SECONDS [RESOLUTION...]    PICTURES: folder of JPEGs

open_clip        image_transform(is_train=True) on Pillow's picture, and its tokenizer
Pillow           the same crop by crop and resize alone, to bytes
torchvision.io   decode_jpeg, then RandomResizedCrop on the tensor, to bytes
turbojpeg        decodes whole pictures and does no more; where PyTurboJPEG is installed
"""
import glob
import io
import os
import sys
import time

import open_clip
import torch
from PIL import Image
from torchvision import transforms
from torchvision.io import ImageReadMode, decode_jpeg

try:
    from turbojpeg import TJPF_RGB, TurboJPEG
    turbo = TurboJPEG()
except (ImportError, RuntimeError, OSError):
    turbo = None

torch.set_num_threads(1)
files = [open(p, "rb").read() for p in sorted(glob.glob(os.path.join(sys.argv[1], "*.jpg")))]
tensors = [torch.frombuffer(bytearray(f), dtype=torch.uint8) for f in files]
caption = "Portrait of an American astronaut in front of a flag and a model of a shuttle"


def rates(work):
    """Calls a second of wall time and of processor time."""
    n, start, used = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < float(sys.argv[2]):
        work(n % len(files))
        n += 1
    return n / (time.perf_counter() - start), n / (time.process_time() - used)


def cropped(n):
    return transforms.RandomResizedCrop(n, scale=(0.9, 1.0), interpolation=transforms.InterpolationMode.BICUBIC)


print("| resolution | by | pairs/s wall | pairs/s of a core |\n|---|---|---|---|")
for resolution in [int(n) for n in sys.argv[3:]] or [64, 112, 224]:
    transform, crop = open_clip.image_transform(resolution, is_train=True), cropped(resolution)

    def with_open_clip(i):
        transform(Image.open(io.BytesIO(files[i])))
        open_clip.tokenizer.tokenize(caption)

    ways = {
        "open_clip": with_open_clip,
        "Pillow": lambda i: crop(Image.open(io.BytesIO(files[i])).convert("RGB")).tobytes(),
        "torchvision.io": lambda i: crop(decode_jpeg(tensors[i], ImageReadMode.RGB)),
    }
    if turbo:
        ways["turbojpeg, decoding alone"] = lambda i: turbo.decode(files[i], pixel_format=TJPF_RGB)
    for name, work in ways.items():
        wall, core = rates(work)
        print(f"| {resolution} | {name} | {wall:.0f} | {core:.0f} |", flush=True)
