#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What make fuzz runs: builds the library with libFuzzer, ASan and UBSan, then
# runs each tests/fuzz/fuzz_NAME.c for FUZZ_SECONDS (60) over the committed
# tests/fuzz/corpus/NAME. Finds stay in BUILD/fuzz/NAME; a crash ends it with 1.
#
# usage: FUZZ_FLAGS=CPPFLAGS FUZZ_LIBS=LIBS sh tests/fuzz.sh SOURCE BUILD [NAME...]
set -u
source=$1
build=$2
shift 2
: "${FUZZ_FLAGS?run make fuzz}" "${FUZZ_LIBS?run make fuzz}"
checks=address,undefined
out=$build/fuzz
mkdir -p "$out/objects" || exit 1

# shellcheck disable=SC2086 # flags are words
compile() {
    ${FUZZ_CC:-clang} -g -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all \
        $FUZZ_FLAGS "$@"
}

for file in "$source"/common/*/*.c; do
    compile -fsanitize=fuzzer-no-link,$checks -c "$file" \
        -o "$out/objects/$(basename "$file" .c).o" || exit 1
done

failed=0
for target in "$source"/tests/fuzz/fuzz_*.c; do
    [ -e "$target" ] || continue
    name=$(basename "$target" .c)
    name=${name#fuzz_}
    [ $# -eq 0 ] || case " $* " in *" $name "*) ;; *) continue ;; esac
    # shellcheck disable=SC2086
    compile -fsanitize=fuzzer,$checks "$target" "$out"/objects/*.o \
        $FUZZ_LIBS -o "$out/fuzz_$name" || exit 1
    mkdir -p "$out/$name"
    seeds=$source/tests/fuzz/corpus/$name
    [ -d "$seeds" ] || seeds=
    echo "fuzz: $name for ${FUZZ_SECONDS:-60} s"
    if ! (cd "$out/$name" && "../fuzz_$name" -max_total_time="${FUZZ_SECONDS:-60}" \
        -rss_limit_mb=2048 -timeout=20 -print_final_stats=1 . \
        ${seeds:+"$seeds"}) >"$out/$name.log" 2>&1; then
        echo "fuzz: $name failed: $out/$name.log" >&2
        tail -n 30 "$out/$name.log" >&2
        failed=1
    fi
    grep -E 'stat::(number_of_executed|new_units)' "$out/$name.log"
done
exit $failed
