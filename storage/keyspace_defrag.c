// Defragmentation: entries move together, so that spans of the arena become empty.
#include "storage/keyspace_internal.h"

bool keyspace_is_entry_like(const struct keyspace *keyspace, const struct entry *entry)
{
    size_t capacity = arena_block_bytes(keyspace->arena, entry);
    if (capacity < sizeof(*entry) || entry->slot >= KEYSPACE_SLOTS_MAX)
        return false;
    size_t offset = entry_key_offset(entry);
    return offset <= capacity && entry_key_length(entry) <= capacity - offset &&
           entry_value_length(entry) <= capacity - offset - entry_key_length(entry);
}

bool keyspace_find_place(const struct keyspace *keyspace, const struct entry *entry,
                         struct place *place)
{
    uint64_t home;
    uint64_t offset = keyspace_offset(keyspace, entry);
    uint64_t hash = keyspace_hash(keyspace, entry->slot, entry_key(entry), entry_key_length(entry));
    const struct table *table = keyspace_table(keyspace, hash, &home);
    for (uint64_t index = home; index < table->total; index++) {
        struct bucket *bucket = &table->buckets[index];
        for (uint32_t mask = bucket_match(bucket, table_tag(hash)); mask != 0; mask &= mask - 1) {
            uint32_t slot = (uint32_t)__builtin_ctz(mask);
            if (bucket_offset(bucket, slot) == offset) {
                *place = (struct place){&table->buckets[home], bucket, slot};
                return true;
            }
        }
        if (bucket->overflow == 0)
            return false;
    }
    return false;
}

// False when it has to stay where it is, or there is no other place.
static bool move_block(struct keyspace *keyspace, struct entry *entry)
{
    struct place place;
    if (!keyspace_is_entry_like(keyspace, entry) || (entry->flags & (ENTRY_PINNED | ENTRY_DEAD)) ||
        !keyspace_find_place(keyspace, entry, &place))
        return false;
    size_t bytes = entry_bytes(entry);
    struct entry *moved = arena_alloc_like(keyspace->arena, entry, bytes);
    if (moved == NULL)
        return false;
    memcpy(moved, entry, bytes);
    bucket_point(place.bucket, place.slot, keyspace_offset(keyspace, moved));
    arena_free(keyspace->arena, entry);
    return true;
}

bool keyspace_empty_span(struct keyspace *keyspace, struct arena_span *span, uint32_t *moved)
{
    struct entry *block;
    *moved = 0;
    while (*moved < KEYSPACE_MOVES_MAX &&
           (block = arena_span_next(keyspace->arena, span)) != NULL) {
        if (!move_block(keyspace, block))
            return false;
        ++*moved;
    }
    return true;
}

enum keyspace_defrag keyspace_defrag(struct keyspace *keyspace, uint32_t runs, uint32_t *moved)
{
    struct arena_span span;
    *moved = 0;
    if (!arena_thin_span(keyspace->arena, runs, &span))
        return KEYSPACE_DEFRAG_NOTHING;
    bool all = keyspace_empty_span(keyspace, &span, moved);
    if (all && *moved == KEYSPACE_MOVES_MAX) {
        arena_span_pause(keyspace->arena, &span);
        return KEYSPACE_DEFRAG_PART;
    }
    arena_span_end(keyspace->arena, &span);
    return all ? KEYSPACE_DEFRAG_FREED : KEYSPACE_DEFRAG_STUCK;
}
