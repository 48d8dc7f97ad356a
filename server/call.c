// Calls: what handlers share, and the checks around every command.
#include "server/call.h"

#include "protocol/number.h"
#include "server/command_docs.h"
#include "server/commands.h"
#include "server/connection.h"
#include "server/data.h"
#include "server/journal.h"
#include "server/reply.h"
#include "server/server.h"
#include "wal/log.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

// --- arguments -------------------------------------------------------------------------------

struct span call_arg(const struct call *call, uint32_t index)
{
    assert(index < call->argc);
    const struct resp_arg *arg = &call->args[index];
    if (!arg->external)
        return (struct span){call->base + arg->where, arg->length};
    struct entry *block = (struct entry *)(uintptr_t)arg->where;
    assert(block != NULL);
    return (struct span){keyspace_block_value(block), arg->length};
}

bool call_arg_is(const struct call *call, uint32_t index, const char *text)
{
    struct span arg = call_arg(call, index);
    size_t length = strlen(text);
    return arg.length == length && strncasecmp((const char *)arg.data, text, length) == 0;
}

bool call_arg_integer(struct call *call, uint32_t index, int64_t *value)
{
    struct span arg = call_arg(call, index);
    if (number_parse(arg.data, arg.length, value))
        return true;
    resp_error(call->reply, "ERR value is not an integer or out of range");
    return false;
}

struct key call_key(struct call *call, uint32_t index)
{
    const struct server *server = call->server;
    if (index == call->first_key && call->key_version == server->map_version &&
        call->key_database == call->connection->database)
        return call->key;
    struct span arg = call_arg(call, index);
    return keyspace_key(server->keyspace, call->connection->database, arg.data, arg.length);
}

// --- common replies --------------------------------------------------------------------------

void call_error_syntax(struct call *call)
{
    resp_error(call->reply, "ERR syntax error");
}

void call_ok(struct call *call)
{
    resp_simple(call->reply, "OK");
}

void call_error_memory(struct call *call)
{
    call->server->stats.denied_memory++;
    resp_error(call->reply, "OOM command not allowed when used memory > 'maxmemory'.");
}

void call_hold_all(struct call *call)
{
    uint64_t newest = wal_newest_batch(call->server->wal);
    if (newest > call->hold)
        call->hold = newest;
}

// --- checks before a command -----------------------------------------------------------------

// As in Redis: the name cut at 128 bytes, the arguments as long as the text so far is below 128.
static void call_error_unknown(struct call *call)
{
    char arguments[128 * 2 + 64];
    size_t used = 0;
    for (uint32_t i = 1; i < call->argc && used < 128; i++) {
        struct span arg = call_arg(call, i);
        int left = (int)(128 - used);
        int length = arg.length < (uint32_t)left ? (int)arg.length : left;
        int wrote = snprintf(arguments + used, sizeof(arguments) - used, "'%.*s' ", length,
                             (const char *)arg.data);
        assert(wrote >= 0 && (size_t)wrote < sizeof(arguments) - used);
        used += (size_t)wrote;
    }
    arguments[used] = '\0';
    struct span name = call_arg(call, 0);
    int length = name.length < 128 ? (int)name.length : 128;
    resp_errorf(call->reply, "ERR unknown command '%.*s', with args beginning with: %s", length,
                (const char *)name.data, arguments);
}

static void call_wait(struct call *call, enum connection_wait wait)
{
    call->connection->wait = wait;
    connection_list_add(call->server, call->connection, LIST_WAITING);
}

// Adds up the lengths of the keys. Keys have to fit a frame of the log. False when one does not: that
// has been answered.
static bool call_keys(struct call *call, uint64_t *bytes)
{
    const struct command_doc *doc = call->command->doc;
    uint32_t longest = wal_key_bytes_max(call->server->wal);
    *bytes = 0;
    if (doc->first_key <= 0)
        return true;
    uint32_t last =
        doc->last_key < 0 ? call->argc - (uint32_t)-doc->last_key : (uint32_t)doc->last_key;
    for (uint32_t i = (uint32_t)doc->first_key; i <= last && i < call->argc;
         i += (uint32_t)doc->key_step) {
        *bytes += (uint64_t)call->args[i].length + WAL_RECORD_OVERHEAD_MAX;
        if (call->args[i].length <= longest)
            continue;
        resp_errorf(call->reply, "ERR key is longer than %u bytes", longest);
        return false;
    }
    return true;
}

// What a write may log: a record for every key with its data, what it makes of other values, and one
// record more where a key turns out to have expired.
static uint64_t call_log_bytes(struct call *call, uint64_t key_bytes)
{
    uint64_t bytes = key_bytes + 4 * WAL_RECORD_OVERHEAD_MAX;
    if (call->command->bytes != NULL)
        bytes += call->command->bytes(call);
    for (uint32_t i = 1; i < call->argc; i++)
        bytes += (uint64_t)call->args[i].length + WAL_RECORD_OVERHEAD_MAX;
    return bytes;
}

// Commands that only make data less may use the space in the log that is kept for them.
static bool call_deletes(const struct command_doc *doc)
{
    return (doc->key_flags & KEY_RM) != 0 || doc->first_key == 0;
}

// Room for the records of a write. False when the command is to be refused (it has been answered)
// or has to wait (*again).
static bool call_admit(struct call *call, uint64_t key_bytes, bool *again)
{
    struct server *server = call->server;
    bool deletes = call_deletes(call->command->doc);
    switch (wal_admit(server->wal, call_log_bytes(call, key_bytes), deletes)) {
    case WAL_ADMIT:
        call->admitted = true;
        return true;
    case WAL_WAIT:
        call_wait(call, WAIT_LOG);
        *again = true;
        return false;
    case WAL_FULL:
        server->stats.denied_full++;
        resp_errorf(call->reply, "MISCONF Errors writing to the AOF file: %s",
                    strerror(journal_space_error(server)));
        return false;
    case WAL_LARGE:
        resp_error(call->reply, "ERR the command is larger than the log can take at once");
        return false;
    }
    assert(false);
    return false;
}

// A browser that somebody made talk to this port: its requests carry commands in their body. As in
// Redis the connection ends before they are reached.
static bool call_is_http(const struct call *call)
{
    return call_arg_is(call, 0, "post") || call_arg_is(call, 0, "host:");
}

static void call_drop_http(struct call *call)
{
    notice(&call->server->notices, LOGLEVEL_WARNING,
           "client %s sent POST or Host:, an HTTP request: closing it, as it may be an attack "
           "through somebody's browser",
           call->connection->peer);
    connection_close(call->server, call->connection);
}

// Finds the row that decides, a subcommand's for a container. False when there is none for these
// arguments: that has been answered.
static bool call_resolve(struct call *call)
{
    const struct command *command = call->command;
    if (command == NULL) {
        if (call_is_http(call))
            call_drop_http(call);
        else
            call_error_unknown(call);
        return false;
    }
    if (command->doc->subcommands != NULL) {
        call->command = commands_resolve(command, call);
        if (call->command == NULL) {
            commands_error_subcommand(command, call);
            return false;
        }
    }
    const struct command_doc *doc = call->command->doc;
    if (command_doc_arity_ok(doc, call->argc))
        return true;
    resp_errorf(call->reply, "ERR wrong number of arguments for '%s' command", doc->name);
    return false;
}

// True when the command may run. Otherwise it has been answered, or *again is set.
static bool call_check(struct call *call, bool *again)
{
    struct server *server = call->server;
    if (!call_resolve(call))
        return false;
    uint32_t flags = call->command->doc->flags;
    if (!call->connection->authenticated && !(flags & COMMAND_NO_AUTH)) {
        resp_error(call->reply, "NOAUTH Authentication required.");
        return false;
    }
    if ((flags & COMMAND_DENYOOM) && data_used_bytes(server) > (uint64_t)server->config.maxmemory) {
        call_error_memory(call);
        return false;
    }
    uint64_t key_bytes;
    if (!call_keys(call, &key_bytes))
        return false;
    if (!(flags & COMMAND_WRITE))
        return true;
    if (reply_pool_free(server->replies) < REPLY_CHUNKS_RESERVE) {
        call_wait(call, WAIT_OUTPUT);
        *again = true;
        return false;
    }
    return call_admit(call, key_bytes, again);
}

// --- the command itself ----------------------------------------------------------------------

void call_execute(struct call *call)
{
    call->connection->last_command = call->command->doc->name;
    call->command->handler(call);
}

// --- after a command -------------------------------------------------------------------------

// The reply is complete: it is dropped, held, or may leave.
static void call_finish(struct call *call, struct reply_point point)
{
    struct server *server = call->server;
    struct connection *connection = call->connection;
    struct reply *reply = &connection->reply;
    if (reply_first_byte(reply, point) == '-')
        server->stats.errors++;
    if (connection->reply_mode == REPLY_OFF || connection->reply_mode == REPLY_SKIP)
        reply_rollback(reply, point);
    if (connection->reply_mode == REPLY_SKIP)
        connection->reply_mode = REPLY_ON;
    if (connection->reply_mode == REPLY_SKIP_NEXT)
        connection->reply_mode = REPLY_SKIP;
    if (reply->writer.overflow) {
        reply_rollback(reply, point);
        notice(&server->notices, LOGLEVEL_WARNING,
               "no memory is left for replies: closing client %s", connection->peer);
        connection_close(server, connection);
        return;
    }
    if (call->changed && connection->batch != call->hold) {
        connection->batch = call->hold;
        journal_count_writer(server);
    }
    reply_stamp(reply, call->hold > journal_released(server) ? call->hold : 0);
    if (reply_held(reply))
        connection_list_add(server, connection, LIST_HELD);
    if (reply_sendable(reply) > 0)
        connection_list_add(server, connection, LIST_SENDABLE);
    if (connection->close_after_reply)
        connection_finish(server, connection);
}

void commands_refuse_memory(struct call *call)
{
    struct reply_point point = reply_point(&call->connection->reply);
    call_error_memory(call);
    call->server->stats.commands++;
    call_finish(call, point);
}

bool commands_call(struct call *call)
{
    struct server *server = call->server;
    struct connection *connection = call->connection;
    struct reply_point point = reply_point(&connection->reply);
    bool again = false;
    if (call_check(call, &again)) {
        call_execute(call);
        if (call->again) {
            // Deleting expired keys may be all that has changed: that can be said once more.
            assert(!call->changed || !(call->command->doc->flags & COMMAND_WRITE));
            reply_rollback(&connection->reply, point);
            call_wait(call, WAIT_LOG);
            return false;
        }
    } else if (again) {
        assert(!call->changed);
        return false;
    } else if (connection->state == CONNECTION_CLOSING) {
        return true;
    }
    server->stats.commands++;
    connection->commands++;
    call_finish(call, point);
    return true;
}
