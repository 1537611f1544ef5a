#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# fit.sh - fitting a probe on two threads: batches of 4 trajectories of about
# LENGTH random states, 1024 hidden units, beside the same steps in PyTorch
# (fit.py) and beside what sgemm of OpenBLAS reaches. A state costs 4 d H
# operations: 2 d H in the forward, 2 d H for the gradient of w1. All figures
# are medians of RUNS runs (5) that took turns; targets stand behind.
#
# The second figure is a whole job: a stream of STATES states (40000) is read
# and put aside, z-scored, and a probe fitted for EPOCHS (3) by probe-fit and by
# fitstream.py, each timed from its start to its end.
#
# usage: sh tests/bench/fit.sh [WIDTH]...     (without: 896 3584)
#        RUNS=N SECONDS_EACH=2 LENGTH=200 STATES=40000 EPOCHS=3 PYTHON=python3
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
build=${HS_BUILDDIR:-$here/../..}
runs=${RUNS:-5}
each=${SECONDS_EACH:-2}
length=${LENGTH:-200}
states=${STATES:-40000}
epochs=${EPOCHS:-3}
hidden=1024
make -C "$build" -s probe-fit hs-synth tests/bench/fitspeed \
    tests/bench/enginespeed \
    >/dev/null || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
. "$here/../benchlib.sh"

# steps WIDTH: states/s of one run; of one run of PyTorch
steps() {
    "$build/tests/bench/fitspeed" "$1" $hidden 2 "$each" "$length"
}

peer_steps() {
    with_kernel "$kernel" "$python" "$here/fit.py" "$1" $hidden 2 "$each" \
        "$length"
}

# make_stream WIDTH: made-up states; how many of s_0 and later there are
make_stream() {
    "$build/hs-synth" -q --width "$1" --trajectories $((states / length)) \
        --length $((length - 20)):$((length + 20)) --positions all \
        -o "$dir/acts.hsz" || exit 1
}

whole() {
    "$build/probe-fit" -q -j 2 --target mc --keep last --epochs "$epochs" \
        --baselines none --permutations 0 --bootstrap 0 --progress never \
        -o "$dir/probes.hsz" <"$dir/acts.hsz"
}

peer_whole() {
    with_kernel "$kernel" "$python" "$here/fitstream.py" $hidden 2 "$epochs" 0 \
        <"$dir/acts.hsz" >"$dir/loss"
}

# measure WIDTH: all runs, taking turns, to files
measure() {
    rm -f "$dir"/*.txt
    make_stream "$1"
    i=0
    while [ $i -lt "$runs" ]; do
        i=$((i + 1))
        with_kernel "$kernel" "$build/tests/bench/enginespeed" peak 2 \
            >>"$dir/peak.txt" || exit 1
        steps "$1" >>"$dir/steps.txt" || exit 1
        seconds whole >>"$dir/whole.txt" || exit 1
        [ -n "$python" ] || continue
        peer_steps "$1" >>"$dir/peer.txt" || exit 1
        seconds peer_whole >>"$dir/peer-whole.txt" || exit 1
    done
}

# gflops WIDTH STATES-A-SECOND
gflops() {
    calc "4 * $1 * $hidden * $2 / 1e9"
}

# range FILE: of its first column
range() {
    sort -g "$1" | awk 'NR == 1 { low = $1 } END { print low " to " $1 }'
}

# report WIDTH
report() {
    ours=$(median "$dir/steps.txt")
    peak=$(median "$dir/peak.txt")
    target=1
    [ "$1" -gt 896 ] || target=1.2
    say '\nwidth %s, %s hidden units\n' "$1" $hidden
    say '  steps: %s states/s (%s), %s GFLOP/s; sgemm %s GFLOP/s (%s)\n' \
        "$ours" "$(range "$dir/steps.txt")" "$(gflops "$1" "$ours")" \
        "$peak" "$(range "$dir/peak.txt")"
    row 'steps, % of sgemm' "$(calc "100 * $(gflops "$1" "$ours") / $peak")" \
        '>= 80'
    if [ -n "$python" ]; then
        peer=$(median "$dir/peer.txt")
        say '  PyTorch: %s states/s (%s), %s %% of sgemm\n' "$peer" \
            "$(range "$dir/peer.txt")" \
            "$(calc "100 * $(gflops "$1" "$peer") / $peak")"
        row 'steps, times PyTorch' "$(calc "$ours / $peer")" ">= $target"
        say '  whole: %s s (%s), PyTorch %s s (%s)\n' \
            "$(median "$dir/whole.txt")" "$(range "$dir/whole.txt")" \
            "$(median "$dir/peer-whole.txt")" "$(range "$dir/peer-whole.txt")"
        row 'stream to probe, times PyTorch' "$(calc \
            "$(median "$dir/peer-whole.txt") / $(median "$dir/whole.txt")")" \
            ">= $target"
    fi
}

[ $# -gt 0 ] || set -- 896 3584
find_python
find_kernel
for width; do
    case $width in
    *[!0-9]* | '' | 0)
        echo "$0: $width: not a width" >&2
        exit 2
        ;;
    esac
    measure "$width"
    report "$width"
done
