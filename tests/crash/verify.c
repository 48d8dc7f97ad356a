// After a restart: what the server has against what it must have.
#include "tests/crash/verify.h"

#include "tests/crash/workload.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#define PATIENCE_S 60
// Replies asked for in one go: enough to be quick, few enough to be held in memory.
#define CHUNK 256
#define TOLD_WRITERS_MAX 5

struct verify {
    struct test *test;
    redisContext *context;
    bool broken;
    int64_t found[DATABASES]; // keys
    int64_t sizes[DATABASES]; // as the server counts them
    char *scratch;
};

static redisReply *verify_reply(struct verify *verify)
{
    void *reply = NULL;
    if (!verify->broken && redisGetReply(verify->context, &reply) != REDIS_OK) {
        test_fail(verify->test, "the connection broke while everything was read: %s",
                  verify->context->errstr);
        verify->broken = true;
    }
    return verify->broken ? NULL : reply;
}

static void verify_select(struct verify *verify, uint32_t database)
{
    redisAppendCommand(verify->context, "SELECT %u", database);
    redisReply *reply = verify_reply(verify);
    if (reply != NULL)
        freeReplyObject(reply);
}

static int64_t verify_integer(struct verify *verify)
{
    redisReply *reply = verify_reply(verify);
    if (reply == NULL)
        return 0;
    if (reply->type != REDIS_REPLY_INTEGER)
        test_fail(verify->test, "not an integer: %s", reply->str == NULL ? "?" : reply->str);
    int64_t value = reply->integer;
    freeReplyObject(reply);
    return value;
}

// --- reading ---------------------------------------------------------------------------------

static void verify_take_key(struct verify *verify, struct key *key)
{
    key->got = (struct state){0};
    redisReply *reply = verify_reply(verify);
    if (reply == NULL)
        return;
    if (reply->type == REDIS_REPLY_STRING) {
        key->got.exists = true;
        key->got.length = (uint32_t)reply->len;
        key->got.hash = value_hash(VALUE_HASH_EMPTY, reply->str, reply->len);
        verify->found[key->database]++;
    } else if (reply->type != REDIS_REPLY_NIL) {
        test_fail(verify->test, "GET %s: %s", key->name, reply->str == NULL ? "?" : reply->str);
    }
    freeReplyObject(reply);
    if (key->kind != KEY_TEXT)
        return;
    int64_t left_ms = verify_integer(verify);
    struct timeval now;
    gettimeofday(&now, NULL);
    if (left_ms >= 0)
        key->got.expiry_s = now.tv_sec + left_ms / 1000;
}

static void verify_read_writer(struct verify *verify, struct writer *writer, uint32_t database)
{
    uint32_t asked[CHUNK];
    uint32_t count = 0;
    for (uint32_t i = 0; i <= writer->key_count && !verify->broken; i++) {
        if (i < writer->key_count && writer->keys[i].database == database) {
            redisAppendCommand(verify->context, "GET %s", writer->keys[i].name);
            if (writer->keys[i].kind == KEY_TEXT)
                redisAppendCommand(verify->context, "PTTL %s", writer->keys[i].name);
            asked[count++] = i;
        }
        if (count == CHUNK || i == writer->key_count) {
            for (uint32_t k = 0; k < count; k++)
                verify_take_key(verify, &writer->keys[asked[k]]);
            count = 0;
        }
    }
}

static void verify_read_group(struct verify *verify, uint32_t index)
{
    struct group *group = &verify->test->model->groups[index];
    char name[KEY_NAME_BYTES];
    for (uint32_t i = 0; i < GROUP_KEYS; i++) {
        model_group_key(index, i, name);
        redisAppendCommand(verify->context, "GET %s", name);
    }
    for (uint32_t i = 0; i < GROUP_KEYS; i++) {
        redisReply *reply = verify_reply(verify);
        if (reply == NULL)
            return;
        struct value_label label = {0};
        bool exists = reply->type == REDIS_REPLY_STRING;
        bool genuine = !exists || (value_parse(reply->str, reply->len, &label) &&
                                   label.part == index * GROUP_KEYS + i &&
                                   value_genuine(reply->str, reply->len, label, verify->scratch));
        if (!genuine)
            test_fail(verify->test, "group:%u:%u: expected a genuine value, got \"%.40s\"", index,
                      i, reply->str);
        freeReplyObject(reply);
        if (i == 0) {
            group->got_exists = exists;
            group->got_writer = label.writer;
            group->got_op = label.op;
        } else if (exists != group->got_exists || label.writer != group->got_writer ||
                   label.op != group->got_op) {
            test_fail(verify->test,
                      "group %u is not whole: member 0 of writer %u, command %" PRIu64
                      "; member %u of writer %u, command %" PRIu64,
                      index, group->got_writer, group->got_op, i, label.writer, label.op);
        }
        verify->found[group->database] += exists;
    }
}

static void verify_read_shared(struct verify *verify, uint32_t database)
{
    struct model *model = verify->test->model;
    for (uint32_t i = 0; i < GROUPS; i++) {
        if (model->groups[i].database == database)
            verify_read_group(verify, i);
    }
    for (uint32_t i = 0; i < COUNTERS; i++) {
        struct counter *counter = &model->counters[i];
        if (counter->database != database)
            continue;
        char name[KEY_NAME_BYTES];
        model_counter_key(i, name);
        redisAppendCommand(verify->context, "GET %s", name);
        redisReply *reply = verify_reply(verify);
        if (reply == NULL)
            return;
        counter->got = reply->type == REDIS_REPLY_STRING ? atoll(reply->str) : 0;
        verify->found[database] += reply->type == REDIS_REPLY_STRING;
        freeReplyObject(reply);
    }
}

static void verify_short_lived(struct verify *verify)
{
    for (uint32_t i = 0; i < SHORT_LIVED_KEYS; i++)
        redisAppendCommand(verify->context, "GET short:%u", i);
    for (uint32_t i = 0; i < SHORT_LIVED_KEYS; i++) {
        redisReply *reply = verify_reply(verify);
        if (reply == NULL)
            return;
        if (reply->type != REDIS_REPLY_NIL)
            test_fail(verify->test, "short:%u should have expired", i);
        freeReplyObject(reply);
    }
}

static void verify_read_all(struct verify *verify)
{
    struct model *model = verify->test->model;
    for (uint32_t database = 0; database < DATABASES; database++) {
        verify_select(verify, database);
        for (uint32_t i = 0; i < model->writer_count; i++)
            verify_read_writer(verify, &model->writers[i], database);
        verify_read_shared(verify, database);
        if (database == SHORT_LIVED_DATABASE)
            verify_short_lived(verify);
        redisAppendCommand(verify->context, "DBSIZE");
        verify->sizes[database] = verify_integer(verify);
    }
}

// --- judging ---------------------------------------------------------------------------------

static const char *verify_describe(const struct state *state, char text[120])
{
    if (!state->exists)
        return "nothing";
    snprintf(text, 120, "%u bytes, hash %016" PRIx64 ", expiry %" PRId64, state->length,
             state->hash, state->expiry_s);
    return text;
}

static bool verify_writer(struct test *test, struct writer *writer)
{
    uint32_t key, prefix;
    struct state expected;
    if (model_find_prefix(writer, &key, &prefix, &expected))
        return true;
    char text[2][120];
    const struct key *k = &writer->keys[key];
    test_fail(test,
              "writer %u: no prefix of its commands explains what the server has "
              "(%u sent, %u answered, %u revealed, first number %" PRIu64 "); closest after %u: "
              "key %s in database %u: expected %s, got %s",
              writer->number, writer->op_count, writer->answered, writer->revealed,
              writer->op_first, prefix, k->name, k->database, verify_describe(&expected, text[0]),
              verify_describe(&k->got, text[1]));
    return false;
}

// Of the writer's commands that wrote the group and have certainly survived, is there one after
// number `op`?
static bool verify_overwritten(const struct writer *writer, uint32_t group, uint64_t op, bool any)
{
    for (uint32_t i = writer->prefix_low; i-- > 0;) {
        const struct op *candidate = &writer->ops[i];
        if (candidate->writes_group && candidate->peer == group)
            return any || writer->op_first + i > op;
    }
    return false;
}

static void verify_group(struct test *test, uint32_t index)
{
    struct model *model = test->model;
    const struct group *group = &model->groups[index];
    bool same = group->got_exists == group->exists && group->got_writer == group->writer &&
                group->got_op == group->op;
    if (!group->exists && !group->got_exists)
        same = true;
    if (same) {
        for (uint32_t i = 0; i < model->writer_count; i++) {
            if (verify_overwritten(&model->writers[i], index, 0, true))
                test_fail(test, "group %u is as before the round, but writer %u wrote it", index,
                          i);
        }
        return;
    }
    if (!group->got_exists || group->got_writer >= model->writer_count) {
        test_fail(test, "group %u has gone", index);
        return;
    }
    const struct writer *writer = &model->writers[group->got_writer];
    bool possible =
        group->got_op >= writer->op_first && group->got_op < writer->op_first + writer->prefix_high;
    if (possible) {
        const struct op *op = &writer->ops[group->got_op - writer->op_first];
        possible = op->writes_group && op->peer == index &&
                   !verify_overwritten(writer, index, group->got_op, false);
    }
    if (!possible)
        test_fail(test,
                  "group %u: command %" PRIu64 " of writer %u cannot be its newest "
                  "(commands %" PRIu64 " + %u to %u have survived)",
                  index, group->got_op, writer->number, writer->op_first, writer->prefix_low,
                  writer->prefix_high);
}

static void verify_counter(struct test *test, uint32_t index)
{
    const struct counter *counter = &test->model->counters[index];
    int64_t low = counter->base, high = counter->base;
    for (uint32_t w = 0; w < test->model->writer_count; w++) {
        const struct writer *writer = &test->model->writers[w];
        for (uint32_t i = 0; i < writer->prefix_high; i++) {
            if (writer->ops[i].expect != EXPECT_COUNTER || writer->ops[i].peer != index)
                continue;
            high += writer->ops[i].counter_by;
            low += i < writer->prefix_low ? writer->ops[i].counter_by : 0;
        }
    }
    if (counter->got < low || counter->got > high || counter->got < counter->revealed)
        test_fail(test,
                  "counter:%u: expected %" PRId64 " to %" PRId64 " and at least %" PRId64
                  " (shown), got %" PRId64,
                  index, low, high, counter->revealed, counter->got);
}

static void verify_judge(struct verify *verify)
{
    struct test *test = verify->test;
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < test->model->writer_count && wrong < TOLD_WRITERS_MAX; i++)
        wrong += !verify_writer(test, &test->model->writers[i]);
    for (uint32_t i = 0; i < DATABASES; i++) {
        if (verify->found[i] != verify->sizes[i])
            test_fail(test, "database %u: %" PRId64 " keys are known, DBSIZE is %" PRId64, i,
                      verify->found[i], verify->sizes[i]);
    }
    if (wrong > 0)
        return; // what follows needs every writer's prefix
    for (uint32_t i = 0; i < GROUPS; i++)
        verify_group(test, i);
    for (uint32_t i = 0; i < COUNTERS; i++)
        verify_counter(test, i);
}

void verify_all(struct test *test)
{
    struct verify verify = {.test = test, .scratch = malloc(VALUE_BYTES_MAX_TESTED)};
    assert(verify.scratch != NULL);
    verify.context =
        redisConnectWithTimeout("127.0.0.1", test->process.port, (struct timeval){PATIENCE_S, 0});
    if (verify.context == NULL || verify.context->err != 0) {
        test_fail(test, "no connection to read everything");
    } else {
        redisSetTimeout(verify.context, (struct timeval){PATIENCE_S, 0});
        verify_read_all(&verify);
        if (!verify.broken)
            verify_judge(&verify);
    }
    if (verify.context != NULL)
        redisFree(verify.context);
    free(verify.scratch);
    if (!test->failed)
        model_next_round(test->model);
}
