#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# One extraction, three ways: alone, cut up by GNU parallel --pipe, and in shards
# that each read all problems and take their own. The digests are equal, because
# nothing depends on how the work was divided.
#
# usage: sh examples/parallel.sh [problems] [jobs]

CDPATH='' cd -- "$(dirname -- "$0")/.." || exit 1
root=$PWD
command -v hs-extract >/dev/null 2>&1 || PATH=$root/build:$PATH
: "${HSTOOLS_MODEL:=$root/examples/reasoner}"
export PATH HSTOOLS_MODEL
count=${1:-60}
jobs=${2:-2}

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work" || exit 1
head -n "$count" "$root/examples/reasoner/problems/chain-test.jsonl" \
    >problems.jsonl || exit 1

extract='hs-extract --seed 1 --temperature 1 --max-tokens 200 --grader gsm8k -j 1'

# 1. One process.
$extract -o one.hsz <problems.jsonl || exit 1

# 2. --pipe: parallel deals out lines. A line of the log is a finished job, so
# the same command again, with --resume, runs only what is missing; -k is not
# needed, since each job writes its own file.
parallel --pipe -N 16 --jobs "$jobs" --joblog pipe.log --resume --retries 3 \
    "$extract -o pipe-{#}.hsz" <problems.jsonl || exit 1
cat pipe-*.hsz >pipe.hsz

# 3. --shard I/N: each job reads all problems and takes every N-th. Works with
# more machines too, if they share or are sent the files:
#   parallel --sshlogin 2/node1,2/node2 --workdir . --transferfile problems.jsonl \
#       --return shard-{}.hsz --cleanup --joblog shard.log --resume --retries 3 \
#       "$extract --shard {}/4 -o shard-{}.hsz <problems.jsonl" ::: 1 2 3 4
parallel --jobs "$jobs" --joblog shard.log --resume --retries 3 \
    "$extract --shard {}/4 -o shard-{}.hsz <problems.jsonl" ::: 1 2 3 4 ||
    exit 1
cat shard-*.hsz >shards.hsz

status=0
alone=$(hs-view --digest one.hsz) || exit 1
for joined in pipe.hsz shards.hsz; do
    digest=$(hs-view --digest "$joined") || exit 1
    printf '%-10s %s\n' "$joined" "$digest"
    [ "${digest%% *}" = "${alone%% *}" ] || status=1
done
printf '%-10s %s\n' one.hsz "$alone"
[ $status -eq 0 ] && echo 'equal' || echo 'parallel.sh: digests differ' >&2
exit $status
