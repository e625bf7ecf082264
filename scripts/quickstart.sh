#!/usr/bin/env bash
# From nothing to a proven file transfer: builds, makes certificates and a user, starts the daemon on a free port, moves a file there and back,
# breaks a transfer and resumes it, meets the quota, compares the hashes, and stops the daemon. Everything it makes is in one folder, ./demo.
#
#   scripts/quickstart.sh [--shell]     --shell leaves you in ftp-cli instead
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
top=$PWD

shell=no
for argument in "$@"; do
    case $argument in
        --shell) shell=yes ;;
        *)
            sed -n '2,5p' "$0" >&2
            exit 2
            ;;
    esac
done

say() {
    printf '\n\033[1m== %s\033[0m\n' "$*"
}
if [ ! -t 1 ] || [ -n "${NO_COLOR-}" ]; then
    say() {
        printf '\n== %s\n' "$*"
    }
fi
fail() {
    printf 'quickstart: %s\n' "$*" >&2
    exit 1
}
shown() {
    printf '$ %s\n' "$*"
}

command -v cargo >/dev/null || fail "there is no cargo: install Rust from https://rustup.rs"
command -v cc >/dev/null || command -v gcc >/dev/null || fail "there is no C compiler: install gcc (Debian: apt install gcc libc6-dev)"

say "Building (the first time takes some minutes)"
cargo build --release --locked --bins
bin=${CARGO_TARGET_DIR:-$top/target}/release

demo=$top/demo
if [ -e "$demo" ]; then
    [ -e "$demo/.quickstart" ] || fail "$demo is there and not ours: move it away"
    rm -rf -- "$demo"
fi
mkdir -p "$demo"/{etc,here}
install -d -m 700 "$demo/var"
: >"$demo/.quickstart"

daemon=
stop_daemon() {
    if [ -n "$daemon" ] && kill -0 "$daemon" 2>/dev/null; then
        kill -TERM "$daemon"
        wait "$daemon" || true
    fi
}
trap stop_daemon EXIT

say "A certificate authority and a certificate for this machine"
scripts/mkcert.sh --out "$demo/certs" --name localhost --ip 127.0.0.1

say "A user named demo, with a quota of 400 MiB"
sed -e 's/127\.0\.0\.1:9999/127.0.0.1:0/' etc/ftp-daemon.ron >"$demo/etc/ftp-daemon.ron"
(umask 077 && head -c 18 /dev/urandom | base64 >"$demo/password")
admin=("$bin/ftp-admin" -c "$demo/etc/ftp-daemon.ron")
shown ftp-admin create demo --quota 400M --password-file demo/password
"${admin[@]}" create demo --quota 400M --password-file "$demo/password"

say "The daemon, on a free port"
# A pipe tells when it listens; its log goes on to a file.
"$bin/ftp-daemon" -c "$demo/etc/ftp-daemon.ron" 2>"$demo/daemon.log" &
daemon=$!
port=
for _ in $(seq 100); do
    port=$(sed -n 's/^listening on 127\.0\.0\.1://p' "$demo/daemon.log")
    [ -z "$port" ] || break
    kill -0 "$daemon" 2>/dev/null || fail "the daemon did not start: $(cat "$demo/daemon.log")"
    sleep 0.1
done
[ -n "$port" ] || fail "the daemon does not listen: $(cat "$demo/daemon.log")"
cat "$demo/daemon.log"

cd "$demo/here"
client=("$bin/ftp-cli" -s localhost -P "$port" -u demo --ca "$demo/certs/ca.pem" --password-file "$demo/password")
client_shown="ftp-cli -s localhost -P $port -u demo --ca demo/certs/ca.pem"

if [ $shell = yes ]; then
    head -c $((64 << 20)) /dev/urandom >sample.bin
    say "You are user demo, in $PWD. Try: put sample.bin md5, ls, info, get sample.bin, help, exit"
    "${client[@]}" || true
    exit 0
fi

say "A file of 256 MiB goes up"
head -c $((256 << 20)) /dev/urandom >sample.bin
shown "$client_shown -c 'put sample.bin md5'"
"${client[@]}" -c 'put sample.bin md5'

say "A download is killed half-way"
mkdir -p ../back
cd ../back
shown "$client_shown -c 'get sample.bin'   # killed with SIGKILL"
"${client[@]}" -c 'get sample.bin' &
getter=$!
for _ in $(seq 2000); do
    have=$(stat -c %s sample.bin.part 2>/dev/null || echo 0)
    [ "$have" -lt $((64 << 20)) ] || break
    kill -0 "$getter" 2>/dev/null || break
    sleep 0.005
done
kill -KILL "$getter" 2>/dev/null || fail "the download was over before it could be killed"
wait "$getter" 2>/dev/null || true
[ ! -e sample.bin ] || fail "half a file must not have the whole one's name"
printf '\nleft: sample.bin.part with %s bytes\n' "$(stat -c %s sample.bin.part)"

say "The same command again resumes it"
shown "$client_shown -c 'get sample.bin md5'"
"${client[@]}" -c 'get sample.bin md5' 2>&1 | tee "$demo/resume.log"
grep -q 'same as on the server (BLAKE3), resuming' "$demo/resume.log" || fail "the download was not resumed"

say "The hashes of both ends"
there=$("${client[@]}" -q -c 'sum sample.bin' | cut -d' ' -f1)
if command -v b3sum >/dev/null; then
    here=$(b3sum sample.bin | cut -d' ' -f1)
else
    here=$(cargo run --quiet --release --locked --manifest-path "$top/Cargo.toml" --package ftp-tests --example b3sum -- sample.bin)
fi
printf 'server  %s\nhere    %s\n' "$there" "$here"
[ "$there" = "$here" ] || fail "the hashes differ"
cmp ../here/sample.bin sample.bin || fail "the file came back changed"

say "The quota refuses a second file of that size, before a byte is sent"
cd ../here
cp sample.bin second.bin
printf 'x' >>second.bin
shown "$client_shown -c 'put second.bin'"
code=0
"${client[@]}" -c 'put second.bin' || code=$?
[ $code -eq 8 ] || fail "the quota should have refused it with exit code 8, not $code"
"${client[@]}" -c 'quota'

say "The daemon stops"
kill -TERM "$daemon"
code=0
wait "$daemon" || code=$?
[ $code -eq 0 ] || fail "the daemon ended with $code"
daemon=

say "All of it works. By hand it goes on so:"
cat <<TEXT
  $bin/ftp-daemon -c $demo/etc/ftp-daemon.ron
  $bin/ftp-cli -s localhost -P PORT -u demo --ca $demo/certs/ca.pem      the password is in $demo/password
  $bin/ftp-admin -c $demo/etc/ftp-daemon.ron view
  rm -r $demo                                                            when you are done
TEXT
