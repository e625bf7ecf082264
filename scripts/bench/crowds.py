"""Rows about many at once: downloads side by side, with somebody who only wants a small answer; and a directory of very many entries."""

import json
import os
import socket
import subprocess
import sys
import time

from ground import PASSWORD
from measure import Drowned, Failed, Watch, command
from rows import Bound, Method, Row
from sessions import Client, Program, credentials

FTPS = "the best FTPS peer"
STALLED = "ours, another user's disk stalling 5 s"


class Crowd(Row):
    name = "crowd"
    columns = ("MB/s", "fastest/slowest", "ping p50 ms", "ping p99 ms", "ping max ms", "server s/GiB")
    bounds = (
        Bound("MB/s", 1.2, "ftps", FTPS),
        Bound("fastest/slowest", 0.85),
        Bound("ping p99 ms", 10, less=True, unit=" ms"),
        Bound("ping p99 ms", 10, less=True, unit=" ms", name=STALLED),
    )
    rounds = 3

    def prepare(self):
        site, count, size = self.site, self.site.sizes.streams, self.site.sizes.piece
        self.title = f"{count} downloads of {size >> 20} MiB at once, and a ping of another session every 10 ms"
        self.world.ours.run(f"put {site.data}/piece.bin")
        self.methods.append(Method("ours", "ours", lambda: self.own(self.world.ours)))
        self.methods.append(Method(STALLED, "ours", self.stalled))
        for peer in self.world.peers:
            if peer.kind in ("ftps", "https"):
                user, secret = credentials(peer)
                run = lambda peer=peer, user=user, secret=secret: self.processes(peer, user, secret)
                self.methods.append(Method(f"{peer.name} with {peer.client}", peer.kind, run))

    def processes(self, peer, user, secret):
        """A client for each download, started at once; all discard what they get."""
        count, size = self.site.sizes.streams, self.site.sizes.piece
        self.bench.settle()
        with Client(self.site, "ping", peer, secret, user=user) as pinger:
            pinger.go()
            pinger.line()
            watch = Watch([peer.group], peer.clients)
            start = time.perf_counter()
            line = peer.download("piece.bin", "/dev/null")
            running = [subprocess.Popen(line, stdin=-3, stdout=-3, stderr=-3) for _ in range(count)]
            ended, failed = [], 0
            try:
                while running:
                    time.sleep(0.001)
                    for one in [one for one in running if one.poll() is not None]:
                        ended.append(time.perf_counter() - start)
                        failed += one.returncode != 0
                        running.remove(one)
                    if time.perf_counter() - start > 180:
                        raise Failed("the downloads take more than three minutes")
            finally:
                for one in running:
                    one.kill()
                    one.wait()
            run = watch.stop()
            pings = pinger.end()
        if failed:
            raise Failed(f"{failed} of {count} downloads failed")
        return self.figures_of(count * size, run, min(ended) / max(ended), pings)

    def own(self, ours, before=lambda: None):
        """Our sessions are of one program, logged in before the clock starts; it verifies what it gets."""
        site, count, size = self.site, self.site.sizes.streams, self.site.sizes.piece
        argv = [f"{site.programs}/examples/downloads", str(ours.port), site.ca, "bench", site.password, "/piece.bin", str(count)]
        self.bench.settle()
        with Client(site, "ping", ours, PASSWORD) as pinger, Program(argv) as downloads:
            pinger.go()
            pinger.line()
            downloads.line()
            before()
            watch = Watch([ours.group], [])
            downloads.go()
            first, last = (float(word) for word in downloads.line().split())
            run = watch.stop()
            pings = pinger.end()
        return self.figures_of(count * size, {**run, "s": last}, first / last, pings)

    def stalled(self):
        """The same on a disk that takes five seconds for each write, while another user uploads."""
        ours, path = self.world.fresh("stall"), f"{self.site.fast}/faults"
        ours.program = "examples/faulty_daemon"
        ours.create("other")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            os.chmod(path, 0o777)
            listener.listen()
            upload = None
            try:
                ours.start({"FTPD_FAULTS": path})
                control = listener.accept()[0]
                ours.run(f"put {self.site.data}/piece.bin")

                def stall():
                    # Once all are logged in, for a login writes as well.
                    nonlocal upload
                    rule = {"which": {"Only": "Write"}, "nth": None, "effect": {"Delay": 5000}}
                    control.sendall(json.dumps({"Arm": [rule]}).encode() + b"\n")
                    control.recv(100)
                    line = ours.client(f"put {self.site.data}/big.bin", "other")
                    upload = subprocess.Popen(line, stdin=-3, stdout=-3, stderr=-3)
                    time.sleep(0.5)

                figures = self.own(ours, stall)
                if upload.poll() is not None:
                    raise Failed("the upload did not stall")
                return figures
            finally:
                if upload:
                    upload.kill()
                    upload.wait()
                # It ends with its harness, in the midst of its writes.
                ours.children[0].kill()
                ours.stop()
                os.unlink(path)

    def figures_of(self, size, run, fairness, pings):
        return {
            "MB/s": size / run["s"] / 1e6,
            "fastest/slowest": fairness,
            "ping p50 ms": pings["p50"],
            "ping p99 ms": pings["p99"],
            "ping max ms": pings["max"],
            "server s/GiB": run["server"] / (size / (1 << 30)),
        }


class Listing(Row):
    name = "listing"
    columns = ("first page ms", "whole s", "server MiB", "client MiB")
    falling, rounds = True, 3
    bounds = (
        Bound("first page ms", 50, less=True, unit=" ms"),
        Bound("whole s", 2, less=True, unit=" s"),
        Bound("server MiB", 16, less=True, unit=" MiB"),
        Bound("client MiB", 16, less=True, unit=" MiB"),
    )

    def prepare(self):
        count = self.site.sizes.entries
        self.title = f"A directory of {count:,} entries, listed by our client; memory is what either end has at its peak more than before"
        self.ours = self.world.fresh("listing")
        make_entries(self.site, self.ours, count)
        self.ours.start()
        # The first login walks through the home.
        self.ours.run("ls /none")
        self.methods.append(Method("ours", "ours", lambda: list_directory(self, self.ours, "/many")))


def make_entries(site, ours, count):
    """A home with an empty directory, and one with so many empty files, made behind the daemon's back before it starts."""
    home = ours.home()
    for folder in (f"{home}/none", f"{home}/many"):
        site.folder(folder, 0o700)
    for number in range(count):
        path = f"{home}/many/a-name-of-common-length-{number:06}"
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        site.give(path)


def list_directory(row, ours, path):
    row.bench.settle()
    pid = ours.children[0].pid
    with open(f"/proc/{pid}/clear_refs", "w") as file:
        file.write("5")
    resident = status(pid, "VmRSS:")
    base = row.bench.clean(lambda: peak(ours.client("ls /none"), row.site.out), [ours.group])
    run = row.bench.clean(lambda: peak(ours.client(f"ls {path}"), row.site.out), [ours.group])
    if run["s"] <= base["s"]:
        raise Drowned("a listing took no longer than that of nothing")
    grown = status(pid, "VmHWM:") - resident
    with Client(row.site, "list", ours, PASSWORD, path) as lister:
        lister.go()
        first = json.loads(lister.line())["first_ms"]
    return {
        "first page ms": first,
        "whole s": run["s"] - base["s"],
        "server MiB": max(grown, 0) / 1024,
        "client MiB": (run["result"] - base["result"]) / 1024,
    }


def status(pid, name):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name))


PEAK = """import os, sys
pid = os.fork()
if not pid:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.execv(sys.argv[1], sys.argv[1:])
_, code, used = os.wait4(pid, 0)
print(used.ru_maxrss)
sys.exit(code != 0)
"""


def peak(argv, folder):
    """The most memory that a command had, in KiB. Another program waits for it, so that no other child's is taken for its."""
    return int(command([sys.executable, "-S", "-c", PEAK, *argv], cwd=folder).split()[-1])
