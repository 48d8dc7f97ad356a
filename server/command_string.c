// Commands on string values: SET, GET, MGET, MSET, STRLEN, APPEND.
#include "server/command_handlers.h"

#include "conf/limits.h"
#include "server/call.h"
#include "server/connection.h"
#include "server/data.h"
#include "server/expiry.h"
#include "server/server.h"
#include "storage/entry.h"

#include <assert.h>

// --- SET -------------------------------------------------------------------------------------

struct set_options {
    bool nx, xx, get, keep_expiry;
    struct expiry_unit unit;
    uint32_t expiry_argument; // index of the number, 0 when none
};

// Options that exclude each other make a syntax error, as does an unknown one. False after a reply.
static bool set_options_read(struct call *call, struct set_options *options)
{
    *options = (struct set_options){0};
    for (uint32_t i = 3; i < call->argc; i++) {
        struct expiry_unit unit;
        if (call_arg_is(call, i, "nx") && !options->xx) {
            options->nx = true;
        } else if (call_arg_is(call, i, "xx") && !options->nx) {
            options->xx = true;
        } else if (call_arg_is(call, i, "get")) {
            options->get = true;
        } else if (call_arg_is(call, i, "keepttl") && options->expiry_argument == 0) {
            options->keep_expiry = true;
        } else if (!options->keep_expiry && i + 1 < call->argc &&
                   expiry_unit_find(call, i, &unit) &&
                   (options->expiry_argument == 0 || expiry_unit_same(&unit, &options->unit))) {
            options->unit = unit;
            options->expiry_argument = ++i;
        } else {
            call_error_syntax(call);
            return false;
        }
    }
    return true;
}

void command_set(struct call *call)
{
    struct set_options options;
    int64_t expiry_ms = 0;
    if (!set_options_read(call, &options))
        return;
    if (options.expiry_argument != 0 &&
        !expiry_read_positive(call, options.expiry_argument, &options.unit, &expiry_ms))
        return;
    struct key key = call_key(call, 1);
    struct reply *reply = &call->connection->reply;
    struct reply_point point = reply_point(reply);
    if (options.get || options.nx || options.xx || options.keep_expiry) {
        struct entry *entry = data_find(call, &key, options.get);
        if (options.get && entry != NULL)
            reply_value(reply, entry);
        else if (options.get)
            resp_null(call->reply);
        if ((options.nx && entry != NULL) || (options.xx && entry == NULL)) {
            if (!options.get)
                resp_null(call->reply);
            return;
        }
        if (options.keep_expiry && entry != NULL)
            expiry_ms = entry_expiry(entry);
    }
    if (data_set(call, &key, 2, NULL, 0, expiry_ms)) {
        if (!options.get)
            call_ok(call);
    } else if (options.get) {
        // The old value stands before the error.
        reply_rollback(reply, point);
        resp_error(call->reply, "OOM command not allowed when used memory > 'maxmemory'.");
    }
}

// --- GET, MGET, STRLEN -----------------------------------------------------------------------

static void get_one(struct call *call, uint32_t argument)
{
    struct key key = call_key(call, argument);
    struct entry *entry = data_find(call, &key, true);
    if (entry != NULL)
        reply_value(&call->connection->reply, entry);
    else
        resp_null(call->reply);
}

void command_get(struct call *call)
{
    get_one(call, 1);
}

void command_mget(struct call *call)
{
    resp_array(call->reply, call->argc - 1);
    for (uint32_t i = 1; i < call->argc; i++)
        get_one(call, i);
}

void command_strlen(struct call *call)
{
    struct key key = call_key(call, 1);
    const struct entry *entry = data_find(call, &key, true);
    resp_integer(call->reply, entry != NULL ? entry_value_length(entry) : 0);
}

// --- MSET ------------------------------------------------------------------------------------

// Memory that all pairs need: what the database grows by, and one block more, since a new value is
// written before the old one is freed.
static uint64_t mset_bytes(struct call *call)
{
    uint64_t growth = 0;
    uint64_t largest = 0;
    for (uint32_t i = 1; i + 1 < call->argc; i += 2) {
        struct key key = call_key(call, i);
        // A large value lies in the block that becomes the entry already.
        if (data_adoptable(call, &key, i + 1))
            continue;
        const struct entry *old = keyspace_find(call->server->keyspace, &key);
        uint64_t bytes = keyspace_entry_bytes(key.length, call->args[i + 1].length, false);
        uint64_t before = 0;
        if (old != NULL)
            before =
                keyspace_entry_bytes(key.length, entry_value_length(old), entry_expiry(old) != 0);
        if (bytes > before)
            growth += bytes - before;
        if (old != NULL && bytes > largest)
            largest = bytes;
    }
    return growth + largest;
}

void command_mset(struct call *call)
{
    if (call->argc % 2 == 0) {
        resp_error(call->reply, "ERR wrong number of arguments for 'mset' command");
        return;
    }
    // All or nothing: room for every pair is made sure of first.
    if (!data_room(call, mset_bytes(call)))
        return;
    for (uint32_t i = 1; i + 1 < call->argc; i += 2) {
        struct key key = call_key(call, i);
        if (!data_set(call, &key, i + 1, NULL, 0, 0))
            return;
    }
    call_ok(call);
}

// --- APPEND ----------------------------------------------------------------------------------

void command_append(struct call *call)
{
    struct key key = call_key(call, 1);
    struct entry *entry = data_find(call, &key, false);
    struct span tail = call_arg(call, 2);
    if (entry == NULL) {
        if (data_set(call, &key, 2, NULL, 0, 0))
            resp_integer(call->reply, tail.length);
        return;
    }
    uint32_t length = entry_value_length(entry);
    uint64_t total = (uint64_t)length + tail.length;
    if (total > (uint64_t)call->server->config.proto_max_bulk_len || total > VALUE_BYTES_MAX) {
        resp_error(call->reply, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
        return;
    }
    if (tail.length == 0 ||
        data_write(call, &key, entry, length, tail.data, tail.length, (uint32_t)total))
        resp_integer(call->reply, (int64_t)total);
}
