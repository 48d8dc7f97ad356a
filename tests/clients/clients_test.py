#!/usr/bin/env python3
"""Real clients, unchanged, and applications that use them, each a program of its own.

usage: clients_test.py --server PROGRAM [--against poro|redis] [--build FOLDER] [NAME...]
Without names all but "web", which takes a browser.

Every program gets: port, port of a server with a password, the password, poro or redis. It prints
"ok WHAT" or "FAILED WHAT: why" for each check, "end" when it is through, and "restart" to have the
first server killed (kill -9) and started again, which is answered with the line "restarted"."""
import argparse
import os
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from poro import Server  # noqa: E402

PASSWORD = "correct horse battery staple"
PROGRAM_SECONDS_MAX = 120
# How long the program goes on while the server is not there yet.
DOWN_SECONDS = 0.2


def programs(build):
    """Name and command. Debian's redis-py is for Debian's Python; PATH may have another one."""

    def node(script):
        return ["node", os.path.join(HERE, script)]

    def python(script):
        return ["/usr/bin/python3", os.path.join(HERE, script)]

    return {
        "hiredis": [os.path.join(build, "clients", "hiredis_test")],
        "redis_py": python("redis_py_test.py"),
        "ioredis": node("ioredis_test.js"),
        "node_redis": node("node_redis_test.js"),
        "redis_cli": python("redis_cli_test.py"),
        "redis_benchmark": python("benchmark_test.py"),
        "exporter": python("exporter_test.py"),
        "sessions": node("sessions_test.js"),
        "cache": node("cache_test.js"),
        "idempotency": node("idempotency_test.js"),
        "locks": node("locks_test.js"),
        "web": node(os.path.join("..", "web", "web_test.js")),
    }


class Tested(Server):
    """The server under test, or redis-server as durable as it can be."""

    def __init__(self, kind, path, options=()):
        if kind == "redis":
            options = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""] + list(
                options
            )
        super().__init__(path, list(options) + ["--maxmemory", "1gb"])
        if kind == "redis":
            self.path = path
            os.makedirs(os.path.join(self.folder, "data"))

    def start_again(self):
        self.kill()
        time.sleep(DOWN_SECONDS)
        self.start()


class Program:
    """One run of one program: its checks are counted as it prints them."""

    def __init__(self, name, command, server, guarded, kind):
        self.name, self.server, self.kind = name, server, kind
        arguments = [str(server.port), str(guarded.port), PASSWORD, kind]
        modules = [os.path.join(ROOT, "build", part, "node_modules") for part in ("clients", "web")]
        environment = dict(os.environ, NODE_PATH=os.pathsep.join(modules))
        environment.pop("REDISCLI_AUTH", None)
        self.process = subprocess.Popen(
            command + arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            start_new_session=True,
        )
        self.passed = self.failed = 0
        self.ended = False
        self.last = []

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def line(self, line):
        if line.startswith("ok "):
            self.passed += 1
        elif line.startswith("FAILED "):
            self.failed += 1
            print("%s: %s" % (self.name, line), flush=True)
        elif line == "restart":
            self.server.start_again()
            self.process.stdin.write("restarted\n")
            self.process.stdin.flush()
        elif line == "end":
            self.ended = True
        self.last = (self.last + [line])[-30:]

    def run(self):
        timer = threading.Timer(PROGRAM_SECONDS_MAX, self.kill)
        timer.start()
        try:
            for line in self.process.stdout:
                self.line(line.rstrip("\n"))
        except (RuntimeError, OSError) as error:
            self.last.append(str(error))
        finally:
            timer.cancel()
            self.kill()
            status = self.process.wait()
        if not self.ended or not self.server.alive():
            self.failed += 1
            print(
                "FAILED %s: status %d, server %s; its last words:\n    %s"
                % (
                    self.name,
                    status,
                    "there" if self.server.alive() else "gone",
                    "\n    ".join(self.last),
                ),
                flush=True,
            )


def run_all(chosen, server, guarded, kind):
    passed = failed = 0
    for name, command in chosen.items():
        if not server.alive():
            server.start()
        server.client().call("FLUSHALL")
        guarded.client().pipeline([("AUTH", PASSWORD), ("FLUSHALL",)])
        began = time.monotonic()
        program = Program(name, command, server, guarded, kind)
        program.run()
        print(
            "  %-16s %3d passed, %d failed, %.1f s"
            % (name, program.passed, program.failed, time.monotonic() - began),
            flush=True,
        )
        passed += program.passed
        failed += program.failed
    return passed, failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", default="redis-server")
    parser.add_argument("--against", choices=("poro", "redis"), default="poro")
    parser.add_argument("--build", default="build")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    chosen = programs(os.path.abspath(arguments.build))
    names = arguments.names or [name for name in chosen if name != "web"]
    chosen = {name: chosen[name] for name in names}
    path = arguments.server if arguments.against == "poro" else "/usr/bin/redis-server"
    server = Tested(arguments.against, path)
    guarded = Tested(arguments.against, path, ["--requirepass", PASSWORD])
    try:
        server.start()
        guarded.start()
        passed, failed = run_all(chosen, server, guarded, arguments.against)
    finally:
        server.remove()
        guarded.remove()
    print("clients: %d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
