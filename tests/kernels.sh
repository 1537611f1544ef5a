#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Parity with the reference on the instruction sets that this processor has
# beside the one it is given by default.
. "$HS_SRCDIR/tests/lib.sh"

for kernel in baseline avx2; do
    HSTOOLS_KERNEL=$kernel
    export HSTOOLS_KERNEL
    ok "parity: at most $kernel" "$HS_BUILDDIR/tests/test_parity" test_states
done
done_testing
