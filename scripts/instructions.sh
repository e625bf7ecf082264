#!/usr/bin/env bash
# Counts the instructions of three fixed workloads under callgrind and compares them with those in tests/instructions.txt. It reports what changed by
# more than 5 % and does not fail for it: a compiler or a crate can be the reason, and a change can be wanted.
#
#   scripts/instructions.sh [--keep]     --keep writes the new counts to the file
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# -eq 0 ] || [ "$*" = --keep ] || { echo "usage: instructions.sh [--keep]" >&2; exit 2; }
command -v valgrind >/dev/null || { echo "instructions.sh: install valgrind (Debian: apt install valgrind)" >&2; exit 1; }
kept=tests/instructions.txt
cargo build --quiet --release --locked --example workloads --package ftp-proto
program=${CARGO_TARGET_DIR:-$PWD/target}/release/examples/workloads
new=$(mktemp)
trap 'rm -f -- "$new"' EXIT
for workload in chunks messages tree; do
    count=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" $workload 2>&1 | sed -n 's/^==[0-9]*== Collected : \([0-9]*\).*/\1/p')
    before=$(awk -v name=$workload '$1 == name { print $2 }' "$kept" 2>/dev/null || true)
    echo "$workload $count" >>"$new"
    awk -v name=$workload -v now="$count" -v before="${before:-0}" 'BEGIN {
        change = before ? (now / before - 1) * 100 : 0
        far = change > 5 || change < -5
        printf "%-10s %14d instructions, %14d before, %+.1f %%%s\n", name, now, before, change, far ? "  CHANGED" : ""
    }'
done
[ "${1-}" != --keep ] || cp "$new" "$kept"
