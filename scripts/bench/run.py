#!/usr/bin/env python3
"""Measures all rows, round by round, and prints a table for each. Called by bench.sh, which makes the scratch folders and removes them."""

import argparse
import json
import os
import platform
import shutil
import signal
import sys
import time

from crowds import Crowd, Listing
from ground import Ours, Site, Sizes
from growth import Growth
from limits import Limits
from measure import Bench, Failed
from peers import PEERS
from sessions import ByPassword, ByToken, Idle, Storm
from transfers import Download, Md5, SmallDown, SmallUp, SmallUpFull, Upload, UploadFull

ROWS = [Limits, Download, Upload, UploadFull, SmallDown, SmallUp, SmallUpFull, Md5, ByToken, ByPassword, Idle, Crowd, Listing, Storm]


class World:
    """Everything that runs while rows are measured."""

    def __init__(self, site, bench):
        self.site, self.bench, self.peers, self.running = site, bench, [], []
        self.ours = self.full = None
        self.fresh_ones = 0

    def begin(self, names, say):
        self.ours = self.fresh("ours")
        self.ours.create("guarded", cheap=False)
        self.ours.start()
        self.running.append(self.ours)
        for name in names:
            peer = PEERS[name](self.site)
            self.running.append(peer)
            try:
                peer.start()
                self.peers.append(peer)
            except Failed as fault:
                say(f"{peer.name} is left out: {fault}")

    def fresh(self, name):
        """A daemon of ours with one user, on the RAM disk, which is not started."""
        self.fresh_ones += 1
        ours = Ours(self.site, f"{self.site.fast}/ours{self.fresh_ones}-{name}")
        ours.create("bench")
        self.running.append(ours)
        return ours

    def durable(self):
        """Ours on the disk, where what it answers survives a loss of power."""
        if not self.full:
            self.full = Ours(self.site, f"{self.site.disk}/ours", "full", "ours-full")
            self.full.create("bench")
            self.running.append(self.full)
            self.full.start()
        return self.full

    def end(self):
        for server in self.running:
            server.stop()


def machine():
    """The machine, as a line."""
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), platform.machine())
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / (1 << 20)
    return f"{os.cpu_count()} x {model}, {memory:.0f} GiB, Linux {platform.release()}"


def arguments():
    parser = argparse.ArgumentParser(prog="bench.sh", usage="scripts/bench.sh [--help]; options: --quick --peers --rows --rounds --json --growth --disk")
    parser.add_argument("--check", action="store_true", help="only look at the arguments")
    parser.add_argument("--programs", required=True)
    parser.add_argument("--disk", required=True)
    parser.add_argument("--fast", required=True)
    parser.add_argument("--peers", default="")
    parser.add_argument("--rows", default="")
    parser.add_argument("--json")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--growth", action="store_true")
    given = parser.parse_args()
    given.peers = [name for name in given.peers.split(",") if name]
    known = {row.name: row for row in ROWS}
    chosen = [name for name in given.rows.split(",") if name] or list(known)
    for name in [*(name for name in given.peers if name not in PEERS), *(name for name in chosen if name not in known)]:
        parser.error(f"what is {name}? peers: {' '.join(PEERS)}; rows: {' '.join(known)}")
    if given.json:
        try:
            with open(given.json, "a"):
                pass
        except OSError as error:
            parser.error(f"{given.json}: {error.strerror}")
    if given.rounds is not None and not 1 <= given.rounds <= 99:
        parser.error("--rounds takes a number from 1 to 99")
    given.rounds = given.rounds or (2 if given.quick else 5)
    # The limits come first, whatever else is asked for.
    given.rows = [row for row in ROWS if row.name in chosen or row is Limits]
    return given


def say(text):
    print(time.strftime("%H:%M:%S "), text, file=sys.stderr, flush=True)


def measure(given, world):
    rows = []
    for kind in given.rows:
        row = kind(world)
        row.prepare()
        rows.append(row)
    for number in range(given.rounds):
        for row in rows:
            if number < row.rounds:
                say(f"round {number + 1} of {given.rounds}: {row.name}")
                row.round(say)
    return rows


def report(given, rows, bench, began):
    short, unasked = [], []
    print(f"## {time.strftime('%F %H:%M')}, {machine()}")
    print(f"\nmedians of {given.rounds} interleaved rounds{', small sizes' if given.quick else ''}; others were at work during {bench.dirty} measurements,")
    print(f"which were repeated where there was hope; {time.monotonic() - began:.0f} s in all\n")
    for row in rows:
        print(row.table(), end="\n\n")
        for met, _, sentence in row.verdicts():
            (short if met is False else unasked if met is None else []).append(f"{row.name}: {sentence}")
    print("### Verdict\n")
    for line in short:
        print(f"- {line}")
    for line in unasked:
        print(f"- not asked: {line}")
    print("- all bounds are met" if not short else f"- so many bounds are not met: {len(short)}")
    return short


def leave(number, _):
    """Ends in order: all that was started is stopped, and a second signal does not get in the way of that."""
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


def main():
    given = arguments()
    if given.check:
        return 0
    began = time.monotonic()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    bench = Bench(1, 0) if given.quick else Bench(15, 2)
    world, short = None, []
    try:
        programs = f"{given.fast}/programs"
        # Copies: of a user who need not reach the build, and untouched by the next one.
        shutil.copytree(given.programs, programs, ignore=lambda folder, names: [name for name in names if not wanted(folder, name)])
        site = Site(given.fast, given.disk, programs, Sizes(given.quick))
        say("making files")
        site.prepare()
        world = World(site, bench)
        world.begin(given.peers, say)
        if given.growth:
            print(f"## {time.strftime('%F %H:%M')}, {machine()}\n")
            for table in Growth(world, say).all():
                print(table, end="\n\n", flush=True)
            return 0
        rows = measure(given, world)
        short = report(given, rows, bench, began)
        if given.json:
            with open(given.json, "w") as file:
                json.dump({"machine": machine(), "quick": given.quick, "rows": {row.name: row.json() for row in rows}}, file, indent=1)
    finally:
        if world:
            world.end()
    return 1 if short else 0


def wanted(folder, name):
    if os.path.basename(folder) == "examples":
        return name.isidentifier()
    return name in {"examples", "ftp-daemon", "ftp-admin", "ftp-cli"}


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as fault:
        sys.exit(f"bench: {fault}")
