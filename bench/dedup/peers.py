"""Others' searches for near hashes, over the same file: peers.py FILE [QUERIES [DISTANCE]].

faiss finds what is near to a sample of the hashes, one in so many, on two threads; the
time for all is that of the sample times their number, and that of filling the index.
imagededup, which compares each with each, gets a sample of a sample.
"""
import os, resource, sys, time
import numpy as np

path, queries, distance = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10000, int(sys.argv[3]) if len(sys.argv) > 3 else 4
words = np.fromfile(path, dtype="<u8")
rows = words.view(np.uint8).reshape(-1, 8)
n = len(words)
# The sample that main.go counts by: one in 1000, or fewer.
every = max(1000, n // queries // 1000 * 1000)
sample = rows[::every]


def cpu():
    r = resource.getrusage(resource.RUSAGE_SELF)
    return r.ru_utime + r.ru_stime


def rss():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def line(name, found, fill, ask, m):
    (fw, fc), (aw, ac) = fill, ask
    print(f"  {name}: fill {fw:.1f} s ({fc:.1f} s of processor time), {m} queries {aw:.1f} s ({ac:.1f}), found {found}; "
          f"all {n}: {fw + aw * n / m:.0f} s, {fc + ac * n / m:.0f} s of processor time; memory {rss():.0f} MiB", flush=True)


import faiss
faiss.omp_set_num_threads(2)
print(f"faiss {faiss.__version__}, {n} hashes, distance {distance}, one in {every} asked for")
for name, make, flips in [
    ("IndexBinaryMultiHash(64, 3, 21), nflip 1", lambda: faiss.IndexBinaryMultiHash(64, 3, 21), 1),
    ("IndexBinaryMultiHash(64, 5, 12), nflip 0", lambda: faiss.IndexBinaryMultiHash(64, 5, 12), 0),
    ("IndexBinaryHash(64, 24), nflip 4", lambda: faiss.IndexBinaryHash(64, 24), 4),
]:
    t, c = time.time(), cpu()
    index = make()
    index.add(rows)
    index.nflip = flips
    fill = time.time() - t, cpu() - c
    asked = sample
    # A hundredth first: what would take over a minute is asked for less.
    t, first = time.time(), max(1, len(sample) // 100)
    index.range_search(np.ascontiguousarray(sample[::100]), distance + 1)
    full = (time.time() - t) * len(sample) / first
    if full > 60:
        asked = sample[:: int(full / 60) + 1]
    t, c = time.time(), cpu()
    lims, _, _ = index.range_search(np.ascontiguousarray(asked), distance + 1)
    line(name, int(lims[-1]) - len(asked), fill, (time.time() - t, cpu() - c), len(asked))
    del index


# imagededup's default search on Linux. It takes a dictionary, which it reads anew for
# each query; a query's time grows with the number of hashes.
from importlib.metadata import version
from imagededup.handlers.search.brute_force_cython import BruteForceCython

few = words[:: max(1, n // 1_000_000)]
search = BruteForceCython({str(i): f"{w:016x}" for i, w in enumerate(few)}, None)
t, c, found = time.time(), cpu(), 0
for q in few[:: len(few) // 10][:10]:
    found += len(search.search(f"{q:016x}", distance)) - 1
each = (time.time() - t) / 10 / len(few), (cpu() - c) / 10 / len(few)
print(f"  imagededup {version('imagededup')}, brute_force_cython, {len(few)} hashes, 10 queries: found {found}, {each[1] * 1e9:.0f} ns of processor time a query and hash; "
      f"all {n}: {each[0] * n * n:.0f} s, {each[1] * n * n:.0f} s of processor time; memory {rss():.0f} MiB")
