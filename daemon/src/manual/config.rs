//! `ftp-daemon.ron`.

use ftp_manual::{Block, Config, Key, Section, Value};

/// Its keys, in the order of the shipped file.
pub const CONFIG: Config = Config {
    name: "ftp-daemon.ron",
    what: "the configuration of ftp-daemon and ftp-admin",
    about: "The configuration of ftp-daemon and ftp-admin, in RON (https://github.com/ron-rs/ron). Every key is shown with its default, but for \
            certificate, private_key and data, which have none. Paths are relative to the folder of this file. After a change: `ftp-admin check`, \
            then send the daemon SIGHUP; listen, data, durability, sandbox and log take a restart.",
    keys: &[
        Key {
            name: "listen",
            text: "Where to listen: IP addresses with ports, no names. \"0.0.0.0:9999\" is all of IPv4, \"[::]:9999\" all addresses, port 0 any \
                   free one.",
            value: Value::Default("[\"127.0.0.1:9999\"]"),
        },
        Key {
            name: "certificate",
            text: "The server's certificate and those that lead from it to the CA, PEM. `ftp-admin cert` makes one.",
            value: Value::Needed("\"../certs/server.pem\""),
        },
        Key {
            name: "private_key",
            text: "Its key, PEM, mode 0600.",
            value: Value::Needed("\"../certs/server.key\""),
        },
        Key {
            name: "data",
            text: "The users, their files, the logs: users.ron, users/<name>/{home,parts}, log/, run/. The home and the parts of a user have to be \
                   on one file system.",
            value: Value::Needed("\"../var\""),
        },
        Key {
            name: "durability",
            text: "What an upload that was reported as done survives: `full` the loss of power, `fast` only the end of the daemon.",
            value: Value::Default("full"),
        },
        Key {
            name: "sandbox",
            text: "Have the kernel keep the daemon to its data, the folders of this file, the certificate and the key, and its logs (Landlock, \
                   from Linux 5.19 on). A certificate that moves to another folder then takes a restart.",
            value: Value::Default("true"),
        },
        Key { name: "limits", text: "What there may be of everything.", value: Value::Keys(LIMITS) },
        Key {
            name: "log",
            text: "What is said, and where.",
            value: Value::Keys(&[
                Key {
                    name: "level",
                    text: "What goes to stderr: error, warning, info or debug.",
                    value: Value::Default("info"),
                },
                Key {
                    name: "folder",
                    text: "The folder of login.log and operate.log; without this key, `log` in the data folder.",
                    value: Value::Default("\"../var/log\""),
                },
            ]),
        },
    ],
    sections: &[Section {
        title: "EXAMPLE",
        blocks: &[
            Block::Text("All that has to be there, and another address:"),
            Block::Code(
                "(\n    listen: [\"192.0.2.7:9999\"],\n    certificate: \"certs/server.pem\",\n    private_key: \"certs/server.key\",\n    \
                 data: \"/var/lib/ftp-daemon\",\n)",
            ),
        ],
    }],
    see_also: &["ftp-admin(8)", "ftp-daemon(8)"],
};

const LIMITS: &[Key] = &[
    Key { name: "connections", text: "Connections at once, 1 to 100000.", value: Value::Default("2048") },
    Key {
        name: "connections_per_address",
        text: "Connections of one address at once, 1 to 100000.",
        value: Value::Default("1024"),
    },
    Key {
        name: "guests",
        text: "Connections on which nobody is logged in: from `start` on new ones are turned away at random, at first `percent` in a hundred, and \
               all of them when there are `full`. Who is logged in is not affected. Without this line: from half of all connections on, and all \
               of them.",
        value: Value::Absent("(start: 1024, percent: 30, full: 2048)"),
    },
    Key {
        name: "idle_seconds",
        text: "A session that asks for nothing for so long is closed, 10 to 86400.",
        value: Value::Default("300"),
    },
    Key {
        name: "drain_seconds",
        text: "How long transfers may go on after SIGTERM, 0 to 3600.",
        value: Value::Default("30"),
    },
    Key {
        name: "entries_per_user",
        text: "Files, directories and unfinished uploads of one user, 1 to 1000000000.",
        value: Value::Default("1000000"),
    },
    Key {
        name: "penalty_exempt",
        text: "IP addresses that are never made to wait after wrong passwords or connections that led nowhere, such as [\"192.0.2.7\"]: for a proxy \
               or a gateway that many people share. Guessing from there is only as slow as the password checks are.",
        value: Value::Default("[]"),
    },
];
