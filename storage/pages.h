// Runs of pages inside the arena: found best-fit, split, and merged with their free neighbours.
// Private to the arena.
#ifndef PORO_STORAGE_PAGES_H
#define PORO_STORAGE_PAGES_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGES_NONE UINT32_MAX
// Bins of free runs: one per length below 64 pages, then four per doubling up to 2^32 pages.
#define PAGES_EXACT 64
#define PAGES_BINS (PAGES_EXACT + 26 * 4)

enum run_state {
    RUN_UNUSED, // no run starts here, or the page was never used
    RUN_FREE,
    RUN_SMALL, // cut into blocks of one size class
    RUN_LARGE, // one block
};

// Described at the index of its first page; the other indexes stay untouched, so that the array
// costs memory only where runs start. Links hold a page number + 1; 0 ends a list.
struct run {
    uint32_t pages;
    uint32_t next; // in its bin when free, in its class's list of spans with room when small
    uint32_t previous;
    uint8_t state;
    uint8_t class_index;
    uint8_t listed;  // small: it is in its class's list
    uint8_t leaving; // small: its blocks are being moved away, none is handed out
    union {
        struct {
            uint32_t free_head; // newest freed block: its offset in 8 bytes + 1
            uint32_t used;      // blocks handed out
            uint32_t carved;    // bytes from the start that were ever handed out
            uint32_t unused;
        };
        struct {
            uint32_t dirty_from; // pages that may hold memory: absolute numbers, [from, to)
            uint32_t dirty_to;
            uint32_t dirty_next; // list of free runs with such pages
            uint32_t dirty_previous;
        };
    };
};
static_assert(sizeof(struct run) == 32, "two runs share a cache line");

struct pages {
    struct run *runs;     // by first page
    uint32_t *first;      // the first page of the run that a page belongs to; see pages_alloc
    uint32_t count;       // pages of the region
    uint32_t frontier;    // pages from here on were never used
    uint32_t free;        // pages below the frontier in free runs
    uint32_t dirty;       // head of the list of free runs that may hold memory
    uint32_t dirty_pages; // ... and how many pages those are
    uint64_t bitmap[3];   // which bins are not empty
    uint32_t bins[PAGES_BINS];
    uint32_t bin_runs[PAGES_BINS];
    uint32_t bin_pages[PAGES_BINS];
};
static_assert(PAGES_BINS <= 3 * 64, "the bitmap covers all bins");

// `runs` and `first`: zeroed arrays of `count` elements, owned by the caller.
void pages_init(struct pages *pages, struct run *runs, uint32_t *first, uint32_t count);

// Takes `wanted` pages in a row; reused ones before those never used. Returns the first page's
// number, or PAGES_NONE. The caller sets the run's state, and pages->first of the pages between
// its first and its last when it needs them.
uint32_t pages_alloc(struct pages *pages, uint32_t wanted);

// Takes the first `wanted` pages of the free run that starts at page `start` and has as many.
void pages_alloc_at(struct pages *pages, uint32_t start, uint32_t wanted);

// Pages of free runs that do not end at the frontier.
uint32_t pages_scattered(const struct pages *pages);

// Gives back the run that starts at page `start`.
void pages_free(struct pages *pages, uint32_t start);

// True when any requests of at most `longest` pages each, `total` together, are certain to succeed.
bool pages_certain(const struct pages *pages, uint64_t longest, uint64_t total);

// Finds at most `most` free pages that may hold memory, and counts them as returned.
bool pages_reclaim(struct pages *pages, uint32_t most, uint32_t *start, uint32_t *count);

#endif
