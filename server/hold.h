// The hold table: which batch of the log touched a key last, so that no reply reveals what a power
// cut could still undo.
#ifndef PORO_SERVER_HOLD_H
#define PORO_SERVER_HOLD_H

#include <stddef.h>
#include <stdint.h>

struct allocator;
struct hold;

size_t hold_overhead(void);
struct hold *hold_create(struct allocator *allocator);

// Fetches the key's cell into the cache, ahead of the calls below.
void hold_prefetch(const struct hold *hold, uint64_t hash);

// A record about the key with this hash went into `batch`.
void hold_touch(struct hold *hold, uint64_t hash, uint64_t batch);
// A record about a whole database, or several, went into `batch`.
void hold_touch_all(struct hold *hold, uint64_t batch);
// The newest batch that may have touched the key. Hashes share cells: it may be one too new, and
// then a reply waits a little longer than it must.
uint64_t hold_batch(const struct hold *hold, uint64_t hash);

#endif
