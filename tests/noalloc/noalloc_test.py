#!/usr/bin/env python3
"""noalloc_test.py --server PATH --counter LIBRARY: the server allocates nothing once it has started.

LIBRARY is count_malloc.c, built as a shared object. The server's own guard aborts on the first
call of malloc; the library counts independently what reaches the C library. First both see a full
load pass without a call, then both are shown to work by one deliberate call.
"""
import argparse
import os
import random
import signal
import socket
import struct
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from poro import Client, Error, Score, Server, encode, sanitized  # noqa: E402

OPTIONS = ["--maxmemory", "200mb", "--maxclients", "300", "--wal-segment-size", "1mb",
           "--loglevel", "debug", "--enable-debug-command", "yes"]
KEYS = 150000

# Every family, in its common forms and some wrong ones. Placeholders: k a key, v a value.
COMMANDS = """
PING|PING hello|ECHO hello|HELLO|HELLO 2 SETNAME me|HELLO 9|AUTH x|AUTH x y|SELECT 3|SELECT 99|SELECT 0
SET k v|SET k v EX 100|SET k v PX 50|SET k v NX|SET k v XX GET|SET k v KEEPTTL|SET k v EXAT 9999999999
SET k v WRONG|SET k|GET k|GET|DEL k k|UNLINK k|EXISTS k k k|MGET k k k|MSET k v k v|MSET k v k
INCR n|DECR n|INCRBY n 100|DECRBY n x|INCR k|STRLEN k|APPEND k v|EXPIRE k 100|PEXPIRE k 20 NX
EXPIRE k 1 GT|EXPIRE k x|TTL k|PTTL k|PERSIST k|TYPE k|DBSIZE|KEYS *1*|KEYS [a-|SCAN 0 COUNT 500
SCAN 0 MATCH k* TYPE string|SCAN x|COMMAND|COMMAND COUNT|COMMAND LIST|COMMAND LIST FILTERBY PATTERN s*
COMMAND DOCS|COMMAND DOCS set get nothing|COMMAND INFO|COMMAND INFO get nothing
COMMAND GETKEYS MSET a b c d|COMMAND GETKEYS GET|COMMAND HELP|CLIENT ID|CLIENT SETNAME me|CLIENT GETNAME
CLIENT SETINFO LIB-NAME lib|CLIENT SETINFO WHAT x|CLIENT INFO|CLIENT LIST|CLIENT LIST TYPE normal
CLIENT LIST ID 1 2 3|CLIENT KILL 1.2.3.4:5|CLIENT KILL ID 99999|CLIENT NO-EVICT on|CLIENT NO-TOUCH off
CLIENT REPLY ON|CLIENT REPLY SKIP|PING|CLIENT HELP|CLIENT NOTHING|CONFIG GET *|CONFIG GET max* save
CONFIG SET appendfsync everysec|CONFIG SET appendfsync no|CONFIG SET appendfsync always
CONFIG SET wal-ack completion|CONFIG SET wal-ack intent|CONFIG SET hz 50|CONFIG SET hz x
CONFIG SET maxmemory 190mb timeout 0|CONFIG SET nothing 1|CONFIG RESETSTAT|CONFIG HELP
CONFIG SET loglevel verbose|CONFIG SET loglevel debug|INFO|INFO everything|INFO server clients
INFO keyspace nothing|TIME|SHUTDOWN WRONG|RESET|NOTHING a b|FLUSHDB|FLUSHDB ASYNC|FLUSHALL SYNC
TOUCH k k|RENAME k k|RENAMENX k k|COPY k k|COPY k k REPLACE DB 3|MOVE k 3|RANDOMKEY|SWAPDB 3 4|SWAPDB 3 x
EXPIREAT k 9999999999|PEXPIREAT k 1|EXPIRETIME k|PEXPIRETIME k|DUMP k|RESTORE k 0 v|RESTORE k 0 v REPLACE
GETSET k v|GETDEL k|GETEX k EX 100|GETEX k PERSIST|SETNX k v|SETEX k 100 v|PSETEX k 50 v|MSETNX k v k v
MSETEX 2 k v k v NX EX 100|MSETEX 3 k v|INCRBYFLOAT f 1.5|INCRBYFLOAT f 1e4932|INCRBYFLOAT f -1e4932
INCRBYFLOAT f 0x1p-16000|INCREX n BYINT 3 UBOUND 9 SATURATE EX 9|INCREX f BYFLOAT 1e4000|GETRANGE k 0 -1
GETRANGE k 3 99999|SETRANGE k 100 v|SETRANGE k 200000 v|LCS k k|LCS n k IDX WITHMATCHLEN|LCS k f LEN
DELIFEQ k v|DELEX k IFNE v|DIGEST k|SET k v IFEQ v|SET k v IFDNE 0123456789abcdef|SETBIT k 90000 1
GETBIT k 7|BITCOUNT k 1 -2 BIT|BITPOS k 0 3|BITOP AND k k k|BITOP NOT k k|BITOP XOR k k k k
BITFIELD k SET u8 0 9 INCRBY i5 99 3 OVERFLOW FAIL GET u63 70|BITFIELD_RO k GET i64 #3
ACL WHOAMI|ACL LIST|ACL GETUSER default|ACL CAT|ACL CAT string|ACL DRYRUN default get k|ACL GENPASS 4096
ACL SETUSER default on|ACL SETUSER default x|ACL LOG|ACL HELP|CLUSTER INFO|CLUSTER FOO|READONLY|MODULE LIST
MODULE LOAD x|ROLE|REPLICAOF NO ONE|REPLICAOF a 1|SAVE|BGSAVE|BGREWRITEAOF|LASTSAVE|LOLWUT|MEMORY STATS
MEMORY DOCTOR|MEMORY MALLOC-STATS|MEMORY PURGE|CLIENT PAUSE 5 WRITE|CLIENT PAUSE 1|CLIENT UNPAUSE
CLIENT UNBLOCK 1|CONFIG SET slowlog-log-slower-than 0 latency-monitor-threshold 1|SET k v|MGET k k k k k k k k
DEBUG SLEEP 0.01|DEBUG OBJECT k|DEBUG PROTOCOL map|DEBUG ERROR x|DEBUG LOG x|SLOWLOG GET -1|SLOWLOG LEN
LATENCY HISTORY command|LATENCY GRAPH command|LATENCY DOCTOR|LATENCY HISTOGRAM|LATENCY HISTOGRAM get client
LATENCY RESET|SLOWLOG RESET|CONFIG SET slowlog-log-slower-than 10000 latency-monitor-threshold 0
CONFIG SET latency-tracking-info-percentiles 5|INFO commandstats|INFO latencystats|INFO errorstats|CONFIG REWRITE
MONITOR|ECHO v|GET k|INFO server|RESET|OBJECT ENCODING k|OBJECT IDLETIME k|OBJECT REFCOUNT k|OBJECT FREQ k|OBJECT HELP|WAIT 1 0|WAITAOF 1 0 0|LATENCY LATEST|MEMORY USAGE k|MULTI|EXEC|SUBSCRIBE x|EVAL x 0
""".replace("\n", "|").strip("|").split("|")


def sample(rng, text):
    words = []
    for word in text.split():
        if word == "k":
            word = "key:%d" % rng.randrange(2000)
        elif word == "v":
            word = rng.randbytes(rng.choice([0, 5, 60, 600, 5000, 40000, 150000]))
        elif word == "n":
            word = "number:%d" % rng.randrange(50)
        words.append(word)
    return words


def every_command(server, rng):
    """All of the list above, in both protocols, and every command of the table with odd arguments."""
    for protocol in ("2", "3"):
        client = server.client()
        client.socket.sendall(encode("HELLO", protocol))
        drain(client.socket)
        for text in COMMANDS:
            client.socket.sendall(encode(*sample(rng, text)))
            drain(client.socket, 0.004)
        client.close()
    client = server.client()
    names = [name for name in client.call("COMMAND", "LIST") if name != b"shutdown"]
    for name in names:
        for count in (0, 1, 2, 3, 7):
            other = server.client()
            other.socket.sendall(encode(name, *[rng.choice(["a", "1", "*", "GET", "-1", ""])
                                                for _ in range(count)]))
            drain(other.socket, 0.002)
            other.close()
    client.close()
    return names


def drain(s, seconds=0.05):
    """Takes what arrives within this time; the load is what counts here, not the replies."""
    s.settimeout(seconds)
    try:
        while s.recv(1 << 18):
            pass
    except OSError:
        pass


def grow(server):
    """Many keys: the table grows, the log changes its segments, keys expire."""
    client = server.client()
    client.call("SELECT", "1")
    for first in range(0, KEYS, 1000):
        commands = []
        for i in range(first, first + 1000):
            expiry = ["PX", str(1 + i % 300)] if i % 5 == 0 else []
            commands.append(["SET", "grow:%d" % i, "v" * (i % 90)] + expiry)
        client.pipeline(commands)
    time.sleep(0.5)
    client.call("SCAN", "0", "COUNT", "100000")
    client.call("FLUSHDB")
    client.close()


def fill_memory(server):
    """Up to maxmemory and against it."""
    client = server.client()
    client.call("SELECT", "2")
    refused = 0
    for i in range(400):
        reply = client.call("SET", "big:%d" % i, b"x" * (1 << 20))
        refused += isinstance(reply, Error) and reply.startswith("OOM")
    client.call("APPEND", "big:0", b"y" * (1 << 20))
    client.call("FLUSHDB")
    client.close()
    return refused


def rude_clients(server, rng):
    """Protocol errors, clients that do not read, vanish, are too many, are killed."""
    port = server.port
    for data in (b"*1\r\n$-5\r\n", b"*99999999\r\n", b"\"x\r\n", b"x" * 70000, b"*3\r\n$3\r\nSET\r\n"):
        s = socket.create_connection(("127.0.0.1", port))
        s.sendall(data)
        drain(s, 0.01)
        s.close()
    slow = []
    for i in range(40):
        s = socket.create_connection(("127.0.0.1", port))
        s.setblocking(False)
        try:
            s.send(encode("GET", "key:%d" % i) * 2000 + encode("COMMAND", "DOCS") * 50)
        except BlockingIOError:
            pass
        slow.append(s)
    big = socket.create_connection(("127.0.0.1", port))
    big.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$100000000\r\n" + b"z" * 3000000)
    trickle = socket.create_connection(("127.0.0.1", port))
    trickle.sendall(b"*1048576\r\n$3\r\nDEL\r\n" + b"$3\r\nabc\r\n" * 20000)
    crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(280)]
    time.sleep(0.3)
    crowd[0].sendall(encode("CLIENT", "LIST") + encode("CLIENT", "KILL", "TYPE", "normal"))
    drain(crowd[0], 0.2)
    for s in slow + crowd + [big, trickle]:
        if rng.random() < 0.5:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
    time.sleep(0.1)


def heap_kilobytes(server):
    """Size of the heap that brk makes; 0 when there is none."""
    with open("/proc/%d/maps" % server.process.pid) as f:
        for line in f:
            if line.rstrip().endswith("[heap]"):
                first, last = line.split()[0].split("-")
                return (int(last, 16) - int(first, 16)) >> 10
    return 0


class Counted:
    """A server with the counting library preloaded."""

    def __init__(self, path, library):
        self.file = tempfile.NamedTemporaryFile(prefix="poro-count-")
        self.file.write(bytes(8))
        self.file.flush()
        environment = {"LD_PRELOAD": os.path.abspath(library), "PORO_COUNT_FILE": self.file.name}
        self.settings = tempfile.NamedTemporaryFile(prefix="poro-count-", suffix=".conf")
        self.server = Server(path, OPTIONS, environment=environment, settings=self.settings.name)
        self.server.start()

    def count(self):
        self.file.seek(0)
        return struct.unpack("Q", self.file.read(8))[0]

    def end(self):
        self.server.remove()
        self.file.close()


def loaded(score, path, library):
    rng = random.Random(1)
    counted = Counted(path, library)
    server = counted.server
    count, heap = counted.count(), heap_kilobytes(server)
    score.check("the counter counts what start-up allocates", count > 0, count)
    steps = {
        "every command": lambda: len(every_command(server, rng)) >= 40,
        "many keys": lambda: grow(server) is None,
        "full memory": lambda: fill_memory(server) > 0,
        "rude clients": lambda: rude_clients(server, rng) is None,
        "every command again": lambda: len(every_command(server, rng)) >= 40,
    }
    for name, step in steps.items():
        try:
            right = step()
        except (OSError, ValueError) as error:
            right = False
            score.check("%s: the server answers" % name, False, repr(error))
        time.sleep(0.05)
        if not score.check("%s: the server lives" % name, server.alive(), server.log()):
            counted.end()
            return
        score.check("%s: the load was as meant" % name, right)
        score.check("%s: nothing was allocated" % name, counted.count() == count,
                    "%d calls" % (counted.count() - count))
        score.check("%s: the heap has its size" % name, heap_kilobytes(server) == heap)
    score.check("a clean stop", server.stop() == 0, server.log())
    counted.end()


def broken_promise(score, path, library):
    """One deliberate malloc must be seen: the test can fail."""
    counted = Counted(path, library)
    counted.server.process.send_signal(signal.SIGUSR2)
    deadline = time.monotonic() + 10
    while counted.server.alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    died = counted.server.process.poll() == -signal.SIGABRT
    score.check("one malloc ends the server", died, counted.server.process.poll())
    score.check("the guard says why", "heap_guard: malloc of 10 bytes" in counted.server.log(),
                counted.server.log())
    counted.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--counter", required=True)
    arguments = parser.parse_args()
    score = Score("noalloc")
    if sanitized(arguments.server):
        print("noalloc: skipped: the sanitizer brings its own malloc")
        score.end()
    loaded(score, arguments.server, arguments.counter)
    broken_promise(score, arguments.server, arguments.counter)
    score.end()


if __name__ == "__main__":
    main()
