#!/usr/bin/env python3
"""fragment_test.py --server PATH [--large]: whatever sizes were there before, memory can be filled again with
any other: at least nine tenths of what a fresh server takes, at once and at full speed.

Fills a server up to maxmemory with values of some sizes, overwrites some, deletes a part, fills it up with
another size. A fresh server is given the keys that were left, and the same values until it is full.
"""
import argparse
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from poro import Error, Score, Server, encode, sanitized  # noqa: E402

KIB, MIB = 1 << 10, 1 << 20
LEAST = 0.90
SLOT_BYTES = 10  # of the table, for a key
HEADER_BYTES = 8
HEADER_WIDE = 24

# Name: lengths of values before, what is deleted, lengths after.
QUICK = (
    ("small to large", [120], "half", [MIB]),
    ("small to 100 KB", [300, 90, 2000], "half", [100 * KIB]),
    ("1 MB to 100 KB", [MIB], "half", [100 * KIB]),
    ("70 KB to 5 MB", [70 * KIB], "half", [5 * MIB]),
    ("mixed to 3 MB", [100, 5000, 70 * KIB, 300 * KIB, 2 * MIB], "half", [3 * MIB]),
    ("large to small", [3 * MIB, 700 * KIB], "half", [150]),
)
LARGE = QUICK + (
    ("tiny to 1 MB", [12], "half", [MIB]),
    ("1 byte to 1 MB", [1], "half", [MIB]),
    ("1 byte to 20 KB, most", [1], "most", [20 * KIB]),
    ("1 byte to 300", [1], "half", [300]),
    ("300 to 1 byte", [300], "half", [1]),
    ("just above a class", [1025 - 20, 4097 - 20], "half", [2049 - 20]),
    ("just above a class, large", [65537], "half", [73729 - 40]),
    ("64 KB to 72 KB", [64 * KIB - 40], "half", [72 * KIB - 40]),
    ("72 KB to 80 KB", [72 * KIB - 40], "every second", [80 * KIB - 40]),
    ("80 KB to 200 KB", [80 * KIB], "every second", [200 * KIB]),
    ("1 MB to 5 MB", [MIB], "every second", [5 * MIB]),
    ("100 KB to 10 MB", [100 * KIB], "every second", [10 * MIB]),
    ("5 MB to 70 KB", [5 * MIB], "half", [70 * KIB]),
    ("5 MB to 6 MB", [5 * MIB], "half", [6 * MIB]),
    ("1 MB and tiny to 5 MB", [MIB, 20, 20, 20, 20, 20, 20, 20, 20], "large", [5 * MIB]),
    ("300 KB and 60 KB to 4 MB", [300 * KIB, 60000], "large", [4 * MIB]),
    ("all to all", [1, 30, 200, 1500, 9000, 40000, 90000, 400000, 3 * MIB], "half", [7, 80, 60000, 250000]),
    ("all to large", [1, 30, 200, 1500, 9000, 40000, 90000, 400000, 3 * MIB], "half", [MIB + 1]),
    ("shorter by a tenth", [1000], "shorten", [5000]),
    ("1 MB, shorter by a tenth", [MIB], "shorten", [300 * KIB]),
    ("grown by APPEND", [1000, 20000], "append", [3000]),
    ("small, most gone", [100], "most", [MIB]),
    ("a third of maxmemory", [100 * KIB], "every second", ["third"]),
)


class Failure(Exception):
    pass


class Filled:
    """A server, and what is in it."""

    def __init__(self, path, maxmemory, options=()):
        self.source = random.Random(7)
        self.bytes = random.Random(1).randbytes(8 * MIB) * 8
        self.server = Server(path, ["--maxmemory", str(maxmemory), "--appendfsync", "everysec", "--save", "",
                                    "--auto-aof-rewrite-percentage", "0", *options])  # fmt: skip
        self.maxmemory = maxmemory
        self.keys = {}  # number: length
        self.next = 0

    def start(self):
        self.server.start()
        self.client = self.server.client(120)
        self.rss = self.server.resident_mb()

    def value(self, i, length):
        at = i * 7919 % MIB
        return self.bytes[at : at + length]

    def set(self, pairs):
        """SETs at once. Those that were refused for want of memory."""
        data = bytearray()
        refused = []
        batch = []
        for i, length in pairs:
            batch.append((i, length))
            data += b"*3\r\n$3\r\nSET\r\n$%d\r\nk:%d\r\n$%d\r\n" % (len("k:%d" % i), i, length)
            data += self.value(i, length)
            data += b"\r\n"
            if len(data) > 256 * KIB or len(batch) == 1000:
                refused += self.answers(batch, data)
                data, batch = bytearray(), []
        return refused + (self.answers(batch, data) if batch else [])

    def answers(self, batch, data):
        refused = []
        self.client.socket.sendall(data)
        for i, length in batch:
            reply = self.client.reply()
            if isinstance(reply, Error):
                if not reply.startswith("OOM"):
                    raise Failure(reply)
                refused.append((i, length))
            else:
                self.keys[i] = length
        return refused

    def fill(self, lengths):
        """Until one does not fit any more. How many did."""
        count = 0
        while True:
            some = []
            size = 0
            while len(some) < 1000 and size < 512 * KIB:
                length = lengths[(self.next + len(some)) % len(lengths)]
                some.append((self.next + len(some), length))
                size += length
            self.next += len(some)
            refused = self.set(some)
            count += len(some) - len(refused)
            if refused:
                return count

    def delete(self, numbers):
        numbers = list(numbers)
        for at in range(0, len(numbers), 1000):
            some = numbers[at : at + 1000]
            self.client.call("DEL", *["k:%d" % i for i in some])
            for i in some:
                del self.keys[i]

    def thin(self, how, lengths):
        """Deletes a part of the keys, and changes others."""
        keys = sorted(self.keys)
        if how == "shorten":
            self.set([(i, self.keys[i] * 9 // 10) for i in keys])
        elif how == "append":
            self.delete(keys[::2])
            self.grow(keys[1::2])
            return
        else:
            # Some become another size, as far as there is room.
            self.set([(i, lengths[self.source.randrange(len(lengths))]) for i in keys if self.source.randrange(4) == 0])
        if how == "every second":
            self.delete(keys[::2])
        elif how == "large":
            self.delete([i for i in keys if self.keys[i] == max(lengths)])
        else:
            part = 90 if how == "most" else 50
            self.delete([i for i in keys if self.source.randrange(100) < part])

    def grow(self, keys):
        for i in keys:
            length = self.keys[i]
            if isinstance(self.client.call("APPEND", "k:%d" % i, self.value(i, length + 24)[length:]), Error):
                return
            self.keys[i] = length + 24

    def number(self, *names):
        fields = self.info()
        return [int(fields[name]) for name in names]

    def info(self):
        lines = self.client.call("INFO").decode().split("\r\n")
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def settle(self, seconds=60):
        end = time.monotonic() + seconds
        quiet = 0
        last = 0
        while quiet < 4 and time.monotonic() < end:
            time.sleep(0.06)
            running, dead = self.number("active_defrag_running", "lazyfree_pending_objects")
            now = self.server.resident_mb()
            quiet = quiet + 1 if not running and not dead and abs(now - last) < 1 else 0
            last = now
        return quiet >= 4

    def data(self):
        """Bytes of keys and values, and with what each of them needs beside."""
        plain = sum(len("k:%d" % i) + length for i, length in self.keys.items())
        whole = sum(needs(len("k:%d" % i), length) for i, length in self.keys.items())
        return plain, whole

    def wrong(self, most=3000):
        keys = list(self.keys)
        for i in self.source.sample(keys, min(most, len(keys))):
            if self.client.call("GET", "k:%d" % i) != self.value(i, self.keys[i]):
                return i
        count = self.client.call("DBSIZE")
        return None if count == len(keys) else "%d keys, not %d" % (count, len(keys))

    def empty(self):
        self.client.call("FLUSHALL")
        self.keys = {}
        self.settle()


def needs(key, value):
    wide = key > 255 or value > 65535
    return (HEADER_WIDE if wide else HEADER_BYTES) + key + value + SLOT_BYTES


def judge(score, name, filled, fresh, survivors, lengths):
    """The same in a fresh server."""
    plain, whole = filled.data()
    fresh.empty()
    refused = fresh.set(survivors)
    fresh.next = filled.start_of_fill
    fresh.fill(lengths)
    fresh_plain, fresh_whole = fresh.data()
    fits, fits_whole = plain / fresh_plain, whole / fresh_whole
    used, active, scattered, resident = filled.number("used_memory", "allocator_active", "arena_scattered_bytes",
                                                      "allocator_resident")  # fmt: skip
    print("%-40s %5.3f %5.3f  used %.3f  active %.3f  scattered %.2f" % (
        name, fits, fits_whole, used / filled.maxmemory, active / filled.maxmemory, scattered / filled.maxmemory))
    sys.stdout.flush()
    score.check("%s: the fresh one takes what was left" % name, not refused, len(refused))
    score.check("%s: bytes that fit" % name, fits >= LEAST, "%.3f" % fits)
    score.check("%s: with overhead" % name, fits_whole >= LEAST, "%.3f" % fits_whole)


def pattern(score, filled, fresh, name, before, how, after, settled):
    name = "%s, %s" % (name, "settled" if settled else "at once")
    after = [filled.maxmemory // 3 if length == "third" else length for length in after]
    filled.empty()
    filled.fill(before)
    filled.thin(how, before)
    if settled:
        score.check("%s: comes to an end" % name, filled.settle())
    survivors = list(filled.keys.items())
    filled.start_of_fill = filled.next
    filled.fill(after)
    judge(score, name, filled, fresh, survivors, after)
    score.check("%s: settles" % name, filled.settle())
    memory(score, name, filled)
    wrong = filled.wrong()
    score.check("%s: values" % name, wrong is None, wrong)


def memory(score, name, filled):
    """After it has settled: what the process has, and what is told of it."""
    fields = filled.info()
    number = lambda field: int(fields[field])  # noqa: E731
    limit = filled.maxmemory
    active, allocated, arena = number("allocator_active"), number("allocator_allocated"), number("allocator_resident")
    # Every class may have a span that is not full.
    score.check("%s: pages in use" % name, active <= max(allocated, 1) / LEAST + 6 * MIB, (active, allocated))
    scattered = number("arena_scattered_bytes")
    if max(filled.keys.values()) < limit // 16:  # longer ones are not moved where memory is full
        score.check("%s: free pages between others" % name, scattered <= max(active // 4, 8 * MIB) + 2 * MIB, (scattered, active))
    if sanitized(filled.server.path):
        return
    rss = filled.server.resident_mb() * MIB
    score.check("%s: used_memory_rss" % name, abs(number("used_memory_rss") - rss) < 2 * MIB, (number("used_memory_rss"), rss))
    grown = rss - filled.rss * MIB
    score.check("%s: resident memory" % name, grown < limit / LEAST + 24 * MIB, (int(grown), limit))
    told = arena + number("used_memory_overhead")
    score.check("%s: resident memory is told" % name, grown - 24 * MIB < told < grown + 8 * MIB, (int(grown), told))


def rounded(length):
    """The block that holds so many bytes: storage/arena.h."""
    if length <= 128:
        return (length + 7) & ~7
    step = 8 * KIB if length > 64 * KIB else 1 << ((length - 1).bit_length() - 4)
    return (length + step - 1) & ~(step - 1)


def statistics(score, filled):
    """MEMORY STATS and INFO beside our own count of keys that were just set."""
    filled.empty()
    lengths = [1, 100, 3000, 65000, 70000, MIB]
    filled.next = 0
    while sum(filled.keys.values()) < filled.maxmemory // 2:
        filled.set([(filled.next, lengths[filled.next % len(lengths)])])
        filled.next += 1
    filled.settle()
    own = sum(rounded(needs(len("k:%d" % i), length) - SLOT_BYTES) for i, length in filled.keys.items())
    told = filled.client.call("MEMORY", "STATS")
    stats = {name.decode(): value for name, value in zip(told[::2], told[1::2])}
    fields = filled.info()
    table = stats[next(name for name in stats if name.startswith("db."))][1]
    score.check("STATS: data", stats["dataset.bytes"] == own == int(fields["used_memory_dataset"]), (stats["dataset.bytes"], own))
    score.check("STATS: keys", stats["keys.count"] == len(filled.keys), stats["keys.count"])
    score.check("STATS: all", stats["total.allocated"] == own + table == int(fields["used_memory"]), (stats["total.allocated"], own, table))
    score.check("STATS: the peak", stats["peak.allocated"] >= stats["total.allocated"])
    score.check("STATS: blocks", stats["allocator.allocated"] == own, (stats["allocator.allocated"], own))
    active, resident = stats["allocator.active"], stats["allocator.resident"]
    score.check("STATS: pages", own <= active <= resident < own * 1.1 + 2 * MIB, (own, active, resident))
    score.check("STATS: the ratio", abs(float(stats["allocator-fragmentation.ratio"]) - active / own) < 0.01)
    usage = sum(filled.client.call("MEMORY", "USAGE", "k:%d" % i) for i in filled.keys)
    score.check("MEMORY USAGE", abs(usage - own - SLOT_BYTES * len(filled.keys)) == 0, (usage, own))
    rss = filled.server.resident_mb() * MIB
    score.check("STATS: the process", abs(stats["rss-overhead.bytes"] + resident - rss) < 2 * MIB, (stats["rss-overhead.bytes"], resident, rss))
    ratio = float(fields["mem_fragmentation_ratio"])
    score.check("INFO: mem_fragmentation_ratio", abs(ratio - rss / int(fields["used_memory"])) < 0.1, ratio)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--large", action="store_true", help="all combinations, with more memory")
    parser.add_argument("--only", help="those whose name contains this")
    parser.add_argument("--maxmemory", type=int, help="MB")
    arguments = parser.parse_args()
    score = Score("fragment")
    limit = (arguments.maxmemory or (128 if arguments.large else 24)) * MIB
    servers = [Filled(arguments.server, limit) for _ in range(2)]
    try:
        for server in servers:
            server.start()
        statistics(score, servers[0])
        print("what fits, of what does in a fresh server: keys and values, with overhead; parts of maxmemory")
        for name, before, how, after in LARGE if arguments.large else QUICK:
            if arguments.only and arguments.only not in name:
                continue
            for settled in (False, True) if arguments.large else (False,):
                began = time.monotonic()
                pattern(score, *servers, name, before, how, after, settled)
                print("    %.1f s" % (time.monotonic() - began))
    finally:
        for server in servers:
            server.server.remove()
    score.end()


if __name__ == "__main__":
    main()
