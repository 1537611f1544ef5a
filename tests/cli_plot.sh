#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# hs-plot: scripts hold what the records say, pictures are whole and hold all
# lines, and whatever is missing is an error that names it.
. "$HS_SRCDIR/tests/lib.sh"

mkrecords=$HS_BUILDDIR/tests/mkrecords
gnuplot=$(command -v gnuplot)
for kind in probes rankings overlaps arms; do
    sh "$HS_SRCDIR/tests/plotrecords.sh" $kind >$kind.jsonl
    "$mkrecords" $kind <$kind.jsonl >"$kind".hsz
done
ok 'there are records' test -s probes.jsonl -a -s rankings.jsonl -a -s overlaps.jsonl -a -s arms.jsonl

# series SCRIPT PANEL NAME: the rows of a line
series() {
    awk -v name="# $2: $3" '
        /<< END$/ { getline; on = $0 == name; next }
        $0 == "END" { on = 0 }
        on && !/^#/ { print }' "$1"
}
# near FILE A FILE B: two tables of numbers are equal to 1e-9, NaN to NaN
near() {
    paste -d ' ' "$1" "$2" | awk -v n="$3" '
        { for (i = 1; i <= n; i++) {
            a = $i; b = $(i + n)
            if (a == "NaN" || b == "NaN" || a == "" || b == "") bad += a != b || a == ""
            else { e = a - b; if (!(e <= 1e-9 && e >= -1e-9)) bad++ }
          } }
        END { exit !(NR > 0 && bad == 0) }'
}

# ---- auc: means over seeds, against jq
hs-plot auc --script probes.hsz >auc.gp
is 'auc: a panel for each layer' "$(grep -c "^set title 'layer" auc.gp)" 4
is 'auc: a block for each line' "$(grep -c '^[$]p[0-9]*s[0-9]* << END' auc.gp)" 16
for target in td mc; do
    jq -r --arg t $target 'select(.target == $t and .layer == 3) | .eval.places |
        [.[]] | to_entries[] | "\(.key) \(.value.auc) \(.value.lo) \(.value.hi)"' \
        probes.jsonl | awk '{ for (i = 2; i <= 4; i++) s[$1, i] += $i / 2 }
        END { for (k = 0; k < 5; k++) print k, s[k, 2], s[k, 3], s[k, 4] }' OFMT=%.12g CONVFMT=%.12g >want
    series auc.gp 'layer 3' $target >got
    ok "auc: $target is the mean over seeds" near got want 4
done
jq -r 'select(.name == "logistic" and .layer == 5) | .eval.places |
    [.[]] | to_entries[] | "\(.key) \(.value.auc) \(.value.lo) \(.value.hi)"' probes.jsonl >want
series auc.gp 'layer 5' logistic >got
ok 'auc: a baseline is as recorded' near got want 4
is 'auc: targets have error bars, baselines have none' \
    "$(hs-plot auc --format svg --script probes.hsz | sed -n 's/^  [$]p.*with \([a-z]*\).*/\1/p' | sort | uniq -c | tr -s ' \n' ' ')" \
    ' 8 linespoints 8 yerrorlines '
is '-l' "$(hs-plot auc -l 2,4 --script probes.hsz | grep "^set title 'layer" | tr '\n' ' ')" \
    "set title 'layer 2' set title 'layer 4' "
is '--target leaves baselines' "$(hs-plot auc --target mc --script probes.hsz |
    sed -n 's/^# layer 2: //p' | tr '\n' ' ')" 'mc prompt length logistic '

# ---- layers, training
hs-plot layers --at 50%,sT --script probes.hsz >layers.gp
jq -r 'select(.target == "td") | "\(.layer) \(.eval.places.sT.auc)"' probes.jsonl |
    awk '{ s[$1] += $2 / 2 } END { for (l = 2; l <= 5; l++) print l, s[l] }' OFMT=%.12g CONVFMT=%.12g >want
series layers.gp 'at sT' td | cut -d ' ' -f 1,2 >got
ok 'layers: the mean over seeds' near got want 2
is 'layers: a panel for each place' "$(grep -c "^set title 'at " layers.gp)" 2
hs-plot training --script -l 4 probes.hsz >training.gp
is 'training: a line for each seed' "$(series training.gp 'layer 4: loss' mc | wc -l)" 20
jq -r 'select(.target == "td" and .layer == 4) | .curve |
    [.epoch, .spread] | transpose[] | map(. // "NaN") | join(" ")' probes.jsonl >want
series training.gp 'layer 4: spread' td | cut -d ' ' -f 1,2 >got
ok 'training: what the records say, null is a gap' near got want 2
is 'training: null is not 0' "$(grep -c '^1 NaN' got)" 2

# ---- pruning, importance
hs-plot pruning --script rankings.hsz >pruning.gp
jq -r 'select(.set == "random" and .layer == 2 and .at == "s0") | "\(.ratio) \(.auc)"' rankings.jsonl |
    awk '!($1 in n) { lo[$1] = hi[$1] = $2; order[++m] = $1 }
        { n[$1]++; s[$1] += $2; if ($2 < lo[$1]) lo[$1] = $2; if ($2 > hi[$1]) hi[$1] = $2 }
        END { for (i = 1; i <= m; i++) { r = order[i]; print r, s[r] / n[r], lo[r], hi[r] } }' \
        OFMT=%.12g CONVFMT=%.12g >want
series pruning.gp 'layer 2, td, retrain, s0' 'random, 3 draws' >got
ok 'pruning: random draws are mean, least and most' near got want 4
jq -r 'select(.set == "top" and .layer == 3 and .at == "sT") | "\(.ratio) \(.auc) \(.lo) \(.hi)"' rankings.jsonl >want
hs-plot pruning --at sT --script rankings.hsz >pruning.gp
series pruning.gp 'layer 3, td, retrain, sT' top >got
ok 'pruning: the top with its interval' near got want 4
is 'pruning: x is the share kept, from all on' "$(grep -c 'set xrange \[1\.15:' pruning.gp)" 2
hs-plot importance --script rankings.hsz >importance.gp
series importance.gp 'layer 2, td' 'all coordinates' >got
is 'importance: ranks' "$(cut -d ' ' -f 1 got | tr '\n' ' ')" "$(seq 64 | tr '\n' ' ')"
ok 'importance: descends' sort -c -k 2,2gr got
is 'importance: the selected' "$(series importance.gp 'layer 2, td' 'the top 4' | cut -d ' ' -f 1 | tr '\n' ' ')" '1 2 3 4 '
is 'importance: the sink' "$(series importance.gp 'layer 2, td' sinks | cut -d ' ' -f 1)" 2
is '--by-rms' "$(hs-plot importance --by-rms --script rankings.hsz >rms.gp; series rms.gp 'layer 3, td' sinks | cut -d ' ' -f 1)" 500

# ---- overlap
hs-plot overlap --script overlaps.hsz >overlap.gp
jq -r 'select(.layer_a == 2 and .layer_b == 4) | "\(.ratio) \(.iou)"' overlaps.jsonl >want
title='overlap of the top coordinates'
series overlap.gp "$title" 'layer 2 / layer 4' | cut -d ' ' -f 1,2 >got
ok 'overlap: the IoU of a pair' near got want 2
is 'overlap: chance stands once' "$(grep -c "^# $title: chance" overlap.gp)" 1
jq -r 'select(.layer_a == 2 and .layer_b == 3) | "\(.ratio) \(.expected) \(.lo) \(.hi)"' overlaps.jsonl >want
series overlap.gp "$title" chance >got
ok 'overlap: chance with its interval' near got want 4
jq -r 'select(.layer_a == 2 and .layer_b == 3) | "\(.ratio) \(.seed_iou_a)"' overlaps.jsonl >want
series overlap.gp "$title" 'seeds of layer 2' | cut -d ' ' -f 1,2 >got
ok 'overlap: the ceiling of the seeds' near got want 2

# ---- ablation, dose: against counts by awk and Wilson's formula
jq -r 'select(.arm) | "\(.arm) \(.reward)"' arms.jsonl | awk '
    { n[$1]++; right[$1] += $2 }
    END { for (a in n) {
        p = right[a] / n[a]; z = 1.959963984540054; d = 1 + z * z / n[a]
        mid = (p + z * z / 2 / n[a]) / d
        half = z / d * sqrt(p * (1 - p) / n[a] + z * z / 4 / n[a] / n[a])
        print a, p, mid - half, mid + half
    } }' OFMT=%.12g CONVFMT=%.12g >accuracies
# accuracy LABEL: "value lo hi"
accuracy() {
    awk -v a="$1" '$1 == a { print $2, $3, $4 }' accuracies
}
# rows SCRIPT N: names of the rows of panel N
rows() {
    grep '^set ytics' "$1" | sed -n "$2s/^set ytics (//p" | sed 's/)$//; s/ [0-9]*, /;/g; s/ [0-9]*$//'
}
hs-plot ablation --script arms.hsz >ablation.gp
is 'ablation: a panel for each layer and size' "$(sed -n "s/^set title '\(.*\)'$/\1/p" ablation.gp | tr '\n' ';')" \
    'layer 2, 1%, zero, all;layer 2, 5%, zero, all;layer 2, 20%, zero, all;layer 3, 1%, zero, all;layer 3, 5%, zero, all;layer 3, 20%, zero, all;'
is 'ablation: rows in their order' "$(rows ablation.gp 1)" \
    "'none';'value';'value-sinks';'ntp:ntp.hsz';'wanda';'bottom';'file:td.txt (7)';'random, 6 draws';'rms, 6 draws'"
panel='layer 3, 5%, zero, all'
series ablation.gp "$panel" 'by value' >got
echo "2 $(accuracy L3/value@5%)
3 $(accuracy L3/value@5%)" >want
ok 'ablation: value with its interval; an arm that equals it' near got want 4
series ablation.gp "$panel" 'other arms' | sort -n >got
echo "1 $(accuracy none)
4 $(accuracy L3/ntp:runs/ntp.hsz@5%)
5 $(accuracy L3/wanda@5%)
6 $(accuracy L3/bottom@5%)
7 $(accuracy L3/file:lists/td.txt)" >want
ok 'ablation: the others' near got want 4
for kind in random rms; do
    grep "^L3/$kind\.[0-9]*@5%" accuracies | cut -d ' ' -f 2 | sort -n >draws.$kind
    awk '{ s += $1 } END { print s / NR }' OFMT=%.12g draws.$kind >mean.$kind
    awk 'NR == 1 { lo = $1 } { hi = $1 } END { print lo, hi }' draws.$kind >range.$kind
done
series ablation.gp "$panel" draws >got
is 'ablation: draws are near their row' "$(awk '{ print int($1 + 0.5) }' got | uniq -c | tr -s ' \n' ' ')" ' 6 8 6 9 '
cut -d ' ' -f 2 got >drawn
cat draws.random draws.rms >want
ok 'ablation: draws are what they are' near drawn want 1
series ablation.gp "$panel" 'mean of the draws' | cut -d ' ' -f 1,2 >got
echo "8 $(cat mean.random)
9 $(cat mean.rms)" >want
ok 'ablation: their means' near got want 2
series ablation.gp "$panel" 'the unedited model' >got
echo "0 $(accuracy none)
10 $(accuracy none)" >want
ok 'ablation: the unedited model from top to bottom' near got want 4
is 'ablation: one range of accuracy' "$(grep '^set xrange \[' ablation.gp | sort -u | wc -l)" 1

hs-plot dose --script arms.hsz >dose.gp
is 'dose: a panel for each layer' "$(grep -c "^set title 'layer [23], zero, all'" dose.gp)" 2
panel='layer 3, zero, all'
series dose.gp "$panel" value >got
echo "0.01 $(accuracy L3/value@1%)
0.05 $(accuracy L3/value@5%)
0.2 $(accuracy L3/value@20%)" >want
ok 'dose: value against the share of the width' near got want 4
for kind in random rms; do
    series dose.gp "$panel" "$kind, 6 draws" | sed -n 2p >got
    echo "0.05 $(cat mean.$kind) $(cat range.$kind)" >want
    ok "dose: $kind is mean, least and most" near got want 4
done
series dose.gp "$panel" file:td.txt >got
echo "0.035 $(accuracy L3/file:lists/td.txt)" >want
ok 'dose: a list has its own share' near got want 4
hs-plot dose -l 3 --top 1% --format svg --script arms.hsz >one.gp
is 'dose: of one size, bands are error bars' "$(grep -c '^  [$]p1s[0-9]* .*with yerrorlines' one.gp)" 4
is 'dose: which has no complaint' "$(hs-plot dose --top 1% -o one.svg arms.hsz 2>&1)" ''

# choose NAME WANT OPTION...: titles of panels
choose() {
    choose_name=$1 choose_want=$2
    shift 2
    is "$choose_name" "$(hs-plot ablation --script "$@" modes.hsz | sed -n "s/^set title '\(.*\)'$/\1/p" | tr '\n' ';')" "$choose_want"
}
jq -c 'if .run then .run.arms |= map(if .size == "5%" then (.mode = "scale=2" | .values = [.coords[] | 2] | .label += ":scale=2" |
        if .same_as then .same_as += ":scale=2" else . end)
    elif .size == "20%" then (.where = "generated" | .label += ":generated" |
        if .same_as then .same_as += ":generated" else . end) else . end)
    elif (.arm | endswith("@5%")) then .arm += ":scale=2"
    elif (.arm | endswith("@20%")) then (.arm += ":generated" | .edits = .edits * 2 / 5) else . end' arms.jsonl | "$mkrecords" arms >modes.hsz
choose 'modes and positions are panels' 'layer 2, 5%, scale=2, all;layer 2, 1%, zero, all;layer 2, 20%, zero, generated;' -l 2
choose '--mode' 'layer 2, 5%, scale=2, all;layer 3, 5%, scale=2, all;' --mode scale=2
choose '--where' 'layer 2, 1%, zero, all;' -l 2 --where all --mode zero
choose '--top' 'layer 3, 1%, zero, all;layer 3, 20%, zero, generated;' -l 3 --top 1%,20%
hs-plot ablation --script -l 2 modes.hsz >modes.gp
for k in 1 3; do
    is "names have neither mode nor positions: $k" "$(rows modes.gp $k)" \
        "'none';'value';'value-sinks';'ntp:ntp.hsz';'wanda';'bottom';'random, 6 draws';'rms, 6 draws'"
done
is 'lists have no size' "$(hs-plot ablation --script -l 2 --top 20% arms.hsz | grep -c "'file:td.txt (7)'")" 1
# nowhere OPTION VALUE MESSAGE
nowhere() {
    status "$1 $2 is nowhere" 1 hs-plot ablation "$1" "$2" modes.hsz
    is "$1 $2: is named" "$(cat err)" "hs-plot: $3"
}
nowhere --layers 4 '--layers: no arm is of layer 4'
nowhere --top 2% "--top: no arm is of size '2%'"
nowhere --mode zero,mean "--mode: no arm is of mode 'mean'"
nowhere --where not-first "--where: no arm is of positions 'not-first'"

jq -c 'select((.problem // "p1") | ltrimstr("p") | tonumber <= 11)' arms.jsonl | "$mkrecords" arms >low.hsz
jq -c 'select(.run or ((.problem // "p1") | ltrimstr("p") | tonumber > 11))' arms.jsonl | "$mkrecords" arms >high.hsz
hs-plot ablation --script low.hsz high.hsz >both.gp
ok 'arms: two parts are as the whole' cmp both.gp ablation.gp
jq -c 'if .run then .run.instruction = "other" else . end' arms.jsonl | "$mkrecords" arms >other.hsz
status 'arms of another run' 1 hs-plot dose arms.hsz other.hsz
ok 'another run: is named' grep -q '^hs-plot: other.hsz: ' err
jq -c 'if .run then .dim = 100 else . end' arms.jsonl | "$mkrecords" arms >narrow.hsz
status 'arms of another width' 1 hs-plot dose arms.hsz narrow.hsz
is 'another width: is named' "$(cat err)" 'hs-plot: narrow.hsz: the width is 100; that of arms.hsz is 200'
jq -c 'if .run then .run.arms |= .[1:] else select(.arm != "none") end' arms.jsonl | "$mkrecords" arms >no_none.hsz
status 'no unedited arm' 1 hs-plot ablation -o bad.svg no_none.hsz
is 'no unedited arm: no picture' "$(find . -name 'bad.svg*')" ''
jq -c 'if .run then .run.arms |= .[:3] else select(.arm | test("none|noop")) end' arms.jsonl | "$mkrecords" arms >no_edit.hsz
status 'no edited arm' 1 hs-plot ablation no_edit.hsz
is 'no edited arm: is said' "$(cat err)" 'hs-plot: no_edit.hsz: no arm edits anything, or none all that was asked for'
jq -c 'select(.arm != "L2/random.3@1%" and .arm != "L2/wanda@1%")' arms.jsonl | "$mkrecords" arms >gaps.hsz
hs-plot ablation -l 2 --top 1% --script gaps.hsz >gaps.gp
is 'arms without answers say so' "$(rows gaps.gp 1 | tr ';' '\n' | grep -F '(n' | tr '\n' ';')" "'wanda (no values)';'random, 6 draws (not all)';"
is 'and have no mean' "$(series gaps.gp 'layer 2, 1%, zero, all' 'mean of the draws' | sed -n 1p)" '8 NaN NaN NaN'
is 'but the draws that there are' "$(series gaps.gp 'layer 2, 1%, zero, all' draws | awk '$1 < 8.5' | wc -l)" 5
status 'another kind of stream for arms' 1 hs-plot dose rankings.hsz
is 'is named too' "$(cat err)" \
    "hs-plot: rankings.hsz: kind is 'rankings'; this plot is of 'arms', which ablate-eval writes"

# ---- several files
cp probes.hsz other.hsz
hs-plot auc --script -l 2 probes.hsz other.hsz >two.gp
is 'two files about the same' "$(sed -n 's/^# layer 2: //p' two.gp | tr '\n' ';')" \
    'probes.hsz: td;probes.hsz: mc;other.hsz: td;other.hsz: mc;probes.hsz: prompt length;probes.hsz: logistic;other.hsz: prompt length;other.hsz: logistic;'
jq -c 'select(.layer < 4)' probes.jsonl | "$mkrecords" probes >low.hsz
jq -c 'select(.layer >= 4)' probes.jsonl | "$mkrecords" probes >high.hsz
hs-plot auc --script low.hsz - <high.hsz >both.gp
ok 'two parts are as the whole' cmp both.gp auc.gp
cat probes.hsz probes.hsz >twice.hsz
status 'the same twice in one file' 1 hs-plot auc twice.hsz
ok 'is named' grep -q '^hs-plot: twice.hsz: record 30: baseline: is about the same as record 6 (baseline logistic, layer 2)' err
status 'a file that is named twice' 1 hs-plot auc probes.hsz probes.hsz

# ---- pictures
if [ -z "$gnuplot" ]; then
    skip 'pictures' 'gnuplot is not installed'
    done_testing
    exit 0
fi
hs-plot auc -l 2-3 probes.hsz >text
is 'text: panels, axes and names' "$(grep -cE 'layer [23]$|AUC 0.7|place in the response|prompt length.*logistic .* td .* mc ' text)" 8
is 'text: 80 by 24 a panel, with what is blank left out' "$(awk 'length > 80' text | wc -l) $(wc -l <text)" '0 44'
is '--width and --height' "$(hs-plot auc -l 2 --width 60 --height 15 probes.hsz | awk '{ n = length > n ? length : n } END { print (n <= 60 && n > 50), NR }')" '1 12'
hs-plot auc -o auc.txt -l 2-3 probes.hsz
ok 'text in a file' cmp auc.txt text
sed -i '/^$/d' text
hs-plot auc -l 2-3 --script probes.hsz | LC_ALL=C.UTF-8 gnuplot -d | tr -d '\f' | sed 's/ *$//; /^$/d' >drawn
ok 'the script draws the same' cmp drawn text

hs-plot ablation -l 2 --top 1% arms.hsz >text
is 'text: a line for each arm' "$(sed -n 's/ *|-.*//p' text | sed 's/^ *//' | tr '\n' ';')" \
    'none;value;value-sinks;ntp:ntp.hsz;wanda;bottom;file:td.txt (7);random, 6 draws;rms, 6 draws;'
is 'text: rows stay together' "$(wc -l <text)" 16
is 'text: one line less leaves them' "$(hs-plot ablation -l 2 --top 1% --height 10 arms.hsz | wc -l)" 16
is 'text: room is shared' "$(hs-plot ablation -l 2 --top 1% --height 30 arms.hsz | wc -l)" 26
seq 100 139 | jq -c -R . >numbers
jq -c --slurpfile n numbers 'if .run then (.run.arms[] | select(.label == "L2/file:lists/td.txt")) as $f |
        .run.arms |= (map(select(.label | test("^none|^L2/value@1%"))) + [$n[] as $i | $f | .label += $i])
    else select(.arm | test("^none|^L2/value@1%")) end' arms.jsonl >many.jsonl
"$mkrecords" arms <many.jsonl >many.hsz
hs-plot ablation many.hsz >text
is 'text: forty rows have a line each' "$(grep -c 'file:td.txt1[0-9][0-9] (7) (no values) |' text)" 40
hs-plot ablation -o many.svg many.hsz
is 'the picture grows with its rows' "$(sed -n 's/^ *width="\([0-9]*\)" height="\([0-9]*\)"$/\2/p' many.svg)" 952
plots='auc probes
layers probes
training probes
pruning rankings
importance rankings
overlap overlaps
ablation arms
dose arms'
echo "$plots" >list
find_python xml.dom || python=
while read -r plot kind; do
    status "$plot: SVG" 0 hs-plot "$plot" -o "$plot.svg" "$kind".hsz
    is "$plot: gnuplot has no complaint" "$(cat err)" ''
    hs-plot "$plot" --format svg --script "$kind".hsz >"$plot.gp"
    # Elements of the plot commands are those that gnuplot names in the picture.
    wanted=$(sed -n '/^plot /,/[^\\]$/p' "$plot.gp" | grep -cE '^(plot|  )')
    if [ -n "$python" ]; then
        "$python" -c '
import sys, xml.dom.minidom
doc = xml.dom.minidom.parse(sys.argv[1])
ids = [g.getAttribute("id") for g in doc.getElementsByTagName("g")]
print(doc.documentElement.tagName, sum(i.startswith("gnuplot_plot_") for i in ids))
' "$plot.svg" >got
        is "$plot: SVG is XML with all lines" "$(cat got)" "svg $wanted"
    else
        skip "$plot: SVG is XML" 'no python3'
    fi
    hs-plot "$plot" --format png <"$kind".hsz >"$plot.png"
    is "$plot: PNG" "$(head -c 8 "$plot.png" | od -An -tx1 | tr -d ' \n')" 89504e470d0a1a0a
    is "$plot: PNG is whole" "$(tail -c 8 "$plot.png" | od -An -tx1 | tr -d ' \n')" 49454e44ae426082
    hs-plot "$plot" -o again.svg "$kind".hsz
    ok "$plot: twice the same" cmp again.svg "$plot.svg"
done <list
is '--width and --height of a picture' "$(hs-plot auc --format svg --width 700 --height 500 probes.hsz | grep -c '^ *width="700" height="500"$')" 1

# ---- text that means something to gnuplot, a shell, XML
cat >odd.jq <<'END'
if .name == "prompt length" then .name = "it's \"odd\" `touch odd` $(touch odd) \\ %s <&> a_b^{c}@d\n\u0001\uffffé" else . end
END
jq -c -f odd.jq probes.jsonl | "$mkrecords" probes >odd.hsz
for format in svg text; do
    status "odd text as $format" 0 hs-plot auc -l 2 --format $format --title "\`touch odd\` 'q' 50% x_{1}" odd.hsz
    cp out odd.$format
    is "$format: no complaint" "$(cat err)" ''
done
ok 'nothing is replaced' grep -qF "it's \"odd\" \`touch odd\` \$(touch odd) \\ %s <&> a_b^{c}@d" odd.text
ok 'nor in the title' grep -qF "\`touch odd\` 'q' 50% x_{1}: layer 2" odd.text
ok 'nothing is run' test ! -e odd
[ -z "$python" ] || ok 'SVG stays XML' "$python" -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse("odd.svg")'
status 'a title that is not UTF-8' 0 hs-plot auc --format svg --title "$(printf 'a\377b')" probes.hsz
[ -z "$python" ] || ok 'SVG stays XML then too' "$python" -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse("out")'

# ---- values that are not there
jq -c 'if .target == "td" and .seed == 1 then .eval.places."50%" |= (.auc = null | .lo = null | .hi = null)
    elif .name == "logistic" then .eval.places[].auc = null else . end' probes.jsonl | "$mkrecords" probes >gaps.hsz
hs-plot auc --script -l 2 gaps.hsz >gaps.gp
is 'a seed without a value: no mean' "$(series gaps.gp 'layer 2' td | sed -n 3p)" '2 NaN NaN NaN'
is 'the rest stays' "$(series gaps.gp 'layer 2' td | grep -c NaN)" 1
status 'gaps are drawn' 0 hs-plot auc -l 2 gaps.hsz
is 'without a complaint' "$(cat err)" ''
ok 'a line without values says so' grep -q 'logistic (no values)' out
jq -c '.eval.places[] |= (.auc = null | .lo = null | .hi = null)' probes.jsonl | "$mkrecords" probes >none.hsz
jq -c 'if .sink then .sink.u32 |= map(2) else . end' rankings.jsonl | "$mkrecords" rankings >no_sinks.hsz
status 'no sinks' 0 hs-plot importance no_sinks.hsz
is 'are no complaint' "$(cat err)" ''
is 'but a word in the legend' "$(grep -c 'sinks (none)' out)" 2
status 'no value at all' 1 hs-plot auc none.hsz
ok 'is said' grep -qx 'hs-plot: none.hsz: nothing to draw: all values are missing' err
jq -c 'if .target then .eval.places.s0.lo = null else . end' probes.jsonl | "$mkrecords" probes >no_lo.hsz
status 'an interval that is not there' 0 hs-plot auc -l 2 no_lo.hsz
is 'has no complaint' "$(cat err)" ''

# ---- records that lack something
# refuse NAME PLOT KIND JQ MESSAGE
refuse() {
    jq -c "$4" "$3.jsonl" | "$mkrecords" "$3" >bad.hsz
    status "$1" 1 hs-plot "$2" -o bad.svg bad.hsz
    is "$1: is named" "$(cat err)" "hs-plot: bad.hsz: record $5"
    is "$1: no picture" "$(find . -name 'bad.svg*')" ''
}
refuse 'no target' auc probes 'del(.target)' "1: probe: 'target' is missing"
refuse 'no layer' auc probes 'if .type == "probe" then del(.layer) else . end' "1: probe: 'layer' is missing"
refuse 'no eval' auc probes 'del(.eval)' "1: probe: 'eval' with 'places' is missing"
refuse 'no interval' auc probes 'del(.eval.places."75%".hi)' "1: probe: 'hi' is missing"
refuse 'a place less' auc probes 'if .name then del(.eval.places.sT) else . end' "5: baseline: eval has no place 'sT'"
refuse 'text for a number' layers probes '.eval.places.s0.auc = "x"' "1: probe: 'auc' is not a number"
refuse 'an AUC of 3' auc probes '.eval.places.s0.auc = 3' '1: probe: an AUC of 3'
refuse 'no curve' training probes 'del(.curve)' "1: probe: 'curve' is missing"
refuse 'a curve that is shorter' training probes '.curve.loss |= .[1:]' "1: probe: 10 epochs, but 'loss' has 9"
refuse 'a ratio of 1' pruning rankings '.ratio = 1' '2: curve: a ratio of 1'
refuse 'no set' pruning rankings 'del(.set)' "2: curve: 'set' is missing"
refuse 'a coordinate too many' importance rankings 'if .order then .order.u32[3] = 64 else . end' '1: ranking: no coordinate 64 of 64'
refuse 'lists of two lengths' importance rankings 'if .rms then .rms.f32 |= .[1:] else . end' "1: ranking: 64 coordinates, but 'rms' has 63"
refuse 'an IoU of 2' overlap overlaps '.iou = 2' '1: overlap: an IoU of 2'
refuse 'no expectation' overlap overlaps 'del(.expected)' "1: overlap: 'expected' is missing"
status 'another kind of stream' 1 hs-plot pruning probes.hsz
is 'is named' "$(cat err)" \
    "hs-plot: probes.hsz: kind is 'probes'; this plot is of 'rankings', which neuron-rank --curve writes"
"$mkrecords" probes </dev/null >empty.hsz
status 'a stream without records' 1 hs-plot auc empty.hsz
is 'says so' "$(cat err)" "hs-plot: empty.hsz: has no record of type 'probe'"
status 'a layer that is nowhere' 1 hs-plot auc -l 9 probes.hsz
is 'a layer: is named' "$(cat err)" 'hs-plot: --layers: no record is of layer 9'
status 'a target that is nowhere' 1 hs-plot auc --target td,x probes.hsz
is 'a target: is named' "$(cat err)" "hs-plot: --target: no record is of 'x'"
status 'a place that is nowhere' 1 hs-plot layers --at s1 probes.hsz
status 'a place that no curve has' 1 hs-plot pruning --at 50% rankings.hsz

# ---- streams that are damaged, outputs that fail
size=$(wc -c <probes.hsz)
head -c $((size - 3)) probes.hsz >cut.hsz
status 'a stream that is cut off' 1 hs-plot auc -o cut.svg cut.hsz
is 'no picture of it' "$(find . -name 'cut.svg*')" ''
status 'no such file' 1 hs-plot auc missing.hsz
status 'empty input' 1 hs-plot auc
status 'a folder that is not there' 1 hs-plot auc -o nowhere/a.svg probes.hsz
ok 'names the file' grep -q '^hs-plot: nowhere/a.svg.part: ' err
if [ -w /dev/full ]; then
    hs-plot auc probes.hsz >/dev/full 2>err
    is 'a full disk' $? 1
    ok 'says so' grep -q 'No space left' err
fi
hs-plot auc probes.hsz >&- 2>err
is 'closed output' $? 1
status 'the reader leaves early' 0 sh -c 'hs-plot training probes.hsz | head -n 1 | grep -c loss'
TMPDIR=$PWD/nowhere hs-plot auc probes.hsz >out 2>err
is 'no place for temporary files' $? 1

# ---- gnuplot
mkdir bin
PATH=$PWD/bin "$HS_BUILDDIR/hs-plot" auc -o none.svg probes.hsz >out 2>err
is 'no gnuplot' $? 1
is 'names the package' "$(cat err)" 'hs-plot: gnuplot: not found; on Debian install gnuplot-nox'
is 'no gnuplot: no picture' "$(find . -name 'none.svg*')" ''
PATH=$PWD/bin "$HS_BUILDDIR/hs-plot" auc --script probes.hsz >out 2>err
is 'no gnuplot: the script is there' $? 0
# fake BODY: a gnuplot of our own
fake() {
    printf '#!/bin/sh\n%s\n' "$1" >bin/gnuplot
    chmod +x bin/gnuplot
    PATH=$PWD/bin:$PATH hs-plot auc -o fake.svg probes.hsz >out 2>err
    fake_status=$?
}
fake 'cat >/dev/null; echo half; echo "line 3: bad
  thing" >&2; exit 1'
is 'gnuplot fails' $fake_status 1
is 'in its own words' "$(cat err)" 'hs-plot: gnuplot: exit status 1: line 3: bad thing'
is 'gnuplot fails: no picture' "$(find . -name 'fake.svg*')" ''
fake 'exit 0'
is 'gnuplot draws nothing' $fake_status 1
# shellcheck disable=SC2016 # for the shell that is made
fake 'echo half; kill -9 $$'
is 'gnuplot is killed' "$fake_status $(cat err)" '1 hs-plot: gnuplot: ended by signal 9'
is 'gnuplot is killed: no picture' "$(find . -name 'fake.svg*')" ''
fake 'echo picture; echo "font is missing" >&2'
is 'gnuplot warns' "$fake_status $(cat fake.svg err)" '0 picture
hs-plot: warning: gnuplot: font is missing'
mkdir home
echo 'set title "mine"; this is no command' >home/.gnuplot
HOME=$PWD/home hs-plot auc -o home.svg probes.hsz
ok "the user's settings change nothing" cmp home.svg auc.svg

# ---- a terminal, and wrong usage
if command -v script >/dev/null && script -qec true /dev/null </dev/null >/dev/null 2>&1; then
    script -qec 'stty cols 100 rows 30; hs-plot auc -l 2 probes.hsz' /dev/null </dev/null | tr -d '\r' >screen.txt
    is 'text fills the terminal' "$(awk '{ n = length > n ? length : n } END { print (n > 90 && n <= 100), NR }' screen.txt)" '1 26'
    script -qec 'hs-plot auc --format png probes.hsz; echo status $?' /dev/null </dev/null >screen.txt
    ok 'no PNG on a terminal' grep -q 'status 2' screen.txt
else
    skip 'terminals' 'no script(1)'
fi
while read -r wrong; do
    # shellcheck disable=SC2086 # words
    status "wrong usage: $wrong" 2 hs-plot $wrong
done <<'END'

nothing probes.hsz
auc --at s0 probes.hsz
auc --by-rms probes.hsz
auc --top 1% probes.hsz
overlap --mode zero overlaps.hsz
overlap --where all overlaps.hsz
ablation --target td arms.hsz
dose --at s0 arms.hsz
dose --by-rms arms.hsz
dose --top , arms.hsz
auc --format pdf probes.hsz
auc --format txt probes.hsz
auc -o picture probes.hsz
auc -o picture.jpg probes.hsz
auc --width 39 probes.hsz
auc --width 2000 probes.hsz
auc --height x probes.hsz
auc --format png --width 100 probes.hsz
auc -l 3-1 probes.hsz
auc --target , probes.hsz
END
done_testing
