"""A part of the report's figures by polars, over the same shards.

    python bench/report/peer.py FOLDER

It reads only the columns that it needs, and asks for what polars has: approximate
counts of different addresses, texts and hashes, quantiles, and the most frequent hosts,
languages, formats and queries. It counts no words, tokens, registered domains or
repeats, and draws no page.
"""
import glob
import resource
import sys
import time

import polars as pl

files = sorted(glob.glob(sys.argv[1] + "/shards/shard-*.arrow"))
columns = ["text", "image_url", "page_url", "picture_hash", "original_width", "original_height", "language", "text_language", "original_format", "text_source", "query_ids"]
start = time.time()
rows = pl.scan_ipc(files).select(columns)
numbers = ["original_width", "original_height", "length"]
rows = rows.with_columns(length=pl.col("text").str.len_chars(), host=pl.col("page_url").str.extract(r"^[a-z]+://([^/?#]+)"))
figures = [
    rows.select(
        pl.len(),
        *[pl.col(c).approx_n_unique().alias("different " + c) for c in ["image_url", "text", "page_url", "picture_hash"]],
        *[pl.col(c).quantile(q / 20).alias(f"{c} {q}") for c in numbers for q in range(1, 20)],
    ),
    *[rows.group_by(c).len().top_k(30, by="len") for c in ["host", "language", "text_language", "original_format", "text_source"]],
    rows.select(pl.col("query_ids").explode()).group_by("query_ids").len().top_k(50, by="len"),
]
got = pl.collect_all(figures, engine="streaming")
wall = time.time() - start
usage = resource.getrusage(resource.RUSAGE_SELF)
n = got[0]["len"][0]
cpu = usage.ru_utime + usage.ru_stime
print(f"| polars {pl.__version__} | {n} | {n / wall:.0f} | {cpu * 1e6 / n:.2f} | {usage.ru_maxrss // 1024} |")
