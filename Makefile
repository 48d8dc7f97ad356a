# Poro: build, run, test, measure. `make run` and `make test` are all that a newcomer needs.
CC      := gcc
comma   := ,
PREFIX  ?= /usr/local
B       := build$(if $(SAN),-san)$(if $(COVERAGE),-coverage)

# Another way to compile, in which a seed of the simulator has to mean the same.
OTHER_SAN := $(if $(SAN),,address$(comma)undefined)
OTHER_B   := $(if $(SAN),build,build-san)

RUN_PACKAGES  := liburing-dev libxxhash-dev
TEST_PACKAGES := $(RUN_PACKAGES) libcriterion-dev libhiredis-dev redis-server redis-tools python3 e2fsprogs
# Whoever has node and npm from elsewhere keeps them.
NODE_PACKAGES := $(foreach tool,node npm,$(if $(shell command -v $(tool)),,$(tool:node=nodejs)))
CLIENT_PACKAGES := python3-redis prometheus-redis-exporter $(NODE_PACKAGES)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith \
        -Wundef -Wformat=2 -Werror
CFLAGS_ALL := -std=gnu11 -O2 -g -D_GNU_SOURCE -I. -fno-strict-aliasing -fno-common \
              -ffunction-sections -fdata-sections -MMD -MP $(WARN) $(CFLAGS)
LDFLAGS_ALL := $(LDFLAGS)
ifdef SAN
CFLAGS_ALL  += -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS_ALL += -fsanitize=$(SAN)
endif

ifdef COVERAGE
CFLAGS_ALL  += --coverage
LDFLAGS_ALL += --coverage
endif

# The pure folders, and the server without what stands on the other side of the seam.
PURE     := $(wildcard protocol/*.c storage/*.c wal/*.c)
SEAM     := server/io_uring.c server/clock.c
TOOL     := $(wildcard server/wal_tool*.c)
# Of the server, what the tool needs too.
TOOL_LIB := server/memory.c server/replay.c
MAINS    := server/main.c $(TOOL)
SERVER   := $(filter-out $(SEAM) $(MAINS),$(wildcard server/*.c))
LIB_O    := $(PURE:%.c=$B/%.o) $(SERVER:%.c=$B/%.o)
SEAM_O   := $(SEAM:%.c=$B/%.o)
# The simulator: the virtual world and the loopback harness in one program; the fault layer of the
# loopback mode, between a server and its files, in another.
SIM_LAYER := $(wildcard sim/loop_layer*.c)
SIM       := $(filter-out $(SIM_LAYER),$(wildcard sim/*.c))
SIM_WRAP  := arena_free call_execute commands_call commands_refuse_memory wal_admit wal_append \
             wal_write_next wal_decide checkpoint_walk evict_room data_drop replay_end \
             arena_loose_bytes arena_scattered_bytes keyspace_slide \
             memory_machine_bytes memory_resident_bytes
LAYER_WRAP := $(addprefix clock_,monotonic_ns wall_us entropy) server_run \
              evict_room data_drop commands_call \
              $(addprefix io_,wait accept socket_names receive send receive_into cancel \
                socket_shutdown open close read write sync allocate punch rename unlink forget \
                drop_cache honours_dsync)
SIM_PARTS := $(wildcard sim/model*.c sim/workload*.c sim/disk*.c) \
             $(addprefix sim/,bytes.c command_line.c dump.c random.c fault_model.c)
UNIT     := $(patsubst tests/unit/%_test.c,$B/tests/%_test,$(wildcard tests/unit/*_test.c))
UNIT_SUPPORT := $(patsubst %.c,$B/%.o,$(filter-out %_test.c,$(wildcard tests/unit/*.c)))

.SECONDARY:
.PHONY: all run test test-web tests sim mutants coverage bench bench-scale soak \
        latency fuzz install uninstall clean unit lint
all: $B/poro-server $B/poro-wal

$B/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC   $<"
	@$(CC) $(CFLAGS_ALL) -c $< -o $@

$B/libpure.a: $(PURE:%.c=$B/%.o)
	@rm -f $@
	@ar rcs $@ $^

$B/libporo.a: $(LIB_O)
	@rm -f $@
	@ar rcs $@ $^

# What the simulator is made of that has tests of its own.
$B/libsim.a: $(SIM_PARTS:%.c=$B/%.o)
	@rm -f $@
	@ar rcs $@ $^

$B/poro-server: $B/server/main.o $(SEAM_O) $B/libporo.a
	@echo "  LINK $@"
	@$(CC) $^ -Wl,--gc-sections $(LDFLAGS_ALL) -luring -o $@

$B/poro-wal: $(TOOL:%.c=$B/%.o) $(TOOL_LIB:%.c=$B/%.o) $B/libpure.a
	@echo "  LINK $@"
	@$(CC) $^ -Wl,--gc-sections $(LDFLAGS_ALL) -o $@

# Without --gc-sections, which would throw away the sections that Criterion finds its tests in.
$B/tests/%_test: $B/tests/unit/%_test.o $(UNIT_SUPPORT) $(SEAM_O) $B/libsim.a $B/libporo.a
	@mkdir -p $(@D)
	@echo "  LINK $@"
	@$(CC) $^ $(LDFLAGS_ALL) -luring -lcriterion -o $@

# Beside the programs of one file: the crash test.
CRASH_O := $(patsubst %.c,$B/%.o,$(wildcard tests/crash/*.c))
$B/crash_test: $(CRASH_O)
	@echo "  LINK $@"
	@$(CC) $^ $(LDFLAGS_ALL) -lhiredis -o $@

# Load for the benchmark of scale.
$B/bench_load: $(patsubst %.c,$B/%.o,$(wildcard tests/bench/load/*.c))
	@echo "  LINK $@"
	@$(CC) $^ $(LDFLAGS_ALL) -o $@

# The client in C.
$B/clients/hiredis_test: $B/tests/clients/hiredis_test.o
	@mkdir -p $(@D)
	@echo "  LINK $@"
	@$(CC) $^ $(LDFLAGS_ALL) -lhiredis -o $@

# Packages from npm, in the versions that the lock file names; installed once, offline afterwards.
NPM_CLIENTS := build/clients/node_modules/.installed
NPM_WEB := build/web/node_modules/.installed
build/%/node_modules/.installed: tests/%/package.json tests/%/package-lock.json
	@mkdir -p build/$*
	@echo "  NPM  build/$*"
	@cp $^ build/$*
	@cd build/$* && npm ci --ignore-scripts --no-audit --no-fund --prefer-offline --loglevel=error
	@touch $@

# The model against a server: by itself, and against redis-server it is the test of both.
$B/model_compare: $B/tests/compare/model_compare.o $B/libsim.a
	@echo "  LINK $@"
	@$(CC) $^ $(LDFLAGS_ALL) -o $@

# Preloaded, without the sanitizers that the program may have.
$B/count_malloc.so: tests/noalloc/count_malloc.c
	@mkdir -p $(@D)
	@echo "  LINK $@"
	@$(CC) -std=gnu11 -O2 -D_GNU_SOURCE -fPIC -shared $(WARN) $< -o $@

$B/poro-sim: $(SIM:%.c=$B/%.o) $B/libporo.a
	@echo "  LINK $@"
	@$(CC) $^ $(SIM_WRAP:%=-Wl,--wrap=%) $(LDFLAGS_ALL) -lhiredis -o $@

# The real server with the fault layer of the loopback mode between it and its ring.
$B/poro-sim-server: $B/server/main.o $(SEAM_O) $(SIM_LAYER:%.c=$B/%.o) $B/sim/random.o $B/libporo.a
	@echo "  LINK $@"
	@$(CC) $^ $(LAYER_WRAP:%=-Wl,--wrap=%) $(LDFLAGS_ALL) -luring -o $@

run:
	@tests/lint/need.sh $(RUN_PACKAGES)
	@$(MAKE) --no-print-directory all
	@exec $B/poro-server conf/poro.conf

test:
	@tests/lint/need.sh $(TEST_PACKAGES) $(CLIENT_PACKAGES)
	@$(MAKE) --no-print-directory -j2 all tests
	@$(MAKE) --no-print-directory -j2 SAN=$(OTHER_SAN) $(OTHER_B)/poro-sim
	@SIM_OTHER=$(OTHER_B)/poro-sim tests/run.sh $B

# A web interface for Redis in a browser; screenshots go to build/web.
test-web:
	@tests/lint/need.sh $(RUN_PACKAGES) chromium $(NODE_PACKAGES)
	@$(MAKE) --no-print-directory -j2 all $(NPM_CLIENTS) $(NPM_WEB)
	@python3 tests/clients/clients_test.py --server $B/poro-server web

tests: $(UNIT) $B/crash_test $B/count_malloc.so $B/model_compare $B/poro-sim $B/poro-sim-server \
       $B/clients/hiredis_test $(NPM_CLIENTS)

sim:
	@tests/lint/need.sh $(RUN_PACKAGES) libhiredis-dev
	@$(MAKE) --no-print-directory -j2 $B/poro-sim $B/poro-sim-server
	@$B/poro-sim $(SIM_OPTIONS)

# Each mistake in sim/mutants/ has to be caught.
mutants:
	@tests/lint/need.sh $(RUN_PACKAGES) libhiredis-dev patch
	@sim/mutants/run.sh $(MUTANTS)

# What the simulator alone runs of the log and the server.
coverage:
	@tests/lint/need.sh $(RUN_PACKAGES) libhiredis-dev python3
	@$(MAKE) --no-print-directory -j2 COVERAGE=yes build-coverage/poro-sim
	@find build-coverage -name '*.gcda' -delete
	@build-coverage/poro-sim $(SIM_OPTIONS)
	@python3 tests/sim/coverage.py build-coverage --uncovered build-coverage/uncovered.txt

bench:
	@tests/lint/need.sh $(RUN_PACKAGES) redis-server redis-tools python3 gnuplot-nox
	@$(MAKE) --no-print-directory all
	@python3 tests/bench/bench.py --poro $B/poro-server --out build/bench $(BENCH)

# At millions of keys, beside redis-server: "--keys 1,5,20" needs 24 GiB of memory and 20 GB of disk.
bench-scale:
	@tests/lint/need.sh $(RUN_PACKAGES) redis-server python3 gnuplot-nox
	@$(MAKE) --no-print-directory all $B/bench_load
	@mkdir -p build/bench
	@python3 tests/bench/scale.py --poro $B/poro-server --load $B/bench_load --out build/bench/scale $(SCALE)

# Full load, checkpoints and kills for half an hour; disk use and memory are plotted and have to stay
# within their bounds.
SOAK_SECONDS ?= 1800
soak:
	@tests/lint/need.sh $(RUN_PACKAGES) libhiredis-dev python3 gnuplot-nox
	@$(MAKE) --no-print-directory all $B/crash_test
	@mkdir -p build/soak
	@python3 tests/soak/soak.py --build $B --seconds $(SOAK_SECONDS) --out build/soak/soak $(SOAK)

# How long the server's own work holds its loop, with millions of keys and values of 512 MB.
latency:
	@tests/lint/need.sh $(RUN_PACKAGES) python3
	@$(MAKE) --no-print-directory all
	@python3 tests/latency/latency_test.py --server $B/poro-server --large $(LATENCY)

lint:
	@tests/lint/need.sh $(RUN_PACKAGES) clang-format clang-tidy
	@$(MAKE) --no-print-directory all
	@tests/lint/lint.sh

install: all
	install -D -m 755 $B/poro-server $(DESTDIR)$(PREFIX)/bin/poro-server
	install -D -m 755 $B/poro-wal $(DESTDIR)$(PREFIX)/bin/poro-wal
	install -D -m 644 conf/poro.conf $(DESTDIR)$(PREFIX)/share/poro/poro.conf
	install -D -m 644 conf/poro.service $(DESTDIR)$(PREFIX)/share/poro/poro.service
	install -D -m 644 conf/seccomp-poro.json $(DESTDIR)$(PREFIX)/share/poro/seccomp-poro.json

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/poro-server $(DESTDIR)$(PREFIX)/bin/poro-wal
	rm -rf $(DESTDIR)$(PREFIX)/share/poro

# Bounded fuzzing of what reads bytes from outside: the parser, recovery, dumps and snapshots of Redis.
FUZZ_SECONDS ?= 60
fuzz:
	@tests/lint/need.sh $(RUN_PACKAGES) clang libclang-rt-14-dev
	@mkdir -p build/fuzz
	@for f in resp_parser recovery rdb_string rdb_reader; do \
	    echo "== $$f"; \
	    clang -std=gnu11 -O1 -g -D_GNU_SOURCE -I. -fno-strict-aliasing \
	        -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	        tests/fuzz/$${f}_fuzz.c $(PURE) -o build/fuzz/$$f && \
	    build/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=4000 -verbosity=0 \
	        -print_final_stats=1 -artifact_prefix=build/fuzz/ || exit 1; \
	done

unit: $(UNIT)
	@for t in $(UNIT); do echo "== $$t"; $$t || exit 1; done

clean:
	rm -rf build build-san build-coverage

-include $(shell find $B -name node_modules -prune -o -name '*.d' -print 2>/dev/null)
