#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What make fuzz runs: builds the library with libFuzzer, ASan and UBSan, then
# runs each tests/fuzz/fuzz_NAME.c for FUZZ_SECONDS (60) over the committed
# tests/fuzz/corpus/NAME. Finds stay in BUILD/fuzz/NAME; a crash ends it with 1.
#
# usage: FUZZ_ARCHIVES=... FUZZ_FLAGS=... FUZZ_LIBS=... \
#            sh tests/fuzz.sh SOURCE BUILD [NAME...]
set -u
source=$1
out=$2/fuzz
shift 2
: "${FUZZ_ARCHIVES?run make fuzz}" "${FUZZ_FLAGS?}" "${FUZZ_LIBS?}"
checks=address,undefined
flags='-g -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all'
jobs=$(nproc 2>/dev/null || echo 2)

# The library once more, in a folder of its own, ready for libFuzzer.
mkdir -p "$out/lib" && cd "$out/lib" || exit 1
[ -f Makefile ] || "$source/configure" -q CC=clang \
    CFLAGS="$flags -fsanitize=fuzzer-no-link,$checks" >configure.log 2>&1 || {
    cat configure.log >&2
    exit 1
}
# shellcheck disable=SC2086 # archives, flags and libraries are words
make -s -j"$jobs" $FUZZ_ARCHIVES || exit 1

failed=0
for target in "$source"/tests/fuzz/fuzz_*.c; do
    name=$(basename "$target" .c)
    name=${name#fuzz_}
    [ $# -eq 0 ] || case " $* " in *" $name "*) ;; *) continue ;; esac
    # shellcheck disable=SC2086
    clang $flags -fsanitize=fuzzer,$checks -I. -I"$source/common" \
        -I"$source/tests" $FUZZ_FLAGS "$target" $FUZZ_ARCHIVES $FUZZ_LIBS \
        -o "fuzz_$name" || exit 1
    mkdir -p "$out/$name"
    seeds=$source/tests/fuzz/corpus/$name
    [ -d "$seeds" ] || seeds=
    echo "fuzz: $name for ${FUZZ_SECONDS:-60} s"
    if ! (cd "$out/$name" && "$out/lib/fuzz_$name" -timeout=20 \
        -max_total_time="${FUZZ_SECONDS:-60}" -rss_limit_mb=2048 \
        -print_final_stats=1 . ${seeds:+"$seeds"}) >"$out/$name.log" 2>&1; then
        echo "fuzz: $name failed: $out/$name.log" >&2
        tail -n 30 "$out/$name.log" >&2
        failed=1
    fi
    grep -E 'stat::(number_of_executed|new_units)' "$out/$name.log"
done
exit $failed
