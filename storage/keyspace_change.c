// Changing an entry that is there: its value's length, its value's bytes, its expiry.
#include "storage/keyspace_internal.h"

// Part of a growing value that its block gets in reserve.
#define RESERVE_PART 4

static struct entry_shape shape_of(const struct entry *entry, uint32_t value_length)
{
    return entry_shape(entry_key_length(entry), value_length, entry_expiry(entry));
}

// Moves the entry into a new block of the given shape and at least `bytes`, keeping the common part
// of the value. NULL: no memory.
static struct entry *move(struct keyspace *keyspace, const struct key *key, struct entry *old,
                          const struct entry_shape *shape, size_t bytes)
{
    // The key's bytes may lie in the entry that is about to be freed: not used after that.
    struct entry *entry = entry_create(keyspace, key, shape, bytes);
    if (entry == NULL)
        return NULL;
    uint32_t before = entry_value_length(old);
    uint32_t common = before < shape->value_length ? before : shape->value_length;
    bytes_copy(entry_value_at(entry), entry_value(old), common);
    entry_inherit(entry, old->flags, old->idle);
    struct place place = keyspace_place(keyspace, key->hash, old);
    keyspace_relink(keyspace, &place, old, entry);
    return entry;
}

static void set_value_length(struct entry *entry, uint32_t length)
{
    if (entry->flags & ENTRY_WIDE) {
        ((struct entry_lengths *)(entry + 1))->value = length;
        return;
    }
    assert(length <= UINT16_MAX);
    entry->value_length = (uint16_t)length;
}

// True when the entry's block can hold the value at its new length, and is not far too large.
static bool can_stay(const struct keyspace *keyspace, const struct entry *entry,
                     uint32_t value_length)
{
    if (entry->flags & ENTRY_PINNED)
        return false;
    if (!(entry->flags & ENTRY_WIDE) && value_length > UINT16_MAX)
        return false;
    size_t wanted = entry_bytes(entry) - entry_value_length(entry) + value_length;
    size_t capacity = arena_block_bytes(keyspace->arena, entry);
    if (wanted > capacity)
        return false;
    // A reserve is kept while the value grows, and given up when the value shrinks far.
    return value_length >= entry_value_length(entry) || arena_round(wanted) * 2 > capacity;
}

struct entry *keyspace_resize(struct keyspace *keyspace, const struct key *key, struct entry *entry,
                              uint32_t value_length)
{
    assert(!(entry->flags & ENTRY_DEAD) && value_length <= VALUE_BYTES_MAX);
    uint32_t before = entry_value_length(entry);
    if (can_stay(keyspace, entry, value_length)) {
        keyspace_unsettle(keyspace, entry);
        set_value_length(entry, value_length);
    } else {
        struct entry_shape shape = shape_of(entry, value_length);
        size_t bytes = entry_shape_bytes(&shape);
        // A value that is given its first bytes is not (yet) one that grows.
        size_t reserve = before > 0 && value_length > before ? value_length / RESERVE_PART : 0;
        struct entry *moved = move(keyspace, key, entry, &shape, bytes + reserve);
        if (moved == NULL && reserve > 0)
            moved = move(keyspace, key, entry, &shape, bytes);
        if (moved == NULL)
            return NULL;
        entry = moved;
    }
    if (value_length > before)
        memset(entry_value_at(entry) + before, 0, value_length - before);
    return entry;
}

struct entry *keyspace_write(struct keyspace *keyspace, const struct key *key, struct entry *entry,
                             uint32_t offset, const void *data, uint32_t length)
{
    uint32_t value_length = entry_value_length(entry);
    assert(!(entry->flags & ENTRY_DEAD));
    assert(offset <= value_length && length <= value_length - offset);
    const struct entry *source = entry;
    if (entry->flags & ENTRY_PINNED) {
        struct entry_shape shape = shape_of(entry, value_length);
        // The pinned block stays, dead: data may lie in it.
        entry = move(keyspace, key, entry, &shape, entry_shape_bytes(&shape));
        if (entry == NULL)
            return NULL;
        assert(source->flags & ENTRY_DEAD);
    }
    bytes_copy(entry_value_at(entry) + offset, data, length);
    // What is written to all the time could never be moved otherwise.
    struct keyspace_mover *mover = &keyspace->mover;
    if (__builtin_expect(mover->entry == entry, 0)) {
        size_t at = (size_t)(entry_value_at(entry) + offset - (uint8_t *)entry);
        bytes_copy(mover->place + at, (const uint8_t *)entry + at, length);
    }
    return entry;
}

// Inserts or removes the expiry field of an entry that is not wide, in its own block.
static void shift(struct entry *entry, int64_t expiry_ms)
{
    assert(!(entry->flags & (ENTRY_WIDE | ENTRY_PINNED)));
    uint8_t *from = entry_key_at(entry);
    size_t length = entry_key_length(entry) + (size_t)entry_value_length(entry);
    entry->flags = (uint8_t)((entry->flags & ENTRY_EDITED) | (expiry_ms != 0 ? ENTRY_EXPIRY : 0));
    memmove(entry_key_at(entry), from, length);
    if (expiry_ms != 0)
        *(int64_t *)(entry + 1) = expiry_ms;
}

struct entry *keyspace_set_expiry(struct keyspace *keyspace, const struct key *key,
                                  struct entry *entry, int64_t expiry_ms)
{
    assert(!(entry->flags & ENTRY_DEAD) && expiry_ms >= 0);
    bool before = (entry->flags & ENTRY_EXPIRY) != 0;
    bool after = expiry_ms != 0;
    if (!before && !after)
        return entry;
    // The field has a place already: no byte of the value moves, so a pin does not matter.
    if ((entry->flags & ENTRY_WIDE) || (before && after)) {
        size_t lengths = (entry->flags & ENTRY_WIDE) ? sizeof(struct entry_lengths) : 0;
        *(int64_t *)((uint8_t *)(entry + 1) + lengths) = expiry_ms;
        entry->flags = (uint8_t)((entry->flags & ~ENTRY_EXPIRY) | (after ? ENTRY_EXPIRY : 0));
    } else {
        struct entry_shape shape =
            entry_shape(entry_key_length(entry), entry_value_length(entry), expiry_ms);
        size_t bytes = entry_shape_bytes(&shape);
        if ((entry->flags & ENTRY_PINNED) || bytes > arena_block_bytes(keyspace->arena, entry))
            return move(keyspace, key, entry, &shape, bytes);
        keyspace_unsettle(keyspace, entry);
        shift(entry, expiry_ms);
    }
    if (before != after) {
        struct place place = keyspace_place(keyspace, key->hash, entry);
        keyspace_mark(keyspace, &place, entry->slot, before, after);
    }
    return entry;
}
