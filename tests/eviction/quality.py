#!/usr/bin/env python3
"""quality.py --server PATH [--redis PATH] [--requests N]: how well each policy chooses. The same requests
go to poro-server and redis-server: GET, and SET after a miss, as an application does that keeps copies in a
cache, of keys whose popularity follows Zipf's law. Prints hit rates side by side.

Both have memory for the same number of keys: redis-server's maxmemory is found by filling it."""
import argparse
import bisect
import itertools
import os
import random
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from poro import Client, Server, encode, free_port  # noqa: E402

POLICIES = ("allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl")
VALUE = b"v" * 100
BATCH = 200


class Redis:
    def __init__(self, path, options):
        self.port = free_port()
        self.folder = tempfile.mkdtemp()
        command = [path, "--port", str(self.port), "--save", "", "--dir", self.folder, "--bind", "127.0.0.1"]
        self.process = subprocess.Popen(command + options, stdout=subprocess.DEVNULL)
        for _ in range(200):
            try:
                Client(self.port).close()
                return
            except OSError:
                time.sleep(0.02)

    def client(self):
        return Client(self.port)

    def remove(self):
        self.process.kill()
        self.process.wait()


def zipf(keys, exponent, count, seed):
    source = random.Random(seed)
    weights = list(itertools.accumulate(1 / (i + 1) ** exponent for i in range(keys)))
    order = list(range(keys))
    source.shuffle(order)
    total = weights[-1]
    return [order[min(bisect.bisect(weights, source.random() * total), keys - 1)] for _ in range(count)]


def info(client, name):
    for line in client.call("INFO").decode().split("\r\n"):
        if line.startswith(name + ":"):
            return int(line.split(":")[1])
    return 0


def fill(client, count, volatile):
    """Memory in use with so many keys."""
    for i in range(0, count, 1000):
        client.pipeline([command(j, volatile) for j in range(i, i + 1000)])
    used = info(client, "used_memory")
    client.call("FLUSHALL")
    return used


def command(key, volatile):
    # For volatile-ttl: popular keys, by chance, live no longer than others.
    return ("SET", "key:%010d" % key, VALUE, "EX", str(1000 + key % 1000)) if volatile else ("SET", "key:%010d" % key, VALUE)


def hits(client, requests, volatile):
    """The hit rate of the second half."""
    found = asked = 0
    for i in range(0, len(requests), BATCH):
        batch = requests[i : i + BATCH]
        client.socket.sendall(b"".join(encode("GET", "key:%010d" % k) for k in batch))
        missing = [k for k in batch if client.reply() is None]
        if i >= len(requests) // 2:
            asked += len(batch)
            found += len(batch) - len(missing)
        if missing:
            client.pipeline([command(k, volatile) for k in dict.fromkeys(missing)])
    return 100 * found / asked


def run(arguments, policy, room, requests):
    volatile = policy.startswith("volatile")
    rates = []
    for redis in (False, True):
        options = ["--maxmemory-policy", "noeviction", "--maxmemory", "1gb"]
        server = Redis(arguments.redis, options) if redis else Server(arguments.server, options + ["--appendfsync", "no"])
        if not redis:
            server.start()
        client = server.client()
        empty = info(client, "used_memory")
        full = fill(client, 50000, volatile)
        client.close()
        server.remove()
        # Per key, as measured in a table of a typical load.
        limit = int(empty + (full - empty) / 50000 * room)
        options = ["--maxmemory-policy", policy, "--maxmemory", str(limit)]
        server = Redis(arguments.redis, options) if redis else Server(arguments.server, options + ["--appendfsync", "no"])
        if not redis:
            server.start()
        client = server.client()
        rate = hits(client, requests, volatile)
        rates.append((rate, client.call("DBSIZE")))
        client.close()
        server.remove()
    return rates


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--redis", default="/usr/bin/redis-server")
    parser.add_argument("--keys", type=int, default=200000)
    parser.add_argument("--requests", type=int, default=600000)
    parser.add_argument("--exponent", type=float, default=0.99)
    parser.add_argument("--policies", nargs="*", default=POLICIES)
    parser.add_argument("--parts", nargs="*", type=float, default=[0.05, 0.2, 0.5])
    arguments = parser.parse_args()
    requests = zipf(arguments.keys, arguments.exponent, arguments.requests, 1)
    print("| policy | room for | Poro: hits, keys | Redis: hits, keys | difference |")
    print("|---|---|---|---|---|")
    for policy in arguments.policies:
        for part in arguments.parts:
            poro, redis = run(arguments, policy, int(arguments.keys * part), requests)
            print("| %s | %d %% of the keys | %.2f %%, %d | %.2f %%, %d | %+.2f |" % (
                policy, part * 100, *poro, *redis, poro[0] - redis[0]), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
