#!/usr/bin/env python3
"""Writes the pictures of this folder, and in golden.txt what Pillow and torchvision make
of them: Pillow 13.0.0, torchvision 0.29.

Each line is a picture, what is made of it, and the first 16 digits of the SHA-256 of the
bytes, red, green and blue:

    decode               the pixels, Image.open(...).convert("RGB")
    centre N             Resize(N, BICUBIC), CenterCrop(N)
    crop X Y W H N       crop(...), then resize((N, N), BICUBIC): RandomResizedCrop
    square X Y N         Resize(N, BICUBIC), then the N by N pixels at X, Y

and "refused" in the place of digits is a picture that Pillow raises on.
"""
import hashlib
import io
import os
import random
import struct
import zlib

from PIL import Image, ImageDraw
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize
from torchvision.transforms import functional as F

here = os.path.dirname(os.path.abspath(__file__))
BICUBIC = InterpolationMode.BICUBIC


def drawn(w, h, seed):
    """A slope of colours with discs and lines on it, and some noise."""
    r = random.Random(seed)
    m = Image.new("RGB", (w, h))
    m.putdata([(255 * x // max(1, w - 1), 255 * y // max(1, h - 1), (x * y + r.randrange(24)) % 256) for y in range(h) for x in range(w)])
    d = ImageDraw.Draw(m)
    for _ in range(12):
        x, y, s = r.randrange(w), r.randrange(h), r.randrange(2, 3 + max(w, h) // 4)
        colour = tuple(r.randrange(256) for _ in range(3))
        if r.random() < 0.5:
            d.ellipse((x, y, x + s, y + s), fill=colour)
        else:
            d.line((x, y, r.randrange(w), r.randrange(h)), fill=colour, width=1 + s // 8)
    return m


def jpeg(m, **options):
    b = io.BytesIO()
    m.save(b, "JPEG", **options)
    return b.getvalue()


def png16(w, h, kind, channels):
    """A PNG of 16 bits, which Pillow does not write."""
    r = random.Random(w)
    rows = b"".join(b"\0" + struct.pack(f">{w * channels}H", *(r.randrange(65536) for _ in range(w * channels))) for _ in range(h))

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 16, kind, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def png(m):
    b = io.BytesIO()
    m.save(b, "PNG")
    return b.getvalue()


FILES = {
    "420.jpg": jpeg(drawn(131, 97, 1), quality=90, subsampling="4:2:0"),
    "422.jpg": jpeg(drawn(75, 120, 2), quality=85, subsampling="4:2:2"),
    "444.jpg": jpeg(drawn(90, 61, 3), quality=95, subsampling="4:4:4"),
    "440.jpg": jpeg(drawn(70, 83, 4), quality=90, subsampling="4:4:4"),
    "411.jpg": jpeg(drawn(101, 57, 5), quality=80, subsampling="4:1:1"),
    "progressive420.jpg": jpeg(drawn(120, 88, 6), quality=90, subsampling="4:2:0", progressive=True),
    "progressive444.jpg": jpeg(drawn(66, 99, 7), quality=75, subsampling="4:4:4", progressive=True),
    "restarts.jpg": jpeg(drawn(112, 80, 8), quality=90, restart_marker_blocks=3),
    "gray.jpg": jpeg(drawn(95, 60, 9).convert("L"), quality=90),
    "cmyk.jpg": jpeg(drawn(64, 50, 10).convert("CMYK"), quality=90),
    "rgb.jpg": jpeg(drawn(57, 40, 11), quality=90, keep_rgb=True),
    "wide.jpg": jpeg(drawn(1600, 2, 12), quality=90, subsampling="4:2:0"),
    "tall.jpg": jpeg(drawn(3, 300, 13), quality=90, subsampling="4:2:0"),
    "tower.jpg": jpeg(drawn(41, 133, 24), quality=90, subsampling="4:2:0"),
    "dot.jpg": jpeg(drawn(1, 1, 14), quality=90),
    "two.jpg": jpeg(drawn(2, 1, 15), quality=90),
    "colours.png": png(drawn(40, 33, 16)),
    "seethrough.png": png(Image.merge("RGBA", [*drawn(31, 40, 17).split(), drawn(31, 40, 18).convert("L")])),
    "palette.png": png(drawn(33, 20, 19).quantize(30)),
    "gray.png": png(drawn(20, 33, 20).convert("L")),
    "bits.png": png(drawn(37, 21, 21).convert("1")),
    "deep.png": png16(19, 14, 2, 3),
    "deep_seethrough.png": png16(15, 18, 6, 4),
}
# 4:4:0 is 4:2:2 on its side: the sampling factors of brightness change places.
turned = bytearray(jpeg(drawn(70, 83, 4), quality=90, subsampling="4:2:2"))
start = turned.index(b"\xff\xc0")
turned[start + 11] = 0x12
FILES["440.jpg"] = bytes(turned[:start + 5]) + struct.pack(">HH", 70, 83) + bytes(turned[start + 9:])
# Damage: cut off, without its end, noise in the middle, a marker too early.
whole = FILES["420.jpg"]
FILES["cut.jpg"] = whole[:len(whole) * 2 // 3]
FILES["endless.jpg"] = whole[:-2]
FILES["short.jpg"] = whole[:-40]
FILES["noise.jpg"] = whole[:2000] + bytes(random.Random(22).randrange(255) for _ in range(300)) + whole[2300:]
FILES["early_end.jpg"] = whole[:len(whole) // 2] + b"\xff\xd9"
whole = FILES["progressive420.jpg"]
FILES["progressive_cut.jpg"] = whole[:len(whole) * 2 // 3]
FILES["progressive_endless.jpg"] = whole[:-2]

lines = []


def note(name, what, m):
    digits = hashlib.sha256(m.tobytes()).hexdigest()[:16] if m else "refused"
    lines.append(f"{name} {what} {digits}")


r = random.Random(23)
for name, data in FILES.items():
    with open(os.path.join(here, name), "wb") as f:
        f.write(data)
    try:
        m = Image.open(io.BytesIO(data)).convert("RGB")
    except OSError:
        note(name, "decode", None)
        continue
    note(name, "decode", m)
    w, h = m.size
    for n in (8, 33, 112):
        note(name, f"centre {n}", Compose([Resize(n, BICUBIC, antialias=True), CenterCrop(n)])(m))
        scaled = Resize(n, BICUBIC, antialias=True)(m)
        x, y = r.randrange(scaled.width - n + 1), r.randrange(scaled.height - n + 1)
        note(name, f"square {x} {y} {n}", scaled.crop((x, y, x + n, y + n)))
        cw, ch = r.randrange(1, w + 1), r.randrange(1, h + 1)
        x, y = r.randrange(w - cw + 1), r.randrange(h - ch + 1)
        note(name, f"crop {x} {y} {cw} {ch} {n}", F.resized_crop(m, y, x, ch, cw, (n, n), BICUBIC))
with open(os.path.join(here, "golden.txt"), "w") as f:
    f.write("\n".join(lines) + "\n")
