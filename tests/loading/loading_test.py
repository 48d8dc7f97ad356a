#!/usr/bin/env python3
"""loading_test.py --server PATH: what clients see while a start replays a million keys."""
import argparse
import os
import re
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from poro import Error, Score, Server  # noqa: E402

KEYS = 1000000
LOADING = "LOADING Redis is loading the dataset in memory"
REFUSED = (
    ("PING",), ("GET", "k:1"), ("SET", "k:1", "a"), ("DBSIZE",), ("SCAN", "0"), ("FLUSHALL",),
    ("BGSAVE",), ("SAVE",), ("OBJECT", "ENCODING", "k:1"), ("MEMORY", "STATS"), ("RANDOMKEY",),
    ("DEBUG", "OBJECT", "k:1"), ("WAIT", "0", "0"), ("DUMP", "k:1"),
)
ANSWERED = (
    ("INFO",), ("ECHO", "a"), ("CONFIG", "GET", "port"), ("CLIENT", "LIST"), ("COMMAND", "COUNT"), ("SELECT", "3"), ("HELLO", "2"),
    ("SLOWLOG", "LEN"), ("LATENCY", "LATEST"), ("LASTSAVE",), ("ROLE",), ("TIME",), ("WATCH", "k:1"), ("UNWATCH",),
    ("DEBUG", "SLEEP", "0"), ("CONFIG", "SET", "appendfsync", "always"), ("CONFIG", "SET", "maxmemory", "100mb"),
    ("CONFIG", "SET", "maxmemory-policy", "allkeys-lru"), ("CONFIG", "SET", "maxmemory-policy", "noeviction"),
    ("CONFIG", "SET", "maxmemory", "900mb"), ("ACL", "WHOAMI"), ("RESET",),
)
FIELDS = ("start_time", "total_bytes", "rdb_used_mem", "loaded_bytes", "loaded_perc", "eta_seconds")


def info(client, section):
    text = client.call("INFO", section).decode()
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


class Loaded(Server):
    """Starts do not wait until the data is there."""

    def fill(self):
        self.start()
        client = self.client()
        for first in range(0, KEYS, 10000):
            client.pipeline([("SET", "k:%d" % i, "v:%d" % i) for i in range(first, first + 10000)])
        client.call("SET", "gone", "v", "PXAT", str(int(time.time() * 1000) + 500))
        client.send("SHUTDOWN")
        self.process.wait()

    def begin(self, *options):
        """A start; returns a client that has connected as soon as that was possible."""
        command = [self.path, "--port", str(self.port), "--bind", "127.0.0.1", "--dir",
                   os.path.join(self.folder, "data")] + self.options + list(options)
        with open(os.path.join(self.logs, "server.log"), "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        while True:
            try:
                client = self.client()
                client.call("TIME")  # a killed process's listener may be there for a moment
                return client
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError("it does not start:\n%s" % self.log())
                time.sleep(0.001)

    def await_data(self, client):
        while client.call("PING") == LOADING:
            time.sleep(0.005)


def answers(score, server):
    client = server.begin("--key-load-delay", "10")
    while info(client, "persistence")["loading"] != "1":
        time.sleep(0.001)
    for command in REFUSED:
        reply = client.call(*command)
        score.check("refused: " + " ".join(command), reply == LOADING, repr(reply))
    for command in ANSWERED:
        reply = client.call(*command)
        score.check("answered: " + " ".join(command), not isinstance(reply, Error), repr(reply))
    score.check("unknown commands are", str(client.call("NOSUCH")).startswith("ERR unknown command"))
    score.check("so are wrong numbers of arguments", str(client.call("GET")).startswith("ERR wrong number"))
    client.call("MULTI")
    score.check("MULTI: refused", client.call("GET", "k:1") == LOADING)
    score.check("MULTI: discarded", str(client.call("EXEC")).startswith("EXECABORT"))
    client.call("MULTI")
    client.call("CLIENT", "ID")
    score.check("MULTI: runs what is allowed", isinstance(client.call("EXEC")[0], int))
    score.check("no keys are told", info(client, "keyspace") == {})
    score.check("refusals are counted", "errorstat_LOADING" in info(client, "errorstats"))
    watching = server.client()
    watching.call("WATCH", "k:2")
    monitor = server.client()
    score.check("MONITOR", monitor.call("MONITOR") == "OK")
    idle = server.client()
    idle.send("GET", "k:3")
    score.check("pipelined", idle.reply() == LOADING)
    server.await_data(client)
    score.check("then the data is there", client.call("GET", "k:7") == b"v:7" and client.call("DBSIZE") >= KEYS)
    score.check("what has expired is not", client.call("GET", "gone") is None)
    score.check("connections go on", idle.call("GET", "k:3") == b"v:3")
    watching.call("MULTI")
    watching.call("SET", "k:2", "a")
    score.check("what was watched before counts as changed", watching.call("EXEC") is None)
    persistence = info(client, "persistence")
    score.check("INFO: loaded", persistence["loading"] == "0" and "loading_eta_seconds" not in persistence)
    client.send("SHUTDOWN")
    score.check("stops", server.process.wait(120) == 0)


def progress(score, server):
    client = server.begin("--key-load-delay", "3")
    seen, waits, began = [], [], time.monotonic()
    while True:
        asked = time.monotonic()
        persistence = info(client, "persistence")
        if persistence["loading"] == "0":
            if seen or time.monotonic() - began > 20:
                break
            continue
        waits.append(time.monotonic() - asked)
        seen.append([float(persistence["loading_" + name].rstrip("%")) for name in FIELDS])
        time.sleep(0.002)
    took = time.monotonic() - began
    score.check("INFO: its fields", len(seen) > 100, len(seen))
    score.check("INFO: start time", abs(seen[-1][0] - time.time()) < 60)
    score.check("INFO: bytes only go up", all(a[3] <= b[3] <= b[1] for a, b in zip(seen, seen[1:])))
    score.check("INFO: percent", all(abs(s[4] - (100 * s[3] / s[1] if s[1] else 0)) < 0.01 for s in seen))
    middle = seen[len(seen) // 2]
    score.check("INFO: the estimate is about right", middle[5] < 3 * took, "%s of %.1f s" % (middle, took))
    waits.sort()
    score.check("clients wait for milliseconds", waits[len(waits) * 9 // 10] < 0.03, waits[-5:])
    lines = re.findall(r"loading: [0-9.]+ % of \d+ MB after \d+ seconds, about \d+ to go", server.log())
    score.check("a line each second", len(lines) >= int(took) // 2, "%d in %.1f s" % (len(lines), took))
    client.call("SET", "k:new", "v")
    server.process.kill()
    server.process.wait(120)


def stops(score, server):
    for how in ("SHUTDOWN", "SIGTERM"):
        client = server.begin("--key-load-delay", "100")
        while info(client, "persistence")["loading"] != "1":
            time.sleep(0.001)
        time.sleep(0.2)
        began = time.monotonic()
        if how == "SIGTERM":
            server.process.send_signal(signal.SIGTERM)
        else:
            client.send("SHUTDOWN", "NOSAVE")
        code = server.process.wait(120)
        score.check("%s ends a load" % how, code == 0 and time.monotonic() - began < 2, code)
    client = server.begin()
    server.await_data(client)
    score.check("and nothing has changed", client.call("EXISTS", "k:0", "k:%d" % (KEYS - 1)) == 2 and client.call("GET", "k:new") == b"v")
    client.send("SHUTDOWN")
    server.process.wait(120)


def password(score, server):
    client = server.begin("--key-load-delay", "100", "--requirepass", "secret")
    time.sleep(0.2)
    score.check("password: first", str(client.call("GET", "k")).startswith("NOAUTH"))
    score.check("password: AUTH", client.call("AUTH", "secret") == "OK")
    score.check("password: then", client.call("GET", "k") == LOADING)
    server.process.kill()
    server.process.wait(120)


def refused(score, server):
    # Which file the first keys are in depends on which one was ready first.
    data = os.path.join(server.folder, "data")
    for name in os.listdir(data):
        if not name.startswith("intent."):
            continue
        with open(os.path.join(data, name), "r+b") as f:
            at = f.read().find(b"k:5000v:5000")
            if at >= 0:
                f.seek(at)
                f.write(b"damage" * 1000)
    client = server.begin("--key-load-delay", "3")
    code = server.process.wait(120)
    score.check("damage: exit code", code == 4, code)
    score.check("damage: is told", "refusing to start" in server.log(), server.log())
    client.socket.setblocking(True)
    try:
        ended = client.socket.recv(100) == b""
    except ConnectionResetError:
        ended = True
    score.check("damage: clients are disconnected", ended)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    arguments = parser.parse_args()
    score = Score("loading")
    server = Loaded(arguments.server, ["--maxmemory", "900mb", "--appendfsync", "everysec", "--enable-debug-command", "yes",
                                       "--auto-aof-rewrite-percentage", "0"])
    try:
        server.fill()
        answers(score, server)
        progress(score, server)
        stops(score, server)
        password(score, server)
        refused(score, server)
    finally:
        server.remove()
    score.end()


if __name__ == "__main__":
    main()
