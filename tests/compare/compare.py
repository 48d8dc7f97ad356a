#!/usr/bin/env python3
"""Compares poro-server with redis-server: the same bytes to both, the replies equal byte for byte.

Plays the corpus (corpus/*.txt), then random commands from a seed. Differences that are meant stand
in differences.txt with their reasons. Exit code 0 when nothing else differs.
"""
import argparse
import os
import sys
import time

import corpus
import generate
import servers
import wire
from differences import Differences
from normal import Normal

HERE = os.path.dirname(os.path.abspath(__file__))


def arguments_of(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--poro", help="the server to compare")
    parser.add_argument("--redis", default="redis-server", help="the server to compare with")
    parser.add_argument("--seed", type=int, default=1, help="of the random commands")
    parser.add_argument("--commands", type=int, default=20000, help="how many random commands")
    parser.add_argument("--filter", default="", help="only cases whose name contains this")
    parser.add_argument("--proto", choices=["2", "3", "both"], default="both")
    parser.add_argument("--self", action="store_true", help="redis with itself: tests the suite")
    parser.add_argument("--spoil", type=int, default=0, help="falsify every N-th reply: must fail")
    arguments = parser.parse_args(argv)
    if not arguments.self and not arguments.poro:
        parser.error("--poro PATH or --self is needed")
    return arguments


class Spoiler:
    """Falsifies every N-th reply, to show that the suite notices."""

    def __init__(self, every):
        self.every, self.seen, self.spoiled = every, 0, 0

    def __call__(self, reply):
        self.seen += 1
        if self.every and self.seen % self.every == 0 and len(reply) > 3:
            self.spoiled += 1
            return reply[:-3] + bytes([reply[-3] ^ 1]) + reply[-2:]
        return reply


def command_names(server):
    """All names of commands and subcommands that a server has."""
    names = set()
    reply = wire.parse(server.call("COMMAND"))
    for row in reply[1]:
        names.add(row[1][0][1].decode())
        names |= {sub[1][0][1].decode() for sub in row[1][9][1]}
    return names


class Comparison:
    def __init__(self, arguments):
        self.arguments = arguments
        self.differences = Differences(os.path.join(HERE, "differences.txt"))
        self.normal = Normal()
        if not arguments.self:
            self.normal.ignored_sections = self.differences.sections
            self.normal.ignored_client_fields = self.differences.client_fields
        self.spoil = Spoiler(arguments.spoil)
        self.protos = [2, 3] if arguments.proto == "both" else [int(arguments.proto)]
        self.passed = self.failed = self.accepted = 0

    def fail(self, report, repeat):
        self.failed += 1
        target = "--self" if self.arguments.self else "--poro %s" % self.arguments.poro
        print("FAILED %s" % report)
        print("  repeat %s %s %s\n" % (os.path.relpath(sys.argv[0]), target, repeat), flush=True)

    def play_case(self, pair, case, proto):
        for server in pair.both:
            server.ensure()
            server.call("FLUSHALL")
        player = corpus.Player(pair, self.normal, self.differences, proto, self.spoil)
        repeat = "--commands 0 --proto %d --filter %s" % (proto, case.name)
        try:
            player.play(case)
        except corpus.Mismatch as mismatch:
            self.fail(str(mismatch), repeat)
        except (OSError, ValueError, KeyError, IndexError) as error:
            self.fail("case %s, RESP%d: %r at %s" % (case.name, proto, error, player.text), repeat)
        else:
            self.passed += 1
            self.accepted += player.accepted
        if not pair.other.alive():
            self.fail("case %s: the server has died:\n%s" % (case.name, pair.other.output()), repeat)

    def play_corpus(self):
        for options, cases in corpus.load(os.path.join(HERE, "corpus")):
            cases = [c for c in cases if self.arguments.filter in c.name]
            if not cases:
                continue
            pair = self.pair(options)
            for case in cases:
                for proto in self.protos[:1] if case.plain else self.protos:
                    self.play_case(pair, case, proto)
            if options:
                pair.stop()

    def pair(self, options=()):
        if not options:
            return self.default_pair
        return servers.Pair(self.arguments, options)

    def play_random(self):
        if self.arguments.filter or self.arguments.commands == 0:
            return
        print("compare: random commands, seed %d" % self.arguments.seed, flush=True)
        for proto in self.protos:
            count = self.arguments.commands // len(self.protos)
            run = generate.Run(
                self.default_pair, self.normal, self.differences, proto, self.arguments.seed, self.spoil
            )
            failures = run.play(count)
            self.passed += run.compared - len(failures) if run.compared > len(failures) else 0
            repeat = "--seed %d --commands %d --proto %s"
            repeat %= (self.arguments.seed, self.arguments.commands, self.arguments.proto)
            for failure in failures:
                self.fail(failure, repeat)

    def run(self):
        begun = time.monotonic()
        self.default_pair = servers.Pair(self.arguments)
        try:
            both = [command_names(server) for server in self.default_pair.both]
            self.normal.known = both[0] & both[1]
            self.play_corpus()
            self.play_random()
        finally:
            self.default_pair.stop()
        complete = not (self.arguments.self or self.arguments.filter or self.failed)
        for step in self.differences.unused() if complete and len(self.protos) == 2 else []:
            print("compare: this entry of differences.txt was not needed: %s" % step)
        print("compare: %d meant differences met" % self.accepted)
        print("compare: %.1f s" % (time.monotonic() - begun))
        print("compare: %d passed, %d failed" % (self.passed, self.failed))
        return 1 if self.failed else 0


if __name__ == "__main__":
    sys.exit(Comparison(arguments_of(sys.argv[1:])).run())
