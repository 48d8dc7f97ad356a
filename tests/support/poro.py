"""For tests in Python: the server as a process, a blocking client, and a count of checks."""
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

START_SECONDS = 60


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def encode(*args):
    """A command as an array of bulk strings."""
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        if not isinstance(arg, bytes):
            arg = str(arg).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(arg), arg))
    return b"".join(parts)


class Error(str):
    """An error reply: its text without the dash."""


class Status(str):
    """A simple string."""


class Client:
    """A blocking connection. Replies: Status, Error, int, bytes, None or a list (RESP2)."""

    def __init__(self, port, timeout=30):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.bytes = bytearray()
        self.at = 0

    def close(self):
        self.socket.close()

    def send(self, *args):
        self.socket.sendall(encode(*args))

    def call(self, *args):
        self.send(*args)
        return self.reply()

    def pipeline(self, commands):
        """All at once (they should fit the sockets' buffers); their replies."""
        self.socket.sendall(b"".join(encode(*command) for command in commands))
        return [self.reply() for _ in commands]

    def more(self):
        if self.at > 1 << 20:
            del self.bytes[: self.at]
            self.at = 0
        data = self.socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the server has closed the connection")
        self.bytes += data

    def line(self):
        while True:
            end = self.bytes.find(b"\r\n", self.at)
            if end >= 0:
                line = bytes(self.bytes[self.at : end])
                self.at = end + 2
                return line
            self.more()

    def reply(self):
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return Status(rest.decode())
        if kind == b"-":
            return Error(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return self.bulk(int(rest))
        if kind == b"*":
            return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]
        raise ValueError("not a reply: %r" % line)

    def bulk(self, length):
        if length < 0:
            return None
        while len(self.bytes) - self.at < length + 2:
            self.more()
        value = bytes(self.bytes[self.at : self.at + length])
        self.at += length + 2
        return value


class Server:
    """One process in a folder of its own, or in the one that is given."""

    def __init__(self, path, options=(), folder=None, descriptors=None, environment=None, settings=None):
        self.path, self.options = os.path.abspath(path), list(options)
        self.settings = settings  # the configuration file
        self.made = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="poro-test-")
        self.descriptors, self.environment = descriptors, environment
        self.port = free_port()
        self.logs = tempfile.mkdtemp(prefix="poro-test-log-")
        self.process = None

    def limit(self):
        if self.descriptors is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.descriptors, self.descriptors))

    def start(self):
        """Returns the seconds until it has answered; raises RuntimeError when it does not."""
        began = time.monotonic()
        command = [self.path] + ([self.settings] if self.settings else [])
        command += ["--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", os.path.join(self.folder, "data")] + self.options
        with open(os.path.join(self.logs, "server.log"), "ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                preexec_fn=self.limit, env=dict(os.environ, **(self.environment or {})),
            )
        while True:
            try:
                client = Client(self.port, timeout=START_SECONDS)
                reply = client.call("PING")
                client.close()
                if not str(reply).startswith("LOADING"):
                    return time.monotonic() - began
            except OSError:
                pass
            if self.process.poll() is not None:
                raise RuntimeError("exit code %d at start:\n%s" % (self.process.returncode, self.log()))
            if time.monotonic() - began > START_SECONDS:
                raise RuntimeError("not ready after %d s:\n%s" % (START_SECONDS, self.log()))
            time.sleep(0.005)

    def client(self, timeout=30):
        return Client(self.port, timeout)

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=30):
        """A clean stop; returns the exit code, None when there was none in time."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def log(self):
        with open(os.path.join(self.logs, "server.log"), "rb") as log:
            return log.read()[-3000:].decode(errors="replace")

    def status(self, field):
        """A number from /proc/PID/status, in its unit (kB for memory)."""
        with open("/proc/%d/status" % self.process.pid) as f:
            for line in f:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
        raise KeyError(field)

    def resident_mb(self):
        return self.status("VmRSS") / 1024

    def remove(self):
        if self.process is not None and self.alive():
            self.kill()
        shutil.rmtree(self.logs, ignore_errors=True)
        if self.made:
            shutil.rmtree(self.folder, ignore_errors=True)


def sanitized(path):
    """Whether the program was built with the address sanitizer: its memory is another matter."""
    with open(path, "rb") as f:
        return b"__asan_init" in f.read()


class Score:
    """Counts checks; ends the program with the line that make test looks for."""

    def __init__(self, name):
        self.name, self.passed, self.failed = name, 0, 0

    def check(self, what, right, detail=""):
        if right:
            self.passed += 1
        else:
            self.failed += 1
            print("FAILED %s: %s %s" % (self.name, what, detail), flush=True)
        return right

    def end(self):
        print("%s: %d passed, %d failed" % (self.name, self.passed, self.failed), flush=True)
        sys.exit(1 if self.failed else 0)
