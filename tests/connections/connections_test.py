#!/usr/bin/env python3
"""connections_test.py --server PATH: many connections, their limits, and where they come from."""
import argparse
import os
import resource
import select
import socket
import time

from stage import Client, Local, Stage, await_clients, await_end, dial, ended, hang_up, info, push
from poro import Error, Score, encode
from witness import descriptors
from origin import addresses, unix_sockets

IDLE, ACTIVE = 10000, 1000
# Resident memory for a connection that is idle, and for one that has a request under way.
IDLE_KB_MAX = 3.0
ACTIVE_KB_MAX = 40.0
SOURCES = 8  # addresses to connect from, so that ports do not run out


# --- many ------------------------------------------------------------------------------------------


def open_idle(stage, count):
    """All of them have been served once."""
    sockets = []
    for i in range(count):
        sockets.append(dial(stage.port, 1 + i % SOURCES))
    for s in sockets:
        s.sendall(b"PING\r\n")
    right = sum(s.recv(100) == b"+PONG\r\n" for s in sockets)
    stage.score.check("many: the idle ones are served", right == count, "%d of %d" % (right, count))
    return sockets


def converse(sockets, rounds):
    """Each sends one command after the other, all at the same time. Returns how many answers were right."""
    poll = select.epoll()
    by_file, state, right = {}, {}, 0
    for i, s in enumerate(sockets):
        by_file[s.fileno()] = s
        state[s.fileno()] = [i, 0, b""]
        poll.register(s.fileno(), select.EPOLLIN)
        s.sendall(encode("SET", "many:%d" % i, "0:%d" % i))
    deadline = time.monotonic() + 60
    while state and time.monotonic() < deadline:
        for file, _ in poll.poll(1):
            i, step, wanted = state[file]
            answer = by_file[file].recv(4096)
            right += answer == (wanted or b"+OK\r\n")
            step += 1
            if step == rounds:
                poll.unregister(file)
                del state[file]
            elif step % 2:
                value = b"%d:%d" % (step - 1, i)
                state[file] = [i, step, b"$%d\r\n%s\r\n" % (len(value), value)]
                by_file[file].sendall(encode("GET", "many:%d" % i))
            else:
                state[file] = [i, step, b""]
                by_file[file].sendall(encode("SET", "many:%d" % i, "%d:%d" % (step, i)))
    return right


def many(score, path):
    share = min(1.0, (descriptors() - 400) / (IDLE + ACTIVE))
    idle, active = int(IDLE * share), int(ACTIVE * share)
    stage = Stage(score, path, ["--maxclients", str(idle + active + 100), "--protected-mode", "no"])
    server = stage.server
    before = server.resident_mb()
    silent = open_idle(stage, idle)
    each = (server.resident_mb() - before) * 1024 / idle
    score.check("many: memory of an idle one", each < IDLE_KB_MAX * stage.slow, "%.2f KB" % each)
    print("connections: %d idle ones take %.2f KB each" % (idle, each), flush=True)
    before = server.resident_mb()
    busy = [dial(stage.port) for _ in range(active)]
    began, rounds = time.monotonic(), 20
    right = converse(busy, rounds)
    took = time.monotonic() - began
    score.check("many: the active ones are served", right == active * rounds, "%d" % right)
    each = (server.resident_mb() - before) * 1024 / active
    score.check("many: memory of an active one", each < ACTIVE_KB_MAX * stage.slow, "%.2f KB" % each)
    print("connections: %d active ones take %.2f KB each, %.0f requests a second" %
          (active, each, active * rounds / took), flush=True)
    score.check("many: all are there", info(stage.client, "connected_clients") == idle + active + 1)
    right = 0
    for s in silent[:: max(1, idle // 500)]:
        s.sendall(encode("ECHO", "still"))
        right += s.recv(100) == b"$5\r\nstill\r\n"
    score.check("many: the idle ones still are", right >= 500 * share, right)
    lines = stage.client.call("CLIENT", "LIST").splitlines()
    score.check("many: CLIENT LIST shows all", len(lines) == idle + active + 1, len(lines))
    hang_up(silent + busy)
    left = await_clients(stage.client, 1)
    score.check("many: their slots come back", left == 1, left)
    stage.end("many")


# --- limits on their number --------------------------------------------------------------------------


def storm(score, path):
    """Connections come and go all the time, far more than maxclients."""
    stage = Stage(score, path, ["--maxclients", "200"], witness=True)
    files = len(os.listdir("/proc/%d/fd" % stage.server.process.pid))
    resident = stage.server.resident_mb()
    before, turned_away, opened = stage.witness.requests.value, 0, []
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        for i in range(300):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", stage.port))
            opened.append(s)
        for i, s in enumerate(opened[-300:]):
            try:
                s.send([b"", b"PING\r\n", b"*3\r\n$3\r\nSET\r\n$3\r\nsto", b"GET x\r\n" * 50][i % 4])
                turned_away += s.recv(100).startswith(b"-ERR max number of clients reached")
            except OSError:
                pass
        if len(opened) > 600:
            hang_up(opened[:400])
            del opened[:400]
    stage.watched("storm", before)
    score.check("storm: some were turned away", turned_away > 0, turned_away)
    hang_up(opened)
    left = await_clients(stage.client, 2)
    score.check("storm: slots come back", left == 2, left)
    score.check("storm: rejected_connections", info(stage.client, "rejected_connections") >= turned_away)
    now = len(os.listdir("/proc/%d/fd" % stage.server.process.pid))
    score.check("storm: descriptors come back", now <= files + 8, "%d, before %d" % (now, files))
    score.check("storm: memory stays", stage.server.resident_mb() < resident + 60 * stage.slow,
                stage.server.resident_mb() - resident)
    stage.end("storm")


def limit_changes(score, path):
    """maxclients can be set while the server runs, up and down."""
    stage = Stage(score, path, ["--maxclients", "3"])
    client, port = stage.client, stage.port
    two = [Client(port), Client(port)]
    right = [c.call("PING") for c in two] == ["PONG", "PONG"]
    fourth = Client(port)
    score.check("maxclients: the fourth", right and fourth.reply() == "ERR max number of clients reached")
    score.check("maxclients: more", client.call("CONFIG", "SET", "maxclients", 50) == "OK")
    more = [Client(port) for _ in range(47)]
    score.check("maxclients: they are served", all(c.call("PING") == "PONG" for c in more))
    score.check("maxclients: the 51st", isinstance(Client(port).reply(), Error))
    score.check("maxclients: fewer", client.call("CONFIG", "SET", "maxclients", 10) == "OK")
    score.check("maxclients: who is in stays in", all(c.call("PING") == "PONG" for c in more + two))
    reply = client.call("CONFIG", "SET", "maxclients", 4000000)
    score.check("maxclients: too many", "The operating system is not able to handle" in str(reply), reply)
    now = client.call("CONFIG", "GET", "maxclients")[1]
    score.check("maxclients: unchanged by that", now == b"10", now)
    possible = int(str(reply).split()[-1])
    score.check("maxclients: as many as it said",
                client.call("CONFIG", "SET", "maxclients", possible) == "OK", possible)
    stage.end("maxclients")


# --- what they may leave ------------------------------------------------------------------------------


def output_limits(score, path):
    local = os.path.join("/tmp", "poro-connections-%d.sock" % os.getpid())
    stage = Stage(score, path, ["--unixsocket", local, "--hz", "50"])
    client = stage.client
    client.call("SET", "big", b"b" * 900000)
    client.call("CONFIG", "SET", "client-output-buffer-limit", "normal 0 200kb 1")
    reader, idle = Local(local), Local(local)
    idle.send("GET", "big")
    began = time.monotonic()
    while time.monotonic() - began < 0.7:
        score_right = len(reader.call("GET", "big")) == 900000
        time.sleep(0.1)
    score.check("soft limit: who reads stays", score_right)
    score.check("soft limit: not before its time", info(client, "connected_clients") == 3)
    while time.monotonic() - began < 3 and info(client, "connected_clients") == 3:
        score_right = score_right and len(reader.call("GET", "big")) == 900000
        time.sleep(0.05)
    took = time.monotonic() - began
    score.check("soft limit: closed in time", 0.9 < took < 2.5, took)
    score.check("soft limit: who reads still stays", score_right and reader.call("PING") == "PONG")
    score.check("limits: INFO", info(client, "client_output_buffer_limit_disconnections") == 1)
    # A monitor is a client like the others.
    client.call("CONFIG", "SET", "client-output-buffer-limit", "normal 300kb 0 0")
    monitor = Local(local)
    monitor.call("MONITOR")
    for _ in range(40):
        client.call("SET", "other", b"o" * 30000)
    deadline = time.monotonic() + 5
    while info(client, "connected_clients") != 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    score.check("hard limit: a monitor", info(client, "connected_clients") == 2)
    stage.end("output limits")


def clients_memory(score, path):
    stage = Stage(score, path, ["--maxmemory-clients", "4mb"])
    client, port = stage.client, stage.port
    small = [Client(port) for _ in range(100)]
    score.check("maxmemory-clients: small ones", all(c.call("PING") == "PONG" for c in small))

    def hog(kind, protected=False):
        c = Client(port)
        if protected:
            c.call("CLIENT", "NO-EVICT", "ON")
        if kind == "half a command":
            push(c.socket, b"*200\r\n" + b"$30000\r\n%s\r\n" % (b"h" * 30000) * 170)
        elif kind == "a queue":
            c.call("MULTI")
            for _ in range(20):
                try:
                    c.call("SET", "queued", b"q" * 300000)
                except OSError:
                    break
        else:
            push(c.socket, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$9000000\r\n" + b"l" * 5000000)
        return c

    for number, kind in enumerate(["half a command", "a queue", "a large argument"]):
        c = hog(kind)
        score.check("maxmemory-clients: %s" % kind, await_end(c.socket) is not None)
        score.check("maxmemory-clients: only that one",
                    info(client, "evicted_clients") == number + 1, info(client, "evicted_clients"))
    score.check("maxmemory-clients: the small ones are served",
                all(c.call("PING") == "PONG" for c in small))
    client.call("CLIENT", "NO-EVICT", "ON")
    kept = hog("half a command", protected=True)
    time.sleep(0.3)
    score.check("maxmemory-clients: NO-EVICT", not ended(kept.socket))
    score.check("maxmemory-clients: others go for it", info(client, "connected_clients") == 2,
                info(client, "connected_clients"))
    client.call("CONFIG", "SET", "maxmemory-clients", "50%")
    fresh = Client(port)
    score.check("maxmemory-clients: a share", fresh.call("PING") == "PONG")
    stage.end("maxmemory-clients")


def half_sent(score, path):
    """Thousands of commands that never end, more than there is memory for."""
    count = int(min(1.0, (descriptors() - 400) / 4500) * 4000)
    stage = Stage(score, path, ["--maxclients", str(count + 100)], witness=True)
    before = stage.witness.requests.value
    sockets = [dial(stage.port) for _ in range(count)]
    resident = stage.server.resident_mb()
    for size in (10, 2000, 20000):
        for s in sockets:
            push(s, b"*3\r\n$3\r\nSET\r\n$30000\r\n"[: 30 if size == 10 else 0] + b"h" * size)
        if size == 10:
            time.sleep(0.3)
            each = (stage.server.resident_mb() - resident) * 1024 / count
            score.check("half-sent: memory of a small one", each < 8 * stage.slow, "%.2f KB" % each)
            score.check("half-sent: all stay", info(stage.client, "connected_clients") == count + 2)
    right = 0
    for _ in range(50):
        stage.client.socket.sendall(b"*3\r\n$3\r\nSET\r\n$5\r\nwhole\r\n$20000\r\n" + b"w" * 10000)
        time.sleep(0.005)
        stage.client.socket.sendall(b"w" * 10000 + b"\r\n")
        right += stage.client.reply() == "OK"
    score.check("half-sent: a whole one comes through", right == 50, right)
    stage.watched("half-sent", before)
    evicted = info(stage.client, "evicted_clients")
    score.check("half-sent: who holds too much is closed", evicted > 0 or count < 4000, evicted)
    growth = stage.server.resident_mb() - resident
    score.check("half-sent: memory", growth < 200 * stage.slow, "%.0f MB" % growth)
    hang_up(sockets)
    left = await_clients(stage.client, 2)
    score.check("half-sent: slots come back", left == 2, left)
    score.check("half-sent: buffers come back", info(stage.client, "clients_input_bytes") == 0,
                info(stage.client, "clients_input_bytes"))
    stage.end("half-sent")


def never_read(score, path):
    """A thousand clients that ask for much and take nothing."""
    local = os.path.join("/tmp", "poro-connections-%d.sock" % os.getpid())
    count = int(min(1.0, (descriptors() - 400) / 1000) * 1000)
    stage = Stage(score, path, ["--unixsocket", local, "--maxclients", str(count + 100)], witness=True)
    stage.client.call("SET", "big", b"b" * 60000)
    before, sockets = stage.witness.requests.value, []
    resident = stage.server.resident_mb()
    for _ in range(count):
        s = socket.socket(socket.AF_UNIX)
        s.connect(local)
        s.setblocking(False)
        s.send(encode("GET", "big") * 40)
        sockets.append(s)
    time.sleep(1)
    stage.watched("never read", before)
    growth = stage.server.resident_mb() - resident
    score.check("never read: memory", growth < 250 * stage.slow, "%.0f MB" % growth)
    # Those that are left and read at last get everything.
    whole, given = 0, 0
    for s in sockets[::10]:
        s.settimeout(5)
        got = 0
        try:
            while got < 40 * 60010:
                data = s.recv(1 << 18)
                if not data:
                    break
                got += len(data)
        except OSError:
            pass
        whole += got == 40 * 60010
        given += 1
    evicted = info(stage.client, "evicted_clients")
    score.check("never read: who is left gets everything",
                whole >= given - evicted and whole > 0, "%d of %d, %d closed" % (whole, given, evicted))
    hang_up(sockets)
    left = await_clients(stage.client, 2)
    score.check("never read: slots come back", left == 2, left)
    replies = info(stage.client, "mem_clients_replies")
    score.check("never read: buffers come back", replies < 1 << 20, replies)
    stage.end("never read")


# --- silence ----------------------------------------------------------------------------------------


def silence(score, path):
    stage = Stage(score, path, ["--hz", "100", "--tcp-keepalive", "7"])
    client = stage.client
    quiet, busy, monitor = Client(stage.port), Client(stage.port), Client(stage.port)
    quiet.call("PING")
    monitor.call("CLIENT", "SETNAME", "monitor")
    monitor.call("MONITOR")
    client.call("CONFIG", "SET", "timeout", 1)
    began = time.monotonic()
    while time.monotonic() - began < 1.7:
        busy.call("PING")
        client.call("PING")
        time.sleep(0.1)
    score.check("timeout: who is quiet is closed", await_end(quiet.socket, 2) is not None)
    score.check("timeout: who is not stays", busy.call("PING") == "PONG")
    names = client.call("CLIENT", "LIST")
    score.check("timeout: monitors stay", b"name=monitor" in names, names)
    client.call("CONFIG", "SET", "timeout", 0)
    timers = await_timers(stage.port, (3, 0))
    score.check("keep-alive: set", timers == (3, 0), timers)
    client.call("CONFIG", "SET", "tcp-keepalive", 0)
    without = Client(stage.port)
    without.call("PING")
    timers = await_timers(stage.port, (3, 1))
    score.check("keep-alive: not for new ones", timers == (3, 1), timers)
    stage.end("silence")


def keepalive_timers(port):
    """(with, without) such a timer, of the server's ends."""
    having = lacking = 0
    with open("/proc/net/tcp") as f:
        for line in f.readlines()[1:]:
            words = line.split()
            if words[1].endswith(":%04X" % port) and words[3] == "01":
                having += words[5].startswith("02")
                lacking += words[5].startswith("00")
    return having, lacking


def await_timers(port, wanted):
    # A timer for data under way hides the other one for a moment.
    deadline = time.monotonic() + 3
    while keepalive_timers(port) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    return keepalive_timers(port)


PARTS = [many, storm, limit_changes, output_limits, clients_memory, half_sent, never_read, silence,
         unix_sockets, addresses]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--only", help="one part, by its name")
    arguments = parser.parse_args()
    score = Score("connections")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for part in PARTS:
        if arguments.only in (None, part.__name__):
            began = time.monotonic()
            part(score, arguments.server)
            print("connections: %-14s %.1f s" % (part.__name__, time.monotonic() - began), flush=True)
    score.end()


if __name__ == "__main__":
    main()
