#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Edits of the residual stream have the effect that they must have: texts,
# counts and states are those of PyTorch (tests/ref/ablate.py wrote them down),
# and edits that can change nothing change not a bit.
. "$HS_SRCDIR/tests/lib.sh"

find_python numpy msgpack zstandard || skip_all 'no python3 with numpy, msgpack and zstandard'
export PYTHONDONTWRITEBYTECODE=1

# ---- all modes, at all layers, of six models
"$python" "$HS_SRCDIR/tests/ref/ablate.py" check "$HS_SRCDIR" "$HS_BUILDDIR" >lines 2>err
is 'the reference was read' "$?:$(cat err)" 0:
while read -r verdict what; do
    case $verdict in
    ok) pass "$what" ;;
    bad) fail "$what" ;;
    *) echo "$what" | say ;;
    esac
done <lines
is 'all of it' "$(grep -c -v '^#' lines)" "$(grep -c '^edit' "$HS_SRCDIR/tests/ref/ablate.txt")"

# ---- exactly nothing, and exactly what follows
"$HS_BUILDDIR/tests/mkcause" model problems=32
extract() {
    hs-extract -q -m model --greedy --max-tokens 8 "$@" <model/problems.jsonl
}
coords() {
    jq -r "(.$1) | join(\",\")" model/cause.json
}
same() {
    "$python" "$HS_SRCDIR/tests/extract.py" same "$@"
}
extract -l none >none.hsz
extract -l all --dtype f32 >states.hsz
is 'the model solves its problems' "$(hs-view --stats --json none.hsz | jq -c '[.items, (.reward_rate | floor)]')" '[32,1]'
for layer in 0 2 4; do
    extract -l all --dtype f32 --edit scale=1 --edit-layer $layer --edit-coords 0-255 >edited.hsz
    ok "scale=1 of everything in layer $layer changes not a bit" same states.hsz edited.hsz -edits
    # nothing reads decoys, and a change of sign leaves norms as they are
    extract -l none --edit scale=-1 --edit-layer $layer --edit-coords "$(coords D)" >edited.hsz
    ok "nor does scale=-1 of coordinates without weights, in layer $layer" same none.hsz edited.hsz -edits
    extract -l none --edit scale=-1 --edit-layer $layer --edit-coords "$(coords R)" >edited.hsz
    ok 'which is seen where there are weights' test "$(hs-view --fields=logprob none.hsz)" != "$(hs-view --fields=logprob edited.hsz)"
done
# The cause is 0 before block 0 writes it.
extract -l none --edit zero --edit-layer 0 --edit-coords "$(coords C)" >edited.hsz
ok 'nor does zero where there is 0' same none.hsz edited.hsz -edits
extract -l none --edit zero --edit-layer 2 --edit-coords "$(coords C)" >zero.hsz
for mode in mean=0 scale=0; do
    extract -l none --edit $mode --edit-layer 2 --edit-coords "$(coords C)" >edited.hsz
    ok "$mode is zero" same zero.hsz edited.hsz
done

# Nothing in front of the head: all logits are 0, and the first token is taken.
extract -l none --ignore-eos --edit zero --edit-layer 4 --edit-coords 0-255 >edited.hsz
is 'zero of everything in the last layer: token 0 and no other' \
    "$(hs-view --json --values edited.hsz | jq -r 'select(.type == "trajectory") |
        [(.n_prompt as $n | .tokens.values[$n:][]), (.logprob.values[] + (285 | log) | . > -1e-5 and . < 1e-5)] |
        unique | map(tostring) | join(" ")' | sort -u)" 'true 0'

# ---- arms of ablate-eval are what hs-extract makes of the same edits, bit for
# bit, though they share what they have in common
for layer in 0 2 4; do
    jq -c "{layer: $layer, order: (.C + .P + .D + .S)}" model/cause.json
done | "$HS_BUILDDIR/tests/mkrank" model 8 >ranks.hsz
head -n 8 model/problems.jsonl >some.jsonl
for mode in zero mean scale=-1.5 add=3; do
    for where in all generated not-first; do
        set -- -q -m model --rank ranks.hsz --layers 0,2,4 --top 8,16 \
            --arms none,noop,value,random:1,bottom --mode $mode --where $where \
            --max-tokens 8 --own 4 --neutral none
        ablate-eval "$@" --dry-run <some.jsonl >arms.jsonl
        ablate-eval "$@" -o arms.hsz <some.jsonl
        ok "$mode, $where: arms are what hs-extract makes" "$python" \
            "$HS_SRCDIR/tests/ref/ablate.py" extract "$HS_SRCDIR" "$HS_BUILDDIR" \
            --model model --problems some.jsonl --max-tokens 8 \
            --arms arms.jsonl --stream arms.hsz
        ok 'and edits are coordinates times rows' ablate-eval --report=json arms.hsz
        is 'counted in the report' "$(jq -c '[.arms[] | .edits == .edited_rows * .n_coords] | unique' .out)" '[true]'
        rm -f arms.hsz
    done
done
ok 'mode resample writes what PyTorch did' "$python" \
    "$HS_SRCDIR/tests/ref/ablate.py" resample "$HS_SRCDIR" "$HS_BUILDDIR"
done_testing
