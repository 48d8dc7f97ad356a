"""Normalisers: what of a reply is compared where servers may rightly differ.

Each takes a raw reply and returns something comparable. A corpus line names one with `@name`.
"""
import re

import rdb
from wire import parse

# Descriptions are written in each project's own words.
WORDS = (b"summary", b"complexity", b"notes")
CLIENT_FIELDS = ("name", "flags", "db", "sub", "psub", "ssub", "multi", "user", "redir", "resp", "cmd")


class Normal:
    """Holds what normalisers must know: the commands which both servers have, what to ignore."""

    def __init__(self):
        self.known = None  # set of names in lower case
        self.ignored_sections = set()
        self.ignored_client_fields = set()

    def apply(self, name, raw, words):
        if raw[:1] in b"-":
            return raw  # errors are always compared whole
        return getattr(self, "n_" + name)(raw, words)

    @staticmethod
    def n_sorted(raw, _):
        """The order of elements is free (KEYS)."""
        kind, items = parse(raw)
        return (kind, sorted(map(repr, items)) if items is not None else None)

    @staticmethod
    def n_shape(raw, _):
        """Only the types (TIME, CLIENT ID)."""

        def shape(value):
            kind, inner = value
            return (kind, [shape(v) for v in inner]) if isinstance(inner, list) else kind

        return shape(parse(raw))

    @staticmethod
    def n_help(raw, _):
        """The text is each project's own: an array of simple strings."""
        kind, items = parse(raw)
        return (kind, {item[0] for item in items})

    @staticmethod
    def n_ttl(raw, _):
        """Seconds left, give or take one; -1 and -2 exactly."""
        kind, value = parse(raw)
        return Near(kind, int(value), 1)

    @staticmethod
    def n_pttl(raw, _):
        """Milliseconds left, give or take two seconds."""
        kind, value = parse(raw)
        return Near(kind, int(value), 2000)

    @staticmethod
    def n_dump(raw, _):
        """The value in a dump, however it is packed."""
        kind, dump = parse(raw)
        return (kind, None if dump is None else rdb.value_of(dump))

    @staticmethod
    def n_drawn(raw, _):
        """Whether something has been drawn (RANDOMKEY)."""
        kind, value = parse(raw)
        return (kind, value is None)

    @staticmethod
    def n_object(raw, words):
        """OBJECT: encodings, without what INCRBYFLOAT's numbers differ in; else whether there is one."""
        kind, value = parse(raw)
        if words[1].lower() == b"encoding" and value is not None:
            return (kind, "raw" if value == b"raw" else "short")
        return (kind, value is None)

    @staticmethod
    def n_pairs(raw, _):
        """A map or a flat list of pairs in any order (CONFIG GET)."""
        kind, items = parse(raw)
        return (kind, sorted(map(repr, zip(items[::2], items[1::2]))))

    @staticmethod
    def n_hello(raw, _):
        """HELLO's reply, whatever the connection's number is."""
        kind, items = parse(raw)
        items = [
            ("id", v[0]) if i > 0 and items[i - 1][1] == b"id" else v for i, v in enumerate(items)
        ]
        return (kind, items)

    def n_clients(self, raw, _):
        """CLIENT LIST and INFO: names of all fields, values of those that a test decides."""
        kind, text = parse(raw)
        lines = []
        for line in text.decode("latin1").split("\n"):
            fields = [f.partition("=") for f in line.split(" ")]
            fields = [f for f in fields if f[0] not in self.ignored_client_fields]
            lines.append([(n, v if n in CLIENT_FIELDS else "") for n, _, v in fields])
        return (kind, sorted(lines))

    def n_info(self, raw, words):
        """INFO: the sections' titles, and that the fields named after `--` are there."""
        kind, text = parse(raw)
        text = text.decode("latin1")
        titles = re.findall(r"^# (\w+)\r$", text, re.M)
        names = set(re.findall(r"^([^#:\r\n]+):", text, re.M))
        wanted = words[words.index(b"--") + 1 :] if b"--" in words else []
        missing = [w.decode() for w in wanted if w.decode() not in names]
        if missing:
            raise ValueError("INFO lacks %s" % " ".join(missing))
        return (kind, [t for t in titles if t not in self.ignored_sections])

    @staticmethod
    def n_monitor(raw, _):
        """A line of MONITOR, whenever and from wherever."""
        return re.sub(rb"^\+\d+\.\d{6} \[(\d+) [^\]]+\]", rb"+TIME [\1 ADDRESS]", raw)

    @staticmethod
    def n_slowlog(raw, _):
        """SLOWLOG GET: arguments and names, and that the numbers go down by one."""
        kind, items = parse(raw)
        entries = [entry[1] for entry in items]
        ids = [int(entry[0][1]) for entry in entries]
        steps = [a - b for a, b in zip(ids, ids[1:])]
        return (kind, steps, [(len(e), [v[0] for v in e], e[3], e[5]) for e in entries])

    def n_stats(self, raw, _):
        """INFO commandstats and errorstats: the numbers that are not times."""
        kind, text = parse(raw)
        lines = []
        for line in text.decode("latin1").split("\r\n"):
            name, _, fields = line.partition(":")
            fields = [f for f in fields.split(",") if not f.startswith("usec")]
            if name[:8] != "cmdstat_" or self.is_known(name[8:].encode("latin1")):
                lines.append((name, fields))
        return (kind, sorted(lines))

    @staticmethod
    def n_percentiles(raw, _):
        """INFO latencystats: which percentiles of which commands."""
        kind, text = parse(raw)
        return (kind, sorted(re.sub(rb"=[0-9.]+", b"=", text).split(b"\r\n")))

    @staticmethod
    def n_histogram(raw, _):
        """LATENCY HISTOGRAM: the commands and their calls, and that the last interval has them all."""
        kind, items = parse(raw)
        result = []
        for (_, name), (_, fields) in zip(items[::2], items[1::2]):
            assert [f[1] for f in fields[::2]] == [b"calls", b"histogram_usec"]
            intervals = [int(v[1]) for v in fields[3][1]]
            assert intervals[::2] == sorted(set(intervals[::2]))
            assert intervals[1::2] == sorted(set(intervals[1::2]))
            result.append((name, fields[1], intervals[-1], fields[3][0]))
        return (kind, sorted(result))

    @staticmethod
    def n_text(raw, _):
        """A text in each project's own words."""
        kind, text = parse(raw)
        assert text and (kind != "=" or text.startswith(b"txt:"))
        return kind

    @staticmethod
    def n_fields(raw, _):
        """A map: its fields in order, and the types of their values (MEMORY STATS)."""
        kind, items = parse(raw)
        values = [v[0] for v in items[1::2]]
        return (kind, [k[1] for k in items[::2]], values)

    @staticmethod
    def n_debug_object(raw, _):
        """DEBUG OBJECT: without addresses and times."""
        return re.sub(rb"(at:0x|lru:|lru_seconds_idle:|refcount:)[0-9a-f]+", rb"\1", raw)

    def n_known(self, raw, _):
        """A list of command names in any order, reduced to those that both servers have."""
        kind, items = parse(raw)
        return (kind, sorted(repr(v) for v in items if v[1].lower().decode("latin1") in self.known))

    def n_command(self, raw, _):
        """COMMAND INFO and DOCS: words ignored, subcommands sorted, those that both have; without
        what later versions than the reference have added."""
        return self.command_value(parse(raw))

    def is_known(self, name):
        return name is None or name.decode("latin1") in self.known

    def command_value(self, value):
        kind, items = value
        if not isinstance(items, list):
            return value
        if len(items) == 10 and items[1][0] == ":":  # the element of COMMAND INFO
            subs = items[9]
            rows = [self.command_value(v) for v in subs[1] if self.is_known(v[1][0][1])]
            fields = [self.command_value(v) for v in items[:9]]
            return (kind, fields + [(subs[0], sorted(rows, key=repr))])
        result, i = [], 0
        while i < len(items):
            key = items[i][1]
            if key in WORDS and i + 1 < len(items):
                result += [items[i], "words"]
                i += 2
            elif key == b"history" and i + 1 < len(items):
                changes = items[i + 1]
                versions = [c[1][0] for c in changes[1] if not newer(c[1][0][1])]
                result += [items[i], (changes[0], versions)]
                i += 2
            elif key == b"arguments" and i + 1 < len(items) and isinstance(items[i + 1][1], list):
                lines = [v for v in items[i + 1][1] if not newer(field(v, b"since"))]
                result += [items[i], self.command_value((items[i + 1][0], lines))]
                i += 2
            elif key == b"subcommands" and i + 1 < len(items):
                result += [items[i], self.subcommands(items[i + 1])]
                i += 2
            else:
                result.append(self.command_value(items[i]))
                i += 1
        return (kind, result)

    def subcommands(self, value):
        kind, items = value
        pairs = zip(items[::2], items[1::2])
        pairs = [(k, self.command_value(v)) for k, v in pairs if self.is_known(k[1])]
        return (kind, sorted(pairs, key=repr))


def field(value, name):
    """The text of a field of a map that was parsed, b"" when it has none."""
    items = value[1]
    return next((v[1] for k, v in zip(items[::2], items[1::2]) if k[1] == name), b"")


def newer(version):
    return version != b"" and tuple(map(int, version.split(b"."))) >= (7, 1)


class Near:
    """A number that equals another within a tolerance; negative ones only exactly."""

    def __init__(self, kind, value, tolerance):
        self.kind, self.value, self.tolerance = kind, value, tolerance

    def __eq__(self, other):
        if not isinstance(other, Near) or self.kind != other.kind:
            return False
        if self.value < 0 or other.value < 0:
            return self.value == other.value
        return abs(self.value - other.value) <= self.tolerance

    def __repr__(self):
        return "%s%d +- %d" % (self.kind, self.value, self.tolerance)
