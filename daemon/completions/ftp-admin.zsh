#compdef ftp-admin
# Written by 'cargo run -p ftp-tests --example manuals'; changes here are lost.

# What the program itself lists, called with the options that were given before the verb.
_ftp_admin_listed() {
    local -a found
    found=(${(f)"$("$given[@]" "$@" 2>/dev/null </dev/null)"})
    compadd -a found
}

_ftp_admin() {
    local context state state_descr line
    typeset -A opt_args
    local -a given verbs
    given=("$words[1]")
    _arguments -C -s -S \
        '(-c --config)'{-c+,--config=}'[the daemon'\''s config; without it etc/ftp-daemon.ron, else /etc/ftp-daemon/ftp-daemon.ron]:FILE:_files' \
        '(-h --help)'{-h,--help}'[this text]' \
        '(-V --version)'{-V,--version}'[the version]' \
        '1:command:->verb' \
        '*::argument:->rest'
    (( ! ${+opt_args[-c]} )) || given+=(-c "${(Q)opt_args[-c]//\\:/:}")
    (( ! ${+opt_args[--config]} )) || given+=(--config "${(Q)opt_args[--config]//\\:/:}")
    case $state in
        verb)
            verbs=(
                'create:a new account with its folder'
                'rm:the end of an account; its files stay'
                'setup:another quota or password for an account'
                'view:who has what\: used, quota, files, last login'
                'cert:a certificate, and the CA that signs it'
                'fingerprint:what clients compare at their first visit'
                'check:whether this set-up is sound, a line for each thing looked at'
                'scrub:whether files on the disk are still what was uploaded'
                'help:this text, or more about one verb'
            )
            _describe command verbs
            ;;
        rest)
            case $words[1] in
                create)
                    _arguments -s -S \
                        '--quota=[the most bytes, like 5G, 500M or none (K, M, G, T are powers of 1024)]:SIZE|none:(none)' \
                        '--generate[make a password, and print it alone on stdout, once]' \
                        '--password-file=[take the password from the first line of a file; - is stdin]:FILE|-:_files' \
                        '--weak[take a password of fewer than 12 characters too]' \
                        '(-h --help)'{-h,--help}'[this text]' \
                        '1::USER: '
                    ;;
                rm)
                    _arguments -s -S \
                        '--purge[delete the user'\''s files as well]' \
                        '--yes[do not ask]' \
                        '(-h --help)'{-h,--help}'[this text]' \
                        '1:USER:{_ftp_admin_listed view --names}'
                    ;;
                setup)
                    _arguments -s -S \
                        '--quota=[the most bytes, like 5G, 500M or none (K, M, G, T are powers of 1024)]:SIZE|none:(none)' \
                        '--password[ask for another password]' \
                        '--generate[make a password, and print it alone on stdout, once]' \
                        '--password-file=[take the password from the first line of a file; - is stdin]:FILE|-:_files' \
                        '--weak[take a password of fewer than 12 characters too]' \
                        '--yes[do not ask, not even before a quota below what is used]' \
                        '(-h --help)'{-h,--help}'[this text]' \
                        '1::USER:{_ftp_admin_listed view --names}'
                    ;;
                view | list)
                    _arguments -s -S \
                        '--json[print a JSON array of objects]' \
                        '--names[print the names only, one on a line; nothing is counted]' \
                        '(-h --help)'{-h,--help}'[this text]' \
                        '1::USER:{_ftp_admin_listed view --names}'
                    ;;
                cert)
                    _arguments -s -S \
                        '--out=[the folder for ca.pem, ca.key, server.pem and server.key; certs without it]:DIR:_files -/' \
                        '*--name=[a name of the server; may be given more than once]:HOST: ' \
                        '*--ip=[an address of the server; may be given more than once]:IP: ' \
                        '--days=[how long the server'\''s certificate lasts; 397 without it]:N: ' \
                        '--force[replace the server'\''s certificate and key; the CA stays]' \
                        '--new-ca[with --force\: replace the CA too; every client needs the new ca.pem]' \
                        '(-h --help)'{-h,--help}'[this text]'
                    ;;
                fingerprint)
                    _arguments -s -S \
                        '(-h --help)'{-h,--help}'[this text]' \
                        '1::PEM:_files'
                    ;;
                check)
                    _arguments -s -S \
                        '(-h --help)'{-h,--help}'[this text]'
                    ;;
                scrub)
                    _arguments -s -S \
                        '(-h --help)'{-h,--help}'[this text]' \
                        '1::USER:{_ftp_admin_listed view --names}'
                    ;;
                help)
                    _arguments -s -S \
                        '(-h --help)'{-h,--help}'[this text]' \
                        '1::VERB:(create rm setup view cert fingerprint check scrub)'
                    ;;
            esac
            ;;
    esac
}

_ftp_admin "$@"
