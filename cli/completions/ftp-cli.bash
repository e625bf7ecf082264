# bash completion for ftp-cli. Written by 'cargo run -p ftp-tests --example manuals'; changes here are lost.

_ftp_cli() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words
    COMPREPLY=()
    # --option=value comes as three words.
    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case $prev in
        -s | --server)
            return
            ;;
        -P | --port)
            return
            ;;
        -u | --user)
            return
            ;;
        --password-file)
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            compopt -o filenames 2>/dev/null
            return
            ;;
        --ca)
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            compopt -o filenames 2>/dev/null
            return
            ;;
        --fingerprint)
            return
            ;;
        --forget)
            return
            ;;
        --timeout)
            return
            ;;
        -c | --command)
            return
            ;;
        -b | --batch)
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            compopt -o filenames 2>/dev/null
            return
            ;;
        -l | --limit)
            return
            ;;
        --retries)
            return
            ;;
        --config)
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            compopt -o filenames 2>/dev/null
            return
            ;;
        --progress)
            mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur")
            return
            ;;
    esac
    words='-s --server -P --port -u --user --password-file --ca --fingerprint --accept-new --forget --timeout -c --command -b --batch -k --keep-going --no-input -l --limit --retries --config -q --quiet -v --verbose -j --json --progress -h --help -V --version'
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _ftp_cli ftp-cli
