#!/usr/bin/env python3
"""shutdown_test.py --server PATH: stops that make a checkpoint first, and those that do not."""
import argparse
import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from poro import Error, Score, Server  # noqa: E402

KEYS = 200
MANY, LONG = 150000, b"v" * 1000  # what a checkpoint takes some time for
SMALL = ["--wal-segment-size", "8mb", "--auto-aof-rewrite-percentage", "0"]
FAILED = "ERR Errors trying to SHUTDOWN. Check logs."


def info(client):
    text = client.call("INFO", "all").decode()
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def ended(server, seconds=30):
    """The exit code; None if it is still there."""
    until = time.monotonic() + seconds
    while server.alive() and time.monotonic() < until:
        time.sleep(0.005)
    return server.process.poll()


def asks(*words):
    def stop(server, client):
        client.send("SHUTDOWN", *words)

    return stop


def signals(number):
    def stop(server, client):
        server.process.send_signal(number)

    return stop


# How it is stopped, with which settings, and whether there is a checkpoint then.
CASES = [
    (asks(), [], False),
    (asks("SAVE"), [], True),
    (asks("SAVE", "NOW", "FORCE"), [], True),
    (asks(), ["--save", "3600 1"], True),
    (asks("NOSAVE"), ["--save", "3600 1"], False),
    (signals(signal.SIGTERM), [], False),
    (signals(signal.SIGINT), [], False),
    (signals(signal.SIGTERM), ["--save", "3600 1"], True),
    (signals(signal.SIGINT), ["--save", "3600 1"], True),
    (signals(signal.SIGTERM), ["--shutdown-on-sigterm", "save"], True),
    (signals(signal.SIGINT), ["--shutdown-on-sigterm", "save"], False),
    (signals(signal.SIGINT), ["--shutdown-on-sigint", "save", "force"], True),
    (signals(signal.SIGTERM), ["--save", "3600 1", "--shutdown-on-sigterm", "nosave"], False),
    (signals(signal.SIGINT), ["--save", "3600 1", "--shutdown-on-sigint", "nosave now"], False),
]  # fmt: skip


def ways(score, path):
    for number, (stop, options, saves) in enumerate(CASES):
        server = Server(path, SMALL + options)
        server.start()
        client = server.client()
        client.pipeline([["SET", "k%d" % i, "v%d" % i] for i in range(KEYS)])
        stop(server, client)
        what = "case %d" % number
        score.check("%s: exit code" % what, ended(server) == 0, server.log())
        server.start()
        client = server.client()
        found = info(client)
        score.check("%s: a checkpoint, or none" % what, (found["checkpoint_number"] != "0") == saves, found)
        score.check("%s: the log to replay" % what, (int(found["recovery_records"]) < KEYS) == saves,
                    found["recovery_records"])
        same = all(client.call("GET", "k%d" % i) == b"v%d" % i for i in range(KEYS))
        score.check("%s: all there" % what, same and client.call("DBSIZE") == KEYS)
        server.remove()


def large(path, options=()):
    server = Server(path, SMALL + ["--appendfsync", "no"] + list(options))
    server.start()
    client = server.client()
    for at in range(0, MANY, 500):
        client.pipeline([["SET", "k%d" % i, LONG] for i in range(at, at + 500)])
    return server, client


def meanwhile(score, path):
    """Others are served until the checkpoint is done, and what they write is there afterwards."""
    server, client = large(path)
    other = server.client()
    client.send("SHUTDOWN", "SAVE")
    served = 0
    try:
        while True:
            if other.call("SET", "n", served) != "OK":
                break
            served += 1
    except (OSError, EOFError):
        pass
    score.check("meanwhile: others are served", served > 100, served)
    score.check("meanwhile: then it stops", ended(server) == 0, server.log())
    server.start()
    client = server.client()
    found = info(client)
    score.check("meanwhile: with a checkpoint", found["checkpoint_number"] != "0")
    score.check("meanwhile: all is there", client.call("DBSIZE") == MANY + 1)
    score.check("meanwhile: and the last write", int(client.call("GET", "n")) in (served - 1, served), served)
    server.remove()


def taken_back(score, path):
    server, one = large(path)
    two, three = server.client(), server.client()
    one.send("SHUTDOWN", "SAVE")
    two.send("SHUTDOWN", "SAVE")
    time.sleep(0.05)
    blocked = [line for line in three.call("CLIENT", "LIST").decode().splitlines() if "flags=b" in line]
    score.check("taken back: who asked waits", len(blocked) == 2, blocked)
    score.check("taken back: ABORT", three.call("SHUTDOWN", "ABORT") == "OK")
    for client in (one, two):
        score.check("taken back: who waited is told", client.reply() == FAILED)
    score.check("taken back: there is none now", isinstance(three.call("SHUTDOWN", "ABORT"), Error))
    time.sleep(1)
    score.check("taken back: it serves", server.alive() and one.call("GET", "k1") == LONG)
    one.send("SHUTDOWN", "SAVE")
    one.close()
    score.check("taken back: a client that leaves changes nothing", ended(server) == 0)
    server.remove()


def impatient(score, path):
    """Who asks again gets the stop at once."""
    for again in ("SIGTERM", "NOSAVE", "NOW"):
        server, client = large(path)
        other = server.client()
        client.send("SHUTDOWN", "SAVE")
        time.sleep(0.05)
        if again == "SIGTERM":
            server.process.send_signal(signal.SIGTERM)
        else:
            other.send("SHUTDOWN", again)
        score.check("impatient: %s: it stops" % again, ended(server) == 0, server.log())
        server.start()
        found = info(server.client())
        score.check("impatient: %s: no checkpoint, nothing lost" % again, found["checkpoint_number"] == "0" and
                    found["db0"].startswith("keys=%d," % MANY) and found["recovery_clean_stop"] == "1", found["db0"])
        server.remove()


def failing(score, path):
    """A folder stands where the checkpoint's file is to be."""

    def server_with_obstacle(options=()):
        server = Server(path, SMALL + list(options))
        server.start()
        client = server.client()
        client.call("SET", "k", "v")
        for number in range(1, 20):
            os.mkdir(os.path.join(server.folder, "data", "checkpoint.%010d" % number))
        return server, client

    server, client = server_with_obstacle(["--save", "3600 1"])
    score.check("failing: SAVE fails", isinstance(client.call("SAVE"), Error), server.log())
    for words in (["SAVE"], []):
        score.check("failing: SHUTDOWN %s" % words, client.call("SHUTDOWN", *words) == FAILED, server.log())
    score.check("failing: it serves", client.call("GET", "k") == b"v")
    client.send("SHUTDOWN", "FORCE")
    score.check("failing: FORCE", ended(server) == 0, server.log())
    server.remove()
    server, client = server_with_obstacle(["--shutdown-on-sigterm", "save"])
    score.check("failing: a signal stops in any case", server.stop() == 0, server.log())
    server.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    path = parser.parse_args().server
    score = Score("shutdown")
    for test in (ways, meanwhile, taken_back, impatient, failing):
        test(score, path)
    score.end()


if __name__ == "__main__":
    main()
