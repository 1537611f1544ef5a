#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# From a fresh checkout to value neurons: installs what is missing, builds in
# build/, lets the default model solve 600 problems while every layer's states
# are kept, fits value probes to them, ranks the coordinates, silences the first of
# them beside as many others, and prints what came of it. The streams stay in
# build/quickstart.
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
mkdir -p "$out" || exit 1
rm -f "$out"/*.hsz "$out"/*.part # of an earlier run

for task in chain expr choice; do
    head -n "$per_task" "examples/reasoner/problems/$task-test.jsonl"
done >"$out/problems.jsonl" || exit 1

cat <<END

    hs-extract --grader gsm8k --max-tokens 200 --seed 1 -o acts.hsz < problems.jsonl

END
started=$(date +%s.%N)
hs-extract --grader gsm8k --max-tokens 200 --seed 1 -o "$out/acts.hsz" \
    <"$out/problems.jsonl" || exit 1
ended=$(date +%s.%N)

hs-view --check "$out/acts.hsz" || exit 1
hs-view --stats --json "$out/acts.hsz" >"$out/stats.json" || exit 1
bytes=$(wc -c <"$out/acts.hsz")
jq -r --argjson bytes "$bytes" --argjson seconds \
    "$(echo "$started $ended" | awk '{ printf "%.3f", $2 - $1 }')" '
    "problems            \(.items)",
    "accuracy            \(.reward_rate * 1000 | round / 1000)",
    "tokens              \(.tokens), of which \(.tokens_completion) generated",
    "tokens/s            \(.tokens_completion / $seconds | round) generated",
    "bytes               \($bytes)",
    "compression ratio   \(.raw_bytes / $bytes * 100 | round / 100)"
    ' "$out/stats.json" || exit 1
echo
hs-cat --only 'id =~ "-test-0000$"' -o "$out/three.hsz" "$out/acts.hsz" || exit 1
hs-view --fields id,reward,completion "$out/three.hsz" || exit 1

cat <<END

    probe-fit -l 2-4 --target td,mc --seeds 2 --epochs 30 -o probes.hsz < acts.hsz
    neuron-rank --target mc --audit audit.hsz -o rank.hsz probes.hsz

END
cd "$out" || exit 1
head -n 20 problems.jsonl |
    hs-extract -q --grader gsm8k --max-tokens 200 --seed 1 --positions tokens \
        -o audit.hsz || exit 1
probe-fit -l 2-4 --target td,mc --seeds 2 --epochs 30 \
    --baselines ridge,logistic,prompt-length,entropy,shuffled \
    -o probes.hsz <acts.hsz || exit 1
neuron-rank --target mc --audit audit.hsz -o rank.hsz probes.hsz || exit 1
probe-fit --report <probes.hsz >report.txt || exit 1
cut -c 1-46 report.txt
echo
echo 'The value neurons: the top 1 % of each layer (mc), and what is known of them'
neuron-rank -q --tsv rank.hsz | awk -F '\t' '
    /^#/ { for (i = 1; i <= NF; i++) at[$i] = i; next }
    $at["top"] != 1 { next }
    { printf "layer %s  coordinate %-4s importance %6.3f  in the top of %3d %% of " \
        "seeds  RMS rank %3d  sink: %s\n", $at["layer"], $at["coordinate"],
        $at["importance"], 100 * $at["stability"], $at["rms_rank"], $at["sink"] }'
cat <<END

    ablate-eval --rank rank.hsz -l 3 --arms none,noop,value,random:20,rms:20,bottom \\
        --grader gsm8k --max-tokens 200 -o arms.hsz --report < some.jsonl

END
for task in chain expr choice; do
    grep "\"id\": \"$task-" problems.jsonl | head -n 50
done >some.jsonl
ablate-eval --rank rank.hsz -l 3 --arms none,noop,value,random:20,rms:20,bottom \
    --grader gsm8k --max-tokens 200 --own 20 -o arms.hsz --report <some.jsonl ||
    exit 1
cat <<END

AUC: 0.5 is chance, and what the prompt's length alone reaches stands beside it.
The streams are in $out; man man/hstools.7 says what to do
with them. sh examples/value-neurons.sh and sh examples/ablation.sh look closer.
END
