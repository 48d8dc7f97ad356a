// The keyspace, case by case: shapes of entries, databases, pins, blocks, random keys.
#include "tests/unit/storage_fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct key name_key(struct fixture *f, uint32_t database, const char *name)
{
    return keyspace_key(f->keyspace, database, name, (uint32_t)strlen(name));
}

static struct entry *set(struct fixture *f, uint32_t database, const char *name, const char *value)
{
    struct key key = name_key(f, database, name);
    return keyspace_set(f->keyspace, &key, value, (uint32_t)strlen(value), 0);
}

static bool has(struct fixture *f, uint32_t database, const char *name, const char *value)
{
    struct key key = name_key(f, database, name);
    const struct entry *entry = keyspace_find(f->keyspace, &key);
    return entry != NULL && entry_value_length(entry) == strlen(value) &&
           memcmp(entry_value(entry), value, strlen(value)) == 0;
}

static enum keyspace_verdict never(void *context, const struct entry *entry, const struct key *key)
{
    (void)context, (void)entry, (void)key;
    cr_assert_fail("nothing expires here");
    return KEYSPACE_KEEP;
}

// --- entries ---------------------------------------------------------------------------------

Test(keyspace, sixteen_and_sixty_four_bytes_take_eighty_eight)
{
    cr_assert_eq(keyspace_entry_bytes(16, 64, false), 88);
    cr_assert_eq(keyspace_entry_bytes(16, 64, true), 96);
    cr_assert_eq(keyspace_entry_bytes(256, 0, false), keyspace_entry_bytes(256, 0, true));
    struct fixture f = fixture_create(MIB(16), 0);
    uint8_t value[64] = {1};
    struct key key = name_key(&f, 0, "0123456789abcdef");
    cr_assert_not_null(keyspace_set(f.keyspace, &key, value, 64, 0));
    cr_assert_eq(arena_used_bytes(f.arena), 88);
    cr_assert_not_null(keyspace_set(f.keyspace, &key, value, 64, 5));
    cr_assert_eq(arena_used_bytes(f.arena), 96);
    cr_assert(keyspace_delete(f.keyspace, &key));
    cr_assert_not(keyspace_delete(f.keyspace, &key));
    cr_assert_eq(arena_used_bytes(f.arena), 0);
    fixture_destroy(&f);
}

// Around the lengths at which the header changes.
Test(keyspace, every_shape)
{
    static uint8_t bytes[70000];
    static const uint32_t key_lengths[] = {0, 1, 254, 255, 256, 257, 60000};
    static const uint32_t value_lengths[] = {0, 1, 65534, 65535, 65536, 65537};
    struct fixture f = fixture_create(MIB(64), 0);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 31 >> 3);
    for (int k = 0; k < 7; k++) {
        for (int v = 0; v < 6 * 6; v++) {
            struct key key = keyspace_key(f.keyspace, 3, bytes, key_lengths[k]);
            const uint32_t lengths[2] = {value_lengths[v / 6], value_lengths[v % 6]};
            for (int j = 0; j < 2; j++) {
                struct entry *entry = keyspace_set(f.keyspace, &key, bytes + 5, lengths[j], v % 3);
                cr_assert_eq(entry, keyspace_find(f.keyspace, &key));
                cr_assert_eq(entry_key_length(entry), key_lengths[k]);
                cr_assert_eq(entry_value_length(entry), lengths[j]);
                cr_assert_eq(entry_expiry(entry), v % 3);
                cr_assert_eq(memcmp(entry_key(entry), bytes, key_lengths[k]), 0);
                cr_assert_eq(memcmp(entry_value(entry), bytes + 5, lengths[j]), 0);
            }
        }
    }
    cr_assert_eq(keyspace_count(f.keyspace, 3), 7);
    fixture_destroy(&f);
}

Test(keyspace, same_length_stays_in_place)
{
    struct fixture f = fixture_create(MIB(16), 0);
    struct entry *entry = set(&f, 0, "key", "value one");
    cr_assert_eq(set(&f, 0, "key", "value two"), entry);
    cr_assert_eq(set(&f, 0, "key", "value 2"), entry);
    cr_assert(has(&f, 0, "key", "value 2"));
    // Much shorter: the block goes back.
    char large[1000];
    memset(large, 'x', sizeof(large));
    large[999] = 0;
    set(&f, 0, "key", large);
    set(&f, 0, "key", "small");
    cr_assert_eq(arena_used_bytes(f.arena), keyspace_entry_bytes(3, 5, false));
    fixture_destroy(&f);
}

Test(keyspace, appending_is_amortised)
{
    struct fixture f = fixture_create(MIB(64), 0);
    struct key key = name_key(&f, 0, "log");
    struct entry *entry = set(&f, 0, "log", "");
    uint32_t moves = 0;
    for (uint32_t i = 1; i <= 100000; i++) {
        struct entry *grown = keyspace_resize(f.keyspace, &key, entry, i);
        uint8_t byte = (uint8_t)i;
        moves += grown != entry;
        entry = keyspace_write(f.keyspace, &key, grown, i - 1, &byte, 1);
    }
    cr_assert_lt(moves, 80);
    for (uint32_t i = 1; i <= 100000; i++)
        cr_assert_eq(entry_value(entry)[i - 1], (uint8_t)i);
    cr_assert_leq(arena_used_bytes(f.arena), 140000);
    entry = keyspace_resize(f.keyspace, &key, entry, 10);
    cr_assert_leq(arena_used_bytes(f.arena), 64);
    cr_assert_eq(entry_value(entry)[9], 10);
    fixture_destroy(&f);
}

Test(keyspace, expiry_comes_and_goes)
{
    struct fixture f = fixture_create(MIB(16), 0);
    struct key key = name_key(&f, 2, "key");
    struct entry *entry = set(&f, 2, "key", "value");
    for (int64_t ms = 0; ms < 20; ms++) {
        entry = keyspace_set_expiry(f.keyspace, &key, entry, ms % 3);
        cr_assert_eq(entry_expiry(entry), ms % 3);
        cr_assert_eq(keyspace_count_volatile(f.keyspace, 2), ms % 3 != 0);
        cr_assert(has(&f, 2, "key", "value"));
    }
    cr_assert_eq(keyspace_count_volatile(f.keyspace, 2), 1);
    set(&f, 2, "key", "value");
    cr_assert_eq(keyspace_count_volatile(f.keyspace, 2), 0);
    fixture_destroy(&f);
}

// --- blocks ----------------------------------------------------------------------------------

Test(keyspace, adopts_blocks)
{
    struct fixture f = fixture_create(MIB(64), 0);
    struct entry *block = keyspace_block_create(f.keyspace, 3, MIB(1), 64);
    memset(keyspace_block_value(block), 'v', MIB(1) + 64);
    struct key key = name_key(&f, 0, "big");
    struct entry *entry = keyspace_adopt(f.keyspace, &key, block, 77);
    cr_assert_eq(entry, block); // received straight into its place
    cr_assert_eq(entry_value_length(entry), MIB(1));
    cr_assert_eq(entry_expiry(entry), 77);
    cr_assert_eq(memcmp(entry_key(entry), "big", 3), 0);
    cr_assert_eq(entry_value(entry)[MIB(1) - 1], 'v');
    cr_assert_eq(keyspace_count_volatile(f.keyspace, 0), 1);
    block = keyspace_block_create(f.keyspace, 3, 5, 0);
    memcpy(keyspace_block_value(block), "again", 5);
    cr_assert_eq(keyspace_adopt(f.keyspace, &key, block, 0), block);
    cr_assert(has(&f, 0, "big", "again"));
    cr_assert_eq(keyspace_count_volatile(f.keyspace, 0), 0);
    cr_assert_eq(keyspace_count(f.keyspace, 0), 1);
    keyspace_block_free(f.keyspace, keyspace_block_create(f.keyspace, 10, 100, 5));
    cr_assert(keyspace_delete(f.keyspace, &key));
    cr_assert_eq(arena_used_bytes(f.arena), 0);
    cr_assert_null(keyspace_block_create(f.keyspace, 3, MIB(100), 0));
    fixture_destroy(&f);
}

// --- databases -------------------------------------------------------------------------------

static int flush(struct fixture *f, uint32_t database)
{
    struct keyspace_map map;
    keyspace_get_map(f->keyspace, &map);
    map.ids[database] = map.next_id++;
    return keyspace_set_map(f->keyspace, &map);
}

Test(keyspace, databases_are_apart)
{
    struct fixture f = fixture_create(MIB(16), 0);
    for (uint32_t i = 0; i < DATABASES_MAX; i++) {
        cr_assert_eq(keyspace_id(f.keyspace, i), i + 1);
        cr_assert_eq(keyspace_database_of_id(f.keyspace, i + 1), (int)i);
        set(&f, i, "key", i % 2 ? "odd" : "even");
    }
    for (uint32_t i = 0; i < DATABASES_MAX; i++) {
        cr_assert(has(&f, i, "key", i % 2 ? "odd" : "even"));
        cr_assert_eq(keyspace_count(f.keyspace, i), 1);
    }
    cr_assert_eq(keyspace_database_of_id(f.keyspace, DATABASES_MAX + 1), -ENOENT);
    fixture_destroy(&f);
}

Test(keyspace, flushes_and_swaps)
{
    struct fixture f = fixture_create(MIB(16), 0);
    set(&f, 0, "key", "zero");
    set(&f, 1, "key", "one");
    // A database whose id stays keeps its slot: keys that were prepared before stay right.
    struct key other = name_key(&f, 5, "later");
    struct entry *dead = keyspace_find(f.keyspace, (struct key[]){name_key(&f, 0, "key")});
    uint16_t dead_slot = dead->slot;
    cr_assert_eq(flush(&f, 0), 0);
    cr_assert_not(has(&f, 0, "key", "zero"));
    cr_assert_eq(keyspace_count(f.keyspace, 0), 0);
    cr_assert_eq(keyspace_count_dead(f.keyspace), 1);
    cr_assert_eq(keyspace_database_of_slot(f.keyspace, dead_slot), -ENOENT);
    set(&f, 0, "key", "new");
    struct keyspace_map map;
    keyspace_get_map(f.keyspace, &map);
    cr_assert_eq(map.next_id, DATABASES_MAX + 2);
    uint32_t id = map.ids[0];
    map.ids[0] = map.ids[1];
    map.ids[1] = id;
    cr_assert_eq(keyspace_set_map(f.keyspace, &map), 0);
    cr_assert(has(&f, 0, "key", "one"));
    cr_assert(has(&f, 1, "key", "new"));
    keyspace_set(f.keyspace, &other, "x", 1, 0);
    cr_assert(has(&f, 5, "later", "x"));
    cr_assert_eq(keyspace_sweep(f.keyspace, 0, 1000, never, NULL), 1);
    cr_assert_eq(keyspace_count_dead(f.keyspace), 0);
    fixture_destroy(&f);
}

// An id that comes back before its keys are freed brings them back, as a replayed map may ask.
Test(keyspace, dead_keys_return_with_their_id)
{
    struct fixture f = fixture_create(MIB(16), 0);
    set(&f, 0, "key", "zero");
    struct keyspace_map map;
    keyspace_get_map(f.keyspace, &map);
    struct keyspace_map before = map;
    cr_assert_eq(flush(&f, 0), 0);
    before.next_id++;
    cr_assert_eq(keyspace_set_map(f.keyspace, &before), 0);
    cr_assert(has(&f, 0, "key", "zero"));
    cr_assert_eq(keyspace_count_dead(f.keyspace), 0);
    fixture_destroy(&f);
}

Test(keyspace, slots_run_out_and_come_back)
{
    struct fixture f = fixture_create(MIB(16), 0);
    uint32_t flushes = 0;
    for (; flushes < KEYSPACE_SLOTS_MAX + 1; flushes++) {
        set(&f, 0, "key", "value");
        struct keyspace_map before;
        keyspace_get_map(f.keyspace, &before);
        if (flush(&f, 0) == -ENOSPC) {
            struct keyspace_map after;
            keyspace_get_map(f.keyspace, &after);
            cr_assert_eq(memcmp(&before, &after, sizeof(before)), 0);
            cr_assert(has(&f, 0, "key", "value"));
            break;
        }
    }
    // All but the slots of the 15 other databases hold a dead key, one the live one.
    cr_assert_eq(flushes, KEYSPACE_SLOTS_MAX - DATABASES_MAX);
    for (int i = 0; i < 100 && keyspace_count_dead(f.keyspace) > 0; i++)
        keyspace_sweep(f.keyspace, 0, 100, never, NULL);
    cr_assert_eq(flush(&f, 0), 0);
    // Flushing empty databases costs no slots.
    for (uint32_t i = 0; i < 3 * KEYSPACE_SLOTS_MAX; i++)
        cr_assert_eq(flush(&f, i % DATABASES_MAX), 0);
    fixture_destroy(&f);
}

// --- pins ------------------------------------------------------------------------------------

Test(keyspace, pinned_values_stay)
{
    struct fixture f = fixture_create(MIB(16), 0);
    struct key key = name_key(&f, 0, "key");
    struct entry *entry = set(&f, 0, "key", "value");
    const uint8_t *value = entry_value(entry);
    cr_assert(keyspace_pin(f.keyspace, entry));
    cr_assert(keyspace_pin(f.keyspace, entry));
    struct entry *second = keyspace_write(f.keyspace, &key, entry, 0, "V", 1);
    cr_assert_neq(second, entry);
    cr_assert(has(&f, 0, "key", "Value"));
    cr_assert_eq(memcmp(value, "value", 5), 0);
    struct keyspace_stats stats;
    keyspace_stats(f.keyspace, &stats);
    cr_assert_eq(stats.pins, 1);
    cr_assert_eq(stats.pinned_dead_bytes, keyspace_entry_bytes(3, 5, false));
    // The copy can be pinned, deleted and forgotten on its own.
    cr_assert(keyspace_pin(f.keyspace, second));
    cr_assert(keyspace_delete(f.keyspace, &key));
    cr_assert_not(has(&f, 0, "key", "Value"));
    cr_assert_eq(memcmp(entry_value(second), "Value", 5), 0);
    keyspace_unpin(f.keyspace, second);
    keyspace_unpin(f.keyspace, entry);
    cr_assert_eq(memcmp(value, "value", 5), 0);
    keyspace_stats(f.keyspace, &stats);
    cr_assert_gt(stats.pinned_dead_bytes, 0);
    keyspace_unpin(f.keyspace, entry);
    keyspace_stats(f.keyspace, &stats);
    cr_assert_eq(stats.pinned_dead_bytes, 0);
    cr_assert_eq(arena_used_bytes(f.arena), 0);
    fixture_destroy(&f);
}

// Growing or shrinking in place would let a later change write over bytes that are lent.
Test(keyspace, pinned_values_are_resized_elsewhere)
{
    struct fixture f = fixture_create(MIB(16), 0);
    struct key key = name_key(&f, 0, "key");
    struct entry *entry = set(&f, 0, "key", "a value");
    cr_assert(keyspace_pin(f.keyspace, entry));
    struct entry *shorter = keyspace_resize(f.keyspace, &key, entry, 4);
    cr_assert_neq(shorter, entry);
    cr_assert_eq(keyspace_resize(f.keyspace, &key, shorter, 5), shorter);
    cr_assert_eq(memcmp(entry_value(shorter), "a va\0", 5), 0);
    cr_assert_eq(memcmp(entry_value(entry), "a value", 7), 0);
    keyspace_unpin(f.keyspace, entry);
    fixture_destroy(&f);
}

Test(keyspace, pins_are_bounded)
{
    static struct entry *entries[PINS_MAX + 1];
    struct fixture f = fixture_create(MIB(16), 0);
    char name[20];
    for (uint32_t i = 0; i <= PINS_MAX; i++) {
        sprintf(name, "key %u", i);
        entries[i] = set(&f, 0, name, "value");
        cr_assert_eq(keyspace_pin(f.keyspace, entries[i]), i < PINS_MAX);
    }
    cr_assert(keyspace_pin(f.keyspace, entries[7])); // again: takes no place
    keyspace_unpin(f.keyspace, entries[7]);
    // In an order unlike that of the cells.
    for (uint32_t i = 0; i < PINS_MAX; i++)
        keyspace_unpin(f.keyspace, entries[(i * 1229) % PINS_MAX]);
    struct keyspace_stats stats;
    keyspace_stats(f.keyspace, &stats);
    cr_assert_eq(stats.pins, 0);
    cr_assert(keyspace_pin(f.keyspace, entries[PINS_MAX]));
    keyspace_unpin(f.keyspace, entries[PINS_MAX]);
    fixture_destroy(&f);
}

Test(keyspace, an_unpin_needs_a_pin, .signal = SIGABRT)
{
    struct fixture f = fixture_create(MIB(16), 0);
    keyspace_unpin(f.keyspace, set(&f, 0, "key", "value"));
}

// --- random keys -----------------------------------------------------------------------------

Test(keyspace, random_keys_are_fair)
{
    static uint32_t seen[1000];
    struct fixture f = fixture_create(MIB(64), 0);
    cr_assert_null(keyspace_random(f.keyspace, 0, 1));
    char name[20];
    for (uint32_t i = 0; i < 1000; i++) {
        sprintf(name, "%u", i);
        set(&f, 0, name, "value");
    }
    uint64_t random = 5;
    for (uint32_t i = 0; i < 200000; i++) {
        struct entry *entry = keyspace_random(f.keyspace, 0, fixture_random(&random));
        cr_assert_not_null(entry);
        memcpy(name, entry_key(entry), entry_key_length(entry));
        name[entry_key_length(entry)] = 0;
        seen[atoi(name)]++;
    }
    // 200 each expected, with a standard deviation of 14.
    for (uint32_t i = 0; i < 1000; i++)
        cr_assert(seen[i] > 100 && seen[i] < 300, "%u: %u", i, seen[i]);
    // The only key of a database among many of another.
    for (uint32_t i = 0; i < 100000; i++) {
        sprintf(name, "%u", i);
        set(&f, 1, name, "value");
    }
    set(&f, 2, "alone", "value");
    cr_assert_eq(keyspace_random(f.keyspace, 2, 3)->key_length, 5);
    fixture_destroy(&f);
}
