#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# stream.sh - writing and reading states on one thread, beside libzstd alone at
# level 1 over the same bytes in the same run. Medians of 5; MB before
# compression.
#
# usage: sh tests/bench/stream.sh [STREAM...]     (without: made-up ones)
set -u
export LC_ALL=C
build=${HS_BUILDDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
make -C "$build" -s tests/mkstream tests/bench/streamspeed >/dev/null || exit 1
if [ $# -gt 0 ]; then
    for file; do
        echo "$file"
        "$build/tests/bench/streamspeed" "$file" || exit 1
    done
    exit 0
fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
for dtype in f16 bf16 f32; do
    "$build/tests/mkstream" --dtype=$dtype --dim=1024 --tokens=300 --items=24 \
        --layers=0-6 >"$dir/stream" || exit 1
    "$build/tests/bench/streamspeed" "$dir/stream" || exit 1
done
