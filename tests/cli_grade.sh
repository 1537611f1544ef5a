#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# hs-grade: verdicts change, nothing else does.
. "$HS_SRCDIR/tests/lib.sh"

find_python numpy msgpack zstandard || skip_all 'no python3 with numpy, msgpack and zstandard'
# Completion k ends in k; the gold is k, and missing for every fifth; rewards
# are 0, 1, null in turn.
"$python" "$HS_SRCDIR/tests/oracle.py" make a.hsz n=6
"$python" "$HS_SRCDIR/tests/oracle.py" make b.hsz n=4 first=6

digest() {
    hs-view --digest <"$1"
}
column() {
    hs-view --fields="$1" "$2" | sed 1d | tr '\n' ' ' | sed 's/ $//'
}

# ---- verdicts
hs-grade --grader='regex:[0-9]+$' a.hsz >new.hsz
is 'rewards' "$(column reward new.hsz)" 'null 1 1 1 1 null'
is 'parsed answers' "$(column parsed new.hsz)" 'null 1 2 3 4 null'
is 'the grader' "$(column grader new.hsz | cut -d' ' -f1)" 'regex:[0-9]+$'
is 'reasons' "$(hs-view --fields=reason new.hsz | sed -n '2,3p' | tr '\n' '|')" \
    'undecided: no gold answer; cut at the length limit|equal as text|'
hs-grade -g none new.hsz >none.hsz
is 'none forgets rewards' "$(column reward none.hsz)" 'null null null null null null'
is 'and parsed answers' "$(column parsed none.hsz)" 'null null null null null null'
hs-grade -g gsm8k new.hsz >gsm8k.hsz
is 'gsm8k is named in full' "$(column grader gsm8k.hsz | cut -d' ' -f1)" gsm8k-strict

# ---- all else stays
drop='del(.reward, .parsed, .grader, .reason, .run, .history, .digest)'
hs-view --values a.hsz | jq -c "$drop" >before
hs-view --values new.hsz | jq -c "$drop" >after
ok 'states and all other members are the same' cmp before after
ok 'the output is whole' hs-view --check new.hsz
hs-grade -g exact a.hsz >one.hsz
hs-grade -g exact new.hsz >two.hsz
is 'grading forgets earlier grading' "$(digest two.hsz)" "$(digest one.hsz)"
hs-grade -g exact a.hsz >again.hsz
ok 'two runs, the same bytes' cmp one.hsz again.hsz
hs-grade -g exact <a.hsz -o file.hsz -z 9
is 'standard input, -o and -z' "$(digest file.hsz)" "$(digest one.hsz)"
is 'history' "$(hs-view --history one.hsz | jq -c '[.tool, .args]' | tail -n 1)" \
    '["hs-grade",["-g","exact","a.hsz"]]'
hs-grade -g exact --no-history a.hsz >plain.hsz
is '--no-history' "$(hs-view --history plain.hsz)" ''
is 'several inputs' "$(hs-grade -g exact a.hsz b.hsz | hs-view --check | cut -d, -f2)" ' 1 segments'

# ---- golds from elsewhere
printf '%s\n' '{"id":"p0","question":"q","answer":1}' '' \
    '{"id":"p1","question":"q"}' '{"id":"p2","question":"q","answer":"4"}' \
    '{"id":"p9","prompt":"q","answer":"5"}' >golds.jsonl
hs-grade -g 'regex:[0-9]+$' --gold=golds.jsonl a.hsz >gold.hsz
is '--gold gives rewards' "$(column reward gold.hsz)" '0 1 null null 1 0'
is 'and replaces golds' "$(column gold gold.hsz)" '1 1 null null 4 4'
sed 's/"id"/"uid"/; s/"answer"/"gold"/; s/"question":"q"}/"question":"q","gold":null}/' \
    golds.jsonl >mapped.jsonl
hs-grade -g 'regex:[0-9]+$' --gold=mapped.jsonl --map=id=uid,answer=gold a.hsz >mapped.hsz
is '--map' "$(digest mapped.hsz)" "$(digest gold.hsz)"
head -n 3 golds.jsonl >few.jsonl
status 'a problem that is not there' 1 hs-grade -g exact --gold=few.jsonl -o x.hsz a.hsz
is 'is named' "$(cat err)" "hs-grade: a.hsz: p2: problem 'p2' is not in few.jsonl"
ok 'no output is left' test ! -e x.hsz -a ! -e x.hsz.part
cat golds.jsonl golds.jsonl >twice.jsonl
status 'a problem twice' 1 hs-grade -g exact --gold=twice.jsonl a.hsz
is 'is named' "$(cat err)" "hs-grade: twice.jsonl: line 6: a second problem 'p0'"
status 'no such file' 1 hs-grade -g exact --gold=missing.jsonl a.hsz

# ---- rollouts, whose continuations can not be graded again
hs-synth --width=8 --value=1 --dopamine=1 --sinks=0 --massive=0 --confounds=0 \
    --distractors=0 --trajectories=20 --step-every=4 --rollouts=6 -o roll.hsz
with_rollouts() {
    hs-view --type=trajectory --json "$1" | jq -c 'select(.rollouts).id' | wc -l
}
status 'another rule' 0 hs-grade -g exact -o exact.hsz roll.hsz
is 'leaves them out' "$(with_rollouts roll.hsz):$(with_rollouts exact.hsz)" 20:0
is 'and says so' "$(cat err)" \
    'hs-grade: warning: the rollouts of 20 trajectories were judged in another way and are left out'
hs-export -o roll.safetensors roll.hsz
# of the head too, so that they can be made again
head_with() {
    hs-view --type=head "$1" | jq -c '[.run.grader, .run.rollouts.grader]'
}
jq -c 'if .type == "head" then .run = {grader: "synth", rollouts: {k: 6, grader: "synth"}}
    else . end' <roll.index.jsonl >named.index.jsonl
hs-import --index=named.index.jsonl roll.safetensors >named.hsz
is 'a head with rollouts' "$(head_with named.hsz)" '["synth","synth"]'
hs-grade -g exact -o exact.hsz named.hsz 2>err
is 'by another rule: they are gone from the head' "$(head_with exact.hsz)" '["exact",null]'
# the same rule, and half of the gold answers
sed 's/"grader":"synth"/"grader":"exact"/' roll.index.jsonl >exact.index.jsonl
hs-import --index=exact.index.jsonl roll.safetensors >exact.hsz
status 'the same rule' 0 hs-grade -g exact -o same.hsz exact.hsz
is 'keeps them' "$(with_rollouts same.hsz):$(cat err)" 20:
hs-view --fields=problem,gold --json exact.hsz |
    jq -c '{id: .problem, question: "?", answer: (if .problem | endswith("5") then "x" else .gold end)}' >x.jsonl
status 'two other gold answers' 0 hs-grade -g exact --gold=x.jsonl -o same.hsz exact.hsz
is 'keep the others' "$(with_rollouts same.hsz)" 18

# ---- the report
hs-grade -g 'regex:[0-9]+$' --report a.hsz >report
printf '#id\told\tnew\treason\n' >wanted
printf '%s\t%s\t%s\t%s\n' \
    p0 0 null 'undecided: no gold answer; cut at the length limit' \
    'p0#1' 1 1 'equal as text' p1 null 1 'equal as text' \
    'p1#1' 0 1 'equal as text; cut at the length limit' \
    p2 1 1 'equal as text' 'p2#1' null null 'undecided: no gold answer' >>wanted
printf '#%s\t%s\t%s\n' old new count 1 1 2 1 0 0 1 null 0 0 1 1 0 0 0 0 null 1 \
    null 1 1 null 0 0 null null 1 >>wanted
diff report wanted >differences
is 'the report' "$(cat differences)" ''
head -c 700 a.hsz >cut.hsz
status 'half a stream' 1 hs-grade -g exact --report cut.hsz
is 'makes no half of a table' "$(cat out)" ''
status 'nor a stream' 1 hs-grade -g exact -o x.hsz cut.hsz
ok 'that stays' test ! -e x.hsz

# ---- usage
while IFS='|' read -r arguments reason; do
    # shellcheck disable=SC2086 # words
    status "hs-grade $arguments" 2 hs-grade $arguments a.hsz
    is 'says why' "$(head -n 1 err | cut -c1-50)" "hs-grade: $reason"
done <<'END'
--report|--grader is needed
-g gsm|--grader: grader 'gsm' is not one of gsm
-g regex:(|--grader: grader 'regex:(': at 1: missin
-g exact --map=id=x|--map is for --gold
-g exact --gold=g --map=x=y|--map: 'x' is not one of id, question, p
-g exact --report -o x|--report goes to standard output
-g exact -z 20|--level: 20 is not within 1 to 19
END
done_testing
