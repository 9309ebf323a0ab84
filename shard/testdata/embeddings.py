"""Reads embeddings.npy and embeddings.parquet with numpy and pyarrow."""
import numpy as np, pyarrow.parquet as pq

x = np.load("embeddings.npy")
want = np.array([[i + j / 100 for j in range(3)] for i in range(5)], np.float32)
assert (x == want).all()
t = pq.read_table("embeddings.parquet")
assert (np.stack(t["embedding"].to_numpy()) == want).all()
assert t["id"].to_pylist() == [i << 40 for i in range(5)] and t["row"].to_pylist() == list(range(5))
assert t["name"].to_pylist()[3] == "ééé" and t.schema.metadata[b"pairloom.model"] == b"m"
print("as they should")
