#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of tests/test_pool.c: z-scores and pooled rows by NumPy.

x[t][j] = sin(3 t + j) * (j + 1) + j, but x[.][2] = 1e4 + 1e-4 t is constant to
rounding; t = 0 .. 5, steps 1-2 and 3-5; train has mean j, scale 1 / (j + 1)."""
import numpy as np

t, j = np.arange(6)[:, None], np.arange(3)[None, :]
x = np.sin(3 * t + j) * (j + 1) + j
x[:, 2] = 1e4 + 1e-4 * np.arange(6)
x = x.astype("f4").astype("f8")


def z(part, row):
    m, s = part.mean(0), part.std(0)
    still = s < 1e-6 * np.abs(part).max(0)
    return np.where(still | (s == 0), 0, (row - m) / np.where(s > 0, s, 1))


for how in ("response", "train", "causal"):
    if how == "response":
        out = z(x[1:], x)
    elif how == "train":
        out = (x - j) / (j + 1)
    else:
        out = np.array([z(x[:i + 1], x[i]) for i in range(6)])
    print(how, "z", [[float("%.9g" % v) for v in r] for r in out[[0, 1, 5]]])
    print(how, "rows", [[float("%.9g" % v) for v in out[a:b].mean(0)]
                        for a, b in ((1, 3), (3, 6))])
