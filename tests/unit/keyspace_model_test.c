// The keyspace against a plain model: more than a million random operations on several databases.
#include "tests/unit/storage_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATABASES 4
#define PINS_HELD 64
#define NOW_MS 1000000

struct model_key {
    uint8_t *value; // NULL: not there
    uint32_t length;
    int64_t expiry_ms;
};

// A pinned value must keep its bytes, whatever happens to its key.
struct held_pin {
    struct entry *entry;
    const uint8_t *value;
    uint8_t *copy;
    uint32_t length;
};

struct model {
    struct fixture f;
    uint64_t random;
    uint32_t keys;                       // names per database
    struct model_key *tables[DATABASES]; // by database
    uint64_t dead;                       // keys that were flushed and may not be freed yet
    uint32_t next_id;
    struct held_pin pins[PINS_HELD];
    uint64_t refusals;
    uint64_t grown;
};

static uint64_t draw(struct model *m, uint64_t below)
{
    return fixture_random(&m->random) % below;
}

static uint32_t make_name(char *name, uint32_t i)
{
    // A few keys are long: with 16-bit and wide lengths.
    uint32_t length = (uint32_t)sprintf(name, "key:%u", i);
    if (i % 16 == 0) {
        uint32_t wanted = i % 64 == 0 ? 300 : 40;
        memset(name + length, 'k', wanted - length);
        length = wanted;
    }
    return length;
}

static struct key pick_key(struct model *m, uint32_t *database, uint32_t *i, char *name)
{
    *database = (uint32_t)draw(m, DATABASES);
    *i = (uint32_t)draw(m, m->keys);
    uint32_t length = make_name(name, *i);
    return keyspace_key(m->f.keyspace, *database, name, length);
}

static uint32_t draw_length(struct model *m)
{
    switch (draw(m, 64)) {
    case 0:
        return (uint32_t)draw(m, 70000);
    case 1:
    case 2:
    case 3:
        return (uint32_t)draw(m, 3000);
    default:
        return (uint32_t)draw(m, 100);
    }
}

static int64_t draw_expiry(struct model *m)
{
    return draw(m, 3) == 0 ? (int64_t)(1 + draw(m, 2 * NOW_MS)) : 0;
}

static void check_entry(const struct model_key *expected, const struct entry *entry)
{
    cr_assert((entry != NULL) == (expected->value != NULL));
    if (entry == NULL)
        return;
    cr_assert_eq(entry_value_length(entry), expected->length);
    cr_assert_eq(entry_expiry(entry), expected->expiry_ms);
    cr_assert_eq(memcmp(entry_value(entry), expected->value, expected->length), 0);
}

static void model_set(struct model_key *key, uint8_t *value, uint32_t length, int64_t expiry_ms)
{
    free(key->value);
    *key = (struct model_key){value, length, expiry_ms};
}

static uint8_t *draw_bytes(struct model *m, uint32_t length)
{
    uint8_t *bytes = malloc(length + 1);
    uint64_t pattern = fixture_random(&m->random);
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(pattern >> (i % 7 * 8)) + (uint8_t)i;
    return bytes;
}

static void do_set(struct model *m, const struct key *key, struct model_key *expected)
{
    uint32_t length = draw(m, 2) == 0 && expected->value ? expected->length : draw_length(m);
    uint8_t *value = draw_bytes(m, length);
    int64_t expiry = draw_expiry(m);
    struct entry *entry;
    if (draw(m, 8) == 0) {
        uint32_t slack = (uint32_t)draw(m, 100);
        struct entry *block = keyspace_block_create(m->f.keyspace, key->length, length, slack);
        if (block != NULL) {
            memcpy(keyspace_block_value(block), value, length);
            memset(keyspace_block_value(block) + length, 0xEE, slack);
        }
        entry = block ? keyspace_adopt(m->f.keyspace, key, block, expiry) : NULL;
        if (block != NULL && entry == NULL)
            keyspace_block_free(m->f.keyspace, block);
    } else {
        entry = keyspace_set(m->f.keyspace, key, value, length, expiry);
    }
    if (entry == NULL) {
        m->refusals++;
        free(value);
        return;
    }
    model_set(expected, value, length, expiry);
    check_entry(expected, entry);
}

// The new value is a part of the old one.
static void do_set_alias(struct model *m, const struct key *key, struct model_key *expected)
{
    struct entry *old = keyspace_find(m->f.keyspace, key);
    check_entry(expected, old);
    if (old == NULL)
        return;
    uint32_t from = (uint32_t)draw(m, expected->length + 1);
    uint32_t length = (uint32_t)draw(m, expected->length - from + 1);
    int64_t expiry = draw_expiry(m);
    struct entry *entry = keyspace_set(m->f.keyspace, key, entry_value(old) + from, length, expiry);
    if (entry == NULL) {
        m->refusals++;
        return;
    }
    uint8_t *value = malloc(length + 1);
    memcpy(value, expected->value + from, length);
    model_set(expected, value, length, expiry);
    check_entry(expected, entry);
}

static void do_resize(struct model *m, const struct key *key, struct model_key *expected)
{
    struct entry *entry = keyspace_find(m->f.keyspace, key);
    if (entry == NULL)
        return;
    uint32_t length = draw(m, 2) ? expected->length + (uint32_t)draw(m, 50) : draw_length(m);
    entry = keyspace_resize(m->f.keyspace, key, entry, length);
    if (entry == NULL) {
        m->refusals++;
        return;
    }
    expected->value = realloc(expected->value, length + 1);
    if (length > expected->length)
        memset(expected->value + expected->length, 0, length - expected->length);
    expected->length = length;
    check_entry(expected, entry);
}

static void do_write(struct model *m, const struct key *key, struct model_key *expected)
{
    struct entry *entry = keyspace_find(m->f.keyspace, key);
    if (entry == NULL)
        return;
    uint32_t offset = (uint32_t)draw(m, expected->length + 1);
    uint32_t length = (uint32_t)draw(m, expected->length - offset + 1);
    uint8_t *data = draw_bytes(m, length);
    entry = keyspace_write(m->f.keyspace, key, entry, offset, data, length);
    if (entry != NULL) {
        memcpy(expected->value + offset, data, length);
        check_entry(expected, entry);
    }
    m->refusals += entry == NULL;
    free(data);
}

static void do_set_expiry(struct model *m, const struct key *key, struct model_key *expected)
{
    struct entry *entry = keyspace_find(m->f.keyspace, key);
    if (entry == NULL)
        return;
    int64_t expiry = draw_expiry(m);
    entry = keyspace_set_expiry(m->f.keyspace, key, entry, expiry);
    if (entry == NULL) {
        m->refusals++;
        return;
    }
    expected->expiry_ms = expiry;
    check_entry(expected, entry);
}

static void do_delete(struct model *m, const struct key *key, struct model_key *expected)
{
    cr_assert_eq(keyspace_delete(m->f.keyspace, key), expected->value != NULL);
    model_set(expected, NULL, 0, 0);
    cr_assert_null(keyspace_find(m->f.keyspace, key));
}

static void do_rename(struct model *m, const struct key *key, struct model_key *expected)
{
    uint32_t database;
    uint32_t i;
    char name[400];
    struct key to = pick_key(m, &database, &i, name);
    struct model_key *target = &m->tables[database][i];
    struct entry *entry = keyspace_find(m->f.keyspace, key);
    if (entry == NULL || target == expected)
        return;
    uint16_t idle = (uint16_t)draw(m, UINT16_MAX);
    entry_touch(entry, idle);
    entry = keyspace_rename(m->f.keyspace, key, &to);
    if (entry == NULL) {
        m->refusals++;
        check_entry(expected, keyspace_find(m->f.keyspace, key));
        check_entry(target, keyspace_find(m->f.keyspace, &to));
        return;
    }
    free(target->value);
    *target = *expected;
    *expected = (struct model_key){0};
    check_entry(target, entry);
    cr_assert_eq(entry, keyspace_find(m->f.keyspace, &to));
    cr_assert_null(keyspace_find(m->f.keyspace, key));
    cr_assert_eq(entry->idle, idle);
}

// Pins the key's value, or lets go of what the same cell holds.
static void do_pin(struct model *m, const struct key *key)
{
    struct held_pin *pin = &m->pins[draw(m, PINS_HELD)];
    if (pin->entry != NULL) {
        cr_assert_eq(memcmp(pin->value, pin->copy, pin->length), 0);
        keyspace_unpin(m->f.keyspace, pin->entry);
        free(pin->copy);
        pin->entry = NULL;
        return;
    }
    struct entry *entry = keyspace_find(m->f.keyspace, key);
    if (entry == NULL)
        return;
    cr_assert(keyspace_pin(m->f.keyspace, entry));
    *pin = (struct held_pin){entry, entry_value(entry), NULL, entry_value_length(entry)};
    pin->copy = malloc(pin->length + 1);
    memcpy(pin->copy, pin->value, pin->length);
}

static void check_counts(struct model *m)
{
    struct keyspace_stats stats;
    keyspace_stats(m->f.keyspace, &stats);
    uint64_t total = 0;
    for (uint32_t d = 0; d < DATABASES; d++) {
        uint64_t count = 0;
        uint64_t volatile_count = 0;
        for (uint32_t i = 0; i < m->keys; i++) {
            count += m->tables[d][i].value != NULL;
            volatile_count += m->tables[d][i].value != NULL && m->tables[d][i].expiry_ms != 0;
        }
        cr_assert_eq(keyspace_count(m->f.keyspace, d), count);
        cr_assert_eq(keyspace_count_volatile(m->f.keyspace, d), volatile_count);
        total += count;
    }
    cr_assert_eq(keyspace_count_dead(m->f.keyspace), m->dead);
    cr_assert_eq(stats.entries, total + m->dead);
}

static void check_all(struct model *m)
{
    check_counts(m);
    for (uint32_t d = 0; d < DATABASES; d++) {
        for (uint32_t i = 0; i < m->keys; i++) {
            char name[400];
            uint32_t length = make_name(name, i);
            struct key key = keyspace_key(m->f.keyspace, d, name, length);
            check_entry(&m->tables[d][i], keyspace_find(m->f.keyspace, &key));
        }
    }
}

static void flush_or_swap(struct model *m)
{
    struct keyspace_map map;
    keyspace_get_map(m->f.keyspace, &map);
    cr_assert_eq(map.next_id, m->next_id);
    uint32_t a = (uint32_t)draw(m, DATABASES);
    uint32_t b = (uint32_t)draw(m, DATABASES);
    if (a == b) {
        uint64_t count = keyspace_count(m->f.keyspace, a);
        map.ids[a] = map.next_id++;
        if (keyspace_set_map(m->f.keyspace, &map) != 0)
            return;
        m->next_id = map.next_id;
        m->dead += count;
        for (uint32_t i = 0; i < m->keys; i++)
            model_set(&m->tables[a][i], NULL, 0, 0);
    } else {
        uint32_t id = map.ids[a];
        map.ids[a] = map.ids[b];
        map.ids[b] = id;
        cr_assert_eq(keyspace_set_map(m->f.keyspace, &map), 0);
        struct model_key *table = m->tables[a];
        m->tables[a] = m->tables[b];
        m->tables[b] = table;
        cr_assert_eq(keyspace_database_of_id(m->f.keyspace, id), (int)b);
    }
    check_counts(m);
}

static enum keyspace_verdict judge(void *context, const struct entry *entry, const struct key *key)
{
    struct model *m = context;
    int database = keyspace_database_of_slot(m->f.keyspace, entry->slot);
    cr_assert(database >= 0 && database < DATABASES);
    cr_assert(entry_expiry(entry) != 0 && entry_expiry(entry) <= NOW_MS);
    uint32_t i = 0;
    for (uint32_t at = 4; at < key->length && key->data[at] != 'k'; at++)
        i = i * 10 + (key->data[at] - '0');
    struct model_key *expected = &m->tables[database][i];
    check_entry(expected, entry);
    switch (draw(m, 3)) {
    case 0:
        return KEYSPACE_KEEP;
    case 1:
        return KEYSPACE_STOP;
    default:
        model_set(expected, NULL, 0, 0);
        return KEYSPACE_REMOVE;
    }
}

static void do_background(struct model *m)
{
    keyspace_grow(m->f.keyspace, (uint32_t)draw(m, 10));
    uint64_t before = keyspace_count_dead(m->f.keyspace);
    keyspace_sweep(m->f.keyspace, NOW_MS, (uint32_t)draw(m, 20), judge, m);
    m->dead -= before - keyspace_count_dead(m->f.keyspace);
    struct keyspace_stats stats;
    keyspace_stats(m->f.keyspace, &stats);
    m->grown += stats.grown_to != 0;
    void *address;
    size_t bytes;
    // Mostly not: the table then has to clear its memory itself.
    if (draw(m, 10) == 0) {
        if (keyspace_reclaim(m->f.keyspace, &address, &bytes))
            cr_assert_eq(madvise(address, bytes, MADV_DONTNEED), 0);
        if (arena_reclaim(m->f.arena, &address, &bytes))
            cr_assert_eq(madvise(address, bytes, MADV_DONTNEED), 0);
    }
}

static void step(struct model *m, bool shrinking)
{
    uint32_t database;
    uint32_t i;
    char name[400];
    struct key key = pick_key(m, &database, &i, name);
    struct model_key *expected = &m->tables[database][i];
    keyspace_prefetch_bucket(m->f.keyspace, &key);
    keyspace_prefetch_entry(m->f.keyspace, &key);
    uint64_t operation = draw(m, 100);
    if (operation < 30)
        shrinking ? do_delete(m, &key, expected) : do_set(m, &key, expected);
    else if (operation < 40)
        do_delete(m, &key, expected);
    else if (operation < 50)
        do_resize(m, &key, expected);
    else if (operation < 60)
        do_write(m, &key, expected);
    else if (operation < 70)
        do_set_expiry(m, &key, expected);
    else if (operation < 76)
        do_set_alias(m, &key, expected);
    else if (operation < 80)
        do_pin(m, &key);
    else if (operation < 85)
        do_background(m);
    else if (operation < 92)
        do_rename(m, &key, expected);
    else
        check_entry(expected, keyspace_find(m->f.keyspace, &key));
}

static void finish(struct model *m)
{
    for (uint32_t i = 0; i < PINS_HELD; i++) {
        if (m->pins[i].entry == NULL)
            continue;
        cr_assert_eq(memcmp(m->pins[i].value, m->pins[i].copy, m->pins[i].length), 0);
        keyspace_unpin(m->f.keyspace, m->pins[i].entry);
        free(m->pins[i].copy);
    }
    check_all(m);
    for (uint32_t d = 0; d < DATABASES; d++) {
        for (uint32_t i = 0; i < m->keys; i++) {
            char name[400];
            uint32_t length = make_name(name, i);
            struct key key = keyspace_key(m->f.keyspace, d, name, length);
            cr_assert_eq(keyspace_delete(m->f.keyspace, &key), m->tables[d][i].value != NULL);
            free(m->tables[d][i].value);
        }
        free(m->tables[d]);
    }
    for (uint32_t i = 0; i < 1000000 && keyspace_count_dead(m->f.keyspace) > 0; i++)
        keyspace_sweep(m->f.keyspace, NOW_MS, 100, judge, m);
    struct keyspace_stats stats;
    keyspace_stats(m->f.keyspace, &stats);
    cr_assert_eq(stats.entries, 0);
    cr_assert_eq(stats.pins, 0);
    cr_assert_eq(stats.pinned_dead_bytes, 0);
    // Nothing leaked: neither blocks nor spans.
    cr_assert_eq(arena_used_bytes(m->f.arena), 0);
    cr_assert_eq(arena_span_bytes(m->f.arena), 0);
    fixture_destroy(&m->f);
}

static struct model start(size_t data_bytes, uint32_t keys, uint64_t seed)
{
    struct model m = {.f = fixture_create(data_bytes, 0), .random = seed, .keys = keys};
    m.next_id = DATABASES_MAX + 1;
    for (uint32_t d = 0; d < DATABASES; d++)
        m.tables[d] = calloc(keys, sizeof(struct model_key));
    return m;
}

// Keys come and go in waves, so that the table grows and shrinks many times.
Test(keyspace_model, waves)
{
    struct model m = start(GIB(1), 20000, 7);
    for (uint32_t wave = 0; wave < 6; wave++) {
        for (uint32_t i = 0; i < 250000; i++) {
            step(&m, wave % 2 == 1);
            if (draw(&m, 20000) == 0)
                flush_or_swap(&m);
        }
        check_all(&m);
    }
    cr_assert_eq(m.refusals, 0);
    cr_assert_gt(m.grown, 100);
    finish(&m);
}

// Memory is short all the time: whatever is refused must change nothing.
Test(keyspace_model, short_of_memory)
{
    struct model m = start(MIB(4), 20000, 9);
    for (uint32_t i = 0; i < 400000; i++)
        step(&m, false);
    cr_assert_gt(m.refusals, 1000);
    finish(&m);
}
