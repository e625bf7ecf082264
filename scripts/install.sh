#!/usr/bin/env bash
# Installs ftp-daemon as a service, or takes it away. Running it again is harmless: what is there of configuration, certificates
# and data is never replaced.
set -euo pipefail
umask 022

usage() {
    cat <<'TEXT'
Usage: scripts/install.sh [--prefix DIR] [--root DIR] [--uninstall]

  --prefix DIR   where bin/ and share/ go (default /usr/local)
  --root DIR     put everything below DIR, as for a package: no user is made, systemd is not told
  --uninstall    remove the programs, their pages and completions, and the unit; configuration, certificates and data stay
  -h, --help     this

The programs are those of target/release, built first if they are missing or older than the sources.
TEXT
}

fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

say() {
    printf '%-9s%s\n' "$1" "$2"
}

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
release=${CARGO_TARGET_DIR:-$top/target}/release
prefix=/usr/local
root=
uninstall=no
service_user=ftpd
programs=(ftp-daemon ftp-cli ftp-admin)

while [ $# -gt 0 ]; do
    case $1 in
        --prefix | --root)
            [ -n "${2:-}" ] || fail "$1 needs a folder"
            [ "$1" = --prefix ] && prefix=$2 || root=$2
            shift
            ;;
        --prefix=?*) prefix=${1#*=} ;;
        --root=?*) root=${1#*=} ;;
        --uninstall) uninstall=yes ;;
        -h | --help)
            usage
            exit 0
            ;;
        *)
            printf "install.sh: what is '%s'?\n" "$1" >&2
            usage >&2
            exit 2
            ;;
    esac
    shift
done
# It is written into the unit.
case $prefix in
    *[!A-Za-z0-9/._+-]*) fail "--prefix may have letters, digits and / . _ + - only" ;;
    /*) prefix=${prefix%/} ;;
    *) fail "--prefix has to begin with /" ;;
esac
root=${root%/}
if [ -z "$root" ] && [ "$(id -u)" -ne 0 ]; then
    fail "only root can install a service: use sudo, or --root DIR to put everything into a folder of yours"
fi

bin=$root$prefix/bin
share=$root$prefix/share
unit=$root/etc/systemd/system/ftp-daemon.service
etc=$root/etc/ftp-daemon
data=$root/var/lib/ftp-daemon

# Man pages and completions: the file of the source tree, and where it goes. Called so, shells and man find them.
documents=()
for source in "$top"/{daemon,cli}/{man,completions}/*; do
    name=${source##*/}
    stem=${name%.*}
    case $name in
        '*') continue ;;
        *.[1-8]) place=man/man${name##*.}/$name ;;
        *.bash) place=bash-completion/completions/$stem ;;
        *.zsh) place=zsh/site-functions/_$stem ;;
        *.fish) place=fish/vendor_completions.d/$name ;;
        *) fail "what is $source?" ;;
    esac
    documents+=("$source" "$share/$place")
done

# Whether there is a systemd to tell.
has_systemd() {
    [ -z "$root" ] && [ -d /run/systemd/system ] && command -v systemctl >/dev/null
}

if [ "$uninstall" = yes ]; then
    if has_systemd && [ -e "$unit" ]; then
        systemctl disable --now ftp-daemon.service || fail "the service cannot be stopped; nothing was removed"
    fi
    files=("${programs[@]/#/$bin/}" "$unit")
    for ((at = 1; at < ${#documents[@]}; at += 2)); do
        files+=("${documents[at]}")
    done
    for file in "${files[@]}"; do
        if [ -e "$file" ]; then
            rm -- "$file"
            say removed "$file"
        fi
    done
    if has_systemd; then
        systemctl daemon-reload
    fi
    for folder in "$etc" "$data"; do
        if [ -e "$folder" ]; then
            say kept "$folder"
        fi
    done
    if [ -z "$root" ] && id "$service_user" >/dev/null 2>&1; then
        say kept "the user $service_user, who owns the data"
    fi
    exit 0
fi

# Whether all programs are built from the sources as they are.
is_built() {
    local program
    for program in "${programs[@]}"; do
        [ -x "$release/$program" ] || return 1
        [ -z "$(find "$top"/{Cargo.toml,Cargo.lock,proto,daemon,cli} \( -name '*.rs' -o -name 'Cargo.*' \) \
            -newer "$release/$program" -print -quit)" ] || return 1
    done
}

build() {
    local program
    if command -v cargo >/dev/null; then
        say building "$release"
        (cd "$top" && cargo build --release --locked --package ftp-daemon --package ftp-cli --bins) ||
            fail "the build failed"
        return
    fi
    for program in "${programs[@]}"; do
        [ -x "$release/$program" ] ||
            fail "$release/$program is not there, and there is no cargo in PATH to build it: run 'cargo build --release' first, as the user who has Rust"
    done
    printf 'install.sh: the programs are older than the sources, and there is no cargo in PATH to build them: installing them as they are\n' >&2
}

is_built || build

install -d -m 0755 "$bin" "${unit%/*}" "$etc"
for program in "${programs[@]}"; do
    install -m 0755 "$release/$program" "$bin/$program"
    say wrote "$bin/$program"
done
for ((at = 0; at < ${#documents[@]}; at += 2)); do
    file=${documents[at + 1]}
    install -d -m 0755 "${file%/*}"
    install -m 0644 "${documents[at]}" "$file"
done
say wrote "man pages and completions below $share"
sed "s|^ExecStart=/usr/local/|ExecStart=$prefix/|" "$top/etc/systemd/ftp-daemon.service" >"$unit.new"
chmod 0644 "$unit.new"
mv -- "$unit.new" "$unit"
say wrote "$unit"

if [ -e "$etc/ftp-daemon.ron" ]; then
    say kept "$etc/ftp-daemon.ron"
else
    sed -e 's|"\.\./certs/|"/etc/ftp-daemon/certs/|; s|"\.\./var|"/var/lib/ftp-daemon|' \
        "$top/etc/ftp-daemon.ron" >"$etc/ftp-daemon.ron.new"
    chmod 0644 "$etc/ftp-daemon.ron.new"
    mv -- "$etc/ftp-daemon.ron.new" "$etc/ftp-daemon.ron"
    say wrote "$etc/ftp-daemon.ron"
fi

if [ -z "$root" ] && ! id "$service_user" >/dev/null 2>&1; then
    useradd --system --user-group --home-dir /var/lib/ftp-daemon --no-create-home --shell /usr/sbin/nologin "$service_user" ||
        fail "the user $service_user cannot be made"
    say made "the user $service_user"
fi

if [ -e "$etc/certs/server.pem" ] || [ -e "$etc/certs/server.key" ]; then
    say kept "$etc/certs"
else
    "$release/ftp-admin" cert --out "$etc/certs" || fail "the certificate cannot be made"
    if [ -z "$root" ]; then
        chown "$service_user:" "$etc/certs/server.key"
    fi
fi

if [ -e "$data" ]; then
    say kept "$data"
else
    install -d -m 0755 "${data%/*}"
    install -d -m 0700 "$data"
    if [ -z "$root" ]; then
        chown "$service_user:" "$data"
    fi
    say made "$data"
fi

if [ -n "$root" ]; then
    exit 0
fi
if has_systemd; then
    systemctl daemon-reload
fi
cat <<TEXT

Next:
  $prefix/bin/ftp-admin create USER --quota 5G       an account
  edit $etc/ftp-daemon.ron           it listens on 127.0.0.1 only, until 'listen' says otherwise
  systemctl enable --now ftp-daemon                  (after an update: systemctl restart ftp-daemon)
The certificate is for this machine's name. For others:
  $prefix/bin/ftp-admin cert --out $etc/certs --name HOST --force && chown $service_user: $etc/certs/server.key
TEXT
