"""A well-behaved client in a process of its own: works all the time, checks every reply, times it."""
import multiprocessing
import os
import socket
import time

from poro import Client

PAUSE_SECONDS = 0.002
# A request that takes longer than this has not been served at all.
TIMEOUT_SECONDS = 20
SAMPLES = 20000


class Witness:
    def __init__(self, port):
        self.port = port
        self.requests = multiprocessing.Value("L", 0, lock=False)
        self.wrong = multiprocessing.Value("L", 0, lock=False)
        self.worst = multiprocessing.Value("d", 0.0, lock=False)
        self.samples = multiprocessing.Array("d", SAMPLES, lock=False)
        self.ending = multiprocessing.Value("b", 0, lock=False)
        self.why = multiprocessing.Array("c", 300, lock=False)
        self.process = multiprocessing.Process(target=self.run, daemon=True)
        self.process.start()

    def run(self):
        try:
            client = Client(self.port, timeout=TIMEOUT_SECONDS)
            turn = 0
            while not self.ending.value:
                self.one_turn(client, turn)
                turn += 1
                time.sleep(PAUSE_SECONDS)
        except (OSError, ValueError) as error:
            self.complain("its connection failed: %r" % error)

    def complain(self, why):
        self.wrong.value += 1
        self.why.value = why[:290].encode()

    def one_turn(self, client, turn):
        key = b"witness:%d" % (turn % 16)
        value = os.urandom(8) * (1 + turn % 64)
        self.timed(client, "OK", "SET", key, value)
        self.timed(client, value, "GET", key)
        self.timed(client, "PONG", "PING")
        self.timed(client, turn + 1, "INCR", "witness:count")

    def timed(self, client, expected, *command):
        began = time.monotonic()
        reply = client.call(*command)
        took = time.monotonic() - began
        if reply != expected:
            self.complain("%r: expected %.60r, got %.60r" % (command[:2], expected, reply))
        self.samples[self.requests.value % SAMPLES] = took
        self.requests.value += 1
        self.worst.value = max(self.worst.value, took)

    def since(self, before):
        """Sorted latencies in seconds of the requests after the count `before`."""
        now = self.requests.value
        first = max(before, now - SAMPLES)
        return sorted(self.samples[i % SAMPLES] for i in range(first, now))

    def end(self):
        self.ending.value = 1
        self.process.join(TIMEOUT_SECONDS)
        if self.process.is_alive():
            self.process.terminate()


def descriptors():
    """How many sockets this process may have at most; raises the soft limit."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def connect(port):
    """A raw connection, ready to send, that does not block."""
    s = socket.socket()
    s.settimeout(10)
    s.connect(("127.0.0.1", port))
    s.setblocking(False)
    return s
