"""Rows about files: large ones, many small ones, and their hashes."""

import os

from measure import Drowned, Failed, command
from rows import Bound, Method, Row

FTPS = "the best FTPS peer"


class Transfers(Row):
    """What the client's start, the connection, the login and the end take is measured with nothing to transfer, and taken off: for all alike."""

    def __init__(self, world):
        super().__init__(world)
        self.least = {}

    def measured(self, server, nothing, job, check, before=lambda: None):
        """The commands that both give, one after the other, each after `before`; the job's figures less the least that `nothing` took in any round."""
        site, least = self.site, self.least.setdefault(server.name, {})

        def clean(argv):
            ready = lambda: (site.sweep(), before())
            return self.bench.clean(lambda: command(argv(), cwd=site.out), [server.group], server.clients, ready)

        base, run = clean(nothing), clean(job)
        check()
        site.sweep()
        before()
        for key in ("s", "server", "client"):
            least[key] = min(least.get(key, base[key]), base[key])
        figures = {key: run[key] - least[key] for key in least}
        if figures["s"] <= 0 or figures["server"] <= 0:
            raise Drowned("it took no longer than nothing: others were at work, or it is too little")
        return figures

    def add(self, name, who, server, nothing, job, check, figures, before=lambda: None):
        """A method that is measured so; `figures` makes of seconds what is printed."""
        run = lambda: figures(self.measured(server, nothing, job, check, before))
        self.methods.append(Method(name, who, run))

    def rate(self, run, size):
        gib = size / (1 << 30)
        return {"MB/s": size / run["s"] / 1e6, "server s/GiB": run["server"] / gib, "client s/GiB": run["client"] / gib}

    def files(self, run, count):
        return {"files/s": count / run["s"], "server ms/file": run["server"] * 1000 / count, "client ms/file": run["client"] * 1000 / count}

    def expect_size(self, path, size):
        if os.path.getsize(path) != size:
            raise Failed(f"{path} has {os.path.getsize(path)} bytes of {size}")

    def expect_files(self, folder, count):
        found = sum(len(files) for _, _, files in os.walk(folder))
        if found != count:
            raise Failed(f"{folder} has {found} files of {count}")


class Download(Transfers):
    name = "download"
    columns = ("MB/s", "server s/GiB", "client s/GiB")
    bounds = (Bound("MB/s", 1.2, "ftps", FTPS), Bound("server s/GiB", 0.85, "ftps", FTPS, less=True))

    def prepare(self):
        site, size = self.site, self.site.sizes.big
        self.title = f"Download of {size >> 20} MiB, one stream, every client writing to a RAM disk"
        ours = self.world.ours
        ours.run(f"put {site.data}/big.bin; put {site.data}/empty.bin")
        check = lambda: self.expect_size(f"{site.out}/big.bin", size)
        figures = lambda run: self.rate(run, size)
        line = lambda name: lambda: ours.client(f"get {name}")
        self.add("ours", "ours", ours, line("empty.bin"), line("big.bin"), check, figures)
        for peer in self.world.peers:
            line = lambda name, peer=peer: lambda: peer.download(name, f"{site.out}/{name}")
            name = f"{peer.name} with {peer.client}"
            self.add(name, peer.kind, peer, line("empty.bin"), line("big.bin"), check, figures)


class Upload(Transfers):
    name = "upload"
    columns = ("MB/s", "server s/GiB", "client s/GiB")
    bounds = (Bound("MB/s", 1.5, "ftps", FTPS),)

    def prepare(self):
        site, size = self.site, self.site.sizes.big
        self.title = f"Upload of {size >> 20} MiB, one stream, `durability: fast`, every server writing to a RAM disk"
        figures = lambda run: self.rate(run, size)
        self.own(self.world.ours, figures)
        check = lambda: self.expect_size(f"{site.data}/up/up.bin", size)
        for peer in self.world.peers:
            line = lambda name, peer=peer: lambda: peer.upload(f"{site.data}/{name}", "up.bin")
            name = f"{peer.name} with {peer.client}"
            self.add(name, peer.kind, peer, line("empty.bin"), line("big.bin"), check, figures)

    def own(self, ours, figures):
        size = self.site.sizes.big
        line = lambda name: lambda: ours.client(f"put -o /up.bin {self.site.data}/{name}")
        check = lambda: self.expect_size(f"{ours.home()}/up.bin", size)
        gone = lambda: (ours.run("-rm /up.bin"), os.sync())
        self.add("ours", "ours", ours, line("empty.bin"), line("big.bin"), check, figures, gone)


class UploadFull(Upload):
    name = "upload-full"
    bounds = (Bound("MB/s", 0.85, "limit", "dd conv=fsync"),)

    def prepare(self):
        size = self.site.sizes.big
        self.title = f"Upload of {size >> 20} MiB, one stream, `durability: full`, to a disk"
        self.own(self.world.durable(), lambda run: self.rate(run, size))
        self.methods.append(Method("dd conv=fsync", "limit", self.plain))

    def plain(self):
        site, target = self.site, f"{self.site.disk}/dd.bin"
        argv = ["dd", f"if={site.data}/big.bin", f"of={target}", "bs=1M", "conv=fsync"]
        gone = lambda: (os.path.exists(target) and os.unlink(target), os.sync())
        run = self.bench.clean(lambda: command(argv), [], (), gone)
        gone()
        gib = site.sizes.big / (1 << 30)
        return {"MB/s": site.sizes.big / run["s"] / 1e6, "client s/GiB": run["client"] / gib}


class Small(Transfers):
    columns = ("files/s", "server ms/file", "client ms/file")
    bounds = (Bound("files/s", 1.3, "rsync", "rsync through stunnel"),)

    def few(self, peer, line, folder):
        """Pure-FTPd's many files, of which a part is enough."""
        few = self.site.sizes.few
        check = lambda: self.expect_files(f"{folder}/few", few)
        figures = lambda run: self.files(run, few)
        self.add(f"{peer.name} with rclone, 8 connections", "ftps", peer, line("none"), line("few"), check, figures)


class SmallDown(Small):
    name = "small-down"

    def prepare(self):
        site, count = self.site, self.site.sizes.small
        self.title = f"{count:,} files of 1 KiB down, one session, on RAM disks"
        ours, out = self.world.ours, site.out
        ours.run(f"put -r {site.data}/small; put -r {site.data}/none")
        check = lambda: self.expect_files(f"{out}/small", count)
        figures = lambda run: self.files(run, count)
        line = lambda name: lambda: ours.client(f"get -r {name}")
        self.add("ours", "ours", ours, line("none"), line("small"), check, figures)
        for peer in self.world.peers:
            if peer.kind == "rsync":
                line = lambda name, peer=peer: lambda: peer.rsync("-rW", peer.module(name), f"{out}/")
                self.add(f"rsync through {peer.name}", "rsync", peer, line("none"), line("small"), check, figures)
            elif peer.kind == "https":
                nothing = lambda peer=peer: peer.download("empty.bin", f"{out}/empty.bin")
                job = lambda peer=peer: peer.many("small", count, f"{out}/small")
                self.add(f"{peer.name} with curl, HTTP/2, 50 at once", "https", peer, nothing, job, check, figures)
            elif peer.name == "Pure-FTPd":
                self.few(peer, lambda name, peer=peer: lambda: [*peer.rclone(), f":ftp:/{name}", f"{out}/{name}"], out)


class SmallUp(Small):
    name = "small-up"

    def prepare(self):
        site, count = self.site, self.site.sizes.small
        self.title = f"{count:,} files of 1 KiB up, one session, `durability: fast`, on RAM disks"
        self.own(self.world.ours)
        up = f"{site.data}/up"
        for peer in self.world.peers:
            if peer.kind == "rsync":
                line = lambda name, peer=peer: lambda: peer.rsync("-rW", f"{site.data}/{name}", peer.module("up/"))
                check, figures = (lambda: self.expect_files(f"{up}/small", count)), (lambda run: self.files(run, count))
                self.add(f"rsync through {peer.name}", "rsync", peer, line("none"), line("small"), check, figures)
            elif peer.name == "Pure-FTPd":
                self.few(peer, lambda name, peer=peer: lambda: [*peer.rclone(), f"{site.data}/{name}", f":ftp:/up/{name}"], up)

    def own(self, ours):
        """To a new folder each time: what is there already would be compared first."""
        count, turn = self.site.sizes.small, [0]

        def before():
            turn[0] += 1
            os.sync()

        folder = lambda: f"up-{self.name}-{turn[0]}"
        line = lambda name: lambda: ours.client(f"put -r -o {folder()} {self.site.data}/{name}")
        # Folders are named before each command, and a measurement ends with a new name.
        check = lambda: self.expect_files(f"{ours.home()}/{folder()}", count)
        self.add("ours", "ours", ours, line("none"), line("small"), check, lambda run: self.files(run, count), before)


class SmallUpFull(SmallUp):
    name = "small-up-full"
    bounds = (Bound("files/s", 5, "limit", "create+fsync"),)

    def prepare(self):
        count, self.turn = self.site.sizes.small, 0
        self.title = f"{count:,} files of 1 KiB up, one session, `durability: full`, to a disk; each answer is a durable file"
        self.own(self.world.durable())
        self.methods.append(Method("create+fsync, one after the other", "limit", self.plain))

    def plain(self):
        self.turn += 1
        folder, few = self.site.folder(f"{self.site.disk}/fsync{self.turn}"), self.site.sizes.few
        os.sync()
        run = self.bench.clean(lambda: create_and_sync(folder, few), [], ())
        return {"files/s": few / run["s"]}


def create_and_sync(folder, count):
    """Small files, each durable before the next is begun."""
    for name in os.listdir(folder):
        os.unlink(f"{folder}/{name}")
    for number in range(count):
        file = os.open(f"{folder}/{number}", os.O_CREAT | os.O_WRONLY)
        os.write(file, bytes(1024))
        os.fsync(file)
        os.close(file)


class Md5(Transfers):
    name = "md5"
    columns = ("MB/s", "server s/GiB")
    bounds = (Bound("MB/s", 0.85, "limit", "md5sum"),)

    def prepare(self):
        site, size = self.site, self.site.sizes.big
        self.title = f"MD5 of {size >> 20} MiB on request"
        ours = self.world.ours
        ours.run(f"put {site.data}/big.bin; put {site.data}/empty.bin")
        line = lambda name: lambda: ours.client(f"md5 {name}")
        self.add("ours", "ours", ours, line("empty.bin"), line("big.bin"), lambda: None, lambda run: self.rate(run, size))
        self.methods.append(Method("md5sum", "limit", self.plain))

    def plain(self):
        run = self.bench.clean(lambda: command(["md5sum", f"{self.site.data}/big.bin"]), [], ())
        return {"MB/s": self.site.sizes.big / run["s"] / 1e6}
