#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The default model's makings still make what is committed: problems,
# tokenizer, folder; and the trainer's gradient is the gradient.
. "$HS_SRCDIR/tests/lib.sh"

reasoner=$HS_SRCDIR/examples/reasoner
making=$reasoner/making
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
find_python json || skip_all 'no python3'

mkdir problems
ok 'the generator runs' "$python" "$making/problems.py" problems
ok 'problem files are what it makes' diff -r problems "$reasoner/problems"

# Independent of the generator: Python evaluates the expressions, and every
# step of every solution.
cat >steps.py <<'END'
import json, re, sys
lines = [json.loads(line) for name in sys.argv[1:] for line in open(name)]
for line in lines:
    steps = line["solution"].split("\n")
    assert steps.pop() == "#### " + line["answer"], line
    assert len(steps) == line["steps"], line
    values = []
    for step in steps:
        left, right = re.fullmatch(r"([\d +*/-]+) = (\d+)\.", step).groups()
        values.append(int(right))
        assert eval(left) == values[-1], line
    if line["task"] == "choice":
        best = max if "largest" in line["question"] else min
        assert "ABCD"[values.index(best(values))] == line["answer"], line
    else:
        assert str(values[-1]) == line["answer"], line
    if line["task"] == "expr":
        assert str(eval(line["question"][8:-1])) == line["answer"], line
assert len({line["id"] for line in lines}) == len(lines) == 7500
questions = {(line["task"], line["question"]) for line in lines}
assert len(questions) == len(lines)
END
ok 'answers and steps are right, questions differ' \
    "$python" steps.py "$reasoner"/problems/*.jsonl

ok 'the tokenizer trainer runs' "$python" "$making/bpe.py" tokenizer.json
cat >tokenizers.py <<'END'
import json, sys
sys.path.insert(0, sys.argv[1])
import bpe
ours, new = [json.load(open(name)) for name in sys.argv[2:4]]
for part in (ours, new):
    part["model"].pop("vocab"), part["model"].pop("merges")
    for token in part["added_tokens"]:
        token.pop("id")
assert ours == new
tokenizer = bpe.load(sys.argv[2])
for name in sys.argv[4:]:
    for line in open(name):
        text = line + "<|im_end|>"
        assert tokenizer.decode(tokenizer.encode(text)) == text
END
ok 'its file has the form of the committed one, which encodes losslessly' \
    "$python" tokenizers.py "$making" "$reasoner/tokenizer.json" \
    tokenizer.json "$reasoner"/problems/*-test.jsonl

compile() {
    # OpenBLAS is what configure found; pkg-config knows where it is.
    # shellcheck disable=SC2046
    ${CC:-cc} -O2 -Wall -Wextra -Werror -fopenmp $(pkg-config --cflags openblas) \
        -o trainer "$making/trainer.c" "$making/learner.c" \
        $(pkg-config --libs openblas) -lm
}
ok 'the trainer compiles without warnings' compile
ok 'its gradient equals finite differences' ./trainer --check

ok 'sequences are written' "$python" "$making/sequences.py" \
    "$reasoner/tokenizer.json" sequences --count 1000
tiny='--dim 32 --layers 1 --heads 2 --kv-heads 1 --ffn 64'
# shellcheck disable=SC2086
ok 'a tiny model trains' ./trainer --steps 80 --report 0 --batch 16 \
    --rate 0.01 $tiny sequences weights
cp .out log
loss_falls() {
    awk '$1 == "step" { if (!first) first = $6; last = $6 }
        END { print first, last; exit !(last > 0 && last < 0.8 * first) }' log
}
ok 'and its loss falls' loss_falls

if find_python numpy; then
    # shellcheck disable=SC2086
    ok 'export writes a folder' "$python" "$making/export.py" \
        weights "$reasoner/tokenizer.json" folder $tiny
    cat >restore.py <<'END'
import argparse, json, struct, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
import export
data = open(sys.argv[2], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header, data = json.loads(data[8:8 + size]), data[8 + size:]
shape = argparse.Namespace(dim=256, layers=4, heads=4, kv_heads=2, ffn=640,
                           vocab=472)
with open(sys.argv[3], "wb") as out:
    for name, _ in export.tensor_shapes(shape):
        start, end = header[name]["data_offsets"]
        bits = np.frombuffer(data[start:end], "<u2").astype("<u4") << 16
        out.write(bits.tobytes())
END
    ok 'the committed weights turn back into floats' \
        "$python" restore.py "$making" "$reasoner/model.safetensors" floats
    ok 'and are exported again' "$python" "$making/export.py" floats \
        "$reasoner/tokenizer.json" again
    for file in model.safetensors config.json generation_config.json \
        tokenizer.json tokenizer_config.json; do
        ok "to the committed $file" cmp "again/$file" "$reasoner/$file"
    done
    if command -v hs-extract >/dev/null; then
        opens() {
            head -n 1 "$reasoner/problems/expr-test.jsonl" |
                hs-extract -m folder --max-tokens 4 -o tiny.hsz
        }
        ok 'hs-extract opens the exported folder' opens
    fi
else
    skip 'export' 'no python3 with numpy'
fi
done_testing
