"""Opens an export with the tools that it is for, and prints a line a pair: split, pair id,
xxhash64 of the picture, text. Usage: validate.py FORMAT FOLDER [READER]

Exits with 77 where a module is missing, so that the test is passed over."""
import io, json, os, sys

try:
    import pyarrow.parquet as pq
    import xxhash
    from PIL import Image
except ImportError as e:
    print(e)
    sys.exit(77)


def line(split, pair_id, picture, text):
    if isinstance(pair_id, int):
        pair_id = "%016x" % pair_id
    Image.open(io.BytesIO(picture)).load()
    print(split, pair_id, xxhash.xxh64_hexdigest(picture), json.dumps(text), sep="\t")


def webdataset(folder):
    import webdataset as wds

    for split in ("train", "held_out"):
        tars = sorted(n for n in os.listdir(os.path.join(folder, split)) if n.endswith(".tar"))
        urls = os.path.join(folder, split, "{%s..%s}.tar" % (tars[0][:-4], tars[-1][:-4]))
        samples = {}
        for s in wds.WebDataset(urls, shardshuffle=False, empty_check=False):
            facts = json.loads(s["json"])
            picture = next(v for k, v in s.items() if k in ("jpg", "png", "webp", "gif"))
            samples[s["__key__"]] = facts
            assert facts["key"] == s["__key__"] and facts["caption"] == s["txt"].decode(), facts
            line(split, facts["pair_id"], picture, s["txt"].decode())
        rows = [r for t in tars for r in pq.read_table(os.path.join(folder, split, t[:-4] + ".parquet")).to_pylist()]
        assert [r["key"] for r in rows] == list(samples), "the tables name other samples"
        for r in rows:
            f = samples[r["key"]]
            assert r["status"] == "success" and r["caption"] == f["caption"] and r["url"] == f["url"], r
            assert "%016x" % r["pair_id"] == f["pair_id"] and r["query_ids"] == f["query_ids"], r
        counts = [json.load(open(os.path.join(folder, split, t[:-4] + "_stats.json"))) for t in tars]
        assert sum(c["successes"] for c in counts) == len(samples), counts


def open_clip(folder):
    try:
        from types import SimpleNamespace
        from open_clip_train.data import get_wds_dataset
        from torchvision.transforms import ToTensor, Compose, Resize
    except ImportError as e:
        print(e)
        sys.exit(77)
    tars = sorted(n for n in os.listdir(os.path.join(folder, "train")) if n.endswith(".tar"))
    urls = os.path.join(folder, "train", "{%s..%s}.tar" % (tars[0][:-4], tars[-1][:-4]))
    args = SimpleNamespace(train_data=urls, val_data=urls, train_num_samples=None, val_num_samples=None, dataset_resampled=False, seed=0,
                           batch_size=1, world_size=1, rank=0, workers=0, train_data_upsampling_factors=None, distributed=False)
    data = get_wds_dataset(args, Compose([Resize((32, 32)), ToTensor()]), is_train=False, tokenizer=lambda t: [t])
    n = 0
    for pictures, texts in data.dataloader:
        assert pictures.shape[1:] == (3, 32, 32), pictures.shape
        n += 1
        print("train", json.dumps(texts[0]), sep="\t")


def load(dataset):
    import datasets

    for split, rows in dataset.items():
        assert isinstance(rows.features["image"], datasets.Image), rows.features
        assert rows.features["query_ids"].feature.dtype == "uint32", rows.features
        first = rows[0]
        assert first["image"].size == (first["width"], first["height"]), first
        for r in rows.cast_column("image", datasets.Image(decode=False)):
            line(split, r["pair_id"], r["image"]["bytes"], r["text"])


def huggingface(folder):
    import datasets

    load(datasets.load_dataset(folder, cache_dir=os.environ["CACHE"]))


def parquet(folder):
    import datasets

    files = {s: os.path.join(folder, s, "*.parquet") for s in ("train", "held_out")}
    load(datasets.load_dataset("parquet", data_files=files, cache_dir=os.environ["CACHE"]))


def saved(folder):
    import datasets

    dataset = datasets.load_from_disk(folder)
    load(dataset)
    name = sorted(n for n in os.listdir(os.path.join(folder, "train")) if n.endswith(".arrow"))[0]
    mapped = datasets.Dataset.from_file(os.path.join(folder, "train", name))
    assert isinstance(mapped.features["image"], datasets.Image) and mapped[0] is not None
    assert not mapped.cache_files or mapped.cache_files[0]["filename"].startswith(folder), mapped.cache_files


def folder(folder):
    import datasets

    files = {s: os.path.join(folder, s, "**") for s in ("train", "held_out")}
    dataset = datasets.load_dataset("imagefolder", data_files=files, cache_dir=os.environ["CACHE"])
    for split, rows in dataset.items():
        for r in rows.cast_column("image", datasets.Image(decode=False)):
            with open(r["image"]["path"], "rb") as f:
                line(split, r["pair_id"], f.read(), r["text"])


readers = {"webdataset": webdataset, "open_clip": open_clip, "huggingface": huggingface, "parquet": parquet, "datasets": saved, "folder": folder}
try:
    readers[sys.argv[3] if len(sys.argv) > 3 else sys.argv[1]](sys.argv[2])
except ModuleNotFoundError as e:
    print(e)
    sys.exit(77)
