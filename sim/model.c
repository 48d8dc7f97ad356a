// The model: creation, the history of changes, and states.
#include "sim/model_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_AT_FIRST 64

// --- creation --------------------------------------------------------------------------------

struct model *model_create(void)
{
    struct model *model = sim_alloc(1, sizeof(struct model));
    model->keys_capacity = KEYS_AT_FIRST;
    model->keys = sim_alloc(model->keys_capacity, sizeof(struct model_key *));
    model->slots_count = 2 * KEYS_AT_FIRST;
    model->slots = sim_alloc(model->slots_count, sizeof(struct model_slot));
    model->hashes_capacity = 64;
    model->hashes = sim_alloc(model->hashes_capacity, sizeof(uint64_t));
    return model;
}

void model_destroy(struct model *model)
{
    for (size_t i = model->undo_first; i < model->undo_end; i++)
        model_block_release(model->undo[i].before.block);
    for (uint32_t i = 0; i < model->keys_count; i++) {
        model_block_release(model->keys[i]->state.block);
        model_watch_end(model->keys[i]);
        free(model->keys[i]);
    }
    free(model->deletions);
    free(model->undo);
    free(model->hashes);
    free(model->slots);
    free(model->keys);
    free(model);
}

void model_imitate_redis(struct model *model)
{
    model->redis = true;
}

void model_allow_late(struct model *model, int64_t ms)
{
    model->late_ms = ms;
}

void model_session_init(struct model_session *session)
{
    *session = (struct model_session){.resp = 2};
}

void model_session_free(struct model_session *session)
{
    bytes_free(&session->name);
    model_scan_release(session->scan);
    model_transaction_free(session);
    model_session_init(session);
}

// --- durability ------------------------------------------------------------------------------

enum model_durability model_appendfsync(const struct model *model)
{
    return model->durability;
}

bool model_ack_completion(const struct model *model)
{
    return model->completion;
}

void model_set_durability(struct model *model, enum model_durability durability, bool completion)
{
    model->durability = durability;
    model->completion = completion;
}

void model_set_lfu(struct model *model, bool lfu)
{
    model->lfu = lfu;
}

void model_set_loading(struct model *model, bool loading)
{
    model->loading = loading;
}

// --- history ---------------------------------------------------------------------------------

uint64_t model_newest(const struct model *model)
{
    return model->newest;
}

uint64_t model_settled(const struct model *model)
{
    return model->settled;
}

static uint64_t *hash_after(const struct model *model, uint64_t change)
{
    assert(change >= model->settled && change <= model->newest);
    return &model->hashes[model->hashes_first + (size_t)(change - model->settled)];
}

uint64_t model_change_begin(struct model *model)
{
    return ++model->newest;
}

void model_change_end(struct model *model)
{
    size_t count = (size_t)(model->newest - model->settled) + 1;
    if (model->hashes_first + count > model->hashes_capacity) {
        if (model->hashes_first > model->hashes_capacity / 2) {
            memmove(model->hashes, model->hashes + model->hashes_first,
                    (count - 1) * sizeof(uint64_t));
            model->hashes_first = 0;
        } else {
            model->hashes_capacity *= 2;
            model->hashes = sim_realloc(model->hashes, model->hashes_capacity, sizeof(uint64_t));
        }
    }
    *hash_after(model, model->newest) = model->hash;
}

void model_settle(struct model *model, uint64_t change)
{
    assert(change <= model->newest);
    if (change <= model->settled)
        return;
    model->hashes_first += (size_t)(change - model->settled);
    model->settled = change;
    while (model->undo_first < model->undo_end && model->undo[model->undo_first].change <= change) {
        model_block_release(model->undo[model->undo_first].before.block);
        model->undo_first++;
    }
    if (model->undo_first == model->undo_end)
        model->undo_first = model->undo_end = 0;
}

void model_rollback(struct model *model, uint64_t change)
{
    assert(change >= model->settled && change <= model->newest);
    while (model->undo_end > model->undo_first && model->undo[model->undo_end - 1].change > change)
        model_undo_last(model);
    model->newest = change;
    assert(model->hash == *hash_after(model, change));
    // A server that has been started anew knows nothing of how values came about.
    for (uint32_t i = 0; i < model->keys_count; i++)
        model->keys[i]->state.edited = false;
}

bool model_find(const struct model *model, uint64_t hash, uint64_t lowest, uint64_t *change)
{
    assert(lowest >= model->settled);
    for (uint64_t i = model->newest + 1; i > lowest; i--) {
        if (*hash_after(model, i - 1) != hash)
            continue;
        *change = i - 1;
        return true;
    }
    return false;
}

// --- expiry ----------------------------------------------------------------------------------

static bool key_is_expired(const struct model_key *key, int64_t now_ms)
{
    return key != NULL && key->state.block != NULL && !model_key_live(key, now_ms);
}

bool model_is_expired(const struct model *model, uint32_t database, const void *key,
                      uint32_t key_length, int64_t now_ms)
{
    return key_is_expired(model_key_find(model, database, key, key_length), now_ms);
}

bool model_expired(struct model *model, uint32_t database, const void *key, uint32_t key_length,
                   int64_t now_ms, uint64_t *change)
{
    struct model_key *found = model_key_find(model, database, key, key_length);
    if (!key_is_expired(found, now_ms))
        return false;
    if (now_ms > model->latest_ms)
        model->latest_ms = now_ms;
    *change = model_change_begin(model);
    model_key_delete(model, found, *change);
    model_change_end(model);
    return true;
}

bool model_evicted(struct model *model, uint32_t database, const void *key, uint32_t key_length,
                   bool volatile_only, uint64_t *change)
{
    struct model_key *found = model_key_find(model, database, key, key_length);
    if (found == NULL || found->state.block == NULL ||
        (volatile_only && found->state.expiry_ms == 0))
        return false;
    *change = model_change_begin(model);
    model_key_delete(model, found, *change);
    model_change_end(model);
    return true;
}

void model_deleted_within(struct model *model, uint32_t step, uint32_t database, const void *key,
                          uint32_t key_length)
{
    if (model->deletions_count == model->deletions_capacity) {
        model->deletions_capacity = 2 * model->deletions_capacity + 16;
        model->deletions =
            sim_realloc(model->deletions, model->deletions_capacity, sizeof(struct model_deletion));
    }
    const struct model_key *found = model_key_make(model, database, key, key_length);
    model->deletions[model->deletions_count++] = (struct model_deletion){step, found->number};
}

// --- states ----------------------------------------------------------------------------------

uint64_t model_hash(const struct model *model)
{
    return model->hash;
}

uint64_t model_count(const struct model *model)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < MODEL_DATABASES; i++)
        count += model->present[i];
    return count;
}

void model_each(const struct model *model,
                void (*each)(void *context, const struct model_entry *entry), void *context)
{
    for (uint32_t i = 0; i < model->keys_count; i++) {
        const struct model_key *key = model->keys[i];
        if (key->state.block == NULL)
            continue;
        struct model_entry entry = {
            .database = key->database,
            .key = key->name,
            .value = key->state.block->bytes,
            .key_length = key->length,
            .value_length = key->state.length,
            .expiry_ms = key->state.expiry_ms,
        };
        each(context, &entry);
    }
}
