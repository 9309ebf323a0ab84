"""Writes the Parquet files beside it: squares of one colour, drawn here.

    python parquet.py          # pyarrow 26.0.1, Pillow 13.0.0

Row i of a file shows the colour of its class, a little brighter with i, so that
each row's picture differs.
"""

import io
import json
import pathlib
import random

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

HERE = pathlib.Path(__file__).parent
NAMES = ["red", "green", "blue"]
COLOURS = {"red": (180, 0, 0), "green": (0, 180, 0), "blue": (0, 0, 180)}


def picture(name, i, kind):
    colour = tuple(c + 5 * i for c in COLOURS[name])
    b = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(b, kind)
    return b.getvalue()


def metadata(names):
    features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    return {"huggingface": json.dumps({"info": {"features": features}})}


def write(file, image, column, labels, kind, names=None, row_group_size=None, **how):
    schema = pa.schema([(image, kind), column])
    with pq.ParquetWriter(HERE / file, schema, store_schema=False, **how) as w:  # Arrow's schema takes 1,300 bytes
        w.write_table(pa.table(labels, schema=schema), row_group_size)
        if names:
            w.add_key_value_metadata(metadata(names))


FIELDS = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def structs(classes, first=0, without=()):
    return [
        None if i in without else {"bytes": picture(NAMES[c], first + i, "PNG"), "path": f"{i}.png"}
        for i, c in enumerate(classes)
    ]


number = ("label", pa.int64())
classes = [0, 1, 2, 2, 1, 0, 0, 1]

# Hugging Face's layout; row 4 has no picture; three row groups.
write("set.parquet", "image", number, {"image": structs(classes, without=[4]), "label": classes}, FIELDS, NAMES, row_group_size=3)
# The same classes, a page for each row.
write("more.parquet", "image", number, {"image": structs([2, 1], 8), "label": [2, 1]}, FIELDS, NAMES,
      compression="zstd", data_page_version="2.0", data_page_size=1, write_batch_size=1, use_dictionary=False)
# Plain pictures, labels that are texts, one file delta-encoded.
texts = ["blue", "red", "blue"]
jpegs = [picture(t, i, "JPEG") for i, t in enumerate(texts)]
write("texts.parquet", "img", ("label", pa.string()), {"img": jpegs, "label": texts}, pa.binary(),
      use_dictionary=False, column_encoding={"img": "DELTA_LENGTH_BYTE_ARRAY", "label": "DELTA_BYTE_ARRAY"})
write("green.parquet", "img", ("label", pa.string()), {"img": [picture("green", 0, "JPEG")], "label": ["green"]}, pa.binary())
# Numbers without names.
write("numbers.parquet", "img", ("fine_label", pa.int32()), {"img": jpegs, "fine_label": [2, 0, 2]}, pa.binary(), compression="gzip")

def speckled(name, i):
    """A picture that no codec makes smaller: each value is off by up to 2."""
    draw = random.Random(i)
    colour = [c + 5 * i for c in COLOURS[name]]
    m = Image.new("RGB", (8, 8))
    m.putdata([tuple(max(0, c + draw.randint(-2, 2)) for c in colour) for _ in range(64)])
    b = io.BytesIO()
    m.save(b, "PNG")
    return b.getvalue()


# Forty pictures in each codec that pyarrow has (its lz4 is LZ4_RAW), once in
# dictionaries and pages of version 1, once in pages of version 2 with nulls.
forty = [i % 3 for i in range(40)]
for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
    for version in "12":
        without = [] if version == "1" else [7, 8, 39]
        pictures = [None if i in without else {"bytes": speckled(NAMES[c], i % 12), "path": f"{i}.png"} for i, c in enumerate(forty)]
        write(f"{codec}{version}.parquet", "image", number, {"image": pictures, "label": forty}, FIELDS, NAMES, row_group_size=25,
              compression=codec, data_page_version=f"{version}.0", use_dictionary=version == "1")

# Few bytes, of which each is damaged in turn.
write("few.parquet", "img", ("label", pa.string()), {"img": [speckled(t, i) for i, t in enumerate(texts)], "label": texts}, pa.binary(),
      compression="lz4")

# What is refused.
write("other.parquet", "image", number, {"image": structs([0]), "label": [0]}, FIELDS, ["red", "lime", "blue"])
write("range.parquet", "image", number, {"image": structs([0, 1]), "label": [0, 3]}, FIELDS, NAMES)
write("null.parquet", "image", number, {"image": structs([0, 1]), "label": [0, None]}, FIELDS, NAMES)
write("column.parquet", "picture", number, {"picture": jpegs, "label": [0, 1, 2]}, pa.binary())
write("float.parquet", "img", ("label", pa.float64()), {"img": jpegs, "label": [0, 1, 2]}, pa.binary())
write("path.parquet", "img", number, {"img": [1, 2, 3], "label": [0, 1, 2]}, pa.int64())
