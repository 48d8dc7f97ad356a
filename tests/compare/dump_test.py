#!/usr/bin/env python3
"""Values travel between redis-server and Poro by DUMP and RESTORE, in both directions; what commands on
keys have done is there after the server was killed; idle times; and packed values find no memory, or are
damaged, without doing harm.

usage: dump_test.py --poro PROGRAM [--redis PROGRAM] [--seed N] [--values N]"""
import argparse
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import rdb  # noqa: E402
import servers  # noqa: E402
from poro import Client, Error, Score, Server  # noqa: E402

MIB = 1 << 20

# --- both directions -----------------------------------------------------------------------------


def some_value(rng):
    kind = rng.randrange(6)
    if kind == 0:
        return b"%d" % rng.choice([rng.randint(-300, 300), rng.randint(-(2**33), 2**33), rng.getrandbits(63)])
    if kind == 1:
        return rng.randbytes(rng.choice([0, 1, 10, 63, 64, 65, 300, 16383, 16384, 20000]))
    if kind == 2:  # packs well
        return rng.randbytes(rng.randint(1, 40)) * rng.randint(1, 3000)
    if kind == 3:  # packs a little
        words = [rng.randbytes(rng.randint(2, 9)) for _ in range(20)]
        return b"".join(rng.choice(words) for _ in range(rng.randint(1, 3000)))
    if kind == 4:
        return bytes(rng.choice(b"ab") for _ in range(rng.randint(1, 2000)))
    return b"0%d" % rng.randrange(1000)


def travel(score, source, target, values, what):
    """All values from one server to the other, pipelined."""
    source.call("FLUSHALL")
    target.call("FLUSHALL")
    numbers = range(len(values))
    for at in range(0, len(values), 50):
        part = numbers[at : at + 50]
        source.pipeline([["SET", "k%d" % i, values[i]] for i in part])
        dumps = source.pipeline([["DUMP", "k%d" % i] for i in part])
        score.check("%s: versions" % what, all(d[-10:-8] == b"\x0a\x00" for d in dumps))
        replies = target.pipeline([["RESTORE", "k%d" % i, 0, d] for i, d in zip(part, dumps)])
        score.check("%s: restored" % what, replies == ["OK"] * len(part), replies)
        for i in part:
            got = target.call("GET", "k%d" % i)
            encodings = [c.call("OBJECT", "ENCODING", "k%d" % i) for c in (source, target)]
            score.check("%s: value of %d bytes" % (what, len(values[i])), got == values[i], repr(got)[:100])
            score.check("%s: encoding" % what, encodings[0] == encodings[1], encodings)
    # And again: what has been restored is dumped as what was set.
    for i in numbers[:: max(1, len(values) // 40)]:
        source.call("SET", "again", values[i])
        target.call("SET", "again", values[i])
        same = target.call("DUMP", "k%d" % i) == target.call("DUMP", "again")
        score.check("%s: dumped again" % what, same)


def directions(score, redis, poro, rng, count):
    values = [some_value(rng) for _ in range(count)]
    travel(score, redis, poro, values, "from redis")
    travel(score, poro, redis, values, "to redis")
    large = [b"z" * (10 * MIB), rng.randbytes(3 * MIB), rng.randbytes(1000) * 5000, b"x" * 65536, b"y" * 65535]
    travel(score, redis, poro, large, "large, from redis")
    travel(score, poro, redis, large, "large, to redis")
    for way, (source, target) in (("from", (redis, poro)), ("to", (poro, redis))):
        source.call("SET", "e", "v", "PXAT", 9999999999999)
        expiry = source.call("PEXPIRETIME", "e")
        target.call("RESTORE", "e", expiry, source.call("DUMP", "e"), "ABSTTL", "REPLACE")
        score.check("%s redis: expiry" % way, target.call("PEXPIRETIME", "e") == expiry)


# Dumps of versions that the redis-server here does not know, and types that Poro does not.
def versions(score, poro):
    for version, right in [(0, 1), (6, 1), (11, 1), (12, 1), (15, 1), (16, 0), (79, 0), (80, 1), (81, 0)]:
        reply = poro.call("RESTORE", "v", 0, rdb.signed(b"\x00\x05hello", version), "REPLACE")
        score.check("version %d" % version, (reply == "OK") == bool(right), reply)
    for kind in (1, 2, 4, 9, 18, 20, 245, 255):
        reply = poro.call("RESTORE", "t", 0, rdb.signed(bytes([kind]) + b"\x05hello"))
        score.check("type %d" % kind, reply == "ERR Bad data format", reply)


# --- damage and memory ---------------------------------------------------------------------------


def used(client):
    info = client.call("INFO", "memory").decode()
    return int(info.split("used_memory:")[1].split("\r")[0])


def flipped(dump, at):
    """With a byte of the value changed and a right footer."""
    body = bytearray(dump[:-10])
    body[at] ^= 0x55
    return rdb.signed(bytes(body))


def damage(score, redis, poro, rng):
    """Packed values that are damaged, with right footers: refused or restored, never half."""
    redis.call("SET", "d", bytes(rng.choice(b"abcd") for _ in range(30000)))
    dump = redis.call("DUMP", "d")
    poro.call("FLUSHALL")
    poro.call("SET", "keep", "kept")
    before = used(poro)
    refused = 0
    for _ in range(60):
        bad = flipped(dump, rng.randrange(1, len(dump) - 10))
        reply = poro.call("RESTORE", "keep", 0, bad, "REPLACE")
        if isinstance(reply, Error):
            refused += 1
            score.check("damage: refused", reply == "ERR Bad data format", reply)
            score.check("damage: changed nothing", poro.call("GET", "keep") == b"kept")
        poro.call("SET", "keep", "kept")
    score.check("damage: is noticed", refused >= 10, refused)
    score.check("damage: nothing leaks", used(poro) == before, (before, used(poro)))


def memory(score, redis, program):
    server = Server(program, ["--maxmemory", "40mb"])
    server.start()
    client = server.client()
    redis.call("SET", "m", b"m" * (60 * MIB))
    dump = redis.call("DUMP", "m")
    client.call("SET", "m", "old")
    before = used(client)
    for _ in range(3):
        reply = client.call("RESTORE", "m", 0, dump, "REPLACE")
        score.check("memory: refused", isinstance(reply, Error) and reply.startswith("OOM"), reply)
    score.check("memory: changed nothing", client.call("GET", "m") == b"old")
    score.check("memory: nothing leaks", used(client) == before, (before, used(client)))
    client.pipeline([["MULTI"], ["SET", "a", "1"], ["RESTORE", "m", 0, dump, "REPLACE"]])
    reply = client.call("EXEC")
    score.check("memory: transaction refused", isinstance(reply, Error), reply)
    score.check("memory: transaction did nothing", client.call("EXISTS", "a") == 0)
    redis.call("SET", "m", b"m" * MIB)
    dump = redis.call("DUMP", "m")
    score.check("memory: what fits", client.call("RESTORE", "m", 0, dump, "REPLACE") == "OK")
    client.pipeline([["MULTI"], ["RESTORE", "n", 0, dump], ["RENAME", "n", "a-longer-name"], ["STRLEN", "m"]])
    reply = client.call("EXEC")
    score.check("memory: transaction that fits", reply == ["OK", "OK", MIB], reply)
    client.call("FLUSHALL")
    # Twice the value does not fit: a key of about the same length gets it without a copy.
    client.call("SET", "filler", b"f" * (5 * MIB))
    client.call("SET", "first", b"w" * (18 * MIB))
    for source, target in (("first", "other"), ("other", "third, longer by some bytes")):
        reply = client.call("RENAME", source, target)
        score.check("memory: renamed in place", reply == "OK", reply)
    reply = client.call("COPY", "third, longer by some bytes", "x")
    score.check("memory: no copy", isinstance(reply, Error) and reply.startswith("OOM"), reply)
    reply = client.call("MOVE", "third, longer by some bytes", 1)
    score.check("memory: moved in place", reply == 1, reply)
    client.call("SELECT", 1)
    score.check("memory: all there", client.call("STRLEN", "third, longer by some bytes") == 18 * MIB)
    server.remove()


# --- idle times ----------------------------------------------------------------------------------


def idle(score, client):
    dump = rdb.signed(b"\x00\x05hello")

    def after(*commands):
        client.call("RESTORE", "i", 0, dump, "REPLACE", "IDLETIME", 1000)
        client.pipeline([list(command) for command in commands])
        return client.call("OBJECT", "IDLETIME", "i")

    unused = [("OBJECT", "ENCODING", "i"), ("TYPE", "i"), ("TTL", "i"), ("EXISTS", "i"), ("EXPIRETIME", "i")]
    score.check("idle: looking is no use", after(*unused) == 1000)
    for use in (("GET", "i"), ("STRLEN", "i"), ("EXPIRE", "i", 100), ("APPEND", "i", "x"), ("SET", "i", "v"),
                ("TOUCH", "i"), ("DUMP", "i"), ("COPY", "i", "j")):
        score.check("idle: %s is use" % use[0], after(use) == 0)
    client.call("RESTORE", "i", 0, dump, "REPLACE", "IDLETIME", 500)
    client.call("RENAME", "i", "j")
    score.check("idle: RENAME is use", client.call("OBJECT", "IDLETIME", "j") == 0)
    score.check("idle: NO-TOUCH", client.call("CLIENT", "NO-TOUCH", "ON") == "OK")
    score.check("idle: not with NO-TOUCH", after(("GET", "i"), ("MGET", "i"), ("STRLEN", "i")) == 1000)
    score.check("idle: TOUCH with NO-TOUCH", after(("TOUCH", "i")) == 0)
    client.call("CLIENT", "NO-TOUCH", "OFF")
    for seconds, shown in ((0, 0), (9, 0), (10, 10), (12345, 12340), (614400, 614400), (10**9, 614400),
                           (2**63 - 1, 614400)):
        client.call("RESTORE", "i", 0, dump, "REPLACE", "IDLETIME", seconds)
        got = client.call("OBJECT", "IDLETIME", "i")
        score.check("idle: %d seconds" % seconds, got == shown, got)


# --- after a crash -------------------------------------------------------------------------------

CHANGES = """
SET a va|SET b vb EX 1000|RENAME a c|RENAMENX b d|SET e ve|RENAME e d|SET f vf EX 500|COPY f g|COPY f h DB 2
COPY f g REPLACE|MOVE f 3|SET i vi|EXPIREAT i 9999999999|SET j vj|PEXPIREAT j 9999999999999|SET k vk
SWAPDB 0 5|SET l vl|SELECT 5|SET m vm|RENAME m n|SWAPDB 5 6|SET o vo|SELECT 6|APPEND n x|RENAME n p
SELECT 0|SET big {big}|RENAME big bigger-than-it-was|COPY bigger-than-it-was big DB 7|MOVE bigger-than-it-was 8
SET q vq|EXPIREAT q 1|MULTI|SET r vr|RENAME r s|COPY s t|MOVE t 9|SWAPDB 9 10|EXEC
RESTORE u 0 {dump}|RESTORE v 5000000 {dump}|RESTORE w 0 {packed}|TOUCH u v w
"""


def contents(client):
    state = {}
    for database in range(16):
        client.call("SELECT", database)
        for key in sorted(client.call("KEYS", "*")):
            state[database, key] = (client.call("GET", key), client.call("PEXPIRETIME", key))
    return state


def changes(redis):
    redis.call("SET", "packed", b"packed" * 20000)
    special = {"{big}": b"B" * (3 * MIB), "{dump}": rdb.signed(b"\x00\x05hello"), "{packed}": redis.call("DUMP", "packed")}
    lines = CHANGES.replace("\n", "|").strip("|").split("|")
    return [[special.get(word, word) for word in line.split()] for line in lines]


def same_contents(a, b):
    """Expiries that were set by a time span differ a little."""
    near = all(a[k][0] == b[k][0] and abs(a[k][1] - b[k][1]) < 20000 for k in a if k in b)
    return a.keys() == b.keys() and near


def crash(score, redis, program):
    server = Server(program, ["--wal-segment-size", "1mb"])
    server.start()
    for round_number in range(3):
        client = server.client()
        commands = changes(redis)
        for one in (redis, client):
            one.call("FLUSHALL")
            one.call("SELECT", 0)
        replies = [[one.call(*command) for command in commands] for one in (redis, client)]
        score.check("crash: replies", replies[0] == replies[1], replies)
        before = contents(client)
        score.check("crash: as in redis", same_contents(contents(redis), before), sorted(before))
        score.check("crash: enough to see", len(before) >= 18, len(before))
        server.kill()
        server.start()
        after = contents(server.client())
        score.check("crash: round %d" % round_number, before == after, sorted(set(before) ^ set(after)))
    server.remove()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--poro", required=True)
    parser.add_argument("--redis", default="redis-server")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--values", type=int, default=400)
    arguments = parser.parse_args()
    print("dump: seed %d" % arguments.seed)
    rng = random.Random(arguments.seed)
    score = Score("dump")
    reference = servers.Server("redis", arguments.redis)
    redis = Client(reference.port)
    server = Server(arguments.poro)
    server.start()
    poro = server.client()
    directions(score, redis, poro, rng, arguments.values)
    versions(score, poro)
    damage(score, redis, poro, rng)
    idle(score, poro)
    server.remove()
    memory(score, redis, arguments.poro)
    crash(score, redis, arguments.poro)
    reference.stop()
    score.end()


if __name__ == "__main__":
    main()
