#compdef ftp-cli
# Written by 'cargo run -p ftp-tests --example manuals'; changes here are lost.

_ftp_cli() {
    local context state state_descr line
    typeset -A opt_args
    local -a given verbs
    _arguments -s -S \
        '(-s --server)'{-s+,--server=}'[name or address of the server; 127.0.0.1 without it]:HOST: ' \
        '(-P --port)'{-P+,--port=}'[9999 without it]:PORT: ' \
        '(-u --user)'{-u+,--user=}'[who to log in as]:USER: ' \
        '--password-file=[take the password from the first line of a file; - is stdin. Without it ~/.netrc is looked into]:FILE:_files' \
        '--ca=[trust servers that this CA has signed]:FILE:_files' \
        '--fingerprint=[trust only the certificate with this fingerprint (SHA256\:...)]:FP: ' \
        '--accept-new[trust a server at the first contact without asking; never one that changed]' \
        '--forget=[forget a server that was trusted at the first contact, and leave]:HOST\:PORT: ' \
        '--timeout=[give up when nothing comes for so long; 30 without it]:SECONDS: ' \
        '(-c --command)'{-c+,--command=}'[commands, with '\'';'\'' between them]:CMDS: ' \
        '(-b --batch)'{-b+,--batch=}'[a file of commands, one per line; - is stdin; # begins a comment]:FILE:_files' \
        '(-k --keep-going)'{-k,--keep-going}'[go on after an error; a command that begins with - may always fail]' \
        '--no-input[never ask]' \
        '(-l --limit)'{-l+,--limit=}'[bytes per second, as 2M or 500K in powers of 1024, of both directions together]:RATE: ' \
        '--retries=[how often a lost connection is made anew\: 5 without it; '\''none'\'', or 0 for no limit]:N: ' \
        '--config=[the folders of downloads and uploads; etc/ftp-cli.ron shows what it can say]:FILE:_files' \
        '(-q --quiet)'{-q,--quiet}'[only results and errors]' \
        '(-v --verbose)'{-v,--verbose}'[each step of the protocol, on stderr]' \
        '(-j --json)'{-j,--json}'[one JSON object per line for everything that happens; cli/JSON.md describes them]' \
        '--progress=[a bar where there is a terminal (auto), lines elsewhere too (always), or nothing (never)]:WHEN:(auto always never)' \
        '(-h --help)'{-h,--help}'[this text]' \
        '(-V --version)'{-V,--version}'[the version]'
}

_ftp_cli "$@"
