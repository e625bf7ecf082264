"""Running a command while its time, the processor time at both ends and everybody else's are counted."""

import os
import resource
import statistics
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")
# A core's share that others may take of a run; beyond it, the run is repeated.
FOREIGN = 0.12
CGROUP1, CGROUP2 = "/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup"


class Failed(Exception):
    """A method that cannot be measured here, and why."""


class Drowned(Failed):
    """A measurement of something that is smaller than the noise; the next one may be better."""


def read(path):
    with open(path) as file:
        return file.read()


class Group:
    """The processes of one server and all that they start: in a control group where that can be made, else as the tree below the first."""

    def __init__(self, name):
        self.root, self.folder, self.unit = None, None, None
        name = f"ftp-bench.{os.getpid()}.{name}"
        if os.path.exists(f"{CGROUP2}/cgroup.controllers"):
            folder, counter, unit = f"{CGROUP2}/{name}", "cpu.stat", 1e6
        else:
            folder, counter, unit = f"{CGROUP1}/{name}", "cpuacct.usage", 1e9
        try:
            os.mkdir(folder)
            read(f"{folder}/{counter}")
            self.folder, self.counter, self.unit = folder, counter, unit
        except OSError:
            pass

    def start(self, command, user=None, **more):
        """Starts a server as `user`; whoever runs this without it."""
        if user:
            more.update(user=user, group=nobodys_group(user), extra_groups=[])
        # It begins when it is in the group: what it starts before would be in none. It is put there from outside, for a user of its own may not.
        child = subprocess.Popen(["sh", "-c", 'read -r _; exec "$@" </dev/null', "sh", *command], stdin=subprocess.PIPE, **more)
        if self.folder:
            with open(f"{self.folder}/cgroup.procs", "w") as file:
                file.write(str(child.pid))
        child.stdin.write(b"\n")
        child.stdin.close()
        self.root = self.root or child.pid
        return child

    def pids(self):
        if self.folder:
            return [int(pid) for pid in read(f"{self.folder}/cgroup.procs").split()]
        return tree(self.root) if self.root else []

    def seconds(self):
        """Processor time so far."""
        if self.folder:
            text = read(f"{self.folder}/{self.counter}")
            return int(text.split()[1] if self.unit == 1e6 else text) / self.unit
        total = 0
        for pid in self.pids():
            fields = stat_of(pid)
            # With those of children that have ended and were waited for.
            total += sum(int(field) for field in fields[11:15]) if fields else 0
        return total / TICK

    def memory(self, what="Pss:"):
        """In KiB, of all processes."""
        total = 0
        for pid in self.pids():
            try:
                lines = read(f"/proc/{pid}/smaps_rollup").splitlines()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in lines if line.startswith(what))
        return total

    def close(self):
        if self.folder:
            for _ in range(50):
                try:
                    os.rmdir(self.folder)
                    return
                except OSError:
                    time.sleep(0.1)


def nobodys_group(user):
    import pwd

    return pwd.getpwnam(user).pw_gid


def stat_of(pid):
    """The fields of /proc/PID/stat behind the name; none when it is gone."""
    try:
        return read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()
    except OSError:
        return None


def tree(root):
    parents = {}
    for name in os.listdir("/proc"):
        fields = stat_of(name) if name.isdigit() else None
        if fields:
            parents.setdefault(int(fields[1]), []).append(int(name))
    found, ahead = [], [root]
    while ahead:
        pid = ahead.pop()
        found.append(pid)
        ahead += parents.get(pid, [])
    return found


def machine():
    """Processor time of the whole machine so far, idling aside, and that which its host took away."""
    fields = [int(field) for field in read("/proc/stat").split("\n", 1)[0].split()[1:9]]
    return (sum(fields[:3]) + sum(fields[5:7])) / TICK, fields[7] / TICK


def own():
    """Of this program and its children that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def wait_until_quiet(limit):
    """Returns when others use less than 8 % of a core, or `limit` seconds are over."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        before, mine = machine()[0], own()
        time.sleep(0.4)
        if machine()[0] - before - (own() - mine) < 0.4 * 0.08:
            return True
    return False


class Watch:
    """What passes between its making and `stop`."""

    def __init__(self, servers, clients):
        self.groups, self.clients = servers, clients
        self.server0, self.client0, self.machine0 = self.server(), self.client(), machine()
        self.start = time.perf_counter()

    def server(self):
        return sum(group.seconds() for group in self.groups)

    def client(self):
        """Programs that ran and ended, and those that stay between server and client on the client's side."""
        return own() + sum(group.seconds() for group in self.clients)

    def stop(self):
        took = time.perf_counter() - self.start
        server, client = self.server() - self.server0, self.client() - self.client0
        now = machine()
        other = max(0.0, now[0] - self.machine0[0] - server - client)
        return {"s": took, "server": server, "client": client, "other": other, "stolen": now[1] - self.machine0[1]}


class Bench:
    """How measurements are made: how patiently, and what is done before each."""

    def __init__(self, patience, repeats):
        self.longest, self.repeats, self.dirty = patience, repeats, 0
        # On a machine that is never quiet, less and less time is spent on waiting for it.
        self.patience = patience

    def settle(self):
        """Waits until others are quiet, or for as long as that is worth."""
        quiet = wait_until_quiet(self.patience)
        self.patience = self.longest if quiet else max(1, self.patience / 2)
        return quiet

    def clean(self, job, servers, clients=(), before=lambda: None):
        """Runs `job` between two readings; again, at most `repeats` times, when others took a part in it. The least disturbed counts."""
        best = None
        for _ in range(1 + self.repeats):
            before()
            quiet = self.settle()
            watch = Watch(servers, clients)
            result = job()
            run = watch.stop()
            run["result"] = result
            if best is None or run["other"] / run["s"] < best["other"] / best["s"]:
                best = run
            if run["other"] <= FOREIGN * run["s"] + 0.05 or run["s"] > 30:
                break
            self.dirty += 1
            if not quiet and self.patience <= 1:
                break
        return best


def command(argv, timeout=300, **more):
    """Runs a client to its end; what it printed."""
    try:
        source = {} if "input" in more else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(argv, capture_output=True, timeout=timeout, **source, **more)
    except subprocess.TimeoutExpired as late:
        raise Failed(f"{argv[0]} took more than {timeout} s") from late
    except OSError as error:
        raise Failed(f"{argv[0]}: {error}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()[-300:]
        raise Failed(f"{os.path.basename(argv[0])} ended with {done.returncode}: {said}")
    return done.stdout.decode(errors="replace")


def median(values):
    return statistics.median(values)
