"""The servers of scale.py: Poro and redis-server with their settings, what they are asked, and what the
system tells about them."""
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from poro import Client, Error, free_port  # noqa: E402

START_SECONDS = 600
CHECKPOINT_SECONDS = 900
POLL_SECONDS = 0.02


class Kind:
    """What to start, how it makes a checkpoint, and whether it keeps what came after."""

    def __init__(self, name, command, checkpoint, running, keeps_log):
        self.name, self.command = name, command
        self.checkpoint, self.running, self.keeps_log = checkpoint, running, keeps_log


def kinds(poro, redis):
    """No checkpoint begins by itself: they are asked for, so that it is known when one runs."""
    mine = [poro, "--auto-aof-rewrite-percentage", "0"]
    theirs = [redis, "--save", "", "--auto-aof-rewrite-percentage", "0"]
    aof = theirs + ["--appendonly", "yes", "--appendfsync"]
    rewrite = ("BGREWRITEAOF", "aof_rewrite_in_progress")
    save = ("BGSAVE", "rdb_bgsave_in_progress")
    found = [
        Kind("Poro", mine, *save, True),
        Kind("Redis always", aof + ["always"], *rewrite, True),
        Kind("Redis everysec", aof + ["everysec"], *rewrite, True),
        Kind("Redis RDB", theirs + ["--appendonly", "no"], *save, False),
    ]
    return {kind.name: kind for kind in found}


class Server:
    """A process on one core, with a folder of its own that outlives it until remove()."""

    def __init__(self, kind, parent, core):
        self.kind, self.core = kind, core
        self.folder = tempfile.mkdtemp(prefix="bench-scale-", dir=parent)
        self.port = free_port()
        self.process = None
        self.client = None

    def start(self):
        """Returns the seconds until it has answered PING with PONG."""
        command = self.kind.command + ["--port", str(self.port), "--dir", self.folder,
                                       "--bind", "127.0.0.1", "--maxclients", "2000"]
        if self.core is not None:
            command = ["taskset", "-c", str(self.core)] + command
        began = time.monotonic()
        with open(self.folder + ".log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        while time.monotonic() - began < START_SECONDS:
            try:
                self.client = Client(self.port, timeout=CHECKPOINT_SECONDS)
                if not isinstance(self.client.call("PING"), Error):
                    return time.monotonic() - began
                self.client.close()
            except OSError:
                pass
            if self.process.poll() is not None:
                sys.exit("bench-scale: %s has ended, see %s.log" % (self.kind.name, self.folder))
            time.sleep(0.005)
        sys.exit("bench-scale: %s does not answer" % self.kind.name)

    def info(self):
        text = self.client.call("INFO").decode()
        return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)

    def checkpoint_begin(self):
        reply = self.client.call(self.kind.checkpoint)
        if isinstance(reply, Error):
            sys.exit("bench-scale: %s: %s" % (self.kind.checkpoint, reply))

    def checkpoint_running(self):
        info = self.info()
        return info[self.kind.running] == "1" or info.get("aof_rewrite_scheduled") == "1"

    def checkpoint_await(self):
        began = time.monotonic()
        while self.checkpoint_running():
            if time.monotonic() - began > CHECKPOINT_SECONDS:
                sys.exit("bench-scale: the checkpoint of %s does not end" % self.kind.name)
            time.sleep(POLL_SECONDS)

    def checkpoint(self, idle=False):
        """Makes one; the seconds it took. Poro counts as idle only while nobody asks how far it is; SAVE
        keeps no other client waiting there."""
        began = time.monotonic()
        if idle and self.kind.name == "Poro":
            if isinstance(self.client.call("SAVE"), Error):
                sys.exit("bench-scale: SAVE has failed")
            return time.monotonic() - began
        self.checkpoint_begin()
        self.checkpoint_await()
        return time.monotonic() - began

    def resident_bytes(self):
        with open("/proc/%d/statm" % self.process.pid) as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def scheduled(self):
        """Seconds that its threads have had a core, and have waited for one; without its children."""
        total = [0, 0]
        folder = "/proc/%d/task" % self.process.pid
        for task in os.listdir(folder):
            try:
                with open("%s/%s/schedstat" % (folder, task)) as f:
                    ran, waited = f.read().split()[:2]
            except FileNotFoundError:
                continue
            total[0] += int(ran)
            total[1] += int(waited)
        return total[0] / 1e9, total[1] / 1e9

    def disk_bytes(self):
        total = 0
        for folder, _, names in os.walk(self.folder):
            for name in names:
                try:
                    total += os.stat(os.path.join(folder, name)).st_blocks * 512
                except FileNotFoundError:
                    pass
        return total

    def kill(self):
        self.client.close()
        self.process.kill()
        self.process.wait()

    def forget_pages(self):
        """What is read next comes from the disk, not from the page cache."""
        for folder, _, names in os.walk(self.folder):
            for name in names:
                fd = os.open(os.path.join(folder, name), os.O_RDONLY)
                try:
                    os.fsync(fd)
                    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(fd)

    def remove(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        if os.path.exists(self.folder + ".log"):
            os.unlink(self.folder + ".log")
