// Commands on one string value: GET, MGET, GETDEL, GETEX, STRLEN, APPEND.
#include "server/command_handlers.h"

#include "conf/limits.h"
#include "server/call.h"
#include "server/connection.h"
#include "server/data.h"
#include "server/expiry.h"
#include "server/server.h"
#include "server/watch.h"
#include "storage/entry.h"

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

// --- GETDEL, GETEX ---------------------------------------------------------------------------

void command_getdel(struct call *call)
{
    struct key key = call_key(call, 1);
    struct entry *entry = data_find(call, &key, true);
    if (entry == NULL) {
        resp_null(call->reply);
        return;
    }
    // A value that is sent in place stays until it has been sent.
    reply_value(&call->connection->reply, entry);
    data_delete(call, &key);
}

struct getex_options {
    bool persist;
    struct expiry_unit unit;
    uint32_t expiry_argument; // index of the number, 0 when none
};

// False after an error reply.
static bool getex_options_read(struct call *call, struct getex_options *options)
{
    *options = (struct getex_options){0};
    for (uint32_t i = 2; i < call->argc; i++) {
        struct expiry_unit unit;
        if (call_arg_is(call, i, "persist") && options->expiry_argument == 0) {
            options->persist = true;
        } else if (!options->persist && i + 1 < call->argc && expiry_unit_find(call, i, &unit) &&
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

void command_getex(struct call *call)
{
    struct getex_options options;
    if (!getex_options_read(call, &options))
        return;
    struct key key = call_key(call, 1);
    struct entry *entry = data_find(call, &key, true);
    int64_t expiry_ms = 0;
    if (entry == NULL) {
        resp_null(call->reply);
        return;
    }
    if (options.expiry_argument != 0 &&
        !expiry_read_positive(call, options.expiry_argument, &options.unit, &expiry_ms))
        return;
    bool over = expiry_ms != 0 && expiry_ms <= call->now_ms;
    bool changes = expiry_ms != 0 || (options.persist && entry_expiry(entry) != 0);
    // The entry may move before it is shown, but not after that.
    if (changes && !over && !data_set_expiry(call, &key, entry, expiry_ms))
        return;
    reply_value(&call->connection->reply, keyspace_find(call->server->keyspace, &key));
    if (over)
        data_delete(call, &key);
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
    if (tail.length == 0) {
        // Nothing changes, but as in Redis those who watch the key are told that it has.
        entry_mark_edited(entry);
        watch_touch(call->server, &key, false);
    } else if (!data_write(call, &key, entry, length, tail.data, tail.length, (uint32_t)total)) {
        return;
    }
    resp_integer(call->reply, (int64_t)total);
}
