// Commands that give a value another key: RENAME, RENAMENX, MOVE.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/connection.h"
#include "server/data.h"
#include "server/server.h"
#include "storage/entry.h"
#include "storage/keyspace.h"

// The log gets the value under its new key.
static uint64_t value_bytes(struct call *call)
{
    struct key key = call_key(call, 1);
    const struct entry *entry = keyspace_find(call->server->keyspace, &key);
    return entry != NULL ? entry_value_length(entry) : 0;
}

uint64_t command_rename_bytes(struct call *call)
{
    return value_bytes(call);
}

uint64_t command_renamenx_bytes(struct call *call)
{
    return value_bytes(call);
}

uint64_t command_move_bytes(struct call *call)
{
    return value_bytes(call);
}

void command_rename(struct call *call)
{
    struct key from = call_key(call, 1);
    struct key to = call_key(call, 2);
    if (data_find(call, &from, false) == NULL)
        resp_error(call->reply, "ERR no such key");
    else if (key_equal(&from, &to) || data_rename(call, &from, &to))
        call_ok(call);
}

void command_renamenx(struct call *call)
{
    struct key from = call_key(call, 1);
    struct key to = call_key(call, 2);
    if (data_find(call, &from, false) == NULL)
        resp_error(call->reply, "ERR no such key");
    else if (key_equal(&from, &to) || data_exists(call, &to))
        resp_integer(call->reply, 0);
    else if (data_rename(call, &from, &to))
        resp_integer(call->reply, 1);
}

void command_move(struct call *call)
{
    uint32_t database;
    if (!call_arg_database(call, 2, &database))
        return;
    if (database == call->connection->database) {
        resp_error(call->reply, "ERR source and destination objects are the same");
        return;
    }
    struct key from = call_key(call, 1);
    struct key to = call_key_of(call, 1, database);
    if (data_find(call, &from, false) == NULL || data_exists(call, &to))
        resp_integer(call->reply, 0);
    else if (data_rename(call, &from, &to))
        resp_integer(call->reply, 1);
}
