"""The two servers under comparison: started on free ports in folders of their own."""
import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import time

import wire

START_SECONDS = 20


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """One process. kind is "redis" or "poro"."""

    def __init__(self, kind, path, options=()):
        self.kind, self.path, self.options = kind, path, list(options)
        self.folder = tempfile.mkdtemp(prefix="poro-compare-")
        self.password = None
        if "--requirepass" in self.options:
            self.password = self.options[self.options.index("--requirepass") + 1]
        atexit.register(self.stop)
        self.start()

    def start(self):
        self.port = free_port()
        command = [self.path, "--port", str(self.port), "--dir", self.folder]
        command += ["--bind", "127.0.0.1"]
        if self.kind == "redis":
            command += ["--save", "", "--appendonly", "no"]
        self.log = open(os.path.join(self.folder, "output.txt"), "ab")
        self.process = subprocess.Popen(
            command + self.options, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.control = wire.Connection(self.port)
                break
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("compare: %s does not start:\n%s" % (self.path, self.output()))
                time.sleep(0.02)
        if self.password:
            wire.call(self.control, "AUTH", self.password)
        while wire.call(self.control, "PING").startswith(b"-LOADING"):
            time.sleep(0.005)

    def output(self):
        self.log.flush()
        with open(self.log.name, "rb") as f:
            return f.read().decode(errors="replace")[-3000:]

    def alive(self):
        return self.process.poll() is None

    def ensure(self):
        """Starts it again if it has died or its control connection is gone; True if it had died."""
        died = not self.alive()
        if died:
            self.start()
        elif self.control.eof or wire.call(self.control, "PING") != b"+PONG\r\n":
            self.control.close()
            self.control = wire.Connection(self.port)
            if self.password:
                wire.call(self.control, "AUTH", self.password)
        return died

    def call(self, *args):
        return wire.call(self.control, *args)

    def stop(self):
        """Ends the process and removes its folder; a second time does nothing."""
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.control.close()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Pair:
    """redis-server and the other one, with the same options."""

    def __init__(self, arguments, options=()):
        self.redis = Server("redis", arguments.redis, options)
        if arguments.self:
            self.other = Server("redis", arguments.redis, options)
        else:
            self.other = Server("poro", arguments.poro, options)
        self.both = (self.redis, self.other)

    def stop(self):
        for server in self.both:
            server.stop()
