#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# 200 steps of probe-fit by every target, head, standardisation and norm, on
# each instruction set, against what PyTorch got in 64 bits: tests/ref/fit.txt.
. "$HS_SRCDIR/tests/lib.sh"

find_python numpy msgpack zstandard || skip_all 'no python3 with numpy, msgpack and zstandard'
"$HS_BUILDDIR/tests/mkstream" --items=60 --dim=20 --layers=1 --seed=2 >stream
tried=
for kernel in baseline avx2 avx512 amx; do
    HSTOOLS_KERNEL=$kernel
    export HSTOOLS_KERNEL
    # what the processor lacks falls back to what it has
    is=$(probe-fit -q --epochs=0 --hidden=1 --baselines=none <stream |
        hs-view --head=0 | jq -r 'select(.type == "head").run.kernel')
    case " $tried " in
    *" $is "*) continue ;;
    esac
    tried="$tried $is"
    ok "as PyTorch: $is" "$python" "$HS_SRCDIR/tests/ref/fit.py" check stream \
        "$HS_SRCDIR/tests/ref/fit.txt"
done
ok 'an instruction set was tried' test -n "$tried"
done_testing
