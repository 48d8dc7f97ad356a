"""Reads differences.txt: the differences from redis-server that are meant, each with its reason.

An entry is a paragraph of `field: text` lines. `step`, `redis` and `poro` are regular expressions
(searched; over the step as it stands in the corpus, or a command's words, and over repr() of the raw
replies), `why` is the reason; `shown` says it for README (readme.py), and stands alone where replies do
not tell. Entries with `section` or `client-field` name what is not compared in INFO and CLIENT LIST.
"""
import re


class Differences:
    def __init__(self, path):
        self.entries = []
        self.sections, self.client_fields = set(), set()
        with open(path, encoding="utf-8") as f:
            paragraphs = re.split(r"\n\s*\n", f.read())
        for paragraph in paragraphs:
            lines = [l for l in paragraph.splitlines() if l.strip() and not l.startswith("#")]
            entry = dict(re.split(r":\s*", line, maxsplit=1) for line in lines)
            if entry:
                self.add(entry)

    def add(self, entry):
        if "why" not in entry:
            raise SystemExit("compare: differences.txt: no reason given: %r" % entry)
        if "section" in entry:
            self.sections |= set(entry["section"].split())
        elif "client-field" in entry:
            self.client_fields |= set(entry["client-field"].split())
        elif "step" in entry:
            compiled = [re.compile(entry[k], re.S) for k in ("step", "redis", "poro")]
            self.entries.append([entry, compiled, 0])

    def accepts(self, step, redis, poro):
        for entry in self.entries:
            matches = zip(entry[1], (step, repr(redis), repr(poro)))
            if all(pattern.search(text) for pattern, text in matches):
                entry[2] += 1
                return True
        return False

    def unused(self):
        return [e[0]["step"] for e in self.entries if e[2] == 0]
