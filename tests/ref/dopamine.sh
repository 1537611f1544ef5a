#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# tests/ref/dopamine.sh DRAWS POWER [OPTIONS OF rpe-scan]: what rpe-scan finds of
# dopamine neurons that were planted, in both modes, with the programs on PATH.
#
# Worlds of seeds 1 .. DRAWS without dopamine neurons, but with value neurons,
# distractors, and coordinates that are locked to the position, to both lengths
# and to the difficulty, five times as large as their noise: in how many is
# anything found?  Then worlds of seeds 1 .. POWER with 12 of them: precision and
# recall.  tests/dopamine.sh runs a few of each.
draws=${1:-200}
power=${2:-20}
[ $# -gt 2 ] && shift 2 || shift $#
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
world='--width=64 --value=8 --known=0.3 --step-every=3 --length=9:18 --rollouts=16
    --confound-effect=5'
quick='--random=0 --ratios=0 --seeds=1 --epochs=1 --bootstrap=0'

# words LIST: one a line, sorted
words() {
    tr ',' '\n' <"$1" | sed '/^$/d' | sort
}

# scan MODE: acts.hsz into found
scan() {
    mode=$1
    [ "$mode" = td ] && options=$quick || options=
    # shellcheck disable=SC2086 # words
    rpe-scan -q --mode="$mode" $options $more <"$scratch/acts.hsz" |
        rpe-scan --select >"$scratch/list" || exit 1
    words "$scratch/list" >"$scratch/found"
}
more=$*
echo "#world	mode	seed	planted	found	right"
for seed in $(seq "$draws"); do
    # shellcheck disable=SC2086 # words
    hs-synth $world --seed="$seed" --trajectories=600 --dopamine=0 \
        >"$scratch/acts.hsz" || exit 1
    for mode in td surprise; do
        scan $mode
        echo "null	$mode	$seed	0	$(wc -l <"$scratch/found")	0"
    done
done
for seed in $(seq "$power"); do
    # shellcheck disable=SC2086 # words
    hs-synth $world --seed="$seed" --trajectories=600 --dopamine=12 \
        >"$scratch/acts.hsz" || exit 1
    hs-synth --truth="$scratch/acts.hsz" | awk '$1 == "dopamine" { print $2 }' |
        sort >"$scratch/truth"
    for mode in td surprise; do
        scan $mode
        echo "planted	$mode	$seed	$(wc -l <"$scratch/truth")	$(
            wc -l <"$scratch/found")	$(comm -12 "$scratch/found" "$scratch/truth" |
            wc -l)"
    done
done
