// Walking the keyspace in hash order, and drawing random keys from it.
#include "storage/keyspace_internal.h"

#define POSITION_END (1ULL << 48)
// Buckets between the one visited and the one whose entries are fetched.
#define AHEAD_ENTRIES 2
#define AHEAD_BUCKETS 6
// Draws before a walk: enough for a database with 1 % of the keys to be drawn fairly.
#define DRAWS 256

static void prefetch_ahead(const struct keyspace *keyspace, const struct table *table,
                           uint64_t index)
{
    if (index + AHEAD_BUCKETS >= table->total)
        return;
    __builtin_prefetch(&table->buckets[index + AHEAD_BUCKETS]);
    const struct bucket *ahead = &table->buckets[index + AHEAD_ENTRIES];
    keyspace_prefetch_slots(keyspace, ahead, bucket_occupied(ahead), PREFETCH_VALUE);
}

uint64_t keyspace_next_position(const struct keyspace *keyspace, const struct table *table,
                                uint64_t home)
{
    const struct table *current = &keyspace->tables[keyspace->current];
    uint64_t next = table_position(table, home + 1);
    if (table != current) {
        uint64_t end = table_position(current, current->left);
        next = next < end ? next : end;
    }
    return next == POSITION_END ? 0 : next;
}

uint64_t keyspace_scan(const struct keyspace *keyspace, uint64_t cursor, keyspace_visit visit,
                       void *context)
{
    // A cursor comes from a client: any value is a position.
    cursor &= POSITION_END - 1;
    uint64_t home;
    const struct table *table = keyspace_table(keyspace, cursor << 16, &home);
    prefetch_ahead(keyspace, table, home);
    // Without entries from earlier homes everything in the bucket is its own.
    bool own = home == 0 || table->buckets[home - 1].overflow == 0;
    for (uint64_t index = home; index < table->total; index++) {
        const struct bucket *bucket = &table->buckets[index];
        for (uint32_t mask = bucket_occupied(bucket); mask != 0; mask &= mask - 1) {
            uint32_t slot = (uint32_t)__builtin_ctz(mask);
            struct entry *entry = keyspace_entry_at(keyspace, bucket_offset(bucket, slot));
            if (own || table_home(table, entry_make_key(keyspace, entry).hash) == home)
                visit(context, entry);
        }
        own = false;
        if (bucket->overflow == 0)
            break;
    }
    return keyspace_next_position(keyspace, table, home);
}

const struct bucket *keyspace_nth_bucket(const struct keyspace *keyspace, uint64_t index)
{
    const struct table *table = &keyspace->tables[keyspace->current];
    if (index < table->total - table->left)
        return &table->buckets[table->left + index];
    const struct table *next = &keyspace->tables[keyspace->current ^ 1];
    index -= table->total - table->left;
    assert(index < next->total);
    return &next->buckets[index];
}

uint64_t keyspace_bucket_total(const struct keyspace *keyspace)
{
    const struct table *table = &keyspace->tables[keyspace->current];
    const struct table *next = &keyspace->tables[keyspace->current ^ 1];
    if (!keyspace->growing)
        return table->total - table->left;
    uint64_t reached = keyspace_reached(keyspace) + TABLE_SPARE;
    return table->total - table->left + (reached < next->total ? reached : next->total);
}

// splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

// The first entry of keyspace slot `wanted` among the bucket's slots in `mask`, or NULL.
static struct entry *pick(const struct keyspace *keyspace, const struct bucket *bucket,
                          uint32_t mask, uint16_t wanted)
{
    for (; mask != 0; mask &= mask - 1) {
        uint32_t slot = (uint32_t)__builtin_ctz(mask);
        struct entry *entry = keyspace_entry_at(keyspace, bucket_offset(bucket, slot));
        if (entry->slot == wanted)
            return entry;
    }
    return NULL;
}

struct entry *keyspace_random(const struct keyspace *keyspace, uint32_t database, uint64_t random)
{
    if (keyspace_count(keyspace, database) == 0)
        return NULL;
    uint16_t wanted = keyspace->database_slots[database];
    uint64_t total = keyspace_bucket_total(keyspace);
    // Every slot of the table is drawn with the same chance; empty and foreign ones are thrown
    // back.
    for (uint32_t i = 0; i < DRAWS; i++) {
        uint64_t bits = next_random(&random);
        const struct bucket *bucket =
            keyspace_nth_bucket(keyspace, (uint64_t)(((unsigned __int128)bits * total) >> 64));
        uint32_t slot = (uint32_t)(next_random(&random) % TABLE_SLOTS);
        struct entry *entry =
            pick(keyspace, bucket, bucket_occupied(bucket) & (1U << slot), wanted);
        if (entry != NULL)
            return entry;
    }
    // The database has few of the keys: walk to its next one.
    uint64_t index = next_random(&random) % total;
    for (uint64_t i = 0; i < total; i++) {
        const struct bucket *bucket = keyspace_nth_bucket(keyspace, index);
        const struct bucket *ahead =
            keyspace_nth_bucket(keyspace, (index + AHEAD_ENTRIES * 4) % total);
        keyspace_prefetch_slots(keyspace, ahead, bucket_occupied(ahead), 0);
        struct entry *entry = pick(keyspace, bucket, bucket_occupied(bucket), wanted);
        if (entry != NULL)
            return entry;
        index = index + 1 == total ? 0 : index + 1;
    }
    assert(!"the database has keys");
    return NULL;
}
