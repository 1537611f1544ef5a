#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests/test_arms.c compares with, written again from the definitions.

    python3 tests/ref/arms.py > tests/ref/arms.txt

magnitude LAYER SCORE...   of coordinates 0, 8, 16, ... of the default model
wanda LAYER SCORE...       the same, with normed_j = 0.25 + j mod 7
top-magnitude LAYER J...   the 13 (5 %) largest, ascending
top-wanda LAYER J...
random SEED LAYER K DRAW J...        draws of K of 256, in the order drawn
random-skip SEED LAYER K DRAW J...   the same, multiples of 3 passed over

Weights are read from the file by hand and summed in f64 by numpy; random numbers
are Philox4x32-10 from the paper (Salmon et al. 2011).
"""
import json
import os
import struct
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
MODEL = os.path.join(HERE, "..", "..", "examples", "reasoner")
DIM = 256


def tensors():
    with open(os.path.join(MODEL, "model.safetensors"), "rb") as f:
        data = f.read()
    (size,) = struct.unpack("<Q", data[:8])
    head = json.loads(data[8 : 8 + size])
    out = {}
    for name, t in head.items():
        if name == "__metadata__":
            continue
        assert t["dtype"] == "BF16"
        first, last = t["data_offsets"]
        raw = np.frombuffer(data[8 + size + first : 8 + size + last], "<u2")
        wide = (raw.astype(np.uint32) << 16).view(np.float32)
        out[name] = wide.astype(np.float64).reshape(t["shape"])
    return out


def readers(w, layer, n_layers):
    """(matrix, norm) pairs that read a layer of the residual stream."""
    if layer == n_layers:
        return [(w["model.embed_tokens.weight"], w["model.norm.weight"])]
    p = "model.layers.%d." % layer
    a = w[p + "input_layernorm.weight"]
    m = w[p + "post_attention_layernorm.weight"]
    return [
        (w[p + "self_attn.q_proj.weight"], a),
        (w[p + "self_attn.k_proj.weight"], a),
        (w[p + "self_attn.v_proj.weight"], a),
        (w[p + "mlp.gate_proj.weight"], m),
        (w[p + "mlp.up_proj.weight"], m),
    ]


def scores(w):
    n_layers = 1 + max(
        int(k.split(".")[2]) for k in w if k.startswith("model.layers.")
    )
    normed = 0.25 + np.arange(DIM) % 7
    for layer in range(n_layers + 1):
        each = readers(w, layer, n_layers)
        both = {
            "magnitude": sum(np.abs(m * g).sum(axis=0) for m, g in each),
            "wanda": sum(np.abs(m * g).mean(axis=0) for m, g in each) * normed,
        }
        for name, s in both.items():
            print(name, layer, *("%.17g" % x for x in s[::8]))
            print("top-" + name, layer, *sorted(np.argsort(-s, kind="stable")[:13]))


M = 0xFFFFFFFF


def philox(key, stream, a, b):
    k0, k1 = key & M, key >> 32
    c = [stream & M, stream >> 32, a, b]
    for _ in range(10):
        x, y = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(y >> 32) ^ c[1] ^ k0, y & M, (x >> 32) ^ c[3] ^ k1, x & M]
        k0, k1 = (k0 + 0x9E3779B9) & M, (k1 + 0xBB67AE85) & M
    return c[0] | c[1] << 32


def draw(seed, layer, k, number, skip):
    key = philox(seed, 11, layer, k)
    v, out = list(range(DIM)), []
    for i in range(DIM):
        j = i + (philox(key, 12, number, i) * (DIM - i) >> 64)
        v[i], v[j] = v[j], v[i]
        if not (skip and v[i] % 3 == 0):
            out.append(v[i])
    return out[:k]


def main():
    scores(tensors())
    for seed, layer, k, number in ((1, 2, 6, 3), (2**64 - 1, 0, 26, 100000), (1, 4, 1, 1)):
        for name in ("random", "random-skip"):
            print(name, seed, layer, k, number,
                  *draw(seed, layer, k, number, name == "random-skip"))


if __name__ == "__main__":
    sys.exit(main())
