// Spans whose blocks move away: thin ones, and all that have free pages in front of them.
#include "storage/arena_internal.h"

#include <string.h>

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
    uint64_t blocks = arena_span_blocks(class, run);
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
    if (run->listed)
        arena_unlist(arena, class, start);
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
            arena_unlist(arena, class, start);
            arena_list(arena, class, start);
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

void *arena_alloc_like(struct arena *arena, const void *block, size_t bytes)
{
    const struct run *run = &arena->pages.runs[arena_run_of(arena, block)];
    assert(run->state == RUN_SMALL && bytes <= arena->classes[run->class_index].bytes);
    struct size_class *class = arena_class(arena, bytes);
    // One that is too large for what is in it now had better be left.
    if (class->spans == 0)
        class = &arena->classes[run->class_index];
    return class->spans == 0 ? NULL : arena_take(arena, class);
}

static bool span_has_room(const struct size_class *class, const struct run *run)
{
    return run->free_head != 0 || run->carved + class->bytes <= run->pages * ARENA_PAGE_BYTES;
}

void arena_span_end(struct arena *arena, const struct arena_span *span)
{
    struct run *run = &arena->pages.runs[span->start];
    if (run->state != RUN_SMALL || !run->leaving)
        return; // it is gone
    run->leaving = 0;
    struct size_class *class = &arena->classes[run->class_index];
    if (!span_has_room(class, run))
        return;
    // The first one stays first: this one had better not be filled again.
    uint32_t first = class->spans;
    if (first != 0)
        arena_unlist(arena, class, first - 1);
    arena_list(arena, class, span->start);
    if (first != 0)
        arena_list(arena, class, first - 1);
}

void arena_span_pause(struct arena *arena, const struct arena_span *span)
{
    arena_span_end(arena, span);
    arena->cursor = span->start;
}

// --- sliding -----------------------------------------------------------------------------------

// A large block for which there is too little room in front of it is moved elsewhere, so that what is
// behind it finds some, when there is at least this part of its length.
#define LIFT_PART 16

size_t arena_scattered_bytes(const struct arena *arena)
{
    return (size_t)pages_scattered(&arena->pages) * ARENA_PAGE_BYTES;
}

// Makes sure that the blocks of a span find room elsewhere. `before`: the free run in front of it, or
// PAGES_NONE.
static bool span_provide(struct arena *arena, uint32_t start, uint32_t before)
{
    struct pages *pages = &arena->pages;
    const struct run *run = &pages->runs[start];
    struct size_class *class = &arena->classes[run->class_index];
    uint64_t others_room = class->room - arena_span_blocks(class, run);
    uint64_t others_used = class->used - run->used;
    if (others_room - others_used >= run->used)
        return true;
    uint32_t wanted = run->pages;
    uint32_t place = before;
    if (before != PAGES_NONE && pages->runs[before].pages >= wanted)
        pages_alloc_at(pages, before, wanted);
    else
        place = pages_alloc(pages, wanted);
    if (place == PAGES_NONE)
        return false;
    arena_make_span(arena, class, place);
    arena->provided = place + 1;
    return true;
}

// When no block has come into the span that was made for them, it goes again.
static void span_withdraw(struct arena *arena)
{
    uint32_t start = arena->provided - 1;
    if (arena->provided == 0)
        return;
    arena->provided = 0;
    struct run *run = &arena->pages.runs[start];
    if (start >= arena->pages.frontier || run->state != RUN_SMALL || run->used > 0)
        return;
    struct size_class *class = &arena->classes[run->class_index];
    arena_unlist(arena, class, start);
    class->room -= arena_span_blocks(class, run);
    pages_free(&arena->pages, start);
}

// Goes on with the span that the last call had to leave: until then it takes no blocks.
static bool slide_resume(struct arena *arena, struct arena_span *span)
{
    uint32_t start = arena->paused - 1;
    if (arena->paused == 0)
        return false;
    arena->paused = 0;
    const struct run *run = &arena->pages.runs[start];
    // All of its blocks may have been freed since.
    if (start >= arena->pages.frontier || run->state != RUN_SMALL || !run->leaving) {
        span_withdraw(arena);
        return false;
    }
    span_begin(arena, start, span);
    if (span_provide(arena, start, PAGES_NONE))
        return true;
    arena_slide_end(arena, span, false);
    return false;
}

void arena_slide_stop(struct arena *arena)
{
    struct arena_span span = {.start = arena->paused - 1};
    if (arena->paused != 0 && span.start < arena->pages.frontier)
        arena_span_end(arena, &span);
    arena->paused = 0;
    span_withdraw(arena);
}

// Can what is at page `start` move, with this free run in front of it?
static enum arena_slide slide_try(struct arena *arena, uint32_t before, uint32_t start,
                                  struct arena_span *span, void **block)
{
    const struct run *runs = arena->pages.runs;
    if (runs[start].state == RUN_LARGE) {
        if (runs[before].pages < runs[start].pages &&
            (uint64_t)runs[before].pages * LIFT_PART < runs[start].pages)
            return ARENA_SLIDE_NOTHING;
        *block = arena->region + start * ARENA_PAGE_BYTES;
        return ARENA_SLIDE_LARGE;
    }
    assert(runs[start].state == RUN_SMALL);
    if (!span_provide(arena, start, before))
        return ARENA_SLIDE_NOTHING;
    span_begin(arena, start, span);
    return ARENA_SLIDE_SPAN;
}

enum arena_slide arena_slide(struct arena *arena, uint32_t runs, struct arena_span *span,
                             void **block)
{
    const struct pages *pages = &arena->pages;
    if (slide_resume(arena, span))
        return ARENA_SLIDE_SPAN;
    for (; runs > 0; runs--) {
        uint32_t start = arena->slide;
        if (start >= pages->frontier) {
            arena->slide = 0;
            return ARENA_SLIDE_ROUND;
        }
        const struct run *run = &pages->runs[start];
        uint32_t next = start + (run->state == RUN_UNUSED ? 1 : run->pages);
        if (run->state == RUN_FREE && next < pages->frontier) {
            enum arena_slide found = slide_try(arena, start, next, span, block);
            if (found != ARENA_SLIDE_NOTHING)
                return found;
            next += pages->runs[next].pages;
        }
        arena->slide = next;
    }
    return ARENA_SLIDE_NOTHING;
}

void *arena_slide_place(struct arena *arena, const void *block, size_t bytes)
{
    struct pages *pages = &arena->pages;
    uint32_t from = arena_run_of(arena, block);
    uint32_t wanted = arena_pages_for(bytes > CLASS_MAX ? bytes : CLASS_MAX + 1);
    assert(pages->runs[from].state == RUN_LARGE && wanted <= pages->runs[from].pages);
    uint32_t place = from > 0 ? pages->first[from - 1] : from;
    if (pages->runs[place].state == RUN_FREE && pages->runs[place].pages >= wanted)
        pages_alloc_at(pages, place, wanted);
    else
        place = pages_alloc(pages, wanted);
    if (place == PAGES_NONE)
        return NULL;
    pages->runs[place].state = RUN_LARGE;
    return arena->region + place * ARENA_PAGE_BYTES;
}

void arena_slide_done(struct arena *arena, void *block, void *place)
{
    const struct run *run = &arena->pages.runs[arena_run_of(arena, place)];
    assert(run->state == RUN_LARGE);
    arena->used_bytes += run->pages * ARENA_PAGE_BYTES;
    arena_free(arena, block);
}

void arena_slide_drop(struct arena *arena, void *place)
{
    uint32_t start = arena_run_of(arena, place);
    assert(arena->pages.runs[start].state == RUN_LARGE);
    pages_free(&arena->pages, start);
}

void arena_slide_skip(struct arena *arena, const void *block)
{
    uint32_t start = arena_run_of(arena, block);
    arena->slide = start + arena->pages.runs[start].pages;
}

void arena_slide_end(struct arena *arena, const struct arena_span *span, bool emptied)
{
    arena_span_end(arena, span);
    span_withdraw(arena);
    if (!emptied)
        arena->slide = span->start + arena->pages.runs[span->start].pages;
}

void arena_slide_pause(struct arena *arena, const struct arena_span *span)
{
    arena->paused = span->start + 1;
}
