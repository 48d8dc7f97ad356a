#!/usr/bin/python3
"""redis-cli: one command, its formats, pipes, the modes that look through the keys or sample, and
the interactive one, in a terminal of its own."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from check import AUTH_PORT, BINARY, NEWER, PASSWORD, PORT, check, output, restart, same

LARGE = bytes(range(251)) * 39841
TERMINAL_SECONDS = 10


def cli(*arguments, data=None, port=PORT, status=0):
    return output(["redis-cli", "-p", str(port)] + list(arguments), data, status=status)


class Terminal:
    """A program in a terminal; what it has printed is read until something is there."""

    def __init__(self, *command):
        self.process_id, self.file = pty.fork()
        if self.process_id == 0:
            os.environ.update(TERM="xterm", HOME="/nonexistent")
            os.execvp(command[0], command)
        fcntl.ioctl(self.file, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        self.text = ""

    def type(self, text):
        self.text = ""
        os.write(self.file, text.encode() + b"\r")

    def until(self, pattern):
        """The text up to a match, or None when there is none in time."""
        end = time.monotonic() + TERMINAL_SECONDS
        while not re.search(pattern, self.text):
            if time.monotonic() > end or not select.select([self.file], [], [], 1)[0]:
                if time.monotonic() > end:
                    return None
                continue
            try:
                read = os.read(self.file, 1 << 16).decode(errors="replace")
            except OSError:
                return None
            self.text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", read)
        return self.text

    def end(self):
        try:
            os.kill(self.process_id, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(self.process_id, 0)
        os.close(self.file)


def commands():
    same("SET, GET", [cli("set", "k", "v"), cli("get", "k")], [b"OK\n", b"v\n"])
    same("nothing", [cli("get", "none"), cli("--no-raw", "get", "none")], [b"\n", b"(nil)\n"])
    same("an integer", [cli("--no-raw", "incr", "n"), cli("incr", "n")], [b"(integer) 1\n", b"2\n"])
    same(
        "an error",
        cli("-e", "incr", "k", status=1),
        b"ERR value is not an integer or out of range\n",
    )
    same("-r", cli("-r", "3", "-i", "0.01", "incr", "n"), b"3\n4\n5\n")
    same(
        "-n",
        [cli("-n", "3", "set", "k", "three"), cli("-n", "3", "get", "k"), cli("get", "k")],
        [b"OK\n", b"three\n", b"v\n"],
    )
    same("--csv", cli("--csv", "mget", "k", "none"), b'"v",NULL\n')
    same(
        "--quoted-input",
        [
            cli("--quoted-input", "set", r'"a\x00b"', r'"\xff"'),
            cli("--quoted-input", "get", r'"a\x00b"'),
        ],
        [b"OK\n", b"\xff\n"],
    )
    same(
        "-x",
        [cli("-x", "set", "bin", data=BINARY), cli("-D", "", "--raw", "get", "bin")],
        [b"OK\n", BINARY],
    )
    dump = cli("-D", "", "--raw", "dump", "bin")
    same(
        "-X with DUMP",
        [
            cli("-X", "it", "restore", "again", "0", "it", "replace", data=dump),
            cli("-D", "", "--raw", "get", "again"),
        ],
        [b"OK\n", BINARY],
    )
    cli("-x", "set", "large", data=LARGE)
    check("10 MB", cli("-D", "", "--raw", "get", "large") == LARGE)
    cli("del", "large")
    same("commands from a file", cli(data=b"set a 1\nincr a\nget a\n"), b"OK\n2\n2\n")
    same(
        "a transaction from a file",
        cli(data=b"multi\nincr a\nincr a\nexec\n"),
        b"OK\nQUEUED\nQUEUED\n3\n4\n",
    )


def protocols():
    for version in ("2", "3"):
        hello = cli("-" + version, "hello").decode().split()
        same("-%s: HELLO" % version, hello[hello.index("proto") + 1], version)
        same(
            "-%s: SET, GET" % version,
            [cli("-" + version, "set", "k", "v"), cli("-" + version, "get", "k")],
            [b"OK\n", b"v\n"],
        )
    settings = json.loads(cli("--json", "config", "get", "appendfsync"))
    same("--json", settings, {"appendfsync": "always"})
    same("--json of nothing", cli("--json", "get", "none"), b"null\n")
    same("--quoted-json", cli("--quoted-json", "mget", "k", "none"), b'["v",null]\n')
    same(
        "RESP3 in words",
        cli("-3", "--no-raw", "config", "get", "appendfsync"),
        b'1# "appendfsync" => "always"\n',
    )
    same(
        "RESP3 nil in EXEC",
        cli("-3", "--no-raw", data=b"multi\nget none\nexec\n"),
        b"OK\nQUEUED\n1) (nil)\n",
    )


def keys():
    cli("flushall")
    cli(
        "--pipe",
        data=b"".join(b"SET key:%d %s\r\n" % (i, b"x" * (i % 50 + 1)) for i in range(5000)),
    )
    cli("set", "the-big-one", "y" * 5000)
    found = cli("--scan").split()
    same("--scan", sorted(found), sorted([b"key:%d" % i for i in range(5000)] + [b"the-big-one"]))
    same(
        "--scan --pattern",
        sorted(cli("--scan", "--pattern", "key:1?").split()),
        [b"key:%d" % i for i in range(10, 20)],
    )
    big = cli("--bigkeys").decode()
    check(
        "--bigkeys",
        re.search(r"Biggest string found '\"the-big-one\"' has 5000 bytes", big)
        and "Sampled 5001 keys" in big
        and re.search(r"5001 strings with \d+ bytes \(100.00% of keys", big),
        big[-900:],
    )
    memory = cli("--memkeys").decode()
    check(
        "--memkeys",
        re.search(r"Biggest string found '\"the-big-one\"' has [5-9]\d{3} bytes", memory)
        and "Sampled 5001 keys" in memory,
        memory[-900:],
    )
    check("--memkeys-samples", b"Sampled 5001 keys" in cli("--memkeys-samples", "0"))


def pipes():
    cli("flushall")
    commands = b"".join(
        b"*3\r\n$3\r\nSET\r\n$%d\r\np%d\r\n$%d\r\n%s\r\n" % (len("p%d" % i), i, len(BINARY), BINARY)
        for i in range(10000)
    )
    text = cli("--pipe", data=commands)
    check("--pipe", b"All data transferred" in text and b"errors: 0, replies: 10000" in text, text)
    same("all there", [cli("dbsize"), cli("-D", "", "--raw", "get", "p9999")], [b"10000\n", BINARY])
    text = cli("--pipe", data=b"SET a x\r\nINCR a\r\nSET b y\r\n", status=1)
    check("--pipe with an error", b"errors: 1, replies: 3" in text, text)


def sampling():
    text = cli("--latency", "-i", "0.2")
    check("--latency", re.fullmatch(rb"\d+ \d+ [\d.]+ \d+\n", text), text)
    port = str(PORT)
    for option, pattern in (
        (
            "--latency-history",
            r"(min: \d+, max: \d+, avg: [\d.]+ \(\d+ samples\) -- 0\.\d+ seconds range\s[^$]*){2}",
        ),
        ("--latency-dist", r"From 0 to 100%(.*\n){3}"),
        ("--stat", r"(\d+ +[\d.]+[BKMG] +\d+ +\d+ +\d+ \(\+\d+\) +\d+ *\n){3}"),
    ):
        terminal = Terminal("redis-cli", "-p", port, option, "-i", "0.2")
        text = terminal.until(pattern)
        check(option, text is not None, terminal.text)
        terminal.end()


def monitor():
    process = subprocess.Popen(
        ["redis-cli", "-p", str(PORT), "monitor"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    same("MONITOR", process.stdout.readline(), b"OK\n")
    cli("set", "seen", "by others")
    line = b"first"
    while line and b'"seen"' not in line and select.select([process.stdout], [], [], 5)[0]:
        line = process.stdout.readline()
    check(
        "what MONITOR shows",
        re.fullmatch(rb'\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] "set" "seen" "by others"\n', line),
        line,
    )
    process.kill()
    process.wait()


def interactive():
    prompt = r"127\.0\.0\.1:%d" % PORT
    terminal = Terminal("redis-cli", "-p", str(PORT))
    check("the prompt", terminal.until(prompt + "> "), terminal.text)
    for what, line, answer in (
        ("SET", "set k hello", r"\nOK\n" + prompt + "> "),
        ("MULTI", "multi", prompt + r"\(TX\)> "),
        ("queueing", "append k !", r"QUEUED[\s\S]*\(TX\)> "),
        ("an error while queueing", "nosuch", r"\(error\) ERR unknown command"),
        (
            "EXECABORT",
            "exec",
            r"EXECABORT Transaction discarded because of previous errors\.\n" + prompt + "> ",
        ),
        ("SELECT", "select 3", prompt + r"\[3\]> "),
        ("SELECT back", "select 0", prompt + "> "),
        ("help of a command", "help getrange", r"GETRANGE key start end\n +summary: "),
        (
            "help of options",
            "help set",
            r"SET key value \[NX ?\| ?XX\] \[GET\] \[EX seconds ?\| ?PX milliseconds ?\| ?",
        ),
        ("help of a group", "help @transactions", r"MULTI[\s\S]*WATCH"),
        ("RESP3", "hello 3", r'"proto" => \(integer\) 3'),
        ("in RESP3", "config get appendfsync", r'1# "appendfsync" => "always"'),
        ("its name", "client setname typist", "OK"),
        ("CLIENT LIST", "client list", "name=typist[^\n]* resp=3"),
    ):
        # The commands that redis-server 7.0 lacks are in the forms of help, too.
        if what == "help of options" and NEWER:
            answer = r"SET key value .*NX.*GET.*EX seconds"
        terminal.type(line)
        text = terminal.until(answer)
        check(what, text, "%r" % terminal.text)
        terminal.until("> $")
    completed(terminal, prompt)
    restart()
    terminal.type("get k")
    terminal.until("> $")
    terminal.type("get k")
    check("connected again after a restart", terminal.until('"hello"'), terminal.text)
    terminal.end()


def completed(terminal, prompt):
    terminal.text = ""
    os.write(terminal.file, b"getra\t")
    check("completion", terminal.until("(?i)getrange"), terminal.text)
    terminal.type(" k 0 1")
    check("the completed command", terminal.until(r'"he"'), terminal.text)
    terminal.until("> $")


def auth():
    same("no password", cli("get", "k", port=AUTH_PORT), b"NOAUTH Authentication required.\n\n")
    same("-a", cli("-a", PASSWORD, "--no-auth-warning", "set", "k", "v", port=AUTH_PORT), b"OK\n")
    same(
        "--user",
        cli(
            "--user", "default", "--pass", PASSWORD, "--no-auth-warning", "get", "k", port=AUTH_PORT
        ),
        b"v\n",
    )
    text = cli("-a", "no", "--no-auth-warning", "get", "k", port=AUTH_PORT)
    check(
        "a wrong password",
        text.startswith(b"AUTH failed: WRONGPASS invalid username-password pair"),
        text,
    )
    os.environ["REDISCLI_AUTH"] = PASSWORD
    same("from the environment, RESP3", cli("-3", "get", "k", port=AUTH_PORT), b"v\n")
    check("--bigkeys with a password", b"Sampled 1 keys" in cli("--bigkeys", port=AUTH_PORT))
    del os.environ["REDISCLI_AUTH"]
    address = "redis://default:%s@127.0.0.1:%d/0" % (PASSWORD.replace(" ", "%20"), AUTH_PORT)
    same("-u", output(["redis-cli", "-u", address, "--no-auth-warning", "get", "k"]), b"v\n")


def main():
    for part in (commands, protocols, keys, pipes, sampling, monitor, interactive, auth):
        try:
            part()
        except (ValueError, subprocess.TimeoutExpired) as error:
            check(part.__name__, False, repr(error))
    print("end", flush=True)


if __name__ == "__main__":
    main()
