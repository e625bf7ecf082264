#!/usr/bin/env bash
# Breaks the code in sixteen ways, one after the other, in a scratch copy, and expects a test to turn red each time. A guard that no test misses is no guard.
#
#   scripts/mutations.sh [NUMBER]...     all of tests/mutations without one
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
top=$PWD
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
# Built apart, and kept for the next run.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$top/target}/mutations
# The first failures are enough; without the code being broken there are none in many more.
export SIMULATION_SEEDS=${SIMULATION_SEEDS:-5000}

# The scratch copy as it is here, committed or not.
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$scratch" --
cd "$scratch"
git init --quiet

wanted=()
for number in "$@"; do
    wanted+=("$top"/tests/mutations/"$(printf '%02d' "$number")"-*.patch)
done
[ ${#wanted[@]} -gt 0 ] || wanted=("$top"/tests/mutations/*.patch)

escaped=0
printf '%-42s %-42s %s\n' mutation test verdict
for patch in "${wanted[@]}"; do
    name=$(sed -n 's/^Mutation: //p' "$patch")
    read -ra tests < <(sed -n 's/^Red: //p' "$patch")
    git apply "$patch"
    if ! cargo test --quiet --locked --no-run "${tests[@]}" >"$scratch/build.log" 2>&1; then
        cat "$scratch/build.log" >&2
        verdict="DOES NOT BUILD"
        escaped=$((escaped + 1))
    elif timeout 300 cargo test --quiet --locked "${tests[@]}" >"$scratch/test.log" 2>&1; then
        verdict="NOT NOTICED"
        escaped=$((escaped + 1))
    else
        status=$?
        # A test that hangs, or a program that cannot be run, has noticed nothing.
        red=$(sed -nE 's/^(---- (.*) stdout ----|(seed [0-9]+: .{0,60}).*)$/\2\3/p' "$scratch/test.log" | head -1)
        verdict="red: $red"
        if [ $status -eq 124 ] || [ -z "$red" ]; then
            tail -20 "$scratch/test.log" >&2
            verdict="FAILED WITH $status, NO TEST IS RED"
            escaped=$((escaped + 1))
        fi
    fi
    printf '%-42s %-42s %s\n' "$name" "${tests[*]}" "$verdict"
    git apply --reverse "$patch"
done
[ $escaped -eq 0 ] || { echo "mutations.sh: $escaped of ${#wanted[@]} were not noticed" >&2; exit 1; }
echo "${#wanted[@]} mutations, all noticed"
