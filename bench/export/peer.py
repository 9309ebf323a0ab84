"""Writes the pairs of shards as others would: peer.py webdataset|pyarrow|datasets SHARDS OUT."""
import glob, json, os, sys

import pyarrow as pa
import pyarrow.ipc

kind, shards, out = sys.argv[1:]
os.makedirs(out)


def tables():
    for path in sorted(glob.glob(os.path.join(shards, "[sh]*.arrow"))):
        yield pa.ipc.open_file(pa.memory_map(path)).read_all()


def pictures(table):
    path = pa.array(["%016x.jpg" % i for i in table["pair_id"].to_pylist()])
    image = pa.chunked_array([pa.StructArray.from_arrays([c, path.slice(o, len(c))], ["bytes", "path"]) for c, o in chunks(table["image"])])
    return table.set_column(table.schema.get_field_index("image"), "image", image)


def chunks(column):
    at = 0
    for c in column.chunks:
        yield c, at
        at += len(c)


if kind == "webdataset":
    import webdataset as wds

    for n, table in enumerate(tables()):
        with wds.TarWriter(os.path.join(out, "%05d.tar" % n)) as w:
            for batch in table.to_batches():
                for i, row in enumerate(batch.to_pylist()):
                    picture = row.pop("image")
                    w.write({"__key__": "%05d%04d" % (n, i), "jpg": picture, "txt": row["text"], "json": row})
elif kind == "pyarrow":
    import pyarrow.parquet as pq

    for n, table in enumerate(tables()):
        pq.write_table(pictures(table), os.path.join(out, "%05d.parquet" % n), row_group_size=1000)
else:
    import datasets

    datasets.disable_progress_bars()
    whole = pa.concat_tables(pictures(t) for t in tables())
    features = datasets.Features.from_arrow_schema(whole.schema)
    features["image"] = datasets.Image()
    datasets.Dataset(whole).cast(features).save_to_disk(out)
