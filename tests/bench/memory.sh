#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# memory.sh - the most memory that programs take for 200 problems and for 2,000:
# peak resident size in KiB, and the ratio. Fails above 1.10, and where hs-extract
# takes more than --estimate says.
#
# The longest problems come first: each of the --batch places keeps room for the
# longest item that it has had, so that memory grows until all had a long one.
#
# usage: sh tests/bench/memory.sh
set -u
export LC_ALL=C
root=$(cd "$(dirname "$0")/../.." && pwd)
PATH=${HS_BUILDDIR:-$root/build}:$PATH
HSTOOLS_MODEL=${HSTOOLS_MODEL:-$root/examples/reasoner}
export PATH HSTOOLS_MODEL
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
cd "$dir" || exit 1

# peak COMMAND...: its peak resident size; fails if it does. A process starts
# with the peak of the one that started it, so that one is small: sh.
peak() {
    python3 -c '
import os, subprocess, sys
pid = subprocess.Popen(["/bin/sh", "-c", sys.argv[1]]).pid
_, status, usage = os.wait4(pid, 0)
print(usage.ru_maxrss)
sys.exit(1 if status else 0)' "exec $*" || exit 1
}

cat "$HSTOOLS_MODEL"/problems/chain-t*.jsonl | head -n 2000 |
    awk '{ print length($0) "\t" $0 }' | sort -rn | cut -f2- >2000.jsonl
[ "$(wc -l <2000.jsonl)" -eq 2000 ] || exit 1
head -n 200 2000.jsonl >200.jsonl

failed=0
compare() {
    name=$1 few=$2 many=$3
    ratio=$(echo "$few $many" | awk '{ printf "%.3f", $2 / $1 }')
    printf '%-46s %9s %9s  %s\n' "$name" "$few" "$many" "$ratio"
    awk "BEGIN { exit !($ratio <= 1.10) }" || failed=1
}

printf '%-46s %9s %9s  %s\n' '#program' 'KiB, 200' 'KiB, 2000' ratio
for options in '' '--samples 4 --max-tokens 20' '-l none' '--batch 4' \
    '--positions s0 --dtype f32'; do
    run="hs-extract -g none --max-tokens 60 $options"
    few=$(peak "$run <200.jsonl >200.hsz") || exit 1
    many=$(peak "$run <2000.jsonl >2000.hsz") || exit 1
    compare "$run" "$few" "$many"
    # shellcheck disable=SC2086
    bound=$($run --estimate <2000.jsonl | awk '
        /^(weight|memory)_bytes/ { n += $2 } END { printf "%d", n / 1024 }')
    printf '%-46s %9s %9s\n' '  --estimate: weights and memory' '' "$bound"
    [ "$many" -le "$bound" ] || failed=1
done
hs-extract -g none --max-tokens 60 <200.jsonl >200.hsz || exit 1
hs-extract -g none --max-tokens 60 <2000.jsonl >2000.hsz || exit 1
for command in 'hs-view' 'hs-view --check' 'hs-view --stats' 'hs-cat' \
    'hs-cat -l 2' 'hs-grade --grader=gsm8k'; do
    few=$(peak "$command <200.hsz >/dev/null") || exit 1
    many=$(peak "$command <2000.hsz >/dev/null") || exit 1
    compare "$command" "$few" "$many"
done
[ $failed -eq 0 ] || echo 'memory.sh: memory grows with the input, or beyond the estimate' >&2
exit $failed
