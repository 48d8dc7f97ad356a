"""The corpus: reads corpus/*.txt and plays their cases to both servers.

A file consists of cases; a case of steps, one a line:

    server --requirepass secret     options of the servers for all cases of the file
    case NAME [plain]               plain: no HELLO 3 first, runs once, on its own
    SET key "a\\r\\nb\\x00"            a command and one reply; compared byte for byte
    @NORMALISER COMMAND ...         compared after normal.py's normaliser
    @none COMMAND ...               no reply is awaited
    @raw "*1\\r\\n" ...               raw bytes, nothing is awaited
    @read N [NORMALISER]            awaits N replies
    @eof                            awaits the end of the stream and compares what came before
    @pipeline ... @end              the commands between are sent in one piece
    @scan ARGS                      SCAN to the end; the set of keys is compared
    @conn NAME                      goes on with another connection (opened when new)
    @close, @half                   closes the connection, or its sending side
    @split N                        sends in pieces of N bytes from now on (0: whole)
    @sleep SECONDS

Words may hold {x*1000} (repeated), {random*1000} (bytes), {now+5}, {nowms+5} (wall clock), and
{id:NAME}, {addr:NAME} (of a connection). At the end of a case each connection that is still open
must answer an ECHO next, so that no reply goes unseen.
"""
import glob
import os
import random
import re
import time

import wire

REPLY_SECONDS = 10
REPORTED_MAX = 5
TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\S+')
ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.)")
EXPANSION = re.compile(rb"\{(?:(.)\*(\d+)|random\*(\d+)|(now|nowms)([+-]\d+)?|(id|addr):(\w+))\}")
NAMED = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}


class Case:
    def __init__(self, path, line, words):
        self.name = os.path.basename(path)[:-4] + "/" + words[0]
        self.path, self.line = path, line
        self.plain = "plain" in words[1:]
        self.steps = []


class Mismatch(Exception):
    """Carries a report."""


def unescape(match):
    code = match.group(1)
    return chr(int(code[1:], 16)) if code[0] == "x" and len(code) == 3 else NAMED.get(code, code)


def words_of(text):
    words = []
    for token in TOKEN.findall(text):
        if token.startswith('"'):
            token = ESCAPE.sub(unescape, token[1:-1])
        words.append(token.encode("latin1"))
    return words


def load(folder):
    """[(server options, [cases])]"""
    files = []
    for path in sorted(glob.glob(os.path.join(folder, "*.txt"))):
        options, cases = [], []
        with open(path, encoding="latin1") as f:
            for number, line in enumerate(f, 1):
                line = line.strip()
                if not line or line.startswith("#"):
                    continue
                head, _, tail = line.partition(" ")
                if head == "server":
                    options = tail.split()
                elif head == "case":
                    cases.append(Case(path, number, tail.split()))
                else:
                    cases[-1].steps.append((number, line))
        files.append((options, cases))
    names = [case.name for _, cases in files for case in cases]
    twice = {n for n in names if names.count(n) > 1}
    if twice:
        raise SystemExit("compare: cases named twice: %s" % ", ".join(sorted(twice)))
    return files


class Player:
    """Plays one case to a pair of servers in one protocol version."""

    def __init__(self, pair, normal, differences, proto, spoil):
        self.pair, self.normal, self.differences = pair, normal, differences
        self.proto, self.spoil = proto, spoil
        self.sides = {}
        self.split = 0
        self.accepted = 0
        self.now = time.time()
        self.text = "(start)"

    def play(self, case):
        """Raises Mismatch after all steps have been played, if any differed."""
        self.case, self.failures = case, []
        self.name = "a"
        steps = iter(case.steps)
        self.open()
        for number, text in steps:
            self.number, self.text = number, text
            if text == "@pipeline":
                self.pipeline(steps)
            else:
                self.step(text)
        self.finish()
        if self.failures:
            raise Mismatch("\n".join(self.failures[:REPORTED_MAX]))

    # --- connections

    def open(self):
        if self.name not in self.sides:
            both = [wire.Connection(server.port) for server in self.pair.both]
            self.sides[self.name] = both
            if self.proto == 3 and not self.case.plain:
                for connection in both:
                    wire.call(connection, "HELLO", "3")
        return self.sides[self.name]

    def expand(self, words, side):
        return [EXPANSION.sub(lambda m: self.expansion(m, side), word) for word in words]

    def expansion(self, match, side):
        char, count, noise, clock, offset, what, name = match.groups()
        if char:
            return char * int(count)
        if noise:
            return random.Random(int(noise)).randbytes(int(noise))
        if clock:
            now = int(self.now * 1000) if clock == b"nowms" else int(self.now)
            return b"%d" % (now + int(offset or 0))
        connection = self.sides[name.decode()][side]
        if what == b"addr":
            return connection.address.encode()
        if connection.id is None:
            connection.id = wire.call(connection, "CLIENT", "ID")[1:-2]
        return connection.id

    # --- steps

    def step(self, text):
        words = words_of(text)
        if not text.startswith("@"):
            return self.command(words, None)
        name, words = words[0][1:].decode(), words[1:]
        special = getattr(self, "do_" + name, None)
        if special:
            return special(words)
        return self.command(words, name)

    def send(self, words, encode=wire.encode):
        both = self.sides[self.name]
        self.sent = []
        for side, connection in enumerate(both):
            data = encode(self.expand(words, side))
            self.sent.append(data)
            if self.split and not connection.eof:
                connection.send_split(data, self.split)
            else:
                connection.send(data)
        return both

    def command(self, words, normaliser):
        asked = words[: words.index(b"--")] if b"--" in words else words
        self.send(asked)
        self.compare(self.replies(1), normaliser, words)

    def replies(self, count):
        """The next `count` replies of both sides, each side as one value."""
        both = self.sides[self.name]
        wire.pump(
            both, lambda: all(c.eof or len(c.replies) >= count for c in both), REPLY_SECONDS
        )
        results = []
        for connection in both:
            got, connection.replies = connection.replies[:count], connection.replies[count:]
            if len(got) < count:
                got.append(connection.reader.rest())
                got.append(b"<end of stream>" if connection.eof else b"<no reply>")
            results.append(got)
        return results

    def compare(self, results, normaliser, words):
        redis, other = results
        other = [self.spoil(reply) for reply in other]
        if b"<no reply>" in redis + other:
            same = False
        elif len(redis) != len(other):
            same = False
        elif normaliser:
            same = all(self.same(normaliser, a, b, words) for a, b in zip(redis, other))
        else:
            same = redis == other
        if same:
            return
        a, b = b"".join(redis), b"".join(other)
        if not self.pair.other.kind == "redis" and self.differences.accepts(self.text, a, b):
            self.accepted += 1
            return
        self.failures.append(self.report(a, b))

    def same(self, normaliser, a, b, words):
        if a == b:
            return True
        if b"<end of stream>" in (a, b) or not a or not b:
            return a == b
        apply = self.normal.apply
        return apply(normaliser, a, words) == apply(normaliser, b, words)

    def report(self, a, b):
        return "case %s, RESP%d, line %d of %s\n  step   %s\n  sent   %s\n%s" % (
            self.case.name,
            self.proto,
            self.number,
            os.path.relpath(self.case.path),
            self.text[:300],
            cut(self.sent[1]) if self.text != "@eof" else "(see the steps before)",
            both_replies(a, b),
        )

    def pipeline(self, steps):
        commands = []
        for self.number, text in steps:
            if text == "@end":
                break
            commands.append(words_of(text))
        self.text = "@pipeline %s" % b"; ".join(b" ".join(w) for w in commands).decode("latin1")
        self.send([], lambda _: b"".join(wire.encode(self.expand(c, 0)) for c in commands))
        self.compare(self.replies(len(commands)), None, [])

    def do_none(self, words):
        self.send(words)
        both = self.sides[self.name]
        wire.pump(both, lambda: all(c.eof or not c.out for c in both), REPLY_SECONDS)

    def do_raw(self, words):
        both = self.send(words, lambda w: b"".join(w))
        wire.pump(both, lambda: all(c.eof or not c.out for c in both), REPLY_SECONDS)

    def do_read(self, words):
        normaliser = words[1].decode() if len(words) > 1 else None
        self.compare(self.replies(int(words[0])), normaliser, words)

    def do_eof(self, _):
        both = self.sides[self.name]
        wire.pump(both, lambda: all(c.eof for c in both), REPLY_SECONDS)
        results = []
        for connection in both:
            got = connection.replies + [connection.reader.rest()]
            connection.replies = []
            results.append([b"".join(got), b"" if connection.eof else b"<no reply>"])
        self.compare(results, None, [])

    def do_scan(self, words):
        sides = self.sides[self.name]
        results = []
        for side, connection in enumerate(sides):
            cursor, keys, rounds = b"0", set(), 0
            while rounds < 10000:
                raw = wire.call(connection, "SCAN", cursor, *self.expand(words, side))
                if not raw or raw[:1] == b"-":
                    keys = {raw or b"<end of stream>"}
                    break
                cursor, found = (v[1] for v in wire.parse(raw)[1])
                keys |= {v[1] for v in found}
                rounds += 1
                if cursor == b"0":
                    break
            results.append([repr(sorted(keys)).encode()])
        self.sent = [b"SCAN 0 ... to the end"] * 2
        self.compare(results, None, words)

    def do_conn(self, words):
        self.name = words[0].decode()
        self.open()

    def do_close(self, _):
        for connection in self.sides.pop(self.name):
            connection.close()

    def do_half(self, _):
        for connection in self.sides[self.name]:
            connection.shutdown()

    def do_split(self, words):
        self.split = int(words[0])

    @staticmethod
    def do_sleep(words):
        time.sleep(float(words[0]))

    def finish(self):
        """No reply may be left over, and connections are open on both sides or on neither."""
        self.split = 0
        for name in list(self.sides):
            self.name = name
            self.number, self.text = self.case.line, "(end of the case, connection %s)" % name
            both = self.sides[name]
            if not all(c.eof for c in both):
                self.send([b"ECHO", b"the end"])
                self.compare(self.replies(1), None, [])
            for connection in both:
                connection.close()


def cut(data, size=400):
    text = repr(data)
    return text if len(text) <= size else "%s ... (%d bytes)" % (text[:size], len(data))


def both_replies(a, b):
    """Both, from a little before the first difference when they are long."""
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    start = max(0, at - 100) if max(len(a), len(b)) > 400 else 0
    lines = []
    for name, data in (("redis", a), ("other", b)):
        note = " (from byte %d of %d)" % (start, len(data)) if start else ""
        lines.append("  %s  %s%s" % (name, cut(data[start:]), note))
    return "\n".join(lines)
