// One hash table: open addressing over buckets of one cache line, in hash order. Private to the
// keyspace.
#ifndef PORO_STORAGE_TABLE_H
#define PORO_STORAGE_TABLE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define TABLE_SLOTS 10
#define TABLE_SLOTS_MASK ((1U << TABLE_SLOTS) - 1)
// Buckets behind the last home bucket, for what does not fit there. At a load of 0.9 the chance
// that 64 buckets do not suffice is below 1e-50.
#define TABLE_SPARE 64
#define TABLE_OVERFLOW_MAX 255

// A slot is empty where its tag is 0. `overflow` counts the entries whose home is this bucket or
// one before it and that lie in one behind it: a search ends where it is 0, and a delete leaves no
// tombstone. (As F14 in folly counts, with linear probing.) At its maximum it is no longer exact
// and stays there until the table is left.
struct bucket {
    uint8_t tags[TABLE_SLOTS];
    uint8_t overflow;
    uint8_t reserved;
    uint16_t volatile_mask;    // slots whose entry has an expiry
    uint8_t high[TABLE_SLOTS]; // arena offset, bits 32..39
    uint32_t low[TABLE_SLOTS]; // and 0..31
};
static_assert(sizeof(struct bucket) == 64, "a bucket is one cache line");
static_assert(offsetof(struct bucket, tags) == 0, "tags are loaded 16 bytes at once");

// A table lives in a region of its own, whose memory is zero or was left by an earlier table with
// all its buckets empty. Nothing ever has to be cleared: an empty bucket's offsets are not read.
struct table {
    struct bucket *buckets;
    uint64_t capacity; // buckets that the region has, whole pages of them
    uint64_t homes;    // buckets that can be a home; 0: no table here
    uint64_t total;    // homes and spare ones
    uint64_t left;     // homes from the start that are given up, and empty
    // Buckets that are not in use and may take memory: [stale_from, left) before the table's part,
    // and [behind_from, behind_to) behind it.
    uint64_t stale_from;
    uint64_t behind_from;
    uint64_t behind_to;
};

// Where an entry is.
struct place {
    struct bucket *home;
    struct bucket *bucket; // == home, or behind it
    uint32_t slot;
};

void table_init(struct table *table, void *region, size_t region_bytes);

// Opens an empty table of `homes` home buckets in a region without one. False: it does not fit.
bool table_open(struct table *table, uint64_t homes);
// Gives up the next home, of which no entry is left anywhere.
void table_leave(struct table *table);
// Gives up the table when all its homes are left.
void table_close(struct table *table);

// Puts an entry into the first free slot at or behind `home`. False: there is none.
bool table_insert(struct table *table, uint64_t home, uint8_t tag, uint64_t offset,
                  bool is_volatile);
// Empties a slot.
void table_erase(const struct place *place);
// Finds stale memory of whole pages, at most `most` bytes, and counts it as zeroed by the caller.
bool table_reclaim(struct table *table, size_t most, void **address, size_t *bytes);

// Bytes of the region that are not part of the table and may still take memory.
size_t table_stale_bytes(const struct table *table);

// First position (48 bits) of home bucket `home`; 1 << 48 for home == homes.
uint64_t table_position(const struct table *table, uint64_t home);

// Home bucket of a hash: monotone in its upper 48 bits, for any number of buckets.
static inline uint64_t table_home(const struct table *table, uint64_t hash)
{
    return (uint64_t)(((unsigned __int128)(hash & ~0xFFFFULL) * table->homes) >> 64);
}

static inline uint8_t table_tag(uint64_t hash)
{
    uint8_t tag = (uint8_t)hash;
    return tag == 0 ? 1 : tag;
}

// Bit i is set when slot i has this tag.
static inline uint32_t bucket_match(const struct bucket *bucket, uint8_t tag)
{
#ifdef __SSE2__
    __m128i tags = _mm_load_si128((const __m128i *)(const void *)bucket);
    __m128i equal = _mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag));
    return (uint32_t)_mm_movemask_epi8(equal) & TABLE_SLOTS_MASK;
#else
    uint32_t mask = 0;
    for (uint32_t i = 0; i < TABLE_SLOTS; i++)
        mask |= (uint32_t)(bucket->tags[i] == tag) << i;
    return mask;
#endif
}

// Bit i is set when slot i holds an entry.
static inline uint32_t bucket_occupied(const struct bucket *bucket)
{
    return ~bucket_match(bucket, 0) & TABLE_SLOTS_MASK;
}

static inline uint64_t bucket_offset(const struct bucket *bucket, uint32_t slot)
{
    return (uint64_t)bucket->high[slot] << 32 | bucket->low[slot];
}

static inline void bucket_point(struct bucket *bucket, uint32_t slot, uint64_t offset)
{
    bucket->high[slot] = (uint8_t)(offset >> 32);
    bucket->low[slot] = (uint32_t)offset;
}

static inline void bucket_mark_volatile(struct bucket *bucket, uint32_t slot, bool is_volatile)
{
    uint32_t mask = bucket->volatile_mask & ~(1U << slot);
    bucket->volatile_mask = (uint16_t)(mask | (uint32_t)is_volatile << slot);
}

#endif
