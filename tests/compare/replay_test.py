#!/usr/bin/env python3
"""What the log says of every command: random commands, the server killed, started again, and everything
must be as it was; and commands that find no memory, which must not change anything.

usage: replay_test.py --server PROGRAM [--commands N] [--seed N]
"""
import argparse
import random
import signal
import sys

import generate
import servers
import wire

ROUNDS = 4
SMALL = 64 * 1024 * 1024
EMPTIED = 60


class Test:
    def __init__(self, arguments):
        self.arguments = arguments
        self.passed = self.failed = 0

    def check(self, good, report):
        self.passed += bool(good)
        self.failed += not good
        if not good:
            print("FAILED", report, flush=True)

    # --- random commands, and a restart

    @staticmethod
    def state(connection):
        """Everything that is there: (database, key) -> (value, expiry in ms since 1970)."""
        state = {}
        for database in range(16):
            wire.call(connection, "SELECT", database)
            keys = [v[1] for v in wire.parse(wire.call(connection, "KEYS", "*"))[1]]
            for key in keys:
                value = wire.call(connection, "GET", key)
                state[database, key] = (value, wire.call(connection, "PEXPIRETIME", key))
        wire.call(connection, "SELECT", 0)
        return state

    @staticmethod
    def restart(server):
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        server.control.close()
        server.start()

    def commands(self, server, generator, count):
        """Sends pipelines until so many commands have been answered."""
        connection = wire.Connection(server.port)
        done = 0
        while done < count:
            commands, _ = generator.pipeline()
            connection.send(b"".join(wire.encode(words) for words, _ in commands))
            wire.pump([connection], lambda: connection.eof or len(connection.replies) >= len(commands), 20)
            if len(connection.replies) < len(commands):
                self.check(False, "no reply to %r" % commands[len(connection.replies)][0][:4])
                return
            connection.replies = []
            done += len(commands)
        connection.close()

    def replay(self):
        server = servers.Server("poro", self.arguments.server)
        for round_number in range(ROUNDS):
            seed = "%d-%d" % (self.arguments.seed, round_number)
            self.commands(server, generate.Generator(seed), self.arguments.commands // ROUNDS)
            before = self.state(server.control)
            self.restart(server)
            after = self.state(server.control)
            wrong = [k for k in set(before) | set(after) if before.get(k) != after.get(k)]
            self.check(not wrong, "seed %s: after a restart %r differ, as\n  before %r\n  after  %r" % (
                seed, wrong[:5], [before.get(k) for k in wrong][:1], [after.get(k) for k in wrong][:1]))  # fmt: skip
            self.passed += len(before)
        server.stop()

    # --- no memory

    def refused(self, connection, *words):
        reply = wire.call(connection, *words)
        self.check(reply is not None and reply[:4] == b"-OOM", "%r: %r" % (words[:3], (reply or b"")[:80]))

    def full(self):
        """Each command that would take too much changes nothing."""
        server = servers.Server("poro", self.arguments.server, ["--maxmemory", str(SMALL)])
        connection = server.control
        size = SMALL // 4
        noise = random.Random(1).randbytes(size)
        wire.call(connection, "SET", b"a", noise)
        wire.call(connection, "SET", b"b", noise[::-1])
        wire.call(connection, "SET", b"small", b"value", b"EX", b"1000")
        before = self.state(connection)
        far = str(SMALL)
        for words in (
            (b"SETRANGE", b"small", far, b"x"),
            (b"SETRANGE", b"new", far, b"x"),
            (b"SETBIT", b"small", str(SMALL * 8), b"1"),
            (b"SETBIT", b"new", str(SMALL * 8), b"1"),
            (b"BITFIELD", b"small", b"SET", b"u8", b"0", b"1", b"SET", b"u8", str(SMALL * 8), b"1"),
            (b"BITFIELD", b"new", b"SET", b"u8", b"0", b"1", b"SET", b"u8", str(SMALL * 8), b"1"),
            (b"MSETNX", b"new", b"x", b"new2", noise, b"new3", noise),
            (b"MSETEX", b"3", b"small", b"x", b"new2", noise, b"new3", noise, b"EX", b"100"),
        ):
            self.refused(connection, *words)
        self.check(self.state(connection) == before, "a command that was refused has changed something")
        wire.call(connection, "SET", b"c", noise)
        before = self.state(connection)
        for words in ((b"BITOP", b"OR", b"d", b"a", b"b"), (b"BITOP", b"NOT", b"small", b"a")):
            self.refused(connection, *words)
        self.refused(connection, b"GETSET", b"small", noise)
        reply = wire.call(connection, "BITOP", "OR", "small", *["a"] * 520)
        self.check(reply.startswith(b"-ERR the values are longer than"), "BITOP: %r" % reply[:80])
        self.check(self.state(connection) == before, "BITOP or GETSET has changed something")
        self.check(wire.call(connection, "BITOP", "XOR", "a", "a", "b") == b":%d\r\n" % size, "BITOP in place")
        wire.call(connection, "SET", "d", noise[: SMALL // 16])
        wire.call(connection, "MSET", "x", noise[:11000], "y", noise[-11000:])
        before = self.state(connection)
        reply = wire.call(connection, "LCS", "x", "y")
        self.check(reply.startswith(b"-ERR Insufficient memory, failed allocating"), "LCS: %r" % reply[:80])
        wire.call(connection, "DEL", "c")
        reply = wire.call(connection, "LCS", "x", "y", "LEN")
        self.check(reply[:1] == b":", "LCS: %r" % reply[:80])
        wire.call(connection, "SET", "c", noise)
        self.check(self.state(connection) == before, "LCS keeps no memory")
        before = self.state(connection)
        self.restart(server)
        self.check(self.state(server.control) == before, "all as before after a restart")
        server.stop()

    # --- emptied databases

    def emptied(self):
        """What databases held that were emptied takes no memory together when the log is replayed."""
        server = servers.Server("poro", self.arguments.server, ["--maxmemory", str(SMALL)])
        connection = server.control
        done = tries = 0
        while done < EMPTIED and tries < 100 * EMPTIED:
            # The one before is freed in the background.
            done += wire.call(connection, "SETRANGE", "big", str(SMALL // 2), "x")[:1] == b":"
            wire.call(connection, "FLUSHALL" if done % 2 else "FLUSHDB")
            tries += 1
        self.check(done == EMPTIED, "emptied: %d of %d" % (done, EMPTIED))
        wire.call(connection, "SET", "last", "1")
        self.restart(server)
        self.check(wire.call(server.control, "GET", "last") == b"$1\r\n1\r\n", "emptied: the last key")
        with open("/proc/%d/status" % server.process.pid, encoding="ascii") as f:
            peak = next(int(l.split()[1]) * 1024 for l in f if l.startswith("VmHWM:"))
        most = EMPTIED * SMALL // 4
        self.check(peak < most, "emptied: a restart took %d bytes of memory, %d at most" % (peak, most))
        server.stop()

    def run(self):
        self.replay()
        self.full()
        self.emptied()
        print("replay: %d passed, %d failed" % (self.passed, self.failed))
        return 1 if self.failed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--commands", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    sys.exit(Test(parser.parse_args()).run())
