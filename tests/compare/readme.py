#!/usr/bin/env python3
"""Writes the part of README.md between `<!-- commands -->` and `<!-- /commands -->`: which commands of
redis-server 7.0 poro-server has, asked of both servers, and the differences that are meant, from
differences.txt. With --check it only tells whether README.md says the same already."""
import argparse
import os
import re
import sys

import servers
import wire

HERE = os.path.dirname(os.path.abspath(__file__))
README = os.path.join(HERE, "..", "..", "README.md")
BEGIN, END = "<!-- commands -->\n", "<!-- /commands -->\n"
# In the order in which people look for them; Redis's own groups.
GROUPS = [
    ("string", "Strings"), ("bitmap", "Bitmaps"), ("generic", "Keys"),
    ("transactions", "Transactions"), ("connection", "Connection"), ("server", "Server"),
    ("cluster", "Cluster"), ("scripting", "Scripts"), ("pubsub", "Publish and subscribe"),
    ("hash", "Hashes"), ("list", "Lists"), ("set", "Sets"), ("sorted-set", "Sorted sets"),
    ("stream", "Streams"), ("geo", "Geo"), ("hyperloglog", "HyperLogLog"), ("sentinel", "Sentinel"),
]  # fmt: skip


def commands_of(server):
    """{name: group}, subcommands as `CONTAINER SUB`, without HELP and what is for Redis's own use."""
    found = {}
    items = wire.parse(server.call("COMMAND", "DOCS"))[1]

    def walk(items):
        for name, doc in zip(items[::2], items[1::2]):
            fields = {k[1]: v for k, v in zip(doc[1][::2], doc[1][1::2])}
            text = name[1].decode().upper().replace("|", " ")
            if fields.get(b"subcommands"):
                walk(fields[b"subcommands"][1])
                if text != "COMMAND":
                    continue
            flags = repr(fields.get(b"doc_flags", b""))
            if "syscmd" in flags or text.endswith(" HELP"):
                continue
            found[text] = fields[b"group"][1].decode()

    walk(items)
    return found


def cell(names):
    """Subcommands of one container together: CLIENT (ID, LIST)."""
    together = {}
    for name in sorted(names):
        first, _, rest = name.partition(" ")
        together.setdefault(first, []).extend([rest] if rest else [])
    return ", ".join("%s (%s)" % (n, ", ".join(s)) if s else n for n, s in together.items())


def table(ours, theirs):
    lines = ["| | Supported | Not in Redis 7.0 | Not supported |", "|---|---|---|---|"]
    for group, title in GROUPS:
        have = {n for n in ours if n in theirs and theirs[n] == group}
        new = {n for n in ours if n not in theirs and ours[n] == group}
        lack = {n for n in theirs if n not in ours and theirs[n] == group}
        if group == "cluster" and not lack:
            have = {"all %d, which say that cluster support is disabled" % len(have)}
        if not have and not new:
            lack = {"all %d" % len(lack)} if lack else set()
        if have or new or lack:
            lines.append("| %s | %s | %s | %s |" % (title, cell(have), cell(new), cell(lack)))
    return lines


def differences():
    """The entries of differences.txt that have a line for people: `shown`."""
    with open(os.path.join(HERE, "differences.txt"), encoding="utf-8") as f:
        text = f.read()
    lines = []
    for paragraph in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^([\w-]+):\s*(.*)$", paragraph, re.M))
        if "shown" in fields:
            lines.append("| %s | %s |" % (fields["shown"], fields["why"]))
    return lines


def section(poro, redis):
    lines = table(commands_of(poro), commands_of(redis))
    lines += ["", "Differences from Redis 7.0 in what is supported:", "", "| Difference | Why |"]
    lines += ["|---|---|"] + differences()
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--poro", required=True)
    parser.add_argument("--redis", default="redis-server")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    redis = servers.Server("redis", arguments.redis)
    poro = servers.Server("poro", arguments.poro)
    made = section(poro, redis)
    with open(README, encoding="utf-8") as f:
        text = f.read()
    before, rest = text.split(BEGIN)
    old, after = rest.split(END)
    if arguments.check:
        same = old == made
        print("readme: %d passed, %d failed%s" %
              (same, not same, "" if same else ": run tests/compare/readme.py"))
        return 0 if same else 1
    with open(README, "w", encoding="utf-8") as f:
        f.write(before + BEGIN + made + END + after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
