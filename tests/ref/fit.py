#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""probe-fit's steps against the same steps by PyTorch in 64 bits.

fit.py torch STREAM [--hidden N] [--kernels A,B] [--some] [--write FILE]
    For every target, head, standardisation and norm: the initial weights of
    probe-fit, its batches, and its states, taken from the stream; the losses
    and 200 steps of AdamW by PyTorch's autograd. Prints how far probe-fit is
    from it, on each kernel. --some: a few of the settings. --write: what
    PyTorch got, to be compared with elsewhere; fit.txt is that of
    mkstream --items=60 --dim=20 --layers=1 --seed=2. Fails beyond 1e-4.
fit.py check STREAM FILE
    Compares probe-fit with what was written, without PyTorch.

The losses are written down here from their definitions (see target.h), without
a look at how the C does it. probe-fit is taken from PATH.
"""
import argparse
import ctypes
import io
import itertools
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "examples"))
import msgpack
import numpy as np
import read_stream
import zstandard

STEPS, LIMIT, VAL = 200, 1e-4, 0.25
KINK = 2e-6 # of the terms of a sum of 32-bit products
LAMBDA, WEIGHT, GAMMAS = 0.7, 3.0, {"sigmoid": 0.9, "linear": 0.99999}
TARGETS = ["td", "td-residual", "mc", "td-lambda", "terminal", "s0", "ntp"]
GRID = list(itertools.product(["sigmoid", "linear"], ["zscore", "rms", "none"],
                              ["trajectory", "token"]))
SOME = [("sigmoid", "zscore", "trajectory"), ("linear", "none", "token")]
LOSSES = [0, 1, 4, 9, 24, 49, 99, 199]  # of which the file has the loss


def records(data):
    plain = zstandard.ZstdDecompressor().stream_reader(
        io.BytesIO(data), read_across_frames=True).read()
    unpacker = msgpack.Unpacker(max_buffer_size=0)
    unpacker.feed(plain)
    return list(unpacker)


def probe_fit(stream, setting, targets, hidden, more, kernel=None):
    """Runs probe-fit: (head, {target: {"probe", "w1", "steps"}})."""
    head, standardize, norm = setting
    residual = targets == ["td-residual"]
    command = ["probe-fit", "-q", "--no-history", "--progress=never",
               "--head=" + head, "--standardize=" + standardize,
               "--norm=" + norm, "--gamma=%r" % GAMMAS[head],
               "--val=%r" % VAL, "--hidden=%d" % hidden, "--baselines=none",
               "--permutations=0", "--bootstrap=0", "--seed=3",
               "--target=" + ("td" if residual else ",".join(targets))] + more
    if residual:
        command += ["--td-grad=residual"]
    if "td-lambda" in targets:
        command += ["--lambda=%r" % LAMBDA]
    if {"td", "mc", "td-lambda"} & set(targets) or residual:
        command += ["--terminal-weight=%r" % WEIGHT]
    env = dict(os.environ, **({"HSTOOLS_KERNEL": kernel} if kernel else {}))
    with open(stream, "rb") as f:
        out = subprocess.run(command, stdin=f, env=env, check=True,
                             stdout=subprocess.PIPE).stdout
    found = {}
    for o in records(out):
        if o["type"] == "head":
            top = o
        if o["type"] not in ("probe", "weights", "step"):
            continue
        name = "td-residual" if residual else o["target"]
        f = found.setdefault(name, {"w1": [], "steps": []})
        if o["type"] == "probe":
            f["probe"] = o
            for key in ("mean", "scale", "b1", "w2", "b2"):
                f[key] = read_stream.tensor(o[key]).reshape(-1)
        elif o["type"] == "weights":
            f["w1"].append(read_stream.tensor(o["w1"]).reshape(o["rows"], -1))
        else:
            f["steps"].append((o["loss"], o["trajectories"]))
    for f in found.values():
        f["w1"] = np.concatenate(f["w1"])
    assert kernel is None or top["run"]["kernel"] == kernel
    return top, found


def read_trajectories(stream):
    """By id: states x (n, d) from s_0 on, times t, T, reward, log-probabilities
    of the token after each state (NaN: none)."""
    out = {}
    with open(stream, "rb") as f:
        for o in read_stream.read(f):
            if o["reward"] is None:
                continue
            positions = read_stream.tensor(o["positions"]).astype(int)
            logprob = read_stream.tensor(o["logprob"]).astype("f8")
            (x,) = o["x"].values()
            t = positions - (o["n_prompt"] - 1)
            x, t = x[t >= 0].astype("f8"), t[t >= 0]
            n_new = len(logprob)
            after = [logprob[k] if k < n_new else np.nan for k in t]
            # the last token is fed to the model unless it is the end of text;
            # where all states are there, the last one says so itself
            fed = n_new - (o["finish"] == "eos")
            last = max(t.max(), fed) if len(t) < t.max() + 1 else t.max()
            out[o["id"]] = {
                "x": x, "t": t, "T": last, "r": float(o["reward"]),
                "problem": o["problem"], "logprob": np.array(after)}
    return out


def digest(ids):
    lib = ctypes.CDLL("libxxhash.so.0")
    lib.XXH3_64bits.restype = ctypes.c_uint64
    lib.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    each = [i.encode() for i in ids]
    return "%016x" % (sum(lib.XXH3_64bits(i, len(i)) for i in each) % 2**64)


def check_split(top, trajectories, steps):
    """The training trajectories, from the batches of the first epoch."""
    split = top["run"]["split"]
    train = []
    for _, batch in steps:
        if set(batch) & set(train):
            break
        train += batch
    inside = {trajectories[i]["problem"] for i in train}
    problems = {t["problem"] for t in trajectories.values()}
    assert sorted(train) == sorted(
        i for i, t in trajectories.items() if t["problem"] in inside)
    outside = problems - inside
    assert split["n_problems"] == len(problems)
    assert len(outside) == split["n_val"] == int(VAL * len(problems) + 0.5)
    assert split["digest"] == digest(outside)
    for _, batch in steps:
        assert set(batch) <= set(train)
    return train


def check_standardisation(probe, standardize, trajectories, train):
    x = np.concatenate([trajectories[i]["x"] for i in train])
    mean, size = 0 * x[0], 1 + 0 * x[0]
    if standardize == "zscore":
        mean, size = x.mean(0), x.std(0)
    elif standardize == "rms":
        size = np.sqrt((x * x).mean(0))
    scale = np.where(size > 0, 1 / np.where(size > 0, size, 1), 0)
    assert np.allclose(probe["mean"], mean, rtol=2e-7, atol=1e-7 * size.max())
    assert np.allclose(probe["scale"], scale, rtol=2e-7, atol=0)


# ---- the losses, from their definitions

def loss_of(torch, target, v, trajectory, gamma):
    """Squares and how many residuals they are the mean of."""
    t = torch.tensor(trajectory["t"], dtype=torch.float64)
    outcome = gamma ** (trajectory["T"] - t) * trajectory["r"]  # R(t)
    weight = torch.ones(len(t), dtype=torch.float64)
    if target in ("td", "td-residual", "mc", "td-lambda"):
        weight[-1] = WEIGHT
    if target in ("td", "td-residual"):
        after = v[1:] if target == "td-residual" else v[1:].detach()
        d = gamma ** (t[1:] - t[:-1]) * after - v[:-1]
        d = torch.cat([d, (outcome - v)[-1:]])
    elif target == "mc":
        d = outcome - v
    elif target == "td-lambda":
        goal, seen = outcome.clone(), v.detach()
        for i in reversed(range(len(t) - 1)):
            g = gamma ** (t[i + 1] - t[i])
            goal[i] = g * ((1 - LAMBDA) * seen[i + 1] + LAMBDA * goal[i + 1])
        d = goal - v
    elif target == "terminal":
        d, weight = (outcome - v)[-1:], weight[-1:]
    elif target == "s0":
        assert trajectory["t"][0] == 0
        d, weight = (outcome - v)[:1], weight[:1]
    else:
        goal = torch.tensor(trajectory["logprob"], dtype=torch.float64)
        there = ~torch.isnan(goal)
        d, weight = (goal - v)[there], weight[there]
    return (weight * d * d).sum(), len(d)


def by_torch(torch, dtype, start, steps, trajectories, setting, target):
    """Losses, and weights after the steps, in a precision; and how near each
    hidden unit came to its kink: the least of |z| in any state of any step, of
    the sum of its terms without their signs."""
    head, _, norm = setting
    parameter = {k: torch.nn.Parameter(torch.tensor(start[k], dtype=dtype))
                 for k in ("w1", "b1", "w2", "b2")}
    optimizer = torch.optim.AdamW(parameter.values(), lr=1e-4,
                                  betas=(0.9, 0.999), eps=1e-8,
                                  weight_decay=0.01)
    mean, scale = (start[k].astype("f8") for k in ("mean", "scale"))
    states = {i: torch.tensor((t["x"] - mean) * scale, dtype=dtype)
              for i, t in trajectories.items()}
    losses, edge = [], np.full(len(start["b1"]), np.inf)
    for _, batch in steps:
        sums, counts = [], []
        for i in batch:
            z = states[i] @ parameter["w1"].T + parameter["b1"]
            with torch.no_grad():
                near = z.abs() / (states[i].abs() @ parameter["w1"].abs().T)
                edge = np.minimum(edge, near.min(0).values.numpy())
            v = torch.relu(z) @ parameter["w2"] + parameter["b2"]
            if head == "sigmoid" and target != "ntp":
                v = torch.sigmoid(v)
            s, n = loss_of(torch, target, v, trajectories[i], GAMMAS[head])
            if n > 0:
                sums, counts = sums + [s], counts + [n]
        if norm == "token":
            loss = sum(sums) / sum(counts)
        else:
            loss = sum(s / n for s, n in zip(sums, counts)) / len(sums)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses), {k: p.detach().numpy()
                              for k, p in parameter.items()}, edge


def compare(got_losses, got, losses, weights, edge, start):
    """Worst relative errors: of a loss; of all of them by norm, for a loss may
    be nearly 0; of the tensors by norm; of what the steps changed in them, by
    norm; of single weights, to the largest. Then how
    many units are far off by themselves, and how many of these met the kink of
    their ReLU nearer than 32 bits tell its sides apart: one step there is, by
    AdamW, of any size that a gradient may have."""
    away = np.array(got_losses) - losses
    loss, curve = np.abs(away / losses).max(), (np.linalg.norm(away) /
                                                np.linalg.norm(losses))
    norm, change, single = 0, 0, 0
    for key, want in weights.items():
        error = np.abs(got[key] - want)
        size = np.linalg.norm(error)
        norm = max(norm, size / np.linalg.norm(want))
        change = max(change, size / np.linalg.norm(want - start[key]))
        single = max(single, error.max() / np.abs(want).max())
    rows = (np.linalg.norm(got["w1"] - weights["w1"], axis=1) /
            np.linalg.norm(weights["w1"], axis=1))
    far = rows > max(1e-5, 10 * np.median(rows))
    return (loss, curve, norm, change, single, far.sum(),
            (far & (edge < KINK)).sum())


def all_runs(stream, setting, hidden, more, kernel=None):
    first = [t for t in TARGETS if t != "td-residual"]
    top, found = probe_fit(stream, setting, first, hidden, more, kernel)
    found.update(probe_fit(stream, setting, ["td-residual"], hidden, more,
                           kernel)[1])
    return top, found


def reference(o):
    import torch
    trajectories = read_trajectories(o.stream)
    worst, kinks, n, lines = 0, 0, 0, []
    kernels = o.kernels.split(",") if o.kernels else [None]
    print("#target\thead\tstandardize\tnorm\tkernel\tloss\tcurve\tweights\tchange\t"
          "single")
    for setting in SOME if o.some else GRID:
        _, start = all_runs(o.stream, setting, o.hidden, ["--epochs=0"])
        runs = {}
        for kernel in kernels:
            top, runs[kernel] = all_runs(
                o.stream, setting, o.hidden,
                ["--steps=%d" % STEPS, "--log-steps"], kernel)
        for target in TARGETS:
            a = start[target]
            steps = runs[kernels[0]][target]["steps"]
            assert len(steps) == STEPS
            train = check_split(top, trajectories, steps)
            check_standardisation(a, setting[1], trajectories, train)
            exact = by_torch(torch, torch.float64, a, steps, trajectories,
                             setting, target)
            narrow = by_torch(torch, torch.float32, a, steps, trajectories,
                              setting, target)
            lines += written(setting, target, *exact[:2])
            for kernel, found in runs.items():
                got = found[target]
                assert [b for _, b in got["steps"]] == [b for _, b in steps]
                errors = compare([s for s, _ in got["steps"]], got, *exact, a)
                if errors[6] == 0:
                    worst = max(worst, *errors[1:3], key=lambda v: (v != v, v))
                kinks += errors[6] > 0
                n += 1
                print(target, *setting, kernel or top["run"]["kernel"],
                      *("%.2g" % e for e in errors), sep="\t", flush=True)
            print(target, *setting, "PyTorch-32", *(
                "%.2g" % e for e in compare(*narrow[:2], *exact, a)),
                  sep="\t", flush=True)
    print("# %d fits; worst of curves and weights: %.2g; without %d fits in "
          "which a unit was on its kink" % (n, worst, kinks))
    if o.write:
        with open(o.write, "w", encoding="ascii") as f:
            f.write("# made by tests/ref/fit.py; PyTorch %s, 64 bits\n"
                    "#target head standardize norm what numbers\n"
                    % torch.__version__)
            f.writelines(line + "\n" for line in lines)
    return worst < LIMIT


# ---- a file of what PyTorch got

def summary(losses, weights):
    """What stands in the file: some losses, and all of the small tensors; of
    w1 its products with fixed vectors."""
    hidden, d = weights["w1"].shape
    w1 = weights["w1"].astype("f8")
    return {"loss": np.asarray(losses)[LOSSES],
            "rows": w1 @ np.cos(np.arange(d)),
            "columns": np.cos(np.arange(hidden)) @ w1,
            "size": [np.linalg.norm(w1)],
            "b1": weights["b1"], "w2": weights["w2"], "b2": weights["b2"]}


def written(setting, target, losses, weights):
    name = " ".join([target, *setting])
    return ["%s %s %s" % (name, key, " ".join("%.7g" % v for v in values))
            for key, values in summary(losses, weights).items()]


def check(o):
    want, worst = {}, 0
    with open(o.file, encoding="ascii") as f:
        for line in f:
            if line.startswith("#"):
                continue
            target, head, standardize, norm, key, *values = line.split()
            want[head, standardize, norm, target, key] = np.array(values, "f8")
    assert len(want) == 7 * len(GRID) * len(TARGETS)
    for setting in GRID:
        _, found = all_runs(o.stream, setting, o.hidden,
                            ["--steps=%d" % STEPS, "--log-steps"])
        for target, got in found.items():
            assert len(got["steps"]) == STEPS
            numbers = summary([s for s, _ in got["steps"]], got)
            for key, values in numbers.items():
                w = want[(*setting, target, key)]
                assert w.shape == np.shape(values)
                error = np.abs(values - w) / (w if key == "loss" else
                                              np.abs(w).max())
                if not error.max() <= LIMIT:
                    print("far off:", target, *setting, key, error.max())
                worst = max(worst, error.max(), key=lambda v: (v != v, v))
    print("worst relative error: %.2g" % worst)
    return worst <= LIMIT


def main():
    p = argparse.ArgumentParser()
    p.add_argument("do", choices=["torch", "check"])
    p.add_argument("stream")
    p.add_argument("file", nargs="?")
    p.add_argument("--hidden", type=int, default=40)
    p.add_argument("--kernels")
    p.add_argument("--some", action="store_true")
    p.add_argument("--write")
    o = p.parse_args()
    return 0 if (reference if o.do == "torch" else check)(o) else 1


if __name__ == "__main__":
    sys.exit(main())
