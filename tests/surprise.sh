#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# rpe-scan --mode=surprise: its figures against NumPy, and dopamine neurons that
# are planted, where there are any and where there are none, with V(s_0) as it
# was planted, as rollouts have it and as a probe has it.  tests/ref/surprise.sh
# is the same at full size.
. "$HS_SRCDIR/tests/lib.sh"

rpeworld=$HS_BUILDDIR/tests/rpeworld

# ---- NumPy
world='--width=24 --value=4 --dopamine=3 --distractors=4 --confounds=4 --known=0.4 --step-every=3
    --length=1:20 --rollouts=6 --trajectories=240 --layers=2'
# shellcheck disable=SC2086 # words
hs-synth $world --samples=2 >acts.hsz
if find_python numpy msgpack zstandard scipy; then
    for how in train response causal; do
        rpe-scan -q --mode=surprise --layers=1 --znorm=$how --window=5 --quantile=0.3 --permutations=499 \
            <acts.hsz >scan.hsz
        ok "$how: figures are NumPy's" "$python" "$HS_SRCDIR/tests/surprise.py" scan acts.hsz scan.hsz
        rpe-scan --trace=pleasant,unpleasant,synth-1-000007 --znorm=$how --coords=1,20 --window=3 \
            <acts.hsz >trace.hsz
        ok "$how: traces are NumPy's" "$python" "$HS_SRCDIR/tests/surprise.py" trace acts.hsz trace.hsz
    done
    probe-fit -q --layers=1 --target=mc --hidden=16 --epochs=3 --lr=0.01 --baselines=none --bootstrap=0 \
        --permutations=0 <acts.hsz >own.hsz
    probe-fit -q --apply=own.hsz <acts.hsz >values.hsz
    rpe-scan -q --mode=surprise --layers=1 --probe=own.hsz --use=all --permutations=499 <acts.hsz >scan.hsz
    ok "a probe: figures are NumPy's" "$python" "$HS_SRCDIR/tests/surprise.py" scan acts.hsz scan.hsz values.hsz
else
    skip 'figures' 'no numpy, msgpack, zstandard or scipy'
fi
# shellcheck disable=SC2002 # a pipe is what is tried
cat acts.hsz | rpe-scan --trace=pleasant --coords=1 --znorm=train --no-history >pipe.hsz
rpe-scan --trace=pleasant --coords=1 --znorm=train --no-history <acts.hsz >file.hsz
ok 'a pipe is as good as a file' cmp pipe.hsz file.hsz
for j in 1 3; do
    rpe-scan -q --mode=surprise --permutations=199 -j$j --no-history <acts.hsz >j$j.hsz
done
ok 'threads change nothing' cmp j1.hsz j3.hsz

# ---- errors
status 'an answer that is not there' 1 sh -c 'rpe-scan --trace=x,synth-1-000007 --coords=1 <acts.hsz'
ok 'is named' grep -q "no trajectory 'x'" err
status 'a coordinate that is not there' 1 sh -c 'rpe-scan --trace=synth-1-000007 --coords=24 <acts.hsz'
ok 'a coordinate: is named' grep -q 'no coordinate 24 of 24' err
hs-synth --width=32 --value=4 --trajectories=60 >none.hsz
status 'no V(s_0) to choose by' 1 sh -c 'rpe-scan --trace=pleasant --coords=1 <none.hsz'
ok 'no V(s_0): is said' grep -q 'no trajectory with a V(s_0)' err
hs-synth --width=32 --value=4 --trajectories=60 --rollouts=4 --known=0.9 >few.hsz
status 'too few surprises for a score' 0 sh -c 'rpe-scan --mode=surprise --permutations=99 <few.hsz >few-scan.hsz'
ok 'too few: is a warning' grep -q 'too few surprises for a score.*--quantile' err
is 'too few: scores are not there' "$(hs-view --json few-scan.hsz | jq -c 'select(.score) | [.score.mean, .adj_q.mean, .score_p.mean]')" '[null,null,null]'
hs-cat --head=40 acts.hsz >some.hsz
head -c $(($(wc -c <some.hsz) - 3)) some.hsz >cut.hsz
status 'a stream that is cut off' 1 sh -c 'rpe-scan --trace=synth-1-000007 --coords=1 <cut.hsz'

# ---- what is planted is found
world='--width=64 --value=8 --dopamine=6 --confounds=8 --known=0.4 --step-every=4 --length=10:40
    --trajectories=800 --permutations=2999'
# recovered NAME OPTIONS...: precision and recall of the last line are 0.9 at least
recovered() {
    name=$1
    shift
    # shellcheck disable=SC2086 # words
    "$rpeworld" $world "$@" >out
    tail -n 1 out | say
    ok "$name: precision and recall" awk 'END { exit !($1 == "precision" && $2 >= 0.9 && $4 >= 0.9) }' out
}
recovered 'V(s_0) as planted' --draws=3
recovered 'V(s_0) of 16 rollouts' --draws=3 --rollouts=16 --v0=rollouts
recovered 'noise of value neurons in common with others' --draws=2 --shared-noise=0.8
recovered 'half of the rest known at s_0' --draws=2 --known=0.7
# shellcheck disable=SC2086 # words
"$rpeworld" $world --draws=2 --znorm=causal >out
ok 'causal z makes errors of values: value neurons are found' \
    awk '/\tvalue /{ n++ } END { exit n < 2 }' out

# ---- a probe's V(s_0)
# shellcheck disable=SC2086 # words
world='--width=64 --value=8 --dopamine=6 --confounds=8 --known=0.4 --step-every=4 --length=10:40'
# shellcheck disable=SC2086 # words
hs-synth $world --trajectories=600 --draw=2 |
    probe-fit -q --target=mc --hidden=32 --epochs=8 --lr=0.003 --baselines=none --bootstrap=0 --permutations=0 >probe.hsz
# shellcheck disable=SC2086 # words
hs-synth $world --trajectories=900 >probed.hsz
rpe-scan -q --mode=surprise --probe=probe.hsz --use=all --permutations=2999 <probed.hsz |
    rpe-scan --select | tr ',' '\n' | sort >selected
hs-synth --truth=probed.hsz | awk '$1 == "dopamine" { print $2 }' | sort >truth
is 'a probe: precision and recall' "$(comm -12 selected truth | wc -l) $(wc -l <selected) $(wc -l <truth)" '6 6 6'

# ---- nothing is found where nothing is
"$rpeworld" --width=48 --value=8 --dopamine=0 --confounds=12 --confound-effect=2 --effect=3 --known=0.4 \
    --step-every=4 --length=5:20 --trajectories=300 --permutations=999 --draws=30 --rollouts=4 --v0=rollouts >null
tail -n 1 null | say
# P(more than 4 of 30 | 0.05) is 0.016
ok 'false discoveries are rare where nothing is' awk 'END { split($6, n, "/"); exit !(n[2] == 30 && n[1] <= 4) }' null
done_testing
