"""The hashes of imagehash or imagededup, printed as the command phash does."""
import sys, time, warnings
from PIL import Image
warnings.simplefilter("ignore")
Image.MAX_IMAGE_PIXELS = None
name, paths = sys.argv[1], open(sys.argv[2]).read().split("\n")[:-1]
if name == "imagehash":
    import imagehash
    hash_of = lambda path: str(imagehash.phash(Image.open(path)))
else:
    from imagededup.methods import PHash
    method = PHash(verbose=False)
    hash_of = lambda path: method.encode_image(image_file=path)
spent, began = time.process_time(), time.time()
for path in paths:
    try:
        h = hash_of(path)
    except Exception as e:
        h = None
    print(h or "none", path, sep="\t")
spent = time.process_time() - spent
print(f"{name:11s} {len(paths):6d} pictures  {spent*1000/len(paths):7.3f} ms of processor a picture  {time.time()-began:6.1f} s", file=sys.stderr)
