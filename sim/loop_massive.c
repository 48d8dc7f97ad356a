// The loopback harness: a million keys, loaded through pipelines in real time, and a kill.
#include "sim/loop_internal.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_OF_ONE 20 // of one MSET, one MGET
#define WINDOW 200     // commands on their way
#define CONNECTIONS 4
#define SECONDS_MAX 60
// When everything has been looked at once, and less has been overwritten than that, a sample will do.
#define SAMPLE_STEP 10

// One connection of the load: it writes its share of the keys, in order.
struct loader {
    redisContext *context;
    uint64_t asked;
    uint64_t answered;
};

static redisContext *massive_connect(struct loop *loop)
{
    redisContext *context =
        redisConnectWithTimeout("127.0.0.1", loop->port, (struct timeval){SECONDS_MAX, 0});
    if (context == NULL || context->err != 0)
        loop_fail(loop, VERDICT_STUCK, "cannot connect to the server");
    redisSetTimeout(context, (struct timeval){SECONDS_MAX, 0});
    return context;
}

static redisReply *massive_reply(struct loop *loop, redisContext *context, int type)
{
    redisReply *reply = NULL;
    if (redisGetReply(context, (void **)&reply) != REDIS_OK || reply == NULL)
        loop_fail(loop, VERDICT_STUCK, "no reply: %s", context->errstr);
    if (reply->type != type)
        loop_fail(loop, VERDICT_WRONG, "a reply of type %d instead of %d: %s", reply->type, type,
                  reply->str != NULL ? reply->str : "");
    return reply;
}

// --- loading ---------------------------------------------------------------------------------

static void wire_word(struct bytes *wire, const char *text)
{
    bytes_format(wire, "$%zu\r\n%s\r\n", strlen(text), text);
}

// MSET or MGET of the keys from `first` on. The values depend on the generation.
static void wire_command(struct bytes *wire, uint64_t first, bool set, uint32_t generation)
{
    wire->length = 0;
    bytes_format(wire, "*%d\r\n", 1 + KEYS_OF_ONE * (1 + set));
    wire_word(wire, set ? "MSET" : "MGET");
    for (uint64_t i = first; i < first + KEYS_OF_ONE; i++) {
        char text[48];
        snprintf(text, sizeof(text), "key:%llu", (unsigned long long)i);
        wire_word(wire, text);
        snprintf(text, sizeof(text), "value:%llu:%u", (unsigned long long)i, generation);
        if (set)
            wire_word(wire, text);
    }
}

static uint64_t loader_first(uint32_t index, uint64_t number)
{
    return (number * CONNECTIONS + index) * KEYS_OF_ONE;
}

static void loader_ask(struct loader *loader, uint32_t index, uint32_t generation,
                       struct bytes *wire)
{
    wire_command(wire, loader_first(index, loader->asked++), true, generation);
    redisAppendFormattedCommand(loader->context, (const char *)wire->data, wire->length);
}

// Writes `count` MSETs on each connection, a window at a time.
static void massive_load(struct loop *loop, struct loader loaders[CONNECTIONS], uint64_t count,
                         uint32_t generation)
{
    struct bytes wire = {0};
    for (uint64_t done = 0; done < count; done += WINDOW) {
        uint64_t piece = count - done < WINDOW ? count - done : WINDOW;
        for (uint32_t i = 0; i < CONNECTIONS; i++) {
            int written = 0;
            for (uint64_t j = 0; j < piece; j++)
                loader_ask(&loaders[i], i, generation, &wire);
            while (redisBufferWrite(loaders[i].context, &written) == REDIS_OK && !written)
                continue;
        }
        for (uint32_t i = 0; i < CONNECTIONS; i++) {
            for (uint64_t j = 0; j < piece; j++) {
                freeReplyObject(massive_reply(loop, loaders[i].context, REDIS_REPLY_STATUS));
                loaders[i].answered++;
            }
        }
    }
    loop->result->tally.operations += count * CONNECTIONS;
    bytes_free(&wire);
}

// --- checking --------------------------------------------------------------------------------

// Every value must be of this generation, or, with `either`, all of them of the next one.
static void check_reply(struct loop *loop, const redisReply *reply, uint64_t first,
                        uint32_t generation, bool either)
{
    char old[48], new[48];
    uint32_t newer = 0;
    for (uint64_t i = 0; i < KEYS_OF_ONE; i++) {
        const redisReply *value = reply->element[i];
        unsigned long long key = first + i;
        snprintf(old, sizeof(old), "value:%llu:%u", key, generation);
        snprintf(new, sizeof(new), "value:%llu:%u", key, generation + 1);
        bool is_new = value->type == REDIS_REPLY_STRING && strcmp(value->str, new) == 0;
        bool is_old = value->type == REDIS_REPLY_STRING && strcmp(value->str, old) == 0;
        newer += is_new;
        if (!is_old && !(either && is_new))
            loop_fail(loop, VERDICT_WRONG, "key:%llu is '%s', not '%s'", key,
                      value->str != NULL ? value->str : "missing", old);
    }
    if (newer != 0 && newer != KEYS_OF_ONE)
        loop_fail(loop, VERDICT_WRONG, "half an MSET is there, at key:%llu",
                  (unsigned long long)first);
}

static void massive_check(struct loop *loop, uint64_t count, uint32_t generation,
                          const struct loader loaders[CONNECTIONS])
{
    redisContext *context = massive_connect(loop);
    struct bytes wire = {0};
    redisAppendCommand(context, "DBSIZE");
    redisReply *size = massive_reply(loop, context, REDIS_REPLY_INTEGER);
    unsigned long long keys = count * CONNECTIONS * KEYS_OF_ONE;
    if ((unsigned long long)size->integer != keys)
        loop_fail(loop, VERDICT_WRONG, "%lld keys are there, not %llu", size->integer, keys);
    freeReplyObject(size);
    uint64_t step = 1;
    for (uint64_t i = 0; i < count; i += step) {
        step = loaders != NULL && i >= 3 * WINDOW ? SAMPLE_STEP : 1;
        for (uint32_t j = 0; j < CONNECTIONS; j++) {
            wire_command(&wire, loader_first(j, i), false, 0);
            redisAppendFormattedCommand(context, (const char *)wire.data, wire.length);
        }
        for (uint32_t j = 0; j < CONNECTIONS; j++) {
            redisReply *reply = massive_reply(loop, context, REDIS_REPLY_ARRAY);
            bool overwritten = loaders != NULL && i < loaders[j].answered;
            bool maybe = loaders != NULL && i >= loaders[j].answered && i < loaders[j].asked;
            check_reply(loop, reply, loader_first(j, i), generation + overwritten, maybe);
            freeReplyObject(reply);
        }
    }
    loop_trace(loop, "checked", count, generation, 0);
    loop->result->tally.recoveries++;
    bytes_free(&wire);
    redisFree(context);
}

// --- the run ---------------------------------------------------------------------------------

static void massive_start(struct loop *loop)
{
    if (loop_server_start(loop, true) != LOOP_RUNNING)
        loop_fail(loop, VERDICT_WRONG, "the server does not start: exit code %d", loop->exit_code);
}

// How many checkpoints there are at full speed, nobody can tell.
static void massive_checkpoint(struct loop *loop)
{
    if (!loop_server_said(loop, "log segments are free again"))
        loop_fail(loop, VERDICT_WRONG, "a million keys were written, and no checkpoint");
    loop->result->tally.checkpoints++;
}

static void massive_kill(struct loop *loop)
{
    loop_server_kill(loop);
    loop_count(loop, FAULT_KILL);
    loop->result->tally.crashes++;
}

static void massive_connect_all(struct loop *loop, struct loader loaders[CONNECTIONS])
{
    for (uint32_t i = 0; i < CONNECTIONS; i++)
        loaders[i] = (struct loader){.context = massive_connect(loop)};
}

// Overwrites the first keys, kills the server with commands on their way, and takes the replies that
// have arrived all the same.
static void massive_kill_at_work(struct loop *loop, struct loader loaders[CONNECTIONS],
                                 uint32_t generation)
{
    struct bytes wire = {0};
    massive_load(loop, loaders, WINDOW, generation);
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        int written = 0;
        for (uint32_t j = 0; j < WINDOW; j++)
            loader_ask(&loaders[i], i, generation, &wire);
        while (redisBufferWrite(loaders[i].context, &written) == REDIS_OK && !written)
            continue;
    }
    loop->result->tally.operations += CONNECTIONS * WINDOW;
    freeReplyObject(massive_reply(loop, loaders[0].context, REDIS_REPLY_STATUS));
    loaders[0].answered++;
    massive_kill(loop);
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        redisReply *reply;
        while (redisGetReply(loaders[i].context, (void **)&reply) == REDIS_OK) {
            loaders[i].answered++;
            freeReplyObject(reply);
        }
    }
    bytes_free(&wire);
}

static void massive_disconnect(struct loader loaders[CONNECTIONS])
{
    for (uint32_t i = 0; i < CONNECTIONS; i++)
        redisFree(loaders[i].context);
}

void loop_massive_run(struct loop *loop)
{
    struct loader loaders[CONNECTIONS];
    uint32_t generation = (uint32_t)loop->plan.seed * 2;
    uint64_t count = loop->plan.operations / CONNECTIONS;
    count = count < 2 * WINDOW ? 2 * WINDOW : count;
    massive_start(loop);
    massive_connect_all(loop, loaders);
    massive_load(loop, loaders, count, generation);
    massive_disconnect(loaders);
    massive_checkpoint(loop);
    massive_kill(loop);
    massive_start(loop);
    massive_check(loop, count, generation, NULL);
    massive_connect_all(loop, loaders);
    massive_kill_at_work(loop, loaders, generation + 1);
    massive_start(loop);
    massive_check(loop, count, generation, loaders);
    massive_disconnect(loaders);
    loop_server_kill(loop);
}
