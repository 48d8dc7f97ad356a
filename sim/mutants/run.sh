#!/bin/bash
# run.sh [NAME ...]: does the simulator catch bugs? Applies each patch of this folder (or those named,
# by number or name) to a copy of the sources, builds poro-sim and lets it look for a seed that fails.
# A seed counts only if the unchanged program passes it. Prints a table; status 1 if a patch does not
# apply or compile, or was not caught.
#
# From the environment: RUNS: seeds that are tried, in `swarm` and then in the scenario that the patch
# names (2000). JOBS: patches at a time (2). KEEP=1: keeps the folders of those that were not caught.
# OPTIONS: further options of poro-sim (such as "--without lying-disk"). LOOPBACK=1: the patch goes into
# the real server, and the loopback harness has to catch it (RUNS: 200).
set -u
cd "$(dirname "$0")/../.." || exit 1
export LC_ALL=C

LOOPBACK=${LOOPBACK:-0}
RUNS=${RUNS:-$([ "$LOOPBACK" = 1 ] && echo 200 || echo 2000)}
JOBS=${JOBS:-2}
KEEP=${KEEP:-0}
OPTIONS=${OPTIONS:-}
FIRST_SEED=1
SECONDS_MAX=3600 # of one call of the simulator
programs=build/poro-sim
if [ "$LOOPBACK" = 1 ]; then
    programs="build/poro-sim build/poro-sim-server"
    OPTIONS="--loopback $OPTIONS"
fi

root=$PWD
patches=$root/sim/mutants
scratch=$root/build/mutants
pristine=$scratch/pristine

fail() {
    echo "mutants: $*" >&2
    exit 1
}

# The sources as they are, built once: the copies compile only what their patch changes.
build_pristine() {
    rm -rf "$scratch"
    mkdir -p "$pristine" || fail "cannot make $scratch"
    cp -a protocol storage wal server sim conf Makefile "$pristine/" || fail "cannot copy"
    # shellcheck disable=SC2086 # words of their own
    if ! make -s -C "$pristine" -j2 $programs >"$scratch/pristine.log" 2>&1; then
        tail -n 20 "$scratch/pristine.log"
        fail "the unchanged sources do not build"
    fi
}

# Verdict of an exit code of poro-sim; empty when it is none.
verdict_of() {
    case $1 in
    0) echo passed ;;
    3) echo crashed ;;
    4) echo stuck ;;
    5) echo wrong ;;
    esac
}

# Sets `verdict` and, when it is not `passed`, `seed`. FOLDER SCENARIO FIRST RUNS LOG
simulate() {
    local status
    # shellcheck disable=SC2086 # words of their own
    (cd "$1" && exec timeout "$SECONDS_MAX" ./build/poro-sim --scenario "$2" --seed "$3" \
        --runs "$4" --jobs 1 $OPTIONS) >"$5" 2>&1 </dev/null
    status=$?
    verdict=$(verdict_of "$status")
    [ "$status" -eq 124 ] && verdict=timeout
    [ -n "$verdict" ] || verdict="status $status"
    seed=$(grep -aoE '^FAILED, seed [0-9]+' "$5" | head -n 1 | grep -oE '[0-9]+$')
}

# Looks for a seed that fails in FOLDER and passes without the patch. Sets `caught` (scenario and
# verdict) and `taken` (seeds), or `caught` empty and adds to `why`. FOLDER NAME SCENARIO
look() {
    local folder=$1 name=$2 scenario=$3 from=$FIRST_SEED last=$((FIRST_SEED + RUNS - 1)) found at
    local both=0
    caught=
    while [ "$from" -le "$last" ]; do
        simulate "$folder" "$scenario" "$from" $((last - from + 1)) "$scratch/$name.$scenario.log"
        found=$verdict at=$seed
        if [ "$found" = passed ]; then
            break
        fi
        if [ -z "$at" ]; then
            why="$why $scenario: $found without a seed;"
            return
        fi
        simulate "$pristine" "$scenario" "$at" 1 "$scratch/$name.$scenario.pristine.log"
        if [ "$verdict" = passed ]; then
            caught="$scenario $found"
            taken=$((at - FIRST_SEED + 1))
            return
        fi
        both=$((both + 1))
        from=$((at + 1))
    done
    why="$why $scenario: none of $RUNS seeds"
    [ "$both" -eq 0 ] || why="$why ($both fail without it, too)"
    why="$why;"
}

# Prints one line: "caught NAME SCENARIO VERDICT SEEDS SECONDS", or "NOT-CAUGHT NAME why". PATCH
mutant() {
    local patch=$1 name folder scenario began=$SECONDS why='' caught='' taken=0 verdict seed
    name=$(basename "$patch" .patch)
    folder=$scratch/$name
    scenario=$(sed -n 's/^# scenario: *//p' "$patch" | head -n 1)
    cp -a "$pristine" "$folder" || fail "cannot copy"
    # shellcheck disable=SC2086 # words of their own
    if ! patch -d "$folder" -p1 -s -F0 --no-backup-if-mismatch <"$patch" >"$scratch/$name.log" 2>&1
    then
        echo "BROKEN $name the patch does not apply (build/mutants/$name.log)"
    elif ! make -s -C "$folder" $programs >>"$scratch/$name.log" 2>&1; then
        echo "BROKEN $name it does not compile (build/mutants/$name.log)"
    else
        look "$folder" "$name" swarm
        if [ -z "$caught" ] && [ -n "$scenario" ] && [ "$scenario" != swarm ]; then
            look "$folder" "$name" "$scenario"
        fi
        if [ -n "$caught" ]; then
            echo "caught $name $caught $taken $((SECONDS - began))"
        else
            echo "NOT-CAUGHT $name$why $((SECONDS - began)) s"
            [ "$KEEP" = 1 ] && return
        fi
    fi
    rm -rf "$folder"
}

# The patches that the arguments name: all without any.
chosen() {
    local name file found
    [ $# -gt 0 ] || set -- ''
    for name in "$@"; do
        found=0
        for file in "$patches"/"${name%.patch}"*.patch; do
            [ -e "$file" ] || continue
            # A number or a whole name, nothing in between.
            case $(basename "$file" .patch) in
            "$name" | "$name"-* | "${name%.patch}") ;;
            *) [ -z "$name" ] || continue ;;
            esac
            echo "$file"
            found=1
        done
        [ "$found" -eq 1 ] || fail "no patch is called '$name'"
    done
}

list=$(chosen "$@") || exit 1
[ "${#list}" -gt 0 ] || fail "there are no patches"
echo "building the unchanged simulator"
build_pristine
simulate "$pristine" perfect "$FIRST_SEED" 1 "$scratch/pristine.perfect.log"
[ "$verdict" = passed ] || fail "the unchanged simulator: $verdict"

results=$scratch/results
: >"$results"
for patch in $list; do
    while [ "$(jobs -rp | wc -l)" -ge "$JOBS" ]; do
        wait -n
    done
    mutant "$patch" | tee -a "$results" &
done
wait

passed=$(grep -c '^caught ' "$results")
failed=$(grep -vc '^caught ' "$results")
missing=$(($(wc -w <<<"$list") - passed - failed))
echo
printf '%-36s %-22s %-8s %7s %8s\n' mutant 'caught by' verdict seeds seconds
sort -V -k2 "$results" | while read -r kind name scenario verdict taken seconds rest; do
    if [ "$kind" = caught ]; then
        printf '%-36s %-22s %-8s %7s %8s\n' "$name" "$scenario" "$verdict" "$taken" "$seconds"
    else
        printf '%-36s %s: %s %s %s %s %s\n' "$name" "$kind" "$scenario" "$verdict" "$taken" \
            "$seconds" "$rest"
    fi
done
echo "mutants: $passed passed, $((failed + missing)) failed"
[ $((failed + missing)) -eq 0 ]
