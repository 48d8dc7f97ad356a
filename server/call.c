// Calls: what handlers share, and the checks around every command.
#include "server/call.h"

#include "protocol/number.h"
#include "server/command_docs.h"
#include "server/command_handlers.h"
#include "server/command_stats.h"
#include "server/commands.h"
#include "server/connection.h"
#include "server/data.h"
#include "server/guard.h"
#include "server/journal.h"
#include "server/monitor.h"
#include "server/reply.h"
#include "server/server.h"
#include "storage/keyspace.h"
#include "wal/log.h"

#include <assert.h>
#include <limits.h>
#include <stdarg.h>
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

// The last of the keys that an argument counts.
static uint32_t call_last_counted_key(const struct call *call, const struct command_doc *doc,
                                      uint32_t start)
{
    struct span arg = call_arg(call, start + (uint32_t)doc->key_count);
    int64_t count;
    if (!number_parse(arg.data, arg.length, &count) || count <= 0 || count > call->argc)
        return 0;
    uint64_t end = (uint64_t)doc->first_key + (uint64_t)count * (uint64_t)doc->key_step;
    // What belongs to the last key has to be there, too.
    return start + end <= call->argc ? start + (uint32_t)(end - (uint64_t)doc->key_step) : 0;
}

uint32_t call_last_key(const struct call *call, const struct command_doc *doc, uint32_t start)
{
    if (doc->key_count != 0)
        return call_last_counted_key(call, doc, start);
    return doc->last_key < 0 ? call->argc - (uint32_t)-doc->last_key
                             : start + (uint32_t)doc->last_key;
}

bool call_key_index(const struct call *call, uint32_t number, uint32_t *index)
{
    const struct command_doc *doc = call->command->doc;
    if (doc->first_key <= 0)
        return false;
    uint32_t last = call_last_key(call, doc, 0);
    *index = (uint32_t)doc->first_key + number * (uint32_t)doc->key_step;
    return *index <= last && *index < call->argc;
}

bool call_arg_database(struct call *call, uint32_t index, uint32_t *database)
{
    int64_t value;
    if (!call_arg_integer(call, index, &value))
        return false;
    const char *error = NULL;
    if (value < INT_MIN || value > INT_MAX)
        error = "ERR value is out of range, value must between -2147483648 and 2147483647";
    else if (value < 0 || value >= DATABASES_MAX)
        error = "ERR DB index is out of range";
    if (error != NULL)
        resp_error(call->reply, error);
    *database = (uint32_t)value;
    return error == NULL;
}

struct key call_key(struct call *call, uint32_t index)
{
    const struct server *server = call->server;
    if (index == call->first_key && call->key_version == server->map_version &&
        call->key_database == call->connection->database)
        return call->key;
    return call_key_of(call, index, call->connection->database);
}

struct key call_key_of(const struct call *call, uint32_t index, uint32_t database)
{
    struct span arg = call_arg(call, index);
    return keyspace_key(call->server->keyspace, database, arg.data, arg.length);
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

// --- refusing --------------------------------------------------------------------------------

#define REFUSAL_BYTES_MAX 512

// The command is not executed, and neither is the transaction that it belongs to. EXEC itself tells
// that in its own words, as in Redis.
static void call_refuse(struct call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void call_refuse(struct call *call, const char *format, ...)
{
    char text[REFUSAL_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    struct connection *connection = call->connection;
    if (call->command == NULL || call->command->handler != command_exec) {
        connection->transaction.refused = connection->transaction.open;
        resp_errorf(call->reply, "%s", text);
        return;
    }
    transaction_drop(call->server, connection);
    const char *what = strncmp(text, "ERR ", 4) == 0 ? text + 4 : text;
    resp_errorf(call->reply, "EXECABORT Transaction discarded because of: %s", what);
}

static void call_refuse_memory(struct call *call)
{
    call->server->stats.denied_memory++;
    call_refuse(call, "OOM command not allowed when used memory > 'maxmemory'.");
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
    call_refuse(call, "ERR unknown command '%.*s', with args beginning with: %s", length,
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
    uint32_t longest = wal_key_bytes_max(call->server->wal);
    uint32_t index;
    *bytes = 0;
    for (uint32_t i = 0; call_key_index(call, i, &index); i++) {
        *bytes += (uint64_t)call->args[index].length + WAL_RECORD_OVERHEAD_MAX;
        if (call->args[index].length <= longest)
            continue;
        call_refuse(call, "ERR key is longer than %u bytes", longest);
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
    if (call->command->log != NULL)
        bytes += call->command->log(call);
    for (uint32_t i = 1; i < call->argc; i++)
        bytes += (call->args[i].external && spool_has(call, i) ? 0 : call->args[i].length) +
                 WAL_RECORD_OVERHEAD_MAX;
    return bytes;
}

bool call_deletes(const struct command_doc *doc)
{
    return ((doc->key_flags & KEY_DELETE) != 0 && doc->second_key == 0) || doc->first_key == 0;
}

// What becomes of a call before it is executed.
enum call_verdict {
    CALL_RUNS,
    CALL_ANSWERED, // refused or queued
    CALL_WAITS,    // nothing has been written
    CALL_AGAIN,    // the same, but what it lacked may be there now
};

static void call_refuse_full(struct call *call)
{
    call->server->stats.denied_full++;
    call_refuse(call, "MISCONF Errors writing to the AOF file: %s",
                strerror(journal_space_error(call->server)));
}

// Room for `bytes` of records.
static enum call_verdict call_admit(struct call *call, uint64_t bytes, bool deletes)
{
    struct server *server = call->server;
    switch (wal_admit(server->wal, bytes, deletes)) {
    case WAL_ADMIT:
        call->admitted = true;
        return CALL_RUNS;
    case WAL_WAIT:
        call_wait(call, WAIT_LOG);
        return CALL_WAITS;
    case WAL_FULL:
        call_refuse_full(call);
        return CALL_ANSWERED;
    case WAL_LARGE:
        call_refuse(call, "ERR the command is larger than the log can take at once");
        return CALL_ANSWERED;
    }
    assert(false);
    return CALL_ANSWERED;
}

// Large values go into the log ahead of the command.
static enum call_verdict call_spool(struct call *call, enum wal_admission admission)
{
    if (admission == WAL_ADMIT)
        return CALL_RUNS;
    if (admission == WAL_WAIT) {
        bool busy = spool_busy(call->server, call->connection);
        call_wait(call, busy ? WAIT_SPOOL : WAIT_LOG);
        return CALL_WAITS;
    }
    assert(admission == WAL_FULL);
    call_refuse_full(call);
    return CALL_ANSWERED;
}

// Evicts keys so that there is room for `bytes` more, or waits for that. CALL_ANSWERED: that cannot
// be, but has not been answered yet.
static enum call_verdict call_evict(struct call *call, uint64_t bytes)
{
    struct server *server = call->server;
    uint64_t evicted = server->evict.total;
    enum evict_result result = evict_room(server, call->connection, bytes);
    if (server->evict.total != evicted)
        call->hold = wal_open_batch(server->wal);
    if (result == EVICT_DONE)
        return CALL_RUNS;
    if (result == EVICT_FAILED)
        return CALL_ANSWERED;
    call_wait(call, WAIT_MEMORY);
    return CALL_WAITS;
}

static bool call_transaction_fits(const struct call *call, const struct transaction_need *need)
{
    const struct server *server = call->server;
    bool over = data_used_bytes(server) > (uint64_t)server->config.maxmemory;
    return !((call->connection->transaction.flags & COMMAND_DENYOOM) && over) &&
           (need->memory_bytes == 0 || data_has_room(server, need->memory_bytes));
}

// EXEC: room for all that is queued, in memory and in the log, before anything changes.
static enum call_verdict call_admit_transaction(struct call *call)
{
    const struct server *server = call->server;
    const struct transaction *transaction = &call->connection->transaction;
    struct transaction_need need;
    if (!transaction->open || transaction->refused || transaction->dirty)
        return CALL_RUNS;
    enum call_verdict spooled = call_spool(call, transaction_spool(call));
    if (spooled != CALL_RUNS)
        return spooled;
    transaction_need(call, &need);
    if (!call_transaction_fits(call, &need)) {
        enum call_verdict verdict = call_evict(call, need.memory_bytes);
        if (verdict == CALL_WAITS)
            return verdict;
        // Keys that it watches may be among those that have gone.
        if (verdict == CALL_RUNS && transaction->dirty)
            return CALL_RUNS;
        if (verdict == CALL_ANSWERED || !call_transaction_fits(call, &need)) {
            call_refuse_memory(call);
            return CALL_ANSWERED;
        }
    }
    if (need.maps > TRANSACTION_MAPS_MAX) {
        call_refuse(call, "ERR too many commands that empty or swap databases");
        return CALL_ANSWERED;
    }
    if (need.maps * DATABASES_MAX > keyspace_slots_free(server->keyspace)) {
        call_wait(call, WAIT_LOG);
        return CALL_WAITS;
    }
    return call_admit(call, need.log_bytes, need.deletes);
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
           connection_peer(call->server, call->connection));
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
            commands_error_subcommand(call);
            call->connection->transaction.refused = call->connection->transaction.open;
            return false;
        }
    }
    const struct command_doc *doc = call->command->doc;
    if (command_doc_arity_ok(doc, call->argc))
        return true;
    call_refuse(call, "ERR wrong number of arguments for '%s' command", doc->name);
    return false;
}

// While the data is loaded nothing may touch it, or tell of it: what would has no flag for that, except
// for DEBUG, of which only SLEEP is harmless.
static bool call_must_load(const struct call *call)
{
    if (call->server->state != SERVER_LOADING)
        return false;
    if (!(call->command->doc->flags & COMMAND_LOADING))
        return true;
    return call->command->handler == command_debug && !call_arg_is(call, 1, "sleep");
}

// Inside a transaction every command is refused when memory is short, because queueing takes some.
static bool call_over_memory(const struct call *call)
{
    const struct server *server = call->server;
    bool asks = (call->command->doc->flags & COMMAND_DENYOOM) ||
                (call->connection->transaction.open && transaction_takes(call));
    return asks && server->state != SERVER_LOADING &&
           data_used_bytes(server) > (uint64_t)server->config.maxmemory;
}

// What keeps a command from being executed although it is right: a monitor takes no part in what it
// watches, a pause lets others wait.
static enum call_verdict call_check_restraint(struct call *call)
{
    const struct command_doc *doc = call->command->doc;
    bool monitor = call->connection->links[LIST_MONITORS].linked;
    if (monitor && (doc->flags & (COMMAND_WRITE | COMMAND_READONLY))) {
        call_refuse(call, "ERR Replica can't interact with the keyspace");
        return CALL_ANSWERED;
    }
    if (call->server->pause.mode == PAUSE_NONE || monitor || !pause_holds(call))
        return CALL_RUNS;
    call_wait(call, WAIT_PAUSE);
    return CALL_WAITS;
}

static enum call_verdict call_check_queued(struct call *call)
{
    const char *objection = guard_objection(call);
    if (objection != NULL)
        call_refuse(call, "%s", objection);
    else
        transaction_queue(call);
    return CALL_ANSWERED;
}

static enum call_verdict call_check(struct call *call)
{
    struct server *server = call->server;
    struct connection *connection = call->connection;
    if (!call_resolve(call))
        return CALL_ANSWERED;
    connection->last_command = call->command->doc->name;
    uint32_t flags = call->command->doc->flags;
    uint64_t key_bytes;
    if (!connection->authenticated && !(flags & COMMAND_NO_AUTH)) {
        call_refuse(call, "NOAUTH Authentication required.");
        return CALL_ANSWERED;
    }
    if (connection->transaction.open && (flags & COMMAND_NO_MULTI)) {
        call_refuse(call, "ERR Command not allowed inside a transaction");
        return CALL_ANSWERED;
    }
    if (call_must_load(call)) {
        server->stats.denied_loading++;
        call_refuse(call, "LOADING Redis is loading the dataset in memory");
        return CALL_ANSWERED;
    }
    if (call_over_memory(call)) {
        enum call_verdict verdict = call_evict(call, 0);
        if (verdict == CALL_ANSWERED)
            call_refuse_memory(call);
        if (verdict != CALL_RUNS)
            return verdict;
    }
    if (!call_keys(call, &key_bytes))
        return CALL_ANSWERED;
    if (server->pause.mode != PAUSE_NONE || connection->links[LIST_MONITORS].linked) {
        enum call_verdict verdict = call_check_restraint(call);
        if (verdict != CALL_RUNS)
            return verdict;
    }
    if (connection->transaction.open && transaction_takes(call))
        return call_check_queued(call);
    bool executes = call->command->handler == command_exec;
    if (!(flags & COMMAND_WRITE) && !executes)
        return CALL_RUNS;
    if (reply_pool_free(server->replies) < REPLY_CHUNKS_RESERVE) {
        call_wait(call, WAIT_OUTPUT);
        return CALL_WAITS;
    }
    if (executes) // while the data is loaded, nothing is queued that would need room
        return server->state == SERVER_LOADING ? CALL_RUNS : call_admit_transaction(call);
    if (connection->large_bytes > 0 && call->command->stores) {
        enum call_verdict verdict = call_spool(call, spool_values(call));
        if (verdict != CALL_RUNS)
            return verdict;
    }
    return call_admit(call, call_log_bytes(call, key_bytes), call_deletes(call->command->doc));
}

// --- the command itself ----------------------------------------------------------------------

// Runs the handler and counts what it did. `point`: where its reply begins.
static void call_run(struct call *call, struct reply_point point)
{
    struct server *server = call->server;
    const struct command *command = call->command;
    bool alone =
        !command->brief || call->argc > BRIEF_ARGUMENTS_MAX || call->timed || server->timing.exact;
    int64_t began_ns = alone ? timing_begin(server) : 0;
    command->handler(call);
    if (call->again)
        return;
    if (alone)
        timing_end(call, began_ns);
    else if (call->timed)
        timing_late(call);
    else if (server->timing.calls[command->number]++ == 0)
        timing_brief_first(server, command->number);
    if (reply_first_byte(&call->connection->reply, point) == '-')
        command_stats_error(call, point, true);
    if (server->lists[LIST_MONITORS].count > 0)
        monitor_show(call);
}

void call_execute(struct call *call)
{
    call_run(call, reply_point(&call->connection->reply));
}

// --- after a command -------------------------------------------------------------------------

// The reply is complete: it is dropped, held, or may leave.
static void call_finish(struct call *call, struct reply_point point)
{
    struct server *server = call->server;
    struct connection *connection = call->connection;
    struct reply *reply = &connection->reply;
    evict_settle(&server->evict, connection);
    if (connection->reply_mode == REPLY_OFF || connection->reply_mode == REPLY_SKIP)
        reply_rollback(reply, point);
    if (connection->reply_mode == REPLY_SKIP)
        connection->reply_mode = REPLY_ON;
    if (connection->reply_mode == REPLY_SKIP_NEXT)
        connection->reply_mode = REPLY_SKIP;
    if (reply->writer.overflow) {
        reply_rollback(reply, point);
        notice(&server->notices, LOGLEVEL_WARNING,
               "no memory is left for replies: closing client %s",
               connection_peer(server, connection));
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
    call_refuse_memory(call);
    command_stats_error(call, point, false);
    call->server->stats.commands++;
    call_finish(call, point);
}

// The handler has asked for the call to be executed once more: at once when keys are evicted for it,
// or when none can be.
static enum call_verdict call_retry(struct call *call, struct reply_point point)
{
    enum connection_wait wait = call->wait != 0 ? (enum connection_wait)call->wait : WAIT_LOG;
    // Deleting expired keys may be all that has changed: that can be said once more.
    assert(!call->changed || !(call->command->doc->flags & COMMAND_WRITE) || wait == WAIT_MEMORY);
    reply_rollback(&call->connection->reply, point);
    if (wait != WAIT_MEMORY) {
        call_wait(call, wait);
        return CALL_WAITS;
    }
    call->again = false;
    call->wait = WAIT_NONE;
    call->room = false;
    call->admitted = false;
    enum call_verdict verdict = call_evict(call, call->need);
    call->denied = verdict == CALL_ANSWERED;
    return verdict == CALL_WAITS ? CALL_WAITS : CALL_AGAIN;
}

static enum call_verdict call_attempt(struct call *call, struct reply_point point)
{
    struct server *server = call->server;
    enum call_verdict verdict = call_check(call);
    if (verdict != CALL_RUNS)
        return verdict;
    uint64_t hits = server->stats.hits;
    uint64_t misses = server->stats.misses;
    call_run(call, point);
    if (!call->again)
        return CALL_RUNS;
    server->stats.hits = hits;
    server->stats.misses = misses;
    return call_retry(call, point);
}

bool commands_call(struct call *call)
{
    struct server *server = call->server;
    struct connection *connection = call->connection;
    struct reply_point point = reply_point(&connection->reply);
    enum call_verdict verdict = CALL_AGAIN;
    // Bounded: each time keys are evicted, or else nothing is waited for any more.
    while (verdict == CALL_AGAIN)
        verdict = call_attempt(call, point);
    if (verdict == CALL_WAITS)
        return false;
    if (verdict == CALL_ANSWERED) {
        if (connection->state == CONNECTION_CLOSING)
            return true;
        if (reply_first_byte(&connection->reply, point) == '-')
            command_stats_error(call, point, false);
    }
    server->stats.commands++;
    connection->commands++;
    call_finish(call, point);
    return true;
}
