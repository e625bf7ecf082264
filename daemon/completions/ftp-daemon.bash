# bash completion for ftp-daemon. Written by 'cargo run -p ftp-tests --example manuals'; changes here are lost.

_ftp_daemon() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words
    COMPREPLY=()
    # --option=value comes as three words.
    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case $prev in
        -c | --config)
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            compopt -o filenames 2>/dev/null
            return
            ;;
    esac
    words='-c --config --check -h --help -V --version'
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _ftp_daemon ftp-daemon
