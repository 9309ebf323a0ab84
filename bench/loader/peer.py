#!/usr/bin/env python3
"""open_clip's own way from a JPEG and a caption to tensors, on one core.

peer.py PICTURES SECONDS    PICTURES: folder of JPEGs
"""
import glob
import io
import os
import sys
import time

import open_clip
import torch
from PIL import Image

torch.set_num_threads(1)
files = [open(p, "rb").read() for p in sorted(glob.glob(os.path.join(sys.argv[1], "*.jpg")))]
caption = "Portrait of an American astronaut in front of a flag and a model of a shuttle"
print("| resolution | pairs/s wall | pairs/s of a core |\n|---|---|---|")
for resolution in (64, 112, 224):
    transform = open_clip.image_transform(resolution, is_train=True)
    n, start, used = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < float(sys.argv[2]):
        transform(Image.open(io.BytesIO(files[n % len(files)])))
        open_clip.tokenizer.tokenize(caption)
        n += 1
    wall, used = time.perf_counter() - start, time.process_time() - used
    print(f"| {resolution} | {n / wall:.0f} | {n / used:.0f} |")
