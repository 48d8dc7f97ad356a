// The hold table: one 64-bit batch number per cell, indexed by key hash.
#include "server/hold.h"

#include "conf/limits.h"
#include "storage/allocator.h"

#include <assert.h>

struct hold {
    uint64_t floor; // newest batch that touched everything
    uint64_t cells[HOLD_CELLS];
};

// The lowest bits of a hash are the tag in its bucket, the highest its place: the middle is free.
static inline size_t hold_cell(uint64_t hash)
{
    return (size_t)(hash >> 8) & (HOLD_CELLS - 1);
}

size_t hold_overhead(void)
{
    return sizeof(struct hold) + 64;
}

struct hold *hold_create(struct allocator *allocator)
{
    return allocator_take(allocator, sizeof(struct hold), 64);
}

void hold_prefetch(const struct hold *hold, uint64_t hash)
{
    __builtin_prefetch(&hold->cells[hold_cell(hash)], 1);
}

void hold_touch(struct hold *hold, uint64_t hash, uint64_t batch)
{
    uint64_t *cell = &hold->cells[hold_cell(hash)];
    assert(batch >= *cell);
    *cell = batch;
}

void hold_touch_all(struct hold *hold, uint64_t batch)
{
    assert(batch >= hold->floor);
    hold->floor = batch;
}

uint64_t hold_batch(const struct hold *hold, uint64_t hash)
{
    uint64_t batch = hold->cells[hold_cell(hash)];
    return batch > hold->floor ? batch : hold->floor;
}
