#!/usr/bin/env python3
"""defrag_test.py --server PATH: after deletes and changes of size, memory that is only partly in use is
given back by moving values, while clients go on."""
import argparse
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from poro import Score, Server, sanitized  # noqa: E402

MIB = 1 << 20


def info(client):
    fields = {}
    for line in client.call("INFO").decode().split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            fields[name] = value
    return fields


def load(client, commands, batch=2000):
    return [r for i in range(0, len(commands), batch) for r in client.pipeline(commands[i : i + batch])]


def value(i, length):
    return (b"%d." % i * (length // 2 + 1))[:length]


def settle(client, seconds=60):
    """Until it has nothing more to do; the latest INFO."""
    end = time.monotonic() + seconds
    quiet = 0
    while quiet < 5 and time.monotonic() < end:
        time.sleep(0.1)
        fields = info(client)
        quiet = quiet + 1 if fields["active_defrag_running"] == "0" else 0
    return fields


def pattern(score, server, client, before, after, part):
    """Fill with values of one length, delete a part, fill with another."""
    name = "%d, %d %% less, %d" % (before, part, after)
    source = random.Random(before)
    count = 60 * MIB // (before + 24)
    load(client, [("SET", "a:%d" % i, value(i, before)) for i in range(count)])
    gone = {i for i in range(count) if source.randrange(100) < part}
    load(client, [("DEL", "a:%d" % i) for i in gone])
    for _ in range(2000):  # while it works
        i = source.randrange(count)
        got = client.call("GET", "a:%d" % i)
        if (got is None) != (i in gone) or (got is not None and got != value(i, before)):
            score.check("%s: a value meanwhile" % name, False, i)
    fields = settle(client)
    active, allocated = int(fields["allocator_active"]), int(fields["allocator_allocated"])
    score.check("%s: pages in use" % name, active < allocated * 1.12 + 2 * MIB, (active, allocated))
    score.check("%s: has moved values" % name, int(fields["active_defrag_hits"]) > 0 or part < 20)
    more = int((60 * MIB - allocated) * 0.95) // (after + 24)
    wrong = [r for r in load(client, [("SET", "b:%d" % i, value(i, after)) for i in range(more)]) if r != "OK"]
    score.check("%s: filled again" % name, not wrong, wrong[:1])
    fields = settle(client)
    if not sanitized(server.path):
        score.check("%s: resident memory" % name, server.resident_mb() < 80 * 1.12 + 45, server.resident_mb())
    wrong = [i for i in range(count) if i not in gone and source.randrange(50) == 0
             and client.call("GET", "a:%d" % i) != value(i, before)]  # fmt: skip
    score.check("%s: values" % name, not wrong, wrong[:3])
    score.check("%s: the server lives" % name, server.alive())
    client.call("FLUSHALL")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    path = parser.parse_args().server
    score = Score("defrag")
    server = Server(path, ["--maxmemory", str(80 * MIB)])
    server.start()
    client = server.client()
    for before, after, part in ((1000, 60, 90), (60, 3000, 50), (300, 100, 50), (5000, 40, 75), (40, 500, 80)):
        pattern(score, server, client, before, after, part)
    # Switched off it leaves things as they are.
    client.call("CONFIG", "SET", "activedefrag", "no")
    load(client, [("SET", "a:%d" % i, value(i, 1000)) for i in range(40000)])
    load(client, [("DEL", "a:%d" % i) for i in range(40000) if i % 10])
    fields = settle(client, 2)
    score.check("off: nothing moves", int(fields["arena_loose_bytes"]) > 20 * MIB, fields["arena_loose_bytes"])
    score.check("off: mem_fragmentation", float(fields["allocator_frag_ratio"]) > 3, fields["allocator_frag_ratio"])
    score.check("off: MEMORY DOCTOR", "moved together" in client.call("MEMORY", "DOCTOR").decode())
    score.check("off: MEMORY PURGE", client.call("MEMORY", "PURGE") == "OK")
    client.call("CONFIG", "SET", "activedefrag", "yes")
    fields = settle(client)
    score.check("on: moves", int(fields["arena_loose_bytes"]) < 2 * MIB, fields["arena_loose_bytes"])
    score.check("on: time", int(fields["total_active_defrag_time"]) > 0)
    # All is there after a crash.
    server.kill()
    server.start()
    client = server.client()
    wrong = [i for i in range(0, 40000, 10) if client.call("GET", "a:%d" % i) != value(i, 1000)]
    score.check("restart: values", not wrong, wrong[:3])
    server.remove()
    score.end()


if __name__ == "__main__":
    main()
