#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# hs-extract --rollouts: values of steps against a model whose chances are
# known, nothing of them dependent on where and how they were computed, and what
# is refused.
. "$HS_SRCDIR/tests/lib.sh"

HSTOOLS_MODEL=$HS_SRCDIR/examples/reasoner
export HSTOOLS_MODEL
mkmodel=$HS_BUILDDIR/tests/mkmodel
for task in chain expr choice; do
    head -n 2 "$HSTOOLS_MODEL/problems/$task-test.jsonl"
done >problems.jsonl
digest() {
    hs-view --digest "$1" | cut -c1-32
}
trajectories() {
    hs-view --type=trajectory "$1"
}

# ---- what is refused: options|status|message
refused() {
    while IFS='|' read -r options wanted said; do
        # shellcheck disable=SC2086
        eval "hs-extract -o no.hsz $options" <"$1" >out 2>err
        is "refuses $options ($1)" "$?:$(cat err)" "$wanted:hs-extract: $said"
        is 'with no file' "$(cat out; ls no.hsz* 2>/dev/null)" ''
    done
}
hs-extract --max-tokens 40 -l 1,3 -o acts.hsz <problems.jsonl
hs-extract --max-tokens 40 --greedy -l none -o greedy.hsz <problems.jsonl
hs-extract --max-tokens 40 -g none -l none -o ungraded.hsz <problems.jsonl
hs-extract --max-tokens 9 --rollouts 1 --branch line -l none -o rolled.hsz <problems.jsonl
refused problems.jsonl <<'END2'
--rollouts=0 --branch=line|2|--rollouts: 0 is not within 1 to 1000000
--rollouts=x --branch=line|2|--rollouts: 'x' is not a whole number
--rollouts=2|2|--rollouts needs --branch, such as line
--branch=line|2|--branch is for --rollouts
--no-sharing|2|--no-sharing is for --rollouts
--min-tokens=3|2|--min-tokens is for --rollouts or --positions=step-ends
--rollouts=2 --branch=word|2|--branch: 'word' is not paragraph, line, sentence or every:N
--rollouts=2 --branch=every:0|2|--branch: 'every:0' is not paragraph, line, sentence or every:N
--rollouts=2 --branch=line --greedy|2|--rollouts draws what it counts: no --greedy
--rollouts=2 --branch=line -g none|2|--rollouts counts right answers: a --grader other than none
--rollouts=2 --branch=line --batch=1|2|--batch=1 has no place for what continuations share: 2 or more, or --no-sharing
--rollouts=2 --branch=line --replay --samples=2|2|--samples is for generating, not for --replay
END2
refused acts.hsz <<'END2'
-l 1|2|--layers is for problems, and standard input is a stream
--samples=2 --rollouts=2 --branch=line|2|--samples is for problems, and standard input is a stream
--template=none --rollouts=2 --branch=line|2|--template is for problems, and standard input is a stream
--map=question=q --rollouts=2 --branch=line|2|--map is for problems, and standard input is a stream
--edit=zero --edit-layer=1 --edit-coords=1 --rollouts=2 --branch=line|2|--edit is for problems, and standard input is a stream
--max-tokens=40|2|standard input is a stream, which only --rollouts goes on with
--rollouts=2 --branch=line -g exact|1|chain-test-0000: was graded by gsm8k-strict, not by exact; hs-grade grades again
--rollouts=2 --branch=line --max-tokens=5|1|chain-test-0000: the completion has 40 tokens, more than the 5 of --max-tokens
END2
refused greedy.hsz <<'END2'
--rollouts=2 --branch=line|1|<stdin>: was written greedily, which draws nothing: --temperature says how to go on
END2
refused ungraded.hsz <<'END2'
--rollouts=2 --branch=line|1|<stdin>: was not graded; hs-grade does that
END2
refused rolled.hsz <<'END2'
--rollouts=2 --branch=line|1|chain-test-0000: has rollouts already
END2
"$mkmodel" random family=llama dim=32 heads=2 layers=2 vocab=320 seed=3 || exit 99
hs-extract -o no.hsz -m random --rollouts=2 --branch=line <acts.hsz 2>err
is 'refuses another model' "$?:$(sed "s/'[0-9a-f]*'/F/g" err)" \
    '1:hs-extract: <stdin>: is of another model: fingerprint F, that of random is F'
cat acts.hsz acts.hsz | hs-extract -o no.hsz --rollouts=1 --branch=line 2>err
is 'refuses an id twice' "$?:$(cat err)" \
    "1:hs-extract: <stdin>: a second trajectory 'chain-test-0000'"
rm -f no.hsz.part
head -c 20000 acts.hsz | hs-extract --rollouts=1 --branch=line 2>err | hs-view --check >out 2>&1
is 'a cut stream is an error' "$(grep -c 'the input ends' err):$(grep -c 'the input ends' out)" 1:1

# ---- chances that are known
find_python json || python=
if [ -n "$python" ]; then
    # chances NAME FACES NEED EOS MAX K RULE ITEMS
    chances() {
        seq 1 "$8" | jq -c '{id: tostring, prompt: "go", answer: "a"}' |
            hs-extract -q -m "$1" -g "regex:^(?:[^a]*(a)){$3}" --max-tokens "$5" \
                -l none --rollouts "$6" --branch "$7" >chance.hsz
        hs-view --values --type=trajectory chance.hsz |
            "$python" "$HS_SRCDIR/tests/rollouts.py" "$2" 97 "$4" "$3" "$5" "$6" >report
        is "chances of $1, K $6, by $7" $? 0
        say <report
    }
    "$mkmodel" coin tied=0 layers=1 dim=16 heads=1 ffn=16 vocab=264 dice=97-99,10
    "$mkmodel" die family=llama tied=0 layers=1 dim=16 heads=1 ffn=16 vocab=264 \
        dice=97-102,10,256
    chances coin 4 6 -1 24 16 line 300
    chances die 8 2 256 40 15 every:2 300
else
    skip 'chances that are known' 'no python3'
fi

# ---- placement changes nothing
# placed NAME MODEL RULE OPTION...: of problems.jsonl
placed() {
    name=$1
    model=$2
    rule=$3
    shift 3
    hs-extract -q --no-history -m "$model" "$@" -o plain.hsz <problems.jsonl
    is "$name: a run without rollouts" $? 0
    roll="hs-extract -q --no-history -j 1 -m $model --rollouts 3 --branch $rule"
    $roll "$@" -o one.hsz <problems.jsonl
    is "$name: a run with rollouts" $? 0
    wanted=$(digest one.hsz)
    ok "$name: some are in between" test "$(trajectories one.hsz |
        jq -s '[.[].rollouts.value[:-1][] | select(. > 0 and . < 1)] | length')" -gt 3
    $roll "$@" --no-sharing --batch 1 -o two.hsz <problems.jsonl
    ok "$name: --no-sharing" cmp one.hsz two.hsz
    for batch in 2 7 64; do
        $roll "$@" --batch $batch -j $((1 + batch % 2)) -o two.hsz <problems.jsonl
        ok "$name: --batch $batch" cmp one.hsz two.hsz
    done
    $roll -o two.hsz <plain.hsz
    ok "$name: from a stream" cmp one.hsz two.hsz
    # shellcheck disable=SC2002 # a pipe is the point
    cat plain.hsz | $roll --batch 3 -o two.hsz
    ok "$name: from a pipe" cmp one.hsz two.hsz
    for i in 1 2 3; do
        $roll --shard $i/3 -o shard-$i.hsz <plain.hsz
        $roll "$@" --shard $i/3 -o piece-$i.hsz <problems.jsonl
    done
    hs-cat shard-[1-3].hsz >two.hsz
    is "$name: shards of a stream" "$(digest two.hsz)" "$wanted"
    cat piece-[1-3].hsz >two.hsz
    is "$name: shards of problems" "$(digest two.hsz)" "$wanted"
    $roll --skip shard-2.hsz <plain.hsz >two.hsz
    cat two.hsz shard-2.hsz >three.hsz
    is "$name: --skip" "$(digest three.hsz)" "$wanted"
    # Without rollouts it is what it was.
    hs-export --npy=arrays one.hsz && hs-import arrays >two.hsz
    is "$name: exported and imported" "$(digest two.hsz)" "$wanted"
    jq -c 'del(.rollouts)' arrays/index.jsonl >index && mv index arrays/index.jsonl
    hs-import arrays >two.hsz
    is "$name: rollouts taken out" "$(digest two.hsz)" "$(digest plain.hsz)"
    rm -rf arrays
}
placed reasoner "$HSTOOLS_MODEL" line --max-tokens 48 -l 0,2-3
placed edited "$HSTOOLS_MODEL" sentence --max-tokens 60 --temperature 1.1 --top-k 20 \
    --seed 7 -l 4 --samples 2 --edit scale=0.5 --edit-layer 2 --edit-coords 0-3
jq -c '.answer = "\ufffd"' problems.jsonl >ends && mv ends problems.jsonl
placed random random every:6 --max-tokens 24 --top-p 0.9 -g 'regex:(\x{fffd})$' --dtype bf16 \
    --positions every:2 --ignore-eos

# ---- killed and gone on with
roll='hs-extract -q --no-history --rollouts 4 --branch line'
for task in chain expr choice; do
    head -n 8 "$HSTOOLS_MODEL/problems/$task-test.jsonl"
done >problems.jsonl
$roll --max-tokens 48 -l 1 -o one.hsz <problems.jsonl
hs-extract -q --no-history --max-tokens 48 -l 1 -o plain.hsz <problems.jsonl
size=$(wc -c <one.hsz)
# killed NAME INPUT OPTION...
killed() {
    name=$1
    from=$2
    shift 2
    rm -f k.hsz*
    resume=
    for part in 1 2 3; do
        # shellcheck disable=SC2086
        $roll "$@" --batch $((2 * part)) $resume -o k.hsz <"$from" &
        pid=$!
        while kill -0 $pid 2>/dev/null &&
            [ "$(wc -c 2>/dev/null <k.hsz.part || echo 0)" -le $((size * part / 6)) ]; do
            sleep 0.02
        done
        kill -9 $pid 2>/dev/null
        wait $pid 2>/dev/null
        is "$name: killed" "$(echo k.hsz*)" k.hsz.part
        resume=--resume
    done
    hs-extract --no-history -v --rollouts 4 --branch line "$@" --resume -o k.hsz \
        <"$from" 2>said
    is "$name: gone on with" $? 0
    kept=$(sed -n 's/.* items, \([0-9]*\) of them there already.*/\1/p' said)
    ok "$name: some were there ($kept)" test "${kept:-0}" -gt 3
    ok "$name: the same bytes" cmp one.hsz k.hsz
}
killed problems problems.jsonl --max-tokens 48 -l 1
killed stream plain.hsz
$roll --batch 2 --no-sharing -o k.hsz --resume <plain.hsz
ok 'a finished one stays' cmp one.hsz k.hsz
hs-extract -q --no-history --rollouts 6 --branch line --resume -o k.hsz <plain.hsz 2>err
is 'another K does not resume' "$?:$(cat err)" \
    '1:hs-extract: k.hsz.part: this is another run: rollouts.k is 6, was 4'

# ---- heads, greedy trajectories, replays
is 'the head says how' "$(hs-view one.hsz | head -n 1 |
    jq -c '.run.rollouts | [.k, .branch, .min_tokens, .sampler.seed, .max_tokens, .grader]')" \
    '[4,"line",0,1,48,"gsm8k-strict"]'
hs-extract --rollouts 2 --branch line --temperature 0.7 <greedy.hsz >g.hsz
is 'greedy answers gone on with' "$?:$(hs-view g.hsz | head -n 1 |
    jq -c '[.run.sampler.greedy, .run.rollouts.sampler.temperature]')" '0:[true,0.7]'
hs-view acts.hsz | jq -c 'select(.type == "trajectory") |
    {id, prompt, answer: .gold, completion}' >said.jsonl
hs-extract --replay --rollouts 2 --branch line --max-tokens 60 <said.jsonl >g.hsz
is 'replays gone on with' "$?:$(trajectories g.hsz | jq -s '[.[].rollouts.k[0]] | unique == [2]')" \
    0:true

hs-extract --rollouts 1 --branch line <plain.hsz >g.hsz
hs-extract --rollouts 2 --branch line <plain.hsz >h.hsz
is 'more continuations begin with the same ones' \
    "$(trajectories g.hsz | jq -c .rollouts.successes)" \
    "$(trajectories h.hsz | jq -c .rollouts.half_successes)"
hs-extract --rollouts 2 --branch line -s 2 <plain.hsz >g.hsz
ok 'another seed, other ones' test "$(trajectories g.hsz | jq -c .rollouts.tokens)" != \
    "$(trajectories h.hsz | jq -c .rollouts.tokens)"

# ---- steps
hs-extract --max-tokens 60 --positions step-ends --step sentence --min-tokens 4 -l 1 \
    --rollouts 1 --branch sentence --min-tokens 4 <problems.jsonl >steps.hsz
is 'boundaries are where step-ends keeps states' "$(hs-view --values --type=trajectory steps.hsz |
    jq -s '[.[] | .n_prompt as $n | .rollouts.at - (.positions.values | map(. - $n + 1))
        | length] | max')" 0
is 'min_tokens is in the head' "$(hs-view steps.hsz | head -n 1 |
    jq -c '[.run.step, .run.min_tokens, .run.rollouts.min_tokens]')" '["sentence",4,4]'
hs-extract --max-tokens 60 --rollouts 1 --branch every:7 --min-tokens 10 -l none \
    <problems.jsonl >steps.hsz
is 'every:7 of at least 10' "$(trajectories steps.hsz | jq -s '[.[].rollouts.at |
    . as $a | range(1; length - 1) | $a[.] - $a[. - 1]] | unique | map(select(. != 10))')" '[]'

# ---- plans
hs-extract --estimate --rollouts 4 --branch line <plain.hsz >plan
trajectories one.hsz | jq -s '[.[] | . as $t | .rollouts.at[:-1][]
    | $t.n_prompt + .] | [length, length * 4, add * 4]' | jq -r '.[]' >wanted
is 'an estimate of a stream' "$(sed -n 's/^boundaries	//p;s/^continuations	//p
    s/^given_tokens	//p' plan)" "$(cat wanted)"
is 'a dry run of a stream' "$(hs-extract --dry-run --rollouts 4 --branch line <plain.hsz |
    jq -c .at)" "$(trajectories one.hsz | jq -c .rollouts.at)"
hs-extract --estimate --rollouts 4 --branch every:8 --max-tokens 48 <problems.jsonl >plan
is 'an estimate of problems' "$(grep -c '^continuations_at_most	576$' plan)" 1

# ---- records of other types pass, each behind its trajectory
head -n 40 "$HSTOOLS_MODEL/problems/chain-test.jsonl" | hs-extract --max-tokens 60 -l 2 >acts.hsz
probe-fit -l 2 --epochs 1 <acts.hsz 2>/dev/null >one.probes
probe-fit --apply=one.probes <acts.hsz >values.hsz
for i in 1 2; do
    hs-extract --rollouts 1 --branch every:30 --shard $i/2 <values.hsz >shard-$i.hsz
done
hs-extract --rollouts 1 --branch every:30 <values.hsz >all.hsz
others() {
    hs-view --type=trajectory,values "$1" | jq -c '[.type, .id]'
}
ok 'there are values' test "$(hs-view --type=values all.hsz | wc -l)" = 80
is 'values pass, where they were' "$(others all.hsz)" "$(others values.hsz)"
hs-cat shard-1.hsz shard-2.hsz >two.hsz
is 'in shards too' "$(digest two.hsz)" "$(digest all.hsz)"

# ---- records in front of the first trajectory
if find_python numpy msgpack zstandard; then
    head -n 40 "$HSTOOLS_MODEL/problems/expr-test.jsonl" |
        hs-extract -q --max-tokens 40 -l 1-3 >many.hsz
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$HS_SRCDIR/tests "$python" -c '
import oracle
o = oracle.read("many.hsz")
oracle.write("noted.hsz", o[0], [{"type": "note"}] + o[1:-1],
             *(o[-1][k] for k in ("trajectories", "states", "f32_blocks")))'
    hs-extract -q --no-history --rollouts 1 --branch every:20 -o all.hsz <noted.hsz
    is 'a note in front of all' "$?:$(hs-view all.hsz | sed -n 2p | jq -r .type)" 0:note
    head -c $(($(wc -c <all.hsz) * 2 / 3)) all.hsz >more.hsz.part
    hs-extract --no-history -v --rollouts 1 --branch every:20 --resume -o more.hsz \
        <noted.hsz 2>said
    is 'a note: gone on with' $? 0
    ok 'a note: some were there' grep -q ' [1-9][0-9]* of them there already' said
    ok 'a note: the same bytes' cmp all.hsz more.hsz
else
    skip 'records in front of the first trajectory' 'no python3 with numpy, msgpack and zstandard'
fi

# ---- other programs
hs-grade -g gsm8k-flexible one.hsz >g.hsz 2>err
is 'hs-grade leaves rollouts out' "$?:$(trajectories g.hsz | jq -s 'any(.[]; has("rollouts"))')" \
    0:false
is 'and says so' "$(cat err)" "hs-grade: warning: the rollouts of 24 trajectories were \
judged in another way and are left out"
hs-extract --rollouts 2 --branch line <g.hsz >h.hsz
is 'graded again, rolled out again' "$?:$(trajectories h.hsz | jq -s 'all(.[]; has("rollouts"))')" \
    0:true
ok 'hs-view --stats' hs-view --stats one.hsz
done_testing
