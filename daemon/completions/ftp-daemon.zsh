#compdef ftp-daemon
# Written by 'cargo run -p ftp-tests --example manuals'; changes here are lost.

_ftp_daemon() {
    local context state state_descr line
    typeset -A opt_args
    local -a given verbs
    _arguments -s -S \
        '(-c --config)'{-c+,--config=}'[the daemon'\''s config; without it etc/ftp-daemon.ron, else /etc/ftp-daemon/ftp-daemon.ron]:FILE:_files' \
        '--check[read and check everything, change nothing, say whether the set-up is sound]' \
        '(-h --help)'{-h,--help}'[this text]' \
        '(-V --version)'{-V,--version}'[the version]'
}

_ftp_daemon "$@"
