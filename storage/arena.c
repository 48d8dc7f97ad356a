// The data arena: size classes cut from spans of pages.
#include "storage/arena.h"

#include "storage/allocator.h"
#include "storage/pages.h"

#include <assert.h>
#include <string.h>

#define CLASSES 88
#define CLASS_STEP 8ULL          // classes up to CLASS_LINEAR are its multiples
#define CLASS_LINEAR 128ULL      // above, eight classes per doubling
#define CLASS_MAX (64ULL * 1024) // above, whole pages
#define SPAN_PAGES 8U            // of the smaller classes, in regions that are not tiny
#define SPAN_PAGES_MAX 64U
static_assert(SPAN_PAGES * ARENA_PAGE_BYTES / CLASS_STEP <= ARENA_SPAN_BLOCKS_MAX,
              "the smallest blocks are the most in a span");
// A span's end that no block fits in is at most this part of it.
#define SPAN_WASTE_PART 16
// Pages per range of arena_reclaim: returning 1 MiB takes the system some 100 us.
#define RECLAIM_PAGES 128U

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
    uint32_t cursor; // page at which the search for thin spans goes on
    struct size_class classes[CLASSES];
    // What arena_has_room needs to know about all classes up to a given one.
    uint32_t longest_span[CLASSES]; // pages
    uint32_t sizes_sum[CLASSES];    // bytes
    uint32_t spans_sum[CLASSES];    // pages
};

static uint32_t class_of(size_t bytes)
{
    assert(bytes > 0 && bytes <= CLASS_MAX);
    if (bytes <= CLASS_LINEAR)
        return (uint32_t)((bytes - 1) / CLASS_STEP);
    uint32_t power = 63 - (uint32_t)__builtin_clzll(bytes - 1);
    uint32_t eighth = (uint32_t)((bytes - 1) >> (power - 3)) - 8;
    return 16 + (power - 7) * 8 + eighth;
}

static uint32_t class_bytes(uint32_t index)
{
    assert(index < CLASSES);
    if (index < 16)
        return (index + 1) * (uint32_t)CLASS_STEP;
    uint32_t power = 7 + (index - 16) / 8;
    return (9 + (index - 16) % 8) << (power - 3);
}

static uint32_t pages_for(size_t bytes)
{
    return (uint32_t)((bytes + ARENA_PAGE_BYTES - 1) / ARENA_PAGE_BYTES);
}

// The shortest span, not below `least` pages, whose unusable end is small enough.
static uint32_t class_span_pages(uint32_t bytes, uint32_t least)
{
    uint32_t pages = pages_for(bytes) > least ? pages_for(bytes) : least;
    for (; pages <= SPAN_PAGES_MAX; pages++) {
        uint64_t span = pages * ARENA_PAGE_BYTES;
        if (span % bytes * SPAN_WASTE_PART <= span)
            return pages;
    }
    assert(!"every class has a span");
    return 0;
}

static void init_classes(struct arena *arena)
{
    // Tiny regions get short spans: 88 classes with long ones would not fit.
    uint32_t least = arena->pages.count / 1024;
    least = least > SPAN_PAGES ? SPAN_PAGES : least < 1 ? 1 : least;
    uint32_t longest = 0;
    uint32_t sum = 0;
    uint32_t spans = 0;
    for (uint32_t i = 0; i < CLASSES; i++) {
        struct size_class *class = &arena->classes[i];
        class->bytes = class_bytes(i);
        class->span_pages = class_span_pages(class->bytes, least);
        longest = class->span_pages > longest ? class->span_pages : longest;
        sum += class->bytes;
        arena->longest_span[i] = longest;
        spans += class->span_pages;
        arena->sizes_sum[i] = sum;
        arena->spans_sum[i] = spans;
    }
    assert(class_bytes(CLASSES - 1) == CLASS_MAX && class_of(CLASS_MAX) == CLASSES - 1);
}

size_t arena_overhead(size_t region_bytes)
{
    size_t pages = region_bytes / ARENA_PAGE_BYTES;
    return sizeof(struct arena) + pages * (sizeof(struct run) + sizeof(uint32_t)) + 3 * 64;
}

struct arena *arena_create(struct allocator *allocator, void *region, size_t region_bytes)
{
    assert((uintptr_t)region % ARENA_PAGE_BYTES == 0);
    assert(region_bytes > 0 && region_bytes % ARENA_PAGE_BYTES == 0);
    assert(region_bytes / 8 <= 1ULL << 40); // offsets are 40 bits wide
    size_t count = region_bytes / ARENA_PAGE_BYTES;
    struct arena *arena = allocator_take(allocator, sizeof(*arena), 64);
    struct run *runs = allocator_take(allocator, count * sizeof(*runs), 64);
    uint32_t *first = allocator_take(allocator, count * sizeof(*first), 64);
    if (arena == NULL || runs == NULL || first == NULL)
        return NULL;
    arena->region = region;
    pages_init(&arena->pages, runs, first, (uint32_t)count);
    init_classes(arena);
    return arena;
}

static void span_list(struct arena *arena, struct size_class *class, uint32_t start)
{
    struct run *run = &arena->pages.runs[start];
    assert(!run->listed);
    run->listed = 1;
    run->previous = 0;
    run->next = class->spans;
    if (run->next != 0)
        arena->pages.runs[run->next - 1].previous = start + 1;
    class->spans = start + 1;
}

static void span_unlist(struct arena *arena, struct size_class *class, uint32_t start)
{
    struct run *run = &arena->pages.runs[start];
    assert(run->listed);
    run->listed = 0;
    if (run->next != 0)
        arena->pages.runs[run->next - 1].previous = run->previous;
    if (run->previous != 0)
        arena->pages.runs[run->previous - 1].next = run->next;
    else
        class->spans = run->next;
}

static uint32_t span_blocks(const struct size_class *class, const struct run *run)
{
    return (uint32_t)(run->pages * ARENA_PAGE_BYTES / class->bytes);
}

static bool span_create(struct arena *arena, struct size_class *class)
{
    uint32_t pages = class->span_pages;
    uint32_t start = pages_alloc(&arena->pages, pages);
    // Nearly full: a shorter span still serves.
    while (start == PAGES_NONE && pages / 2 >= pages_for(class->bytes)) {
        pages /= 2;
        start = pages_alloc(&arena->pages, pages);
    }
    if (start == PAGES_NONE)
        return false;
    struct run *run = &arena->pages.runs[start];
    run->state = RUN_SMALL;
    run->class_index = (uint8_t)(class - arena->classes);
    for (uint32_t i = 0; i < pages; i++)
        arena->pages.first[start + i] = start;
    span_list(arena, class, start);
    class->room += span_blocks(class, run);
    return true;
}

static void *alloc_small(struct arena *arena, size_t bytes)
{
    struct size_class *class = &arena->classes[class_of(bytes)];
    if (class->spans == 0 && !span_create(arena, class))
        return NULL;
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
        span_unlist(arena, class, start);
    arena->used_bytes += class->bytes;
    return block;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    assert(bytes > 0);
    if (bytes <= CLASS_MAX)
        return alloc_small(arena, bytes);
    if (bytes > arena->pages.count * ARENA_PAGE_BYTES)
        return NULL;
    uint32_t start = pages_alloc(&arena->pages, pages_for(bytes));
    if (start == PAGES_NONE)
        return NULL;
    arena->pages.runs[start].state = RUN_LARGE;
    arena->used_bytes += arena->pages.runs[start].pages * ARENA_PAGE_BYTES;
    return arena->region + start * ARENA_PAGE_BYTES;
}

// First page of the run that `block` lies in.
static uint32_t block_run(const struct arena *arena, const void *block)
{
    size_t distance = (size_t)((const uint8_t *)block - arena->region);
    assert(distance / ARENA_PAGE_BYTES < arena->pages.frontier && distance % 8 == 0);
    return arena->pages.first[distance / ARENA_PAGE_BYTES];
}

static void free_small(struct arena *arena, uint32_t start, void *block)
{
    struct run *run = &arena->pages.runs[start];
    struct size_class *class = &arena->classes[run->class_index];
    size_t distance = (size_t)((uint8_t *)block - (arena->region + start * ARENA_PAGE_BYTES));
    assert(run->used > 0 && distance < run->carved);
    *(uint32_t *)block = run->free_head;
    run->free_head = (uint32_t)(distance / 8) + 1;
    run->used--;
    class->used--;
    arena->used_bytes -= class->bytes;
    if (run->used == 0) {
        if (run->listed)
            span_unlist(arena, class, start);
        class->room -= span_blocks(class, run);
        pages_free(&arena->pages, start);
    } else if (!run->listed && !run->leaving) {
        span_list(arena, class, start);
    }
}

void arena_free(struct arena *arena, void *block)
{
    assert(block != NULL);
    uint32_t start = block_run(arena, block);
    struct run *run = &arena->pages.runs[start];
    if (run->state == RUN_SMALL) {
        free_small(arena, start, block);
        return;
    }
    assert(run->state == RUN_LARGE);
    assert(block == arena->region + start * ARENA_PAGE_BYTES);
    arena->used_bytes -= run->pages * ARENA_PAGE_BYTES;
    pages_free(&arena->pages, start);
}

size_t arena_block_bytes(const struct arena *arena, const void *block)
{
    const struct run *run = &arena->pages.runs[block_run(arena, block)];
    if (run->state == RUN_SMALL)
        return arena->classes[run->class_index].bytes;
    assert(run->state == RUN_LARGE);
    return run->pages * ARENA_PAGE_BYTES;
}

size_t arena_round(size_t bytes)
{
    if (bytes <= CLASS_LINEAR)
        return (bytes + CLASS_STEP - 1) & ~(CLASS_STEP - 1);
    if (bytes > CLASS_MAX)
        return (bytes + ARENA_PAGE_BYTES - 1) & ~(ARENA_PAGE_BYTES - 1);
    size_t step = 1ULL << (63 - __builtin_clzll(bytes - 1) - 3);
    return (bytes + step - 1) & ~(step - 1);
}

// The bound: spans waste at most 1/16 of themselves, so full ones take bytes * 16/15; each class in
// use may open one span more. Requests of k different classes add up to at least the k smallest
// sizes, which limits k for small sums; for large ones it is one span of every class, some 6 MiB
// (in regions from 64 MiB on; a tenth of the region in tiny ones).
bool arena_has_room(const struct arena *arena, size_t bytes)
{
    if (bytes == 0)
        return true;
    if (bytes > arena->pages.count * ARENA_PAGE_BYTES)
        return false;
    uint32_t class_index = bytes >= CLASS_MAX ? CLASSES - 1 : class_of(bytes);
    uint32_t kinds = 0;
    while (kinds <= class_index && arena->sizes_sum[kinds] <= bytes)
        kinds++;
    kinds = kinds > 0 ? kinds : 1;
    uint64_t span = arena->longest_span[class_index];
    uint64_t open = kinds * span;
    open = open < arena->spans_sum[class_index] ? open : arena->spans_sum[class_index];
    uint64_t large = pages_for(bytes);
    uint64_t full = pages_for(bytes + bytes / (SPAN_WASTE_PART - 1) + 1);
    return pages_certain(&arena->pages, large > span ? large : span, full + open);
}

size_t arena_used_bytes(const struct arena *arena)
{
    return arena->used_bytes;
}

size_t arena_span_bytes(const struct arena *arena)
{
    return (arena->pages.frontier - arena->pages.free) * ARENA_PAGE_BYTES;
}

size_t arena_reach_bytes(const struct arena *arena)
{
    return arena->pages.frontier * ARENA_PAGE_BYTES;
}

bool arena_reclaim(struct arena *arena, void **address, size_t *bytes)
{
    uint32_t start;
    uint32_t count;
    if (!pages_reclaim(&arena->pages, RECLAIM_PAGES, &start, &count))
        return false;
    *address = arena->region + start * ARENA_PAGE_BYTES;
    *bytes = count * ARENA_PAGE_BYTES;
    return true;
}

// --- thin spans ------------------------------------------------------------------------------

size_t arena_loose_bytes(const struct arena *arena)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < CLASSES; i++) {
        const struct size_class *class = &arena->classes[i];
        uint64_t span = class->span_pages * ARENA_PAGE_BYTES / class->bytes;
        // What full spans could not hold either is not loose.
        uint64_t needed = (class->used + span - 1) / span * span;
        if (class->room > needed)
            bytes += (class->room - needed) * class->bytes;
    }
    return bytes;
}

// Thinner than its class's spans are on average, whose other ones can take all that it holds.
static bool span_is_thin(const struct size_class *class, const struct run *run)
{
    uint64_t blocks = span_blocks(class, run);
    return run->listed && class->room - class->used >= blocks &&
           run->used * class->room <= class->used * blocks && class->room > blocks;
}

static void span_begin(struct arena *arena, uint32_t start, struct arena_span *span)
{
    struct run *run = &arena->pages.runs[start];
    struct size_class *class = &arena->classes[run->class_index];
    const uint8_t *base = arena->region + start * ARENA_PAGE_BYTES;
    *span = (struct arena_span){.start = start, .end = run->carved / class->bytes};
    memset(span->free, 0, (span->end + 63) / 64 * sizeof(span->free[0]));
    for (uint32_t link = run->free_head; link != 0;) {
        uint32_t block = (uint32_t)((link - 1) * 8ULL / class->bytes);
        span->free[block / 64] |= 1ULL << (block % 64);
        link = *(const uint32_t *)(const void *)(base + (link - 1) * 8ULL);
    }
    span_unlist(arena, class, start);
    run->leaving = 1;
}

bool arena_thin_span(struct arena *arena, uint32_t runs, struct arena_span *span)
{
    struct pages *pages = &arena->pages;
    for (; runs > 0 && pages->frontier > 0; runs--) {
        if (arena->cursor >= pages->frontier)
            arena->cursor = 0;
        // Within a run that has been merged since, nothing tells where that one ends.
        uint32_t start = arena->cursor;
        struct run *run = &pages->runs[start];
        arena->cursor += run->state == RUN_UNUSED ? 1 : run->pages;
        if (run->state != RUN_SMALL || !run->listed)
            continue;
        struct size_class *class = &arena->classes[run->class_index];
        if (span_is_thin(class, run)) {
            span_begin(arena, start, span);
            return true;
        }
        // The fuller ones are to be filled first.
        if (class->spans != start + 1) {
            span_unlist(arena, class, start);
            span_list(arena, class, start);
        }
    }
    return false;
}

void *arena_span_next(const struct arena *arena, struct arena_span *span)
{
    const struct run *run = &arena->pages.runs[span->start];
    uint32_t bytes = arena->classes[run->class_index].bytes;
    while (span->next < span->end) {
        uint32_t block = span->next++;
        if (!(span->free[block / 64] >> (block % 64) & 1))
            return arena->region + span->start * ARENA_PAGE_BYTES + block * (uint64_t)bytes;
    }
    return NULL;
}

void *arena_alloc_like(struct arena *arena, const void *block)
{
    const struct run *run = &arena->pages.runs[block_run(arena, block)];
    assert(run->state == RUN_SMALL);
    const struct size_class *class = &arena->classes[run->class_index];
    return class->spans == 0 ? NULL : alloc_small(arena, class->bytes);
}

void arena_span_end(struct arena *arena, const struct arena_span *span)
{
    struct run *run = &arena->pages.runs[span->start];
    if (run->state != RUN_SMALL || !run->leaving)
        return; // it is gone
    run->leaving = 0;
    struct size_class *class = &arena->classes[run->class_index];
    // The first one stays first: this one had better not be filled again.
    uint32_t first = class->spans;
    if (first != 0)
        span_unlist(arena, class, first - 1);
    span_list(arena, class, span->start);
    if (first != 0)
        span_list(arena, class, first - 1);
}

void arena_span_pause(struct arena *arena, const struct arena_span *span)
{
    arena_span_end(arena, span);
    arena->cursor = span->start;
}

uint64_t arena_offset(const struct arena *arena, const void *block)
{
    assert((const uint8_t *)block >= arena->region);
    return (uint64_t)((const uint8_t *)block - arena->region) / 8;
}

void *arena_at(const struct arena *arena, uint64_t offset)
{
    assert(offset < arena->pages.count * ARENA_PAGE_BYTES / 8);
    return arena->region + offset * 8;
}
