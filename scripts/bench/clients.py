#!/usr/bin/env python3
"""A client that logs in, holds its sessions or sends a small request now and then, the same for our daemon, FTPS and HTTPS.

    clients.py connect KIND PORT CA USER SECRET COUNT AT_ONCE    logs in COUNT times, closes each
    clients.py hold KIND PORT CA USER SECRET COUNT               logs in COUNT times, keeps all until stdin ends
    clients.py ping KIND PORT CA USER SECRET                     asks for something small every 10 ms until stdin ends
    clients.py list ours PORT CA USER PASSWORD PATH              lists a directory, and says when the first page came
    clients.py token ours PORT CA USER PASSWORD                  prints a token, which lives as long as stdin

KIND is ours, ftps or https; a SECRET that begins with "token:" is a token. All but `token` wait for a line before they begin, and print JSON. They come from many addresses,
for a server may bound what one address does at once.
"""

import json
import socket
import ssl
import sys
import threading
import time

PATIENCE = 120


class Session:
    """A connection on which somebody is logged in."""

    def __init__(self, kind, port, context, user, secret, source):
        self.kind, self.last, self.rest = kind, 0, b""
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE, (f"127.0.1.{source % 250 + 1}", 0))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = plain
        if kind == "ftps":
            self.line()
            self.ftp(b"AUTH TLS")
        self.socket = context.wrap_socket(plain, server_hostname="127.0.0.1")
        if kind == "ftps":
            if self.ftp(b"USER " + user.encode())[:1] == b"3":
                self.ftp(b"PASS " + secret.encode())
        elif kind == "ours":
            self.frame()
            word = {"token": secret[6:]} if secret.startswith("token:") else {"password": secret}
            self.token = self.ask({"op": "login", "user": user, **word})["token"]
        else:
            self.ping()

    def take(self, count):
        got = self.rest
        while len(got) < count:
            more = self.socket.recv(4096)
            if not more:
                raise EOFError("the server closed the connection")
            got += more
        self.rest = got[count:]
        return got[:count]

    def until(self, end):
        got = b""
        while not got.endswith(end):
            more = self.socket.recv(4096)
            if not more:
                raise EOFError("the server closed the connection")
            got += more
        return got

    def line(self):
        """An answer of FTP: its last line has a blank behind the code."""
        while True:
            got = self.until(b"\n")
            last = got.splitlines()[-1]
            if last[3:4] == b" " and last[:3].isdigit():
                return last

    def ftp(self, request):
        self.socket.sendall(request + b"\r\n")
        answer = self.line()
        if answer[:1] not in (b"2", b"3"):
            raise OSError(f"{request.split()[0]}: {answer}")
        return answer

    def frame(self):
        head = self.take(5)
        return json.loads(self.take(int.from_bytes(head[:4], "big")))

    def ask(self, request):
        self.last += 1
        text = json.dumps({"id": self.last, **request}).encode()
        self.socket.sendall(len(text).to_bytes(4, "big") + b"\1" + text)
        answer = self.frame()
        if "ok" not in answer:
            raise OSError(f"{request['op']}: {answer}")
        return answer["ok"]

    def ping(self):
        if self.kind == "ours":
            self.ask({"op": "ping"})
        elif self.kind == "ftps":
            self.ftp(b"PWD")
        else:
            self.socket.sendall(b"HEAD /empty.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.until(b"\r\n\r\n")

    def close(self):
        self.socket.close()


def spread(seconds):
    """Of times: half, 99 % and all of them took no longer, in ms."""
    times = sorted(seconds) or [float("nan")]
    at = lambda share: times[min(len(times) - 1, int(len(times) * share))] * 1000
    return {"p50": at(0.5), "p99": at(0.99), "max": times[-1] * 1000}


def connect(make, count, at_once):
    took, faults, lock, left = [], [], threading.Lock(), [count]

    def work(source):
        while True:
            with lock:
                if not left[0]:
                    return
                left[0] -= 1
            start = time.perf_counter()
            try:
                make(source).close()
                took.append(time.perf_counter() - start)
            except (OSError, EOFError) as fault:
                faults.append(str(fault))

    start = time.monotonic()
    threads = [threading.Thread(target=work, args=(source,)) for source in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"start": start, "end": time.monotonic(), "ok": len(took), "faults": faults[:1], **spread(took)}


def hold(make, count):
    sessions = [make(number) for number in range(count)]
    for session in sessions:
        session.ping()
    print(json.dumps({"ok": len(sessions)}), flush=True)
    sys.stdin.read()
    return {}


def ping(make):
    session, took, over = make(), [], threading.Event()
    print("{}", flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    while not over.wait(0.01):
        start = time.perf_counter()
        session.ping()
        took.append(time.perf_counter() - start)
    return {"ok": len(took), **spread(took)}


def first_page(make, path):
    """Lists a directory once; when its first page came."""
    session = make()
    text = json.dumps({"id": 99, "op": "list", "path": path}).encode()
    start = time.perf_counter()
    session.socket.sendall(len(text).to_bytes(4, "big") + b"\1" + text)
    answer = session.frame()
    return {"first_ms": (time.perf_counter() - start) * 1000, "entries": len(answer["page"]["entries"])}


def main():
    what, kind, port, ca, user, secret, *numbers = sys.argv[1:]
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if kind == "ours":
        context.set_alpn_protocols(["ftpd/1"])
    make = lambda source=0: Session(kind, int(port), context, user, secret, source)
    if what == "token":
        session = make()
        print(session.token, flush=True)
        sys.stdin.read()
        return
    sys.stdin.readline()
    job = {"connect": connect, "hold": hold, "ping": ping, "list": first_page}[what]
    print(json.dumps(job(make, *(int(word) if word.isdigit() else word for word in numbers))), flush=True)


main()
