#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Surprise, on the default model: how much better or worse each step of an answer
# made its end, by continuing from it; coordinates that go with that, or with whole
# answers that ended other than expected; what is left of them without the value
# neurons of earlier layers; traces of a pleasant and an unpleasant surprise; and
# a search that is guided by them. Tables, streams and pictures go to
# build/dopamine; what was found is printed.
#
# usage: sh examples/dopamine.sh [problems per task, 70 to 500]

CDPATH='' cd -- "$(dirname -- "$0")/.." || exit 1
. tests/build.sh

each=${1:-300}
case $each in
*[!0-9]* | '' | 0*) each=0 ;;
esac
if [ "$each" -lt 70 ] || [ "$each" -gt 500 ]; then
    echo 'usage: sh examples/dopamine.sh [problems per task, 70 to 500]' >&2
    exit 2
fi
sh tests/deps.sh build run || exit 1
build_tools || exit 1

PATH=$PWD/build:$PATH
HSTOOLS_MODEL=$PWD/examples/reasoner
problems=$PWD/examples/reasoner/problems
out=$PWD/build/dopamine
export PATH HSTOOLS_MODEL
rm -rf "$out" && mkdir -p "$out" && cd "$out" || exit 1
started=$(date +%s)
workers=$(nproc 2>/dev/null || echo 1)

say() {
    printf '%4d s  %s\n' $(($(date +%s) - started)) "$*"
}

# of_tasks SET N: the first problems of a set, of each task.
of_tasks() {
    for task in chain expr choice; do
        head -n "$2" "$problems/$task-$1.jsonl" || exit 1
    done
}

# by_shards NAME IN COMMAND...: a command that takes --shard and writes a stream, by
# one worker of one thread for each processor, joined. A small model has little to
# do in each step, and threads would wait for each other.
by_shards() {
    name=$1
    in=$2
    shift 2
    # shellcheck disable=SC2046 # several numbers
    parallel --will-cite -j "$workers" "$@" -q -j 1 --shard "{}/$workers" \
        --progress never -o 'part-{}.hsz' '<' "$in" ::: $(seq "$workers") ||
        exit 1
    hs-cat -o "$name.hsz" part-*.hsz || exit 1
    rm -f part-*.hsz
}

of_tasks train-1 "$each" >some.jsonl
of_tasks train-2 "$each" >others.jsonl
of_tasks test 60 >test.jsonl

say "answers to $((each * 3)) problems, and 16 continuations of every line"
by_shards acts some.jsonl hs-extract -l 1-4 --max-tokens 200 --seed 1
by_shards rollouts acts.hsz hs-extract --rollouts 16 --branch line

say "value probes of as many other problems"
by_shards others others.jsonl hs-extract -l 1-4 --max-tokens 200 --seed 1
probe-fit -q --target mc --epochs 20 --lr 3e-4 --baselines none \
    --progress never -o probes.hsz <others.hsz || exit 1
neuron-rank -q --by gradient -o rank.hsz probes.hsz || exit 1

say 'steps: errors of the value, and what predicts them'
rpe-scan --mode td -q --progress never -l 3-4 -o td.hsz <rollouts.hsz || exit 1
# For the search: z-scores that do not look ahead; of the paper's steps, and of all.
# Steps with a large error began with the opposite value, and a probe of them alone
# learns that too.
for threshold in 0.3 0; do
    rpe-scan --mode td --znorm train --threshold $threshold -q --progress never \
        -l 3 -o "beyond-$threshold.hsz" <rollouts.hsz || exit 1
done

say 'answers: pleasant and unpleasant surprises'
rpe-scan --mode surprise --probe probes.hsz -q --progress never -l 3-4 \
    -o surprise.hsz <rollouts.hsz || exit 1

say 'dependence on value neurons of earlier layers'
rpe-scan --dependence rank.hsz --rpe td.hsz --first 10 --edit-layers 1-2 \
    --fraction 20% --limit 200 -q --progress never -o dependence.hsz \
    <rollouts.hsz || exit 1

say 'traces'
for which in pleasant unpleasant; do
    rpe-scan --trace $which --rpe td.hsz --first 3 --probe probes.hsz -q -l 3 \
        -o "$which.hsz" <rollouts.hsz || exit 1
done

scorers=greedy,random,logprob,value:probes.hsz,dopamine:beyond-0.3.hsz,dop-all=dopamine:beyond-0.hsz,oracle
say 'search by steps: 180 problems, three seeds, seven scorers, 4 candidates'
by_shards search test.jsonl hs-search --step line --candidates 4 --seeds 3 \
    --max-tokens 200 --rollouts 8 --target mc --layer 3 --scorers "$scorers"
say 'search by whole answers'
by_shards whole test.jsonl hs-search --whole --step line --candidates 4 \
    --seeds 3 --max-tokens 200 --target mc --layer 3 --scorers "$scorers"

for format in svg png; do
    hs-plot trace pleasant.hsz -o "pleasant.$format" || exit 1
    hs-plot trace unpleasant.hsz -o "unpleasant.$format" || exit 1
    hs-plot volcano td.hsz -o "volcano-td.$format" || exit 1
    hs-plot volcano surprise.hsz -o "volcano-surprise.$format" || exit 1
    hs-plot rpe-pruning td.hsz -o "pruning.$format" || exit 1
    hs-plot dependence dependence.hsz -o "dependence.$format" || exit 1
done
for found in td surprise dependence; do
    rpe-scan --report "$found.hsz" >"$found.table" || exit 1
    rpe-scan --report=tsv "$found.hsz" >"$found.tsv" || exit 1
    rpe-scan --report=json "$found.hsz" >"$found.json" || exit 1
done
for found in search whole; do
    hs-search --report "$found.hsz" >"$found.table" || exit 1
    hs-search --report=tsv "$found.hsz" >"$found.tsv" || exit 1
    hs-search --report=json "$found.hsz" >"$found.json" || exit 1
done
say 'done'

for found in td surprise dependence search whole; do
    printf '\n---- %s\n' "$found"
    cat "$found.table" || exit 1
done
printf '\nTables (.table, .tsv, .json), streams and pictures are in %s\n' "$out"
