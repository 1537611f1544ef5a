#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# rollouts.sh - continuations that share what they begin with, beside the same
# ones that compute it each for itself: PROBLEMS problems (40), K continuations
# (8) of each line. Wall seconds of -j THREADS (2), and processor seconds of one
# thread, which other programs disturb least; medians of RUNS runs (3) that took
# turns. Both must give the same bytes. Then the memory of N and 4 N
# trajectories.
#
# usage: sh tests/bench/rollouts.sh [MODEL]
#        RUNS=3 PROBLEMS=40 K=8 THREADS=2
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
build=${HS_BUILDDIR:-$root}
runs=${RUNS:-3}
problems=${PROBLEMS:-40}
k=${K:-8}
threads=${THREADS:-2}
HSTOOLS_MODEL=${1:-$root/examples/reasoner}
export HSTOOLS_MODEL
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
. "$here/../benchlib.sh"

# roll NAME FROM OPTION...: wall, processor seconds and kB into NAME.*
roll() {
    name=$1
    from=$2
    shift 2
    /usr/bin/time -f '%e %U %S %M' -o "$dir/time" \
        "$build/hs-extract" -q --no-history --rollouts "$k" --branch line "$@" \
        <"$from" >"$dir/$name.hsz" || exit 1
    awk '{ print $1 }' "$dir/time" >>"$dir/$name.wall"
    awk '{ print $2 + $3 }' "$dir/time" >>"$dir/$name.cpu"
    awk '{ print $4 }' "$dir/time" >>"$dir/$name.kb"
}

# make N FILE: N trajectories
make_some() {
    for task in chain expr; do
        head -n $(($1 / 2)) "$root/examples/reasoner/problems/$task-test.jsonl"
    done | "$build/hs-extract" -q --max-tokens 128 -l 2 >"$2" || exit 1
}

# compare OPTION...
compare() {
    rm -f "$dir"/*.wall "$dir"/*.cpu
    i=0
    while [ $i -lt "$runs" ]; do
        i=$((i + 1))
        roll shared "$dir/acts" "$@"
        roll alone "$dir/acts" "$@" --no-sharing
    done
    if ! cmp -s "$dir/shared.hsz" "$dir/alone.hsz"; then
        echo 'rollouts.sh: sharing changes what comes out' >&2
        exit 1
    fi
    for what in wall cpu; do
        say '  %s: %s s shared, %s s alone (%s seconds)\n' "$*" \
            "$(calc "$(median "$dir/shared.$what")")" \
            "$(calc "$(median "$dir/alone.$what")")" "$what"
        row "$*: shared to alone, $what" \
            "$(calc "$(median "$dir/shared.$what") / $(median "$dir/alone.$what")")" \
            '< 0.5'
    done
}

make_some "$problems" "$dir/acts"
say '%s problems, %s continuations of each line, %s\n' "$problems" "$k" \
    "$HSTOOLS_MODEL"
compare -j "$threads"
compare -j 1
for batch in 32 128; do
    compare -j 1 --batch $batch
done
make_some $((4 * problems)) "$dir/more"
rm -f "$dir"/*.kb
roll few "$dir/acts" -j "$threads"
roll many "$dir/more" -j "$threads"
row "kB of $((4 * problems)) trajectories to those of $problems" \
    "$(calc "$(cat "$dir/many.kb") / $(cat "$dir/few.kb")")" '< 1.1'
say '  %s kB, %s kB\n' "$(cat "$dir/few.kb")" "$(cat "$dir/many.kb")"
