#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
#
# reduce.py - a small tokenizer.json out of a real one.
#
# usage: reduce.py tokenizer.json < ids > reduced.json
#
# Keeps the 256 bytes, the tokens whose ids are in the input, what these are
# merged from, and the merges among all of those; the first 30 added tokens;
# everything else as it is.  Ids are numbered anew, so the reduced file is a
# tokenizer of its own.
import json
import sys


def read_merge(m):
    return m.split(" ") if isinstance(m, str) else m


def close(keep, merges):
    """Adds what each kept token is first merged from, and so on down."""
    made_from = {}
    for a, b in merges:
        made_from.setdefault(a + b, (a, b))
    todo = list(keep)
    while todo:
        for half in made_from.get(todo.pop(), ()):
            if half not in keep:
                keep.add(half)
                todo.append(half)


def rename(part, ids):
    """Renumbers the ids of a post-processor, in place."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "ids":
                part[key] = [ids[i] for i in value]
            else:
                rename(value, ids)
    elif isinstance(part, list):
        for value in part:
            rename(value, ids)


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        whole = json.load(f)
    model = whole["model"]
    used = {int(x) for line in sys.stdin for x in line.split()}
    merges = [read_merge(m) for m in model["merges"]]
    keep = {t for t, i in model["vocab"].items() if i in used or len(t) == 1}
    close(keep, merges)

    kept = sorted(keep, key=model["vocab"].get)
    added = whole["added_tokens"][:30]
    ids = {model["vocab"][t]: n for n, t in enumerate(kept)}
    for a in added:
        ids[a["id"]] = len(ids)
        a["id"] = ids[a["id"]]
    rename(whole["post_processor"], ids)
    as_text = isinstance(model["merges"][0], str)
    model["vocab"] = {t: n for n, t in enumerate(kept)}
    model["merges"] = [
        a + " " + b if as_text else [a, b]
        for a, b in merges if a in keep and b in keep and a + b in keep]
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":"))
    print(text.replace("],[", "],\n["))


main()
