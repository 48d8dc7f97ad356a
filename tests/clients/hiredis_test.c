// hiredis: replies, pipelines, transactions, scans, large values, AUTH, reconnecting.
#include <assert.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define LARGE_BYTES 10000000
#define PIPELINE 2000
#define SCAN_KEYS 3000
#define SURVIVE_KEYS 500

struct test {
    int port;
    int guarded_port;
    const char *password;
    redisContext *context;
};

static void check(const char *what, bool right)
{
    if (right)
        printf("ok %s\n", what);
    else
        printf("FAILED %s: is not so\n", what);
    fflush(stdout);
}

static redisContext *connect_to(int port)
{
    const struct timeval limit = {.tv_sec = 10};
    redisContext *context = redisConnectWithTimeout("127.0.0.1", port, limit);
    if (context != NULL && context->err == 0)
        redisSetTimeout(context, limit);
    return context;
}

// The reply has this type and text; it is freed.
static void text(const char *what, redisReply *reply, int type, const char *wanted)
{
    const bool right = reply != NULL && reply->type == type && reply->len == strlen(wanted) &&
                       memcmp(reply->str, wanted, reply->len) == 0;
    if (!right && reply != NULL)
        printf("type %d, text %.200s\n", reply->type, reply->str != NULL ? reply->str : "-");
    check(what, right);
    freeReplyObject(reply);
}

static void number(const char *what, redisReply *reply, long long wanted)
{
    const bool right =
        reply != NULL && reply->type == REDIS_REPLY_INTEGER && reply->integer == wanted;
    if (!right && reply != NULL)
        printf("type %d, %lld %.200s\n", reply->type, reply->integer,
               reply->str != NULL ? reply->str : "-");
    check(what, right);
    freeReplyObject(reply);
}

static void nil(const char *what, redisReply *reply)
{
    check(what, reply != NULL && reply->type == REDIS_REPLY_NIL);
    freeReplyObject(reply);
}

static void replies(struct test *t)
{
    redisContext *c = t->context;
    text("status", redisCommand(c, "SET k v"), REDIS_REPLY_STATUS, "OK");
    text("string", redisCommand(c, "GET k"), REDIS_REPLY_STRING, "v");
    nil("nil", redisCommand(c, "GET none"));
    number("integer", redisCommand(c, "INCRBY n %d", 42), 42);
    number("64 bits", redisCommand(c, "INCRBY n %lld", 9223372036854775765LL), INT64_MAX);
    text("error", redisCommand(c, "INCR n"), REDIS_REPLY_ERROR,
         "ERR increment or decrement would overflow");
    redisReply *reply = redisCommand(c, "MGET k none n");
    check("array", reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 &&
                       reply->element[0]->type == REDIS_REPLY_STRING &&
                       reply->element[1]->type == REDIS_REPLY_NIL);
    freeReplyObject(reply);
    reply = redisCommand(c, "COMMAND INFO get nosuch");
    check("nested arrays", reply != NULL && reply->elements == 2 &&
                               reply->element[0]->type == REDIS_REPLY_ARRAY &&
                               reply->element[0]->element[2]->type == REDIS_REPLY_ARRAY);
    freeReplyObject(reply);
    unsigned char bytes[256];
    for (int i = 0; i < 256; i++)
        bytes[i] = (unsigned char)i;
    text("binary", redisCommand(c, "SET %b %b", bytes, sizeof(bytes), bytes, sizeof(bytes)),
         REDIS_REPLY_STATUS, "OK");
    reply = redisCommand(c, "GET %b", bytes, sizeof(bytes));
    check("binary comes back", reply != NULL && reply->len == sizeof(bytes) &&
                                   memcmp(reply->str, bytes, sizeof(bytes)) == 0);
    freeReplyObject(reply);
}

static void pipelines(struct test *t)
{
    for (int i = 0; i < PIPELINE; i++)
        redisAppendCommand(t->context, "SET pipe:%d %d", i, i);
    for (int i = 0; i < PIPELINE; i++)
        redisAppendCommand(t->context, "GET pipe:%d", i);
    int right = 0;
    for (int i = 0; i < 2 * PIPELINE; i++) {
        void *any = NULL;
        if (redisGetReply(t->context, &any) != REDIS_OK)
            break;
        const redisReply *reply = any;
        right +=
            i < PIPELINE ? reply->type == REDIS_REPLY_STATUS : atoi(reply->str) == i - PIPELINE;
        freeReplyObject(any);
    }
    check("pipeline", right == 2 * PIPELINE);
}

static void queue(struct test *t, const char *what, const char *first, const char *second)
{
    text(what, redisCommand(t->context, "MULTI"), REDIS_REPLY_STATUS, "OK");
    text(what, redisCommand(t->context, first), REDIS_REPLY_STATUS, "QUEUED");
    text(what, redisCommand(t->context, second), REDIS_REPLY_STATUS, "QUEUED");
}

static void transactions(struct test *t)
{
    redisContext *other = connect_to(t->port);
    queue(t, "MULTI", "SET t 5", "INCR t");
    redisReply *reply = redisCommand(t->context, "EXEC");
    check("EXEC", reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                      reply->element[1]->integer == 6);
    freeReplyObject(reply);
    text("WATCH", redisCommand(t->context, "WATCH t"), REDIS_REPLY_STATUS, "OK");
    number("another one's write", redisCommand(other, "INCR t"), 7);
    queue(t, "MULTI after WATCH", "SET t 1", "SET u 1");
    nil("EXEC of a disturbed transaction", redisCommand(t->context, "EXEC"));
    text("nothing was done", redisCommand(t->context, "GET t"), REDIS_REPLY_STRING, "7");
    text("WATCH again", redisCommand(t->context, "WATCH t"), REDIS_REPLY_STATUS, "OK");
    queue(t, "MULTI undisturbed", "INCR t", "INCR t");
    reply = redisCommand(t->context, "EXEC");
    check("EXEC undisturbed",
          reply != NULL && reply->elements == 2 && reply->element[1]->integer == 9);
    freeReplyObject(reply);
    queue(t, "MULTI to discard", "SET t 1", "SET u 1");
    text("DISCARD", redisCommand(t->context, "DISCARD"), REDIS_REPLY_STATUS, "OK");
    number("no u", redisCommand(t->context, "EXISTS u"), 0);
    redisFree(other);
}

static void scans(struct test *t)
{
    for (int i = 0; i < SCAN_KEYS; i++)
        redisAppendCommand(t->context, "SET scan:%d x", i);
    for (int i = 0; i < SCAN_KEYS; i++) {
        void *any = NULL;
        if (redisGetReply(t->context, &any) == REDIS_OK)
            freeReplyObject(any);
    }
    bool seen[SCAN_KEYS] = {false};
    char cursor[32] = "0";
    int rounds = 0;
    do {
        redisReply *reply = redisCommand(t->context, "SCAN %s MATCH scan:* COUNT 50", cursor);
        if (reply == NULL || reply->type != REDIS_REPLY_ARRAY)
            break;
        snprintf(cursor, sizeof(cursor), "%s", reply->element[0]->str);
        for (size_t i = 0; i < reply->element[1]->elements; i++)
            seen[atoi(reply->element[1]->element[i]->str + strlen("scan:")) % SCAN_KEYS] = true;
        freeReplyObject(reply);
    } while (strcmp(cursor, "0") != 0 && ++rounds < 2 * SCAN_KEYS);
    int found = 0;
    for (int i = 0; i < SCAN_KEYS; i++)
        found += seen[i];
    check("SCAN finds every key", found == SCAN_KEYS);
}

static void large(struct test *t)
{
    char *value = malloc(LARGE_BYTES);
    assert(value != NULL);
    for (int i = 0; i < LARGE_BYTES; i++)
        value[i] = (char)((unsigned)i * 2654435761U >> 24);
    text("10 MB", redisCommand(t->context, "SET large %b", value, (size_t)LARGE_BYTES),
         REDIS_REPLY_STATUS, "OK");
    redisReply *reply = redisCommand(t->context, "GET large");
    check("10 MB come back", reply != NULL && reply->len == LARGE_BYTES &&
                                 memcmp(reply->str, value, LARGE_BYTES) == 0);
    freeReplyObject(reply);
    reply = redisCommand(t->context, "GETRANGE large 5000000 5000099");
    check("a part of it",
          reply != NULL && reply->len == 100 && memcmp(reply->str, value + 5000000, 100) == 0);
    freeReplyObject(reply);
    number("DEL", redisCommand(t->context, "DEL large"), 1);
    free(value);
}

static void auth(struct test *t)
{
    redisContext *c = connect_to(t->guarded_port);
    text("no password", redisCommand(c, "GET k"), REDIS_REPLY_ERROR,
         "NOAUTH Authentication required.");
    text("a wrong password", redisCommand(c, "AUTH no"), REDIS_REPLY_ERROR,
         "WRONGPASS invalid username-password pair or user is disabled.");
    text("AUTH", redisCommand(c, "AUTH %s", t->password), REDIS_REPLY_STATUS, "OK");
    text("AUTH with a user", redisCommand(c, "AUTH default %s", t->password), REDIS_REPLY_STATUS,
         "OK");
    text("it serves", redisCommand(c, "SET k v"), REDIS_REPLY_STATUS, "OK");
    redisFree(c);
    c = connect_to(t->guarded_port);
    redisReply *reply = redisCommand(c, "HELLO 2 AUTH default %s SETNAME me", t->password);
    check("HELLO with AUTH",
          reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 14);
    freeReplyObject(reply);
    text("its name", redisCommand(c, "CLIENT GETNAME"), REDIS_REPLY_STRING, "me");
    redisFree(c);
}

// The connection breaks, a new one to the restarted server has all that was acknowledged.
static void reconnect(struct test *t)
{
    char line[64];
    for (int i = 0; i < SURVIVE_KEYS; i++) {
        redisReply *reply = redisCommand(t->context, "SET survive:%d %d", i, i);
        if (reply == NULL || reply->type != REDIS_REPLY_STATUS)
            check("writes before the kill", false);
        freeReplyObject(reply);
    }
    printf("restart\n");
    fflush(stdout);
    if (fgets(line, sizeof(line), stdin) == NULL)
        check("the driver answers", false);
    redisReply *reply = redisCommand(t->context, "PING");
    check("the old connection is broken", reply == NULL && t->context->err != 0);
    freeReplyObject(reply);
    check("reconnect", redisReconnect(t->context) == REDIS_OK);
    int there = 0;
    for (int i = 0; i < SURVIVE_KEYS; i++) {
        reply = redisCommand(t->context, "GET survive:%d", i);
        there += reply != NULL && reply->type == REDIS_REPLY_STRING && atoi(reply->str) == i;
        freeReplyObject(reply);
    }
    check("all acknowledged writes are there", there == SURVIVE_KEYS);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    struct test t = {.port = atoi(argv[1]), .guarded_port = atoi(argv[2]), .password = argv[3]};
    t.context = connect_to(t.port);
    check("connect", t.context != NULL && t.context->err == 0);
    replies(&t);
    pipelines(&t);
    transactions(&t);
    scans(&t);
    large(&t);
    auth(&t);
    reconnect(&t);
    redisFree(t.context);
    printf("end\n");
    return 0;
}
