"""The processor time that img2dataset's resizer takes for the pictures of a list, by kind.
The list has a line for each: its kind, a tab, its file."""
import io
import sys
import time

import cv2
from img2dataset.resizer import Resizer

cv2.setNumThreads(1)
resizer = Resizer(
    image_size=256, resize_mode="keep_ratio", resize_only_if_bigger=True, upscale_interpolation="lanczos",
    downscale_interpolation="area", encode_quality=90, encode_format="jpg", skip_reencode=False,
    disable_all_reencoding=False, min_image_size=0, max_image_area=float("inf"), max_aspect_ratio=float("inf"), blurrer=None)
kinds = {}
for line in open(sys.argv[1]):
    kind, path = line.rstrip("\n").split("\t")
    kinds.setdefault(kind, []).append(open(path, "rb").read())
for kind, pictures in kinds.items():
    began, failed, out = time.process_time(), 0, 0
    for b in pictures:
        made, *_, error = resizer(io.BytesIO(b))
        failed += error is not None
        out += len(made or b"")
    spent = time.process_time() - began
    n = len(pictures)
    print(f"{kind:10s} {n:5d} pictures  {spent*1000/n:7.2f} ms of processor a picture  {out/1000/n:6.1f} KB out a picture  {failed} failed")
