"""large_test.py BUILD: values of megabytes, which go into the log piece by piece ahead of their command:
whole after a kill or not there at all, whatever happens meanwhile, and others do not wait for them.
"""
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from poro import Client, Error, Score, Server  # noqa: E402

# Frames of 256 KB, so pieces of at most 128 KB: a longer value is spooled.
SETTINGS = ["--wal-segment-size", "1mb", "--maxmemory", "1gb"]
PIECE = 128 * 1024
MIB = 1 << 20


class World:
    def __init__(self, build):
        self.build = build
        self.score = Score("large")
        self.random = random.Random(11)
        self.expected = {}

    def server(self, options=(), folder=None):
        return Server(os.path.join(self.build, "poro-server"), SETTINGS + list(options), folder=folder)

    def tool(self, *args):
        done = subprocess.run([os.path.join(self.build, "poro-wal")] + list(args),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.returncode, done.stdout.decode(errors="replace")

    def value(self, length):
        return self.random.randbytes(length)

    def compare(self, what, client, expected):
        wrong = [k for k, v in expected.items() if client.call("GET", k) != v]
        self.score.check(what, not wrong and client.call("DBSIZE") == len(expected),
                         (wrong, client.call("DBSIZE"), len(expected)))


def info(client, field):
    text = client.call("INFO").decode(errors="replace")
    return next(line.split(":", 1)[1] for line in text.split("\r\n") if line.startswith(field + ":"))


def settled(client):
    """Waits until no spool is in use."""
    for _ in range(500):
        if info(client, "wal_spools") == "0":
            return True
        time.sleep(0.01)
    return False


# --- every command that stores a value as it is ----------------------------------------------------


def store_all(world, client):
    check, value, expected = world.score.check, world.value, {}

    def ok(what, wanted, *command):
        got = client.call(*command)
        check(what, got == wanted, (command[:2], str(got)[:60]))

    for length in (PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 1, 5 * MIB + 7, 30 * MIB):
        key = b"set:%d" % length
        expected[key] = value(length)
        ok("SET %d" % length, "OK", "SET", key, expected[key])
    lengths = (MIB, 3 * MIB + 1)
    for name, wanted, before, after in (
            ("SET", "OK", (), ("EX", 1000)), ("SET", "OK", (), ("NX",)), ("SET", None, (), ("GET",)),
            ("SETEX", "OK", (1000,), ()), ("PSETEX", "OK", (1000000,), ()), ("SETNX", 1, (), ()),
            ("GETSET", None, (), ())):
        for length in lengths:
            key = ("%s:%s:%d" % (name, after, length)).encode()
            expected[key] = value(length)
            ok("%s %s %d" % (name, after, length), wanted, name, key, *before, expected[key], *after)
    # Overwritten, by a shorter one and by a longer one.
    for length in (40, 2 * MIB):
        expected[b"set:%d" % (PIECE + 1)] = value(length)
        ok("again", "OK", "SET", b"set:%d" % (PIECE + 1), expected[b"set:%d" % (PIECE + 1)])
    # Several at once; one of them small.
    for name, wanted, before in (("MSET", "OK", ()), ("MSETNX", 1, ()), ("MSETEX", 1, (5,))):
        pairs = {("%s:%d" % (name, i)).encode(): value(n) for i, n in enumerate((MIB, 9, 2 * MIB, PIECE + 5, 0))}
        ok(name, wanted, name, *before, *[x for pair in pairs.items() for x in pair])
        expected.update(pairs)
    # In a transaction, one key twice; of another command's a part only.
    client.call("MULTI")
    for i, length in enumerate((MIB, 2 * MIB, 100, 3 * MIB)):
        expected[b"multi:%d" % (i % 3)] = value(length)
        ok("queued", "QUEUED", "SET", b"multi:%d" % (i % 3), expected[b"multi:%d" % (i % 3)])
    more = value(2 * MIB)
    ok("queued", "QUEUED", "APPEND", b"multi:1", more)
    expected[b"multi:1"] += more
    got = client.call("EXEC")
    check("EXEC", got == ["OK"] * 4 + [4 * MIB], str(got)[:80])
    # What is not stored leaves nothing behind.
    big = value(2 * MIB)
    ok("SETNX refused", 0, "SETNX", b"multi:0", big)
    ok("SET NX refused", None, "SET", b"multi:0", big, "NX")
    ok("MSETNX refused", 0, "MSETNX", b"new", big, b"multi:0", big)
    check("SET refused", isinstance(client.call("SET", b"x", big, "EX", "0"), Error))
    client.call("MULTI")
    client.call("SET", b"x", big)
    ok("DISCARD", "OK", "DISCARD")
    client.call("WATCH", b"multi:0")
    other = Client(client.port if hasattr(client, "port") else world.port)
    expected[b"multi:0"] = b"other"
    other.call("SET", b"multi:0", b"other")
    client.call("MULTI")
    client.call("SET", b"multi:0", big)
    ok("EXEC nil", None, "EXEC")
    other.close()
    check("no spool is left", settled(client), info(client, "wal_spools"))
    return expected


def test_commands(world):
    for options in (("--auto-aof-rewrite-percentage", "0"), ("--appendfsync", "everysec"), ("--wal-ack", "completion"),
                    ("--auto-aof-rewrite-min-size", "1mb")):
        server = world.server(options)
        server.start()
        world.port = server.port
        client = server.client()
        expected = store_all(world, client)
        world.score.check("values were spooled", int(info(client, "wal_spooled_values")) > 20)
        world.compare("as stored %s" % (options,), client, expected)
        client.close()
        server.kill()
        code, text = world.tool("check", os.path.join(server.folder, "data"))
        world.score.check("check", code == 0, text)
        if options[-1] == "0":
            code, text = world.tool("dump", os.path.join(server.folder, "data"))
            world.score.check("dump tells of spools", code == 0 and " begins: 31457280 bytes for db0" in text
                              and "31457280 bytes, in spool" in text and " is dropped" in text, text[-300:])
        server.start()
        client = server.client()
        world.compare("after kill -9 %s" % (options,), client, expected)
        client.close()
        server.remove()


# --- cut off -------------------------------------------------------------------------------------


def send_all(port, *command):
    """Sends the command and does not wait for its reply."""
    link = socket.create_connection(("127.0.0.1", port))
    parts = [c if isinstance(c, bytes) else str(c).encode() for c in command]
    link.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
    return link


def test_gone_clients(world):
    """Clients leave while their values are on their way."""
    server = world.server()
    server.start()
    client = server.client()
    client.call("SET", "kept", "1")
    for length in (8 * MIB, 16 * MIB, 3 * MIB) * 3:
        link = send_all(server.port, "SET", "gone", world.value(length))
        time.sleep(world.random.random() * 0.02)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        link.close()
    world.score.check("spools of clients that have gone are dropped", settled(client), info(client, "wal_spools"))
    got = client.call("STRLEN", "gone")
    world.score.check("all of it or nothing", got in (0, 8 * MIB, 16 * MIB, 3 * MIB), got)
    client.call("DEL", "gone")
    used = int(info(client, "used_memory"))
    world.score.check("their memory is free", used < 3 * MIB, used)
    client.close()
    server.kill()
    server.start()
    client = server.client()
    world.compare("after all that", client, {b"kept": b"1"})
    client.close()
    server.remove()


def test_kills(world, rounds=12):
    """Killed while values are on their way, again and again, with checkpoints."""
    server = world.server(["--auto-aof-rewrite-min-size", "4mb"])
    expected, unknown = {}, {}
    for turn in range(rounds):
        server.start()
        client = server.client()
        for key, (old, new) in unknown.items():
            got = client.call("GET", key)
            if not world.score.check("old or new", got in (old, new), (key, len(got or b""))):
                got = old
            expected[key] = got
        expected = {k: v for k, v in expected.items() if v is not None}
        world.compare("turn %d" % turn, client, expected)
        for i in range(3):
            key = b"sure:%d" % world.random.randrange(8)
            expected[key] = world.value(world.random.randrange(4 * MIB))
            world.score.check("SET", client.call("SET", key, expected[key]) == "OK")
            client.call("BGSAVE")
        unknown, links = {}, []
        for i in range(4):
            key = b"unsure:%d" % i
            new = world.value(world.random.randrange(1, 6 * MIB))
            unknown[key] = (expected.get(key), new)
            links.append(send_all(server.port, "SET", key, new))
        time.sleep(world.random.random() * 0.1)
        server.kill()
        client.close()
        for link in links:
            link.close()
    server.remove()


def saved(client):
    """Waits until the checkpoint that has been asked for is there."""
    for _ in range(1000):
        if info(client, "rdb_bgsave_in_progress") == "0":
            return
        time.sleep(0.005)


def test_lead(world):
    """A checkpoint that begins while a value is on its way is replayed from before it. What else is there
    is older than the checkpoint."""
    server = world.server(["--auto-aof-rewrite-percentage", "0"])
    server.start()
    client, expected = server.client(), {}
    for turn in range(3):
        slow = world.value(48 * MIB)
        link = send_all(server.port, "SET", b"slow:%d" % turn, slow)
        while info(client, "wal_spools") == "0":
            pass
        for i in range(4):
            client.call("SET", b"key:%d" % i, world.value(2 * PIECE))
            client.call("SET", b"key:%d" % (i + 4), world.value(2 * PIECE))
            expected[b"key:%d" % i] = b"newer %d" % turn
            client.call("SET", b"key:%d" % i, expected[b"key:%d" % i])
            client.call("DEL", b"key:%d" % (i + 4))
        early = info(client, "wal_spools") != "0"
        client.call("BGSAVE")
        saved(client)
        world.score.check("the checkpoint began meanwhile", early)
        expected[b"slow:%d" % turn] = slow
        world.score.check("the slow one", link.recv(5) == b"+OK\r\n")
        link.close()
        client.close()
        server.kill()
        server.start()
        client = server.client()
        world.compare("with a lead %d" % turn, client, expected)
    client.close()
    server.remove()


def test_left_before_a_checkpoint(world):
    """A client leaves, and a checkpoint begins before the last piece of its value is written."""
    server = world.server(["--auto-aof-rewrite-percentage", "0"])
    server.start()
    client = server.client()
    client.call("SET", "kept", "1")
    for _ in range(8):
        link = send_all(server.port, "SET", "gone", world.value(16 * MIB))
        while info(client, "wal_spools") == "0":
            pass
        address = "%s:%d" % link.getsockname()
        client.pipeline([("CLIENT", "KILL", "ADDR", address), ("BGSAVE",)])
        link.close()
        saved(client)
        client.call("DEL", "gone")
        client.close()
        server.kill()
        server.start()
        client = server.client()
        world.compare("left before a checkpoint", client, {b"kept": b"1"})
    client.close()
    server.remove()


# --- damage --------------------------------------------------------------------------------------


def test_salvage(world):
    """A piece of one value is damaged: that value is given up, nothing else is."""
    server = world.server(["--auto-aof-rewrite-percentage", "0"])
    server.start()
    client = server.client()
    data = os.path.join(server.folder, "data")
    marker = world.value(64)
    first = world.value(MIB) + marker + world.value(MIB)
    second = world.value(3 * MIB)
    for command in (("SET", "before", "1"), ("SET", "first", first), ("SET", "between", "2"),
                    ("SET", "second", second), ("SET", "after", "3")):
        world.score.check("SET", client.call(*command) == "OK")
    client.close()
    server.kill()
    hit = False
    for name in sorted(os.listdir(data)):
        path = os.path.join(data, name)
        with open(path, "r+b") as f:
            at = f.read().find(marker)
            if name.startswith("intent.") and at >= 0:
                f.seek(at)
                f.write(b"?")
                hit = True
    world.score.check("a piece is damaged", hit)
    code, text = world.tool("check", data)
    world.score.check("check refuses", code == 2 or "refused" in text or "damaged" in text, (code, text))
    target = server.folder + "-repaired"
    code, text = world.tool("repair", data, os.path.join(target, "data"), "--salvage") if os.mkdir(target) is None else 0
    world.score.check("repair", code == 0 or os.path.exists(os.path.join(target, "data")), (code, text))
    repaired = world.server(folder=target)
    repaired.start()
    client = repaired.client()
    world.compare("salvaged", client, {b"before": b"1", b"between": b"2", b"second": second, b"after": b"3"})
    client.close()
    repaired.kill()
    repaired.remove()
    shutil.rmtree(target)
    server.remove()


# --- others --------------------------------------------------------------------------------------


def test_others(world):
    """Somebody else's writes and reads go on while a large value is written."""
    server = Server(os.path.join(world.build, "poro-server"), ["--maxmemory", "1gb"])
    server.start()
    program = ("import sys, time\nsys.path.insert(0, %r)\nfrom poro import Client\n"
               "client, worst, count, end = Client(%d), 0, 0, None\n"
               "print('ready', flush=True)\n"
               "while client.call('EXISTS', 'done') == 0:\n"
               "    began = time.monotonic()\n    client.call('SET', 'small', 'x')\n"
               "    worst, count = max(worst, time.monotonic() - began), count + 1\n"
               "print(worst, count)\n" % (sys.path[0], server.port))
    value = os.urandom(MIB) * 200
    best = None
    for attempt in range(3):
        client = server.client(timeout=120)
        client.call("DEL", "done")
        other = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        other.stdout.readline()
        began = time.monotonic()
        world.score.check("SET of 200 MB", client.call("SET", "big", value) == "OK")
        took = time.monotonic() - began
        client.call("SET", "done", 1)
        worst, count = other.communicate(timeout=60)[0].split()
        client.close()
        best = min(best or (1e9,), (float(worst) / took, float(worst), took, int(count)))
        if best[0] < 0.25:
            break
    world.score.check("others waited for a small part of the time at most", best[0] < 0.25 and best[3] > 50, best)
    server.remove()


def main():
    world = World(sys.argv[1])
    test_commands(world)
    test_gone_clients(world)
    test_kills(world)
    test_lead(world)
    test_left_before_a_checkpoint(world)
    test_salvage(world)
    test_others(world)
    world.score.end()


if __name__ == "__main__":
    main()
