// What the log should hold: the history of commands, and the state after any of them.
#ifndef PORO_TESTS_WAL_MODEL_H
#define PORO_TESTS_WAL_MODEL_H

#include "wal/record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MODEL_KEYS 6
#define MODEL_VALUE_MAX KIB(300)
#define MODEL_COMMANDS 4096
#define MODEL_OPS 4

// Every command begins by setting the key "id" to its number, so that a state tells how far it got.
struct model_command {
    uint64_t id;
    uint64_t start; // of the process that ran it
    uint64_t batch;
    uint32_t op_count;
    struct {
        enum wal_record_type type;
        uint32_t key;
        uint32_t offset;
        uint32_t length;
        uint32_t total;
        uint64_t seed;
        int64_t expiry_ms;
    } ops[MODEL_OPS];
};

struct model_state {
    uint64_t id;
    uint32_t map_next_id;
    struct {
        bool exists;
        uint32_t total;
        int64_t expiry_ms;
        uint8_t *bytes;
    } keys[MODEL_KEYS];
};

struct model {
    uint32_t count;
    struct model_command commands[MODEL_COMMANDS];
    struct model_state replayed;
    struct model_state expected;
    struct model_state live; // of the process that runs
    uint8_t *scratch;
};

static inline void model_create(struct model *model)
{
    memset(model, 0, sizeof(*model));
    model->scratch = malloc(MODEL_VALUE_MAX);
    for (uint32_t i = 0; i < MODEL_KEYS; i++) {
        model->replayed.keys[i].bytes = malloc(MODEL_VALUE_MAX);
        model->expected.keys[i].bytes = malloc(MODEL_VALUE_MAX);
        model->live.keys[i].bytes = malloc(MODEL_VALUE_MAX);
    }
}

static inline void model_free(struct model *model)
{
    free(model->scratch);
    for (uint32_t i = 0; i < MODEL_KEYS; i++) {
        free(model->replayed.keys[i].bytes);
        free(model->expected.keys[i].bytes);
        free(model->live.keys[i].bytes);
    }
}

static inline void model_state_clear(struct model_state *state)
{
    state->id = 0;
    state->map_next_id = 0;
    for (uint32_t i = 0; i < MODEL_KEYS; i++) {
        state->keys[i].exists = false;
        state->keys[i].expiry_ms = 0;
        state->keys[i].total = 0;
    }
}

static inline void model_state_copy(struct model_state *to, const struct model_state *from)
{
    to->id = from->id;
    to->map_next_id = from->map_next_id;
    for (uint32_t i = 0; i < MODEL_KEYS; i++) {
        to->keys[i].exists = from->keys[i].exists;
        to->keys[i].expiry_ms = from->keys[i].expiry_ms;
        to->keys[i].total = from->keys[i].total;
        memcpy(to->keys[i].bytes, from->keys[i].bytes, from->keys[i].total);
    }
}

// Keys of different lengths: "key0", "key1x", "key2xx"...
static inline uint32_t model_key(char name[32], uint32_t key)
{
    uint32_t length = 4 + key;
    memset(name, 'x', 32);
    memcpy(name, "key", 3);
    name[3] = (char)('0' + key);
    return length;
}

static inline void model_bytes(uint8_t *to, uint32_t length, uint64_t seed)
{
    uint64_t word = seed;
    for (uint32_t i = 0; i < length; i++) {
        if (i % 8 == 0)
            word = word * 6364136223846793005ULL + 1442695040888963407ULL;
        to[i] = (uint8_t)(word >> (8 * (i % 8)));
    }
}

// Replays one record into a state: the semantics that wal/record.h states.
static inline void model_apply(struct model_state *state, const struct wal_record *record)
{
    if (record->type == WAL_RECORD_MAP) {
        state->map_next_id = record->map.next_id;
        return;
    }
    if (record->key_length == 2 && memcmp(record->key, "id", 2) == 0) {
        assert(record->type == WAL_RECORD_SET && record->length == sizeof(state->id));
        memcpy(&state->id, record->data, sizeof(state->id));
        return;
    }
    assert(record->key_length >= 4 && record->keyspace == 7);
    uint32_t key = (uint32_t)(record->key[3] - '0');
    assert(key < MODEL_KEYS && record->key_length == 4 + key);
    assert(record->total <= MODEL_VALUE_MAX);
    uint8_t *bytes = state->keys[key].bytes;
    bool exists = state->keys[key].exists;
    switch (record->type) {
    case WAL_RECORD_SET:
        memset(bytes, 0, record->total);
        memcpy(bytes, record->data, record->length);
        state->keys[key].total = record->total;
        state->keys[key].expiry_ms = record->expiry_ms;
        state->keys[key].exists = true;
        break;
    case WAL_RECORD_SPOOL: // made by the server only
        assert(false);
        break;
    case WAL_RECORD_RANGE:
        if (!exists)
            break;
        if (record->total > state->keys[key].total)
            memset(bytes + state->keys[key].total, 0, record->total - state->keys[key].total);
        memcpy(bytes + record->offset, record->data, record->length);
        state->keys[key].total = record->total;
        break;
    case WAL_RECORD_EXPIRE:
        if (exists)
            state->keys[key].expiry_ms = record->expiry_ms;
        break;
    case WAL_RECORD_DELETE:
        state->keys[key].exists = false;
        break;
    case WAL_RECORD_MAP:
        break;
    }
}

// The record of one operation; `name` and `scratch` hold its key and data.
static inline struct wal_record model_record(const struct model_command *command, uint32_t op,
                                             char name[32], uint8_t *scratch)
{
    struct wal_record record = {.type = command->ops[op].type};
    if (record.type == WAL_RECORD_MAP) {
        record.map.next_id = (uint32_t)command->ops[op].seed;
        return record;
    }
    record.keyspace = 7;
    record.key = (const uint8_t *)name;
    record.key_length = model_key(name, command->ops[op].key);
    record.data = scratch;
    record.length = command->ops[op].length;
    record.total = command->ops[op].total;
    record.offset = command->ops[op].offset;
    record.expiry_ms = command->ops[op].expiry_ms;
    model_bytes(scratch, record.length, command->ops[op].seed);
    return record;
}

static inline struct wal_record model_id_record(const struct model_command *command)
{
    return (struct wal_record){
        .type = WAL_RECORD_SET,
        .keyspace = 7,
        .key = (const uint8_t *)"id",
        .key_length = 2,
        .data = (const uint8_t *)&command->id,
        .length = sizeof(command->id),
        .total = sizeof(command->id),
    };
}

// Position after the command with this id; 0 for id 0, UINT32_MAX when history does not have it.
static inline uint32_t model_find(const struct model *model, uint64_t id)
{
    if (id == 0)
        return 0;
    for (uint32_t i = model->count; i > 0; i--) {
        if (model->commands[i - 1].id == id)
            return i;
    }
    return UINT32_MAX;
}

static inline bool model_states_equal(const struct model_state *a, const struct model_state *b)
{
    if (a->id != b->id || a->map_next_id != b->map_next_id)
        return false;
    for (uint32_t i = 0; i < MODEL_KEYS; i++) {
        if (a->keys[i].exists != b->keys[i].exists)
            return false;
        if (!a->keys[i].exists)
            continue;
        if (a->keys[i].total != b->keys[i].total || a->keys[i].expiry_ms != b->keys[i].expiry_ms)
            return false;
        if (memcmp(a->keys[i].bytes, b->keys[i].bytes, a->keys[i].total) != 0)
            return false;
    }
    return true;
}

// Is what was replayed exactly the state after some command that ended its batch? Returns the
// position in history, UINT32_MAX if not.
static inline uint32_t model_prefix(struct model *model)
{
    uint32_t position = model_find(model, model->replayed.id);
    if (position == UINT32_MAX)
        return UINT32_MAX;
    if (position > 0 && position < model->count) {
        const struct model_command *last = &model->commands[position - 1];
        if (last[1].start == last[0].start && last[1].batch == last[0].batch)
            return UINT32_MAX; // half a batch
    }
    model_state_clear(&model->expected);
    for (uint32_t i = 0; i < position; i++) {
        struct model_command *command = &model->commands[i];
        struct wal_record record = model_id_record(command);
        model_apply(&model->expected, &record);
        for (uint32_t op = 0; op < command->op_count; op++) {
            char name[32];
            record = model_record(command, op, name, model->scratch);
            model_apply(&model->expected, &record);
        }
    }
    return model_states_equal(&model->expected, &model->replayed) ? position : UINT32_MAX;
}

#endif
