// Commands on keys of any type and on whole databases: DEL, UNLINK, EXISTS, TOUCH, TYPE, RANDOMKEY,
// DBSIZE, FLUSHDB, FLUSHALL, SWAPDB.
#include "server/command_handlers.h"

#include "protocol/number.h"
#include "server/call.h"
#include "server/clock.h"
#include "server/connection.h"
#include "server/data.h"
#include "server/server.h"
#include "storage/keyspace.h"

#include <limits.h>
#include <stddef.h>

void command_del(struct call *call)
{
    int64_t deleted = 0;
    for (uint32_t i = 1; i < call->argc; i++) {
        struct key key = call_key(call, i);
        deleted += data_delete(call, &key);
    }
    resp_integer(call->reply, deleted);
}

void command_unlink(struct call *call)
{
    command_del(call);
}

void command_exists(struct call *call)
{
    int64_t found = 0;
    for (uint32_t i = 1; i < call->argc; i++) {
        struct key key = call_key(call, i);
        found += data_peek(call, &key, true) != NULL;
    }
    resp_integer(call->reply, found);
}

// Counts as use of the keys even after CLIENT NO-TOUCH.
void command_touch(struct call *call)
{
    int64_t found = 0;
    for (uint32_t i = 1; i < call->argc; i++) {
        struct key key = call_key(call, i);
        struct entry *entry = data_peek(call, &key, true);
        if (entry == NULL)
            continue;
        idle_use(&call->server->idle, entry);
        found++;
    }
    resp_integer(call->reply, found);
}

void command_type(struct call *call)
{
    struct key key = call_key(call, 1);
    resp_simple(call->reply, data_peek(call, &key, true) != NULL ? "string" : "none");
}

// Draws before the database is searched for a key that has not expired.
#define RANDOM_DRAWS 100

struct search {
    const struct call *call;
    uint16_t slot;
    const struct entry *found;
};

static void search_visit(void *context, struct entry *entry)
{
    struct search *search = context;
    int64_t expiry_ms = entry_expiry(entry);
    if (entry->slot == search->slot && (expiry_ms == 0 || expiry_ms > search->call->now_ms))
        search->found = entry;
}

// Any key, beginning at a random place; NULL when all have expired.
static const struct entry *random_search(const struct call *call, uint64_t random)
{
    const struct keyspace *keyspace = call->server->keyspace;
    uint32_t database = call->connection->database;
    struct search search = {.call = call, .slot = keyspace_key(keyspace, database, "", 0).slot};
    uint64_t cursor = random;
    do
        cursor = keyspace_scan(keyspace, cursor, search_visit, &search);
    while (cursor != 0 && search.found == NULL);
    // What lies before the place where it began.
    while (search.found == NULL) {
        cursor = keyspace_scan(keyspace, cursor, search_visit, &search);
        if (cursor == 0)
            break;
    }
    return search.found;
}

void command_randomkey(struct call *call)
{
    uint32_t database = call->connection->database;
    const struct entry *entry = NULL;
    uint64_t random;
    clock_entropy(&random, sizeof(random));
    call_hold_all(call);
    for (uint32_t i = 0; i < RANDOM_DRAWS; i++) {
        entry = keyspace_random(call->server->keyspace, database, random + i);
        if (entry == NULL || entry_expiry(entry) == 0 || entry_expiry(entry) > call->now_ms)
            break;
        entry = NULL;
    }
    if (entry == NULL && keyspace_count(call->server->keyspace, database) > 0)
        entry = random_search(call, random);
    if (entry == NULL)
        resp_null(call->reply);
    else
        resp_bulk(call->reply, entry_key(entry), entry_key_length(entry));
}

void command_dbsize(struct call *call)
{
    uint64_t keys = keyspace_count(call->server->keyspace, call->connection->database);
    call_hold_all(call);
    resp_integer(call->reply, (int64_t)keys);
}

// Flushing takes constant time either way, so that SYNC and ASYNC are the same.
static void flush(struct call *call, int database)
{
    bool valid =
        call->argc == 1 ||
        (call->argc == 2 && (call_arg_is(call, 1, "sync") || call_arg_is(call, 1, "async")));
    if (!valid)
        call_error_syntax(call);
    else if (data_flush(call, database))
        call_ok(call);
}

void command_flushdb(struct call *call)
{
    flush(call, (int)call->connection->database);
}

void command_flushall(struct call *call)
{
    flush(call, -1);
}

// The number of a database, checked for its range only when both have been read.
static bool swap_index(struct call *call, uint32_t index, const char *error, int64_t *number)
{
    struct span text = call_arg(call, index);
    bool valid =
        number_parse(text.data, text.length, number) && *number >= INT_MIN && *number <= INT_MAX;
    if (!valid)
        resp_error(call->reply, error);
    return valid;
}

void command_swapdb(struct call *call)
{
    int64_t a;
    int64_t b;
    if (!swap_index(call, 1, "ERR invalid first DB index", &a) ||
        !swap_index(call, 2, "ERR invalid second DB index", &b))
        return;
    if (a < 0 || a >= DATABASES_MAX || b < 0 || b >= DATABASES_MAX)
        resp_error(call->reply, "ERR DB index is out of range");
    else if (data_swap(call, (uint32_t)a, (uint32_t)b))
        call_ok(call);
}
