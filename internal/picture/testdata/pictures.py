#!/usr/bin/env python3
"""Writes the pictures of this folder: one painted scene in the formats that Go's own
library does not write. Needs Pillow and pillow-heif, and scene.png (640 x 480) as
TestScene writes it with PAIRLOOM_SCENE=scene.png."""
import sys
from PIL import Image, ImageCms
import pillow_heif
pillow_heif.register_heif_opener()
scene = Image.open(sys.argv[1]).convert("RGB")
scene.convert("CMYK").save("cmyk.jpg", quality=80)
scene.save("scene.webp", quality=80)
scene.save("scene.tiff", compression="jpeg", quality=80)
scene.save("scene.avif", quality=60)
scene.save("scene.heic", quality=40)
scene.save("scene.jp2", quality_mode="rates", quality_layers=[40])
quarter = scene.resize((160, 120))
frames = [quarter, quarter.transpose(Image.FLIP_LEFT_RIGHT), quarter]
frames[0].save("animated.webp", save_all=True, append_images=frames[1:], quality=50)
frames[0].save("animated.png", save_all=True, append_images=frames[1:])
small = scene.resize((48, 36))
small.convert("P", palette=Image.ADAPTIVE, colors=16).save("palette.bmp")
small.save("scene.bmp")
small.convert("RGBA").resize((48, 48)).save("scene.ico", sizes=[(16, 16), (48, 48)])
small.convert("RGBA").resize((48, 48)).save("dib.ico", sizes=[(16, 16), (48, 48)], bitmap_format="bmp")
