// The arena: every size, against fill patterns; merging, reuse, the room guarantee, reclaiming.
#include "tests/unit/storage_fixture.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 4000

struct arena_fixture {
    struct arena *arena;
    uint8_t *region;
    size_t bytes;
};

static struct arena_fixture create(size_t bytes)
{
    size_t overhead = allocator_overhead() + arena_overhead(bytes);
    struct arena_fixture f = {.bytes = bytes, .region = fixture_reserve_pages(bytes)};
    struct allocator *allocator = allocator_create(fixture_reserve(overhead), overhead);
    f.arena = arena_create(allocator, f.region, bytes);
    cr_assert_not_null(f.arena);
    return f;
}

struct block {
    uint8_t *data;
    size_t bytes;
    uint8_t fill;
};

static size_t draw_size(uint64_t *random)
{
    uint64_t bits = fixture_random(random) % 20; // up to 1 MiB
    return 1 + (fixture_random(random) & ((1ULL << bits) - 1));
}

static void check_fill(const struct block *block)
{
    for (size_t i = 0; i < block->bytes; i++)
        if (block->data[i] != block->fill)
            cr_assert_fail("a block of %zu bytes was overwritten at %zu", block->bytes, i);
}

static size_t take(struct arena_fixture *f, struct block *block, size_t bytes, uint64_t *random)
{
    block->bytes = bytes;
    block->data = arena_alloc(f->arena, bytes);
    if (block->data == NULL)
        return 0;
    size_t real = arena_block_bytes(f->arena, block->data);
    cr_assert_eq((uintptr_t)block->data % 8, 0);
    cr_assert(block->data >= f->region && block->data + real <= f->region + f->bytes);
    cr_assert_eq(real, arena_round(bytes));
    cr_assert_eq(arena_at(f->arena, arena_offset(f->arena, block->data)), block->data);
    block->bytes = real;
    block->fill = (uint8_t)fixture_random(random);
    memset(block->data, block->fill, real);
    return real;
}

Test(arena, random_blocks_keep_their_bytes)
{
    static struct block blocks[BLOCKS];
    struct arena_fixture f = create(MIB(64));
    uint64_t random = 3;
    size_t used = 0;
    size_t refused = 0;
    for (int i = 0; i < 300000; i++) {
        struct block *block = &blocks[fixture_random(&random) % BLOCKS];
        if (block->data != NULL) {
            if (block->bytes < 5000 || i % 16 == 0)
                check_fill(block);
            used -= block->bytes;
            arena_free(f.arena, block->data);
            block->data = NULL;
        } else {
            size_t got = take(&f, block, draw_size(&random), &random);
            used += got;
            refused += got == 0;
        }
        cr_assert_eq(arena_used_bytes(f.arena), used);
        cr_assert_geq(arena_span_bytes(f.arena), used);
    }
    cr_assert_gt(refused, 0); // the region was full at times
    for (int i = 0; i < BLOCKS; i++)
        if (blocks[i].data != NULL)
            arena_free(f.arena, blocks[i].data);
    cr_assert_eq(arena_used_bytes(f.arena), 0);
    cr_assert_eq(arena_span_bytes(f.arena), 0);
    // All of it has merged again.
    cr_assert_not_null(arena_alloc(f.arena, f.bytes));
}

Test(arena, rounds_with_little_waste)
{
    size_t last = 0;
    for (size_t bytes = 1; bytes < 300000; bytes++) {
        size_t round = arena_round(bytes);
        cr_assert(round >= bytes && round >= last && round % 8 == 0);
        cr_assert_eq(arena_round(round), round);
        if (bytes > 64)
            cr_assert_leq((round - bytes) * 8, round, "%zu -> %zu", bytes, round);
        if (bytes % 8 == 0 && bytes <= 128)
            cr_assert_eq(round, bytes);
        last = round;
    }
}

// Fills the region with blocks of one size. Returns their number; they are linked through their
// first bytes.
static size_t fill(struct arena_fixture *f, size_t bytes, void **list)
{
    size_t count = 0;
    *list = NULL;
    for (void **block; (block = arena_alloc(f->arena, bytes)) != NULL; count++) {
        *block = *list;
        *list = block;
    }
    return count;
}

static void release(struct arena_fixture *f, void *list)
{
    while (list != NULL) {
        void *next = *(void **)list;
        arena_free(f->arena, list);
        list = next;
    }
    cr_assert_eq(arena_span_bytes(f->arena), 0);
}

Test(arena, memory_of_one_size_serves_every_other)
{
    static const size_t sizes[] = {8,    24,    88,    128,   136,   1000,  4096,
                                   8192, 10000, 33000, 57344, 65536, 65537, 300000};
    struct arena_fixture f = create(MIB(8));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        for (size_t j = 0; j < sizeof(sizes) / sizeof(*sizes); j += 3) {
            void *list;
            size_t count = fill(&f, sizes[i], &list);
            cr_assert_geq(count * arena_round(sizes[i]), f.bytes / 100 * 93, "%zu", sizes[i]);
            release(&f, list);
            count = fill(&f, sizes[j], &list);
            cr_assert_geq(count * arena_round(sizes[j]), f.bytes / 100 * 93, "%zu", sizes[j]);
            release(&f, list);
        }
    }
}

Test(arena, tiny_region_serves_all_sizes)
{
    struct arena_fixture f = create(MIB(1));
    for (size_t bytes = 1; bytes <= 100000; bytes += 1 + bytes / 16) {
        void *block = arena_alloc(f.arena, bytes);
        cr_assert_not_null(block);
        arena_free(f.arena, block);
    }
    cr_assert_null(arena_alloc(f.arena, MIB(1) + 1));
    cr_assert_not_null(arena_alloc(f.arena, MIB(1)));
    cr_assert_null(arena_alloc(f.arena, 1));
    cr_assert_not(arena_has_room(f.arena, 1));
}

// Fragments a region, then draws requests up to a sum for which room is promised.
static void check_promise(uint64_t seed, uint64_t *promised, uint64_t *refused)
{
    static struct block blocks[BLOCKS];
    struct arena_fixture f = create(MIB(8) + fixture_random(&seed) % 2048 * ARENA_PAGE_BYTES);
    uint64_t largest = 4 + fixture_random(&seed) % 16;
    int count = 0;
    for (; count < BLOCKS; count++) {
        size_t bytes = 1 + (fixture_random(&seed) & ((1ULL << largest) - 1));
        blocks[count].data = arena_alloc(f.arena, bytes);
        if (blocks[count].data == NULL)
            break;
    }
    uint64_t keep = fixture_random(&seed) % 100;
    for (int i = 0; i < count; i++)
        if (fixture_random(&seed) % 100 >= keep)
            arena_free(f.arena, blocks[i].data);
    uint64_t sum = 1 + (fixture_random(&seed) & ((1ULL << (4 + fixture_random(&seed) % 21)) - 1));
    if (!arena_has_room(f.arena, sum)) {
        (*refused)++;
        munmap(f.region, f.bytes);
        return;
    }
    (*promised)++;
    uint64_t mode = fixture_random(&seed) % 4;
    while (sum >= 8) {
        uint64_t bytes = mode == 0   ? sum
                         : mode == 1 ? 1 + fixture_random(&seed) % 2000
                                     : 1 + fixture_random(&seed) % sum;
        if (mode == 3)
            bytes = 1 + (bytes & ((1ULL << fixture_random(&seed) % 20) - 1));
        size_t round = arena_round(bytes);
        if (round > sum) {
            bytes = sum & ~7ULL;
            while ((round = arena_round(bytes)) > sum)
                bytes = round / 2 & ~7ULL;
        }
        cr_assert_not_null(arena_alloc(f.arena, bytes), "%zu of %zu", (size_t)bytes, (size_t)sum);
        sum -= round;
    }
    munmap(f.region, f.bytes);
}

Test(arena, promised_room_is_there)
{
    uint64_t promised = 0;
    uint64_t refused = 0;
    for (uint64_t seed = 1; seed <= 400; seed++)
        check_promise(seed * 7919, &promised, &refused);
    cr_assert_gt(promised, 60);
    cr_assert_gt(refused, 20);
}

// Of the sums that are promised, the highest: requests of one size each, or one in a row.
Test(arena, promises_hold_at_their_limit)
{
    uint64_t random = 17;
    for (int round = 0; round < 300; round++) {
        struct arena_fixture f = create(MIB(16));
        // Free runs of chosen lengths between blocks that stay.
        size_t run = (1 + fixture_random(&random) % (round % 2 ? 20 : 300)) * ARENA_PAGE_BYTES;
        run = run > 65536 ? run : 65537;
        void *blocks[2000];
        int count = 0;
        for (; count < 2000; count++)
            if ((blocks[count] = arena_alloc(f.arena, count % 2 ? 65537 : run)) == NULL)
                break;
        for (int i = 0; i < count; i += 2)
            arena_free(f.arena, blocks[i]);
        size_t low = 0;
        for (size_t step = MIB(16); step >= 8; step /= 2)
            low += arena_has_room(f.arena, low + step) ? step : 0;
        size_t size = 1 + fixture_random(&random) % 65536;
        size = round % 3 == 0 || size > low ? low & ~7ULL : size;
        size_t rounded = size == 0 ? 0 : arena_round(size);
        for (size_t sum = rounded; rounded > 0 && sum <= low; sum += rounded)
            cr_assert_not_null(arena_alloc(f.arena, size), "%zu: %zu of %zu", size, sum, low);
        munmap(f.region, f.bytes);
    }
}

// Spans of the class that wastes most: the bound has to count what they lose.
Test(arena, promises_count_the_waste_of_spans)
{
    struct arena_fixture f = create(MIB(256));
    size_t low = 0;
    for (size_t step = MIB(128); step >= 8; step /= 2)
        low += arena_has_room(f.arena, low + step) ? step : 0;
    cr_assert_gt(low, MIB(230));
    for (size_t sum = 61440; sum <= low; sum += 61440)
        cr_assert_not_null(arena_alloc(f.arena, 61440));
    munmap(f.region, f.bytes);
}

Test(arena, room_is_promised_while_much_is_free)
{
    struct arena_fixture f = create(MIB(256));
    cr_assert(arena_has_room(f.arena, 0));
    cr_assert(arena_has_room(f.arena, MIB(200)));
    cr_assert_not(arena_has_room(f.arena, MIB(256) + 1));
    // Holes of 64 KiB everywhere: no room for much in a row, plenty for small blocks.
    void *list;
    fill(&f, 60000, &list);
    for (void **block = list; block != NULL;) {
        void **next = *block;
        void **after = next != NULL ? *next : NULL;
        arena_free(f.arena, block);
        block = after;
    }
    cr_assert(arena_has_room(f.arena, MIB(1)) == false);
    cr_assert(arena_has_room(f.arena, 4096));
}

Test(arena, reclaims_what_was_used_and_is_free)
{
    struct arena_fixture f = create(MIB(64));
    void *address;
    size_t bytes;
    cr_assert_not(arena_reclaim(f.arena, &address, &bytes));
    uint8_t *keep = arena_alloc(f.arena, 100);
    uint8_t *large = arena_alloc(f.arena, MIB(10));
    uint8_t *behind = arena_alloc(f.arena, MIB(1));
    cr_assert_not(arena_reclaim(f.arena, &address, &bytes));
    memset(keep, 1, 100);
    memset(large, 2, MIB(10));
    memset(behind, 3, MIB(1));
    arena_free(f.arena, large);
    size_t sum = 0;
    while (arena_reclaim(f.arena, &address, &bytes)) {
        cr_assert((uint8_t *)address >= large && (uint8_t *)address + bytes <= large + MIB(10));
        cr_assert_leq(bytes, MIB(1)); // in steps
        cr_assert_eq(bytes % ARENA_PAGE_BYTES, 0);
        cr_assert_eq(madvise(address, bytes, MADV_DONTNEED), 0);
        sum += bytes;
    }
    cr_assert_eq(sum, MIB(10));
    cr_assert_eq(keep[99], 1);
    cr_assert_eq(behind[MIB(1) - 1], 3);
    // Used anew in part, only that is returned again.
    uint8_t *again = arena_alloc(f.arena, MIB(2));
    cr_assert_eq(again, large);
    arena_free(f.arena, again);
    for (sum = 0; arena_reclaim(f.arena, &address, &bytes);)
        sum += bytes;
    cr_assert_eq(sum, MIB(2));
}

Test(arena, reclaims_runs_that_have_merged)
{
    // In every order of freeing three neighbours.
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    struct arena_fixture f = create(MIB(64));
    for (int i = 0; i < 6; i++) {
        void *blocks[4];
        for (int j = 0; j < 4; j++)
            blocks[j] = arena_alloc(f.arena, KIB(128));
        for (int j = 0; j < 3; j++)
            arena_free(f.arena, blocks[orders[i][j]]);
        size_t sum = 0;
        void *address;
        size_t bytes;
        while (arena_reclaim(f.arena, &address, &bytes))
            sum += bytes;
        cr_assert_eq(sum, 3 * KIB(128));
        arena_free(f.arena, blocks[3]);
        while (arena_reclaim(f.arena, &address, &bytes))
            ;
    }
}

Test(arena, uses_runs_shorter_than_a_span)
{
    struct arena_fixture f = create(MIB(64));
    void *last = NULL;
    cr_assert_not_null(arena_alloc(f.arena, MIB(64) - 5 * ARENA_PAGE_BYTES));
    for (int i = 0; i < 4 * 8192 / 88; i++)
        cr_assert_not_null(last = arena_alloc(f.arena, 88));
    arena_free(f.arena, last);
}

Test(arena, reuses_low_memory_before_the_untouched)
{
    struct arena_fixture f = create(MIB(64));
    uint8_t *first = arena_alloc(f.arena, MIB(4));
    uint8_t *second = arena_alloc(f.arena, MIB(4));
    cr_assert_eq(second, first + MIB(4));
    arena_free(f.arena, first);
    cr_assert_eq(arena_alloc(f.arena, MIB(3)), first);
    uint8_t *small = arena_alloc(f.arena, 88);
    cr_assert(small >= first + MIB(3) && small < second);
    // What lies free before the untouched end counts with it.
    arena_free(f.arena, second);
    cr_assert(arena_has_room(f.arena, MIB(50)));
    cr_assert_not_null(arena_alloc(f.arena, MIB(60)));
}

Test(arena, notices_a_double_free, .signal = SIGABRT)
{
    struct arena_fixture f = create(MIB(1));
    void *block = arena_alloc(f.arena, 100);
    arena_free(f.arena, block);
    arena_free(f.arena, block);
}
