// Entries: their shapes, creation and release.
#include "storage/keyspace_internal.h"

// An entry that changes its length stays in its block when at most this part of it is left over: many
// that become a little shorter would otherwise keep an eighth of memory.
#define ENTRY_WASTE_PART 32

struct entry_shape entry_shape(uint32_t key_length, uint32_t value_length, int64_t expiry_ms)
{
    assert(key_length <= KEY_BYTES_MAX && value_length <= VALUE_BYTES_MAX);
    assert(expiry_ms >= 0);
    bool wide = key_length > UINT8_MAX || value_length > UINT16_MAX;
    return (struct entry_shape){
        .flags = (uint8_t)((wide ? ENTRY_WIDE : 0) | (expiry_ms != 0 ? ENTRY_EXPIRY : 0)),
        .key_length = key_length,
        .value_length = value_length,
        .expiry_ms = expiry_ms,
    };
}

size_t entry_shape_bytes(const struct entry_shape *shape)
{
    struct entry header = {.flags = shape->flags};
    return entry_key_offset(&header) + shape->key_length + shape->value_length;
}

void entry_write_header(struct entry *entry, uint16_t slot, const struct entry_shape *shape)
{
    assert(((shape->flags & ENTRY_EXPIRY) != 0) == (shape->expiry_ms != 0));
    *entry = (struct entry){.slot = slot, .flags = shape->flags};
    int64_t *expiry = (int64_t *)(entry + 1);
    if (shape->flags & ENTRY_WIDE) {
        *(struct entry_lengths *)(entry + 1) =
            (struct entry_lengths){shape->key_length, shape->value_length};
        expiry++;
        *expiry = shape->expiry_ms;
        return;
    }
    assert(shape->key_length <= UINT8_MAX && shape->value_length <= UINT16_MAX);
    entry->key_length = (uint8_t)shape->key_length;
    entry->value_length = (uint16_t)shape->value_length;
    if (shape->flags & ENTRY_EXPIRY)
        *expiry = shape->expiry_ms;
}

struct entry *entry_create(struct keyspace *keyspace, const struct key *key,
                           const struct entry_shape *shape, size_t bytes)
{
    assert(shape->key_length == key->length && bytes >= entry_shape_bytes(shape));
    struct entry *entry = arena_alloc(keyspace->arena, bytes);
    if (entry == NULL)
        return NULL;
    entry_write_header(entry, key->slot, shape);
    bytes_copy(entry_key_at(entry), key->data, key->length);
    return entry;
}

void entry_release(struct keyspace *keyspace, struct entry *entry)
{
    assert(!(entry->flags & ENTRY_DEAD));
    keyspace_unsettle(keyspace, entry);
    if (entry->flags & ENTRY_PINNED) {
        entry->flags |= ENTRY_DEAD;
        keyspace->pinned_dead_bytes += arena_block_bytes(keyspace->arena, entry);
        return;
    }
    arena_free(keyspace->arena, entry);
}

bool entry_block_fits(const struct keyspace *keyspace, const struct entry *entry, size_t bytes)
{
    size_t capacity = arena_block_bytes(keyspace->arena, entry);
    return bytes <= capacity && capacity - arena_round(bytes) <= capacity / ENTRY_WASTE_PART;
}

size_t keyspace_entry_bytes(uint32_t key_length, uint32_t value_length, bool expiry)
{
    struct entry_shape shape = entry_shape(key_length, value_length, expiry);
    return arena_round(entry_shape_bytes(&shape));
}
