#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# neuron-rank on probes of made-up states: its numbers against jq's arithmetic
# on the weights, and what it refuses. Whether it finds what is there is asked
# by the unit tests and by tests/recovery.sh.
# shellcheck disable=SC2016 # what is in single quotes is jq's
. "$HS_SRCDIR/tests/lib.sh"

mkstream() {
    "$HS_BUILDDIR/tests/mkstream" --layers=1-2 --tokens=8 "$@"
}
fit() {
    probe-fit -q --no-history --target=mc,ntp --epochs=3 --hidden=8 --lr=3e-3 \
        --permutations=20 --bootstrap=20 --baselines=none "$@"
}
tab=$(printf '\t')

mkstream --items=60 >acts.hsz
fit --seeds=3 <acts.hsz >p.hsz
ok 'probes' test -s p.hsz
neuron-rank -o r.hsz --top=3 p.hsz 2>err
is 'a ranking for each layer and target' \
    "$(hs-view --fields=type,layer,target,n_seeds,n_top,d --type=ranking r.hsz)" \
    "#type${tab}layer${tab}target${tab}n_seeds${tab}n_top${tab}d
ranking${tab}1${tab}mc${tab}3${tab}3${tab}16
ranking${tab}1${tab}ntp${tab}3${tab}3${tab}16
ranking${tab}2${tab}mc${tab}3${tab}3${tab}16
ranking${tab}2${tab}ntp${tab}3${tab}3${tab}16"
ok 'the stream is whole' hs-view --check r.hsz
is 'its kind' "$(hs-view --type=head r.hsz | jq -r .kind)" rankings
is 'its choices' "$(hs-view --type=head r.hsz | jq -c .run.rank)" \
    '{"by":"l1","top":3,"sinks":"probes"}'

# ---- the table
neuron-rank -q --tsv r.hsz >table
is 'one header' "$(grep -n '^#' table | cut -f 1-5)" "1:#type${tab}layer${tab}target${tab}rank${tab}top"
is 'columns' "$(head -n 1 table | cut -f 6-)" \
    "$(echo 'coordinate importance mean_rank stability mean sigma rms rms_rank pos0_abs outlier sink auc auc_p slope' | tr ' ' '\t')"
is 'a line for each coordinate' "$(grep -c '^coordinate' table)" 64
is 'each coordinate once, ranks in order' \
    "$(grep "^coordinate${tab}2${tab}mc" table | cut -f 4,6 | awk '
        $1 != NR { bad = 1 } { seen[$2]++ }
        END { for (j = 0; j < 16; j++) if (seen[j] != 1) bad = 1; print NR, bad + 0 }')" '16 0'
is 'by mean rank, then importance' \
    "$(grep "^coordinate${tab}1${tab}mc" table | awk -F'\t' '
        NR > 1 && ($8 < rank || ($8 == rank && $7 > importance)) { bad = 1 }
        { rank = $8; importance = $7 } END { print bad + 0 }')" 0
is 'the top is the first three' \
    "$(grep "^coordinate${tab}1${tab}mc" table | cut -f 5 | tr -d '\n')" 1110000000000000
is 'states of position 0 were there: no sinks' \
    "$(grep '^coordinate' table | cut -f 16 | sort -u)" no
is 'RMS ranks are those of the RMS' \
    "$(grep "^coordinate${tab}2${tab}mc" table | sort -t "$tab" -k 12gr,12 |
        cut -f 13 | tr '\n' ' ')" "$(seq 16 | tr '\n' ' ')"

# ---- importance, by jq
hs-view --values -l 1,2 p.hsz >probes.json
sums='def column(f): [range(16) as $j | [.[] | .[$j] | f] | add];
    [inputs | select(.layer == 2)] as $all |
    [$all[] | select(.type == "probe" and .target == "mc")] as $probes |
    [$probes[] | . as $p |
        [$all[] | select(.type == "weights" and .target == "mc" and .seed == $p.seed)
            | .w1.values] | add | [range(0; length; 16) as $k | .[$k:$k + 16]]] as $w |'
# compare NAME PROGRAM OPTION...: a jq program gives what neuron-rank prints
compare() {
    compare_name=$1
    jq -n "$sums $2" probes.json | jq -r '.[]' >wanted
    shift 2
    neuron-rank -q --json -l 2 --target=mc "$@" p.hsz |
        jq -r 'select(.type == "coordinate") | "\(.coordinate) \(.importance)"' |
        sort -n | cut -d ' ' -f 2 >got
    is "$compare_name" "$(paste got wanted | awk '
        { d = $1 - $2; if (!(d < 2e-6 && d > -2e-6)) bad++ }
        END { print NR, bad + 0 }')" '16 0'
}
mean='| [range(16) as $j | [.[] | .[$j]] | add / length]'
compare 'l1: minus its value at the start, mean over seeds' "[range(3) as \$i |
    \$w[\$i] | [column(fabs), \$probes[\$i].init_l1.values] | transpose |
    map(.[0] - .[1])] $mean"
compare 'l1-raw' "[\$w[] | column(fabs)] $mean" --by=l1-raw
compare 'l2' "[range(3) as \$i |
    \$w[\$i] | [column(. * .) | map(sqrt), \$probes[\$i].init_l2.values] | transpose |
    map(.[0] - .[1])] $mean" --by=l2
compare 'gradient' "[\$probes[].gradient.values] $mean" --by=gradient
jq -n "$sums [\$probes[].slope.values] $mean" probes.json | jq -r '.[]' >wanted
neuron-rank -q --json -l 2 --target=mc p.hsz |
    jq -r 'select(.type == "coordinate") | "\(.coordinate) \(.slope)"' |
    sort -n | cut -d ' ' -f 2 >got
is 'slopes: mean over seeds, of either sign' "$(paste got wanted | awk '
    { d = $1 - $2; size = $2 < 0 ? -$2 : $2; negative += $2 < 0
      if (!(d <= 1e-6 * size && d >= -1e-6 * size)) bad++ }
    END { print NR, bad + 0, (negative > 0 && negative < NR) }')" '16 0 1'
compare 'auc' '[$all[] | select(.type == "coordinates") | .auc.values[] - 0.5 | fabs]' --by=auc
fit --standardize=none <acts.hsz >none.hsz
mv p.hsz keep.hsz
mv none.hsz p.hsz
hs-view --values p.hsz >probes.json
compare 'unstandardised: times sigma' '[$all[] | select(.type == "coordinates") |
    .sigma.values] as $s | $w[0] | [column(fabs), $probes[0].init_l1.values, $s[0]] |
    transpose | map((.[0] - .[1]) * .[2])'
mv keep.hsz p.hsz

# ---- the top as a list
is '--select of one' "$(neuron-rank -q --select -l 2 --target=mc r.hsz)" \
    "$(grep "^coordinate${tab}2${tab}mc" table | head -n 3 | cut -f 6 | sort -n | paste -s -d ,)"
is '--select of several' "$(neuron-rank -q --select --target=ntp r.hsz | cut -f 1,2 | tr '\t\n' '  ')" \
    '1 ntp 2 ntp '
if command -v hs-extract >/dev/null; then
    is '--select is what --edit-coords takes' \
        "$(head -n 1 "$HS_SRCDIR/examples/reasoner/problems/expr-test.jsonl" |
            hs-extract -q -m "$HS_SRCDIR/examples/reasoner" --max-tokens=2 -l none \
                --edit=zero --edit-layer=1 \
                --edit-coords="$(neuron-rank -q --select -l 1 --target=mc r.hsz)" |
            hs-view --fields=edits | tail -n 1 | awk '{ print ($1 > 0 && $1 % 3 == 0) }')" 1
fi

# ---- a saved ranking
neuron-rank -q r.hsz >again.hsz
is 'a ranking read again is the same' "$(hs-view --digest <again.hsz)" "$(hs-view --digest <r.hsz)"
neuron-rank -q --top=3 <p.hsz >again.hsz
is 'and so is one from standard input' "$(hs-view --digest <again.hsz)" "$(hs-view --digest <r.hsz)"
is '--top of a saved ranking' "$(neuron-rank -q --top=25% r.hsz | hs-view --fields=n_top --type=ranking | tail -n 1)" 4
neuron-rank -q --top=25% p.hsz >fresh.hsz
neuron-rank -q --top=25% r.hsz >again.hsz
is 'is as if it had been that from the start' "$(hs-view --digest <again.hsz)" "$(hs-view --digest <fresh.hsz)"
is '-l of a saved ranking' "$(neuron-rank -q -l 2 r.hsz | hs-view | jq -c '[.type, .layer // .layers]' | sort -u | tr '\n' ' ')" \
    '["end",null] ["head",[2]] ["ranking",2] ["seed-order",2] '
status '--by of a saved ranking' 1 neuron-rank --by=l2 r.hsz
is 'says why' "$(cat err)" 'neuron-rank: r.hsz: rankings, and --by needs probes'
status '--curve of a saved ranking' 1 neuron-rank --curve=acts.hsz r.hsz
neuron-rank -q --no-history p.hsz >one.hsz
neuron-rank -q --no-history p.hsz >two.hsz
ok 'two runs, the same bytes' cmp one.hsz two.hsz

# ---- sinks in other states
mkstream --items=9 --over=1 >sinks.hsz
neuron-rank --audit=sinks.hsz --top=16 -l 1 --target=mc p.hsz 2>err >audit.hsz
is '--audit finds what its stream has' "$(neuron-rank -q --tsv audit.hsz | grep "yes" | cut -f 6)" 0
is 'a warning names it' "$(cat err)" 'neuron-rank: warning: layer 1, mc: 1 of the top 16 are sinks: 0'
is 'the record too' "$(hs-view --type=ranking audit.hsz | jq -c '[.sinks, .sinks_all, .warnings[0]]')" \
    '[1,1,"layer 1, mc: 1 of the top 16 are sinks: 0"]'
is 'and the head' "$(hs-view --type=head audit.hsz | jq -r .run.rank.sinks)" audit

# ---- planted neurons
hs-synth --width=64 --trajectories=300 --value=6 --dopamine=0 >planted.hsz
hs-synth --truth=planted.hsz >truth
of_role() {
    grep "^$1$tab" truth | cut -f 2 | sort -n | paste -s -d ,
}
find_planted() {
    probe-fit -q --target=mc --seeds=2 --epochs=8 --lr=1e-3 --hidden=64 \
        --permutations=20 --bootstrap=0 --baselines=none "$@"
}
find_planted <planted.hsz >found.hsz
for by in l1 l1-raw l2 gradient; do
    is "the planted six are on top by $by" \
        "$(neuron-rank -q --top=6 --select --by=$by found.hsz)" "$(of_role value)"
done
neuron-rank -q --tsv found.hsz >found
for j in $(of_role sink | tr , ' '); do
    is "planted sink $j is found" "$(awk -F'\t' -v j="$j" '$6 == j { print $16 }' found)" yes
done
is 'no planted neuron is taken for one' \
    "$(grep yes found | cut -f 6 | grep -cxF "$(of_role value | tr , '\n')")" 0
is 'pruned to six, it can do as much' \
    "$(neuron-rank -q --curve=planted.hsz --ratios=0,0.9 --random=2 found.hsz |
        hs-view --type=curve | jq -s 'map(select(.at == "s0")) |
            (map(select(.set == "top")) | .[1].auc > .[0].auc - 0.05) and
            (map(select(.set == "random" and .ratio > 0) | .auc) | max) <
            (map(select(.set == "top")) | .[1].auc)')" true
find_planted --standardize=none <planted.hsz >raw.hsz
is 'unstandardised, corrected: the planted six' \
    "$(neuron-rank -q --top=6 --select raw.hsz)" "$(of_role value)"
hs-synth --width=64 --trajectories=300 --value=6 --dopamine=0 --positions=all >responses.hsz
find_planted --seeds=1 <responses.hsz | neuron-rank --top=6 2>err >unknown.hsz
is 'without position 0, sinks are not known' "$(grep -c 'is not known' err)" 1
is 'of the top, none' "$(hs-view --type=ranking unknown.hsz | jq '.sinks_unknown')" 6
neuron-rank --audit=planted.hsz unknown.hsz 2>err >known.hsz
is '--audit knows' "$(cat err)" ''
is 'as much as the probes would' "$(neuron-rank -q --tsv known.hsz | grep yes | cut -f 6 | sort -n | tr '\n' ' ')" \
    "$(grep yes found | cut -f 6 | sort -n | tr '\n' ' ')"

# ---- pruning curves
curve() {
    neuron-rank --no-history --curve=acts.hsz --ratios=0,0.5,0.9 --random=2 -l 1 "$@" p.hsz
}
curve -q --target=mc --prune-eval=both >c.hsz
is 'points of each set' "$(hs-view --type=curve c.hsz | jq -r '[.eval, .set, .ratio, .kept, .at] | join(" ")' |
    sort | uniq -c | tr -s ' ' | sort | head -n 40 | cksum)" \
    "$(for e in mask retrain; do for r in '0 16' '0.5 8' '0.9 2'; do for a in s0 sT; do
        echo " 2 $e random $r $a"
        echo " 1 $e rms $r $a"
        echo " 1 $e top $r $a"
    done; done; done | sort | cksum)"
is 'bands' "$(hs-view --type=band c.hsz | jq -r '[.eval, .ratio, .at, .draws] | join(" ")' | sort | wc -l)" 12
hs-view --type=band c.hsz | jq -c '[.eval, .ratio, .at, .mean, .min, .max]' | sort >bands
hs-view --type=curve c.hsz | jq -sc 'map(select(.set == "random")) | group_by([.eval, .ratio, .at])[] |
    [.[0].eval, .[0].ratio, .[0].at, (map(.auc) | add / 2), (map(.auc) | min), (map(.auc) | max)]' |
    sort >wanted
is 'a band is what its draws are' "$(cat bands)" "$(cat wanted)"
hs-view --type=probe p.hsz | jq -c 'select(.layer == 1 and .target == "mc" and .seed == 0) |
    .eval.places | .s0.auc, .sT.auc' >wanted
for eval in retrain mask; do
    is "$eval at ratio 0 is the probe as it was" \
        "$(hs-view --type=curve c.hsz | jq -c "select(.eval == \"$eval\" and .set == \"rms\" and .ratio == 0) | .auc")" \
        "$(cat wanted)"
done
is 'the settings are in the head' "$(hs-view --type=head c.hsz | jq -c .run.rank.curve)" \
    '{"ratios":[0,0.5,0.9],"eval":"both","random":2,"seed":0,"epochs":null,"level":0.95}'
curve -q --target=mc --prune-eval=both -j 3 >c3.hsz
ok 'three threads, the same bytes' cmp c.hsz c3.hsz
curve -q --target=mc --memory=0 --prune-eval=both >c4.hsz
ok 'states in a file, the same bytes' cmp c.hsz c4.hsz
is '--epochs changes fresh probes' "$(curve -q --target=mc --epochs=9 | hs-view --type=curve |
    jq -s 'map(.auc)' | cksum | grep -c "$(hs-view --type=curve c.hsz | jq -s 'map(select(.eval == "retrain").auc)' | cksum)")" 0
is '--seed draws others' "$(curve -q --target=mc --seed=5 --prune-eval=mask | hs-view --type=band | cksum |
    grep -c "$(curve -q --target=mc --prune-eval=mask | hs-view --type=band | cksum)")" 0
is '--json has the points too' "$(curve -q --target=mc --json | jq -r .type | sort | uniq -c | tr -s ' \n' ' ')" \
    ' 6 band 16 coordinate 24 curve 1 ranking '
is '--progress=json' "$(curve -q --target=mc --progress=json 2>&1 >c5.hsz | tail -n 1 | jq .items)" $((3 * 9))
neuron-rank -q --target=mc c.hsz >again.hsz
is 'a saved ranking keeps its curves' "$(hs-view --digest <again.hsz)" "$(hs-view --digest <c.hsz)"
mkstream --items=50 >fewer.hsz
status 'other problems' 1 neuron-rank --curve=fewer.hsz p.hsz
is 'are named' "$(grep -c '^neuron-rank: fewer.hsz: .*problems' err)" 1
mkstream --items=60 --dim=17 >wide.hsz
status 'another width' 1 neuron-rank --curve=wide.hsz p.hsz
is 'is named' "$(grep -c "^neuron-rank: wide.hsz: states of another model: .*17; .*16$" err)" 1
status 'also of --audit' 1 neuron-rank --audit=wide.hsz p.hsz
mkstream --items=60 --layers=1 >layer1.hsz
status 'a layer that the states lack' 1 neuron-rank --curve=layer1.hsz p.hsz
is 'is said' "$(cat err)" 'neuron-rank: layer1.hsz: layer 2 is not in the stream'
"$HS_BUILDDIR/tests/mkstream" --items=30 --layers=1-2 --tokens=8 --seed=2 >val.hsz
jq=$(hs-view --fields=id val.hsz | tail -n 1)
is 'ids of the second stream are the same' "$jq" "$(hs-view --fields=id acts.hsz | sed -n 31p)"
status '--val-file with problems of both' 1 neuron-rank --curve=acts.hsz --val-file=val.hsz p.hsz

# ---- overlaps
neuron-rank -q --iou --ratios=0,0.5,0.8 r.hsz >o.hsz
is 'a record for each pair and ratio' "$(hs-view --type=overlap o.hsz | wc -l)" 18
is 'a stream of its own kind' "$(hs-view --type=head o.hsz | jq -c '[.kind, .dim, .run.ratios]')" \
    '["overlaps",16,[0,0.5,0.8]]'
top_of() {
    grep "^coordinate${tab}$1${tab}$2${tab}" table | head -n 3 | cut -f 6 | sort
}
top_of 1 mc >x
top_of 2 mc >y
shared=$(comm -12 x y | wc -l)
is 'shared coordinates are those of the tables' \
    "$(neuron-rank -q --iou --ratios=0.8 --target=mc --json r.hsz | jq -c '[.kept, .shared, .layer_a, .layer_b]')" \
    "[3,$shared,1,2]"
is 'IoU' "$(neuron-rank -q --iou --ratios=0.8 --target=mc --json r.hsz |
    jq '.iou == .shared / (6 - .shared) and .approx == 0.1875 / 1.8125 and .same_seeds == 3')" true
is 'two files' "$(neuron-rank -q --iou -l 1 --target=mc --ratios=0.5 --tsv r.hsz again.hsz | cut -f 1-3,10-13 | tail -n 1)" \
    "overlap${tab}r.hsz${tab}again.hsz${tab}16${tab}0.5${tab}8${tab}8"
neuron-rank --iou -l 1 r.hsz 2>err >o.hsz
is 'a warning of shared seeds' "$(grep -c 'rankings share seeds' err)" 1
fit --seeds=2 --seed=70 <acts.hsz | neuron-rank -q --top=3 >other.hsz
neuron-rank --iou -l 1 --target=mc r.hsz other.hsz 2>err >o.hsz
is 'none of others' "$(cat err)" ''
fit <wide.hsz 2>/dev/null | neuron-rank -q >wide-r.hsz
status 'rankings of two widths' 1 neuron-rank --iou r.hsz wide-r.hsz
is 'are named' "$(cat err)" 'neuron-rank: wide-r.hsz: layer 1: a ranking of 17 coordinates; r.hsz: layer 1: one of 16'
status 'one ranking' 1 neuron-rank --iou -l 1 --target=mc r.hsz
status '--iou of probes' 1 neuron-rank --iou r.hsz p.hsz
is 'says so' "$(cat err)" 'neuron-rank: p.hsz: a stream of probes, not of rankings'

# ---- bad input
status 'activations are no probes' 1 neuron-rank acts.hsz
is 'and it says so' "$(cat err)" 'neuron-rank: acts.hsz: a stream of activations, not of probes or rankings'
status 'a layer that is not there' 1 neuron-rank -l 1,4 p.hsz
is 'is named' "$(cat err)" 'neuron-rank: p.hsz: nothing of layer 4 and any target'
status 'a target that is not there' 1 neuron-rank --target=td p.hsz
is 'is named, too' "$(cat err)" 'neuron-rank: p.hsz: nothing of td'
status 'a top of more than there are' 1 neuron-rank --top=17 p.hsz
size=$(wc -c <p.hsz)
for n in 0 1 100 $((size / 2)) $((size - 1)); do
    head -c "$n" p.hsz >cut.hsz
    status "probes cut at $n" 1 neuron-rank cut.hsz
    is "nothing is printed of them" "$(wc -c <out)" 0
done
size=$(wc -c <r.hsz)
for n in 0 $((size / 3)) $((size - 1)); do
    head -c "$n" r.hsz >cut.hsz
    status "rankings cut at $n" 1 neuron-rank --tsv cut.hsz
    is "nothing is printed of them, either" "$(wc -c <out)" 0
done
status 'no such file' 1 neuron-rank none.hsz
status '-o leaves nothing behind when it fails' 1 neuron-rank --top=17 -o new.hsz p.hsz
is 'no file' "$(ls new.hsz* 2>/dev/null)" ''

# ---- usage
for wrong in '--json --tsv' '--select --json' '--tsv -o x' '--iou --top=3' \
    '--iou --select' '--iou --by=l2' '--by=l3' '--target=x' '--top=0' '--top=101%' \
    '--ratios=1' '--ratios=0.5,0.5' '--ratios=x' '--prune-eval=none' '--random=3' \
    '--epochs=3' '--val-file=acts.hsz' '--curve=- -' '--audit=- --curve=-' \
    'r.hsz' '-j 0'; do
    # shellcheck disable=SC2086 # words
    status "wrong usage: $wrong" 2 neuron-rank $wrong p.hsz
done
done_testing
