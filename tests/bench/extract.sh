#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# extract.sh - hs-extract on two threads: 32 prompts of 64 tokens with 64 more,
# states of all layers written as f16, beside the same work in PyTorch
# (extract.py) and beside what sgemm of OpenBLAS reaches. hs-extract is timed
# whole, from its start to the renamed file; PyTorch only in its loop. All
# figures are medians of RUNS runs (5) that took turns; targets
# stand behind.
#
# usage: sh tests/bench/extract.sh [reasoner|135M|0.5B]...
#        RUNS=N PYTHON=python3 TMPDIR=a folder with room for 4 GB
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
build=${HS_BUILDDIR:-$here/../..}
src=${HS_SRCDIR:-$here/../..}
runs=${RUNS:-5}
engine=$build/tests/bench/enginespeed
make -C "$build" -s hs-extract tests/mkmodel tests/bench/enginespeed \
    >/dev/null || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
. "$here/../benchlib.sh"

# make_problems N VOCABULARY >FILE: made-up prompts and completions
make_problems() {
    awk -v n="$1" -v vocab="$2" '
        function list(len, text, i) {
            text = int(rand() * vocab)
            for (i = 1; i < len; i++) text = text "," int(rand() * vocab)
            return "[" text "]"
        }
        BEGIN {
            srand(1)
            for (i = 0; i < n; i++)
                printf("{\"id\":\"p%d\",\"tokens\":%s," \
                       "\"completion_tokens\":%s}\n", i, list(64), list(64))
        }'
}

# extract MODE LAYERS MODEL BATCH [OPTION]... <problems
extract() {
    x_mode=$1 x_layers=$2 x_model=$3 x_batch=$4
    shift 4
    case $x_mode in
    replay) set -- --replay "$@" ;;
    *) set -- --greedy --max-tokens 64 --ignore-eos "$@" ;;
    esac
    "$build/hs-extract" -q -m "$x_model" --batch "$x_batch" --grader none \
        -l "$x_layers" -o "$dir/out.hsz" -j 2 "$@"
}

# two_at_once MODEL: each of two processes on one thread, half of the problems
two_at_once() {
    extract generate all "$1" 32 -j 1 -o "$dir/out1.hsz" \
        <"$dir/problems" &
    extract generate all "$1" 32 -j 1 -o "$dir/out2.hsz" \
        <"$dir/problems" || exit 1
    wait $! || exit 1
}

# peer MODEL MODE: one run of PyTorch; seconds of its loop, one to a line
peer() {
    with_kernel "$kernel" "$python" "$here/extract.py" "$1" 2 "$2" all 1 \
        <"$dir/problems"
}

# measure MODEL VOCABULARY: all runs, taking turns, to files of seconds
measure() {
    make_problems 32 "$2" >"$dir/problems"
    make_problems 64 "$2" >"$dir/problems64"
    rm -f "$dir"/*.time
    i=0
    while [ $i -lt "$runs" ]; do
        i=$((i + 1))
        with_kernel "$kernel" "$engine" peak 2 >>"$dir/peak.time"
        for mode in generate replay; do
            for layers in all none; do
                seconds extract $mode $layers "$1" 32 <"$dir/problems" \
                    >>"$dir/$mode-$layers.time"
            done
            [ -z "$python" ] || peer "$1" $mode >>"$dir/$mode-torch.time"
        done
        seconds extract generate none "$1" 64 <"$dir/problems64" \
            >>"$dir/generate64.time"
        seconds extract generate all "$1" 32 -j 1 <"$dir/problems" \
            >>"$dir/one.time"
        seconds two_at_once "$1" >>"$dir/two.time"
        "$engine" open "$1" >>"$dir/open.time"
    done
}

# share_of_peak FILE SEQUENCES FLOP-OF-BLOCKS FLOP-OF-HEAD: percent
share_of_peak() {
    calc "100 * $2 * (128 * $3 + 64 * $4) / $(median "$1") / \
        ($(median "$dir/peak.time") * 1e9)"
}

report() {
    # shellcheck disable=SC2046 # two numbers
    set -- "$1" $("$engine" flops "$1")
    for mode in generate replay; do
        t=$(median "$dir/$mode-all.time")
        target=5
        [ $mode = generate ] || target=3
        say '  %s: %s tokens/s\n' $mode "$(calc "32 * 64 / $t")"
        if [ -n "$python" ]; then
            peer=$(median "$dir/$mode-torch.time")
            row "$mode, times PyTorch ($(calc "32 * 64 / $peer") tokens/s)" \
                "$(calc "$peer / $t")" ">= $target"
        fi
        row "$mode, all layers written over none" \
            "$(calc "$t / $(median "$dir/$mode-none.time")")" '<= 1.10'
    done
    row "replay, % of sgemm ($(median "$dir/peak.time") GFLOP/s)" \
        "$(share_of_peak "$dir/replay-all.time" 32 "$2" "$3")" '>= 60 at 135M'
    row 'generate 64 at a time, % of sgemm' \
        "$(share_of_peak "$dir/generate64.time" 64 "$2" "$3")" '>= 40 at 135M'
    row 'two processes of one thread, times one' \
        "$(calc "2 * $(median "$dir/one.time") / $(median "$dir/two.time")")" \
        '>= 1.85'
    row 'opening, seconds' "$(median "$dir/open.time")" '< 0.3 for 1 GB'
}

# types SHAPE...: weights of 16 bits beside f32
types() {
    rm -f "$dir"/*.time
    "$build/tests/mkmodel" "$dir/f32" dtype=f32 "$@" || exit 1
    i=0
    while [ $i -lt "$runs" ]; do
        i=$((i + 1))
        for type in model f32; do
            for mode in generate replay; do
                seconds extract $mode all "$dir/$type" 32 <"$dir/problems" \
                    >>"$dir/$type-$mode.time"
            done
        done
    done
    for mode in generate replay; do
        row "$mode, time with bf16 weights over f32 weights" "$(calc \
            "$(median "$dir/model-$mode.time") / \
            $(median "$dir/f32-$mode.time")")" '<= 1'
    done
    rm -rf "$dir/f32"
}

# shape NAME KEY=VALUE...: a model of random weights, measured
shape() {
    say '\n%s: random bf16 weights\n' "$1"
    shift
    "$build/tests/mkmodel" "$dir/model" dtype=bf16 tied=1 max_pos=2048 "$@" ||
        exit 1
    measure "$dir/model" 49152
    report "$dir/model"
    types tied=1 max_pos=2048 "$@"
    rm -rf "$dir/model"
}

find_python
[ $# -gt 0 ] || set -- reasoner 135M 0.5B
find_kernel
for name; do
    case $name in
    reasoner)
        say '\nreasoner: the default model\n'
        measure "$src/examples/reasoner" 460
        report "$src/examples/reasoner"
        ;;
    135M)
        shape '135M (SmolLM2)' family=llama dim=576 layers=30 heads=9 \
            kv_heads=3 head_dim=64 ffn=1536 vocab=49152
        ;;
    0.5B)
        shape '0.5B (Qwen2.5)' family=qwen2 dim=896 layers=24 heads=14 \
            kv_heads=2 head_dim=64 ffn=4864 vocab=151936
        ;;
    *)
        echo "$0: $name: not reasoner, 135M or 0.5B" >&2
        exit 2
        ;;
    esac
done
