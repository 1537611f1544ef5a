#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The rules of the house that a machine can hold: names, floors, sizes, banned
# calls. What a rule is for stands in CONTRIBUTING.md.
. "$HS_SRCDIR/tests/lib.sh"

# Tracked files if this is a checkout, else all that the tarball brought.
(
    cd "$HS_SRCDIR" || exit 1
    if [ -e .git ] && git ls-files -co --exclude-standard 2>/dev/null; then
        exit 0
    fi
    find . \( -name .git -o -name 'build' -o -name 'build-*' -o -name '_*' \) \
        -prune -o -type f -print |
        sed 's,^\./,,'
) | grep -Ev '^(autom4te|build-aux|m4/|aclocal|configure$|config\.h|Makefile\.in)' |
    sort >files
grep -E '\.(c|h)$' files >c_files
grep -E '\.(c|h|sh|py|js)$' files >sources

# none NAME: the file of offences is empty
none() {
    if [ -s offences ]; then
        fail "$1"
        head -n 20 offences | say
    else
        pass "$1"
    fi
}

# in_files LIST COMMAND...: run the command over the files of a list
in_files() {
    in_list=$PWD/$1
    shift
    (cd "$HS_SRCDIR" && tr '\n' '\0' <"$in_list" | xargs -0r "$@" /dev/null)
}

ok 'there are files to look at' test -s c_files -a -s sources

for archive in "$HS_BUILDDIR"/lib*.a; do
    nm -g --defined-only "$archive"
done |
    awk 'NF == 3 && $3 !~ /^(hs_|__odr_asan)/ { print $3 }' >offences
none 'symbols of the library start with hs_'

floors='base stream stats model task probe ablate rpe search plot'
for floor in $floors; do
    allowed="${allowed:+$allowed|}$floor"
    grep "^common/$floor/" c_files >floor_files || continue
    in_files floor_files grep -HnE '^#include "[a-z]+/' |
        grep -vE "\"($allowed)/" >offences
    none "common/$floor includes no floor above it"
done
# shellcheck disable=SC2086
grep '^common/' c_files | grep -vE "^common/($(echo $floors | tr ' ' '|'))/" >offences
none 'common/ has no floor without a place'

grep -E '^(common|tools|tests)/' c_files >ours
in_files ours grep -HnE \
    '\b(atoi|atol|atoll|atof|strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca|setlocale) ?\(' >offences
none 'no banned functions'
# Functions for the command line, whose names say so, may.
grep '^common/.*\.c$' c_files | grep -v '^common/base/m\(em\|sg\)\.' >library
# shellcheck disable=SC2016 # awk's own $0
in_files library awk '
    /^[a-z_].*\(/ { name = $0 }
    !/^ *(\*|\/\*|\/\/)/ && /(^|[^a-z_])(hs_die|hs_die_usage|exit|_exit|abort) ?\(/ &&
        name !~ /^(hs_)?parse_/ { print FILENAME ": " FNR ": " $0 }' >offences
none 'the library does not end the program'
in_files files grep -HnIE -e '-O''fast|-ff''ast-math' >offences
none 'no fast-math'
in_files sources grep -HnwE 'TO''DO|FIX''ME|XX''X|HA''CK' >offences
none 'no unfinished marks'

while read -r file; do
    head -n 3 "$HS_SRCDIR/$file" | grep -q 'SPDX-License-Identifier: GPL-3' ||
        echo "$file"
done <sources >offences
none 'each source file names its licence'
while read -r file; do
    lines=$(wc -l <"$HS_SRCDIR/$file")
    case $file in
    tools/*) limit=400 ;;
    *) limit=600 ;;
    esac
    [ "$lines" -le $limit ] || echo "$file: $lines lines, at most $limit"
done <c_files >offences
none 'files keep to their length'
# shellcheck disable=SC2016 # awk's own $0
in_files ours awk '
    /^[a-z_].*\(/ { name = $0 }
    /^{/ { start = FNR }
    /^}/ && start {
        most = FILENAME ~ /forward\.c$/ ? 120 : 60
        if (FILENAME ~ /^tests/) most = 120 # tables of cases
        if (name ~ /^main\(/ && FILENAME ~ /^tools/) most = 40
        if (FNR - start - 1 > most)
            print FILENAME ": " name ": " FNR - start - 1 " lines"
        start = 0
    }' >offences
none 'functions keep to their length'
sed 's,.*/,,' c_files | sort | uniq -d >offences
none 'names of C files are unique'

while read -r file; do
    size=$(wc -c <"$HS_SRCDIR/$file")
    [ "$size" -le 204800 ] || echo "$file: $size bytes"
done <files | grep -v '^examples/reasoner/model\.safetensors' >offences
none 'nothing but the weights is larger than 200 KB'
done_testing
