// The loopback harness: introspection: what the server tells about itself must agree with what the
// model knows.
#include "sim/loop_internal.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REST_NS 1000000
#define STEP_FIRST_NS 150000
#define STEP_NS_MAX 100000000000

struct counts {
    uint64_t keys[MODEL_DATABASES];
    uint64_t expires[MODEL_DATABASES];
};

static void count_entry(void *context, const struct model_entry *entry)
{
    struct counts *counts = context;
    counts->keys[entry->database]++;
    counts->expires[entry->database] += entry->expiry_ms != 0;
}

// --- asking ----------------------------------------------------------------------------------

// Sends words on our own connection and returns the reply, NULL when the server ended.
static redisReply *inspect_ask(struct loop *loop, int type, const char *format, ...)
{
    struct loop_client *client = &loop->clients[0];
    char *wire = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = redisvFormatCommand(&wire, format, arguments);
    va_end(arguments);
    assert(length > 0 && client->replies.length == 0);
    loop->shared->gates = 1;
    loop->shared->gate_holds = false;
    loop->shared->gate[0].port = client->port;
    loop->shared->gate[0].received = client->asked + (uint64_t)length;
    loop_client_send(loop, 0, wire, (size_t)length);
    redisFreeCommand(wire);
    redisReply *reply = NULL;
    bool alive = loop_server_settle(loop);
    // What it shows may still be on its way to the disk.
    for (int64_t step_ns = STEP_FIRST_NS; alive && reply == NULL; step_ns *= 4) {
        loop_client_drain(loop, 0);
        if (redisGetReplyFromReader(client->context, (void **)&reply) != REDIS_OK ||
            step_ns > STEP_NS_MAX)
            loop_fail(loop, VERDICT_WRONG, "no answer to '%s'", format);
        if (reply == NULL)
            alive = loop_server_pass(loop, step_ns);
    }
    if (!alive)
        return NULL;
    if (reply->type != type)
        loop_fail(loop, VERDICT_WRONG, "'%s' is answered by type %d: %s", format, reply->type,
                  reply->str != NULL ? reply->str : "");
    client->replies.length = 0;
    return reply;
}

// The value of a field of INFO, up to the end of its line.
static void info_field(struct loop *loop, const char *text, const char *name, char value[128])
{
    char start[64];
    snprintf(start, sizeof(start), "\n%s:", name);
    const char *at = strstr(text, start);
    if (at == NULL)
        loop_fail(loop, VERDICT_WRONG, "INFO has no field %s", name);
    at += strlen(start);
    size_t length = strcspn(at, "\r\n");
    snprintf(value, 128, "%.*s", (int)(length < 127 ? length : 127), at);
}

static void info_expect(struct loop *loop, const char *text, const char *name, const char *expected)
{
    char value[128];
    info_field(loop, text, name, value);
    if (strcmp(value, expected) != 0)
        loop_fail(loop, VERDICT_WRONG, "INFO %s is %s, not %s", name, value, expected);
}

static void info_expect_number(struct loop *loop, const char *text, const char *name,
                               uint64_t expected)
{
    char number[24];
    snprintf(number, sizeof(number), "%llu", (unsigned long long)expected);
    info_expect(loop, text, name, number);
}

// --- INFO ------------------------------------------------------------------------------------

static void inspect_keyspace(struct loop *loop, const char *text, const struct counts *counts)
{
    for (uint32_t i = 0; i < MODEL_DATABASES; i++) {
        char name[16], start[32], expected[128];
        snprintf(name, sizeof(name), "db%u", i);
        snprintf(start, sizeof(start), "\ndb%u:", i);
        if (counts->keys[i] == 0) {
            if (strstr(text, start) != NULL)
                loop_fail(loop, VERDICT_WRONG, "INFO shows database %u, which is empty", i);
            continue;
        }
        snprintf(expected, sizeof(expected), "keys=%llu,expires=%llu,avg_ttl=0",
                 (unsigned long long)counts->keys[i], (unsigned long long)counts->expires[i]);
        info_expect(loop, text, name, expected);
    }
}

// `rest`: nothing was on its way to the disk when it was asked.
static void inspect_log(struct loop *loop, const char *text, bool rest)
{
    static const char *const modes[] = {"always", "everysec", "no"};
    char newest[128], verdict[128];
    info_expect(loop, text, "wal_appendfsync", modes[model_appendfsync(loop->model)]);
    info_expect(loop, text, "wal_ack", model_ack_completion(loop->model) ? "completion" : "intent");
    info_expect(loop, text, "loading", "0");
    if (loop->clean)
        info_expect(loop, text, "recovery_clean_stop", "1");
    info_field(loop, text, "wal_batch_newest", newest);
    info_field(loop, text, "recovery_verdict", verdict);
    // Then everything is written, and durable where that was asked for.
    if (rest) {
        info_expect(loop, text, "wal_batch_written", newest);
        if (model_appendfsync(loop->model) == MODEL_ALWAYS)
            info_expect(loop, text, "wal_batch_durable", newest);
    }
    if (strcmp(verdict, "clean") != 0 && strcmp(verdict, "torn") != 0)
        loop_fail(loop, VERDICT_WRONG, "the server serves after the verdict %s", verdict);
}

static bool inspect_info(struct loop *loop, const struct counts *counts)
{
    bool rest = atomic_load(&loop->shared->delayed) == 0;
    redisReply *reply = inspect_ask(loop, REDIS_REPLY_STRING, "INFO all");
    if (reply == NULL)
        return false;
    info_expect(loop, reply->str, "redis_mode", "standalone");
    info_expect_number(loop, reply->str, "tcp_port", loop->port);
    info_expect_number(loop, reply->str, "connected_clients", loop->clients_count);
    info_expect_number(loop, reply->str, "maxmemory", (uint64_t)loop->plan.config.maxmemory);
    inspect_keyspace(loop, reply->str, counts);
    inspect_log(loop, reply->str, rest);
    freeReplyObject(reply);
    return true;
}

// --- CONFIG GET, DBSIZE, SCAN ----------------------------------------------------------------

static bool inspect_config(struct loop *loop)
{
    static const char *const modes[] = {"always", "everysec", "no"};
    char port[16];
    snprintf(port, sizeof(port), "%u", loop->port);
    const struct {
        const char *name;
        const char *value;
    } settings[] = {{"port", port},
                    {"databases", "16"},
                    {"appendonly", "yes"},
                    {"save", loop->plan.config.save},
                    {"dir", loop->data},
                    {"appendfsync", modes[model_appendfsync(loop->model)]},
                    {"wal-ack", model_ack_completion(loop->model) ? "completion" : "intent"}};
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        redisReply *reply = inspect_ask(loop, REDIS_REPLY_ARRAY, "CONFIG GET %s", settings[i].name);
        if (reply == NULL)
            return false;
        if (reply->elements != 2 || strcmp(reply->element[0]->str, settings[i].name) != 0 ||
            strcmp(reply->element[1]->str, settings[i].value) != 0)
            loop_fail(loop, VERDICT_WRONG, "CONFIG GET %s is '%s', not '%s'", settings[i].name,
                      reply->elements == 2 ? reply->element[1]->str : "?", settings[i].value);
        freeReplyObject(reply);
    }
    return true;
}

// How many keys a whole iteration returns; a key may come twice.
static bool inspect_scan(struct loop *loop, uint64_t *keys)
{
    char cursor[24] = "0";
    *keys = 0;
    do {
        redisReply *reply = inspect_ask(loop, REDIS_REPLY_ARRAY, "SCAN %s COUNT 1000", cursor);
        if (reply == NULL)
            return false;
        snprintf(cursor, sizeof(cursor), "%s", reply->element[0]->str);
        *keys += reply->element[1]->elements;
        freeReplyObject(reply);
    } while (strcmp(cursor, "0") != 0);
    return true;
}

static bool inspect_database(struct loop *loop, uint32_t database, uint64_t expected)
{
    char number[16];
    uint64_t keys;
    snprintf(number, sizeof(number), "%u", database);
    // These the model checks by itself.
    if (!loop_ask(loop, "SELECT", number, NULL) || !loop_ask(loop, "DBSIZE", NULL) ||
        !loop_ask(loop, "KEYS", "*", NULL) || !inspect_scan(loop, &keys))
        return false;
    if (keys < expected)
        loop_fail(loop, VERDICT_WRONG, "database %u has %llu keys, but SCAN returns %llu", database,
                  (unsigned long long)expected, (unsigned long long)keys);
    return loop_ask(loop, "SELECT", "0", NULL);
}

bool loop_inspect(struct loop *loop)
{
    struct counts counts = {0};
    model_each(loop->model, count_entry, &counts);
    // Commits wait a little for others to join them.
    bool alive =
        loop_server_pass(loop, REST_NS) && inspect_info(loop, &counts) && inspect_config(loop);
    for (uint32_t i = 0; i < MODEL_DATABASES && alive; i++) {
        if (counts.keys[i] > 0)
            alive = inspect_database(loop, i, counts.keys[i]);
    }
    loop_trace(loop, "inspected", alive, 0, 0);
    return alive;
}
