#!/usr/bin/env python3
"""webdataset and mosaicml-streaming on the pairs of a folder of shards.

    peers.py make webdataset|streaming SHARDS FOLDER
    peers.py read WAY FOLDER

make writes the same pairs as tars by img2dataset's conventions (NAME.jpg, NAME.txt,
NAME.json, 10,000 in each), or as MDS with columns for picture, text and the other
facts as JSON. read prints a line of JSON, as main.go does. A
sample is read when its picture is bytes in memory of Python's and its facts are values:
the JSON of a tar is parsed where a way reads facts.
"""
import glob
import json
import os
import random
import resource
import sys
import time

FACTS = ["pair_id", "page_url", "image_url", "text_source", "language", "license", "opt_out", "source", "crawl_time",
         "width", "height", "original_format", "original_width", "original_height", "picture_hash", "phash", "format"]


def pairs(shards):
    import pyarrow as pa

    for path in sorted(glob.glob(f"{shards}/shard-*.arrow")):
        reader = pa.ipc.open_file(pa.memory_map(path))
        for i in range(reader.num_record_batches):
            batch = reader.get_batch(i)
            for pair in batch.select(FACTS + ["text", "image"]).to_pylist():
                yield pair


def make(kind, shards, folder):
    os.makedirs(folder, exist_ok=True)
    if kind == "webdataset":
        import webdataset as wds

        tar = None
        for i, pair in enumerate(pairs(shards)):
            if i % 10000 == 0:
                if tar:
                    tar.close()
                tar = wds.TarWriter(f"{folder}/{i // 10000:05d}.tar")
            facts = {name: pair[name] for name in FACTS}
            tar.write({"__key__": f"{i:09d}", "jpg": pair["image"], "txt": pair["text"], "json": json.dumps(facts).encode()})
        tar.close()
        return
    from streaming import MDSWriter

    # Three columns: each costs as much again to decode, whatever it holds.
    with MDSWriter(out=folder, columns={"image": "bytes", "text": "str", "facts": "json"}) as writer:
        for pair in pairs(shards):
            writer.write({"image": pair["image"], "text": pair["text"], "facts": {name: pair[name] for name in FACTS}})


def processor():
    u = resource.getrusage(resource.RUSAGE_SELF)
    return u.ru_utime + u.ru_stime


def webdataset(folder, files, shuffle):
    import webdataset as wds

    tars = sorted(glob.glob(f"{folder}/*.tar"))
    data = wds.WebDataset(tars, shardshuffle=len(tars) if shuffle else False, select_files=files, empty_check=False)
    return data.shuffle(1000) if shuffle else data


def streaming(folder, shuffle):
    from streaming import StreamingDataset
    from streaming.base.util import clean_stale_shared_memory

    clean_stale_shared_memory()
    # All samples may be made ready ahead: with little of that it waits more than it reads.
    return StreamingDataset(local=folder, shuffle=shuffle, batch_size=256, predownload=10**6)


class ByNumber:
    """The samples of a StreamingDataset by their numbers, without its threads."""

    def __init__(self, data, shuffle):
        self.data, self.order = data, list(range(len(data)))
        if shuffle:
            random.Random(1).shuffle(self.order)

    def __iter__(self):
        return (self.data[i] for i in self.order)


def tar_facts(sample):
    json.loads(sample["json"])
    return 0


def tar_all(sample):
    json.loads(sample["json"])
    return len(sample["jpg"])


def tar_pictures(sample):
    return len(sample["jpg"])


def one_at_random(data):
    chosen, micros = random.Random(2), []
    for i in range(len(data)):  # every shard is open and in memory
        if i % 1000 == 0:
            data[i]
    for _ in range(20000):
        i = chosen.randrange(len(data))
        before = time.perf_counter_ns()
        data[i]
        micros.append((time.perf_counter_ns() - before) / 1e3)
    return micros


WAYS = {
    "webdataset: facts": (lambda f: webdataset(f, lambda name: not name.endswith(".jpg"), False), tar_facts),
    "webdataset: pictures and texts": (lambda f: webdataset(f, lambda name: not name.endswith(".json"), False), tar_pictures),
    "webdataset: all": (lambda f: webdataset(f, None, False), tar_all),
    "webdataset: facts, shuffled": (lambda f: webdataset(f, lambda name: not name.endswith(".jpg"), True), tar_facts),
    "webdataset: all, shuffled": (lambda f: webdataset(f, None, True), tar_all),
    "streaming: all": (lambda f: streaming(f, False), lambda s: len(s["image"])),
    "streaming: all, shuffled": (lambda f: streaming(f, True), lambda s: len(s["image"])),
    "streaming: all, by number": (lambda f: ByNumber(streaming(f, False), False), lambda s: len(s["image"])),
    "streaming: all, by number, shuffled": (lambda f: ByNumber(streaming(f, False), True), lambda s: len(s["image"])),
    "streaming: one at random": (lambda f: streaming(f, False), None),
}


def read(way, folder):
    open_, visit = WAYS[way]
    data = open_(folder)
    wall, cpu, n, size = time.time(), processor(), 0, 0
    if visit is None:
        micros = sorted(one_at_random(data))
        n = len(micros)
    else:
        for sample in data:
            size += visit(sample)
            n += 1
    cpu = processor() - cpu
    out = {"way": way, "pairs": n, "MB": size // 10**6, "wall": time.time() - wall, "cpu": cpu, "pairs_per_core_second": n / cpu}
    if visit is None:
        out |= {"p50_us": micros[n // 2], "p99_us": micros[n * 99 // 100]}
    print(json.dumps(out), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(*sys.argv[2:])
    elif sys.argv[1] == "ways":
        print("\n".join(WAYS))
    else:
        read(*sys.argv[2:])
