#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# From a fresh checkout to hidden states: installs what is missing, builds in
# build/, lets the default model solve 300 problems while every layer's states
# are kept, and prints what came of it. The stream stays in build/quickstart.
#
# usage: sh examples/quickstart.sh [problems per task, at most 500]

CDPATH='' cd -- "$(dirname -- "$0")/.." || exit 1
. tests/build.sh

per_task=${1:-100}
case $per_task in
*[!0-9]* | '' | 0*) per_task=501 ;;
esac
if [ "$per_task" -gt 500 ]; then
    echo 'usage: sh examples/quickstart.sh [problems per task, at most 500]' >&2
    exit 2
fi

sh tests/deps.sh build run || exit 1
build_tools || exit 1

PATH=$PWD/build:$PATH
HSTOOLS_MODEL=$PWD/examples/reasoner
out=$PWD/build/quickstart
export PATH HSTOOLS_MODEL
mkdir -p "$out" || exit 1
rm -f "$out/acts.hsz" "$out/acts.hsz.part" # of an earlier run

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

The stream is $out/acts.hsz; man man/hstools.7 says what to do with it.
END
