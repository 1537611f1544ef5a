# SPDX-License-Identifier: GPL-3.0-or-later
#
# Read by tests/run.sh and the scripts under examples/ with the source root as
# the current directory: builds the tools in build/, again only where needed.
# shellcheck shell=sh disable=SC3013

# How many jobs to run at once.
jobs_here() {
    nproc 2>/dev/null || echo 2
}

# Run quietly into build/build.log; show its end if the command fails.
step() {
    "$@" >>build/build.log 2>&1 && return 0
    echo "failed: $*" >&2
    tail -n 30 build/build.log >&2
    echo "(all of it is in $PWD/build/build.log)" >&2
    return 1
}

build_tools() {
    case $PWD in
    *[!A-Za-z0-9/._+,=:@%~-]*)
        echo "make cannot build below a folder of this name: $PWD" >&2
        return 1
        ;;
    esac
    mkdir -p build && : >build/build.log || return 1
    if [ ! -x configure ] || [ configure.ac -nt configure ]; then
        echo 'preparing' >&2
        step ./autogen.sh || return 1
    fi
    # A copied tree brings a Makefile of another place: configure again.
    if [ ! -f build/Makefile ] || [ configure -nt build/config.status ] ||
        ! grep -qxF "abs_builddir = $PWD/build" build/Makefile; then
        echo 'configuring' >&2
        (cd build && step_in_build) || return 1
    fi
    echo 'building' >&2
    step make -C build -j"$(jobs_here)"
}

step_in_build() {
    ../configure -q >>build.log 2>&1 && return 0
    tail -n 30 build.log >&2
    return 1
}
