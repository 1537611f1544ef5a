#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# hs-cat: nothing is lost, nothing is invented, and digests add up.
. "$HS_SRCDIR/tests/lib.sh"

find_python numpy msgpack zstandard || skip_all 'no python3 with numpy, msgpack and zstandard'
oracle() {
    "$python" "$HS_SRCDIR/tests/oracle.py" "$@"
}
ids() {
    hs-view --fields=id "$@" | sed 1d | tr '\n' ' ' | sed 's/ $//'
}
digest() {
    hs-view --digest <"$1"
}
oracle make a.hsz n=6
oracle make b.hsz n=6 first=6 seed=2
oracle make bf16.hsz n=2 first=20 dtype=bf16
oracle make many.hsz n=400 seed=3

# ---- joining
cat a.hsz b.hsz >cat.hsz
hs-cat a.hsz b.hsz >ab.hsz
is 'joining gives the digest of cat' "$(digest ab.hsz)" "$(digest cat.hsz)"
is 'in one segment' "$(hs-view --check ab.hsz | cut -d, -f2-3)" ' 1 segments, 48 records'
is 'segments of one file are joined' "$(hs-cat cat.hsz | hs-view --check | cut -d, -f2)" ' 1 segments'
is 'history' "$(hs-view --history ab.hsz | jq -c '[.tool, .args]' | tr '\n' ' ')" \
    '["oracle",["a b"]] ["hs-cat",["a.hsz","b.hsz"]] '
hs-cat --no-history a.hsz b.hsz >plain.hsz
is '--no-history' "$(hs-view --history plain.hsz)" ''
hs-cat a.hsz b.hsz >again.hsz
ok 'two runs, the same bytes' cmp ab.hsz again.hsz
hs-cat -z 19 -o z.hsz cat.hsz
is '-z and -o' "$(digest z.hsz)" "$(digest cat.hsz)"
status 'unlike heads' 1 hs-cat a.hsz bf16.hsz
is 'are named' "$(cat err)" "hs-cat: bf16.hsz: dtype is 'bf16', was 'f16'"
status 'one id twice' 1 hs-cat a.hsz a.hsz
ok 'is named' grep -q '^hs-cat: a.hsz: p0: a second trajectory' err
is '--allow-duplicates' "$(hs-cat --allow-duplicates a.hsz a.hsz | hs-view --stats --json | jq .items)" 12

# ---- choosing
while IFS='|' read -r expression wanted; do
    [ -n "$expression" ] || continue
    expression=$(printf %s "$expression" | sed 's/OR/||/')
    is "--only $expression" "$(hs-cat --only "$expression" a.hsz | ids)" "$wanted"
done <<'END'
reward==1|p0#1 p2
reward==0|p0 p1#1
reward==null|p1 p2#1
reward!=null && sample==1|p0#1 p1#1
!correct|p0 p1 p1#1 p2#1
correct|p0#1 p2
id=="p1"|p1
id=~"^p[12]$"|p1 p2
problem=='p1'|p1 p1#1
meta.task=="chain"|p0#1 p1#1 p2#1
meta.level>=4 OR meta.level<1|p0 p2 p2#1
meta.deep.a.b==1.5 && !(sample==0)|
finish=="length"|p0 p1#1
n_tokens==5|p0 p2
n_completion>3 && n_prompt==3|p1 p1#1
completion=~"\\\\ 3"|p1#1
gold==null|p0 p2#1
meta.absent==null && id!="p0"|p0#1 p1 p1#1 p2 p2#1
meta.absent>0|
split<0|
END
is 'deep members by their own dots' "$(hs-cat --only 'meta.deep!=null' a.hsz 2>&1 >/dev/null)" \
    'hs-cat: a.hsz: p0: expression: meta.deep is a list or an object'
status 'unlike types' 1 hs-cat --only 'id<3' a.hsz
for wrong in 'rewad==1' 'reward==' '(reward==1' 'reward=1' 'id=~"("' '"a' '' \
    'reward==1 reward' 'id=~3' '1x==1'; do
    status "refuses --only '$wrong'" 2 hs-cat --only "$wrong" a.hsz
done
hs-cat --only 'split<0.5' many.hsz >low.hsz
hs-cat --only 'split>=0.5' many.hsz >high.hsz
is 'split divides' "$(hs-cat low.hsz high.hsz | hs-view --digest)" "$(digest many.hsz)"
is 'by problems' "$(hs-view --stats --json low.hsz | jq '.items - 2 * .problems')" 0
low=$(hs-view --stats --json low.hsz | jq .problems)
ok 'in about the share' test "$low" -gt 75 -a "$low" -lt 125
printf 'p1\np2#1\nnobody\n' >list
is '--ids takes ids and problems' "$(hs-cat --ids list a.hsz 2>warned | ids)" 'p1 p1#1 p2#1'
is 'and warns of others' "$(cat warned)" 'hs-cat: warning: list: 1 of 3 lines name nothing in the input'
is '--head' "$(hs-cat --only 'sample==1' --head=2 a.hsz | ids)" 'p0#1 p1#1'
hs-cat --sample=0.2 many.hsz >fifth.hsz
hs-cat --sample=0.4 many.hsz >more.hsz
n=$(hs-view --stats --json fifth.hsz | jq .problems)
ok '--sample is about the share' test "$n" -gt 22 -a "$n" -lt 60
is '--sample keeps the samples of a problem' "$(hs-view --stats --json fifth.hsz | jq '.items - 2 * .problems')" 0
hs-view --fields=id fifth.hsz | sort >one
hs-view --fields=id more.hsz | sort >two
is 'a smaller share is part of a larger' "$(comm -23 one two | wc -l)" 0
is '--sample by another seed is another' "$(hs-cat --sample=0.2 -s 9 many.hsz | hs-view --digest | grep -c "$(digest fifth.hsz)")" 0
hs-cat -l 2 a.hsz >two.hsz
is '--layers' "$(hs-view two.hsz | jq -c 'if .type == "head" then .layers elif .type == "states" then .layer else empty end' | sort -u | tr '\n' ' ')" '2 [2] '
status 'a layer that is not there' 1 hs-cat -l 2,3 a.hsz

# ---- order and parts
hs-cat --shuffle a.hsz b.hsz >s1.hsz
hs-cat --shuffle b.hsz a.hsz >s2.hsz
is '--shuffle keeps all' "$(digest s1.hsz)" "$(digest cat.hsz)"
is '--shuffle forgets the order' "$(ids s1.hsz)" "$(ids s2.hsz)"
is '--shuffle changes it' "$(hs-view s1.hsz | cksum | grep -c "$(hs-view cat.hsz | cksum)")" 0
ok 'another seed, another order' test "$(ids s1.hsz)" != "$(hs-cat --shuffle -s 2 a.hsz b.hsz | ids)"
is '--shuffle --head' "$(hs-cat --shuffle --head=3 a.hsz b.hsz | ids)" "$(ids s1.hsz | cut -d' ' -f1-3)"
hs-cat --split=4 -o part many.hsz
is '--split loses nothing' "$(hs-cat part-[1-4].hsz | hs-view --digest)" "$(digest many.hsz)"
for i in 1 2 3 4; do
    hs-view --fields=problem part-$i.hsz | sed 1d | sort -u
done | sort | uniq -d >shared
is '--split keeps problems together' "$(wc -l <shared)" 0
hs-cat --shuffle --split=2 -o mixed many.hsz
is '--shuffle --split' "$(hs-cat mixed-1.hsz mixed-2.hsz | hs-view --digest)" "$(digest many.hsz)"

# ---- rollouts are a part of a trajectory, whatever becomes of it
rollouts() {
    hs-view --type=trajectory --json "$@" | jq -c '[.id, .rollouts]' | sort
}
hs-synth --width=8 --value=1 --dopamine=1 --sinks=0 --massive=0 --confounds=0 \
    --distractors=0 --trajectories=20 --length=1:12 --step-every=4 --rollouts=6 -o roll.hsz
rollouts roll.hsz >roll.json
is 'each has some' "$(jq -c '.[1].rule' roll.json | sort | uniq -c | tr -s ' ')" ' 20 "every:4"'
is '--head' "$(hs-cat --head=5 roll.hsz | rollouts)" "$(head -n 5 roll.json)"
is '--only' "$(hs-cat --only 'reward==1' roll.hsz | rollouts)" \
    "$(jq -c 'select(.[1].value[-1] == 1)' roll.json)"
is '--shuffle' "$(hs-cat --shuffle roll.hsz | rollouts)" "$(cat roll.json)"
hs-cat --split=3 -o rp roll.hsz
is '--split' "$(hs-cat rp-[123].hsz | rollouts)" "$(cat roll.json)"
is 'hs-cat alone' "$(hs-cat --no-history roll.hsz | hs-view --digest)" "$(digest roll.hsz)"
is 'hs-view --fields' "$(hs-view --fields=id,rollouts.k roll.hsz | sed 1d | head -n 3)" \
    "$(jq -r '[.[0], (.[1].k | tojson)] | @tsv' roll.json | head -n 3)"
is 'hs-view --fields --json' "$(hs-view --fields=id,rollouts.value --json roll.hsz | jq -c .)" \
    "$(jq -c '{"id": .[0], "rollouts.value": .[1].value}' roll.json)"

# ---- streams of other kinds
oracle results r.hsz
oracle results r9.hsz n=9
is 'results can be joined and shuffled' "$(hs-cat --shuffle r.hsz r9.hsz | hs-view --digest)" \
    "$(cat r.hsz r9.hsz | hs-view --digest)"
is 'and cut short' "$(hs-cat --head=3 r.hsz | hs-view --fields=layer | tr '\n' ' ')" '#layer 0 1 2 '
status 'but not chosen' 1 hs-cat --only 'reward==1' r.hsz
status 'nor joined with states' 1 hs-cat a.hsz r.hsz
is 'and that is said' "$(cat err)" "hs-cat: r.hsz: kind is 'ranking', was 'activations'"

# ---- damage
head -c 900 a.hsz >cut.hsz
for how in '' --shuffle; do
    # shellcheck disable=SC2086
    status "a damaged input $how" 1 hs-cat $how -o no.hsz b.hsz cut.hsz
    is 'leaves no file' "$(ls no.hsz* 2>/dev/null)" ''
done
status 'with --split' 1 hs-cat --split=2 -o no b.hsz cut.hsz
is 'leaves no file' "$(find . -name 'no-*')" ''
ok 'flipped bits are found, or harmless' \
    sh -c "'$python' '$HS_SRCDIR/tests/oracle.py' flips a.hsz 397 sh -c 'hs-cat --no-history >got || exit 1; hs-view --digest got | cut -c 1-32'"

# ---- usage
for wrong in '--split=1' '--split=2' '--split=61 -o x' '--sample=1.1' '-s 1' \
    '-z 0' '--head=no' '--only'; do
    # shellcheck disable=SC2086
    status "wrong usage: $wrong" 2 hs-cat a.hsz $wrong
done
TMPDIR=/nowhere
export TMPDIR
status 'no place to put things aside' 1 hs-cat --shuffle a.hsz
done_testing
