#!/usr/bin/env python3
"""seccomp_test.py --server PATH: the profile for containers suffices; without io_uring the server
says what is wrong."""
import argparse
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from poro import Client, Score, free_port, sanitized  # noqa: E402


def start(options, server, folder, port):
    command = [sys.executable, os.path.join(HERE, "under_seccomp.py")] + options
    settings = os.path.join(folder, "poro.conf")
    with open(settings, "a"):
        pass
    data = os.path.join(folder, "data")
    command += [server, settings, "--port", str(port), "--dir", data, "--bind", "127.0.0.1"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def await_port(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            time.sleep(0.05)
    return False


def serves(score, server, folder):
    for turn, keys in (("new folder", 1), ("old folder", 2)):
        port = free_port()
        process = start(["--kill"], server, folder, port)
        if score.check(turn + ": it starts", await_port(port)):
            client = Client(port)
            while str(client.call("PING")).startswith("LOADING"):
                time.sleep(0.02)
            answers = [client.call("SET", "k", "v"), client.call("GET", "k"), client.call("DBSIZE")]
            score.check(turn + ": it serves", answers == ["OK", b"v", keys], repr(answers))
            client.call("CONFIG", "SET", "appendfsync", "everysec")
            client.call("SET", "large", b"x" * (1 << 20))
            answer = client.call("CONFIG", "REWRITE")
            score.check(turn + ": it rewrites its configuration", answer == "OK", repr(answer))
            time.sleep(1.5)
            client.close()
        process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=20)[0]
        score.check(turn + ": it stops cleanly", process.returncode == 0,
                    "%d %s" % (process.returncode, output))


def explains(score, server, folder):
    for call in ("io_uring_setup", "io_uring_enter", "io_uring_register"):
        process = start(["--without", call], server, folder, free_port())
        output = process.communicate(timeout=20)[0]
        causes = all(word in output for word in ("seccomp", "kernel.io_uring_disabled", "6.1"))
        score.check("without %s it says why" % call, process.returncode == 2 and causes,
                    "%d %s" % (process.returncode, output))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    args = parser.parse_args()
    if platform.machine() != "x86_64" or sanitized(args.server):
        print("seccomp: skipped: it takes x86-64 and a program without sanitizers")
        print("seccomp: 0 passed, 0 failed")
        return 0
    score = Score("seccomp")
    with tempfile.TemporaryDirectory(prefix="poro-seccomp-") as folder:
        serves(score, args.server, folder)
        explains(score, args.server, folder)
    return score.end()


if __name__ == "__main__":
    sys.exit(main())
