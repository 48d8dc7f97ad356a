"""The report of scale.py: Markdown tables, targets, and plots."""
import os
import platform
import shutil
import subprocess
import tempfile
import time

LATENCIES = [("p50", "p50"), ("p99", "p99"), ("p99.9", "p999"), ("max", "max")]
PHASES = [("calm", "without"), ("checkpoint", "while a checkpoint runs"), ("growth", "while the table grows")]


def millions(keys):
    return "%g million" % (keys / 1e6) if keys >= 1000000 else "{:,}".format(keys)


def ms(us):
    return "%.2f" % (us / 1000) if us < 100000 else "%.0f" % (us / 1000)


def row(cells):
    return "| " + " | ".join(cells) + " |"


def table(head, rows):
    return "\n".join([row(head), "|" + "---|" * len(head)] + [row(r) for r in rows]) + "\n"


def seconds(found, what):
    return "%.2f s" % found[what] if what in found else "-"


def size_tables(found, names):
    """The tables of one number of keys; found: server -> figures."""
    head = [""] + names
    rows = []
    for work in found[names[0]]["work"]:
        cells = []
        for name in names:
            got = found[name]["work"][work]
            cells.append("%s k/s, %.2f us" % ("{:,.0f}".format(got["rps"] / 1000), got["cpu"]))
        rows.append([work] + cells)
    rows.append(["memory beyond key and value"] + ["%.1f bytes a key" % found[n]["bytes_per_key"] for n in names])
    for title, what in (("checkpoint, idle", "checkpoint_seconds"),
                        ("checkpoint, under load", "checkpoint_busy_seconds"),
                        ("restart from a checkpoint", "restart_checkpoint"),
                        ("restart, and a log of a fifth of the keys", "restart_tail")):
        rows.append([title] + [seconds(found[n], what) for n in names])
    rows.append(["the server waited for its core, which others used"] +
                ["%.0f %% of the time" % (100 * found[n]["waited"]) for n in names])
    rows.append(["the hypervisor took the cores away, meanwhile"] +
                ["%.1f %% of the time" % (100 * found[n]["stolen"]["work"]) for n in names])
    text = table(head, rows) + "\n"
    head = ["latency in ms: p50 / p99 / p99.9 / max"] + names
    rows = []
    for kind in ("get", "set"):
        for phase, title in PHASES:
            rows.append(["%s, %s" % (kind.upper(), title)] +
                        [" / ".join(ms(found[n]["latency"][phase][kind][field]) for _, field in LATENCIES)
                         for n in names])
    for field, title in (("turn_us_max", "longest turn of the loop"),
                         ("own_cpu_us", "... CPU time of the server's own work in one")):
        if found[names[0]][field]:
            rows.append([title + ": without / checkpoint / growth"] +
                        [" / ".join(ms(found[n][field][p]) for p, _ in PHASES)
                         if found[n][field] else "-" for n in names])
    rows.append(["cores taken by the hypervisor: without / checkpoint / growth"] +
                [" / ".join("%.1f %%" % (100 * found[n]["stolen"][p]) for p, _ in PHASES) for n in names])
    return text + table(head, rows)


# --- targets ---------------------------------------------------------------------------------------


def target_ratio(found, names, other, work, field, limit, most):
    if other not in names:
        return None
    ratio = found[names[0]]["work"][work][field] / found[other]["work"][work][field]
    return ratio, "%s %.2fx" % ("at most" if most else "at least", limit), ratio <= limit if most else ratio >= limit


def targets(found, names, keys):
    """Rows: what, target, measured, met or not."""
    rows = []

    def ratio(title, *args):
        got = target_ratio(found, names, *args)
        if got is not None:
            rows.append([title, got[1], "%.2fx" % got[0], "met" if got[2] else "not met"])

    ratio("SET, pipeline 16, beside Redis always", "Redis always", "SET, pipeline 16", "rps", 3, False)
    ratio("SET, pipeline 16, beside Redis without log", "Redis RDB", "SET, pipeline 16", "rps", 1.3, False)
    ratio("SET, pipeline 128, beside Redis always", "Redis always", "SET, pipeline 128", "rps", 8, False)
    ratio("SET, pipeline 128, beside Redis without log", "Redis RDB", "SET, pipeline 128", "rps", 4, False)
    ratio("SET, no pipeline, beside Redis always", "Redis always", "SET, no pipeline", "rps", 1.2, False)
    ratio("SET, no pipeline, CPU, beside Redis always", "Redis always", "SET, no pipeline", "cpu", 0.65, True)
    ratio("GET, pipeline 16", "Redis RDB", "GET, pipeline 16", "rps", 2, False)
    ratio("GET, pipeline 128", "Redis RDB", "GET, pipeline 128", "rps", 6, False)
    ratio("GET, no pipeline, CPU", "Redis RDB", "GET, no pipeline", "cpu", 0.75, True)
    mine = found[names[0]]
    for kind in ("get", "set"):
        calm = mine["latency"]["calm"][kind]["p999"]
        for phase, title in PHASES[1:]:
            got = mine["latency"][phase][kind]["p999"] / calm
            rows.append(["p99.9 of %s %s, beside that without" % (kind.upper(), title), "at most 2x",
                         "%.2fx" % got, "met" if got <= 2 else "not met"])
    for phase, title in PHASES[1:]:
        turn = mine["own_cpu_us"].get(phase)
        if turn is not None:
            rows.append(["longest own work in a turn %s, CPU time" % title, "at most 1 ms", "%s ms" % ms(turn),
                         "met" if turn <= 1000 else "not met"])
    if keys >= 5000000:
        got = mine["bytes_per_key"]
        rows.append(["memory beyond key and value", "at most 24 bytes a key", "%.1f" % got,
                     "met" if got <= 24 else "not met"])
        if "Redis RDB" in names:
            got = found["Redis RDB"]["restart_checkpoint"] / mine["restart_checkpoint"]
            rows.append(["restart, beside Redis from its snapshot", "at least 4x as fast", "%.1fx" % got,
                         "met" if got >= 4 else "not met"])
    return table(["target", "", "measured", ""], rows)


def markdown(results, names, options):
    text = ["Measured %s, %s, Linux %s, %d cores: the server (and what it forks) on one, the load on the other."
            % (time.strftime("%Y-%m-%d"), platform.machine(), platform.release(), os.cpu_count()),
            "Keys of 16 bytes, values of %d. Requests a second and the server's CPU time per request with 50"
            " clients; latencies of %s requests a second without pipelines, half of them GETs, beside %s SETs a"
            " second in pipelines of 16. Files are read from the disk at a restart, not from the page cache.\n"
            % (options.value, "{:,}".format(options.rate), "{:,}".format(options.behind))]
    for keys, found in results:
        text.append("### %s keys\n" % millions(keys))
        text.append(size_tables(found, names))
        if names[0] == "Poro":
            text.append(targets(found, names, keys))
    return "\n".join(text)


# --- plots -----------------------------------------------------------------------------------------


def panel(files, title, unit, rows, names, log=False):
    """One histogram: rows of (label, values of the servers)."""
    with tempfile.NamedTemporaryFile("w", suffix=".dat", delete=False) as f:
        for label, values in rows:
            f.write('"%s" %s\n' % (label, " ".join("%g" % (v or 0) for v in values)))
    files.append(f.name)
    series = ", ".join("'%s' using %d:xtic(1) title '%s'" % (f.name, i + 2, n) for i, n in enumerate(names))
    scale = "set logscale y\nset yrange [*:*]\n" if log else "unset logscale y\nset yrange [0:*]\n"
    return "%sset title '%s'\nset ylabel '%s'\nplot %s\n" % (scale, title, unit, series)


def panels(results, names, files):
    sizes = [(millions(keys).replace(" million", " M"), found) for keys, found in results]
    each = lambda get: [(label, [get(found[n]) for n in names]) for label, found in sizes]  # noqa: E731
    text = ""
    for work in ("SET, pipeline 16", "GET, pipeline 16"):
        text += panel(files, work, "thousand a second", each(lambda f, w=work: f["work"][w]["rps"] / 1000), names)
        text += panel(files, work + ", CPU", "us a request", each(lambda f, w=work: f["work"][w]["cpu"]), names)
    text += panel(files, "memory beyond key and value", "bytes a key", each(lambda f: f["bytes_per_key"]), names)
    text += panel(files, "checkpoint under load", "seconds", each(lambda f: f["checkpoint_busy_seconds"]), names)
    text += panel(files, "restart from a checkpoint", "seconds", each(lambda f: f["restart_checkpoint"]), names)
    text += panel(files, "restart, and a log of a fifth", "seconds", each(lambda f: f.get("restart_tail")), names)
    label, found = sizes[-1]
    for kind in ("get", "set"):
        for phase, title in PHASES:
            rows = [(n, [found[s]["latency"][phase][kind][field] / 1000 for s in names]) for n, field in LATENCIES]
            text += panel(files, "%s at %s keys, %s" % (kind.upper(), label, title), "ms", rows, names, log=True)
    return text


def plot(results, names, path):
    if shutil.which("gnuplot") is None:
        print("bench-scale: gnuplot is not installed, no plot")
        return
    files = []
    script = """set terminal svg size 1500,1300 font 'sans,11' background 'white'
set output '%s'
set multiplot layout 4,4 title 'Poro beside Redis, by the number of keys'
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.85 border -1
set grid ytics
set key top left
%sunset multiplot
""" % (path, panels(results, names, files))
    subprocess.run(["gnuplot"], input=script, text=True, check=True)
    for name in files:
        os.unlink(name)
