#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# hs-plot of what rpe-scan found: scripts hold what the records say, pictures
# are whole, and whatever is missing is an error that names it.
. "$HS_SRCDIR/tests/lib.sh"

mkrecords=$HS_BUILDDIR/tests/mkrecords
for kind in traces coordinates curves dependence; do
    sh "$HS_SRCDIR/tests/rperecords.sh" $kind >$kind.jsonl
    "$mkrecords" rpe <$kind.jsonl >$kind.hsz
done
ok 'there are records' test -s traces.jsonl -a -s coordinates.jsonl -a -s curves.jsonl -a -s dependence.jsonl

# series SCRIPT PANEL NAME: the rows of a line
series() {
    awk -v name="# $2: $3" '
        /<< END$/ { getline; on = $0 == name; next }
        $0 == "END" { on = 0 }
        on && !/^#/ { print }' "$1"
}
# near FILE A FILE B: two tables of numbers are equal to 1e-6, NaN to NaN
near() {
    paste -d ' ' "$1" "$2" | awk -v n="$3" '
        { for (i = 1; i <= n; i++) {
            a = $i; b = $(i + n)
            if (a == "NaN" || b == "NaN" || a == "" || b == "") bad += a != b || a == ""
            else { e = a - b; if (!(e <= 1e-6 && e >= -1e-6)) bad++ }
          } }
        END { exit !(NR > 0 && bad == 0) }'
}

# ---- trace: one panel for the value and one for z, a line of text each
hs-plot trace --script --format svg traces.hsz >trace.gp
is 'trace: panels' "$(sed -n "s/^set title '\(.*\)'$/\1/p" trace.gp | grep . | tr '\n' ';')" \
    'short, layer 1: V(s0) = 0.25, right;long#1, layer 1: V(s0) = 0.25, right (pleasant surprise);long#1, layer 1: V(s0) = 0.25, right (pleasant surprise), continued;long#1, layer 1: V(s0) = 0.25, right (pleasant surprise), continued;short, layer 2: V(s0) = 0.25, right;'
jq -r 'select(.id == "short" and .layer == 1) | [.t.u32, .v.f32] | transpose[] | "\(.[0]) \(.[1])"' traces.jsonl >want
series trace.gp 'short, layer 1: V(s0) = 0.25, right' 'V of the probe' | cut -d ' ' -f 1,2 >got
ok 'trace: V of the probe at each token' near got want 2
# the centred mean of three, of two at the ends, s0 by itself
jq -r 'select(.id == "short" and .layer == 1) | .z.f32[:13] as $z | range(0; 13) | . as $t |
    (if $t == 0 then [$z[0]] else [range($t - 1; $t + 2) | select(. >= 1 and . <= 12) | $z[.]] end) |
    "\($t) \(add / length)"' traces.jsonl >want
hs-plot trace --script -l 1 --id short traces.hsz >short.gp
series short.gp '' 'coordinate 7 (+)' | cut -d ' ' -f 1,2 >got
ok 'trace: z is smoothed over the window' near got want 2
series short.gp '' 'coordinate 3 (-)' | cut -d ' ' -f 1,2 >other
paste -d ' ' got other | awk '{ print $1, ($2 - $4) / 2 }' >want
series short.gp '' 'mean, each by its sign' | cut -d ' ' -f 1,2 >got
ok 'trace: the mean goes by the signs' near got want 2
is 'trace: --id' "$(grep -c "^set title '.*short" short.gp)" 1
# rollouts and steps, over the lines that the text is broken into
hs-plot trace --script --id 'long#1' traces.hsz >long.gp
is 'trace: V by rollouts, a null is a gap' "$(sed -n '/^# .*: V by rollouts$/,/^END$/p' long.gp | grep '^[0-9]' | tr '\n' ';')" \
    '0 0.25 0.125 0.5;50 NaN NaN NaN;100 0.5 0.25 0.75;150 1 1 1;'
is 'trace: delta at the ends of steps' "$(sed -n '/^# .*: delta of the step$/,/^END$/p' long.gp | grep '^[0-9]' | cut -d ' ' -f 1,2 | tr '\n' ';')" \
    '50 NaN;100 NaN;150 0.5;'
# the text, as it can be read
is 'trace: tokens stand below' "$(sed -n "s/^set xtics ('(s0)' 0, //p" trace.gp | head -n 1)" \
    "'the' 1, '\\n' 2, '_' 3, 'a_longer_word_~' 4, 'é\"%%' 5, 'the' 6, '\\n' 7, '_' 8, 'a_longer_word_~' 9, 'é\"%%' 10, 'the' 11, '\\n' 12)"
ok 'trace: upright' grep -q '^set xtics rotate by 90 right$' trace.gp
jq -c 'select(.id == "short" and .layer == 1) | .text = [range(0; 12) | "word\(.)"]' traces.jsonl | "$mkrecords" rpe >words.hsz
hs-plot trace --width=60 words.hsz >words.txt
ok 'text: only as many tokens as have room' grep -qE '\(s0\) +word1? +word' words.txt
is 'text: none runs into another' "$(grep -oE 'word[0-9]+' words.txt | sort -u | wc -l)" "$(grep -oE '(^|[ )])word[0-9]+' words.txt | sort -u | wc -l)"
status 'a narrow picture' 0 hs-plot trace --format svg --width 300 --height 400 words.hsz
is 'has no complaint' "$(cat err)" ''
# a single state, as of an empty answer
jq -c 'select(.id == "short" and .layer == 1) | .t.u32 = [0] | .v.f32 = [0.5] | .z.f32 = [1, 2] | .text = [] | .tokens.u32 = []' \
    traces.jsonl | "$mkrecords" rpe >single.hsz
status 'an answer without tokens' 0 hs-plot trace --format svg single.hsz
is 'no tokens: no complaint' "$(cat err)" ''

# ---- volcano
hs-plot volcano --script coordinates.hsz >volcano.gp
is 'volcano: two panels a record' "$(sed -n "s/^set title '\(.*\)'$/\1/p" volcano.gp | tr '\n' ';')" \
    'layer 1, td: score;layer 1, td: error signal;layer 1, surprise: score;layer 1, surprise: error signal;'
jq -r 'select(.mode == "td") | [.score.f32, .score_p.f32, .found.u32, .r_out.f32] | transpose[] |
    select(.[2] == 1 and .[3] > 0) | "\(.[0]) \(-(.[1] | log10))"' coordinates.jsonl >want
series volcano.gp 'layer 1, td: score' 'found, up with what came' | cut -d ' ' -f 1,2 >got
ok 'volcano: score against -log10 p' near got want 2
is 'volcano: two go up' "$(wc -l <got)" 2
series volcano.gp 'layer 1, surprise: error signal' 'found, down with what came' | cut -d ' ' -f 1,2 >got
echo '-0.5 3' >want
ok 'volcano: one goes down' near got want 2
is 'volcano: the rest' "$(series volcano.gp 'layer 1, td: error signal' others | wc -l)" 37
is 'volcano: a constant coordinate is nowhere' "$(series volcano.gp 'layer 1, td: error signal' others | grep -c '^NaN NaN')" 1
is 'volcano: numbers of the found' "$(grep "^set label '" volcano.gp | sed "s/^set label '\([0-9]*\)'.*/\1/" | sort | uniq -c | tr -s ' \n' ' ')" ' 4 4 4 5 4 6 '

# ---- rpe-pruning
hs-plot rpe-pruning --script curves.hsz >curves.gp
is 'rpe-pruning: a panel for each layer and figure' "$(grep -c "^set title 'layer" curves.gp)" 4
jq -r 'select(.set == "top" and .layer == 2 and .figure == "split_half") | "\(.ratio) \(.rho) \(.lo) \(.hi)"' curves.jsonl >want
series curves.gp 'layer 2, steps beyond it by the other half' top >got
ok 'rpe-pruning: the top with its interval' near got want 4
jq -r 'select(.set == "random" and .layer == 1 and .figure == "selected") | "\(.ratio) \(.rho)"' curves.jsonl |
    awk '!($1 in n) { lo[$1] = hi[$1] = $2; order[++m] = $1 }
        { n[$1]++; s[$1] += $2; if ($2 < lo[$1]) lo[$1] = $2; if ($2 > hi[$1]) hi[$1] = $2 }
        END { for (i = 1; i <= m; i++) { r = order[i]; print r, s[r] / n[r], lo[r], hi[r] } }' OFMT=%.12g CONVFMT=%.12g >want
series curves.gp 'layer 1, steps beyond the threshold' 'random, 3 draws' >got
ok 'rpe-pruning: random draws are mean, least and most' near got want 4
series curves.gp 'layer 1, steps beyond the threshold' 'shuffled deltas, 2 draws' | cut -d ' ' -f 2-4 | sort -u >got
echo '0 -0.01 0.01' >want
ok 'rpe-pruning: so are shuffled deltas' near got want 3
is 'rpe-pruning: --figure' "$(hs-plot rpe-pruning -l 1 --figure all --script curves.hsz | sed -n "s/^set title '\(.*\)'$/\1/p")" 'layer 1, all steps'

# ---- dependence
hs-plot dependence --script dependence.hsz >dependence.gp
is 'dependence: rows' "$(grep -m 1 '^set ytics' dependence.gp)" \
    "set ytics ('mean of all' 1, '7 in layer 3 (+)' 2, '9 in layer 3 (+)' 3, '2 in layer 4 (-)' 4)"
is 'dependence: value neurons' "$(series dependence.gp '20 zeroed in layers 1,2' 'value neurons' | tr '\n' ';')" \
    '1 0.4 NaN NaN;2 0.3 NaN NaN;3 0.3 NaN NaN;4 0.5 NaN NaN;1 0.2 NaN NaN;2 0.15 NaN NaN;3 0.15 NaN NaN;4 0.25 NaN NaN;'
is 'dependence: draws' "$(series dependence.gp '20 zeroed in layers 1,2' 'like RMS, 20 draws' | sort -u | tr '\n' ';')" \
    '0.8 0.7 0.5 0.8;1.8 0.7 0.5 0.8;2.8 0.7 0.5 0.8;3.8 0.7 0.5 0.8;'
is 'dependence: unedited' "$(series dependence.gp '20 zeroed in layers 1,2' unedited | cut -d ' ' -f 2 | sort -u)" 0.6
jq -c '.n_rms = 0 | del(.. | .rms?)' dependence.jsonl | "$mkrecords" rpe >norms.hsz
is 'dependence: no draws, no line' "$(hs-plot dependence --script norms.hsz | grep -c 'like RMS')" 0

# ---- pictures
if command -v gnuplot >/dev/null; then
    while read -r plot kind; do
        for format in svg png text; do
            status "$plot: $format" 0 hs-plot "$plot" --format $format "$kind".hsz
            is "$plot: $format: no complaint" "$(cat err)" ''
            ok "$plot: $format: is there" test -s out
        done
        hs-plot "$plot" -o "$kind.svg" "$kind.hsz"
        wanted=$(hs-plot "$plot" --format svg --script "$kind.hsz" | sed -n '/^plot /,/[^\\]$/p' | grep -cE '^(plot|  )')
        is "$plot: SVG has all lines" "$(grep -c '<g id="gnuplot_plot_' "$kind.svg")" "$wanted"
    done <<'END'
trace traces
volcano coordinates
rpe-pruning curves
dependence dependence
END
else
    skip 'pictures' 'no gnuplot'
fi

# ---- records that lack something
# refuse NAME PLOT KIND JQ MESSAGE
refuse() {
    jq -c "$4" "$3.jsonl" | "$mkrecords" rpe >bad.hsz
    status "$1" 1 hs-plot "$2" --script bad.hsz
    is "$1: is named" "$(cat err)" "hs-plot: bad.hsz: record $5"
}
refuse 'no z' trace traces 'del(.z)' "1: trace: 'z' is missing"
refuse 'z of another length' trace traces '.z.f32 |= .[1:]' "1: trace: 'z' has 25 numbers, not 26"
refuse 'V of another length' trace traces 'if .v then .v.f32 |= .[1:] else . end' "1: trace: 'v' has 12 numbers, not 13"
refuse 'an even window' trace traces '.window = 4' '1: trace: a window of 4'
refuse 'no states' trace traces '.t.u32 = [] | .v = null | .z.f32 = []' '1: trace: no states'
refuse 'deltas of another length' trace traces 'if .delta then .delta.f32 |= .[1:] else . end' "2: trace: 'delta' has 2 numbers, not 3"
refuse 'a trace twice' trace traces '.layer = 1' '3: trace: is about the same as record 1 (short, layer 1: V(s0) = 0.25, right)'
refuse 'a p of 0' volcano coordinates '.p.f32[3] = 0' '1: rpe-coordinates: a p that is none, of 3'
refuse 'lists of two lengths' volcano coordinates '.q.f32 |= .[1:]' "1: rpe-coordinates: 40 coordinates, but 'q' has 39"
refuse 'a correlation of 2' rpe-pruning curves '.rho = 2' '1: rpe-curve: a correlation of 2'
refuse 'no figure' rpe-pruning curves 'del(.figure)' "1: rpe-curve: 'figure' is missing"
refuse 'no draws' dependence dependence 'del(.coordinates[1].corr.random)' "1: dependence: 'random' is missing"
refuse 'no mean' dependence dependence 'del(.mean)' "1: dependence: 'mean' is missing"
status 'an answer that is nowhere' 1 hs-plot trace --id x traces.hsz
is 'an answer: is named' "$(cat err)" "hs-plot: --id: no trace is of 'x'"
status 'a figure that is nowhere' 1 hs-plot rpe-pruning --figure x curves.hsz
is 'a figure: is named' "$(cat err)" "hs-plot: --figure: no record is of figure 'x'"
status 'no such record' 1 hs-plot volcano traces.hsz
is 'no such record: is named' "$(cat err)" "hs-plot: traces.hsz: has no record of type 'rpe-coordinates'"
while read -r wrong; do
    # shellcheck disable=SC2086 # words
    status "wrong usage: $wrong" 2 hs-plot $wrong
done <<'END'
trace --target td traces.hsz
trace --figure all traces.hsz
trace --at s0 traces.hsz
volcano --id short coordinates.hsz
volcano --top 1% coordinates.hsz
dependence --by-rms dependence.hsz
END
done_testing
