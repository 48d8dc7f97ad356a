#!/bin/bash
# Checks that need no run of the program: format, clang-tidy, who may include and call whom, no
# state at file scope, each file's first line. Wants the objects in build/ and makes them.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
export LC_ALL=C

pure=(protocol storage wal)
sources=(protocol storage wal server sim)
failures=0

report() { # name, findings
    if [ -z "$2" ]; then
        echo "  ok    $1"
    else
        echo "  FAIL  $1"
        sed 's/^/        /' <<<"$2"
        failures=$((failures + 1))
    fi
}

# .c and .h files in folders, those that a linter may look at.
files() {
    find "$@" -name '*.[ch]' -type f | sort
}

# "file:included" for every #include, as written, of the files named on standard input.
includes() {
    xargs -r awk '
        /^[ \t]*#[ \t]*include[ \t]/ {
            sub(/^[ \t]*#[ \t]*include[ \t]*/, "")
            sub(/[ \t].*$/, "")
            print FILENAME ":" $0
        }'
}

# --- tools ---------------------------------------------------------------------------------------

tests/lint/need.sh clang-format clang-tidy liburing-dev libxxhash-dev || exit 1

# --- text ----------------------------------------------------------------------------------------

check_format() {
    files "${sources[@]}" conf tests |
        xargs -r -n 8 -P 2 clang-format --dry-run -Werror 2>&1 | grep 'error:'
}

check_first_line() {
    files "${sources[@]}" conf tests | while read -r file; do
        head -n 1 "$file" | grep -q '^// [^ ]' || echo "$file: begins without a // comment"
    done
}

# The words are put together here so that this file does not hold them.
check_words() {
    local words="TO""DO|FIX""ME|XX""X|HA""CK"
    grep -rnE "\b($words)\b" --include='*.[ch]' --include='*.sh' --include='*.py' --include=Makefile \
        --include='*.conf' --include='*.md' "${sources[@]}" conf tests Makefile ./*.md 2>/dev/null
}

# --- includes --------------------------------------------------------------------------------------

check_pure_includes() {
    local libc='assert|errno|inttypes|limits|stdalign|stdarg|stdbool|stddef|stdint|stdio|string|strings'
    for folder in "${pure[@]}"; do
        files "$folder" | includes |
            grep -vE ":(\"$folder/|\"conf/limits\.h\"|\"storage/allocator\.h\"|<($libc)\.h>)" |
            grep -vE '(\.c:<xxhash|:<emmintrin)\.h>'
    done
}

check_server_includes() {
    files server | includes | grep '"' | grep -vE ':"(server/|protocol/|storage/|wal/|conf/limits\.h")'
    files "${sources[@]}" | includes | grep liburing | grep -v '^server/io_uring\.c:'
}

# A .c file's own header, or the internal one that begins with it, comes first: that proves that the
# header can stand alone.
check_own_header() {
    files "${sources[@]}" | grep '\.c$' | while read -r file; do
        local own="${file%.c}.h"
        local first
        first=$(echo "$file" | includes | head -n 1)
        case $first in
        "$file:\"$own\"" | "$file:\"${file%.c}_internal.h\"") ;;
        *) [ ! -e "$own" ] || echo "$file: $own is not its first include" ;;
        esac
    done
}

# --- objects ---------------------------------------------------------------------------------------

objects() { # folders: the objects of the sources that are there now
    files "$@" | sed -n 's|^\(.*\)\.c$|build/\1.o|p'
}

make_objects() {
    # shellcheck disable=SC2046 # names without spaces
    env -u SAN "${MAKE:-make}" --no-print-directory -s $(objects "${pure[@]}" server) >/dev/null
}

defined() {
    xargs -r nm --defined-only --extern-only | awk 'NF == 3 { print $3 }'
}

# What the pure folders may call: themselves, the allocator, and what only computes.
check_pure_calls() {
    local libc='mem(cpy|move|set|cmp|chr|rchr|mem)|str(len|nlen|cmp|ncmp|casecmp|ncasecmp|chr|rchr|str)'
    libc+='|v?snprintf|__assert_fail|__stack_chk_fail|__u?(div|mod)ti3|_GLOBAL_OFFSET_TABLE_'
    for folder in "${pure[@]}"; do
        local known
        known=$({ objects "$folder"; echo build/storage/allocator.o; } | sort -u | defined | sort -u)
        objects "$folder" | while read -r object; do
            nm -u "$object" | awk '{ print $NF }' | grep -vxE "$libc" |
                grep -vxF "${known:-.}" | sed "s|^|$object: calls |"
        done
    done
}

# Everything hangs off struct server. Constant tables that hold pointers are in .data.rel.ro.
check_state() {
    objects "${pure[@]}" server | while read -r object; do
        objdump -t "$object" | awk -v object="$object" '
            / O / && /[ \t](\.data|\.bss|\*COM\*)/ && !/\.data\.rel\.ro/ ||
            /[ \t]\.t(data|bss)/ && $NF !~ /^\.t/ {
                print object ": " $NF
            }'
    done | grep -vx 'build/server/heap_guard.o: sealed'
}

# --- clang-tidy --------------------------------------------------------------------------------------

check_tidy() {
    files "${sources[@]}" | grep '\.c$' |
        xargs -r -n 1 -P 2 sh -c \
            'clang-tidy --quiet "$@" -- -std=gnu11 -D_GNU_SOURCE -I. -Wall -Wextra 2>/dev/null' tidy |
        grep -E '(error|warning):' | sed "s|$PWD/||"
}

echo "lint:"
report "format" "$(check_format)"
report "first lines" "$(check_first_line)"
report "words" "$(check_words)"
report "includes of the pure folders" "$(check_pure_includes)"
report "includes of the server" "$(check_server_includes)"
report "own headers first" "$(check_own_header)"
if make_objects; then
    report "calls of the pure folders" "$(check_pure_calls)"
    report "no state at file scope" "$(check_state)"
else
    report "objects" "make failed"
fi
report "clang-tidy" "$(check_tidy)"
[ "$failures" -eq 0 ] || { echo "lint: $failures checks failed"; exit 1; }
echo "lint: passed"
