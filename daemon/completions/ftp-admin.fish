# fish completion for ftp-admin. Written by 'cargo run -p ftp-tests --example manuals'; changes here are lost.

# Succeeds when the verb is one of those given, or when there is none and none is given.
function __ftp_admin_verb
    set -l skip no
    for word in (commandline -opc)[2..-1]
        if test $skip = yes
            set skip no
            continue
        end
        switch $word
            case -c --config
                set skip yes
            case '-*'
            case '*'
                contains -- $word $argv
                return
        end
    end
    test (count $argv) -eq 0
end

# What the program itself lists, called with the options that were given before the verb.
function __ftp_admin_listed
    set -l given
    set -l skip no
    for word in (commandline -opc)
        if test $skip = yes
            set skip no
        else
            switch $word
                case -c --config
                    set skip yes
                case '-*'
                case '*'
                    if test (count $given) -gt 0
                        break
                    end
            end
        end
        set -a given $word
    end
    $given $argv 2>/dev/null </dev/null
end

complete -c ftp-admin -f
complete -c ftp-admin -n __ftp_admin_verb -s c -l config -r -F -d 'the daemon\'s config; without it etc/ftp-daemon.ron, else /etc/ftp-daemon/ftp-daemon.ron'
complete -c ftp-admin -n __ftp_admin_verb -s h -l help -d 'this text'
complete -c ftp-admin -n __ftp_admin_verb -s V -l version -d 'the version'
complete -c ftp-admin -n __ftp_admin_verb -a create -d 'a new account with its folder'
complete -c ftp-admin -n __ftp_admin_verb -a rm -d 'the end of an account; its files stay'
complete -c ftp-admin -n __ftp_admin_verb -a setup -d 'another quota or password for an account'
complete -c ftp-admin -n __ftp_admin_verb -a view -d 'who has what: used, quota, files, last login'
complete -c ftp-admin -n __ftp_admin_verb -a cert -d 'a certificate, and the CA that signs it'
complete -c ftp-admin -n __ftp_admin_verb -a fingerprint -d 'what clients compare at their first visit'
complete -c ftp-admin -n __ftp_admin_verb -a check -d 'whether this set-up is sound, a line for each thing looked at'
complete -c ftp-admin -n __ftp_admin_verb -a scrub -d 'whether files on the disk are still what was uploaded'
complete -c ftp-admin -n __ftp_admin_verb -a help -d 'this text, or more about one verb'
complete -c ftp-admin -n '__ftp_admin_verb create' -l quota -x -a 'none' -d 'the most bytes, like 5G, 500M or none (K, M, G, T are powers of 1024)'
complete -c ftp-admin -n '__ftp_admin_verb create' -l generate -d 'make a password, and print it alone on stdout, once'
complete -c ftp-admin -n '__ftp_admin_verb create' -l password-file -r -F -d 'take the password from the first line of a file; - is stdin'
complete -c ftp-admin -n '__ftp_admin_verb create' -l weak -d 'take a password of fewer than 12 characters too'
complete -c ftp-admin -n '__ftp_admin_verb create' -s h -l help -d 'this text'
complete -c ftp-admin -n '__ftp_admin_verb rm' -a '(__ftp_admin_listed view --names)'
complete -c ftp-admin -n '__ftp_admin_verb rm' -l purge -d 'delete the user\'s files as well'
complete -c ftp-admin -n '__ftp_admin_verb rm' -l yes -d 'do not ask'
complete -c ftp-admin -n '__ftp_admin_verb rm' -s h -l help -d 'this text'
complete -c ftp-admin -n '__ftp_admin_verb setup' -a '(__ftp_admin_listed view --names)'
complete -c ftp-admin -n '__ftp_admin_verb setup' -l quota -x -a 'none' -d 'the most bytes, like 5G, 500M or none (K, M, G, T are powers of 1024)'
complete -c ftp-admin -n '__ftp_admin_verb setup' -l password -d 'ask for another password'
complete -c ftp-admin -n '__ftp_admin_verb setup' -l generate -d 'make a password, and print it alone on stdout, once'
complete -c ftp-admin -n '__ftp_admin_verb setup' -l password-file -r -F -d 'take the password from the first line of a file; - is stdin'
complete -c ftp-admin -n '__ftp_admin_verb setup' -l weak -d 'take a password of fewer than 12 characters too'
complete -c ftp-admin -n '__ftp_admin_verb setup' -l yes -d 'do not ask, not even before a quota below what is used'
complete -c ftp-admin -n '__ftp_admin_verb setup' -s h -l help -d 'this text'
complete -c ftp-admin -n '__ftp_admin_verb view list' -a '(__ftp_admin_listed view --names)'
complete -c ftp-admin -n '__ftp_admin_verb view list' -l json -d 'print a JSON array of objects'
complete -c ftp-admin -n '__ftp_admin_verb view list' -l names -d 'print the names only, one on a line; nothing is counted'
complete -c ftp-admin -n '__ftp_admin_verb view list' -s h -l help -d 'this text'
complete -c ftp-admin -n '__ftp_admin_verb cert' -l out -x -a '(__fish_complete_directories (commandline -ct))' -d 'the folder for ca.pem, ca.key, server.pem and server.key; certs without it'
complete -c ftp-admin -n '__ftp_admin_verb cert' -l name -x -d 'a name of the server; may be given more than once'
complete -c ftp-admin -n '__ftp_admin_verb cert' -l ip -x -d 'an address of the server; may be given more than once'
complete -c ftp-admin -n '__ftp_admin_verb cert' -l days -x -d 'how long the server\'s certificate lasts; 397 without it'
complete -c ftp-admin -n '__ftp_admin_verb cert' -l force -d 'replace the server\'s certificate and key; the CA stays'
complete -c ftp-admin -n '__ftp_admin_verb cert' -l new-ca -d 'with --force: replace the CA too; every client needs the new ca.pem'
complete -c ftp-admin -n '__ftp_admin_verb cert' -s h -l help -d 'this text'
complete -c ftp-admin -n '__ftp_admin_verb fingerprint' -F
complete -c ftp-admin -n '__ftp_admin_verb fingerprint' -s h -l help -d 'this text'
complete -c ftp-admin -n '__ftp_admin_verb check' -s h -l help -d 'this text'
complete -c ftp-admin -n '__ftp_admin_verb scrub' -a '(__ftp_admin_listed view --names)'
complete -c ftp-admin -n '__ftp_admin_verb scrub' -s h -l help -d 'this text'
complete -c ftp-admin -n '__ftp_admin_verb help' -a 'create rm setup view cert fingerprint check scrub'
complete -c ftp-admin -n '__ftp_admin_verb help' -s h -l help -d 'this text'
