#!/usr/bin/env bash
# Tries to break each promise of SECURITY.md, for long, and prints one table: promise, trials, failures. The tests are those of check.sh with larger numbers.
#
#   scripts/torture.sh [--minutes N] [WORD]...     60 minutes without it; only the rows that have one of the words in them
#
# Ends with 1 if a promise was broken. A row that cannot be tried here says SKIPPED, and why.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

minutes=60
words=()
while [ $# -gt 0 ]; do
    case $1 in
    --minutes)
        minutes=${2:-}
        [ $# -lt 2 ] || shift
        ;;
    -*) echo "usage: torture.sh [--minutes N] [WORD]..." >&2 && exit 2 ;;
    *) words+=("$1") ;;
    esac
    shift
done
[[ $minutes =~ ^[1-9][0-9]{0,4}$ ]] || { echo "torture.sh: --minutes takes a whole number from 1" >&2; exit 2; }

# What is tried | what holds the number of trials | trials in a minute on two cores | the test, which prints "trials: N".
# Without a rate the environment is as it stands here, however long there is.
rows="
all promises at once, in any order of events (simulated)|SIMULATION_SEEDS|72000|-p ftp-core --test simulation
what was answered survives kill -9|FTPD_KILL_POINTS|540|-p ftp-tests --test kill9
what was answered survives a power cut|FTPD_POWER_CUTS|300|-p ftp-tests --test power_cut no_power_cut
nobody leaves a home: races of ten calls|RACE_TRIES|90000|-p ftp-core --lib race
nobody leaves a home: evil paths|EVIL_PATHS|48000|-p ftp-core --lib evil_paths
nobody gets in: random lives of logins and accounts|LOGIN_SEQUENCES|18000|-p ftp-core --lib lives
who is removed is out within a second|REMOVALS|120|-p ftp-tests --test accounts whoever
a killed administrator leaves a whole file|ADMIN_KILLS|360|-p ftp-tests --test accounts killed
no name forges a line of the log|FORGED_NAMES|30000|-p ftp-tests --test log_forging
no password is anywhere but in its hash|CANARIES|480|-p ftp-tests --test secrets nowhere
a failing disk loses nothing and tells no lies|FAULT_POINTS|600|-p ftp-tests --test faults
a lost answer does no harm|LOST_ANSWERS|120|-p ftp-tests --test endings lost
SIGTERM amid work loses nothing|TERMINATIONS|20|-p ftp-tests --test endings amid
a cut download is never called whole|DOWNLOAD_CUTS|900|-p ftp-tests --test truncation
crowds that mean no good hold nobody up|FTPD_HALF_OPEN=2000 FTPD_SLOW=1000 FTPD_BAD_INPUTS=10000 FTPD_DEAF=100||-p ftp-tests --test overload
a download is one version of a file|VERSIONS|1200|-p ftp-tests --test endings a_file
an upload is one version of a file|CHANGED_SOURCES|1500|-p ftp-tests --test versions an_upload
what a network loses is not missing at the end|LOSSY_TRANSFERS|15|-p ftp-tests --test loss
uploads to one name leave one of them whole|SAME_NAMES|1200|-p ftp-tests --test versions uploads
a hostile server does a client no harm|HOSTILE_ANSWERS|12000|-p ftp-tests --test hostile_server
"

wanted() {
    [ ${#words[@]} -gt 0 ] || return 0
    local word
    for word in "${words[@]}"; do
        [[ $1 != *"$word"* ]] || return 0
    done
    return 1
}

chosen=()
while IFS= read -r row; do
    [ -n "$row" ] && wanted "$row" && chosen+=("$row")
done <<<"$rows"
[ ${#chosen[@]} -gt 0 ] || { echo "torture.sh: no row has any of these words in it" >&2; exit 2; }

logs='' broken=0
# What broke is kept, to be read.
trap '[ $broken -gt 0 ] || [ -z "$logs" ] || rm -rf -- "$logs"' EXIT
trap 'exit 143' TERM INT HUP
logs=$(mktemp -d "${TMPDIR:-/tmp}/torture.XXXXXX")
cargo build --quiet --locked -p ftp-daemon -p ftp-cli
cargo test --quiet --locked --no-run -p ftp-core -p ftp-tests
printf '%-58s %10s %9s  %s\n' promise trials failures "at most, with 95 % confidence"
for row in "${chosen[@]}"; do
    IFS='|' read -r promise variable rate test <<<"$row"
    log=$logs/${variable%%=*}.log
    [ -z "$rate" ] || variable+==$((minutes * rate / ${#chosen[@]} + 1))
    read -ra environment <<<"$variable"
    read -ra test <<<"$test"
    verdict=held
    env "${environment[@]}" cargo test --quiet --locked "${test[@]}" -- --nocapture >"$log" 2>&1 || verdict=broken
    skipped=$(sed -n 's/^SKIPPED: //p' "$log" | head -1)
    # The harness may have put its dot before it.
    trials=$(grep -oE 'trials: [0-9]+' "$log" | awk '{ sum += $2 } END { printf "%.0f", sum }' || true)
    if [ $verdict = held ] && [ -n "$skipped" ]; then
        printf '%-58s %10s %9s  %s\n' "$promise" 0 SKIPPED "$skipped"
    elif [ $verdict = held ] && [ "$trials" -gt 0 ]; then
        # Of trials without a failure, the rule of three.
        printf '%-58s %10d %9d  1 in %d\n' "$promise" "$trials" 0 $((trials / 3))
    else
        printf '%-58s %10s %9s  see %s\n' "$promise" "$trials" BROKEN "$log"
        broken=$((broken + 1))
    fi
done
[ $broken -eq 0 ] || { echo "torture.sh: $broken of ${#chosen[@]} promises were broken" >&2; exit 1; }
