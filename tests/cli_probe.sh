#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# probe-fit: what it refuses and warns of, that its bytes depend on nothing but
# the options, and its figures and values against NumPy.
. "$HS_SRCDIR/tests/lib.sh"

find_python numpy msgpack zstandard || skip_all 'no python3 with numpy, msgpack and zstandard'
oracle=$HS_SRCDIR/tests/oracle.py
probe=$HS_SRCDIR/tests/probe.py
mkstream=$HS_BUILDDIR/tests/mkstream
for kind in good rare nan no-width no-layers no-prompt no-s0 other-model; do
    "$python" "$probe" make $kind.hsz $kind
done
"$python" "$oracle" make a.hsz n=90
"$python" "$oracle" make b.hsz n=60 first=90 seed=2
"$python" "$oracle" make shares.hsz n=60 first=80 seed=2

# fit OPTION...: a small fit
fit() {
    probe-fit --hidden=8 --epochs=2 --progress=never "$@"
}

# refused NAME MESSAGE FILE OPTION...: exit 1, one message, nothing is left
refused() {
    name=$1 message=$2 file=$3
    shift 3
    fit -o left.hsz "$@" <"$file" >out 2>err
    is "$name: refused" $? 1
    is "$name: says why" "$(grep -v warning: err | sed 's/step [0-9]*/step N/')" \
        "probe-fit: $message"
    is "$name: no output" "$(wc -c <out)$(find . -name 'left*')" 0
}

# ---- bad input
hs-grade -g none a.hsz >none.hsz
hs-grade -g 'regex:zzz' a.hsz >wrong.hsz
hs-cat --only='reward==1' a.hsz >right.hsz
hs-cat --only='reward==0' b.hsz >wrong-b.hsz
hs-cat --head=1 a.hsz >one.hsz
hs-cat --head=0 a.hsz >empty.hsz
cat a.hsz a.hsz >twice.hsz
cat good.hsz other-model.hsz >mixed.hsz
head -c 3000 a.hsz >cut.hsz
: >nothing.hsz
refused 'no rewards' '<stdin>: no rewards: all 90 trajectories are undecided; hs-grade decides' none.hsz
refused 'all wrong' 'training problems: 0 trajectories with reward 1 and 56 with 0; both are needed' wrong.hsz
refused 'all right' 'training problems: 24 trajectories with reward 1 and 0 with 0; both are needed' right.hsz
refused 'all held out are wrong' \
    'held-out problems: 0 trajectories with reward 1 and 20 with 0; both are needed' \
    a.hsz --val-file=wrong-b.hsz
refused 'width 0' '<stdin>: segment 1, record 1: head: dim is 0 and 0' no-width.hsz
refused 'no layers' '<stdin>: the stream has no states (0 layers, width 6)' no-layers.hsz
refused 'one trajectory' \
    '1 of 1 problems would be held out, none is left for training' one.hsz
refused 'no trajectory' '<stdin>: no trajectories' empty.hsz
refused 'NaN' '<stdin>: segment 1, record 23: states of p2#1: layer 2 from row 0: a value is not finite' nan.hsz
refused 'two models' "<stdin>: segment 1, record 321: the model's fingerprint is 'abd', was 'abc'" mixed.hsz
refused 'another model held out' \
    "other-model.hsz: the model's fingerprint is 'abd', was 'abc'" good.hsz --val-file=other-model.hsz
refused 'a problem on both sides' \
    "shares.hsz: problem 'p40' is among those for training too" a.hsz --val-file=shares.hsz
refused 'the same stream held out' \
    "a.hsz: problem 'p0' is among those for training too" a.hsz --val-file=a.hsz
refused 'a trajectory twice' "<stdin>: trajectory 'p0' comes twice" twice.hsz
refused 'no prompt' "<stdin>: trajectory 'p1#1' has no prompt: no s_0" no-prompt.hsz
refused 'states of the prompt only' \
    "<stdin>: trajectory 'p1#1' has no states from s_0 on" no-s0.hsz
refused 'a layer that is not there' '<stdin>: layer 3 is not in the stream' a.hsz -l 2,3
refused 'half a stream' '<stdin>: segment 1, record 1: the input ends inside a zstd frame' cut.hsz
refused 'no bytes' '<stdin>: segment 1, record 1: empty input' nothing.hsz
refused 'no file' 'nowhere.hsz: No such file or directory' a.hsz --val-file=nowhere.hsz
refused 'a loss that overflows' 'layer 0, step N: the loss is not finite' \
    good.hsz --lr=1000 --weight-decay=1000 --head=linear --standardize=none --epochs=50
fit -q good.hsz 2>err >out
is 'a file as an argument is usage' $? 2
fit --no-history -q <a.hsz >a.probes
refused 'probes for states' '<stdin>: a stream of probes, not of activations' a.probes

# ---- usage
while IFS='|' read -r arguments reason; do
    # shellcheck disable=SC2086 # words
    fit $arguments <a.hsz >out 2>err
    is "probe-fit $arguments" $? 2
    is 'says why' "$(head -n 1 err)" "probe-fit: $reason"
done <<'END'
--target=value|--target: 'value' is not td, mc, td-lambda, terminal, s0 or ntp
--target=td,td|--target: td comes twice
--td-grad=full|--td-grad: 'full' is neither semi nor residual
--td-grad=semi --target=mc|--td-grad is for --target td
--lambda=0.5|--lambda is for --target td-lambda
--lambda=2 --target=td-lambda|--lambda: 2 is not within 0 to 1
--terminal-weight=2 --target=s0|--terminal-weight is for --target td, mc and td-lambda
--gamma=1.1|--gamma: 1.1 is not within 0 to 1
--gamma=nan|--gamma: 'nan' is not a finite number
--norm=all|--norm: 'all' is neither trajectory nor token
--head=tanh|--head: 'tanh' is neither sigmoid nor linear
--hidden=0|--hidden: 0 is not within 1 to 65536
--standardize=max|--standardize: 'max' is not zscore, rms or none
--epochs=-1|--epochs: '-1' is not a whole number
--steps=0|--steps: 0 is not within 1 to 1099511627776
--batch=0|--batch: 0 is not within 1 to 65536
--lr=-1|--lr: -1 is not within 0 to 1000
--seeds=0|--seeds: 0 is not within 1 to 1000
--val=0|--val: 0 leaves one side without problems
--val=1|--val: 1 leaves one side without problems
--val-file=b --val=0.3|--val-file leaves --val and --split-seed nothing to do
--baselines=depth|--baselines: 'depth' is unknown
--alpha=0|--alpha: 0 is not within 1e-06 to 0.5
--memory=1X|--memory: '1X' is not a whole number
--report=xml|--report: 'xml' is not table, tsv or json
--no-states|--no-states is for --apply
--apply=p --report|--apply and --report do not go together
END

# ---- warnings
fit <rare.hsz 2>err >out
is 'a rare class, few positives: a success' $? 0
is 'a rare class is warned of' "$(grep -c 'only 3 of 64 training trajectories have reward 1: less than 15 %' err)" 1
is 'few positives are warned of' "$(grep -c 'only 1 held-out trajectories have reward 1: too few for an interval' err)" 1
fit -q <rare.hsz 2>err >out
is '--quiet' "$(wc -c <err)" 0
fit --lr=0.001 --weight-decay=1000 --epochs=20 -l 2 <good.hsz 2>err >out
is 'a constant V is warned of' "$(grep -c 'layer 2, td, seed 0: V(s_0) hardly varies' err)" 1
is 'also in the record' "$(hs-view --type=probe out | jq -r \
    'select(.target == "td") | .eval.warnings[0]' | cut -c1-42)" \
    'layer 2, td, seed 0: V(s_0) hardly varies '
fit <good.hsz 2>err >out
is 'no warning without a reason' "$(grep -c 'hardly varies\|less than' err)" 0
fit <a.hsz 2>err >out
is 'undecided trajectories are counted' "$(grep -c '30 trajectories without a reward are left out' err)" 1

# ---- the same bytes
all='-q --no-history --target=td,mc,ntp --seeds=2 --bootstrap=100 --permutations=50'
# shellcheck disable=SC2086 # words
fit $all -j 1 --log-steps <good.hsz >one.probes
for options in '-j 2' '-j 3' '--memory=0' '--memory=1K' '-j 2 --memory=1M' '--memory=1G'; do
    # shellcheck disable=SC2086 # words
    fit $all $options --log-steps <good.hsz >other.probes
    ok "the same bytes: $options" cmp one.probes other.probes
done
# shellcheck disable=SC2086 # words
OPENBLAS_NUM_THREADS=1 probe-fit --hidden=8 --epochs=2 $all --log-steps <good.hsz >other.probes
ok 'the same bytes: one thread of OpenBLAS' cmp one.probes other.probes
# shellcheck disable=SC2086 # words
fit $all --log-steps -o other.probes <good.hsz
ok 'the same bytes: -o' cmp one.probes other.probes
weights() {
    hs-view --type=weights --values "$1" | jq -c "select(.target == \"mc\" and .seed == $2) | del(.seed)" |
        tail -n 1
}
fit -q --target=td,mc --seed=1 --baselines=none <good.hsz >second.probes
is '--seeds: the second is that of --seed=1' "$(weights one.probes 1)" "$(weights second.probes 1)"
fit -q --target=mc --baselines=none <good.hsz >first.probes
is 'targets do not meddle with each other' "$(weights one.probes 0)" "$(weights first.probes 0)"
ok 'seeds differ' test "$(weights one.probes 0)" != "$(weights one.probes 1)"
hs-cat --shuffle -s 3 good.hsz >shuffled.hsz
split() {
    hs-view --head=0 "$1" | jq -c .run.split
}
fit -q --baselines=none <shuffled.hsz >other.probes
is 'the split does not depend on the order' "$(split other.probes)" "$(split first.probes)"
fit -q --baselines=none --split-seed=1 <good.hsz >other.probes
ok 'but on its seed' test "$(split other.probes)" != "$(split first.probes)"

# A stream that is ten times as large as what may be kept in memory.
"$mkstream" --items=300 --dim=256 --layers=0-1 --tokens=40 >large.hsz
lean='-q --no-history --baselines=none --permutations=0'
# shellcheck disable=SC2086 # words
fit $lean --memory=1M <large.hsz >spilled.probes
# shellcheck disable=SC2086 # words
fit $lean --memory=1G <large.hsz >kept.probes
ok 'a stream of ten times --memory' cmp spilled.probes kept.probes
was=${TMPDIR-/tmp}
TMPDIR=/nonexistent
export TMPDIR
# shellcheck disable=SC2086 # words
fit $lean --memory=1M <large.hsz >out 2>err
is 'no room for temporary files' $? 1
is 'says where' "$(cat err)" 'probe-fit: temporary file in /nonexistent: No such file or directory'
# shellcheck disable=SC2086 # words
fit $lean <large.hsz >out 2>err
is 'which are not needed otherwise' $? 0
TMPDIR=$was
(
    trap '' XFSZ
    ulimit -f 2000 # of 512 bytes
    # shellcheck disable=SC2086 # words
    fit $lean --memory=1M <large.hsz >out 2>err
)
is 'temporary files that become too large' $? 1
is 'says so' "$(cat err)" 'probe-fit: temporary file: File too large'

# ---- --apply
for dtype in f16 bf16 f32; do
    "$python" "$oracle" make states.hsz n=60 dtype=$dtype over=1
    for options in '--head=sigmoid' '--head=linear --standardize=rms' '--standardize=none'; do
        # shellcheck disable=SC2086 # words
        fit -q $options --target=td,mc --seeds=2 --log-steps --keep=last --baselines=ntp <states.hsz >some.probes
        probe-fit --apply=some.probes <states.hsz >values.hsz
        ok "--apply and the figures, $dtype $options: as NumPy says" \
            "$python" "$probe" values some.probes values.hsz states.hsz
    done
done
probe-fit --apply=one.probes --no-history <good.hsz >values.hsz
ok '--apply: the stream is whole' hs-view --check values.hsz
probe-fit --apply=one.probes --no-history -j 3 <good.hsz >other.hsz
ok '--apply: the same bytes with any number of threads' cmp values.hsz other.hsz
rest() {
    hs-view --values "$1" | jq -c 'select(.type != "values" and .type != "end" and .type != "head")'
}
is '--apply: all else stays' "$(rest values.hsz | cksum)" "$(rest good.hsz | cksum)"
probe-fit --apply=one.probes --no-states <good.hsz >bare.hsz
ok '--no-states: the stream is whole' hs-view --check bare.hsz
is '--no-states: no states' "$(hs-view --type=states bare.hsz | grep -c '"states"')" 0
is '--no-states: the same values' "$(hs-view --type=values --values bare.hsz | cksum)" \
    "$(hs-view --type=values --values values.hsz | cksum)"
probe-fit --apply=one.probes <a.hsz >values.hsz
ok '--apply: to another stream, also without rewards' \
    "$python" "$probe" values one.probes values.hsz
hs-cat -l 0,2 good.hsz >fewer.hsz
"$python" "$probe" make wide.hsz wide
while IFS='|' read -r name file probes message; do
    probe-fit --apply="$probes" -o left.hsz <"$file" 2>err
    is "--apply: $name" $? 1
    is 'says why' "$(cat err)" "probe-fit: $message"
    is 'no output' "$(find . -name 'left*')" ''
done <<'END'
another model|other-model.hsz|one.probes|<stdin>: the states are of another model than the probes (fingerprint abd, not abc)
another width|wide.hsz|one.probes|<stdin>: states of 7 numbers, the probe wants 6
no such layer|fewer.hsz|one.probes|<stdin>: layer 4 is not in the stream
probes for states|one.probes|one.probes|<stdin>: a stream of probes, not of activations
states for probes|a.hsz|a.hsz|a.hsz: a stream of activations, not of probes
no probes|a.hsz|nowhere|nowhere: No such file or directory
half a stream|cut.hsz|one.probes|<stdin>: segment 1, record 1: the input ends inside a zstd frame
END

# ---- probes that are damaged
for type in probe weights; do
    "$python" "$probe" drop one.probes less.probes $type
    status "probes without a record $type" 1 probe-fit --apply=less.probes
    ok 'says so' grep -q '^probe-fit: less.probes: .*weights' err
done
ok 'flipped bits of probes' "$python" "$oracle" flips a.probes 1501 probe-fit --report=tsv
ok 'probes that are cut' "$python" "$oracle" cuts a.probes 700 probe-fit --report

# ---- --report
probe-fit --report=tsv <one.probes >r.tsv
probe-fit --report=json <one.probes >r.json
ok '--report: tsv and json say what the records say' "$python" "$probe" report r.tsv r.json one.probes
probe-fit --report <one.probes >table
is '--report: the table has a line for each' "$(($(wc -l <table) - 2))" "$(($(wc -l <r.json) / 5))"
is '--report: what was held out' "$(head -n 1 table)" \
    'held out: 16 trajectories of 8 problems, 6 with reward 1'
is '--report: the figures of a line' \
    "$(awk '$1 == 2 && $2 == "mc" && $3 == "#1" { print $4, $6, $7, $8, $9 }' table)" \
    "$(awk -F '\t' '$1 == 2 && $2 == "mc" && $4 == 1 { printf "%s%.3f", sep, $6; sep = " " }' r.tsv)"

# ---- output that fails
fit -q --baselines=none <good.hsz >&- 2>err
is 'closed output' $? 1
ok 'says so' test -s err
if [ -w /dev/full ]; then
    fit -q --baselines=none <good.hsz >/dev/full 2>err
    is 'a full disk' $? 1
    ok 'says so' grep -q '^probe-fit: <stdout>: .*No space left' err
    probe-fit --apply=one.probes <good.hsz >/dev/full 2>err
    is '--apply: a full disk' $? 1
    ok 'says so' grep -q 'No space left' err
    probe-fit --report <one.probes >/dev/full 2>err
    is '--report: a full disk' $? 1
fi
{
    fit -q --baselines=none <good.hsz 2>err
    echo $? >rc
} | :
is 'a reader that leaves: no message' "$(cat err)" ''
ok 'and no success' test "$(cat rc)" -ne 0
done_testing
