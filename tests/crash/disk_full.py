"""disk_full.py SERVER FOLDER: fills the small file system that FOLDER is on, through the server.

Writes must be refused with an error and change nothing, reads and deletes go on, kill -9 and
restarts on the full disk lose nothing acknowledged, and writes resume once there is space.
"""
import itertools
import os
import random
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from poro import Error, Score, Server  # noqa: E402

BALLAST_BYTES = 64 << 20
RESUME_SECONDS = 10
RESUME_BYTES = 9 << 20
LARGE_BYTES = 3 << 20
RESTARTS = 12
# Deletes that must be possible on a full disk.
DELETES = 300
SETTINGS = ["--wal-segment-size", "4mb", "--maxmemory", "256mb"]


class Model:
    """What was acknowledged, key by key."""

    def __init__(self):
        self.values = {}
        self.count = 0

    def new_key(self):
        self.count += 1
        return b"key:%d" % self.count

    def value(self, length):
        return os.urandom(min(length, 32)) * (length // 32 + 1)


class Scenario:
    def __init__(self, score, path, folder, mode):
        self.score, self.mode = score, mode
        self.folder = os.path.join(folder, mode)
        self.ballast = os.path.join(folder, "ballast")
        os.makedirs(self.folder)
        self.server = Server(path, SETTINGS + ["--appendfsync", mode], folder=self.folder)
        self.model = Model()
        self.random = random.Random(7)
        self.write_ballast()
        self.server.start()
        self.client = self.server.client()

    def write_ballast(self):
        with open(self.ballast, "wb") as f:
            f.write(os.urandom(1 << 20) * (BALLAST_BYTES >> 20))
            f.flush()
            os.fsync(f.fileno())

    def check(self, what, right, detail=""):
        return self.score.check("%s: %s" % (self.mode, what), right, detail)

    # --- one write of every kind: applied when it is acknowledged, without trace when refused ----

    def try_write(self, kind, length):
        """True: acknowledged, False: refused with MISCONF."""
        old_key = self.random.choice(list(self.model.values)) if self.model.values else b"none"
        key = self.model.new_key()
        value = self.model.value(length)
        changes = {key: value}
        if kind == "SET":
            command = ["SET", key, value]
        elif kind == "overwrite":
            command, changes = ["SET", old_key, value], {old_key: value}
        elif kind == "APPEND":
            command = ["APPEND", old_key, value]
            changes = {old_key: self.model.values.get(old_key, b"") + value}
        elif kind == "INCR":
            command, changes = ["INCR", key], {key: b"1"}
        elif kind == "MSET":
            second = self.model.new_key()
            command = ["MSET", key, value, second, value]
            changes[second] = value
        reply = self.client.call(*command)
        refused = isinstance(reply, Error)
        if refused:
            self.check("a refusal is MISCONF", reply.startswith("MISCONF "), reply)
            for changed in changes:
                got, want = self.client.call("GET", changed), self.model.values.get(changed)
                self.check("a refused %s changes nothing" % kind, got == want, changed)
        else:
            self.model.values.update(changes)
        return not refused

    def fill_large(self):
        """Values that go into the log in pieces: there will be no space for some piece."""
        written = 0
        while self.try_write("SET", LARGE_BYTES) or self.try_write("overwrite", LARGE_BYTES):
            written += LARGE_BYTES
        return written

    def run_large(self):
        self.check("large values fit", self.fill_large() >= 2 * LARGE_BYTES)
        self.verify("full of large values")
        if not self.restart("kill -9"):
            return
        self.verify("full of large values, after a restart")
        for key in list(self.model.values):
            self.check("DEL of a large value", self.client.call("DEL", key) == 1)
            del self.model.values[key]
        began, again = time.monotonic(), False
        while not again and time.monotonic() - began < RESUME_SECONDS:
            again = self.try_write("SET", LARGE_BYTES)
            time.sleep(0.05)
        self.check("a large value fits again", again)
        self.verify("without the large values")
        if self.restart("kill -9"):
            self.verify("without the large values, after a restart")

    def fill(self):
        """Pipelined writes until the first refusal, then single small ones until all are refused."""
        written, refused = 0, False
        while not refused:
            batch = []
            for _ in range(32):
                batch.append((self.model.new_key(), self.model.value(self.random.randint(1, 12000))))
            replies = self.client.pipeline([("SET", key, value) for key, value in batch])
            for (key, value), reply in zip(batch, replies):
                if reply == "OK":
                    self.model.values[key] = value
                    written += len(value)
                else:
                    refused = True
                    self.check("a refusal is MISCONF", reply.startswith("MISCONF "), reply)
        refused_in_a_row = 0
        while refused_in_a_row < 20:
            kind = self.random.choice(["SET", "overwrite", "APPEND", "INCR", "MSET"])
            refused_in_a_row = 0 if self.try_write(kind, 100) else refused_in_a_row + 1
        return written

    def verify(self, when):
        keys = list(self.model.values)
        wrong = 0
        for at in range(0, len(keys), 64):
            part = keys[at : at + 64]
            for key, reply in zip(part, self.client.pipeline([("GET", key) for key in part])):
                wrong += reply != self.model.values[key]
        self.check("every acknowledged value is there, %s" % when, wrong == 0, "%d differ" % wrong)
        size = self.client.call("DBSIZE")
        self.check("nothing else is there, %s" % when, size == len(keys), "%r %d" % (size, len(keys)))

    def delete_some(self):
        done = 0
        for key in self.random.sample(list(self.model.values), DELETES):
            reply = self.client.call("DEL", key)
            if reply != 1:
                self.check("deletes work on a full disk", False, "%r after %d" % (reply, done))
                return
            del self.model.values[key]
            done += 1
        self.check("deletes work on a full disk", True)

    def restart(self, how):
        """False when it does not start again."""
        self.client.close()
        if how == "kill -9":
            self.server.kill()
        else:
            code = self.server.stop()
            self.check("a clean stop on a full disk", code == 0, "exit code %r" % code)
        try:
            self.server.start()
        except RuntimeError as error:
            self.check("a start on a full disk, after %s" % how, False, str(error))
            return False
        self.client = self.server.client()
        return self.check("a start on a full disk, after %s" % how, True)

    def resume(self):
        """More than the segment in use can hold: the next ones must have been made."""
        os.remove(self.ballast)
        began = time.monotonic()
        written = 0
        while written < RESUME_BYTES:
            if self.try_write("SET", 30000):
                written += 30000
            elif time.monotonic() - began > RESUME_SECONDS:
                break
            else:
                time.sleep(0.05)
        took = time.monotonic() - began
        self.check("writes resume within %d s" % RESUME_SECONDS, written >= RESUME_BYTES)
        print("disk_full: %s: %d MB written %.1f s after space was freed"
              % (self.mode, written >> 20, took), flush=True)

    def run(self):
        written = self.fill()
        self.check("a good part of the disk could be used", written > 12 << 20, "%d bytes" % written)
        self.verify("full")
        self.delete_some()
        self.verify("full, after deletes")
        for i in range(RESTARTS):
            if not self.restart("kill -9" if i % 3 < 2 else "a clean stop"):
                return
            self.verify("full, after restart %d" % (i + 1))
            for kind in ("SET", "overwrite", "APPEND", "MSET"):
                self.try_write(kind, 100)
        self.check("reads go on", self.client.call("PING") == "PONG")
        self.resume()
        # Refusals pass while checkpoints make room. All data is there thrice: in two checkpoints' files as well.
        began, more = time.monotonic(), 0
        while more <= BALLAST_BYTES // 16 and time.monotonic() - began < RESUME_SECONDS:
            more += self.fill()
        self.check("the freed space can be used", more > BALLAST_BYTES // 16, "%d bytes" % more)
        if self.restart("kill -9"):
            self.verify("at the end")
            self.check("a clean stop", self.server.stop() == 0)

    def fill_up(self):
        """Takes what is left of the disk."""
        with open(self.ballast + ".rest", "wb", buffering=0) as f:
            for piece in (1 << 20, 4096):
                try:
                    while True:
                        f.write(bytes(piece))
                        os.fsync(f.fileno())
                except OSError:
                    continue

    def run_shrunk(self):
        """The next checkpoint needs little, of a disk whose rest is what the last one is giving back."""
        value = self.model.value(100000)
        self.client.pipeline([("SET", b"key:%d" % i, value) for i in range(150)])
        self.check("saved twice", [self.client.call("SAVE"), self.client.call("SAVE")] == ["OK", "OK"])
        time.sleep(0.5)  # the space for the third is reserved
        self.check("flushed", self.client.call("FLUSHALL") == "OK")
        # More than one piece of what is given back.
        self.client.pipeline([("SET", b"key:%d" % i, value) for i in range(50)])
        self.fill_up()
        self.check("saved on a full disk", self.client.call("SAVE") == "OK")
        self.check("a write on a full disk", self.client.call("SET", "key", "value") == "OK")
        self.check("nothing was refused", "writes are refused" not in self.server.log(), self.server.log())

    def end(self):
        self.server.remove()
        if os.path.exists(self.ballast + ".rest"):
            os.remove(self.ballast + ".rest")
        if os.path.exists(self.ballast):
            os.remove(self.ballast)
        shutil.rmtree(self.folder)


def main():
    score = Score("disk_full")
    path, folder = sys.argv[1:3]
    for mode, run in itertools.product(("always", "everysec"),
                                       (Scenario.run, Scenario.run_large, Scenario.run_shrunk)):
        scenario = Scenario(score, path, folder, mode)
        try:
            run(scenario)
        except (OSError, ValueError) as error:
            scenario.check("the server answers", False, "%r\n%s" % (error, scenario.server.log()))
        scenario.end()
    score.end()


main()
