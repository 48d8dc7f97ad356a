#!/bin/bash
# sim_test.sh BUILD: the simulator: seeds that once found a bug, every scenario, a swarm, and that a
# seed means the same in every build; that the loopback harness can fail. SWARM: how many swarm runs (default 2000).
set -u
sim=$1/poro-sim
swarm=${SWARM:-2000}
passed=0
failed=0

check() { # NAME COMMAND...
    local name=$1
    shift
    local began=$SECONDS
    if "$@" >"$output" 2>&1; then
        passed=$((passed + 1))
        echo "ok    $name ($((SECONDS - began)) s)"
        grep -E 'operations a second' "$output" | tail -n 1
    else
        failed=$((failed + 1))
        echo "FAIL  $name:"
        tail -n 80 "$output"
    fi
}

hash_of() { # PROGRAM ARGUMENTS...
    "$@" --hash | awk '$1 == "hash" { print $2 }'
}

# Every line of every file: arguments of a run that once failed; what follows # is why.
check_seeds() {
    local file line
    for file in tests/seeds/*.txt; do
        [ -e "$file" ] || continue
        while read -r line; do # what follows # is for people
            line=${line%%#*}
            # shellcheck disable=SC2086 # arguments
            [ -z "${line// /}" ] || check "seed: $line" "$sim" $line
        done <"$file"
    done
}

# However many processes run them, and however the program was compiled.
same_hashes() {
    local one two three other
    one=$(hash_of "$sim" --scenario swarm --seed 7000 --runs 60 --jobs 1)
    two=$(hash_of "$sim" --scenario swarm --seed 7000 --runs 60 --jobs 2)
    [ -n "$one" ] && [ "$one" = "$two" ] || { echo "$one is not $two"; return 1; }
    other=${SIM_OTHER:-}
    [ -n "$other" ] || return 0
    three=$(hash_of "$other" --scenario swarm --seed 7000 --runs 60)
    [ "$one" = "$three" ] || { echo "$one is not $three of $other"; return 1; }
}

# The real server, too: with time, files and the order of commands in the harness's hands. Checkpoints
# are made, and started from.
loopback_hashes() {
    local one two
    one=$(hash_of "$sim" --loopback --scenario checkpoint --seed 100 --runs 2 --operations 800 --jobs 1)
    "$sim" --loopback --scenario checkpoint --seed 100 --runs 2 --operations 800 --jobs 2 --hash >"$output.two" || return 1
    two=$(awk '$1 == "hash" { print $2 }' "$output.two")
    [ -n "$one" ] && [ "$one" = "$two" ] || { echo "$one is not $two"; return 1; }
    awk '$2 == "checkpoints," { found = $1 > 0 && $3 > 0 } END { exit !found }' "$output.two"
}

exit_code() { # CODE COMMAND...
    local wanted=$1
    shift
    "$@"
    local code=$?
    [ "$code" -eq "$wanted" ] || { echo "exit code $code, not $wanted"; return 1; }
}

output=$(mktemp)
check "bad usage" exit_code 2 "$sim" --scenario no-such-scenario
check "bad number" exit_code 2 "$sim" --seed 1x
check "fault model" "$sim" --fault-model
check "same hashes" same_hashes
check_seeds
for scenario in $("$sim" --list | awk '$1 != "swarm" { print $1 }'); do
    check "$scenario" "$sim" --scenario "$scenario"
done
check "swarm, $swarm seeds" "$sim" --scenario swarm --runs "$swarm"
for scenario in $("$sim" --list | awk '{ print $1 }'); do
    check "loopback $scenario" "$sim" --loopback --scenario "$scenario"
done
check "loopback: same hashes" loopback_hashes
for spoilt in log checkpoint folder; do
    check "loopback: a spoilt $spoilt is noticed" exit_code 5 "$sim" --loopback --spoil "$spoilt" \
        --scenario checkpoint --runs 20
done
rm -f "$output" "$output.two"
echo "sim: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
