#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams to test probe-fit with, and what it wrote, computed again by NumPy.

probe.py make OUT KIND                a stream: good, rare, nan, no-width,
                                      no-layers, no-prompt, no-s0, other-model,
                                      wide
probe.py drop PROBES OUT TYPE         a stream of probes without the first
                                      record of a type
probe.py values PROBES STREAM [SOME]  the values of STREAM, written by --apply,
                                      against the weights of PROBES; and the
                                      figures of PROBES, made with --log-steps
                                      of SOME, against these values
probe.py report TSV JSON PROBES       both forms of a report against the records
"""
import csv
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import numpy as np
import oracle

PLACES = {"s0": 0, "25%": 0.25, "50%": 0.5, "75%": 0.75, "sT": 1}


def make(out, kind):
    rng = np.random.default_rng(5)
    head, packed, n = oracle.head("f16"), [], 80
    if kind == "no-width":
        head["dim"] = head["model"]["dim"] = 0
    if kind == "wide":
        head["dim"] = head["model"]["dim"] = 7
    if kind == "no-layers":
        head["layers"] = []
    if kind == "other-model":
        head["model"]["fingerprint"] = "abd"
    for k in range(n):
        t = oracle.trajectory(k, rng)
        t["reward"] = int(k % 20 == 0 if kind == "rare" else k // 2 % 2)
        if kind == "no-prompt" and k == 3:
            t["n_prompt"] = 0
            new = t["tokens"]["shape"][0]
            t["logprob"] = t["entropy"] = oracle.tensor(-rng.random(new), "f32")
        if kind == "no-s0" and k == 3:  # the last token of the prompt is 2
            t["positions"] = oracle.tensor([0, 1], "u32")
        packed.append(t)
        rows = t["positions"]["shape"][0]
        for layer in head["layers"]:
            x = rng.standard_normal((rows, head["dim"])) + 3
            if head["dim"]:
                x[:, 0] += 2 * t["reward"] - 1
            dtype = "f32" if kind == "nan" and k == 5 else "f16"
            if dtype == "f32" and layer == 2:
                x[1, 2] = np.nan
            packed.append({
                "type": "states", "id": t["id"], "layer": layer, "first": 0,
                "shape": [rows, head["dim"]], "dtype": dtype,
                "planes": 1 if dtype == "f32" else 2,
                "data": oracle.stored(x, dtype)})
    oracle.write(out, head, packed, n, len(packed) - n,
                 len(head["layers"]) if kind == "nan" else 0)
    return True


def drop(probes, out, kind):
    head, *objects, _ = oracle.read(probes)
    first = [o["type"] for o in objects].index(kind)
    oracle.write(out, head, objects[:first] + objects[first + 1:], 0, 0, 0)
    return True


def array(o):
    return np.frombuffer(o["data"], {"u32": "<u4", "f32": "<f4"}[o["dtype"]])


def key_of(o):
    return o["layer"], o["target"], o["seed"]


def read_probes(path):
    """By (layer, target, seed): the record, with its w1; and the trajectories
    of the first epoch, where steps were logged."""
    found, train = {}, set()
    for o in oracle.read(path):
        if o["type"] == "probe":
            o["w1"] = []
            found[key_of(o)] = o
        elif o["type"] == "weights":
            found[key_of(o)]["w1"].append(
                array(o["w1"]).reshape(o["rows"], -1).astype("f8"))
        elif o["type"] == "step":
            train |= set(o["trajectories"])
    for p in found.values():
        p["w1"] = np.concatenate(p["w1"])
    return found, train


def value(p, x):
    a = {k: array(p[k]).astype("f8")
         for k in ("mean", "scale", "b1", "w2", "b2")}
    u = np.maximum((x - a["mean"]) * a["scale"] @ p["w1"].T + a["b1"], 0)
    u = u @ a["w2"] + a["b2"]
    return 1 / (1 + np.exp(-u)) if p["fit"]["head"] == "sigmoid" else u


def check_values(found, stream):
    """The values in a stream by (layer, target, seed) and id."""
    objects, states, got = oracle.read(stream), {}, {}
    for o in objects:
        if o["type"] == "states":
            states.setdefault((o["id"], o["layer"]), []).append(oracle.block(o))
    trajectories = [o for o in objects if o["type"] == "trajectory"]
    values = [o for o in objects if o["type"] == "values"]
    assert len(values) == len(trajectories) * len(found) > 0
    by_id, worst = {t["id"]: t for t in trajectories}, 0
    for o in values:
        t = by_id[o["id"]]
        assert o["problem"] == t["problem"] and o["reward"] == t["reward"]
        times = array(t["positions"]).astype(int) - (t["n_prompt"] - 1)
        assert np.array_equal(array(o["t"]), times[times >= 0])
        x = np.concatenate(states[o["id"], o["layer"]]).astype("f8")
        want = value(found[key_of(o)], x[times >= 0])
        worst = max(worst, np.abs(array(o["v"]) - want).max())
        got.setdefault(key_of(o), {})[o["id"]] = (
            array(o["t"]).astype(int), array(o["v"]).astype("f8"), t["reward"])
    print("values: %d trajectories, worst error %.2g" % (len(values), worst))
    return worst < 2e-6, got


def auc(score, reward):
    right, wrong = score[reward == 1], score[reward == 0]
    d = right[:, None] - wrong[None]
    return ((d > 0) + 0.5 * (d == 0)).mean()


def check_figures(p, got, train):
    held = [v for i, v in got.items() if i not in train and v[2] is not None]
    reward = np.array([r for _, _, r in held])
    assert p["eval"]["n"] == len(held)
    assert p["eval"]["n_positive"] == reward.sum()
    good = True
    for name, share in PLACES.items():
        v = np.array([v[np.abs(t - share * t[-1]).argmin()]
                      for t, v, _ in held])
        want = {"auc": auc(v, reward), "spread": v.std()}
        if p["target"] != "ntp":
            want["brier"] = ((v - reward) ** 2).mean()
            bins = np.clip(np.floor(v * 10), 0, 9)
            want["ece"] = sum(abs((v - reward)[bins == b].sum())
                              for b in range(10)) / len(v)
        for key, w in want.items():
            if not abs(p["eval"]["places"][name][key] - w) < 1e-6:
                print(key_of(p), name, key, p["eval"]["places"][name][key], w)
                good = False
    return good


def values(probes, stream, made_of=None):
    found, train = read_probes(probes)
    good, got = check_values(found, stream)
    if made_of:
        assert 0 < len(train) < len(got[next(iter(got))])
        for key, p in found.items():
            good = check_figures(p, got[key], train) and good
    return good


def report(tsv, lines, probes):
    found, _ = read_probes(probes)
    baselines = {(o["layer"], o["name"], o.get("target")): o
                 for o in oracle.read(probes) if o["type"] == "baseline"}
    with open(tsv, encoding="utf-8") as f:
        table = list(csv.DictReader(f, delimiter="\t"))
    with open(lines, encoding="utf-8") as f:
        objects = [json.loads(line) for line in f]
    assert len(table) == len(objects) == 5 * (len(found) + len(baselines))
    for row, o in zip(table, objects):
        layer = int(row.pop("#layer"))
        assert layer == o["layer"]
        if row["seed"]:
            p = found[layer, row["score"], int(row["seed"])]
        else:
            p = baselines[layer, row["score"], row["target"] or None]
        place = p["eval"]["places"][row["place"]]
        for key, text in row.items():
            if key in ("score", "target", "seed", "place"):
                assert text == (o[key] or "")
                continue
            assert place.get(key) == o[key]
            assert (text == "") == (o[key] is None)
            assert text == "" or abs(float(text) - o[key]) <= 1e-8
    return True


if __name__ == "__main__":
    do = {"make": make, "drop": drop, "values": values, "report": report}
    sys.exit(0 if do[sys.argv[1]](*sys.argv[2:]) else 1)
