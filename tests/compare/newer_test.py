#!/usr/bin/env python3
"""Commands that are newer than the reference, Redis 7.0: their documented behaviour, and random ones
against a model.

usage: newer_test.py --server PROGRAM [--commands N] [--seed N]

newer.txt holds cases: a command (words as in the corpus), then the reply that is expected, behind "= "
for both protocol versions or "2= " and "3= " for one. `= ttl 90 100` takes an integer in that range.
"""
import argparse
import os
import random
import sys
import time
from types import SimpleNamespace

import corpus
import servers
import wire

HERE = os.path.dirname(os.path.abspath(__file__))
LOWEST, HIGHEST = -(2**63), 2**63 - 1


def render(value, version):
    """A reply as text: +OK  :5  ,1.5  "bulk"  nil  [several]  -ERR ..."""
    kind, inner = value
    if isinstance(inner, list):
        left, right = {"*": "[]", "~": "<>", "%": "{}"}[kind]
        return left + " ".join(render(v, version) for v in inner) + right
    if kind == "_" or (kind in "$*" and inner is None):
        return "nil" if (kind == "_") == (version == 3) else "nil of the other version"
    text = inner.decode("latin1")
    return '"%s"' % text.encode("unicode_escape").decode() if kind == "$" else kind + text


def expanded(words, now):
    side = SimpleNamespace(now=now, sides={}, name="a")
    side.expansion = lambda match, which: corpus.Player.expansion(side, match, which)
    return corpus.Player.expand(side, words, 0)


def load(path):
    """[(case name, [(line number, command, [(versions, expected)])])]"""
    cases = []
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            line = line.strip()
            head, _, tail = line.partition(" ")
            if not line or line.startswith("#"):
                continue
            if head == "case":
                cases.append((tail, []))
            elif head in ("=", "2=", "3="):
                versions = (2, 3) if head == "=" else (int(head[0]),)
                cases[-1][1][-1][2].append((versions, tail))
            else:
                cases[-1][1].append((number, line, []))
    return cases


class Test:
    def __init__(self, arguments):
        self.server = servers.Server("poro", arguments.server)
        self.random = random.Random(arguments.seed)
        self.passed = self.failed = 0

    def check(self, good, report):
        self.passed += bool(good)
        self.failed += not good
        if not good:
            print("FAILED", report, flush=True)

    def call(self, *words):
        return wire.call(self.connection, *words)

    def open(self, version):
        self.version = version
        self.connection = wire.Connection(self.server.port)
        self.call("HELLO", str(version))
        self.call("FLUSHALL")

    # --- newer.txt

    def play(self, name, steps):
        self.call("FLUSHALL")
        now = time.time()
        for number, text, replies in steps:
            if text.startswith("@sleep"):
                time.sleep(float(text.split()[1]))
                continue
            words = expanded(corpus.words_of(text), now)
            got = render(wire.parse(self.call(*words)), self.version)
            for versions, expected in replies:
                if self.version in versions:
                    self.check(self.fits(got, expected), "%s, line %d, RESP%d: %s\n  expected %s\n  got      %s" % (
                        name, number, self.version, text, expected, got))  # fmt: skip

    @staticmethod
    def fits(got, expected):
        if not expected.startswith("ttl "):
            return got == expected
        low, high = map(int, expected.split()[1:])
        return got[:1] == ":" and low <= int(got[1:]) <= high

    # --- random commands against a model: key -> value, no expiries

    def model(self, count):
        self.call("FLUSHALL")
        data = {}
        kinds = [self.model_set, self.model_delete, self.model_msetex, self.model_increx]
        for _ in range(count):
            words, expected = self.random.choice(kinds)(data)
            got = render(wire.parse(self.call(*words)), self.version)
            self.check(got == expected, "RESP%d: %r\n  expected %s\n  got      %s" % (
                self.version, words, expected, got))  # fmt: skip
        for key in (b"a", b"b", b"c"):
            got = render(wire.parse(self.call("GET", key)), self.version)
            self.check(got == self.shown(data.get(key)), "at the end, key %r: %s" % (key, got))

    @staticmethod
    def shown(value):
        return "nil" if value is None else '"%s"' % value.decode()

    def key(self):
        return self.random.choice([b"a", b"b", b"c"])

    def value(self):
        return self.random.choice([b"", b"x", b"yy", b"1", b"-7", b"9223372036854775807", b"z" * 300])

    def condition(self, data, key):
        """(words, whether it holds)"""
        value = data.get(key)
        name = self.random.choice([b"IFEQ", b"IFNE", b"IFDEQ", b"IFDNE", b"ifeq"])
        same = self.random.random() < 0.5
        if name.upper() in (b"IFEQ", b"IFNE"):
            operand = value if same and value is not None else self.value()
            equal = operand == value
        else:
            digest = wire.parse(self.call("DIGEST", key))[1]
            operand = digest if same and digest is not None else b"0123456789abcdef"
            equal = operand == digest
            operand = self.random.choice([operand, operand.upper()])
        wanted = name.upper() in (b"IFEQ", b"IFDEQ")
        return [name, operand], (equal == wanted if value is not None else not wanted)

    def model_set(self, data):
        key, value = self.key(), self.value()
        words, holds = self.condition(data, key)
        get = self.random.random() < 0.3
        before = self.shown(data.get(key))
        if holds:
            data[key] = value
        words = [b"SET", key, value] + ([b"GET"] + words if get else words)
        return words, before if get else "+OK" if holds else "nil"

    def model_delete(self, data):
        key = self.key()
        words, holds = self.condition(data, key)
        if self.random.random() < 0.2:
            words = [b"DELIFEQ", key, self.value()]
            holds = words[2] == data.get(key)
        elif self.random.random() < 0.1:
            words, holds = [b"DELEX", key], True
        else:
            words = [b"DELEX", key] + words
        deleted = holds and data.pop(key, None) is not None
        return words, ":%d" % deleted

    def model_msetex(self, data):
        pairs = [(self.key(), self.value()) for _ in range(self.random.randint(1, 3))]
        option = self.random.choice([b"NX", b"XX", None])
        words = [b"MSETEX", b"%d" % len(pairs)] + [word for pair in pairs for word in pair]
        words += [option] if option else []
        there = [key in data for key, _ in pairs]
        done = all(there) if option == b"XX" else not any(there) if option else True
        if done:
            data.update(pairs)
        return words, ":%d" % done

    def number(self):
        r = self.random
        return r.choice([0, 1, -1, LOWEST, HIGHEST, r.randint(-20, 20), r.randint(LOWEST, HIGHEST)])

    def model_increx(self, data):
        key = self.key()
        words, step, low, high = [b"INCREX", key], 1, LOWEST, HIGHEST
        options = [name for name in ("step", "low", "high", "saturate") if self.random.random() < 0.5]
        self.random.shuffle(options)
        for name in options:
            number = self.number()
            if name == "saturate":
                words.append(b"SATURATE")
                continue
            words += [{"step": b"BYINT", "low": b"LBOUND", "high": b"UBOUND"}[name], b"%d" % number]
            step = number if name == "step" else step
            low = number if name == "low" else low
            high = number if name == "high" else high
        return words, self.increase(data, key, step, low, high, "saturate" in options)

    @staticmethod
    def increase(data, key, step, low, high, saturate):
        if low > high:
            return "-ERR LBOUND can't be greater than UBOUND"
        text = data.get(key, b"0")
        if not text.lstrip(b"-").isdigit():
            return "-ERR value is not an integer or out of range"
        before = int(text)
        after = before + step
        if not low <= after <= high:
            if not saturate:
                return "[:%d :0]" % before
            after = low if after < low else high
        if not LOWEST <= after - before <= HIGHEST:
            return "-ERR applied increment would overflow"
        data[key] = b"%d" % after
        return "[:%d :%d]" % (after, after - before)

    def run(self, commands):
        cases = load(os.path.join(HERE, "newer.txt"))
        for version in (2, 3):
            self.open(version)
            for name, steps in cases:
                self.play(name, steps)
            self.model(commands // 2)
        self.server.stop()
        print("newer: %d passed, %d failed" % (self.passed, self.failed))
        return 1 if self.failed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--commands", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    sys.exit(Test(arguments).run(arguments.commands))
