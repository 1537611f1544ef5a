#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# hs-view on streams that another program wrote (oracle.py).
. "$HS_SRCDIR/tests/lib.sh"

find_python numpy msgpack zstandard || skip_all 'no python3 with numpy, msgpack and zstandard'
oracle() {
    "$python" "$HS_SRCDIR/tests/oracle.py" "$@"
}
ok 'a stream' oracle make a.hsz
oracle make over.hsz seed=5 over=1
oracle make none.hsz n=0

# ---- lines
hs-view a.hsz >lines
is 'a line for the head, each record and the end' "$(wc -l <lines)" 50
is 'every line is JSON' "$(jq -r .type lines | sort | uniq -c | tr -s ' \n' ' ')" \
    ' 1 end 1 head 36 states 12 trajectory '
is 'integers beyond 2^53 are strings' "$(head -n 1 lines | jq -c .run.seed)" \
    '"1152921504606846976"'
is 'numbers keep the digits they need' "$(sed -n 2p lines | jq -c .meta.weight)" 0.1
is 'text comes back' "$(jq -r 'select(.id == "p1" and .type == "trajectory") | .completion' lines)" \
    "$(printf 'line\nnext\t\303\251 \\ 2')"
is 'tensors are summed up' "$(sed -n 2p lines | grep -o '"tokens":{[^}]*}' | cut -c 10-)" \
    '{"dtype":"u32","shape":[5],"min":0,"max":4,"mean":2,"rms":2.44948974}'
is '--values prints integers as such' \
    "$(hs-view --values --type=trajectory --head=1 a.hsz | jq -c .tokens.values)" \
    '[0,1,2,3,4]'
hs-view --values --type=states -l 4 over.hsz | jq -c '.values[0]' >values
is '--values: f32 in an f16 stream' "$(grep -c '^100000' values)" 3
is '--head takes states along' "$(hs-view --head=2 a.hsz | jq -r .type | tr '\n' ' ')" \
    'head trajectory states states states trajectory states states states end '
is '-l' "$(hs-view -l 2,4 --type=states a.hsz | jq .layer | sort -u | tr '\n' ' ')" '2 4 '
is 'standard input' "$(hs-view <a.hsz | cksum)" "$(cksum <lines)"
is 'several files' "$(hs-view a.hsz - a.hsz <none.hsz | wc -l)" 102
is '--history' "$(hs-view --history a.hsz)" \
    '{"tool":"oracle","version":"0","args":["a b"]}'

# ---- cells
hs-view --fields=id,reward,completion,meta.task,meta.deep.a.b,gold --head=3 a.hsz >cells
tab=$(printf '\t')
is 'cells: header' "$(sed -n 1p cells)" \
    "#id${tab}reward${tab}completion${tab}meta.task${tab}meta.deep.a.b${tab}gold"
is 'cells: escapes, null' "$(sed -n 4p cells)" \
    "p1${tab}null${tab}line\\nnext\\té \\\\ 2${tab}expr${tab}1.5${tab}2"
is '--fields --json' "$(hs-view --fields=reward,id --json --head=1 a.hsz)" \
    '{"reward":0,"id":"p0"}'
is '--tsv of one type has one header' \
    "$(hs-view --tsv --type=states a.hsz | grep -c '^#type')" 1
status 'a field that nothing has' 1 hs-view --fields=id,nothing a.hsz
is 'is named' "$(cat err)" "hs-view: --fields: no record has 'nothing'"

# ---- streams of other kinds
oracle results r.hsz
is 'records of any type' "$(hs-view --type=neuron r.hsz | sed -n 4p)" \
    '{"type":"neuron","layer":3,"score":0.42857142857142855,"weights":{"dtype":"f32","shape":[2],"min":0.100000001,"max":3.0,"mean":1.55,"rms":2.12249853},"big":"9223372036854775808","raw":{"bin":"00ff"},"nan":null}'
is 'their fields' "$(hs-view --fields=layer,score --head=2 r.hsz | tail -n 1)" "1${tab}0.14285714285714285"
is 'their --head' "$(hs-view --head=2 r.hsz | wc -l)" 4
is 'their --stats' "$(hs-view --stats --json r.hsz | jq -c '[.records, .items, .layers]')" '[5,0,[]]'

# ---- reports
for file in a over; do
    hs-view --stats --json $file.hsz >stats
    ok "--stats of $file agrees with numpy" \
        sh -c "'$python' '$HS_SRCDIR/tests/oracle.py' stats $file.hsz <stats"
done
is '--stats counts f32 blocks' "$(jq -c '[.f32_blocks, .layers[].f32_blocks]' stats)" '[3,0,0,3]'
is '--stats: rate, finish' "$(jq -c '[.reward_rate, .finish.eos, .finish.length]' stats)" '[0.5,8,4]'
is '--stats of nothing' "$(hs-view --stats --json none.hsz | jq -c '[.items, .reward_rate, .layers]')" '[0,null,[]]'
ok '--stats as a table' sh -c 'hs-view --stats a.hsz | grep -qx "items             12"'
is '--stats --tsv has two tables' "$(hs-view --stats --tsv a.hsz | grep -c '^#')" 2
digest=$(hs-view --digest <a.hsz)
is '--digest of a file names it' "$(hs-view --digest a.hsz)" "$digest  a.hsz"
is '--check' "$(hs-view --check a.hsz none.hsz)" \
    "a.hsz: ok, 1 segments, 48 records, digest $digest
none.hsz: ok, 1 segments, 0 records, digest 00000000000000000000000000000000"
cat a.hsz none.hsz a.hsz >joined.hsz
is 'segments' "$(hs-view --check joined.hsz | cut -d, -f1-3)" 'joined.hsz: ok, 3 segments, 96 records'

# ---- damage
size=$(wc -c <a.hsz)
head -c $((size - 1)) a.hsz >cut.hsz
for mode in --check --stats --digest --history; do
    status "$mode of a damaged file" 1 hs-view $mode cut.hsz
    is "$mode prints nothing of it" "$(cat out)" ''
done
is 'the place is named' "$(grep -c '^hs-view: cut.hsz: ' err)" 1
status 'lines of a damaged file' 1 hs-view cut.hsz
status 'the other files are read all the same' 1 hs-view --check cut.hsz a.hsz
is 'and reported' "$(grep -c '^a.hsz: ok' out)" 1
status '--head notices damage behind it' 1 hs-view --head=1 cut.hsz
status 'no such file' 1 hs-view missing.hsz
bad=0
n=0
while [ $n -lt "$size" ]; do
    head -c $n a.hsz | hs-view --check >out 2>err
    [ $? -eq 1 ] && [ -s err ] && [ ! -s out ] || bad="$bad $n"
    n=$((n + 11))
done
is 'truncations are found' "$bad" 0
ok 'flipped bits are found, or harmless' \
    oracle flips a.hsz 97 hs-view --digest

# ---- usage
for wrong in '--json --tsv' '--check --stats' '--digest --head=1' '--head=-1' \
    '--head=x' '--fields=,' '-l 3-1' '--check -l 1' '--values --stats'; do
    # shellcheck disable=SC2086 # words
    status "wrong usage: $wrong" 2 hs-view $wrong a.hsz
done
status 'a layer that is not there' 1 hs-view -l 3 a.hsz
hs-view a.hsz >one
hs-view a.hsz >two
ok 'two runs, the same bytes' cmp one two
done_testing
