#!/usr/bin/python3
"""redis-benchmark: it runs, measures and leaves what it should; speed is for tests/bench."""
import csv
import io
import re

from check import AUTH_PORT, PASSWORD, PORT, check, output, same

REQUESTS = "2000"


def benchmark(*arguments, port=PORT, status=0):
    return output(
        ["redis-benchmark", "-p", str(port)] + list(arguments), seconds=60, status=status
    ).decode()


def cli(*arguments):
    return output(["redis-cli", "-p", str(PORT)] + list(arguments)).decode().strip()


def rows(text):
    """Name of the test: requests a second."""
    return {row["test"]: float(row["rps"]) for row in csv.DictReader(io.StringIO(text))}


def main():
    tests = {"PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "MSET (10 keys)"}
    measured = rows(benchmark("-t", "ping,set,get,incr,mset", "-n", REQUESTS, "--csv"))
    same("the tests of strings", set(measured), tests)
    check("each has a speed", all(value > 0 for value in measured.values()), measured)
    measured = rows(
        benchmark(
            "-t", "set,get", "-n", REQUESTS, "-P", "16", "-c", "20", "-3", "-d", "1000", "--csv"
        )
    )
    same("pipelines in RESP3", set(measured), {"SET", "GET"})
    same("1,000 bytes each", cli("strlen", "key:__rand_int__"), "1000")
    cli("flushall")
    benchmark("-t", "set", "-n", REQUESTS, "-r", "100", "-P", "8", "-q")
    keys = cli("--scan").split()
    check(
        "random keys",
        90 <= len(keys) <= 100 and all(re.fullmatch(r"key:\d{12}", key) for key in keys),
        len(keys),
    )
    benchmark("-t", "incr", "-n", REQUESTS, "-c", "10", "--threads", "2", "-q")
    same("all increments of two threads", cli("get", "counter:__rand_int__"), REQUESTS)
    text = benchmark("-n", REQUESTS, "-q", "-r", "10", "append", "a:__rand_int__", "x")
    check(
        "a command of one's own",
        re.search(r"append a:__rand_int__ x: [\d.]+ requests per second", text),
        text,
    )
    same(
        "it was executed",
        sum(int(cli("strlen", key)) for key in cli("--scan", "--pattern", "a:*").split()),
        int(REQUESTS),
    )
    text = benchmark("-n", "300", "-c", "10", "-k", "0", "-t", "set", "-q")
    check("a connection each", re.search(r"SET: [\d.]+ requests per second", text), text)
    text = benchmark("-n", "100", "-t", "get", "-c", "5")
    check(
        "the settings that it asks for",
        re.search(r'host configuration "save": \S*\n', text)
        and re.search(r'host configuration "appendonly": yes', text),
        text,
    )
    text = benchmark(
        "-a", PASSWORD, "-n", REQUESTS, "-t", "set", "-q", "--dbnum", "2", port=AUTH_PORT
    )
    check("a password and a database", re.search(r"SET: [\d.]+ requests per second", text), text)
    text = benchmark("-n", "100", "-t", "set", "-q", port=AUTH_PORT, status=1)
    check("no password", "NOAUTH Authentication required" in text, text)
    print("end", flush=True)


if __name__ == "__main__":
    main()
