#!/usr/bin/env python3
"""Is the simulator's model right, and does Poro do as it says? Random commands to redis-server and to
Poro, every reply compared with the model's.

usage: model_test.py --poro PROGRAM --compare PROGRAM [--commands N]"""
import argparse
import re
import subprocess
import sys

import servers


def compare(program, server, commands, words):
    """(passed, failed) of one comparison."""
    command = [program, str(server.port), str(commands), "1"] + words
    result = subprocess.run(command, capture_output=True, text=True, timeout=600)
    sys.stdout.write(f"{server.kind}:\n{result.stdout}{result.stderr}")
    count = re.search(r"(\d+) passed, (\d+) failed", result.stdout)
    if count is None or (result.returncode != 0 and int(count[2]) == 0):
        return 0, 1
    return int(count[1]), int(count[2])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--redis", default="redis-server")
    parser.add_argument("--poro", required=True)
    parser.add_argument("--compare", required=True)
    parser.add_argument("--commands", type=int, default=200000)
    arguments = parser.parse_args()
    passed = failed = 0
    for kind, path, words in (("redis", arguments.redis, ["redis"]), ("poro", arguments.poro, [])):
        server = servers.Server(kind, path)
        good, bad = compare(arguments.compare, server, arguments.commands, words)
        server.stop()
        passed += good
        failed += bad
    print(f"model: {passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
