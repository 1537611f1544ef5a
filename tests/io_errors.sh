#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Every program against full disks, closed descriptors and neighbours that die:
# whatever fails shows in the exit status, in plain sh, without pipefail.
. "$HS_SRCDIR/tests/lib.sh"

find_python numpy msgpack zstandard || skip_all 'no python3 with numpy, msgpack and zstandard'
"$python" "$HS_SRCDIR/tests/oracle.py" make a.hsz
"$python" "$HS_SRCDIR/tests/oracle.py" make large.hsz n=3000
hs-export --npy=arrays a.hsz
HSTOOLS_MODEL=$HS_SRCDIR/examples/reasoner
export HSTOOLS_MODEL
head -n 1 "$HSTOOLS_MODEL/problems/expr-test.jsonl" >problems.jsonl

# Programs that read a stream from standard input, and those that write one.
readers='hs-view
hs-view --check
hs-view --stats
hs-view --digest
hs-cat
hs-cat --shuffle
hs-grade --grader exact
hs-plot auc --script
hs-export -o out.safetensors'
writers='hs-view
hs-view --stats
hs-view --digest
hs-cat
hs-cat --shuffle
hs-grade --grader exact
hs-import arrays
hs-synth --width 64 --trajectories 40
hs-extract --max-tokens 2 --seed 1 -l 0'

has() {
    command -v "${1%% *}" >/dev/null
}

echo "$readers" >list
while read -r command; do
    has "$command" || continue
    $command </dev/null >out 2>err
    is "$command: empty input" $? 1
    ok "$command: says so" test -s err
    $command <&- >out 2>err
    is "$command: closed input" $? 1
    $command <. >out 2>err
    is "$command: a folder as input" $? 1
    head -c 5000 large.hsz | $command >out 2>err
    is "$command: input that is cut off" $? 1
    sh -c 'head -c 70000 large.hsz; kill -9 $$' 2>/dev/null | $command >out 2>err
    is "$command: a neighbour that is killed" $? 1
    "$python" -c 'import os, sys; os.write(1, os.urandom(5000))' | $command >out 2>err
    is "$command: random bytes" $? 1
    (cat a.hsz; echo more) | $command >out 2>err
    is "$command: bytes behind the end" $? 1
    ok "$command: one line, with its name" \
        sh -c "test \$(wc -l <err) -eq 1 && grep -q '^${command%% *}: ' err"
    is "$command: no file" "$(find . -name 'out.*')" ''
    rm -f out.*
done <list

echo "$writers" >list
while read -r command; do
    has "$command" || continue
    input=a.hsz
    [ "${command%% *}" = hs-extract ] && input=problems.jsonl
    $command <$input >/dev/null 2>err
    is "$command: works" $? 0
    $command <$input >&- 2>err
    is "$command: closed output" $? 1
    ok "$command: says so" test -s err
    [ -w /dev/full ] || continue
    $command <$input >/dev/full 2>err
    is "$command: a full disk" $? 1
    ok "$command: says so" grep -q 'No space left' err
done <list

for program in hs-view hs-cat hs-grade hs-export hs-import hs-extract hs-plot \
    hs-synth neuron-rank probe-fit; do
    has "$program" || continue
    $program --help >&- 2>/dev/null
    is "$program --help: closed output" $? 1
    [ -w /dev/full ] || continue
    $program --version >/dev/full 2>/dev/null
    is "$program --version: a full disk" $? 1
done

# ---- closed descriptors are not taken for files
hs-cat -o kept.hsz a.hsz <&- >&-
is 'closed descriptors that are not needed' $? 0
is 'do no harm' "$(hs-view --digest <kept.hsz)" "$(hs-view --digest <a.hsz)"
hs-cat --shuffle a.hsz >&- 2>err
is 'a temporary file does not become standard output' \
    "$(grep -c '<stdout>: Bad file' err)" 1

# ---- pipelines
sh -c "sh -c 'head -c 70000 large.hsz; kill -9 \$\$' | hs-cat | hs-cat | hs-view --stats" >out 2>/dev/null
is 'the first stage dies: the pipeline fails' $? 1
is 'and prints no numbers' "$(cat out)" ''
sh -c "cat large.hsz | (head -c 70000; kill -9 \$\$) | hs-view --digest" >out 2>/dev/null
ok 'a middle stage dies: the pipeline fails' test $? -ne 0
hs-cat large.hsz -o over.hsz
is 'a stream for the next check' $? 0
status 'the reader leaves early' 0 sh -c 'hs-view large.hsz | head -n 1 | grep -c head'
mkdir closed
cp a.hsz closed/
if [ "$(id -u)" -ne 0 ]; then
    chmod 500 closed
    status 'a folder that may not be written' 1 hs-cat -o closed/b.hsz a.hsz
    chmod 700 closed
else
    status 'a folder that is not there' 1 hs-cat -o nowhere/b.hsz a.hsz
fi
ok 'names the file' grep -q '^hs-cat: .*b.hsz' err
hs-cat -o b.hsz large.hsz &
wait $!
ok 'an output has its name only when it is whole' test -e b.hsz -a ! -e b.hsz.part
(sleep 5; cat a.hsz) | hs-cat -o slow.hsz - &
pid=$!
n=0
while [ ! -e slow.hsz.part ] && [ $n -lt 20 ] && kill -0 $pid 2>/dev/null; do
    sleep 0.1
    n=$((n + 1))
done
kill -TERM $pid 2>/dev/null
wait $pid 2>/dev/null
is 'a program that is ended leaves no output' "$(find . -name 'slow.hsz*')" ''
done_testing
