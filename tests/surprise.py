#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rpe-scan --mode=surprise and --trace wrote, computed again by NumPy.

surprise.py scan STREAM RPE [VALUES]
                                who is a surprise, scores, what is left of them
                                without position, partial correlations; with V
                                of the records "values" of another stream
surprise.py trace STREAM RPE    which answers, z, deltas
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import numpy as np
import oracle
import rpe as td
from read_stream import tensor
from rpe import near, xxh64


def load(stream, rpe):
    acts, head, records = td.load(stream, rpe)
    return acts, head, [{k: tensor(v) if isinstance(v, dict) and "dtype" in v else v
                         for k, v in r.items()} for r in records]


def smooth(z, window):
    """Centred moving average, cut at the ends: by a matrix."""
    n, h = len(z), window // 2
    away = np.abs(np.arange(n)[:, None] - np.arange(n)[None, :])
    m = (away <= h).astype(float)
    return (m / m.sum(1, keepdims=True)) @ z


def deviation(x):
    s = x.std(0)
    return np.where(s < 1e-6 * np.abs(x).max(0), np.inf, s)


def z_scores(x, t, znorm, mean, scale):
    """Of s_0 .. s_T; t is their times."""
    if znorm == "train":
        return (x - mean) / scale
    if znorm == "response":
        own = x[t > 0]
        return (x - own.mean(0)) / deviation(own)
    return np.stack([(x[i] - x[:i + 1].mean(0)) / deviation(x[:i + 1])
                     if i > 0 else 0 * x[0] for i in range(len(x))])


def figure(z, window, znorm):
    y = smooth(z, window)
    return y.max(0) + y.min(0) if znorm == "response" else y.mean(0)


def states(a, layer):
    """Times and states from s_0 on."""
    t = a["positions"] - a["n_prompt"] + 1
    return t[t >= 0], a["x"][layer][t >= 0].astype(float)


def residual(y, z):
    z = np.column_stack([np.ones(len(z)), z])
    return y - z @ np.linalg.lstsq(z, y, rcond=None)[0]


def partial(x, y, z):
    a, b = residual(x, z), residual(y, z)
    return a.T @ b / np.sqrt((a ** 2).sum(0) * (b ** 2).sum())


def v0_of(acts):
    k, right = {}, {}
    for a in acts:
        k[a["problem"]] = k.get(a["problem"], 0) + a["rollouts"]["k"][0]
        right[a["problem"]] = right.get(a["problem"], 0) + a["rollouts"]["successes"][0]
    return np.array([right[a["problem"]] / k[a["problem"]] for a in acts])


def training_states(acts, run, layer):
    problems = sorted({a["problem"] for a in acts},
                      key=lambda p: xxh64(p, run["split"]["seed"]))
    held = problems[:max(1, int(np.floor(run["split"]["val"] * len(problems) + 0.5)))]
    x = np.concatenate([states(a, layer)[1] for a in acts if a["problem"] not in held])
    return x.mean(0), deviation(x)


def scan(stream, rpe, values=None):
    acts, head, records = load(stream, rpe)
    summary = next(r for r in records if r["type"] == "rpe-steps")
    found = next(r for r in records if r["type"] == "rpe-coordinates")
    layer, window, znorm = found["layer"], summary["window"], summary["znorm"]
    mean, scale = training_states(acts, head["run"], layer)
    v = values and {o["id"]: tensor(o["v"]).astype(float) for o in oracle.read(values)
                    if o["type"] == "values" and o["layer"] == layer}
    v0 = np.array([v[a["id"]][0] for a in acts]) if v else v0_of(acts)
    assert summary["value_taken_out"] == bool(v)
    r = np.array([a["reward"] for a in acts], float)
    k = int(np.floor(summary["quantile"] * len(acts) + 0.5))
    low, high = np.sort(v0)[k - 1], np.sort(v0)[-k]
    near("bounds", [summary["low"], summary["high"]], [low, high])
    pleasant, unpleasant = (v0 <= low) & (r == 1), (v0 >= high) & (r == 0)
    problem = np.array([a["problem"] for a in acts])
    mixed = set(problem[pleasant]) & set(problem[unpleasant])
    pleasant &= ~np.isin(problem, list(mixed))
    unpleasant &= ~np.isin(problem, list(mixed))
    near("surprises", [summary["pleasant"], summary["unpleasant"], summary["mixed"]],
         [pleasant.sum(), unpleasant.sum(), len(mixed)])
    traces, terms = [], []
    for a in acts:
        t, x = states(a, layer)
        traces.append(z_scores(x, t, znorm, mean, scale)[t > 0])
        share = t[t > 0] / a["length"]
        terms.append(np.column_stack([share, share ** 2] + ([v[a["id"]][t > 0]] if v else [])))
    ends = np.cumsum([len(z) for z in traces])[:-1]
    left = np.split(residual(np.concatenate(traces), np.concatenate(terms)), ends)
    f = np.stack([figure(z, window, znorm) for z in traces])
    g = np.stack([figure(z, window, znorm) for z in left])
    near("score", found["score"], f[pleasant].mean(0) - f[unpleasant].mean(0), 2e-5)
    near("adj_score", found["adj_score"], g[pleasant].mean(0) - g[unpleasant].mean(0), 2e-5)
    z = np.log([[a["length"], a["n_prompt"]] for a in acts])
    near("r_out", found["r_out"], partial(f, r, np.column_stack([z, v0])), 2e-5)
    near("r_exp", found["r_exp"], partial(f, v0, np.column_stack([z, r])), 2e-5)
    p = np.where(found["r_out"] * found["r_exp"] < 0,
                 np.maximum(found["p_out"], found["p_exp"]), 1)
    near("p", found["p"], p)
    print(len(acts), "trajectories,", int(pleasant.sum()), "pleasant,",
          int(unpleasant.sum()), "unpleasant,", len(mixed), "mixed")


def trace(stream, rpe):
    acts, head, records = load(stream, rpe)
    at = {a["id"]: a for a in acts}
    settings = head["run"]["trace"]
    own = np.array([a["rollouts"]["value"][0] for a in acts])
    r = np.array([a["reward"] for a in acts])
    chosen = {"pleasant": acts[int(np.argmin(np.where(r == 1, own, np.inf)))]["id"],
              "unpleasant": acts[int(np.argmax(np.where(r == 0, own, -np.inf)))]["id"]}
    wanted = {chosen.get(i, i) for i in settings["ids"]}
    assert wanted == {q["id"] for q in records}, (wanted, [q["id"] for q in records])
    for q in records:
        assert q["surprise"] in (None, "pleasant", "unpleasant")
        if q["surprise"]:
            assert q["id"] == chosen[q["surprise"]], q["id"]
        a = at[q["id"]]
        t, x = states(a, q["layer"])
        of_all = np.concatenate([s[u > 0] for u, s in (states(b, q["layer"]) for b in acts)])
        z = z_scores(x, t, settings["znorm"], of_all.mean(0), deviation(of_all))
        near("t", q["t"], t)
        near("z", q["z"], z[:, q["coordinates"]].T.ravel(), 2e-5)
        v = np.array([np.nan if u is None else u for u in a["rollouts"]["value"]], float)
        near("at", q["at"], a["rollouts"]["at"])
        near("value", q["value"], v, 1e-6)
        near("delta", q["delta"], settings["gamma"] * v[1:] - v[:-1], 1e-6)
        near("v0", q["v0"], v[0])
        near("reward", q["reward"], a["reward"])
    print(len(records), "traces")


if __name__ == "__main__":
    {"scan": scan, "trace": trace}[sys.argv[1]](*sys.argv[2:])
