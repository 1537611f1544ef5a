#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# ablate-eval on the default model: the streams it writes, its proofs, equal
# answers however the work is cut, and what it refuses. Whether an ablation finds
# what is there is asked by tests/cause.sh.
# shellcheck disable=SC2016 # what is in single quotes is jq's or hs-cat's
. "$HS_SRCDIR/tests/lib.sh"

HSTOOLS_MODEL=$HS_SRCDIR/examples/reasoner
export HSTOOLS_MODEL
problems=$HSTOOLS_MODEL/problems

head -n 12 "$problems/chain-test.jsonl" >p.jsonl
head -n 5 "$problems/choice-test.jsonl" >also.jsonl
head -n 120 "$problems/chain-train-1.jsonl" |
    hs-extract -q -l 2,3 --max-tokens 120 --positions tokens -o acts.hsz
probe-fit -q --target mc,ntp,terminal --epochs 2 --hidden 16 --baselines none \
    --permutations 20 --bootstrap 20 -o probes.hsz <acts.hsz
for target in mc ntp terminal; do
    neuron-rank -q --target $target --by gradient -o $target.hsz probes.hsz
done
neuron-rank -q -o all.hsz probes.hsz
ok 'rankings' test -s mc.hsz -a -s all.hsz

run() {
    ablate-eval -q --progress never --max-tokens 120 --calibrate 8 --own 3 "$@"
}
small=none,noop,value,random:2
digest() {
    hs-view --digest "$1" | awk '{ print $1 }'
}
# report FILE FILTER: jq on the JSON report
report() {
    ablate-eval --report=json "$1" | jq -c "$2"
}

# ---- what is written
run -r mc.hsz --arms "$small,rms:2,magnitude,wanda,rms-top,bottom,value-sinks,random-sinks:2,ntp:ntp.hsz,terminal:terminal.hsz" \
    --top 1%,8 --also also.jsonl -o big.hsz --report=json <p.jsonl >big.json
is 'all arms run' $? 0
ok 'the stream is whole' hs-view --check big.hsz
is 'its kind' "$(hs-view --type=head big.hsz | jq -r .kind)" arms
hs-view --values --type=trajectory big.hsz >items
is 'one id an item' "$(jq -r .id items | sort | uniq -d | head -n 3)" ''
ran=$(jq '[.arms[] | select(.same_as == null)] | length' big.json)
is 'every arm that is no double answers every problem' \
    "$(jq -r 'select(.part == "problems") | .arm' items | sort | uniq -c |
        awk '{ print $1 }' | uniq -c | awk '{ print $1, $2 }')" "$ran 12"
is 'parts' "$(jq -r .part items | sort -u | tr '\n' ' ')" 'also neutral own problems '
is 'own answers of three problems' \
    "$(jq -r 'select(.part == "own" and .arm == "none") | .id' items | tr '\n' ' ')" \
    'own:none/chain-test-0000 own:none/chain-test-0001 own:none/chain-test-0002 '
is 'own answers are those of none' \
    "$(jq -s -c '(map(select(.arm == "none" and .part == "problems")) | map({key: .problem, value: .tokens}) | from_entries) as $said |
        map(select(.part == "own") | $said[.problem] == .tokens) | unique' items)" '[true]'
is 'edits are coordinates times tokens' \
    "$(jq -s -c --slurpfile r big.json '
        ($r[0].arms | map({key: .label, value: .n_coords}) | from_entries) as $n |
        map(. as $t | ($t.tokens.values | length) as $k |
            (if $t.finish == "eos" or ($t.finish == "replay" and $t.tokens.values[-1] == 466)
             then $k - 1 else $k end) * $n[$t.arm] == $t.edits) | unique' items)" '[true]'
is 'noop is none, bit for bit' \
    "$(jq -s -c 'map(select(.arm == "none" or (.arm | endswith("/noop")))) |
        group_by([.part, .problem, .sample]) | map(map({tokens, logprob, entropy, finish}) | unique | length) | unique' items)" '[1]'
is 'arms are of the sizes asked for' \
    "$(jq -r '.arms[] | select(.kind == "value") | "\(.label) \(.n_coords)"' big.json | tr '\n' ' ')" \
    'L2/value@1% 3 L2/value@8 8 L3/value@1% 3 L3/value@8 8 '
is 'without sinks these are doubles' \
    "$(jq -r '.arms[] | select(.label == "L2/value-sinks@1%" or .label == "L2/random-sinks.2@1%") | .same_as' big.json | tr '\n' ' ')" \
    'L2/value@1% L2/random.2@1% '
is 'value is the top of the ranking' \
    "$(ablate-eval -r mc.hsz --dry-run --arms value --top 8 --calibrate 2 <p.jsonl | jq -c 'select(.layer == 3) | .coords')" \
    "[$(neuron-rank -q -l 3 --top 8 --select mc.hsz)]"
is 'accuracy of none, by hand' \
    "$(jq -c '.arms[] | select(.label == "none") | [.main.n_right, .main.n]' big.json)" \
    "$(jq -s -c 'map(select(.arm == "none" and .part == "problems") | .reward) | [add, length]' items)"
ok 'there is a verdict' jq -e '.verdict | length > 3' big.json
for how in table tsv json; do
    ok "a report as $how" ablate-eval --report=$how big.hsz
done
ok 'a report of standard input' sh -c 'ablate-eval --report <big.hsz'

# ---- the same, however it is made
run -r mc.hsz -l 2 --arms "$small" <p.jsonl >one.hsz
run -r mc.hsz -l 2 --arms "$small" -j 1 --batch 3 <p.jsonl >two.hsz
is 'threads and batch change nothing' "$(digest two.hsz)" "$(digest one.hsz)"
# shellcheck disable=SC2002 # a pipe is wanted
cat p.jsonl | run -r mc.hsz -l 2 --arms "$small" >two.hsz
ok 'problems may come through a pipe' cmp one.hsz two.hsz
hs-extract -q -l none --greedy --max-tokens 120 <p.jsonl | hs-view --values |
    jq -c 'select(.type == "trajectory") | [.problem, .tokens, .logprob, .reward]' >alone
hs-view --values one.hsz | jq -c 'select(.arm == "none" and .part == "problems") | [.problem, .tokens, .logprob, .reward]' >together
ok 'none is what hs-extract does' cmp alone together
coords=$(hs-view --type=head one.hsz | jq -r '.run.arms[] | select(.label == "L2/random.2@1%") | .coords | join(",")')
hs-extract -q -l none --greedy --max-tokens 120 --edit zero --edit-layer 2 \
    --edit-coords "$coords" <p.jsonl | hs-view --values |
    jq -c 'select(.type == "trajectory") | [.problem, .tokens, .logprob, .reward, .edits]' >alone
hs-view --values one.hsz | jq -c 'select(.arm == "L2/random.2@1%" and .part == "problems") | [.problem, .tokens, .logprob, .reward, .edits]' >together
ok 'an arm is what hs-extract --edit does' cmp alone together
for mode in mean scale=0.5 add=2 resample; do
    for where in all generated not-first; do
        for cut in '' '-j 1 --batch 2'; do
            # shellcheck disable=SC2086 # several words
            run -r mc.hsz -l 2 --arms $small --mode $mode --where $where $cut \
                --own 1 --neutral none <p.jsonl >"mode$cut.hsz" 2>err || break
        done
        is "$mode, $where: the batch changes nothing" "$(digest mode.hsz)" \
            "$(digest 'mode-j 1 --batch 2.hsz')"
    done
done
for mode in mean=0 scale=0.5; do
    run -r mc.hsz -l 3 --arms none,value --mode scale=0.5 --neutral none --own 0 \
        <p.jsonl >mode.hsz
done
coords=$(neuron-rank -q -l 3 --select mc.hsz)
hs-extract -q -l none --greedy --max-tokens 120 --edit scale=0.5 --edit-layer 3 \
    --edit-coords "$coords" <p.jsonl | hs-view --values | jq -c 'select(.tokens) | [.tokens, .logprob]' >alone
hs-view --values mode.hsz | jq -c 'select(.arm == "L3/value@1%:scale=0.5") | [.tokens, .logprob]' >together
ok 'scale is what hs-extract --edit does' cmp alone together

for i in 1 2 3; do
    run -r mc.hsz -l 2 --arms "$small" --shard $i/3 -o part-$i.hsz <p.jsonl
done
hs-cat part-3.hsz part-1.hsz part-2.hsz >joined.hsz
is 'shards joined are the whole' "$(digest joined.hsz)" "$(digest one.hsz)"
is 'and report the same' "$(ablate-eval --report=tsv part-1.hsz part-2.hsz part-3.hsz | cksum)" \
    "$(ablate-eval --report=tsv one.hsz | cksum)"

run -r mc.hsz -l 2 --arms none,value -o a.hsz <p.jsonl
run -r mc.hsz -l 2 --arms noop,random:2 --baseline a.hsz -o b.hsz <p.jsonl
ok 'a baseline alone can be reported' ablate-eval --report b.hsz
is 'it has the unedited answers of before' \
    "$(hs-view --values b.hsz | jq -c 'select(.arm == "none" and .part == "problems") | [.id, .logprob]' | cksum)" \
    "$(hs-view --values a.hsz | jq -c 'select(.arm == "none" and .part == "problems") | [.id, .logprob]' | cksum)"
tail -n 3 "$problems/chain-test.jsonl" >others.jsonl
ablate-eval -r mc.hsz -l 2 --arms value --baseline a.hsz --max-tokens 120 --calibrate 2 \
    --own 1 --progress never <others.jsonl 2>err >others.hsz
is 'a baseline of other problems' $? 0
ok 'is warned of' grep -q 'a.hsz: has no new answers' err
hs-cat --allow-duplicates --only 'arm != "none"' b.hsz >c.hsz
hs-cat a.hsz c.hsz >joined.hsz
is 'arms of two machines are one run' "$(digest joined.hsz)" "$(digest one.hsz)"
is 'with all arms in the head' \
    "$(hs-view --type=head joined.hsz | jq -c '.run.arms | map(.label) | sort')" \
    "$(hs-view --type=head one.hsz | jq -c '.run.arms | map(.label) | sort')"
is 'and report the same, too' "$(ablate-eval --report=tsv a.hsz b.hsz | sort | cksum)" \
    "$(ablate-eval --report=tsv one.hsz | sort | cksum)"

hs-cat a.hsz b.hsz >joined.hsz
is 'answers in common are kept once' "$(digest joined.hsz)" "$(digest one.hsz)"
is 'and reported once' "$(ablate-eval --report=tsv joined.hsz | sort | cksum)" \
    "$(ablate-eval --report=tsv one.hsz | sort | cksum)"
sed 's/37 coins/38 coins/' p.jsonl >asked.jsonl
run -r mc.hsz -l 2 --arms none,rms-top -o asked.hsz <asked.jsonl
status 'answers to another question are not compared' 1 ablate-eval --report a.hsz asked.hsz
ok 'the item is named' grep -q 'chain-test-0000: another prompt or gold answer' err
status 'nor joined' 1 hs-cat -o no.hsz a.hsz asked.hsz
# Comparable is comparable in any order.
jq -r .question p.jsonl >long.txt
run -r mc.hsz -l 2 --arms none,value --neutral none -o n0.hsz <p.jsonl
run -r mc.hsz -l 2 --arms none,bottom --neutral long.txt -o n1.hsz <p.jsonl
run -r mc.hsz -l 2 --arms random:1 --neutral also.jsonl -o n2.hsz <p.jsonl
ok 'a run without a text goes with one that has one' ablate-eval --report n0.hsz n1.hsz
for files in 'n0 n1 n2' 'n1 n0 n2' 'n2 n0 n1'; do
    # shellcheck disable=SC2046,SC2086 # several files
    status "two texts are not comparable: $files" 1 \
        ablate-eval --report $(printf '%s.hsz ' $files)
    # shellcheck disable=SC2046,SC2086
    status "nor joined: $files" 1 hs-cat --allow-duplicates -o no.hsz $(printf '%s.hsz ' $files)
done
run -r mc.hsz -l 2 --arms none,rms-top --mode resample --shard 1/2 -o r1.hsz <p.jsonl
run -r mc.hsz -l 2 --arms none,rms-top --mode resample --draw-seed 5 --shard 2/2 -o r2.hsz <p.jsonl
status 'other donors are another arm' 1 ablate-eval --report r1.hsz r2.hsz
ok 'it names it' grep -q 'rms-top@1%:resample is another one' err
ok 'a stream through a pipe is joined' sh -c 'cat part-1.hsz | hs-cat part-2.hsz part-3.hsz - >joined.hsz'
hs-extract -q -l 2 --max-tokens 20 --positions last -o last.hsz <p.jsonl
status 'states of the end are no calibration' 1 sh -c 'ablate-eval -q -r mc.hsz -l 2 --acts last.hsz <p.jsonl >out.hsz'
ok 'it says what is needed' grep -q -- '--positions=tokens' err

# ---- killed
head -n 150 "$problems/chain-test.jsonl" >long.jsonl
whole() {
    exec ablate-eval -q --progress never --max-tokens 120 --calibrate 8 --own 3 \
        -r mc.hsz -l 2-3 --arms none,noop,value,random:3 "$@" <long.jsonl
}
(whole -o whole.hsz)
(whole -o cut.hsz --batch 8) &
pid=$!
while kill -0 $pid 2>/dev/null &&
    [ "$(wc -c 2>/dev/null <cut.hsz.part || echo 0)" -le 100000 ]; do
    sleep 0.1
done
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null
ok 'killed on the way' test -s cut.hsz.part -a ! -e cut.hsz
status 'not begun again by mistake' 1 sh -c 'ablate-eval -q -r mc.hsz -o cut.hsz <long.jsonl'
(whole -o cut.hsz --resume)
is 'resumed to the same' "$(digest cut.hsz)" "$(digest whole.hsz)"
status 'not resumed with other arms' 1 sh -c 'ablate-eval -q -r mc.hsz -l 2-3 --max-tokens 120 --calibrate 8 --own 3 --arms none,value -o cut.hsz --resume <long.jsonl'
ok 'it says what differs' grep -q 'arms' err

# ---- other tools
hs-grade -g gsm8k-flexible one.hsz | hs-view --check - >/dev/null
is 'answers can be graded again' $? 0
hs-grade -g gsm8k-flexible one.hsz >again.hsz
is 'arms stay' "$(hs-view again.hsz | jq -r 'select(.part == "problems") | .arm' | sort | uniq -c | md5sum)" \
    "$(hs-view one.hsz | jq -r 'select(.part == "problems") | .arm' | sort | uniq -c | md5sum)"
ok 'and are reported' ablate-eval --report again.hsz
is 'chosen by arm and part' \
    "$(hs-cat --only 'arm == "L2/value@1%" && part == "problems"' one.hsz | hs-view | grep -c '"trajectory"')" 12

# ---- damage is seen
hs-cat --only 'arm != "none"' one.hsz >headless.hsz
status 'a report without unedited answers' 0 ablate-eval --report headless.hsz
ok 'says that it has nothing to compare with' grep -q 'Nothing is known of the unedited model' out
status 'another run is no baseline' 1 sh -c 'ablate-eval -q -r mc.hsz -l 2 --max-tokens 100 --baseline a.hsz <p.jsonl >out.hsz'
ok 'it says why' grep -q 'max_tokens' err
sed '1s/189/188/' p.jsonl >other.jsonl
status 'another gold answer is no baseline' 1 sh -c 'ablate-eval -q -r mc.hsz -l 2 --max-tokens 120 --arms none,value --baseline a.hsz <other.jsonl >out.hsz'
ok 'it names the item' grep -q 'none/chain-test-0000: another prompt or gold answer' err
head -c 3000 one.hsz >short.hsz
status 'a stream that is cut' 1 ablate-eval --report short.hsz
status 'activations are no arms' 1 ablate-eval --report acts.hsz

# ---- wrong usage, and what can not be
refuse() { # NAME STATUS PATTERN ARGUMENT...
    refuse_name=$1
    refuse_pattern=$3
    status "$refuse_name" "$2" ablate-eval -q --max-tokens 10 --calibrate 2 "$4" "$5" ${6+"$6"} ${7+"$7"} ${8+"$8"} ${9+"$9"}
    if ! grep -q -- "$refuse_pattern" err || [ "$(wc -l <err)" -gt 2 ]; then
        fail "$refuse_name: the reason"
        say <err
    fi
}
refuse 'no ranking for value' 2 'needs --rank' --arms none,value -l 2
refuse 'no layer' 2 'where to edit' --arms none,random:2 -q
refuse 'an unknown arm' 2 '--arms' -r mc.hsz --arms none,values
refuse 'an arm twice' 2 '--arms' -r mc.hsz --arms none,value,value
refuse 'no draws' 2 '--arms' -r mc.hsz --arms none,random:0
refuse 'an unknown mode' 2 '--mode' -r mc.hsz --mode halve
refuse 'a mode without its number' 2 '--mode' -r mc.hsz --mode scale
refuse 'a size of nothing' 2 '--top' -r mc.hsz --top 0
refuse 'a share of nothing' 2 '--top' -r mc.hsz --top 0%
refuse 'a report without none' 2 'needs the arm none' --report --output=out.hsz -r mc.hsz --arms value
refuse 'positions' 2 '--where' -r mc.hsz --where prompt
refuse 'two calibrations' 2 'not both' -r mc.hsz --acts acts.hsz
refuse 'a terminal format' 2 '--report' --report=xml -q
refuse 'a report and a stream in one' 2 'needs -o FILE' -r mc.hsz --report -o -
refuse 'an argument' 2 'unexpected argument' -r mc.hsz p.jsonl
refuse 'standard input twice' 2 'standard input' -r - -q
refuse 'own answers of nobody' 2 'needs the arm none' -r mc.hsz --arms value --own 3
refuse 'a report that is to run' 2 'no options of a run' --report -r mc.hsz
refuse 'nothing to draw' 2 'nothing to draw' -r mc.hsz --greedy --temperature 1
refuse 'a ranking that is none' 1 'acts.hsz' -r acts.hsz -q
refuse 'a file that is not there' 1 'nowhere' -r nowhere -q
status 'a ranking of several targets' 1 sh -c 'ablate-eval -q -r all.hsz --calibrate 2 <p.jsonl >out.hsz'
ok 'it says so' grep -q 'target' err
status 'a layer that has no ranking' 1 sh -c 'ablate-eval -q -r mc.hsz -l 1 --calibrate 2 <p.jsonl >out.hsz'
status 'a layer that is not there' 1 sh -c 'ablate-eval -q -r mc.hsz -l 9 --calibrate 2 <p.jsonl >out.hsz'
status 'more coordinates than there are' 1 sh -c 'ablate-eval -q -r mc.hsz --top 300 --calibrate 2 <p.jsonl >out.hsz'
status 'no problems' 1 ablate-eval -q -r mc.hsz -o out.hsz
status 'a problem that is none' 1 sh -c 'echo "{}" | ablate-eval -q -r mc.hsz >out.hsz'
echo 300 >list
status 'a coordinate that is not there' 1 sh -c 'ablate-eval -q -l 2 --arms none,file:list --calibrate 2 <p.jsonl >out.hsz'
status 'a full disk' 1 sh -c 'ablate-eval -q -r mc.hsz -l 2 --arms none,value --calibrate 2 <p.jsonl >/dev/full'
ok 'no output of a failed run' test ! -e out2.hsz
done_testing
