// Sets of keys in bounded memory.
#include "server/wal_tool_keys.h"

#include "server/wal_tool.h"
#include "server/wal_tool_record.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define SET_CELLS (1u << 22)
#define SET_USED_MAX (SET_CELLS / 4 * 3)
#define CELL_FREE 0
#define CELL_REMOVED 1
static_assert((SET_CELLS & (SET_CELLS - 1)) == 0, "indexed by a mask");

// --- sets ------------------------------------------------------------------------------------

void key_set_create(struct key_set *set)
{
    *set = (struct key_set){.cells = tool_memory(SET_CELLS * sizeof(set->cells[0]))};
}

void key_set_destroy(struct key_set *set)
{
    tool_memory_free(set->cells);
    set->cells = NULL;
}

void key_set_clear(struct key_set *set)
{
    if (set->used > 0)
        memset(set->cells, 0, SET_CELLS * sizeof(set->cells[0]));
    set->used = 0;
    set->count = 0;
    set->overflown = false;
}

static uint64_t set_hash(uint32_t keyspace, const uint8_t *key, uint32_t length)
{
    uint64_t hash = XXH3_64bits_withSeed(key, length, keyspace);
    return hash > CELL_REMOVED ? hash : hash + 2;
}

// The cell of this hash, or the free one where the search for it ends.
static uint64_t *set_cell(const struct key_set *set, uint64_t hash)
{
    assert(set->used <= SET_USED_MAX);
    uint64_t index = hash & (SET_CELLS - 1);
    while (set->cells[index] != CELL_FREE && set->cells[index] != hash)
        index = (index + 1) & (SET_CELLS - 1);
    return &set->cells[index];
}

bool key_set_add(struct key_set *set, uint32_t keyspace, const uint8_t *key, uint32_t length)
{
    uint64_t hash = set_hash(keyspace, key, length);
    uint64_t *cell = set_cell(set, hash);
    if (*cell == hash)
        return false;
    if (set->used == SET_USED_MAX) {
        set->overflown = true;
        return false;
    }
    *cell = hash;
    set->used++;
    set->count++;
    return true;
}

void key_set_remove(struct key_set *set, uint32_t keyspace, const uint8_t *key, uint32_t length)
{
    uint64_t hash = set_hash(keyspace, key, length);
    uint64_t *cell = set_cell(set, hash);
    if (*cell != hash)
        return;
    *cell = CELL_REMOVED;
    set->count--;
}

bool key_set_has(const struct key_set *set, uint32_t keyspace, const uint8_t *key, uint32_t length)
{
    uint64_t hash = set_hash(keyspace, key, length);
    return *set_cell(set, hash) == hash;
}

bool key_set_full(const struct key_set *set)
{
    return set->used == SET_USED_MAX;
}

// --- lists -----------------------------------------------------------------------------------

void key_list_create(struct key_list *list, uint32_t most)
{
    key_set_create(&list->set);
    list->most = most;
    list->kept = 0;
    list->names = tool_memory(((size_t)most + 1) * sizeof(list->names[0]));
}

void key_list_destroy(struct key_list *list)
{
    tool_memory_free(list->names);
    list->names = NULL;
    key_set_destroy(&list->set);
}

void key_list_add(struct key_list *list, int database, uint32_t keyspace, const uint8_t *key,
                  uint32_t length)
{
    if (!key_set_add(&list->set, keyspace, key, length) || list->kept == list->most)
        return;
    struct key_name *name = &list->names[list->kept++];
    *name = (struct key_name){.database = database, .keyspace = keyspace, .length = length};
    memcpy(name->bytes, key, length < TEXT_NAME_BYTES ? length : TEXT_NAME_BYTES);
}

void key_list_print(const struct key_list *list)
{
    printf("%s%u", list->set.overflown ? "more than " : "", list->set.count);
    printf("%s\n", list->kept < list->set.count ? ", the first of them:" : "");
    for (uint32_t i = 0; i < list->kept; i++) {
        const struct key_name *name = &list->names[i];
        size_t kept = name->length < TEXT_NAME_BYTES ? name->length : TEXT_NAME_BYTES;
        printf("    ");
        record_print_database(name->database, name->keyspace);
        putchar(' ');
        text_print_bytes(name->bytes, kept, 0);
        if (kept < name->length)
            printf("... (%u bytes)", name->length);
        putchar('\n');
    }
}
