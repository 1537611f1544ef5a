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

# ablate TASK OTHER: all arms at all layers, and some problems of another task
ablate() {
    head -n "$test" "$problems/$1-test.jsonl" >"$1.jsonl" || exit 1
    head -n 40 "$problems/$2-test.jsonl" >"$1-also.jsonl" || exit 1
    ablate-eval --rank "$1-td.hsz" --layers all --max-tokens 200 \
        --arms "none,noop,value,value-sinks,random:20,rms:20,magnitude,wanda,rms-top,ntp:$1-ntp.hsz,terminal:$1-terminal.hsz,bottom" \
        --also "$1-also.jsonl" --own 20 -v --progress never \
        -o "$1-arms.hsz" <"$1.jsonl" || exit 1
    for how in table tsv json; do
        ablate-eval --report=$how "$1-arms.hsz" >"$1.$how" || exit 1
    done
    for format in svg png; do
        hs-plot ablation "$1-arms.hsz" --title "$1" -o "$1.$format" || exit 1
    done
}

other=choice
for task in $tasks; do
    say "$task: probes of $train answers"
    probes "$task"
    say "$task: ablations of $test problems"
    ablate "$task" "$other"
    other=$task
done
say 'done'

for task in $tasks; do
    printf "\n%s\n\n" "$task"
    cat "$task.table"
done
printf '\nTables (.tsv, .json), streams and pictures are in %s\n' "$out"
