// The keyspace: creation, finding, setting and deleting keys.
#include "storage/keyspace_internal.h"

#include "storage/allocator.h"

// Address space for tables: the smallest entry takes 16 bytes of the arena (a header and a key).
// Tables grow at a load above 0.80, by a factor of at most 2.
#define SMALLEST_ENTRY_BYTES 16
#define TABLE_HOMES_MIN 64
// Load at which the keys that keyspace_expect announces end up.
#define EXPECTED_LOAD_PERCENT 78

size_t keyspace_region_bytes(size_t arena_bytes)
{
    size_t entries = arena_bytes / SMALLEST_ENTRY_BYTES;
    size_t homes = entries / (TABLE_SLOTS * 80 / 100) * 2 + TABLE_HOMES_MIN;
    size_t bytes = (homes + TABLE_SPARE) * sizeof(struct bucket);
    return (bytes + ARENA_PAGE_BYTES) / ARENA_PAGE_BYTES * ARENA_PAGE_BYTES;
}

size_t keyspace_overhead(void)
{
    return sizeof(struct keyspace) + 64;
}

struct keyspace *keyspace_create(struct allocator *allocator, struct arena *arena,
                                 void *const regions[2], size_t region_bytes, uint64_t seed)
{
    assert(arena != NULL && regions[0] != NULL && regions[1] != NULL);
    struct keyspace *keyspace = allocator_take(allocator, sizeof(*keyspace), 64);
    if (keyspace == NULL)
        return NULL;
    keyspace->arena = arena;
    keyspace->base = arena_at(arena, 0);
    keyspace->seed = seed;
    for (int i = 0; i < 2; i++)
        table_init(&keyspace->tables[i], regions[i], region_bytes);
    bool opened = table_open(&keyspace->tables[0], TABLE_HOMES_MIN);
    assert(opened);
    for (uint16_t i = 0; i < DATABASES_MAX; i++) {
        keyspace->slots[i] = (struct keyspace_slot){.id = i + 1U, .database = i + 1U};
        keyspace->database_slots[i] = i;
    }
    keyspace->slots_used = DATABASES_MAX;
    keyspace->next_id = DATABASES_MAX + 1;
    return keyspace;
}

void keyspace_fresh(struct keyspace *keyspace, uint16_t idle)
{
    keyspace->fresh_idle = idle;
}

void keyspace_expect(struct keyspace *keyspace, uint64_t keys)
{
    assert(keyspace->entries == 0);
    while (keyspace_grow(keyspace, UINT32_MAX))
        ;
    struct table *before = &keyspace->tables[keyspace->current];
    struct table *after = &keyspace->tables[keyspace->current ^ 1];
    uint64_t homes = keys * 100 / (TABLE_SLOTS * EXPECTED_LOAD_PERCENT) + TABLE_HOMES_MIN;
    uint64_t most = after->capacity - TABLE_SPARE;
    homes = homes < most ? homes : most;
    if (homes <= before->homes)
        return;
    bool opened = table_open(after, homes);
    assert(opened);
    while (before->left < before->homes)
        table_leave(before);
    table_close(before);
    keyspace->current ^= 1;
    keyspace->keep_size = true;
}

// --- finding ---------------------------------------------------------------------------------

struct key keyspace_key(const struct keyspace *keyspace, uint32_t database, const void *data,
                        uint32_t length)
{
    assert(database < DATABASES_MAX);
    assert(length <= KEY_BYTES_MAX);
    struct key key = {data, length, keyspace->database_slots[database], 0};
    key.hash = keyspace_hash(keyspace, key.slot, data, length);
    return key;
}

bool key_equal(const struct key *a, const struct key *b)
{
    return a->slot == b->slot && a->length == b->length && bytes_equal(a->data, b->data, a->length);
}

void keyspace_prefetch_bucket(const struct keyspace *keyspace, const struct key *key)
{
    uint64_t home;
    const struct table *table = keyspace_table(keyspace, key->hash, &home);
    __builtin_prefetch(&table->buckets[home]);
    __asm__ volatile(""); // see keyspace_prefetch_slots
}

void keyspace_prefetch_entry(const struct keyspace *keyspace, const struct key *key)
{
    uint64_t home;
    const struct table *table = keyspace_table(keyspace, key->hash, &home);
    const struct bucket *bucket = &table->buckets[home];
    uint32_t mask = bucket_match(bucket, table_tag(key->hash));
    if (mask != 0) {
        const uint8_t *entry =
            keyspace->base + bucket_offset(bucket, (uint32_t)__builtin_ctz(mask)) * 8;
        __builtin_prefetch(entry);
        __builtin_prefetch(entry + 64);
    } else if (bucket->overflow != 0) {
        __builtin_prefetch(bucket + 1);
    }
    __asm__ volatile("");
}

struct entry *keyspace_find(const struct keyspace *keyspace, const struct key *key)
{
    struct place place;
    return keyspace_locate(keyspace, key, &place);
}

// --- places ----------------------------------------------------------------------------------

struct place keyspace_place(const struct keyspace *keyspace, uint64_t hash,
                            const struct entry *entry)
{
    uint64_t home;
    const struct table *table = keyspace_table(keyspace, hash, &home);
    uint64_t offset = keyspace_offset(keyspace, entry);
    uint8_t tag = table_tag(hash);
    for (uint64_t index = home; index < table->total; index++) {
        struct bucket *bucket = &table->buckets[index];
        for (uint32_t mask = bucket_match(bucket, tag); mask != 0; mask &= mask - 1) {
            uint32_t slot = (uint32_t)__builtin_ctz(mask);
            if (bucket_offset(bucket, slot) == offset)
                return (struct place){&table->buckets[home], bucket, slot};
        }
        assert(bucket->overflow > 0);
    }
    assert(!"the entry is in the table");
    return (struct place){0};
}

bool keyspace_link(struct keyspace *keyspace, const struct key *key, struct entry *entry)
{
    keyspace_grow_for_insert(keyspace);
    return keyspace_insert(keyspace, key, entry);
}

// So many entries whose homes are a bucket or one before it do not lie behind it in a table that is
// evenly filled, however large (at a load of 0.82 the chance is 1e-8). Where many keys have been
// deleted in hash order, by a client that follows SCAN, those that are left lie close together.
#define CROWDED_OVERFLOW 50

bool keyspace_insert(struct keyspace *keyspace, const struct key *key, struct entry *entry)
{
    uint64_t home;
    struct table *table = (struct table *)keyspace_table(keyspace, key->hash, &home);
    bool expires = (entry->flags & ENTRY_EXPIRY) != 0;
    uint64_t offset = keyspace_offset(keyspace, entry);
    // Beyond this load a table that cannot grow any more refuses.
    if (keyspace->entries >= table->homes * TABLE_SLOTS * 95 / 100 + TABLE_SLOTS)
        return false;
    if (!table_insert(table, home, table_tag(key->hash), offset, expires))
        return false;
    if (__builtin_expect(table->buckets[home].overflow >= CROWDED_OVERFLOW, 0) &&
        !keyspace->growing)
        keyspace->crowded = true;
    keyspace->entries++;
    keyspace->slots[key->slot].keys++;
    keyspace->slots[key->slot].volatile_keys += expires;
    return true;
}

void keyspace_relink(struct keyspace *keyspace, const struct place *place, struct entry *old,
                     struct entry *entry)
{
    assert(bucket_offset(place->bucket, place->slot) == keyspace_offset(keyspace, old));
    bucket_point(place->bucket, place->slot, keyspace_offset(keyspace, entry));
    keyspace_mark(keyspace, place, entry->slot, (old->flags & ENTRY_EXPIRY) != 0,
                  (entry->flags & ENTRY_EXPIRY) != 0);
    entry_release(keyspace, old);
}

void keyspace_remove(struct keyspace *keyspace, const struct place *place,
                     const struct entry *entry)
{
    assert(bucket_offset(place->bucket, place->slot) == keyspace_offset(keyspace, entry));
    struct keyspace_slot *slot = &keyspace->slots[entry->slot];
    assert(slot->keys > 0 && keyspace->entries > 0);
    table_erase(place);
    keyspace->entries--;
    slot->keys--;
    if (entry->flags & ENTRY_EXPIRY) {
        assert(slot->volatile_keys > 0);
        slot->volatile_keys--;
    }
}

void keyspace_unlink(struct keyspace *keyspace, const struct place *place, struct entry *entry)
{
    keyspace_remove(keyspace, place, entry);
    entry_release(keyspace, entry);
}

void keyspace_mark(struct keyspace *keyspace, const struct place *place, uint16_t slot, bool before,
                   bool after)
{
    if (before == after)
        return;
    assert(after || keyspace->slots[slot].volatile_keys > 0);
    bucket_mark_volatile(place->bucket, place->slot, after);
    keyspace->slots[slot].volatile_keys += after ? 1 : UINT64_MAX;
}

// --- setting and deleting --------------------------------------------------------------------

static bool lies_inside(const struct keyspace *keyspace, const void *data,
                        const struct entry *entry)
{
    const uint8_t *start = (const uint8_t *)entry;
    const uint8_t *byte = data;
    return byte >= start && byte < start + arena_block_bytes(keyspace->arena, entry);
}

// True when an entry of this shape may be written over `old`.
static bool fits_in_place(const struct keyspace *keyspace, const struct entry *old,
                          const struct entry_shape *shape, const void *value)
{
    if (old->flags & ENTRY_PINNED)
        return false;
    size_t wanted = entry_shape_bytes(shape);
    bool same_start = ((old->flags ^ shape->flags) & (ENTRY_WIDE | ENTRY_EXPIRY)) == 0;
    if (same_start && wanted == entry_bytes(old))
        return true;
    if (!entry_block_fits(keyspace, old, wanted))
        return false;
    // When the key has to move, it would be written over a value that lies in the same block.
    return same_start || !lies_inside(keyspace, value, old);
}

static struct entry *replace(struct keyspace *keyspace, const struct key *key,
                             const struct place *place, struct entry *old, const void *value,
                             const struct entry_shape *shape)
{
    uint16_t idle = old->idle;
    if (!fits_in_place(keyspace, old, shape, value)) {
        struct entry *entry = entry_create(keyspace, key, shape, entry_shape_bytes(shape));
        if (entry == NULL)
            return NULL;
        entry->idle = idle;
        bytes_copy(entry_value_at(entry), value, shape->value_length);
        keyspace_relink(keyspace, place, old, entry);
        return entry;
    }
    keyspace_unsettle(keyspace, old);
    bool before = (old->flags & ENTRY_EXPIRY) != 0;
    struct entry header = {.flags = shape->flags};
    uint8_t *key_to = (uint8_t *)old + entry_key_offset(&header);
    // In this order: the key's old place may be the header's new one.
    if (key_to != entry_key_at(old))
        memmove(key_to, entry_key_at(old), shape->key_length);
    entry_write_header(old, key->slot, shape);
    old->idle = idle;
    bytes_copy(key_to + shape->key_length, value, shape->value_length);
    keyspace_mark(keyspace, place, key->slot, before, shape->expiry_ms != 0);
    return old;
}

struct entry *keyspace_set(struct keyspace *keyspace, const struct key *key, const void *value,
                           uint32_t value_length, int64_t expiry_ms)
{
    struct entry_shape shape = entry_shape(key->length, value_length, expiry_ms);
    struct place place;
    struct entry *old = keyspace_locate(keyspace, key, &place);
    if (old != NULL)
        return replace(keyspace, key, &place, old, value, &shape);
    struct entry *entry = entry_create(keyspace, key, &shape, entry_shape_bytes(&shape));
    if (entry == NULL)
        return NULL;
    entry->idle = keyspace->fresh_idle;
    bytes_copy(entry_value_at(entry), value, value_length);
    if (!keyspace_link(keyspace, key, entry)) {
        arena_free(keyspace->arena, entry);
        return NULL;
    }
    return entry;
}

bool keyspace_delete(struct keyspace *keyspace, const struct key *key)
{
    struct place place;
    struct entry *entry = keyspace_locate(keyspace, key, &place);
    if (entry == NULL)
        return false;
    keyspace_unlink(keyspace, &place, entry);
    return true;
}

// --- figures ---------------------------------------------------------------------------------

void keyspace_stats(const struct keyspace *keyspace, struct keyspace_stats *stats)
{
    const struct table *table = &keyspace->tables[keyspace->current];
    const struct table *other = &keyspace->tables[keyspace->current ^ 1];
    uint64_t buckets = table->total - table->left + keyspace_reached(keyspace);
    *stats = (struct keyspace_stats){
        .entries = keyspace->entries,
        .buckets = table->total,
        .bucket_bytes = buckets * sizeof(struct bucket),
        .grown_to = keyspace->growing ? other->total : 0,
        .pinned_dead_bytes = keyspace->pinned_dead_bytes,
        .pins = keyspace->pins,
    };
}

size_t keyspace_table_bytes(const struct keyspace *keyspace)
{
    const struct table *table = &keyspace->tables[keyspace->current];
    const struct table *other = &keyspace->tables[keyspace->current ^ 1];
    uint64_t buckets = table->total - table->left + keyspace_reached(keyspace);
    return buckets * sizeof(struct bucket) + table_stale_bytes(table) + table_stale_bytes(other);
}
