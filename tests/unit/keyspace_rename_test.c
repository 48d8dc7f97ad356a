// Renaming in the keyspace: blocks that stay, shapes that change, targets, databases, no memory;
// and what an entry keeps when it is written anew.
#include "tests/unit/storage_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

static struct key name_key(struct fixture *f, uint32_t database, const char *name)
{
    return keyspace_key(f->keyspace, database, name, (uint32_t)strlen(name));
}

static bool holds(const struct entry *entry, const uint8_t *value, uint32_t length,
                  int64_t expiry_ms)
{
    return entry != NULL && entry_value_length(entry) == length &&
           memcmp(entry_value(entry), value, length) == 0 && entry_expiry(entry) == expiry_ms;
}

Test(keyspace_rename, a_key_of_the_same_length_stays_in_its_block)
{
    struct fixture f = fixture_create(MIB(16), 0);
    static uint8_t value[100000];
    memset(value, 'v', sizeof(value));
    struct key from = name_key(&f, 0, "first");
    struct key to = name_key(&f, 3, "other");
    struct entry *entry = keyspace_set(f.keyspace, &from, value, sizeof(value), 77);
    size_t used = arena_used_bytes(f.arena);
    cr_assert_eq(keyspace_rename(f.keyspace, &from, &to), entry);
    cr_assert_eq(arena_used_bytes(f.arena), used);
    cr_assert_null(keyspace_find(f.keyspace, &from));
    cr_assert(holds(keyspace_find(f.keyspace, &to), value, sizeof(value), 77));
    cr_assert_eq(keyspace_count(f.keyspace, 0), 0);
    cr_assert_eq(keyspace_count(f.keyspace, 3), 1);
    cr_assert_eq(keyspace_count_volatile(f.keyspace, 0), 0);
    cr_assert_eq(keyspace_count_volatile(f.keyspace, 3), 1);
    fixture_destroy(&f);
}

// Every change of shape: around the lengths of keys and values at which the header changes.
Test(keyspace_rename, every_shape)
{
    static const uint32_t keys[] = {0, 1, 7, 8, 9, 200, 255, 256, 257, 5000};
    static const uint32_t values[] = {0, 1, 8, 300, 65535, 65536, 70000};
    static uint8_t bytes[70000];
    for (uint32_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    struct fixture f = fixture_create(MIB(16), 0);
    for (uint32_t i = 0; i < 10 * 10 * 7 * 4; i++) {
        uint32_t from_length = keys[i % 10];
        uint32_t to_length = keys[i / 10 % 10];
        uint32_t length = values[i / 100 % 7];
        int64_t expiry_ms = i / 700 % 2 ? 123456 : 0;
        struct key from = keyspace_key(f.keyspace, 0, bytes, from_length);
        struct key to = keyspace_key(f.keyspace, 1, bytes + 3, to_length);
        cr_assert_not_null(keyspace_set(f.keyspace, &from, bytes + 5, length % 60000, expiry_ms));
        if (i / 1400 > 0)
            cr_assert_not_null(keyspace_set(f.keyspace, &to, "target", 6, 5));
        cr_assert_not_null(keyspace_rename(f.keyspace, &from, &to));
        cr_assert_null(keyspace_find(f.keyspace, &from));
        cr_assert(holds(keyspace_find(f.keyspace, &to), bytes + 5, length % 60000, expiry_ms));
        cr_assert_eq(keyspace_count(f.keyspace, 0), 0);
        cr_assert_eq(keyspace_count(f.keyspace, 1), 1);
        cr_assert_eq(keyspace_count_volatile(f.keyspace, 1), expiry_ms != 0);
        cr_assert(keyspace_delete(f.keyspace, &to));
        cr_assert_eq(arena_used_bytes(f.arena), 0);
    }
    fixture_destroy(&f);
}

// A value that is being sent stays where it is, under no key; its copy gets the new one.
Test(keyspace_rename, pinned_values_are_copied)
{
    struct fixture f = fixture_create(MIB(16), 0);
    static uint8_t value[70000];
    memset(value, 'p', sizeof(value));
    struct key from = name_key(&f, 0, "a");
    struct key to = name_key(&f, 0, "b");
    struct entry *entry = keyspace_set(f.keyspace, &from, value, sizeof(value), 0);
    cr_assert(keyspace_pin(f.keyspace, entry));
    entry_mark_edited(entry);
    entry_touch(entry, 9);
    struct entry *renamed = keyspace_rename(f.keyspace, &from, &to);
    cr_assert_neq(renamed, entry);
    cr_assert(holds(renamed, value, sizeof(value), 0));
    cr_assert_eq(renamed->flags & (ENTRY_EDITED | ENTRY_PINNED), ENTRY_EDITED);
    cr_assert_eq(renamed->idle, 9);
    cr_assert_eq(memcmp(entry_value(entry), value, sizeof(value)), 0);
    keyspace_unpin(f.keyspace, entry);
    cr_assert(keyspace_delete(f.keyspace, &to));
    cr_assert_eq(arena_used_bytes(f.arena), 0);
    fixture_destroy(&f);
}

Test(keyspace_rename, without_memory_nothing_changes)
{
    struct fixture f = fixture_create(MIB(1), 0);
    static uint8_t value[700000];
    static uint8_t longer[5000];
    memset(value, 'm', sizeof(value));
    // It fills its block, and half of the arena.
    uint32_t header =
        sizeof(struct entry) + sizeof(struct entry_lengths) + sizeof(int64_t) + sizeof("a") - 1;
    uint32_t length = (uint32_t)arena_round(600000) - header;
    struct key from = name_key(&f, 0, "a");
    struct key to = keyspace_key(f.keyspace, 0, longer, sizeof(longer));
    struct key rest = name_key(&f, 0, "rest");
    struct entry *entry = keyspace_set(f.keyspace, &from, value, length, 0);
    cr_assert_not_null(entry);
    cr_assert_eq(arena_block_bytes(f.arena, entry), length + header);
    cr_assert_not_null(keyspace_set(f.keyspace, &rest, value, 200000, 0));
    cr_assert_null(keyspace_rename(f.keyspace, &from, &to));
    cr_assert(holds(keyspace_find(f.keyspace, &from), value, length, 0));
    cr_assert_null(keyspace_find(f.keyspace, &to));
    cr_assert_eq(keyspace_count(f.keyspace, 0), 2);
    fixture_destroy(&f);
}

// That bytes were changed in place, and when it was used last, stay with an entry until it is set.
Test(keyspace_rename, marks_stay_with_the_entry)
{
    struct fixture f = fixture_create(MIB(16), 0);
    struct key key = name_key(&f, 0, "key");
    struct key to = name_key(&f, 0, "a longer key than the one before");
    struct entry *entry = keyspace_set(f.keyspace, &key, "value", 5, 0);
    cr_assert_eq(entry->flags & ENTRY_EDITED, 0);
    entry_mark_edited(entry);
    entry_touch(entry, 1234);
    entry = keyspace_set_expiry(f.keyspace, &key, entry, 99);
    cr_assert(entry->flags & ENTRY_EDITED);
    entry = keyspace_set_expiry(f.keyspace, &key, entry, 0);
    cr_assert(entry->flags & ENTRY_EDITED);
    entry = keyspace_resize(f.keyspace, &key, entry, 70000);
    cr_assert(entry->flags & ENTRY_EDITED);
    entry = keyspace_rename(f.keyspace, &key, &to);
    cr_assert(entry->flags & ENTRY_EDITED);
    cr_assert_eq(entry->idle, 1234);
    entry = keyspace_set(f.keyspace, &to, "value", 5, 0);
    cr_assert_eq(entry->flags & ENTRY_EDITED, 0);
    fixture_destroy(&f);
}
