// One key with its value and expiry, in one block of memory. Only storage/ changes entries.
#ifndef PORO_STORAGE_ENTRY_H
#define PORO_STORAGE_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Layout: this header, [struct entry_lengths], [int64_t expiry, ms], key, value.
struct entry {
    uint16_t slot; // the keyspace that it belongs to, see keyspace.h
    uint16_t idle; // when it was used last, on the owner's coarse clock
    uint8_t flags;
    uint8_t key_length;    // unless ENTRY_WIDE
    uint16_t value_length; // unless ENTRY_WIDE
};

struct entry_lengths {
    uint32_t key;
    uint32_t value;
};

enum entry_flags {
    ENTRY_WIDE = 1,   // lengths follow in an entry_lengths; the expiry field is there too (0: none)
    ENTRY_EXPIRY = 2, // an expiry follows
    ENTRY_PINNED = 4, // its bytes are lent to the kernel: neither change nor free them
    ENTRY_DEAD = 8,   // no longer in the table, kept only because it is pinned
    ENTRY_EDITED = 16, // bytes of its value were changed in place, after it had been set
};

static inline size_t entry_key_offset(const struct entry *entry)
{
    if (entry->flags & ENTRY_WIDE)
        return sizeof(struct entry) + sizeof(struct entry_lengths) + sizeof(int64_t);
    return sizeof(struct entry) + ((entry->flags & ENTRY_EXPIRY) ? sizeof(int64_t) : 0);
}

static inline uint32_t entry_key_length(const struct entry *entry)
{
    if (entry->flags & ENTRY_WIDE)
        return ((const struct entry_lengths *)(entry + 1))->key;
    return entry->key_length;
}

static inline uint32_t entry_value_length(const struct entry *entry)
{
    if (entry->flags & ENTRY_WIDE)
        return ((const struct entry_lengths *)(entry + 1))->value;
    return entry->value_length;
}

static inline const uint8_t *entry_key(const struct entry *entry)
{
    return (const uint8_t *)entry + entry_key_offset(entry);
}

static inline const uint8_t *entry_value(const struct entry *entry)
{
    return entry_key(entry) + entry_key_length(entry);
}

// Absolute time in milliseconds since 1970 at which the entry is gone; 0 when it never is.
static inline int64_t entry_expiry(const struct entry *entry)
{
    if (!(entry->flags & ENTRY_EXPIRY))
        return 0;
    size_t lengths = (entry->flags & ENTRY_WIDE) ? sizeof(struct entry_lengths) : 0;
    return *(const int64_t *)((const uint8_t *)(entry + 1) + lengths);
}

// The entry is used now. Its cache line is only dirtied when the coarse clock has moved.
static inline void entry_touch(struct entry *entry, uint16_t clock)
{
    if (entry->idle != clock)
        entry->idle = clock;
}

static inline void entry_mark_edited(struct entry *entry)
{
    entry->flags |= ENTRY_EDITED;
}

#endif
