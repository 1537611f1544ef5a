#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# hs-extract: every option, every value that is refused, and what it writes
# against tests/extract.py, which works the same out by itself.
. "$HS_SRCDIR/tests/lib.sh"

find_python numpy msgpack zstandard || skip_all 'no python3 with numpy, msgpack and zstandard'
HSTOOLS_MODEL=$HS_SRCDIR/examples/reasoner
export HSTOOLS_MODEL
check() {
    "$python" "$HS_SRCDIR/tests/extract.py" "$@"
}
for task in chain expr choice; do
    head -n 3 "$HSTOOLS_MODEL/problems/$task-test.jsonl"
done >problems.jsonl
stats() {
    hs-view --stats --json "$1" | jq -r "$2"
}
# shapes TENSOR: of each trajectory
shapes() {
    hs-view | jq -r "select(.type == \"trajectory\").$1.shape[0]" | tr '\n' ' '
}
fields() {
    hs-view --fields="$1" "$2" | sed 1d | tr '\t\n' ': ' | sed 's/ $//'
}

# ---- what is refused: options|status|message
refused() {
    while IFS='|' read -r options wanted said; do
        # shellcheck disable=SC2086
        eval "hs-extract -o no.hsz $options" <problems.jsonl >out 2>err
        is "refuses $options" "$?:$(cat err)" "$wanted:hs-extract: $said"
        is 'with nothing on standard output, and no file' "$(cat out; ls no.hsz* 2>/dev/null)" ''
    done
}
: >empty
printf '3 1\n3 2\n' >twice
printf '3 x\n' >word
printf '256 1\n' >beyond
refused <<'END2'
-l 5|1|--layers: 5 is not within 0 to 4
-l 3-1|2|--layers: '3-1': 3-1 runs backwards
-l ''|2|--layers: '' is not a list such as 2-5,8 or all
-l some|2|--layers: 'some' is not a list such as 2-5,8 or all
--positions=first|2|--positions: 'first' is not all, last, s0, step-ends, tokens or every:K
--positions=every:0|2|--positions=every: 0 is not within 1 to 1000000
--positions=every:|2|--positions=every: '' is not a whole number
--step=line|2|--step is for --positions=step-ends
--step=word --positions=step-ends|2|--step: 'word' is not paragraph, line, sentence or every:N
--dtype=f64|2|--dtype: 'f64' is not f16, bf16 or f32
--template=alpaca|2|--template: template 'alpaca' is not one of auto, chatml, llama3, none
--template=none --system=x|2|--template: a system text needs a chat template, and the template is none
--map=question|2|--map: 'question' is not NAME=FIELD
--map=query=question|2|--map: 'query' is not one of id, question, prompt, tokens, choices, answer, completion, completion_tokens
--map=question=text|1|<stdin>: line 1: no field 'text', which stands for question
-g strict|2|--grader: grader 'strict' is not one of gsm8k, gsm8k-strict, gsm8k-flexible, boxed, choice, exact, regex:PATTERN, none
--max-tokens=-1|2|--max-tokens: '-1' is not a whole number
--max-tokens=1e3|2|--max-tokens: '1e3' is not a whole number
--temperature=0|2|--temperature: 0 is not within 0.001 to 1000
--temperature=nan|2|--temperature: 'nan' is not a finite number
--temperature=1x|2|--temperature: '1x' is not a finite number
--top-p=0|2|--top-p: 0 is not within 1e-06 to 1
--top-p=1.01|2|--top-p: 1.01 is not within 1e-06 to 1
--top-k=-1|2|--top-k: '-1' is not a whole number
--samples=0|2|--samples: 0 is not within 1 to 1000000
-s -1|2|--seed: '-1' is not a whole number
-s 9223372036854775808|2|--seed: 9223372036854775808 is not within 0 to 9223372036854775807
--greedy --temperature=1|2|--greedy leaves nothing to draw: no --temperature
--greedy --top-p=1|2|--greedy leaves nothing to draw: no --top-p
--top-k=0 --greedy|2|--greedy leaves nothing to draw: no --top-k
--greedy --samples=2|2|--greedy leaves nothing to draw: no --samples
--replay --max-tokens=9|2|--max-tokens is for generating, not for --replay
--replay --greedy|2|--greedy is for generating, not for --replay
--replay --ignore-eos|2|--ignore-eos is for generating, not for --replay
--replay|1|<stdin>: line 1: chain-test-0000: no completion to replay
--edit=zero|2|--edit needs --edit-layer
--edit-coords=1|2|--edit is missing
--edit-layer=1|2|--edit is missing
--edit-where=all|2|--edit is missing
--edit=zero --edit-layer=1|2|--edit: no --edit-coords
--edit=nought --edit-layer=1 --edit-coords=1|2|--edit: 'nought' is not zero, mean=A, mean@FILE, scale=A, scale@FILE, add=B or add@FILE
--edit=mean --edit-layer=1 --edit-coords=1|2|--edit: 'mean' is not zero, mean=A, mean@FILE, scale=A, scale@FILE, add=B or add@FILE
--edit=zero=1 --edit-layer=1 --edit-coords=1|2|--edit: 'zero=1' is not zero, mean=A, mean@FILE, scale=A, scale@FILE, add=B or add@FILE
--edit=scale=inf --edit-layer=1 --edit-coords=1|2|--edit: scale=inf: 'inf' is not a finite number
--edit=zero@empty --edit-layer=1|2|--edit: zero takes no file; give --edit-coords @FILE
--edit=mean@twice --edit-layer=1 --edit-coords=3|2|--edit: mean@twice names its coordinates, --edit-coords is one list too many
--edit=zero --edit-layer=1 --edit-coords=1 --edit-where=some|2|--edit-where: 'some' is not all, generated or not-first
--edit=zero --edit-layer=5 --edit-coords=1|1|--edit-layer: the model has layers 0 to 4
--edit=zero --edit-layer=1 --edit-coords=256|1|--edit: 256 is not within 0 to 255
--edit=zero --edit-layer=1 --edit-coords=@nowhere|1|--edit: nowhere: No such file or directory
--edit=mean@empty --edit-layer=1|1|--edit: empty: no coordinates
--edit=mean@twice --edit-layer=1|1|--edit: twice: line 2: coordinate 3 is listed twice
--edit=mean@word --edit-layer=1|1|--edit: word: line 1: 'x' is not a finite number
--edit=mean@beyond --edit-layer=1|1|--edit: beyond: line 1: coordinate 256 is not within 0 to 255
--edit=zero --edit-layer=1 --edit-coords=@twice|1|--edit: twice: line 1: more than one column
--resume -o -|2|--resume is for a run with -o FILE
--resume --estimate|2|--resume is for a run with -o FILE
--dry-run --estimate|2|--dry-run or --estimate, not both
--skip=nowhere|1|nowhere: No such file or directory
--skip=problems.jsonl|1|problems.jsonl: not a zstd frame
--skip=.|1|.: cannot read: Is a directory
--shard=0/2|2|--shard: 0 is not within 1 to 2
--shard=3/2|2|--shard: 3 is not within 1 to 2
--batch=0|2|--batch: 0 is not within 1 to 65536
-j 0|2|--threads: 0 is not within 1 to 1024
-z 20|2|--level: 20 is not within 1 to 19
--progress=yes|2|--progress: 'yes' is not auto, always, never or json
-m nowhere|1|nowhere/config.json: No such file or directory
-o .|1|.: is not a regular file
-o /dev/null|1|/dev/null: is not a regular file
-o ''|1|an output file needs a name
-o no/no.hsz|1|no/no.hsz.part: No such file or directory
problems.jsonl|2|unexpected argument 'problems.jsonl'; the input is standard input
END2
HSTOOLS_MODEL=/nowhere hs-extract -o no.hsz <problems.jsonl 2>err
is 'no model' $? 1
is 'is named' "$(cat err)" 'hs-extract: /nowhere/config.json: No such file or directory'

# ---- problems that are broken, behind one that is good
broken() {
    while IFS='|' read -r line said; do
        { head -n 1 problems.jsonl; printf '%s\n' "$line"; } |
            hs-extract --max-tokens 2 -o no.hsz 2>err
        is "refuses $(printf %.50s "$line")" "$?:$(cat err)" "1:hs-extract: <stdin>: line 2: $said"
        is 'and has no file' "$(ls no.hsz 2>/dev/null)" ''
        rm -f no.hsz.part
    done
}
broken <<'END2'
{"id": "a"}|none of question, prompt, tokens: there must be exactly one
{"question": "a", "prompt": "b"}|more than one of question, prompt, tokens: there must be exactly one
{"id": "chain-test-0000", "question": "a"}|chain-test-0000: a second item of the id 'chain-test-0000'
{"id": 1.5, "question": "a"}|id: not a string or an integer
{"id": "", "question": "a"}|id: empty or longer than 4096 bytes
{"question": 3}|question: not a string
{"tokens": [1, 472]}|2: token 472 is not in the vocabulary of 472
{"tokens": []}|tokens: not an array of token ids
{"tokens": [-1]}|tokens: entry 0 is not a token id
{"prompt": ""}|2: the prompt has no tokens
[1]|not a JSON object
END2
{ head -n 1 problems.jsonl; echo '{"question": "a"'; } | hs-extract --max-tokens 2 -o no.hsz 2>err
is 'refuses broken JSON' $? 1
ok 'and says where' grep -q '^hs-extract: <stdin>: line 2: ' err
is 'in one line' "$(wc -l <err)" 1
long=$(printf '%0600d' 0)
echo "{\"id\": \"long\", \"question\": \"$long\"}" | hs-extract -o no.hsz 2>err
is 'refuses what is longer than the context' "$?:$(cat err)" \
    '1:hs-extract: <stdin>: line 1: long: the prompt has 608 tokens, the model'"'"'s context is 512'
printf '\n  \n' | hs-extract -o none.hsz
is 'no problems' "$?:$(stats none.hsz .items)" 0:0
hs-extract -o no.hsz <&- 2>err
is 'closed standard input' "$?:$(cat err)" '1:hs-extract: <stdin>: Bad file descriptor'
hs-extract -o no.hsz <. 2>err
is 'a folder as standard input' "$?:$(cat err)" '1:hs-extract: <stdin>: Is a directory'
is 'leave no file' "$(ls no.hsz* 2>/dev/null)" ''

# ---- positions, types, layers
run='hs-extract --max-tokens 70 --dtype f32 --samples 2 --temperature 0.9'
status 'a run is silent' 0 sh -c "$run -o all.hsz <problems.jsonl"
is 'on standard output and error' "$(cat out err)" ''
is 'items and problems' "$(stats all.hsz '"\(.items) \(.problems)"')" '18 9'
is 'ids of samples' "$(fields id,problem,sample all.hsz | cut -d' ' -f1-3)" \
    'chain-test-0000:chain-test-0000:0 chain-test-0000#1:chain-test-0000:1 chain-test-0001:chain-test-0001:0'
ok '--positions=all' check positions "$HSTOOLS_MODEL" all.hsz all.hsz
$run --positions=tokens -o tokens.hsz <problems.jsonl
ok '--positions=tokens' check positions "$HSTOOLS_MODEL" tokens.hsz tokens.hsz
ok 'has those of --positions=all' check positions "$HSTOOLS_MODEL" tokens.hsz all.hsz
$run --positions=tokens --batch 3 -j 1 -o some.hsz <problems.jsonl
is 'whatever the batch and the threads' "$(hs-view --digest <some.hsz)" "$(hs-view --digest <tokens.hsz)"
hs-cat --head 5 tokens.hsz >some.hsz
check prompts some.hsz | hs-extract --dtype f32 --positions=s0 --max-tokens 0 -g none -o s0.hsz
ok 'a state of the prompt is s_0 of the prompt that ends there' check prefixes some.hsz s0.hsz
for positions in last s0 step-ends every:1 every:7 every:1000 'step-ends --step=line'; do
    # shellcheck disable=SC2086
    $run --positions=$positions -o some.hsz <problems.jsonl
    ok "--positions=$positions" check positions "$HSTOOLS_MODEL" all.hsz some.hsz
done
for dtype in f16 bf16; do
    $run --dtype $dtype -o some.hsz <problems.jsonl
    ok "--dtype=$dtype is f32, rounded" check rounded all.hsz some.hsz
done
$run -l 1,3-4 -o some.hsz <problems.jsonl
hs-cat -l 1,3-4 all.hsz >want.hsz
is '--layers' "$(hs-view --digest <some.hsz)" "$(hs-view --digest <want.hsz)"
$run -l none -o some.hsz <problems.jsonl
is '-l none has no states' "$(stats some.hsz '"\(.states) \(.items)"')" '0 18'
is 'and the same completions' "$(fields id,completion some.hsz)" "$(fields id,completion all.hsz)"

# ---- steps of texts that the reasoner does not write
cat >steps.jsonl <<'END2'
{"id": "a", "question": "1", "completion": ["one\ntwo\n\nthree\n \n\t\nfour", "a\n\n```\nx\n\ny\n```\n\nb\n\n", "", "\n\na", "` ``\n\nb\n\nc", "a\r\n\r\nb \n \n"]}
END2
hs-extract --replay -o all-steps.hsz <steps.jsonl
for step in paragraph line; do
    hs-extract --replay --positions=step-ends --step=$step -o some.hsz <steps.jsonl
    ok "--step=$step" check positions "$HSTOOLS_MODEL" all-steps.hsz some.hsz
done
is 'paragraphs were found' "$(hs-extract --replay --positions=step-ends <steps.jsonl | shapes positions)" '4 4 1 2 4 3 '

# ---- sampling
greedy=$(hs-extract --greedy --max-tokens 60 -l none <problems.jsonl | hs-view --fields=id,completion)
for options in --top-k=1 --top-p=0.000001 --temperature=0.001 '--top-k=1 --temperature=1000 -s 9'; do
    # shellcheck disable=SC2086
    is "$options draws what --greedy takes" \
        "$(hs-extract $options --max-tokens 60 -l none <problems.jsonl | hs-view --fields=id,completion)" "$greedy"
done
sampled() {
    hs-extract -l none --no-history --max-tokens 60 "$@" <problems.jsonl
}
sampled >a.hsz
sampled --temperature=1 --top-p=1 --top-k=0 -s 1 --samples=1 >b.hsz
ok 'the defaults' cmp a.hsz b.hsz
sampled --samples=3 | hs-cat --only 'sample==0' >b.hsz
is 'the first of many is that of one' "$(hs-view --digest <b.hsz)" "$(hs-view --digest <a.hsz)"
sampled -s 2 >b.hsz
ok 'another seed, other answers' test "$(hs-view --digest <b.hsz)" != "$(hs-view --digest <a.hsz)"
is 'another seed is another run' "$(hs-extract -l none --max-tokens 60 -s 3 --resume -o b.hsz <problems.jsonl 2>&1)" \
    'hs-extract: b.hsz.part: this is another run: sampler.seed is 3, was 2'
is 'and leaves no part' "$(ls b.hsz*)" b.hsz

# ---- ends
hs-extract --max-tokens 0 -o a.hsz <problems.jsonl
is '--max-tokens=0 keeps s_0' "$(stats a.hsz '"\(.states) \(.tokens_completion) \(.finish.length)"')" '45 0 9'
hs-extract --max-tokens 9 --ignore-eos --temperature 5 -o a.hsz <problems.jsonl
is '--ignore-eos' "$(stats a.hsz '"\(.states) \(.tokens_completion) \(.finish.length)"')" '450 81 9'
head -n 1 problems.jsonl | hs-extract --max-tokens 100000 --ignore-eos -l 0 -o a.hsz
is 'the context ends a completion' "$(shapes tokens <a.hsz)$(fields finish a.hsz)" '512 length'
is 'all of its tokens have a state' "$(stats a.hsz '.states - .tokens_completion')" 1

# ---- replay
$run -g none -o all.hsz <problems.jsonl
check replay all.hsz tokens >again.jsonl
hs-extract --replay -g none --dtype f32 -o some.hsz <again.jsonl
ok '--replay of tokens: the same bits' check same all.hsz some.hsz -finish -reason
is 'finish is replay' "$(stats some.hsz .finish.replay)" 18
check replay all.hsz text >text.jsonl
hs-extract --replay -g none --dtype f32 -o text.hsz <text.jsonl
ok '--replay of texts: the same bits' check prefix all.hsz text.hsz
$run --positions every:5 -g none -o want.hsz <problems.jsonl
hs-extract --replay --positions every:5 -g none --dtype f32 -o some.hsz <again.jsonl
ok '--replay with --positions' check same want.hsz some.hsz -finish -reason
$run --positions tokens -g none -o want.hsz <problems.jsonl
hs-extract --replay --positions tokens -g none --dtype f32 -o some.hsz <again.jsonl
ok '--replay with --positions=tokens' check same want.hsz some.hsz -finish -reason
echo '{"id": "e", "question": "1", "completion_tokens": [[], [466], [5, 466], [466, 5]]}' |
    hs-extract --replay -g none -l 0 -o some.hsz
is '--replay: a final EOS has no state' "$(shapes tokens <some.hsz)/ $(shapes positions <some.hsz)" '9 10 11 11 / 1 1 2 3 '
is 'nor is it text' "$(hs-view some.hsz | jq -r 'select(.type == "trajectory").completion' | wc -c)" \
    "$(printf '\n\n%s\n<|im_end|>%s\n' '&' '&' | wc -c)"
hs-extract -l none --max-tokens 3 <again.jsonl >out 2>err
is 'completions that are not used are told' "$(cat err)" \
    'hs-extract: warning: chain-test-0000: has a completion that is not used without --replay (9 of these problems)'
hs-extract -q -l none --max-tokens 3 <again.jsonl >out 2>err
is '-q: no warnings' "$(cat err)" ''

# ---- edits
hs-extract --replay -g none --dtype f32 -o plain.hsz <again.jsonl
printf '3 0.5\n# a comment\n\n200 -2\n' >values
printf '1\n5\n255\n' >coords
while read -r layer where edit; do
    # shellcheck disable=SC2086
    hs-extract --replay -g none --dtype f32 $edit --edit-layer=$layer --edit-where=$where -o e.hsz <again.jsonl
    edits=$(check edited plain.hsz e.hsz 2>err)
    is "$edit --edit-layer=$layer --edit-where=$where" "$?:$(tail -n 1 err)" 0:
    is 'and all edits are counted' "$(stats e.hsz .edits)" "${edits:-none}"
done <<'END2'
0 all --edit=zero --edit-coords=0-9,31
3 all --edit=zero --edit-coords=@coords
4 all --edit=mean=0.25 --edit-coords=7
2 all --edit=mean@values
1 all --edit=scale=0 --edit-coords=3
2 all --edit=scale@values
0 all --edit=add=100 --edit-coords=17
3 all --edit=add@values
2 generated --edit=zero --edit-coords=0-9,31
1 generated --edit=mean@values
4 generated --edit=scale=-1.5 --edit-coords=0,4-6
0 not-first --edit=zero --edit-coords=@coords
4 not-first --edit=scale@values
2 not-first --edit=add=100 --edit-coords=17
END2
for edit in scale=1 add=0; do
    hs-extract --replay -g none --dtype f32 --edit=$edit --edit-layer=2 --edit-coords=all -o e.hsz <again.jsonl
    ok "--edit=$edit changes nothing" check same plain.hsz e.hsz -edits
    ok 'and is counted' test "$(stats e.hsz .edits)" -gt 100000
done
hs-extract -l none --edit=mean=0.3 --edit-layer=2 --edit-coords=1-3 -o e.hsz <problems.jsonl
cp e.hsz was.hsz
status 'an edit goes with --resume' 0 sh -c 'hs-extract -l none --edit=mean=0.3 --edit-layer=2 --edit-coords=1-3 --resume -o e.hsz <problems.jsonl'
ok 'which adds nothing to what is finished' cmp was.hsz e.hsz
status 'another edit does not' 1 sh -c 'hs-extract -l none --edit=mean=0.4 --edit-layer=2 --edit-coords=1-3 --resume -o e.hsz <problems.jsonl'
ok 'and is named' grep -q '^hs-extract: e.hsz.part: this is another run: edit.values is ' err
ok 'the file is as it was' cmp was.hsz e.hsz
is 'and no part is left' "$(ls e.hsz*)" e.hsz

# ---- prompts
dry() {
    hs-extract --dry-run "$@" | jq -r .prompt
}
q='{"id": "q", "question": "2+2?"}'
is '--dry-run: the prompt' "$(echo "$q" | dry)" '<|im_start|>user
2+2?<|im_end|>
<|im_start|>assistant'
is '--system and --instruction' "$(echo "$q" | dry --system=S --instruction=I)" '<|im_start|>system
S<|im_end|>
<|im_start|>user
2+2?
I<|im_end|>
<|im_start|>assistant'
is '--template=none' "$(echo "$q" | dry --template=none)" '2+2?'
is '--map' "$(echo '{"n": 7, "query": "2+2?", "question": "no"}' | hs-extract --dry-run --template=none --map=id=n,question=query | jq -c '[.id, .prompt]')" '["7","2+2?"]'
is '--dry-run: tokens' "$(echo '{"tokens": [1, 2]}' | hs-extract --dry-run)" '{"id": "1", "prompt": null, "tokens": [1, 2]}'
hs-extract --dry-run --shard=2/3 <problems.jsonl | jq -r .id >ids
is '--dry-run --shard' "$(tr '\n' ' ' <ids)" 'chain-test-0001 expr-test-0001 choice-test-0001 '
hs-extract -l none --max-tokens=1 --shard=1/3 -o skip.hsz <problems.jsonl
is '--dry-run --skip' "$(hs-extract --dry-run --skip=skip.hsz <problems.jsonl | jq -r .id | sed -n '1p;3p' | tr '\n' ' ')" \
    'chain-test-0001 expr-test-0001 '
if [ -w /dev/full ]; then
    hs-extract --dry-run <problems.jsonl >/dev/full 2>err
    is '--dry-run: a full disk' $? 1
fi
echo '{"id": "b", "tokens": [464, 464, 5]}' | hs-extract -l none --max-tokens=1 -o a.hsz 2>err
is 'two BOS tokens' "$(cat err)" 'hs-extract: warning: b: the prompt begins with two BOS tokens (1 of these problems)'
cp -r "$HSTOOLS_MODEL" bos
jq '.post_processor = {type: "TemplateProcessing",
    single: [{SpecialToken: {id: "<|endoftext|>", type_id: 0}}, {Sequence: {id: "A", type_id: 0}}],
    pair: [{SpecialToken: {id: "<|endoftext|>", type_id: 0}}, {Sequence: {id: "A", type_id: 0}},
        {Sequence: {id: "B", type_id: 1}}],
    special_tokens: {"<|endoftext|>": {id: "<|endoftext|>", ids: [464], tokens: ["<|endoftext|>"]}}}' \
    "$HSTOOLS_MODEL/tokenizer.json" >bos/tokenizer.json
hs-extract -m bos -l none --max-tokens=1 -o a.hsz <problems.jsonl 2>err
is 'no BOS token' "$(cat err)" \
    'hs-extract: warning: chain-test-0000: the prompt does not begin with the tokenizer'"'"'s BOS token (9 of these problems)'
hs-extract -m bos -l none --template=none --max-tokens=1 -o a.hsz <problems.jsonl 2>err
is 'one BOS token' "$(cat err)" ''

# ---- a folder without a tokenizer
mkdir bare
cp "$HSTOOLS_MODEL"/*.json "$HSTOOLS_MODEL/model.safetensors" bare/
rm -f bare/tokenizer.json
echo '{"tokens": [1, 2]}' >tokens.jsonl
status 'no tokenizer: no grading' 1 hs-extract -m bare
status 'no tokenizer: tokens' 0 sh -c 'hs-extract -m bare -g none --max-tokens 4 -o a.hsz <tokens.jsonl'
status 'no tokenizer: no text' 1 sh -c 'hs-extract -m bare -g none -o a.hsz <problems.jsonl'
is 'and it is said' "$(cat err)" 'hs-extract: <stdin>: line 1: chain-test-0000: text needs a tokenizer.json, and bare has none'

# ---- the plan
plan() {
    awk -v name="$1" '$1 == name { print $2 }' plan
}
for options in '--max-tokens=40 --samples=2' '--max-tokens=10 --ignore-eos --positions=every:4' \
    '--max-tokens=6 --ignore-eos --positions=tokens' \
    '--positions=last --max-tokens=3' '--max-tokens=5 -l none' '--max-tokens=700 --ignore-eos -l 2 --dtype=f32'; do
    # shellcheck disable=SC2086
    hs-extract $options --estimate <problems.jsonl >plan
    # shellcheck disable=SC2086
    hs-extract $options -o a.hsz <problems.jsonl
    is "--estimate $options: items and prompts" "$(plan items) $(plan prompt_tokens)" "$(stats a.hsz '"\(.items) \(.tokens_prompt)"')"
    for bound in 'completion_tokens_at_most .tokens_completion' 'state_bytes_at_most .raw_bytes'; do
        most=$(plan "${bound% *}")
        got=$(stats a.hsz "${bound#* }")
        ok "$got is within ${bound% *} $most" test "$got" -le "$most"
        case $options in
        *ignore-eos*) is 'and reaches it' "$got" "$most" ;;
        esac
    done
done

# ---- how it speaks
is '-v' "$(hs-extract -v -l none --max-tokens 5 --ignore-eos <problems.jsonl 2>&1 >/dev/null | sed 's/[0-9.]* s,/T s,/')" \
    "hs-extract: 9 items, 0 of them there already, $((45 + $(hs-extract --estimate <problems.jsonl | awk '$1 == "prompt_tokens" { print $2 }'))) tokens, 45 of them generated, T s, 0 edits"
hs-extract --progress=json --max-tokens 20 -o a.hsz <problems.jsonl 2>err
is '--progress=json is JSON' "$(jq -s '.[-1] | .items' err)" 9
hs-extract --progress=always --max-tokens 5 -o a.hsz <problems.jsonl 2>err
ok '--progress=always' grep -q 'hs-extract: 9 items, ' err
hs-extract --progress=never --max-tokens 5 -o a.hsz <problems.jsonl 2>err
is '--progress=never' "$(cat err)" ''
if "$python" -c 'import os; os.openpty()' 2>/dev/null; then
    is 'a terminal is no output' "$(check tty hs-extract; echo $?)" \
        'hs-extract: standard output is a terminal; streams are binary, use a pipe or a file
2'
else
    skip 'a terminal is no output' 'there are no pseudo-terminals here'
fi
hs-extract --max-tokens 30 -o a.hsz <problems.jsonl
# States are mostly noise: a higher level finds something in the text.
hs-extract --max-tokens 30 -l none -o n.hsz <problems.jsonl
hs-extract --max-tokens 30 -l none -z 19 -o z.hsz <problems.jsonl
is '-z: the same' "$(hs-view --digest <z.hsz)" "$(hs-view --digest <n.hsz)"
ok '-z: smaller' test "$(wc -c <z.hsz)" -lt "$(wc -c <n.hsz)"
hs-extract --no-history --max-tokens 3 -o a.hsz <problems.jsonl
is '--no-history' "$(hs-view --history a.hsz)" ''

# ---- ended in the middle
long='hs-extract --max-tokens 60 --ignore-eos --batch 1 -j 1 --no-history'
$long -o whole.hsz <problems.jsonl
for signal in SIGINT SIGTERM SIGHUP; do
    # shellcheck disable=SC2086
    is "$signal ends it" "$(check signal $signal k.hsz.part $long -o k.hsz <problems.jsonl)" $signal
    is 'and leaves only a part' "$(ls k.hsz*)" k.hsz.part
    status 'which is no stream' 1 hs-view --check k.hsz.part
    status 'and is in the way' 1 sh -c "$long -o k.hsz <problems.jsonl"
    is 'as is said' "$(cat err)" \
        'hs-extract: k.hsz.part: is left of an unfinished run; --resume goes on with it, or remove it'
    status 'but is gone on with' 0 sh -c "$long --resume -o k.hsz <problems.jsonl"
    ok 'to the same bytes' cmp whole.hsz k.hsz
    rm -f k.hsz*
done
size=$(($(wc -c <whole.hsz) / 1024))
status 'a file that may not grow' 1 sh -c "trap '' XFSZ; ulimit -f $((size)); $long -o k.hsz <problems.jsonl"
is 'is told' "$(cat err)" 'hs-extract: k.hsz: File too large'
is 'and leaves a part' "$(ls k.hsz*)" k.hsz.part
status 'that is gone on with' 0 sh -c "$long --resume -o k.hsz <problems.jsonl"
ok 'to the same bytes' cmp whole.hsz k.hsz
$long -o closed.hsz <problems.jsonl >&- 2>&-
is 'closed outputs that are not needed' "$?" 0
ok 'do no harm' cmp whole.hsz closed.hsz
done_testing
