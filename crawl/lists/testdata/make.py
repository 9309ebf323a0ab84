"""Makes the files of this folder; see README.md. Usage: make.py [FOLDER]

Needs pyarrow and Pillow. The same versions give the same bytes.
"""

import gzip, bz2, io, json, os, sys, tarfile

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

out = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
os.chdir(out)

# The port is put in by tests that serve the pictures.
HOST = "http://127.0.0.1:10000"
WORDS = ["a red square on grey", "two blue circles, one large", "a green line \u00fcber gold", 'the so-called "black" triangle',
         "an orange ring and its shadow", "white dots in a row"]


def picture(i, kind="PNG"):
    img = Image.new("RGB", (96 + 8 * i, 80), (40 * i % 256, 90, 200 - 20 * i))
    d = ImageDraw.Draw(img)
    for k in range(5):
        d.ellipse([7 * k + i, 9 * k, 30 + 11 * k, 20 + 8 * k + 3 * i], fill=(50 * k, 255 - 40 * i, (70 * k * (i + 1)) % 256))
    b = io.BytesIO()
    img.save(b, kind, **({"quality": 80} if kind == "JPEG" else {}))
    return b.getvalue()


def write(name, data):
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with open(name, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


URLS = [f"{HOST}/{i}.png" for i in range(6)]
for i in range(6):
    write(f"pictures/{i}.png", picture(i))

# Lists of addresses.
quoted = ['"' + w.replace('"', '""') + '"' for w in WORDS]
write("urls.txt", "".join(f"{u} {w}\n" for u, w in zip(URLS, WORDS)))
csv = "URL,TEXT,similarity,LICENSE,language\r\n" + "".join(f"{u},{q},0.{i}5,?,EN\r\n" for i, (u, q) in enumerate(zip(URLS, quoted)))
write("laion.csv", csv)
write("laion.csv.gz", gzip.compress(csv.encode(), mtime=0))
write("laion.csv.bz2", bz2.compress(csv.encode()))
write("utf16.csv", b"\xff\xfe" + csv.encode("utf-16-le"))
write("cc12m.tsv", "".join(f"{u}\t{w}\n" for u, w in zip(URLS, WORDS)))
write("cc3m.tsv", "".join(f"{w}\t{u}\n" for u, w in zip(URLS, WORDS)))
rows = [{"url": u, "caption": w, "similarity": 0.25 * i, "key": f"{i:09}"} for i, (u, w) in enumerate(zip(URLS, WORDS))]
write("list.jsonl", "".join(json.dumps(r) + "\n" for r in rows))
write("list.json", json.dumps(rows, indent=1))
table = pa.table({"URL": URLS, "TEXT": WORDS, "WIDTH": pa.array(range(6), pa.int64()), "similarity": pa.array([0.5, None, 0.25, 1, 2, 3], pa.float64()),
                  "NSFW": ["UNLIKELY"] * 6, "safe": [True, False, None, True, True, True], "LICENSE": ["?"] * 5 + ["https://creativecommons.org/licenses/by/4.0/"]})
pq.write_table(table, "laion.parquet", compression="none", row_group_size=4)
pq.write_table(table, "laion-zstd.parquet", compression="zstd", row_group_size=4, data_page_version="2.0")
with pa.OSFile("laion.arrow", "wb") as f, pa.ipc.new_file(f, table.schema) as w:
    w.write_table(table, max_chunksize=4)
with pa.OSFile("stream.arrow", "wb") as f, pa.ipc.new_stream(f, table.schema) as w:
    w.write_table(table, max_chunksize=4)
with pa.OSFile("laion-zstd.arrow", "wb") as f, pa.ipc.new_file(f, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as w:
    w.write_table(table)


def add(tar, name, data, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = (len(data) if kind == tarfile.REGTYPE else 0), kind, link
    tar.addfile(info, io.BytesIO(data))


# A WebDataset tar: several kinds of members, and what a hostile or careless one has.
with tarfile.open("web.tar", "w") as t:
    for i in range(3):
        add(t, f"train/s{i}.png", picture(i))
        add(t, f"train/s{i}.txt", WORDS[i].encode())
        add(t, f"train/s{i}.cls", b"7")
    add(t, "train/s3.jpg", picture(3, "JPEG"))
    add(t, "train/s3.json", json.dumps({"caption": WORDS[3], "url": f"{HOST}/3.png", "license": "cc-by"}).encode())
    add(t, "train/s4.png", picture(4))  # no text
    add(t, "train/s1.png", picture(5))  # a key that came before
    add(t, "train/s1.txt", WORDS[5].encode())
    add(t, "../../etc/s6.png", picture(0))
    add(t, "train/s7.png", b"", tarfile.SYMTYPE, "/etc/passwd")
    add(t, "train/s8.txt", b"a text alone")

# img2dataset's three outputs: keys, statuses, a failure in the Parquet file beside.
status = ["success"] * 4 + ["failed_to_download", "success"]
i2d = [{"url": URLS[i], "caption": WORDS[i], "key": f"{i:09}", "status": status[i], "error_message": None if status[i] == "success" else "<urlopen error timed out>",
        "width": 96 + 8 * i, "height": 80, "sha256": None} for i in range(6)]
os.makedirs("i2d", exist_ok=True)
with tarfile.open("i2d/00000.tar", "w") as t:
    for i, r in enumerate(i2d):
        if r["status"] == "success":
            add(t, r["key"] + ".jpg", picture(i, "JPEG"))
            add(t, r["key"] + ".json", json.dumps(r, indent=4).encode())
            add(t, r["key"] + ".txt", r["caption"].encode())
pq.write_table(pa.Table.from_pylist(i2d), "i2d/00000.parquet", compression="none")
write("i2d/00000_stats.json", json.dumps({"count": 6, "successes": 5}))
for i, r in enumerate(i2d):
    if r["status"] == "success":
        write(f"i2d-files/00000/{r['key']}.jpg", picture(i, "JPEG"))
        write(f"i2d-files/00000/{r['key']}.json", json.dumps(r, indent=4))
        write(f"i2d-files/00000/{r['key']}.txt", r["caption"])
pq.write_table(pa.Table.from_pylist(i2d), "i2d-files/00000.parquet", compression="none")
pq.write_table(pa.Table.from_pylist([r | {"jpg": picture(i, "JPEG") if r["status"] == "success" else None} for i, r in enumerate(i2d)]),
               "i2d-parquet/00000.parquet" if os.makedirs("i2d-parquet", exist_ok=True) is None else "", compression="none", row_group_size=3)

# Hugging Face: embedded pictures, paths alone, a folder with metadata.
image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
pq.write_table(pa.table({"image": pa.array([{"bytes": picture(i), "path": f"{i}.png"} for i in range(5)] + [None], image), "text": WORDS,
                         "label": pa.array(range(6), pa.int32())}), "hf-embedded.parquet", row_group_size=2, compression="snappy")
pq.write_table(pa.table({"image": pa.array([{"bytes": None, "path": p} for p in ["pictures/0.png", "pictures/1.png", "../secret.png", "/etc/passwd", "pictures/9.png"]], image),
                         "text": WORDS[:5]}), "hf-paths.parquet")
for i in range(4):
    write(f"imagefolder/train/{i}.png", picture(i))
write("imagefolder/train/metadata.csv", "file_name,text\n" + "".join(f"{i}.png,{quoted[i]}\n" for i in range(3)) + f"0.png,{quoted[5]}\ngone.png,no picture\n")
for i in range(3):
    write(f"beside/{i}.png", picture(i))
    if i < 2:
        write(f"beside/{i}.txt", WORDS[i] + "\n")
