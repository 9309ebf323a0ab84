"""Writes logistic.json: scikit-learn's LogisticRegression on a small set.

    python logistic.py > logistic.json
"""
import json
import numpy as np, sklearn
from sklearn.linear_model import LogisticRegression

random = np.random.default_rng(5)
rows, dim, classes = 90, 5, 4
centres = random.normal(size=(classes, dim))
y = random.integers(0, classes, rows)
x = (centres[y] + random.normal(size=(rows, dim))).astype(np.float32)
fits = []
for strength in (1e-3, 1e-1, 1.0, 30.0):
    m = LogisticRegression(C=1 / strength, tol=1e-10, max_iter=20000).fit(x.astype(np.float64), y)
    p = m.predict_proba(x)
    fits.append({"lambda": strength, "weights": m.coef_.ravel().round(6).tolist(), "bias": m.intercept_.round(6).tolist(),
                 "cross_entropy": float(-np.log(p[np.arange(rows), y]).mean()), "right": int((p.argmax(1) == y).sum())})
print(json.dumps({"made_by": "scikit-learn " + sklearn.__version__, "dim": dim, "classes": classes,
                  "rows": [float(v) for v in x.ravel()], "class": y.tolist(), "fits": fits}))
