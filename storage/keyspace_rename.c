// Renaming: an entry gets another key.
#include "storage/keyspace_internal.h"

// Writes another key into an entry, whose value moves only as far as that needs.
static void rewrite(struct entry *entry, const struct key *to, const struct entry_shape *shape)
{
    struct entry header = {.flags = shape->flags};
    uint8_t *key_to = (uint8_t *)entry + entry_key_offset(&header);
    uint8_t flags = entry->flags;
    uint16_t idle = entry->idle;
    // The value first: what is written before it may take its old place.
    bytes_copy(key_to + to->length, entry_value(entry), shape->value_length);
    entry_write_header(entry, to->slot, shape);
    entry_inherit(entry, flags, idle);
    bytes_copy(key_to, to->data, to->length);
}

// The value needs a block of another size, or is lent to the kernel: it is copied.
static struct entry *copy(struct keyspace *keyspace, const struct key *from, const struct key *to,
                          const struct entry *entry)
{
    struct entry *result = keyspace_set(keyspace, to, entry_value(entry), entry_value_length(entry),
                                        entry_expiry(entry));
    if (result == NULL)
        return NULL;
    entry_inherit(result, entry->flags, entry->idle);
    keyspace_delete(keyspace, from);
    return result;
}

struct entry *keyspace_rename(struct keyspace *keyspace, const struct key *from,
                              const struct key *to)
{
    keyspace_grow_for_insert(keyspace);
    struct place from_place;
    struct place to_place;
    struct entry *entry = keyspace_locate(keyspace, from, &from_place);
    struct entry *old = keyspace_locate(keyspace, to, &to_place);
    assert(entry != NULL && entry != old);
    struct entry_shape shape =
        entry_shape(to->length, entry_value_length(entry), entry_expiry(entry));
    if ((entry->flags & ENTRY_PINNED) ||
        !entry_block_fits(keyspace, entry, entry_shape_bytes(&shape)))
        return copy(keyspace, from, to, entry);
    // Places stay where they are while nothing grows. Only the first step can fail.
    if (old == NULL && !keyspace_insert(keyspace, to, entry))
        return NULL;
    keyspace_unsettle(keyspace, entry);
    keyspace_remove(keyspace, &from_place, entry);
    rewrite(entry, to, &shape);
    if (old != NULL)
        keyspace_relink(keyspace, &to_place, old, entry);
    return entry;
}
