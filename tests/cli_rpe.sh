#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# rpe-scan: what it computes, against NumPy, SciPy and PyTorch; that nothing
# depends on threads; rankings, lists and reports; what it refuses.
. "$HS_SRCDIR/tests/lib.sh"

find_python numpy msgpack zstandard scipy ||
    skip_all 'no python3 with numpy, msgpack, zstandard and scipy'
rpe() {
    "$python" "$HS_SRCDIR/tests/rpe.py" "$@"
}

hs-synth --width=48 --trajectories=250 --value=6 --dopamine=5 --known=0.3 --step-every=3 \
    --length=9:18 --rollouts=16 --confound-effect=5 --layers=2 >acts.hsz
ok 'a stream with boundaries of no value' rpe bend acts.hsz bent.hsz

# ---- mode td against another implementation
for znorm in response train causal; do
    rpe-scan -q --mode=td --znorm=$znorm --log-steps --seeds=2 --random=3 --ratios=0,0.9 \
        --epochs=20 <bent.hsz >$znorm.hsz
    is "$znorm: it runs" $? 0
    ok "$znorm: steps, rows, figures and tests as by NumPy and SciPy" \
        rpe check bent.hsz $znorm.hsz
done
rpe-scan -q --mode=td --gamma=0.9 --threshold=0.25 --log-steps --seeds=2 --random=2 \
    --ratios=0.5 --val=0.3 --split-seed=5 --seed=9 --epochs=5 --permutations=2000 \
    <acts.hsz >other.hsz
is 'other settings' $? 0
ok 'other settings: as by NumPy and SciPy' rpe check acts.hsz other.hsz
if find_python torch numpy msgpack zstandard scipy; then
    rpe-scan -q --mode=td -l 1 --seeds=1 --random=0 --ratios=0 --epochs=0 <acts.hsz >begun.hsz
    rpe-scan -q --mode=td -l 1 --seeds=1 --random=0 --ratios=0 --epochs=50 --lr=0.003 \
        --keep=last --batch=60000 <acts.hsz >trained.hsz
    ok '50 steps of the probe as by PyTorch' rpe fit acts.hsz begun.hsz trained.hsz
    find_python numpy msgpack zstandard scipy
else
    skip '50 steps of the probe as by PyTorch' 'no PyTorch'
fi

# What a probe says that learned nothing is its seed's: draws have those of the probes.
rpe-scan -q --mode=td -l 1 --seeds=3 --random=3 --ratios=0,0.9 --epochs=0 <acts.hsz |
    rpe-scan --report=json >seeds.json
is 'draws of shuffles have seeds of their own' "$(jq -c 'select(.type == "rpe-curve" and
        .set == "shuffled" and .ratio == 0 and .figure == "all").rho' seeds.json | paste -sd' ')" \
    "$(jq -c 'select(.type == "rpe-probe").eval.all.rho' seeds.json | paste -sd' ')"
is 'also those of few coordinates' "$(jq -c 'select(.type == "rpe-curve" and .ratio == 0.9 and
        .set == "shuffled" and .figure == "all").rho' seeds.json | sort -u | wc -l)" 3

# ---- td is what is done where nothing is said
quick='-l 1 --seeds=1 --random=0 --ratios=0 --epochs=1 --no-history'
# shellcheck disable=SC2086 # words
rpe-scan -q $quick <acts.hsz >said-not.hsz
# shellcheck disable=SC2086 # words
rpe-scan -q $quick --mode=td <acts.hsz >said.hsz
ok 'no --mode is --mode=td' cmp said.hsz said-not.hsz
# shellcheck disable=SC2086 # words
rpe-scan $quick --znorm=causal <acts.hsz 2>err >causal.hsz
is 'causal: a warning of value neurons' "$(grep -c "causal.*value neurons" err)" 1
is 'also in the record' "$(rpe-scan --report=json causal.hsz |
    jq -r 'select(.type == "rpe-steps").warnings[]' | grep -c causal)" 1

# ---- the same bytes whatever the threads and the memory
for j in 1 3; do
    rpe-scan -q --mode=td -j $j --memory=$((j - 1)) --no-history --random=2 --epochs=9 \
        <acts.hsz >j$j.hsz
    rpe-scan -q --mode=surprise -j $j --no-history <acts.hsz >s$j.hsz
done
ok 'td: the same with 1 and 3 threads' cmp j1.hsz j3.hsz
ok 'surprise: the same with 1 and 3 threads' cmp s1.hsz s3.hsz

# ---- lists and rankings
hs-synth --truth=acts.hsz | awk '$1 == "dopamine" { print $2 }' | sort -n | paste -sd, >truth
is 'one layer: a bare list' "$(rpe-scan --select -l 1 j1.hsz | cut -f 2)" "$(cat truth)"
is 'two layers: a line each' "$(rpe-scan --select j1.hsz | cut -f 1 | paste -sd,)" 0,1
rpe-scan --rankings --top=7 j1.hsz >rank.hsz
is 'rankings are written' $? 0
is 'neuron-rank reads them' "$(neuron-rank -q --select -l 0 rank.hsz | tr ',' '\n' | wc -l)" 7
is 'with their target' "$(neuron-rank -q --target=rpe --select rank.hsz | cut -f 2 | sort -u)" rpe
is 'and compares them' "$(neuron-rank -q --iou --ratios=0.9 --json rank.hsz rank.hsz |
    jq -s 'map(select(.a == .b and .layer_a == .layer_b).iou) | unique | length')" 1
is 'no other order than that of the stream' "$(rpe-scan --report=json j1.hsz |
    jq -s 'map(select(.type == "rpe-coordinate" and .layer == 0)) |
        sort_by(.probe_rank)[:7] | map(.coordinate) | sort | map(tostring) | join(",")' -r)" \
    "$(neuron-rank -q --select -l 0 rank.hsz)"
status 'probe-fit is not taught it' 2 probe-fit --target=rpe

# ---- reports
rpe-scan --report j1.hsz >page
is 'a page a layer' "$(grep -c '^layer' page)" 2
is 'a line for each coordinate found' "$(sed -n '/^layer 1/,$p' page |
    awk '$2 == "+" || $2 == "-" { print $1 }' | sort -n | paste -sd,)" "$(cat truth)"
rpe-scan --report=tsv j1.hsz >lines
is 'tsv: all coordinates' "$(grep -vc '^#' lines)" 96
is 'tsv: as many cells as names' "$(awk -F '\t' '{ print NF }' lines | sort -u | wc -l)" 1
rpe-scan --report=json j1.hsz >json
is 'json: all records' "$(jq -r .type json | sort | uniq -c | awk '{ print $2 "=" $1 }' |
    paste -sd' ')" 'rpe-band=84 rpe-coordinate=96 rpe-curve=210 rpe-probe=10 rpe-steps=2'
is 'tsv of several files: one line of names' "$(rpe-scan --report=tsv j1.hsz s1.hsz |
    grep -c '^#')" 1
is 'several files' "$(rpe-scan --report j1.hsz s1.hsz | grep -c '^layer')" 4

# ---- values of probes
probe-fit -q --target=mc,terminal --hidden=16 --epochs=4 --seeds=2 --permutations=10 \
    <acts.hsz >probes.hsz
status 'several targets: which?' 1 sh -c 'rpe-scan --mode=td --probe=probes.hsz <acts.hsz'
is 'the choice is named' "$(grep -c -- '--probe-target' err)" 1
quick='--random=0 --ratios=0 --seeds=1 --epochs=1 --probe-target=mc --threshold=0.05'
# shellcheck disable=SC2086 # words
rpe-scan -q --mode=td --probe=probes.hsz $quick --log-steps <acts.hsz >by-probe.hsz
is 'td by a probe' $? 0
probe-fit --apply=probes.hsz --no-states <acts.hsz >values.hsz
# V of the mean of two seeds at boundaries, from the records of --apply
hs-view --values values.hsz | jq -s -c '
    map(select(.type == "values" and .target == "mc" and .layer == 1)) | group_by(.id) |
    map({key: .[0].id, value: ([.[].v.values] | transpose | map(add / length))}) | from_entries' \
    >v.json
rpe-scan --report=json by-probe.hsz | jq -s -c --slurpfile v v.json '
    map(select(.type == "rpe-step" and .layer == 1)) |
    [length, (map((.before - $v[0][.id][.from]) | fabs) | max < 1e-6),
        (map((.after - $v[0][.id][.to]) | fabs) | max < 1e-6),
        (map(.even == null and .odd == null) | all)]' >same
is 'its values are those of --apply' "$(jq -c '.[1:]' same)" '[true,true,true]'
is 'the split is that of the probes' "$(hs-view --head=0 by-probe.hsz |
    jq -c 'select(.type == "head").run.split')" \
    "$(hs-view --head=0 probes.hsz | jq -c 'select(.type == "head").run.split')"
# shellcheck disable=SC2086 # words
rpe-scan -q --mode=td -l 0 --probe-layer=1 --probe=probes.hsz $quick --log-steps <acts.hsz |
    rpe-scan --report=json | jq -c 'select(.type == "rpe-step") | [.id, .from, .delta]' >other
rpe-scan --report=json by-probe.hsz |
    jq -c 'select(.type == "rpe-step" and .layer == 1) | [.id, .from, .delta]' >own
ok '--probe-layer: that layer, for another' cmp own other
# shellcheck disable=SC2086 # words
rpe-scan -q --mode=td --probe=probes.hsz $quick --step=every:5 --min-tokens=2 --log-steps \
    <acts.hsz | rpe-scan --report=json | jq -s -c 'map(select(.type == "rpe-step").from % 5) |
        unique' >fives
is '--step divides anew' "$(cat fives)" '[0]'
# shellcheck disable=SC2086 # words
status 'text of another model' 1 sh -c "rpe-scan --mode=td --probe=probes.hsz $quick \
    --step=line -m '$HS_SRCDIR/examples/reasoner' <acts.hsz"
is 'is said to be' "$(grep -c 'of another model' err)" 1
rpe-scan --mode=surprise -l 1 --probe=probes.hsz --probe-target=mc <acts.hsz 2>err >by-value.hsz
is 'surprise by a probe' $? 0
is 'only what it did not see' "$(rpe-scan --report=json by-value.hsz |
    jq -c 'select(.type == "rpe-steps") | [.held_out_only, .used]')" '[true,50]'
is 'which is said' "$(grep -c -- --use=all err)" 1
is 'or all' "$(rpe-scan -q --mode=surprise -l 1 --probe=probes.hsz --probe-target=mc --use=all \
    <acts.hsz | rpe-scan --report=json | jq -c 'select(.type == "rpe-steps").used')" 250

# ---- traces
rpe-scan --trace=pleasant,synth-1-000003 --rpe=j1.hsz <acts.hsz | hs-view --values >traces
is 'traces: of the layers of --rpe' "$(jq -r 'select(.type == "trace").layer' traces | sort |
    uniq -c | awk '{ print $1 "x" $2 }' | paste -sd' ')" '2x0 2x1'
is 'traces: the coordinates found' "$(jq -r 'select(.type == "trace" and .layer == 1) |
    .coordinates.values | sort | map(tostring) | join(",")' traces | sort -u)" "$(cat truth)"

HSTOOLS_MODEL=$HS_SRCDIR/examples/reasoner
export HSTOOLS_MODEL
is 'traces: of made-up tokens there is no text' "$(rpe-scan --trace=synth-1-000003 --coords=1 -l 1 \
    <acts.hsz | hs-view --type=trace | jq -c .text)" null
status 'traces: nor by a model that is named' 1 sh -c 'rpe-scan --trace=synth-1-000003 --coords=1 \
    -m "$HSTOOLS_MODEL" <acts.hsz'
is 'traces: which is said' "$(grep -c 'another model than --model' err)" 1
echo '{"id": "a", "question": "Calculate 7 * 8.", "answer": "56", "completion": "7 * 8 = 56."}' |
    hs-extract --replay -o replayed.hsz
is 'traces: the text of the default model, whatever names the coordinates' \
    "$(rpe-scan --trace=a --coords=1 -l 1 <replayed.hsz | hs-view --type=trace |
        jq -r '.text | join("")')" '7 * 8 = 56.'

# ---- what cannot be
hs-synth --width=48 --trajectories=40 >plain.hsz
status 'no rollouts' 1 sh -c 'rpe-scan --mode=td <plain.hsz'
is 'is said' "$(grep -c 'no trajectory has rollouts' err)" 1
status 'surprise without V(s_0)' 1 sh -c 'rpe-scan --mode=surprise <plain.hsz'
"$HS_BUILDDIR/tests/mkstream" --items=8 --dim=5 --layers=1 >made.hsz
status 'another stream' 1 sh -c 'rpe-scan --mode=td <made.hsz'
status 'a stream of another kind' 1 sh -c 'rpe-scan --mode=td <probes.hsz'
status 'a report of another kind' 1 rpe-scan --report probes.hsz
status 'a report of a layer that is not there' 1 rpe-scan --report -l 1,7 j1.hsz
is 'is named' "$(cat out err)" 'rpe-scan: j1.hsz: layer 7 is not in the stream'
status 'nor is it selected' 1 rpe-scan --select -l 7 j1.hsz
rpe-scan --trace=pleasant --rpe=j1.hsz -o one-trace.hsz <acts.hsz
for what in --report --report=tsv --select; do
    status "traces have nothing for $what" 1 rpe-scan $what one-trace.hsz
    is 'is said' "$(cat out err)" 'rpe-scan: one-trace.hsz: has no record of coordinates'
done
status 'a damaged one' 1 sh -c 'head -c 3000 j1.hsz | rpe-scan --report'
is 'no half page' "$(cat out)" ''
rpe drop j1.hsz lost.hsz rpe-weights
status 'a probe without weights' 1 rpe-scan --report lost.hsz
is 'is named' "$(grep -c 'lacks weights' err)" 1
hs-synth --width=48 --trajectories=6 --step-every=3 --rollouts=4 --length=9:12 |
    rpe-scan --mode=td >few.hsz 2>err
is 'five problems are too few' $? 1
hs-synth --width=48 --trajectories=60 --step-every=3 --rollouts=64 --length=9:12 >calm.hsz
rpe-scan --mode=td --threshold=1 <calm.hsz >calm-rpe.hsz 2>err
is 'no hits at all: coordinates are tested all the same' $? 0
ok 'no hits at all: said' grep -q 'there is none' err
is 'no hits at all: no probe' "$(rpe-scan --report=json calm-rpe.hsz | jq -r .type | sort -u |
    paste -sd' ')" 'rpe-coordinate rpe-steps'
status 'no rankings then' 1 sh -c 'rpe-scan --rankings calm-rpe.hsz'
for wrong in '--mode=dt' '--mode=td --report' '--mode=td --step=line' \
    '--mode=td --quantile=0.1' '--mode=surprise --gamma=1' '--mode=surprise --use=all' '--mode=td --by=auc' \
    '--mode=td --by=l2' '--mode=td --znorm=all' '--mode=td --val=1' '--mode=td --threshold=nan' \
    '--mode=td --window=7' '--mode=surprise --window=4' '--mode=td --patience=3 --keep=last' \
    '--mode=td --min-tokens=3' '--mode=td --probe-layer=1' '--mode=td -m x' '--mode=td FILE' \
    '--report --seed=1' '--report=pdf' '--dependence=x --rpe=y' '--dependence=x --edit-layers=1' \
    '--trace=' '--select a b' '--trace=x --probe-target=mc' '--trace=x --first=2' \
    '--trace=x --rpe=y --coords=1 --first=2'; do
    # shellcheck disable=SC2086 # words
    status "wrong usage: $wrong" 2 rpe-scan $wrong
done
done_testing
