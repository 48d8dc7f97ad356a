// SAVE, BGSAVE, BGREWRITEAOF, LASTSAVE: every write is in the log already, which may need a sync.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/connection.h"
#include "server/journal.h"
#include "server/server.h"
#include "wal/log.h"

void command_save(struct call *call)
{
    struct server *server = call->server;
    struct connection *connection = call->connection;
    if (connection->wait_batch == 0) {
        connection->wait_batch = wal_newest_batch(server->wal);
        journal_sync_up_to(server, connection->wait_batch);
    }
    if (wal_batch_durable(server->wal) < connection->wait_batch) {
        call->again = true;
        call->wait = WAIT_DURABLE;
        return;
    }
    connection->wait_batch = 0;
    server->save.done_ms = server->wall_ms;
    server->save.count++;
    call_ok(call);
}

void command_bgsave(struct call *call)
{
    struct server *server = call->server;
    if (call->argc > 2 || (call->argc == 2 && !call_arg_is(call, 1, "schedule"))) {
        call_error_syntax(call);
        return;
    }
    save_look(server);
    if (server->save.running) {
        resp_error(call->reply, "ERR Background save already in progress");
        return;
    }
    save_begin(server);
    // In Redis it begins when the transaction is over. So below.
    resp_simple(call->reply,
                call->inner ? "Background saving scheduled" : "Background saving started");
}

void command_bgrewriteaof(struct call *call)
{
    save_begin(call->server);
    resp_simple(call->reply, call->inner ? "Background append only file rewriting scheduled"
                                         : "Background append only file rewriting started");
}

void command_lastsave(struct call *call)
{
    save_look(call->server);
    resp_integer(call->reply, call->server->save.done_ms / 1000);
}
