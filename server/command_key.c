// Commands on keys of any type and on whole databases: DEL, UNLINK, EXISTS, TYPE, DBSIZE, FLUSHDB,
// FLUSHALL.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/connection.h"
#include "server/data.h"
#include "server/server.h"
#include "storage/keyspace.h"

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

void command_type(struct call *call)
{
    struct key key = call_key(call, 1);
    resp_simple(call->reply, data_peek(call, &key, true) != NULL ? "string" : "none");
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
