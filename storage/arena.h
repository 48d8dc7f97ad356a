// The data arena: blocks of any size from one reserved region, in size classes cut from spans of
// pages; empty spans merge and serve any class again.
#ifndef PORO_STORAGE_ARENA_H
#define PORO_STORAGE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct allocator;
struct arena;

// Unit of the page map. Regions are aligned to it and consist of whole pages.
#define ARENA_PAGE_BYTES 8192ULL

// Static memory that arena_create takes for a region of `region_bytes`. The page map is touched
// only as pages are used.
size_t arena_overhead(size_t region_bytes);

// Manages `region` (aligned to ARENA_PAGE_BYTES, reserved by the caller, untouched). Returns NULL
// when `allocator` has too little memory.
struct arena *arena_create(struct allocator *allocator, void *region, size_t region_bytes);

// A block of at least `bytes` (> 0), aligned to 8, contents undefined. NULL when the region has no
// room for it; nothing has changed then.
void *arena_alloc(struct arena *arena, size_t bytes);

// Gives back a block of arena_alloc.
void arena_free(struct arena *arena, void *block);

// Bytes that `block` really has: at least what was asked for.
size_t arena_block_bytes(const struct arena *arena, const void *block);

// The block size that a request for `bytes` leads to. Waste is at most 12.5 % above 64 bytes.
size_t arena_round(size_t bytes);

// True when requests whose arena_round sizes add up to `bytes` are certain to succeed.
bool arena_has_room(const struct arena *arena, size_t bytes);

// Sum of the sizes of all blocks handed out.
size_t arena_used_bytes(const struct arena *arena);

// Bytes of all spans that hold at least one block.
size_t arena_span_bytes(const struct arena *arena);

// At most so many of the region's bytes have memory: those, and free pages that have not been returned.
size_t arena_resident_bytes(const struct arena *arena);

// Bytes from the region's start to the last page that was ever used.
size_t arena_reach_bytes(const struct arena *arena);

// Finds one range of free pages that have been used before and whose memory can be returned to the
// system (madvise MADV_DONTNEED); it counts as returned from then on. False when there is none.
bool arena_reclaim(struct arena *arena, void **address, size_t *bytes);

// --- thin spans: few of whose blocks are in use ------------------------------------------------

#define ARENA_SPAN_BLOCKS_MAX 8192

struct arena_span {
    uint32_t start;
    uint32_t next; // block
    uint32_t end;
    uint64_t free[ARENA_SPAN_BLOCKS_MAX / 64];
};

// Bytes of spans that could be given back if the blocks in use were moved together.
size_t arena_loose_bytes(const struct arena *arena);
// Goes on over at most `runs` runs of pages to the next span that had better be empty. Until
// arena_span_end it hands out no block.
bool arena_thin_span(struct arena *arena, uint32_t runs, struct arena_span *span);
// Its next block that was in use in the beginning, NULL behind the last one.
void *arena_span_next(const struct arena *arena, struct arena_span *span);
// A block for what is in this one, `bytes` long, from another span that there is, or NULL.
void *arena_alloc_like(struct arena *arena, const void *block, size_t bytes);
void arena_span_end(struct arena *arena, const struct arena_span *span);
// The same, and the next search begins with it.
void arena_span_pause(struct arena *arena, const struct arena_span *span);

// --- sliding: blocks move to where free pages lie in front of them, so that these come together ------

// Bytes of free pages that have blocks behind them.
size_t arena_scattered_bytes(const struct arena *arena);

enum arena_slide {
    ARENA_SLIDE_NOTHING, // none of these runs needs to move
    ARENA_SLIDE_ROUND,   // the end has been reached: the next call begins at the start
    ARENA_SLIDE_LARGE,   // a block of whole pages has free ones in front of it
    ARENA_SLIDE_SPAN,    // a span has; there is room for its blocks elsewhere
};
// Goes on over at most `runs` runs of pages. A span is to be emptied as above, then arena_slide_end or
// _pause.
enum arena_slide arena_slide(struct arena *arena, uint32_t runs, struct arena_span *span,
                             void **block);
// A place for the first `bytes` of the large block, which it is to leave: nearer to the start, or else
// one that lets the free pages on its sides come together. It does not count as used. NULL: there is
// none.
void *arena_slide_place(struct arena *arena, const void *block, size_t bytes);
// The place has taken over, and the block is gone; or the place is not needed.
void arena_slide_done(struct arena *arena, void *block, void *place);
void arena_slide_drop(struct arena *arena, void *place);
// The block, or the span, stays where it is: the search goes on behind it.
void arena_slide_skip(struct arena *arena, const void *block);
void arena_slide_end(struct arena *arena, const struct arena_span *span, bool emptied);
// The next call goes on with this span, from which no block is handed out meanwhile.
void arena_slide_pause(struct arena *arena, const struct arena_span *span);
// There is no next call for the time being.
void arena_slide_stop(struct arena *arena);

// Position of a block relative to the region in units of 8 bytes (fits 40 bits), and back.
uint64_t arena_offset(const struct arena *arena, const void *block);
void *arena_at(const struct arena *arena, uint64_t offset);

#endif
