#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# ablate.sh - a run of A arms of ablate-eval beside one run of hs-extract over the
# same problems, both whole: seconds, and by how many times A runs the arms are
# cheaper. A counts the unedited model. PROBLEMS problems (100) of the default
# model, ARMS random sets (20) of 1 %; medians of RUNS runs (3) that took turns.
# The arms are not noop, which shares nothing, and not texts, which hs-extract has
# none of; the calibration is in.
#
# usage: sh tests/bench/ablate.sh [MODEL]
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
PATH=${HS_BUILDDIR:-$root/build}:$PATH
HSTOOLS_MODEL=${1:-$root/examples/reasoner}
export PATH HSTOOLS_MODEL
runs=${RUNS:-3}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
. "$here/../benchlib.sh"
head -n "${PROBLEMS:-100}" "$root/examples/reasoner/problems/chain-test.jsonl" \
    >"$dir/problems" || exit 1
cd "$dir" || exit 1

one() {
    hs-extract -q -l none --greedy --max-tokens 200 <problems >one.hsz
}
# arms LAYER [OPTION]...
arms() {
    layer=$1
    shift
    ablate-eval -q -l "$layer" --arms "none,random:${ARMS:-20}" --own 0 \
        --neutral none --max-tokens 200 "$@" <problems >arms.hsz
}
compare() {
    rm -f one.time arms.time
    i=0
    while [ $i -lt "$runs" ]; do
        i=$((i + 1))
        seconds one >>one.time
        seconds arms "$@" >>arms.time
    done
    n=$(hs-view --type=head arms.hsz |
        jq '[.run.arms[] | select(.same_as == null)] | length')
    say 'layer %-4s %-18s one run %6s s, %s arms %6s s, per arm and run: %s (target below 1)\n' \
        "$1" "$(shift && echo "$*")" "$(calc "$(median one.time)")" "$n" \
        "$(calc "$(median arms.time)")" \
        "$(calc "$(median arms.time) / ($n * $(median one.time))")"
}
for layer in 0 1 2 3 4; do
    compare $layer
done
compare 2 --where generated
compare 2 --temperature 1
compare 1-3
