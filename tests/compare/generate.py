"""The random part: pipelines of adversarial data commands on few keys, from a seed."""
import functools
import random
import time

import generate_keys
import generate_server
import generate_strings
import wire
from corpus import both_replies, cut

KEYS = [b"a", b"b", b"c", b"d", b"e", b"k1", b"k2", b"key:3", b"", b"\x00\r\n", b"n\xffn", b"x" * 300]
NUMBERS = [
    b"0", b"1", b"-1", b"10", b"-10", b"9223372036854775807", b"-9223372036854775808",
    b"9223372036854775806", b"-9223372036854775807", b"9223372036854775808",
    b"-9223372036854775809", b"18446744073709551616", b"99999999999999999999999999",
    b"01", b"-0", b"+1", b" 1", b"1 ", b"1.0", b"1e3", b"0x10", b"", b"-", b"abc", b"1\x00",
    b"00", b"2147483648", b"4294967296", b"100", b"123456789",
]  # fmt: skip
VALUES = [
    b"", b"v", b"value", b"0", b"1", b"-5", b"41", b"9223372036854775807", b"-9223372036854775808",
    b"12 ", b"3.5", b"\r\n", b"\x00", b"$-1\r\n", b"y" * 44, b"y" * 45, b"z" * 1000, b"w" * 40000,
]  # fmt: skip
# Expiries far enough away that both servers agree, or over already, or nonsense.
SECONDS = [b"100", b"1000", b"86400", b"0", b"-1", b"-100", b"9223372036854775", b"9223372036854776"]
SECONDS += [b"9223372036854775807", b"-9223372036854775808", b"1.5", b"x", b"", b"10000000000"]
NEVER = [b"0", b"-1", b"-100", b"1.5", b"x", b""]  # deleted at once, or refused
MILLISECONDS = [b"100000", b"1000000", b"86400000"] + SECONDS[3:]
PATTERNS = [b"*", b"k*", b"?", b"[a-c]", b"[^a]", b"\\*", b"", b"key:*", b"*[", b"n\xff*", b"a*b*c", b"[c-a]"]
WORDS = [b"NX", b"XX", b"GET", b"KEEPTTL", b"EX", b"PX", b"EXAT", b"PXAT", b"GT", b"LT", b"nx", b"Get"]


# What knows more commands: KINDS, expiries(words), unfit(words).
AREAS = [generate_keys, generate_server, generate_strings]

# A server may or may not count keys that have expired and have not been looked at since.
TOUCH_ALL = [b"EXISTS"] + KEYS + NUMBERS


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.now = int(time.time())

    def pick(self, values):
        return self.random.choice(values)

    def key(self):
        return self.pick(KEYS)

    def number(self):
        r = self.random
        return self.pick(NUMBERS) if r.random() < 0.5 else b"%d" % r.randint(-1000, 1000)

    def value(self):
        r = self.random.random()
        if r < 0.7:
            return self.pick(VALUES)
        return self.random.randbytes(self.random.randint(0, 60)) if r < 0.9 else self.number()

    def expiry(self, option=b"EX"):
        if self.random.random() < 0.4:
            return self.pick(MILLISECONDS if option == b"PX" else SECONDS)
        left = self.random.randint(100, 100000)
        if option in (b"EXAT", b"PXAT"):
            left += self.now
        return b"%d" % (left * 1000 if option.startswith(b"P") else left)

    # --- commands: words, and how the reply is compared

    def set(self):
        words = [b"SET", self.key(), self.value()]
        for _ in range(self.pick([0, 0, 0, 1, 1, 2, 3])):
            option = self.pick(WORDS)
            words.append(option)
            if option[1:2] == b"X" and option[:1] in b"EP" and self.random.random() < 0.95:
                words.append(self.expiry(option))
        return words, None

    def expire(self):
        name = self.pick([b"EXPIRE", b"PEXPIRE"])
        words = [name, self.key(), self.expiry(b"PX" if name[:1] == b"P" else b"EX")]
        for _ in range(self.pick([0, 0, 1, 1, 2])):
            words.append(self.pick([b"NX", b"XX", b"GT", b"LT", b"gt", b"zz"]))
        if {b"GT", b"LT", b"gt"} & set(words) and words[2] not in NEVER:
            # not a time that was set before: a millisecond would decide which one is later
            words[2] = b"%d" % (self.random.randint(100, 10**9) * (1000 if name[:1] == b"P" else 1))
        return words, None

    def one_key(self):
        name = self.pick([b"GET", b"GET", b"STRLEN", b"INCR", b"DECR", b"PERSIST", b"TYPE"])
        return [name, self.key()], None

    def left(self):
        name = self.pick([b"TTL", b"PTTL"])
        return [name, self.key()], name.decode().lower()

    def add(self):
        return [self.pick([b"INCRBY", b"DECRBY"]), self.key(), self.number()], None

    def append(self):
        return [b"APPEND", self.key(), self.pick(VALUES[:-2])], None

    def many(self):
        name = self.pick([b"DEL", b"UNLINK", b"EXISTS", b"MGET"])
        return [name] + [self.key() for _ in range(self.random.randint(1, 5))], None

    def mset(self):
        words = [b"MSET"]
        for _ in range(self.random.randint(1, 4)):
            words += [self.key(), self.value()]
        return words, None

    def whole(self):
        choice = self.random.randrange(6)
        if choice == 0:
            return [b"KEYS", self.pick(PATTERNS)], "sorted"
        if choice == 1:
            return [b"DBSIZE"], None
        if choice == 2:
            return [b"SELECT", self.pick([b"0", b"1", b"2", b"15", b"16", b"-1", b"x"])], None
        if choice == 3:
            words = [b"SCAN", b"0", b"COUNT", b"100000"]
            return words + ([b"MATCH", self.pick(PATTERNS)] if self.pick([0, 1]) else []), "scan"
        if choice == 4 and self.random.random() < 0.05:
            return [self.pick([b"FLUSHDB", b"FLUSHALL"])] + self.pick([[], [b"ASYNC"], [b"x"]]), None
        return [b"PING"], None

    def command(self):
        kinds = [self.set] * 6 + [self.one_key] * 5 + [self.left] * 2 + [self.expire] * 3
        kinds += [self.add] * 2 + [self.append] * 2 + [self.many] * 3 + [self.mset, self.whole]
        for area in AREAS:
            kinds += [functools.partial(kind, self) for kind in area.KINDS]
        words, normaliser = self.pick(kinds)()
        if self.random.random() < 0.04:
            mutated = self.mutate(words)
            unfit = expires_soon(mutated) or any(area.unfit(mutated) for area in AREAS)
            words = words if unfit else mutated
        return words, normaliser

    def mutate(self, words):
        words = list(words)
        choice = self.random.randrange(4)
        if choice == 0 and len(words) > 1:
            words.pop()
        elif choice == 1:
            words.append(self.value()[:100])
        elif choice == 2:
            words[0] = self.random.choice([words[0].lower(), words[0].title(), words[0] + b"X"])
        else:
            words[self.random.randrange(1, len(words) + 1) - 1] = self.pick(NUMBERS)
        return words

    def transaction(self):
        """Commands from MULTI to EXEC, perhaps with WATCH before; only such as need no normaliser."""
        watched = [[b"WATCH"] + [self.key() for _ in range(self.random.randint(1, 3))]]
        commands = watched if self.random.random() < 0.4 else []
        if self.random.random() < 0.2:
            commands.append([b"SET", self.key(), self.value()])
        commands.append([b"MULTI"])
        for _ in range(self.random.randint(0, 8)):
            words, normaliser = self.command()
            if normaliser is None and not loose(words) and words[0].upper() != b"DBSIZE":
                commands.append(words)
        commands.append([self.pick([b"EXEC"] * 12 + [b"DISCARD", b"UNWATCH", b"MULTI"])])
        return [(words, None) for words in commands] + [([b"DISCARD"], None)]

    def pipeline(self):
        """[(words, normaliser)], and what is to be sent a little later (or None)"""
        commands = []
        if self.random.random() < 0.2:
            commands += self.transaction()
        for _ in range(self.pick([1, 2, 5, 16, 40, 100])):
            command = self.command()
            if command[0][0].upper() == b"DBSIZE":
                commands.append((TOUCH_ALL, None))
            commands.append(command)
        if self.random.random() < 0.1:
            # real expiry: nothing looks at the key until it is surely over, then the key itself is
            # looked at first, since until then redis-server may still count it
            key = self.key()
            commands.append(([b"SET", key, b"short", b"PX", b"1"], None))
            return commands, [([b"EXISTS", key], None)]
        return commands, None


def expires_soon(words):
    """True when a key may expire while the random commands run: not at the same moment in both."""
    name = words[0].upper()
    pairs = list(zip(words[3:], words[4:])) if name == b"SET" else []
    if name in (b"EXPIRE", b"PEXPIRE") and len(words) > 2:
        pairs = [(b"PX" if name == b"PEXPIRE" else b"EX", words[2])]
    for area in AREAS:
        pairs += area.expiries(words)
    for option, number in pairs:
        unit = {b"PX": 1, b"EX": 1000}.get(option.upper())
        if unit and number.isdigit() and 0 < int(number) * unit < 90000:
            return True
    return False


def loose(words):
    """Normaliser by command name, since mutation may have changed the command."""
    known = {b"KEYS": "sorted", b"TTL": "ttl", b"PTTL": "pttl", b"SCAN": "scan"}
    known.update(generate_keys.NORMALISERS)
    return known.get(words[0].upper()) or generate_server.normaliser(words)


class Run:
    """Plays `count` random commands in one protocol version to both servers."""

    def __init__(self, pair, normal, differences, proto, seed, spoil, connections=3):
        self.pair, self.normal, self.differences = pair, normal, differences
        self.proto, self.seed, self.spoil = proto, seed, spoil
        self.generator = Generator("%d-%d" % (seed, proto))
        self.failures, self.done, self.compared = [], 0, 0
        self.history = []
        self.names = connections

    def open(self):
        self.sides = []
        for _ in range(self.names):
            both = [wire.Connection(server.port) for server in self.pair.both]
            for connection in both:
                if self.proto == 3:
                    wire.call(connection, "HELLO", "3")
            self.sides.append(both)

    def restart(self):
        for both in self.sides:
            for connection in both:
                connection.close()
        for server in self.pair.both:
            if server.ensure():
                self.failures.append("%s died and was restarted:\n%s" % (server.path, server.output()))
            server.call("FLUSHALL")
        self.history.clear()
        self.open()

    def play(self, count, failures_max=10):
        self.sides = []
        self.restart()
        while self.done < count and len(self.failures) < failures_max:
            commands, later = self.generator.pipeline()
            both = self.generator.pick(self.sides)
            good = self.exchange(both, commands)
            if good and later:
                time.sleep(0.012)
                good = self.exchange(both, later)
            if not good:
                self.restart()
        self.compare_state()
        for both in self.sides:
            for connection in both:
                connection.close()
        return self.failures

    def exchange(self, both, commands):
        data = b"".join(wire.encode(words) for words, _ in commands)
        for connection in both:
            connection.send(data)
        wanted = len(commands)
        wire.pump(both, lambda: all(c.eof or len(c.replies) >= wanted for c in both), 20)
        for index, (words, _) in enumerate(commands):
            self.done += 1
            self.history.append(words)
            a, b = (c.replies[index] if index < len(c.replies) else b"<none>" for c in both)
            b = self.spoil(b)
            if not self.same(words, a, b):
                self.fail(words, a, b)
                return False
        for connection in both:
            extra = connection.replies[wanted:] + [connection.reader.rest()]
            connection.replies = []
            if b"".join(extra):
                self.fail([b"(the pipeline's end)"], b"", b"".join(extra))
                return False
        return True

    def same(self, words, a, b):
        self.compared += 1
        if a == b:
            return a != b"<none>"
        normaliser = loose(words)
        if normaliser and a[:1] == b[:1] and a[:1] not in b"-<":
            if normaliser == "scan":
                (cursor_a, keys_a), (cursor_b, keys_b) = wire.parse(a)[1], wire.parse(b)[1]
                if words[1:4] != [b"0", b"COUNT", b"100000"]:
                    return True  # not the whole database: anything may be there
                return cursor_a == cursor_b and sorted(keys_a[1]) == sorted(keys_b[1])
            return self.normal.apply(normaliser, a, words) == self.normal.apply(normaliser, b, words)
        text = b" ".join(words).decode("latin1")
        return self.pair.other.kind != "redis" and self.differences.accepts(text, a, b)

    def fail(self, words, a, b):
        before = [w for w in self.history[:-1] if set(words[1:2]) & set(w[1:])][-6:]
        self.failures.append(
            "random command %d, RESP%d, seed %d\n%s  sent   %s\n%s"
            % (
                self.done,
                self.proto,
                self.seed,
                "".join("  before %s\n" % cut(w, 200) for w in before),
                cut(words),
                both_replies(a, b),
            )
        )

    def compare_state(self):
        """Everything that is there at the end: keys, types, values, expiries, in each database."""
        both = [server.control for server in self.pair.both]
        for database in range(16):
            states = [self.state(connection, database) for connection in both]
            if states[0] != states[1]:
                keys = [k for k in set(states[0]) | set(states[1]) if states[0].get(k) != states[1].get(k)]
                self.failures.append(
                    "database %d differs at the end, RESP%d, seed %d\n%s"
                    % (
                        database,
                        self.proto,
                        self.seed,
                        "\n".join(
                            "  key %s\n    redis %s\n    other %s"
                            % (cut(k), cut(states[0].get(k)), cut(states[1].get(k)))
                            for k in sorted(keys)[:5]
                        ),
                    )
                )
        for connection in both:
            wire.call(connection, "SELECT", "0")

    def state(self, connection, database):
        wire.call(connection, "SELECT", database)
        raw = wire.call(connection, "KEYS", "*")
        if raw is None:
            return {b"(no reply)": raw}
        keys = [v[1] for v in wire.parse(raw)[1]]
        wire.call(connection, *TOUCH_ALL)
        state = {b"(size)": wire.call(connection, "DBSIZE")}
        for key in keys:
            left = wire.call(connection, "PTTL", key)
            value = wire.call(connection, "GET", key)
            state[key] = (wire.call(connection, "TYPE", key), value, self.normal.n_pttl(left, []))
        return state
