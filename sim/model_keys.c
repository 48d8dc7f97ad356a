// The model's keys: a table of all that are or were there, their changes, and how to take those back.
#include "sim/model_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

// --- hashes ----------------------------------------------------------------------------------

// The finaliser of splitmix64.
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

uint64_t model_key_hash(uint32_t database, const void *name, uint32_t length)
{
    return XXH3_64bits_withSeed(name, length, 0x706f726f00ULL + database);
}

uint64_t model_value_hash(const void *value, uint32_t length)
{
    return XXH3_64bits(value, length);
}

uint64_t model_state_hash(uint64_t key_hash, uint64_t value_hash, int64_t expiry_ms)
{
    uint64_t hash = mix((uint64_t)expiry_ms + 0x9e3779b97f4a7c15ULL);
    hash = mix(hash + value_hash);
    return mix(hash * 3 + key_hash);
}

uint64_t model_entry_hash(uint32_t database, const void *key, uint32_t key_length,
                          const void *value, uint32_t value_length, int64_t expiry_ms)
{
    return model_state_hash(model_key_hash(database, key, key_length),
                            model_value_hash(value, value_length), expiry_ms);
}

// --- the table -------------------------------------------------------------------------------

static uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

struct model_key *model_key_find(const struct model *model, uint32_t database, const void *name,
                                 uint32_t length)
{
    uint64_t hash = model_key_hash(database, name, length);
    uint32_t mask = model->slots_count - 1;
    for (uint32_t i = (uint32_t)hash & mask; model->slots[i].key != 0; i = (i + 1) & mask) {
        if (model->slots[i].tag != tag_of(hash))
            continue;
        struct model_key *key = model->keys[model->slots[i].key - 1];
        if (key->hash == hash && key->database == database && key->length == length &&
            memcmp(key->name, name, length) == 0)
            return key;
    }
    return NULL;
}

static void slot_fill(struct model *model, const struct model_key *key)
{
    uint32_t mask = model->slots_count - 1;
    uint32_t i = (uint32_t)key->hash & mask;
    while (model->slots[i].key != 0)
        i = (i + 1) & mask;
    model->slots[i] = (struct model_slot){tag_of(key->hash), key->number + 1};
}

static void table_grow(struct model *model)
{
    model->keys_capacity *= 2;
    model->keys = sim_realloc(model->keys, model->keys_capacity, sizeof(struct model_key *));
    free(model->slots);
    model->slots_count = model->keys_capacity * 2;
    model->slots = sim_alloc(model->slots_count, sizeof(struct model_slot));
    for (uint32_t i = 0; i < model->keys_count; i++)
        slot_fill(model, model->keys[i]);
}

struct model_key *model_key_make(struct model *model, uint32_t database, const void *name,
                                 uint32_t length)
{
    struct model_key *key = model_key_find(model, database, name, length);
    if (key != NULL)
        return key;
    if (model->keys_count == model->keys_capacity)
        table_grow(model);
    key = sim_realloc(NULL, 1, sizeof(struct model_key) + length);
    *key = (struct model_key){
        .hash = model_key_hash(database, name, length),
        .number = model->keys_count,
        .database = database,
        .length = length,
    };
    memcpy(key->name, name, length);
    model->keys[model->keys_count++] = key;
    slot_fill(model, key);
    return key;
}

// --- values ----------------------------------------------------------------------------------

struct model_block *model_block_create(const void *bytes, uint32_t length, uint32_t capacity)
{
    assert(length <= capacity);
    struct model_block *block = sim_realloc(NULL, 1, sizeof(struct model_block) + capacity);
    block->references = 1;
    block->used = length;
    block->capacity = capacity;
    memcpy(block->bytes, bytes, length);
    return block;
}

void model_block_release(struct model_block *block)
{
    if (block == NULL)
        return;
    assert(block->references > 0);
    if (--block->references == 0)
        free(block);
}

// --- changes ---------------------------------------------------------------------------------

static uint64_t state_hash(const struct model_key *key)
{
    return model_state_hash(key->hash, key->state.value_hash, key->state.expiry_ms);
}

// The sums over all keys, without or with this one.
static void sums_subtract(struct model *model, const struct model_key *key)
{
    if (key->state.block == NULL)
        return;
    model->hash -= state_hash(key);
    model->present[key->database]--;
    model->with_expiry[key->database] -= key->state.expiry_ms != 0;
}

static void sums_add(struct model *model, const struct model_key *key)
{
    if (key->state.block == NULL)
        return;
    model->hash += state_hash(key);
    model->present[key->database]++;
    model->with_expiry[key->database] += key->state.expiry_ms != 0;
}

static struct model_undo *undo_push(struct model *model)
{
    if (model->undo_end == model->undo_capacity) {
        size_t count = model->undo_end - model->undo_first;
        // What has been settled makes room, if that is worth the copy.
        if (model->undo_first > model->undo_capacity / 2) {
            memmove(model->undo, model->undo + model->undo_first,
                    count * sizeof(struct model_undo));
            model->undo_first = 0;
            model->undo_end = count;
        } else {
            model->undo_capacity = model->undo_capacity * 2 + 64;
            model->undo = sim_realloc(model->undo, model->undo_capacity, sizeof(struct model_undo));
        }
    }
    return &model->undo[model->undo_end++];
}

// Replaces the state of a key; takes over the reference to `after`'s block. `after` says nothing
// about `touched` and `born`.
static void key_replace(struct model *model, struct model_key *key, uint64_t change,
                        struct model_state after)
{
    assert(change == model->newest && change > model->settled);
    sums_subtract(model, key);
    const struct model_state *before = &key->state;
    bool lived =
        before->block != NULL && (before->expiry_ms == 0 || before->expiry_ms > model->latest_ms);
    after.touched = change;
    model->steps++;
    after.born = lived ? before->born : model->steps;
    *undo_push(model) = (struct model_undo){change, key->number, *before};
    key->state = after;
    sums_add(model, key);
}

// The same, seen by those who watch the key.
static void key_change(struct model *model, struct model_key *key, uint64_t change,
                       struct model_state after)
{
    key_replace(model, key, change, after);
    if (key->watches != NULL)
        model_watch_touch(key, change, after.block == NULL);
}

void model_key_set(struct model *model, struct model_key *key, uint64_t change, const void *value,
                   uint32_t length, int64_t expiry_ms)
{
    struct model_state after = {
        .block = model_block_create(value, length, length),
        .length = length,
        .value_hash = model_value_hash(value, length),
        .expiry_ms = expiry_ms,
    };
    key_change(model, key, change, after);
}

void model_key_append(struct model *model, struct model_key *key, uint64_t change, const void *tail,
                      uint32_t length)
{
    struct model_state after = key->state;
    assert(after.block != NULL);
    uint32_t total = after.length + length;
    struct model_block *block = after.block;
    if (block->used == after.length && total <= block->capacity) {
        block->references++;
    } else {
        block = model_block_create(after.block->bytes, after.length, total + total / 2);
        after.block = block;
    }
    memcpy(block->bytes + after.length, tail, length);
    block->used = total;
    after.length = total;
    after.edited = true;
    after.value_hash = model_value_hash(block->bytes, total);
    key_change(model, key, change, after);
}

void model_key_write(struct model *model, struct model_key *key, uint64_t change, uint64_t offset,
                     const void *bytes, uint32_t length, uint32_t total)
{
    struct model_state after = key->state;
    uint32_t before = after.block != NULL ? after.length : 0;
    assert(offset + length <= total && before <= total);
    struct model_block *block = model_block_create(
        after.block != NULL ? after.block->bytes : (const uint8_t *)"", before, total);
    memset(block->bytes + before, 0, total - before);
    memcpy(block->bytes + offset, bytes, length);
    block->used = total;
    after.block = block;
    after.length = total;
    after.edited = true;
    after.value_hash = model_value_hash(block->bytes, total);
    key_change(model, key, change, after);
}

void model_key_copy(struct model *model, struct model_key *key, uint64_t change,
                    const struct model_state *from)
{
    struct model_state after = *from;
    assert(after.block != NULL);
    after.block->references++;
    key_change(model, key, change, after);
}

void model_key_edited(struct model_key *key)
{
    key->state.edited = true;
}

void model_key_set_expiry(struct model *model, struct model_key *key, uint64_t change,
                          int64_t expiry_ms)
{
    struct model_state after = key->state;
    assert(after.block != NULL);
    after.block->references++;
    after.expiry_ms = expiry_ms;
    key_change(model, key, change, after);
}

void model_key_delete(struct model *model, struct model_key *key, uint64_t change)
{
    assert(key->state.block != NULL);
    key_change(model, key, change, (struct model_state){0});
}

// --- swapping --------------------------------------------------------------------------------

// The key of the same name in the other one of two databases.
static struct model_key *counterpart(struct model *model, const struct model_key *key, uint32_t a,
                                     uint32_t b)
{
    return model_key_make(model, key->database == a ? b : a, key->name, key->length);
}

static void key_swap(struct model *model, uint64_t change, struct model_key *key,
                     struct model_key *other, int64_t now_ms)
{
    struct model_state one = key->state;
    struct model_state two = other->state;
    key->swapped = other->swapped = model->swaps;
    // Both stay referenced by what can be undone, and get a reference more.
    if (one.block != NULL)
        one.block->references++;
    if (two.block != NULL)
        two.block->references++;
    key_replace(model, key, change, two);
    key_replace(model, other, change, one);
    // An iteration does not go on in another database.
    key->state.born = other->state.born = model->steps;
    model_watch_swap(key, change, one.block != NULL, now_ms);
    model_watch_swap(other, change, two.block != NULL, now_ms);
}

void model_keys_swap(struct model *model, uint64_t change, uint32_t a, uint32_t b, int64_t now_ms)
{
    uint32_t count = model->keys_count;
    model->swaps++;
    for (uint32_t i = 0; i < count; i++) {
        struct model_key *key = model->keys[i];
        bool concerned = key->database == a || key->database == b;
        if (concerned && key->state.block != NULL && key->swapped != model->swaps)
            key_swap(model, change, key, counterpart(model, key, a, b), now_ms);
    }
}

// --- undoing ---------------------------------------------------------------------------------

void model_undo_last(struct model *model)
{
    assert(model->undo_end > model->undo_first);
    const struct model_undo *undo = &model->undo[--model->undo_end];
    struct model_key *key = model->keys[undo->key];
    sums_subtract(model, key);
    model_block_release(key->state.block);
    key->state = undo->before;
    sums_add(model, key);
}
