#!/usr/bin/env python3
"""A client of the ftpd/1 protocol, written from proto/PROTOCOL.md alone; Python 3.9 and its standard library, nothing else.

    ftpd_client.py HOST PORT CA USER PASSWORDFILE list PATH | get REMOTE LOCAL | put LOCAL REMOTE | sum REMOTE | mkdir PATH | rm PATH

Every chunk's value, every prefix hash and every root is computed here and compared. BLAKE3 runs in plain integers: one wide integer
holds the same word of many BLAKE3 chunks, 64 bits apart, so that one addition or rotation is done for all of them.
"""
import json, os, socket, ssl, struct, sys

CHUNK = 262144
IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
SHUFFLE = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
START, END, PARENT, ROOT = 1, 2, 4, 8
MIXES = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def wide(numbers):
    return int.from_bytes(struct.pack("<%dQ" % len(numbers), *numbers), "little")


def compress(cv, block, counters, length, flags):
    """The BLAKE3 compression in len(counters) lanes; `cv` and `block` are 8 and 16 wide integers."""
    ones = wide([1] * len(counters))
    mask = 0xFFFFFFFF * ones
    v = list(cv) + [i * ones for i in IV[:4]] + [wide([c & 0xFFFFFFFF for c in counters]), wide([c >> 32 for c in counters])]
    v += [length * ones, flags * ones]
    for _ in range(7):
        for n, (a, b, c, d) in enumerate(MIXES):
            for word, right_d, right_b in ((block[2 * n], 16, 12), (block[2 * n + 1], 8, 7)):
                v[a] = (v[a] + v[b] + word) & mask
                x = v[d] ^ v[a]
                v[d] = (x >> right_d | x << 32 - right_d) & mask
                v[c] = (v[c] + v[d]) & mask
                x = v[b] ^ v[c]
                v[b] = (x >> right_b | x << 32 - right_b) & mask
        block = [block[i] for i in SHUFFLE]
    return [v[i] ^ v[i + 8] for i in range(8)]


def lanes(cv, count):
    """The 32 bytes of each lane."""
    columns = [struct.unpack("<%dQ" % count, w.to_bytes(8 * count, "little")) for w in cv]
    return [struct.pack("<8I", *row) for row in zip(*columns)]


def leaves(data, first, root):
    """The chaining values of BLAKE3 chunks of one length; `first` is the counter of the first."""
    size = min(len(data), 1024)
    count = len(data) // size if size else 1
    blocks = max(1, (size + 63) // 64)
    padded = b"".join(data[i * size : (i + 1) * size].ljust(blocks * 64, b"\0") for i in range(count))
    words = struct.unpack("<%dI" % (len(padded) // 4), padded)
    cv = [i * wide([1] * count) for i in IV]
    for b in range(blocks):
        last = b == blocks - 1
        flags = (START if b == 0 else 0) | (END if last else 0) | (ROOT if last and root else 0)
        block = [wide(words[16 * b + k :: 16 * blocks]) for k in range(16)]
        cv = compress(cv, block, range(first, first + count), size - 64 * b if last else 64, flags)
    return lanes(cv, count)


def merge(values, root):
    """The parent of all values: pairs, level by level, an odd one out goes up as it is."""
    while len(values) > 1:
        flags = PARENT | (ROOT if root and len(values) == 2 else 0)
        count = len(values) // 2
        rows = [struct.unpack("<16I", values[2 * i] + values[2 * i + 1]) for i in range(count)]
        block = [wide(column) for column in zip(*rows)]
        parents = lanes(compress([i * wide([1] * count) for i in IV], block, [0] * count, 64, flags), count)
        values = parents + values[2 * count :]
    return values[0]


def blake3(data, offset=0, root=True):
    """The BLAKE3 hash of `data`, or the non-root chaining value of the subtree over it at `offset`."""
    whole = len(data) // 1024 * 1024
    values = leaves(data[:whole], offset // 1024, root and len(data) == 1024) if whole else []
    if whole < len(data) or not data:
        values += leaves(data[whole:], (offset + whole) // 1024, root and not whole)
    return merge(values, root)


def chunk_value(data, offset, size):
    return blake3(data) if size <= CHUNK else blake3(data, offset, root=False)


def root_of(values):
    return (values[0] if len(values) == 1 else merge(values, True)) if values else blake3(b"")


def check(good, what):
    if not good:
        sys.exit("ftpd_client: " + what)


class Session:
    def __init__(self, host, port, ca, user, password):
        tls = ssl.create_default_context(cafile=ca)
        tls.minimum_version = ssl.TLSVersion.TLSv1_3
        tls.set_alpn_protocols(["ftpd/1"])
        tcp = socket.create_connection((host, port), timeout=60)
        self.socket = tls.wrap_socket(tcp, server_hostname=host, suppress_ragged_eofs=False)
        check(self.socket.selected_alpn_protocol() == "ftpd/1", "the server does not speak ftpd/1")
        self.input, self.id = self.socket.makefile("rb"), 0
        hello = self.message()["hello"]
        check(hello["protocol"] == 1 and hello["chunk"] == CHUNK, "another protocol: %r" % hello)
        self.call("login", user=user, password=password)

    def frame(self, kind):
        head = self.input.read(5)
        check(len(head) == 5, "the server closed the connection")
        length, got = struct.unpack(">IB", head)
        check(0 < length <= (65536 if got == 1 else CHUNK + 32), "a frame of %d bytes" % length)
        payload = self.input.read(length)
        if got != kind and got == 1:
            check(False, "instead of a chunk: %s" % payload.decode())
        check(got == kind and len(payload) == length, "a frame of kind %d" % got)
        return payload

    def message(self):
        return json.loads(self.frame(1))

    def chunk(self):
        payload = self.frame(2)
        return payload[:32], payload[32:]

    def send(self, kind, payload):
        self.socket.sendall(struct.pack(">IB", len(payload), kind) + payload)

    def ask(self, op, id=None, **members):
        if id is None:
            self.id = id = self.id + 1
        self.send(1, json.dumps({"id": id, "op": op, **members}).encode())
        return id

    def reply(self, id, member):
        reply = self.message()
        if "error" in reply:
            error = reply["error"]
            check(False, ": ".join(str(error[k]) for k in ("code", "message", "hint") if error.get(k)))
        check(reply.get("re") == id and member in reply, "an unexpected reply: %r" % reply)
        return reply[member]

    def call(self, op, **members):
        return self.reply(self.ask(op, **members), "ok")

    def close(self):
        self.call("logout")
        self.socket.unwrap()

    def list(self, path):
        id, entries = self.ask("list", path=path), []
        while "page" in (reply := self.message()):
            check(reply["re"] == id, "a page of another request")
            entries += reply["page"]["entries"]
        check("ok" in reply and reply["re"] == id and reply["ok"]["entries"] == len(entries), "the listing failed: %r" % reply)
        return sorted(entries, key=lambda e: e["name"])

    def get(self, remote, local):
        id = self.ask("get", path=remote)
        begin = self.reply(id, "begin")
        check(begin["prefix"] == blake3(b"").hex(), "the prefix hash of no chunks is wrong")
        size, offset, values = begin["size"], 0, []
        with open(local + ".part", "wb") as file:
            while offset < size:
                value, data = self.chunk()
                check(len(data) == min(CHUNK, size - offset), "a chunk of %d bytes at %d" % (len(data), offset))
                check(chunk_value(data, offset, size) == value, "the chunk at %d is not what its value says" % offset)
                file.write(data)
                values.append(value)
                offset += len(data)
        root = self.reply(id, "ok")["root"]
        check(root == root_of(values).hex(), "the file's root is wrong")
        os.utime(local + ".part", (begin["mtime"], begin["mtime"]))
        os.replace(local + ".part", local)
        return {"size": size, "root": root}

    def put(self, local, remote):
        with open(local, "rb") as file:
            size, mtime, values = os.fstat(file.fileno()).st_size, int(os.fstat(file.fileno()).st_mtime), []
            members = {"path": remote, "size": size, "mtime": mtime}
            id = self.ask("put", **members)
            begin = self.reply(id, "begin")
            offset = begin["offset"]
            for at in range(0, offset, CHUNK):
                values.append(chunk_value(file.read(CHUNK), at, size))
            if blake3(b"".join(values)).hex() != begin["prefix"]:
                abort = self.ask("abort", target=id)
                aborted = self.message()
                check(aborted.get("re") == id and aborted["error"]["code"] == "aborted", "not aborted: %r" % aborted)
                self.reply(abort, "ok")
                id = self.ask("put", restart=True, **members)
                offset = self.reply(id, "begin")["offset"]
                check(offset == 0, "a restarted put begins at %d" % offset)
                values.clear()
                file.seek(0)
            for at in range(offset, size, CHUNK):
                data = file.read(CHUNK)
                check(len(data) == min(CHUNK, size - at), "%s became shorter" % local)
                values.append(chunk_value(data, at, size))
                self.send(2, values[-1] + data)
            self.ask("put_end", id=id, root=root_of(values).hex())
            ok = self.reply(id, "ok")
        check(ok["root"] == root_of(values).hex() and ok["size"] == size, "the server stored something else: %r" % ok)
        return {"size": size, "root": ok["root"], "from": offset}


def main(args):
    check(len(args) >= 7, __doc__.split("\n\n")[1].strip())
    host, port, ca, user, password_file, verb, *rest = args
    check(len(rest) == {"get": 2, "put": 2, "list": 1, "sum": 1, "mkdir": 1, "rm": 1}.get(verb), "unknown command")
    with open(password_file) as file:
        password = file.read().rstrip("\n")
    session = Session(host, int(port), ca, user, password)
    if verb in ("get", "put", "list"):
        done = getattr(session, verb)(*rest)
    else:
        done = session.call(verb, path=rest[0])
    session.close()
    for row in done if verb == "list" else [done]:
        print(json.dumps(row, sort_keys=True))


if __name__ == "__main__":
    main(sys.argv[1:])
