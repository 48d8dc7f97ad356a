// Large values: blocks that receive a value before they become its entry.
#include "storage/keyspace_internal.h"

struct entry *keyspace_block_create(struct keyspace *keyspace, uint32_t key_length,
                                    uint32_t value_length, uint32_t slack)
{
    assert(key_length <= KEY_BYTES_MAX && value_length <= VALUE_BYTES_MAX);
    struct entry_shape shape = {
        .flags = ENTRY_WIDE, .key_length = key_length, .value_length = value_length};
    struct entry *block = arena_alloc(keyspace->arena, entry_shape_bytes(&shape) + slack);
    if (block != NULL)
        entry_write_header(block, 0, &shape);
    return block;
}

uint8_t *keyspace_block_value(struct entry *block)
{
    assert(block->flags == ENTRY_WIDE);
    return entry_value_at(block);
}

void keyspace_block_free(struct keyspace *keyspace, struct entry *block)
{
    assert(block->flags == ENTRY_WIDE);
    arena_free(keyspace->arena, block);
}

struct entry *keyspace_adopt(struct keyspace *keyspace, const struct key *key, struct entry *block,
                             int64_t expiry_ms)
{
    assert(block->flags == ENTRY_WIDE && entry_key_length(block) == key->length);
    struct entry_shape shape = {
        .flags = (uint8_t)(ENTRY_WIDE | (expiry_ms != 0 ? ENTRY_EXPIRY : 0)),
        .key_length = key->length,
        .value_length = entry_value_length(block),
        .expiry_ms = expiry_ms,
    };
    struct place place;
    struct entry *old = keyspace_locate(keyspace, key, &place);
    entry_write_header(block, key->slot, &shape);
    bytes_copy(entry_key_at(block), key->data, key->length);
    block->idle = old != NULL ? old->idle : keyspace->fresh_idle;
    if (old != NULL) {
        keyspace_relink(keyspace, &place, old, block);
    } else if (!keyspace_link(keyspace, key, block)) {
        block->flags = ENTRY_WIDE; // the caller's again
        return NULL;
    }
    return block;
}
