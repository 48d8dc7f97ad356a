"""checkpoint_test.py BUILD: checkpoints of a real server: what they hold, what damage to them does,
and that the data folder stays within its bound.
"""
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from poro import Score, Server  # noqa: E402

BLOCK = 4096
DAMAGED = 4
KEYS = 4000
SETTINGS = ["--wal-segment-size", "1mb", "--maxmemory", "256mb"]


class World:
    def __init__(self, build):
        self.build = build
        self.score = Score("checkpoint")
        self.random = random.Random(5)

    def server(self, folder=None, options=()):
        return Server(os.path.join(self.build, "poro-server"), SETTINGS + list(options), folder=folder)

    def tool(self, *args):
        done = subprocess.run([os.path.join(self.build, "poro-wal")] + list(args),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.returncode, done.stdout.decode(errors="replace")


def everything(client):
    """All databases, with expiry."""
    found = {}
    for database in range(16):
        client.call("SELECT", database)
        keys = client.call("KEYS", "*")
        for at in range(0, len(keys), 500):
            part = keys[at : at + 500]
            replies = client.pipeline([c for k in part for c in (("GET", k), ("PEXPIRETIME", k))])
            for i, key in enumerate(part):
                found[database, key] = (replies[2 * i], replies[2 * i + 1])
    client.call("SELECT", 0)
    return found


def fill(world, client):
    pick = world.random
    for start in range(0, KEYS, 200):
        batch = []
        for i in range(start, start + 200):
            value = bytes(pick.getrandbits(8) for _ in range(pick.choice([0, 5, 60, 300, 1500])))
            batch.append(("SET", b"key:%d" % i, value) + (("PX", 10 ** 9) if i % 7 == 0 else ()))
        client.pipeline(batch)
    client.call("SET", "long", os.urandom(700000))
    client.call("SETRANGE", "zeros", 1200000, "end")
    client.call("SET", b"k" * 60000, os.urandom(90000))
    client.call("SET", "", "")
    for database in (3, 15):
        client.call("SELECT", database)
        client.pipeline([("SET", b"other:%d" % i, b"%d" % (i * database)) for i in range(100)])
    client.call("SWAPDB", 3, 4)
    client.call("SELECT", 0)


def checkpoint_of(folder):
    names = [n for n in os.listdir(folder) if n.startswith("checkpoint.") and n != "checkpoint.new"]
    return os.path.join(folder, max(names)) if names else None


def frames(path):
    """Offsets and lengths of the frames: by their headers, to the last one."""
    found, at = [], 0
    with open(path, "rb") as f:
        data = f.read()
    while True:
        kind = int.from_bytes(data[at + 6 : at + 8], "little")
        length = (40 + int.from_bytes(data[at + 24 : at + 28], "little") + BLOCK - 1) // BLOCK * BLOCK
        found.append((at, length))
        at += length
        if kind == 3:
            return found


def flip(path, offset):
    with open(path, "r+b") as f:
        f.seek(offset)
        byte = f.read(1)
        f.seek(offset)
        f.write(bytes([byte[0] ^ 0x10]))


# --- life ----------------------------------------------------------------------------------------


def make_folder(world):
    """A folder with a checkpoint and a log behind it; what it holds."""
    server = world.server()
    server.start()
    client = server.client()
    fill(world, client)
    world.score.check("SAVE", client.call("SAVE") == "OK")
    before = client.call("LASTSAVE")
    world.score.check("LASTSAVE tells when", abs(before - time.time()) < 60, before)
    client.pipeline([("DEL", b"key:%d" % i) for i in range(100)])
    client.pipeline([("APPEND", b"key:%d" % i, b"more") for i in range(100, 200)])
    client.call("SETRANGE", "long", 350000, "in the middle")
    client.call("PERSIST", "key:707")
    wanted = everything(client)
    client.close()
    server.kill()
    return server, wanted


def test_restart(world, server, wanted):
    for how in ("kill -9", "stop"):
        server.start()
        client = server.client()
        world.score.check("the same after %s" % how, everything(client) == wanted)
        info = client.call("INFO", "persistence").decode()
        world.score.check("INFO names the checkpoint", "checkpoint_number:1\r\n" in info)
        client.close()
        world.score.check("stops", server.stop() == 0)


def copy_folder(folder):
    target = tempfile.mkdtemp(prefix="poro-checkpoint-")
    shutil.copytree(os.path.join(folder, "data"), os.path.join(target, "data"))
    return target


def refused(world, what, folder, message):
    server = world.server(folder)
    try:
        server.start()
        world.score.check("%s: refused" % what, False)
        server.kill()
    except RuntimeError as error:
        world.score.check("%s: refused, and why" % what, message in str(error), str(error)[-400:])
    code, text = world.tool("check", os.path.join(folder, "data"))
    world.score.check("%s: check says the same" % what, code == DAMAGED and message in text, text)


def repaired(world, what, folder, wanted, lost_most):
    """Repairs; nothing is there that never was, and little is missing."""
    target = folder + "-repaired"
    os.mkdir(target)
    code, text = world.tool("repair", os.path.join(folder, "data"), os.path.join(target, "data"))
    world.score.check("%s: repair" % what, code == 0, text)
    server = world.server(target)
    server.start()
    client = server.client()
    found = everything(client)
    wrong = [k for k in found if found[k] != wanted.get(k) and not (k[1].startswith(b"key:"))]
    world.score.check("%s: repair invents nothing" % what, not wrong, repr(wrong[:3]))
    missing = len([k for k in wanted if k not in found])
    world.score.check("%s: repair keeps the rest" % what, missing <= lost_most, missing)
    client.close()
    server.kill()
    shutil.rmtree(target)


def test_damage(world, folder, wanted):
    source = checkpoint_of(os.path.join(folder, "data"))
    places = frames(source)
    end = places[-1][0]
    cases = [("BEGIN", places[0][0] + 50, None), ("BEGIN's checksum", places[0][0] + 33, None),
             ("END", end + 45, 0)]
    for i in range(1, len(places) - 1):
        cases.append(("frame %d" % i, places[i][0] + world.random.randrange(40, 8000), KEYS))
    for what, offset, lost_most in cases:
        copy = copy_folder(folder)
        flip(checkpoint_of(os.path.join(copy, "data")), offset)
        refused(world, what, copy, "is damaged at byte")
        if lost_most is not None:
            repaired(world, what, copy, wanted, lost_most)
        shutil.rmtree(copy)


def test_harmless(world, folder, wanted):
    copy = copy_folder(folder)
    data = os.path.join(copy, "data")
    path = checkpoint_of(data)
    with open(path, "ab") as f:
        f.write(os.urandom(3 * BLOCK))
    with open(os.path.join(data, "checkpoint.new"), "wb") as f:
        f.write(os.urandom(5 * BLOCK))
    server = world.server(copy)
    server.start()
    client = server.client()
    world.score.check("behind END nothing counts, nor does checkpoint.new", everything(client) == wanted)
    client.close()
    server.kill()
    shutil.rmtree(copy)


def test_gone(world, folder):
    copy = copy_folder(folder)
    path = checkpoint_of(os.path.join(copy, "data"))
    size = os.path.getsize(path)
    os.truncate(path, size // BLOCK // 3 * BLOCK)
    refused(world, "cut off", copy, "is damaged at byte")
    os.unlink(path)
    refused(world, "missing", copy, "is missing")
    shutil.rmtree(copy)


def test_unverified(world, folder, wanted):
    """One that was put in place and is damaged, before anything says that it was verified: what it was
    to replace is still there, and is used, also by later starts."""
    for what in ("the one before", "the log"):
        copy = copy_folder(folder)
        data = os.path.join(copy, "data")
        original = checkpoint_of(data)
        shutil.copy(original, os.path.join(data, "checkpoint.0000000002"))
        if what == "the log":
            os.unlink(original)
        for turn in range(3):
            server = world.server(copy)
            server.start()
            client = server.client()
            world.score.check("unverified, %s: start %d" % (what, turn), everything(client) == wanted)
            if turn == 1:
                world.score.check("unverified: the next one", client.call("SAVE") == "OK")
            client.close()
            server.kill()
        shutil.rmtree(copy)


def folder_bytes(data):
    while True:
        try:
            return sum(os.stat(os.path.join(data, n)).st_blocks for n in os.listdir(data)) * 512
        except FileNotFoundError:
            continue  # renamed or removed meanwhile


def test_bound(world):
    """Much is written, little is kept: the folder stays small."""
    megabytes = 1 << 20
    server = world.server(options=["--auto-aof-rewrite-min-size", "8mb", "--maxmemory", "64mb"])
    server.start()
    client = server.client()
    value = os.urandom(1000)
    data = os.path.join(server.folder, "data")
    largest = 0
    for turn in range(120):
        client.pipeline([("SET", b"key:%d" % (i % 2000), value) for i in range(1000)])
        largest = max(largest, folder_bytes(data))
    info = dict(line.split(":", 1) for line in client.call("INFO", "persistence").decode().split("\r\n")
                if ":" in line)
    world.score.check("checkpoints begin by themselves", int(info["checkpoint_number"]) >= 3,
                      info["checkpoint_number"])
    # Two checkpoints of 2.1 MB, 8 MB of log and half of it again, 4 segments ahead and 2; and what is
    # written while a checkpoint of that size is synced and read back.
    world.score.check("the folder stays within its bound", largest < 40 * megabytes, largest)
    wanted = everything(client)
    client.close()
    server.kill()
    server.start()
    client = server.client()
    world.score.check("the same after all that", everything(client) == wanted)
    client.close()
    server.kill()
    server.remove()


def save(client):
    """SAVE, when one that has begun by itself is over."""
    while True:
        reply = client.call("SAVE")
        if "already in progress" not in str(reply):
            return reply == "OK"
        time.sleep(0.05)


def test_shrinks(world):
    """Where data has gone, the checkpoints' files give their space back, also those of an earlier process."""
    megabytes = 1 << 20
    server = world.server(options=["--auto-aof-rewrite-min-size", "1mb", "--maxmemory", "128mb"])
    data = os.path.join(server.folder, "data")
    server.start()
    client = server.client()
    for restarted in (False, True):
        client.pipeline([("SET", b"key:%d" % i, os.urandom(10000)) for i in range(5000)])
        world.score.check("shrinks: saved", save(client) and save(client))
        before = folder_bytes(data)
        if restarted:
            client.close()
            server.kill()
            server.start()
            client = server.client()
        world.score.check("shrinks: flushed", client.call("FLUSHALL") == "OK")
        # The next two are written into the space that the last ones have left.
        for turn in range(3):
            world.score.check("shrinks: empty", save(client))
        after = folder_bytes(data)
        world.score.check("two checkpoints of 50 MB are gone, restarted: %s" % restarted,
                          before - after > 90 * megabytes, (before, after))
    client.close()
    server.kill()
    server.remove()


def removed_files(server):
    """Files of the data folder that the server has open although they have no name: {name: bytes}."""
    found, folder = {}, "/proc/%d/fd" % server.process.pid
    for descriptor in os.listdir(folder):
        path = os.path.join(folder, descriptor)
        try:
            target = os.readlink(path)
            if target.startswith(server.folder) and target.endswith(" (deleted)"):
                found[os.path.basename(target).split(" ")[0]] = os.stat(path).st_blocks * 512
        except FileNotFoundError:
            continue  # closed meanwhile
    return found


def watch_removal(server, seconds=20):
    """Until nothing without a name is left: what sizes such files have had."""
    sizes, since = {}, time.monotonic()
    while time.monotonic() - since < seconds:
        now = removed_files(server)
        for name, size in now.items():
            sizes.setdefault(name, set()).add(size)
        if sizes and not now:
            return sizes
        time.sleep(0.001)
    return None


def test_gives_back_slowly(world):
    """Devices may stand still while they discard what a large file has held: it goes in pieces."""
    server = world.server(options=["--auto-aof-rewrite-percentage", "0", "--wal-segment-size", "16mb",
                                   "--maxmemory", "512mb"])
    server.start()
    client = server.client()
    value = os.urandom(100000)
    for _ in range(16):
        client.pipeline([("SET", b"key:%d" % (i % 100), value) for i in range(1000)])
    world.score.check("gives back: saved", save(client))
    sizes = watch_removal(server)
    segments = {n: s for n, s in (sizes or {}).items() if n.startswith("intent.")}
    world.score.check("log segments are given back, and all of them", len(segments) > 0, sizes)
    world.score.check("in pieces", all(len(s) >= 4 for s in segments.values()), segments)
    client.pipeline([("SET", b"key:%d" % i, value) for i in range(1000)])
    world.score.check("gives back: two large ones", save(client) and save(client))
    world.score.check("gives back: flushed", client.call("FLUSHALL") == "OK")
    client.call("BGSAVE")
    sizes = watch_removal(server) or {}
    found = sizes.get("checkpoint.new", set())
    world.score.check("the space of a checkpoint is given back in pieces", len(found) >= 10, sizes)
    client.close()
    server.kill()
    server.remove()


def main():
    world = World(sys.argv[1])
    server, wanted = make_folder(world)
    test_restart(world, server, wanted)
    test_damage(world, server.folder, wanted)
    test_harmless(world, server.folder, wanted)
    test_gone(world, server.folder)
    test_unverified(world, server.folder, wanted)
    server.remove()
    test_bound(world)
    test_shrinks(world)
    test_gives_back_slowly(world)
    sys.exit(world.score.end())


if __name__ == "__main__":
    main()
