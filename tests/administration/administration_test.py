#!/usr/bin/env python3
"""administration_test.py --server PATH: MONITOR, CLIENT PAUSE, SLOWLOG, statistics, CONFIG REWRITE,
rename-command, protected-mode, as far as a comparison with redis-server does not show them."""
import argparse
import os
import re
import shutil
import socket
import stat
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from poro import Client, Error, Score, Server, encode  # noqa: E402

DEBUG = ["--enable-debug-command", "yes", "--maxmemory", "800mb"]


def cpu_seconds(server):
    with open("/proc/%d/stat" % server.process.pid) as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def seconds(call):
    began = time.monotonic()
    call()
    return time.monotonic() - began


def info(client, section):
    text = client.call("INFO", section).decode()
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


# --- MONITOR --------------------------------------------------------------------------------------


def monitor(score, server):
    one, two = server.client(), server.client()
    one.call("MONITOR")
    two.call("ECHO", b"x" * 100000)
    line = one.line()
    score.check("monitor: a long argument is cut", line.endswith(b"... (67232 more bytes)\"")
                and line.count(b"x") == 32768, repr(line[-60:]))
    two.call("EXISTS", *[b"k%d" % i for i in range(500000)])
    line = one.line()
    score.check("monitor: a long line is cut", len(line) < 1100000 and
                re.search(rb'" "\.\.\. \(\d+ more arguments\)"$', line), repr(line[-60:]))
    two.pipeline([("SET", "k", i) for i in range(1000)])
    lines = [one.line() for _ in range(1000)]
    shown = [int(re.search(rb'"SET" "k" "(\d+)"$', line).group(1)) for line in lines]
    score.check("monitor: every command, in order", shown == list(range(1000)))
    times = [float(line.split()[0][1:]) for line in lines]
    score.check("monitor: times go up", times == sorted(times))
    one.close()


def monitor_that_does_not_read(score, server):
    one, two = server.client(), server.client()
    one.call("MONITOR")
    text = b"y" * 30000
    for _ in range(40):
        two.pipeline([("ECHO", text)] * 40)
    clients = two.call("CLIENT", "LIST").decode()
    score.check("monitor: who does not read is disconnected", "flags=O" not in clients, clients)
    stats = info(two, "stats")
    score.check("monitor: that is counted", int(stats["evicted_clients"]) == 1)
    three = server.client()
    three.call("MONITOR")
    two.call("ECHO", "again")
    score.check("monitor: others may watch", three.line().endswith(b'"ECHO" "again"'))
    for client in (one, two, three):
        client.close()


# --- pauses ---------------------------------------------------------------------------------------


def pause(score, server):
    one, others = server.client(), [server.client() for _ in range(20)]
    one.call("SET", "n", "0")
    one.call("CLIENT", "PAUSE", 400, "ALL")
    began, cpu = time.monotonic(), cpu_seconds(server)
    for client in others:
        for _ in range(5):
            client.send("INCR", "n")
    answers = [[client.reply() for _ in range(5)] for client in others]
    took = time.monotonic() - began
    score.check("pause: all wait for its end", 0.35 < took < 2, "%.3f s" % took)
    score.check("pause: what was sent meanwhile is done in order",
                all(a == sorted(a) for a in answers) and one.call("GET", "n") == b"100")
    cpu = cpu_seconds(server) - cpu
    score.check("pause: waiting costs nothing", cpu < 0.15, "%.3f s" % cpu)
    for client in others:
        client.close()


def pause_write(score, server):
    one, two = server.client(), server.client()
    one.call("SET", "short", "v", "PX", 50)
    one.call("CLIENT", "PAUSE", 100000, "WRITE")
    two.send("SET", "k", "paused")
    score.check("pause: reads go on", seconds(lambda: one.call("GET", "n")) < 0.2)
    time.sleep(0.3)
    score.check("pause: expired keys stay where they are", one.call("DBSIZE") >= 1 and
                info(one, "keyspace")["db0"].split(",")[1] != "expires=0", repr(info(one, "keyspace")))
    gone = server.client()
    gone.send("SET", "k", "of one who has gone")
    gone.close()
    score.check("pause: it can be ended", one.call("CLIENT", "UNPAUSE") == "OK")
    score.check("pause: then who waited goes on", two.reply() == "OK")
    expired = lambda: info(one, "keyspace")["db0"].split(",")[1] == "expires=0"
    until = time.monotonic() + 5
    while not expired() and time.monotonic() < until:
        time.sleep(0.05)
    score.check("pause: and keys expire", expired())
    one.close()
    two.close()


def sleep(score, server):
    one, two = server.client(), server.client()
    cpu = cpu_seconds(server)
    one.send("DEBUG", "SLEEP", "0.4")
    time.sleep(0.1)
    took = seconds(lambda: two.call("PING"))
    score.check("sleep: others wait", 0.15 < took < 2, "%.3f s" % took)
    score.check("sleep: it answers", one.reply() == "OK")
    cpu = cpu_seconds(server) - cpu
    score.check("sleep: sleeping costs nothing", cpu < 0.15, "%.3f s" % cpu)
    one.call("MULTI")
    one.call("DEBUG", "SLEEP", "0.2")
    one.call("SET", "k", "v")
    score.check("sleep: inside a transaction", one.call("EXEC") == ["OK", "OK"])
    score.check("sleep: follows the transaction", seconds(lambda: two.call("PING")) > 0.1)
    one.close()
    two.close()


def stop_while_paused(score, path):
    server = Server(path)
    server.start()
    one, two = server.client(), server.client()
    one.call("CLIENT", "PAUSE", 1000000, "ALL")
    two.send("SET", "k", "v")
    time.sleep(0.1)
    score.check("pause: the server can be stopped", server.stop(10) == 0)
    server.remove()


# --- the slow log and statistics ------------------------------------------------------------------


def slowlog_bounds(score, server):
    one = server.client()
    one.call("CONFIG", "SET", "slowlog-max-len", 1000000, "slowlog-log-slower-than", 0)
    one.call("SLOWLOG", "RESET")
    before = server.resident_mb()
    line = [b"z" * 200] * 40
    for _ in range(60):
        one.pipeline([["EXISTS"] + line] * 100)
    one.call("CONFIG", "SET", "slowlog-log-slower-than", -1)
    length = one.call("SLOWLOG", "LEN")
    score.check("slowlog: memory for entries is bounded", 100 < length < 1000, length)
    score.check("slowlog: ... really", server.resident_mb() - before < 10)
    entries = one.call("SLOWLOG", "GET", -1)
    ids = [e[0] for e in entries]
    score.check("slowlog: newest first", len(ids) == length and
                ids == list(range(ids[0], ids[0] - length, -1)))
    whole = [b"EXISTS"] + [b"z" * 128 + b"... (72 more bytes)"] * 30 + [b"... (10 more arguments)"]
    score.check("slowlog: arguments are cut", all(e[3] == whole for e in entries[1:]), entries[1][3])
    one.call("CONFIG", "SET", "slowlog-log-slower-than", 0)
    for _ in range(60):
        one.pipeline([["PING"]] * 100)
    one.call("CONFIG", "SET", "slowlog-log-slower-than", -1)
    score.check("slowlog: so is their number", one.call("SLOWLOG", "LEN") == 4096)
    one.call("CONFIG", "SET", "slowlog-max-len", 5)
    score.check("slowlog: fewer when asked to", one.call("SLOWLOG", "LEN") == 5)
    one.call("CONFIG", "SET", "slowlog-max-len", 128)
    one.close()


# Commands that usually take no time are noted when they have much to do.
def slowlog_finds(score, server):
    one = server.client()
    one.call("CONFIG", "SET", "slowlog-log-slower-than", 3000)
    one.call("SLOWLOG", "RESET")
    large = b"x" * (100 << 20)
    one.call("APPEND", "large", large)
    one.call("SET", "grows", "x")
    one.pipeline([("GET", "n")] * 30 + [("SETRANGE", "grows", 200000000, "y")] + [("GET", "n")] * 30)
    entries = one.call("SLOWLOG", "GET", -1)
    names = [e[3][0] for e in entries]
    score.check("slowlog: a large APPEND", b"APPEND" in names, names)
    score.check("slowlog: a value that grows much, in a pipeline", b"SETRANGE" in names, names)
    score.check("slowlog: not its neighbours", b"GET" not in names, names)
    texts = [e[3][2] for e in entries if e[3][0] == b"APPEND"]
    score.check("slowlog: shows a little of it", texts and len(texts[0]) < 200 and
                texts[0].endswith(b"more bytes)"), texts)
    one.call("DEL", "large", "grows")
    one.call("CONFIG", "SET", "slowlog-log-slower-than", 10000)
    one.close()


def statistics(score, server):
    one = server.client()
    one.call("CONFIG", "RESETSTAT")
    one.pipeline([("SET", "k", i) for i in range(300)] + [("GET", "k")] * 500 + [("INCR", "x")] * 7)
    one.pipeline([("GET", "k"), ("SET", "k", 1), ("STRLEN", "k")] * 100)
    stats = info(one, "commandstats")
    calls = {n: int(re.match(r"calls=(\d+),", v).group(1)) for n, v in stats.items()}
    score.check("statistics: calls of commands in pipelines", calls.get("cmdstat_set") == 400 and
                calls.get("cmdstat_get") == 600 and calls.get("cmdstat_incr") == 7 and
                calls.get("cmdstat_strlen") == 100, calls)
    usec = {n: int(re.search(r"usec=(\d+),", v).group(1)) for n, v in stats.items()}
    score.check("statistics: their time", 0 < usec["cmdstat_get"] < 100000, usec)
    for i in range(300):
        one.call("DEBUG", "ERROR", "KIND%d text" % i)
    errors = info(one, "errorstats")
    score.check("statistics: kinds of errors are bounded", len(errors) == 128, len(errors))
    score.check("statistics: errors are counted all the same",
                int(info(one, "stats")["total_error_replies"]) == 300)
    one.call("CONFIG", "RESETSTAT")
    score.check("statistics: can be reset", info(one, "errorstats") == {} and
                "cmdstat_get" not in info(one, "commandstats"))
    one.close()


# --- the configuration file -----------------------------------------------------------------------

FILE = """# A configuration that somebody wrote.

maxclients 500
   # indented
timeout 0
rename-command FLUSHALL ""
timeout 10
hz    15
maxmemory 512mb
# the end, without a line break
slowlog-max-len 7"""

REWRITTEN = """# A configuration that somebody wrote.

maxclients 400
   # indented
timeout 33
rename-command FLUSHALL ""
hz    15
maxmemory 512mb
# the end, without a line break
slowlog-max-len 7
# Generated by CONFIG REWRITE
"""


def rewrite(score, path):
    folder = tempfile.mkdtemp(prefix="poro-test-")
    target, link = os.path.join(folder, "real.conf"), os.path.join(folder, "link.conf")
    with open(target, "w") as f:
        f.write(FILE)
    os.chmod(target, 0o640)
    os.symlink("real.conf", link)
    with open(os.path.join(folder, ".real.conf.new"), "w") as f:
        f.write("left by a rewrite that was cut off, and longer than the new one\n" * 100)
    server = Server(path, settings=link, folder=folder)
    server.start()
    one = server.client()
    one.call("CONFIG", "SET", "timeout", 33, "maxclients", 400, "requirepass", 'a "b" \\ c')
    score.check("rewrite: OK", one.call("CONFIG", "REWRITE") == "OK")
    with open(target) as f:
        text = f.read()
    added = text[len(REWRITTEN):]
    score.check("rewrite: comments and order stay", text.startswith(REWRITTEN), text)
    score.check("rewrite: what is new stands at the end", sorted(l.split()[0] for l in added.splitlines())
                == ["bind", "dir", "port", "requirepass"], added)
    score.check("rewrite: permissions stay", stat.S_IMODE(os.stat(target).st_mode) == 0o640)
    score.check("rewrite: a link stays a link", os.path.islink(link))
    score.check("rewrite: nothing is left behind", sorted(os.listdir(folder)) ==
                ["data", "link.conf", "real.conf"], os.listdir(folder))
    one.call("CONFIG", "REWRITE")
    with open(target) as f:
        score.check("rewrite: a second one changes nothing", f.read() == text)
    clients = [server.client() for _ in range(10)]
    for client in clients:
        client.call("AUTH", 'a "b" \\ c')
        client.send("CONFIG", "REWRITE")
    score.check("rewrite: several at once", [c.reply() for c in clients] == ["OK"] * 10)
    one.call("MULTI")
    one.call("CONFIG", "REWRITE")
    score.check("rewrite: not in a transaction", isinstance(one.call("EXEC")[0], Error))
    server.stop()
    server.start()
    one = server.client()
    score.check("rewrite: the file can be read", one.call("AUTH", 'a "b" \\ c') == "OK")
    answer = one.call("CONFIG", "GET", "timeout", "hz", "slowlog-max-len", "maxclients")
    pairs = dict(zip(answer[::2], answer[1::2]))
    score.check("rewrite: and says the same", pairs == {b"timeout": b"33", b"hz": b"15",
                b"slowlog-max-len": b"7", b"maxclients": b"400"}, pairs)
    rewrite_fails(score, one, target, folder)
    server.remove()
    shutil.rmtree(folder)


def rewrite_fails(score, one, target, folder):
    with open(target, "a") as f:
        f.write("# much\n" * 50000)
    size = os.path.getsize(target)
    answer = one.call("CONFIG", "REWRITE")
    score.check("rewrite: too large a file", "Rewriting config file: File too large" in answer, answer)
    score.check("rewrite: is left alone", os.path.getsize(target) == size)
    os.rename(folder, folder + "-moved")
    answer = one.call("CONFIG", "REWRITE")
    score.check("rewrite: a folder that has gone", "No such file or directory" in answer, answer)
    os.rename(folder + "-moved", folder)
    os.unlink(target)
    score.check("rewrite: a file that has gone", one.call("CONFIG", "REWRITE") == "OK")
    with open(target) as f:
        score.check("rewrite: is made anew", "timeout 33\n" in f.read())


# At any moment there is one whole file.
def rewrite_killed(score, path):
    folder = tempfile.mkdtemp(prefix="poro-test-")
    target = os.path.join(folder, "poro.conf")
    with open(target, "w") as f:
        f.write("# begin\n" + "# more\n" * 1000 + "timeout 1\n# end\n")
    server = Server(path, settings=target, folder=folder)
    whole = True
    for turn in range(4):
        server.start()
        clients = [server.client() for _ in range(4)]
        for number, client in enumerate(clients):
            client.call("CONFIG", "SET", "timeout", 100 + number)
            client.socket.sendall(encode("CONFIG", "REWRITE") * 20)
        time.sleep(0.003 * turn)
        server.kill()
        with open(target) as f:
            lines = f.read().splitlines()
        whole = whole and lines[0] == "# begin" and "# end" in lines and len(lines) >= 1003
    score.check("rewrite: a killed server leaves a whole file", whole)
    score.check("rewrite: which can be read", server.start() < 10)
    server.remove()
    shutil.rmtree(folder)


def rename(score, path):
    folder = tempfile.mkdtemp(prefix="poro-test-")
    target = os.path.join(folder, "poro.conf")
    with open(target, "w") as f:
        f.write('rename-command FLUSHALL ""\nrename-command config "my config"\n'
                "rename-command DEBUG secret-debug\nenable-debug-command yes\n")
    server = Server(path, settings=target, folder=folder)
    server.start()
    one = server.client()
    score.check("rename: a command taken away", "unknown command 'FLUSHALL'" in one.call("FLUSHALL"))
    score.check("rename: the old name", "unknown command" in one.call("CONFIG", "GET", "port"))
    answer = one.call("My Config", "GET", "timeout")
    score.check("rename: the new name", answer == [b"timeout", b"0"], answer)
    score.check("rename: what is guarded is known by any name", one.call("secret-debug", "SLEEP", 0) == "OK")
    score.check("rename: COMMAND does not list what is gone",
                b"flushall" not in one.call("COMMAND", "LIST") and
                one.call("COMMAND", "INFO", "flushall") == [None])
    score.check("rename: CONFIG REWRITE", one.call("my config", "REWRITE") == "OK")
    with open(target) as f:
        score.check("rename: its lines stay", f.read().count("rename-command") == 3)
    server.stop()
    for line, wrong in (("rename-command nosuch x", "No such command"),
                        ("rename-command get SET", "already exists"),
                        ("rename-command get", "are needed")):
        with open(target, "w") as f:
            f.write(line + "\n")
        try:
            server.start()
            score.check("rename: %s is refused" % line, False)
        except RuntimeError as error:
            text = str(error)
            score.check("rename: %s is refused" % line, "exit code 1" in text and wrong in text, text)
    server.remove()
    shutil.rmtree(folder)


def protected(score, path):
    server = Server(path)
    server.start()
    one = server.client()

    def stranger():
        with socket.socket() as s:
            s.bind(("127.0.0.2", 0))
            s.settimeout(5)
            s.connect(("127.0.0.1", server.port))
            s.sendall(encode("PING"))
            return s.recv(1000)

    score.check("protected mode: a stranger is turned away", stranger().startswith(b"-DENIED "))
    one.call("CONFIG", "SET", "requirepass", "secret")
    score.check("protected mode: not where there is a password", stranger().startswith(b"-NOAUTH "))
    one.call("CONFIG", "SET", "requirepass", "")
    score.check("protected mode: again without", stranger().startswith(b"-DENIED "))
    one.call("CONFIG", "SET", "protected-mode", "no")
    score.check("protected mode: off", stranger() == b"+PONG\r\n")
    score.check("protected mode: counted", info(one, "stats")["rejected_connections"] == "2")
    server.remove()


def saving(score, path):
    server = Server(path, ["--appendfsync", "no"])
    server.start()
    one = server.client()
    for i in range(50):
        one.call("SET", "k%d" % i, "v" * 1000)
    before = int(info(one, "persistence")["wal_syncs"])
    score.check("saving: without syncs", int(info(one, "persistence")["rdb_changes_since_last_save"]) > 0)
    score.check("saving: SAVE", one.call("SAVE") == "OK")
    after = info(one, "persistence")
    score.check("saving: syncs what has been written", int(after["wal_syncs"]) > before and
                after["rdb_changes_since_last_save"] == "0", after["wal_syncs"])
    time.sleep(1.1)
    last = one.call("LASTSAVE")
    one.call("SET", "k", "v")
    one.call("BGSAVE")
    deadline = time.monotonic() + 5
    while one.call("LASTSAVE") == last and time.monotonic() < deadline:
        time.sleep(0.02)
    score.check("saving: LASTSAVE tells when BGSAVE is done", one.call("LASTSAVE") > last)
    server.remove()


# WAITAOF waits for a sync that does not come soon enough here.
def unblock(score, path):
    server = Server(path, ["--appendfsync", "everysec"])
    server.start()
    one, two = server.client(), server.client()
    number = one.call("CLIENT", "ID")
    score.check("unblock: nobody waits", two.call("CLIENT", "UNBLOCK", number) == 0)
    answers, tries = [], 0
    while len(answers) < 3 and tries < 300:
        tries += 1
        one.socket.sendall(encode("SET", "k", "v") + encode("WAITAOF", 1, 0, 0))
        answer = two.call("CLIENT", "UNBLOCK", number, "ERROR")
        one.reply()
        reply = one.reply()
        if answer == 1:
            answers.append(reply)
    # On a fast disk it may never be caught waiting.
    score.check("unblock: with an error", all(
        a == "UNBLOCKED client unblocked via CLIENT UNBLOCK" for a in answers), (answers, tries))
    score.check("unblock: the connection goes on", one.call("GET", "k") == b"v")
    server.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    path = parser.parse_args().server
    score = Score("administration")
    server = Server(path, DEBUG)
    server.start()
    for test in (monitor, monitor_that_does_not_read, pause, pause_write, sleep, slowlog_bounds,
                 slowlog_finds, statistics):
        test(score, server)
        if not score.check("%s: the server is alive" % test.__name__, server.alive()):
            print(server.log())
            break
    server.remove()
    for test in (stop_while_paused, rewrite, rewrite_killed, rename, protected, saving, unblock):
        test(score, path)
    score.end()


if __name__ == "__main__":
    main()
