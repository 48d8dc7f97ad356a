#!/usr/bin/env python3
# The benchmark of scale: Poro and Debian's redis-server at millions of keys, side by side in one run.
"""For each number of keys and each server: throughput and CPU per request, memory per key, latencies
without and with a checkpoint and while the table grows, times of checkpoints and restarts. The server
runs on core 0, the load on core 1."""

import argparse
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import scale_report  # noqa: E402
from scale_phases import Phases  # noqa: E402
from scale_servers import Server, kinds  # noqa: E402


def options_of(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--poro", default="build/poro-server")
    parser.add_argument("--redis", default="redis-server")
    parser.add_argument("--load", default="build/bench_load")
    parser.add_argument("--keys", default="1,5", help="millions of keys, comma-separated (default 1,5)")
    parser.add_argument("--only", default="Poro,Redis always,Redis RDB",
                        help="servers; there is also 'Redis everysec'")
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement")
    parser.add_argument("--value", type=int, default=64, help="bytes")
    parser.add_argument("--rate", type=int, default=5000, help="requests a second whose latency is measured")
    parser.add_argument("--behind", type=int, default=40000, help="writes a second beside them")
    parser.add_argument("--folder", default=None, help="where data folders go (a real disk)")
    parser.add_argument("--out", default=None, help="write OUT.md, OUT.svg and OUT.json")
    parser.add_argument("--again", default=None, help="no run: the report of this OUT.json")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args(arguments)
    options.server_core, options.load_core = (0, 1) if os.cpu_count() >= 2 else (None, None)
    return options


def run(options, names):
    known = kinds(os.path.abspath(options.poro), options.redis)
    results = []
    for keys in [int(float(part) * 1e6) for part in options.keys.split(",")]:
        found = {}
        for name in names:
            server = Server(known[name], options.folder, options.server_core)
            try:
                found[name] = Phases(options, server, keys).run()
            finally:
                server.remove()
            print("bench-scale: %s, %s keys: done" % (name, scale_report.millions(keys)), flush=True)
        results.append((keys, found))
    return results


def main():
    options = options_of(sys.argv[1:])
    names = options.only.split(",")
    if options.again:
        with open(options.again) as f:
            names, results = json.load(f)
    else:
        results = run(options, names)
    text = scale_report.markdown(results, names, options)
    print("\n" + text)
    if options.out:
        with open(options.out + ".json", "w") as f:
            json.dump([names, results], f)
        with open(options.out + ".md", "w") as f:
            f.write(text)
        scale_report.plot(results, names, options.out + ".svg")
        print("bench-scale: written %s.md, %s.svg" % (options.out, options.out))


if __name__ == "__main__":
    main()
