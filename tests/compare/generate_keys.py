"""Random commands on keys: a part of generate.py's.

Every function takes the generator and returns the words of a command, and how its reply is compared.
"""
import rdb

DATABASES = [b"0", b"1", b"2", b"3", b"15", b"16", b"-1", b"x", b"", b"99999999999"]
CONDITIONS = [b"NX", b"XX", b"GT", b"LT", b"lt", b"zz"]
# How replies are compared, by the command's name.
NORMALISERS = {
    b"DUMP": "dump",
    b"EXPIRETIME": "ttl",
    b"OBJECT": "object",
    b"PEXPIRETIME": "pttl",
    b"RANDOMKEY": "drawn",
}


def moment(g, unit_ms):
    """An absolute time, long ago or far ahead, in this unit; or nonsense."""
    r = g.random
    if r.random() < 0.15:
        return g.pick([b"0", b"-1", b"1", b"x", b"", b"1.5", b"9223372036854775807", b"9223372036854775808"])
    if r.random() < 0.1:
        return b"%d" % ((g.now - r.randint(100, 10**9)) * 1000 // unit_ms)
    return b"%d" % ((g.now + r.randint(10**6, 10**9)) * 1000 // unit_ms)


def expireat(g):
    name, unit_ms = g.pick([(b"EXPIREAT", 1000), (b"PEXPIREAT", 1)])
    words = [name, g.key(), moment(g, unit_ms)]
    return words + [g.pick(CONDITIONS) for _ in range(g.pick([0, 0, 0, 1, 1, 2]))], None


def expiretime(g):
    name = g.pick([b"EXPIRETIME", b"PEXPIRETIME"])
    return [name, g.key()], NORMALISERS[name]


def rename(g):
    return [g.pick([b"RENAME", b"RENAME", b"RENAMENX"]), g.key(), g.key()], None


def copy(g):
    words = [b"COPY", g.key(), g.key()]
    for _ in range(g.pick([0, 0, 1, 1, 2])):
        words += g.pick([[b"REPLACE"], [b"replace"], [b"DB", g.pick(DATABASES)], [b"DB"], [b"FOO"]])
    return words, None


def move(g):
    return [b"MOVE", g.key(), g.pick(DATABASES)], None


def touch(g):
    return [b"TOUCH"] + [g.key() for _ in range(g.random.randint(1, 4))], None


def randomkey(_):
    return [b"RANDOMKEY"], "drawn"


def swapdb(g):
    return [b"SWAPDB", g.pick(DATABASES[:5] * 3 + DATABASES), g.pick(DATABASES[:5] * 3 + DATABASES)], None


def object_about(g):
    names = [b"ENCODING", b"ENCODING", b"IDLETIME", b"REFCOUNT", b"FREQ", b"encoding", b"FOO"]
    return [b"OBJECT", g.pick(names), g.key()], "object"


def dump(g):
    return [b"DUMP", g.key()], "dump"


def payload(g):
    """A dump, now and then with a byte changed or cut off, or of another version."""
    r = g.random
    made = rdb.signed(b"\0" + rdb.string(g.value()[:3000], r), g.pick([10, 10, 10, 10, 6, 9, 1, 0, 60]))
    if r.random() < 0.1:
        made = bytearray(made)
        made[r.randrange(len(made))] ^= 1 << r.randrange(8)
    elif r.random() < 0.05:
        made = made[: r.randrange(len(made))]
    # Zeros are their own checksum: such a piece would be a dump, of which Redis reads the footer, too.
    return bytes(made) if any(made) else b"\1"


def restore(g):
    r = g.random
    words = [b"RESTORE", g.key(), g.pick([b"0", b"0", b"0", b"100000", b"86400000", b"-1", b"x"]), payload(g)]
    for _ in range(g.pick([0, 1, 1, 1, 2])):
        option = g.pick([b"REPLACE", b"REPLACE", b"replace", b"ABSTTL", b"IDLETIME", b"FREQ", b"FOO"])
        words.append(option)
        if option == b"ABSTTL":
            words[2] = moment(g, 1)
        elif option in (b"IDLETIME", b"FREQ"):
            words.append(g.pick([b"0", b"1", b"255", b"256", b"-1", b"x", b"%d" % r.randint(0, 10**6)]))
    return words, None


def wait(g):
    return [b"WAIT"] + g.pick([[b"0", b"0"], [b"-1", b"5"], [b"1", b"1"], [b"0", b"x"], [b"x", b"1"], [b"0", b"-1"]]), None


KINDS = [expireat] * 2 + [expiretime, rename, rename, copy, copy, move, touch, randomkey, object_about]
KINDS += [dump, restore, restore, swapdb, wait]


def expiries(words):
    """Spans of time in which a key may expire, as generate.expires_soon takes them."""
    if words[0].upper() == b"RESTORE" and len(words) > 2 and b"ABSTTL" not in words:
        return [(b"PX", words[2])]
    return []


def unfit(words):
    """True for what redis-server would not answer, or where the two are known to differ."""
    name = words[0].upper()
    if name == b"WAIT":
        return words[1:] != [b"1", b"1"] and words[1:2] != [b"0"]
    # An expiry that overflows.
    return name == b"RESTORE" and len(words) > 2 and len(words[2]) > 15 and words[2][:1] != b"-"
