#!/usr/bin/env python3
"""transaction_test.py --server PATH: transactions that do not fit, that end with their connection, or
that meet a restart: all or nothing."""
import argparse
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from poro import Error, Score, Server, encode  # noqa: E402

OOM = "EXECABORT Transaction discarded because of: OOM"


def no_memory(score, server):
    """What the commands would need together is more than there is: nothing of it happens."""
    client = server.client()
    client.call("FLUSHALL")
    client.call("SET", "sum", "1")
    client.call("SET", "big", "b" * (28 << 20))
    client.call("MULTI")
    client.call("INCR", "sum")
    for i in range(60):
        client.call("SET", "filler:%d" % i, "x" * 31000)
    for _ in range(4):
        client.call("APPEND", "big", "y")
    client.call("INCR", "sum")
    reply = client.call("EXEC")
    score.check("a transaction without memory is refused", isinstance(reply, Error) and
                str(reply).startswith(OOM), repr(reply)[:200])
    score.check("nothing of it has happened", client.call("DBSIZE") == 2, "keys")
    score.check("its first command has not happened", client.call("GET", "sum") == b"1", "sum")
    score.check("the transaction is over", isinstance(client.call("EXEC"), Error), "EXEC")
    client.call("FLUSHALL")


def many_commands(score, server):
    """Thousands of small commands need little memory, however long they are together."""
    client = server.client()
    client.call("FLUSHALL")
    kinds = {
        "INCR": [("INCR", "n")] * 20000,
        "SET": [("SET", "k%d" % i, "v" * 100) for i in range(20000)],
        "GET and SET": [c for i in range(5000) for c in (("GET", "k%d" % i), ("SET", "k%d" % i, "w" * 99))],
        "APPEND": [("APPEND", "k%d" % i, "x" * 100) for i in range(5000)],
        "INCRBYFLOAT": [("INCRBYFLOAT", "f", "0.5")] * 2000,
        "COPY": [("COPY", "k%d" % i, "c%d" % i) for i in range(5000)],
        "SET, and a large one": [("SET", "large", "x" * 300000)] + [("SET", "l%d" % i, "v") for i in range(2000)],
    }
    for name, commands in kinds.items():
        client.call("MULTI")
        for at in range(0, len(commands), 1000):
            client.pipeline(commands[at : at + 1000])
        reply = client.call("EXEC")
        score.check("%d %s in a transaction" % (len(commands), name), isinstance(reply, list) and
                    len(reply) == len(commands), repr(reply)[:100])
    client.call("FLUSHALL")


def longest(score, server):
    """Values of the longest kind, which there is no memory for."""
    client = server.client()
    client.call("MULTI")
    client.call("SETRANGE", "k", 536870900, "y")
    client.call("APPEND", "k", "z" * 11)
    reply = client.call("EXEC")
    score.check("the longest values are reckoned with", isinstance(reply, Error), repr(reply)[:100])


def full_memory(score, server):
    """Above maxmemory: what needs none goes on, what needs some is refused as a whole."""
    client = server.client()
    client.call("SET", "k", "v")
    client.call("MULTI")
    client.call("SET", "k", "w")
    client.call("DEL", "k")
    client.call("CONFIG", "SET", "maxmemory", "1")
    other = server.client()
    other.call("CONFIG", "SET", "maxmemory", "1")
    reply = client.call("EXEC")
    score.check("EXEC above maxmemory is refused", isinstance(reply, Error), repr(reply)[:200])
    reply = client.call("MULTI")
    score.check("MULTI is allowed", reply == "OK", repr(reply))
    reply = client.call("GET", "k")
    score.check("queueing is refused", isinstance(reply, Error) and str(reply).startswith("OOM"), repr(reply))
    reply = client.call("EXEC")
    score.check("and EXEC with it", isinstance(reply, Error), repr(reply))
    other.call("CONFIG", "SET", "maxmemory", "64mb")
    score.check("the value is as it was", client.call("GET", "k") == b"v", "k")


def queue_limit(score, server):
    """A queue cannot take all memory."""
    client = server.client()
    client.call("FLUSHALL")
    client.call("MULTI")
    replies = [client.call("SET", "k%d" % i, "x" * (1 << 20)) for i in range(80)]
    refused = [r for r in replies if isinstance(r, Error)]
    score.check("a queue without end is refused", len(refused) > 0, "%d queued" % len(replies))
    reply = client.call("EXEC")
    score.check("and does nothing", isinstance(reply, Error), repr(reply)[:100])
    score.check("nothing is there", client.call("DBSIZE") == 0, "keys")


def memory_returns(score, server):
    """What a vanished client had queued and watched is free again."""
    client = server.client()
    client.call("FLUSHALL")
    before = used(client)
    for _ in range(5):
        gone = server.client()
        gone.call("WATCH", *["w%d" % i for i in range(500)])
        gone.call("MULTI")
        gone.call("SET", "a", "x" * 300000)
        gone.call("MSET", *["y"] * 2000)
        gone.close()
    time.sleep(0.3)
    after = used(client)
    score.check("a vanished client's queue is freed", after <= before + 65536, "%d, %d" % (before, after))


def used(client):
    text = client.call("INFO", "memory").decode()
    return int([l for l in text.splitlines() if l.startswith("used_memory_dataset:")][0].split(":")[1]) \
        if "used_memory_dataset:" in text else \
        int([l for l in text.splitlines() if l.startswith("used_memory:")][0].split(":")[1])


def many_flushes(score, server):
    client = server.client()
    client.call("MULTI")
    for i in range(100):
        client.call("SET", "k%d" % i, "v")
        client.call("FLUSHALL")
    reply = client.call("EXEC")
    score.check("more flushes than there are keyspaces", isinstance(reply, Error), repr(reply)[:100])
    client.call("MULTI")
    for i in range(60):
        client.call("SET", "k%d" % i, "v")
        client.call("FLUSHALL")
    reply = client.call("EXEC")
    score.check("sixty of them", isinstance(reply, list) and len(reply) == 120, repr(reply)[:100])


def restarts(score, server):
    """Killed at any moment: of each transaction all or nothing is there."""
    for round_number in range(6):
        client = server.client()
        client.call("FLUSHALL")
        n = 0
        stop = time.time() + 0.15 + 0.05 * round_number
        data = b""
        while time.time() < stop:
            n += 1
            value = str(n)
            data = b"".join([encode("MULTI")] + [encode("SET", "t%d" % i, value) for i in range(20)]
                            + [encode("INCRBY", "n", "1"), encode("EXEC")])
            client.socket.sendall(data * 4)
            n += 3
            for _ in range(4 * 23):
                client.reply()
        client.socket.sendall(data * 50)
        server.kill()
        server.start()
        client = server.client()
        values = {client.call("GET", "t%d" % i) for i in range(20)}
        score.check("all keys are of one transaction", len(values) == 1, repr(values))
        count = int(client.call("GET", "n") or 0)
        score.check("nothing acknowledged is lost", count >= n, "%d of %d" % (count, n))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    arguments = parser.parse_args()
    score = Score("transaction")
    server = Server(arguments.server, ["--maxmemory", "64mb"])
    server.start()
    for test in (no_memory, many_commands, longest, full_memory, queue_limit, memory_returns,
                 many_flushes, restarts):
        if score.check("the server lives before %s" % test.__name__, server.alive(), server.log()):
            test(score, server)
    server.kill()
    server.remove()
    return score.end()


if __name__ == "__main__":
    sys.exit(main())
