#!/usr/bin/env bash
# Measures transfers, logins and idle sessions, beside iperf3 in the same run, and prints ratios. Not a test: the figures are the machine's.
#
#   scripts/bench.sh [FOLDER]     where the files go; a RAM disk (/dev/shm) without it, so that the disk is not what is measured
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
for tool in iperf3 awk; do
    command -v $tool >/dev/null || { echo "bench: install $tool (Debian: apt install $tool)" >&2; exit 1; }
done
cargo build --quiet --release --locked --bins --package ftp-daemon --package ftp-cli
cargo build --quiet --release --locked --examples --package ftp-tests
bin=${CARGO_TARGET_DIR:-$PWD/target}/release
config=$PWD/etc/ftp-daemon.ron
folder=$(mktemp -d "${1:-/dev/shm}/ftp-bench.XXXXXX")
daemon=
finish() {
    [ -z "$daemon" ] || { kill -TERM "$daemon" 2>/dev/null || true; wait "$daemon" 2>/dev/null || true; }
    rm -rf -- "$folder"
}
trap finish EXIT
cd "$folder"
mkdir etc here back
install -d -m 700 var
"$bin/ftp-admin" cert --out certs --name localhost --ip 127.0.0.1 >/dev/null 2>&1
sed -e 's/127\.0\.0\.1:9999/127.0.0.1:0/' "$config" >etc/ftp-daemon.ron
echo 'a password for the bench' >password
"$bin/ftp-admin" -c etc/ftp-daemon.ron create bench --password-file password >/dev/null
"$bin/ftp-daemon" -c etc/ftp-daemon.ron 2>daemon.log &
daemon=$!
for _ in $(seq 100); do
    port=$(sed -n 's/^listening on 127\.0\.0\.1://p' daemon.log)
    [ -z "$port" ] || break
    sleep 0.1
done
cli() {
    "$bin/ftp-cli" -q -s 127.0.0.1 -P "$port" -u bench --ca certs/ca.pem --password-file password "$@"
}
# The rate of the last transfer, from its first byte to its answer, in MB/s. The log is written behind the answer's back.
last_rate() {
    until tail -1 var/log/operate.log | grep -q "op=$1 "; do sleep 0.05; done
    tail -1 var/log/operate.log | tr ' ' '\n' | awk -F= '$1 == "rate" { printf "%.0f", $2 / 1e6 }'
}
# Plain TCP: MB/s, and the seconds of processor time that both ends take for 10^9 bytes.
wire() {
    iperf3 -s -1 -p 15201 >/dev/null 2>&1 &
    local server=$!
    sleep 0.3
    iperf3 -c 127.0.0.1 -p 15201 -P 1 -t 3 -J | awk '
        { gsub(/[",]/, "") }
        $1 == "sum_received:" { found = 1 }
        found && $1 == "bits_per_second:" && !rate { rate = $2 / 8e6 }
        $1 == "host_total:" || $1 == "remote_total:" { used += $2 / 100 }
        END { printf "%.0f %.3f\n", rate, used * 1000 / rate }'
    wait $server
}
# A virtual machine may give memory back to its host and gets it again slowly, page by page. What was just written and removed is at hand. Says at
# which rate, in MB/s, the folder takes plain zeros then: no transfer into it can be faster.
warm() {
    local rate
    for _ in 1 2 3; do
        rate=$(dd if=/dev/zero of=warm bs=256K count="$1" 2>&1 | awk 'END { printf "%.0f", $1 / $(NF - 3) / 1e6 }')
        rm warm
    done
    echo "$rate"
}
ratio() {
    awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'
}

head -c $((2 << 30)) /dev/urandom >here/two.bin
# What cannot be had for less: both ends' reading, hashing, encryption and writing, and TCP alone, with all processors busy all the time.
echo "round  iperf3 MB/s  up MB/s (ratio), folder MB/s  down MB/s (ratio), folder MB/s  processor s/GB, files + TCP: MB/s at most (ratio)"
for round in 1 2 3; do
    read -r plain carried < <(wire)
    above=$(warm 8192)
    cli -c 'put here/two.bin'
    up=$(last_rate put)
    below=$(warm 8192)
    cli -c 'get -o back two.bin'
    down=$(last_rate get)
    cmp here/two.bin back/two.bin
    cli -c 'rm two.bin'
    rm back/two.bin
    floor=$("$bin/examples/floor" here/two.bin floor)
    rm floor
    most=$(awk -v floor="$floor" -v carried="$carried" -v cores="$(nproc)" 'BEGIN { printf "%.0f", cores * 1000 / (floor + carried) }')
    echo "$round      $plain         $up ($(ratio "$up" "$plain")), $above       $down ($(ratio "$down" "$plain")), $below       $floor + $carried: $most ($(ratio "$most" "$plain"))"
done

head -c $((1 << 30)) here/two.bin >here/one.bin
echo
echo "a transfer of 1 GiB alone, then with 200 logins at once"
"$bin/examples/login_storm" "$port" certs/ca.pem bench password 0 4 &
pings=$!
sleep 1
warm 4096 >/dev/null
cli -c 'put here/one.bin'
alone=$(last_rate put)
wait $pings
cli -c 'rm one.bin'
warm 4096 >/dev/null
"$bin/examples/login_storm" "$port" certs/ca.pem bench password 200 4 &
storm=$!
sleep 0.7
cli -c 'put here/one.bin'
during=$(last_rate put)
wait $storm
echo "alone $alone MB/s, during the storm $during MB/s, ratio $(ratio "$during" "$alone")"

echo
"$bin/examples/idle_sessions" "$port" certs/ca.pem bench password 1000 "$daemon"
