// Transactions: the queue of commands, and what they may need together.
#include "server/transaction.h"

#include "conf/limits.h"
#include "server/call.h"
#include "server/command_docs.h"
#include "server/command_handlers.h"
#include "server/commands.h"
#include "server/connection.h"
#include "server/data.h"
#include "server/input.h"
#include "server/server.h"
#include "server/transaction_queue.h"
#include "server/watch.h"
#include "storage/arena.h"
#include "storage/keyspace.h"
#include "wal/record.h"

#include <assert.h>
#include <string.h>

bool transaction_takes(const struct call *call)
{
    static const command_handler immediate[] = {
        command_exec, command_discard, command_multi, command_watch, command_quit, command_reset,
    };
    for (size_t i = 0; i < sizeof(immediate) / sizeof(immediate[0]); i++) {
        if (call->command->handler == immediate[i])
            return false;
    }
    return true;
}

// --- the queue -------------------------------------------------------------------------------

static uint64_t queued_bytes(const struct call *call)
{
    uint64_t bytes = sizeof(struct queued) + call->argc * sizeof(struct resp_arg);
    for (uint32_t i = 0; i < call->argc; i++)
        bytes += call->args[i].external ? 0 : call->args[i].length;
    return bytes;
}

// Memory that the command would take, large arguments included, fits the limits?
static bool queue_has_room(const struct call *call, uint64_t bytes)
{
    const struct server *server = call->server;
    const struct transaction *transaction = &call->connection->transaction;
    uint64_t limit = (uint64_t)server->config.maxmemory / INPUT_SHARE;
    if (limit < INPUT_BYTES_MIN)
        limit = INPUT_BYTES_MIN;
    for (uint32_t i = 0; i < call->argc; i++)
        bytes += call->args[i].external ? call->args[i].length : 0;
    return transaction->bytes + bytes <= COMMAND_BYTES_MAX &&
           server->transaction_bytes + bytes <= limit;
}

// Copies the arguments behind the block's head; large ones are blocks already, and change hands.
static void queued_fill(struct queued *queued, struct call *call)
{
    struct server *server = call->server;
    queued->next = NULL;
    queued->command = call->command;
    queued->argc = call->argc;
    queued->bytes = arena_block_bytes(server->arena, queued);
    uint8_t *to = (uint8_t *)&queued->args[call->argc];
    uint64_t offset = 0;
    for (uint32_t i = 0; i < call->argc; i++) {
        struct resp_arg *arg = &call->args[i];
        queued->args[i] = *arg;
        if (arg->external) {
            queued->bytes += arena_block_bytes(server->arena, (void *)(uintptr_t)arg->where);
            arg->where = 0;
            continue;
        }
        memcpy(to + offset, call->base + arg->where, arg->length);
        queued->args[i].where = offset;
        offset += arg->length;
    }
}

void transaction_queue(struct call *call)
{
    struct server *server = call->server;
    struct transaction *transaction = &call->connection->transaction;
    // It will not be executed anyway.
    if (transaction->refused || transaction->dirty) {
        resp_simple(call->reply, "QUEUED");
        return;
    }
    uint64_t bytes = queued_bytes(call);
    struct queued *queued = queue_has_room(call, bytes) ? arena_alloc(server->arena, bytes) : NULL;
    if (queued == NULL) {
        transaction->refused = true;
        call_error_memory(call);
        return;
    }
    queued_fill(queued, call);
    if (transaction->last != NULL)
        transaction->last->next = queued;
    else
        transaction->first = queued;
    transaction->last = queued;
    transaction->count++;
    transaction->flags |= call->command->doc->flags;
    transaction->bytes += queued->bytes;
    server->transaction_bytes += queued->bytes;
    resp_simple(call->reply, "QUEUED");
}

void queued_free(struct server *server, struct queued *queued)
{
    for (uint32_t i = 0; i < queued->argc; i++) {
        if (queued->args[i].external && queued->args[i].where != 0)
            input_free_block(server, (struct entry *)(uintptr_t)queued->args[i].where);
    }
    assert(server->transaction_bytes >= queued->bytes);
    server->transaction_bytes -= queued->bytes;
    arena_free(server->arena, queued);
}

struct call queued_call(const struct call *exec, struct queued *queued)
{
    return (struct call){
        .server = exec->server,
        .connection = exec->connection,
        .reply = exec->reply,
        .command = queued->command,
        .args = queued->args,
        .argc = queued->argc,
        .base = (uint8_t *)&queued->args[queued->argc],
        .now_ms = exec->now_ms,
        .room = true,
        .admitted = true,
        .inner = true,
    };
}

void transaction_drop(struct server *server, struct connection *connection)
{
    struct transaction *transaction = &connection->transaction;
    for (struct queued *queued = transaction->first; queued != NULL;) {
        struct queued *next = queued->next;
        queued_free(server, queued);
        queued = next;
    }
    watch_drop(server, connection);
    *transaction = (struct transaction){0};
}

enum wal_admission transaction_spool(const struct call *exec)
{
    for (struct queued *q = exec->connection->transaction.first; q != NULL; q = q->next) {
        struct call inner = queued_call(exec, q);
        enum wal_admission admission = spool_values(&inner);
        // More of them may be on their way at the same time.
        if (admission != WAL_ADMIT && !spool_busy(exec->server, exec->connection))
            return admission;
    }
    return spool_busy(exec->server, exec->connection) ? WAL_WAIT : WAL_ADMIT;
}

// --- what it needs ---------------------------------------------------------------------------

// No number that INCR makes is longer as text.
#define LONGEST_MIN 32

// What is known of all queued commands before the first one is executed. No value can become longer
// than `longest` and `appended` together: values are made of values that are there, of the arguments
// of one command, and of the zeros that it puts before them; only APPEND makes them longer by more.
struct estimate {
    uint64_t longest;
    uint64_t appended;
    uint64_t key_longest;
    uint64_t memory; // for values made of arguments and zeros
    uint64_t log;
    uint32_t makers;  // commands that make values of other values
    uint32_t growers; // commands that may need memory
    uint32_t pins;    // values that are being sent, and commands that may send one
    bool everywhere;  // some are executed in another database than the present one, or after a swap
};

static void estimate_key(struct call *call, const struct key *key, struct estimate *estimate)
{
    const struct entry *entry = keyspace_find(call->server->keyspace, key);
    if (entry == NULL)
        return;
    if (entry_value_length(entry) > estimate->longest)
        estimate->longest = entry_value_length(entry);
    estimate->pins += (entry->flags & ENTRY_PINNED) != 0;
}

// May the command reply with a whole value, which stays where it is until it has been sent?
static bool may_send(const struct call *call)
{
    command_handler handler = call->command->handler;
    if (handler == command_set)
        return call->argc > 3;
    return (call->command->doc->flags & COMMAND_READONLY) != 0 || handler == command_getdel ||
           handler == command_getex || handler == command_getset;
}

// Returns the length of the command's longest key.
static uint64_t estimate_keys(struct call *call, struct estimate *estimate)
{
    uint64_t longest = 0;
    uint32_t index;
    for (uint32_t i = 0; call_key_index(call, i, &index); i++) {
        struct key key = call_key(call, index);
        estimate_key(call, &key, estimate);
        for (uint32_t d = 0; d < DATABASES_MAX && estimate->everywhere; d++) {
            struct key other = call_key_of(call, index, d);
            estimate_key(call, &other, estimate);
        }
        if (key.length > longest)
            longest = key.length;
        // Each may turn out to have expired, or be deleted.
        estimate->log += key.length + WAL_RECORD_OVERHEAD_MAX;
        estimate->pins += may_send(call);
    }
    return longest;
}

// Memory of a value of this length, with what growing values get in reserve.
static uint64_t estimate_entry(uint64_t key_length, uint64_t length)
{
    length += length / 4;
    if (length > VALUE_BYTES_MAX)
        length = VALUE_BYTES_MAX;
    return keyspace_entry_bytes((uint32_t)key_length, (uint32_t)length, true);
}

// What the command makes of its arguments. Numbers are shorter than LONGEST_MIN, or in the reach.
static void estimate_values(struct call *call, uint64_t key_length, struct estimate *estimate)
{
    bool grows = (call->command->doc->flags & COMMAND_DENYOOM) != 0;
    uint64_t reach = call->command->reach != NULL ? call->command->reach(call) : 0;
    uint64_t arguments = 0;
    for (uint32_t i = 1; i < call->argc; i++) {
        uint64_t length = call->args[i].length;
        arguments += length;
        estimate->log +=
            (call->args[i].external && spool_has(call, i) ? 0 : length) + WAL_RECORD_OVERHEAD_MAX;
        estimate->memory += grows ? estimate_entry(key_length, length) : 0;
    }
    estimate->memory += reach + reach / 4;
    if (call->command->handler == command_append)
        estimate->appended += arguments;
    else if (reach + arguments > estimate->longest)
        estimate->longest = reach + arguments;
}

static void estimate_command(struct call *call, struct estimate *estimate)
{
    uint64_t key_length = estimate_keys(call, estimate);
    if (key_length > estimate->key_longest)
        estimate->key_longest = key_length;
    if (!(call->command->doc->flags & COMMAND_WRITE))
        return;
    estimate_values(call, key_length, estimate);
    estimate->log += 4 * WAL_RECORD_OVERHEAD_MAX;
    if (call->command->log != NULL)
        estimate->log += call->command->log(call);
    bool makes = call->command->bytes != NULL;
    estimate->makers += makes;
    estimate->growers += makes || (call->command->doc->flags & COMMAND_DENYOOM) != 0;
}

static uint64_t estimate_memory(const struct estimate *estimate, uint64_t longest)
{
    if (estimate->growers == 0)
        return 0;
    // Values that are being sent stay where they are while their keys change. A changed one is
    // written anew before the old one goes.
    uint64_t pinned = estimate->pins < estimate->growers ? estimate->pins : estimate->growers;
    uint64_t copies = estimate->makers + (longest >= REPLY_PIN_BYTES ? pinned : 0) + 1;
    return estimate->memory + copies * estimate_entry(estimate->key_longest, longest);
}

void transaction_need(struct call *call, struct transaction_need *need)
{
    struct estimate estimate = {.longest = LONGEST_MIN};
    *need = (struct transaction_need){.deletes = true};
    for (struct queued *q = call->connection->transaction.first; q != NULL; q = q->next) {
        if (q->command->handler == command_select || q->command->handler == command_swapdb)
            estimate.everywhere = true;
    }
    for (struct queued *q = call->connection->transaction.first; q != NULL; q = q->next) {
        struct call inner = queued_call(call, q);
        const struct command_doc *doc = q->command->doc;
        estimate_command(&inner, &estimate);
        if (doc->flags & COMMAND_WRITE) {
            need->maps += doc->first_key == 0;
            need->deletes = need->deletes && call_deletes(doc);
        }
    }
    uint64_t longest = estimate.longest + estimate.appended;
    if (longest > VALUE_BYTES_MAX)
        longest = VALUE_BYTES_MAX;
    need->log_bytes = estimate.log + estimate.makers * (longest + WAL_RECORD_OVERHEAD_MAX);
    need->memory_bytes = estimate_memory(&estimate, longest);
}
