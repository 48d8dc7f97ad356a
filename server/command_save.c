// SAVE, BGSAVE, BGREWRITEAOF, LASTSAVE: checkpoints on demand.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/checkpoint.h"
#include "server/connection.h"
#include "server/server.h"

// The client waits for the checkpoint, the others do not.
void command_save(struct call *call)
{
    struct server *server = call->server;
    struct connection *connection = call->connection;
    if (connection->wait_batch == 0) {
        if (checkpoint_going_on(server->checkpoint)) {
            resp_error(call->reply, "ERR Background save already in progress");
            return;
        }
        connection->wait_batch = checkpoint_request(server);
    }
    if (checkpoint_attempts(server->checkpoint) < connection->wait_batch) {
        call->again = true;
        call->wait = WAIT_CHECKPOINT;
        return;
    }
    connection->wait_batch = 0;
    if (checkpoint_succeeded(server->checkpoint))
        call_ok(call);
    else
        resp_error(call->reply, "ERR");
}

void command_bgsave(struct call *call)
{
    struct checkpoint *checkpoint = call->server->checkpoint;
    bool schedule = call->argc == 2 && call_arg_is(call, 1, "schedule");
    if (call->argc > 2 || (call->argc == 2 && !schedule)) {
        call_error_syntax(call);
        return;
    }
    bool running = checkpoint_going_on(checkpoint) || checkpoint_requested(checkpoint);
    if (running && !schedule) {
        resp_error(call->reply, "ERR Background save already in progress");
        return;
    }
    checkpoint_request(call->server);
    // In a transaction Redis begins when that is over. So below.
    resp_simple(call->reply, running || call->inner ? "Background saving scheduled"
                                                    : "Background saving started");
}

void command_bgrewriteaof(struct call *call)
{
    struct checkpoint *checkpoint = call->server->checkpoint;
    bool running = checkpoint_going_on(checkpoint) || checkpoint_requested(checkpoint);
    checkpoint_request(call->server);
    resp_simple(call->reply, running || call->inner
                                 ? "Background append only file rewriting scheduled"
                                 : "Background append only file rewriting started");
}

void command_lastsave(struct call *call)
{
    struct checkpoint_stats stats;
    checkpoint_stats(call->server, &stats);
    resp_integer(call->reply, stats.done_ms / 1000);
}
