// The loopback harness: the oracle's question after every start: is what the server has the state
// after some change that is new enough?
#include "sim/loop_internal.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DUMP_COUNT "500"
// In this time of its own the server sweeps its whole table for expired keys, and syncs.
#define SWEEP_NS 12000000000

struct state {
    uint64_t hash;
    struct bytes keys; // names and values of the entries
    struct model_entry *entries;
    size_t count;
    size_t capacity;
};

static void state_free(struct state *state)
{
    for (size_t i = 0; i < state->count; i++) {
        free((void *)(uintptr_t)state->entries[i].key);
        free((void *)(uintptr_t)state->entries[i].value);
    }
    free(state->entries);
}

static uint8_t *copy_of(const void *bytes, size_t length)
{
    uint8_t *copy = sim_alloc(length + 1, 1);
    memcpy(copy, bytes, length);
    return copy;
}

static void state_add(struct state *state, struct model_entry entry)
{
    if (state->count == state->capacity) {
        state->capacity = state->capacity * 2 + 256;
        state->entries = sim_realloc(state->entries, state->capacity, sizeof(entry));
    }
    state->entries[state->count++] = entry;
    state->hash += model_entry_hash(entry.database, entry.key, entry.key_length, entry.value,
                                    entry.value_length, entry.expiry_ms);
}

// --- reading it ------------------------------------------------------------------------------

static redisReply *dump_reply(struct loop *loop, redisContext *context, int type)
{
    redisReply *reply = NULL;
    if (redisGetReply(context, (void **)&reply) != REDIS_OK || reply == NULL) {
        if (loop->pid > 0 && context->err == REDIS_ERR_IO)
            loop_fail(loop, VERDICT_STUCK, "reading the state: %s", context->errstr);
        loop_fail(loop, VERDICT_WRONG, "reading the state: %s", context->errstr);
    }
    if (reply->type != type)
        loop_fail(loop, VERDICT_WRONG, "reading the state: a reply of type %d instead of %d: %s",
                  reply->type, type, reply->str != NULL ? reply->str : "");
    return reply;
}

// The keys of one page of SCAN: their values and expiry times.
static void dump_page(struct loop *loop, redisContext *context, uint32_t database,
                      const redisReply *keys, struct state *state)
{
    for (size_t i = 0; i < keys->elements; i++) {
        const redisReply *key = keys->element[i];
        redisAppendCommand(context, "GET %b", key->str, key->len);
        redisAppendCommand(context, "PTTL %b", key->str, key->len);
    }
    for (size_t i = 0; i < keys->elements; i++) {
        const redisReply *key = keys->element[i];
        redisReply *value = dump_reply(loop, context, REDIS_REPLY_STRING);
        redisReply *left = dump_reply(loop, context, REDIS_REPLY_INTEGER);
        state_add(state,
                  (struct model_entry){
                      .database = database,
                      .key = copy_of(key->str, key->len),
                      .value = copy_of(value->str, value->len),
                      .key_length = (uint32_t)key->len,
                      .value_length = (uint32_t)value->len,
                      .expiry_ms = left->integer < 0 ? 0 : left->integer + LOOP_START_WALL_MS,
                  });
        if (left->integer < -1)
            loop_fail(loop, VERDICT_WRONG, "reading the state: PTTL of a key that is there: %lld",
                      left->integer);
        freeReplyObject(value);
        freeReplyObject(left);
    }
}

static int compare_entries(const void *a, const void *b)
{
    const struct model_entry *x = a;
    const struct model_entry *y = b;
    uint32_t shorter = x->key_length < y->key_length ? x->key_length : y->key_length;
    int order = memcmp(x->key, y->key, shorter);
    if (order != 0)
        return order;
    return x->key_length < y->key_length ? -1 : x->key_length > y->key_length;
}

// While a table grows, SCAN may return a key twice: that is allowed, and counts once.
static void state_unique(struct state *state, size_t first)
{
    size_t kept = first;
    if (state->count == first)
        return;
    qsort(state->entries + first, state->count - first, sizeof(state->entries[0]), compare_entries);
    for (size_t i = first; i < state->count; i++) {
        struct model_entry *entry = &state->entries[i];
        if (kept > first && compare_entries(&state->entries[kept - 1], entry) == 0) {
            state->hash -= model_entry_hash(entry->database, entry->key, entry->key_length,
                                            entry->value, entry->value_length, entry->expiry_ms);
            free((void *)(uintptr_t)entry->key);
            free((void *)(uintptr_t)entry->value);
            continue;
        }
        state->entries[kept++] = *entry;
    }
    state->count = kept;
}

static void dump_database(struct loop *loop, redisContext *context, uint32_t database,
                          struct state *state)
{
    size_t first = state->count;
    redisAppendCommand(context, "SELECT %u", database);
    redisAppendCommand(context, "DBSIZE");
    freeReplyObject(dump_reply(loop, context, REDIS_REPLY_STATUS));
    redisReply *size = dump_reply(loop, context, REDIS_REPLY_INTEGER);
    char cursor[24] = "0";
    do {
        redisAppendCommand(context, "SCAN %s COUNT " DUMP_COUNT, cursor);
        redisReply *page = dump_reply(loop, context, REDIS_REPLY_ARRAY);
        if (page->elements != 2 || page->element[0]->type != REDIS_REPLY_STRING)
            loop_fail(loop, VERDICT_WRONG, "reading the state: SCAN does not return a page");
        snprintf(cursor, sizeof(cursor), "%s", page->element[0]->str);
        dump_page(loop, context, database, page->element[1], state);
        freeReplyObject(page);
    } while (strcmp(cursor, "0") != 0);
    state_unique(state, first);
    if ((uint64_t)size->integer != state->count - first)
        loop_fail(loop, VERDICT_WRONG, "database %u: DBSIZE is %lld, but SCAN finds %zu keys",
                  database, size->integer, state->count - first);
    freeReplyObject(size);
}

static void state_read(struct loop *loop, struct state *state)
{
    if (!loop_client_connect(loop, 0))
        loop_fail(loop, VERDICT_WRONG, "the server has ended while its state was to be read");
    redisContext *context = loop->clients[0].context;
    redisSetTimeout(context, (struct timeval){20, 0});
    for (uint32_t database = 0; database < MODEL_DATABASES; database++)
        dump_database(loop, context, database, state);
    loop_client_close(loop, 0, false);
}

// --- judging it ------------------------------------------------------------------------------

static uint64_t state_judge(struct loop *loop, uint64_t lowest)
{
    struct state state = {0};
    uint64_t change;
    state_read(loop, &state);
    loop_trace(loop, "state", state.hash, state.count, 0);
    if (lowest < model_settled(loop->model))
        lowest = model_settled(loop->model);
    if (!model_find(loop->model, state.hash, lowest, &change)) {
        model_explain(loop->model, state.entries, state.count, lowest, loop->report);
        loop_fail(loop, VERDICT_WRONG,
                  "after the start: %zu keys, which is no state from change %" PRIu64
                  " (told or durable) to change %" PRIu64,
                  state.count, lowest, model_newest(loop->model));
    }
    loop_trace(loop, "recovered", change, lowest, model_newest(loop->model));
    state_free(&state);
    return change;
}

void loop_state_check(struct loop *loop, uint64_t lowest)
{
    state_judge(loop, lowest);
}

void loop_state_verify(struct loop *loop, uint64_t lowest)
{
    uint64_t change = state_judge(loop, lowest);
    model_rollback(loop->model, change);
    model_settle(loop->model, change);
    loop->told = change;
    loop->floor = change;
    loop->witnessed = change;
    loop_round_safe(loop, change);
    loop->result->tally.recoveries++;
    atomic_store(&loop->shared->wall_us, loop->wall_ms * 1000);
}

// --- the wall clock --------------------------------------------------------------------------

struct expired {
    const struct loop *loop;
    struct model_entry *entries;
    size_t count;
};

static void expired_note(void *context, const struct model_entry *entry)
{
    struct expired *expired = context;
    if (entry->expiry_ms == 0 || entry->expiry_ms > expired->loop->wall_ms)
        return;
    expired->entries = sim_realloc(expired->entries, expired->count + 1, sizeof(*entry));
    struct model_entry *copy = &expired->entries[expired->count++];
    *copy = (struct model_entry){.database = entry->database, .key_length = entry->key_length};
    copy->key = copy_of(entry->key, entry->key_length);
}

// Nobody can tell in which order the server finds what has expired, so it is given the time to find
// all of it, while nothing else happens.
static bool state_expire(struct loop *loop, struct expired *expired)
{
    if (expired->count == 0)
        return true;
    if (!loop_server_pass(loop, SWEEP_NS))
        return false;
    loop_evict_take(loop, false);
    for (size_t i = 0; i < expired->count; i++) {
        const struct model_entry *entry = &expired->entries[i];
        uint64_t change;
        bool allowed = model_expired(loop->model, entry->database, entry->key, entry->key_length,
                                     loop->wall_ms, &change);
        assert(allowed || loop->evicts);
    }
    loop_trace(loop, "expired", expired->count, (uint64_t)loop->wall_ms, 0);
    // A power cut is not to leave some of it: no change of the model's would be that.
    if (model_appendfsync(loop->model) == MODEL_ALWAYS)
        return true;
    return loop_ask(loop, "CONFIG", "SET", "appendfsync", "always", NULL);
}

bool loop_state_wall(struct loop *loop, int64_t wall_ms)
{
    struct expired expired = {.loop = loop};
    loop->wall_ms = wall_ms;
    atomic_store(&loop->shared->wall_us, wall_ms * 1000);
    model_each(loop->model, expired_note, &expired);
    bool alive = state_expire(loop, &expired);
    for (size_t i = 0; i < expired.count; i++)
        free((void *)(uintptr_t)expired.entries[i].key);
    free(expired.entries);
    return alive;
}
