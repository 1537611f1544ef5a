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

done_testing
