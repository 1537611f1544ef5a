#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what hs-extract writes, for tests/cli_extract.sh.

Reads streams with examples/read_stream.py, and works out by itself which
positions are kept, what an edit makes of a row, and how often it is applied.

usage: extract.py positions MODEL ALL SOME    rows of SOME are those of ALL
       extract.py prompts STREAM              problems: each prompt, up to each token
       extract.py prefixes STREAM S0          S0 answers them; STREAM has the same
       extract.py same A B [-finish]          the same trajectories, bit for bit
       extract.py rounded F32 OTHER           OTHER is F32, rounded
       extract.py edited PLAIN EDITED         EDITED follows from PLAIN
       extract.py replay STREAM tokens|text   problems that replay it
       extract.py prefix STREAM REPLAY        a replay of texts without EOS
       extract.py signal NAME FILE COMMAND... sends it once FILE has grown
       extract.py tty COMMAND...              runs it with a terminal as output
"""
import json
import os
import pty
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["HS_SRCDIR"], "examples"))
import msgpack  # noqa: E402
import numpy as np  # noqa: E402
import zstandard  # noqa: E402
import read_stream  # noqa: E402


def head_of(path):
    with open(path, "rb") as f:
        data = zstandard.ZstdDecompressor().stream_reader(f)
        return next(iter(msgpack.Unpacker(data, max_buffer_size=1 << 26)))


def load(path):
    with open(path, "rb") as f:
        out = {}
        for t in read_stream.read(f):
            assert t["id"] not in out, "twice: " + t["id"]
            for key in ("tokens", "logprob", "entropy", "positions"):
                t[key] = read_stream.tensor(t[key])
            out[t["id"]] = t
        return out


def bits(x):
    return np.ascontiguousarray(x).tobytes()


def fed(t, eos):
    """Tokens whose states exist: a final EOS of a completion is not fed."""
    n = len(t["tokens"])
    if n > t["n_prompt"] and t["tokens"][-1] in eos:
        n -= 1
    return n


def eos_of(model):
    with open(os.path.join(model, "generation_config.json"), encoding="utf-8") as f:
        return json.load(f)["eos_token_id"]


def bytes_of(model):
    """Token id to bytes, of a byte-level tokenizer."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    byte = {chr(b): b for b in plain}
    byte.update({chr(256 + i): b for i, b in enumerate(
        b for b in range(256) if b not in plain)})
    with open(os.path.join(model, "tokenizer.json"), encoding="utf-8") as f:
        j = json.load(f)
    out = {i: bytes(byte[c] for c in s) for s, i in j["model"]["vocab"].items()}
    out.update({a["id"]: a["content"].encode() for a in j["added_tokens"]})
    return out


def step_ends(rule, pieces):
    """Indices of the pieces in which a step ends, from their joined text."""
    text = b"".join(pieces)
    ends, something, fenced, at = [], False, False, 0
    for line in text.splitlines(keepends=True):
        body = line.rstrip(b"\n")
        if body.strip(b" \t\r"):
            something, blank = True, False
            if body.strip(b" \t").startswith(b"```"):
                fenced = not fenced
        else:
            blank = at > 0
        at += len(line)
        if line.endswith(b"\n") and something and (
                rule == "line" or (blank and not fenced)):
            ends.append(at)
            something = False
    where = np.cumsum([len(p) for p in pieces])
    return sorted({int(np.searchsorted(where, e)) for e in ends})


def wanted_positions(head, t, eos, of):
    first, n = t["n_prompt"] - 1, fed(t, eos)
    everything = list(range(first, n))
    mode = head["positions"]
    if mode == "tokens":
        return list(range(n))
    if mode == "all":
        return everything
    if mode == "s0":
        return [first]
    if mode == "last":
        return [n - 1]
    if mode.startswith("every:"):
        return everything[::int(mode[6:])]
    assert mode == "step-ends", mode
    pieces = [of[i] for i in t["tokens"][t["n_prompt"]:n]]
    return sorted({first, n - 1} | {
        first + 1 + i for i in step_ends(head["run"]["step"], pieces)})


def positions(model, all_path, some_path):
    whole, some, head = load(all_path), load(some_path), head_of(some_path)
    eos, of = eos_of(model), bytes_of(model)
    assert list(whole) == list(some)
    rows = 0
    for name, t in some.items():
        w = whole[name]
        assert list(t["positions"]) == wanted_positions(head, t, eos, of), (
            name, t["positions"], wanted_positions(head, t, eos, of))
        assert bits(t["tokens"]) == bits(w["tokens"])
        index = np.searchsorted(w["positions"], t["positions"])
        for layer in head["layers"]:
            assert bits(t["x"][layer]) == bits(w["x"][layer][index]), (name, layer)
        rows += len(index)
    print(rows, "rows")


def prompts(path):
    """One problem for each token of each prompt: what comes before it as a
    prompt of its own, whose s_0 is then the state of that token."""
    for name, t in load(path).items():
        for n in range(1, t["n_prompt"] + 1):
            print(json.dumps({"id": f"{name}/{n}",
                              "tokens": [int(i) for i in t["tokens"][:n]]}))


def prefixes(path, s0_path):
    """The states of PATH's prompts are those of the prompts made of them."""
    whole, short, rows = load(path), load(s0_path), 0
    for name, t in whole.items():
        assert list(t["positions"][:t["n_prompt"]]) == list(range(t["n_prompt"]))
        for n in range(1, t["n_prompt"] + 1):
            s = short[f"{name}/{n}"]
            assert list(s["positions"]) == [n - 1], (name, n)
            for layer, x in t["x"].items():
                assert bits(x[n - 1]) == bits(s["x"][layer][0]), (name, n, layer)
            rows += 1
    assert rows == len(short) > len(whole), (rows, len(short))


def same(a_path, b_path, *without):
    a, b = load(a_path), load(b_path)
    assert sorted(a) == sorted(b) and a, (sorted(a), sorted(b))
    for name in a:
        for key in a[name]:
            if "-" + key in without or key == "x":
                continue
            x, y = a[name][key], b[name][key]
            if isinstance(x, np.ndarray):
                x, y = bits(x), bits(y)
            assert x == y, (name, key, x, y)
        for layer, x in a[name]["x"].items():
            assert bits(x) == bits(b[name]["x"][layer]), (name, layer)
        assert a[name]["x"].keys() == b[name]["x"].keys()


def rounded(f32_path, other_path):
    a, b, dtype = load(f32_path), load(other_path), head_of(other_path)["dtype"]
    for name in a:
        for layer, x in a[name]["x"].items():
            y = b[name]["x"][layer]
            if dtype == "f16":
                x = x.astype("<f2").astype("<f4")
            elif dtype == "bf16":
                u = x.view("<u4")
                x = ((u + 0x7FFF + (u >> 16 & 1)) & 0xFFFF0000).view("<f4")
            assert bits(x) == bits(y.astype("<f4")), (name, layer)


def edited(plain_path, edited_path):
    a, b, edit = load(plain_path), load(edited_path), head_of(edited_path)["run"]["edit"]
    eos = eos_of(os.environ["HSTOOLS_MODEL"])
    at, coords = edit["layer"], edit["coords"]
    values = np.array(edit.get("values", 0), "<f4")
    total = 0
    for name, t in b.items():
        p = a[name]
        assert bits(t["tokens"]) == bits(p["tokens"])
        n, n_prompt = fed(t, eos), t["n_prompt"]
        scope = {"all": n, "generated": n - n_prompt, "not-first": n - 1}
        count = scope[edit["where"]] * len(coords)
        assert t["edits"] == count, (name, t["edits"], count)
        total += count
        where = t["positions"]
        within = {"all": where >= 0, "generated": where >= n_prompt,
                  "not-first": where > 0}[edit["where"]]
        for layer, x in t["x"].items():
            want = p["x"][layer].copy()
            if layer == at:
                block = want[np.ix_(within, coords)]
                if edit["mode"] == "zero":
                    block[:] = 0
                elif edit["mode"] == "mean":
                    block[:] = values
                elif edit["mode"] == "scale":
                    block *= values
                else:
                    block += values
                want[np.ix_(within, coords)] = block
            if layer <= at:
                assert bits(x) == bits(want), (name, layer)
            elif edit["where"] == "generated":
                assert bits(x[~within]) == bits(want[~within]), (name, layer)
                assert not np.array_equal(x[within], want[within]) or \
                    not within.any(), (name, layer, "no effect")
            else:
                assert not np.array_equal(x, want), (name, layer, "no effect")
            assert np.isfinite(x).all()
        for key in ("logprob", "entropy"):
            x, y = t[key], p[key]
            assert np.isfinite(x).all()
            if edit["where"] == "generated":  # s_0 is of the prompt
                assert bits(x[:1]) == bits(y[:1]), (name, key)
                x, y = x[1:], y[1:]
            assert len(x) == 0 or not np.array_equal(x, y), (name, key)
    print(total)


def replay(path, how):
    problems = {}
    for t in load(path).values():
        p = problems.setdefault(t["problem"], {
            "id": t["problem"], "prompt": t["prompt"], "answer": t["gold"],
            "completion": [], **t["meta"]})
        completion = [int(i) for i in t["tokens"][t["n_prompt"]:]]
        p["completion"].append(t["completion"] if how == "text" else completion)
    for p in problems.values():
        if how == "tokens":
            p["completion_tokens"] = p.pop("completion")
        print(json.dumps(p))


def prefix(path, other_path):
    """Where the text gives the same tokens again, all but the EOS is the same."""
    a, b, alike = load(path), load(other_path), 0
    assert sorted(a) == sorted(b)
    for name, t in b.items():
        w, n = a[name], len(t["tokens"])
        assert t["completion"] == w["completion"] and t["finish"] == "replay"
        if n > len(w["tokens"]) or bits(t["tokens"]) != bits(w["tokens"][:n]):
            continue
        alike += 1
        m = n - t["n_prompt"]
        for key in ("logprob", "entropy"):
            assert bits(t[key]) == bits(w[key][:m]), (name, key)
        for layer, x in t["x"].items():
            assert bits(x) == bits(w["x"][layer][:len(x)]), (name, layer)
    assert alike > len(b) / 2, alike


def size_at_rest(path):
    """The size of a file once nobody has written to it for a while."""
    size = -1
    while size != (now := os.path.getsize(path) if os.path.exists(path) else 0):
        size = now
        time.sleep(0.1)
    return size


def send(name, path, *command):
    """Problems one by one, so that the program waits when it is met."""
    p = subprocess.Popen(command, stdin=subprocess.PIPE)
    lines = sys.stdin.buffer.readlines()
    end = time.monotonic() + 60
    while size_at_rest(path) <= 100000 and time.monotonic() < end:
        if lines:
            p.stdin.write(lines.pop(0))
            p.stdin.flush()
    p.send_signal(getattr(signal, name))
    p.wait()
    print(signal.Signals(-p.returncode).name if p.returncode < 0 else p.returncode)


def tty(*command):
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    said = b""
    try:
        while piece := os.read(fd, 4096):
            said += piece
    except OSError:
        pass
    sys.stdout.write(said.decode().replace("\r\n", "\n"))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    commands = {"positions": positions, "prompts": prompts,
                "prefixes": prefixes, "same": same, "rounded": rounded,
                "edited": edited, "replay": replay, "prefix": prefix,
                "signal": send, "tty": tty}
    sys.exit(commands[sys.argv[1]](*sys.argv[2:]) or 0)
