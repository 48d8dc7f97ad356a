"""What hostile clients do. Each attack gets the arena: server, random numbers, score."""
import random
import signal
import socket
import struct
import time

from poro import Client, encode
from witness import connect

# Commands that mutations start from: nothing here stops the server or touches the witness's keys.
SAMPLES = [
    encode("SET", "h:1", "value"), encode("GET", "h:1"), encode("MSET", "h:1", "a", "h:2", "b"),
    encode("APPEND", "h:3", b"x" * 500), encode("INCR", "h:4"), encode("DEL", "h:1", "h:2"),
    encode("SET", "h:5", "v", "EX", "100", "NX", "GET"), encode("SCAN", "0", "COUNT", "100"),
    encode("EXPIRE", "h:1", "1000"), encode("SELECT", "3"), encode("HELLO", "3"),
    encode("CLIENT", "SETNAME", "x"), encode("COMMAND", "DOCS"), encode("INFO"),
    encode("KEYS", "h:*"), encode("PING"), b"PING\r\n", b"SET h:6 \"quoted\\x00\"\r\n",
    b"*1\r\n$4\r\nPING\r\n" * 20, b"*0\r\n", b"*-1\r\n", b"*3\r\n$3\r\nSET\r\n$3\r\nh:7\r\n$70000\r\n",
    encode("SET", "h:8", b"\x00\xff\r\n" * 20000), encode("EXISTS", *(["h:1"] * 300)),
]
BAD = [
    b"*1048577\r\n", b"*99999999999999999999\r\n", b"*1\r\n$-1\r\n", b"*1\r\n$536870913\r\n",
    b"*1\r\n$9223372036854775807\r\n", b"*1\r\n:3\r\n", b"*2147483647\r\n$1\r\n", b"\"unbalanced\r\n",
    b"x" * 70000, b"*" * 70000, b"*1\r\n$" + b"1" * 70000, b"\x00" * 1000, b"\r\n" * 5000,
]


def mutate(rng, data):
    """A few bytes of it changed, removed, doubled or moved."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        if not data:
            break
        at = rng.randrange(len(data))
        kind = rng.randrange(5)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del data[at : at + rng.randint(1, 8)]
        elif kind == 2:
            data[at:at] = data[at : at + rng.randint(1, 64)]
        elif kind == 3:
            data[at:at] = rng.choice([b"\r\n", b"$", b"*", b"-", b"0", b"99999999", b"\x00"])
        else:
            data[at] = rng.randrange(256)
    return bytes(data)


def hostile_bytes(rng):
    which = rng.randrange(10)
    if which == 0:
        return rng.randbytes(rng.randint(1, 3000))
    if which == 1:
        return rng.choice(BAD)
    stream = b"".join(rng.choice(SAMPLES) for _ in range(rng.randint(1, 6)))
    return stream if which == 2 else mutate(rng, stream)


def send_some(s, data):
    """As much as the socket takes at once; False when the connection has ended."""
    try:
        s.send(data)
    except BlockingIOError:
        pass
    except OSError:
        return False
    return True


def read_some(s):
    """What there is; None when the connection has ended."""
    try:
        return s.recv(1 << 16) or None
    except BlockingIOError:
        return b""
    except OSError:
        return None


def reset(s):
    """Closes with a reset instead of an orderly end."""
    try:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    s.close()


def leave(rng, s):
    if rng.random() < 0.5:
        reset(s)
    else:
        s.close()


def garbage(arena):
    """Random and mutated bytes from thousands of connections, some dozens at a time."""
    rng, opened = arena.rng, []
    for _ in range(arena.many(4000)):
        s = connect(arena.server.port)
        for _ in range(rng.randint(1, 3)):
            if not send_some(s, hostile_bytes(rng)):
                break
        opened.append(s)
        if len(opened) == 60:
            rng.shuffle(opened)
            for _ in range(30):
                s = opened.pop()
                read_some(s)
                leave(rng, s)
    for s in opened:
        leave(rng, s)


def all_at_once(arena):
    """More bytes at the same moment than there are receive buffers: nothing may be lost."""
    clients, commands = [], 150
    for i in range(arena.many(1200)):
        clients.append(connect(arena.server.port))
        clients[i].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 18)
    value = b"v" * 800
    requests = [b"".join(encode("SET", "all:%d:%d" % (i, k), value) for k in range(commands))
                for i in range(len(clients))]
    # The moment: the server stands still while everybody sends, as on a busy machine.
    arena.server.process.send_signal(signal.SIGSTOP)
    try:
        for s, request in zip(clients, requests):
            send_some(s, request)
    finally:
        arena.server.process.send_signal(signal.SIGCONT)
    right = 0
    for s in clients:
        s.settimeout(20)
        got = b""
        while len(got) < commands * 5:
            data = s.recv(1 << 16)
            if not data:
                break
            got += data
        right += got == b"+OK\r\n" * commands
        s.close()
    arena.score.check("everybody is answered when all send at once", right == len(clients),
                      "%d of %d" % (right, len(clients)))
    exhausted = info_number(arena, "receive_buffers_exhausted")
    arena.score.check("the receive buffers did run out", exhausted > 0 or arena.scale < 1)


def info_number(arena, field):
    client = Client(arena.server.port)
    for line in client.call("INFO").decode().split("\r\n"):
        if line.startswith(field + ":"):
            return int(line.split(":")[1])
    raise ValueError("INFO has no %s" % field)


def never_read(arena):
    """Clients that ask for a lot and never take it; some change their mind and must get it all."""
    setup = Client(arena.server.port)
    big, small = b"B" * (1 << 20), b"s" * 1000
    setup.call("SET", "h:big", big)
    setup.call("SET", "h:small", small)
    clients = []
    for i in range(arena.many(60)):
        s = connect(arena.server.port)
        send_some(s, encode("GET", "h:big") * 30 if i % 2 else encode("GET", "h:small") * 3000)
        clients.append(s)
    arena.watch(2.5)
    for i in (0, 1, 2, 3):
        count, value = (30, big) if i % 2 else (3000, small)
        reply = b"$%d\r\n%s\r\n" % (len(value), value)
        got, s = 0, clients[i]
        right = True
        s.settimeout(20)
        while right and got < count * len(reply):
            data = s.recv(1 << 18)
            at = got % len(reply)
            right = data != b"" and (reply * 2)[at : at + len(data)] == data[: 2 * len(reply) - at]
            got += len(data)
        arena.score.check("who reads late gets everything", right, "%d bytes" % got)
    for s in clients:
        leave(arena.rng, s)
    setup.close()


def byte_a_second(arena):
    """One byte a second, and hurrying at last: the command must arrive whole."""
    command = encode("SET", "h:slow", b"S" * 40000)
    clients = [connect(arena.server.port) for _ in range(arena.many(60))]
    for second in range(3):
        for i, s in enumerate(clients):
            send_some(s, command[second : second + 1])
        arena.watch(1)
    right = 0
    for s in clients:
        s.settimeout(20)
        s.sendall(command[3:])
        right += s.recv(100) == b"+OK\r\n"
        s.close()
    arena.score.check("a slow command arrives", right == len(clients), right)


def announce_and_leave(arena):
    """512 MB announced, a little of it sent, gone; others stay and send nothing more."""
    rng = arena.rng
    head = b"*3\r\n$3\r\nSET\r\n$5\r\nh:big\r\n$536870912\r\n"
    stay = []
    for i in range(arena.many(400)):
        s = connect(arena.server.port)
        send_some(s, head + b"x" * rng.randint(0, 100000))
        if i % 2:
            stay.append(s)
        else:
            leave(rng, s)
    arena.watch(1.5)
    for s in stay:
        leave(rng, s)


def large_arguments(arena):
    """A thousand connections in the middle of large arguments at the same time."""
    head = b"*3\r\n$3\r\nSET\r\n$7\r\nh:large\r\n$10485760\r\n"
    clients = []
    for _ in range(arena.many(1000)):
        s = connect(arena.server.port)
        send_some(s, head + b"y" * 65536)
        clients.append(s)
    arena.watch(1)
    for _ in range(3):
        for s in clients:
            send_some(s, b"y" * 16384)
        arena.watch(0.3)
    for s in clients:
        leave(arena.rng, s)


def endless_arguments(arena):
    """Commands of a million arguments that trickle in."""
    clients = [connect(arena.server.port) for _ in range(arena.many(200))]
    for s in clients:
        send_some(s, b"*1048576\r\n$3\r\nDEL\r\n")
    for _ in range(12):
        for s in clients:
            send_some(s, b"$3\r\nh:x\r\n" * 1500)
        arena.watch(0.1)
    for s in clients:
        leave(arena.rng, s)


def silent(arena):
    """Connections that say nothing, or say that they are done and stay."""
    clients = [connect(arena.server.port) for _ in range(arena.many(1500))]
    for s in clients[::3]:
        s.shutdown(socket.SHUT_WR)
    for s in clients[1::3]:
        send_some(s, encode("GET", "h:small"))
        s.shutdown(socket.SHUT_WR)
    arena.watch(1)
    for s in clients:
        leave(arena.rng, s)


def replies_in_flight(arena):
    """Connections that end while the server is sending them much."""
    rng = arena.rng
    Client(arena.server.port).call("SET", "h:middle", b"M" * 200000)
    for _ in range(arena.many(600)):
        s = connect(arena.server.port)
        send_some(s, encode("GET", "h:middle") * rng.randint(1, 40) + encode("SET", "h:9", "z") * 5)
        if rng.random() < 0.5:
            time.sleep(0.001)
            read_some(s)
        leave(rng, s)


def too_many(arena):
    """More connections than maxclients: the last ones are turned away, and the door opens again."""
    excess, clients = 200, []
    limit = int(Client(arena.server.port).call("CONFIG", "GET", "maxclients")[1])
    for _ in range(limit + excess):
        clients.append(connect(arena.server.port))
    deadline, ends = time.monotonic() + 10, []
    while ends.count("open") != limit - 1 and time.monotonic() < deadline:
        time.sleep(0.05)
        ends = [end_of(s) for s in clients]
    # One of the open ones is the witness.
    arena.score.check("who is too many is turned away", ends.count("open") == limit - 1,
                      "%d open of %d" % (ends.count("open"), limit - 1))
    # Of a burst, the server tells as many as it has spare slots for; the rest it just closes.
    arena.score.check("who is too many is told so", ends.count("told") >= 16, ends.count("told"))
    for s in clients:
        leave(arena.rng, s)
    arena.await_door()


def end_of(s):
    try:
        data = s.recv(100, socket.MSG_PEEK)
    except BlockingIOError:
        return "open"
    except OSError:
        return "closed"
    return "told" if data.startswith(b"-ERR max number of clients reached") else "closed"


def fresh_rng(seed):
    return random.Random(seed)
