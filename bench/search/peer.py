"""The same search by numpy over the same file, mapped by pyarrow: run.sh."""
import sys, time
import numpy as np, pyarrow as pa

file = pa.ipc.open_file(pa.memory_map(sys.argv[1]))
parts = []
for i in range(file.num_record_batches):
    column = file.get_batch(i).column("embedding")
    parts.append(column.flatten().to_numpy().reshape(len(column), -1))
query = np.random.default_rng(7).uniform(-1, 1, parts[0].shape[1]).astype(np.float32)
seconds = []
for _ in range(9):
    began = time.perf_counter()
    scores = np.concatenate([p @ query for p in parts])
    best = np.argpartition(-scores, 10)[:10]
    best[np.argsort(-scores[best])]
    seconds.append(time.perf_counter() - began)
size = sum(p.nbytes for p in parts)
median = sorted(seconds)[4]
print(f"  numpy {np.__version__}, product       {size / median / 1e9:6.1f} ({size / min(seconds) / 1e9:.1f}) GB/s, {median * 1e3:.1f} ms")
