#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams written and read by hs-stream(5) alone, to test the tools with.

oracle.py make OUT [n=12] [first=0] [seed=1] [dtype=f16] [over=0]
oracle.py results OUT [n=5]           a stream of another kind
oracle.py stats FILE                  what hs-view --stats --json must say
oracle.py arrays STREAM FILE          a .safetensors file, or a folder of .npy,
                                      against the stream it was made of
oracle.py flips FILE EVERY COMMAND... every so-many-th bit flipped: the command
                                      fails, or prints what it always does
oracle.py cuts FILE EVERY COMMAND...  ends after every so-many-th byte: it fails
"""
import ctypes
import json
import os
import subprocess
import sys

import msgpack
import numpy as np
import zstandard

LAYERS, DIM = [0, 2, 4], 6


class Hash(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


def xxh128(data):
    lib = ctypes.CDLL("libxxhash.so.0")
    lib.XXH3_128bits.restype = Hash
    lib.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    h = lib.XXH3_128bits(data, len(data))
    return h.high << 64 | h.low


def tensor(values, dtype):
    data = np.asarray(values, "<u4" if dtype == "u32" else "<f4")
    return {"dtype": dtype, "shape": [len(data)], "data": data.tobytes()}


def bf16_bits(x):
    u = x.astype("<f4").view("<u4")
    return ((u + 0x7FFF + (u >> 16 & 1)) >> 16).astype("<u2")


def stored(x, dtype):
    """Bytes of a block: f32 as it is, else high bytes, then low bytes."""
    if dtype == "f32":
        return x.astype("<f4").tobytes()
    bits = x.astype("<f2").view("<u2") if dtype == "f16" else bf16_bits(x)
    pairs = np.frombuffer(bits.tobytes(), "u1")
    return pairs[1::2].tobytes() + pairs[0::2].tobytes()


def trajectory(k, rng):
    n_prompt, n_tokens = 3, 5 + k % 4
    new = n_tokens - n_prompt
    return {
        "type": "trajectory", "id": "p%d" % (k // 2) + ("#1" if k % 2 else ""),
        "problem": "p%d" % (k // 2), "sample": k % 2,
        "prompt": 'q\t"%d"' % k, "prompt_hash": "00",
        "tokens": tensor(range(k, k + n_tokens), "u32"), "n_prompt": n_prompt,
        "completion": "line\nnext\té \\ %d" % k,
        "logprob": tensor(-rng.random(new), "f32"),
        "entropy": tensor(rng.random(new), "f32"),
        "finish": "eos" if k % 3 else "length",
        "gold": str(k) if k % 5 else None, "parsed": None,
        "reward": [0, 1, None][k % 3], "grader": "exact", "reason": "",
        "positions": tensor(range(n_tokens - 1), "u32"), "edits": 0,
        "meta": {"task": "chain" if k % 2 else "expr", "level": k,
                 "weight": 0.1, "deep": {"a.b": 1.5}}}


def head(dtype):
    return {
        "type": "head", "format": "hstools stream", "version": [1, 0],
        "kind": "activations",
        "model": {"fingerprint": "abc", "family": "qwen2", "n_layers": 4,
                  "dim": DIM, "n_vocab": 1 << 20},
        "layers": LAYERS, "dim": DIM, "dtype": dtype, "layer_convention": "",
        "positions": "all", "run": {"temperature": 0.7, "seed": 2**60},
        "history": [{"tool": "oracle", "version": "0", "args": ["a b"]}]}


def make(out, n=12, first=0, seed=1, dtype="f16", over=0):
    rng = np.random.default_rng(int(seed))
    packed, f32, over = [], 0, int(over)
    for k in range(int(first), int(first) + int(n)):
        t = trajectory(k, rng)
        packed.append(t)
        rows = len(t["positions"]["data"]) // 4
        for layer in LAYERS:
            x = rng.standard_normal((rows, DIM)) * (layer + 1)
            kind = dtype
            if over and layer == 4 and k % 4 == 0 and dtype == "f16":
                x[0, 0], kind = 1e5, "f32"
            f32 += kind == "f32"
            packed.append({
                "type": "states", "id": t["id"], "layer": layer, "first": 0,
                "shape": [rows, DIM], "dtype": kind,
                "planes": 1 if kind == "f32" else 2, "data": stored(x, kind)})
    write(out, head(dtype), packed, int(n), int(n) * len(LAYERS), f32)


def results(out, n=5):
    h = dict(head("f32"), kind="ranking", layers=[])
    write(out, h, [{"type": "neuron", "layer": k, "score": k / 7,
                    "weights": tensor([k, 0.1], "f32"), "big": 2**63,
                    "raw": b"\x00\xff", "nan": float("nan")}
                   for k in range(int(n))], 0, 0, 0)


def write(out, first, packed, n_trajectories, n_states, f32):
    packed = [msgpack.packb(o) for o in packed]
    digest = sum(map(xxh128, packed)) % 2**128
    end = {"type": "end", "records": len(packed),
           "trajectories": n_trajectories, "states": n_states,
           "f32_blocks": f32, "digest": digest.to_bytes(16, "big")}
    z = zstandard.ZstdCompressor(level=1, write_checksum=True)
    with open(out, "wb") as f:
        f.write(z.compress(msgpack.packb(first)))
        for i in range(0, len(packed), 200):
            f.write(z.compress(b"".join(packed[i:i + 200])))
        f.write(z.compress(msgpack.packb(end)))


def read(path):
    with open(path, "rb") as f:
        data = zstandard.ZstdDecompressor().stream_reader(
            f, read_across_frames=True).read()
    unpacker = msgpack.Unpacker(max_buffer_size=0)
    unpacker.feed(data)
    return list(unpacker)


def block(o):
    n = o["shape"][0] * o["shape"][1]
    if o["dtype"] == "f32":
        return np.frombuffer(o["data"], "<f4").reshape(o["shape"])
    b = np.frombuffer(o["data"], "u1").astype("<u2")
    bits = (b[:n] << 8 | b[n:]).astype("<u2")
    if o["dtype"] == "f16":
        return bits.view("<f2").astype("<f4").reshape(o["shape"])
    return (bits.astype("<u4") << 16).view("<f4").reshape(o["shape"])


def states(objects, layer):
    return np.concatenate([block(o) for o in objects if o["type"] == "states"
                           and o["layer"] == layer])


def stats(path):
    objects = read(path)
    ts = [o for o in objects if o["type"] == "trajectory"]
    rewards = [t["reward"] for t in ts]
    out = {"items": len(ts), "problems": len({t["problem"] for t in ts}),
           "correct": rewards.count(1), "wrong": rewards.count(0),
           "undecided": rewards.count(None),
           "tokens": sum(t["tokens"]["shape"][0] for t in ts),
           "tokens_prompt": sum(t["n_prompt"] for t in ts),
           "bytes": os.path.getsize(path), "layers": []}
    for layer in LAYERS:
        x = states(objects, layer).astype("f8")
        out["layers"].append({
            "layer": layer, "states": len(x), "mean": x.mean(),
            "rms": np.sqrt((x * x).mean()), "max": np.abs(x).max()})
    theirs = json.load(sys.stdin)

    def same(a, b, name):
        if isinstance(a, list):
            return len(a) == len(b) and all(map(same, a, b, [name] * len(a)))
        if isinstance(a, dict):
            return all(same(v, b[k], k) for k, v in a.items())
        ok = abs(a - b) <= 1e-12 * abs(a) + 1e-15
        if not ok:
            print(name, a, b)
        return ok
    return same(out, theirs, "")


def read_safetens(path):
    """As strictly as the format's own implementation reads it."""
    with open(path, "rb") as f:
        data = f.read()
    size = int.from_bytes(data[:8], "little")
    text = data[8:8 + size]
    assert size <= 100_000_000 and size % 8 == 0 and text[:1] == b"{"
    pairs = json.loads(text, object_pairs_hook=lambda p: p)
    assert len({k for k, _ in pairs}) == len(pairs), "a name comes twice"
    out, at, body = {}, 0, data[8 + size:]
    widths = {"I64": 8, "F32": 4, "F16": 2, "BF16": 2, "I8": 1}
    for name, fields in pairs:
        fields = dict(fields)
        if name == "__metadata__":
            assert all(isinstance(v, str) for v in fields.values())
            continue
        begin, end = fields["data_offsets"]
        width, shape = widths[fields["dtype"]], fields["shape"]
        assert begin == at and begin % width == 0, "a gap, or not aligned"
        assert end - begin == width * int(np.prod(shape, dtype=int))
        numpy = {"I64": "<i8", "F32": "<f4", "F16": "<f2", "BF16": "<u2",
                 "I8": "i1"}[fields["dtype"]]
        out[name] = np.frombuffer(body[begin:end], numpy).reshape(shape)
        at = end
    assert at == len(body), "bytes behind the last tensor"
    return out


def arrays(stream, path):
    objects = read(stream)
    ts = [o for o in objects if o["type"] == "trajectory"]
    if os.path.isdir(path):
        index = os.path.join(path, "index.jsonl")
        got = {f[:-4].replace("-", "."): np.load(os.path.join(path, f))
               for f in os.listdir(path) if f.endswith(".npy")}
    else:
        index = path.replace(".safetensors", ".index.jsonl")
        got = read_safetens(path)
    for layer in [o for o in objects if o["type"] == "head"][0]["layers"]:
        x = got["layer.%d" % layer]
        if x.dtype == "<u2":
            x = (x.astype("<u4") << 16).view("<f4")
        assert np.array_equal(x.astype("f8"),
                              states(objects, layer).astype("f8")), layer
    tokens = [np.frombuffer(t["tokens"]["data"], "<u4") for t in ts]
    where = [np.frombuffer(t["positions"]["data"], "<u4") for t in ts]
    rows = [len(w) for w in where]
    assert np.array_equal(got["offsets"], np.cumsum([0] + rows))
    assert np.array_equal(got["row_trajectory"], np.repeat(range(len(ts)), rows))
    assert np.array_equal(got["row_position"], np.concatenate(where))
    assert np.array_equal(got["row_token"], np.concatenate(
        [t[w] for t, w in zip(tokens, where)]))
    assert list(got["reward"]) == [-1 if t["reward"] is None else t["reward"]
                                   for t in ts]
    with open(index, encoding="utf-8") as f:
        lines = [json.loads(line) for line in f]
    assert lines[0]["type"] == "head" and len(lines) == len(ts) + 1
    for line, t in zip(lines[1:], ts):
        for key in ("id", "problem", "sample", "reward", "completion", "meta"):
            assert line[key] == t[key], key
    return True


def flips(path, every, *command):
    with open(path, "rb") as f:
        data = f.read()
    usual = subprocess.run(command, input=data, capture_output=True).stdout
    good, unseen = True, 0
    for bit in range(0, 8 * len(data), int(every)):
        bad = bytearray(data)
        bad[bit // 8] ^= 1 << bit % 8
        got = subprocess.run(command, input=bytes(bad), capture_output=True)
        if got.returncode == 0 and got.stdout == usual:
            unseen += 1
            continue
        if got.returncode != 1 or not got.stderr:
            print("bit", bit, "status", got.returncode, got.stderr[:200])
            good = False
    print(unseen, "of", len(range(0, 8 * len(data), int(every))),
          "flips change nothing")
    return good


def cuts(path, every, *command):
    with open(path, "rb") as f:
        data = f.read()
    good = True
    for n in range(0, len(data), int(every)):
        got = subprocess.run(command, input=data[:n], capture_output=True)
        if got.returncode != 1 or not got.stderr:
            print("cut", n, "status", got.returncode, got.stderr[:200])
            good = False
    return good


def main():
    command, operands = sys.argv[1], sys.argv[2:]
    if command in ("make", "results"):
        make_it = make if command == "make" else results
        make_it(operands[0], **dict(o.split("=") for o in operands[1:]))
        return 0
    checks = {"stats": stats, "arrays": arrays, "flips": flips,
              "cuts": cuts}
    return 0 if checks[command](*operands) else 1


if __name__ == "__main__":
    sys.exit(main())
