#!/usr/bin/env python3
# The benchmark: redis-benchmark against Poro and Debian's redis-server, side by side in one run.
"""Every row is measured with the server on core 0 and the load on core 1, the servers taking turns
in several rounds. Shown are medians, ratios to Redis, and the server's CPU time per request."""

import argparse
import csv
import io
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

TICK = os.sysconf("SC_CLK_TCK")

# name, arguments of redis-benchmark, requests, what is compared
ROWS = [
    ("SET, 50 clients, pipeline 16", "-t set -c 50 -P 16 -d 64 -r 1000000", 1000000),
    ("SET, 50 clients, pipeline 128", "-t set -c 50 -P 128 -d 64 -r 1000000", 3000000),
    ("SET, 50 clients", "-t set -c 50 -d 64 -r 1000000", 120000),
    ("SET, 200 clients", "-t set -c 200 -d 64 -r 1000000", 120000),
    ("SET, 1 client", "-t set -c 1 -d 64 -r 1000000", 6000),
    ("GET, 50 clients, pipeline 16", "-t get -c 50 -P 16 -d 64 -r 1000000", 1500000),
    ("GET, 50 clients, pipeline 128", "-t get -c 50 -P 128 -d 64 -r 1000000", 4000000),
    ("GET, 50 clients", "-t get -c 50 -d 64 -r 1000000", 150000),
    ("SET, 12-byte values, 100,000 keys, pipeline 256", "-t set -c 16 -P 256 -d 12 -r 100000", 4000000),
    ("SET, 80-byte values, 100,000 keys, pipeline 256", "-t set -c 16 -P 256 -d 80 -r 100000", 3000000),
    ("SET, 1 KB values, 100,000 keys, pipeline 64", "-t set -c 16 -P 64 -d 1024 -r 100000", 600000),
]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, name, command, folder, core):
        self.name = name
        self.port = free_port()
        self.folder = tempfile.mkdtemp(prefix="bench-", dir=folder)
        command = [part.format(port=self.port, dir=self.folder) for part in command]
        if core is not None:
            command = ["taskset", "-c", str(core)] + command
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit(f"bench: {name} did not start: {' '.join(command)}")

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def measure(server, arguments, requests, core):
    command = ["redis-benchmark", "-h", "127.0.0.1", "-p", str(server.port), "-n", str(requests),
               "--csv"] + arguments.split()
    if core is not None:
        command = ["taskset", "-c", str(core)] + command
    before = server.cpu_seconds()
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    cpu = server.cpu_seconds() - before
    rows = list(csv.DictReader(io.StringIO(out)))
    row = rows[-1]
    return {
        "rps": float(row["rps"]),
        "p50": float(row["p50_latency_ms"]),
        "p99": float(row["p99_latency_ms"]),
        "cpu": cpu / requests * 1e6,
    }


def medians(samples):
    return {key: statistics.median(s[key] for s in samples) for key in samples[0]}


def thousands(value):
    return f"{value / 1000:,.0f}" if value >= 10000 else f"{value / 1000:,.1f}"


def table(results, names):
    lines = ["| work | " + " | ".join(names) + " | Poro / " + " | Poro / ".join(names[1:]) + " |",
             "|---|" + "---|" * (2 * len(names) - 1)]
    for title, row in results:
        cells = [f"{thousands(row[n]['rps'])} k/s, {row[n]['cpu']:.2f} us, p50 {row[n]['p50']:.2f} ms"
                 for n in names]
        ratios = []
        for n in names[1:]:
            speed = row[names[0]]["rps"] / row[n]["rps"]
            cpu = row[names[0]]["cpu"] / row[n]["cpu"] if row[n]["cpu"] > 0 else 0
            p50 = row[names[0]]["p50"] / row[n]["p50"] if row[n]["p50"] > 0 else 0
            ratios.append(f"{speed:.2f}x (CPU {cpu:.2f}x, p50 {p50:.2f}x)")
        lines.append(f"| {title} | " + " | ".join(cells + ratios) + " |")
    return "\n".join(lines)


def plot(results, names, path):
    if shutil.which("gnuplot") is None:
        print("bench: gnuplot is not installed, no plot")
        return
    data = "".join('"{}" {}\n'.format(title.replace(", ", ",\\n"),
                                      " ".join(str(row[n]["rps"] / 1000) for n in names))
                   for title, row in results)
    with tempfile.NamedTemporaryFile("w", suffix=".dat", delete=False) as f:
        f.write(data)
    series = ", ".join(f"'{f.name}' using {i + 2}:xtic(1) title '{n}'" for i, n in enumerate(names))
    script = f"""set terminal svg size 1500,640 font 'sans,11' background 'white'
set output '{path}'
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.85 border -1
set logscale y
set yrange [1:*]
set grid ytics
set ylabel 'thousand requests a second (logarithmic)'
set key top left horizontal
set bmargin 6
set title 'Poro beside Redis, server on one core, load on the other'
plot {series}
"""
    subprocess.run(["gnuplot"], input=script, text=True, check=True)
    os.unlink(f.name)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--poro", default="build/poro-server")
    parser.add_argument("--redis", default="redis-server")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the number of requests")
    parser.add_argument("--rows", default="", help="only rows whose name contains this")
    parser.add_argument("--only", default="", help="only these servers, comma-separated")
    parser.add_argument("--folder", default=None, help="where data folders go (a real disk)")
    parser.add_argument("--out", default=None, help="write OUT.md and OUT.svg")
    args = parser.parse_args()
    cores = (0, 1) if os.cpu_count() >= 2 else (None, None)
    redis = [args.redis, "--port", "{port}", "--dir", "{dir}", "--save", ""]
    kinds = {
        "Poro": [args.poro, "--port", "{port}", "--dir", "{dir}"],
        "Redis always": redis + ["--appendonly", "yes", "--appendfsync", "always"],
        "Redis everysec": redis + ["--appendonly", "yes", "--appendfsync", "everysec"],
        "Redis none": redis + ["--appendonly", "no"],
    }
    names = [n for n in kinds if not args.only or n in args.only.split(",")]
    results = []
    for title, arguments, requests in ROWS:
        if args.rows not in title:
            continue
        requests = max(1000, int(requests * args.scale))
        samples = {n: [] for n in names}
        for turn in range(args.rounds):
            for name in names:
                server = Server(name, kinds[name], args.folder, cores[0])
                try:
                    if arguments.startswith("-t get"):
                        measure(server, "-t set -c 50 -P 128 -d 64 -r 1000000", 1500000, cores[1])
                    else:
                        measure(server, arguments, max(1000, requests // 10), cores[1])
                    samples[name].append(measure(server, arguments, requests, cores[1]))
                finally:
                    server.stop()
        row = {n: medians(samples[n]) for n in names}
        results.append((title, row))
        print(f"{title}: " + "; ".join(
            f"{n} {row[n]['rps']:,.0f}/s {row[n]['cpu']:.2f} us p50 {row[n]['p50']:.3f} p99 {row[n]['p99']:.2f}"
            for n in names), flush=True)
    text = (f"Measured {time.strftime('%Y-%m-%d')}, {platform.machine()}, Linux {platform.release()}, "
            f"{os.cpu_count()} cores, median of {args.rounds} rounds.\n\n" + table(results, names) + "\n")
    print("\n" + text)
    if args.out:
        with open(args.out + ".md", "w") as f:
            f.write(text)
        plot(results, names, args.out + ".svg")
        print(f"bench: written {args.out}.md and {args.out}.svg")


if __name__ == "__main__":
    main()
