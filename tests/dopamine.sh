#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Dopamine neurons that are planted are found, among value neurons and
# coordinates that are locked to position, lengths and difficulty, and where
# there are none nothing is found.  tests/ref/dopamine.sh is the same at full
# size: of 200 worlds without any, mode td found something in none and mode
# surprise in one, where 10 are expected at the nominal level.
. "$HS_SRCDIR/tests/lib.sh"

ok 'worlds are scanned' sh -c "sh '$HS_SRCDIR/tests/ref/dopamine.sh' 20 5 >table"
is 'each in both modes' "$(grep -vc '^#' table)" 50

# of MODE WORLD COLUMN: the sum, over seeds
of() {
    awk -v mode="$1" -v world="$2" -v column="$3" '
        $1 == world && $2 == mode { sum += $column } END { print sum + 0 }' table
}
for mode in td surprise; do
    planted=$(of $mode planted 4)
    found=$(of $mode planted 5)
    right=$(of $mode planted 6)
    echo "# $mode: $planted planted, $found found, $right of them planted"
    is "$mode: as many were planted as should be" "$planted" 60
    ok "$mode: recall of 0.9" test $((10 * right)) -ge $((9 * planted))
    ok "$mode: precision of 0.9" test $((10 * right)) -ge $((9 * found))
    # P(more than 3 of 20 | 0.05) is below 2 percent
    worlds=$(awk -v mode=$mode '$1 == "null" && $2 == mode && $5 > 0' table | wc -l)
    ok "$mode: false discoveries are rare where nothing is" test "$worlds" -le 3
done

# Steps of one token or two, where z by response makes of a value neuron a
# difference of values: those were found until the mean V was held constant.
for n in 1 2; do
    hs-synth --width=64 --value=8 --dopamine=6 --step-every=$n --length=9:18 \
        --rollouts=16 --trajectories=400 >small.hsz
    hs-synth --truth=small.hsz | awk '$1 == "value" { print $2 }' | sort >values
    rpe-scan -q --mode=td --random=0 --ratios=0 --seeds=1 --epochs=1 --bootstrap=0 \
        <small.hsz | rpe-scan --select | tr ',' '\n' | sort >found
    is "steps of $n: no value neuron" "$(comm -12 values found)" ''
    ok "steps of $n: but all six" test "$(wc -l <found)" -ge 6
done
done_testing
