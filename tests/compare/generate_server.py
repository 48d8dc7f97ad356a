"""Random commands on the server and its connections: a part of generate.py's.

Only such whose answers do not depend on what has happened before, or how long it took. Every function
takes the generator and returns the words of a command, and how its reply is compared.
"""

NAMES = [b"default", b"default", b"nobody", b"", b"Default"]
CATEGORIES = [b"string", b"KEYSPACE", b"write", b"hash", b"nosuch", b"", b"@string", b"transaction"]
COUNTS = [b"0", b"1", b"-1", b"5", b"-2", b"x", b"", b"1.5", b"9223372036854775808", b"64", b"4096", b"4097"]
CLUSTER = [
    b"INFO", b"NODES", b"SLOTS", b"KEYSLOT", b"MYID", b"RESET", b"MEET", b"HELP", b"COUNTKEYSINSLOT",
    b"getkeysinslot", b"SET-CONFIG-EPOCH", b"addslots", b"delslotsrange", b"FAILOVER", b"FOO", b"",
]  # fmt: skip
# Settings that mean the same to both, with values that both take, or both refuse.
SETTINGS = {
    b"timeout": [b"0", b"1000", b"-1", b"x", b"2147483648"],
    b"tcp-keepalive": [b"0", b"300", b"-1", b"1.5"],
    b"hz": [b"10", b"20", b"100", b"0", b"1000", b"-1", b"x"],
    b"slowlog-max-len": [b"128", b"0", b"1", b"-1", b"x", b""],
    b"slowlog-log-slower-than": [b"10000000", b"-1", b"-2", b"x"],
    b"latency-monitor-threshold": [b"0", b"1000000", b"-1", b"x"],
    b"latency-tracking": [b"yes", b"no", b"YES", b"maybe", b""],
    b"latency-tracking-info-percentiles": [b"50 99 99.9", b"", b"0 100", b"101", b"x", b"50 60", b"5 x"],
    b"loglevel": [b"notice", b"warning", b"WARNING", b"loud"],
    b"protected-mode": [b"yes", b"no", b"1"],
    b"databases": [b"16"],
    b"enable-debug-command": [b"no"],
    b"nosuch": [b"1"],
}


def upper(g, word):
    return g.random.choice([word, word, word.upper(), word.title()])


def acl(g):
    return g.pick([
        ([b"ACL", b"WHOAMI"], None), ([b"ACL", b"LIST"], None), ([b"ACL", b"USERS"], None),
        ([b"ACL", b"GETUSER", g.pick(NAMES)], None), ([b"ACL", b"CAT"], None),
        ([b"ACL", b"CAT", g.pick(CATEGORIES)], "known"), ([b"acl", b"log"] + [g.pick(COUNTS)], None),
        ([b"ACL", b"GENPASS", g.pick(COUNTS)], "shape"), ([b"ACL", b"DELUSER", g.pick(NAMES)], None),
        ([b"ACL", b"LOG", b"RESET"], None), ([b"ACL", g.pick([b"LOAD", b"SAVE", b"FOO", b""])], None),
    ])


def dry_run(g):
    return [b"ACL", b"DRYRUN", g.pick(NAMES[:1] * 5 + NAMES)] + line(g), None


def cluster(g):
    words = [g.pick([b"CLUSTER"] * 5 + [b"READONLY", b"READWRITE", b"ASKING"])]
    words += [g.pick(CLUSTER)] * (words[0] == b"CLUSTER")
    return words + [g.pick(COUNTS) for _ in range(g.pick([0, 0, 1, 1, 2]))], None


def line(g):
    """A command line to ask about."""
    words, _ = g.pick([g.set, g.one_key, g.expire, g.add, g.many, g.mset])()
    more = [b"PING"], [b"CLIENT", b"LIST"], [b"CLIENT", b"FOO"], [b"CONFIG"], [b"NOSUCH", b"a"], [b"BITOP", b"AND"]
    more += [b"BITOP", b"AND", b"d", b"a", b"b"], [b"LCS", b"a", b"b"], [b"MEMORY", b"USAGE", b"k"], [b"WATCH", b"k"]
    return g.pick([words] * 8 + list(more))


def keys_of(g):
    return [b"COMMAND", g.pick([b"GETKEYS", b"GETKEYSANDFLAGS"])] + line(g), None


def client(g):
    number = g.pick(COUNTS)
    return g.pick([
        [b"CLIENT", b"UNBLOCK", number] + g.pick([[], [b"TIMEOUT"], [b"error"], [b"FOO"], [b"ERROR", b"x"]]),
        [b"CLIENT", b"PAUSE", g.pick([b"x", b"-1", b"", b"1.5", b"0"])] + g.pick([[], [b"WRITE"], [b"all"]]),
        [b"CLIENT", b"PAUSE", b"1", b"FOO"], [b"CLIENT", b"UNPAUSE"], [b"CLIENT", b"UNPAUSE", b"x"],
        [b"CLIENT", b"GETNAME"], [b"CLIENT", b"SETNAME", g.pick([b"joe", b"", b"a b", b"\n"])],
        [b"CLIENT", b"KILL", b"ID", g.pick([b"0", b"-1", b"x", b"999999999"])],
        [b"CLIENT", b"KILL", b"TYPE", g.pick([b"pubsub", b"replica", b"foo", b""])],
        [b"CLIENT", b"KILL", b"ADDR", b"1.2.3.4:5", b"SKIPME", g.pick([b"yes", b"no", b"x"])],
        [b"CLIENT", b"LIST", b"TYPE", g.pick([b"pubsub", b"master", b"foo"])],
        [b"CLIENT", b"LIST", b"ID"] + g.pick([[], [b"x"], [b"0"], [b"999999999"]]),
        [b"CLIENT", b"NO-EVICT", g.pick([b"on", b"OFF", b"x"])],
    ]), None  # fmt: skip


def config(g):
    names = list(SETTINGS)
    words = [b"CONFIG", b"SET"]
    for _ in range(g.pick([1, 1, 1, 2, 3])):
        name = g.pick(names)
        words += [upper(g, name), g.pick(SETTINGS[name])]
    words = words[: len(words) - (g.random.random() < 0.05)]
    return g.pick([words, [b"CONFIG", b"GET", g.pick(names)], [b"CONFIG", b"GET", b"slowlog*", b"latency-*"]]), "pairs"


def restore_settings(g):
    """Back to what the rest of the run expects."""
    return [b"CONFIG", b"SET", b"timeout", b"0", b"hz", b"10"], None


def observe(g):
    return g.pick([
        ([b"SLOWLOG", b"GET", g.pick([b"x", b"-2", b"", b"0"])], None), ([b"SLOWLOG", b"RESET"], None),
        ([b"SLOWLOG", g.pick([b"FOO", b""])], None), ([b"SLOWLOG", b"LEN", b"x"], None),
        ([b"LATENCY", g.pick([b"LATEST", b"RESET", b"FOO"])], None),
        ([b"LATENCY", g.pick([b"HISTORY", b"GRAPH", b"RESET"]), g.pick([b"command", b"foo", b""])], None),
        ([b"LATENCY", b"HISTOGRAM", b"nosuch"], None), ([b"INFO", g.pick([b"errorstats", b"cluster", b"x"])], "info"),
    ])


def memory(g):
    # Redis tells of a key that has expired, too, as long as nobody has looked at it.
    words = [b"MEMORY", b"USAGE", b"no such key"]
    for _ in range(g.pick([0, 0, 0, 1, 1, 2])):
        words += g.pick([[b"SAMPLES", g.pick(COUNTS)], [b"samples", b"5"], [b"SAMPLES"], [b"FOO", b"1"]])
    return g.pick([words] * 4 + [[b"MEMORY", b"PURGE"], [b"MEMORY", b"FOO"]]), "object"


def server(g):
    return g.pick([
        ([b"ROLE"], None), ([b"REPLICAOF", b"NO", b"ONE"], None), ([b"SLAVEOF", b"no", b"one"], None),
        ([b"REPLICAOF", b"host", g.pick([b"x", b"-1", b"65536", b""])], None), ([b"LASTSAVE"], "shape"),
        ([b"LASTSAVE", b"x"], None), ([b"BGSAVE", g.pick([b"FOO", b""])], None), ([b"SAVE", b"x"], None),
        ([b"MODULE", g.pick([b"LIST", b"FOO", b"LOAD", b"UNLOAD"])], None), ([b"MODULE", b"LOAD", b"x"], None),
        ([b"DEBUG", g.pick([b"SLEEP", b"OBJECT", b"FOO"]), b"0"], None), ([b"LOLWUT", b"VERSION", b"x"], None),
        ([b"DEBUG"], None), ([b"TIME"], "shape"), ([b"CONFIG", b"REWRITE"], None), ([b"CONFIG", b"RESETSTAT"], None),
    ])


KINDS = [acl, dry_run, cluster, keys_of, keys_of, client, config, restore_settings, observe, memory, server]
OURS = {
    b"ACL", b"CLUSTER", b"READONLY", b"READWRITE", b"ASKING", b"COMMAND", b"CLIENT", b"CONFIG", b"SLOWLOG",
    b"LATENCY", b"INFO", b"MEMORY", b"ROLE", b"REPLICAOF", b"SLAVEOF", b"LASTSAVE", b"BGSAVE", b"SAVE",
    b"MODULE", b"DEBUG", b"LOLWUT", b"TIME",
}  # fmt: skip


def normaliser(words):
    """How replies are compared that are not equal."""
    name = words[0].upper()
    second = words[1].upper() if len(words) > 1 else b""
    if name == b"ACL":
        return {b"CAT": "known", b"GENPASS": "shape"}.get(second)
    known = {b"MEMORY": "object", b"INFO": "info", b"LASTSAVE": "shape", b"TIME": "shape"}
    if name == b"CONFIG" and second == b"GET":
        return "pairs"
    return known.get(name)


def expiries(_):
    return []


def unfit(words):
    """Changed by chance, they might do what the rest of the run does not expect."""
    return words[0].upper() in OURS
