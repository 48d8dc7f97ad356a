// Sliding: in a region of which all is in use, memory of any sizes can be filled again with any other,
// values of megabytes among them; what changes while it is moved is neither lost nor mixed up.
#include "tests/unit/storage_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGION MIB(32)
#define KEYS_MAX 300000

static struct fixture fixture;
static uint8_t value_bytes[MIB(18)];
static uint32_t lengths[KEYS_MAX]; // of the keys that are there, + 1

static void begin(void)
{
    fixture = fixture_create(REGION, 0);
    memset(lengths, 0, sizeof(lengths));
    uint64_t random = 5;
    for (size_t i = 0; i < sizeof(value_bytes); i += 8) {
        uint64_t word = fixture_random(&random);
        memcpy(value_bytes + i, &word, 8);
    }
}

static void end(void)
{
    fixture_destroy(&fixture);
}

TestSuite(slide, .init = begin, .fini = end, .timeout = 300);

static struct key key_at(uint32_t i, char name[24])
{
    return keyspace_key(fixture.keyspace, 0, name, (uint32_t)sprintf(name, "%07u", i));
}

static const uint8_t *value_of(uint32_t i)
{
    return value_bytes + i % 5000;
}

static bool set(uint32_t i, uint32_t length)
{
    char name[24];
    struct key key = key_at(i, name);
    if (keyspace_set(fixture.keyspace, &key, value_of(i), length, i % 3 ? 0 : 99) == NULL)
        return false;
    lengths[i] = length + 1;
    return true;
}

static void drop(uint32_t i)
{
    char name[24];
    struct key key = key_at(i, name);
    cr_assert(keyspace_delete(fixture.keyspace, &key));
    lengths[i] = 0;
}

static void check_all(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        char name[24];
        struct key key = key_at(i, name);
        const struct entry *entry = keyspace_find(fixture.keyspace, &key);
        cr_assert_eq(entry != NULL, lengths[i] > 0, "%s", name);
        if (entry == NULL)
            continue;
        cr_assert_eq(entry_value_length(entry), lengths[i] - 1);
        cr_assert_eq(memcmp(entry_value(entry), value_of(i), lengths[i] - 1), 0, "%s", name);
        cr_assert_eq(entry_expiry(entry), i % 3 ? 0 : 99);
    }
}

// Until nothing more can be done. Returns how many entries have moved.
static uint64_t settle(void)
{
    uint64_t sum = 0;
    uint32_t barren = 0; // rounds
    while (barren < 2) {
        uint32_t moved;
        enum keyspace_defrag result = keyspace_defrag(fixture.keyspace, 64, &moved);
        sum += moved;
        bool some = result == KEYSPACE_DEFRAG_FREED || result == KEYSPACE_DEFRAG_PART;
        result = keyspace_slide(fixture.keyspace, 64, SIZE_MAX, &moved);
        sum += moved;
        some = some || result == KEYSPACE_DEFRAG_FREED || result == KEYSPACE_DEFRAG_PART;
        barren += result == KEYSPACE_DEFRAG_ROUND;
        barren = some ? 0 : barren;
    }
    return sum;
}

struct mix {
    uint32_t lengths[8];
};

static uint32_t mix_length(const struct mix *mix, uint32_t i)
{
    uint32_t kinds = 1;
    while (kinds < 8 && mix->lengths[kinds] != 0)
        kinds++;
    return mix->lengths[i % kinds];
}

// Fills until there is no room. Returns the next number.
static uint32_t fill(uint32_t from, const struct mix *mix, uint64_t *bytes)
{
    uint32_t i = from;
    while (i < KEYS_MAX && set(i, mix_length(mix, i))) {
        *bytes += lengths[i] - 1;
        i++;
    }
    return i;
}

static void clear(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (lengths[i] > 0)
            drop(i);
    }
    cr_assert_eq(arena_used_bytes(fixture.arena), 0);
    cr_assert_eq(arena_span_bytes(fixture.arena), 0);
}

// Fill with some, delete at random, fill with others: beside a region where the others come to those
// that are left when these have been there from the beginning.
static void pattern(const struct mix *before, const struct mix *after, uint32_t percent)
{
    uint64_t random = 77 + before->lengths[0] + after->lengths[0];
    uint64_t bytes = 0;
    uint32_t first = fill(0, before, &bytes);
    for (uint32_t i = 0; i < first; i++) {
        if (percent == 0 ? i % 2 == 0 : fixture_random(&random) % 100 < percent)
            drop(i);
    }
    settle();
    uint64_t left = 0;
    for (uint32_t i = 0; i < first; i++)
        left += lengths[i] > 0 ? lengths[i] - 1 : 0;
    bytes = left;
    uint32_t count = fill(first, after, &bytes);
    check_all(count);
    static uint32_t survivors[KEYS_MAX];
    memcpy(survivors, lengths, first * sizeof(survivors[0]));
    clear(count);
    uint64_t fresh = left;
    for (uint32_t i = 0; i < first; i++)
        cr_assert(survivors[i] == 0 || set(i, survivors[i] - 1));
    count = fill(first, after, &fresh);
    cr_expect_geq(bytes * 100, fresh * 93, "%u.. then %u.., %u %%: %.3f", before->lengths[0],
                  after->lengths[0], percent, (double)bytes / (double)fresh);
    clear(count);
}

static const struct mix mixes[] = {
    {{100}},
    {{1000, 200}},
    {{9000}},
    {{65500}},
    {{70000}},
    {{82000, 70000}},
    {{300000}},
    {{1000000, 50}},
    {{1000000, 50, 50, 50, 50, 50, 3000}},
    {{1700000}},
    {{2500000, 70000, 300}},
};
#define MIXES (sizeof(mixes) / sizeof(mixes[0]))

Test(slide, half)
{
    for (size_t i = 0; i < MIXES; i++)
        for (size_t j = i % 5; j < MIXES; j += 5)
            pattern(&mixes[i], &mixes[j], 50);
}

Test(slide, every_second)
{
    for (size_t i = 0; i < MIXES; i++)
        for (size_t j = i % 6; j < MIXES; j += 6)
            pattern(&mixes[i], &mixes[j], 0);
}

Test(slide, most)
{
    for (size_t i = 0; i < MIXES; i++)
        pattern(&mixes[i], &mixes[(i * 5 + 3) % MIXES], 85);
}

// What is longer than all holes is moved out of the way.
Test(slide, holes_are_shorter_than_all_that_is_left)
{
    uint32_t i = 0;
    for (; i < 5; i++) {
        cr_assert(set(2 * i, 4000000));
        cr_assert(set(2 * i + 1, 1500000));
    }
    for (i = 0; i < 5; i++)
        drop(2 * i + 1);
    cr_assert_gt(settle(), 0);
    cr_expect_lt(arena_scattered_bytes(fixture.arena), MIB(1));
    cr_expect(set(100, 10000000));
    check_all(101);
}

// The kernel has it: it stays. What is no entry, too.
Test(slide, what_must_stay)
{
    for (uint32_t i = 0; i < 20; i++)
        cr_assert(set(i, 1000000));
    char name[24];
    struct key key = key_at(10, name);
    struct entry *pinned = keyspace_find(fixture.keyspace, &key);
    cr_assert(keyspace_pin(fixture.keyspace, pinned));
    struct entry *block = keyspace_block_create(fixture.keyspace, 7, 500000, 0);
    memset(keyspace_block_value(block), 'x', 500000);
    cr_assert(set(20, 1000000));
    for (uint32_t i = 0; i < 20; i += 2)
        if (i != 10)
            drop(i);
    cr_assert_gt(settle(), 0);
    cr_expect_eq(keyspace_find(fixture.keyspace, &key), pinned);
    for (uint32_t i = 0; i < 500000; i++)
        cr_assert_eq(keyspace_block_value(block)[i], 'x');
    check_all(21);
    keyspace_unpin(fixture.keyspace, pinned);
    keyspace_block_free(fixture.keyspace, block);
    cr_assert_gt(settle(), 0);
    cr_expect_lt(arena_scattered_bytes(fixture.arena), MIB(1));
    check_all(21);
}

// A span is made for the blocks of another one, which all find room elsewhere or are deleted before the
// work goes on: it must go again. It would keep its pages, and be moved for ever.
static void provided_in_vain(bool stop)
{
    enum { SHORT = 1, LONG = 1000, MORE = 2000 };
    struct keyspace *keyspace = fixture.keyspace;
    uint32_t moved = 0;
    char name[24];
    cr_assert(set(0, 300000));
    cr_assert(set(LONG - 1, 1000000));
    // All blocks of a span.
    struct arena *arena = fixture.arena;
    cr_assert(set(LONG, 100));
    struct key key = key_at(LONG, name);
    size_t block = arena_block_bytes(arena, keyspace_find(keyspace, &key));
    uint32_t count = (uint32_t)(8 * ARENA_PAGE_BYTES / block);
    for (uint32_t i = 1; i < count; i++)
        cr_assert(set(LONG + i, 100));
    // They become shorter in their blocks.
    for (uint32_t i = 0; i < count; i++) {
        key = key_at(LONG + i, name);
        struct entry *entry = keyspace_find(keyspace, &key);
        cr_assert_eq(keyspace_resize(keyspace, &key, entry, 80), entry);
        lengths[LONG + i] = 81;
    }
    for (uint32_t i = 0; i < 20; i++)
        cr_assert(set(SHORT + i, 80));
    cr_assert(set(MORE, 300000));
    drop(LONG - 1);
    enum keyspace_defrag result = KEYSPACE_DEFRAG_NOTHING;
    for (uint32_t i = 0; i < 10 && result != KEYSPACE_DEFRAG_PART; i++)
        result = keyspace_slide(keyspace, 1, SIZE_MAX, &moved);
    cr_assert_eq(result, KEYSPACE_DEFRAG_PART);
    check_all(MORE + 1);
    if (stop)
        keyspace_slide_stop(keyspace);
    for (uint32_t i = 0; i < count; i++)
        drop(LONG + i);
    drop(0);
    uint32_t calls = 0;
    do {
        result = keyspace_slide(keyspace, 64, SIZE_MAX, &moved);
    } while ((moved > 0 || result != KEYSPACE_DEFRAG_ROUND) && ++calls < 1000);
    cr_expect_lt(calls, 1000);
    check_all(MORE + 1);
    for (uint32_t i = 0; i < 20; i++)
        drop(SHORT + i);
    drop(MORE);
    cr_expect_eq(arena_span_bytes(arena), 0);
}

Test(slide, provided_in_vain)
{
    provided_in_vain(false);
    end();
    begin();
    provided_in_vain(true);
}

// --- changes while an entry is on its way --------------------------------------------------------

enum change {
    CHANGE_NONE,
    CHANGE_WRITE,
    CHANGE_GROW,
    CHANGE_EXPIRY,
    CHANGE_NO_EXPIRY,
    CHANGE_SET_SAME,
    CHANGE_SET_OTHER,
    CHANGE_RENAME,
    CHANGE_DELETE,
    CHANGE_PIN,
    CHANGE_PIN_DELETE,
    CHANGE_TABLE,
    CHANGES,
};

static void change(enum change change, struct key *key, uint8_t *shadow, uint32_t *length,
                   int64_t *expiry)
{
    struct keyspace *keyspace = fixture.keyspace;
    struct entry *entry = keyspace_find(keyspace, key);
    char name[24];
    switch (change) {
    case CHANGE_WRITE:
        for (uint32_t at = 0; at + 100 < *length; at += *length / 5) {
            memset(shadow + at, 'w', 100);
            cr_assert_eq(keyspace_write(keyspace, key, entry, at, shadow + at, 100), entry);
        }
        break;
    case CHANGE_GROW:
        memset(shadow + *length, 0, 1000);
        *length += 1000;
        cr_assert_not_null(keyspace_resize(keyspace, key, entry, *length));
        break;
    case CHANGE_EXPIRY:
    case CHANGE_NO_EXPIRY:
        *expiry = change == CHANGE_EXPIRY ? 12345 : 0;
        cr_assert_not_null(keyspace_set_expiry(keyspace, key, entry, *expiry));
        break;
    case CHANGE_SET_SAME:
    case CHANGE_SET_OTHER:
        *length = change == CHANGE_SET_SAME ? *length : 300;
        memset(shadow, 's', *length);
        *expiry = 0;
        cr_assert_not_null(keyspace_set(keyspace, key, shadow, *length, 0));
        break;
    case CHANGE_RENAME: {
        struct key other = key_at(99, name);
        cr_assert_not_null(keyspace_rename(keyspace, key, &other));
        cr_assert_null(keyspace_find(keyspace, key));
        cr_assert_not_null(keyspace_rename(keyspace, &other, key));
        break;
    }
    case CHANGE_TABLE:
        for (uint32_t i = 1000; i < 3000; i++)
            cr_assert(set(i, 20));
        break;
    default:
        break;
    }
}

static void change_during(enum change what, uint32_t size, uint32_t calls)
{
    begin();
    struct keyspace *keyspace = fixture.keyspace;
    static uint8_t shadow[MIB(4)];
    uint32_t length = size;
    int64_t expiry = 7;
    char name[24];
    cr_assert(set(0, 3000000));
    struct key key = key_at(1, name);
    memcpy(shadow, value_bytes, length);
    cr_assert_not_null(keyspace_set(keyspace, &key, shadow, length, expiry));
    cr_assert(set(2, 300000));
    drop(0);
    struct entry *before = keyspace_find(keyspace, &key);
    uint32_t moved = 0;
    for (uint32_t i = 0; i < calls && moved == 0; i++)
        keyspace_slide(keyspace, 1, SIZE_MAX, &moved);
    cr_assert_eq(moved, 0);
    bool pins = what == CHANGE_PIN || what == CHANGE_PIN_DELETE;
    if (pins)
        cr_assert(keyspace_pin(keyspace, before));
    change(what, &key, shadow, &length, &expiry);
    bool gone = what == CHANGE_DELETE || what == CHANGE_PIN_DELETE;
    if (gone)
        cr_assert(keyspace_delete(keyspace, &key));
    uint64_t sum = settle();
    struct entry *after = keyspace_find(keyspace, &key);
    if (what == CHANGE_PIN)
        cr_assert_eq(after, before);
    if (pins) {
        cr_assert_eq(memcmp(entry_value(before), shadow, length), 0);
        keyspace_unpin(keyspace, before);
        sum += settle();
    }
    cr_assert_gt(sum, 0);
    after = keyspace_find(keyspace, &key);
    cr_assert_eq(after == NULL, gone);
    if (after != NULL) {
        cr_assert_eq(entry_value_length(after), length);
        cr_assert_eq(memcmp(entry_value(after), shadow, length), 0, "change %d", what);
        cr_assert_eq(entry_expiry(after), expiry);
    }
    check_all(1);
    cr_expect_eq(arena_scattered_bytes(fixture.arena), 0, "change %d", what);
    uint64_t used = 0;
    for (uint32_t i = 0; i < 3000; i++) {
        struct key other = key_at(i, name);
        struct entry *entry = keyspace_find(keyspace, &other);
        used += entry != NULL ? arena_block_bytes(fixture.arena, entry) : 0;
    }
    cr_expect_eq(arena_used_bytes(fixture.arena), used, "change %d", what);
    end();
}

Test(slide, changes_meanwhile)
{
    end();
    for (int what = 0; what < CHANGES; what++)
        for (uint32_t calls = 1; calls < 20; calls += 6)
            change_during((enum change)what, 2900000, calls);
    for (int what = 0; what < CHANGES; what++)
        change_during((enum change)what, 200000, 1);
    begin();
}

// All of that at random, with the table growing and shrinking.
Test(slide, under_load)
{
    enum { KEYS = 300 };
    static struct entry *pinned[8];
    uint64_t random = 31;
    uint64_t moves = 0;
    for (uint32_t round = 0; round < 60000; round++) {
        uint32_t i = (uint32_t)(fixture_random(&random) % KEYS);
        char name[24];
        struct key key = key_at(i, name);
        uint64_t what = fixture_random(&random) % 100;
        uint32_t length =
            (uint32_t)(fixture_random(&random) % 16 == 0 ? fixture_random(&random) % 3000000
                                                         : fixture_random(&random) % 100000);
        struct entry *entry = keyspace_find(fixture.keyspace, &key);
        if (what < 40 && entry != NULL)
            drop(i);
        else if (what < 55)
            set(i, length);
        else if (what < 60 && entry != NULL && pinned[i % 8] == NULL &&
                 keyspace_pin(fixture.keyspace, entry))
            pinned[i % 8] = entry;
        else if (what < 70 && pinned[i % 8] != NULL) {
            keyspace_unpin(fixture.keyspace, pinned[i % 8]);
            pinned[i % 8] = NULL;
        }
        uint32_t moved;
        keyspace_slide(fixture.keyspace, 4, SIZE_MAX, &moved);
        moves += moved;
        if (round % 8 == 0)
            keyspace_defrag(fixture.keyspace, 16, &moved);
        if (round % 2000 == 0)
            check_all(KEYS);
    }
    check_all(KEYS);
    cr_expect_gt(moves, 1000);
}
