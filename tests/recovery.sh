#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Value neurons that are planted are found by hs-synth | probe-fit |
# neuron-rank, unless inputs are not standardised; and hs-synth --recovery says
# of these programs what they do.  tests/ref/recovery.sh is the same at full
# size, tests/test_null.c that nothing is found where nothing is.
. "$HS_SRCDIR/tests/lib.sh"

# ---- worlds of five seeds, scales over two orders of magnitude
# recalled BY TARGET: how many of the truth are among the top of rank.hsz
recalled() {
    neuron-rank -q --by="$1" --top=6 probes.hsz |
        neuron-rank -q --target="$2" --select | tr -s ' ,' '[\n*]' | sort >selected
    comm -12 selected truth | wc -l
}
for seed in 1 2 3 4 5; do
    hs-synth --width=128 --value=6 --trajectories=600 --scales=0.1:10 --sinks=2 --massive=2 \
        --confounds=8 --seed=$seed >acts.hsz
    hs-synth --truth=acts.hsz | awk '$1 == "value" { print $2 }' | sort >truth
    [ "$(wc -l <truth)" -eq 6 ] || fail "seed $seed has six value neurons"
    for how in zscore none; do
        probe-fit -q --target=td,mc --hidden=128 --epochs=10 --standardize=$how --baselines=none \
            --bootstrap=0 --permutations=0 <acts.hsz >probes.hsz
        for target in td mc; do
            for by in l1 l1-raw; do
                echo "$how $by $target $(recalled $by $target)"
            done
        done
    done
done >recalls
is 'as many rankings as there should be' "$(wc -l <recalls)" 40
# mean HOW BY TARGET: over seeds, in percent of 6
mean() {
    awk -v key="$1 $2 $3" '
        $1 " " $2 " " $3 == key { n++; sum += $4 }
        END { if (n == 5) print int(100 * sum / 6 / n) }' recalls
}
for target in td mc; do
    for by in l1 l1-raw; do
        found=$(mean zscore $by $target)
        echo "# zscore, $by, $target: $found % of the value neurons in the top"
        ok "standardised, $target, $by: at least 95 % are found" test "${found:-0}" -ge 95
        found=$(mean none $by $target)
        echo "# none, $by, $target: $found %"
    done
    found=$(mean none l1-raw $target)
    ok "not standardised, $target: fewer are" test "${found:-100}" -lt 95
done
found=$(mean none l1-raw td)
ok 'as the paper has it (td, no standardisation, raw norms): under 70 %' \
    test "${found:-100}" -lt 70

# ---- --recovery: what the programs say
world='--width=64 --value=4 --seed=3 --effect=0.4 --draw=7'
fit='--hidden=32 --epochs=6 --lr=0.003 --patience=3 --permutations=199 --alpha=0.1'
# shellcheck disable=SC2086 # words
recovery() {
    hs-synth $world $fit --target=td,mc "$@"
}
recovery --recovery=150 --draws=1 --tsv -j 1 >one.tsv 2>err
is '--recovery' "$?:$(cat err)" 0:
# shellcheck disable=SC2086 # words
hs-synth $world --trajectories=150 >acts.hsz
# shellcheck disable=SC2086 # words
probe-fit -q $fit --target=td,mc --baselines=none <acts.hsz >probes.hsz
hs-synth --truth=acts.hsz >truth
for case in l1,td l1,mc gradient,td auc,mc; do
    by=${case%,*} target=${case#*,}
    neuron-rank -q --by="$by" --top=4 probes.hsz >rank.hsz
    recovery --recovery=150 --draws=1 --tsv --by="$by" >by.tsv
    neuron-rank -q --tsv --target="$target" rank.hsz >rank.tsv
    auc=$(probe-fit --report=tsv <probes.hsz |
        awk -F '\t' -v target="$target" '$2 == target && $5 == "s0" { printf "%.4f", $6 }')
    awk -F '\t' -v auc="$auc" -v target=$target '
        NR == FNR { role[$2] = $1 == "sink" || $1 == "massive" ? role[$2] : $1; next }
        FNR == 1 { sub(/^#/, ""); for (i = 1; i <= NF; i++) at[$i] = i; next }
        {
            j = $at["coordinate"]
            top += $at["rank"] <= 4 && role[j] == "value"
            if ($at["auc_p"] > 0.1)
                next
            value += role[j] == "value"
            confound += role[j] == "confound"
            other += role[j] != "value" && role[j] != "confound"
        }
        END {
            printf "150 %s 1 %.4f %.4f %s %.4f %.4f %.4f\n", target, top / 4,
                top / 4, auc, value / 4, other, confound
        }' truth rank.tsv >wanted
    is "--recovery: the figures of the programs, $case" \
        "$(awk -v target="$target" '$2 == target' by.tsv | tr '\t' ' ')" "$(cat wanted)"
done
recovery --recovery=60,150 --draws=2 -j 3 >a.txt
recovery --recovery=60,150 --draws=2 -j 1 >b.txt
ok '--recovery: the same for any number of threads' cmp a.txt b.txt
is '--recovery: a line for each size and target' \
    "$(grep -v '^#' a.txt | awk '{ printf "%s %s %s, ", $1, $2, $3 }')" \
    'trajectories target draws, 60 td 2, 60 mc 2, 150 td 2, 150 mc 2, '
recovery --recovery=150 --draws=1 --tsv --draw=8 >two.tsv
recovery --recovery=150 --draws=2 --tsv >both.tsv
is '--recovery: AUC is a mean over draws' \
    "$(awk '$2 == "mc" { print $6 }' both.tsv | cut -c 1-5)" \
    "$(awk '$2 == "mc" { print $6 }' one.tsv >aucs
        hs-synth --width=64 --value=4 --seed=3 --effect=0.4 --draw=8 --trajectories=150 |
            probe-fit -q --hidden=32 --epochs=6 --lr=0.003 --patience=3 --seed=1 --target=mc --baselines=none \
                --permutations=0 --bootstrap=0 | probe-fit --report=tsv |
            awk -F '\t' '$2 == "mc" && $5 == "s0" { print $6 }' >>aucs
        awk '{ sum += $1 / 2 } END { printf "%.4f", sum }' aucs | cut -c 1-5)"
ok '--recovery: another draw, other figures' \
    test "$(grep -v '^#' two.tsv)" != "$(grep -v '^#' one.tsv)"
is '--recovery: the settings' \
    "$(grep -c '^# world: {"seed":3,"width":64.*"effect":\[0.4,0.4\]\|^# probe: {.*"hidden":32.*"epochs":6\|^# draws 7 to 7\|level 0.1, 199 perm' one.tsv)" 4
# ---- what it refuses
while IFS='|' read -r arguments wanted; do
    # shellcheck disable=SC2086 # words
    status "refuses $arguments" 2 hs-synth $arguments
    is 'and says why' "$(cat err)" "hs-synth: $wanted"
    is 'and prints nothing' "$(wc -c <out)" 0
done <<'END'
--recovery=5|--recovery: 5 is not within 10 to 4294967295
--recovery=|--recovery: an empty name in the list
--recovery=100,many|--recovery: 'many' is not a whole number
--recovery --draws=0|--draws: 0 is not within 1 to 100000
--recovery -o file|--recovery prints text and writes no stream
--recovery --truth=file|--truth and --recovery exclude each other
--recovery --trajectories=5|--trajectories is not for --recovery
--recovery --positions=all|--positions is not for --recovery
--recovery --by=size|--by: 'size' is not l1, l1-raw, l2, gradient or auc
--draws=3|--draws is for --recovery
--target=mc|--target is for --recovery
--tsv|--tsv is for --recovery
--recovery --width=20|8 confounds, but only 0 coordinates are left for them
--recovery --keep=last --patience=3|--patience is for --keep=best
END
status 'no value neurons' 1 hs-synth --recovery --value=0
is 'are told' "$(cat err)" 'hs-synth: recovery: there are no value neurons'
status 'too few of a reward' 1 hs-synth --recovery=20 --width=64 --reward-rate=0.01
ok 'are told' grep -q '^hs-synth: 20 trajectories, draw 1: .*both are needed$' err
(TMPDIR=/nonexistent && export TMPDIR && hs-synth --recovery=20 --width=64) >out 2>err
is 'no room for temporary files' "$?:$(cat err)" \
    '1:hs-synth: 20 trajectories, draw 1: temporary file in /nonexistent: No such file or directory'
status '--keep=last has no patience' 0 hs-synth --recovery=20 --width=32 --value=2 --distractors=0 \
    --confounds=0 --keep=last --epochs=1 --hidden=4 --draws=1
if [ -w /dev/full ]; then
    hs-synth --recovery=20 --width=64 --epochs=0 --draws=1 >/dev/full 2>err
    is 'a full disk' $? 1
fi
done_testing
