// One hash table: open addressing over buckets of one cache line, in hash order.
#include "storage/table.h"

#include "storage/arena.h"

// Memory is returned to the system in these units.
#define TABLE_PAGE_BUCKETS (ARENA_PAGE_BYTES / sizeof(struct bucket))

static uint64_t round_up(uint64_t buckets)
{
    return (buckets + TABLE_PAGE_BUCKETS - 1) / TABLE_PAGE_BUCKETS * TABLE_PAGE_BUCKETS;
}

void table_init(struct table *table, void *region, size_t region_bytes)
{
    assert((uintptr_t)region % ARENA_PAGE_BYTES == 0);
    assert(region_bytes >= ARENA_PAGE_BYTES);
    *table = (struct table){
        .buckets = region,
        .capacity = region_bytes / ARENA_PAGE_BYTES * TABLE_PAGE_BUCKETS,
    };
}

bool table_open(struct table *table, uint64_t homes)
{
    assert(table->homes == 0 && homes > 0);
    assert(table->left == 0 && table->stale_from == 0);
    if (homes > table->capacity || table->capacity - homes < TABLE_SPARE)
        return false;
    table->homes = homes;
    table->total = homes + TABLE_SPARE;
    uint64_t end = round_up(table->total);
    table->behind_from = table->behind_from > end ? table->behind_from : end;
    return true;
}

void table_leave(struct table *table)
{
    assert(table->left < table->homes);
    struct bucket *bucket = &table->buckets[table->left];
    assert(bucket_occupied(bucket) == 0 && bucket->volatile_mask == 0);
    // Entries of this home and of those before it are gone: a counter that stopped counting is
    // exact again.
    bucket->overflow = 0;
    table->left++;
}

void table_close(struct table *table)
{
    assert(table->homes > 0 && table->left == table->homes);
    for (uint64_t i = table->homes; i < table->total; i++) {
        assert(bucket_occupied(&table->buckets[i]) == 0);
        table->buckets[i].overflow = 0;
    }
    uint64_t end = round_up(table->total);
    table->behind_from = table->stale_from;
    table->behind_to = table->behind_to > end ? table->behind_to : end;
    table->homes = 0;
    table->total = 0;
    table->left = 0;
    table->stale_from = 0;
}

bool table_insert(struct table *table, uint64_t home, uint8_t tag, uint64_t offset,
                  bool is_volatile)
{
    assert(home < table->homes && tag != 0);
    uint64_t index = home;
    uint32_t free = bucket_match(&table->buckets[index], 0);
    while (free == 0) {
        index++;
        if (index >= table->total)
            return false;
        free = bucket_match(&table->buckets[index], 0);
    }
    for (uint64_t i = home; i < index; i++)
        if (table->buckets[i].overflow < TABLE_OVERFLOW_MAX)
            table->buckets[i].overflow++;
    struct bucket *bucket = &table->buckets[index];
    uint32_t slot = (uint32_t)__builtin_ctz(free);
    bucket->tags[slot] = tag;
    bucket_point(bucket, slot, offset);
    bucket_mark_volatile(bucket, slot, is_volatile);
    return true;
}

void table_erase(const struct place *place)
{
    assert(place->bucket >= place->home && place->bucket->tags[place->slot] != 0);
    place->bucket->tags[place->slot] = 0;
    bucket_mark_volatile(place->bucket, place->slot, false);
    for (struct bucket *bucket = place->home; bucket < place->bucket; bucket++) {
        assert(bucket->overflow > 0);
        if (bucket->overflow < TABLE_OVERFLOW_MAX)
            bucket->overflow--;
    }
}

// Takes a range of whole pages, at most `most` bytes, from the start of [*from, to).
static bool take_pages(const struct table *table, uint64_t *from, uint64_t to, size_t most,
                       void **address, size_t *bytes)
{
    assert(*from % TABLE_PAGE_BUCKETS == 0 && most >= ARENA_PAGE_BYTES);
    to = to / TABLE_PAGE_BUCKETS * TABLE_PAGE_BUCKETS;
    if (*from >= to)
        return false;
    uint64_t limit = most / ARENA_PAGE_BYTES * TABLE_PAGE_BUCKETS;
    uint64_t count = to - *from < limit ? to - *from : limit;
    *address = &table->buckets[*from];
    *bytes = count * sizeof(struct bucket);
    *from += count;
    return true;
}

bool table_reclaim(struct table *table, size_t most, void **address, size_t *bytes)
{
    return take_pages(table, &table->stale_from, table->left, most, address, bytes) ||
           take_pages(table, &table->behind_from, table->behind_to, most, address, bytes);
}

size_t table_stale_bytes(const struct table *table)
{
    uint64_t buckets = table->left - table->stale_from;
    if (table->behind_from < table->behind_to)
        buckets += table->behind_to - table->behind_from;
    return buckets * sizeof(struct bucket);
}

uint64_t table_position(const struct table *table, uint64_t home)
{
    assert(home <= table->homes);
    return (uint64_t)((((unsigned __int128)home << 48) + table->homes - 1) / table->homes);
}
