#!/usr/bin/env bash
# Measures ours beside its peers on this machine and holds it to bounds; docs/benchmarks.md says how to read what it prints.
#
#   scripts/bench.sh [--quick] [--peers LIST] [--rows LIST] [--rounds N] [--json FILE] [--growth] [--disk FOLDER]
#
#   --quick         two rounds instead of five, and small files: to see whether it works, not what is true
#   --peers LIST    of pureftpd,proftpd,vsftpd,nginx,rsync,unftp; without it the first five; unftp is built from crates.io, for some minutes; none: none
#   --rows LIST     of those that the tables are named by; without it all
#   --rounds N      other than five
#   --json FILE     all figures of all rounds
#   --growth        instead of the rows: doubles sessions, files and sizes up to 64 times, and prints time and memory against each
#   --disk FOLDER   where the disk is that durable uploads go to; the system's folder for temporary files without it
#
# The peers are Debian's packages, unpacked in a scratch folder and not installed. Pure-FTPd and vsftpd want root; as root, all others run as `nobody`.
# It needs about 14 GB in /dev/shm and 6 GB on the disk, and ends with 1 if a bound is not met.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2
    exit 2
}
fail() {
    printf 'bench.sh: %s\n' "$*" >&2
    exit 1
}

peers=pureftpd,proftpd,vsftpd,nginx,rsync disk=${TMPDIR:-/tmp} options=()
while [ $# -gt 0 ]; do
    case $1 in
        --quick | --growth) options+=("$1") ;;
        --peers | --rows | --rounds | --json | --disk)
            [ $# -gt 1 ] || usage
            case $1 in
                --peers) peers=$2 ;;
                --disk) disk=$2 ;;
                *) options+=("$1" "$2") ;;
            esac
            shift
            ;;
        *) usage ;;
    esac
    shift
done
[ "$peers" != none ] || peers=

target=${CARGO_TARGET_DIR:-$PWD/target}
kept=$target/bench
root=()
[ "$(id -u)" -eq 0 ] || root=(sudo)

# What clients and limits need is installed, as check.sh does it.
install_tools() {
    local missing=() tool
    for tool in curl iperf3 openssl python3; do
        command -v $tool >/dev/null || missing+=("$tool")
    done
    [ ${#missing[@]} -eq 0 ] || "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' || fail "python3 has to be 3.9 or newer"
}

# Downloads packages with what they depend on and is not here. They are not installed: some cannot be beside others, and all would begin to serve.
download() {
    mkdir -p "$kept/debs/partial"
    apt-get install -qq -y --download-only --reinstall --no-install-recommends -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
        -o Dir::Cache::archives="$kept/debs" "$@" >/dev/null || fail "apt-get cannot download $*; try apt-get update"
}

unpack_peers() {
    local name deb
    declare -A packages=([pureftpd]=pure-ftpd [proftpd]="proftpd-core proftpd-mod-crypto" [vsftpd]=vsftpd [nginx]=nginx-light
        [rsync]="rsync stunnel4" [unftp]= [rclone]=rclone)
    mkdir -p "$fast/peers"
    for name in ${peers//,/ } rclone; do
        [ -n "${packages[$name]+known}" ] || fail "what is $name? peers are ${!packages[*]}"
        [ -n "$peers" ] && [ -n "${packages[$name]}" ] || continue
        if [ ! -e "$kept/$name.unpacked" ]; then
            # shellcheck disable=SC2086
            download ${packages[$name]}
            touch "$kept/$name.unpacked"
        fi
    done
    for deb in "$kept"/debs/*.deb; do
        [ ! -e "$deb" ] || dpkg -x "$deb" "$fast/peers"
    done
    if [[ ,$peers, == *,unftp,* ]]; then
        [ -x "$kept/cargo/bin/unftp" ] || CARGO_TARGET_DIR=$kept/cargo/target cargo install --quiet --locked --root "$kept/cargo" unftp
        install -D "$kept/cargo/bin/unftp" "$fast/peers/cargo/bin/unftp"
    fi
}

install_tools
# Before anything is built.
python3 scripts/bench/run.py --check --programs - --fast - --disk "$disk" --peers "$peers" "${options[@]}"
[ -d "$disk" ] && [ -w "$disk" ] || fail "$disk: is no folder that can be written to"
cargo build --quiet --release --locked --bins --package ftp-daemon --package ftp-cli
examples=(b3sum floor limits login_storm faulty_daemon downloads)
cargo build --quiet --release --locked --package ftp-tests "${examples[@]/#/--example=}"
# What is to be removed, from its first moment on; `slow` is below `disk`, which is the user's.
fast='' slow='' driver=''
finish() {
    [ -z "$driver" ] || { echo "bench.sh: ending what it started" >&2 && kill -TERM "$driver" 2>/dev/null && wait "$driver"; } || true
    [ -z "$fast" ] || rm -rf -- "$fast"
    [ -z "$slow" ] || rm -rf -- "$slow"
}
trap finish EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
trap 'exit 129' HUP
fast=$(mktemp -d /dev/shm/ftp-bench.XXXXXX)
slow=$(mktemp -d "$disk/ftp-bench.XXXXXX")
chmod 755 "$fast" "$slow"
unpack_peers
python3 scripts/bench/run.py --programs "$target/release" --fast "$fast" --disk "$slow" --peers "$peers" "${options[@]}" &
driver=$!
status=0
wait $driver || status=$?
driver=
exit $status
