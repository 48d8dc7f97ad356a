// Databases, their persistent keyspace ids, and the slots that keyspaces have in memory.
#include "storage/keyspace_internal.h"

#include <errno.h>

void keyspace_get_map(const struct keyspace *keyspace, struct keyspace_map *map)
{
    map->next_id = keyspace->next_id;
    for (uint32_t i = 0; i < DATABASES_MAX; i++)
        map->ids[i] = keyspace_id(keyspace, i);
}

static void check_map(const struct keyspace_map *map)
{
    for (uint32_t i = 0; i < DATABASES_MAX; i++) {
        assert(map->ids[i] > 0 && map->ids[i] < map->next_id);
        for (uint32_t j = 0; j < i; j++)
            assert(map->ids[i] != map->ids[j]);
    }
}

// The slot that holds keys under this id, or -ENOENT.
static int find_keys(const struct keyspace *keyspace, uint32_t id)
{
    for (uint32_t slot = 0; slot < keyspace->slots_used; slot++)
        if (keyspace->slots[slot].id == id && keyspace->slots[slot].keys > 0)
            return (int)slot;
    return -ENOENT;
}

// A slot without keys that nobody has planned with, or -ENOSPC.
static int find_empty(const struct keyspace *keyspace, const int plan[DATABASES_MAX])
{
    for (int slot = 0; slot < KEYSPACE_SLOTS_MAX; slot++) {
        bool planned = keyspace->slots[slot].keys > 0;
        for (uint32_t i = 0; i < DATABASES_MAX && !planned; i++)
            planned = plan[i] == slot;
        if (!planned)
            return slot;
    }
    return -ENOSPC;
}

// Plans which slot each database gets. One whose id stays keeps its slot, and with it the hashes of
// its keys. One with a new id gets the slot with the keys of that id, or else an empty one.
static int plan_slots(const struct keyspace *keyspace, const struct keyspace_map *map,
                      int plan[DATABASES_MAX])
{
    for (uint32_t i = 0; i < DATABASES_MAX; i++)
        plan[i] = map->ids[i] == keyspace_id(keyspace, i) ? keyspace->database_slots[i]
                                                          : find_keys(keyspace, map->ids[i]);
    for (uint32_t i = 0; i < DATABASES_MAX; i++) {
        if (plan[i] < 0)
            plan[i] = find_empty(keyspace, plan);
        if (plan[i] < 0)
            return -ENOSPC;
    }
    return 0;
}

int keyspace_set_map(struct keyspace *keyspace, const struct keyspace_map *map)
{
    check_map(map);
    int plan[DATABASES_MAX];
    int result = plan_slots(keyspace, map, plan);
    if (result < 0)
        return result;
    for (uint32_t i = 0; i < DATABASES_MAX; i++) {
        struct keyspace_slot *before = &keyspace->slots[keyspace->database_slots[i]];
        before->database = 0;
        if (before->keys == 0)
            before->id = 0;
    }
    for (uint32_t i = 0; i < DATABASES_MAX; i++) {
        struct keyspace_slot *slot = &keyspace->slots[plan[i]];
        assert(slot->database == 0 && (slot->keys == 0 || slot->id == map->ids[i]));
        slot->database = i + 1;
        slot->id = map->ids[i];
        keyspace->database_slots[i] = (uint16_t)plan[i];
        if (keyspace->slots_used <= (uint32_t)plan[i])
            keyspace->slots_used = (uint32_t)plan[i] + 1;
    }
    keyspace->next_id = map->next_id;
    return 0;
}

uint32_t keyspace_slots_free(const struct keyspace *keyspace)
{
    uint32_t used = 0;
    for (uint32_t slot = 0; slot < KEYSPACE_SLOTS_MAX; slot++)
        used += keyspace->slots[slot].keys > 0;
    for (uint32_t i = 0; i < DATABASES_MAX; i++)
        used += keyspace->slots[keyspace->database_slots[i]].keys == 0;
    return used < KEYSPACE_SLOTS_MAX ? KEYSPACE_SLOTS_MAX - used : 0;
}

uint32_t keyspace_id(const struct keyspace *keyspace, uint32_t database)
{
    assert(database < DATABASES_MAX);
    return keyspace->slots[keyspace->database_slots[database]].id;
}

uint32_t keyspace_id_of_slot(const struct keyspace *keyspace, uint16_t slot)
{
    assert(slot < KEYSPACE_SLOTS_MAX && keyspace->slots[slot].id != 0);
    return keyspace->slots[slot].id;
}

int keyspace_database_of_id(const struct keyspace *keyspace, uint32_t id)
{
    for (int i = 0; i < DATABASES_MAX; i++)
        if (keyspace->slots[keyspace->database_slots[i]].id == id)
            return i;
    return -ENOENT;
}

int keyspace_database_of_slot(const struct keyspace *keyspace, uint16_t slot)
{
    assert(slot < KEYSPACE_SLOTS_MAX);
    return keyspace->slots[slot].database == 0 ? -ENOENT : (int)keyspace->slots[slot].database - 1;
}

uint64_t keyspace_count(const struct keyspace *keyspace, uint32_t database)
{
    assert(database < DATABASES_MAX);
    return keyspace->slots[keyspace->database_slots[database]].keys;
}

uint64_t keyspace_count_volatile(const struct keyspace *keyspace, uint32_t database)
{
    assert(database < DATABASES_MAX);
    return keyspace->slots[keyspace->database_slots[database]].volatile_keys;
}

uint64_t keyspace_count_dead(const struct keyspace *keyspace)
{
    uint64_t live = 0;
    for (uint32_t i = 0; i < DATABASES_MAX; i++)
        live += keyspace_count(keyspace, i);
    assert(live <= keyspace->entries);
    return keyspace->entries - live;
}
