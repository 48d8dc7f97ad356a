// The static allocator: hands out memory while the server starts, and refuses for ever after.
#ifndef PORO_STORAGE_ALLOCATOR_H
#define PORO_STORAGE_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>

struct allocator;

enum allocator_state {
    ALLOCATOR_INIT,   // memory may be taken
    ALLOCATOR_STATIC, // serving: taking memory is a bug and aborts
    ALLOCATOR_DEINIT, // shutting down: the owner may release the region
};

// Bytes that the allocator itself takes from the start of its region.
size_t allocator_overhead(void);

// Places an allocator at the start of `region` (aligned to 64 bytes, `bytes` long, zero-filled,
// owned by the caller and to outlive it). State: init.
struct allocator *allocator_create(void *region, size_t bytes);

// Takes `bytes` of zeroed memory aligned to `alignment` (a power of two). Returns NULL when the
// region is used up. Aborts unless the state is init. There is no way to give memory back.
void *allocator_take(struct allocator *allocator, size_t bytes, size_t alignment);

// init -> static: from here on allocator_take aborts.
void allocator_seal(struct allocator *allocator);

// static (or init, when starting failed) -> deinit.
void allocator_deinit(struct allocator *allocator);

enum allocator_state allocator_state(const struct allocator *allocator);
size_t allocator_used_bytes(const struct allocator *allocator);

#endif
