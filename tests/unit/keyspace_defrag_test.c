// Defragmentation: whatever sizes were there before, memory can be filled again with any other; what is
// lent out or is no entry stays where it is, and nothing is lost.
#include "tests/unit/storage_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGION MIB(64)
// What is to be filled: the region is larger, as the server's is.
#define LIMIT MIB(16)

static struct fixture fixture;
static uint8_t value_bytes[KIB(256)];

static void begin(void)
{
    fixture = fixture_create(REGION, 0);
    uint64_t random = 5;
    for (size_t i = 0; i < sizeof(value_bytes); i++)
        value_bytes[i] = (uint8_t)fixture_random(&random);
}

static void end(void)
{
    fixture_destroy(&fixture);
}

TestSuite(defrag, .init = begin, .fini = end, .timeout = 300);

static struct key key_at(char kind, uint32_t i, char name[24])
{
    return keyspace_key(fixture.keyspace, 0, name, (uint32_t)sprintf(name, "%c:%07u", kind, i));
}

static bool set(char kind, uint32_t i, uint32_t length)
{
    char name[24];
    struct key key = key_at(kind, i, name);
    return keyspace_set(fixture.keyspace, &key, value_bytes + i % 1000, length, i % 3 ? 0 : 99) !=
           NULL;
}

static void check(char kind, uint32_t i, uint32_t length)
{
    char name[24];
    struct key key = key_at(kind, i, name);
    const struct entry *entry = keyspace_find(fixture.keyspace, &key);
    cr_assert_not_null(entry, "%s", name);
    cr_assert_eq(entry_value_length(entry), length);
    cr_assert_eq(memcmp(entry_value(entry), value_bytes + i % 1000, length), 0);
    cr_assert_eq(entry_expiry(entry), i % 3 ? 0 : 99);
}

// Until there is nothing to do in a whole round. Returns how many entries have moved.
static uint64_t settle(void)
{
    uint64_t sum = 0;
    uint32_t barren = 0;
    while (barren < REGION / ARENA_PAGE_BYTES) {
        uint32_t moved;
        enum keyspace_defrag result = keyspace_defrag(fixture.keyspace, 64, &moved);
        sum += moved;
        bool some = result == KEYSPACE_DEFRAG_FREED || result == KEYSPACE_DEFRAG_PART;
        barren = some ? 0 : barren + 64;
    }
    return sum;
}

// Fills with values of one length, or of all up to it. Returns how many there are.
static uint32_t fill(char kind, uint32_t length, uint64_t bytes, bool vary)
{
    uint32_t i = 0;
    while (arena_used_bytes(fixture.arena) + keyspace_entry_bytes(9, length, true) <= bytes) {
        cr_assert(set(kind, i, vary ? i * 7919 % (length + 1) : length));
        i++;
    }
    return i;
}

static const uint32_t lengths[] = {0, 16, 50, 100, 333, 1000, 4000, 9000, 30000, 50000, 100000};
#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

// Fill with A, delete at random, fill with B.
static void pattern(uint32_t a, uint32_t b, uint32_t percent, bool vary)
{
    uint64_t random = 99 + a + b;
    uint32_t count = fill('a', a, LIMIT, vary);
    uint8_t *gone = calloc(count, 1);
    for (uint32_t i = 0; i < count; i++) {
        char name[24];
        struct key key = key_at('a', i, name);
        gone[i] = fixture_random(&random) % 100 < percent;
        if (gone[i])
            cr_assert(keyspace_delete(fixture.keyspace, &key));
    }
    settle();
    uint64_t used = arena_used_bytes(fixture.arena);
    uint64_t span = arena_span_bytes(fixture.arena);
    // One span of a class may be open, and a fifteenth of each is too short for a block.
    cr_expect_leq(span, used * 16 / 15 + used / 50 + 88 * KIB(64), "%u %u%% %d: %zu for %zu", a,
                  percent, vary, (size_t)span, (size_t)used);
    uint32_t more = fill('b', b, LIMIT, vary);
    uint64_t most = LIMIT / 9 * 10 + (vary ? 88 * KIB(64) : 0);
    cr_expect_leq(arena_span_bytes(fixture.arena), most, "%u %u %u%% %d: %zu", a, b, percent, vary,
                  (size_t)arena_span_bytes(fixture.arena));
    for (uint32_t i = 0; i < count; i++) {
        if (!gone[i])
            check('a', i, vary ? i * 7919 % (a + 1) : a);
    }
    for (uint32_t i = 0; i < more; i++)
        check('b', i, vary ? i * 7919 % (b + 1) : b);
    free(gone);
    for (uint32_t i = 0; i < count || i < more; i++) {
        char name[24];
        struct key key = key_at('a', i, name);
        keyspace_delete(fixture.keyspace, &key);
        key = key_at('b', i, name);
        keyspace_delete(fixture.keyspace, &key);
    }
    cr_assert_eq(arena_used_bytes(fixture.arena), 0);
    cr_assert_eq(arena_span_bytes(fixture.arena), 0);
}

Test(defrag, half)
{
    for (size_t i = 0; i < LENGTHS; i++)
        for (size_t j = 0; j < LENGTHS; j += 2)
            pattern(lengths[i], lengths[j], 50, false);
}

Test(defrag, most)
{
    for (size_t i = 0; i < LENGTHS; i++)
        for (size_t j = 0; j < LENGTHS; j += 3)
            pattern(lengths[i], lengths[j], 90, false);
}

Test(defrag, few)
{
    for (size_t i = 0; i < LENGTHS; i++)
        pattern(lengths[i], lengths[(i * 5 + 3) % LENGTHS], 20, false);
}

Test(defrag, mixed)
{
    for (size_t i = 2; i < LENGTHS; i++) {
        pattern(lengths[i], lengths[(i * 5 + 3) % LENGTHS], 50, true);
        pattern(lengths[i], lengths[(i * 7 + 1) % LENGTHS], 90, true);
    }
}

// What the kernel reads, and what is no entry, stays; all else goes away from there.
Test(defrag, what_must_stay)
{
    enum { STAY = 200 };
    static struct entry *pinned[STAY];
    static uint8_t *other[STAY];
    static struct entry *blocks[STAY];
    uint32_t count = fill('a', 100, LIMIT / 2, false);
    for (uint32_t i = 0; i < STAY; i++) {
        char name[24];
        struct key key = key_at('a', i * (count / STAY), name);
        pinned[i] = keyspace_find(fixture.keyspace, &key);
        cr_assert(keyspace_pin(fixture.keyspace, pinned[i]));
        // Of the size of entries, with what may look like one in it: a copy of one that is there.
        other[i] = arena_alloc(fixture.arena, 120);
        key = key_at('a', i * (count / STAY) + 2, name);
        memcpy(other[i], keyspace_find(fixture.keyspace, &key), 117);
        blocks[i] = keyspace_block_create(fixture.keyspace, 4, 88, 0);
        memset(keyspace_block_value(blocks[i]), (int)i, 88);
    }
    for (uint32_t i = 0; i < count; i++) {
        char name[24];
        struct key key = key_at('a', i, name);
        if (i % 10 != 2 && i % (count / STAY) > 2)
            cr_assert(keyspace_delete(fixture.keyspace, &key));
    }
    uint64_t moved = settle();
    cr_expect_gt(moved, 1000);
    for (uint32_t i = 0; i < STAY; i++) {
        char name[24];
        struct key key = key_at('a', i * (count / STAY), name);
        cr_expect_eq(keyspace_find(fixture.keyspace, &key), pinned[i]);
        for (uint32_t j = 0; j < 88; j++)
            cr_assert_eq(keyspace_block_value(blocks[i])[j], (uint8_t)i);
        key = key_at('a', i * (count / STAY) + 2, name);
        cr_expect_eq(memcmp(other[i], keyspace_find(fixture.keyspace, &key), 117), 0);
        keyspace_unpin(fixture.keyspace, pinned[i]);
        keyspace_block_free(fixture.keyspace, blocks[i]);
        arena_free(fixture.arena, other[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (i % 10 == 2 || i % (count / STAY) <= 2)
            check('a', i, 100);
    }
    cr_expect_gt(settle(), 0);
    cr_expect_leq(arena_span_bytes(fixture.arena),
                  arena_used_bytes(fixture.arena) * 12 / 10 + MIB(1));
}

// Changes at random while the table grows and shrinks, with defragmentation all the time.
Test(defrag, under_load)
{
    enum { KEYS = 30000 };
    static uint32_t there[KEYS]; // length + 1
    uint64_t random = 31;
    for (uint32_t round = 0; round < 600000; round++) {
        uint32_t i = (uint32_t)(fixture_random(&random) % KEYS);
        uint32_t wave = round / 100000 % 2 ? 200 : 900;
        char name[24];
        struct key key = key_at('a', i, name);
        if (fixture_random(&random) % 1000 < wave) {
            there[i] = (uint32_t)(fixture_random(&random) % (round / 50000 * 100 + 20)) + 1;
            cr_assert(set('a', i, there[i] - 1));
        } else if (there[i] > 0) {
            cr_assert(keyspace_delete(fixture.keyspace, &key));
            there[i] = 0;
        }
        if (round % 50 == 0) {
            uint32_t moved;
            keyspace_defrag(fixture.keyspace, 16, &moved);
        }
        if (round % 1000 == 0)
            keyspace_grow(fixture.keyspace, 32);
    }
    for (uint32_t i = 0; i < KEYS; i++) {
        char name[24];
        struct key key = key_at('a', i, name);
        if (there[i] > 0)
            check('a', i, there[i] - 1);
        else
            cr_assert_null(keyspace_find(fixture.keyspace, &key));
    }
}
