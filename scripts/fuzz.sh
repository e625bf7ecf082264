#!/usr/bin/env bash
# Feeds the parsers and state machines what a fuzzer makes up (tests/fuzz), and all that it ever found.
#
#   scripts/fuzz.sh                        replays what is kept, then runs each target for 8 s
#   scripts/fuzz.sh --replay               only replays
#   scripts/fuzz.sh --executions N         N executions of each target, spread over the cores
#   scripts/fuzz.sh ... TARGET...          only these targets
#   scripts/fuzz.sh --build                only builds
#
# No nightly compiler is needed: counting what is reached is something that every rustc can do. Overflow and debug assertions are on. What makes a target
# fail is left in target/fuzz/found/TARGET; the exit code is 1 then, and 3 where there is no C++ compiler or a crate cannot be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
top=$PWD
fuzz=$top/tests/fuzz
seconds=8

usage() {
    sed -n '2,/^set/{s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2
    exit 2
}

mode=short executions=0 targets=()
while [ $# -gt 0 ]; do
    case $1 in
        --replay) mode=replay ;;
        --build) mode=build ;;
        --executions)
            mode=executions executions=${2-}
            [[ $executions =~ ^[1-9][0-9]*$ ]] || usage
            shift
            ;;
        -*) usage ;;
        *) [ -e "$fuzz/targets/$1.rs" ] || usage && targets+=("$1") ;;
    esac
    shift
done
if [ ${#targets[@]} -eq 0 ]; then
    for file in "$fuzz"/targets/*.rs; do
        targets+=("$(basename "$file" .rs)")
    done
fi

target=${CARGO_TARGET_DIR:-$top/target}/fuzz
found=$target/found
host=$(rustc -vV | sed -n 's/^host: //p')
programs=$target/$host/release

# What the targets are built with; a Cargo.lock that is behind is a mistake and not a lack.
prepare() {
    if ! command -v c++ >/dev/null; then
        echo "fuzz.sh: there is no C++ compiler, which libFuzzer is built with: install g++" >&2
        exit 3
    fi
    local log
    if ! log=$(cargo fetch --quiet --locked --target "$host" --manifest-path "$fuzz/Cargo.toml" 2>&1); then
        printf '%s\nfuzz.sh: the crates of tests/fuzz cannot be had\n' "$log" >&2
        [[ $log != *"lock file"* ]] || exit 1
        exit 3
    fi
}

build() {
    # With --target, build scripts and macros are left as they are.
    local flags=(-Cpasses=sancov-module)
    local option
    for option in level=4 inline-8bit-counters pc-table trace-compares; do
        flags+=("-Cllvm-args=-sanitizer-coverage-$option")
    done
    flags+=(-Cllvm-args=-simplifycfg-branch-fold-threshold=0)
    RUSTFLAGS="${flags[*]}" CARGO_TARGET_DIR=$target \
        cargo build --quiet --locked --release --target "$host" --manifest-path "$fuzz/Cargo.toml" --bins
}

# Files of the targets, and inputs that are of interest only in this run.
scratch=$(TMPDIR=$([ -w /dev/shm ] && echo /dev/shm || echo /tmp) mktemp -d)
export TMPDIR=$scratch
# A panic's backtrace would need more memory than an input may cost.
export RUST_BACKTRACE=0
trap 'rm -rf -- "$scratch"' EXIT

# Runs a target on what is kept; further arguments say for how long.
run() {
    local name=$1 log=$2
    shift 2
    local options=(-print_final_stats=1 -timeout=20 -rss_limit_mb=1024 -max_len=4096 -artifact_prefix="$found/$name/")
    [ ! -e "$fuzz/dictionaries/$name" ] || options+=(-dict="$fuzz/dictionaries/$name")
    mkdir -p "$found/$name"
    "$programs/$name" "${options[@]}" "$@" >"$log" 2>&1
}

# What was run, from the logs; ends with the number of failures.
number() {
    cat "$@" | sed -n 's/^stat::number_of_executed_units: //p' | awk '{ sum += $1 } END { printf "%d", sum }'
}

failed=0
row() {
    local name=$1 count=$2 took=$3 crashes=$4
    printf '%-10s %14s %14s %8s\n' "$name" "$count" "$(awk "BEGIN { printf \"%d\", $count / ($took > 0 ? $took : 1) }")" "$crashes"
    failed=$((failed + crashes))
}

explain() {
    local name=$1 log=$2
    grep -E '^(thread|==|memory allocation|.*panicked)|assertion|^Test unit|^  ?(left|right):' "$log" | head -12 >&2 || true
    printf 'fuzz.sh: %s failed; run %s on what is in %s\n' "$name" "$programs/$name" "$found/$name" >&2
}

replay() {
    printf '%-10s %14s\n' target inputs
    local name log
    for name in "${targets[@]}"; do
        log=$scratch/$name.log
        local inputs=("$fuzz/corpus/$name"/*)
        if run "$name" "$log" "${inputs[@]}"; then
            printf '%-10s %14s\n' "$name" "${#inputs[@]}"
        else
            explain "$name" "$log"
            failed=$((failed + 1))
        fi
    done
}

# One process of a target; its own finds go to a folder of its own.
one() {
    local own=$scratch/$1.$2 name=$1 start=$EPOCHREALTIME
    mkdir -p "$own"
    shift 2
    run "$name" "$own.log" "$@" -seed=$((RANDOM * 32768 + RANDOM + 1)) "$own" "$fuzz/corpus/$name" || touch "$own.failed"
    awk "BEGIN { print $EPOCHREALTIME - $start }" >"$own.took"
}

# Runs each target in so many processes, as many at once as there are cores, and prints the table.
fuzz_all() {
    local processes=$1 name number running=0
    shift
    for name in "${targets[@]}"; do
        for ((number = 0; number < processes; number++)); do
            [ $running -lt "$cores" ] || wait -n
            running=$((running < cores ? running + 1 : cores))
            one "$name" "$number" "$@" &
        done
    done
    wait
    printf '%-10s %14s %14s %8s\n' target executions executions/s crashes
    for name in "${targets[@]}"; do
        local crashes=0 log
        for log in "$scratch/$name".*.failed; do
            [ -e "$log" ] || continue
            crashes=$((crashes + 1))
            explain "$name" "${log%.failed}.log"
        done
        row "$name" "$(number "$scratch/$name".*.log)" "$(sort -n "$scratch/$name".*.took | tail -1)" "$crashes"
    done
}

prepare
build
cores=$(nproc)
case $mode in
    build) ;;
    replay) replay ;;
    short)
        replay
        fuzz_all 1 -max_total_time=$seconds
        ;;
    executions)
        fuzz_all "$cores" -runs=$(((executions + cores - 1) / cores))
        ;;
esac
[ $failed -eq 0 ] || exit 1
