#!/usr/bin/env python3
"""regress_test.py --server PATH: exact byte sequences that once crashed or misled the server."""
import argparse
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from poro import Error, Score, Server, encode  # noqa: E402

PAUSE = 0.05


def talk(server, packets, wait=0.3):
    """Sends packet by packet; what comes back until nothing has come for a while."""
    s = socket.create_connection(("127.0.0.1", server.port), timeout=wait)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for packet in packets:
        s.sendall(packet)
        time.sleep(PAUSE)
    got = b""
    try:
        while True:
            more = s.recv(65536)
            if not more:
                break
            got += more
    except (TimeoutError, ConnectionResetError):
        pass
    s.close()
    return got


# name, packets, the whole answer
SEQUENCES = [
    ("QUIT in two packets", [b"*1\r\n$4\r\nQU", b"IT\r\n"], b"+OK\r\n"),
    ("SET and a split QUIT", [encode("SET", "a", "1") + b"*1\r\n$4\r\nQU", b"IT\r\n"], b"+OK\r\n+OK\r\n"),
    ("nothing behind a split QUIT", [b"*1\r\n$4\r\nQU", b"IT\r\n*1\r\n$4\r\nPING\r\n"], b"+OK\r\n"),
    ("QUIT with a large argument", [encode("QUIT", "x" * 40000)], b"+OK\r\n"),
    ("a blank line in two packets", [b"\r", b"\n", b"PING\r\n"], b"+PONG\r\n"),
    ("an empty array in two packets", [b"*0\r", b"\n", b"PING\r\n"], b"+PONG\r\n"),
    ("blank lines at a buffer's end", [b"PING\r\n" * 2730 + b"\r\n\r\n" + b"ECHO hello\r\n"],
     b"+PONG\r\n" * 2730 + b"$5\r\nhello\r\n"),
    ("an inline line in pieces", [b'SET "a b', b'" "x\\x41', b' y"\r\nGET "a b"\r\n'],
     b"+OK\r\n$4\r\nxA y\r\n"),
    ("inline behind an array", [encode("PING") + b'ECHO "a b"\r\n' + encode("PING")],
     b"+PONG\r\n$3\r\na b\r\n+PONG\r\n"),
    ("an error that is to be skipped",
     [encode("CLIENT", "REPLY", "SKIP") + encode("SET", "k", "v", "WRONG") + encode("PING")],
     b"+PONG\r\n"),
]


def sequences(score, server):
    for name, packets, expected in SEQUENCES:
        got = talk(server, packets)
        score.check(name, got == expected, "%r, expected %r" % (got[-80:], expected[-80:]))
        if not score.check(name + ": the server lives", server.alive(), server.log()):
            return


def long_keys(score, server):
    client = server.client()
    for command in (["GET"], ["EXISTS"], ["TTL"], ["STRLEN"], ["TYPE"], ["DEL"], ["INCR"]):
        reply = client.call(*command, b"k" * (9 << 20))
        score.check("%s of a key of 9 MB" % command[0], isinstance(reply, Error), repr(reply)[:80])
    score.check("long keys: the server lives", server.alive(), server.log())


def waiting_inline(score, server):
    """Inline commands with quotes that have to wait for the log are unquoted only once."""
    stop = threading.Event()

    def flood():
        client = server.client()
        while not stop.is_set():
            client.pipeline([["SET", "f%d" % (i % 50), b"x" * 30000] for i in range(60)])

    floods = [threading.Thread(target=flood, daemon=True) for _ in range(3)]
    for thread in floods:
        thread.start()
    right = 0
    client = server.client()
    for _ in range(8):
        client.socket.sendall(b'SET q "a \\x41 b c"\r\n' * 60 + b'GET "q"\r\n')
        right += sum(client.reply() == "OK" for _ in range(60))
        right += client.reply() == b"a A b c"
    stop.set()
    for thread in floods:
        thread.join(10)
    score.check("inline commands that wait", right == 8 * 61, "%d of %d" % (right, 8 * 61))


def expired_together(score, server):
    """More expired keys in one command than a batch takes."""
    client = server.client()
    client.call("FLUSHALL")
    keys = ["expiring:%06d:%s" % (i, "k" * 60) for i in range(30000)]
    for begin in range(0, len(keys), 1000):
        client.pipeline([["SET", key, "v", "PX", "400"] for key in keys[begin:begin + 1000]])
    time.sleep(0.6)
    reply = client.call("MGET", *keys)
    score.check("MGET of 30,000 expired keys", reply == [None] * len(keys))
    score.check("none of them is left", client.call("DBSIZE") == 0, repr(client.call("DBSIZE")))
    score.check("expired keys: the server lives", server.alive(), server.log())


def mset_whole(score, path):
    """An MSET that does not fit changes nothing, also when the table grows on the way."""
    server = Server(path, ["--maxmemory", "20mb", "--wal-segment-size", "4mb"])
    server.start()
    client = server.client()
    broken = []
    for count in (1000, 3000, 8000, 13500, 30000, 55000, 90000, 120000):
        client.call("FLUSHALL")
        time.sleep(0.3)  # the flushed keys are freed meanwhile
        pairs = [part for i in range(count) for part in ("m%d:%06d" % (count, i), "v" * 100)]
        reply = client.call("MSET", *pairs)
        size = client.call("DBSIZE")
        if size != (count if reply == "OK" else 0):
            broken.append((count, reply, size))
    score.check("MSET is whole", not broken, repr(broken))
    server.kill()
    server.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    args = parser.parse_args()
    score = Score("regress")
    server = Server(args.server, ["--maxmemory", "512mb", "--wal-segment-size", "4mb"])
    server.start()
    for part in (sequences, long_keys, waiting_inline, expired_together):
        if server.alive():
            part(score, server)
    server.kill()
    server.remove()
    mset_whole(score, args.server)
    return score.end()


if __name__ == "__main__":
    sys.exit(main())
