#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits of the residual stream, against PyTorch (model.py).

    ablate.py compare SOURCE BUILD    hs-extract --edit against PyTorch, all
                                      cases; --write renews ablate.txt
    ablate.py check SOURCE BUILD      hs-extract against ablate.txt: no PyTorch
    ablate.py arms SOURCE BUILD --model DIR --problems FILE --arms LINES
                                      arms as ablate-eval --dry-run prints them,
                                      against PyTorch; with --stream ARMS.hsz
                                      the answers in that stream, else those of
                                      hs-extract (not of mode resample)
    ablate.py extract SOURCE BUILD ... --stream ARMS.hsz
                                      that stream against hs-extract, bit for
                                      bit: no PyTorch (not of mode resample)
    ablate.py resample SOURCE BUILD   ablate-eval --mode=resample against
                                      resample.txt: no PyTorch; --write renews
                                      it from PyTorch

Texts: greedy, float32, an edit of what enters a block; tokens must be equal.
States and log-probabilities: of the same tokens, float64.  A text in which the
two largest logits come nearer than 1e-4 is called a tie and not compared,
unless all logits are equal, when token 0 follows.
"""
import argparse
import ctypes
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "examples"))
sys.path.insert(0, HERE)
import read_stream  # noqa: E402

BOUND = 2e-5  # of states, relative to the RMS of their row
TIE = 1e-4

LETTERS = ["ab", "hello there", "x" * 20, "12 + 34 =", "why?\nhow?", "0"]

# name, tool and words that make the model, most tokens; "" is
# examples/reasoner.
CASES = [
    ("reasoner", "", 40),
    ("cause", "mkcause problems=6 seed=3", 8),
    ("qwen2", "mkmodel dim=96 layers=6 heads=6 kv_heads=3 ffn=200 seed=15", 12),
    ("qwen3", "mkmodel family=qwen3 heads=4 kv_heads=2 head_dim=32 "
     "theta=1000000 seed=7", 12),
    ("llama", "mkmodel family=llama qkv_bias=1 mlp_bias=1 tied=0 shards=4 "
     "seed=13", 12),
    ("llama-plain", "mkmodel family=llama tied=0 dtype=f32 layers=3 seed=21",
     12),
]


def edits_of(config, groups):
    """(mode, layer, where, coordinates) for a model, at all of its layers."""
    n, d = config["num_hidden_layers"], config["hidden_size"]
    some = "3,7-9,%d" % (d - 1)
    every = "0-%d" % (d - 1)
    many = ",".join(map(str, range(1, d, 5)))
    out = [("zero", layer, "all", many) for layer in range(n + 1)]
    out += [
        ("zero", 0, "all", every), ("zero", n // 2, "all", every),
        ("zero", n, "all", every), ("zero", n // 2, "generated", every),
        ("zero", 1, "not-first", many), ("zero", n, "generated", many),
        ("mean=0.75", 0, "all", some), ("mean=-1.5", n // 2, "generated", many),
        ("mean=2", n, "not-first", some), ("scale=3", 0, "not-first", many),
        ("scale=-0.5", 1, "all", many), ("scale=1", n // 2, "all", every),
        ("scale=0", n, "generated", some), ("add=0.5", 0, "generated", many),
        ("add=-0.25", n // 2, "all", every), ("add=4", n - 1, "all", some),
        ("add=-2", n, "not-first", some)]
    for name in "C", "D", "B":
        if name in groups:
            coords = ",".join(map(str, groups[name]))
            out += [("zero", layer, "all", coords) for layer in range(n + 1)]
            out += [("scale=-1", 2, "all", coords),
                    ("mean=1", 3, "generated", coords)]
    return out


# ---- the engine

def run_engine(build, folder, lines, max_tokens, edit, extra=()):
    """Trajectories of hs-extract by id; edit is (mode, layer, where, coords) or
    None."""
    args = [os.path.join(build, "hs-extract"), "-q", "-m", folder, "--greedy",
            "-g", "none", "-l", "all", "--positions", "tokens", "--dtype",
            "f32", "--max-tokens", str(max_tokens), *extra]
    with tempfile.TemporaryDirectory() as tmp:
        if edit is not None:
            mode, layer, where, coords = edit
            args += ["--edit-layer", str(layer), "--edit-where", where]
            if isinstance(coords, dict):
                path = os.path.join(tmp, "values")
                with open(path, "w", encoding="ascii") as f:
                    f.writelines("%d %.9g\n" % x for x in coords.items())
                args += ["--edit", mode + "@" + path]
            else:
                args += ["--edit", mode, "--edit-coords", coords]
        out = subprocess.run(args, input="".join(lines).encode(),
                             stdout=subprocess.PIPE, check=True).stdout
        path = os.path.join(tmp, "stream")
        with open(path, "wb") as f:
            f.write(out)
        return read_trajectories(path)


def read_trajectories(path):
    with open(path, "rb") as f:
        out = {}
        for t in read_stream.read(f):
            for key in ("tokens", "logprob"):
                t[key] = read_stream.tensor(t[key])
            out[t["id"]] = t
        return out


def fed(t, eos):
    """How many tokens had states: all but an EOS that ends a completion."""
    n = len(t["tokens"])
    return n - (n > t["n_prompt"] and int(t["tokens"][-1]) in eos)


def reached(where, n_fed, n_prompt):
    return {"all": n_fed, "generated": n_fed - n_prompt,
            "not-first": n_fed - 1}[where]


def parse_list(text):
    out = []
    for word in text.split(","):
        first, _, last = word.partition("-")
        out += range(int(first), int(last or first) + 1)
    return out


# ---- the reference

class Edit:
    """values: one for each coordinate, or None; donor: of mode resample,
    donor(pos, n_prompt) gives a row of the layer."""

    def __init__(self, mode, layer, where, coords, values=None, donor=None):
        self.mode, self.layer, self.where = mode, layer, where
        self.coords, self.values, self.donor = coords, values, donor

    def hook(self, start, n_prompt):
        """For Model.forward(): rows from position start on."""
        import torch

        def change(layer, x):
            if layer != self.layer:
                return x
            x = x.clone()
            at = torch.tensor(self.coords, dtype=torch.long)
            v = None
            if self.values is not None:  # they are float32
                v = torch.tensor(np.float32(self.values)).to(x.dtype)
            for row in range(x.shape[0]):
                pos = start + row
                if not (self.where == "all" or
                        (self.where == "generated" and pos >= n_prompt) or
                        (self.where == "not-first" and pos > 0)):
                    continue
                if self.mode == "resample":
                    x[row, at] = self.donor(pos, n_prompt)[at].to(x.dtype)
                else:
                    old = x[row, at]
                    x[row, at] = {"zero": lambda: torch.zeros_like(old),
                                  "mean": lambda: v, "scale": lambda: old * v,
                                  "add": lambda: old + v}[self.mode]()
            return x
        return change


def of_words(edit):
    """An Edit from (mode, layer, where, coordinates)."""
    mode, layer, where, coords = edit
    if isinstance(coords, dict):
        return Edit(mode, layer, where, list(coords), list(coords.values()))
    name, _, value = mode.partition("=")
    coords = parse_list(coords)
    return Edit(name, layer, where, coords,
                [float(value)] * len(coords) if value else None)


def greedy(model, prompt, max_tokens, edit):
    """The tokens that follow, and how near the largest two logits came."""
    cache, out, feed, start, gap = {}, [], list(prompt), 0, float("inf")
    while len(out) < max_tokens:
        hook = edit.hook(start, len(prompt)) if edit else None
        y = model.logits(model.forward(feed, cache, hook)[-1][-1]).numpy()
        two = np.sort(y)[-2:]
        if y.max() > y.min():
            gap = min(gap, float(two[1] - two[0]))
        token = int(np.argmax(y))  # of equal ones the first
        out.append(token)
        if token in model.eos:
            break
        start += len(feed)
        feed = [token]
    return out, gap


def states_of(model, tokens, n_prompt, edit):
    """(layers + 1, n, dim) of tokens, and the logits of each."""
    import torch
    hook = edit.hook(0, n_prompt) if edit else None
    x = model.forward(list(map(int, tokens)), {}, hook)
    return torch.stack(x).numpy(), model.logits(x[-1])


def worst(ours, reference):
    """The largest |difference| / RMS of its row; rows of zeros are equal or
    infinitely far.  NaN if anything is."""
    rms = np.sqrt((reference ** 2).mean(-1))
    off = np.abs(ours - reference).max(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((rms == 0) & (off == 0), 0, off / rms).max()


def models_of(folder):
    import torch
    import model
    torch.set_num_threads(1)
    return (model.Model(folder, torch.float32),
            model.Model(folder, torch.float64))


# ---- cases

def make_case(args, tool, tmp):
    """The folder, problems as lines, and named coordinates."""
    if not tool:
        folder = os.path.join(args.source, "examples", "reasoner")
        lines = []
        for task in "chain", "expr", "choice":
            path = os.path.join(folder, "problems", task + "-test.jsonl")
            with open(path, encoding="utf-8") as f:
                lines += f.readlines()[:2]
        return folder, lines, {}
    words = tool.split()
    subprocess.run([os.path.join(args.build, "tests", words[0]), tmp] +
                   words[1:], check=True)
    if words[0] == "mkcause":
        with open(os.path.join(tmp, "problems.jsonl"), encoding="utf-8") as f:
            lines = f.readlines()
        with open(os.path.join(tmp, "cause.json"), encoding="utf-8") as f:
            return tmp, lines, json.load(f)
    return tmp, [json.dumps({"id": f"p{i}", "question": q}) + "\n"
                 for i, q in enumerate(LETTERS)], {}


def config_of(folder):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        return json.load(f)


def eos_of(folder):
    path = os.path.join(folder, "generation_config.json")
    with open(path, encoding="utf-8") as f:
        eos = json.load(f)["eos_token_id"]
    return eos if isinstance(eos, list) else [eos]


def describe(edit):
    mode, layer, where, coords = edit
    return f"{mode} {layer} {where} {coords}"


def sample_of(x, layers, pos):
    """RMS, a projection that every coordinate has a part in, two values."""
    n = len(x[layers[0]][pos])
    signs = np.array([-1.0 if (i * 2654435761 >> 13) & 1 else 1.0
                      for i in range(n)])
    for layer in layers:
        row = x[layer][pos].astype(float)
        yield layer, pos, np.array([np.sqrt((row ** 2).mean()),
                                    (row * signs).sum() / np.sqrt(n),
                                    row[pos * 7 % n], row[n - 1 - pos % n]])


class Tally:
    def __init__(self):
        self.bad = self.ties = self.texts = 0
        self.states = self.logprobs = self.torch = 0.0

    def fail(self, what):
        self.bad += 1
        print("DIFFERENT " + what, flush=True)


def compare_item(tally, models, t, edit, max_tokens, name):
    """One answer of the engine.  Returns the states of the reference, or None
    for a tie."""
    prompt = [int(i) for i in t["tokens"][:t["n_prompt"]]]
    ours = [int(i) for i in t["tokens"][t["n_prompt"]:]]
    text, gap = greedy(models[0], prompt, max_tokens, edit)
    tie = gap < TIE
    if tie:
        tally.ties += 1
        print(f"tie ({gap:.1e}) {name}", flush=True)
    elif text != ours:
        tally.fail(f"text {name}: {ours}, PyTorch {text}, gap {gap:.3g}")
    tally.texts += not tie
    n = fed(t, models[0].eos)
    wanted = len(edit.coords) * reached(edit.where, n, len(prompt))
    if t["edits"] != wanted:
        tally.fail(f"edits {name}: {t['edits']}, not {wanted}")
    states, logits = states_of(models[1], t["tokens"][:n], len(prompt), edit)
    off = 0.0
    if t["x"]:
        off = max(worst(t["x"][layer], states[layer]) for layer in t["x"])
        single, _ = states_of(models[0], t["tokens"][:n], len(prompt), edit)
        tally.torch = max(tally.torch, worst(single, states))
    logp = logits.log_softmax(-1).numpy()[len(prompt) - 1:][:len(ours)]
    apart = np.abs(logp[np.arange(len(ours)), ours] - t["logprob"]).max()
    tally.states = max(tally.states, off)
    tally.logprobs = max(tally.logprobs, apart)
    if not (off <= BOUND and apart <= 1e-4):
        tally.fail(f"states {name}: {off:.2e}, log-probabilities {apart:.2e}")
    return None if tie else states


def write_item(out, t, states, edit, config):
    """What check() repeats, of the reference."""
    tokens = " ".join(str(int(i)) for i in t["tokens"][t["n_prompt"]:])
    out.write(f"item {t['id']} {t['edits']} {tokens}\n")
    n = config["num_hidden_layers"]
    layers = sorted({edit.layer, min(edit.layer + 1, n), n})
    for layer, pos, x in sample_of(states, layers, states.shape[1] - 1):
        out.write(f"state {layer} {pos} " + " ".join("%.8g" % v for v in x) +
                  "\n")


def compare_case(args, case, out):
    name, tool, max_tokens = case
    total = Tally()
    with tempfile.TemporaryDirectory() as tmp:
        folder, lines, groups = make_case(args, tool, tmp)
        config, models = config_of(folder), models_of(folder)
        if out:
            out.write(f"case {name} {max_tokens} {tool}".rstrip() + "\n")
        edits = edits_of(config, groups)
        for edit in edits:
            of = of_words(edit)
            if out:
                out.write("edit " + describe(edit) + "\n")
            got = run_engine(args.build, folder, lines, max_tokens, edit)
            written = 0  # two of six: the file stays small
            for t in got.values():
                states = compare_item(total, models, t, of, max_tokens,
                                      f"{name} {describe(edit)} {t['id']}")
                if out and states is not None and written < 2:
                    write_item(out, t, states, of, config)
                    written += 1
    print(f"{name:12} {len(edits)} edits, {total.texts} texts, {total.ties} "
          f"ties, {total.bad} differences; states within {total.states:.2e} "
          f"(PyTorch's float32: {total.torch:.2e}), log-probabilities "
          f"{total.logprobs:.2e}", flush=True)
    return total.bad


def compare(args):
    path = os.path.join(args.source, "tests", "ref", "ablate.txt")
    out = open(path, "w", encoding="ascii") if args.write else None
    if out:
        import torch
        out.write(
            "# Written by ablate.py compare --write: PyTorch "
            f"{torch.__version__}.\n"
            "# case NAME MAX_TOKENS TOOL | edit MODE LAYER WHERE COORDS |\n"
            "# item ID EDITS TOKENS of the completion |\n"
            "# state LAYER POSITION RMS PROJECTION VALUE VALUE\n")
    bad = sum(compare_case(args, case, out) for case in CASES)
    if out:
        out.close()
    return int(bad > 0)


# ---- the same without PyTorch

def read_reference(path):
    """[(case, tool, max_tokens, [(edit, [(id, edits, tokens, states)])])]"""
    cases = []
    with open(path, encoding="ascii") as f:
        for line in f:
            words = line.split()
            if words[0] == "case":
                cases.append((words[1], " ".join(words[3:]), int(words[2]), []))
            elif words[0] == "edit":
                edit = (words[1], int(words[2]), words[3], words[4])
                cases[-1][3].append((edit, []))
            elif words[0] == "item":
                cases[-1][3][-1][1].append(
                    (words[1], int(words[2]), list(map(int, words[3:])), []))
            elif words[0] == "state":
                cases[-1][3][-1][1][-1][3].append(
                    (int(words[1]), int(words[2]),
                     np.array(list(map(float, words[3:])))))
    return cases


def check_edit(args, folder, lines, max_tokens, edit, items):
    """What is wrong, in words."""
    got = run_engine(args.build, folder, lines, max_tokens, edit)
    eos, n_coords = eos_of(folder), len(parse_list(edit[3]))
    wrong = []
    for t in got.values():
        wanted = n_coords * reached(edit[2], fed(t, eos), t["n_prompt"])
        if t["edits"] != wanted:
            wrong.append(f"{t['id']}: {t['edits']} edits, not {wanted}")
    for name, edits, tokens, states in items:
        t = got[name]
        if t["edits"] != edits or list(t["tokens"][t["n_prompt"]:]) != tokens:
            wrong.append(f"{name}: another text or count of edits")
            continue
        for layer, pos, x in states:
            (_, _, ours), = sample_of(t["x"], [layer], pos)
            if not np.abs(ours - x).max() <= 2 * BOUND * x[0]:
                wrong.append(f"{name}: layer {layer}: {ours}, not {x}")
    return wrong


def check(args):
    """A line "ok ..." or "bad ..." for each edit."""
    path = os.path.join(args.source, "tests", "ref", "ablate.txt")
    n = 0
    for name, tool, max_tokens, edits in read_reference(path):
        with tempfile.TemporaryDirectory() as tmp:
            folder, lines, _ = make_case(args, tool, tmp)
            for edit, items in edits:
                wrong = check_edit(args, folder, lines, max_tokens, edit, items)
                what = describe(edit)
                what = what if len(what) < 50 else what[:47] + "..."
                print(f"{'bad' if wrong else 'ok'} {name} {what}")
                for line in wrong:
                    print("# " + " ".join(line.split()))
                n += 1
    return int(n == 0)


# ---- arms of ablate-eval

class Donors:
    """By the rule of common/ablate/donors.h, from states of the unedited model
    that are computed here."""

    def __init__(self, model, items, max_tokens, seed, dtype):
        import torch
        lib = ctypes.CDLL("libxxhash.so.0")
        lib.XXH3_64bits.restype = ctypes.c_uint64
        lib.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
        self.hash = lambda data: lib.XXH3_64bits(data, len(data))
        self.seed, self.donors = seed, []
        for problem, prompt in items:
            text, _ = greedy(model, prompt, max_tokens, None)
            n = len(text) - (text[-1] in model.eos)
            x, _ = states_of(model, prompt + text[:n], len(prompt), None)
            x = torch.tensor(x.astype(np.float16) if dtype == "f16" else x)
            self.donors.append((self.key(problem), len(prompt), n, x))

    def key(self, problem):
        return self.hash(problem.encode())

    def of(self, layer, problem, sample):
        """A function of a position, for Edit."""
        key = self.key(problem)

        def place(k):
            return self.hash(b"".join(v.to_bytes(8, "little") for v in
                                      (self.seed, key, sample, k)))
        order = [self.donors[k] for k in sorted(range(len(self.donors)),
                                                key=place)
                 if self.donors[k][0] != key]

        def donor(pos, n_prompt):
            t = pos - n_prompt + 1
            if t >= 1:
                for _, m, n, x in order:
                    if n >= t:
                        return x[layer, m - 1 + t]
                most = max(n for _, _, n, _ in order)
                m, x = next((m, x) for _, m, n, x in order if n == most)
                return x[layer, m - 1 + most]
            _, m, _, x = order[0]
            if t == 0:
                return x[layer, m - 1]
            # halves up, in whole numbers
            p = (2 * pos * (m - 1) + n_prompt - 1) // (2 * (n_prompt - 1))
            return x[layer, p]
        return donor


def edit_of_arm(arm):
    mode = arm["mode"].partition("=")[0]
    if arm["n_coords"] == 0:
        return Edit("zero", arm["layer"] or 0, "all", [])
    values = arm.get("values")
    return Edit(mode, arm["layer"], arm["where"], arm["coords"], values)


def read_arms(args):
    """Lines of problems, arms that run."""
    with open(args.problems, encoding="utf-8") as f:
        lines = f.readlines()
    with open(args.arms, encoding="utf-8") as f:
        listed = [json.loads(line) for line in f]
    return lines, [arm for arm in listed if not arm.get("same_as")]


def extract_arm(args, lines, edit):
    coords = (",".join(map(str, edit.coords)) if edit.values is None
              else dict(zip(edit.coords, edit.values)))
    return run_engine(args.build, args.model, lines, args.max_tokens,
                      (edit.mode, edit.layer, edit.where, coords)
                      if edit.coords else None, args.option)


def extract(args):
    """Arms of a stream against hs-extract, which edits by itself."""
    lines, listed = read_arms(args)
    stream, wrong, n = read_trajectories(args.stream), 0, 0
    for arm in listed:
        edit = edit_of_arm(arm)
        if edit.mode == "resample":
            continue
        for item, t in extract_arm(args, lines, edit).items():
            other = stream.get(arm["label"] + "/" + item)
            good = other is not None and t["edits"] == other["edits"] and all(
                t[k].tobytes() == other[k].tobytes()
                for k in ("tokens", "logprob"))
            if not good:
                print(f"{arm['label']}/{item} is not what hs-extract makes")
            wrong += not good
            n += 1
    print(f"{n} answers of {len(listed)} arms, {wrong} differences")
    return int(wrong > 0 or n == 0)


def arms(args):
    """Each arm's answers to each problem.  Without --stream, what hs-extract
    makes of the same edit."""
    lines, listed = read_arms(args)
    models, n = models_of(args.model), args.max_tokens
    plain = extract_arm(args, lines, Edit("zero", 0, "all", []))
    prompts = [(t["problem"], [int(i) for i in t["tokens"][:t["n_prompt"]]])
               for t in plain.values()]
    stream = read_trajectories(args.stream) if args.stream else None
    donors, tally, missing = None, Tally(), 0
    for arm in listed:
        edit = edit_of_arm(arm)
        resample = edit.mode == "resample"
        if resample and stream is None:
            continue
        if resample and donors is None:
            donors = Donors(models[0], prompts[:args.calibrate], n,
                            args.draw_seed, args.donor_dtype)
        if stream is not None:
            got = {i: stream.get(arm["label"] + "/" + i) for i in plain}
        else:
            got = extract_arm(args, lines, edit)
        for item, t in got.items():
            if t is None:
                missing += 1
                continue
            if resample:
                edit.donor = donors.of(edit.layer, t["problem"], t["sample"])
            compare_item(tally, models, t, edit, n, f"{arm['label']}/{item}")
    print(f"{len(listed)} arms, {tally.texts} texts, {tally.ties} ties, "
          f"{missing} missing, {tally.bad} differences; states within "
          f"{tally.states:.2e}, log-probabilities {tally.logprobs:.2e}")
    return int(tally.bad > 0 or missing > 0 or tally.texts == 0)


def run_resample(args, tmp, folder, lines, where):
    """Arms and the stream of ablate-eval.  The first 5 problems are donors."""
    config, groups = config_of(folder), os.path.join(folder, "cause.json")
    order = []
    if os.path.exists(groups):
        with open(groups, encoding="utf-8") as f:
            order = json.load(f)["C"]
    d, n = config["hidden_size"], config["num_hidden_layers"]
    paths = [os.path.join(tmp, x) for x in ("ranks", "arms")]
    with open(paths[0], "wb") as f:
        subprocess.run(
            [os.path.join(args.build, "tests", "mkrank"), folder, "8"],
            input="".join(json.dumps({"layer": i, "order": order}) + "\n"
                          for i in (0, n // 2, n)).encode(),
            stdout=f, check=True)
    words = [os.path.join(args.build, "ablate-eval"), "-q", "-m", folder,
             "--rank", paths[0], "--top", f"8,{d}", "--arms", "none,value",
             "--mode", "resample", "--where", where, "--max-tokens", "12",
             "--own", "0", "--neutral", "none", "--calibrate", "5",
             "--draw-seed", "7", "-g", "none"]
    data = "".join(lines).encode()
    out = subprocess.run(words + ["--dry-run"], input=data, check=True,
                         stdout=subprocess.PIPE).stdout
    with open(paths[1], "wb") as f:
        subprocess.run(words, input=data, stdout=f, check=True)
    return ([json.loads(line) for line in out.splitlines()],
            read_trajectories(paths[1]))


def resample_lines(args, tool, where, tally):
    """What the file has to say of a model: with --write, PyTorch's."""
    with tempfile.TemporaryDirectory() as tmp, \
            tempfile.TemporaryDirectory() as other:
        folder, lines, _ = make_case(args, tool, tmp)
        listed, stream = run_resample(args, other, folder, lines, where)
        ids = [json.loads(line)["id"] for line in lines]
        if args.write:
            models = models_of(folder)
            donors = Donors(models[0], [
                (i, list(map(int, (t := stream["none/" + i])["tokens"]
                             [:t["n_prompt"]]))) for i in ids[:5]], 12, 7,
                "f32")
        for arm in listed:
            for i in ids:
                name = arm["label"] + "/" + i
                t = stream[name]
                if args.write:
                    edit = edit_of_arm(arm)
                    edit.donor = donors.of(edit.layer, i, 0)
                    compare_item(tally, models, t, edit, 12, name)
                yield f"{where} {name} {t['edits']} " + " ".join(
                    str(int(x)) for x in t["tokens"][t["n_prompt"]:])


def resample(args):
    path = os.path.join(args.source, "tests", "ref", "resample.txt")
    lines, tally = [], Tally()
    for tool in "mkcause problems=8 seed=3", CASES[3][1]:
        lines.append("model " + tool)
        for where in "all", "generated", "not-first":
            lines += resample_lines(args, tool, where, tally)
    if args.write:
        print(f"{tally.texts} texts, {tally.ties} ties, {tally.bad} "
              f"differences, log-probabilities {tally.logprobs:.2e}")
        if tally.bad or tally.ties:
            return 1
        with open(path, "w", encoding="ascii") as f:
            f.write("# Written by ablate.py resample --write, after PyTorch "
                    "agreed.\n# WHERE ARM/ITEM EDITS TOKENS of the "
                    "completion\n" + "\n".join(lines) + "\n")
        return 0
    with open(path, encoding="ascii") as f:
        wanted = [x for x in f.read().splitlines() if not x.startswith("#")]
    for a, b in zip(lines, wanted):
        if a != b:
            print(f"got {a}\nnot {b}")
    return int(lines != wanted)


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("job", choices=["compare", "check", "arms", "extract",
                                    "resample"])
    ap.add_argument("source")
    ap.add_argument("build")
    ap.add_argument("--write", action="store_true")
    ap.add_argument("--model")
    ap.add_argument("--problems")
    ap.add_argument("--arms", help="JSON lines")
    ap.add_argument("--stream", help="of kind arms")
    ap.add_argument("--max-tokens", type=int, default=64)
    ap.add_argument("--calibrate", type=int, default=32)
    ap.add_argument("--draw-seed", type=int, default=1)
    ap.add_argument("--donor-dtype", choices=["f16", "f32"], default="f32")
    ap.add_argument("--option", action="append", default=[],
                    help="of hs-extract too, such as --template=none")
    args = ap.parse_args()
    return {"compare": compare, "check": check, "arms": arms,
            "extract": extract, "resample": resample}[args.job](args)


if __name__ == "__main__":
    sys.exit(main())
