// Replies against what the commands expect, and what they reveal about others' commands.
#include "tests/crash/client.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *check_describe(const redisReply *reply, char text[160])
{
    switch (reply->type) {
    case REDIS_REPLY_NIL:
        return "nil";
    case REDIS_REPLY_INTEGER:
        snprintf(text, 160, "integer %lld", reply->integer);
        return text;
    case REDIS_REPLY_ARRAY:
        snprintf(text, 160, "array of %zu", reply->elements);
        return text;
    default:
        snprintf(text, 160, "\"%.60s\" (%zu bytes)", reply->str, reply->len);
        return text;
    }
}

static bool check_wrong(struct client *client, const struct op *op, const redisReply *reply,
                        const char *expected)
{
    char text[160];
    test_fail(client->test, "writer %u, command %" PRIu64 " answered: expected %s, got %s",
              client->writer->number,
              client->writer->op_first + (uint64_t)(op - client->writer->ops), expected,
              check_describe(reply, text));
    return false;
}

static bool check_bulk(const redisReply *reply, uint32_t length, uint64_t hash)
{
    return reply->type == REDIS_REPLY_STRING && reply->len == length &&
           value_hash(VALUE_HASH_EMPTY, reply->str, reply->len) == hash;
}

static bool check_array(struct client *client, const struct op *op, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != op->effect_count)
        return check_wrong(client, op, reply, "an array");
    for (uint32_t i = 0; i < op->effect_count; i++) {
        const struct state *state = &client->writer->effects[op->effect_first + i].after;
        const redisReply *element = reply->element[i];
        bool right = state->exists ? check_bulk(element, state->length, state->hash)
                                   : element->type == REDIS_REPLY_NIL;
        if (!right)
            return check_wrong(client, op, element, "another element");
    }
    return true;
}

// The label's command must be one that can have written what was read.
static bool check_label(struct client *client, const struct op *op, const redisReply *reply,
                        struct value_label *label)
{
    struct model *model = client->test->model;
    if (reply->type != REDIS_REPLY_STRING || !value_parse(reply->str, reply->len, label) ||
        label->writer >= model->writer_count)
        return check_wrong(client, op, reply, "a value with a label");
    if (!value_genuine(reply->str, reply->len, *label, client->scratch))
        return check_wrong(client, op, reply, "a value true to its label");
    if (!model_reveal(&model->writers[label->writer], label->op))
        return check_wrong(client, op, reply, "a value that has been written");
    return true;
}

static bool check_hot(struct client *client, const struct op *op, const redisReply *reply)
{
    const struct writer *peer = &client->test->model->writers[op->peer];
    const struct key *key = &peer->keys[op->number];
    if (reply->type == REDIS_REPLY_NIL)
        return !key->base.exists || check_wrong(client, op, reply, "a value that was there");
    struct value_label label;
    if (!check_label(client, op, reply, &label))
        return false;
    if (label.writer != op->peer || label.part != op->number)
        return check_wrong(client, op, reply, "a value of this key");
    if (label.op < peer->op_first && (!key->base.exists || label.op != key->base.origin))
        return check_wrong(client, op, reply, "nothing that was undone or replaced earlier");
    return true;
}

static bool check_group(struct client *client, const struct op *op, const redisReply *reply)
{
    const struct group *group = &client->test->model->groups[op->peer];
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != GROUP_KEYS)
        return check_wrong(client, op, reply, "an array");
    struct value_label first = {0};
    for (uint32_t i = 0; i < GROUP_KEYS; i++) {
        const redisReply *element = reply->element[i];
        if (reply->element[0]->type == REDIS_REPLY_NIL) {
            if (element->type != REDIS_REPLY_NIL || group->exists)
                return check_wrong(client, op, element, "a whole group");
            continue;
        }
        struct value_label label;
        if (!check_label(client, op, element, &label))
            return false;
        if (i == 0)
            first = label;
        if (label.writer != first.writer || label.op != first.op ||
            label.part != op->peer * GROUP_KEYS + i)
            return check_wrong(client, op, element, "a whole group");
    }
    if (reply->element[0]->type == REDIS_REPLY_NIL)
        return true;
    if (first.op < client->test->model->writers[first.writer].op_first &&
        (!group->exists || group->writer != first.writer || group->op != first.op))
        return check_wrong(client, op, reply, "nothing that was undone or replaced earlier");
    return true;
}

static bool check_counter(struct client *client, const struct op *op, const redisReply *reply)
{
    struct counter *counter = &client->test->model->counters[op->peer];
    int64_t value = 0;
    if (reply->type == REDIS_REPLY_INTEGER)
        value = reply->integer;
    else if (reply->type == REDIS_REPLY_STRING)
        sscanf(reply->str, "%" SCNd64, &value);
    else if (reply->type != REDIS_REPLY_NIL)
        return check_wrong(client, op, reply, "a count");
    if (value < counter->base)
        return check_wrong(client, op, reply, "no less than before");
    if (value > counter->revealed)
        counter->revealed = value;
    return true;
}

static bool check_growing(struct client *client, const struct op *op, const redisReply *reply)
{
    struct model *model = client->test->model;
    if (reply->type != REDIS_REPLY_INTEGER || reply->integer < model->growing_base ||
        reply->integer - model->growing_base > model->growing_count)
        return check_wrong(client, op, reply, "a size of the growing database");
    struct writer *writer = &model->writers[WRITER_GROWING];
    if (reply->integer > model->growing_base) {
        uint32_t made = model->growing_ops[reply->integer - model->growing_base - 1];
        model_reveal(writer, writer->op_first + made);
    }
    return true;
}

bool client_check(struct client *client, const struct op *op, const redisReply *reply)
{
    switch ((enum expect)op->expect) {
    case EXPECT_OK:
        return (reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "OK") == 0) ||
               check_wrong(client, op, reply, "OK");
    case EXPECT_INTEGER: {
        char text[40];
        snprintf(text, sizeof text, "integer %" PRId64, op->number);
        return (reply->type == REDIS_REPLY_INTEGER && reply->integer == op->number) ||
               check_wrong(client, op, reply, text);
    }
    case EXPECT_NIL:
        return reply->type == REDIS_REPLY_NIL || check_wrong(client, op, reply, "nil");
    case EXPECT_BULK:
        return check_bulk(reply, op->length, op->hash) ||
               check_wrong(client, op, reply, "another value");
    case EXPECT_ARRAY:
        return check_array(client, op, reply);
    case EXPECT_SAVE:
        return reply->type == REDIS_REPLY_STATUS ||
               strcmp(reply->str, "ERR Background save already in progress") == 0 ||
               check_wrong(client, op, reply, "a checkpoint");
    case EXPECT_HOT:
        return check_hot(client, op, reply);
    case EXPECT_GROUP:
        return check_group(client, op, reply);
    case EXPECT_COUNTER:
        return check_counter(client, op, reply);
    case EXPECT_GROWING:
        return check_growing(client, op, reply);
    }
    assert(false);
    return false;
}
