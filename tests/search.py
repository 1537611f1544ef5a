#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hs-search did, done again by hs-extract, probe-fit and NumPy.

ANSWERS are the trajectories of a stream made with --log-candidates, as hs-view
--values prints them.

search.py draws ANSWERS SEED          problems whose samples are the candidates
search.py check-draws ANSWERS SEED DRAWN MODEL RULE LIMIT
                                      candidates against these samples
search.py replays ANSWERS             every candidate as an answer to replay
search.py check-scores ANSWERS REPLAYED RPE [MODEL]
                                      scores against the replays, with the
                                      probe's values and the states; whole
                                      answers in steps of a line with MODEL
search.py rolls ANSWERS SEED          problems whose samples are rollouts
search.py check-rolls ANSWERS SEED ROLLED MODEL R
                                      the oracle's scores against these
search.py check-path ANSWERS          choices, prefixes and counts of tokens
search.py report ANSWERS JSON         a report against the answers
search.py tokens N SIZE               N problems of a word each; every token of SIZE
                                      as an answer to it
search.py chances MODEL SCORED TOP    problems with a right answer among the TOP
                                      most probable tokens, and its chance
search.py check-chances PROBLEMS ANSWERS K
                                      how often random and oracle are right
"""
import json
import math
import re
import sys

UNKNOWN = "\ufffd".encode()  # an id that is no token
EOS = (466,)  # of the reasoner: <|im_end|>


def lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def answers(path):
    """Answers with their log: (trajectory, meta of the search, prompt)."""
    for t in lines(path):
        if t.get("type") == "trajectory":
            yield t, t["meta"]["search"], t["tokens"]["values"][: t["n_prompt"]]


def rounds(path):
    """All rounds: answer, search, log entry, prefix before, place."""
    for t, s, prompt in answers(path):
        said = []
        for i, entry in enumerate(s["log"]):
            yield t, s, entry, prompt + said, i
            said = said + entry["candidates"][s["chosen"][i]]


def show(objects):
    seen = set()
    for o in objects:
        if o["id"] not in seen:
            seen.add(o["id"])
            print(json.dumps(o))


def fail(*words):
    print(*words)
    sys.exit(1)


def near(a, b, atol):
    return a is not None and b is not None and abs(a - b) <= atol


def texts(model):
    """Bytes of each token, from the vocabulary of a byte-level tokenizer."""
    with open(model + "/tokenizer.json", encoding="utf-8") as f:
        j = json.load(f)
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    byte = {chr(b): b for b in plain}
    rest = [b for b in range(256) if b not in plain]
    byte.update({chr(256 + i): b for i, b in enumerate(rest)})
    out = {}
    for text, i in j["model"]["vocab"].items():
        out[i] = bytes(byte[c] for c in text)
    for t in j.get("added_tokens", []):
        out[t["id"]] = t["content"].encode()
    return out


def draws(path, seed):
    show({"id": e["key"], "tokens": p} for _, s, e, p, _ in rounds(path)
         if s["seed"] == seed)


def step_length(tokens, text, rule):
    """Where the first step of tokens ends, by another reading of the rule."""
    if rule.startswith("every:"):
        return min(len(tokens), int(rule[6:]))
    for i in range(len(tokens)):
        if tokens[i] in EOS:
            return i + 1
        said = b"".join(text.get(t, UNKNOWN) for t in tokens[: i + 1])
        if b"\n" in said.lstrip(b" \t\r\n"):
            return i + 1
    return len(tokens)


def check_draws(path, seed, drawn, model, rule, limit):
    have = {t["id"]: t["tokens"]["values"][t["n_prompt"]:] for t in lines(drawn)
            if t.get("type") == "trajectory"}
    text, n = texts(model), 0
    prefixes = {}
    for t, s, e, prefix, _ in rounds(path):
        if s["seed"] != seed:
            continue
        if prefixes.setdefault(e["key"], prefix) != prefix:
            fail("one key, two prefixes", e["key"])
        for k, c in enumerate(e["candidates"]):
            whole = have[e["key"] + (f"#{k}" if k else "")]
            left = limit - (len(prefix) - t["n_prompt"])
            want = whole[: min(step_length(whole[:left], text, rule), left)]
            if c != want:
                fail(t["id"], e["key"], k, c, want)
            n += 1
    if len(set(map(tuple, prefixes.values()))) != len(prefixes):
        fail("one prefix, two keys")
    if n < 20:
        fail("only", n, "candidates")


def scored(path):
    """The rounds that are held against replays: of two problems and a seed."""
    some = {}
    for t, s, e, p, i in rounds(path):
        if s["scorer"] in ("value", "logprob", "dopamine"):
            some.setdefault(t["problem"], None)
            if t["problem"] in list(some)[:2] and s["seed"] == 1:
                yield t, s, e, p, i


def replays(path):
    show({"id": f"{t['id']}|{i}|{k}", "tokens": p[: t["n_prompt"]],
          "completion_tokens": [p[t["n_prompt"]:] + c]}
         for t, s, e, p, i in scored(path)
         for k, c in enumerate(e["candidates"]))


def z_scores(states, probe):
    """Of s_1 on, (T, d)."""
    import numpy as np

    x = states.astype(np.float64)
    if probe["znorm"] == "train":
        return ((x[1:] - np.array(probe["mean"]["values"]))
                * np.array(probe["scale"]["values"]))
    z = []
    for t in range(1, len(x)):
        m, sd = x[: t + 1].mean(0), x[: t + 1].std(0)
        with np.errstate(divide="ignore", invalid="ignore"):
            z.append(np.where(sd < 1e-6 * np.abs(x[: t + 1]).max(0), 0,
                              (x[t] - m) / sd))
    return np.array(z).reshape(len(x) - 1, x.shape[1])


def dopamine_score(states, probe, w1, at):
    """states from s_0 on; at: the places before the steps' first tokens, and
    behind their last ones."""
    import numpy as np

    z, total = z_scores(states, probe), 0.0
    for a, b in zip(at, at[1:]):
        row = z[a:b].mean(0)
        h = np.maximum(w1 @ row + np.array(probe["b1"]["values"]), 0)
        total += float(h @ np.array(probe["w2"]["values"])
                       + probe["b2"]["values"][0])
    return total


def line_steps(tokens, n_fed, text):
    """Where the lines of a whole answer end; what is left over is a step if
    there is something in it."""
    at, said = [0], b""
    for i in range(n_fed):
        said += text.get(tokens[i], UNKNOWN)
        if b"\n" in said.lstrip(b" \t\r\n"):
            at.append(i + 1)
            said = said[said.rindex(b"\n") + 1:]
    if n_fed > at[-1]:
        if len(at) > 1 and not said.strip(b" \t\r\n"):
            at.pop()
        at.append(n_fed)
    return at


def check_scores(path, replayed, rpe, model=None):
    import numpy as np

    text = texts(model) if model else None
    probe = w1 = None
    for r in lines(rpe):
        if r["type"] == "rpe-probe":
            probe = r
        if r["type"] == "rpe-weights":
            w1 = np.array(r["w1"]["values"]).reshape(r["w1"]["shape"][0] // probe["d"], -1)
    traj, value, states = {}, {}, {}
    for r in lines(replayed):
        if r["type"] == "trajectory":
            traj[r["id"]] = r
        elif r["type"] == "values":
            value.setdefault(r["id"], []).append(r["v"]["values"][-1])
        elif r["type"] == "states":
            rows, d = r["shape"]
            x = np.array(r["data"]["values"] if "data" in r else r["values"])
            states.setdefault((r["id"], r["layer"]), []).append(x.reshape(rows, d))
    worst = {}
    for t, s, e, prefix, i in scored(path):
        for k, c in enumerate(e["candidates"]):
            name, got, kind = f"{t['id']}|{i}|{k}", e["scores"][k], s["scorer"]
            if kind == "value":
                want = sum(value[name]) / len(value[name])  # of seeds
            elif kind == "logprob":
                p = traj[name]["logprob"]["values"][len(prefix) - t["n_prompt"]:]
                want = sum(p) / len(p)
            elif kind == "dopamine":
                x = np.concatenate(states[name, probe["layer"]])
                first = len(prefix) - t["n_prompt"]
                at = [first, len(x) - 1] if len(x) - 1 > first else [first]
                if text:
                    at = line_steps(c, len(x) - 1, text)
                want = dopamine_score(x, probe, w1, at)
            else:
                continue
            worst[kind] = max(worst.get(kind, 0), abs(got - want))
            if not near(got, want, 2e-6 * (1 + abs(want))):
                fail(name, kind, got, want)
    if set(worst) != {"value", "logprob", "dopamine"}:
        fail("not all scorers", worst)


def rolls(path, seed):
    out = []
    for t, s, e, prefix, i in rounds(path):
        if s["scorer"] == "oracle" and s["seed"] == seed and i + 1 < s["steps"]:
            c = e["candidates"][s["chosen"][i]]
            out.append({"id": s["log"][i + 1]["key"] + "/value",
                        "tokens": prefix + c})
    show(out)


def check_rolls(path, seed, rolled, model, n_rolls):
    text, n = texts(model), 0
    have = {}
    for r in lines(rolled):
        if r.get("type") == "trajectory":
            have[r["id"]] = r["tokens"]["values"][r["n_prompt"]:]
    for t, s, e, prefix, i in rounds(path):
        if s["scorer"] != "oracle" or s["seed"] != seed or i + 1 >= s["steps"]:
            continue
        got = e["scores"][s["chosen"][i]]
        if got is None:  # all candidates were alike
            if len({tuple(c) for c in e["candidates"]}) != 1:
                fail(t["id"], i, "not asked")
            continue
        said = prefix[t["n_prompt"]:] + e["candidates"][s["chosen"][i]]
        right = 0
        for r in range(n_rolls):
            new = have[s["log"][i + 1]["key"] + "/value" + (f"#{r}" if r else "")]
            b = b"".join(text.get(x, UNKNOWN) for x in said + new if x not in EOS)
            at = re.search(rb"#### (-?[0-9.,]+)", b)
            if at:
                said_answer = at[1].decode().replace(",", "").rstrip(".")
                right += said_answer == t["gold"]
        if not near(got, right / n_rolls, 1e-12):
            fail(t["id"], i, got, right / n_rolls)
        n += 1
    if n < 3:
        fail("only", n, "scores")


def check_path(path):
    for t, s, prompt in answers(path):
        said, spent = [], 0
        for i, e in enumerate(s["log"]):
            known = [x for x in e["scores"] if x is not None]
            if known and e["scores"].index(max(known)) != s["chosen"][i]:
                fail(t["id"], i, e["scores"], s["chosen"][i])
            spent += sum(map(len, e["candidates"]))
            said += e["candidates"][s["chosen"][i]]
            # whole answers begin at the beginning
            if s["at"][i] != len(said):
                fail(t["id"], s["at"], i, len(said))
        if prompt + said != t["tokens"]["values"]:
            fail(t["id"], "is not what was chosen")
        if s["scorer"] != "oracle" and spent != s["tokens"]:
            fail(t["id"], spent, s["tokens"])
        if s["scorer"] == "oracle" and spent > s["tokens"]:
            fail(t["id"], spent, s["tokens"])
        if s["answer_tokens"] != len(said) or s["steps"] != len(s["log"]):
            fail(t["id"], s)


def sign_flip(d):
    d = [abs(x) for x in d if x]
    total = {0: 1}
    for x in d:
        new = {}
        for k, v in total.items():
            for y in (k - x, k + x):
                new[y] = new.get(y, 0) + v
        total = new
    return total


def versus(mine, theirs):
    """Differences by problem, and p: the exact distribution, counted."""
    diff, lost, gained, pairs = {}, 0, 0, 0
    for (problem, seed), r in mine.items():
        other = theirs.get((problem, seed), theirs.get((problem, None)))
        if other is None or r < 0 or other < 0:
            continue
        pairs += 1
        diff[problem] = diff.get(problem, 0) + r - other
        lost += r < other
        gained += r > other
    d = list(diff.values())
    dist = sign_flip(d)
    p = sum(v for k, v in dist.items() if abs(k) >= abs(sum(d)))
    return pairs, lost, gained, sum(d), p / sum(dist.values())


def holm(p):
    order, out, top = sorted(range(len(p)), key=lambda i: p[i]), [0] * len(p), 0
    for rank, i in enumerate(order):
        top = max(top, min(1, (len(p) - rank) * p[i]))
        out[i] = top
    return out


def report(path, report_path):
    with open(report_path, encoding="utf-8") as f:
        r = json.load(f)
    arms, tokens, seen = {}, {}, {}
    for t, s, _ in answers(path):
        arms.setdefault(t["arm"], {})[t["problem"], s["seed"]] = (
            -1 if t["reward"] is None else t["reward"])
        tokens.setdefault(t["arm"], []).append(s["tokens"])
        seen.setdefault(t["arm"], []).append(t["finish"] == "eos")
    cost = sum(tokens["greedy"]) / len(tokens["greedy"])
    for base, key in (("greedy", "vs_greedy"), ("random", "vs_random")):
        tested, ps = [], []
        for x in r["scorers"]:
            if x["kind"] in ("greedy", base):
                if x[key]["n_pairs"]:
                    fail(x["name"], key)
                continue
            v = x[key]
            pairs, lost, gained, diff, p = versus(arms[x["name"]], arms[base])
            if [v["n_pairs"], v["lost"], v["gained"]] != [pairs, lost, gained]:
                fail(x["name"], key, v, pairs, lost, gained)
            if not near(v["diff"]["value"], diff / pairs, 1e-12) or \
                    not near(v["p"], p, 1e-9):
                fail(x["name"], key, v, diff / pairs, p)
            tested.append(v["p_holm"])
            ps.append(p)
        for got, want in zip(tested, holm(ps)):
            if not near(got, want, 1e-9):
                fail(key, tested, holm(ps))
    for x in r["scorers"]:
        have = arms[x["name"]]
        decided = [v for v in have.values() if v >= 0]
        want = {"n": len(decided), "n_right": sum(decided),
                "n_answers": len(have)}
        if any(x[k] != want[k] for k in want):
            fail(x["name"], want)
        mean = sum(tokens[x["name"]]) / len(tokens[x["name"]])
        if not near(x["tokens"], mean, 1e-9) or \
                not near(x["cost"], mean / cost, 1e-9) or \
                not near(x["eos"], sum(seen[x["name"]]) / len(have), 1e-12) or \
                not near(x["accuracy"]["value"], sum(decided) / len(decided), 1e-12):
            fail(x["name"], mean, mean / cost)
        for seed, a in x["seeds"].items():
            mine = [v for (_, k), v in have.items()
                    if v >= 0 and k in (int(seed), None)]
            if not near(a, sum(mine) / len(mine), 1e-12):
                fail(x["name"], seed, a)


def tokens_of(n, size):
    for i in range(n):
        word = "".join(chr(97 + (i * i * 7 + i * k + k * 5) % 26) for k in range(4))
        print(json.dumps({"id": f"{word}-{i}", "prompt": word,
                          "completion_tokens": [[x] for x in range(size)]}))


def chances(model, scored, top):
    text, p = texts(model), {}
    for r in lines(scored):
        if r.get("type") == "trajectory":
            x = r["tokens"]["values"][-1]
            p.setdefault((r["problem"], r["prompt"]), {})[x] = math.exp(
                r["logprob"]["values"][0])
    for (problem, prompt), of in p.items():
        best = sorted(of, key=of.get)[-top:]
        for x in best:
            c = text.get(x, b"")
            if len(c) == 1 and chr(c[0]).isalnum() and c[0] < 128:
                print(json.dumps({"id": problem, "prompt": prompt,
                                  "answer": c.decode(),
                                  "chance": of[x] / sum(of[y] for y in best)}))
                break


def check_chances(problems, path, k):
    want = {r["id"]: r["chance"] for r in lines(problems)}
    if len(want) < 40:
        fail("only", len(want), "problems")
    got = {}
    for r in lines(path):
        if r.get("type") == "trajectory":
            got.setdefault(r["arm"], []).append((r["problem"], r["reward"]))
    for arm, of in (("random", lambda p: p), ("oracle", lambda p: 1 - (1 - p) ** k)):
        p = [of(want[i]) for i, _ in got[arm]]
        right, sd = sum(r for _, r in got[arm]), sum(x * (1 - x) for x in p) ** 0.5
        print(arm, right, "of", len(p), "expected", sum(p), "sd", sd)
        if not abs(right - sum(p)) <= 3.5 * sd:
            sys.exit(1)


COMMANDS = {
    "tokens": lambda a: tokens_of(int(a[0]), int(a[1])),
    "chances": lambda a: chances(a[0], a[1], int(a[2])),
    "check-chances": lambda a: check_chances(a[0], a[1], int(a[2])),
    "draws": lambda a: draws(a[0], int(a[1])),
    "check-draws": lambda a: check_draws(a[0], int(a[1]), a[2], a[3], a[4], int(a[5])),
    "replays": lambda a: replays(a[0]),
    "check-scores": lambda a: check_scores(*a),
    "rolls": lambda a: rolls(a[0], int(a[1])),
    "check-rolls": lambda a: check_rolls(a[0], int(a[1]), a[2], a[3], int(a[4])),
    "check-path": lambda a: check_path(*a),
    "report": lambda a: report(*a),
}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](sys.argv[2:])
