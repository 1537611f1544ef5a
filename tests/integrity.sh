#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What hs-extract wrote, cut short and with flipped bits, before every program
# that reads streams: an error that is told, or the same as ever. tests/
# test_damage.c tries every cut and every bit of a stream in one process; here
# are some for each program. All of them: INTEGRITY=all.
. "$HS_SRCDIR/tests/lib.sh"

find_python numpy msgpack zstandard || skip_all 'no python3 with numpy, msgpack and zstandard'
HSTOOLS_MODEL=$HS_SRCDIR/examples/reasoner
export HSTOOLS_MODEL
oracle() {
    "$python" "$HS_SRCDIR/tests/oracle.py" "$@"
}
head -n 3 "$HSTOOLS_MODEL/problems/expr-test.jsonl" |
    hs-extract --seed 1 --max-tokens 40 -l 2 --positions=step-ends --step=line -o a.hsz
is 'a stream' $? 0
size=$(wc -c <a.hsz)
ok "of a few kilobytes ($size)" test "$size" -gt 1500 -a "$size" -lt 20000
if [ "${INTEGRITY-}" = all ]; then
    flips=1 cuts=1
else
    flips=$((8 * size / 300)) cuts=$((size / 100))
fi

# Standard output of the last command of each line must not change.
while read -r command; do
    name=${command%%>*}
    ok "$name: flipped bits" oracle flips a.hsz $flips sh -c "$command"
    ok "$name: cuts" oracle cuts a.hsz $cuts sh -c "$command"
done <<'END2'
hs-view --check
hs-view --digest
hs-view
hs-view --stats
hs-view --values --json
hs-cat --no-history
hs-grade --no-history --grader=exact
hs-export -o x.safetensors && cat x.safetensors
END2

# ---- killed upstream, in plain sh
head -n 200 "$HSTOOLS_MODEL/problems/chain-test.jsonl" >problems.jsonl
for reader in hs-view 'hs-view --stats' 'hs-cat' 'hs-grade --grader=exact'; do
    (
        hs-extract --batch 1 --max-tokens 200 --ignore-eos <problems.jsonl &
        sleep 0.5
        kill -9 $!
    ) 2>/dev/null | hs-cat 2>/dev/null | $reader >out 2>err
    is "hs-extract is killed: $reader fails" $? 1
    ok 'and says why' grep -q "^${reader%% *}: <stdin>: " err
done
done_testing
