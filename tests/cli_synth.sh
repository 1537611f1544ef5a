#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# hs-synth: equal bytes, worlds and draws, and a stream that holds what its head
# says, as NumPy sees it.
. "$HS_SRCDIR/tests/lib.sh"

find_python numpy msgpack zstandard || skip_all 'no python3 with numpy, msgpack and zstandard'
digest() {
    hs-view --digest <"$1"
}
small='--width=64 --trajectories=120 --seed=5'
synth() {
    # shellcheck disable=SC2086
    hs-synth $small --no-history "$@"
}

# ---- the same bytes
status 'it is silent' 0 sh -c "hs-synth $small --no-history >a.hsz"
is 'on standard error' "$(cat err)" ''
for threads in 1 2 3 8; do
    synth -j $threads -o b.hsz
    ok "-j $threads: the same bytes" cmp a.hsz b.hsz
done
ok 'a whole stream' hs-view --check a.hsz
synth --trajectories=50 >b.hsz
hs-cat --head=50 a.hsz >c.hsz
is 'a short run is the beginning of a long one' "$(digest b.hsz)" "$(digest c.hsz)"
synth --samples=4 >b.hsz
is '--samples' "$(hs-view --fields=id,problem,sample b.hsz | sed -n '2,3p;6p' | tr '\t\n' ' :')" \
    'synth-1-000000 synth-1-000000 0:synth-1-000000#1 synth-1-000000 1:synth-1-000001 synth-1-000001 0:'
synth -z 19 >z.hsz
is '-z' "$(digest z.hsz)" "$(digest a.hsz)"
is 'history' "$(hs-synth --width 64 --trajectories=1 | hs-view --history | jq -c .args)" '["--width","64","--trajectories=1"]'

# ---- worlds and draws
synth --draw=2 >b.hsz
cat a.hsz b.hsz >both.hsz
ok 'two draws of a world can be joined' hs-view --check both.hsz
is 'they have one truth' "$(hs-synth --truth a.hsz)" "$(hs-synth --truth - <b.hsz)"
is 'and no id in common' "$(hs-cat a.hsz b.hsz | hs-view --stats --json | jq -c '[.items, .problems]')" '[240,240]'
ok 'and other states' test "$(digest a.hsz)" != "$(digest b.hsz)"
for other in --seed=6 --effect=1 --reward-rate=0.4 --value=11 --layers=2 --scales=1:2 --confounding=0.6 --length=10:31; do
    synth $other >b.hsz
    hs-cat a.hsz b.hsz >c.hsz 2>err
    is "$other is another world" "$?:$(grep -c "fingerprint is" err)" 1:1
done
synth --seed=6 --value=3 >b.hsz
ok 'another seed, other coordinates' test "$(hs-synth --truth=b.hsz | cut -f2)" != "$(hs-synth --truth=a.hsz | head -n 50 | cut -f2)"

# ---- the truth
is 'what is planted' "$(hs-synth --truth=a.hsz | cut -f1 | uniq -c | tr -s ' \n' ' ')" \
    ' 1 #role 12 value 4 dopamine 2 sink 2 massive 8 confound 16 distractor '
synth --value-at=3,60-61 --dopamine-at=7 --sink-at=3 --massive-at=0,61 --distractors=0 --confounds=0 --effect=2 >b.hsz
is 'at given coordinates' "$(hs-synth --truth=b.hsz | sed 1d | tr -d - | sed 's/sink\t3\t1[0-9.]*/sink\t3\tX/' | tr '\t\n' ' :')" \
    'value 3 2:value 60 2:value 61 2:dopamine 7 2:sink 3 X:massive 0 100:massive 61 100:'
hs-cat --only 'sample==1' a.hsz >none.hsz
is 'a truth without trajectories' "$(hs-synth --truth=none.hsz)" "$(hs-synth --truth=a.hsz)"
"$python" "$HS_SRCDIR/tests/oracle.py" make other.hsz
status 'a stream without truth' 1 hs-synth --truth=other.hsz
is 'is told' "$(cat err)" "hs-synth: other.hsz: nothing was planted: no \"synth\" in the head's run"
status 'no stream' 1 hs-synth --truth=err
status 'no file' 1 hs-synth --truth=nowhere.hsz
status '--truth and --output' 2 hs-synth --truth=a.hsz -o b.hsz

# ---- what is in it
cat >look.py <<'END'
import sys

import msgpack
import numpy as np
import zstandard

sys.path.insert(0, sys.argv[1] + "/examples")
import read_stream  # noqa: E402

path, kept = sys.argv[2], sys.argv[3]
with open(path, "rb") as f:
    data = zstandard.ZstdDecompressor().stream_reader(f)
    head = next(iter(msgpack.Unpacker(data, max_buffer_size=1 << 26)))
truth = head["run"]["synth"]
p, d = truth["world"]["reward_rate"], head["dim"]
mean, scale = np.array(truth["mean"]), np.array(truth["scale"])
assert head["positions"] == kept and head["model"]["family"] == "synth"
assert len(mean) == len(scale) == d
rows, zs, deltas, ends, hits, n = [], [], [], [], [], 0
with open(path, "rb") as f:
    for t in read_stream.read(f):
        n += 1
        where = read_stream.tensor(t["positions"])
        tokens = read_stream.tensor(t["tokens"])
        first = t["n_prompt"] - 1 if kept == "all" else 0
        assert list(where) == list(range(first, len(tokens) - 1))
        assert tokens[-1] == 0 and (tokens[:-1] > 0).all() and t["finish"] == "eos"
        v = np.array(t["meta"]["synth"]["v"])
        assert len(v) == len(tokens) - t["n_prompt"]
        assert v[-1] == t["reward"] and (v >= 0).all() and (v <= 1).all()
        assert (t["parsed"] == t["gold"]) == (t["reward"] == 1)
        assert len(read_stream.tensor(t["logprob"])) == len(v)
        for x in t["x"].values():
            assert x.shape == (len(where), d)
            u = (x.astype("f8") - mean) / scale
            if kept == "tokens":
                big = np.zeros(d)
                big[truth["sink"]["at"]] = truth["sink"]["effect"]
                assert (abs(u[0] - big) < 12).all()
            rows.append(u[-len(v):])
            zs.append((v - p) / np.sqrt(p * (1 - p)))
            deltas.append(np.diff(v, prepend=v[:1]) / truth["delta_sd"])
            hits.append(t["reward"])
x, z, delta = np.concatenate(rows), np.concatenate(zs), np.concatenate(deltas)
carried = {j: ("z", e) for j, e in zip(*truth["value"].values())}
carried.update({j: ("d", e) for j, e in zip(*truth["dopamine"].values())})
other = {j for part in ("confound", "distractor") for j in truth[part]["at"]}
for j in range(d):
    # least squares on both signals and a constant
    a = np.stack([z, delta, np.ones_like(z)], 1)
    (bz, bd, b0), *_ = np.linalg.lstsq(a, x[:, j], rcond=None)
    what, effect = carried.get(j, ("", 0))
    if j not in other:
        assert abs(bz - effect * (what == "z")) < 0.15, (j, what, bz, effect)
        assert abs(bd - effect * (what == "d")) < 0.1, (j, what, bd, effect)
        left = x[:, j] - a @ (bz, bd, b0)
        assert abs(left.std() - 1) < 0.15, (j, left.std())
assert abs(np.mean(hits) - p) < 0.2, np.mean(hits)
print(n)
END
for options in '' '--positions=all --dtype=f32' '--layers=2 --dtype=bf16 --reward-rate=0.7 --step-every=5' \
    '--effect=0.5:1.5 --dopamine-effect=3 --samples=2 --known=0.8' '--effect=0'; do
    # shellcheck disable=SC2086
    synth --trajectories=400 $options >b.hsz
    kept=tokens
    case $options in *all*) kept=all ;; esac
    is "hs-synth $options holds what it says" "$("$python" look.py "$HS_SRCDIR" b.hsz $kept 2>&1 | tail -n 1)" 400
done
is 'hs-grade judges as the world did' "$(hs-grade -g exact a.hsz | hs-view --fields=id,reward)" "$(hs-view --fields=id,reward a.hsz)"
synth --scales=1000:1000 >b.hsz 2>err
is 'what does not fit f16 is told' "$(sed 's/[0-9]* blocks/N blocks/' err)" \
    'hs-synth: warning: N blocks of states do not fit f16 and are f32'
synth --scales=1000:1000 -q >b.hsz 2>err
is '-q: no warnings' "$(cat err)" ''
ok 'and is there' test "$(hs-view --stats --json b.hsz | jq .f32_blocks)" -gt 0
is 'no trajectories' "$(synth --trajectories=0 | hs-view --check | cut -d, -f3)" ' 0 records'
status 'a trajectory of two states' 0 sh -c 'hs-synth --length=1:1 --prompt=1:1 --trajectories=3 -o b.hsz'
is 'has them' "$(hs-view --stats --json b.hsz | jq .states)" 6

# ---- rollouts
roll() { # steps and lengths that do not divide, and some that do
    synth --known=0.3 --step-every=3 --length=1:14 --value=2 --distractors=4 "$@"
}
roll --rollouts=16 -j1 -o r.hsz
for threads in 2 5; do
    roll --rollouts=16 -j $threads -o b.hsz
    ok "--rollouts -j $threads: the same bytes" cmp r.hsz b.hsz
done
ok '--rollouts: a whole stream' hs-view --check r.hsz
roll -o b.hsz
without='del(.rollouts, .synth.rollouts?, .run.synth.rollouts?)'
hs-view --json --values r.hsz | jq -c "$without" | grep -v '^{"type":"end"' >r.json
hs-view --json --values b.hsz | jq -c "$without" | grep -v '^{"type":"end"' >b.json
ok 'nothing else is another' cmp r.json b.json
is 'and without there are none' "$(hs-view --json b.hsz | grep -c rollouts)" 0
cat r.hsz b.hsz >both.hsz
ok 'both are of one world' hs-view --check both.hsz
is 'synth.rollouts is in the head' "$(hs-view --type=head r.hsz | jq .run.synth.rollouts)" 16
roll --rollouts=16 --trajectories=50 | hs-view --json | grep '"trajectory"' >50.json
hs-view --json r.hsz | grep '"trajectory"' | head -n 50 >b.json
ok 'a short run is the beginning of a long one' cmp 50.json b.json
status '--rollouts and --recovery' 2 hs-synth --recovery --rollouts=3
is 'exclude each other' "$(cat err)" 'hs-synth: --rollouts is not for --recovery'

# Each boundary where it must be, counts that fit, V-hat unbiased and covered,
# the halves independent given V.
cat >roll.py <<'END'
import json
import sys

import numpy as np
from scipy import stats

every, k = int(sys.argv[1]), int(sys.argv[2])
v, s, h, value, lo, hi = [], [], [], [], [], []
for line in sys.stdin:
    t = json.loads(line)
    if t["type"] != "trajectory":
        continue
    r, truth = t["rollouts"], t["meta"]["synth"]["v"]
    end = len(truth) - 1
    assert r["rule"] == "every:%d" % every and r["min_tokens"] == 1
    assert r["at"] == sorted(set(range(0, end, every)) | {end})
    n = len(r["at"])
    assert r["k"] == [k] * (n - 1) + [0] and r["undecided"] == [0] * n
    assert r["half_k"] == [(k + 1) // 2] * (n - 1) + [0] and r["tokens"] == 0
    assert r["value"][-1] == r["lo"][-1] == r["hi"][-1] == t["reward"]
    # V moves at the boundaries and nowhere else
    moves = {i for i in range(1, end + 1) if truth[i] != truth[i - 1]}
    assert moves <= set(r["at"])
    v += [truth[i] for i in r["at"][:-1]]
    s += r["successes"][:-1]
    h += r["half_successes"][:-1]
    value += r["value"][:-1]
    lo += r["lo"][:-1]
    hi += r["hi"][:-1]
v, s, h = np.array(v), np.array(s), np.array(h)
value, lo, hi = np.array(value), np.array(lo), np.array(hi)
assert (value == s / k).all() and len(v) > 1000
# 4.5 deviations of a fixed seed: a bias would grow without bound
bias = (s - k * v).sum() / np.sqrt((k * v * (1 - v)).sum())
assert abs(bias) < 4.5, bias
# what coverage is exactly, summed over s at each V, and what was met
both = stats.binom.pmf(np.arange(k + 1)[None, :], k, v[:, None])
w = np.array([
    stats.binomtest(i, k).proportion_ci(0.95, "wilson") for i in range(k + 1)
])
inside = (w[:, 0] <= v[:, None]) & (v[:, None] <= w[:, 1])
cover = (both * inside).sum(1)
met = (lo <= v) & (v <= hi)
off = (met - cover).sum() / np.sqrt((cover * (1 - cover)).sum())
assert abs(off) < 4.5 and met.mean() > 0.93, (off, met.mean())
assert abs(lo - w[s, 0]).max() < 1e-9 and abs(hi - w[s, 1]).max() < 1e-9
# halves: what both miss V by does not go together
ke = (k + 1) // 2
mid = (v > 0.05) & (v < 0.95)
a = ((h - ke * v) / np.sqrt(ke * v * (1 - v)))[mid]
b = ((s - h - (k - ke) * v) / np.sqrt((k - ke) * v * (1 - v)))[mid]
assert abs((a * b).sum() / np.sqrt(mid.sum())) < 4.5
for x in a, b:
    assert abs((x**2 - 1).sum() / np.sqrt(2 * mid.sum())) < 4.5
print("fits")
END
if "$python" -c 'import scipy' 2>/dev/null; then
    for options in '3 16' '1 5' '4 101'; do
        set -- $options
        is "--step-every=$1 --rollouts=$2: as SciPy has it" "$(hs-synth --width=8 --trajectories=1500 --known=0.3 --length=6:14 --value=1 --dopamine=1 \
            --sinks=0 --massive=0 --confounds=0 --distractors=0 --seed=4 --step-every="$1" --rollouts="$2" |
            hs-view --json | "$python" roll.py "$1" "$2" 2>&1 | tail -n 1)" fits
    done
else
    skip 'V-hat' 'there is no SciPy here'
fi

# What a dopamine neuron has to do with delta, as the page says: the mean of a
# step is delta / (s n) times the effect, in noise of sqrt(1 - h).
cat >pool.py <<'END'
import sys

import msgpack
import numpy as np
import zstandard

sys.path.insert(0, sys.argv[1] + "/examples")
import read_stream  # noqa: E402

path, n = sys.argv[2], int(sys.argv[3])
with open(path, "rb") as f:
    data = zstandard.ZstdDecompressor().stream_reader(f)
    head = next(iter(msgpack.Unpacker(data, max_buffer_size=1 << 26)))
truth = head["run"]["synth"]
at, effect = truth["dopamine"]["at"], truth["dopamine"]["effect"]
u, d = [], []
with open(path, "rb") as f:
    for t in read_stream.read(f):
        v = np.array(t["meta"]["synth"]["v"])
        x = t["x"][0].astype("f8")[-len(v):]
        x = (x - np.array(truth["mean"])) / np.array(truth["scale"])
        # what stays goes with the mean of the response, on both sides
        x -= x[1:].mean(0)
        b = t["rollouts"]["at"]
        for i in range(1, len(b)):
            if b[i] - b[i - 1] == n:
                u.append(x[b[i - 1] + 1:b[i] + 1].mean(0))
                delta = (v[b[i]] - v[b[i - 1]]) / truth["delta_sd"]
                d.append(delta / n - (v[-1] - v[0]) / truth["delta_sd"] / b[-1])
u, d = np.array(u), np.array(d)
for j, e in zip(at, effect):
    slope = (d @ u[:, j]) / (d @ d)
    left = u[:, j] - slope * d
    # (1 - n / T) of the variance is left beside the mean of T tokens
    noise = np.sqrt(0.7 / n * (1 - n / 30))
    assert abs(left.std() / noise - 1) < 0.1, (left.std(), noise)
    assert abs(slope - e) < 4.5 * noise / np.sqrt(d @ d), (slope, e)
    assert abs(slope - e) < 0.15, (slope, e)
assert abs(d.std() * np.sqrt(n) - 1) < 0.2, d.std()
print("fits")
END
for n in 1 3 6; do
    synth --known=0.3 --step-every=$n --length=24:36 --rollouts=2 --effect=2 -o b.hsz
    is "dopamine neurons and steps of $n tokens" "$("$python" pool.py "$HS_SRCDIR" b.hsz $n 2>&1 | tail -n 1)" fits
done
hs-synth --width=64 --trajectories=300 --confound-effect=100 -o b.hsz
is '--confound-effect=100 is strong' "$(hs-view --type=head b.hsz | jq -c '.run.synth.confound.effect | map(fabs) | unique')" '[100]'

# ---- what it refuses
while IFS='|' read -r arguments wanted; do
    # shellcheck disable=SC2086
    status "refuses $arguments" 2 hs-synth $arguments
    is 'and says why' "$(cat err)" "hs-synth: $wanted"
    is 'and writes nothing' "$(wc -c <out)" 0
done <<'END'
--width=0|--width: 0 is not within 1 to 65536
--width=ten|--width: 'ten' is not a whole number
--value=1e3|--value: '1e3' is not a whole number
--length=0:5|--length: 0 is not within 1 to 100000
--length=9:5|--length: 5 is not within 9 to 100000
--length=9:|--length: '' is not a whole number
--prompt=5:9:3|--prompt: '9:3' is not a whole number
--effect=nan|--effect: 'nan' is not a finite number
--effect=-1|--effect: -1 is not within 0 to 100
--effect=0:2|effect: from 0 to 2: 0, or a range above it
--scales=0:1|--scales: 0 is not within 1e-06 to 1e+06
--reward-rate=1|--reward-rate: 1 is not within 0.001 to 0.999
--known=1|--known: 1 is not within 0 to 0.999
--confounding=1|--confounding: 1 is not within 0 to 0.95
--value-at=all|--value-at: a list such as 3,7,20-22, not all
--value-at=5-|--value-at: '5-' is not a list such as 2-5,8 or all
--value-at=512|value neurons: 512 is not within 0 to 511
--value-at=1,2 --dopamine-at=2|coordinate 2 cannot be a value and a dopamine neuron
--value-layers=1|layers of value neurons: 1 is not within 0 to 0
--width=20|8 confounds, but only 0 coordinates are left for them
--rollouts=1|--rollouts: 1 is not within 2 to 4096
--rollouts=4097|--rollouts: 4097 is not within 2 to 4096
--positions=last|--positions: 'last' is not tokens or all
--dtype=f64|--dtype: 'f64' is not f16, bf16 or f32
--layers=0|--layers: 0 is not within 1 to 1024
-j0|--threads: 0 is not within 1 to 1024
input.hsz|unexpected argument 'input.hsz'
END
if "$python" -c 'import os; os.openpty()' 2>/dev/null; then
    is 'a terminal is no output' "$("$python" "$HS_SRCDIR/tests/extract.py" tty hs-synth; echo $?)" \
        'hs-synth: standard output is a terminal; streams are binary, use a pipe or a file
2'
else
    skip 'a terminal is no output' 'there are no pseudo-terminals here'
fi
status 'a folder that is not there' 1 hs-synth -o nowhere/a.hsz
ok 'is named' grep -q '^hs-synth: nowhere/a.hsz' err
status 'a reader that leaves early' 0 sh -c 'hs-synth --trajectories=400 | head -c 10 | wc -c'
(ulimit -f 100; trap '' XFSZ; hs-synth -o full.hsz) 2>err
is 'a file that may not grow' $? 1
is 'is told, and gone' "$(wc -l <err):$(ls full.hsz* 2>/dev/null)" 1:
done_testing
