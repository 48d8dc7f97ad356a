"""Random commands on strings and bits: a part of generate.py's.

Every function takes the generator and returns the words of a command, and how its reply is compared.
"""

# LCS takes redis-server long: its keys hold short texts, and nothing else changes them.
LCS_KEYS = [b"lcs1", b"lcs2", b"lcs3"]
FLOATS = [
    b"0", b"1.5", b"-1.5", b"0.1", b"0.2", b"-0.3", b"1e3", b"1E-3", b"1e17", b"1e-17", b"1e-18",
    b"3.14159265358979323846", b"1e300", b"-1e300", b"1e4932", b"-1e4932", b"1e5000", b"1e-5000",
    b"inf", b"-inf", b"nan", b"0x10", b"0x1p-3", b"1.", b".5", b".", b"-", b"-0", b"-0.0", b"+5",
    b" 1", b"1 ", b"", b"abc", b"1,5", b"1\x00", b"18446744073709551615", b"9007199254740993",
    b"123456789012345678901234567890", b"00012.50", b"1_0",
]  # fmt: skip
UNITS = [b"BYTE", b"BIT", b"bit", b"byte", b"BITS", b""]
OVERFLOWS = [b"WRAP", b"SAT", b"FAIL", b"sat", b"FOO"]
TYPES = [b"u1", b"i1", b"u7", b"u8", b"i8", b"u16", b"i16", b"u31", b"i32", b"u63", b"i64", b"i63"]
WRONG_TYPES = [b"u64", b"i65", b"u0", b"i0", b"8", b"u", b"", b"U8", b"u08", b"i-1"]
# Positions that are refused everywhere: what is between would make values too long to compare.
FAR = [b"4294967296", b"9223372036854775807", b"9223372036854775808", b"-1", b"x", b"", b"1.5"]
REACH_MAX = 1000000


def place(g, highest):
    """A position from 0 on, usually a low one."""
    r = g.random
    if r.random() < 0.06:
        return g.pick(FAR)
    return b"%d" % r.randint(0, g.pick([1, 8, 30, 100, highest]))


def bound(g):
    """The end of a range, often one from behind."""
    r = g.random
    if r.random() < 0.05:
        return g.pick(FAR[1:] + [b"-9223372036854775808"])
    return b"%d" % r.randint(-60, g.pick([10, 60, 2000]))


def getset(g):
    return [b"GETSET", g.key(), g.value()], None


def getdel(g):
    return [b"GETDEL", g.key()], None


def getex(g):
    words = [b"GETEX", g.key()]
    for _ in range(g.pick([0, 1, 1, 1, 2])):
        option = g.pick([b"EX", b"PX", b"EXAT", b"PXAT", b"PERSIST", b"persist", b"KEEPTTL", b"px"])
        words.append(option)
        if option[:1].upper() in b"EP" and option.upper() != b"PERSIST":
            words.append(g.expiry(option.upper()))
    return words, None


def setnx(g):
    return [b"SETNX", g.key(), g.value()], None


def setex(g):
    name = g.pick([b"SETEX", b"PSETEX"])
    return [name, g.key(), g.expiry(b"PX" if name[:1] == b"P" else b"EX"), g.value()], None


def msetnx(g):
    words = [b"MSETNX"]
    for _ in range(g.random.randint(1, 3)):
        words += [g.key(), g.value()]
    return words, None


def incrbyfloat(g):
    return [b"INCRBYFLOAT", g.key(), g.pick(FLOATS) if g.random.random() < 0.6 else g.number()], None


def getrange(g):
    return [g.pick([b"GETRANGE", b"SUBSTR"]), g.key(), bound(g), bound(g)], None


def setrange(g):
    offset = place(g, 30000)
    return [b"SETRANGE", g.key(), offset, g.pick([b"", b"x", b"yy", b"abc" * 20, g.value()])], None


def lcs(g):
    r = g.random
    if r.random() < 0.5:
        letters = g.pick([b"a", b"ab", b"abcd", bytes(range(256))])
        length = r.randint(0, g.pick([10, 70, 300]))
        return [b"SET", g.pick(LCS_KEYS), bytes(r.choice(letters) for _ in range(length))], None
    words = [b"LCS", g.pick(LCS_KEYS), g.pick(LCS_KEYS + [b"missing"])]
    for _ in range(g.pick([0, 1, 1, 2, 3])):
        option = g.pick([b"LEN", b"IDX", b"IDX", b"WITHMATCHLEN", b"MINMATCHLEN", b"idx", b"FOO"])
        words.append(option)
        if option == b"MINMATCHLEN":
            words.append(g.pick([b"0", b"1", b"2", b"3", b"10", b"-1", b"x"]))
    return words, None


def setbit(g):
    return [b"SETBIT", g.key(), place(g, 300000), g.pick([b"0", b"1", b"1", b"0", b"2", b"x"])], None


def getbit(g):
    return [b"GETBIT", g.key(), place(g, 300000)], None


def bitcount(g):
    words = [b"BITCOUNT", g.key()]
    ends = g.pick([0, 0, 2, 2, 2, 1])
    words += [bound(g) for _ in range(ends)]
    if ends == 2 and g.pick([0, 1]):
        words.append(g.pick(UNITS))
    return words, None


def bitpos(g):
    words = [b"BITPOS", g.key(), g.pick([b"0", b"1", b"0", b"1", b"2", b"x"])]
    ends = g.pick([0, 1, 2, 2, 2])
    words += [bound(g) for _ in range(ends)]
    if ends == 2 and g.pick([0, 1]):
        words.append(g.pick(UNITS))
    return words, None


def bitop(g):
    name = g.pick([b"AND", b"OR", b"XOR", b"NOT", b"and", b"NAND"])
    count = 1 if name == b"NOT" and g.random.random() < 0.9 else g.random.randint(1, 4)
    return [b"BITOP", name] + [g.key() for _ in range(count + 1)], None


def field(g):
    """The type and the offset of one operation of BITFIELD."""
    kind = g.pick(TYPES) if g.random.random() < 0.96 else g.pick(WRONG_TYPES)
    offset = place(g, 3000)
    return [kind, b"#" + offset if g.random.random() < 0.3 else offset]


def bitfield(g):
    name = g.pick([b"BITFIELD"] * 4 + [b"BITFIELD_RO"])
    words = [name, g.key()]
    for _ in range(g.pick([0, 1, 1, 2, 3, 6])):
        choice = g.random.random()
        if choice < 0.4 or (name == b"BITFIELD_RO" and choice < 0.95):
            words += [b"GET"] + field(g)
        elif choice < 0.65:
            words += [b"SET"] + field(g) + [g.number()]
        elif choice < 0.85:
            words += [b"INCRBY"] + field(g) + [g.number()]
        elif choice < 0.98:
            words += [b"OVERFLOW", g.pick(OVERFLOWS[:4]) if choice < 0.97 else OVERFLOWS[4]]
        else:
            words.append(g.pick([b"FOO", b"get", b"SET"]))
    return words, None


KINDS = [getset, getdel, getex, getex, setnx, setex, setex, msetnx, incrbyfloat, incrbyfloat]
KINDS += [getrange, getrange, setrange, setrange, lcs, setbit, setbit, getbit, bitcount, bitcount]
KINDS += [bitpos, bitpos, bitop, bitop, bitfield, bitfield, bitfield]


def expiries(words):
    """The pairs of a unit and a number in a command that may let a key expire."""
    name = words[0].upper()
    if name in (b"SETEX", b"PSETEX") and len(words) > 2:
        return [(b"PX" if name[:1] == b"P" else b"EX", words[2])]
    return list(zip(words[2:], words[3:])) if name == b"GETEX" else []


def unfit(words):
    """True when a mutated command makes a value too long to be compared often."""
    if words[0].upper() not in (b"SETRANGE", b"SETBIT", b"BITFIELD"):
        return False
    numbers = [word.lstrip(b"#") for word in words[2:]]
    return any(n.isdigit() and REACH_MAX < int(n) < 4294967296 for n in numbers)
