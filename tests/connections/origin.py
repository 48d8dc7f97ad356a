"""Where connections come from: unix sockets and addresses."""
import os
import socket
import stat
import subprocess
import time

from stage import Local, Stage, await_end, fields
from poro import Client, Server, free_port


def local_lines(client, other, path):
    """What two servers say of a connection on a unix socket."""
    line = fields(client.call("CLIENT", "INFO"))
    said = [line["addr"].replace(path, "P"), line["laddr"].replace(path, "P"), line["flags"]]
    monitor = Local(path)
    said.append(monitor.call("MONITOR"))
    client.call("GET", "x")
    said.append(monitor.line().split(b" ", 1)[1].replace(path.encode(), b"P"))
    client.call("CONFIG", "SET", "slowlog-log-slower-than", 0)
    client.call("GET", "y")
    said.append(client.call("SLOWLOG", "GET", 1)[0][4].replace(path.encode(), b"P"))
    said.append(other.call("CLIENT", "KILL", path + ":0"))
    said.append(await_end(client.socket) is not None and await_end(monitor.socket) is not None)
    said.append(other.call("PING"))
    return said


def local_beside_redis(score, path, folder):
    ours, theirs = os.path.join(folder, "poro.sock"), os.path.join(folder, "redis.sock")
    stage = Stage(score, path, ["--unixsocket", ours, "--unixsocketperm", "770"])
    port = free_port()
    redis = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                              "--dir", folder, "--unixsocket", theirs, "--unixsocketperm", "770"],
                             stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not os.path.exists(theirs) and time.monotonic() < deadline:
        time.sleep(0.02)
    modes = [stat.filemode(os.stat(name).st_mode) for name in (ours, theirs)]
    score.check("unix socket: permissions", modes[0] == modes[1], modes)
    said = [local_lines(Local(ours), stage.client, ours), local_lines(Local(theirs), Client(port), theirs)]
    score.check("unix socket: as redis-server says", said[0] == said[1], said)
    redis.terminate()
    redis.wait(20)
    stage.end("unix socket")
    score.check("unix socket: removed", not os.path.exists(ours) and not os.path.exists(theirs))


def refused(path, options):
    """The exit code of a start, and what it said."""
    ended = subprocess.run([path] + options, capture_output=True, text=True, timeout=60)
    return ended.returncode, ended.stdout + ended.stderr


def local_path(score, path, folder):
    name = os.path.join(folder, "path.sock")
    base = ["--dir", os.path.join(folder, "other"), "--maxmemory", "64mb", "--port", "0"]
    stage = Stage(score, path, ["--unixsocket", name])
    code, said = refused(path, base + ["--unixsocket", name])
    score.check("unix socket: in use", code == 2 and "in use" in said, said)
    score.check("unix socket: still there", Local(name).call("PING") == "PONG")
    stage.server.kill()
    score.check("unix socket: a killed server leaves it", os.path.exists(name))
    stage.server.start()
    score.check("unix socket: and takes it again", Local(name).call("PING") == "PONG")
    os.unlink(name)
    with open(name, "w") as f:
        f.write("somebody else's")
    stage.end("unix socket, a path")
    score.check("unix socket: only its own is removed", os.path.exists(name))
    code, said = refused(path, base + ["--unixsocket", name])
    score.check("unix socket: a file in the way", code == 2 and os.path.exists(name), said)
    code, said = refused(path, base + ["--unixsocket", "x" * 200])
    score.check("unix socket: too long", code == 2 and "too long" in said, said)
    code, said = refused(path, base)
    score.check("nothing to listen on", code == 1 and "nothing to listen on" in said, said)


def only_local(score, path, folder):
    """Without TCP, with a password, not held up by protected mode."""
    name = os.path.join(folder, "only.sock")
    process = subprocess.Popen([path, "--port", "0", "--unixsocket", name, "--requirepass", "secret",
                                "--dir", os.path.join(folder, "only"), "--maxmemory", "64mb"],
                               stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not os.path.exists(name) and time.monotonic() < deadline:
        time.sleep(0.02)
    client = Local(name)
    while str(client.call("AUTH", "secret")).startswith("LOADING"):
        time.sleep(0.02)
    right = client.call("SET", "k", b"v" * 3000000) == "OK" and len(client.call("GET", "k")) == 3000000
    score.check("only a unix socket: large values", right)
    stranger = Local(name)
    score.check("only a unix socket: the password", str(stranger.call("GET", "k")).startswith("NOAUTH"))
    port = [line for line in client.call("INFO", "server").split(b"\r\n") if b"tcp_port" in line]
    score.check("only a unix socket: no port", port == [b"tcp_port:0"], port)
    process.terminate()
    score.check("only a unix socket: a clean stop", process.wait(30) == 0)


def addresses(score, path):
    port, six = free_port(), socket.has_ipv6 and os.path.exists("/proc/net/if_inet6")
    bind = "127.0.0.1 127.0.0.2 -192.0.2.1" + (" ::1" if six else "")
    server = Server(path, ["--bind", bind, "--port", str(port), "--protected-mode", "no", "--maxmemory", "64mb"])
    server.port = port
    server.start()
    wanted = [("127.0.0.1", "127.0.0.1:%d" % port), ("127.0.0.2", "127.0.0.2:%d" % port)]
    if six:
        wanted.append(("::1", "[::1]:%d" % port))
    for address, shown in wanted:
        client = server.client()
        client.socket = socket.create_connection((address, port), 10)
        line = fields(client.call("CLIENT", "INFO"))
        score.check("bind: %s" % address, line["laddr"] == shown, line)
    score.check("bind: a clean stop", server.stop() == 0, server.log())
    code, said = refused(path, ["--bind", "127.0.0.1 192.0.2.1", "--port", str(port), "--dir",
                                os.path.join(server.folder, "data")])
    score.check("bind: an address that is not there", code == 2 and "192.0.2.1" in said, said)
    server.remove()


def unix_sockets(score, path):
    folder = os.path.join("/tmp", "poro-connections-%d" % os.getpid())
    os.mkdir(folder)
    try:
        local_beside_redis(score, path, folder)
        local_path(score, path, folder)
        only_local(score, path, folder)
    finally:
        subprocess.run(["rm", "-r", folder], check=False)
