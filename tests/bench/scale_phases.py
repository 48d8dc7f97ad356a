"""The measurements of scale.py: one server, one number of keys, one phase after the other."""
import json
import os
import signal
import subprocess
import time

KEY_BYTES = 16
# What latencies are measured with: clients that send one request at a time at a fixed rate, half of them
# SETs; and behind them writes in small pipelines, so that the server has something to do.
WATCHED = "clients=50,pipeline=1,set=50,rate=%d"
BEHIND = "clients=4,pipeline=16,set=100,rate=%d"
WORK = [
    ("SET, pipeline 16", "clients=50,pipeline=16,set=100"),
    ("SET, pipeline 128", "clients=50,pipeline=128,set=100"),
    ("SET, no pipeline", "clients=50,pipeline=1,set=100"),
    ("GET, pipeline 16", "clients=50,pipeline=16,set=0"),
    ("GET, pipeline 128", "clients=50,pipeline=128,set=0"),
    ("GET, no pipeline", "clients=50,pipeline=1,set=0"),
]
# Writes between a checkpoint and a kill -9, as a part of the keys.
TAIL = 0.2
CHECKPOINT_ROUNDS_MAX = 20


def stolen_seconds():
    """What the hypervisor has taken of all cores so far, for others: nobody here can do anything about it."""
    with open("/proc/stat") as f:
        return int(f.readline().split()[8]) / os.sysconf("SC_CLK_TCK")


class Phases:
    def __init__(self, options, server, keys):
        self.options, self.server, self.keys = options, server, keys
        self.found = {"work": {}, "latency": {}, "turn_us_max": {}, "own_cpu_us": {}, "stolen": {}}
        self.began = (0.0, 0.0)

    def load_start(self, streams, seconds=0.0, keys=None):
        command = [self.options.load, "--port", str(self.server.port), "--keys", str(keys or self.keys),
                   "--value", str(self.options.value), "--seconds", str(seconds)] + streams
        if self.options.load_core is not None:
            command = ["taskset", "-c", str(self.options.load_core)] + command
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def load_end(self, process):
        out, _ = process.communicate()
        if process.returncode != 0:
            raise SystemExit("bench-scale: the load has failed")
        return json.loads(out)

    def load(self, *args, **named):
        return self.load_end(self.load_start(*args, **named))

    def say(self, what):
        if self.options.verbose:
            print("  %s, %d keys: %s" % (self.server.kind.name, self.keys, what), flush=True)

    def stolen_begin(self):
        self.began = (time.monotonic(), stolen_seconds())

    def stolen_end(self, phase):
        began, stolen = self.began
        cores = os.cpu_count() or 1
        self.found["stolen"][phase] = (stolen_seconds() - stolen) / (time.monotonic() - began) / cores

    def turns_begin(self):
        self.stolen_begin()
        # Parts of turns are timed only while the monitor is on.
        self.server.client.call("CONFIG", "SET", "latency-monitor-threshold", 1000)
        self.server.client.call("CONFIG", "RESETSTAT")

    def turns_end(self, phase):
        """The longest turn as a clock shows it, which is also running while the system or the hypervisor has
        taken the core away, and the processor time of the server's own work in a turn."""
        self.stolen_end(phase)
        info = self.server.info()
        self.server.client.call("CONFIG", "SET", "latency-monitor-threshold", 0)
        if "turn_us_max" in info:
            self.found["turn_us_max"][phase] = int(info["turn_us_max"])
            parts = dict(pair.split("=") for pair in info["turn_own_longest"].split(","))
            self.found["own_cpu_us"][phase] = int(parts["cpu_us"])

    # --- phases ------------------------------------------------------------------------------------

    def grow_from(self):
        """At least one doubling of Redis's table, and one step of Poro's, lie between here and the end."""
        power = 1 << (self.keys.bit_length() - 1)
        return int(min(power * 0.95, self.keys / 1.6))

    def fill(self):
        self.server.start()
        empty = self.server.resident_bytes()
        first = self.grow_from()
        self.load(["clients=8,pipeline=64,from=0,count=%d" % first])
        # The first stream says when it is over: here those who write new keys.
        self.turns_begin()
        count = self.keys - first
        rate = self.options.behind
        done = self.load(["clients=4,pipeline=16,rate=%d,from=%d,count=%d" % (rate, first, count),
                          WATCHED % self.options.rate], keys=first)
        self.found["latency"]["growth"] = done["streams"][1]
        self.turns_end("growth")
        time.sleep(2)
        data = self.keys * (KEY_BYTES + self.options.value)
        self.found["bytes_per_key"] = (self.server.resident_bytes() - empty - data) / self.keys
        self.say("filled, %.1f bytes a key" % self.found["bytes_per_key"])

    def work(self):
        waits = []
        self.stolen_begin()
        for name, stream in WORK:
            before = self.server.scheduled()
            done = self.load([stream], seconds=self.options.seconds)
            cpu, waited = (b - a for a, b in zip(before, self.server.scheduled()))
            waits.append(waited / done["seconds"])
            answered = done["streams"][0]["answered"]
            self.found["work"][name] = {"rps": answered / done["seconds"], "cpu": cpu / answered * 1e6,
                                        "load_cpu": done["cpu"] / done["seconds"]}
            self.say("%s: %s" % (name, self.found["work"][name]))
        self.stolen_end("work")
        self.found["waited"] = sum(waits) / len(waits)

    def calm(self):
        self.turns_begin()
        done = self.load([WATCHED % self.options.rate, BEHIND % self.options.behind],
                         seconds=2 * self.options.seconds)
        self.found["latency"]["calm"] = done["streams"][0]
        self.turns_end("calm")

    def checkpoints(self):
        self.found["checkpoint_seconds"] = self.server.checkpoint(idle=True)
        self.turns_begin()
        load = self.load_start([WATCHED % self.options.rate, BEHIND % self.options.behind])
        took, began = [], time.monotonic()
        while time.monotonic() - began < 2 * self.options.seconds and len(took) < CHECKPOINT_ROUNDS_MAX:
            took.append(self.server.checkpoint())
        load.send_signal(signal.SIGTERM)
        self.found["latency"]["checkpoint"] = self.load_end(load)["streams"][0]
        self.found["checkpoint_busy_seconds"] = sum(took) / len(took)
        self.turns_end("checkpoint")
        self.say("checkpoint: %.2f s, under load %.2f s" % (self.found["checkpoint_seconds"],
                                                           self.found["checkpoint_busy_seconds"]))

    def restart(self, what):
        self.server.kill()
        self.server.forget_pages()
        self.found[what] = self.server.start()
        size = self.server.client.call("DBSIZE")
        if size != self.keys:
            raise SystemExit("bench-scale: %s: %d keys after %s" % (self.server.kind.name, size, what))
        self.say("%s: %.2f s" % (what, self.found[what]))

    def restarts(self):
        self.server.checkpoint(idle=True)
        self.restart("restart_checkpoint")
        self.found["disk_bytes"] = self.server.disk_bytes()
        if not self.server.kind.keeps_log:
            return
        self.load(["clients=8,pipeline=64,set=100,count=%d" % int(self.keys * TAIL)])
        self.restart("restart_tail")

    def run(self):
        self.fill()
        self.calm()
        self.checkpoints()
        self.restarts()
        self.work()
        return self.found
