// The static allocator: a pointer that moves forward through one region until it is sealed.
#include "storage/allocator.h"

#include <assert.h>
#include <stdint.h>

struct allocator {
    size_t bytes; // of the region, this header included
    size_t used;
    enum allocator_state state;
};

static size_t round_up(size_t value, size_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

size_t allocator_overhead(void)
{
    return round_up(sizeof(struct allocator), 64);
}

struct allocator *allocator_create(void *region, size_t bytes)
{
    assert(region != NULL && (uintptr_t)region % 64 == 0);
    assert(bytes >= allocator_overhead());
    struct allocator *allocator = region;
    allocator->bytes = bytes;
    allocator->used = allocator_overhead();
    allocator->state = ALLOCATOR_INIT;
    return allocator;
}

void *allocator_take(struct allocator *allocator, size_t bytes, size_t alignment)
{
    assert(allocator->state == ALLOCATOR_INIT);
    assert(alignment > 0 && (alignment & (alignment - 1)) == 0);
    // The region itself may be aligned less than what is asked for: align the address.
    uintptr_t base = (uintptr_t)allocator;
    size_t start = round_up(base + allocator->used, alignment) - base;
    if (start > allocator->bytes || bytes > allocator->bytes - start)
        return NULL;
    allocator->used = start + bytes;
    return (uint8_t *)allocator + start;
}

void allocator_seal(struct allocator *allocator)
{
    assert(allocator->state == ALLOCATOR_INIT);
    allocator->state = ALLOCATOR_STATIC;
}

void allocator_deinit(struct allocator *allocator)
{
    assert(allocator->state == ALLOCATOR_INIT || allocator->state == ALLOCATOR_STATIC);
    allocator->state = ALLOCATOR_DEINIT;
}

enum allocator_state allocator_state(const struct allocator *allocator)
{
    return allocator->state;
}

size_t allocator_used_bytes(const struct allocator *allocator)
{
    return allocator->used;
}
