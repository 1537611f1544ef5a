#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# hs-search: its candidates, scores, choices and rollouts are made again by
# hs-extract, probe-fit and tests/search.py; its answers are the same however the
# work is cut; scorers win and lose where they must; and what it refuses.
# shellcheck disable=SC2016,SC2154 # what is in single quotes is jq's; find_python sets $python
. "$HS_SRCDIR/tests/lib.sh"

HSTOOLS_MODEL=$HS_SRCDIR/examples/reasoner
export HSTOOLS_MODEL
problems=$HSTOOLS_MODEL/problems
script=$HS_SRCDIR/tests/search.py

head -n 6 "$problems/chain-test.jsonl" >p.jsonl
head -n 60 "$problems/chain-train-1.jsonl" |
    hs-extract -q -l 2,3 --max-tokens 120 -o acts.hsz
fit() {
    probe-fit -q --epochs 2 --hidden 16 --baselines none --permutations 20 \
        --bootstrap 20 "$@" <acts.hsz
}
fit -l 3 --target mc --seeds 2 >value.hsz
fit -l 2,3 --target mc,td >several.hsz
for znorm in causal train response; do
    "$HS_BUILDDIR/tests/mkrpe" "$HSTOOLS_MODEL" 2 $znorm 3 >$znorm.hsz
done
ok 'probes' test -s value.hsz -a -s several.hsz -a -s causal.hsz

hot() {
    hs-search -q --progress never --no-history --temperature 1.9 \
        --max-tokens 100 "$@"
}
all=greedy,random,logprob,value:value.hsz,dopamine:causal.hsz,oracle
steps() {
    hot --step line --candidates 3 --seeds 2 --log-candidates "$@"
}
answers() {
    hs-view --values --type=trajectory "$1"
}
digest() {
    hs-view --digest "$1" | awk '{ print $1 }'
}

# ---- what is written
steps --rollouts 4 --scorers $all -o s.hsz --report=json <p.jsonl >s.json
is 'all scorers search' $? 0
ok 'the stream is whole' hs-view --check s.hsz
is 'its kind' "$(hs-view --type=head s.hsz | jq -r .kind)" search
answers s.hsz >s.jsonl
is 'an answer for each problem, scorer and seed' \
    "$(jq -r '[.arm, .part] | join(" ")' s.jsonl | sort | uniq -c | tr -s ' \n' ' ')" \
    ' 6 dopamine seed-1 6 dopamine seed-2 6 greedy any-seed 6 logprob seed-1 6 logprob seed-2 6 oracle seed-1 6 oracle seed-2 6 random seed-1 6 random seed-2 6 value seed-1 6 value seed-2 '
is 'ids' "$(jq -r .id s.jsonl | sort | uniq -d)$(jq -r 'select(.arm == "value") | .id' s.jsonl | head -n 1)" \
    'value/1/chain-test-0000'
is 'seeds of the head' \
    "$(hs-view --type=head s.hsz | jq -c '.run.search | [.seeds, .candidates, .step, .whole]')" \
    '[[1,2],3,"line",false]'
for how in table tsv json; do
    ok "a report as $how" hs-search --report=$how s.hsz
done
ok 'a report of standard input' sh -c 'hs-search --report <s.hsz'

# ---- done again by others
again='candidates are samples of hs-extract, cut where a step ends'
if find_python; then
    ok 'choices, prefixes, tokens' "$python" "$script" check-path s.jsonl
    for seed in 1 2; do
        "$python" "$script" draws s.jsonl $seed |
            hs-extract -q -l none --samples 3 --seed $seed --temperature 1.9 \
                --max-tokens 100 -o draws.hsz
        answers draws.hsz >drawn.jsonl
        ok "$again, seed $seed" "$python" "$script" check-draws s.jsonl $seed \
            drawn.jsonl "$HSTOOLS_MODEL" line 100
        "$python" "$script" rolls s.jsonl $seed |
            hs-extract -q -l none --samples 4 --seed $seed --temperature 1.9 \
                --max-tokens 100 -o rolls.hsz
        answers rolls.hsz >rolled.jsonl
        ok "the oracle's rollouts, seed $seed" "$python" "$script" check-rolls \
            s.jsonl $seed rolled.jsonl "$HSTOOLS_MODEL" 4
    done
    steps --step every:5 --scorers random,value:value.hsz -o every.hsz <p.jsonl
    answers every.hsz >every.jsonl
    "$python" "$script" draws every.jsonl 1 |
        hs-extract -q -l none --samples 3 --temperature 1.9 --max-tokens 100 -o draws.hsz
    answers draws.hsz >drawn.jsonl
    ok 'steps of 5 tokens' "$python" "$script" check-draws every.jsonl 1 \
        drawn.jsonl "$HSTOOLS_MODEL" every:5 100
    ok 'the report' "$python" "$script" report s.jsonl s.json
else
    skip "$again" 'no python3'
fi
hot --whole --candidates 3 --seeds 2 --scorers $all --step line --log-candidates \
    -o w.hsz --report=json <p.jsonl >w.json
answers w.hsz >w.jsonl
# scores FILE RPE MODEL...: against replays
scores() {
    scores_file=$1
    hs-view --values "$2" >rpe.jsonl
    shift 2
    "$python" "$script" replays "$scores_file" |
        hs-extract -q --replay -l 2,3 --dtype f32 -o replayed.hsz
    probe-fit --apply=value.hsz <replayed.hsz | hs-view --values >replayed.jsonl
    ok "scores of $scores_file" "$python" "$script" check-scores "$scores_file" \
        replayed.jsonl rpe.jsonl "$@"
}
if find_python numpy; then
    scores s.jsonl causal.hsz
    scores w.jsonl causal.hsz "$HSTOOLS_MODEL"
    steps --scorers logprob,value:value.hsz,dopamine:train.hsz -o t.hsz <p.jsonl
    answers t.hsz >t.jsonl
    scores t.jsonl train.hsz
    ok 'choices and tokens of whole answers' "$python" "$script" check-path w.jsonl
    ok 'the report of whole answers' "$python" "$script" report w.jsonl w.json
else
    skip 'scores' 'no numpy'
fi
said='[.problem, .tokens, .logprob, .entropy, .finish, .reward]'
for seed in 1 2; do
    hs-extract -q -l none --samples 3 --seed $seed --temperature 1.9 --max-tokens 100 \
        <p.jsonl >whole.hsz
    is "whole answers are those of hs-extract, seed $seed" \
        "$(jq -c "select(.id | startswith(\"random/$seed/\")) | .meta.search.log[0].candidates[]" w.jsonl)" \
        "$(answers whole.hsz | jq -c '.tokens.values[.n_prompt:]')"
done
hs-extract -q -l none --greedy --max-tokens 100 <p.jsonl >greedy.hsz
answers greedy.hsz | jq -c "$said" >alone
jq -c "select(.arm == \"greedy\") | $said" s.jsonl >together
ok 'greedy is hs-extract --greedy, bit for bit' cmp alone together

# ---- the same, however it is made
steps --rollouts 4 --scorers $all -o a.hsz -j 1 --batch 1 <p.jsonl
ok 'batch and threads change no byte' cmp s.hsz a.hsz
for i in 1 2 3; do
    steps --rollouts 4 --scorers $all -o shard$i.hsz --shard $i/3 --batch 5 <p.jsonl
done
hs-cat shard1.hsz shard2.hsz shard3.hsz >shards.hsz
is 'shards are the whole' "$(digest shards.hsz)" "$(digest s.hsz)"
steps --rollouts 4 --scorers random,value:value.hsz,oracle -o some.hsz <p.jsonl
steps --scorers greedy,logprob,random,dopamine:causal.hsz -o others.hsz <p.jsonl
hs-cat others.hsz some.hsz >joined.hsz
is 'runs of other scorers are joined' "$(digest joined.hsz)" "$(digest s.hsz)"
figures() {
    hs-search --report=json "$@" | jq -S -c 'del(.run)'
}
is 'and reported as one' "$(figures joined.hsz)" "$(figures s.hsz)"
is 'also in another order' "$(figures some.hsz others.hsz)" "$(figures s.hsz)"
for seed in 1 2; do
    hot --step line --candidates 3 --seed $seed --log-candidates \
        --rollouts 4 --scorers $all -o seed$seed.hsz <p.jsonl
done
is 'seeds too' "$(figures seed2.hsz seed1.hsz)" "$(figures s.hsz)"
set -- -q --progress never --no-history --temperature 1.9 --max-tokens 100 \
    --step line --candidates 3 --seeds 2 --log-candidates --rollouts 4 --scorers $all
for i in 1 2; do
    cat p.jsonl
done | jq -c '.id += "/\(input_line_number)"' >long.jsonl
hs-search "$@" -o long.hsz <long.jsonl
hs-search "$@" -o k.hsz --batch 2 -j 1 <long.jsonl &
pid=$!
i=0
while [ "$( (wc -c <k.hsz.part) 2>/dev/null || echo 0)" -lt 4000 ] && [ $i -lt 200 ]; do
    i=$((i + 1))
    sleep 0.05
done
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null
ok 'killed on the way' test -s k.hsz.part -a ! -e k.hsz
hs-search "$@" -o k.hsz --resume <long.jsonl
is 'and gone on with' "$(digest k.hsz)" "$(digest long.hsz)"
head -n 3 p.jsonl >few.jsonl
steps --rollouts 4 --scorers $all -o r.hsz <few.jsonl
steps --rollouts 4 --scorers $all -o r.hsz --resume <p.jsonl
is 'a file that is gone on with' "$(digest r.hsz)" "$(digest s.hsz)"
hot --whole --candidates 3 --seeds 2 --scorers $all --step line --log-candidates \
    -o wr.hsz <few.jsonl
hot --whole --candidates 3 --seeds 2 --scorers $all --step line --log-candidates \
    -o wr.hsz --resume --batch 3 <p.jsonl
is 'whole answers too' "$(digest wr.hsz)" "$(digest w.hsz)"

# ---- scorers that must agree, win and lose
hot --step line --candidates 1 --scorers random,logprob,value:value.hsz,dopamine:causal.hsz,oracle \
    -o one.hsz <p.jsonl
is 'of one candidate there is no choice' \
    "$(answers one.hsz | jq -s -c 'group_by(.problem) | map(map([.tokens, .logprob]) | unique | length) | unique')" '[1]'
ok 'a choice of random is made' sh -c 'jq -s -e "map(select(.arm == \"random\") | .meta.search.chosen[]) | unique == [0, 1, 2]" s.jsonl'
# right WHICH: with the answer that value chose as the right one, or another
right() {
    jq -s -c --slurpfile p p.jsonl --arg which "$1" '
        map(select(.id | startswith("value/1/"))) |
        map({key: .problem, value: .completion}) | from_entries as $chosen |
        [$p[] | . + {answer: $chosen[.id]}][]' w.jsonl
}
right win >win.jsonl
answers whole.hsz >whole.jsonl
hs-extract -q -l none --samples 3 --seed 1 --temperature 1.9 --max-tokens 100 <p.jsonl |
    hs-view --values --type=trajectory >whole.jsonl
jq -s -c --slurpfile win win.jsonl --slurpfile p p.jsonl '
    ($win | map({key: .id, value: .answer}) | from_entries) as $chosen |
    map(select(.completion != $chosen[.problem])) | group_by(.problem) |
    map({key: .[0].problem, value: .[0].completion}) | from_entries as $other |
    [$p[] | select($other[.id]) | . + {answer: $other[.id]}][]' whole.jsonl >lose.jsonl
for which in win lose; do
    hot --whole --candidates 3 --scorers value:value.hsz,oracle,random --grader exact \
        <$which.jsonl -o $which.hsz
    is "value must $which, the oracle win" \
        "$(hs-search --report=json $which.hsz | jq -c '[.scorers[] | select(.kind != "random") | .accuracy.value | floor]')" \
        "$(if [ $which = win ]; then echo '[1,1]'; else echo '[0,1]'; fi)"
done
chance='chances that are known'
if find_python; then
    "$HS_BUILDDIR/tests/mkmodel" tiny eos=256,258 >/dev/null
    "$python" "$script" tokens 110 320 |
        hs-extract -q -m tiny -l none --replay --template none --grader none -o tokens.hsz
    answers tokens.hsz >scored.jsonl
    "$python" "$script" chances tiny scored.jsonl 4 >chance.jsonl
    for mode in '--step every:1' --whole; do
        # shellcheck disable=SC2086 # several words
        hs-search -q -m tiny --template none --grader exact --max-tokens 1 --top-k 4 \
            --candidates 3 --seeds 6 --scorers random,oracle $mode <chance.jsonl |
            hs-view --values --type=trajectory >chance.out
        ok "$chance: $mode" "$python" "$script" check-chances chance.jsonl chance.out 3
    done
else
    skip "$chance" 'no python3'
fi

# ---- odd cases
hs-search -q --max-tokens 0 --scorers $all <p.jsonl >none.hsz
is 'no tokens at all' "$(answers none.hsz | jq -s -c 'map([.finish, .completion]) | unique')" \
    '[["length",""]]'
hs-search -q --max-tokens 3 --step every:3 --scorers $all <few.jsonl >short.hsz
is 'a limit where a step ends' "$(answers short.hsz | jq -s -c 'map([.finish, .meta.search.answer_tokens, .meta.search.steps]) | unique')" \
    '[["length",3,1]]'
ok 'no problems' sh -c 'hs-search -q </dev/null | hs-view --check -'
hs-search -q --ignore-eos --max-tokens 20 --step every:7 --scorers $all <few.jsonl >long.hsz
is 'no end of text' "$(answers long.hsz | jq -s -c 'map([.finish, .meta.search.at[-1]]) | unique')" '[["length",20]]'
hs-search -q --max-tokens 3 --scorers random --seed 9000000000 <few.jsonl >large.hsz
is 'a large seed' "$(answers large.hsz | jq -s -c 'map([.part, .meta.search.seed]) | unique')" \
    '[["seed-9000000000",9000000000]]'
echo '{"id": "x", "tokens": [466], "answer": "1"}' >bare.jsonl
hs-search -q --max-tokens 5 --scorers $all --step every:2 <bare.jsonl >bare.hsz
is 'a prompt of one token' "$(answers bare.hsz | jq -s -c 'map(.n_prompt) | unique')" '[1]'

# ---- what is refused
# refuses NAME WANTED STATUS OPTION...
refuses() {
    refuses_name=$1
    refuses_wanted=$2
    refuses_status=$3
    shift 3
    hs-search -q "$@" <p.jsonl >out 2>err
    is "$refuses_name" "$? $(grep -c -e "$refuses_wanted" err)" "$refuses_status 1"
}
refuses 'z-scores that look ahead' 'look ahead' 1 --scorers dopamine:response.hsz
refuses 'several probes' 'several probes (layer 2 mc, layer 2 td, layer 3 mc, layer 3 td)' 1 \
    --scorers value:several.hsz
refuses 'several targets' 'several probes' 1 --scorers value:several.hsz --layer 2
fit -l 3 --target mc,ntp >beside.hsz
hs-search -q --scorers value:beside.hsz <few.jsonl >out
is 'ntp is no value, unless it is asked for' "$? $(hs-view --type=head out | jq -c '.run.search.scorers[0] | [.layer, .target, .probes]')" \
    '0 [3,"mc",1]'
hs-search -q --scorers value:several.hsz --layer 2 --target td <few.jsonl >out
is 'one of several' "$? $(hs-view --type=head out | jq -c '.run.search.scorers[0] | [.layer, .target, .probes]')" \
    '0 [2,"td",1]'
refuses 'a layer without a probe' 'no such probe' 1 --scorers value:value.hsz --layer 1
refuses 'a dopamine probe of no such layer' 'no such dopamine probe' 1 \
    --scorers dopamine:causal.hsz --layer 3
refuses 'another kind of stream' 'value.hsz' 1 --scorers dopamine:value.hsz
refuses 'a probe of another model' 'another model' 1 -m "${TINY:-tiny}" --template none \
    --grader none --step every:2 --scorers value:value.hsz
refuses 'two of a name' 'two scorers are called' 2 --scorers random,random
refuses 'an unknown scorer' 'is not greedy' 2 --scorers best
refuses 'a scorer without its file' 'needs a file' 2 --scorers value
refuses 'a file for nothing' 'takes no file' 2 --scorers random:x
refuses 'a name with a slash' 'is no name' 2 --scorers a/b=random
refuses '--target without value' 'value:PROBE' 2 --target mc
refuses '--target of rankings' 'no target of probe-fit' 2 --scorers value:value.hsz --target rpe
refuses '--layer for nothing' 'dopamine:RPE' 2 --layer 2
refuses 'rollouts without the oracle' 'search of steps' 2 --rollouts 3
refuses 'rollouts of whole answers' 'search of steps' 2 --whole --scorers oracle --rollouts 3
hs-search -q --scorers mine=value:value.hsz,other=value:several.hsz --layer 3 --target mc <few.jsonl |
    hs-search --report=json | jq -c '.scorers | map(.name)' >out
is 'names' "$(cat out)" '["mine","other"]'
printf '%s\n' '{"id": "a", "question": "x", "search": 1}' >taken.jsonl
hs-search -q <taken.jsonl >out 2>err
is 'a problem with a member "search"' "$? $(grep -c 'has a member' err)" '1 1'
steps --scorers random -o other.hsz <p.jsonl
status 'a report of two settings' 1 hs-search --report other.hsz one.hsz
status 'a report of another kind' 1 hs-search --report acts.hsz
status 'a report with an option of a run' 2 hs-search --report --seeds 2
status 'a scorer that is another one' 1 sh -c 'hs-search -q --temperature 1.9 --max-tokens 100 \
    --step line --candidates 3 --scorers value:several.hsz --layer 3 --target mc <few.jsonl >x.hsz &&
    hs-search --report s.hsz x.hsz'
done_testing
