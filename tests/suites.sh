# The suites that run against the server, with the settings for `make test`. Sourced by run.sh.
server=$build/poro-server
suite compare python3 tests/compare/compare.py --poro "$server"
suite compare_can_fail sh -c '! python3 tests/compare/compare.py --self --spoil 300 --commands 2000 && echo "compare_can_fail: 1 passed, 0 failed"'
suite dump python3 tests/compare/dump_test.py --poro "$server"
suite crash "$build/crash_test" --server "$server" --rounds "${CRASH_ROUNDS:-40}"
suite disk_full tests/crash/disk_full.sh "$server"
suite administration python3 tests/administration/administration_test.py --server "$server"
suite hostile python3 tests/hostile/hostile_test.py --server "$server"
suite noalloc python3 tests/noalloc/noalloc_test.py --server "$server" --counter "$build/count_malloc.so"
suite wal_tool python3 tests/crash/wal_tool_test.py "$build"
suite regress python3 tests/hostile/regress_test.py --server "$server"
suite transaction python3 tests/hostile/transaction_test.py --server "$server"
suite seccomp python3 tests/container/seccomp_test.py --server "$server"
suite newer python3 tests/compare/newer_test.py --server "$server"
suite replay python3 tests/compare/replay_test.py --server "$server"
suite clients python3 tests/clients/clients_test.py --server "$server" --build "$build"
suite model python3 tests/compare/model_test.py --poro "$server" --compare "$build/model_compare"
suite sim tests/sim/sim_test.sh "$build"
