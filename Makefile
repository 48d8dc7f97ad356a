# Poro: build, run, test, measure. `make run` and `make test` are all that a newcomer needs.
CC      ?= gcc
PREFIX  ?= /usr/local
B       := build$(if $(SAN),-san)
WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith \
           -Wundef -Wformat=2 -Werror
CFLAGS_ALL := -std=gnu11 -O2 -g -D_GNU_SOURCE -I. -fno-strict-aliasing -fno-common \
           -ffunction-sections -fdata-sections -MMD -MP $(WARN) $(CFLAGS)
LDFLAGS_ALL := -Wl,--gc-sections $(LDFLAGS)
ifdef SAN
CFLAGS_ALL  += -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS_ALL += -fsanitize=$(SAN)
endif

PURE   := $(wildcard protocol/*.c storage/*.c wal/*.c)
UNIT   := $(wildcard tests/unit/*.c)
PURE_O := $(PURE:%.c=$B/%.o)

.PHONY: all unit
all: $B/libpure.a

$B/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -c $< -o $@

$B/libpure.a: $(PURE_O)
	@rm -f $@
	ar rcs $@ $^

$B/tests/%: tests/unit/%.c $B/libpure.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $< $B/libpure.a $(LDFLAGS_ALL) -lcriterion -o $@

unit: $(UNIT:tests/unit/%.c=$B/tests/%)
	@for t in $^; do echo "== $$t"; $$t || exit 1; done

-include $(shell find $B -name '*.d' 2>/dev/null)
