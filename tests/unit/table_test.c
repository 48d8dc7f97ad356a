// The table alone: its counters are exact, and no trace is left where entries were.
#include "storage/table.h"

#include "tests/unit/storage_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

#define HOMES 200
#define ENTRIES 1900

struct item {
    uint64_t hash;
    bool there;
};

static struct table create(uint64_t homes)
{
    size_t bytes = (homes + TABLE_SPARE + 128) * sizeof(struct bucket);
    struct table table;
    table_init(&table, fixture_reserve_pages(bytes), bytes);
    cr_assert(table_open(&table, homes));
    return table;
}

// The offset of an entry is its number.
static bool find(struct table *table, uint64_t hash, uint64_t number, struct place *place)
{
    uint64_t home = table_home(table, hash);
    for (uint64_t i = home; i < table->total; i++) {
        struct bucket *bucket = &table->buckets[i];
        for (uint32_t mask = bucket_match(bucket, table_tag(hash)); mask; mask &= mask - 1) {
            *place = (struct place){&table->buckets[home], bucket, (uint32_t)__builtin_ctz(mask)};
            if (bucket_offset(bucket, place->slot) == number)
                return true;
        }
        if (bucket->overflow == 0)
            return false;
    }
    return false;
}

// Counts anew, for every bucket, the entries that passed it.
static void check_counters(const struct table *table, const struct item *items, uint64_t base)
{
    static uint32_t passed[HOMES + TABLE_SPARE];
    memset(passed, 0, sizeof(passed));
    for (uint64_t i = 0; i < table->total; i++) {
        uint32_t occupied = bucket_occupied(&table->buckets[i]);
        for (uint32_t mask = occupied; mask; mask &= mask - 1) {
            uint32_t slot = (uint32_t)__builtin_ctz(mask);
            uint64_t number = bucket_offset(&table->buckets[i], slot) - base;
            bool is_volatile = table->buckets[i].volatile_mask >> slot & 1;
            cr_assert_eq(is_volatile, number % 3 == 0);
            cr_assert(items[number].there);
            for (uint64_t b = table_home(table, items[number].hash); b < i; b++)
                passed[b]++;
        }
        cr_assert_eq(table->buckets[i].volatile_mask & ~occupied, 0);
    }
    for (uint64_t i = 0; i < table->total; i++)
        cr_assert_eq(table->buckets[i].overflow, passed[i]);
}

Test(table, counts_what_lies_farther_on)
{
    static struct item items[ENTRIES];
    struct table table = create(HOMES);
    uint64_t random = 21;
    uint64_t base = 0xFE00000000; // offsets use all of their 40 bits
    for (uint32_t i = 0; i < ENTRIES; i++)
        items[i].hash = fixture_random(&random);
    for (uint32_t step = 0; step < 60000; step++) {
        uint64_t number = fixture_random(&random) % ENTRIES;
        struct item *item = &items[number];
        struct place place;
        cr_assert_eq(find(&table, item->hash, base + number, &place), item->there);
        if (item->there)
            table_erase(&place);
        else
            cr_assert(table_insert(&table, table_home(&table, item->hash), table_tag(item->hash),
                                   base + number, number % 3 == 0));
        item->there = !item->there;
        if (step % 100 == 0)
            check_counters(&table, items, base);
    }
    for (uint64_t i = 0; i < ENTRIES; i++) {
        struct place place;
        if (find(&table, items[i].hash, base + i, &place))
            table_erase(&place);
    }
    for (uint64_t i = 0; i < table.total; i++) {
        cr_assert_eq(bucket_occupied(&table.buckets[i]), 0);
        cr_assert_eq(table.buckets[i].overflow, 0);
    }
}

// More entries of one home than a counter can count: nothing is lost, and the table can be left
// and opened again.
Test(table, survives_a_full_counter)
{
    struct table table = create(HOMES);
    uint64_t hash = 0x1234 | 50ULL << 56;
    uint64_t home = table_home(&table, hash);
    uint64_t count = 0;
    while (count < 600 && table_insert(&table, home, table_tag(hash), count, false))
        count++;
    cr_assert_eq(count, 600);
    cr_assert_eq(table.buckets[home].overflow, TABLE_OVERFLOW_MAX);
    for (uint64_t i = 0; i < count; i++) {
        struct place place;
        cr_assert(find(&table, hash, i, &place));
        table_erase(&place);
    }
    while (table.left < table.homes)
        table_leave(&table);
    table_close(&table);
    cr_assert(table_open(&table, HOMES / 2));
    for (uint64_t i = 0; i < table.total; i++) {
        cr_assert_eq(bucket_occupied(&table.buckets[i]), 0);
        cr_assert_eq(table.buckets[i].overflow, 0);
    }
}

Test(table, refuses_behind_its_last_bucket)
{
    struct table table = create(HOMES);
    uint64_t count = 0;
    while (count < 100000 && table_insert(&table, HOMES - 1, 7, count, false))
        count++;
    cr_assert_eq(count, (TABLE_SPARE + 1) * TABLE_SLOTS);
    cr_assert_not(table_insert(&table, HOMES - 1, 7, count, false));
}

// Homes divide the positions in order, without a gap, for any number of homes.
Test(table, positions_and_homes_agree)
{
    static const uint64_t sizes[] = {1, 2, 3, 7, 64, 1000, 24577, 1ULL << 20, 12345678901};
    for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
        struct table table = {.homes = sizes[s]};
        uint64_t random = 31;
        cr_assert_eq(table_position(&table, 0), 0);
        cr_assert_eq(table_position(&table, table.homes), 1ULL << 48);
        for (uint32_t i = 0; i < 20000; i++) {
            uint64_t home = fixture_random(&random) % table.homes;
            uint64_t from = table_position(&table, home);
            uint64_t to = table_position(&table, home + 1);
            cr_assert(from < to);
            cr_assert_eq(table_home(&table, from << 16), home);
            cr_assert_eq(table_home(&table, ((to - 1) << 16) | 0xFFFF), home);
        }
    }
}

// Sums up what is returned, in ranges that do not overlap.
static size_t reclaim_all(struct table *table)
{
    size_t sum = 0;
    void *address;
    size_t bytes;
    while (table_reclaim(table, MIB(1), &address, &bytes)) {
        cr_assert_leq((uint8_t *)address + bytes, (uint8_t *)(table->buckets + table->capacity));
        sum += bytes;
    }
    cr_assert_lt(table_stale_bytes(table), ARENA_PAGE_BYTES);
    return sum;
}

static void leave(struct table *table, uint64_t homes)
{
    for (uint64_t i = 0; i < homes; i++)
        table_leave(table);
}

Test(table, returns_all_memory_of_all_its_tenants)
{
    const size_t page = ARENA_PAGE_BYTES;
    struct table table = create(128 * 100);
    cr_assert_eq(reclaim_all(&table), 0);
    leave(&table, 128 * 10 + 5);
    cr_assert_eq(table_stale_bytes(&table), (128 * 10 + 5) * 64);
    cr_assert_eq(reclaim_all(&table), 10 * page);
    leave(&table, 128 * 90 - 5);
    table_close(&table);
    // A small tenant before the rest has been returned: what lies behind it can be, at once.
    cr_assert(table_open(&table, 128 * 20));
    cr_assert_eq(table_stale_bytes(&table), 80 * page);
    void *address;
    size_t bytes;
    cr_assert(table_reclaim(&table, 8 * page, &address, &bytes));
    cr_assert_eq(bytes, 8 * page);
    cr_assert_eq((struct bucket *)address, table.buckets + 128 * 21);
    leave(&table, 128 * 20);
    cr_assert_eq(table_stale_bytes(&table), (20 + 72) * page);
    table_close(&table);
    // All but what the second tenant had returned; the gap counts again, which does no harm.
    cr_assert_eq(reclaim_all(&table), 101 * page);
    cr_assert_eq(reclaim_all(&table), 0);
}
