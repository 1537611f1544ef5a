#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# search.sh - seconds a token of hs-search beside those of hs-extract, which draws
# whole answers: what branches, choices and scores cost. PROBLEMS problems (60) of
# the default model, K candidates (4), steps of a line; medians of RUNS runs (3)
# that took turns.
#
# usage: sh tests/bench/search.sh [MODEL]
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
PATH=${HS_BUILDDIR:-$root/build}:$PATH
HSTOOLS_MODEL=${1:-$root/examples/reasoner}
export PATH HSTOOLS_MODEL
runs=${RUNS:-3}
k=${K:-4}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
. "$here/../benchlib.sh"
problems=$root/examples/reasoner/problems
head -n "${PROBLEMS:-60}" "$problems/chain-test.jsonl" >"$dir/problems" || exit 1
cd "$dir" || exit 1
head -n 40 "$problems/chain-train-1.jsonl" |
    hs-extract -q -l 3 --max-tokens 200 --temperature 1.7 |
    probe-fit -q --target mc --epochs 2 --baselines none --permutations 20 \
        --bootstrap 20 -o value.hsz

extract() {
    hs-extract -q -l none --samples "$k" --max-tokens 200 <problems >extract.hsz
}
search() {
    hs-search -q --candidates "$k" --step line --max-tokens 200 --scorers "$1" \
        <problems >search.hsz
}
# per_token FILE TIMES FILTER: microseconds
per_token() {
    n=$(hs-view --type=trajectory "$1" | jq -s "map($3) | add")
    calc "1e6 * $(median "$2") / $n"
}
say '%s\n' 'microseconds a token drawn'
for scorer in logprob value:value.hsz oracle; do
    rm -f extract.time search.time
    i=0
    while [ $i -lt "$runs" ]; do
        i=$((i + 1))
        seconds extract >>extract.time
        seconds search "$scorer" >>search.time
    done
    a=$(per_token extract.hsz extract.time '.tokens.shape[0] - .n_prompt')
    b=$(per_token search.hsz search.time '.meta.search.tokens')
    say '  %-16s hs-extract %6s, search %6s\n' "$scorer" "$a" "$b"
    row 'search by extract' "$(calc "$b / $a")" '1.5'
done
