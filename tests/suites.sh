# The suites that run against the server, with the settings for `make test`. Sourced by run.sh.
suite compare python3 tests/compare/compare.py --poro "$build/poro-server" --commands 10000
