#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""rpe-scan --dependence against PyTorch (model.py), SciPy and NumPy.

    depend.py compare SOURCE BUILD FOLDER

In FOLDER, which must not be there: trajectories of examples/reasoner, made-up
rollouts, a ranking, a scan, and the dependence test; then every arm's traces by
a float64 forward pass with the same coordinates set to 0, and every figure of
them.  Prints the largest difference of each.
"""
import json
import os
import subprocess
import sys

import numpy as np
import torch
from scipy import stats

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import model as reference  # noqa: E402

LAYER, FIRST, GAMMA, THRESHOLD = 4, 5, 0.9, 0.2

MAKE = r"""
head -n 12 "$S/examples/reasoner/problems/chain-test.jsonl" |
    hs-extract -m "$M" --grader gsm8k --max-tokens 60 --seed 1 -o plain.hsz
hs-export -o plain.safetensors plain.hsz
jq -c 'if .type == "trajectory" then .rollouts = (
        (.tokens | length) as $n | .n_prompt as $p
        | ($n - $p - (if .finish == "eos" then 1 else 0 end)) as $t | .reward as $r
        | ([range(0; $t; 6)] + [$t]) as $at
        | ($at | length) as $m | [range(0; $m)] as $i | {
            rule: "every:6", min_tokens: 1, at: $at, tokens: 0,
            k: [$i[] | if . + 1 < $m then 8 else 0 end],
            successes: [$i[] | if . + 1 < $m
                then ($at[.] * 7 + $n * 3 + $p) % 9 else 0 end],
            half_k: [$i[] | 0], half_successes: [$i[] | 0],
            undecided: [$i[] | 0]
        }) else . end' plain.index.jsonl >raw.jsonl
python3 "$H/depend.py" wilson raw.jsonl >roll.index.jsonl
hs-import --index=roll.index.jsonl plain.safetensors >acts.hsz
hs-view --check acts.hsz
probe-fit --target=mc --hidden=16 --epochs=3 -l 1-3 -q <acts.hsz >probe.hsz
neuron-rank --target=mc -q <probe.hsz >rank.hsz
rpe-scan --mode=td -l 4 --epochs=1 --random=1 --bootstrap=20 --threshold=0.2 \
    --permutations=99 -q <acts.hsz >rpe.hsz
rpe-scan --dependence=rank.hsz --rpe=rpe.hsz --edit-layers=1,3 --fraction=20% \
    --first=5 --random=3 --rms=3 --gamma=0.9 --threshold=0.2 -m "$M" \
    <acts.hsz >dep.hsz
hs-view --json --values dep.hsz >dep.jsonl
hs-view --json --values acts.hsz --type=trajectory >traj.jsonl
rpe-scan --report dep.hsz
"""


def wilson(path):
    """Adds value, lo and hi to rollouts."""
    for line in open(path):
        t = json.loads(line)
        r = t.get("rollouts")
        if r is not None:
            r["value"], r["lo"], r["hi"] = [], [], []
            for i, (k, s) in enumerate(zip(r["k"], r["successes"])):
                v = lo = hi = t["reward"]
                if i + 1 < len(r["k"]):
                    ci = stats.binomtest(s, k).proportion_ci(0.95, "wilson")
                    v, lo, hi = s / k, ci.low, ci.high
                r["value"].append(v)
                r["lo"].append(lo)
                r["hi"].append(hi)
        print(json.dumps(t))


def zeroed(sets):
    def change(layer, x):
        if layer in sets:
            x = x.clone()
            x[:, sets[layer]] = 0
        return x
    return change


def traces(model, trajectories, sets, coords):
    """(T, coordinates) of each: s_1 .. s_T."""
    out = []
    for t in trajectories:
        tokens = t["tokens"]["values"]
        if tokens[-1] in model.eos and len(tokens) > t["n_prompt"]:
            tokens = tokens[:-1]
        x = model.forward(tokens, {}, zeroed(sets))[LAYER].numpy()
        out.append(x[t["n_prompt"]:, coords])
    return out


def figures(trajectories, plain, edited):
    corr, ratio, z, delta = [], [], [], []
    for t, x, y in zip(trajectories, plain, edited):
        assert len(x) == t["rollouts"]["at"][-1]
        if len(x) >= 3:
            corr.append([stats.pearsonr(a, b)[0] for a, b in zip(x.T, y.T)])
            ratio.append(y.std(0) / x.std(0))
        v, at = t["rollouts"]["value"], t["rollouts"]["at"]
        u = (y - y.mean(0)) / x.std(0)
        for i in range(1, len(at)):
            d = GAMMA * v[i] - v[i - 1] if v[i] is not None else np.nan
            if abs(d) > THRESHOLD + 1e-9 and abs(v[i] - v[i - 1]) > THRESHOLD + 1e-9:
                delta.append(d)
                z.append(u[at[i - 1]:at[i]].mean(0))
    z = np.array(z)
    rho = [stats.spearmanr(z[:, c], delta)[0] for c in range(z.shape[1])]
    return np.mean(corr, 0), np.mean(ratio, 0), np.array(rho), len(delta)


def compare(source, build, folder):
    os.makedirs(folder)
    reasoner = os.path.abspath(os.path.join(source, "examples", "reasoner"))
    env = dict(os.environ, M=reasoner, S=os.path.abspath(source), H=HERE,
               PATH=os.path.abspath(build) + ":" + os.environ["PATH"])
    subprocess.run(["sh", "-ec", MAKE.replace("python3", sys.executable)],
                   cwd=folder, env=env, check=True)
    model = reference.Model(reasoner, torch.float64)
    trajectories = [json.loads(s)
                    for s in open(os.path.join(folder, "traj.jsonl"))]
    records = [json.loads(s) for s in open(os.path.join(folder, "dep.jsonl"))]
    test, = (r for r in records if r["type"] == "dependence")
    arms = [r for r in records if r["type"] == "dependence-arm"]
    coords = [c["index"] for c in test["coordinates"]]
    assert len(coords) == FIRST and len(arms) == 8 and test["k"] == 51
    plain = traces(model, trajectories, {}, coords)
    worst = np.zeros(3)
    for arm in arms:
        sets = dict(zip(test["edit_layers"], arm["sets"]))
        got = figures(trajectories, plain,
                      traces(model, trajectories, sets, coords))
        assert got[3] == test["steps"], (got[3], test["steps"])
        for i, key in enumerate(("corr", "ratio", "rho")):
            worst[i] = max(worst[i], abs(got[i] - arm[key]).max())
        print(arm["arm"], "corr", np.round(got[0], 3), "rho",
              np.round(got[2], 3))
    print("largest differences: corr %.2g, ratio %.2g, rho %.2g" %
          tuple(worst))
    assert worst[0] < 1e-4 and worst[1] < 1e-4 and worst[2] < 5e-3


if __name__ == "__main__":
    if sys.argv[1] == "wilson":
        wilson(sys.argv[2])
    else:
        compare(*sys.argv[2:5])
