"""Rows about connections: how fast they come, what they cost while nothing happens, and what a storm of them does to a transfer."""

import json
import os
import re
import subprocess
import sys
import time

from ground import PASSWORD, Ours
from measure import Failed, command
from rows import Bound, Method, Row

CLIENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients.py")


class Program:
    """A program that is told when to begin and answers in lines; a context, so that none is left behind."""

    def __init__(self, argv):
        self.called = os.path.basename(argv[0])
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"{self.called}: " + self.process.stderr.read().strip()[-300:])
        return line.strip()

    def end(self):
        """Lets it end; its last line."""
        self.process.stdin.close()
        self.process.stdin = None
        out, err = self.process.communicate(timeout=120)
        if self.process.returncode:
            raise Failed(f"{self.called}: " + err.strip()[-300:])
        return json.loads(out.splitlines()[-1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Client(Program):
    """A process of clients.py."""

    def __init__(self, site, what, server, secret, *words, user="bench"):
        super().__init__([sys.executable, CLIENTS, what, server.kind, str(server.port), site.ca, user, secret, *map(str, words)])


def credentials(peer):
    """Of an FTPS or HTTPS peer."""
    return peer.user.split(":", 1) if peer.kind == "ftps" else ("nobody", "-")


class Connections(Row):
    """The same client for all, in as many processes as there are cores."""

    def storm(self, server, count, at_once, secret, user="bench"):
        cores = min(os.cpu_count() or 1, at_once)
        self.bench.settle()
        clients = [Client(self.site, "connect", server, secret, count // cores, at_once // cores, user=user) for _ in range(cores)]
        try:
            time.sleep(0.5)
            before = server.group.seconds()
            for client in clients:
                client.go()
            said = [json.loads(client.line()) for client in clients]
            used = server.group.seconds() - before
        finally:
            for client in clients:
                client.__exit__()
        done = sum(one["ok"] for one in said)
        fault = [one["faults"][0] for one in said if one["faults"]]
        # A peer may drop some; one of ours is one too many.
        if done < count // cores * cores * (1 if server.kind == "ours" else 0.98):
            raise Failed(f"{done} of {count} connections: {fault[0]}")
        took = max(one["end"] for one in said) - min(one["start"] for one in said)
        return {
            "connections/s": done / took,
            "server ms each": used * 1000 / done,
            "p50 ms": max(one["p50"] for one in said),
            "p99 ms": max(one["p99"] for one in said),
        }


class ByToken(Connections):
    name = "connections"
    columns = ("connections/s", "server ms each", "p50 ms", "p99 ms")
    bounds = (Bound("connections/s", 1.0, "unftp", "unFTP"),)

    def prepare(self):
        site, ours, count = self.site, self.world.ours, self.site.sizes.logins
        self.title = f"{count:,} connections, 100 at once: full handshake and login, ours by a session token"

        def own():
            with Client(site, "token", ours, PASSWORD) as holder:
                return self.storm(ours, count, 100, "token:" + holder.line())

        self.methods.append(Method("ours", "ours", own))
        for peer in self.world.peers:
            if peer.kind not in ("ftps", "https"):
                continue
            user, secret = credentials(peer)
            fast = peer.name in ("unFTP", "nginx")
            run = lambda peer=peer, user=user, secret=secret, fast=fast: self.storm(peer, count if fast else count // 10 + 100, 100, secret, user)
            self.methods.append(Method(peer.name, "unftp" if peer.name == "unFTP" else peer.kind, run))


class ByPassword(Connections):
    name = "passwords"
    columns = ("connections/s", "server ms each", "p50 ms", "p99 ms")
    bounds = (Bound("connections/s", 0.9, "limit", "scrypt on all cores"),)

    def prepare(self):
        count = self.site.sizes.passwords
        self.title = f"{count} logins by password, 4 at once"
        limit = lambda: {"connections/s": float(command([f"{self.site.programs}/examples/limits", "password"]))}
        self.methods += [
            Method("ours", "ours", lambda: self.storm(self.world.ours, count, 4, PASSWORD, "guarded")),
            Method("scrypt alone", "limit", limit),
        ]


class Idle(Row):
    name = "idle"
    columns = ("KiB PSS each", "CPU %")
    falling, rounds = True, 3
    bounds = (Bound("KiB PSS each", 18, less=True, unit=" KiB"), Bound("CPU %", 1, less=True, unit=" %"))

    def prepare(self):
        sizes = self.site.sizes
        self.title = f"Idle sessions that are logged in: {sizes.idle:,} of ours, {sizes.idle_peers:,} of the peers"
        own = lambda: self.held(self.world.fresh("idle"), PASSWORD, sizes.idle)
        self.methods.append(Method("ours", "ours", own))
        for peer in self.world.peers:
            if peer.name in ("nginx", "unFTP", "Pure-FTPd"):
                user, secret = credentials(peer)
                run = lambda peer=peer, user=user, secret=secret: self.held(peer, secret, sizes.idle_peers, user)
                self.methods.append(Method(peer.name, peer.kind, run))

    def held(self, server, secret, count, user="bench"):
        """Sessions in one process for each core; what the server's memory is before and after, and what it does then."""
        fresh = isinstance(server, Ours)
        try:
            if fresh:
                server.start()
                with Client(self.site, "token", server, secret) as holder:
                    return self.hold(server, "token:" + holder.line(), count, user)
            return self.hold(server, secret, count, user)
        finally:
            if fresh:
                server.stop()

    def hold(self, server, secret, count, user):
        cores = os.cpu_count() or 1
        time.sleep(2)
        before = server.group.memory()
        clients = [Client(self.site, "hold", server, secret, count // cores, user=user) for _ in range(cores)]
        try:
            for client in clients:
                client.go()
            held = sum(json.loads(client.line())["ok"] for client in clients)
            # The clocks of the logins have run out by then, and nothing is left to be looked at.
            time.sleep(16)
            after = server.group.memory()
            used, start = server.group.seconds(), time.monotonic()
            time.sleep(3)
            share = (server.group.seconds() - used) / (time.monotonic() - start)
        finally:
            for client in clients:
                client.__exit__()
        return {"KiB PSS each": (after - before) / held, "CPU %": share * 100}


class Storm(Row):
    """No peer and no bound: a transfer keeps most of its rate while two hundred people log in."""

    name = "storm"
    columns = ("MB/s",)
    rounds = 3

    def prepare(self):
        size = self.site.sizes.big
        self.title = f"Upload of {size >> 20} MiB alone, and while 200 log in at once"
        self.methods += [Method("ours", "ours", lambda: self.upload(0)), Method("ours, in the storm", "ours", lambda: self.upload(200))]

    def upload(self, logins):
        site, ours = self.site, self.world.ours
        ours.run("-rm /storm.bin")
        self.bench.settle()
        upload = subprocess.Popen(ours.client(f"put -o /storm.bin {site.data}/big.bin"), stdin=-3, stdout=-3, stderr=-3)
        start = time.perf_counter()
        time.sleep(0.2)
        argv = [f"{site.programs}/examples/login_storm", str(ours.port), site.ca, "guarded", site.password, str(logins), "2"]
        storm = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            failed = upload.wait(300)
            took = time.perf_counter() - start
            said, err = storm.communicate(timeout=300)
        finally:
            for one in (upload, storm):
                if one.poll() is None:
                    one.kill()
                    one.communicate()
        if failed:
            raise Failed(f"the upload ended with {failed}")
        ours.run("-rm /storm.bin")
        longest = re.search(r"99 % ([\d.]+)(ms|µs|s)", said)
        if not longest:
            raise Failed(err.strip()[-300:] or said)
        scale = {"ms": 1, "µs": 1e-3, "s": 1e3}[longest[2]]
        return {"MB/s": site.sizes.big / took / 1e6, "ping p99 ms": float(longest[1]) * scale}
