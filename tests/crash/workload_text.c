// Commands on keys that their writer alone changes: SET with its options, APPEND, expiry, deletes.
#include "tests/crash/workload_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define UNIQUE_KEYS_MAX 1500

static struct state state_after_bytes(uint64_t hash, uint32_t before, const char *bytes,
                                      uint32_t length, uint64_t origin)
{
    return (struct state){.exists = true,
                          .length = before + length,
                          .hash = value_hash(hash, bytes, length),
                          .origin = origin};
}

// An expiry far away, a multiple of 1000 s, so that two of them are told apart.
static int64_t text_expiry_s(struct workload *workload)
{
    return 1000LL * random_between(&workload->random, 1, 200);
}

static void text_add_number(struct command *command, char text[24], int64_t number)
{
    snprintf(text, 24, "%" PRId64, number);
    command_add(command, text);
}

// Adds the expiry option of a SET; returns when the key will expire, 0: never.
static int64_t text_set_expiry(struct workload *workload, struct command *command, char text[24],
                               const struct state *before)
{
    int64_t now_s = (int64_t)time(NULL), in_s = text_expiry_s(workload);
    switch (random_below(&workload->random, 12)) {
    case 0:
        command_add(command, "EX");
        text_add_number(command, text, in_s);
        return now_s + in_s;
    case 1:
        command_add(command, "PX");
        text_add_number(command, text, in_s * 1000);
        return now_s + in_s;
    case 2:
        command_add(command, "EXAT");
        text_add_number(command, text, now_s + in_s);
        return now_s + in_s;
    case 3:
        command_add(command, "PXAT");
        text_add_number(command, text, (now_s + in_s) * 1000);
        return now_s + in_s;
    case 4:
    case 5:
        command_add(command, "KEEPTTL");
        return before->exists ? before->expiry_s : 0;
    default:
        return 0;
    }
}

static void text_expect_value(struct op *op, const struct state *state)
{
    op->expect = state->exists ? EXPECT_BULK : EXPECT_NIL;
    op->length = state->length;
    op->hash = state->hash;
}

static void text_set(struct workload *workload, struct client *client, uint32_t index)
{
    struct writer *writer = client->writer;
    const struct key *key = &writer->keys[index];
    const struct state before = key->now;
    struct command command = {0};
    char text[24];
    uint32_t length = workload_length(workload);
    uint64_t number = model_next_op(writer);
    value_make(workload->values, length, (struct value_label){writer->number, index, number});
    struct state after = state_after_bytes(VALUE_HASH_EMPTY, 0, workload->values, length, number);
    command_add(&command, "SET");
    command_add(&command, key->name);
    command_add_bytes(&command, workload->values, length);
    after.expiry_s = text_set_expiry(workload, &command, text, &before);
    bool executes = true, shows = random_percent(&workload->random, 10);
    uint32_t condition = random_below(&workload->random, 10);
    if (condition == 0) {
        command_add(&command, "NX");
        executes = !before.exists;
    } else if (condition == 1) {
        command_add(&command, "XX");
        executes = before.exists;
    }
    if (shows)
        command_add(&command, "GET");
    struct op *op = model_add_op(writer, executes ? EXPECT_OK : EXPECT_NIL);
    if (shows)
        text_expect_value(op, &before);
    model_add_effect(writer, index, executes ? &after : &before);
    client_send(client, &command);
}

static void text_append(struct workload *workload, struct client *client, uint32_t index)
{
    struct writer *writer = client->writer;
    const struct key *key = &writer->keys[index];
    uint32_t length = workload_length(workload);
    if (key->now.length + length > VALUE_BYTES_MAX_TESTED) {
        text_set(workload, client, index);
        return;
    }
    uint64_t number = model_next_op(writer);
    value_make(workload->values, length, (struct value_label){writer->number, index, number});
    bool existed = key->now.exists;
    struct state after =
        state_after_bytes(existed ? key->now.hash : VALUE_HASH_EMPTY, existed ? key->now.length : 0,
                          workload->values, length, number);
    after.expiry_s = existed ? key->now.expiry_s : 0;
    struct command command = {0};
    command_add(&command, "APPEND");
    command_add(&command, key->name);
    command_add_bytes(&command, workload->values, length);
    model_add_op(writer, EXPECT_INTEGER)->number = after.length;
    model_add_effect(writer, index, &after);
    client_send(client, &command);
}

// DEL or UNLINK of some keys of a block, present or not.
static void text_delete(struct workload *workload, struct client *client, uint32_t index)
{
    struct writer *writer = client->writer;
    uint32_t block = index / BLOCK_KEYS * BLOCK_KEYS;
    uint32_t last = index + random_below(&workload->random, block + BLOCK_KEYS - index);
    struct command command = {0};
    command_add(&command, random_percent(&workload->random, 50) ? "DEL" : "UNLINK");
    struct op *op = model_add_op(writer, EXPECT_INTEGER);
    int64_t deleted = 0;
    for (uint32_t i = index; i <= last; i++) {
        command_add(&command, writer->keys[i].name);
        deleted += writer->keys[i].now.exists;
        model_add_effect(writer, i, &(struct state){0});
    }
    op->number = deleted;
    client_send(client, &command);
}

static void text_expire(struct workload *workload, struct client *client, uint32_t index)
{
    struct writer *writer = client->writer;
    const struct key *key = &writer->keys[index];
    struct state after = key->now;
    struct command command = {0};
    char text[24];
    uint32_t which = random_below(&workload->random, 10);
    int64_t in_s = text_expiry_s(workload);
    bool changes = after.exists;
    if (which < 3) {
        command_add(&command, "PERSIST");
        command_add(&command, key->name);
        changes = after.exists && after.expiry_s != 0;
        after.expiry_s = 0;
    } else {
        bool in_ms = which < 6, past = which == 9;
        command_add(&command, in_ms ? "PEXPIRE" : "EXPIRE");
        command_add(&command, key->name);
        text_add_number(&command, text, past ? -1 : in_ms ? in_s * 1000 : in_s);
        after.expiry_s = (int64_t)time(NULL) + in_s;
        if (past)
            after = (struct state){0};
    }
    model_add_op(writer, EXPECT_INTEGER)->number = changes;
    model_add_effect(writer, index, changes ? &after : &key->now);
    client_send(client, &command);
}

static void text_read(struct workload *workload, struct client *client, uint32_t index)
{
    struct writer *writer = client->writer;
    const struct key *key = &writer->keys[index];
    const struct state now = key->now;
    struct command command = {0};
    struct op *op = model_add_op(writer, EXPECT_INTEGER);
    switch (random_below(&workload->random, 4)) {
    case 0:
        command_add(&command, "STRLEN");
        op->number = now.exists ? now.length : 0;
        break;
    case 1:
        command_add(&command, "EXISTS");
        op->number = now.exists;
        break;
    default:
        command_add(&command, "GET");
        text_expect_value(op, &now);
    }
    command_add(&command, key->name);
    model_add_effect(writer, index, &now);
    client_send(client, &command);
}

// MSET or MGET of a block: it must survive whole, and be shown whole.
static void text_block(struct workload *workload, struct client *client, uint32_t index)
{
    struct writer *writer = client->writer;
    uint32_t first = index / BLOCK_KEYS * BLOCK_KEYS;
    bool writes = random_percent(&workload->random, 70);
    uint64_t number = model_next_op(writer);
    struct command command = {0};
    command_add(&command, writes ? "MSET" : "MGET");
    model_add_op(writer, writes ? EXPECT_OK : EXPECT_ARRAY);
    for (uint32_t i = first; i < first + BLOCK_KEYS; i++) {
        command_add(&command, writer->keys[i].name);
        struct state after = writer->keys[i].now;
        if (writes) {
            char *value = workload->values + (i - first) * VALUE_BYTES_MAX_TESTED;
            uint32_t length = workload_length(workload);
            value_make(value, length, (struct value_label){writer->number, i, number});
            command_add_bytes(&command, value, length);
            after = state_after_bytes(VALUE_HASH_EMPTY, 0, value, length, number);
        }
        model_add_effect(writer, i, &after);
    }
    client_send(client, &command);
}

void workload_text(struct workload *workload, struct client *client)
{
    struct writer *writer = client->writer;
    uint32_t index = random_below(&workload->random, writer->text_keys);
    client_select(client, writer->keys[index].database);
    uint32_t which = random_below(&workload->random, 100);
    if (which < 45)
        text_set(workload, client, index);
    else if (which < 60)
        text_append(workload, client, index);
    else if (which < 68)
        text_delete(workload, client, index);
    else if (which < 78)
        text_expire(workload, client, index);
    else if (which < 90)
        text_read(workload, client, index);
    else
        text_block(workload, client, index);
}

void workload_number(struct workload *workload, struct client *client)
{
    struct writer *writer = client->writer;
    uint32_t index = writer->text_keys + random_below(&workload->random, NUMBER_KEYS);
    const struct key *key = &writer->keys[index];
    client_select(client, key->database);
    uint32_t which = random_below(&workload->random, 4);
    int64_t by = which < 2 ? 1 : (int64_t)random_below(&workload->random, 1000000) - 300000;
    static const char *const names[] = {"INCR", "DECR", "INCRBY", "DECRBY"};
    struct command command = {0};
    char text[24], result[24];
    command_add(&command, names[which]);
    command_add(&command, key->name);
    if (which >= 2)
        text_add_number(&command, text, by);
    int64_t value = (key->now.exists ? key->now.number : 0) + (which % 2 == 0 ? by : -by);
    int length = snprintf(result, sizeof result, "%" PRId64, value);
    struct state after =
        state_after_bytes(VALUE_HASH_EMPTY, 0, result, (uint32_t)length, model_next_op(writer));
    after.number = value;
    model_add_op(writer, EXPECT_INTEGER)->number = value;
    model_add_effect(writer, index, &after);
    client_send(client, &command);
}

void workload_unique(struct workload *workload, struct client *client)
{
    struct writer *writer = client->writer;
    if (writer->unique_keys == UNIQUE_KEYS_MAX)
        return;
    writer->unique_keys++;
    uint32_t database = random_below(&workload->random, DATABASES_SHARED);
    if (writer->number < WRITERS_FLUSHING && random_percent(&workload->random, 50))
        database = DATABASE_FLUSHED_FIRST + writer->number;
    bool grows = writer->number == WRITER_GROWING;
    if (grows)
        database = DATABASE_GROWING;
    client_select(client, (uint8_t)database);
    uint64_t number = model_next_op(writer);
    char name[KEY_NAME_BYTES];
    snprintf(name, sizeof name, "unique:%u:%" PRIu64, writer->number, number);
    uint32_t index = model_add_key(writer, KEY_UNIQUE, (uint8_t)database, name);
    uint32_t length = workload_length(workload);
    value_make(workload->values, length, (struct value_label){writer->number, index, number});
    struct state after = state_after_bytes(VALUE_HASH_EMPTY, 0, workload->values, length, number);
    struct command command = {0};
    command_add(&command, "SET");
    command_add(&command, name);
    command_add_bytes(&command, workload->values, length);
    model_add_op(writer, EXPECT_OK);
    model_add_effect(writer, index, &after);
    if (grows)
        model_add_growth(workload->test->model);
    client_send(client, &command);
}

void workload_flush(struct workload *workload, struct client *client)
{
    (void)workload;
    struct writer *writer = client->writer;
    assert(writer->number < WRITERS_FLUSHING);
    uint8_t database = (uint8_t)(DATABASE_FLUSHED_FIRST + writer->number);
    client_select(client, database);
    struct command command = {0};
    command_add(&command, "FLUSHDB");
    model_add_op(writer, EXPECT_OK);
    for (uint32_t i = 0; i < writer->key_count; i++) {
        if (writer->keys[i].database == database && writer->keys[i].now.exists)
            model_add_effect(writer, i, &(struct state){0});
    }
    client_send(client, &command);
}
