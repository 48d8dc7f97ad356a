"""rdb_test.py BUILD: poro-wal import and export, with snapshots of redis-server, made by hand, and
damaged in every way."""
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import snapshot as rdb  # noqa: E402
from poro import Client, Score, Server, free_port  # noqa: E402

CLEAN, USAGE, UNREADABLE, LOCKED, DAMAGED, REFUSED = 0, 1, 2, 3, 4, 6
SMALL = ["--segment-size", "256kb"]
SETTINGS = ["--maxmemory", "512mb"]
LATER = 4102444800123  # in 2100
KEYS = 1000000


class Redis:
    """redis-server in a folder of its own, or in one that holds a dump.rdb."""

    def __init__(self, folder, *options):
        self.folder, self.port = folder, free_port()
        os.makedirs(folder, exist_ok=True)
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", folder, "--save", "",
             "--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0", *options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.output = b""
        for _ in range(3000):
            try:
                client = self.client()
                reply = client.call("PING")
                client.close()
                if reply == "PONG":
                    return
            except OSError:
                pass
            if self.process.poll() is not None:
                self.output = self.process.stdout.read()
                return
            time.sleep(0.01)

    def client(self):
        return Client(self.port, timeout=60)

    def dump(self):
        client = self.client()
        assert client.call("SAVE") == "OK"
        client.close()
        return os.path.join(self.folder, "dump.rdb")

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def keys_of(server, databases=16, dumps=False):
    """All that a server has: {(database, key): (value, expiry in ms or None)}; with `dumps` what DUMP
    says in place of the value."""
    client, found = server.client(), {}
    for db in range(databases):
        client.call("SELECT", db)
        names = client.call("KEYS", "*")
        for at in range(0, len(names), 100):
            some = names[at : at + 100]
            values = client.pipeline([("DUMP" if dumps else "GET", name) for name in some])
            expiries = client.pipeline([("PEXPIRETIME", name) for name in some])
            for name, value, expiry in zip(some, values, expiries):
                found[db, name] = (value, None if expiry == -1 else expiry)
    client.close()
    return found


def every_value(rng):
    """Values in all the forms in which a snapshot may hold them."""
    numbers = [0, 1, -1, 12, 63, 64, 127, 128, -128, -129, 255, 256, 32767, 32768, -32768, -32769, 65535,
               2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**32, 2**63 - 1, -(2**63), 2**64 - 1]
    values = [b"%d" % n for n in numbers]
    values += [b"", b"\0", b"007", b"+1", b" 1", b"-0", b"1.5", b"1e3", b"--1", b"\xff" * 11, b"12\0"]
    for size in (1, 10, 11, 12, 20, 21, 63, 64, 65, 300, 16383, 16384, 100000):
        values.append(rng.randbytes(size))
        values.append(b"a" * size)
        values.append((b"abcdefghij" * size)[:size])
        values.append(bytes(rng.choice(b"ab") for _ in range(size)))
    values.append(rng.randbytes(8000) * 20)  # repetitions at the reach of the compression
    values.append(rng.randbytes(8192) * 2)
    values.append(rng.randbytes(3 << 20))
    return values


class Tests:
    def __init__(self, build):
        self.score = Score("rdb")
        self.tool_path = os.path.abspath(os.path.join(build, "poro-wal"))
        self.server_path = os.path.abspath(os.path.join(build, "poro-server"))
        self.folder = tempfile.mkdtemp(prefix="poro-rdb-")
        # For what is made a thousand times.
        self.fast = tempfile.mkdtemp(prefix="poro-rdb-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        self.place = self.folder
        self.count, self.scenario = 0, ""
        self.rng = random.Random(5)
        self.processes = []

    def check(self, what, right, detail=""):
        return self.score.check("%s: %s" % (self.scenario, what), right, str(detail)[:3000])

    def path(self, name="thing"):
        self.count += 1
        return os.path.join(self.place, "%s-%d" % (name, self.count))

    def file(self, data):
        path = self.path("file.rdb")
        with open(path, "wb") as f:
            f.write(data)
        return path

    def tool(self, *args, **options):
        result = subprocess.run([self.tool_path, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                timeout=300, **options)
        return result.returncode, result.stdout.decode(errors="replace"), result.stderr.decode(errors="replace")

    def redis(self, *options, folder=None):
        server = Redis(folder or self.path("redis"), *options)
        self.processes.append(server)
        return server

    def poro(self, folder):
        """A server on that data folder (its name ends with /data)."""
        server = Server(self.server_path, SETTINGS, folder=os.path.dirname(folder))
        server.start()
        return server

    def data(self):
        parent = self.path("poro")
        os.mkdir(parent)
        return os.path.join(parent, "data")

    def imported(self, path, *options):
        """Imports what must succeed; returns the folder."""
        folder = self.data()
        code, out, error = self.tool("import", path, folder, *options)
        self.check("import", code == CLEAN, out + error)
        return folder

    def exported(self, folder):
        path = self.path("export.rdb")
        code, out, error = self.tool("export", "--rdb", path, folder)
        self.check("export", code == CLEAN, out + error)
        return path

    def refused(self, what, data, expected, words=(), *options):
        """An import that must fail and leave nothing."""
        folder = self.data()
        path = data if isinstance(data, str) else self.file(data)
        code, out, error = self.tool("import", path, folder, *SMALL, *options)
        self.check(what, code == expected and all(word in out + error for word in words),
                   "exit code %d: %s%s" % (code, out, error))
        self.check(what + ", nothing is left", not os.path.exists(folder))
        return out + error

    def loaded(self, path):
        """redis-server with this snapshot."""
        folder = self.path("redis")
        os.mkdir(folder)
        shutil.copy(path, os.path.join(folder, "dump.rdb"))
        result = subprocess.run(["redis-check-rdb", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.check("redis-check-rdb accepts it", result.returncode == 0, result.stdout)
        server = self.redis(folder=folder)
        self.check("redis-server loads it", server.process.poll() is None, server.output)
        return server

    def remove(self):
        for server in self.processes:
            if server.process.poll() is None:
                server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.fast, ignore_errors=True)


# --- both ways -------------------------------------------------------------------------------------


def fill(client, rng):
    values = every_value(rng)
    for db in range(16):
        client.call("SELECT", db)
        some = values if db == 0 else rng.sample([value for value in values if len(value) < 20000], 10)
        commands = []
        for i, value in enumerate(some):
            name = rng.choice([b"key:%d" % i, b"%d" % (i * 1000 - 3000), rng.randbytes(1 + i), b"\0\r\n%d" % i])
            expiry = rng.choice([None, None, LATER + i, LATER * 100])
            commands.append(("SET", name, value) + (() if expiry is None else ("PXAT", expiry)))
        commands.append(("SET", b"", b"the key is empty"))
        commands.append(("SET", b"k" * 20000, b"a long key"))
        commands.append(("SET", b"soon:%d" % db, b"x", "PX", 1))
        for command in commands:
            assert client.call(*command) == "OK"


def test_round_trip(tests):
    tests.scenario = "Redis, Poro, Redis"
    redis = tests.redis()
    client = redis.client()
    fill(client, tests.rng)
    client.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    time.sleep(0.01)
    path = redis.dump()
    before, before_dumps = keys_of(redis), keys_of(redis, dumps=True)
    folder = tests.imported(path)
    for options in (SMALL, ["--segment-size", "1mb"]):
        small = rdb.read(tests.exported(tests.imported(path, *options)))
        tests.check("with small segments", small == before, differences(small, before))
    server = tests.poro(folder)
    try:
        found = keys_of(server)
        tests.check("poro-server has all of it", found == before, differences(found, before))
        change = server.client()
        for command in (("SET", "new", "1"), ("APPEND", "new", "2"), ("DEL", b""), ("SET", "gone", "x", "PX", "1"),
                        ("SETRANGE", "long", 100000, "end"), ("SWAPDB", 1, 2), ("SELECT", 3), ("FLUSHDB",)):
            change.call(*command)
        code, out, error = tests.tool("export", "--rdb", tests.path("running.rdb"), folder)
        tests.check("no export while it runs", code == LOCKED and "in use" in error, error)
        time.sleep(0.01)
    finally:
        server.kill()
    swapped = {0: 0, 1: 2, 2: 1, **{db: db for db in range(4, 16)}}
    before = {(swapped[db], name): value for (db, name), value in before.items() if db != 3}
    before_dumps = {(swapped[db], name): value for (db, name), value in before_dumps.items() if db != 3}
    expected = {**before, (0, b"new"): (b"12", None), (0, b"long"): (bytes(100000) + b"end", None)}
    del expected[0, b""]
    exported = tests.exported(folder)
    found = rdb.read(exported)
    tests.check("the export has all of it", found == expected, differences(found, expected))
    again = tests.loaded(exported)
    found = keys_of(again)
    tests.check("redis-server has all of it", found == expected, differences(found, expected))
    found = keys_of(again, dumps=True)
    same = all(found[where] == before_dumps[where] for where in before_dumps if where != (0, b""))
    tests.check("and its DUMPs are the same", same)
    found = rdb.read(tests.exported(tests.imported(again.dump(), *SMALL)))
    tests.check("the second time too", found == expected, differences(found, expected))
    redis.stop()
    again.stop()


def differences(found, expected):
    wrong = [where for where in {**found, **expected} if found.get(where) != expected.get(where)]
    return "%d of %d: %r" % (len(wrong), len(expected), wrong[:5])


def test_ways(tests):
    tests.scenario = "other ways"
    redis = tests.redis("--rdbchecksum", "no", "--rdbcompression", "no")
    client = redis.client()
    client.call("SET", "a", "b" * 1000)
    found = rdb.read(tests.exported(tests.imported(redis.dump(), *SMALL)))
    tests.check("without checksum and compression", found == {(0, b"a"): (b"b" * 1000, None)})
    path = tests.path("cli.rdb")
    result = subprocess.run(["redis-cli", "-p", str(redis.port), "--rdb", path], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
    tests.check("redis-cli --rdb", result.returncode == 0, result.stdout)
    found = rdb.read(tests.exported(tests.imported(path, *SMALL)))
    tests.check("what redis-cli has fetched", found == {(0, b"a"): (b"b" * 1000, None)})
    folder = tests.data()
    with open(path, "rb") as f:
        code, out, error = tests.tool("import", "/dev/stdin", folder, *SMALL, stdin=f)
    tests.check("from standard input", code == CLEAN, error)
    redis.stop()
    empty = tests.redis()
    folder = tests.imported(empty.dump(), *SMALL)
    tests.check("nothing at all", rdb.read(tests.exported(folder)) == {})
    server = tests.poro(folder)
    tests.check("poro-server starts from it", keys_of(server) == {})
    server.kill()
    empty.stop()


def test_million(tests):
    tests.scenario = "a million keys"
    redis = tests.redis()
    client = redis.client()
    client.call("DEBUG", "POPULATE", KEYS, "key", 64)
    client.pipeline([("SET", "key:%d" % i, "v%d-" % i * (i % 9), "PXAT", LATER + i) for i in range(0, KEYS, 1000)])
    some = tests.rng.sample(range(KEYS), 500) + list(range(0, KEYS, 2000))
    expected = [(client.call("GET", "key:%d" % i), client.call("PEXPIRETIME", "key:%d" % i)) for i in some]
    path = redis.dump()
    client.close()
    redis.stop()
    folder = tests.data()
    began = time.monotonic()
    code, out, error = tests.tool("import", path, folder)
    imported = time.monotonic() - began
    tests.check("import", code == CLEAN and "%d keys" % KEYS in out, out + error)
    output = tests.path("export.rdb")
    began = time.monotonic()
    code, out, error = tests.tool("export", "--rdb", output, folder)
    exported = time.monotonic() - began
    tests.check("export", code == CLEAN and "%d keys" % KEYS in out, out + error)
    print("a million keys: import %.1f s, export %.1f s" % (imported, exported))
    tests.check("both are fast", imported < 30 and exported < 30, "%.1f s, %.1f s" % (imported, exported))
    keys = {(0, b"key:%d" % i): ((b"value:%d" % i).ljust(64, b"\0"), None) for i in range(KEYS)}
    keys.update({(0, b"key:%d" % i): (b"v%d-" % i * (i % 9), LATER + i) for i in range(0, KEYS, 1000)})
    tests.check("each is exported as it was", rdb.read(output) == keys)
    server, again = tests.poro(folder), tests.loaded(output)
    for name, other in (("poro-server", server), ("redis-server", again)):
        client = other.client()
        tests.check(name + " has them", client.call("DBSIZE") == KEYS)
        right = expected == [(client.call("GET", "key:%d" % i), client.call("PEXPIRETIME", "key:%d" % i)) for i in some]
        tests.check(name + " has their values", right)
        client.close()
    server.kill()
    again.stop()


def test_large(tests):
    tests.scenario = "large values"
    value = tests.rng.randbytes(1 << 20) * 20
    data = rdb.key(b"plain", value, LATER) + b"\x00\x01z" + packed_zeros(24 << 20) + rdb.key(b"after", b"1")
    path = tests.file(rdb.snapshot(data, checksum=False))
    expected = {(0, b"plain"): (value, LATER), (0, b"z"): (bytes(24 << 20), None), (0, b"after"): (b"1", None)}
    folder = tests.imported(path)
    server = tests.poro(folder)
    found = keys_of(server)
    tests.check("poro-server has them", found == expected, differences(found, expected))
    server.kill()
    again = tests.loaded(tests.exported(folder))
    found = keys_of(again)
    tests.check("redis-server has them", found == expected, differences(found, expected))
    again.stop()


def packed_zeros(size):
    """A packed string of so many zeros."""
    body = b"\x00\x00" + b"\xe0\xff\x00" * ((size - 1) // 264)
    rest = (size - 1) % 264
    while rest:
        count = min(rest, 32)
        body += bytes([count - 1]) + bytes(count)
        rest -= count
    return b"\xc3\x80" + len(body).to_bytes(4, "big") + b"\x80" + size.to_bytes(4, "big") + body


# --- what is not a string --------------------------------------------------------------------------


def fill_others(client):
    """One or more of every type and encoding of Redis 7.0; how many of each."""
    long = "x" * 100
    for i in range(3):
        client.call("RPUSH", "list:%d" % i, *range(10 * i + 1))
    client.call("RPUSH", "list:long", *["%s%d" % (long, i) for i in range(300)])
    client.call("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "100b")
    client.call("RPUSH", "list:plain", "x" * 200, "y")
    client.call("SADD", "set:ints", 1, 2, 70000, -5, 2**40)
    client.call("SADD", "set:table", *["%s%d" % (long, i) for i in range(20)])
    client.call("HSET", "hash:packed", "field", "value", "number", 5)
    client.call("HSET", "hash:table", "field", "value" * 100, "other", 1)
    client.call("ZADD", "zset:packed", 1, "a", 2.5, "b", "inf", "c")
    client.call("ZADD", "zset:list", 1.1, long, "-inf", "b", "inf", "c", 3, "d")
    client.call("GEOADD", "zset:geo", 13.36, 38.11, "Palermo")
    for i in range(250):
        client.call("XADD", "stream", "%d-1" % (i + 1), "field", i, "other%d" % (i % 3), "x")
    for group in "one", "two":
        client.call("XGROUP", "CREATE", "stream", group, 0)
    for consumer in "alice", "bob":
        client.call("XREADGROUP", "GROUP", "one", consumer, "COUNT", 70, "STREAMS", "stream", ">")
    client.call("XACK", "stream", "one", "3-1", "4-1")
    client.call("XDEL", "stream", "5-1", "250-1")
    client.call("XGROUP", "CREATE", "stream:empty", "group", "$", "MKSTREAM")
    client.call("FUNCTION", "LOAD", "#!lua name=mine\nredis.register_function('f', function() return 1 end)")
    return {"list": 5, "set": 2, "hash": 2, "sorted set": 3, "stream": 2, "function library": 1}


def check_left(tests, report, counts):
    for kind, count in counts.items():
        tests.check("it counts each %s" % kind, "left out     %s: %d\n" % (kind, count) in report, report)


def test_others(tests):
    tests.scenario = "other types"
    redis = tests.redis()
    client = redis.client()
    client.call("SET", "before", "1")
    counts = fill_others(client)
    client.call("PEXPIREAT", "list:1", LATER)
    client.call("PFADD", "hyperloglog", 1, 2, 3)
    client.call("SETBIT", "bits", 100, 1)
    client.call("SET", "after", "2", "PXAT", LATER)
    strings = {(0, name): (client.call("GET", name), LATER if name == b"after" else None)
               for name in (b"before", b"after", b"hyperloglog", b"bits")}
    path = redis.dump()
    folder = tests.data()
    code, out, error = tests.tool("import", path, folder, *SMALL)
    tests.check("they are left out", code == CLEAN, error)
    tests.check("it says so", "are not strings and were left out" in error, error)
    check_left(tests, out, counts)
    tests.check("it names them", 'db0 "zset:geo"' in out and 'db0 "list:plain"' in out and
                '"#!lua name=mine"' in out, out)
    found = rdb.read(tests.exported(folder))
    tests.check("strings are taken", found == strings, differences(found, strings))
    code, out, error = tests.tool("import", path, tests.data(), *SMALL, "--names", "1")
    tests.check("few are named", "list: 5, the first of them:" in out and out.count('"list:') == 1, out)
    tests.refused("--strict", path, REFUSED, ["list: 5", 'db0 "stream"', "Nothing was imported"], "--strict")
    client.call("FLUSHALL")
    client.call("SET", "key", "1")
    tests.refused("--strict with a function library", redis.dump(), REFUSED, ["name=mine"], "--strict")
    client.call("FUNCTION", "FLUSH")
    tests.imported(redis.dump(), *SMALL, "--strict")
    redis.stop()
    redis = tests.redis("--list-max-listpack-size", "2", "--hash-max-listpack-entries", "0",
                        "--zset-max-listpack-entries", "0", "--set-max-intset-entries", "0", "--rdbcompression", "no",
                        "--stream-node-max-entries", "3")
    counts = fill_others(redis.client())
    folder = tests.data()
    code, out, error = tests.tool("import", redis.dump(), folder, *SMALL)
    tests.check("in their other encodings", code == CLEAN, error)
    check_left(tests, out, counts)
    redis.stop()


ID, TIME = b"0123456789abcdef", b"12345678"
GROUP = b"\x01g\x01\x02\x03\x01" + ID + TIME + b"\x01\x01\x01c" + TIME + TIME + b"\x01" + ID
HEAD = b"\x01\x10" + ID + b"\x01z\x05\x06\x07\x01\x02\x03\x04\x05\x01"
PRODUCERS = b"\x24\x24\x01\x01p\x01\x02id\x05\x06\x01\x02"
MODULE = b"\x81\x00\x10\x83\x10\x51\x87\x20\x01"
PARTS = b"\x01\x05\x02\x41\x00\x031234\x0412345678\x05\x03abc\x00"


def test_newer(tests):
    tests.scenario = "newer and older versions"
    cases = [
        (12, b"REDIS", [(b"\x14", b"\x01z", "set"), (b"\x18", TIME + b"\x02\x00\x01f\x01v\x05\x01g\x01v", "hash"),
                        (b"\x19", TIME + b"\x01z", "hash"), (b"\x15", HEAD + GROUP, "stream"),
                        (b"\x07", MODULE + PARTS, "module value")]),
        (13, b"REDIS", [(b"\x1a", HEAD + GROUP + PRODUCERS, "stream"), (b"\x16", b"\x01\x00\x01f\x01v", "hash")]),
        (14, b"REDIS", [(b"\x1b", HEAD + GROUP + b"\x02" + ID + ID + PRODUCERS, "stream")]),
        (80, b"VALKEY", [(b"\x16", b"\x01\x01f\x01v" + TIME, "hash")]),
        (6, b"REDIS", [(b"\x09", b"\x01z", "hash"), (b"\x0a", b"\x01z", "list"), (b"\x0b", b"\x01z", "set"),
                       (b"\x0c", b"\x01z", "sorted set"), (b"\x0d", b"\x01z", "hash"), (b"\x0e", b"\x01\x01z", "list"),
                       (b"\x03", b"\x02\x01a\x031.5\x01b\xfd", "sorted set")]),
        (2, b"REDIS", [(b"\x01", b"\x02\x01a\x01b", "list")]),
    ]
    for version, magic, others in cases:
        body = b"\xfa\x09redis-ver\x058.0.0" + rdb.database(3) + b"\xfb\x05\x01" + rdb.key(b"first", b"1", LATER)
        if version >= 12:
            body += b"\xf4\x05\x06\x07" + b"\xf7" + MODULE + b"\x02\x01" + PARTS
        if magic == b"VALKEY":
            body += b"\xf3\x03job\x01\x05\x06"
        elif version >= 13:
            body += b"\xf3\x011234" + PARTS
        for i, (kind, value, name) in enumerate(others):
            body += b"\xf8\x05\xf9\x05" + kind + rdb.text(b"other:%d" % i) + value
        body += b"\xfd" + (2000000000).to_bytes(4, "little") + b"\x00\x04last\x01v"
        folder = tests.data()
        code, out, error = tests.tool("import", tests.file(rdb.snapshot(body, version, magic=magic)), folder, *SMALL)
        tests.check("version %d" % version, code == CLEAN and '"8.0.0"' in out, out + error)
        for i, other in enumerate(others):
            tests.check("%s in version %d" % (other[2], version),
                        other[2] in out and 'db3 "other:%d"' % i in out, out)
        expected = {(3, b"first"): (b"1", LATER), (3, b"last"): (b"v", 2000000000000)}
        found = rdb.read(tests.exported(folder))
        tests.check("strings in version %d" % version, found == expected, found)
    tests.refused("an unknown type", rdb.snapshot(b"\x1c\x01k\x01\x00"), DAMAGED, ["array", "byte 10"])
    tests.refused("a newer version", rdb.snapshot(b"", 16), DAMAGED, ["version is not known"])
    follows = rdb.snapshot(rdb.key(b"k", b"v")) + b"*1\r\n$4\r\nPING\r\n"
    tests.refused("a log behind it", follows, DAMAGED, ["follows the end"])


# --- what is refused -------------------------------------------------------------------------------


def test_refused(tests):
    tests.scenario = "refused"
    redis = tests.redis("--databases", "40")
    client = redis.client()
    for db in (0, 15, 16, 39):
        client.call("SELECT", db)
        client.call("SET", "in:%d" % db, "x")
    out = tests.refused("more databases than 16", redis.dump(), REFUSED, ['db16 "in:16"', 'db39 "in:39"', ": 2\n"])
    tests.check("only those are named", "in:15" not in out, out)
    redis.stop()
    name = b"n" * (9 << 20)
    tests.refused("a long key", rdb.snapshot(rdb.key(name, b"v") + rdb.key(b"k", b"v"), checksum=False), REFUSED,
                  ["too long", '(%d bytes)' % len(name)])
    tests.refused("a long key for small segments", rdb.snapshot(rdb.key(b"n" * 100000, b"v"), checksum=False), REFUSED,
                  ["too long"])
    data = rdb.snapshot(b"\x00\x04huge" + packed_zeros((512 << 20) + 1), checksum=False)
    tests.refused("a value of more than 512 MiB", data, REFUSED, ["value that is too long", 'db0 "huge"'])
    tests.refused("no file", tests.path("none"), UNREADABLE, ["cannot open"])
    tests.refused("a folder", tests.folder, UNREADABLE, ["cannot read"])
    full = tests.path("full")
    os.mkdir(full)
    with open(os.path.join(full, "file"), "w") as f:
        f.write("x")
    small = tests.file(rdb.snapshot(rdb.key(b"k", b"v")))
    code, out, error = tests.tool("import", small, full)
    tests.check("a folder that is not empty", code == UNREADABLE and os.listdir(full) == ["file"], error)
    for args in (["import", small], ["import", small, full, full], ["import", small, full, "--segment-size", "3"],
                 ["import", small, full, "--segment-size", "9gb"], ["import", small, full, "--salvage"],
                 ["export", full], ["export", "--rdb", small], ["export", "--rdb"], ["check", full, "--strict"]):
        code, out, error = tests.tool(*args)
        tests.check("poro-wal %s" % " ".join(args), code == USAGE, "exit code %d: %s" % (code, error))


def test_expired(tests):
    tests.scenario = "expired"
    now = int(time.time() * 1000)
    body = b"".join(rdb.key(b"gone:%d" % i, b"v", expiry) for i, expiry in enumerate((0, 1, -2, now - 5, -(2**63))))
    body += b"\xfd\x01\x00\x00\x00\x00\x05gone5\x01v"
    body += rdb.key(b"stays", b"v", 2**63 - 1) + rdb.key(b"never", b"v", -1) + rdb.key(b"soon", b"v", now + 2000)
    folder = tests.data()
    code, out, error = tests.tool("import", tests.file(rdb.snapshot(body)), folder, *SMALL)
    tests.check("they are left out and counted", "6 keys had expired" in out and "3 keys in" in out, out + error)
    found = rdb.read(tests.exported(folder))
    expected = {(0, b"stays"): (b"v", 2**63 - 1), (0, b"never"): (b"v", None), (0, b"soon"): (b"v", now + 2000)}
    tests.check("others are not", found == expected, found)
    time.sleep(max(0, now / 1000 + 2.01 - time.time()))
    path = tests.path("later.rdb")
    code, out, error = tests.tool("export", "--rdb", path, folder)
    tests.check("an export leaves them out", "1 keys had expired" in out, out)
    del expected[0, b"soon"]
    tests.check("and the others not", rdb.read(path) == expected)


# --- damage ----------------------------------------------------------------------------------------


def small_body(rng):
    return (b"\xfa\x09redis-ver\x067.0.15" + rdb.database(0) + b"\xfb\x04\x01" + rdb.key(b"plain", b"value") +
            rdb.key(b"later", b"", LATER) + b"\x00\x03int\xc1\x39\x30" +
            b"\x00\x06packed" + rdb.packed(b"abcabcabcabcabcabcabcabc", rng) + b"\x01\x04list\x02\x01a\xc0\x05" +
            rdb.database(2) + b"\xfd" + (LATER // 1000).to_bytes(4, "little") + b"\x00\x01s\x01t" +
            b"\x05\x01z\x01\x01a" + TIME + b"\x00\x04last\x05value")


def test_truncated(tests):
    tests.scenario = "truncated"
    for checksum in True, False:
        data = rdb.snapshot(small_body(tests.rng), checksum=checksum)
        path, folder = tests.path("cut.rdb"), tests.data()
        for size in range(len(data)):
            with open(path, "wb") as f:
                f.write(data[:size])
            code, out, error = tests.tool("import", path, folder, *SMALL)
            tests.check("at byte %d" % size, code == DAMAGED and "at byte %d" % size in error and
                        not os.path.exists(folder), "exit code %d: %s" % (code, error))


def test_flipped(tests):
    tests.scenario = "flipped"
    body = small_body(tests.rng)
    data = rdb.snapshot(body)
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << tests.rng.randrange(8)
        path, folder = tests.file(damaged), tests.data()
        code, out, error = tests.tool("import", path, folder, *SMALL)
        tests.check("byte %d" % at, code == DAMAGED and "at byte" in error and not os.path.exists(folder),
                    "exit code %d: %s" % (code, error))
        os.unlink(path)
    # Without a checksum not all of it can be noticed; what is taken is what the bytes say.
    data, right, counts = rdb.snapshot(plain_body(tests.rng), checksum=False), True, {}
    for at in range(len(data)):
        for change in (1 << tests.rng.randrange(8), 1 + tests.rng.randrange(255)):
            damaged = bytearray(data)
            damaged[at] ^= change
            code = flipped_without_checksum(tests, at, bytes(damaged))
            counts[code] = counts.get(code, 0) + 1
    print("flipped without a checksum: exit codes %s" % counts)


def plain_body(rng):
    """Strings only, so that the reader here can tell what is right."""
    return (rdb.database(0) + rdb.key(b"ab", b"cde") + rdb.key(b"f", b"", LATER) + b"\x00\x01g\xc1\x39\x30" +
            b"\x00\x01h" + rdb.packed(b"abcabcabcabcabcabc", rng) + rdb.database(2) + b"\x00\x01s\x01t")


def flipped_without_checksum(tests, at, data):
    path, folder = tests.file(data), tests.data()
    code, out, error = tests.tool("import", path, folder, *SMALL)
    try:
        expected = rdb.Reader(data).keys()
    except (rdb.Damaged, ValueError):
        expected = None
    now = time.time() * 1000
    if code == CLEAN:
        output = tests.exported(folder)
        found = rdb.read(output)
        os.unlink(output)
        # A type that the reader here does not know may have been left out.
        alive = expected and {k: v for k, v in expected.items() if v[1] is None or v[1] > now}
        tests.check("byte %d: what is taken is right" % at, found == alive or (expected is None and "left out" in out),
                    "%r instead of %r\n%s" % (found, alive, out))
        shutil.rmtree(os.path.dirname(folder))
    else:
        beyond = expected is not None and any(db > 15 for db, _ in expected)
        tests.check("byte %d: an error" % at, (code == DAMAGED and (expected is None or data[:9] != b"REDIS0010")) or
                    (code == REFUSED and beyond), "exit code %d, %r: %s" % (code, expected, error))
        tests.check("byte %d: nothing is left" % at, not os.path.exists(folder))
    os.unlink(path)
    return code


# --- the file and the folder ------------------------------------------------------------------------


def test_export_fails(tests):
    tests.scenario = "export"
    folder = tests.imported(tests.file(rdb.snapshot(rdb.key(b"k", tests.rng.randbytes(300000)), checksum=False)),
                            *SMALL)
    path = tests.file(b"mine")
    code, out, error = tests.tool("export", "--rdb", path, folder)
    with open(path, "rb") as f:
        tests.check("a file that exists stays", code == UNREADABLE and f.read() == b"mine", error)
    place = tests.path("place")
    os.mkdir(place)

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100 << 10, 100 << 10))

    code, out, error = tests.tool("export", "--rdb", os.path.join(place, "x.rdb"), folder, preexec_fn=limit)
    tests.check("no room", code == UNREADABLE and "cannot write" in error, error)
    tests.check("nothing is left of it", os.listdir(place) == [])
    code, out, error = tests.tool("import", path, folder + "-new", preexec_fn=limit)
    small = tests.file(rdb.snapshot(rdb.key(b"k", b"v")))
    code, out, error = tests.tool("import", small, folder + "-new", preexec_fn=limit)
    tests.check("no room for an import", code == UNREADABLE and not os.path.exists(folder + "-new"), error)
    code, out, error = tests.tool("export", "--rdb", os.path.join(place, "none", "x.rdb"), folder)
    tests.check("no such folder", code == UNREADABLE, error)
    code, out, error = tests.tool("export", "--rdb", os.path.join(place, "x.rdb"), place)
    tests.check("no data folder", code == UNREADABLE and os.listdir(place) == [], error)
    damaged = folder + "-damaged"
    shutil.copytree(folder, damaged)
    with open(os.path.join(damaged, "intent.00000"), "r+b") as f:
        f.seek(4096 + 200)
        f.write(b"\0\1\2\3")
    code, out, error = tests.tool("export", "--rdb", os.path.join(place, "x.rdb"), damaged)
    tests.check("a damaged folder", code == DAMAGED and os.listdir(place) == [], error)
    shutil.copytree(folder, damaged + "2")
    os.unlink(os.path.join(damaged + "2", "instance"))
    code, out, error = tests.tool("export", "--rdb", os.path.join(place, "x.rdb"), damaged + "2")
    tests.check("without its identity", code == DAMAGED and os.listdir(place) == [], error)


def test_killed(tests):
    tests.scenario = "killed"
    body = b"".join(rdb.key(b"key:%d" % i, b"v" * 1000) for i in range(20000))
    path = tests.file(rdb.snapshot(body, checksum=False))
    interrupted = 0
    for i in range(8):
        folder = tests.data()
        process = subprocess.Popen([tests.tool_path, "import", path, folder, "--segment-size", "1mb"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.01 * (i + 1) ** 1.5)
        process.kill()
        done = process.wait() == 0
        interrupted += not done
        if not os.path.exists(os.path.join(folder, "instance")):
            code, out, error = tests.tool("export", "--rdb", tests.path("x.rdb"), folder)
            tests.check("a half is no data", code != CLEAN, out)
            server = Server(tests.server_path, SETTINGS, folder=os.path.dirname(folder))
            try:
                server.start()
                tests.check("a server takes none of it", keys_of(server, 1) == {})
                server.kill()
            except RuntimeError as error:
                tests.check("a server refuses it", "exit code 4" in str(error), error)
        else:
            found = rdb.read(tests.exported(folder))
            tests.check("the whole is there", len(found) == 20000)
    tests.check("some were interrupted", interrupted > 0)


def main():
    tests = Tests(sys.argv[1] if len(sys.argv) > 1 else "build")
    only = sys.argv[2:]
    try:
        for test in (test_round_trip, test_ways, test_million, test_large, test_others, test_newer, test_refused,
                     test_expired, test_truncated, test_flipped, test_export_fails, test_killed):
            if only and test.__name__ not in only:
                continue
            began = time.monotonic()
            tests.place = tests.fast if test in (test_truncated, test_flipped) else tests.folder
            test(tests)
            print("%s: %.1f s" % (test.__name__, time.monotonic() - began))
    finally:
        tests.remove()
    tests.score.end()


if __name__ == "__main__":
    main()
