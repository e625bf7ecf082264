#!/usr/bin/env bash
# The one gate: formatting, lints, all tests, documentation, licences. It installs what is missing. CI calls exactly this.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

deny_version=0.20.2
tools=$PWD/target/tools
export PATH="$tools/bin:$PATH"

step() {
    printf '\n== %s\n' "$*"
}

fail() {
    printf 'check.sh: %s\n' "$*" >&2
    exit 1
}

# The packages of the commands that the build and the tests run.
install_packages() {
    local missing=() pair
    for pair in cc:gcc g++:g++ openssl:openssl gnutls-cli:gnutls-bin python3:python3 tmux:tmux systemd-analyze:systemd \
        mkfs.ext4:e2fsprogs mount:mount ip:iproute2 nft:nftables valgrind:valgrind; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    step "installing ${missing[*]}"
    local root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "these packages are missing, and there is no sudo to install them: ${missing[*]}"
        root=(sudo)
    fi
    command -v apt-get >/dev/null || fail "these packages are missing, and there is no apt-get to install them: ${missing[*]}"
    "${root[@]}" apt-get update -qq
    # A C compiler needs the headers of the C library, which are only recommended.
    [[ " ${missing[*]} " != *" gcc "* ]] || missing+=(libc6-dev)
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

install_components() {
    command -v cargo >/dev/null || fail "there is no cargo: install Rust from https://rustup.rs"
    if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
        step "installing rustfmt and clippy"
        rustup component add rustfmt clippy
    fi
}

fetch() {
    curl --fail --silent --location --proto =https --connect-timeout 5 --max-time 60 --output "$2" "$1"
}

# The project's own build, if it can be had; it has to have the checksum that was published with it.
download_deny() {
    local name url folder
    name=cargo-deny-$deny_version-$(uname -m)-unknown-linux-musl
    url=https://github.com/EmbarkStudios/cargo-deny/releases/download/$deny_version/$name.tar.gz
    folder=$(mktemp -d)
    (
        # As a chain, for a function that is asked in a condition does not end at a failure.
        cd "$folder" &&
            fetch "$url" "$name.tar.gz" &&
            fetch "$url.sha256" sum &&
            printf '%s  %s\n' "$(cut -d' ' -f1 sum)" "$name.tar.gz" | sha256sum --check --quiet &&
            tar -xzf "$name.tar.gz" --strip-components=1 "$name/cargo-deny" &&
            ./cargo-deny --version &&
            mkdir -p "$tools/bin" &&
            mv cargo-deny "$tools/bin/cargo-deny"
    )
    local status=$?
    rm -rf -- "$folder"
    return $status
}

install_deny() {
    if cargo deny --version >/dev/null 2>&1; then
        return
    fi
    step "installing cargo-deny $deny_version"
    if command -v curl >/dev/null && download_deny; then
        return
    fi
    echo "its release cannot be downloaded; building it, which takes some minutes; unoptimised, for it runs once"
    nice -n 19 cargo install --quiet --locked --debug --root "$tools" --version "$deny_version" cargo-deny
}

check_dependencies() {
    # The advisories are on GitHub, the rest is here.
    if timeout 120 cargo deny --log-level error fetch db; then
        cargo deny check --disable-fetch
        return
    fi
    cargo deny check licenses bans sources
    cat >&2 <<'TEXT'
*******************************************************************************
*  NOT CHECKED: security advisories. The advisory database cannot be fetched. *
*  Run 'cargo deny check advisories' where GitHub can be reached.             *
*******************************************************************************
TEXT
}

# What was found and kept, and a short run of each target.
fuzz() {
    local status=0
    scripts/fuzz.sh || status=$?
    [ $status -ne 3 ] || cat >&2 <<'TEXT'
*******************************************************************************
*  SKIPPED: fuzzing. The targets of tests/fuzz cannot be built here; the      *
*  reason is above.                                                           *
*******************************************************************************
TEXT
    [ $status -eq 0 ] || [ $status -eq 3 ]
}

install_packages
install_components

step formatting
cargo fmt --all --check
cargo fmt --check --manifest-path tests/fuzz/Cargo.toml
# Run by scripts/mutations.sh, which takes longer than the gate may.
git apply --check tests/mutations/*.patch
step lints
cargo clippy --workspace --all-targets --locked -- -D warnings
step documentation
RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked
step fuzzing
fuzz
# Where it has to be built, that fills the time for which tests only wait.
mkdir -p "$tools"
set -m
install_deny >"$tools/deny.log" 2>&1 &
deny=$!
set +m
trap 'kill -- -"$deny" 2>/dev/null || true' EXIT
step tests
# Many tests wait most of their time, for a clock or a disk: two for each core.
RUST_TEST_THREADS=$((2 * $(nproc))) cargo test --workspace --locked
# A report, not a condition.
step "instructions of fixed workloads"
scripts/instructions.sh || echo "they cannot be counted here"
wait "$deny" || { cat "$tools/deny.log" >&2; fail "there is no cargo-deny"; }
trap - EXIT
cat "$tools/deny.log"
step "licences, sources, advisories"
check_dependencies
step "all is well"
