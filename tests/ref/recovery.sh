#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The full-size check of what tests/recovery.sh shows in small; to be run by
# hand, as it takes long: of the order of an hour of one processor.
#
# usage: PATH=BUILD:$PATH sh tests/ref/recovery.sh [SEEDS [OPTION...]]
#
# For each of SEEDS worlds (5; "3-3" is only the third): width 512, 12 value
# neurons of effect 1.5, scales 0.1 to 10, sinks, massive coordinates,
# distractors, confounds, 2,000 trajectories; probes td and mc by the defaults of
# probe-fit, standardised and not; OPTIONs go to probe-fit, after these.  Prints
# a line for each world, standardisation and target,
#
#   seed how target epoch auc l1 l1-raw gradient
#
# epoch: the one that was kept; auc: of V(s_0) on the held-out problems; then
# the share of the value neurons among the first 12 by each importance, of which
# l1 is the default of neuron-rank and l1-raw with "none" and td the paper's.
# Means follow.  Exit status 0 if standardised probes of both targets have a
# mean recall by l1 of at least 0.95 and td by l1-raw without standardisation has
# less; else 1.
set -eu

range=${1:-5}
[ $# -eq 0 ] || shift
case $range in
*-*) first=${range%-*} last=${range#*-} ;;
*) first=1 last=$range ;;
esac
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
cd "$scratch"

# recall BY TARGET: of the probes in probes.hsz
recall() {
    neuron-rank -q --by="$1" --target="$2" --top=12 probes.hsz |
        neuron-rank -q --select | tr -s ' ,' '[\n*]' | sort >selected
    comm -12 selected truth | awk 'END { printf "%.3f", NR / 12 }'
}

printf '%s\t' '#seed' how target epoch auc l1 l1-raw
echo gradient
seed=$first
while [ "$seed" -le "$last" ]; do
    hs-synth --width=512 --value=12 --trajectories=2000 --scales=0.1:10 --effect=1.5 --known=0.9 \
        --seed="$seed" >acts.hsz
    hs-synth --truth=acts.hsz | awk '$1 == "value" { print $2 }' | sort >truth
    for how in zscore none; do
        probe-fit -q --target=td,mc --standardize=$how --baselines=none --bootstrap=0 \
            --permutations=0 "$@" <acts.hsz >probes.hsz
        probe-fit --report=tsv <probes.hsz >report.tsv
        for target in td mc; do
            printf '%s\t' "$seed" $how $target \
                "$(hs-view --type=probe probes.hsz | jq "select(.target == \"$target\").epoch")" \
                "$(awk -F '\t' -v t=$target '$2 == t && $5 == "s0" { printf "%.3f", $6 }' report.tsv)" \
                "$(recall l1 $target)" "$(recall l1-raw $target)"
            recall gradient $target
            echo
        done
    done
    seed=$((seed + 1))
done | tee table
awk -F '\t' -v worlds=$((last - first + 1)) '
    /^#/ { next }
    { k = $2 "\t" $3; n[k]++; for (i = 5; i <= 8; i++) sum[k, i] += $i }
    END {
        for (line = 0; line < 4; line++) {
            k = (line < 2 ? "zscore" : "none") "\t" (line % 2 ? "mc" : "td")
            printf "mean\t%s\t", k
            for (i = 5; i <= 8; i++)
                printf "\t%.3f", sum[k, i] / (n[k] ? n[k] : 1)
            print ""
        }
        good = 1
        for (t = 0; t < 2; t++) {
            k = "zscore\t" (t ? "td" : "mc")
            good = good && n[k] == worlds && sum[k, 6] / n[k] >= 0.95
        }
        k = "none\ttd"
        exit !(good && n[k] == worlds && sum[k, 7] / n[k] < 0.95)
    }' table
