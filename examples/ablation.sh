#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Cause or correlate, on the default model: the paper's Table 2 in miniature, and
# its Appendix A. For each of three tasks, value neurons by a TD probe are
# silenced in every layer, one at a time, and compared with as many coordinates
# that are random, of the same RMS, large in the weights, or picked by probes of
# the next token and of the last state alone. Tables, verdicts and plots go to
# build/ablation; what was found is printed.
#
# usage: sh examples/ablation.sh [problems per task, 100 to 500]

CDPATH='' cd -- "$(dirname -- "$0")/.." || exit 1
. tests/build.sh

test=${1:-300}
case $test in
*[!0-9]* | '' | 0*) test=0 ;;
esac
if [ "$test" -lt 100 ] || [ "$test" -gt 500 ]; then
    echo 'usage: sh examples/ablation.sh [problems per task, 100 to 500]' >&2
    exit 2
fi
sh tests/deps.sh build run || exit 1
build_tools || exit 1

PATH=$PWD/build:$PATH
HSTOOLS_MODEL=$PWD/examples/reasoner
problems=$PWD/examples/reasoner/problems
out=$PWD/build/ablation
export PATH HSTOOLS_MODEL
rm -rf "$out" && mkdir -p "$out" && cd "$out" || exit 1
started=$(date +%s)
tasks='chain expr choice'
train=300
workers=$(nproc 2>/dev/null || echo 1)

say() {
    printf '%4d s  %s\n' $(($(date +%s) - started)) "$*"
}

# probes TASK: rankings of three targets at every layer, from answers sampled at
# temperature 1, as the paper does. The settings that differ from the defaults
# are for the sake of time.
probes() {
    cat "$problems/$1"-train-*.jsonl | head -n $train |
        hs-extract -q --max-tokens 200 --temperature 1 --seed 1 \
            --progress never -o "$1.hsz" || exit 1
    head -n 30 "$problems/$1-test.jsonl" |
        hs-extract -q --max-tokens 200 --temperature 1 --seed 1 \
            --positions tokens --progress never -o "$1-audit.hsz" || exit 1
    probe-fit -q --epochs 15 --lr 3e-4 --target td,terminal,ntp --seeds 2 \
        --baselines none --progress never -o "$1-probes.hsz" <"$1.hsz" || exit 1
    for target in td terminal ntp; do
        neuron-rank -q --target $target --by gradient --audit "$1-audit.hsz" \
            -o "$1-$target.hsz" "$1-probes.hsz" || exit 1
    done
}

# by_shards NAME IN [OPTION]...: ablate-eval on the problems in a file, by one worker
# of one thread for each processor, joined. A small model has little to do in each
# step, and threads would wait for each other.
by_shards() {
    name=$1
    in=$2
    shift 2
    # shellcheck disable=SC2046 # several numbers
    parallel --will-cite -j "$workers" ablate-eval -q -j 1 \
        --shard "{}/$workers" --max-tokens 160 --progress never "$@" \
        -o 'part-{}.hsz' '<' "$in" ::: $(seq "$workers") || exit 1
    hs-cat -o "$name.hsz" part-*.hsz || exit 1
    rm -f part-*.hsz
}

# ablate TASK OTHER: all arms at all layers, and some problems of another task.
# The text that is to be neutral is of that task too: the model knows no other.
ablate() {
    head -n "$test" "$problems/$1-test.jsonl" >"$1.jsonl" || exit 1
    head -n 30 "$problems/$2-test.jsonl" >"$1-also.jsonl" || exit 1
    tail -n 12 "$problems/$2-test.jsonl" | jq -r '.question, .solution' \
        >"$1-neutral.txt" || exit 1
    by_shards "$1-arms" "$1.jsonl" --rank "$1-td.hsz" --layers all \
        --arms "none,noop,value,value-sinks,random:20,rms:20,magnitude,wanda,rms-top,ntp:$1-ntp.hsz,terminal:$1-terminal.hsz,bottom" \
        --also "$1-also.jsonl" --own 10 --neutral "$1-neutral.txt"
    for how in table tsv json; do
        ablate-eval --report=$how "$1-arms.hsz" >"$1.$how" || exit 1
    done
    for format in svg png; do
        hs-plot ablation "$1-arms.hsz" --title "$1" -o "$1.$format" || exit 1
    done
}

# dose TASK: larger sets, on a third of the problems, whose unedited answers are known
dose() {
    head -n $((test / 3)) "$1.jsonl" >"$1-some.jsonl" || exit 1
    by_shards "$1-dose" "$1-some.jsonl" --rank "$1-td.hsz" --layers all \
        --top 5%,20% --baseline "$1-arms.hsz" --own 0 --neutral none \
        --arms "none,value,random:5,rms:5,terminal:$1-terminal.hsz,bottom"
    ablate-eval --report=tsv "$1-dose.hsz" >"$1-dose.tsv" || exit 1
    ablate-eval --report "$1-dose.hsz" >"$1-dose.table" || exit 1
    for format in svg png; do
        hs-plot dose "$1-dose.hsz" --title "$1" -o "$1-dose.$format" || exit 1
    done
}

other=choice
for task in $tasks; do
    say "$task: probes of $train answers"
    probes "$task"
    say "$task: ablations of $test problems"
    ablate "$task" "$other"
    say "$task: larger sets"
    dose "$task"
    other=$task
done
say 'done'

# Of a table, the sets that were chosen by the TD probe and by the probe of the last
# state, and those that are as large.
chosen() {
    sed -n '1,2p; /^layer .*coordinate/p; /^value /p; /^rms x/p
        /^terminal/{N;s/:.*\n             /     /;p}' "$1" || exit 1
}
for task in $tasks; do
    printf '\n%s: 1 %% of the coordinates, %s problems\n' "$task" "$test"
    chosen "$task.table"
    jq -r '.verdict[] | select(startswith("L") | not)' "$task.json" | fold -s -w 78
    printf '\n%s: 5 and 20 %%, a third of the problems\n' "$task"
    chosen "$task-dose.table"
done
printf '\nTables (.table, .tsv, .json), streams and pictures are in %s\n' "$out"
