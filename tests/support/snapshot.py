"""Snapshots (RDB) for tests: made part by part, and read here independently of the servers."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "compare"))
from rdb import crc64, length, pack, read_length, string, unpack  # noqa: E402,F401


# The checksum of larger files is left to redis-check-rdb: it takes long here.
CHECKED_BYTES = 1 << 20


def text(value):
    """A string as it is, neither packed nor as a number."""
    return length(len(value)) + value


def packed(value, rng):
    body = pack(value, rng)
    return b"\xc3" + length(len(body)) + length(len(value)) + body


def key(name, value, expiry_ms=None):
    """A string with its key, in the plainest form."""
    head = b"" if expiry_ms is None else b"\xfc" + expiry_ms.to_bytes(8, "little", signed=True)
    return head + b"\x00" + text(name) + text(value)


def database(number):
    return b"\xfe" + length(number)


def snapshot(body, version=10, checksum=True, magic=b"REDIS"):
    data = magic + (b"%0*d" % (9 - len(magic), version)) + body + b"\xff"
    if version < 5:
        return data
    return data + (crc64(data).to_bytes(8, "little") if checksum else bytes(8))


class Damaged(Exception):
    pass


class Reader:
    """Strings only; raises Damaged where anything is not right."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise Damaged("too short")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "little", signed=True)

    def length(self, special=False):
        first = self.take(1)[0]
        form = first >> 6
        if form == 0:
            return first
        if form == 1:
            return (first & 63) << 8 | self.take(1)[0]
        if form == 3 and special:
            return -1 - (first & 63)
        if first not in (0x80, 0x81):
            raise Damaged("no length")
        return int.from_bytes(self.take(4 if first == 0x80 else 8), "big")

    def string(self):
        size = self.length(special=True)
        if size >= 0:
            return self.take(size)
        if size >= -3:
            return b"%d" % self.number(1 << (-1 - size))
        if size != -4:
            raise Damaged("no string")
        packed_size, size = self.length(), self.length()
        body = self.take(packed_size)
        try:
            value = unpack(body)
        except IndexError:
            raise Damaged("packed")
        if len(value) != size:
            raise Damaged("packed")
        return value

    def keys(self):
        """{(database, key): (value, expiry in ms or None)}, in which order they come does not count."""
        found, db, expiry = {}, 0, None
        if self.take(5) != b"REDIS":
            raise Damaged("no snapshot")
        version = int(self.take(4))
        while True:
            first = self.take(1)[0]
            if first == 0xFF:
                break
            if first == 0xFE:
                db = self.length()
            elif first == 0xFD:
                expiry = self.number(4) * 1000
                expiry = None if expiry == -1000 else expiry
            elif first == 0xFC:
                expiry = self.number(8)
                expiry = None if expiry == -1 else expiry
            elif first == 0xFB:
                self.length(), self.length()
            elif first == 0xFA:
                self.string(), self.string()
            elif first == 0xF9:
                self.take(1)
            elif first == 0xF8:
                self.length()
            elif first == 0:
                name = self.string()
                found[db, name] = (self.string(), expiry)
                expiry = None
            else:
                raise Damaged("type %d" % first)
        if version >= 5:
            end = self.at
            checksum = int.from_bytes(self.take(8), "little")
            if checksum and end < CHECKED_BYTES and checksum != crc64(self.data[:end]):
                raise Damaged("checksum")
        if self.at != len(self.data):
            raise Damaged("something follows")
        return found


def read(path):
    with open(path, "rb") as f:
        return Reader(f.read()).keys()
