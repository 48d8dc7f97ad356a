#!/usr/bin/python3
"""redis-py, as Debian has it (python3-redis), also with asyncio."""
import asyncio
import threading
import time

import redis
import redis.asyncio
from check import AUTH_PORT, BINARY, NEWER, PASSWORD, PORT, check, fails, restart, same
from redis.backoff import ConstantBackoff
from redis.retry import Retry

LARGE = bytes(range(251)) * 39841  # 10,000,091 bytes
SURVIVE_WRITERS = 4


def pipelines(r):
    pipe = r.pipeline(transaction=False)
    for i in range(3000):
        pipe.set("p:%d" % i, i).get("p:%d" % i)
    replies = pipe.execute()
    check("pipeline", len(replies) == 6000 and replies[-2:] == [True, b"2999"], replies[-2:])
    r.set("word", "abc")
    replies = r.pipeline(transaction=False).incr("word").get("word").execute(raise_on_error=False)
    check(
        "an error in a pipeline",
        isinstance(replies[0], redis.ResponseError) and replies[1] == b"abc",
        replies,
    )


def transactions(r):
    same("MULTI", r.pipeline().set("t", 5).incr("t").get("t").execute(), [True, 6, b"6"])
    other = redis.Redis(port=PORT)
    with r.pipeline() as pipe:
        pipe.watch("t")
        value = int(pipe.get("t"))
        pipe.multi()
        pipe.set("t", value + 1)
        same("WATCH undisturbed", pipe.execute(), [True])
        pipe.watch("t")
        other.set("t", 100)
        pipe.multi()
        pipe.set("t", 0)
        fails("WATCH disturbed", redis.WatchError, "Watched variable changed", pipe.execute)
    same("nothing was done", r.get("t"), b"100")

    def add(pipe):
        value = int(pipe.get("balance") or 0)
        pipe.multi()
        pipe.set("balance", value + 1)

    threads = [
        threading.Thread(target=lambda: [r.transaction(add, "balance") for _ in range(10)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    same("40 increments by WATCH", r.get("balance"), b"40")
    fails(
        "an error inside EXEC",
        redis.ResponseError,
        "not an integer",
        r.pipeline().set("word", "abc").incr("word").execute,
    )
    fails(
        "EXECABORT",
        redis.ResponseError,
        "wrong number of arguments",
        r.pipeline().execute_command("SET", "x").execute,
    )


def scans(r):
    keys = {b"scan:%d" % i for i in range(3000)}
    r.mset({key: "x" for key in keys})
    same("scan_iter", set(r.scan_iter("scan:*", count=100)), keys)
    same("scan_iter by type", set(r.scan_iter("scan:*", _type="STRING")), keys)
    same("scan_iter of another type", set(r.scan_iter(_type="LIST")), set())
    same("keys", set(r.keys("scan:1?")), {b"scan:%d" % i for i in range(10, 20)})
    same("unlink", r.unlink(*keys), 3000)


def values(r):
    same("binary", [r.set(BINARY, BINARY), r.get(BINARY)], [True, BINARY])
    same("10 MB", [r.set("large", LARGE), r.get("large") == LARGE], [True, True])
    same("a part of it", r.getrange("large", 5000000, 5000099), LARGE[5000000:5000100])
    same(
        "APPEND and SETRANGE",
        [r.append("large", "x"), r.setrange("large", 0, "y"), r.getrange("large", 0, 1)],
        [len(LARGE) + 1, len(LARGE) + 1, b"y\x01"],
    )
    r.delete("large")
    decoded = redis.Redis(port=PORT, decode_responses=True)
    same("text", [decoded.set("\u00e4", "\U0001f600"), decoded.get("\u00e4")], [True, "\U0001f600"])


def strings(r):
    same(
        "SET NX GET EX",
        [
            r.set("k", "v", ex=100, nx=True),
            r.set("k", "w", nx=True),
            r.set("k", "w", get=True, keepttl=True),
        ],
        [True, None, b"v"],
    )
    check("TTL", 98 < r.ttl("k") <= 100)
    same("EXPIRE NX, GT", [r.expire("k", 200, nx=True), r.expire("k", 200, gt=True)], [False, True])
    check("EXPIRETIME", r.expiretime("k") > time.time() + 190)
    same(
        "GETEX, GETDEL",
        [r.getex("k", persist=True), r.ttl("k"), r.getdel("k"), r.get("k")],
        [b"w", -1, b"w", None],
    )
    same(
        "numbers",
        [r.incr("n", 5), r.decrby("n", 2), r.incrbyfloat("f", 1.5), r.incrbyfloat("f", -0.25)],
        [5, 3, 1.5, 1.25],
    )
    same(
        "MSETNX",
        [r.msetnx({"a": 1, "b": 2}), r.msetnx({"b": 3, "c": 3}), r.mget("a", "c")],
        [True, False, [b"1", None]],
    )
    same(
        "bits",
        [
            r.setbit("bits", 7, 1),
            r.bitcount("bits", 0, 7, "BIT"),
            r.bitpos("bits", 1),
            r.bitop("NOT", "x", "bits"),
            r.get("x"),
        ],
        [0, 1, 7, 1, b"\xfe"],
    )
    same(
        "BITFIELD",
        r.bitfield("bits").set("u8", 0, 255).incrby("u8", 0, 1, "SAT").get("i8", 0).execute(),
        [1, 255, -1],
    )
    r.mset({"a": "ohmytext", "b": "mynewtext"})
    same(
        "LCS",
        [
            r.lcs("a", "b"),
            r.lcs("a", "b", len=True),
            r.lcs("a", "b", idx=True, minmatchlen=4, withmatchlen=True),
        ],
        [b"mytext", 6, [b"matches", [[[4, 7], [5, 8], 4]], b"len", 6]],
    )
    if NEWER:
        same(
            "DELEX",
            [
                r.execute_command("DELEX", "a", "IFEQ", "no"),
                r.execute_command("DELEX", "a", "IFEQ", "ohmytext"),
            ],
            [0, 1],
        )


def keys(r):
    r.mset({"a": 1, "b": 2})
    same(
        "RENAME",
        [r.renamenx("a", "b"), r.rename("a", "c"), r.exists("a", "b", "c")],
        [False, True, 2],
    )
    fails("RENAME of nothing", redis.ResponseError, "no such key", r.rename, "a", "b")
    same(
        "COPY, MOVE",
        [r.copy("b", "d"), r.copy("b", "d", replace=True), r.move("d", 1), r.exists("d")],
        [True, True, True, 0],
    )
    same(
        "TYPE, TOUCH", [r.type("b"), r.type("none"), r.touch("b", "none")], [b"string", b"none", 1]
    )
    dump = r.dump("b")
    same("RESTORE", [r.restore("e", 10000, dump), r.get("e")], [b"OK", b"2"])
    fails(
        "RESTORE of rubbish",
        redis.ResponseError,
        "DUMP payload version or checksum are wrong",
        r.restore,
        "x",
        0,
        b"x" * 20,
    )
    fails(
        "RESTORE over a key",
        redis.exceptions.ResponseError,
        "Target key name already exists",
        r.restore,
        "e",
        0,
        dump,
    )
    same(
        "OBJECT",
        [r.object("ENCODING", "b"), r.object("REFCOUNT", "b") > 0, r.object("IDLETIME", "b") < 10],
        [b"int", True, True],
    )
    check("RANDOMKEY", r.randomkey() in (b"b", b"c", b"e"))
    same("SWAPDB", [r.swapdb(0, 1), r.exists("d"), r.swapdb(0, 1)], [True, 1, True])
    same("WAIT", r.wait(0, 10), 0)


def introspection(r):
    r.set("k", "v")
    info = r.info()
    check(
        "INFO",
        info["redis_version"]
        and info["connected_clients"] >= 1
        and "used_memory" in info
        and info["role"] == "master"
        and "keys" in info["db0"],
        info,
    )
    check("INFO of one section", "uptime_in_seconds" in r.info("server"))
    check("INFO commandstats", r.info("commandstats")["cmdstat_get"]["calls"] > 0)
    clients = r.client_list()
    check(
        "CLIENT LIST",
        clients and all(int(client["id"]) > 0 and client["cmd"] for client in clients),
        clients,
    )
    same(
        "CLIENT names",
        [r.client_setname("me"), r.client_getname(), r.client_info()["name"]],
        [True, "me", "me"],
    )
    check("CONFIG GET", int(r.config_get("max*")["maxclients"]) > 0)
    same(
        "CONFIG SET",
        [
            r.config_set("slowlog-log-slower-than", 0),
            r.config_get("slowlog*")["slowlog-log-slower-than"],
        ],
        [True, "0"],
    )
    r.get("slow")
    entries = r.slowlog_get()
    check("SLOWLOG GET", any(entry["command"] == b"GET slow" for entry in entries), entries)
    same(
        "SLOWLOG RESET",
        [r.config_set("slowlog-log-slower-than", 10000), r.slowlog_reset(), r.slowlog_len()],
        [True, True, 0],
    )
    check("MEMORY STATS", r.memory_stats()["keys.count"] >= 0)
    r.set("k", "v" * 1000)
    check("MEMORY USAGE", r.memory_usage("k") > 1000)
    check("COMMAND", r.command()["get"]["arity"] == 2 and r.command_count() > 50)
    same("COMMAND GETKEYS", r.command_getkeys("MSET", "a", "1", "b", "2"), ["a", "b"])
    check("TIME, LASTSAVE", abs(r.time()[0] - time.time()) < 5 and r.lastsave().year > 2000)
    same("ROLE", r.role()[0], b"master")
    same(
        "ACL",
        [r.acl_whoami(), r.acl_users(), r.acl_getuser("default")["enabled"]],
        ["default", ["default"], True],
    )
    same("ECHO, PING", [r.echo("x"), r.ping()], [b"x", True])
    same("MODULE LIST", r.module_list(), [])
    with r.monitor() as monitor:
        redis.Redis(port=PORT).set("seen", "x")
        seen = next(entry for entry in monitor.listen() if "seen" in entry["command"])
    same("MONITOR", seen["command"], "SET seen x")
    fails("an unknown command", redis.ResponseError, "unknown command", r.execute_command, "NOSUCH")
    own = r.client_id()
    victim = redis.Redis(
        port=PORT, retry=Retry(ConstantBackoff(0.01), 2), retry_on_error=[redis.ConnectionError]
    )
    same("CLIENT KILL", r.client_kill_filter(_id=victim.client_id()), 1)
    same("it connects again", [victim.ping(), r.client_id() == own], [True, True])


def auth():
    guarded = redis.Redis(port=AUTH_PORT, password=PASSWORD, db=2, client_name="guarded")
    same("AUTH", [guarded.set("k", "v"), guarded.client_getname()], [True, "guarded"])
    same(
        "AUTH with a user",
        redis.Redis(port=AUTH_PORT, username="default", password=PASSWORD).ping(),
        True,
    )
    fails(
        "no password",
        redis.AuthenticationError,
        "Authentication required",
        redis.Redis(port=AUTH_PORT).get,
        "k",
    )
    fails(
        "a wrong password",
        redis.ResponseError,
        "invalid username-password pair",
        redis.Redis(port=AUTH_PORT, password="no").get,
        "k",
    )


def reconnect():
    """Threads write while the server is killed and started again; errors are tried again."""
    r = redis.Redis(
        port=PORT, retry=Retry(ConstantBackoff(0.02), 2), retry_on_error=[redis.ConnectionError]
    )
    acknowledged, going = [], threading.Event()
    going.set()

    def write(name):
        i = 0
        while going.is_set():
            key = b"survive:%d:%d" % (name, i)
            i += 1
            try:
                if r.set(key, key):
                    acknowledged.append(key)
            except redis.RedisError:
                time.sleep(0.02)

    threads = [threading.Thread(target=write, args=(name,)) for name in range(SURVIVE_WRITERS)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    before = len(acknowledged)
    restart()
    after, end = len(acknowledged), time.monotonic() + 20
    while len(acknowledged) < after + 20 and time.monotonic() < end:
        time.sleep(0.01)
    going.clear()
    for thread in threads:
        thread.join()
    check("writes before and after the restart", 0 < before and after < len(acknowledged))
    found = r.mget(acknowledged)
    same(
        "acknowledged writes lost, of %d" % len(acknowledged),
        sum(a != b for a, b in zip(found, acknowledged)),
        0,
    )


async def concurrent():
    r = redis.asyncio.Redis(port=PORT)
    await asyncio.gather(*(r.set("async:%d" % i, i) for i in range(200)))
    same("asyncio", await r.mget("async:0", "async:199"), [b"0", b"199"])
    async with r.pipeline(transaction=True) as pipe:
        same("MULTI with asyncio", await pipe.incr("async:0").incr("async:0").execute(), [1, 2])
    found = {key async for key in r.scan_iter("async:*")}
    same("scan_iter with asyncio", len(found), 200)
    await r.close()
    await r.connection_pool.disconnect()


def main():
    r = redis.Redis(port=PORT)
    for part in (pipelines, transactions, scans, values, strings, keys, introspection):
        try:
            part(r)
        except (redis.RedisError, KeyError) as error:
            check(part.__name__, False, repr(error))
        r.flushall()
    asyncio.run(concurrent())
    auth()
    reconnect()
    print("end", flush=True)


if __name__ == "__main__":
    main()
