"""What the tests of connections share: a server with a watcher, clients, what INFO says."""
import os
import socket
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, os.path.join(HERE, "..", "hostile"))
from poro import Client, Server, sanitized  # noqa: E402
from witness import Witness  # noqa: E402

MS_P99_MAX = 250
# The sanitizers make the server slower and fatter.
SLOW = 6


class Local(Client):
    """A client on a unix socket."""

    def __init__(self, path, timeout=30):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.bytes = bytearray()
        self.at = 0


def dial(port, source=0):
    s = socket.socket()
    if source:
        s.bind(("127.0.0.%d" % (1 + source), 0))
    s.connect(("127.0.0.1", port))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.settimeout(20)
    return s


def hang_up(sockets):
    for s in sockets:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()


def push(s, data):
    """Sends it unless the server closes the connection before."""
    try:
        s.sendall(data)
    except OSError:
        pass


def ended(s):
    """Has the server closed it? What it sent before is thrown away."""
    s.setblocking(False)
    try:
        while s.recv(1 << 16):
            pass
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        s.settimeout(20)


def await_end(s, seconds=10):
    """Seconds until the server closes it, None if it does not."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if ended(s):
            return time.monotonic() - began
        time.sleep(0.02)
    return None


def info(client, field):
    for line in client.call("INFO").decode().split("\r\n"):
        if line.startswith(field + ":"):
            return int(line.split(":")[1])
    raise ValueError("INFO has no %s" % field)


def await_clients(client, count, seconds=10):
    deadline = time.monotonic() + seconds
    while info(client, "connected_clients") != count and time.monotonic() < deadline:
        time.sleep(0.05)
    return info(client, "connected_clients")


def fields(line):
    return dict(word.partition("=")[::2] for word in line.decode().split())


class Stage:
    """A server for one part, and who watches it meanwhile."""

    def __init__(self, score, path, options=(), witness=False):
        self.score, self.path = score, path
        self.slow = SLOW if sanitized(path) else 1
        base = ["--maxmemory", "256mb", "--wal-segment-size", "16mb", "--appendfsync", "everysec"]
        self.server = Server(path, base + list(options))
        self.server.start()
        self.port = self.server.port
        self.client = self.server.client()
        await_clients(self.client, 1)  # who asked at the start whether it was ready has left
        self.witness = Witness(self.port) if witness else None
        deadline = time.monotonic() + 10
        while witness and self.witness.requests.value == 0 and time.monotonic() < deadline:
            time.sleep(0.01)

    def watched(self, what, before):
        latencies = sorted(self.witness.since(before))
        worst = latencies[int(len(latencies) * 0.99)] if latencies else 99
        self.score.check("%s: others are served" % what, worst * 1000 < MS_P99_MAX * self.slow,
                         "p99 %.1f ms of %d" % (worst * 1000, len(latencies)))

    def end(self, what):
        score = self.score
        if self.witness is not None:
            self.witness.end()
            score.check("%s: every answer was right" % what, self.witness.wrong.value == 0)
        score.check("%s: a clean stop" % what, self.server.stop() == 0, self.server.log())
        self.server.remove()
