#!/usr/bin/env bash
# Makes a local CA and a certificate for the server: a thin front for 'ftp-admin cert'.
#
#   scripts/mkcert.sh [--out certs] [--name HOST]... [--ip IP]... [--days N] [--force] [--new-ca]
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

target=${CARGO_TARGET_DIR:-$top/target}

find_admin() {
    local candidate
    for candidate in "$target/release/ftp-admin" "$target/debug/ftp-admin"; do
        if [ -x "$candidate" ]; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    if command -v ftp-admin; then
        return
    fi
    echo "ftp-admin is not built yet; building it" >&2
    cargo build --quiet --release --manifest-path "$top/Cargo.toml" --package ftp-daemon --bin ftp-admin >&2
    printf '%s\n' "$target/release/ftp-admin"
}

out=(--out "$top/certs")
for argument in "$@"; do
    case $argument in
        --out | --out=*) out=() ;;
    esac
done
exec "$(find_admin)" cert "${out[@]}" "$@"
