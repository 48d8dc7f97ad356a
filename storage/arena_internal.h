// The arena's insides, shared by the files that implement it. Private to the arena.
#ifndef PORO_STORAGE_ARENA_INTERNAL_H
#define PORO_STORAGE_ARENA_INTERNAL_H

#include "storage/arena.h"
#include "storage/pages.h"

#include <assert.h>

#define CLASSES 88
#define CLASS_MAX (64ULL * 1024) // above, whole pages

struct size_class {
    uint32_t bytes;
    uint32_t span_pages;
    uint32_t spans; // list of spans with room: page number + 1
    uint64_t room;  // blocks that its spans have
    uint64_t used;  // ... of which so many are handed out
};

struct arena {
    uint8_t *region;
    size_t used_bytes;
    struct pages pages;
    uint32_t cursor;   // page at which the search for thin spans goes on
    uint32_t slide;    // ... and the one for blocks with free pages in front of them
    uint32_t paused;   // page + 1 of the span that it stopped in; 0: none
    uint32_t provided; // ... of the one that was made for its blocks; 0: none
    struct size_class classes[CLASSES];
    // What arena_has_room needs to know about all classes up to a given one.
    uint32_t longest_span[CLASSES]; // pages
    uint32_t sizes_sum[CLASSES];    // bytes
    uint32_t spans_sum[CLASSES];    // pages
};

static inline uint32_t arena_pages_for(size_t bytes)
{
    return (uint32_t)((bytes + ARENA_PAGE_BYTES - 1) / ARENA_PAGE_BYTES);
}

// First page of the run that `block` lies in.
static inline uint32_t arena_run_of(const struct arena *arena, const void *block)
{
    size_t distance = (size_t)((const uint8_t *)block - arena->region);
    assert(distance / ARENA_PAGE_BYTES < arena->pages.frontier && distance % 8 == 0);
    return arena->pages.first[distance / ARENA_PAGE_BYTES];
}

static inline uint32_t arena_span_blocks(const struct size_class *class, const struct run *run)
{
    return (uint32_t)(run->pages * ARENA_PAGE_BYTES / class->bytes);
}

// Puts a span at the head of its class's list of those with room; takes it out.
void arena_list(struct arena *arena, struct size_class *class, uint32_t start);
void arena_unlist(struct arena *arena, struct size_class *class, uint32_t start);
// Makes the run at page `start`, just taken, a span of the class.
void arena_make_span(struct arena *arena, struct size_class *class, uint32_t start);
// The class of a size up to CLASS_MAX.
struct size_class *arena_class(struct arena *arena, size_t bytes);

// A block of the class from the first of its spans with room, which there is.
static inline void *arena_take(struct arena *arena, struct size_class *class)
{
    uint32_t start = class->spans - 1;
    struct run *run = &arena->pages.runs[start];
    assert(run->state == RUN_SMALL && run->listed);
    uint8_t *span = arena->region + start * ARENA_PAGE_BYTES;
    uint8_t *block;
    if (run->free_head != 0) {
        block = span + (run->free_head - 1) * 8ULL;
        run->free_head = *(const uint32_t *)block;
        // The next request will read the link there: spare it the wait.
        if (run->free_head != 0)
            __builtin_prefetch(span + (run->free_head - 1) * 8ULL, 1);
    } else {
        block = span + run->carved;
        run->carved += class->bytes;
    }
    run->used++;
    class->used++;
    if (run->free_head == 0 && run->carved + class->bytes > run->pages * ARENA_PAGE_BYTES)
        arena_unlist(arena, class, start);
    arena->used_bytes += class->bytes;
    return block;
}

#endif
