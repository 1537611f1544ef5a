#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recomputes the summary of an ablation from its records.

usage: arms_summary.py SUMMARY.json ITEMS.jsonl

SUMMARY.json is what ablate-eval --report=json prints, ITEMS.jsonl what
hs-view --json --values prints of the same streams. Accuracy, Wilson's interval,
lost and gained, McNemar's p (for several samples a problem the exact sign-flip
p), Holm, places among draws, perplexities, repetition and
edits are computed anew with scipy and statsmodels. Prints the largest deviation
of each figure, relative to 1 + its size, and fails where one is above 1e-9. The
bootstrap's interval is sampled anew with other random numbers: its deviation is
a share of 0.02 plus one and a half items, and fails above 1.
"""

import collections
import json
import math
import sys

import numpy as np
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

DRAWN = ("random", "random-sinks", "rms")
worst = collections.defaultdict(float)


def check(name, ours, theirs, scale=None):
    """ours: recomputed; theirs: of the summary, None for NaN."""
    a = math.nan if ours is None else float(ours)
    b = math.nan if theirs is None else float(theirs)
    if not math.isfinite(a):
        # JSON has null for both NaN and infinity
        dev = 0.0 if not math.isfinite(b) else math.inf
    elif not math.isfinite(b):
        dev = math.inf
    else:
        dev = abs(a - b) / (scale or 1 + abs(b))
    worst[name] = max(worst[name], dev)


def numbers(v):
    """A list, or a tensor as hs-view shows it."""
    return v["values"] if isinstance(v, dict) else v


def repetition(tokens):
    grams = [tuple(tokens[i:i + 4]) for i in range(len(tokens) - 3)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def read_items(path):
    """{(arm, part): {(problem, sample): record}}"""
    items = collections.defaultdict(dict)
    with open(path, encoding="utf-8") as f:
        for line in f:
            r = json.loads(line)
            if r.get("type", "trajectory") != "trajectory" or "arm" not in r:
                continue
            items[r["arm"], r["part"]][r["problem"], r["sample"]] = r
    return items


def sign_flip(diffs):
    d = [x for x in diffs if x != 0]
    total = abs(sum(d))
    if all(abs(x) == 1 for x in d):
        k = sum(x < 0 for x in d)
        return binomtest(k, len(d)).pvalue if d else 1.0
    # the distribution of sums by polynomial products
    size = sum(map(abs, d))
    law = np.zeros(2 * size + 1)
    law[size] = 1.0
    for x in d:
        law = (np.roll(law, x) + np.roll(law, -x)) / 2
    at = np.arange(-size, size + 1)
    return float(law[np.abs(at) >= total].sum())


def task(items, label, part, level, out, several):
    mine, none = items[label, part], items["none", part]
    decided = [r for r in mine.values() if r["reward"] is not None]
    right = sum(r["reward"] == 1 for r in decided)
    n = len(decided)
    check("n", n, out["n"])
    check("n_right", right, out["n_right"])
    check("n_undecided", len(mine) - n, out["n_undecided"])
    if n > 0:
        lo, hi = proportion_confint(right, n, 1 - level, "wilson")
        for key, x in (("value", right / n), ("lo", lo), ("hi", hi)):
            check("accuracy." + key, x, out["accuracy"][key])
    by_problem = collections.defaultdict(list)
    for key, r in mine.items():
        o = none.get(key)
        if o and r["reward"] is not None and o["reward"] is not None:
            by_problem[key[0]].append(r["reward"] - o["reward"])
    d = [x for v in by_problem.values() for x in v]
    check("n_pairs", len(d), out["n_pairs"])
    check("lost", d.count(-1), out["lost"])
    check("gained", d.count(1), out["gained"])
    if not d:
        return None
    check("diff", sum(d) / len(d), out["diff"]["value"])
    bootstrap([sum(v) for v in by_problem.values()],
              [len(v) for v in by_problem.values()], level, out["diff"])
    if label == "none":
        return None
    if several:
        p = sign_flip([sum(v) for v in by_problem.values()])
    else:
        changed = d.count(-1) + d.count(1)
        p = binomtest(d.count(1), changed).pvalue if changed else 1.0
    check("p", p, out["p"])
    return p


def bootstrap(diff, count, level, out):
    rng = np.random.default_rng(1)
    diff, count = np.array(diff), np.array(count)
    pick = rng.integers(0, len(diff), (4000, len(diff)))
    x = diff[pick].sum(1) / count[pick].sum(1)
    lo, hi = np.quantile(x, [(1 - level) / 2, (1 + level) / 2])
    scale = 0.02 + 1.5 / count.sum()
    check("~diff.lo", lo, out["lo"], scale)
    check("~diff.hi", hi, out["hi"], scale)
    check("~diff.se", x.std(ddof=1), out["se"], scale)


def perplexity(records):
    lp = [x for r in records for x in numbers(r["logprob"])]
    # nine digits name a float
    lp = [-math.inf if x == "-inf" else math.nan if x is None else
          float(np.float32(x)) for x in lp]
    return math.exp(-sum(lp) / len(lp)) if lp else math.nan


def texts(items, label, out):
    mine = list(items[label, "problems"].values())
    n = len(mine)
    check("n_items", n, out["n_items"])
    if n > 0:
        new = [numbers(r["tokens"])[r["n_prompt"]:] for r in mine]
        check("parsed", sum(r["parsed"] is not None for r in mine) / n,
              out["parsed"])
        check("eos", sum(r["finish"] == "eos" for r in mine) / n, out["eos"])
        check("length", sum(r["finish"] == "length" for r in mine) / n,
              out["length"])
        check("mean_tokens", sum(map(len, new)) / n, out["mean_tokens"])
        check("repetition", sum(map(repetition, new)) / n, out["repetition"])
    check("own_ppl", perplexity(items[label, "own"].values()), out["own_ppl"])
    check("neutral_ppl", perplexity(items[label, "neutral"].values()),
          out["neutral_ppl"])
    edits = sum(r["edits"] for part in ("problems", "also", "own", "neutral")
                for r in items[label, part].values())
    check("edits", edits, out["edits"])
    check("edits", out["edited_rows"] * out["n_coords"], out["edits"])


def peer(a, b):
    if any(a[k] != b[k] for k in ("layer", "mode", "where")):
        return False
    if a["size"] is not None and b["size"] is not None:
        return a["size"] == b["size"]
    return a["n_coords"] == b["n_coords"]


def places(arms, a):
    for kind, key in (("random", "random"), ("random-sinks", "random_sinks"),
                      ("rms", "rms")):
        x = a["main"]["accuracy"]["value"]
        draws = [b["main"]["accuracy"]["value"] for b in arms
                 if b["kind"] == kind and peer(a, b)]
        draws = [y for y in draws if y is not None]
        out = a[key]
        if a["kind"] in DRAWN + ("none", "noop"):
            draws = []
        check("n_draws", len(draws), out["n_draws"])
        if not draws:
            continue
        check("place.mean", np.mean(draws), out["mean"])
        check("place.lowest", min(draws), out["lowest"])
        check("place.highest", max(draws), out["highest"])
        if x is not None:
            low = sum(y <= x for y in draws)
            check("n_as_low", low, out["n_as_low"])
            check("place.p", (1 + low) / (1 + len(draws)), out["p"])


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        summary = json.load(f)
    items = read_items(sys.argv[2])
    level = summary["options"]["level"]
    arms = summary["arms"]
    for part, key in (("problems", "main"), ("also", "also")):
        keys = {k for (_, p), v in items.items() if p == part for k in v}
        several = len(keys) > len({k[0] for k in keys})
        ps, where = [], []
        for a in arms:
            if a["same"]:
                continue
            p = task(items, a["label"], part, level, a[key], several)
            if p is not None and a["kind"] not in ("none", "noop"):
                ps.append(p)
                where.append(a)
        if ps:
            for a, p in zip(where, multipletests(ps, method="holm")[1]):
                check("p_holm", p, a[key]["p_holm"])
    for a in arms:
        if a["same"]:
            of = next(b for b in arms if b["label"] == a["same_as"])
            check("same_as", 0 if a["main"] == of["main"] else 1, 0)
        else:
            texts(items, a["label"], a)
        places(arms, a)
    bad = False
    for name in sorted(worst):
        limit = 1 if name.startswith("~") else 1e-9
        bad = bad or not worst[name] <= limit
        print(f"{name:18}{worst[name]:.3g}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
