#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A planted cause: in the model of tests/mkcause.c eight coordinates carry the
# answer, and 24 decoys are as large, know as much and are read by nothing. The
# cause must be told from the decoys, and the other way round.
. "$HS_SRCDIR/tests/lib.sh"

rank=$HS_BUILDDIR/tests/mkrank
"$HS_BUILDDIR/tests/mkcause" model
HSTOOLS_MODEL=$PWD/model
export HSTOOLS_MODEL
coords() {
    jq -r "($1) | map(tostring) | join(\",\")" model/cause.json
}

# ---- the model is what it is meant to be
# rate FILE OPTION...: right answers of how many, how they end
rate() {
    rate_file=$1
    shift
    hs-extract -q --greedy --max-tokens 8 -l none "$@" <"$rate_file" |
        hs-view --stats --json - | jq -r '"\(.correct)/\(.items) \(.finish | tostring)"'
}
# zeroed LAYER GROUP FILE
zeroed() {
    rate "$3" --edit zero --edit-layer "$1" --edit-coords "$(coords "$2")"
}
all='208/208 {"eos":208}'
is 'all problems are solved' "$(rate model/problems.jsonl)" "$all"
is 'without a template too' "$(rate model/problems.jsonl --template none)" "$all"
is 'and those of the other task' "$(rate model/also.jsonl)" "$all"
is 'the cause is not there before block 0' "$(zeroed 0 .C model/problems.jsonl)" "$all"
for layer in 1 2 3 4; do
    got=$(zeroed $layer .C model/problems.jsonl)
    is "layer $layer: without the cause answers end" "${got#* }" '{"eos":208}'
    # 208 / 16 is 13
    ok "and are right by chance: $got" test "${got%%/*}" -le 30
    is 'while the other task is solved' "$(zeroed $layer .C model/also.jsonl)" "$all"
    is 'any three of it may be missing' "$(zeroed $layer '.C[2:5]' model/problems.jsonl)" "$all"
    for group in .D .S .U .B .K '.R[-8:]'; do
        is "layer $layer: $group is not needed" "$(zeroed $layer "$group" model/problems.jsonl)" "$all"
    done
done
"$HS_BUILDDIR/tests/mkcause" wrong rate=0.75
got=$(HSTOOLS_MODEL=wrong rate wrong/problems.jsonl)
is 'a rate of right answers can be had' "$got" '156/208 {"eos":208}'

# ---- rankings: the cause first, and last but for some; decoys where it was
lines() {
    for layer in 1 2 3 4; do
        jq -c "{layer: $layer, order: ($1)}" model/cause.json
    done
}
lines '.C + .R[:20] + .D + .S + .U + .P + .Q + .F + .B + .K + .R[20:]' | "$rank" model 8 >cause.hsz
lines '.D[:8] + .R[:20] + .D[8:] + .S + .C + .U + .P + .Q + .F + .B + .K + .R[20:]' | "$rank" model 8 >decoys.hsz
is 'a ranking has the cause on top' \
    "$(hs-view --json cause.hsz | jq -c 'select(.type == "ranking" and .layer == 3).top')" \
    "$(jq -c '.C | sort' model/cause.json)"


# ---- ablate-eval tells them apart
jq -r '.C[]' model/cause.json >cause.list
jq -r '.D[:8][]' model/cause.json >decoys.list
head -n 64 model/problems.jsonl >problems.jsonl
head -n 16 model/also.jsonl >also.jsonl
echo 'The old mill by the river was built of grey stone.' >text
# ablate RANK LIST: figures into report.json
ablate() {
    set -- --rank "$1" --layers 2,4 --top 8 --also also.jsonl --own 8 \
        --arms "none,noop,value,random:20,rms:20,bottom,file:$2" \
        --neutral text --max-tokens 8
    ablate-eval -q "$@" --dry-run <problems.jsonl >arms.jsonl &&
        ablate-eval -q "$@" -o arms.hsz <problems.jsonl &&
        ablate-eval --report=json arms.hsz >report.json
}
# arm LABEL FILTER: of its figures
arm() {
    jq -c --arg name "$1" ".arms[] | select(.label == \$name) | $2" report.json
}
# all KIND FILTER: the values that arms of a kind have
all_of() {
    jq -c --arg kind "$1" "[.arms[] | select(.kind == \$kind) | $2] | unique" report.json
}
says() {
    jq -r '.verdict[]' report.json | grep -F "$1" | grep -cF "$2"
}
# matched NAME: RMS-matched draws are decoys
matched() {
    jq -s --slurpfile g model/cause.json -c '$g[0] as $g | [.[] | select(.kind == "rms") |
        .rms_ratio > 0.95 and .rms_ratio < 1.05, (.coords - '"$1"' == [])] | unique' arms.jsonl
}

ok 'the cause on top: runs' ablate cause.hsz decoys.list
is 'RMS-matched sets are of decoys' "$(matched '$g.D')" '[true]'
is 'unedited all is right' "$(arm none '[.main.n, .main.n_right, .also.n_right]')" '[64,64,16]'
is 'noop changes nothing' "$(all_of noop '[.main.n_right, .edits]')" '[[64,0]]'
for layer in 2 4; do
    value=L$layer/value@8
    ok "layer $layer: the value set falls to chance" test "$(arm $value .main.n_right)" -le 12
    is 'which McNemar and Holm see' "$(arm $value '.main.p_holm < 1e-6 and .main.diff.hi < -0.7')" true
    is 'below all random and RMS-matched draws' \
        "$(arm $value '[.random, .rms | .n_draws, .n_as_low, (.p * 21 | . > 0.999 and . < 1.001)]')" \
        '[20,0,true,20,0,true]'
    is 'and still speaks' "$(arm $value '[.parsed, .eos, .length] | map(floor)')" '[1,1,0]'
    is 'and does the other task' "$(arm $value .also.n_right)" 16
    is 'as the verdict says' "$(says "$value: " 'Below all 20 RMS-matched sets')" 1
    is 'decoys are not needed' "$(arm "L$layer/file:decoys.list" '[.main.n_right, (.main.p_holm | floor)]')" '[64,1]'
    is 'nor is the bottom' "$(arm "L$layer/bottom@8" '[.main.n_right, (.main.p_holm | floor)]')" '[64,1]'
done
for kind in random rms; do
    is "no $kind draw loses anything" "$(all_of $kind .main.n_right)" '[64]'
done

ok 'decoys on top: runs' ablate decoys.hsz cause.list
is 'RMS-matched sets are of decoys and the cause' "$(matched '$g.D - $g.C')" '[true]'
for layer in 2 4; do
    value=L$layer/value@8
    is "layer $layer: the value set does nothing" \
        "$(arm $value '[.main.n_right, .main.lost, (.main.p_holm | floor)]')" '[64,0,1]'
    is 'and is not below its draws' "$(arm $value '.rms.p > 0.05 and .random.p > 0.05')" true
    is 'as the verdict says' "$(says "$value: " 'No effect found')" 1
    ok 'while the cause, in a file, falls to chance' \
        test "$(arm "L$layer/file:cause.list" .main.n_right)" -le 12
    is 'which the verdict names' \
        "$(says 'What matters here is not the value set' "L$layer/file:cause.list changes accuracy")" 1
done
done_testing
