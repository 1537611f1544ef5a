#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# hs-export and hs-import: arrays as NumPy and a strict reader of safetensors
# see them, and the same stream back.
. "$HS_SRCDIR/tests/lib.sh"

find_python numpy msgpack zstandard || skip_all 'no python3 with numpy, msgpack and zstandard'
oracle() {
    "$python" "$HS_SRCDIR/tests/oracle.py" "$@"
}
digest() {
    hs-view --digest <"$1"
}
for dtype in f16 bf16 f32; do
    oracle make $dtype.hsz dtype=$dtype
    hs-export -o $dtype.safetensors $dtype.hsz
    ok "$dtype: safetensors are what they should be" oracle arrays $dtype.hsz $dtype.safetensors
    is "$dtype: and make the same stream" "$(hs-import $dtype.safetensors | hs-view --digest)" "$(digest $dtype.hsz)"
    hs-export --npy=$dtype $dtype.hsz
    ok "$dtype: npy is what it should be" oracle arrays $dtype.hsz $dtype
    hs-import -o $dtype-again.hsz $dtype/
    is "$dtype: and makes the same stream" "$(digest $dtype-again.hsz)" "$(digest $dtype.hsz)"
done
is 'the head comes back' "$(hs-view --type=head f16-again.hsz | jq -c 'del(.history)')" \
    "$(hs-view --type=head f16.hsz | jq -c 'del(.history)')"
is 'with its history' "$(hs-view --history f16-again.hsz | jq -r .tool | tr '\n' ' ')" 'oracle hs-import '

# ---- a stream with values that f16 can not hold
oracle make over.hsz over=1
status 'a value too large for the type' 1 hs-export -o over.safetensors over.hsz
ok 'is named' grep -q 'over.hsz: p0: layer 4: a value is too large for f16' err
is 'and leaves no file' "$(find . -name 'over.*')" './over.hsz'
hs-export --dtype=f32 -o over.safetensors over.hsz
ok 'f32 holds all' oracle arrays over.hsz over.safetensors
is 'and comes back as f16 with f32 blocks' "$(hs-import over.safetensors | hs-view --digest)" "$(digest over.hsz)"

# ---- parts of a stream, several streams
oracle make more.hsz first=12 seed=4
cat f16.hsz more.hsz >joined.hsz
hs-export -o joined.safetensors f16.hsz more.hsz
ok 'several files' oracle arrays joined.hsz joined.safetensors
hs-export -l 2 -o two.safetensors <f16.hsz
is '--layers' "$(hs-import two.safetensors | hs-view --digest)" "$(hs-cat -l 2 f16.hsz | hs-view --digest)"
oracle make none.hsz n=0
hs-export --npy=none none.hsz
is 'no trajectory at all' "$(hs-import none | hs-view --check | cut -d, -f3)" ' 0 records'
hs-export -o same.safetensors f16.hsz
ok 'two runs, the same bytes' cmp f16.safetensors same.safetensors
ok 'and indexes' cmp f16.index.jsonl same.index.jsonl

# ---- what another engine may write
mkdir vllm
"$python" - <<'END'
import json
import numpy as np
x = np.arange(24, dtype="f4").reshape(8, 3)
np.save("vllm/layer-1.npy", x)
np.save("vllm/layer-7.npy", -x)
with open("vllm/index.jsonl", "w") as f:
    for i, (rows, n) in enumerate([(3, 3), (5, 6)]):
        print(json.dumps({"id": "q%d" % i, "tokens": list(range(n)),
                          "n_prompt": 2, "rows": rows, "topic": "x",
                          "reward": i == 1}), file=f)
END
hs-import vllm >vllm.hsz
is 'a minimal index' "$(hs-view --fields=id,reward,finish,meta.topic,positions.shape vllm.hsz | sed 1d | tr '\t\n' '  ')" \
    'q0 0 replay x [3] q1 1 replay x [5] '
is 'its states' "$(hs-view --values --type=states -l 7 vllm.hsz | tail -n 1 | jq '.values[-3:][] | floor' | tr '\n' ' ')" '-21 -22 -23 '
is 'its head' "$(hs-view --type=head vllm.hsz | jq -c '[.dtype, .layers, .dim, .model.n_layers]')" '["f32",[1,7],3,7]'
is '--dtype' "$(hs-import --dtype=bf16 vllm | hs-view --type=head | jq -r .dtype)" bf16
status 'another model' 1 hs-import -m "$HS_SRCDIR/examples/reasoner" vllm
ok 'is noticed by its width' grep -q 'rows of 3 numbers, the model has' err

# ---- arrays and index that do not fit
reject() {
    status "$1" 1 hs-import -o no.hsz bad
    is "$1: message" "$(grep -c "$2" err)" 1
    is "$1: no file" "$(ls no.hsz* 2>/dev/null)" ''
    rm -rf bad
}
edit() {
    cp -r vllm bad
    sed -i "$1" bad/index.jsonl
}
edit '2s/"rows": 5/"rows": 4/'
reject 'rows left over' '8 rows, the index accounts for 7'
edit '2s/"rows": 5/"rows": 6/'
reject 'rows missing' 'line 2: q1: needs rows 3 to 8, there are 8'
edit '2s/q1/q0/'
reject 'an id twice' 'line 2: q0: a second trajectory'
edit '1s/"n_prompt": 2/"n_promt": 2/'
reject 'no n_prompt' 'line 1: q0: n_prompt is missing'
edit '1s/"rows": 3/"rows": 3, "first": 1/'
reject 'rows of another place' 'first row is 1, but 0'
edit '1s/\[0, 1/[-1, 1/'
reject 'a token below 0' 'tokens: entry 0'
edit '1s/"rows": 3/"positions": [2, 1, 0]/'
reject 'positions that descend' 'not ascending'
edit '1s/"topic"/"reward"/'
reject 'a key twice' 'line 1: .*duplicate'
edit '1s/"reward": false/"reward": 2/'
reject 'a reward of 2' 'neither 0, 1 nor null'
edit '2s/.$//'
reject 'JSON that is cut off' 'line 2: not JSON'
: >empty
cp -r vllm bad
cp empty bad/index.jsonl
reject 'an empty index' 'is empty'
cp -r vllm bad
head -c 150 vllm/layer-7.npy >bad/layer-7.npy
reject 'an array that is cut off' 'layer-7.npy: .*bytes of data'
cp -r vllm bad
"$python" -c '
import numpy as np
x = np.load("bad/layer-1.npy"); x[4, 1] = np.nan; np.save("bad/layer-1.npy", x)'
reject 'not a number' 'q1: layer 1, position 1, coordinate 1: the state is not finite'
cp -r vllm bad
"$python" -c '
import numpy as np
np.save("bad/layer-7.npy", np.zeros((8, 2), "f4"))'
reject 'unlike shapes' 'layer 7 is 8 x 2, layer 1 is 8 x 3'
cp -r vllm bad
"$python" -c '
import numpy as np
np.save("bad/layer-7.npy", np.asfortranarray(np.ones((8, 3), "f4")))'
reject 'Fortran order' 'Fortran'
cp -r vllm bad
"$python" -c '
import numpy as np
np.save("bad/layer-7.npy", np.zeros((8, 3), "f8"))'
reject 'doubles' "type '<f8'"
mkdir bad
reject 'no arrays' 'no array'
size=$(wc -c <f16.safetensors)
cp f16.index.jsonl cut.index.jsonl
head -c $((size - 1)) f16.safetensors >cut.safetensors
status 'safetensors that are cut off' 1 hs-import cut.safetensors

# ---- rollouts go there and back
hs-synth --width=8 --value=1 --dopamine=1 --sinks=0 --massive=0 --confounds=0 \
    --distractors=0 --trajectories=9 --step-every=4 --rollouts=6 -o roll.hsz
hs-export -o roll.safetensors roll.hsz
is 'rollouts are in the index' "$(jq -c 'select(.rollouts) | [.id, .rollouts]' roll.index.jsonl)" \
    "$(hs-view --type=trajectory --json roll.hsz | jq -c '[.id, .rollouts]')"
is 'and come back' "$(hs-import roll.safetensors | hs-view --digest)" "$(hs-view --digest <roll.hsz)"
sed 's/"rollouts":{[^}]*}/"rollouts":[1]/' roll.index.jsonl >bad.index.jsonl
status 'rollouts that are no object' 1 hs-import --index=bad.index.jsonl roll.safetensors
ok 'are refused' grep -q 'rollouts is no object' err

oracle results r.hsz
status 'a stream without states' 1 hs-export -o no.safetensors r.hsz
is 'says so' "$(cat err)" "hs-export: r.hsz: kind is 'ranking'; only activations have states"

# ---- damage, full disks, usage
head -c 900 f16.hsz >cut.hsz
status 'a damaged stream' 1 hs-export -o no.safetensors cut.hsz
is 'leaves no file' "$(find . -name 'no.*')" ''
status 'a folder that is not empty' 1 hs-export --npy=vllm f16.hsz
status 'no output' 2 hs-export f16.hsz
status 'standard output' 2 hs-export -o - f16.hsz
status 'two outputs' 2 hs-export -o a --npy=b f16.hsz
status 'a type' 2 hs-export --dtype=f64 -o a f16.hsz
status 'no input' 2 hs-import
status 'two inputs' 2 hs-import vllm none
status 'an input that is not there' 1 hs-import nowhere
if [ -w /dev/full ]; then
    hs-import vllm >/dev/full 2>err
    is 'a full disk' $? 1
fi
done_testing
