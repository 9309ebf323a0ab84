"""Hashes of real pictures, by imagehash: hashes.py OUT FOLDER..."""
import glob, sys
from multiprocessing import Pool

import imagehash
import numpy as np
from PIL import Image


def phash(path):
    try:
        image = Image.open(path)
        if image.size[0] * image.size[1] > 4_000_000:
            return None  # clip art of a hundred megapixels takes minutes
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image)
        return int(str(imagehash.phash(white)), 16)
    except OSError:
        return None


if __name__ == "__main__":
    Image.MAX_IMAGE_PIXELS = None
    paths = sorted(p for folder in sys.argv[2:] for p in glob.glob(folder + "/**/*.png", recursive=True))
    with Pool() as pool:
        hashes = [h for h in pool.map(phash, paths, chunksize=32) if h is not None]
    np.array(hashes, dtype="<u8").tofile(sys.argv[1])
    print(f"{len(hashes)} hashes of {len(paths)} pictures")
