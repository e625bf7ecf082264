# bash completion for ftp-admin. Written by 'cargo run -p ftp-tests --example manuals'; changes here are lost.

# What the program itself lists, called with the options that were given before the verb.
_ftp_admin_listed() {
    mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[@]:0:at}" "$@" 2>/dev/null </dev/null)" -- "$cur")
}

_ftp_admin() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words
    COMPREPLY=()
    # --option=value comes as three words.
    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    local verb= at
    for ((at = 1; at < COMP_CWORD; at++)); do
        case ${COMP_WORDS[at]} in
            -c | --config)
                ((at++))
                [[ ${COMP_WORDS[at]} != = ]] || ((at++))
                ;;
            -*) ;;
            *)
                verb=${COMP_WORDS[at]}
                break
                ;;
        esac
    done
    case $verb in
        '')
            case $prev in
                -c | --config)
                    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
                    compopt -o filenames 2>/dev/null
                    return
                    ;;
            esac
            words='create rm setup view cert fingerprint check scrub help -c --config -h --help -V --version'
            ;;
        create)
            case $prev in
                --quota)
                    mapfile -t COMPREPLY < <(compgen -W 'none' -- "$cur")
                    return
                    ;;
                --password-file)
                    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
                    compopt -o filenames 2>/dev/null
                    return
                    ;;
            esac
            if [[ $cur != -* ]]; then
                return
            fi
            words='--quota --generate --password-file --weak -h --help'
            ;;
        rm)
            if [[ $cur != -* ]]; then
                ${FUNCNAME[0]}_listed view --names
                return
            fi
            words='--purge --yes -h --help'
            ;;
        setup)
            case $prev in
                --quota)
                    mapfile -t COMPREPLY < <(compgen -W 'none' -- "$cur")
                    return
                    ;;
                --password-file)
                    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
                    compopt -o filenames 2>/dev/null
                    return
                    ;;
            esac
            if [[ $cur != -* ]]; then
                ${FUNCNAME[0]}_listed view --names
                return
            fi
            words='--quota --password --generate --password-file --weak --yes -h --help'
            ;;
        view | list)
            if [[ $cur != -* ]]; then
                ${FUNCNAME[0]}_listed view --names
                return
            fi
            words='--json --names -h --help'
            ;;
        cert)
            case $prev in
                --out)
                    mapfile -t COMPREPLY < <(compgen -d -- "$cur")
                    compopt -o filenames 2>/dev/null
                    return
                    ;;
                --name)
                    return
                    ;;
                --ip)
                    return
                    ;;
                --days)
                    return
                    ;;
            esac
            words='--out --name --ip --days --force --new-ca -h --help'
            ;;
        fingerprint)
            if [[ $cur != -* ]]; then
                mapfile -t COMPREPLY < <(compgen -f -- "$cur")
                compopt -o filenames 2>/dev/null
                return
            fi
            words='-h --help'
            ;;
        check)
            words='-h --help'
            ;;
        scrub)
            if [[ $cur != -* ]]; then
                ${FUNCNAME[0]}_listed view --names
                return
            fi
            words='-h --help'
            ;;
        help)
            if [[ $cur != -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W 'create rm setup view cert fingerprint check scrub' -- "$cur")
                return
            fi
            words='-h --help'
            ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _ftp_admin ftp-admin
