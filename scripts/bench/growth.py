"""What doubles when the work doubles: sessions, files, the size of a file, the size of a directory."""

import contextlib
import os
import time

from crowds import list_directory, make_entries
from ground import PASSWORD
from measure import Drowned, Failed
from rows import number
from sessions import Client
from transfers import Transfers

STEPS = 7
RUNS = 3


class Growth(Transfers):
    """Prints time and memory against each step, twice as much as the one before."""

    def __init__(self, world, say):
        super().__init__(world)
        self.say = say

    def all(self):
        quick = self.site.sizes.quick
        yield self.curve("sessions", 16 if quick else 150, self.sessions, ("KiB PSS", "s to log in"))
        yield self.curve("files of 1 KiB, up", 32 if quick else 256, self.files_up, ("s", "server s", "MiB more at the peak"))
        yield self.curve("MiB of one file, up", 2 if quick else 32, self.file_up, ("s", "server s", "MiB more at the peak"))
        yield self.curve("MiB of one file, down", 2 if quick else 32, self.file_down, ("s", "server s", "MiB more at the peak"))
        yield self.curve("entries of a directory, listed", 320 if quick else 3200, self.entries, ("whole s", "server MiB", "client MiB"))

    def curve(self, what, first, measure, columns):
        """A table; the last column compares what one unit costs at the end of the curve with what it costs half-way."""
        lines = [f"### Growth: {what}", "", "| " + what + " | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
        seen = []
        for step in range(STEPS):
            amount = first << step
            try:
                figures = measure(amount)
            except Drowned:
                lines.append(f"| {amount:,} | too little to measure |" + " |" * (len(columns) - 1))
                continue
            except Failed as fault:
                lines.append(f"| {amount:,} | {fault} |" + " |" * (len(columns) - 1))
                break
            seen.append((amount, figures))
            self.say(f"growth: {amount:,} {what}: {figures}")
            lines.append(f"| {amount:,} | " + " | ".join(number(figures[key]) for key in columns) + " |")
        if len(seen) > STEPS // 2:
            # A curve that is linear or better doubles at most with each step; the small end is mostly noise.
            lead = columns[0]
            (half, early), (full, late) = seen[-(STEPS // 2) - 1], seen[-1]
            times = late[lead] / max(early[lead], 1e-9)
            lines += ["", f"- {lead}: {full // half} times as much takes {times:.1f} times as much"]
        return "\n".join(lines)

    def watched(self, ours, nothing, job, check, before=lambda: None):
        """Time and processor time as of any transfer, the least of some, and the daemon's peak. What was not used before, the machine's host may hand out page by page."""
        pid = ours.children[0].pid
        with open(f"/proc/{pid}/clear_refs", "w") as file:
            file.write("5")
        resident = ours.group.memory("Rss:")
        runs = []
        for _ in range(RUNS):
            with contextlib.suppress(Drowned):
                runs.append(self.measured(ours, nothing, job, check, before))
        if not runs:
            raise Drowned("it is too little each time")
        run = min(runs, key=lambda run: run["s"])
        with open(f"/proc/{pid}/status") as file:
            peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))
        return {"s": run["s"], "server s": run["server"], "MiB more at the peak": max(peak - resident, 0) / 1024}

    def sessions(self, count):
        ours = self.world.fresh(f"sessions{count}")
        ours.start()
        try:
            with Client(self.site, "token", ours, PASSWORD) as holder:
                token = "token:" + holder.line()
                time.sleep(1)
                before, start = ours.group.memory(), time.perf_counter()
                with Client(self.site, "hold", ours, token, count) as client:
                    client.go()
                    client.line()
                    took = time.perf_counter() - start
                    time.sleep(3)
                    return {"KiB PSS": ours.group.memory() - before, "s to log in": took}
        finally:
            ours.stop()

    def grown_file(self, size):
        path = f"{self.site.fast}/growth.bin"
        with open(f"{self.site.data}/piece.bin", "rb") as source:
            piece = source.read()
        with open(path, "wb") as file:
            while file.tell() < size:
                file.write(piece[: size - file.tell()])
        return path

    def file_up(self, mib):
        path, ours = self.grown_file(mib << 20), self.world.ours
        gone = lambda: ours.run("-rm /up.bin")
        line = lambda source: lambda: ours.client(f"put -o /up.bin {source}")
        check = lambda: self.expect_size(f"{ours.home()}/up.bin", mib << 20)
        return self.watched(ours, line(f"{self.site.data}/empty.bin"), line(path), check, gone)

    def file_down(self, mib):
        path, ours = self.grown_file(mib << 20), self.world.ours
        ours.run(f"put -o /down.bin {path}; put -o /empty.bin {self.site.data}/empty.bin")
        check = lambda: self.expect_size(f"{self.site.out}/down.bin", mib << 20)
        line = lambda name: lambda: ours.client(f"get {name}")
        return self.watched(ours, line("empty.bin"), line("down.bin"), check)

    def files_up(self, count):
        source, ours = f"{self.site.fast}/growth", self.world.ours
        self.site.folder(source)
        for number in range(len(os.listdir(source)), count):
            with open(f"{source}/f{number}", "wb") as file:
                file.write(os.urandom(1024))
        line = lambda name, source: lambda: ours.client(f"put -r -o {name} {source}")
        check = lambda: self.expect_files(f"{ours.home()}/grown{count}", count)
        gone = lambda: ours.run(f"-rm -r /grown{count}")
        return self.watched(ours, line("grown0", f"{self.site.data}/none"), line(f"grown{count}", source), check, gone)

    def entries(self, count):
        ours = self.world.fresh(f"entries{count}")
        make_entries(self.site, ours, count)
        ours.start()
        try:
            ours.run("ls /none")
            return list_directory(self, ours, "/many")
        finally:
            ours.stop()
