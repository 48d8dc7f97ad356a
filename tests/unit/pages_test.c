// Runs of pages alone: never handed out twice, always merged, and as many as was promised.
#include "storage/pages.h"

#include "tests/unit/storage_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

#define COUNT 3000

struct page_fixture {
    struct pages pages;
    struct run runs[COUNT];
    uint32_t first[COUNT];
    uint32_t owner[COUNT]; // start + 1 of the run that a page is in, 0: free
};

static struct page_fixture *create(uint32_t count)
{
    static struct page_fixture f;
    memset(&f, 0, sizeof(f));
    pages_init(&f.pages, f.runs, f.first, count);
    return &f;
}

static uint32_t take(struct page_fixture *f, uint32_t length)
{
    uint32_t start = pages_alloc(&f->pages, length);
    if (start == PAGES_NONE)
        return start;
    cr_assert_leq(start + length, f->pages.count);
    for (uint32_t i = start; i < start + length; i++) {
        cr_assert_eq(f->owner[i], 0);
        f->owner[i] = start + 1;
    }
    f->runs[start].state = RUN_LARGE;
    return start;
}

static void give(struct page_fixture *f, uint32_t start)
{
    for (uint32_t i = start; i < start + f->runs[start].pages; i++)
        f->owner[i] = 0;
    pages_free(&f->pages, start);
}

// Free runs are as long as they can be, and the counters agree with them.
static void check(const struct page_fixture *f)
{
    uint32_t free = 0;
    for (uint32_t i = 0; i < f->pages.frontier;) {
        const struct run *run = &f->runs[i];
        cr_assert(run->pages > 0);
        if (run->state == RUN_FREE) {
            free += run->pages;
            uint32_t next = i + run->pages;
            cr_assert(next >= f->pages.frontier || f->runs[next].state != RUN_FREE);
        }
        i += run->pages;
    }
    cr_assert_eq(free, f->pages.free);
}

static void fragment(struct page_fixture *f, uint32_t longest, uint64_t *random)
{
    for (uint32_t i = 0; i < 2000; i++) {
        uint32_t page = (uint32_t)(fixture_random(random) % f->pages.count);
        if (f->owner[page] != 0)
            give(f, f->owner[page] - 1);
        else
            take(f, 1 + (uint32_t)(fixture_random(random) % longest));
    }
    check(f);
}

Test(pages, are_handed_out_once_and_merged)
{
    uint64_t random = 41;
    for (uint32_t round = 0; round < 60; round++) {
        struct page_fixture *f = create(COUNT);
        fragment(f, 1 + round * 5, &random);
        for (uint32_t i = 0; i < COUNT; i++)
            if (f->owner[i] != 0)
                give(f, f->owner[i] - 1);
        check(f);
        cr_assert_eq(take(f, COUNT), 0);
        cr_assert_eq(take(f, 1), PAGES_NONE);
    }
}

// For every length: the highest total that is promised, asked for in runs of just that length.
Test(pages, promises_are_kept)
{
    uint64_t random = 43;
    uint64_t promises = 0;
    for (uint32_t round = 0; round < 4000; round++) {
        struct page_fixture *f = create(100 + round % (COUNT - 100));
        fragment(f, 1 + round % 150, &random);
        // Half of the time, nothing untouched is left at the end.
        while (round % 2 == 0 && f->pages.frontier < f->pages.count)
            f->runs[pages_alloc(&f->pages, f->pages.count - f->pages.frontier)].state = RUN_LARGE;
        uint64_t longest = 1 + fixture_random(&random) % 120;
        uint64_t total = longest;
        while (pages_certain(&f->pages, longest, total))
            total++;
        total--;
        if (total < longest)
            continue;
        promises++;
        for (uint64_t sum = longest; sum <= total; sum += longest) {
            uint32_t start = pages_alloc(&f->pages, (uint32_t)longest);
            cr_assert_neq(start, PAGES_NONE, "%lu of %lu", sum, total);
            f->runs[start].state = RUN_LARGE;
        }
    }
    cr_assert_gt(promises, 2000);
}

Test(pages, promise_all_of_what_lies_in_a_row)
{
    struct page_fixture *f = create(1000);
    cr_assert(pages_certain(&f->pages, 1000, 1000));
    cr_assert(pages_certain(&f->pages, 8, 1000));
    cr_assert_not(pages_certain(&f->pages, 8, 1001));
    uint32_t start = take(f, 600);
    cr_assert(pages_certain(&f->pages, 400, 400));
    give(f, start);
    // The free run before the untouched end belongs to it.
    cr_assert(pages_certain(&f->pages, 1000, 1000));
    cr_assert_eq(take(f, 1000), 0);
}
