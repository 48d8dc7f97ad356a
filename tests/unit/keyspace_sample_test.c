// Samples of entries: every one is met, about as often as the others; those that cannot go never are.
#include "tests/unit/storage_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 20000
#define ROUNDS 400000

static struct key key_at(struct fixture *f, uint32_t database, uint32_t i, char name[16])
{
    return keyspace_key(f->keyspace, database, name, (uint32_t)sprintf(name, "key:%u", i));
}

static uint32_t number_of(const struct entry *entry)
{
    char text[16] = {0};
    memcpy(text, entry_key(entry), entry_key_length(entry));
    return (uint32_t)strtoul(text + 4, NULL, 10);
}

// Every tenth has an expiry, every seventh is in database 3.
static void fill(struct fixture *f)
{
    char name[16];
    for (uint32_t i = 0; i < KEYS; i++) {
        struct key key = key_at(f, i % 7 == 0 ? 3 : 0, i, name);
        cr_assert_not_null(keyspace_set(f->keyspace, &key, "v", 1, i % 10 == 0 ? 1000 : 0));
    }
}

static void count(struct fixture *f, bool is_volatile, uint32_t wanted, uint32_t *met)
{
    struct entry *entries[64];
    uint64_t random = 4711;
    memset(met, 0, KEYS * sizeof(*met));
    for (uint32_t i = 0; i < ROUNDS / wanted; i++) {
        uint64_t position = fixture_random(&random);
        uint32_t found = keyspace_sample(f->keyspace, is_volatile, &position,
                                         fixture_random(&random), 256, entries, wanted);
        cr_assert_leq(found, wanted);
        for (uint32_t j = 0; j < found; j++)
            met[number_of(entries[j])]++;
    }
}

Test(sample, all_alike)
{
    static uint32_t met[KEYS];
    struct fixture f = fixture_create(MIB(64), 0);
    fill(&f);
    for (uint32_t wanted = 1; wanted <= 64; wanted *= 2) {
        count(&f, false, wanted, met);
        uint64_t sum = 0;
        for (uint32_t i = 0; i < KEYS; i++) {
            // 20 on average; together with others, those alone in their bucket are met more often.
            cr_assert((met[i] > 0 || wanted > 4) && met[i] < (wanted == 1 ? 60 : 200),
                      "%u: %u of %u", wanted, met[i], i);
            sum += met[i];
        }
        cr_assert_geq(sum, ROUNDS - 64);
    }
    fixture_destroy(&f);
}

Test(sample, with_expiry)
{
    static uint32_t met[KEYS];
    struct fixture f = fixture_create(MIB(64), 0);
    fill(&f);
    count(&f, true, 5, met);
    for (uint32_t i = 0; i < KEYS; i++)
        cr_assert((i % 10 == 0) == (met[i] > 0), "%u: %u", i, met[i]);
    fixture_destroy(&f);
}

// While the table grows, and when few are left in a large one.
Test(sample, nobody_is_passed_over)
{
    static uint32_t met[KEYS];
    struct fixture f = fixture_create(MIB(64), 0);
    char name[16];
    fill(&f);
    struct keyspace_stats stats;
    uint32_t more = KEYS;
    for (keyspace_stats(f.keyspace, &stats); stats.grown_to == 0; more++) {
        struct key key = key_at(&f, 0, more, name);
        cr_assert_not_null(keyspace_set(f.keyspace, &key, "v", 1, 0));
        keyspace_stats(f.keyspace, &stats);
    }
    for (uint32_t i = KEYS; i < more; i++) {
        struct key key = key_at(&f, 0, i, name);
        cr_assert(keyspace_delete(f.keyspace, &key));
    }
    count(&f, false, 5, met);
    for (uint32_t i = 0; i < KEYS; i++)
        cr_assert_gt(met[i], 0, "%u", i);
    for (uint32_t i = 0; i < KEYS; i++) {
        struct key key = key_at(&f, i % 7 == 0 ? 3 : 0, i, name);
        if (i != 4242)
            cr_assert(keyspace_delete(f.keyspace, &key));
    }
    // A walk finds the last one.
    struct entry *entry = NULL;
    uint64_t position = 99;
    uint64_t steps = keyspace_sample_buckets(f.keyspace) / 16 * 8;
    while (steps-- > 0 && keyspace_sample(f.keyspace, false, &position, steps, 16, &entry, 1) == 0)
        ;
    cr_assert_not_null(entry);
    cr_assert_eq(number_of(entry), 4242);
    fixture_destroy(&f);
}

Test(sample, not_those_that_cannot_go)
{
    static uint32_t met[KEYS];
    struct fixture f = fixture_create(MIB(64), 0);
    char name[16];
    fill(&f);
    struct key key = key_at(&f, 0, 1, name);
    struct entry *pinned = keyspace_find(f.keyspace, &key);
    cr_assert(keyspace_pin(f.keyspace, pinned));
    struct keyspace_map map;
    keyspace_get_map(f.keyspace, &map);
    map.ids[3] = map.next_id++;
    cr_assert_eq(keyspace_set_map(f.keyspace, &map), 0);
    count(&f, false, 5, met);
    for (uint32_t i = 0; i < KEYS; i++)
        cr_assert((i != 1 && i % 7 != 0) == (met[i] > 0), "%u", i);
    keyspace_unpin(f.keyspace, pinned);
    fixture_destroy(&f);
}

Test(sample, back_by_hash)
{
    struct fixture f = fixture_create(MIB(64), 0);
    char name[16];
    fill(&f);
    for (uint32_t i = 0; i < KEYS; i++) {
        struct key key = key_at(&f, i % 7 == 0 ? 3 : 0, i, name);
        struct entry *entry = keyspace_find(f.keyspace, &key);
        struct key again = keyspace_key_of(f.keyspace, entry);
        cr_assert(key_equal(&key, &again) && key.hash == again.hash);
        cr_assert_eq(keyspace_find_hash(f.keyspace, key.slot, key.hash), entry);
        cr_assert_null(keyspace_find_hash(f.keyspace, (uint16_t)(key.slot + 1), key.hash));
        cr_assert_null(keyspace_find_hash(f.keyspace, key.slot, key.hash ^ 1ULL << 20));
    }
    fixture_destroy(&f);
}

Test(sample, fresh_and_inherited)
{
    struct fixture f = fixture_create(MIB(64), 0);
    char name[16];
    struct key key = key_at(&f, 0, 1, name);
    keyspace_fresh(f.keyspace, 777);
    struct entry *entry = keyspace_set(f.keyspace, &key, "v", 1, 0);
    cr_assert_eq(entry->idle, 777);
    keyspace_fresh(f.keyspace, 778);
    entry = keyspace_set(f.keyspace, &key, "w", 1, 0);
    cr_assert_eq(entry->idle, 777);
    static const char value[300];
    entry = keyspace_set(f.keyspace, &key, value, sizeof(value), 5);
    cr_assert_eq(entry->idle, 777);
    struct entry *block = keyspace_block_create(f.keyspace, key.length, 400, 0);
    entry = keyspace_adopt(f.keyspace, &key, block, 0);
    cr_assert_eq(entry->idle, 777);
    struct key other = key_at(&f, 0, 2, name);
    block = keyspace_block_create(f.keyspace, other.length, 400, 0);
    entry = keyspace_adopt(f.keyspace, &other, block, 0);
    cr_assert_eq(entry->idle, 778);
    fixture_destroy(&f);
}
