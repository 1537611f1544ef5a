#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# One extraction, three ways: alone, cut up by GNU parallel --pipe, and in shards
# that each read all problems and take their own. The digests are equal, because
# nothing depends on how the work was divided.
#
# Two kinds of resuming work together. --joblog and --resume-failed let the same
# command again run only the jobs that are missing or failed (--resume alone would
# pass over those that failed). --retries starts a job that died again at once.
# Either way hs-extract --resume goes on with the FILE.part of that job, which
# without it would be in the way.
#
# usage: sh examples/parallel.sh [problems [jobs [sshlogins]]]
#
# sshlogins, such as 4/node1,4/node2, are machines with hstools; : is this one.

CDPATH='' cd -- "$(dirname -- "$0")/.." || exit 1
root=$PWD
command -v hs-extract >/dev/null 2>&1 || PATH=$root/build:$PATH
: "${HSTOOLS_MODEL:=$root/examples/reasoner}"
export PATH HSTOOLS_MODEL
count=${1:-60}
jobs=${2:-2}
logins=${3:-:}

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work" || exit 1
head -n "$count" "$root/examples/reasoner/problems/chain-test.jsonl" \
    >problems.jsonl || exit 1

# Each process works on one thread: that is the best use of many processors.
extract='hs-extract --seed 1 --temperature 1 --max-tokens 200 --grader gsm8k -j 1'

# 1. One process.
$extract -o one.hsz <problems.jsonl || exit 1

# 2. --pipe: parallel deals out lines. The problems must have ids: without one,
# a problem is called by the number of its line, and each job counts from 1.
parallel --pipe -N 16 --jobs "$jobs" \
    --joblog pipe.log --resume-failed --retries 3 \
    "$extract --resume -o pipe-{#}.hsz" <problems.jsonl || exit 1
cat pipe-*.hsz >pipe.hsz || exit 1

# 3. --shard I/N: each job reads all problems and takes every N-th, here or on
# other machines: --basefile sends the problems once to each, --return brings a
# shard back, --cleanup removes both there.
set -- --basefile problems.jsonl --return 'shard-{}.hsz' --cleanup
[ "$logins" != : ] || set --
parallel --sshlogin "$logins" --env PATH --env HSTOOLS_MODEL "$@" \
    --jobs "$jobs" --joblog shard.log --resume-failed --retries 3 \
    "$extract --resume --shard {}/4 -o shard-{}.hsz <problems.jsonl" \
    ::: 1 2 3 4 || exit 1
cat shard-[1-4].hsz >shards.hsz || exit 1

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
