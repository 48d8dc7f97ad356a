// Commands on transactions: MULTI, EXEC, DISCARD, WATCH, UNWATCH.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/connection.h"
#include "server/server.h"
#include "server/transaction_queue.h"
#include "server/watch.h"

#include <assert.h>

void command_multi(struct call *call)
{
    struct transaction *transaction = &call->connection->transaction;
    if (transaction->open) {
        resp_error(call->reply, "ERR MULTI calls can not be nested");
        return;
    }
    transaction->open = true;
    call_ok(call);
}

void command_discard(struct call *call)
{
    if (!call->connection->transaction.open) {
        resp_error(call->reply, "ERR DISCARD without MULTI");
        return;
    }
    transaction_drop(call->server, call->connection);
    call_ok(call);
}

// --- EXEC ------------------------------------------------------------------------------------

// Executes what was queued. The commands are taken off the connection before: one of them may end it.
static void exec_run(struct call *call)
{
    struct server *server = call->server;
    struct connection *connection = call->connection;
    struct queued *queued = connection->transaction.first;
    resp_array(call->reply, connection->transaction.count);
    connection->transaction.first = NULL;
    watch_drop(server, connection);
    while (queued != NULL) {
        struct queued *next = queued->next;
        struct call inner = queued_call(call, queued);
        if (connection->state == CONNECTION_OPEN)
            call_execute(&inner);
        assert(!inner.again);
        if (inner.hold > call->hold)
            call->hold = inner.hold;
        call->changed = call->changed || inner.changed;
        queued_free(server, queued);
        queued = next;
    }
    transaction_drop(server, connection);
}

void command_exec(struct call *call)
{
    struct server *server = call->server;
    struct connection *connection = call->connection;
    const struct transaction *transaction = &connection->transaction;
    if (!transaction->open) {
        resp_error(call->reply, "ERR EXEC without MULTI");
    } else if (transaction->refused) {
        transaction_drop(server, connection);
        resp_error(call->reply, "EXECABORT Transaction discarded because of previous errors.");
    } else if (transaction->dirty || watch_expired(server, connection)) {
        // That tells of somebody's change, which a power cut must not undo any more.
        call_hold_all(call);
        transaction_drop(server, connection);
        resp_null_array(call->reply);
    } else {
        exec_run(call);
    }
}

// --- WATCH -----------------------------------------------------------------------------------

void command_watch(struct call *call)
{
    struct connection *connection = call->connection;
    if (connection->transaction.open) {
        resp_error(call->reply, "ERR WATCH inside MULTI is not allowed");
        return;
    }
    // What a key holds is not known yet.
    if (call->server->state == SERVER_LOADING)
        connection->transaction.dirty = true;
    const struct watch *before = connection->transaction.watches;
    // A transaction that is spoilt already needs no more.
    for (uint32_t i = 1; i < call->argc && !connection->transaction.dirty; i++) {
        struct key key = call_key(call, i);
        if (watch_add(call->server, connection, &key))
            continue;
        watch_drop_since(call->server, connection, before);
        call_error_memory(call);
        return;
    }
    call_ok(call);
}

void command_unwatch(struct call *call)
{
    watch_drop(call->server, call->connection);
    call_ok(call);
}
