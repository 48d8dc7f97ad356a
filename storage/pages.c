// Runs of pages inside the arena: found best-fit, split, and merged with their free neighbours.
#include "storage/pages.h"

// Runs looked at in a bin whose lengths differ, before a longer bin is taken.
#define PAGES_PROBES 32

static uint32_t bin_of(uint32_t length)
{
    assert(length > 0);
    if (length < PAGES_EXACT)
        return length;
    uint32_t power = 31 - (uint32_t)__builtin_clz(length);
    return PAGES_EXACT + (power - 6) * 4 + ((length >> (power - 2)) & 3);
}

// The first bin at or after `bin` that is not empty; PAGES_BINS when there is none.
static uint32_t bin_next(const struct pages *pages, uint32_t bin)
{
    for (uint32_t word = bin / 64; word < 3; word++) {
        uint64_t bits = pages->bitmap[word];
        if (word == bin / 64)
            bits &= UINT64_MAX << (bin % 64);
        if (bits != 0)
            return word * 64 + (uint32_t)__builtin_ctzll(bits);
    }
    return PAGES_BINS;
}

static void dirty_link(struct pages *pages, uint32_t start)
{
    struct run *run = &pages->runs[start];
    if (run->dirty_from >= run->dirty_to)
        return;
    pages->dirty_pages += run->dirty_to - run->dirty_from;
    run->dirty_previous = 0;
    run->dirty_next = pages->dirty;
    if (pages->dirty != 0)
        pages->runs[pages->dirty - 1].dirty_previous = start + 1;
    pages->dirty = start + 1;
}

static void dirty_unlink(struct pages *pages, uint32_t start)
{
    struct run *run = &pages->runs[start];
    if (run->dirty_from >= run->dirty_to)
        return;
    pages->dirty_pages -= run->dirty_to - run->dirty_from;
    if (run->dirty_next != 0)
        pages->runs[run->dirty_next - 1].dirty_previous = run->dirty_previous;
    if (run->dirty_previous != 0)
        pages->runs[run->dirty_previous - 1].dirty_next = run->dirty_next;
    else
        pages->dirty = run->dirty_next;
}

// Makes [start, start + length) a free run in its bin, of which [from, to) may hold memory.
static void free_link(struct pages *pages, uint32_t start, uint32_t length, uint32_t dirty_from,
                      uint32_t dirty_to)
{
    assert(start + length <= pages->frontier);
    uint32_t bin = bin_of(length);
    struct run *run = &pages->runs[start];
    run->state = RUN_FREE;
    run->pages = length;
    run->previous = 0;
    run->next = pages->bins[bin];
    if (run->next != 0)
        pages->runs[run->next - 1].previous = start + 1;
    pages->bins[bin] = start + 1;
    pages->bin_runs[bin]++;
    pages->bin_pages[bin] += length;
    pages->bitmap[bin / 64] |= 1ULL << (bin % 64);
    pages->free += length;
    pages->first[start] = start;
    pages->first[start + length - 1] = start;
    run->dirty_from = dirty_from < start ? start : dirty_from;
    run->dirty_to = dirty_to;
    dirty_link(pages, start);
}

static void free_unlink(struct pages *pages, uint32_t start)
{
    struct run *run = &pages->runs[start];
    assert(run->state == RUN_FREE);
    uint32_t bin = bin_of(run->pages);
    if (run->next != 0)
        pages->runs[run->next - 1].previous = run->previous;
    if (run->previous != 0)
        pages->runs[run->previous - 1].next = run->next;
    else
        pages->bins[bin] = run->next;
    assert(pages->bin_runs[bin] > 0 && pages->bin_pages[bin] >= run->pages);
    pages->bin_runs[bin]--;
    pages->bin_pages[bin] -= run->pages;
    if (pages->bin_runs[bin] == 0)
        pages->bitmap[bin / 64] &= ~(1ULL << (bin % 64));
    pages->free -= run->pages;
    dirty_unlink(pages, start);
    run->state = RUN_UNUSED;
}

void pages_init(struct pages *pages, struct run *runs, uint32_t *first, uint32_t count)
{
    assert(count > 0 && count < PAGES_NONE);
    *pages = (struct pages){.runs = runs, .first = first, .count = count};
}

// A free run of at least `wanted` pages, or PAGES_NONE.
static uint32_t find_free(const struct pages *pages, uint32_t wanted)
{
    uint32_t bin = bin_of(wanted);
    if (wanted >= PAGES_EXACT) {
        uint32_t link = pages->bins[bin];
        for (uint32_t i = 0; i < PAGES_PROBES && link != 0; i++) {
            if (pages->runs[link - 1].pages >= wanted)
                return link - 1;
            link = pages->runs[link - 1].next;
        }
        bin++;
    }
    bin = bin_next(pages, bin);
    return bin < PAGES_BINS ? pages->bins[bin] - 1 : PAGES_NONE;
}

// The free run that ends at the frontier, or PAGES_NONE.
static uint32_t last_free(const struct pages *pages)
{
    if (pages->frontier == 0)
        return PAGES_NONE;
    uint32_t start = pages->first[pages->frontier - 1];
    return pages->runs[start].state == RUN_FREE ? start : PAGES_NONE;
}

// Moves the frontier so that `wanted` pages in a row lie before it. Returns the first of them.
static uint32_t extend(struct pages *pages, uint32_t wanted)
{
    uint32_t start = last_free(pages);
    if (start == PAGES_NONE)
        start = pages->frontier;
    if (wanted > pages->count - start)
        return PAGES_NONE;
    assert(start + wanted > pages->frontier);
    if (start < pages->frontier)
        free_unlink(pages, start);
    pages->frontier = start + wanted;
    return start;
}

static void take(struct pages *pages, uint32_t start, uint32_t wanted)
{
    pages->runs[start] = (struct run){.pages = wanted};
    pages->first[start] = start;
    pages->first[start + wanted - 1] = start;
}

void pages_alloc_at(struct pages *pages, uint32_t start, uint32_t wanted)
{
    struct run before = pages->runs[start];
    assert(wanted > 0 && before.state == RUN_FREE && before.pages >= wanted);
    free_unlink(pages, start);
    if (before.pages > wanted)
        free_link(pages, start + wanted, before.pages - wanted, before.dirty_from, before.dirty_to);
    take(pages, start, wanted);
}

uint32_t pages_alloc(struct pages *pages, uint32_t wanted)
{
    assert(wanted > 0);
    uint32_t start = find_free(pages, wanted);
    if (start != PAGES_NONE) {
        pages_alloc_at(pages, start, wanted);
        return start;
    }
    start = extend(pages, wanted);
    if (start != PAGES_NONE)
        take(pages, start, wanted);
    return start;
}

uint32_t pages_scattered(const struct pages *pages)
{
    uint32_t last = last_free(pages);
    return pages->free - (last != PAGES_NONE ? pages->runs[last].pages : 0);
}

// Widens [from, to) by what a neighbour that is about to be merged knows.
static void merge_dirty(const struct run *run, uint32_t *from, uint32_t *to)
{
    if (run->dirty_from >= run->dirty_to)
        return;
    *from = run->dirty_from < *from ? run->dirty_from : *from;
    *to = run->dirty_to > *to ? run->dirty_to : *to;
}

void pages_free(struct pages *pages, uint32_t start)
{
    struct run *run = &pages->runs[start];
    assert(run->state == RUN_SMALL || run->state == RUN_LARGE);
    uint32_t length = run->pages;
    uint32_t dirty_from = start;
    uint32_t dirty_to = start + length;
    run->state = RUN_UNUSED;
    if (start + length < pages->frontier && pages->runs[start + length].state == RUN_FREE) {
        struct run *next = &pages->runs[start + length];
        merge_dirty(next, &dirty_from, &dirty_to);
        free_unlink(pages, start + length);
        length += next->pages;
    }
    if (start > 0) {
        uint32_t before = pages->first[start - 1];
        if (pages->runs[before].state == RUN_FREE) {
            merge_dirty(&pages->runs[before], &dirty_from, &dirty_to);
            free_unlink(pages, before);
            length += pages->runs[before].pages;
            start = before;
        }
    }
    free_link(pages, start, length, dirty_from, dirty_to);
}

// Two sufficient conditions. The pages at the end lie in a row, and what is taken from them is
// taken from the front: `total` of them are enough. Or: call max(0, length - longest + 1) the
// usable part of a run. While any is left a run of at least `longest` pages exists, so a request
// succeeds, and it lowers the sum by at most the pages that it takes: a sum of `total` is enough.
bool pages_certain(const struct pages *pages, uint64_t longest, uint64_t total)
{
    assert(longest > 0 && longest <= total);
    uint64_t tail = pages->count - pages->frontier;
    if (tail >= total)
        return true;
    if (tail + pages->free < total)
        return false;
    uint32_t last = last_free(pages);
    if (last != PAGES_NONE && tail + pages->runs[last].pages >= total)
        return true;
    if (longest > pages->count)
        return false;
    uint64_t usable = tail >= longest ? tail - longest + 1 : 0;
    // Of a bin with different lengths only the shortest is known to the sum: start above it.
    uint32_t bin = bin_of((uint32_t)longest) + (longest >= PAGES_EXACT);
    for (bin = bin_next(pages, bin); bin < PAGES_BINS; bin = bin_next(pages, bin + 1)) {
        usable += pages->bin_pages[bin] - pages->bin_runs[bin] * (longest - 1);
        if (usable >= total)
            return true;
    }
    return usable >= total;
}

bool pages_reclaim(struct pages *pages, uint32_t most, uint32_t *start, uint32_t *count)
{
    assert(most > 0);
    if (pages->dirty == 0)
        return false;
    uint32_t head = pages->dirty - 1;
    struct run *run = &pages->runs[head];
    assert(run->state == RUN_FREE && run->dirty_from < run->dirty_to);
    assert(run->dirty_to <= head + run->pages);
    uint32_t length = run->dirty_to - run->dirty_from;
    length = length < most ? length : most;
    *start = run->dirty_from;
    *count = length;
    dirty_unlink(pages, head);
    run->dirty_from += length;
    dirty_link(pages, head);
    return true;
}
