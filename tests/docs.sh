#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# For every program: --help, the page and getopt's tables name the same options
# with and without arguments; and the pages' examples run. A literal block
# after the roff comment line  .\" norun  is only text.
. "$HS_SRCDIR/tests/lib.sh"

# Words of a Makefile variable.
words_of() {
    awk -v name="$1" '
        $1 == name && $2 == "=" { on = 1; $1 = $2 = "" }
        on { line = $0; more = sub(/\\$/, "", line); print line; on = more }
    ' "$HS_SRCDIR/Makefile.am" | tr -s ' \t' '\n' | sed '/^$/d'
}

# Lines of "long short takes", short "-" if there is none, takes 0 or 1.
from_help() {
    sed -n -E 's/^ {1,8}(-([A-Za-z0-9]), |)--([a-z0-9-]+)((\[?[ =][^ ]).*|)(  .*|)$/\3 -\2 \5/p' "$1" |
        awk '{ s = substr($2, 2); print $1, (s == "" ? "-" : s), (NF > 2) }' | sort
}

from_page() {
    sed -n -E 's/^\.It (Fl ([A-Za-z0-9]) (Ar [^ ]+ )?, )?Fl -([a-z0-9-]+)( .*|)$/\4 -\2\5/p' "$1" |
        awk '{ s = substr($2, 2); print $1, (s == "" ? "-" : s), / Ar / ? 1 : 0 }' | sort
}

# The longopts table, with values that are characters as short options.
from_table() {
    tr '\n' ' ' <"$1" | grep -oE '\{ *"[a-z0-9-]+", *[a-z_0-2]+, *[^,]*, *[^}]*\}' |
        sed -E 's/\{ *"([a-z0-9-]+)", *([a-z_0-2]+), *[^,]*, *([^}]*[^ }]) *\}/\1 \2 \3/' |
        awk -v quote="'" '{
            short = substr($3, 1, 1) == quote ? substr($3, 2, 1) : "-"
            print $1, short, !($2 == "no_argument" || $2 == "0")
        }' | sort
}

# "short takes" of getopt_long's string of short options.
from_shorts() {
    tr '\n' ' ' <"$1" | grep -oE 'getopt_long\([^;]*;' | head -n 1 |
        sed -E 's/[^"]*"[+:-]*([^"]*)".*/\1/' | sed -E 's/(.)/\1\n/g' |
        awk '$0 == ":" { takes[last] = 1; next }
            NF { last = $0; takes[last] += 0 }
            END { for (s in takes) print s, takes[s] }' | sort
}

differences() {
    diff "$2" "$3" >differences || {
        echo "$1:"
        cat differences
    }
}

same_options() {
    from_help "$program.help" >from-help
    from_page "$page" >from-page
    from_table "$source" >from-table
    [ -s from-table ] || echo 'no longopts found'
    differences "--help, then getopt's table" from-help from-table
    differences "page, then getopt's table" from-page from-table
    awk '$2 != "-" { print $2, $3 }' from-table | sort >expected
    from_shorts "$source" >shorts
    differences 'short options, then the table' shorts expected
}

# Sections of a page, of those whose order is fixed.
sections() {
    sed -n 's/^\.Sh //p' "$1" | grep -xE "$(echo "$order" | tr ' ' '|' | tr _ ' ')"
}
order='NAME SYNOPSIS DESCRIPTION OPTIONS INPUT OUTPUT EXIT_STATUS EXAMPLES SEE_ALSO CAVEATS'

in_order() {
    sections "$1" >have
    echo "$order" | tr ' ' '\n' | tr _ ' ' | grep -xFf have >wanted
    diff have wanted
    for section in NAME SYNOPSIS DESCRIPTION OPTIONS 'EXIT STATUS' EXAMPLES \
        'SEE ALSO'; do
        grep -qx "$section" have || echo "no section $section"
    done
}

# quiet NAME COMMAND...: the command prints nothing
quiet() {
    quiet_name=$1
    shift
    "$@" >complaints 2>&1
    if [ -s complaints ]; then
        fail "$quiet_name"
        head -n 30 complaints | say
    else
        pass "$quiet_name"
    fi
}

# Literal blocks of EXAMPLES, one file each: block-1, block-2...
examples_of() {
    rm -f block-*
    awk '
        /^\.Sh / { in_examples = $0 == ".Sh EXAMPLES" }
        !in_examples { next }
        /^\.\\" norun/ { skip = 1 }
        /^\.Bd -literal/ { on = !skip; if (on) n++; skip = 0; next }
        /^\.Ed/ { on = 0 }
        on { print > ("block-" n) }
    ' "$1"
    for block in block-*; do
        [ -e "$block" ] || continue
        sed -i 's/\\e/\\/g; s/\\-/-/g; s/\\&//g; s/\\(aq/'"'"'/g
            s/\\(dq/"/g; s/\\(ha/^/g; s/\\(ti/~/g' "$block"
    done
}

# What the examples take for given.
scene() {
    for task in chain expr choice; do
        head -n 20 "$HS_SRCDIR/examples/reasoner/problems/$task-test.jsonl"
    done >problems.jsonl
    for stream in acts probe curves rank arms rpe; do
        [ ! -e "$scratch/$stream.hsz" ] || cp "$scratch/$stream.hsz" .
    done
}

run_examples() {
    examples_of "$page"
    mkdir "scene-$name"
    for block in block-1 block-2 block-3 block-4 block-5 block-6 block-7 \
        block-8 block-9 block-10 block-11 block-12 block-13 block-14 \
        block-15 block-16; do
        [ -e "$block" ] || continue
        mv "$block" "scene-$name/.$block"
        example() {
            cd "scene-$name" || return 1
            [ -e problems.jsonl ] || scene
            timeout 300 sh -e ".$block" </dev/null
        }
        ( example ) >out 2>&1
        example_status=$?
        is "$name: example ${block#block-} runs" $example_status 0
        [ $example_status -eq 0 ] || tail -n 8 out | say
    done
}

HSTOOLS_MODEL=$HS_SRCDIR/examples/reasoner
export HSTOOLS_MODEL
programs=$(words_of bin_PROGRAMS | sed 's,.*/,,')
[ -n "$programs" ] || skip_all 'no programs yet'
if command -v hs-extract >/dev/null; then
    head -n 40 "$HSTOOLS_MODEL/problems/expr-test.jsonl" |
        hs-extract --seed 1 --max-tokens 100 -o acts.hsz
    is 'a stream for the examples' $? 0
fi
if command -v hs-plot >/dev/null; then
    sh "$HS_SRCDIR/tests/plotrecords.sh" probes |
        "$HS_BUILDDIR/tests/mkrecords" probes >probe.hsz
    sh "$HS_SRCDIR/tests/plotrecords.sh" rankings |
        "$HS_BUILDDIR/tests/mkrecords" rankings >curves.hsz
    sh "$HS_SRCDIR/tests/plotrecords.sh" arms |
        "$HS_BUILDDIR/tests/mkrecords" arms >arms.hsz
    for kind in traces coordinates curves dependence; do
        sh "$HS_SRCDIR/tests/rperecords.sh" $kind
    done | "$HS_BUILDDIR/tests/mkrecords" rpe >rpe.hsz
    is 'streams of results for the examples' $? 0
fi

if command -v ablate-eval >/dev/null; then
    probe-fit -q -l 2-3 --target mc --epochs 3 --hidden 16 --baselines none \
        --permutations 10 --bootstrap 10 <acts.hsz | neuron-rank -q -o rank.hsz
    is 'a ranking for the examples' $? 0
fi

version=$(sed -n 's/^#define PACKAGE_VERSION "\(.*\)"/\1/p' \
    "$HS_BUILDDIR/config.h")
for program in $programs; do
    page=$HS_SRCDIR/man/$program.1
    source=$HS_SRCDIR/tools/$program.c
    status "$program --help exits 0" 0 "$program" --help
    cp out "$program.help"
    is "$program --help is silent on stderr" "$(cat err)" ''
    status "$program -V exits 0" 0 "$program" -V
    is "$program -V names the version" "$(grep -cF "$version" out)" 1
    status "$program refuses an unknown option" 2 "$program" --no-such-option
    is "$program prints no usage among its results" "$(cat out)" ''
    if [ -w /dev/full ]; then
        "$program" --help >/dev/full 2>err
        is "$program --help notices a full disk" $? 1
    fi
    if [ ! -e "$page" ]; then
        fail "$program has a page"
        continue
    fi
    quiet "$program: --help, page and getopt agree" same_options
    quiet "$program: sections of the page are in order" in_order "$page"
done

for page in "$HS_SRCDIR"/man/*.[1-9]; do
    name=${page##*/}
    if command -v mandoc >/dev/null; then
        quiet "$name: mandoc finds nothing" \
            mandoc -Tlint -Wwarning -Ios=hstools "$page"
    else
        skip "$name: mandoc" 'mandoc is not installed'
    fi
    missing_pages() {
        grep -oE '^\.Xr (hs-|hstools)[a-z-]* [1-9]' "$page" | sort -u |
            while read -r _ other section; do
                [ -e "$HS_SRCDIR/man/$other.$section" ] ||
                    echo "no page $other($section)"
            done
    }
    quiet "$name: the pages of ours that it names exist" missing_pages
    run_examples
done
done_testing
