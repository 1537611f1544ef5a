#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What make lint runs: cppcheck over the C files, mandoc over the pages
# and shellcheck over the scripts.
#
# usage: sh tests/lint.sh SOURCE BUILD
cd "$1" || exit 1
failed=0
cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability \
    --inline-suppr --suppress=missingIncludeSystem --std=c11 -I common -I "$2" \
    -DHAVE_CONFIG_H "-Djson_array_foreach(a,i,v)=for(;;)" \
    "-Djson_object_foreach(o,k,v)=for(;;)" common tools || failed=1
for page in man/*.[1-9]; do
    [ -e "$page" ] || continue
    mandoc -Tlint -Wwarning -Ios=hstools "$page" || failed=1
done
# SC1091, SC2154: tests/lib.sh is read at a path known only when tests run.
find autogen.sh examples tests -name "*.sh" -exec shellcheck -s sh -S warning \
    -e SC1091,SC2154 {} + || failed=1
exit $failed
