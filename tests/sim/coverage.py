#!/usr/bin/env python3
"""coverage.py BUILD [--uncovered FILE]: what the simulator has run of wal/ and server/, from gcov's
counters in BUILD. Prints a line a file; writes every line that was not run to FILE."""

import argparse
import collections
import json
import os
import subprocess
import sys


def counters(build, folder):
    """{file: {line: count}} of the objects of one folder."""
    files = collections.defaultdict(lambda: collections.defaultdict(int))
    objects = os.path.join(build, folder)
    for name in sorted(os.listdir(objects)):
        if not name.endswith(".gcno"):
            continue
        command = ["gcov", "--json-format", "--stdout", os.path.join(objects, name)]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        for text in result.stdout.splitlines():
            for file in json.loads(text)["files"]:
                for line in file["lines"]:
                    files[file["file"]][line["line_number"]] += line["count"]
    return files


def source_lines(file):
    with open(file, encoding="utf-8") as source:
        return source.read().splitlines()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--uncovered", default=None)
    arguments = parser.parse_args()
    uncovered = []
    for folder in ("wal", "server"):
        total = run = 0
        for file, lines in sorted(counters(arguments.build, folder).items()):
            if not file.startswith(folder + "/"):
                continue
            source = source_lines(file)
            missed = [line for line, count in sorted(lines.items()) if count == 0]
            total += len(lines)
            run += len(lines) - len(missed)
            share = 100.0 * (len(lines) - len(missed)) / max(1, len(lines))
            print(f"{file:36} {len(lines):5} lines  {share:6.1f} %")
            uncovered += [f"{file}:{line}: {source[line - 1].strip()}" for line in missed]
        print(f"{folder + '/':36} {total:5} lines  {100.0 * run / max(1, total):6.1f} %")
    if arguments.uncovered is not None:
        with open(arguments.uncovered, "w", encoding="utf-8") as file:
            file.write("\n".join(uncovered) + "\n")
        print(f"lines that were not run: {len(uncovered)}, listed in {arguments.uncovered}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
