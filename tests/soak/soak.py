#!/usr/bin/env python3
# The soak: full load, checkpoints all the time, kill -9 and clean stops; disk use and memory stay bounded.
"""Runs crash_test --soak, which loads, kills, restarts and compares everything with what was answered,
and watches its servers meanwhile: the data folder and the resident memory, each against its bound."""

import argparse
import csv
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import plot  # noqa: E402
from bound import Bound, size  # noqa: E402
from poro import Client, Error, Score, sanitized  # noqa: E402

SAMPLE_SECONDS = 0.2
FIELDS = ["seconds", "life", "disk", "disk_bound", "resident", "resident_bound", "used", "keys",
          "checkpoint", "log", "trigger"]


class Watched:
    """One process of the server, from its start to its end."""

    def __init__(self, pid, words):
        self.pid = pid
        self.settings = dict(zip(words[1::2], words[2::2]))
        self.client = None

    def info(self):
        """None while it does not answer."""
        try:
            if self.client is None:
                self.client = Client(int(self.settings["--port"]), timeout=5)
            reply = self.client.call("INFO")
        except OSError:
            self.client = None
            return None
        if reply is None or isinstance(reply, Error):
            return None
        text = reply.decode(errors="replace")
        return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)

    def disk_bytes(self):
        total, folder = 0, self.settings["--dir"]
        for name in os.listdir(folder):
            try:
                total += os.stat(os.path.join(folder, name)).st_blocks * 512
            except FileNotFoundError:
                pass
        return total

    def resident_bytes(self):
        with open("/proc/%d/statm" % self.pid) as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def server_of(parent):
    """The newest child that is a server: (pid, words of its command line), or None."""
    try:
        with open("/proc/%d/task/%d/children" % (parent, parent)) as f:
            children = [int(word) for word in f.read().split()]
        for pid in reversed(children):
            with open("/proc/%d/cmdline" % pid, "rb") as f:
                words = f.read().decode(errors="replace").split("\0")
            if "--dir" in words:
                return pid, words[:-1]
    except OSError:
        pass
    return None


class Soak:
    def __init__(self, options):
        self.options = options
        self.score = Score("soak")
        self.rows = []
        self.lives = []  # data folders
        self.watched, self.bound = None, None
        self.checkpoints = 0
        self.over = {"disk": None, "resident": None}

    def look(self, parent, began):
        found = server_of(parent)
        if found is None:
            return
        pid, words = found
        if self.watched is None or self.watched.pid != pid:
            self.watched = Watched(pid, words)
            folder = self.watched.settings["--dir"]
            if folder not in self.lives:
                self.lives.append(folder)
                self.bound = Bound(size(self.watched.settings["--wal-segment-size"]),
                                   int(self.watched.settings["--wal-segments-ahead"]))
            self.bound.started()
        try:
            # Measured before what they are compared with, so that growth in between does no harm.
            disk, resident = self.watched.disk_bytes(), self.watched.resident_bytes()
        except OSError:
            return
        info = self.watched.info()
        if info is not None and info.get("loading") == "0":
            self.note(time.monotonic() - began, info, disk, resident)

    def note(self, seconds, info, disk, resident):
        bound = self.bound
        self.checkpoints += bound.saw(info)
        row = [round(seconds, 2), len(self.lives), disk, bound.disk(), resident, bound.resident(),
               int(info["used_memory"]), bound.keys, bound.number, bound.log, bound.trigger]
        self.rows.append(row)
        for what, has, may in (("disk", disk, bound.disk()), ("resident", resident, bound.resident())):
            if has > may and self.over[what] is None:
                self.over[what] = dict(zip(FIELDS, row))

    def run(self):
        options = self.options
        command = [os.path.join(options.build, "crash_test"), "--soak", "--verbose",
                   "--server", os.path.join(options.build, "poro-server"),
                   "--seconds", str(options.seconds), "--folder", options.folder]
        if options.seed is not None:
            command += ["--seed", str(options.seed)]
        began = time.monotonic()
        with open(options.out + ".log", "w") as log:
            test = subprocess.Popen(command, stdout=log, stderr=log)
            while test.poll() is None:
                self.look(test.pid, began)
                time.sleep(SAMPLE_SECONDS)
        with open(options.out + ".log") as f:
            lines = f.read().splitlines()
        print("\n".join(lines[-2:] if test.returncode == 0 else lines[-80:]))
        return test.returncode

    def write(self):
        with open(self.options.out + ".csv", "w", newline="") as f:
            writer = csv.writer(f)
            writer.writerow(FIELDS)
            writer.writerows(self.rows)
        plot.write(self.options.out + ".csv", self.options.out + ".svg")

    def judge(self, status):
        check, rows = self.score.check, self.rows
        check("nothing that was answered is lost", status == 0, "crash_test has ended with %d" % status)
        check("the servers were seen at work", len(rows) > self.options.seconds / 2, len(rows))
        check("checkpoints all the time", self.checkpoints > self.options.seconds / 15, self.checkpoints)
        check("the data folder stays within its bound", self.over["disk"] is None, self.over["disk"])
        if not sanitized(os.path.join(self.options.build, "poro-server")):
            check("so does the resident memory", self.over["resident"] is None, self.over["resident"])
        if rows:
            disk, resident = max(rows, key=lambda r: r[2] / r[3]), max(rows, key=lambda r: r[4] / r[5])
            print("%d lives, %d checkpoints; at most %d %% of the folder's bound (%d of %d MB), %d %% of the"
                  " memory's (%d of %d MB)"
                  % (len(self.lives), self.checkpoints, 100 * disk[2] / disk[3], disk[2] >> 20, disk[3] >> 20,
                     100 * resident[4] / resident[5], resident[4] >> 20, resident[5] >> 20))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--seconds", type=int, default=1800)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--folder", default="/tmp", help="where data folders go (a real disk)")
    parser.add_argument("--out", default=None, help="writes OUT.log, OUT.csv, OUT.svg (default BUILD/soak)")
    options = parser.parse_args()
    options.out = options.out or os.path.join(options.build, "soak")
    soak = Soak(options)
    status = soak.run()
    soak.write()
    soak.judge(status)
    soak.score.end()


if __name__ == "__main__":
    main()
