#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The one list of Debian packages that hstools needs, and their installation.
# Asks apt-get only for what is missing, as root or through sudo; elsewhere it
# says what is needed and succeeds if the tools are there all the same.
#
# usage: sh tests/deps.sh [--list] [build] [run] [tests] [dev]

packages_of() {
    case $1 in
    build)
        echo 'gcc libc6-dev make autoconf automake pkg-config libzstd-dev
            libmsgpack-dev libopenblas-dev libjansson-dev libpcre2-dev
            libutf8proc-dev librandom123-dev libxxhash-dev libgsl-dev libcmocka-dev'
        ;;
    run) echo 'parallel zstd jq gnuplot-nox' ;;
    tests) echo 'mandoc python3 python3-numpy python3-msgpack python3-zstandard' ;;
    dev) echo 'clang clang-format cppcheck shellcheck' ;;
    *) usage ;;
    esac
}

# What stands for a group where packages cannot be asked about.
tools_of() {
    case $1 in
    build) echo 'cc make autoconf automake pkg-config' ;;
    run) echo 'parallel zstd jq gnuplot' ;;
    tests) echo 'mandoc python3' ;;
    dev) echo 'clang clang-format cppcheck shellcheck' ;;
    esac
}

usage() {
    echo 'usage: sh tests/deps.sh [--list] [build] [run] [tests] [dev]' >&2
    exit 2
}

# Package names of the groups named, one a line.
packages() {
    for group in "$@"; do
        packages_of "$group" | tr -s ' ' '\n' | sed '/^$/d'
    done
}

missing_packages() {
    for package in $(packages "$@"); do
        state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)
        [ "$state" = installed ] || echo "$package"
    done
}

missing_tools() {
    for group in "$@"; do
        for tool in $(tools_of "$group"); do
            command -v "$tool" >/dev/null 2>&1 || echo "$tool"
        done
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# apt-get's own words matter only when it fails.
apt() {
    log=$(mktemp) || return 1
    if as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" \
        </dev/null >"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    tail -n 20 "$log" >&2
    rm -f "$log"
    return 1
}

install_packages() {
    echo "deps: installing" "$@" >&2
    # Stale lists are enough if every package is still where they say.
    apt install -y --no-install-recommends "$@" 2>/dev/null && return 0
    apt update && apt install -y --no-install-recommends "$@"
}

list=no
if [ "${1-}" = --list ]; then
    list=yes
    shift
fi
[ $# -gt 0 ] || set -- build run tests
for group in "$@"; do
    packages_of "$group" >/dev/null
done
if [ $list = yes ]; then
    packages "$@"
    exit 0
fi

if command -v dpkg-query >/dev/null 2>&1; then
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || exit 0
    can_install=no
    if command -v apt-get >/dev/null 2>&1; then
        if [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null 2>&1; then
            can_install=yes
        fi
    fi
    # Word splitting makes the arguments: package names have no spaces.
    # shellcheck disable=SC2086
    if [ $can_install = yes ] && install_packages $missing; then
        exit 0
    fi
    echo 'deps: these Debian packages are missing:' "$missing" >&2
else
    echo 'deps: not a Debian system; the names there of what is needed:' >&2
    packages "$@" | paste -s -d ' ' - | fold -s -w 76 >&2
fi

missing=$(missing_tools "$@")
if [ -n "$missing" ]; then
    echo 'deps: not found:' "$missing" >&2
    exit 1
fi
echo 'deps: the programs are there; going on' >&2
