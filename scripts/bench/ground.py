"""The scratch folders, the files that are moved, and our own daemon."""

import base64
import hashlib
import os
import pwd
import random
import re
import shutil
import signal
import subprocess
import time

from measure import Failed, Group, command

PASSWORD = "a password for the bench"


class Sizes:
    """How much of everything."""

    def __init__(self, quick):
        self.quick = quick
        self.big = (256 << 20) if quick else (2 << 30)
        self.small = 2000 if quick else 10_000
        self.few = 200 if quick else 1000
        self.piece = (8 << 20) if quick else (64 << 20)
        self.streams = 16 if quick else 64
        self.logins = 500 if quick else 3000
        self.passwords = 6 if quick else 24
        self.idle, self.idle_peers = (1000, 200) if quick else (10_000, 1000)
        self.entries = 20_000 if quick else 200_000


class Site:
    """A folder on a RAM disk, one on a disk, the programs, a certificate for all servers, and the user that they run as."""

    def __init__(self, fast, disk, programs, sizes):
        self.fast, self.disk, self.programs, self.sizes = fast, disk, programs, sizes
        self.peers = f"{fast}/peers"
        self.root = os.geteuid() == 0
        # Nobody else's files are at hand then, and a server's own way to give up its rights is not needed.
        self.user = "nobody" if self.root else None
        self.name = self.user or pwd.getpwuid(os.getuid()).pw_name
        self.data, self.out, self.certs = f"{fast}/data", f"{fast}/out", f"{fast}/certs"
        self.ca, self.cert, self.key = (f"{self.certs}/{name}" for name in ("ca.pem", "server.pem", "server.key"))
        self.password = f"{fast}/password"
        self.next_port = 21_100

    def port(self):
        self.next_port += 1
        return self.next_port

    def folder(self, path, mode=0o755):
        """Makes a folder that the servers' user has."""
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode)
        self.give(path)
        return path

    def give(self, path):
        if self.user:
            entry = pwd.getpwnam(self.user)
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def write(self, path, text, mode=0o644):
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)
        self.give(path)
        return path

    def prepare(self):
        """Makes certificates and the files, which no disk and no compression finds easy."""
        command([f"{self.programs}/ftp-admin", "cert", "--out", self.certs, "--name", "localhost", "--ip", "127.0.0.1"])
        for name in os.listdir(self.certs):
            self.give(f"{self.certs}/{name}")
        self.give(self.certs)
        os.chmod(self.certs, 0o755)
        with open(self.cert) as cert, open(self.key) as key:
            self.both = self.write(f"{self.certs}/both.pem", key.read() + cert.read(), 0o600)
        # Read by clients, who are whoever runs this.
        with open(self.password, "w") as file:
            file.write(PASSWORD + "\n")
        os.chmod(self.password, 0o600)
        for folder in (self.data, f"{self.data}/up", self.out):
            self.folder(folder)
        draw, block = random.Random(5), 1 << 20
        with open(f"{self.data}/big.bin", "wb") as file:
            for _ in range(self.sizes.big // block):
                file.write(draw.randbytes(block))
        with open(f"{self.data}/piece.bin", "wb") as file:
            file.write(draw.randbytes(self.sizes.piece))
        with open(f"{self.data}/empty.bin", "wb"):
            pass
        for name, count in (("small", self.sizes.small), ("few", self.sizes.few), ("none", 0)):
            self.folder(f"{self.data}/{name}")
            for number in range(count):
                with open(f"{self.data}/{name}/f{number:05}", "wb") as file:
                    file.write(draw.randbytes(1024))

    def sweep(self):
        """Removes what the last run made."""
        for folder in (f"{self.data}/up", self.out):
            for entry in os.scandir(folder):
                shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)


class Server:
    """Something that listens on 127.0.0.1; its group counts what it uses."""

    name = kind = None

    def __init__(self, site):
        self.site, self.group, self.children, self.clients = site, None, [], []

    def launch(self, argv, as_root=False, **more):
        self.group = self.group or Group(self.name.replace(" ", "-"))
        self.children.append(self.group.start(argv, None if as_root else self.site.user, **more))

    def wait(self, port, seconds=15):
        import socket

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if any(child.poll() is not None for child in self.children):
                break
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise Failed(f"{self.name} does not listen")

    def stop(self):
        for child in self.children:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        for child in self.children:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        # What a server left behind that gave its sessions processes of their own; all of them are ours.
        for _ in range(3):
            for pid in self.group.pids() if self.group and self.group.folder else []:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.05)
        for group in [self.group, *self.clients]:
            if group:
                group.close()
        self.group, self.children, self.clients = None, [], []


class Ours(Server):
    """Our daemon with a data folder of its own, and our client."""

    kind = "ours"

    def __init__(self, site, folder, durability="fast", name="ours", program="ftp-daemon"):
        super().__init__(site)
        self.folder, self.name, self.port, self.program = folder, name, None, program
        for part in (folder, f"{folder}/var"):
            site.folder(part, 0o700 if part.endswith("var") else 0o755)
        self.config = site.write(
            f"{folder}/ftp-daemon.ron",
            f"""(
    listen: ["127.0.0.1:0"], certificate: "{site.cert}", private_key: "{site.key}", data: "var", durability: {durability},
    limits: (connections: 16000, connections_per_address: 16000, idle_seconds: 3600, penalty_exempt: ["127.0.0.1"]),
    log: (level: warning),
)
""",
        )

    def admin(self, *words):
        command(
            [f"{self.site.programs}/ftp-admin", "-c", self.config, *words],
            user=self.site.user,
            group=pwd.getpwnam(self.site.user).pw_gid if self.site.user else None,
            input=(PASSWORD + "\n").encode(),
        )

    def create(self, user, cheap=True):
        """Makes a user. A cheap one's password is quickly checked: a check is 0.4 s that a transfer's figures would drown in."""
        self.admin("create", user, "--password-file", "-")
        if not cheap:
            return
        users, salt = f"{self.folder}/var/users.ron", os.urandom(16)
        with open(users) as file:
            text = file.read()
        plain = lambda raw: base64.b64encode(raw).decode().rstrip("=")
        made = hashlib.scrypt(PASSWORD.encode(), salt=salt, n=1 << 10, r=8, p=1, dklen=32)
        mine = re.escape(f'"{user}"') + r"[^}]*?password:\s*\"(\$scrypt[^\"]*)\""
        found = re.search(mine, text)
        with open(users, "w") as file:
            file.write(text[: found.start(1)] + f"$scrypt$ln=10,r=8,p=1${plain(salt)}${plain(made)}" + text[found.end(1) :])

    def home(self, user="bench"):
        return f"{self.folder}/var/users/{user}/home"

    def start(self, environment=None):
        log = f"{self.folder}/daemon.log"
        with open(log, "wb") as stderr:
            self.launch(
                [f"{self.site.programs}/{self.program}", "-c", self.config],
                stderr=stderr,
                env={**os.environ, **(environment or {})},
            )
        for _ in range(200):
            with open(log) as file:
                said = file.read()
            for line in said.splitlines():
                if line.startswith("listening on 127.0.0.1:"):
                    self.port = int(line.rsplit(":", 1)[1])
                    return self
            if self.children[0].poll() is not None:
                break
            time.sleep(0.05)
        self.stop()
        raise Failed(f"our daemon does not start: {said}")

    def client(self, commands, user="bench"):
        """The command line of our client in the folder for downloads."""
        site = self.site
        return [
            *(f"{site.programs}/ftp-cli", "-q", "-s", "127.0.0.1", "-P", str(self.port), "-u", user),
            *("--ca", site.ca, "--password-file", site.password, "-c", commands),
        ]

    def run(self, commands, user="bench"):
        return command(self.client(commands, user), cwd=self.site.out)
