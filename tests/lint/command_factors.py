#!/usr/bin/env python3
"""Finds factors for SLOT_OF in server/commands.c such that no two commands share a slot.

Run it when the compiler says that an initialiser of `slots` is overridden; write what it prints into
the macro.
"""
import os
import random
import re
import sys

SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "server")
TRIALS = 10_000_000


def main():
    with open(os.path.join(SERVER, "commands_list.h"), encoding="ascii") as f:
        rows = re.findall(r"X\((\w+), \w+, '(.)', '(.)', '(.)', '(.)'\)", f.read())
    with open(os.path.join(SERVER, "commands.c"), encoding="ascii") as f:
        slots = int(re.search(r"#define SLOTS (\d+)", f.read())[1])
    for name, *letters in rows:
        if name[:2] + name[-2:] != "".join(letters):
            sys.exit("wrong letters of %s" % name)
    words = [[len(name)] + [ord(c) | 0x20 for c in letters] for name, *letters in rows]
    if len(set(map(tuple, words))) < len(words):
        sys.exit("two names are alike in length, first two and last two letters")
    trial = random.Random(1)
    for _ in range(TRIALS):
        factors = [trial.randrange(1, 256) for _ in range(5)]
        used = set()
        for word in words:
            slot = sum(a * b for a, b in zip(factors, word)) % slots
            if slot in used:
                break
            used.add(slot)
        else:
            print("length first second before_last last: " + " ".join("%dU" % f for f in factors))
            return
    sys.exit("none found: raise SLOTS")


if __name__ == "__main__":
    main()
