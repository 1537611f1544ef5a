#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# share.sh - the arms of an ablation in groups, which compute what they have in
# common once, beside the same arms alone: PROBLEMS problems (20), each unedited
# and with ARMS edits (20) of 3 random coordinates, by layer, place and batch.
# Processor seconds of one thread, which other programs disturb least; medians
# of RUNS runs (3) that took turns. Both must give the same numbers, to the bit.
#
# The least that is possible is what remains: with edits of all positions in
# layer l of n, 1 - l / n of the blocks of all arms but one.
#
# usage: sh tests/bench/share.sh [MODEL]...
#        (without: the reasoner, and random weights in the shape of SmolLM-135M,
#        one problem, once)
#        RUNS=3 PROBLEMS=20 ARMS=20
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
build=${HS_BUILDDIR:-$root}
runs=${RUNS:-3}
arms=${ARMS:-20}
problems=${PROBLEMS:-20}
make -C "$build" -s tests/mkmodel tests/bench/sharespeed >/dev/null || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
. "$here/../benchlib.sh"

# once MODEL LAYER WHERE BATCH TOKENS grouped|alone: a line to files
once() {
    "$build/tests/bench/sharespeed" "$1" "$2" "$3" "$4" 1 "$arms" "$5" "$6" \
        <"$dir/problems" >"$dir/line" || exit 1
    cut -d ' ' -f 2 "$dir/line" >>"$dir/$6.time"
    cut -d ' ' -f 4- "$dir/line" >"$dir/$6.result"
}

# compare MODEL LAYER WHERE BATCH TOKENS
compare() {
    rm -f "$dir"/*.time
    i=0
    while [ $i -lt "$runs" ]; do
        i=$((i + 1))
        once "$@" alone
        once "$@" grouped
    done
    if ! cmp -s "$dir/alone.result" "$dir/grouped.result"; then
        echo 'share.sh: groups change what comes out' >&2
        exit 1
    fi
    alone=$(median "$dir/alone.time")
    say '  layer %s, %-9s batch %3s: %5s s alone, %5s s grouped, %s %% of the blocks shared: %s\n' \
        "$2" "$3," "$4" "$(calc "$alone")" \
        "$(calc "$(median "$dir/grouped.time")")" \
        "$(cut -d ' ' -f 3 "$dir/line")" \
        "$(calc "$(median "$dir/grouped.time") / $alone")"
}

# measure MODEL TOKENS "LAYERS" "BATCHES": batches for the second layer only
measure() {
    say '%s, %s problems, 1 + %s arms\n' "$1" "$problems" "$arms"
    for layer in $3; do
        compare "$1" "$layer" all 64 "$2"
    done
    # shellcheck disable=SC2086 # a list of layers
    middle=$(printf '%s\n' $3 | sed -n 2p)
    compare "$1" "$middle" generated 64 "$2"
    for batch in $4; do
        compare "$1" "$middle" all "$batch" "$2"
    done
}

head -n "$problems" "$root/examples/reasoner/problems/chain-test.jsonl" \
    >"$dir/problems" || exit 1
if [ $# -gt 0 ]; then
    for model; do
        measure "$model" 128 '1 2 4' '32 128 256'
    done
    exit 0
fi
measure "$root/examples/reasoner" 128 '1 2 4' '32 128 256'
"$build/tests/mkmodel" "$dir/135M" family=llama dim=576 layers=30 heads=9 \
    kv_heads=3 ffn=1536 vocab=49152 max_pos=2048 || exit 1
head -n 1 "$dir/problems" >"$dir/one" && mv "$dir/one" "$dir/problems"
problems=1 runs=1
measure "$dir/135M" 16 '8 15 30' ''
