#!/usr/bin/env python3
"""eviction_test.py --server PATH: what each policy of maxmemory evicts, that memory stays within bounds,
that what was evicted stays evicted, and what is refused."""
import argparse
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from poro import Client, Error, Score, Server, sanitized  # noqa: E402

MIB = 1 << 20
LIMIT = 32 * MIB
ALLKEYS = ("allkeys-lru", "allkeys-lfu", "allkeys-random")
VOLATILE = ("volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl")
OOM = "OOM command not allowed when used memory > 'maxmemory'."


def info(client):
    fields = {}
    for line in client.call("INFO").decode().split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            fields[name] = value
    return fields


def number(client, name):
    return int(info(client)[name])


def start(path, policy, *more):
    server = Server(path, ["--maxmemory", str(LIMIT), "--maxmemory-policy", policy, *more])
    server.start()
    return server, server.client()


def load(client, commands, batch=1000):
    """Sends them; the replies that are not OK."""
    wrong = []
    for i in range(0, len(commands), batch):
        wrong += [r for r in client.pipeline(commands[i : i + batch]) if r != "OK"]
    return wrong


def keys(client):
    return set(client.call("KEYS", "*"))


def lengths(client):
    names = sorted(keys(client))
    found = {}
    for i in range(0, len(names), 500):
        part = names[i : i + 500]
        found.update(zip(part, client.pipeline([("STRLEN", k) for k in part])))
    return found


def restarted(score, name, server, before):
    """What was there is there after a crash, and nothing else. The table may take a little more than it
    did before: for that keys may go anew, which is counted."""
    server.kill()
    server.start()
    client = server.client()
    after = lengths(client)
    evicted = number(client, "evicted_keys")
    same = all(before.get(k) == v for k, v in after.items())
    score.check("%s: after a restart" % name, same and len(before) - len(after) == evicted, (len(before), len(after), evicted))
    return client


# --- what is evicted -----------------------------------------------------------------------------


def bounded(score, path, policy):
    """Five times as much as there is room for: memory in use stays below the limit all the time, nothing
    more goes than has to, and a restart brings nothing back."""
    server, client = start(path, policy)
    value = b"v" * 1000
    count = 5 * LIMIT // 1100
    worst = worst_resident = 0
    wrong = 0
    for first in range(0, count, 5000):
        wrong += len(load(client, [("SET", "k:%d" % i, value, "EX", 100000) for i in range(first, first + 5000)]))
        now = info(client)
        worst = max(worst, int(now["used_memory"]))
        worst_resident = max(worst_resident, server.resident_mb())
    fields = info(client)
    count = first + 5000
    there = client.call("DBSIZE")
    score.check("%s: all were set" % policy, wrong == 0, wrong)
    score.check("%s: memory in use" % policy, worst <= LIMIT, worst)
    if not sanitized(path):
        score.check("%s: resident memory" % policy, worst_resident < LIMIT / MIB * 1.2 + 40, worst_resident)
    score.check("%s: no more than needed" % policy, int(fields["used_memory"]) > LIMIT * 0.98, fields["used_memory"])
    score.check("%s: the count" % policy, int(fields["evicted_keys"]) == count - there, fields["evicted_keys"])
    score.check("%s: INFO" % policy, fields["maxmemory_policy"] == policy)
    restarted(score, policy, server, lengths(client))
    server.remove()


def least_recent(score, path, policy):
    """Keys in use stay, the others go."""
    server, client = start(path, policy, "--maxmemory-samples", "10")
    value = b"v" * 1000
    kept = ["kept:%d" % i for i in range(1000)]
    load(client, [("SET", k, value, "EX", 100000) for k in kept])
    load(client, [("SET", "old:%d" % i, value, "EX", 100000) for i in range(20000)])
    for i in range(0, 50000, 2000):
        client.pipeline([("GET", k) for k in kept])
        load(client, [("SET", "new:%d" % j, value, "EX", 100000) for j in range(i, i + 2000)])
    there = sum(client.pipeline([("EXISTS", k) for k in kept]))
    score.check("%s: keys in use stay" % policy, there >= 995, there)
    old = sum(client.pipeline([("EXISTS", "old:%d" % i) for i in range(20000)]))
    score.check("%s: others go" % policy, old <= 400, old)
    server.remove()


def frequent(score, path, policy):
    """Keys used often stay, even when others were used later."""
    server, client = start(path, policy, "--maxmemory-samples", "10")
    value = b"v" * 1000
    kept = ["kept:%d" % i for i in range(1000)]
    load(client, [("SET", k, value, "EX", 100000) for k in kept])
    for _ in range(30):
        client.pipeline([("GET", k) for k in kept])
    for i in range(0, 75000, 2000):
        load(client, [("SET", "new:%d" % j, value, "EX", 100000) for j in range(i, i + 2000)])
    there = sum(client.pipeline([("EXISTS", k) for k in kept]))
    score.check("%s: frequent keys stay" % policy, there >= 995, there)
    server.remove()


def soonest(score, path):
    server, client = start(path, "volatile-ttl", "--maxmemory-samples", "10")
    value = b"v" * 1000
    load(client, [("SET", "late:%d" % i, value, "EX", 1000000) for i in range(5000)])
    load(client, [("SET", "never:%d" % i, value) for i in range(5000)])
    load(client, [("SET", "soon:%d" % i, value, "EX", 1000 + i % 7) for i in range(30000)])
    there = keys(client)
    late = sum(k.startswith(b"late") for k in there)
    score.check("volatile-ttl: what expires late stays", late >= 4990, late)
    score.check("volatile-ttl: without expiry", sum(k.startswith(b"never") for k in there) == 5000)
    server.remove()


def only_volatile(score, path, policy):
    """Keys without an expiry are left alone; when only such are there, commands fail."""
    server, client = start(path, policy)
    value = b"v" * 1000
    wrong = load(client, [("SET", "never:%d" % i, value) for i in range(15000)])
    wrong += load(client, [("SET", "v:%d" % i, value, "EX", 100000) for i in range(30000)])
    score.check("%s: all were set" % policy, not wrong, wrong[:1])
    there = keys(client)
    score.check("%s: without expiry" % policy, sum(k.startswith(b"never") for k in there) == 15000)
    replies = []
    for i in range(15000, 60000, 100):
        replies += client.pipeline([("SET", "never:%d" % j, value) for j in range(i, i + 100)])
        if replies[-1] != "OK":
            break
    score.check("%s: nothing is left to evict" % policy, replies[-1] == OOM, replies[-1])
    there = keys(client)
    score.check("%s: all with expiry went" % policy, not any(k.startswith(b"v:") for k in there))
    score.check("%s: none without" % policy, len(there) == 15000 + replies.count("OK"))
    score.check("%s: GET" % policy, client.call("GET", "never:1") == value)
    score.check("%s: APPEND" % policy, client.call("APPEND", "never:1", "x" * 100000) == OOM)
    score.check("%s: DEL" % policy, client.call("DEL", "never:1") == 1)
    server.remove()


# --- sizes ---------------------------------------------------------------------------------------


def sizes(score, path):
    """Values of all sizes at random push each other out."""
    source = random.Random(7)
    server, client = start(path, "allkeys-lru")
    written = worst = 0
    model = {}
    noise = source.randbytes(4 * MIB)
    while written < 6 * LIMIT:
        commands = []
        for _ in range(50):
            length = int(2 ** source.uniform(0, 21))
            offset = source.randrange(len(noise) - length)
            commands.append(("SET", "s:%d" % source.randrange(20000), noise[offset : offset + length]))
            written += length
        for command in commands:  # one by one: large values do not fit the sockets' buffers
            if client.call(*command) == "OK":
                model[command[1]] = command[2]
            else:
                score.check("sizes: SET of %d bytes" % len(command[2]), False)
        worst = max(worst, number(client, "used_memory"))
    score.check("sizes: memory in use", worst <= LIMIT, worst)
    wrong = [k for k in keys(client) if client.call("GET", k) != model[k.decode()]]
    score.check("sizes: values", not wrong, wrong[:3])
    client = restarted(score, "sizes", server, lengths(client))
    wrong = [k for k in keys(client) if client.call("GET", k) != model[k.decode()]]
    score.check("sizes: values after a restart", not wrong, wrong[:3])
    server.remove()


def big(score, path):
    """One value pushes out a hundred thousand small ones; others are served meanwhile."""
    server, client = start(path, "allkeys-random")
    load(client, [("SET", "s:%d" % i, "v" * 300) for i in range(100000)])
    full = client.call("DBSIZE")
    other = server.client()
    value = b"b" * (14 * MIB)
    client.send("SET", "big", value)
    slowest = 0
    for _ in range(50):
        began = time.monotonic()
        other.call("PING")
        slowest = max(slowest, time.monotonic() - began)
    score.check("big: set", client.reply() == "OK")
    if client.call("EXISTS", "big"):
        score.check("big: its value", client.call("GET", "big") == value)
    score.check("big: others went", client.call("DBSIZE") < full * 0.7, client.call("DBSIZE"))
    score.check("big: memory in use", number(client, "used_memory") <= LIMIT)
    score.check("big: SETRANGE", client.call("SETRANGE", "far", 10 * MIB, "x") == 10 * MIB + 1)
    score.check("big: memory after SETRANGE", number(client, "used_memory") <= LIMIT)
    # What cannot ever fit evicts nothing.
    there = client.call("DBSIZE")
    score.check("big: too big", client.call("SETRANGE", "far2", 100 * MIB, "x") == OOM)
    score.check("big: nothing went for it", client.call("DBSIZE") == there)
    score.check("big: MSET", client.call("MSET", *["m", b"x" * (5 * MIB), "n", b"y" * (5 * MIB)]) == "OK")
    score.check("big: memory after MSET", number(client, "used_memory") <= LIMIT)
    server.remove()


# --- commands that make values of values ------------------------------------------------------------


def derived(score, path):
    """Each needs more than there is: its own keys may be among those that go."""
    server, client = start(path, "allkeys-lru")
    load(client, [("SET", "s:%d" % i, "v" * 1000) for i in range(40000)])
    wrong = []
    for i in range(1000):
        client.call("SET", "a", "a" * 20000)
        for command, right in (
            (("APPEND", "a", "b" * 5000), (25000, 5000)),
            (("COPY", "a", "c:%d" % i), (0, 1)),
            (("BITOP", "NOT", "n:%d" % i, "a"), (25000, 5000, 20000, 0)),
            (("SETRANGE", "r:%d" % i, 7000, "x"), (7001,)),
            (("INCR", "i:%d" % i), (1,)),
            (("GETSET", "a", "d" * 30000), None),
            (("SETBIT", "b:%d" % i, 80000, 1), (0,)),
            (("LCS", "s", "s", "LEN"), (9000,)),
        ):
            if command[0] == "LCS" and i % 100:
                continue
            if command[0] == "LCS":
                client.call("SET", "s", "s" * 9000)
            reply = client.call(*command)
            if isinstance(reply, Error) or (right is not None and reply not in right):
                wrong.append((command[0], reply))
    score.check("derived: replies", not wrong, wrong[:5])
    score.check("derived: memory in use", number(client, "used_memory") <= LIMIT)
    restarted(score, "derived", server, lengths(client))
    server.remove()


def transactions(score, path):
    server, client = start(path, "allkeys-lru")
    other = server.client()
    load(client, [("SET", "s:%d" % i, "v" * 1000) for i in range(40000)])
    aborted = wrong = 0
    for i in range(2000):
        replies = client.pipeline([("MULTI",), ("SET", "t:%d:a" % i, "x" * 3000), ("SET", "t:%d:b" % i, "x" * 3000),
                                   ("APPEND", "t:%d:a" % i, "y" * 1000), ("EXEC",)])  # fmt: skip
        wrong += replies[-1] != ["OK", "OK", 4000]
    score.check("transactions: replies", wrong == 0, wrong)
    score.check("transactions: memory in use", number(client, "used_memory") <= LIMIT)
    # A watched key that is evicted has changed.
    for i in range(20):
        client.call("SET", "w", "1")
        client.call("WATCH", "w")
        load(other, [("SET", "x:%d:%d" % (i, j), "v" * 1000) for j in range(45000 if i < 4 else 1000)])
        gone = other.call("EXISTS", "w") == 0
        client.call("MULTI")
        client.call("SET", "w", "2")
        reply = client.call("EXEC")
        aborted += reply is None
        wrong += (reply is None) != gone
    score.check("transactions: watched keys", wrong == 0 and aborted > 0, (wrong, aborted))
    restarted(score, "transactions", server, lengths(client))
    server.remove()


# --- settings ------------------------------------------------------------------------------------


def settings(score, path):
    server, client = start(path, "noeviction")
    load(client, [("SET", "s:%d" % i, "v" * 1000) for i in range(25000)])
    load(client, [("SET", "e:%d" % i, "v" * 1000, "EX", 100000) for i in range(5000)])
    client.call("SELECT", 3)
    load(client, [("SET", "d:%d" % i, "v" * 100) for i in range(1000)])
    client.call("SELECT", 0)
    client.pipeline([("SET", "n:%d" % i, "v" * 1000) for i in range(6000)])
    # What a long pipeline has in memory itself is free again.
    for i in range(6000, 20000, 10):
        replies = client.pipeline([("SET", "n:%d" % j, "v" * 1000) for j in range(i, i + 10)])
        if replies[-1] != "OK":
            break
    score.check("noeviction: refused", replies[-1] == OOM, replies[-1])
    score.check("noeviction: nothing went", number(client, "evicted_keys") == 0)
    client.call("CONFIG", "SET", "maxmemory-policy", "volatile-random")
    score.check("settings: in force at once", client.call("SET", "after", "v" * 3000) == "OK")
    score.check("settings: evicted", 0 < number(client, "evicted_keys") < 10, number(client, "evicted_keys"))
    # A lower limit is reached without any command's doing.
    client.call("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
    client.call("CONFIG", "SET", "maxmemory", LIMIT // 4)
    end = time.monotonic() + 30
    while number(client, "used_memory") > LIMIT // 4 and time.monotonic() < end:
        time.sleep(0.05)
    score.check("settings: a lower limit", number(client, "used_memory") <= LIMIT // 4)
    score.check("settings: not too low", number(client, "used_memory") > LIMIT // 4 * 0.98)
    score.check("settings: time above it", number(client, "total_eviction_exceeded_time") < 30000)
    # Keys that were flushed are freed before others have to go.
    client.call("FLUSHALL")
    client.call("CONFIG", "SET", "maxmemory", LIMIT, "maxmemory-policy", "allkeys-lru")
    load(client, [("SET", "s:%d" % i, "v" * 1000) for i in range(25000)])
    client.call("SELECT", 1)
    load(client, [("SET", "keep:%d" % i, "v" * 1000) for i in range(1500)])
    evicted = number(client, "evicted_keys")
    client.call("SELECT", 0)
    replies = client.pipeline([("FLUSHDB",)] + [("SET", "n:%d" % i, "v" * 1000) for i in range(4500)])
    score.check("flushed: set", all(r == "OK" for r in replies))
    score.check("flushed: no other went", number(client, "evicted_keys") == evicted, number(client, "evicted_keys"))
    # A large value, too, when no other keys are there.
    for policy in ("allkeys-lru", "volatile-ttl"):
        client.call("FLUSHALL")
        client.call("CONFIG", "SET", "maxmemory-policy", policy)
        count = 0
        while number(client, "used_memory") < LIMIT * 0.95:
            load(client, [("SET", "f:%d" % i, "v" * 60) for i in range(count, count + 5000)])
            count += 5000
        replies = client.pipeline([("FLUSHALL",), ("SET", "large", b"v" * (LIMIT // 8))])
        score.check("flushed: a large value, %s" % policy, replies == ["OK", "OK"], replies)
    server.remove()


def usage(score, path):
    server, client = start(path, "allkeys-lfu")
    client.call("SET", "k", "value")
    score.check("usage: new", client.call("OBJECT", "FREQ", "k") == 5)
    for _ in range(2000):
        client.call("GET", "k")
    counter = client.call("OBJECT", "FREQ", "k")
    score.check("usage: 2000 times", 15 <= counter <= 45, counter)
    client.call("SET", "k", "other value")
    score.check("usage: stays with SET", abs(client.call("OBJECT", "FREQ", "k") - counter) <= 1)
    client.call("RENAME", "k", "l")
    score.check("usage: and RENAME", abs(client.call("OBJECT", "FREQ", "l") - counter) <= 1)
    dump = client.call("DUMP", "l")
    client.call("RESTORE", "r", 0, dump, "FREQ", 200)
    score.check("usage: RESTORE", client.call("OBJECT", "FREQ", "r") == 200)
    client.call("RESTORE", "r", 0, dump, "IDLETIME", 100, "REPLACE")
    score.check("usage: not idle times", client.call("OBJECT", "FREQ", "r") in (200, 201))
    score.check("usage: IDLETIME", "An LFU maxmemory policy is selected" in client.call("OBJECT", "IDLETIME", "r"))
    client.call("CONFIG", "SET", "lfu-log-factor", 0)
    for _ in range(300):
        client.call("GET", "l")
    score.check("usage: a factor of 0", client.call("OBJECT", "FREQ", "l") == 255)
    client.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    client.call("RESTORE", "i", 0, dump, "IDLETIME", 1000)
    score.check("usage: idle", 990 <= client.call("OBJECT", "IDLETIME", "i") <= 1003, client.call("OBJECT", "IDLETIME", "i"))
    score.check("usage: FREQ", "An LFU maxmemory policy is not selected" in client.call("OBJECT", "FREQ", "i"))
    client.call("GET", "i")
    time.sleep(2.5)
    idle = client.call("OBJECT", "IDLETIME", "i")
    score.check("usage: in seconds", 1 <= idle <= 4, idle)
    server.remove()


def many(score, path):
    """Many connections at once want what there is not."""
    server, client = start(path, "allkeys-lru")
    load(client, [("SET", "s:%d" % i, "v" * 200) for i in range(125000)])
    clients = [Client(server.port) for _ in range(50)]
    wrong = []
    source = random.Random(3)
    for _ in range(40):
        lengths = [int(2 ** source.uniform(5, 20)) for _ in clients]
        for i, c in enumerate(clients):
            c.send("SET", "m:%d:%d" % (i, source.randrange(100)), "m" * min(lengths[i], 30000))
            c.send("SETRANGE", "r:%d:%d" % (i, source.randrange(10)), lengths[i], "x")
        for i, c in enumerate(clients):
            replies = [c.reply(), c.reply()]
            if replies[0] != "OK" or not isinstance(replies[1], int):
                wrong.append(replies)
    score.check("many: replies", not wrong, wrong[:3])
    score.check("many: memory in use", number(client, "used_memory") <= LIMIT)
    # One that goes away while it waits keeps nothing from others.
    for _ in range(30):
        c = Client(server.port)
        c.send("SETRANGE", "far:%d" % source.randrange(100), 8 * MIB, "x")
        c.close()
        client.call("SET", "s:1", "v" * source.randrange(15000))
    score.check("many: goes on", client.call("SET", "last", "v" * 5000) == "OK")
    server.remove()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--only", help="one test of those at the end")
    arguments = parser.parse_args()
    path = arguments.server
    score = Score("eviction")
    if arguments.only:
        globals()[arguments.only](score, path)
        score.end()
    for policy in ALLKEYS + VOLATILE:
        bounded(score, path, policy)
    for policy in VOLATILE:
        only_volatile(score, path, policy)
    for policy in ("allkeys-lru", "volatile-lru"):
        least_recent(score, path, policy)
    for policy in ("allkeys-lfu", "volatile-lfu"):
        frequent(score, path, policy)
    soonest(score, path)
    for test in (sizes, big, derived, transactions, settings, usage, many):
        test(score, path)
    score.end()


if __name__ == "__main__":
    main()
