// The keyspace's insides, shared by the files that implement it. Private to the keyspace.
#ifndef PORO_STORAGE_KEYSPACE_INTERNAL_H
#define PORO_STORAGE_KEYSPACE_INTERNAL_H

#include "storage/arena.h"
#include "storage/keyspace.h"
#include "storage/table.h"

#include <assert.h>
#include <string.h>

// Twice PINS_MAX, so that probing stays short.
#define PIN_CELLS (2 * PINS_MAX)
static_assert((PIN_CELLS & (PIN_CELLS - 1)) == 0, "cells are masked");
static_assert(KEYSPACE_SLOTS_MAX <= UINT16_MAX, "slots are 16 bits wide");
static_assert(KEYSPACE_SLOTS_MAX > DATABASES_MAX, "a flush needs a slot beside those in use");

// A keyspace in memory: a database's, or a flushed one whose keys are still being freed.
struct keyspace_slot {
    uint64_t keys;
    uint64_t volatile_keys;
    uint32_t id;       // 0: never used
    uint32_t database; // + 1; 0: none, its keys are dead
};

struct pin {
    uint64_t offset : 40; // of the entry in the arena
    uint64_t count : 24;  // 0: the cell is free
};

// See keyspace_shrink_to.
struct survey {
    uint64_t homes;   // of the table; 0: there is none
    uint64_t target;  // homes of the smaller one
    uint64_t next;    // home to be counted
    uint64_t reached; // home of the smaller table that it goes to
    uint64_t carry;   // entries that found no place there or before it
    uint64_t pause;   // calls until the next survey
    uint32_t slots;   // of each bucket there that it counts on
};

// A large entry on its way to another place, piece by piece. Readers and writers keep to the old one.
struct keyspace_mover {
    struct entry *entry; // NULL: there is none
    uint8_t *place;
    size_t bytes;
    size_t done;
    uint32_t waits; // calls that found it lent to the kernel
};

// While growing, the homes of `tables[current]` below `left` have moved to the other table.
struct keyspace {
    uint8_t *base; // the arena's first byte
    struct arena *arena;
    uint64_t seed;
    uint64_t entries;
    uint64_t pinned_dead_bytes;
    uint64_t sweep_position; // where keyspace_sweep goes on
    uint32_t sweep_slot;     // and with which of the bucket's slots
    uint32_t next_id;
    uint32_t pins;
    uint32_t slots_used; // slots from here on were never used
    uint32_t current;
    uint16_t fresh_idle; // of new keys' entries
    bool growing;
    bool crowded;   // entries lie far from their homes: grow, whatever the load
    bool keep_size; // the table was made for keys that are still to come: do not shrink it
    uint16_t database_slots[DATABASES_MAX];
    struct table tables[2];
    // Memory of the table that is grown into (see keyspace_needs_soon): bytes that have been asked
    // for, and the first home of the other table that goes to the last range of them.
    uint64_t needed;
    uint64_t waits_at;
    bool waits; // for that range
    struct survey survey;
    struct keyspace_mover mover;
    bool pressed;          // memory is short: see keyspace_press
    uint64_t press_failed; // entries when no smaller table would do then; 0: it has not been so
    struct keyspace_slot slots[KEYSPACE_SLOTS_MAX];
    struct pin pin_cells[PIN_CELLS];
};

uint64_t keyspace_hash(const struct keyspace *keyspace, uint16_t slot, const void *key, size_t len);

// --- entries (keyspace_entry.c) --------------------------------------------------------------

struct entry_shape {
    uint8_t flags; // ENTRY_WIDE, ENTRY_EXPIRY
    uint32_t key_length;
    uint32_t value_length;
    int64_t expiry_ms;
};

// The most compact shape.
struct entry_shape entry_shape(uint32_t key_length, uint32_t value_length, int64_t expiry_ms);
size_t entry_shape_bytes(const struct entry_shape *shape);
// Writes everything before the key.
void entry_write_header(struct entry *entry, uint16_t slot, const struct entry_shape *shape);

static inline uint8_t *entry_key_at(struct entry *entry)
{
    return (uint8_t *)entry + entry_key_offset(entry);
}

static inline uint8_t *entry_value_at(struct entry *entry)
{
    return entry_key_at(entry) + entry_key_length(entry);
}

static inline size_t entry_bytes(const struct entry *entry)
{
    return entry_key_offset(entry) + entry_key_length(entry) + entry_value_length(entry);
}

// A block of at least `bytes` with header and key written; its value is undefined. NULL: no memory.
struct entry *entry_create(struct keyspace *keyspace, const struct key *key,
                           const struct entry_shape *shape, size_t bytes);
// True when an entry of `bytes` may stay in this entry's block, which is not far too large for it.
bool entry_block_fits(const struct keyspace *keyspace, const struct entry *entry, size_t bytes);
// What stays with an entry that is written anew with the same value.
static inline void entry_inherit(struct entry *entry, uint8_t flags, uint16_t idle)
{
    entry->flags |= flags & ENTRY_EDITED;
    entry->idle = idle;
}
// Frees the entry's block, or, when it is pinned, leaves that to the last unpin. The entry is no
// longer in the table.
void entry_release(struct keyspace *keyspace, struct entry *entry);

// --- places (keyspace.c) ---------------------------------------------------------------------

// Puts an entry that is not there yet into the table and counts it. False: no room. Only
// keyspace_link lets the table grow for it, which moves other entries' places.
bool keyspace_insert(struct keyspace *keyspace, const struct key *key, struct entry *entry);
bool keyspace_link(struct keyspace *keyspace, const struct key *key, struct entry *entry);
// Lets the place of `old` refer to `entry` instead and releases `old`.
void keyspace_relink(struct keyspace *keyspace, const struct place *place, struct entry *old,
                     struct entry *entry);
// Empties the place of `entry`, which is no longer counted; keyspace_unlink releases it, too.
void keyspace_remove(struct keyspace *keyspace, const struct place *place,
                     const struct entry *entry);
void keyspace_unlink(struct keyspace *keyspace, const struct place *place, struct entry *entry);
// Finds the place of an entry that is known to be there.
struct place keyspace_place(const struct keyspace *keyspace, uint64_t hash,
                            const struct entry *entry);
// Notes in the bucket and in the counters that an entry gains or loses its expiry.
void keyspace_mark(struct keyspace *keyspace, const struct place *place, uint16_t slot, bool before,
                   bool after);

// --- growing (keyspace_grow.c) ---------------------------------------------------------------

// What an insert contributes: starts growing where needed, and moves a few homes.
void keyspace_grow_for_insert(struct keyspace *keyspace);
// How many homes a smaller table may have, after looking at no more than `*buckets` of the present
// one's buckets, which are taken off; 0: not known yet, or it cannot be much smaller.
uint64_t keyspace_shrink_to(struct keyspace *keyspace, uint32_t *buckets);
// Are there so few entries in the table that a smaller one would do?
bool keyspace_may_shrink(const struct keyspace *keyspace, bool pressed);
// Buckets of the table that is grown into that are in use so far.
uint64_t keyspace_reached(const struct keyspace *keyspace);

// --- moving (keyspace_defrag.c, keyspace_slide.c) ----------------------------------------------

// Could the block be an entry, as far as it says itself? It may be anything.
bool keyspace_is_entry_like(const struct keyspace *keyspace, const struct entry *entry);
// The place that refers to the block: what has one is an entry.
bool keyspace_find_place(const struct keyspace *keyspace, const struct entry *entry,
                         struct place *place);
// Moves the span's entries into others. False: one of them has to stay, or there is no place for it.
// `*moved` at most KEYSPACE_MOVES_MAX: there may be more.
#define KEYSPACE_MOVES_MAX 256
bool keyspace_empty_span(struct keyspace *keyspace, struct arena_span *span, uint32_t *moved);

// The entry is about to change in its block, or to leave it: if it is being moved, it no longer is.
void keyspace_mover_drop(struct keyspace *keyspace);
static inline void keyspace_unsettle(struct keyspace *keyspace, const struct entry *entry)
{
    if (__builtin_expect(keyspace->mover.entry == entry, 0))
        keyspace_mover_drop(keyspace);
}

// --- walking (keyspace_scan.c) ---------------------------------------------------------------

// Where the home bucket after this one starts, 0 behind the last; a home of the table that is grown
// into ends where the part of it begins that is still in the old one.
uint64_t keyspace_next_position(const struct keyspace *keyspace, const struct table *table,
                                uint64_t home);

// The buckets of both tables that may hold entries, as one row.
uint64_t keyspace_bucket_total(const struct keyspace *keyspace);
const struct bucket *keyspace_nth_bucket(const struct keyspace *keyspace, uint64_t index);

// --- inline helpers --------------------------------------------------------------------------

static inline struct entry *keyspace_entry_at(const struct keyspace *keyspace, uint64_t offset)
{
    return (struct entry *)(void *)(keyspace->base + offset * 8);
}

static inline uint64_t keyspace_offset(const struct keyspace *keyspace, const struct entry *entry)
{
    return (uint64_t)((const uint8_t *)entry - keyspace->base) / 8;
}

static inline struct key entry_make_key(const struct keyspace *keyspace, const struct entry *entry)
{
    struct key key = {entry_key(entry), entry_key_length(entry), entry->slot, 0};
    key.hash = keyspace_hash(keyspace, entry->slot, key.data, key.length);
    return key;
}

// The table that holds the entries of this hash, and their home in it.
static inline const struct table *keyspace_table(const struct keyspace *keyspace, uint64_t hash,
                                                 uint64_t *home)
{
    const struct table *table = &keyspace->tables[keyspace->current];
    *home = table_home(table, hash);
    if (*home < table->left) {
        table = &keyspace->tables[keyspace->current ^ 1];
        *home = table_home(table, hash);
    }
    return table;
}

// As memmove, but data of length 0 may be NULL.
static inline void bytes_copy(uint8_t *to, const void *from, size_t length)
{
    if (length > 0)
        memmove(to, from, length);
}

static inline bool bytes_equal(const uint8_t *a, const uint8_t *b, size_t length)
{
    uint64_t x[2];
    uint64_t y[2];
    if (length < 8 || length > 16)
        return length == 0 || memcmp(a, b, length) == 0;
    memcpy(&x[0], a, 8);
    memcpy(&y[0], b, 8);
    memcpy(&x[1], a + length - 8, 8);
    memcpy(&y[1], b + length - 8, 8);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

static inline bool entry_is(const struct entry *entry, const struct key *key)
{
    return entry->slot == key->slot && entry_key_length(entry) == key->length &&
           bytes_equal(entry_key(entry), key->data, key->length);
}

// The key's entry and its place, or NULL.
static inline struct entry *keyspace_locate(const struct keyspace *keyspace, const struct key *key,
                                            struct place *place)
{
    uint64_t home;
    const struct table *table = keyspace_table(keyspace, key->hash, &home);
    uint8_t tag = table_tag(key->hash);
    for (uint64_t index = home; index < table->total; index++) {
        struct bucket *bucket = &table->buckets[index];
        for (uint32_t mask = bucket_match(bucket, tag); mask != 0; mask &= mask - 1) {
            uint32_t slot = (uint32_t)__builtin_ctz(mask);
            struct entry *entry = keyspace_entry_at(keyspace, bucket_offset(bucket, slot));
            if (entry_is(entry, key)) {
                *place = (struct place){&table->buckets[home], bucket, slot};
                return entry;
            }
        }
        if (bucket->overflow == 0)
            return NULL;
    }
    return NULL;
}

// Prefetches the entries of a bucket whose slots are in `mask`: the header, and the byte `last`
// bytes behind it, when that lies on another cache line.
static inline void keyspace_prefetch_slots(const struct keyspace *keyspace,
                                           const struct bucket *bucket, uint32_t mask, size_t last)
{
    for (; mask != 0; mask &= mask - 1) {
        uint64_t offset = bucket_offset(bucket, (uint32_t)__builtin_ctz(mask));
        const uint8_t *entry = keyspace->base + offset * 8;
        __builtin_prefetch(entry);
        __builtin_prefetch(entry + last);
    }
    // Prefetches alone do not keep GCC 12 from taking this for a function without effects, and
    // dropping the call.
    __asm__ volatile("");
}

// How far a short key reaches, and a short value.
#define PREFETCH_KEY 24
#define PREFETCH_VALUE 64

#endif
