# fish completion for ftp-daemon. Written by 'cargo run -p ftp-tests --example manuals'; changes here are lost.

complete -c ftp-daemon -f
complete -c ftp-daemon -s c -l config -r -F -d 'the daemon\'s config; without it etc/ftp-daemon.ron, else /etc/ftp-daemon/ftp-daemon.ron'
complete -c ftp-daemon -l check -d 'read and check everything, change nothing, say whether the set-up is sound'
complete -c ftp-daemon -s h -l help -d 'this text'
complete -c ftp-daemon -s V -l version -d 'the version'
