#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a stream, hs-stream(5), with msgpack, zstandard and NumPy:
trajectories, each with "x", a map from layer to an array (positions, dim)."""
import sys
import msgpack
import numpy as np
import zstandard

TYPES = {"u32": "<u4", "f32": "<f4"}


def tensor(o):
    if o.get("planes") == 2:  # all high bytes, then all low bytes
        high, low = np.frombuffer(o["data"], "u1").reshape(2, -1).astype("<u2")
        bits = high << 8 | low
        bf16 = (bits.astype("<u4") << 16).view("<f4")
        return (bf16 if o["dtype"] == "bf16" else bits.view("<f2")).reshape(o["shape"])
    return np.frombuffer(o["data"], TYPES[o["dtype"]]).reshape(o["shape"])


def read(file):
    data = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
    last, t, n = None, None, 0
    for o in msgpack.Unpacker(data, max_buffer_size=1 << 26):
        last, n = o["type"], 0 if o["type"] == "head" else n + 1
        if last == "states":
            t["x"].setdefault(o["layer"], []).append(tensor(o))
        else:
            if t:  # complete
                yield {**t, "x": {k: np.concatenate(v) for k, v in t["x"].items()}}
            t = {**o, "x": {}} if last == "trajectory" else None
        assert last != "end" or o["records"] == n - 1, "records are missing"
    assert last == "end", "the stream is not finished"


if __name__ == "__main__":
    for t in read(sys.stdin.buffer):
        print(t["id"], t["reward"], {k: x.shape for k, x in t["x"].items()})
