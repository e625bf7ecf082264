"""The programs that ours is compared with: how each is set up, as fast as it can be made, and how its clients are called."""

import os

from measure import Failed, Group, command
from ground import PASSWORD, Server

SUITE = "TLS_AES_128_GCM_SHA256"
CURL = ["curl", "-sS", "--connect-timeout", "10"]


class Peer(Server):
    """A server below `site.peers`, where Debian's packages are unpacked; nothing of it is installed."""

    needs = ()

    def __init__(self, site):
        super().__init__(site)
        self.port = site.port()
        self.folder = site.folder(f"{site.fast}/{self.name}")

    def path(self, program):
        """A program of the packages, else the system's."""
        found = f"{self.site.peers}/{program}"
        if not os.path.exists(found):
            raise Failed(f"{self.name}: there is no {found}")
        return found

    def libraries(self):
        """Where the packages have theirs."""
        return ":".join(f"{self.site.peers}/{lib}/x86_64-linux-gnu" for lib in ("usr/lib", "lib"))

    def up(self, *argv, **more):
        more.setdefault("env", {**os.environ, "LD_LIBRARY_PATH": self.libraries()})
        log = open(f"{self.folder}/log", "ab")
        self.launch(list(argv), stdout=log, stderr=log, cwd=self.folder, **more)

    def config(self, text, name="conf"):
        return self.site.write(f"{self.folder}/{name}", text)


class Ftps(Peer):
    """FTP with TLS from the start of a session on, by curl."""

    kind = "ftps"
    client = "curl"
    user, tls = f"bench:{PASSWORD}", ["--tlsv1.3", "--tls13-ciphers", SUITE]

    def curl(self):
        return [*CURL, "--cacert", self.site.ca, "--ssl-reqd", *self.tls, "-u", self.user]

    def url(self, name):
        return f"ftp://127.0.0.1:{self.port}/{name}"

    def download(self, name, to):
        return [*self.curl(), self.url(name), "-o", to]

    def upload(self, path, name):
        return [*self.curl(), "-T", path, self.url(f"up/{name}")]

    def rclone(self):
        obscured = command([self.path("usr/bin/rclone"), "obscure", PASSWORD]).strip()
        return [
            *(self.path("usr/bin/rclone"), "--config", "/dev/null", "--ftp-host", "127.0.0.1", "--ftp-port", str(self.port)),
            *("--ftp-user", "bench", "--ftp-pass", obscured, "--ftp-explicit-tls", "--ftp-no-check-certificate"),
            *("--transfers", "8", "--checkers", "8", "--retries", "1", "--low-level-retries", "2", "copy"),
        ]


class PureFtpd(Ftps):
    name = "Pure-FTPd"
    packages = ("pure-ftpd",)

    def start(self):
        site = self.site
        if not site.root:
            raise Failed("Pure-FTPd wants root, to shut its users into their folders")
        hashed = command(["openssl", "passwd", "-6", PASSWORD]).strip()
        account = f"bench:{hashed}:65534:65534::{site.data}/./:::::::::::::\n"
        accounts = site.write(f"{self.folder}/accounts", account, 0o600)
        command([self.path("usr/bin/pure-pw"), "mkdb", f"{accounts}.pdb", "-f", accounts])
        self.up(
            *(self.path("usr/sbin/pure-ftpd"), "-S", f"127.0.0.1,{self.port}", "-4", "-c", "2000", "-C", "2000", "-E", "-H"),
            *("-l", f"puredb:{accounts}.pdb", "-p", "24000:27999", "-P", "127.0.0.1", "-Y", "2", "-2", site.both),
            *("-L", "300000:8", "-I", "60", "-g", f"{self.folder}/pid"),
            as_root=True,
        )
        self.wait(self.port)


class ProFtpd(Ftps):
    name = "ProFTPD"
    packages = ("proftpd-core", "proftpd-mod-crypto")

    def start(self):
        site, folder = self.site, self.folder
        hashed = command(["openssl", "passwd", "-6", PASSWORD]).strip()
        accounts = self.site.write(f"{folder}/accounts", f"bench:{hashed}:65534:65534::{site.data}:/bin/sh\n", 0o600)
        conf = self.config(
            f"""ModulePath {site.peers}/usr/lib/proftpd
LoadModule mod_tls.c
ServerName bench
ServerType standalone
DefaultAddress 127.0.0.1
SocketBindTight on
Port {self.port}
UseIPv6 off
UseReverseDNS off
User {site.name}
Group {os.popen('id -gn ' + site.name).read().strip()}
PidFile {folder}/pid
ScoreboardFile {folder}/score
DelayEngine off
MaxInstances 2000
MaxClients none
TimeoutIdle 3600
AuthPAM off
AuthOrder mod_auth_file.c
AuthUserFile {accounts}
RequireValidShell off
WtmpLog off
TransferLog none
SystemLog {folder}/system.log
PassivePorts 28000 31999
AllowOverwrite on
<IfModule mod_tls.c>
TLSEngine on
TLSProtocol TLSv1.3
TLSRequired on
TLSECCertificateFile {site.cert}
TLSECCertificateKeyFile {site.key}
TLSOptions NoSessionReuseRequired
TLSLog none
</IfModule>
"""
        )
        self.up(self.path("usr/sbin/proftpd"), "-n", "-c", conf)
        self.wait(self.port)


class Vsftpd(Ftps):
    name = "vsftpd"
    packages = ("vsftpd",)
    # Its accounts are the system's; a guest needs none, and is spared the password.
    user = "anonymous:bench"

    def start(self):
        site = self.site
        if not site.root:
            raise Failed("vsftpd wants root, to shut its guests into a folder")
        empty = f"{self.folder}/empty"
        os.makedirs(empty, exist_ok=True)
        conf = self.config(
            f"""listen=YES
listen_address=127.0.0.1
listen_port={self.port}
background=NO
nopriv_user={site.name}
ftp_username=daemon
anonymous_enable=YES
anon_root={site.data}
no_anon_password=YES
write_enable=YES
anon_upload_enable=YES
anon_other_write_enable=YES
anon_mkdir_write_enable=YES
anon_umask=022
anon_world_readable_only=NO
secure_chroot_dir={empty}
ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=YES
force_anon_data_ssl=YES
rsa_cert_file={site.cert}
rsa_private_key_file={site.key}
require_ssl_reuse=NO
ssl_ciphers=HIGH
pasv_min_port=32000
pasv_max_port=32700
pasv_address=127.0.0.1
xferlog_enable=NO
max_clients=2000
max_per_ip=2000
seccomp_sandbox=NO
"""
        )
        # Its guest is a user who has a home. It refuses a root that its guests may write to, and a file of settings that is not root's.
        os.chmod(f"{site.data}/up", 0o777)
        os.chmod(site.data, 0o555)
        os.chown(conf, 0, 0)
        self.up(self.path("usr/sbin/vsftpd"), conf, as_root=True)
        self.wait(self.port)


class Unftp(Ftps):
    """Of crates.io; it has TLS 1.2 only."""

    name = "unFTP"
    packages = ()
    tls = ["--tlsv1.2", "--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256"]

    def start(self):
        site = self.site
        accounts = self.site.write(f"{self.folder}/accounts", f'[{{"username":"bench","password":"{PASSWORD}"}}]')
        key = f"{self.folder}/key.pem"
        command(["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", site.key, "-out", key])
        site.give(key)
        self.up(
            *(self.path("cargo/bin/unftp"), "--bind-address", f"127.0.0.1:{self.port}", "--root-dir", site.data),
            *("--auth-type", "json", "--auth-json-path", accounts, "--ftps-certs-file", site.cert, "--ftps-key-file", key),
            *("--ftps-required-on-control-channel", "all", "--ftps-required-on-data-channel", "all"),
            *("--bind-address-http", f"127.0.0.1:{site.port()}", "--passive-ports", "20000-21000"),
            *("--idle-session-timeout", "3600", "--log-level", "error"),
        )
        self.wait(self.port)


class Nginx(Peer):
    """Plain files over HTTPS."""

    name, kind, client = "nginx", "https", "curl"
    packages = ("nginx-light",)

    def start(self):
        site, folder = self.site, self.folder
        conf = self.config(
            f"""worker_processes auto;
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{ access_log off; sendfile on; tcp_nopush on; client_max_body_size 4g; keepalive_requests 100000; keepalive_timeout 3600;
 client_body_temp_path {site.data}/up; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
 server {{ listen 127.0.0.1:{self.port} ssl http2; ssl_certificate {site.cert}; ssl_certificate_key {site.key}; ssl_protocols TLSv1.3;
  root {site.data}; location /up/ {{ dav_methods PUT DELETE; }} }} }}
"""
        )
        self.up(self.path("usr/sbin/nginx"), "-c", conf, "-e", f"{folder}/error.log")
        self.wait(self.port)

    def curl(self, version="--http1.1"):
        return [*CURL, "--cacert", self.site.ca, "--tlsv1.3", "--tls13-ciphers", SUITE, version]

    def url(self, name):
        return f"https://127.0.0.1:{self.port}/{name}"

    def download(self, name, to):
        return [*self.curl(), "-f", self.url(name), "-o", to]

    def upload(self, path, name):
        return [*self.curl(), "-f", "-H", "Expect:", "-T", path, self.url(f"up/{name}")]

    def many(self, folder, count, to):
        """Fifty requests at once on one connection."""
        numbers = f"{folder}/f[00000-{count - 1:05}]"
        return [*self.curl("--http2"), "-f", "-Z", "--parallel-max", "50", self.url(numbers), "--create-dirs", "-o", f"{to}/f#1"]


class Rsync(Peer):
    """rsync's own server behind stunnel, and stunnel again before its client."""

    name, kind, client = "stunnel", "rsync", "rsync"
    packages = ("rsync", "stunnel4")

    def start(self):
        site, inner, self.near = self.site, self.site.port(), self.site.port()
        daemon = self.config(
            f"use chroot = no\naddress = 127.0.0.1\nport = {inner}\npid file = {self.folder}/pid\n"
            f"[data]\n path = {site.data}\n read only = no\n"
        )
        common = f"foreground = yes\npid =\ndebug = 3\nsslVersionMin = TLSv1.3\nciphersuites = {SUITE}\nsocket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\n"
        far = f"[rsync]\naccept = 127.0.0.1:{self.port}\nconnect = 127.0.0.1:{inner}\ncert = {site.cert}\nkey = {site.key}\n"
        near = f"[rsync]\nclient = yes\naccept = 127.0.0.1:{self.near}\nconnect = 127.0.0.1:{self.port}\n"
        self.up(self.path("usr/bin/rsync"), "--daemon", "--no-detach", f"--config={daemon}")
        self.wait(inner)
        self.up(self.path("usr/bin/stunnel4"), self.config(common + far, "far"))
        self.wait(self.port)
        # The client's half is the client's.
        server, self.group = self.group, Group("stunnel-near")
        try:
            self.up(self.path("usr/bin/stunnel4"), self.config(common + near, "near"))
        finally:
            self.clients, self.group = [self.group], server
        self.wait(self.near)

    def rsync(self, *words):
        return ["env", f"LD_LIBRARY_PATH={self.libraries()}", self.path("usr/bin/rsync"), *words]

    def module(self, name=""):
        return f"rsync://127.0.0.1:{self.near}/data/{name}"

    def download(self, name, to):
        return self.rsync("-W", "--inplace", self.module(name), to)

    def upload(self, path, name):
        return self.rsync("-W", "--inplace", path, self.module(f"up/{name}"))


PEERS = {peer.name.lower().replace("-", ""): peer for peer in (PureFtpd, ProFtpd, Vsftpd, Nginx, Unftp)}
PEERS["rsync"] = Rsync
USUAL = ("pureftpd", "proftpd", "vsftpd", "nginx", "rsync")
