// Tables whose keys lie close together, because others went in hash order.
#include "tests/unit/storage_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

#define KEYS 100000

static struct key make_key(struct fixture *f, uint64_t *number)
{
    return keyspace_key(f->keyspace, 0, number, sizeof(*number));
}

static void add(struct fixture *f, uint64_t number)
{
    struct key key = make_key(f, &number);
    cr_assert_not_null(keyspace_set(f->keyspace, &key, "v", 1, 0), "key %lu", number);
}

static bool has(struct fixture *f, uint64_t number)
{
    struct key key = make_key(f, &number);
    return keyspace_find(f->keyspace, &key) != NULL;
}

static struct keyspace_stats stats_of(struct fixture *f)
{
    struct keyspace_stats stats;
    keyspace_stats(f->keyspace, &stats);
    return stats;
}

struct batch {
    uint64_t numbers[1000];
    uint32_t count;
};

static void collect(void *context, struct entry *entry)
{
    struct batch *batch = context;
    memcpy(&batch->numbers[batch->count++], entry_key(entry), sizeof(uint64_t));
}

// As a client does that deletes what SCAN shows, until so many are left.
static void delete_in_order(struct fixture *f, uint64_t left)
{
    uint64_t cursor = 0;
    while (stats_of(f).entries > left) {
        struct batch batch = {.count = 0};
        cursor = keyspace_scan(f->keyspace, cursor, collect, &batch);
        for (uint32_t i = 0; i < batch.count && stats_of(f).entries > left; i++) {
            struct key key = make_key(f, &batch.numbers[i]);
            cr_assert(keyspace_delete(f->keyspace, &key));
        }
    }
}

static struct fixture filled(void)
{
    struct fixture f = fixture_create(MIB(64), 0);
    for (uint64_t i = 0; i < KEYS; i++)
        add(&f, i);
    while (keyspace_grow(f.keyspace, 1000))
        ;
    return f;
}

// Buckets that a walk over everything has to look at for the keys that there are.
static void check_all(struct fixture *f, const bool *there)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < KEYS; i++) {
        cr_assert_eq(has(f, i), there[i]);
        count += there[i];
    }
    cr_assert_geq(stats_of(f).entries, count);
}

static void note(struct fixture *f, bool *there)
{
    for (uint64_t i = 0; i < KEYS; i++)
        there[i] = has(f, i);
}

// What is left would not fit its counterpart in the table that its number asks for.
Test(keyspace_shrink, after_deletes_in_hash_order)
{
    static bool there[KEYS];
    static const uint64_t lefts[] = {9000, 7000, 3000, 1000, 500, 100, 90, 10, 0};
    struct fixture f = filled();
    uint64_t before = stats_of(&f).buckets;
    for (size_t i = 0; i < sizeof(lefts) / sizeof(lefts[0]); i++) {
        delete_in_order(&f, lefts[i]);
        note(&f, there);
        for (int turn = 0; turn < 5000; turn++)
            keyspace_grow(f.keyspace, 64);
        check_all(&f, there);
    }
    cr_assert_lt(stats_of(&f).buckets, before / 4);
    fixture_destroy(&f);
}

// The same while it goes on: the table's own work is slower or faster than the deletes.
Test(keyspace_shrink, amid_deletes_in_hash_order)
{
    for (uint32_t buckets = 1; buckets <= 4096; buckets *= 4) {
        struct fixture f = filled();
        for (uint64_t left = KEYS; left > 0; left -= 50) {
            delete_in_order(&f, left - 50);
            keyspace_grow(f.keyspace, buckets);
        }
        fixture_destroy(&f);
    }
}

// Those that lie evenly let it shrink as far as their number allows.
Test(keyspace_shrink, after_random_deletes)
{
    struct fixture f = filled();
    uint64_t before = stats_of(&f).buckets;
    for (uint64_t i = 2000; i < KEYS; i++) {
        struct key key = make_key(&f, &i);
        cr_assert(keyspace_delete(f.keyspace, &key));
    }
    while (keyspace_grow(f.keyspace, 64))
        ;
    cr_assert_lt(stats_of(&f).buckets, before / 7);
    for (uint64_t i = 0; i < 2000; i++)
        cr_assert(has(&f, i));
    fixture_destroy(&f);
}

// New keys come on top of what lies close together: the table grows before its end is full.
Test(keyspace_shrink, crowded_tables_grow)
{
    static const uint64_t lefts[] = {60000, 30000, 15000, 9000, 5000, 1000};
    for (size_t i = 0; i < sizeof(lefts) / sizeof(lefts[0]); i++) {
        for (uint32_t buckets = 0; buckets <= 64; buckets += 64) {
            static bool there[KEYS];
            struct fixture f = filled();
            delete_in_order(&f, lefts[i]);
            note(&f, there);
            for (uint64_t more = 0; more < 3 * KEYS; more++) {
                add(&f, KEYS + more);
                if (more % 100 == 0)
                    keyspace_grow(f.keyspace, buckets);
            }
            check_all(&f, there);
            fixture_destroy(&f);
        }
    }
}

// A large table's memory is asked for in order, before homes move there; who is told waits for it as
// long as the old table has room.
Test(keyspace_shrink, memory_comes_before_homes)
{
    struct fixture f = fixture_create(MIB(256), 0);
    uint64_t number = 0;
    uint8_t *end = NULL;
    void *address;
    size_t bytes;
    uint64_t ranges = 0;
    uint64_t waited = 0;
    while (number < 1200000) {
        add(&f, number++);
        struct keyspace_stats before = stats_of(&f);
        if (!keyspace_needs_soon(f.keyspace, &address, &bytes))
            continue;
        cr_assert(!keyspace_needs_soon(f.keyspace, &(void *){NULL}, &(size_t){0}));
        cr_assert_gt(before.grown_to, 0);
        cr_assert(bytes > 0 && bytes <= MIB(2));
        if (end == address)
            ranges++;
        end = (uint8_t *)address + bytes;
        for (int i = 0; i < 1000; i++)
            keyspace_grow(f.keyspace, 64);
        waited += stats_of(&f).grown_to == before.grown_to;
        keyspace_provided(f.keyspace);
    }
    cr_assert(ranges > 5 && waited > ranges / 2, "%lu ranges, %lu waited", ranges, waited);
    // Nobody provides anything: keys are taken all the same.
    for (; number < 2500000; number++) {
        add(&f, number);
        keyspace_needs_soon(f.keyspace, &address, &bytes);
    }
    for (uint64_t i = 0; i < number; i += 17)
        cr_assert(has(&f, i));
    fixture_destroy(&f);
}
