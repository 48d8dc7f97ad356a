// COPY: a second key gets the value of a first one.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/connection.h"
#include "server/data.h"
#include "server/server.h"
#include "storage/entry.h"
#include "storage/keyspace.h"

uint64_t command_copy_bytes(struct call *call)
{
    struct key key = call_key(call, 1);
    const struct entry *entry = keyspace_find(call->server->keyspace, &key);
    return entry != NULL ? entry_value_length(entry) : 0;
}

struct copy_options {
    uint32_t database;
    bool replace;
};

static bool copy_options_read(struct call *call, struct copy_options *options)
{
    *options = (struct copy_options){.database = call->connection->database};
    for (uint32_t i = 3; i < call->argc; i++) {
        if (call_arg_is(call, i, "replace")) {
            options->replace = true;
        } else if (call_arg_is(call, i, "db") && i + 1 < call->argc) {
            if (!call_arg_database(call, ++i, &options->database))
                return false;
        } else {
            call_error_syntax(call);
            return false;
        }
    }
    return true;
}

void command_copy(struct call *call)
{
    struct copy_options options;
    if (!copy_options_read(call, &options))
        return;
    struct key from = call_key(call, 1);
    struct key to = call_key_of(call, 2, options.database);
    if (key_equal(&from, &to)) {
        resp_error(call->reply, "ERR source and destination objects are the same");
        return;
    }
    const struct entry *entry = data_find(call, &from, true);
    if (entry == NULL || (!options.replace && data_exists(call, &to)))
        resp_integer(call->reply, 0);
    else if (data_copy(call, &to, entry))
        resp_integer(call->reply, 1);
}
