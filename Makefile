# Poro: build, run, test, measure. `make run` and `make test` are all that a newcomer needs.
CC      := gcc
PREFIX  ?= /usr/local
B       := build$(if $(SAN),-san)

RUN_PACKAGES  := liburing-dev libxxhash-dev
TEST_PACKAGES := $(RUN_PACKAGES) libcriterion-dev libhiredis-dev redis-server redis-tools python3

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith \
        -Wundef -Wformat=2 -Werror
CFLAGS_ALL := -std=gnu11 -O2 -g -D_GNU_SOURCE -I. -fno-strict-aliasing -fno-common \
              -ffunction-sections -fdata-sections -MMD -MP $(WARN) $(CFLAGS)
LDFLAGS_ALL := $(LDFLAGS)
ifdef SAN
CFLAGS_ALL  += -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS_ALL += -fsanitize=$(SAN)
endif

# The pure folders, and the server without what stands on the other side of the seam.
PURE     := $(wildcard protocol/*.c storage/*.c wal/*.c)
SEAM     := server/io_uring.c server/clock.c
MAINS    := server/main.c server/wal_tool.c
SERVER   := $(filter-out $(SEAM) $(MAINS),$(wildcard server/*.c))
LIB_O    := $(PURE:%.c=$B/%.o) $(SERVER:%.c=$B/%.o)
SEAM_O   := $(SEAM:%.c=$B/%.o)
UNIT     := $(patsubst tests/unit/%_test.c,$B/tests/%_test,$(wildcard tests/unit/*_test.c))
UNIT_SUPPORT := $(patsubst %.c,$B/%.o,$(filter-out %_test.c,$(wildcard tests/unit/*.c)))

.SECONDARY:
.PHONY: all run install uninstall clean unit lint
all: $B/poro-server

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

$B/poro-server: $B/server/main.o $(SEAM_O) $B/libporo.a
	@echo "  LINK $@"
	@$(CC) $^ -Wl,--gc-sections $(LDFLAGS_ALL) -luring -o $@

# Without --gc-sections, which would throw away the sections that Criterion finds its tests in.
$B/tests/%_test: $B/tests/unit/%_test.o $(UNIT_SUPPORT) $(SEAM_O) $B/libporo.a
	@mkdir -p $(@D)
	@echo "  LINK $@"
	@$(CC) $^ $(LDFLAGS_ALL) -luring -lcriterion -o $@

run:
	@tests/lint/need.sh $(RUN_PACKAGES)
	@$(MAKE) --no-print-directory all
	@exec $B/poro-server conf/poro.conf

unit: $(UNIT)
	@for t in $(UNIT); do echo "== $$t"; $$t || exit 1; done

clean:
	rm -rf build build-san

-include $(shell find $B -name '*.d' 2>/dev/null)
