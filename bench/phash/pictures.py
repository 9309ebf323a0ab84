"""Makes two lists of the pictures below a folder: as they are (speed), and with what
is see-through laid on white (agreement: both peers pass over alpha, so that they hash
colours that nobody sees). Usage: pictures.py FOLDER INTO COUNT"""
import os, random, sys
import numpy as np
from PIL import Image
Image.MAX_IMAGE_PIXELS = None
folder, into, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
paths = sorted(os.path.join(d, f) for d, _, fs in os.walk(folder) for f in fs if f.lower().endswith((".png", ".jpg", ".jpeg", ".gif", ".webp")))
random.Random(1).shuffle(paths)
os.makedirs(into + "/flat", exist_ok=True)
speed, agree = [], []
for path in paths:
    if len(agree) == count:
        break
    try:
        image = Image.open(path)
        if image.width * image.height > 50_000_000 or min(image.size) < 16:
            continue
        speed.append(path)
        if image.mode == "RGB" or image.mode == "L" and "transparency" not in image.info:
            agree.append(path)
            continue
        flat = f"{into}/flat/{len(agree):05d}.png"
        if not os.path.exists(flat):
            p = np.asarray(image.convert("RGBA")).astype(np.uint16)
            a = p[..., 3:]
            Image.fromarray(((p[..., :3] * a + 255 * (255 - a) + 127) // 255).astype(np.uint8)).save(flat, compress_level=1)
        agree.append(flat)
    except Exception as e:
        print(path, e, file=sys.stderr)
open(into + "/speed.txt", "w").write("".join(p + "\n" for p in speed))
open(into + "/agree.txt", "w").write("".join(p + "\n" for p in agree))
