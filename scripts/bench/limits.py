"""What the machine can do without any server, in the same minutes: no transfer can be faster than these allow."""

import json
import os
import tempfile
import time

from measure import Failed, Group, command
from rows import Method, Row
from transfers import create_and_sync


class Limits(Row):
    name = "limits"
    title = "Physical limits of this very run"

    def prepare(self):
        site, size = self.site, self.site.sizes.big
        examples = f"{site.programs}/examples"
        here = f"{site.data}/big.bin"

        def add(name, run):
            self.methods.append(Method(name, "limit", run))

        def timed(name, argv, unit="MB/s"):
            add(name, lambda: {unit: size / self.bench.clean(lambda: command(argv), [])["s"] / 1e6})

        add("iperf3, one stream of plain TCP", self.wire)
        add("openssl speed, AES-128-GCM, 16 KiB, one thread", self.openssl)
        add("AWS-LC, AES-128-GCM, 16 KiB, one thread", lambda: {"MB/s": float(command([f"{examples}/limits", "aes128"]))})
        add("BLAKE3 of 256 KiB chunks, one thread", lambda: {"MB/s": float(command([f"{examples}/limits", "blake3"]))})
        timed("b3sum of the file", [f"{examples}/b3sum", here])
        timed("md5sum of the file", ["md5sum", here])
        add("dd of zeros to the RAM disk", lambda: self.dd("/dev/zero", f"{site.fast}/dd.bin"))
        add("dd conv=fsync of the file to the disk", lambda: self.dd(here, f"{site.disk}/dd.bin", "conv=fsync"))
        add("1 KiB create+fsync on the disk, one after the other", self.creations)
        add("1 KiB files on the disk, 128 made durable together, one thread", self.together)
        add("password checks alone, on all cores", lambda: {"1/s": float(command([f"{examples}/limits", "password"]))})
        add("reading, hashing, sealing, opening, hashing, writing: one thread", self.floor)

    def wire(self):
        group, port = Group("iperf3"), str(self.site.port())
        server = group.start(["iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", port], stdout=-3, stderr=-3)
        try:
            time.sleep(0.4)
            said = json.loads(command(["iperf3", "-c", "127.0.0.1", "-p", port, "-t", "1" if self.site.sizes.quick else "3", "-J"]))["end"]
        finally:
            server.kill()
            server.wait()
            group.close()
        rate = said["sum_received"]["bits_per_second"] / 8e6
        used = said["cpu_utilization_percent"]
        gib = (1 << 30) / 1e6
        return {"MB/s": rate, "s/GiB, both ends": (used["host_total"] + used["remote_total"]) / 100 * gib / rate}

    def openssl(self):
        said = command(["openssl", "speed", "-mr", "-seconds", "1", "-bytes", "16384", "-evp", "aes-128-gcm"])
        line = [line for line in said.splitlines() if line.startswith("+F:")]
        if not line:
            raise Failed("openssl speed says nothing that can be read")
        return {"MB/s": float(line[0].split(":")[-1]) / 1e6}

    def dd(self, source, target, *more):
        count = self.site.sizes.big >> 20
        argv = ["dd", f"if={source}", f"of={target}", "bs=1M", f"count={count}", *more]
        os.sync()
        run = self.bench.clean(lambda: command(argv), [], (), lambda: os.path.exists(target) and os.unlink(target))
        os.unlink(target)
        return {"MB/s": (count << 20) / run["s"] / 1e6}

    def creations(self):
        folder, count = self.site.folder(f"{self.site.disk}/limit"), self.site.sizes.few
        run = self.bench.clean(lambda: create_and_sync(folder, count), [])
        return {"1/s": count / run["s"]}

    def together(self):
        # What is removed from a disk makes it slow for a while: each has a folder of its own.
        folder = tempfile.mkdtemp(prefix="together.", dir=self.site.disk)
        os.sync()
        return {"1/s": float(command([f"{self.site.programs}/examples/limits", "durable", folder]))}

    def floor(self):
        target = f"{self.site.fast}/floor.bin"
        seconds = float(command([f"{self.site.programs}/examples/floor", f"{self.site.data}/big.bin", target]))
        os.unlink(target)
        return {"s/GiB, both ends": seconds * (1 << 30) / 1e9}

    def table(self):
        figures = self.figures()
        lines = [f"### {self.title}", "", "| what | | min-max |", "|---|---|---|"]
        for name, runs in self.runs.items():
            for key, value in figures[name].items():
                values = [run[key] for run in runs]
                lines.append(f"| {name} | {show(value)} {key} | {show(min(values))}-{show(max(values))} |")
        lines += [f"| {name} | not measured: {fault[:120]} | |" for name, fault in self.faults.items()]
        return "\n".join(lines)


def show(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
