#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares the engine's states with the float64 reference (model.py).

    parity.py SOURCE BUILD                 all layers, positions and cases
    parity.py SOURCE BUILD --write         ... and renews states.txt
    parity.py SOURCE BUILD --completions   greedy completions of all test
                                           problems: renews completions.txt

Prints one line for a case and prompt: the largest |difference| of any value,
divided by the RMS of the row (position) that it is in, over all rows of the
worst layer, and the same for the logits.  states.txt is a sample of the
reference's numbers, for tests/test_parity.c.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import model  # noqa: E402

BOUND = 2e-5

# Lengths of prompts, and the words for mkmodel; "" is examples/reasoner.
CASES = [
    ("reasoner", [1, 2, 100, 512], ""),
    ("qwen2-mha", [1, 37, 600], "heads=4 kv_heads=4 seed=2"),
    ("qwen2-group7", [1, 600], "heads=7 kv_heads=1 dim=112 tied=0 dtype=f32 "
     "seed=3"),
    ("qwen2-sharded", [130, 601], "dtype=f16 shards=3 theta=1000000 seed=4"),
    ("qwen2-deep", [200], "dim=96 layers=12 heads=6 kv_heads=3 ffn=200 "
     "seed=5"),
    ("qwen2-wide", [33], "dim=1040 heads=8 kv_heads=1 ffn=1100 layers=2 "
     "seed=6"),
    ("qwen3", [3, 600], "family=qwen3 heads=4 kv_heads=2 head_dim=32 "
     "theta=1000000 seed=7"),
    ("qwen3-odd", [65], "family=qwen3 heads=5 kv_heads=1 dim=50 head_dim=6 "
     "ffn=77 tied=0 dtype=f16 qkv_bias=1 vocab=333 seed=8"),
    ("qwen3-newer", [150], "family=qwen3 rope=linear factor=2.5 newer=1 "
     "shards=2 seed=9"),
    ("llama", [1, 257], "family=llama kv_heads=4 tied=0 dtype=f32 eps=1e-5 "
     "seed=10"),
    ("llama-llama3", [600], "family=llama rope=llama3 factor=8 theta=500000 "
     "heads=6 kv_heads=2 dim=96 head_dim=64 seed=11"),
    ("llama-linear", [600], "family=llama rope=linear factor=4 dtype=f16 "
     "heads=14 kv_heads=2 dim=112 seed=12"),
    ("llama-biases", [64], "family=llama qkv_bias=1 mlp_bias=1 tied=0 "
     "shards=4 seed=13"),
    ("llama-newer", [300], "family=llama rope=llama3 factor=32 newer=1 "
     "original=64 theta=500000 eps=1e-5 seed=14"),
]


# mode, where, layer, {coordinate: value}: tried on the first 50 tokens of the
# cases named, in the sample only.
EDITS = {
    "reasoner": ("zero", "all", 2, {7: 0, 100: 0, 255: 0}),
    "qwen2-deep": ("mean", "not-first", 5, {0: 3.5, 95: -2}),
    "qwen3": ("scale", "all", 1, {k: 4 for k in range(0, 64, 3)}),
    "llama-biases": ("add", "not-first", 0, {33: 2.25}),
}


def apply_edit(which, layer, x):
    mode, where, at, values = which
    if layer != at:
        return x
    x = x.clone()
    first = 1 if where == "not-first" else 0
    for i, v in values.items():
        row = x[first:, i]
        x[first:, i] = {"zero": row * 0, "mean": row * 0 + v,
                        "scale": row * v, "add": row + v}[mode]
    return x


def prompt(seed, n, n_vocab):
    """As modeldir_prompt() in tests/modeldir.c."""
    x, out = seed, []
    for _ in range(n):
        x = (x * 1103515245 + 12345) & 0x7fffffff
        out.append((x >> 8) % n_vocab)
    return out


def engine_states(build, folder, config, tokens):
    """Our states (layers + 1, n, dim) and logits (n, n_vocab)."""
    out = subprocess.run(
        [os.path.join(build, "tests", "statedump"), folder],
        input=(" ".join(map(str, tokens)) + "\n").encode(),
        stdout=subprocess.PIPE, check=True).stdout
    x = np.frombuffer(out, dtype=np.float32)
    n, dim = len(tokens), config["hidden_size"]
    shape = (config["num_hidden_layers"] + 1, n, dim)
    size = int(np.prod(shape))
    return x[:size].reshape(shape), x[size:].reshape(n, config["vocab_size"])


def worst(ours, reference):
    """The largest |difference| / RMS of its row; NaN if anything is NaN."""
    rms = np.sqrt((reference ** 2).mean(-1))
    return (np.abs(ours - reference).max(-1) / rms).max()


def sample_rows(n):
    return sorted({0, 1, n // 3, n - 1} & set(range(n)))


def signs(n):
    """As project() in tests/test_parity.c."""
    return np.array([-1.0 if (i * 2654435761 >> 13) & 1 else 1.0
                     for i in range(n)])


def write_row(f, what, pos, row):
    """RMS, a projection that every coordinate has a part in, and values."""
    n = len(row)
    at = sorted({0, n - 1, (pos * 7 + 3) % n, (pos * 31 + 11) % n})
    rms = np.sqrt((row ** 2).mean())
    mix = (row * signs(n)).sum() / np.sqrt(n)
    f.write(f"{what} {pos} {rms:.9g} {mix:.9g} " +
            " ".join(f"{i}:{row[i]:.9g}" for i in at) + "\n")


def write_sample(f, states, logits):
    n = states.shape[1]
    for pos in sample_rows(n):
        for layer in range(states.shape[0]):
            write_row(f, f"state {layer}", pos, states[layer, pos])
        write_row(f, "logits", pos, logits[pos])


def compare(args, name, lengths, words, out):
    with tempfile.TemporaryDirectory() as tmp:
        folder = os.path.join(args.source, "examples", "reasoner")
        if words:
            folder = tmp
            subprocess.run([os.path.join(args.build, "tests", "mkmodel"), tmp] +
                           words.split(), check=True)
        reference = model.Model(folder, torch.float64)
        config = reference.config
        if out is not None:
            out.write(f"case {name} {words}".rstrip() + "\n")
        bad = False
        for seed, n in enumerate(lengths):
            tokens = prompt(seed, n, config["vocab_size"])
            states = torch.stack(reference.forward(tokens, {}))
            logits = reference.logits(states[-1]).numpy()
            states = states.numpy()
            ours, our_logits = engine_states(args.build, folder, config, tokens)
            errors = [worst(a, b) for a, b in zip(ours, states)]
            layer = int(np.argmax(errors))
            last = worst(our_logits, logits)
            good = errors[layer] <= BOUND and last <= BOUND
            bad = bad or not good
            print(f"{name:14} {n:4} tokens  layer {layer:2}  "
                  f"{errors[layer]:.2e}  logits {last:.2e}  "
                  f"{'' if good else 'BEYOND ' + str(BOUND)}", flush=True)
            if out is not None:
                out.write(f"prompt {seed} {n}\n")
                write_sample(out, states, logits)
        if out is not None and name in EDITS:
            which = EDITS[name]
            out.write(f"edit {which[0]} {which[1]} {which[2]} " + " ".join(
                f"{i}:{v}" for i, v in which[3].items()) + "\n")
            states = torch.stack(reference.forward(
                prompt(50, 50, config["vocab_size"]), {},
                lambda layer, x: apply_edit(which, layer, x)))
            out.write("prompt 50 50\n")
            write_sample(out, states.numpy(),
                         reference.logits(states[-1]).numpy())
        return bad


def completion_hash(tokens):
    """FNV-1a, 64 bits, over four little-endian bytes of each id; as in
    tests/test_parity.c."""
    h = 0xcbf29ce484222325
    for byte in b"".join(t.to_bytes(4, "little") for t in tokens):
        h = (h ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return f"{h:016x}"


def chat(question):
    return f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"


def completions(args):
    """Greedy completions in float64, to completions.txt; says how near the two
    largest logits came to each other."""
    folder = os.path.join(args.source, "examples", "reasoner")
    reference = model.Model(folder, torch.float64)
    plain, gaps = reference.logits, []

    def logits(x):
        y = plain(x)
        top = y.topk(2).values
        gaps.append(float(top[0] - top[1]))
        return y

    reference.logits = logits
    sys.path.insert(0, os.path.join(folder, "making"))
    import bpe  # its own tokenizer, in Python
    words = bpe.load(os.path.join(folder, "tokenizer.json"))
    path = os.path.join(args.source, "tests", "ref", "completions.txt")
    with open(path, "w", encoding="ascii") as out:
        out.write("# Written by parity.py --completions from model.py in "
                  f"float64, PyTorch {torch.__version__}.\n"
                  "# problem, tokens, FNV-1a of the ids\n")
        for task in "chain", "expr", "choice":
            name = os.path.join(folder, "problems", f"{task}-test.jsonl")
            with open(name, encoding="utf-8") as f:
                problems = [json.loads(line) for line in f]
            for p in problems:
                tokens, _, _ = reference.greedy(
                    words.encode(chat(p["question"])), 200)
                out.write(f"{p['id']} {len(tokens)} "
                          f"{completion_hash(tokens)}\n")
            gaps.sort()
            print(f"{task}: {len(problems)} problems; the two largest logits "
                  f"of {len(gaps)} tokens are {gaps[0]:.3g}, {gaps[1]:.3g}, "
                  f"{gaps[2]:.3g}... apart at least", flush=True)
            gaps.clear()
    return 0


def states(args):
    path = os.path.join(args.source, "tests", "ref", "states.txt")
    out = open(path, "w", encoding="ascii") if args.write else None
    if out is not None:
        out.write("# Written by parity.py from model.py in float64, PyTorch "
                  f"{torch.__version__}.\n"
                  "# state LAYER POSITION | logits POSITION, then RMS, "
                  "projection, COORDINATE:VALUE...\n")
    bad = [compare(args, *case, out) for case in CASES]
    if out is not None:
        out.close()
    return int(any(bad))


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("source")
    ap.add_argument("build")
    ap.add_argument("--write", action="store_true")
    ap.add_argument("--completions", action="store_true")
    args = ap.parse_args()
    torch.set_num_threads(1)
    return completions(args) if args.completions else states(args)


if __name__ == "__main__":
    sys.exit(main())
