#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rpe-scan --mode=td --log-steps wrote, computed again by NumPy and SciPy.

rpe.py check STREAM RPE     steps, deltas, chances of false hits, pooled rows and
                            what the probe makes of them, Spearman's and partial
                            correlations, Benjamini and Hochberg's q, p by
                            flips of other random numbers, bands of a curve
rpe.py fit STREAM RPE0 RPE  the probe of --keep=last and a batch of all steps:
                            AdamW by PyTorch's autograd in 64 bits, from the
                            initial weights, those of RPE0, made by --epochs=0
rpe.py bend IN OUT          a stream whose first answers have undecided
                            continuations: boundaries without a value
rpe.py drop IN OUT TYPE     without the first record of a type
"""
import ctypes
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "examples"))
import numpy as np
import oracle
import read_stream
from scipy import stats

FIGURES = ["selected", "split_half", "all"]


def near(what, got, want, limit=1e-6):
    got = np.asarray([np.nan if x is None else x for x in np.ravel(got)], float)
    want = np.asarray(np.ravel(want), float)
    assert got.shape == want.shape, (what, got.shape, want.shape)
    assert np.array_equal(np.isnan(got), np.isnan(want)), (what, got, want)
    bad = ~(np.abs(got - want) <= limit * np.maximum(1, np.abs(want))) & ~np.isnan(want)
    assert not bad.any(), (what, got[bad][:5], want[bad][:5], int(bad.sum()))


def xxh64(text, seed):
    lib = ctypes.CDLL("libxxhash.so.0")
    lib.XXH3_64bits_withSeed.restype = ctypes.c_uint64
    lib.XXH3_64bits_withSeed.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
    data = text.encode()
    return lib.XXH3_64bits_withSeed(data, len(data), seed)


def load(stream, rpe):
    with open(stream, "rb") as f:
        acts = [t for t in read_stream.read(f) if t["reward"] is not None]
    for t in acts:
        t["positions"] = read_stream.tensor(t["positions"]).astype(int)
        t["length"] = int(t["positions"].max()) - t["n_prompt"] + 1
    found = oracle.read(rpe)
    return acts, found[0], found[1:-1]


def value(r, i, reward, half):
    if i == len(r["at"]) - 1:
        return float(reward)
    k, s = r["k"][i], r["successes"][i]
    if half == 0:
        k, s = r["half_k"][i], r["half_successes"][i]
    if half == 1:
        k, s = k - r["half_k"][i], s - r["half_successes"][i]
    return s / k if k else np.nan


def chance(s1, k1, s2, k2, threshold):
    p = (s1 + s2) / (k1 + k2)
    a = stats.binom.pmf(np.arange(k1 + 1), k1, p)[:, None]
    b = stats.binom.pmf(np.arange(k2 + 1), k2, p)[None, :]
    gap = np.abs(np.arange(k1 + 1)[:, None] / k1 - np.arange(k2 + 1)[None, :] / k2)
    return float((a * b)[gap > threshold + 1e-9].sum())


def table(acts, run):
    gamma, threshold = run["td"]["gamma"], run["td"]["threshold"]
    problems = sorted({t["problem"] for t in acts},
                      key=lambda p: xxh64(p, run["split"]["seed"]))
    val = set(problems[:max(1, int(np.floor(run["split"]["val"] * len(problems) + 0.5)))])
    steps = []
    for t in acts:
        r = t.get("rollouts")
        for i in range(1, len(r["at"]) if r else 0):
            v = [[value(r, k, t["reward"], h) for h in (None, 0, 1)] for k in (i - 1, i)]
            if np.isnan(v[0][0]) or np.isnan(v[1][0]):
                continue
            d = [gamma * b - a for a, b in zip(*v)]
            far = [abs(x) > threshold + 1e-9 and abs(b - a) > threshold + 1e-9
                   for x, a, b in zip(d, *v)]
            last = i == len(r["at"]) - 1
            steps.append(dict(
                t=t, id=t["id"], problem=t["problem"], held_out=t["problem"] in val,
                **{"from": r["at"][i - 1], "to": r["at"][i]},
                before=v[0][0], after=v[1][0], delta=d[0], even=d[1], odd=d[2],
                beyond=far[0], half=far[1:], chance=0 if last else
                chance(r["successes"][i - 1], r["k"][i - 1], r["successes"][i], r["k"][i],
                       threshold)))
    return steps, val


def scores(x, how, acts_stats):
    """z of all states of an answer, x[0] being s_0."""
    if how == "train":
        return (x - acts_stats[0]) * acts_stats[1]
    z = np.zeros_like(x)
    for i in range(len(x)):
        part = x[1:] if how == "response" else x[:i + 1]
        m, s = part.mean(0), part.std(0)
        still = s <= 1e-6 * np.abs(part).max(0)
        z[i] = np.where(still, 0, (x[i] - m) / np.where(still, 1, s))
    return z


def pooled(steps, how, layer, probe):
    rows, z, last = [], None, None
    tensor = read_stream.tensor
    train = (tensor(probe["mean"]).astype(float), tensor(probe["scale"]).astype(float)) \
        if how == "train" else None
    for s in steps:
        t = s["t"]
        if t is not last:
            first = next(i for i, p in enumerate(t["positions"]) if p == t["n_prompt"] - 1)
            z, last = scores(t["x"][layer][first:].astype(float), how, train), t
        rows.append(z[s["from"] + 1:s["to"] + 1].mean(0))
    return np.array(rows)


def train_stats(acts, val, layer):
    x = np.concatenate([t["x"][layer][[i for i, p in enumerate(t["positions"])
                                       if p >= t["n_prompt"] - 1]].astype(float)
                        for t in acts if t["problem"] not in val])
    return x.mean(0), x.std(0)


def partial(x, y, z):
    z = np.column_stack([z, np.ones(len(x))])
    rest = lambda a: a - z @ np.linalg.lstsq(z, a, rcond=None)[0]
    a, b = rest(x), rest(y)
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def adjusted(p):
    """Benjamini and Hochberg's: the least n p(k) / k over k from each one's on."""
    order = np.argsort(p)
    q = np.minimum.accumulate((p[order] * len(p) / np.arange(1, len(p) + 1))[::-1])[::-1]
    out = np.empty(len(p))
    out[order] = np.minimum(q, 1)
    return out


def flipped_p(parts, rng, draws=4000):
    """parts (groups, columns): p of the sums under random signs."""
    seen = parts.sum(0)
    sums = rng.choice([-1.0, 1.0], (draws, len(parts))) @ parts
    return (1 + (np.abs(sums) >= np.abs(seen) - 1e-7).sum(0)) / (1 + draws)


def grouped(rows, group):
    names = {g: i for i, g in enumerate(dict.fromkeys(group))}
    out = np.zeros((len(names), rows.shape[1]))
    np.add.at(out, [names[g] for g in group], rows)
    return out


def check_figures(eval_, steps, predicted):
    held = [i for i, s in enumerate(steps) if s["held_out"]]
    pick = {"selected": [(i, steps[i]["delta"]) for i in held if steps[i]["beyond"]],
            "all": [(i, steps[i]["delta"]) for i in held],
            "split_half": [(i, steps[i][("odd", "even")[h]]) for i in held for h in (0, 1)
                           if steps[i]["half"][h]]}
    for name in FIGURES:
        pairs = [(i, y) for i, y in pick[name] if not np.isnan(y)]
        f = eval_[name]
        assert f["n"] == len(pairs), (name, f, len(pairs))
        assert f["problems"] == len({steps[i]["problem"] for i, _ in pairs})
        rho = stats.spearmanr([predicted[i] for i, _ in pairs], [y for _, y in pairs])[0]
        near(name, [f["rho"]], [rho])
        assert f["lo"] <= f["rho"] <= f["hi"], f


def check_steps(record, logged, steps):
    assert len(logged) == len(steps), (len(logged), len(steps))
    for got, want in zip(logged, steps):
        for key in ("id", "from", "to", "beyond", "held_out"):
            assert got[key] == want[key], (key, got, want)
        for key in ("before", "after", "delta", "even", "odd"):
            near(key, [got[key]], [want[key]], 1e-12)
    count = lambda f: sum(1 for s in steps if f(s))
    want = dict(steps=len(steps), train_steps=count(lambda s: not s["held_out"]),
                beyond=count(lambda s: s["beyond"]),
                train_beyond=count(lambda s: s["beyond"] and not s["held_out"]),
                up=count(lambda s: s["beyond"] and s["delta"] > 0),
                down=count(lambda s: s["beyond"] and s["delta"] < 0),
                problems=len({s["problem"] for s in steps}),
                trajectories=len({s["id"] for s in steps}))
    for key, n in want.items():
        assert record[key] == n, (key, record[key], n)
    near("false hits", [record["false_hits"], record["false_rate"]],
         [sum(s["chance"] for s in steps), np.mean([s["chance"] for s in steps])])


def mean_values(steps):
    """The mean V of the answer of each step, by its tokens."""
    by = {}
    for s in steps:
        by.setdefault(s["id"], []).append((s["to"] - s["from"], (s["before"] + s["after"]) / 2))
    mean = {i: np.average([v for _, v in a], weights=[n for n, _ in a]) for i, a in by.items()}
    return np.array([mean[s["id"]] for s in steps])


def check_tests(c, x, steps, znorm):
    rng = np.random.default_rng(1)
    get = lambda key: read_stream.tensor(c[key]).astype(float)
    group = [s["problem"] for s in steps]
    far = [i for i, s in enumerate(steps) if s["beyond"]]
    delta = [steps[i]["delta"] for i in far]
    flat = x.std(0) == 0
    assert flat.sum() <= 2
    with np.errstate(invalid="ignore"), np.testing.suppress_warnings() as quiet:
        quiet.filter(Warning)
        near("score", get("score"),
             [stats.spearmanr(x[far, j], delta)[0] for j in range(x.shape[1])], 3e-4)  # f32 ties
    cov = np.array([[(s["from"] + 1 + s["to"]) / 2 / s["t"]["length"],
                     ((s["from"] + 1 + s["to"]) / 2 / s["t"]["length"]) ** 2,
                     np.log(s["t"]["length"]), np.log(s["t"]["n_prompt"]),
                     np.log(s["to"] - s["from"])] for s in steps])
    if znorm == "response":
        cov = np.column_stack([cov, mean_values(steps)])
    before = np.array([s["before"] for s in steps])
    after = np.array([s["after"] for s in steps])
    ok = ~np.isnan(get("r_out"))
    near("r_out", get("r_out")[ok], [partial(x[:, j], after, np.column_stack([cov, before]))
                                     for j in np.flatnonzero(ok)], 2e-5)
    near("r_exp", get("r_exp")[ok], [partial(x[:, j], before, np.column_stack([cov, after]))
                                     for j in np.flatnonzero(ok)], 2e-5)
    p = np.where(np.sign(get("r_out")) != np.sign(get("r_exp")),
                 np.maximum(get("p_out"), get("p_exp")), 1)
    near("p", get("p")[ok], p[ok])
    for a, b in (("p", "q"), ("score_p", "score_q")):
        fine = ~np.isnan(get(a))
        near(b, get(b)[fine], adjusted(get(a)[fine]), 1e-5)
    assert np.array_equal(read_stream.tensor(c["found"]), get("q") <= c["alpha"])
    # p of the score by other signs: within five standard errors of both
    rank = lambda a: stats.rankdata(a) - (len(a) + 1) / 2
    y = rank(delta)
    fine = np.flatnonzero(~np.isnan(get("score_p")))
    parts = np.column_stack([rank(x[far, j]) * y for j in fine])
    parts /= np.sqrt((y @ y) ** 2)
    p = flipped_p(grouped(parts, [group[i] for i in far]), rng)
    sd = np.sqrt(np.maximum(p * (1 - p), 1e-3) * (1 / 4000 + 1 / c["n_permutations"]))
    assert (np.abs(p - get("score_p")[fine]) < 5 * sd).all(), \
        np.max(np.abs(p - get("score_p")[fine]) / sd)


def check_curve(found, layer):
    points = [o for o in found if o["type"] == "rpe-curve" and o["layer"] == layer]
    bands = [o for o in found if o["type"] == "rpe-band" and o["layer"] == layer]
    for b in bands:
        rho = np.array([o["rho"] for o in points
                        if all(o[k] == b[k] for k in ("set", "ratio", "figure"))], float)
        assert len(rho) == b["draws"]
        near("band", [b["mean"], b["min"], b["max"]], [rho.mean(), rho.min(), rho.max()])
        half = stats.t.ppf(0.975, len(rho) - 1) * rho.std(ddof=1) * np.sqrt(1 + 1 / len(rho))
        near("band", [b["lo"], b["hi"]],
             [max(-1, rho.mean() - half), min(1, rho.mean() + half)])
    assert bands and {o["set"] for o in points} == {"top", "random", "shuffled"}


def network(p, w1):
    get = lambda key: read_stream.tensor(p[key]).astype(float)
    return w1.astype(float), get("b1"), get("w2"), get("b2")[0]


def answer(net, x):
    w1, b1, w2, b2 = net
    return np.maximum(0, x @ w1.T + b1) @ w2 + b2


def probes_of(found, layer):
    """The probes of a layer, each with its w1."""
    out = []
    for o in found:
        if o["type"] == "rpe-probe" and o["layer"] == layer:
            out.append((o, []))
        elif o["type"] == "rpe-weights" and o["layer"] == layer:
            out[-1][1].append(read_stream.tensor(o["w1"]).reshape(o["rows"], -1))
    return [(p, np.concatenate(w)) for p, w in out]


def check_ranking(r, probes):
    """--by=l1: growth of the columns, mean rank over seeds."""
    tensor = read_stream.tensor
    ranks = [stats.rankdata(-(np.abs(w1.astype(float)).sum(0) - tensor(p["init_l1"])))
             for p, w1 in probes]
    near("mean rank", tensor(r["mean_rank"]), np.mean(ranks, 0))
    assert r["target"] == "rpe" and r["n_seeds"] == len(probes)


def check(stream, rpe):
    acts, head, found = load(stream, rpe)
    run = head["run"]
    steps, val = table(acts, run)
    for layer in head["layers"]:
        mine = [o for o in found if o["layer"] == layer]
        one = lambda kind: next(o for o in mine if o["type"] == kind)
        probes = probes_of(found, layer)
        check_steps(one("rpe-steps"), [o for o in mine if o["type"] == "rpe-step"], steps)
        x = pooled(steps, run["znorm"], layer, probes[0][0])
        if run["znorm"] == "train":
            m, s = train_stats(acts, val, layer)
            near("mean", read_stream.tensor(probes[0][0]["mean"]), m, 1e-4)
            near("scale", read_stream.tensor(probes[0][0]["scale"]) * s, np.ones(len(s)), 1e-4)
        for i, (p, w1) in enumerate(probes):
            predicted = answer(network(p, w1), x)
            if i == 0:
                logged = [o["predicted"] for o in mine if o["type"] == "rpe-step"]
                near("predicted", logged, predicted, 1e-4)
                check_figures(p["eval"], steps, logged)
            inner = [np.nan if v is None else v for v in p["curve"]["inner"]]
            assert p["epoch"] == np.argmin(inner) + 1, (p["epoch"], inner)
        check_tests(one("rpe-coordinates"), x, steps, run["znorm"])
        check_curve(found, layer)
        check_ranking(one("ranking"), probes)


def fit(stream, begun, trained):
    import torch
    acts, head, found = load(stream, trained)
    _, _, found0 = load(stream, begun)
    steps, _ = table(acts, head["run"])
    layer = head["layers"][0]
    (p, w1), (p0, start) = probes_of(found, layer)[0], probes_of(found0, layer)[0]
    near("init_l1", read_stream.tensor(p["init_l1"]), np.abs(start.astype(float)).sum(0), 1e-5)
    x = pooled(steps, head["run"]["znorm"], layer, p)
    use = [i for i, s in enumerate(steps) if s["beyond"] and not s["held_out"]]
    assert p["fit"]["batch"] >= len(use) and p["fit"]["keep"] == "last"
    xs = torch.tensor(x[use])
    y = torch.tensor([steps[i]["delta"] for i in use], dtype=torch.float64)
    net = [torch.tensor(np.asarray(a), dtype=torch.float64, requires_grad=True)
           for a in network(p0, start)]
    f = p["fit"]
    opt = torch.optim.AdamW(net, lr=f["lr"], betas=(f["beta1"], f["beta2"]), eps=f["eps"],
                            weight_decay=f["weight_decay"])
    losses = []
    for _ in range(f["epochs"]):
        opt.zero_grad()
        u = torch.relu(xs @ net[0].T + net[1]) @ net[2] + net[3]
        loss = ((u - y) ** 2).mean()
        loss.backward()
        opt.step()
        losses.append(float(loss.detach()))
    near("loss", p["curve"]["loss"], losses, 1e-5)
    for name, a, b in zip("w1 b1 w2 b2".split(), network(p, w1), net):
        near(name, a, b.detach().numpy(), 2e-4)


def rewrite(src, dst, change):
    objects = oracle.read(src)
    end = objects[-1]
    oracle.write(dst, objects[0], change(objects[1:-1]), end["trajectories"],
                 end["states"], end["f32_blocks"])


def bend(src, dst):
    def change(objects):
        n = 0
        for o in objects:
            if o["type"] != "trajectory":
                continue
            r, n = o["rollouts"], n + 1
            if n <= 6 and len(r["at"]) > 2:  # the first, a middle one, both halves
                i = [0, 1, len(r["at"]) - 2][n % 3]
                r["undecided"][i] = r["k"][i]
                for key in ("k", "successes", "half_k", "half_successes"):
                    r[key][i] = 0
                for key in ("value", "lo", "hi"):
                    r[key][i] = None
            if n == 7:
                del o["rollouts"]
        return objects
    rewrite(src, dst, change)


def drop(src, dst, kind):
    """Without the first record of a type."""
    def change(objects):
        i = next(i for i, o in enumerate(objects) if o["type"] == kind)
        return objects[:i] + objects[i + 1:]
    rewrite(src, dst, change)


if __name__ == "__main__":
    {"check": check, "fit": fit, "bend": bend, "drop": drop}[sys.argv[1]](*sys.argv[2:])
