#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Placement changes nothing: not the batch, the threads, the shards, the order
# of the input, nor being killed and gone on with. Whole files are compared, or
# digests where the order differs.
. "$HS_SRCDIR/tests/lib.sh"

HSTOOLS_MODEL=$HS_SRCDIR/examples/reasoner
export HSTOOLS_MODEL
for task in chain expr choice; do
    head -n 9 "$HSTOOLS_MODEL/problems/$task-test.jsonl"
done >problems.jsonl
sort problems.jsonl | awk '{ print substr($0, length($0) - 20) "\t" $0 }' |
    sort | cut -f2- >other.jsonl

digest() {
    hs-view --digest "$1" | cut -c1-32
}

# extract OPTION...: the options of the mode, and what must not matter
extract() {
    # shellcheck disable=SC2086
    hs-extract -q --no-history --max-tokens 60 $mode "$@"
}

# placed NAME: batches, threads, shards, order
placed() {
    name=$1
    mode=$2
    extract -o one.hsz <problems.jsonl
    is "$name: a run" $? 0
    wanted=$(digest one.hsz)
    is "$name: has items" "$(hs-view --stats --json one.hsz | jq '.items')" "$3"
    for batch in 1 7 64; do
        for threads in 1 2; do
            extract --batch $batch -j $threads -o two.hsz <problems.jsonl
            ok "$name: --batch $batch -j $threads" cmp one.hsz two.hsz
        done
    done
    extract --batch 32 -j 1 -o two.hsz <problems.jsonl
    ok "$name: --batch 32 -j 1" cmp one.hsz two.hsz
    extract --batch 5 <other.jsonl >two.hsz
    is "$name: another order" "$(digest two.hsz)" "$wanted"
    ok "$name: it was another" test "$(cksum <one.hsz)" != "$(cksum <two.hsz)"
    for i in 1 2 3 4; do
        extract --shard $i/4 --batch $i -j 1 -o shard-$i.hsz <problems.jsonl
    done
    cat shard-[1-4].hsz >two.hsz
    is "$name: shards joined by cat" "$(digest two.hsz)" "$wanted"
}

# await_growth FILE BYTES PID: until the file is larger or the program ends
await_growth() {
    while kill -0 "$3" 2>/dev/null; do
        if [ -e "$1" ] && [ "$(wc -c <"$1")" -gt "$2" ]; then
            return 0
        fi
        sleep 0.02
    done
    return 1
}

# Problems come one by one, so that a run can be met in its middle.
slowly() {
    while read -r line; do
        printf '%s\n' "$line" || return
        sleep 0.1
    done <problems.jsonl
}

# killed NAME: kill -9 three times, each time with other options, compared with
# the last one.hsz
killed() {
    size=$(wc -c <one.hsz)
    rm -f k.hsz*
    kills=0
    resume=
    for options in '--batch 2 -j 1' '--batch 3 -j 2' '--batch 1 -j 2'; do
        kills=$((kills + 1))
        # Not through extract: the process must be the program itself.
        # shellcheck disable=SC2086
        slowly | hs-extract -q --no-history --max-tokens 60 $mode $options \
            $resume -o k.hsz &
        pid=$!
        await_growth k.hsz.part $((size * kills / 5)) $pid
        kill -9 $pid 2>/dev/null
        wait $pid 2>/dev/null
        is "$1: killed the $kills. time" "$(echo k.hsz*)" k.hsz.part
        resume=--resume
    done
    status "$1: what is left is no stream" 1 hs-view --check k.hsz.part
    # shellcheck disable=SC2086
    hs-extract --no-history --max-tokens 60 $mode -v --resume -o k.hsz \
        <problems.jsonl 2>said
    is "$1: gone on with" $? 0
    kept=$(sed -n 's/.* items, \([0-9]*\) of them there already.*/\1/p' said)
    ok "$1: some were there ($kept)" test "${kept:-0}" -gt 3
    ok "$1: the same bytes" cmp one.hsz k.hsz
    is "$1: nothing else is left" "$(echo k.hsz*)" k.hsz
}

placed greedy --greedy 27
killed greedy
mode='--temperature 1 --samples 3 --seed 5'
edit='--edit zero --edit-layer 2 --edit-coords 0-31 --edit-where not-first'
placed sampled "$mode" 81
killed sampled
digest one.hsz >unedited
placed edited "$mode $edit" 81
ok 'edited: the edit makes a difference' test "$(digest one.hsz)" != "$(cat unedited)"

# ---- what was done elsewhere is left out
extract --shard 1/3 -o third.hsz <problems.jsonl
extract --skip third.hsz -o rest.hsz <problems.jsonl
cat third.hsz rest.hsz >two.hsz
is '--skip: the rest of a run' "$(digest two.hsz)" "$(digest one.hsz)"

# ---- GNU parallel
if command -v parallel >/dev/null; then
    extract="hs-extract -q --no-history --max-tokens 60 $mode -j 1"
    parallel --pipe -N 5 --jobs 2 "$extract -o pipe-{#}.hsz" <problems.jsonl
    is 'parallel --pipe' $? 0
    cat pipe-*.hsz >two.hsz
    is 'parallel --pipe: the same' "$(digest two.hsz)" "$(digest one.hsz)"
    parallel --jobs 2 "$extract --shard {}/4 -o s-{}.hsz <problems.jsonl" ::: 1 2 3 4
    is 'parallel --shard' $? 0
    hs-cat s-[1-4].hsz >two.hsz
    is 'parallel --shard: the same' "$(digest two.hsz)" "$(digest one.hsz)"

    # A job that dies at first is gone on with by --retries.
    cat >dying.sh <<'END2'
if [ ! -e died ]; then
    : >died
    exec 3<&0
    "$@" <&3 &
    while [ ! -s dying.hsz.part ] && kill -0 $!; do sleep 0.02; done
    kill -9 $!
    wait $!
    exit 1
fi
exec "$@"
END2
    parallel --retries 3 --joblog log --resume-failed \
        "sh dying.sh $extract --batch 1 --shard {}/1 --resume -o dying.hsz <problems.jsonl" ::: 1 2>err
    is 'parallel --retries, and --resume' $? 0
    is 'it had died' "$(echo died*)" died
    ok 'the same bytes' cmp one.hsz dying.hsz

    ok 'examples/parallel.sh' sh "$HS_SRCDIR/examples/parallel.sh" 24 2
    grep -q '^equal' .out
    is 'examples/parallel.sh: equal' $? 0
    ok 'examples/parallel.sh with --sshlogin' sh "$HS_SRCDIR/examples/parallel.sh" 12 2 1/:
else
    skip 'parallel' 'GNU parallel is not installed'
fi
done_testing
