"""wal_tool_test.py BUILD: damages data folders in every way that poro-wal knows, and compares what
the server, check, dump and repair make of them with what was acknowledged.

One client sends one command at a time, each a batch of its own in one frame: so the state after
sequence N is the state after command N, and it is known exactly what a repaired folder must hold.
"""
import hashlib
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from poro import Score, Server  # noqa: E402

SEGMENT_BYTES = 256 << 10
BLOCK = 4096
SETTINGS = ["--wal-segment-size", "256kb", "--maxmemory", "64mb", "--wal-segments-ahead", "3"]
# By then an idle server has written down that everything is durable.
WITNESS_SECONDS = 0.1
CLEAN, USAGE, UNREADABLE, LOCKED, DAMAGED = 0, 1, 2, 3, 4


# --- the model ---------------------------------------------------------------------------------


class Model:
    """The databases, command by command; also with commands left out, as salvage leaves them."""

    def __init__(self):
        self.data = {}  # (database, key): value
        self.unsure = False  # something was left out: only what is in `known` is sure
        self.known = set()

    def leave_out(self):
        self.unsure = True
        self.known.clear()

    def apply(self, database, *args):
        name, where = args[0], (database, args[1] if len(args) > 1 else None)
        if name == b"SET":
            self.data[where] = args[2]
            self.known.add(where)
        elif name == b"MSET":
            for i in range(1, len(args), 2):
                self.apply(database, b"SET", args[i], args[i + 1])
        elif name == b"DEL":
            self.data.pop(where, None)
            self.known.add(where)
        elif name == b"APPEND":
            if self.unsure and where not in self.known:
                return
            self.data[where] = self.data.get(where, b"") + args[2]
            self.known.add(where)
        elif name == b"FLUSHDB":
            self.data = {w: v for w, v in self.data.items() if w[0] != database}
        else:
            assert name == b"EXPIRE"


# Of a value: more than half a frame with these segments. An argument of 32 KB would go into a spool.
PAIR_BYTES = 32767


class History:
    """What was acknowledged, in order: commands with their database."""

    def __init__(self, commands):
        self.commands = commands

    def state(self, count):
        model = Model()
        for command in self.commands[:count]:
            model.apply(*command)
        return model.data

    def state_without(self, lost):
        """After all but the sequences in `lost`, as salvage is to take them; a flush among them is
        made good with --keyspace."""
        model = Model()
        for i, command in enumerate(self.commands):
            if i + 1 in lost:
                model.leave_out()
            if i + 1 not in lost or command[1] == b"FLUSHDB":
                model.apply(*command)
        return model.data

    def all(self):
        return self.state(len(self.commands))


def ordinary_history(seed):
    """Some 200 commands over four segments: values, appends, deletes, expiries, a flush."""
    rng = random.Random(seed)
    commands = []
    for i in range(200):
        database = rng.choice([0, 0, 0, 3])
        key = b"key:%02d" % rng.randrange(40)
        value = b"%d:" % i + rng.randbytes(rng.randrange(20, 9000))
        kind = rng.randrange(10)
        if i == 60:
            commands.append((3, b"FLUSHDB"))
        elif kind < 6 or i < 20:
            commands.append((database, b"SET", key, value))
        elif kind == 6:
            commands.append((database, b"MSET", key, value[:100], b"second:" + key, b"%d" % i))
        elif kind == 7:
            commands.append((database, b"SET", b"gone", b"%d" % i))
            commands.append((database, b"DEL", b"gone"))
        elif kind == 8:
            commands.append((database, b"SET", b"line", b"x"))
            commands.append((database, b"APPEND", b"line", b"+%d" % i))
        else:
            commands.append((database, b"SET", b"later", value[:50]))
            commands.append((database, b"EXPIRE", b"later", b"100000"))
    return History(commands)


# --- folders -----------------------------------------------------------------------------------


class Folder:
    """A data folder, what poro-wal says of it, and ways to damage it."""

    def __init__(self, path):
        self.path = path

    def file(self, name):
        return os.path.join(self.path, name)

    def copy(self, path):
        shutil.copytree(self.path, path)
        return Folder(path)

    def sums(self):
        """Checksums of everything but the lock."""
        sums = {}
        for name in sorted(os.listdir(self.path)):
            if name != "lock":
                with open(self.file(name), "rb") as f:
                    sums[name] = hashlib.sha256(f.read()).hexdigest()
        return sums

    def read(self, name, offset, length):
        with open(self.file(name), "rb") as f:
            f.seek(offset)
            return f.read(length)

    def write(self, name, offset, data):
        with open(self.file(name), "r+b") as f:
            f.seek(offset)
            f.write(data)

    def flip(self, name, offset):
        self.write(name, offset, bytes([self.read(name, offset, 1)[0] ^ 0x10]))

    def truncate(self, name, length):
        os.truncate(self.file(name), length)

    def remove(self, name):
        os.unlink(self.file(name))

    def swap(self, one, other):
        os.rename(self.file(one), self.file("aside"))
        os.rename(self.file(other), self.file(one))
        os.rename(self.file("aside"), self.file(other))


class Tests:
    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.score = Score("wal_tool")
        self.work = tempfile.mkdtemp(prefix="poro-wal-tool-")
        self.made = 0
        self.scenario = ""

    def check(self, what, right, detail=""):
        return self.score.check("%s: %s" % (self.scenario, what), right, detail)

    def path(self):
        """A path for something new, in a folder of its own."""
        self.made += 1
        os.mkdir(os.path.join(self.work, str(self.made)))
        return os.path.join(self.work, str(self.made), "data")

    def copy(self, folder):
        return folder.copy(self.path())

    # the programs

    def tool(self, *args, **options):
        """Exit code, standard output, standard error."""
        done = subprocess.run(
            [os.path.join(self.build, "poro-wal"), *args], capture_output=True, timeout=60,
            stdin=subprocess.DEVNULL, **options,
        )
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def server(self, folder, *settings):
        return Server(os.path.join(self.build, "poro-server"), SETTINGS + list(settings),
                      folder=os.path.dirname(folder.path))

    def make(self, history, *settings, end="kill"):
        """A folder in which every command of the history was acknowledged."""
        folder = Folder(self.path())
        server = self.server(folder, *settings)
        server.start()
        client = server.client()
        selected = 0
        for database, *args in history.commands:
            if database != selected:
                client.call("SELECT", database)
                selected = database
            reply = client.call(*args)
            assert isinstance(reply, int) or reply == "OK", (args[0], reply)
        client.close()
        time.sleep(WITNESS_SECONDS)
        server.stop() if end == "stop" else server.kill()
        server.remove()
        return folder

    def contents(self, folder):
        """Everything in it as a server shows it; None when it does not start."""
        server = self.server(folder)
        try:
            server.start()
        except RuntimeError as error:
            print(error)
            server.remove()
            return None
        client = server.client()
        data = {}
        for database in range(16):
            client.call("SELECT", database)
            for key in client.call("KEYS", "*"):
                data[database, key] = client.call("GET", key)
                if key == b"later":
                    self.check("an expiry is kept", client.call("PTTL", key) > 1000)
        client.close()
        server.stop()
        server.remove()
        return data

    # what is checked again and again

    def frames(self, folder):
        """Sequence -> (file, offset, bytes of records), as dump tells."""
        code, out, error = self.tool("dump", folder.path)
        self.check("dump ends well", code == CLEAN, error)
        frames, name = {}, None
        for line in out.splitlines():
            header = re.match(r"segment \d+ in (\S+):", line)
            name = header.group(1) if header else name
            frame = re.match(r"  frame (\d+) at byte (\d+):.* bytes (\d+)", line)
            if frame:
                frames[int(frame.group(1))] = (name, int(frame.group(2)), int(frame.group(3)))
        return frames

    def files(self, folder):
        """Names of the segments, in their order, and which sequences are in each."""
        files = {}
        for sequence, frame in sorted(self.frames(folder).items()):
            files.setdefault(frame[0], []).append(sequence)
        return list(files.items())

    def same(self, what, found, expected):
        if found is None:
            return self.check(what, False, "the server does not start")
        wrong = [w for w in sorted(set(found) | set(expected)) if found.get(w) != expected.get(w)]
        detail = ["%s: %r instead of %r" % (w, (found.get(w) or b"-")[:20],
                                            (expected.get(w) or b"-")[:20]) for w in wrong[:5]]
        return self.check(what, not wrong, "%d keys differ: %s" % (len(wrong), "; ".join(detail)))

    def refused(self, folder, *says):
        """Server and check refuse, with the same words, and change nothing. Returns the report."""
        before = folder.sums()
        code, report, error = self.tool("check", folder.path)
        self.check("check calls it damaged", code == DAMAGED, "exit code %d: %s" % (code, error))
        server = self.server(folder)
        try:
            server.start()
            self.check("the server refuses", False, "it started")
        except RuntimeError as stopped:
            text = str(stopped)
            self.check("the server refuses", "exit code 4 " in text, text)
            self.check("the server says so", "refusing to start: " in text, text)
            for words in says:
                self.check("the server says why", words in text, "%r is not in: %s" % (words, text))
        server.remove()
        for words in says:
            self.check("check says why", words in report + error,
                       "%r is not in: %s" % (words, report))
        self.check("nothing has changed", folder.sums() == before)
        return report

    def repaired(self, folder, expected, *options):
        """A repaired folder starts, is called clean, and holds exactly this. Returns the report."""
        before = folder.sums()
        target = Folder(self.path())
        code, report, error = self.tool("repair", folder.path, target.path, *options)
        self.check("repair ends well", code == CLEAN, "exit code %d: %s" % (code, error))
        self.check("repair changes nothing", folder.sums() == before)
        code, checked, error = self.tool("check", target.path)
        self.check("the new folder is clean", code == CLEAN and "clean: " in checked, checked)
        identity = re.compile(r"^identity +(\S+),", re.M)
        self.check("it has an identity of its own",
                   identity.search(report).group(1) != identity.search(checked).group(1))
        self.same("repair %s: keys" % " ".join(options), self.contents(target), expected)
        return report

    def remove(self):
        shutil.rmtree(self.work, ignore_errors=True)


# --- scenarios ---------------------------------------------------------------------------------


def test_sound(tests, history, folder):
    tests.scenario = "sound"
    before = folder.sums()
    code, report, error = tests.tool("check", folder.path)
    tests.check("check is content", code == CLEAN and "clean: log is whole" in report, report)
    frames = tests.frames(folder)
    tests.check("a frame a command", len(frames) == len(history.commands),
                "%d frames, %d commands" % (len(frames), len(history.commands)))
    tests.check("some segments", len({frame[0] for frame in frames.values()}) >= 4)
    tests.check("nothing has changed", folder.sums() == before)
    report = tests.repaired(folder, history.all())
    tests.check("nothing is given up", "given up     no sequence" in report, report)
    tests.repaired(folder, history.all(), "--salvage")
    stopped = tests.make(History(history.commands[:5]), end="stop")
    code, report, error = tests.tool("check", stopped.path)
    tests.check("a clean stop is seen", code == CLEAN and "after a clean stop" in report, report)


def test_torn(tests, history, folder):
    tests.scenario = "torn tail"
    folder = tests.copy(folder)
    frames = tests.frames(folder)
    name, offset, length = frames[max(frames)]
    end = offset + (64 + length + BLOCK - 1) // BLOCK * BLOCK
    folder.write(name, end, os.urandom(3000))
    before = folder.sums()
    code, report, error = tests.tool("check", folder.path)
    tests.check("check says torn", code == CLEAN and "torn: log ends at" in report, report)
    code, dump, error = tests.tool("dump", folder.path)
    tests.check("dump marks it", "! what follows at byte %d" % end in dump, dump[-500:])
    tests.check("nothing has changed", folder.sums() == before)
    tests.repaired(folder, history.all())
    tests.repaired(folder, history.all(), "--salvage")
    tests.same("the server starts", tests.contents(folder), history.all())


def test_flip(tests, history, folder, lost):
    tests.scenario = "bit flip in frame %d" % lost
    folder = tests.copy(folder)
    name, offset, length = tests.frames(folder)[lost]
    folder.flip(name, offset + 64 + length - 1)
    report = tests.refused(
        folder, "acknowledged writes are damaged or missing: sequences %d to" % lost,
        "at %s byte %d: the checksum does not match" % (name, offset))
    tests.check("the lost one is named", "%d to %d (1)" % (lost, lost) in report, report)
    key = history.commands[lost - 1][2]
    tests.check("the key in the damaged frame is named",
                '"%s"' % key.decode() in report.split("unproven")[1], report)
    whole = len(history.commands) - lost
    tests.check("what is beyond is counted", "beyond       %d whole frames" % whole in report,
                report)
    code, dump, error = tests.tool("dump", folder.path)
    tests.check("dump marks the bytes", "! bytes %d to" % offset in dump)
    tests.check("dump marks the chain", "! the chain breaks here: frame %d is due" % lost in dump)
    tests.check("dump marks E", "= E: the unbroken chain ends with frame %d" % (lost - 1) in dump)
    report = tests.repaired(folder, history.state(lost - 1))
    tests.check("repair tells what it gives up",
                "everything after sequence %d:" % (lost - 1) in report
                and "%d whole frames beyond" % whole in report, report)
    report = tests.repaired(folder, history.state_without({lost}), "--salvage")
    tests.check("salvage tells what it gives up",
                "sequences %d to %d (1): nothing whole is left" % (lost, lost) in report, report)


def test_first_frame(tests, history, folder):
    tests.scenario = "header of the first frame"
    folder = tests.copy(folder)
    name, offset, _ = tests.frames(folder)[1]
    folder.write(name, offset, b"\0" * 64)
    tests.refused(folder, "sequences 1 to")
    tests.repaired(folder, {})
    tests.repaired(folder, history.state_without({1}), "--salvage")


def test_truncated(tests, history, folder):
    tests.scenario = "truncated segment"
    folder = tests.copy(folder)
    name, inside = tests.files(folder)[1]
    cut = inside[len(inside) // 2]
    folder.truncate(name, tests.frames(folder)[cut][1] + 100)
    report = tests.refused(folder, "sequences %d to" % cut, "too short")
    tests.check("check tells the length", "TOO SHORT" in report, report)
    lost = {s for s in inside if s >= cut}
    tests.check("the lost ones are counted",
                "%d to %d (%d)" % (min(lost), max(lost), len(lost)) in report, report)
    tests.repaired(folder, history.state(cut - 1))
    tests.repaired(folder, history.state_without(lost), "--salvage", "--keyspace", "17=3")


def test_missing_segment(tests, history, folder):
    tests.scenario = "missing segment"
    folder = tests.copy(folder)
    name, inside = tests.files(folder)[1]
    lost = set(inside)
    folder.remove(name)
    report = tests.refused(folder, "sequences %d to" % min(lost))
    tests.check("check sees the hole", "no file has segment number 2\n" in report, report)
    tests.repaired(folder, history.state(min(lost) - 1))
    tests.repaired(folder, history.state_without(lost), "--salvage", "--keyspace", "17=3")


def test_header(tests, history, folder):
    tests.scenario = "segment header"
    folder = tests.copy(folder)
    name, inside = tests.files(folder)[2]
    folder.flip(name, 20)
    report = tests.refused(folder, "sequences %d to" % inside[0])
    tests.check("check names the file",
                re.search(name + r" +3 .*header damaged, frames follow", report), report)
    tests.repaired(folder, history.state(inside[0] - 1))
    tests.repaired(folder, history.all(), "--salvage")


def test_swapped(tests, history, folder):
    tests.scenario = "swapped segments"
    folder = tests.copy(folder)
    (one, inside), (other, _) = tests.files(folder)[1:3]
    folder.swap(one, other)
    report = tests.refused(folder, "sequences %d to" % inside[0])
    tests.check("check says where they belong",
                "another file (%s)" % one in report and "another file (%s)" % other in report,
                report)
    tests.repaired(folder, history.state(inside[0] - 1))
    tests.repaired(folder, history.all(), "--salvage")


def test_completion(tests, history, folder):
    tests.scenario = "one completion block"
    one = tests.copy(folder)
    code, report, error = tests.tool("check", one.path)
    newest = int(re.search(r"the newest, number (\d+)", report).group(1))
    one.write("completion", newest % 64 * BLOCK, os.urandom(BLOCK))
    code, report, error = tests.tool("check", one.path)
    tests.check("check starts and counts it", code == CLEAN and " 1 damaged" in report, report)
    tests.same("the server starts", tests.contents(one), history.all())

    tests.scenario = "all completion blocks"
    none = tests.copy(folder)
    none.write("completion", 0, os.urandom(64 * BLOCK))
    code, report, error = tests.tool("check", none.path)
    tests.check("without a tail nothing is lost", code == CLEAN and "0 valid, 64 damaged" in report,
                report)
    frames = tests.frames(none)
    name, offset, length = frames[max(frames)]
    none.write(name, offset + (64 + length + BLOCK - 1) // BLOCK * BLOCK, os.urandom(200))
    report = tests.refused(none, "whether it was acknowledged cannot be told")
    tests.check("check says undecidable", "undecidable: " in report, report)
    tests.repaired(none, history.all())

    tests.scenario = "the last frame, with its witness"
    last = tests.copy(folder)
    name, offset, _ = frames[max(frames)]
    last.flip(name, offset + 70)
    tests.refused(last, "sequences %d to %d" % (max(frames), max(frames)))
    tests.repaired(last, history.state(max(frames) - 1), "--salvage")


def test_instance(tests, history, folder):
    tests.scenario = "missing instance"
    missing = tests.copy(folder)
    missing.remove("instance")
    report = tests.refused(missing, "the file instance is missing")
    tests.check("the identity is rebuilt", "rebuilt from" in report and "clean: " in report, report)
    tests.repaired(missing, history.all())

    tests.scenario = "damaged instance"
    damaged = tests.copy(folder)
    damaged.flip("instance", 30)
    tests.refused(damaged, "the file instance")
    tests.repaired(damaged, history.all())

    tests.scenario = "no instance, no header"
    for name in os.listdir(damaged.path):
        if name.startswith("intent."):
            damaged.flip(name, 25)
    code, report, error = tests.tool("check", damaged.path)
    tests.check("nothing can be read", code == DAMAGED and "no segment has a whole header" in error,
                error)

    for name in os.listdir(damaged.path):
        if name.startswith("in"):
            damaged.remove(name)
    before = damaged.sums()
    server = tests.server(damaged)
    try:
        server.start()
        tests.check("the witnesses alone keep the server from starting", False)
    except RuntimeError as stopped:
        tests.check("the witnesses alone keep the server from starting",
                    "exit code 4 " in str(stopped) and "completion holds data" in str(stopped),
                    str(stopped))
    server.remove()
    code, report, error = tests.tool("check", damaged.path)
    tests.check("and from being called new", code == DAMAGED, error)
    tests.check("nothing has changed", damaged.sums() == before)

    tests.scenario = "interrupted making"
    new = Folder(tests.path())
    server = tests.server(new)
    server.start()
    server.stop()
    for name in os.listdir(new.path):
        if name.startswith("in"):
            new.remove(name)
    new.write("completion", 0, bytes(BLOCK) + new.read("completion", BLOCK, BLOCK) +
              bytes(62 * BLOCK))
    code, report, error = tests.tool("check", new.path)
    tests.check("it is new", code == UNREADABLE and "is no data folder" in error, error)
    tests.same("the server starts", tests.contents(new), {})

    tests.scenario = "no instance, first segment lost"
    missing.remove(tests.files(folder)[0][0])
    code, report, error = tests.tool("check", missing.path)
    tests.check("the size of the files is taken", code == DAMAGED and "256.0 KiB" in report, report)
    shutil.rmtree(os.path.dirname(missing.path))


def test_salvage(tests):
    """What must not be made up: values put together of parts that never met."""
    tests.scenario = "salvage"
    large = os.urandom(200000)
    commands = [
        (0, b"SET", b"grown", b"old"),
        (0, b"SET", b"grown", b"new"),  # 2: lost
        (0, b"APPEND", b"grown", b"+1"),  # onto what is lost: not taken
        (0, b"SET", b"grown2", b"whole"),
        (0, b"APPEND", b"grown2", b"+1"),  # onto what is known: taken
        (0, b"MSET", b"a", b"1", b"b", b"2"),
        (0, b"SET", b"long", b"short"),
    ]
    history = History(commands)
    folder = tests.make(history)
    frames = tests.frames(folder)
    folder.flip(frames[2][0], frames[2][1] + 64 + frames[2][2] - 1)
    tests.refused(folder, "sequences 2 to 7")
    expected = {(0, b"grown"): b"old", (0, b"grown2"): b"whole+1", (0, b"a"): b"1",
                (0, b"b"): b"2", (0, b"long"): b"short"}
    assert history.state_without({2}) == expected
    report = tests.repaired(folder, expected, "--salvage")
    tests.check("the record left is told", "1 records not taken: parts of values" in report, report)
    tests.check("and its key named", '"grown"' in report.split("not taken\n")[-1], report)

    tests.scenario = "salvage of a long value"
    # What SET stores would go into a spool.
    commands.append((0, b"DEL", b"long"))
    folder = tests.make(History(commands + [(0, b"APPEND", b"long", large), (0, b"SET", b"z", b"9")]))
    frames = tests.frames(folder)
    tests.check("it has several frames", len(frames) == 13, str(sorted(frames)))
    folder.flip(frames[10][0], frames[10][1] + 5000)
    tests.refused(folder, "sequences 10 to 13")
    expected = History(commands).all()
    tests.repaired(folder, expected)
    expected[0, b"z"] = b"9"
    tests.repaired(folder, expected, "--salvage")

    tests.scenario = "salvage of a part of a batch"
    pair = [(b"p%d" % i, os.urandom(PAIR_BYTES)) for i in range(4)]
    folder = tests.make(History([(0, b"MSET", *(x for kv in pair for x in kv)),
                                 (0, b"SET", b"end", b"1")]))
    frames = tests.frames(folder)
    tests.check("it has a frame a pair", len(frames) == 5, str(sorted(frames)))
    folder.flip(frames[2][0], frames[2][1] + 5000)
    expected = {(0, key): value for key, value in pair if key != b"p1"}
    expected[0, b"end"] = b"1"
    report = tests.repaired(folder, expected, "--salvage")
    tests.check("the part is told", "3 of them belong to batches" in report, report)

    tests.scenario = "salvage after a lost flush"
    folder = tests.make(History([
        (0, b"SET", b"before", b"1"),
        (0, b"FLUSHDB"),  # 2: lost
        (0, b"SET", b"after", b"2"),
        (5, b"SET", b"other", b"3"),
    ]))
    frames = tests.frames(folder)
    folder.flip(frames[2][0], frames[2][1] + 80)
    report = tests.repaired(folder, {(0, b"before"): b"1", (5, b"other"): b"3"}, "--salvage")
    tests.check("what has no database is told", "a FLUSHDB or FLUSHALL is lost" in report, report)
    tests.check("and named", 'unknown database (keyspace 17) "after"' in report, report)
    tests.repaired(folder, {(0, b"after"): b"2", (5, b"other"): b"3"}, "--salvage", "--keyspace",
                   "17=0")


def test_superseded(tests):
    """What a start has cut off stays cut off, for the tool too, even if it becomes whole again."""
    tests.scenario = "superseded"
    commands = [(0, b"SET", b"k%d" % i, b"v") for i in range(5)]
    folder = tests.make(History(commands), "--appendfsync", "no")
    name, offset, length = tests.frames(folder)[5]
    folder.flip(name, offset + 64 + length - 1)
    expected = History(commands).state(4)
    code, report, error = tests.tool("check", folder.path)
    tests.check("without a witness it is torn", code == CLEAN and "torn: " in report, report)
    tests.repaired(folder, expected, "--salvage")
    tests.same("the server starts", tests.contents(folder), expected)
    folder.flip(name, offset + 64 + length - 1)
    code, out, error = tests.tool("dump", folder.path)
    tests.check("dump marks it", re.search(r"frame 5 at byte .*\[superseded\]", out), out)
    tests.repaired(folder, expected, "--salvage")
    server = tests.server(folder)
    server.start()
    client = server.client()
    client.call("SET", "new", "v")
    client.close()
    server.stop()
    server.remove()
    frames = tests.frames(folder)
    folder.flip(frames[2][0], frames[2][1] + 64 + frames[2][2] - 1)
    tests.refused(folder, "sequences 2 to 5")
    kept = {(0, key): b"v" for key in [b"k0", b"k2", b"k3", b"new"]}
    tests.repaired(folder, kept, "--salvage")

    tests.scenario = "unfinished batch"
    commands.append((0, b"MSET", b"k0", os.urandom(PAIR_BYTES), b"k1", os.urandom(PAIR_BYTES)))
    folder = tests.make(History(commands), "--appendfsync", "no")
    name, offset, length = tests.frames(folder)[7]
    folder.flip(name, offset + 64 + length - 1)
    report = tests.repaired(folder, History(commands).state(5), "--salvage")
    tests.check("none of it is taken", "1 records not taken: of batches that never" in report,
                report)


def test_dump(tests):
    tests.scenario = "dump"
    folder = tests.make(History([
        (0, b"SET", b"one", b"a\x00\"b\n"),
        (4, b"SET", b"two", b"xyz"),
        (4, b"DEL", b"two"),
        (4, b"SET", b"two", b"3"),
        (4, b"FLUSHDB"),
        (0, b"EXPIRE", b"one", b"1000000"),
        (0, b"SET", b"at", b"v", b"PXAT", b"4102444800000"),
    ]))
    code, out, error = tests.tool("dump", folder.path, "--values")
    for line in ['SET    db0 "one" 5 bytes "a\\x00\\"b\\n"', 'SET    db4 "two" 3 bytes "xyz"',
                 'DELETE db4 "two"', 'MAP    db4: keyspace', 'EXPIRE db0 "one" expires 20',
                 'SET    db0 "at" 1 bytes "v" expires 2100-01-01 00:00:00.000 UTC']:
        tests.check("it shows a record", line in out, "%r is not in %s" % (line, out))
    code, out, error = tests.tool("dump", folder.path, "--keys", "t[v-x]o")
    tests.check("only the keys asked for", '"two"' in out and '"one"' not in out, out)
    code, out, error = tests.tool("dump", folder.path, "--segment", "1")
    tests.check("one segment", code == CLEAN and '"two"' in out, out)
    code, out, error = tests.tool("dump", folder.path, "--segment", "7")
    tests.check("no such segment", code == USAGE, error)


def test_usage(tests, folder):
    tests.scenario = "usage"
    empty = tests.path()
    os.mkdir(empty)
    full = tests.copy(folder).path
    inside = os.path.join(folder.path, "new")
    cases = [
        (USAGE, []), (USAGE, ["look"]), (USAGE, ["check"]), (USAGE, ["check", "a", "b"]),
        (USAGE, ["repair", full]), (USAGE, ["check", full, "--salvage"]),
        (USAGE, ["dump", full, "--segment", "0"]), (USAGE, ["dump", full, "--keys"]),
        (USAGE, ["check", full, "--names", "many"]),
        (USAGE, ["repair", full, inside + "x", "--keyspace", "17=0"]),
        (USAGE, ["repair", full, inside + "x", "--salvage", "--keyspace", "17=16"]), (CLEAN, ["--help"]), (CLEAN, ["--version"]),
        (CLEAN, ["check", full, "--names", "0"]), (UNREADABLE, ["check", empty]),
        (UNREADABLE, ["check", empty + "-missing"]), (UNREADABLE, ["repair", folder.path, full]),
        (USAGE, ["repair", folder.path, inside]), (USAGE, ["repair", folder.path, inside + "//"]),
    ]
    before = Folder(full).sums()
    for expected, args in cases:
        code, out, error = tests.tool(*args)
        tests.check("poro-wal %s" % " ".join(args), code == expected,
                    "exit code %d: %s" % (code, error))
    tests.check("an existing folder is left alone", Folder(full).sums() == before)
    tests.check("an empty one is left empty", os.listdir(empty) == [])
    code, out, error = tests.tool("repair", folder.path, empty)
    tests.check("an empty folder may be the target", code == CLEAN, error)


def test_in_use(tests, history):
    tests.scenario = "in use"
    folder = tests.make(History(history.commands[:10]))
    server = tests.server(folder)
    server.start()
    try:
        code, out, error = tests.tool("check", folder.path)
        tests.check("check refuses", code == LOCKED and "in use" in error, error)
        code, out, error = tests.tool("check", folder.path, "--force")
        tests.check("check looks with --force", code == CLEAN and "in use by another" in out, out)
        code, out, error = tests.tool("dump", folder.path, "--force")
        tests.check("dump looks with --force", code == CLEAN and "= E: " in out, out)
        code, out, error = tests.tool("repair", folder.path, tests.path())
        tests.check("repair refuses", code == LOCKED, error)
        client = server.client()
        tests.check("the server lives", client.call("SET", "x", "y") == "OK")
        client.close()
    finally:
        server.kill()
        server.remove()


def test_full_disk(tests, folder):
    """Writing the target fails half-way: nothing of it is left."""
    tests.scenario = "no space for the target"
    target = tests.path()

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200 << 10, 200 << 10))

    code, out, error = tests.tool("repair", folder.path, target, preexec_fn=limit)
    tests.check("repair says so", code == UNREADABLE and "cannot make" in error, error)
    tests.check("nothing is left", not os.path.exists(target))


def main():
    tests = Tests(sys.argv[1] if len(sys.argv) > 1 else "build")
    history = ordinary_history(7)
    try:
        folder = tests.make(history)
        test_sound(tests, history, folder)
        test_torn(tests, history, folder)
        sets = [i + 1 for i, c in enumerate(history.commands) if c[1] == b"SET"]
        test_flip(tests, history, folder, sets[len(sets) // 2])
        test_flip(tests, history, folder, sets[len(sets) // 4])
        test_first_frame(tests, history, folder)
        test_truncated(tests, history, folder)
        test_missing_segment(tests, history, folder)
        test_header(tests, history, folder)
        test_swapped(tests, history, folder)
        test_completion(tests, history, folder)
        test_instance(tests, history, folder)
        test_salvage(tests)
        test_superseded(tests)
        test_dump(tests)
        test_usage(tests, folder)
        test_in_use(tests, history)
        test_full_disk(tests, folder)
    finally:
        tests.remove()
    tests.score.end()


if __name__ == "__main__":
    main()
