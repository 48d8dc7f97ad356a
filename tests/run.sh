#!/bin/bash
# run.sh BUILD: every test but the long benchmark, one after the other; ends with a count.
# Each suite prints its own count: Criterion's "Tested: N | Passing: N ...", or "NAME: N passed, N failed".
set -u
build=$1
cd "$(dirname "$0")/.." || exit 1
passed=0
failed=0
skipped=0
logs=$(mktemp -d)

count() { # NAME STATUS LOG
    local name=$1 status=$2 log=$3 line good bad
    line=$(grep -aE '^[a-z_ -]+: [0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
    if [ -n "$line" ]; then
        good=$(echo "$line" | grep -oE '[0-9]+ passed' | cut -d' ' -f1)
        bad=$(echo "$line" | grep -oE '[0-9]+ failed' | cut -d' ' -f1)
    else
        line=$(grep -a 'Synthesis: Tested' "$log" | tail -n 1)
        good=$(echo "$line" | grep -oE 'Passing: [0-9]+' | grep -oE '[0-9]+')
        bad=$(echo "$line" | grep -oE 'Tested: [0-9]+' | grep -oE '[0-9]+')
        bad=$((${bad:-0} - ${good:-0}))
    fi
    good=${good:-0}
    bad=${bad:-0}
    if grep -qaE '^[a-z_]+: skipped: ' "$log"; then
        skipped=$((skipped + 1))
        grep -aE '^[a-z_]+: skipped: ' "$log" | sed 's/^/    /'
    elif [ "$status" -ne 0 ] || [ "$bad" -ne 0 ] || [ "$good" -eq 0 ]; then
        [ "$bad" -ne 0 ] || bad=1
        echo "    FAILED (status $status), the end of its output:"
        tail -n 60 "$log" | sed 's/^/    | /'
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
    printf '    %s: %d passed, %d failed, %d s\n' "$name" "$good" "$bad" "$seconds"
}

suite() { # NAME COMMAND...
    local name=$1
    shift
    echo "== $name"
    local began=$SECONDS
    timeout 900 "$@" >"$logs/$name" 2>&1 </dev/null
    local status=$?
    seconds=$((SECONDS - began))
    count "$name" "$status" "$logs/$name"
}

for test in "$build"/tests/*_test; do
    name=$(basename "$test")
    case $name in
    crash_test | hostile_test) continue ;;
    esac
    suite "$name" "$test"
done
# shellcheck source=/dev/null
. tests/suites.sh

rm -rf "$logs"
echo
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
