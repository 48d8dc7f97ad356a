// Walking, sweeping and growing: nothing is missed while keys move, and memory goes back.
#include "tests/unit/storage_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct key number_key(struct fixture *f, uint32_t database, uint64_t i)
{
    static char name[32];
    return keyspace_key(f->keyspace, database, name, (uint32_t)sprintf(name, "%016lu", i));
}

static void add(struct fixture *f, uint32_t database, uint64_t i, int64_t expiry_ms)
{
    struct key key = number_key(f, database, i);
    cr_assert_not_null(keyspace_set(f->keyspace, &key, &i, sizeof(i), expiry_ms));
}

static bool drop(struct fixture *f, uint32_t database, uint64_t i)
{
    struct key key = number_key(f, database, i);
    return keyspace_delete(f->keyspace, &key);
}

static uint64_t entry_number(const struct entry *entry)
{
    uint64_t i;
    memcpy(&i, entry_value(entry), sizeof(i));
    return i;
}

static void count_visit(void *context, struct entry *entry)
{
    uint8_t *seen = context;
    uint8_t *count = &seen[entry_number(entry)];
    *count = *count < 255 ? *count + 1 : 255;
}

static void return_table_memory(struct fixture *f)
{
    void *address;
    size_t bytes;
    while (keyspace_reclaim(f->keyspace, &address, &bytes)) {
        cr_assert_eq((uintptr_t)address % 4096, 0);
        cr_assert_leq(bytes, MIB(1));
        cr_assert_eq(madvise(address, bytes, MADV_DONTNEED), 0);
    }
}

// --- walking ---------------------------------------------------------------------------------

Test(keyspace_walk, visits_each_key_once_while_nothing_changes)
{
    static uint8_t seen[50000];
    struct fixture f = fixture_create(MIB(64), 0);
    for (uint64_t i = 0; i < 50000; i++) {
        add(&f, i % 3, i, 0);
        if (i % 7777 != 0)
            continue;
        // Also in the midst of growth.
        memset(seen, 0, sizeof(seen));
        uint64_t cursor = 0;
        do {
            uint64_t next = keyspace_scan(f.keyspace, cursor, count_visit, seen);
            cr_assert(next == 0 || next > cursor);
            cr_assert_lt(next, 1ULL << 48);
            cursor = next;
        } while (cursor != 0);
        for (uint64_t j = 0; j <= i; j++)
            cr_assert_eq(seen[j], 1);
    }
    fixture_destroy(&f);
}

// Keys 0 .. 9999 are there all the time; others come and go between the steps of a walk.
static void walk_amid_changes(uint64_t seed)
{
    static uint8_t seen[200000];
    memset(seen, 0, sizeof(seen));
    struct fixture f = fixture_create(MIB(64), 0);
    for (uint64_t i = 0; i < 10000; i++)
        add(&f, 0, i, 0);
    uint64_t highest = 10000;
    uint64_t lowest = 10000;
    uint64_t cursor = 0;
    bool grew = false;
    do {
        cursor = keyspace_scan(f.keyspace, cursor, count_visit, seen);
        uint64_t wave = fixture_random(&seed) % 100;
        for (uint64_t i = 0; i < wave && highest < 200000; i++)
            add(&f, 0, highest++, 0);
        if (fixture_random(&seed) % 64 == 0)
            while (lowest < highest)
                cr_assert(drop(&f, 0, lowest++));
        if (fixture_random(&seed) % 4 == 0)
            keyspace_grow(f.keyspace, 1 + (uint32_t)(fixture_random(&seed) % 100));
        struct keyspace_stats stats;
        keyspace_stats(f.keyspace, &stats);
        grew |= stats.grown_to != 0;
    } while (cursor != 0);
    cr_assert(grew);
    for (uint64_t i = 0; i < 10000; i++)
        cr_assert_geq(seen[i], 1, "key %lu was missed", i);
    fixture_destroy(&f);
}

Test(keyspace_walk, misses_nothing_amid_changes)
{
    for (uint64_t seed = 1; seed <= 30; seed++)
        walk_amid_changes(seed * 104729);
}

// While a table shrinks, one home of the new table covers many of the old one.
Test(keyspace_walk, misses_nothing_while_shrinking)
{
    static uint8_t seen[200000];
    for (uint32_t moved = 100; moved < 3000; moved += 317) {
        memset(seen, 0, sizeof(seen));
        struct fixture f = fixture_create(MIB(64), 0);
        for (uint64_t i = 0; i < 200000; i++)
            add(&f, 0, i, 0);
        while (keyspace_grow(f.keyspace, 1000))
            ;
        for (uint64_t i = 10000; i < 200000; i++)
            cr_assert(drop(&f, 0, i));
        struct keyspace_stats stats;
        do {
            cr_assert(keyspace_grow(f.keyspace, 1));
            keyspace_stats(f.keyspace, &stats);
        } while (stats.grown_to == 0);
        cr_assert(keyspace_grow(f.keyspace, moved));
        cr_assert_lt(stats.grown_to, stats.buckets);
        for (uint64_t cursor = keyspace_scan(f.keyspace, 0, count_visit, seen); cursor != 0;)
            cursor = keyspace_scan(f.keyspace, cursor, count_visit, seen);
        for (uint64_t i = 0; i < 10000; i++)
            cr_assert_eq(seen[i], 1);
        fixture_destroy(&f);
    }
}

Test(keyspace_walk, takes_any_cursor)
{
    static uint8_t seen[1000];
    struct fixture f = fixture_create(MIB(64), 0);
    for (uint64_t i = 0; i < 1000; i++)
        add(&f, 0, i, 0);
    uint64_t random = 11;
    for (int i = 0; i < 10000; i++)
        cr_assert_lt(keyspace_scan(f.keyspace, fixture_random(&random), count_visit, seen),
                     1ULL << 48);
    cr_assert_eq(keyspace_scan(f.keyspace, UINT64_MAX, count_visit, seen), 0);
    fixture_destroy(&f);
}

// --- sweeping --------------------------------------------------------------------------------

struct judging {
    struct fixture *f;
    uint8_t *asked; // by number
    uint64_t stop_at;
};

static enum keyspace_verdict judge(void *context, const struct entry *entry, const struct key *key)
{
    struct judging *j = context;
    uint64_t i = entry_number(entry);
    j->asked[i]++;
    struct key expected = number_key(j->f, 1, i);
    cr_assert_eq(key->hash, expected.hash);
    cr_assert_eq(key->length, expected.length);
    if (i == j->stop_at)
        return KEYSPACE_STOP;
    return i % 10 == 7 ? KEYSPACE_KEEP : KEYSPACE_REMOVE;
}

// Of 20000 keys every fourth never expires, every fourth later, the others now.
Test(keyspace_walk, sweeps_what_has_expired)
{
    static uint8_t asked[20000];
    struct fixture f = fixture_create(MIB(64), 0);
    for (uint64_t i = 0; i < 20000; i++)
        add(&f, 1, i, i % 4 == 0 ? 0 : i % 4 == 1 ? 2000 : 1000);
    while (keyspace_grow(f.keyspace, 100))
        ;
    struct keyspace_stats stats;
    keyspace_stats(f.keyspace, &stats);
    struct judging context = {&f, asked, UINT64_MAX};
    cr_assert_eq(keyspace_sweep(f.keyspace, 999, (uint32_t)stats.buckets, judge, &context), 0);
    uint64_t freed = keyspace_sweep(f.keyspace, 1000, (uint32_t)stats.buckets, judge, &context);
    cr_assert_eq(freed, 9000); // of 10000, those that end in 7 are kept
    for (uint64_t i = 0; i < 20000; i++) {
        struct key key = number_key(&f, 1, i);
        bool expired = i % 4 >= 2;
        cr_assert_eq(asked[i] != 0, expired);
        cr_assert_eq(keyspace_find(f.keyspace, &key) == NULL, expired && i % 10 != 7);
    }
    cr_assert_eq(keyspace_count_volatile(f.keyspace, 1), 6000);
    fixture_destroy(&f);
}

static enum keyspace_verdict remove_all(void *context, const struct entry *entry,
                                        const struct key *key)
{
    (void)context, (void)entry, (void)key;
    return KEYSPACE_REMOVE;
}

// One pass finds everything, also what lies behind the end of the part that has moved.
Test(keyspace_walk, sweeps_all_in_one_pass_while_growing)
{
    for (uint64_t moved = 1; moved < 1000; moved += 7) {
        struct fixture f = fixture_create(MIB(64), 0);
        struct keyspace_stats stats = {0};
        uint64_t count = 0;
        for (; stats.grown_to < 2000; count++) {
            add(&f, 1, count, 1000);
            keyspace_stats(f.keyspace, &stats);
        }
        cr_assert(keyspace_grow(f.keyspace, (uint32_t)moved));
        uint64_t pass = stats.buckets + stats.grown_to;
        cr_assert_eq(keyspace_sweep(f.keyspace, 1000, (uint32_t)pass, remove_all, NULL), count);
        fixture_destroy(&f);
    }
}

Test(keyspace_walk, a_sweep_goes_on_where_it_was_stopped)
{
    static uint8_t asked[3000];
    struct fixture f = fixture_create(MIB(64), 0);
    for (uint64_t i = 0; i < 3000; i++)
        add(&f, 1, i, 1000);
    while (keyspace_grow(f.keyspace, 100))
        ;
    for (uint64_t stop = 3; stop < 3000; stop += 100) {
        struct judging context = {&f, asked, stop};
        keyspace_sweep(f.keyspace, 1000, 100000, judge, &context);
        cr_assert_eq(asked[stop], 1);
        // The next one begins with the same entry, and asks about no other again.
        context.stop_at = UINT64_MAX;
        keyspace_sweep(f.keyspace, 1000, 1, judge, &context);
        cr_assert_eq(asked[stop], 2);
        for (uint64_t i = 0; i < 3000; i++)
            cr_assert_leq(asked[i], i == stop ? 2 : 1);
        memset(asked, 0, sizeof(asked));
        for (uint64_t i = 0; i < 3000; i++)
            add(&f, 1, i, 1000);
    }
    fixture_destroy(&f);
}

static enum keyspace_verdict never(void *context, const struct entry *entry, const struct key *key)
{
    (void)context, (void)entry, (void)key;
    cr_assert_fail("dead entries are not judged");
    return KEYSPACE_KEEP;
}

// Dead keys are freed while the table grows, pinned ones when they are let go.
Test(keyspace_walk, sweeps_dead_keys)
{
    struct fixture f = fixture_create(MIB(64), 0);
    for (uint64_t i = 0; i < 30000; i++)
        add(&f, 2, i, i % 2 * 5);
    struct key key = number_key(&f, 2, 77);
    struct entry *pinned = keyspace_find(f.keyspace, &key);
    cr_assert(keyspace_pin(f.keyspace, pinned));
    struct keyspace_map map;
    keyspace_get_map(f.keyspace, &map);
    map.ids[2] = map.next_id++;
    cr_assert_eq(keyspace_set_map(f.keyspace, &map), 0);
    cr_assert_eq(keyspace_count_dead(f.keyspace), 30000);
    uint64_t freed = 0;
    for (uint64_t i = 0; i < 10000 && keyspace_count_dead(f.keyspace) > 0; i++) {
        add(&f, 3, i, 0);
        freed += keyspace_sweep(f.keyspace, 0, 20, never, NULL);
    }
    cr_assert_eq(freed, 30000);
    cr_assert_eq(entry_number(pinned), 77);
    keyspace_unpin(f.keyspace, pinned);
    fixture_destroy(&f);
}

// --- growing ---------------------------------------------------------------------------------

// Tables are used again and again without anybody returning their memory, or with.
static void grow_and_shrink(bool reclaim)
{
    struct fixture f = fixture_create(MIB(256), 0);
    for (int round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < 300000; i++) {
            add(&f, 0, i, 0);
            if (reclaim && i % 1000 == 0)
                return_table_memory(&f);
        }
        struct keyspace_stats stats;
        while (keyspace_grow(f.keyspace, 1000))
            ;
        keyspace_stats(f.keyspace, &stats);
        double load = (double)stats.entries / (double)(stats.buckets * 10);
        cr_assert(load > 0.54 && load < 0.83, "%f", load);
        for (uint64_t i = 0; i < 300000; i++)
            cr_assert(drop(&f, 0, i));
        for (int i = 0; i < 1000; i++)
            keyspace_grow(f.keyspace, 1000);
        keyspace_stats(f.keyspace, &stats);
        cr_assert_lt(stats.buckets, 5000); // it has shrunk
        if (reclaim) {
            return_table_memory(&f);
            cr_assert_lt(keyspace_table_bytes(f.keyspace), 5000 * 64);
        }
    }
    fixture_destroy(&f);
}

Test(keyspace_walk, clears_stale_memory_itself)
{
    grow_and_shrink(false);
}

Test(keyspace_walk, returns_memory_behind_the_moved_homes)
{
    grow_and_shrink(true);
}

Test(keyspace_walk, does_not_grow_while_expected_keys_load)
{
    struct fixture f = fixture_create(MIB(256), 0);
    keyspace_expect(f.keyspace, 500000);
    struct keyspace_stats before;
    keyspace_stats(f.keyspace, &before);
    for (uint64_t i = 0; i < 500000; i++) {
        add(&f, 0, i, 0);
        cr_assert_not(keyspace_grow(f.keyspace, 1));
    }
    struct keyspace_stats after;
    keyspace_stats(f.keyspace, &after);
    cr_assert_eq(before.buckets, after.buckets);
    fixture_destroy(&f);
}

// However few were expected, any number can come.
Test(keyspace_walk, takes_more_keys_than_were_expected)
{
    for (uint64_t expected = 0; expected < 1500; expected += 7) {
        struct fixture f = fixture_create(MIB(16), 0);
        keyspace_expect(f.keyspace, expected);
        for (uint64_t i = 0; i < 3 * expected + 500; i++)
            add(&f, 0, i, 0);
        fixture_destroy(&f);
    }
}

// A table that cannot grow fills up to a high load, and then refuses without a change.
Test(keyspace_walk, refuses_when_tables_are_full)
{
    struct fixture f = fixture_create(MIB(64), KIB(256));
    uint64_t count = 0;
    for (; count < 100000; count++) {
        struct key key = number_key(&f, 0, count);
        if (keyspace_set(f.keyspace, &key, &count, sizeof(count), 0) == NULL)
            break;
        if (count % 100 == 0)
            return_table_memory(&f);
    }
    cr_assert_gt(count, KIB(256) / 64 * 10 * 6 / 10);
    cr_assert_lt(count, KIB(256) / 64 * 10);
    cr_assert_eq(keyspace_count(f.keyspace, 0), count);
    for (uint64_t i = 0; i < count; i++)
        cr_assert(drop(&f, 0, i));
    cr_assert_eq(arena_used_bytes(f.arena), 0);
    fixture_destroy(&f);
}

// --- overhead --------------------------------------------------------------------------------

// At most 24 bytes beyond key and value, at any number of keys that is not small.
Test(keyspace_walk, overhead_per_key)
{
    static const uint8_t value[64];
    struct fixture f = fixture_create(MIB(512), 0);
    uint64_t worst = 0;
    for (uint64_t i = 1; i <= 1000000; i++) {
        struct key key = number_key(&f, 0, i);
        cr_assert_not_null(keyspace_set(f.keyspace, &key, value, sizeof(value), 0));
        if (i < 200000 || i % 100 != 0)
            continue;
        return_table_memory(&f);
        uint64_t bytes = arena_span_bytes(f.arena) + keyspace_table_bytes(f.keyspace);
        worst = bytes / (i / 100) > worst ? bytes / (i / 100) : worst;
    }
    cr_assert_leq(worst, (16 + 64 + 20) * 100, "%lu", worst);
    fixture_destroy(&f);
}
