#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# From a fresh checkout to a page of findings: installs what is missing, builds in
# build/, and runs the whole method on the default model. It solves problems while
# every layer's states are kept; value probes are fitted to them and coordinates
# ranked; the first of these are silenced beside as many others; answers are
# continued from every line, for what each was worth; coordinates that signal
# surprise are looked for, one surprise is shown token by token, and a search
# chooses lines by them. The streams stay in build/quickstart.
#
# usage: sh examples/quickstart.sh [problems per task, 50 to 500]

CDPATH='' cd -- "$(dirname -- "$0")/.." || exit 1
. tests/build.sh

per_task=${1:-200}
case $per_task in
*[!0-9]* | '' | 0*) per_task=501 ;;
esac
if [ "$per_task" -lt 50 ] || [ "$per_task" -gt 500 ]; then
    echo 'usage: sh examples/quickstart.sh [problems per task, 50 to 500]' >&2
    exit 2
fi

sh tests/deps.sh build run || exit 1
build_tools || exit 1

PATH=$PWD/build:$PATH
HSTOOLS_MODEL=$PWD/examples/reasoner
out=$PWD/build/quickstart
export PATH HSTOOLS_MODEL
mkdir -p "$out" && cd "$out" || exit 1
rm -f ./*.hsz ./*.part # of an earlier run

# run WORDS: show a command, and run it
run() {
    printf '\n    %s\n' "$1"
    sh -e -c "$1" || exit 1
}
# of_tasks N FROM TO: the first N problems of each task
of_tasks() {
    for task in chain expr choice; do
        grep "\"id\": \"$task-" "$2" | head -n "$1"
    done >"$3"
}

for task in chain expr choice; do
    head -n "$per_task" "$HSTOOLS_MODEL/problems/$task-test.jsonl"
done >problems.jsonl || exit 1
of_tasks 50 problems.jsonl some.jsonl
cat "$HSTOOLS_MODEL"/problems/*-train-1.jsonl >train.jsonl || exit 1
of_tasks 20 train.jsonl new.jsonl

started=$(date +%s.%N)
run 'hs-extract --max-tokens 200 --seed 1 -o acts.hsz < problems.jsonl'
ended=$(date +%s.%N)
hs-view --check acts.hsz || exit 1
hs-view --stats --json acts.hsz >stats.json || exit 1
bytes=$(wc -c <acts.hsz)
jq -r --argjson bytes "$bytes" --argjson seconds \
    "$(echo "$started $ended" | awk '{ printf "%.3f", $2 - $1 }')" '
    "problems            \(.items)",
    "accuracy            \(.reward_rate * 1000 | round / 1000)",
    "tokens              \(.tokens), of which \(.tokens_completion) generated",
    "tokens/s            \(.tokens_completion / $seconds | round) generated",
    "bytes               \($bytes)",
    "compression ratio   \(.raw_bytes / $bytes * 100 | round / 100)"
    ' stats.json || exit 1
hs-cat --only 'id =~ "-test-0000$"' -o three.hsz acts.hsz || exit 1
hs-view --fields id,reward,completion three.hsz || exit 1

run 'head -n 20 problems.jsonl |
        hs-extract -q --max-tokens 200 --seed 1 --positions tokens -o audit.hsz
    probe-fit -l 2-4 --target td,mc --seeds 2 --epochs 30 \
        --baselines ridge,logistic,prompt-length,entropy,shuffled \
        -o probes.hsz < acts.hsz
    neuron-rank --target mc --audit audit.hsz -o rank.hsz probes.hsz'
run 'ablate-eval --rank rank.hsz -l 3 --arms none,noop,value,random:20,rms:20,bottom \
        --max-tokens 200 --own 20 -o arms.hsz < some.jsonl'
run 'hs-cat --only '\''id =~ "-test-00"'\'' acts.hsz |
        hs-extract --rollouts 8 --branch line -o rollouts.hsz'
run 'rpe-scan --mode td -l 3 --znorm train -o td.hsz < rollouts.hsz
    rpe-scan --mode surprise -l 3 -o surprise.hsz < rollouts.hsz
    rpe-scan --trace unpleasant --rpe td.hsz --first 2 --probe probes.hsz \
        --probe-target mc -l 3 -o trace.hsz < rollouts.hsz'
run 'hs-search --step line --scorers greedy,random,value:probes.hsz,dopamine:td.hsz \
        --target mc --layer 3 --candidates 4 --max-tokens 200 \
        -o search.hsz < new.jsonl'

probe-fit --report=tsv <probes.hsz >report.tsv || exit 1
neuron-rank -q --tsv rank.hsz >rank.tsv || exit 1
ablate-eval --report=json arms.hsz >arms.json || exit 1
rpe-scan --report td.hsz >td.txt || exit 1
rpe-scan --report surprise.hsz >surprise.txt || exit 1
hs-search --report search.hsz >search.txt || exit 1
hs-plot trace --width 78 trace.hsz >trace.txt || exit 1

# ---- the page
printf '\n%s\n\n' '---- What was found'
awk -F '\t' '
    NR == 1 || $5 != "s0" { next }
    !($1 in seen) { seen[$1] = 1; layers[++n] = $1 }
    $6 != "" { sum[$1, $2] += $6; count[$1, $2]++ }
    END {
        m = split("td mc ridge logistic prompt-length entropy", names, " ")
        printf "AUC of V(s0), held out:  layer"
        for (k = 1; k <= m; k++) printf "  %s", names[k]
        print "  shuffled"
        for (i = 1; i <= n; i++) {
            l = layers[i]
            printf "%30s", l
            for (k = 1; k <= m; k++)
                printf "  %*.2f", length(names[k]),
                    sum[l, names[k]] / count[l, names[k]]
            printf "  %8.2f\n", (sum[l, "shuffled"] / count[l, "shuffled"])
        }
    }' report.tsv || exit 1
printf '(0.5 is chance; td and mc are probes, the others what they have to beat)\n'

printf '\nValue neurons: the top 1 %% by mc, and what is known of them\n'
awk -F '\t' '
    /^#/ { for (i = 1; i <= NF; i++) at[$i] = i; next }
    $at["top"] != 1 { next }
    { printf "layer %s  coordinate %-4s importance %6.3f  in the top of %3d %% " \
        "of seeds  RMS rank %3d  sink: %s\n", $at["layer"], $at["coordinate"],
        $at["importance"], 100 * $at["stability"], $at["rms_rank"], $at["sink"] }
    ' rank.tsv || exit 1

printf '\nWithout those of layer 3:\n'
jq -r '.verdict[] | select(contains("bottom") | not)' arms.json |
    fold -s -w 78 || exit 1

printf '\nDopamine neurons, by steps:\n'
sed -n '2,3p; /signal an error/,$p' td.txt || exit 1
printf 'by answers:\n'
sed -n '2p; /signal an error/,$p' surprise.txt || exit 1

printf '\nA search by them, one line out of four at a time:\n'
sed -n '1,5p' search.txt || exit 1

printf '\nThe most unpleasant surprise:\n'
cat trace.txt || exit 1
cat <<END

The streams are in $out; man man/hstools.7 says what to do with them.
examples/value-neurons.sh, ablation.sh and dopamine.sh look closer.
END
