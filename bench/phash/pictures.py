"""Makes two lists of COUNT pictures below a folder: as they are (speed.txt), and with
what is see-through laid on white (agree.txt: both peers pass over alpha, so that they
hash colours that nobody sees), and says of each of the second in kinds.txt whether it is
a JPEG, else opaque, or was see-through. Usage: pictures.py FOLDER INTO COUNT"""
import os, random, sys
from multiprocessing import Pool
import numpy as np
from PIL import Image
Image.MAX_IMAGE_PIXELS = None
folder, into, count = sys.argv[1], sys.argv[2], int(sys.argv[3])


def lay(job):
    """The picture to hash and its kind, or None for one too large, too small or broken."""
    number, path = job
    try:
        image = Image.open(path)
        if image.width * image.height > 50_000_000 or min(image.size) < 16:
            return None
        if image.format == "JPEG":
            return path, path, "jpeg"
        if image.mode in ("RGB", "L") and "transparency" not in image.info:
            return path, path, "opaque"
        p = np.asarray(image.convert("RGBA")).astype(np.uint16)
        a = p[..., 3:]
        flat = f"{into}/flat/{number:05d}.png"
        if not os.path.exists(flat):
            Image.fromarray(((p[..., :3] * a + 255 * (255 - a) + 127) // 255).astype(np.uint8)).save(flat + ".partial", "PNG", compress_level=1)
            os.rename(flat + ".partial", flat)
        return path, flat, "see-through" if a.min() < 255 else "opaque"
    except Exception as e:
        print(path, e, file=sys.stderr)


if __name__ == "__main__":
    paths = sorted(os.path.join(d, f) for d, _, fs in os.walk(folder) for f in fs if f.lower().endswith((".png", ".jpg", ".jpeg", ".gif", ".webp")))
    random.Random(1).shuffle(paths)
    os.makedirs(into + "/flat", exist_ok=True)
    rows = []
    with Pool() as pool:
        for row in pool.imap(lay, enumerate(paths), chunksize=8):
            if row and len(rows) < count:
                rows.append(row)
            if len(rows) == count:
                break
    for name, column in ("kinds", 2), ("agree", 1), ("speed", 0):
        with open(f"{into}/{name}.txt", "w") as f:
            f.writelines(row[column] + "\n" for row in rows)
