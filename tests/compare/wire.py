"""Connections to the servers: bytes out, raw replies in, and replies taken apart."""
import select
import socket
import time

NEWLINE = b"\r\n"
AGGREGATES = {b"*": 1, b"~": 1, b">": 1, b"%": 2, b"|": 2}
BLOBS = (b"$", b"=", b"!")


def encode(args):
    """A command as an array of bulk strings."""
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        parts.append(b"$%d\r\n%s\r\n" % (len(arg), arg))
    return b"".join(parts)


class Reader:
    """Cuts a stream into raw replies; resumable, each byte is looked at once."""

    def __init__(self):
        self.bytes = bytearray()
        self.scanned = 0
        self.pending = 1

    def next(self):
        """The next whole reply as bytes, or None."""
        while self.pending > 0:
            end = self.bytes.find(NEWLINE, self.scanned)
            if end < 0:
                return None
            kind = bytes(self.bytes[self.scanned : self.scanned + 1])
            line = bytes(self.bytes[self.scanned + 1 : end])
            after = end + 2
            if kind in BLOBS and line != b"-1":
                after += int(line) + 2
                if len(self.bytes) < after:
                    return None
            if kind in AGGREGATES and line != b"-1":
                self.pending += AGGREGATES[kind] * int(line)
                self.pending += kind == b"|"
            self.pending -= 1
            self.scanned = after
        reply = bytes(self.bytes[: self.scanned])
        del self.bytes[: self.scanned]
        self.scanned, self.pending = 0, 1
        return reply

    def rest(self):
        rest = bytes(self.bytes)
        self.bytes.clear()
        self.scanned, self.pending = 0, 1
        return rest


def parse(raw):
    """A raw reply as nested (type, value); value is bytes, None or a list."""
    value, end = parse_at(raw, 0)
    assert end == len(raw)
    return value


def parse_at(raw, at):
    end = raw.index(NEWLINE, at)
    kind, line, at = raw[at : at + 1], raw[at + 1 : end], end + 2
    if line == b"-1" and kind in b"$*":
        return (kind.decode(), None), at
    if kind in BLOBS:
        end = at + int(line)
        return (kind.decode(), raw[at:end]), end + 2
    if kind in AGGREGATES:
        items = []
        for _ in range(int(line) * AGGREGATES[kind]):
            item, at = parse_at(raw, at)
            items.append(item)
        return (kind.decode(), items), at
    return (kind.decode(), line), at


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.out = memoryview(b"")
        self.reader = Reader()
        self.replies = []
        self.eof = False
        self.address = "%s:%d" % self.socket.getsockname()
        self.id = None

    def send(self, data):
        self.out = memoryview(bytes(self.out) + data) if self.out else memoryview(data)

    def send_split(self, data, size):
        """In pieces, with pauses, so that the server most likely reads them one by one."""
        for at in range(0, len(data), size):
            self.send(data[at : at + size])
            pump([self], lambda: not self.out, 5)
            time.sleep(0.0003)

    def on_writable(self):
        try:
            self.out = self.out[self.socket.send(self.out[: 1 << 20]) :]
        except BlockingIOError:
            pass
        except OSError:
            self.out = memoryview(b"")

    def on_readable(self):
        try:
            data = self.socket.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # a reset ends the stream just as well
        if not data:
            self.eof = True
            self.out = memoryview(b"")
            return
        self.reader.bytes += data
        reply = self.reader.next()
        while reply is not None:
            self.replies.append(reply)
            reply = self.reader.next()

    def shutdown(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.socket.close()
        self.eof = True


def pump(connections, done, seconds):
    """Sends and receives until done() or the time is over; returns done()."""
    deadline = time.monotonic() + seconds
    while not done():
        readers = [c for c in connections if not c.eof]
        writers = [c for c in readers if c.out]
        left = deadline - time.monotonic()
        if left <= 0 or not readers:
            break
        readable, writable, _ = select.select(readers_of(readers), readers_of(writers), [], left)
        for connection in readers:
            if connection.socket in writable:
                connection.on_writable()
            if connection.socket in readable:
                connection.on_readable()
    return done()


def readers_of(connections):
    return [c.socket for c in connections]


def call(connection, *args, seconds=10):
    """One command, its raw reply; None when there is none."""
    connection.send(encode([a if isinstance(a, bytes) else str(a).encode() for a in args]))
    wanted = len(connection.replies) + 1
    pump([connection], lambda: connection.eof or len(connection.replies) >= wanted, seconds)
    return connection.replies.pop() if len(connection.replies) >= wanted else None
