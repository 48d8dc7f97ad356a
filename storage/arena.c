// The data arena: size classes cut from spans of pages.
#include "storage/arena_internal.h"

#include "storage/allocator.h"

#define CLASS_STEP 8ULL     // classes up to CLASS_LINEAR are its multiples
#define CLASS_LINEAR 128ULL // above, eight classes per doubling
#define SPAN_PAGES 8U       // of the smaller classes, in regions that are not tiny
#define SPAN_PAGES_MAX 64U
static_assert(SPAN_PAGES * ARENA_PAGE_BYTES / CLASS_STEP <= ARENA_SPAN_BLOCKS_MAX,
              "the smallest blocks are the most in a span");
// A span's end that no block fits in is at most this part of it.
#define SPAN_WASTE_PART 16
// Pages per range of arena_reclaim: returning 1 MiB takes the system some 100 us.
#define RECLAIM_PAGES 128U

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

// The shortest span, not below `least` pages, whose unusable end is small enough.
static uint32_t class_span_pages(uint32_t bytes, uint32_t least)
{
    uint32_t pages = arena_pages_for(bytes) > least ? arena_pages_for(bytes) : least;
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

void arena_list(struct arena *arena, struct size_class *class, uint32_t start)
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

void arena_unlist(struct arena *arena, struct size_class *class, uint32_t start)
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

void arena_make_span(struct arena *arena, struct size_class *class, uint32_t start)
{
    struct run *run = &arena->pages.runs[start];
    run->state = RUN_SMALL;
    run->class_index = (uint8_t)(class - arena->classes);
    for (uint32_t i = 0; i < run->pages; i++)
        arena->pages.first[start + i] = start;
    arena_list(arena, class, start);
    class->room += arena_span_blocks(class, run);
}

static bool span_create(struct arena *arena, struct size_class *class)
{
    uint32_t pages = class->span_pages;
    uint32_t start = pages_alloc(&arena->pages, pages);
    // Nearly full: a shorter span still serves.
    while (start == PAGES_NONE && pages / 2 >= arena_pages_for(class->bytes)) {
        pages /= 2;
        start = pages_alloc(&arena->pages, pages);
    }
    if (start == PAGES_NONE)
        return false;
    arena_make_span(arena, class, start);
    return true;
}

struct size_class *arena_class(struct arena *arena, size_t bytes)
{
    return &arena->classes[class_of(bytes)];
}

static void *alloc_small(struct arena *arena, size_t bytes)
{
    struct size_class *class = &arena->classes[class_of(bytes)];
    if (class->spans == 0 && !span_create(arena, class))
        return NULL;
    return arena_take(arena, class);
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    assert(bytes > 0);
    if (bytes <= CLASS_MAX)
        return alloc_small(arena, bytes);
    if (bytes > arena->pages.count * ARENA_PAGE_BYTES)
        return NULL;
    uint32_t start = pages_alloc(&arena->pages, arena_pages_for(bytes));
    if (start == PAGES_NONE)
        return NULL;
    arena->pages.runs[start].state = RUN_LARGE;
    arena->used_bytes += arena->pages.runs[start].pages * ARENA_PAGE_BYTES;
    return arena->region + start * ARENA_PAGE_BYTES;
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
            arena_unlist(arena, class, start);
        class->room -= arena_span_blocks(class, run);
        pages_free(&arena->pages, start);
    } else if (!run->listed && !run->leaving) {
        arena_list(arena, class, start);
    }
}

void arena_free(struct arena *arena, void *block)
{
    assert(block != NULL);
    uint32_t start = arena_run_of(arena, block);
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
    const struct run *run = &arena->pages.runs[arena_run_of(arena, block)];
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
    uint64_t large = arena_pages_for(bytes);
    uint64_t full = arena_pages_for(bytes + bytes / (SPAN_WASTE_PART - 1) + 1);
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

size_t arena_resident_bytes(const struct arena *arena)
{
    return arena_span_bytes(arena) + arena->pages.dirty_pages * ARENA_PAGE_BYTES;
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
