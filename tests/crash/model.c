// What the data must be: every command in the order in which its writer sent it, and what each did.
#include "tests/crash/model.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Clocks and long queues; expiries of keys differ by far more.
#define EXPIRY_TOLERANCE_S 60

// --- building --------------------------------------------------------------------------------

static void *model_grow(void *array, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    *capacity = *capacity == 0 ? 64 : *capacity * 2;
    void *grown = realloc(array, *capacity * size);
    assert(grown != NULL);
    return grown;
}

uint32_t model_add_key(struct writer *writer, enum key_kind kind, uint8_t database,
                       const char *name)
{
    assert(database < DATABASES);
    writer->keys =
        model_grow(writer->keys, writer->key_count, &writer->key_capacity, sizeof *writer->keys);
    struct key *key = &writer->keys[writer->key_count];
    *key = (struct key){.kind = (uint8_t)kind, .database = database};
    snprintf(key->name, sizeof key->name, "%s", name);
    return writer->key_count++;
}

void model_group_key(uint32_t group, uint32_t member, char name[KEY_NAME_BYTES])
{
    snprintf(name, KEY_NAME_BYTES, "group:%u:%u", group, member);
}

void model_counter_key(uint32_t counter, char name[KEY_NAME_BYTES])
{
    snprintf(name, KEY_NAME_BYTES, "counter:%u", counter);
}

static void model_create_writer(struct writer *writer, uint32_t number)
{
    char name[KEY_NAME_BYTES];
    writer->number = number;
    uint32_t blocks = number < WRITERS_FLUSHING ? BLOCKS + 2 : BLOCKS;
    for (uint32_t i = 0; i < blocks * BLOCK_KEYS; i++) {
        uint32_t database = (number * 7 + i / BLOCK_KEYS) % DATABASES_SHARED;
        if (i / BLOCK_KEYS >= BLOCKS)
            database = DATABASE_FLUSHED_FIRST + number;
        snprintf(name, sizeof name, "text:%u:%u", number, i);
        model_add_key(writer, KEY_TEXT, (uint8_t)database, name);
    }
    writer->text_keys = writer->key_count;
    for (uint32_t i = 0; i < NUMBER_KEYS; i++) {
        snprintf(name, sizeof name, "number:%u:%u", number, i);
        model_add_key(writer, KEY_NUMBER, (uint8_t)((number + i) % DATABASES_SHARED), name);
    }
    for (uint32_t i = 0; i < HOT_KEYS; i++) {
        snprintf(name, sizeof name, "hot:%u:%u", number, i);
        model_add_key(writer, KEY_HOT, (uint8_t)((number + i) % 3), name);
    }
}

struct model *model_create(uint32_t writers)
{
    assert(writers > WRITER_GROWING && writers <= WRITERS_MAX);
    struct model *model = calloc(1, sizeof *model);
    assert(model != NULL);
    model->writer_count = writers;
    for (uint32_t i = 0; i < writers; i++)
        model_create_writer(&model->writers[i], i);
    for (uint32_t i = 0; i < GROUPS; i++)
        model->groups[i].database = (uint8_t)(i % 3);
    for (uint32_t i = 0; i < COUNTERS; i++)
        model->counters[i].database = (uint8_t)(i % 3);
    return model;
}

void model_destroy(struct model *model)
{
    for (uint32_t i = 0; i < model->writer_count; i++) {
        free(model->writers[i].keys);
        free(model->writers[i].ops);
        free(model->writers[i].effects);
    }
    free(model->growing_ops);
    free(model);
}

struct op *model_add_op(struct writer *writer, enum expect expect)
{
    writer->ops =
        model_grow(writer->ops, writer->op_count, &writer->op_capacity, sizeof *writer->ops);
    struct op *op = &writer->ops[writer->op_count++];
    *op = (struct op){.expect = (uint8_t)expect, .effect_first = writer->effect_count};
    return op;
}

void model_add_effect(struct writer *writer, uint32_t key, const struct state *after)
{
    assert(writer->op_count > 0 && key < writer->key_count);
    writer->effects = model_grow(writer->effects, writer->effect_count, &writer->effect_capacity,
                                 sizeof *writer->effects);
    writer->effects[writer->effect_count++] = (struct effect){key, *after};
    writer->ops[writer->op_count - 1].effect_count++;
    writer->keys[key].now = *after;
}

void model_add_growth(struct model *model)
{
    model->growing_ops = model_grow(model->growing_ops, model->growing_count,
                                    &model->growing_capacity, sizeof *model->growing_ops);
    model->growing_ops[model->growing_count++] = model->writers[WRITER_GROWING].op_count - 1;
}

uint64_t model_next_op(const struct writer *writer)
{
    return writer->op_first + writer->op_count;
}

bool model_reveal(struct writer *writer, uint64_t op)
{
    if (op < writer->op_first)
        return true;
    if (op >= model_next_op(writer))
        return false;
    uint32_t shown = (uint32_t)(op - writer->op_first) + 1;
    if (shown > writer->revealed)
        writer->revealed = shown;
    return true;
}

// --- judging ---------------------------------------------------------------------------------

bool state_equal(const struct state *a, const struct state *b)
{
    if (a->exists != b->exists)
        return false;
    if (!a->exists)
        return true;
    if (a->length != b->length || a->hash != b->hash)
        return false;
    if ((a->expiry_s == 0) != (b->expiry_s == 0))
        return false;
    int64_t apart_s = a->expiry_s - b->expiry_s;
    return apart_s >= -EXPIRY_TOLERANCE_S && apart_s <= EXPIRY_TOLERANCE_S;
}

// Applies the command to key->now; returns by how much the number of differing keys changes.
static int model_apply(struct writer *writer, const struct op *op)
{
    int change = 0;
    for (uint32_t i = 0; i < op->effect_count; i++) {
        const struct effect *effect = &writer->effects[op->effect_first + i];
        struct key *key = &writer->keys[effect->key];
        change -= !state_equal(&key->now, &key->got);
        key->now = effect->after;
        change += !state_equal(&key->now, &key->got);
    }
    return change;
}

// Sets key->now to what `prefix` commands lead to; returns how many keys differ from the server's.
static int model_replay(struct writer *writer, uint32_t prefix)
{
    int differing = 0;
    for (uint32_t i = 0; i < writer->key_count; i++) {
        writer->keys[i].now = writer->keys[i].base;
        differing += !state_equal(&writer->keys[i].now, &writer->keys[i].got);
    }
    for (uint32_t i = 0; i < prefix; i++)
        differing += model_apply(writer, &writer->ops[i]);
    return differing;
}

bool model_find_prefix(struct writer *writer, uint32_t *key, uint32_t *prefix,
                       struct state *expected)
{
    uint32_t least = writer->answered > writer->revealed ? writer->answered : writer->revealed;
    int differing = model_replay(writer, least);
    int fewest = differing;
    *prefix = least;
    bool found = false;
    for (uint32_t count = least;; count++) {
        if (differing == 0) {
            writer->prefix_low = found ? writer->prefix_low : count;
            writer->prefix_high = count;
            found = true;
        }
        if (differing < fewest) {
            fewest = differing;
            *prefix = count;
        }
        if (count == writer->op_count)
            break;
        differing += model_apply(writer, &writer->ops[count]);
    }
    if (found) {
        model_replay(writer, writer->prefix_high);
        return true;
    }
    model_replay(writer, *prefix);
    for (*key = 0; *key < writer->key_count; ++*key) {
        const struct key *candidate = &writer->keys[*key];
        if (!state_equal(&candidate->now, &candidate->got)) {
            *expected = candidate->now;
            return false;
        }
    }
    assert(false);
    return false;
}

void model_next_round(struct model *model)
{
    for (uint32_t i = 0; i < model->writer_count; i++) {
        struct writer *writer = &model->writers[i];
        for (uint32_t k = 0; k < writer->key_count; k++)
            writer->keys[k].base = writer->keys[k].now;
        writer->op_first += writer->op_count;
        writer->op_count = writer->effect_count = 0;
        writer->answered = writer->revealed = 0;
    }
    for (uint32_t i = 0; i < GROUPS; i++) {
        struct group *group = &model->groups[i];
        group->exists = group->got_exists;
        group->writer = group->got_writer;
        group->op = group->got_op;
    }
    for (uint32_t i = 0; i < COUNTERS; i++)
        model->counters[i].base = model->counters[i].revealed = model->counters[i].got;
    model->growing_base = 0;
    const struct writer *growing = &model->writers[WRITER_GROWING];
    for (uint32_t k = 0; k < growing->key_count; k++)
        model->growing_base +=
            growing->keys[k].database == DATABASE_GROWING && growing->keys[k].base.exists;
    model->growing_count = 0;
}

void model_flush(struct model *model)
{
    for (uint32_t i = 0; i < model->writer_count; i++) {
        struct writer *writer = &model->writers[i];
        assert(writer->op_count == 0);
        for (uint32_t k = 0; k < writer->key_count; k++)
            writer->keys[k].base = writer->keys[k].now = (struct state){0};
    }
    for (uint32_t i = 0; i < GROUPS; i++)
        model->groups[i].exists = false;
    for (uint32_t i = 0; i < COUNTERS; i++)
        model->counters[i].base = model->counters[i].revealed = 0;
    model->growing_base = 0;
}
