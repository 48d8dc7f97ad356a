// CONFIG REWRITE: writes the settings in force into the configuration file.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/connection.h"
#include "server/rewrite.h"
#include "server/server.h"

#include <string.h>

static void rewrite_reply(struct call *call, int error)
{
    if (error == 0)
        call_ok(call);
    else
        resp_errorf(call->reply, "ERR Rewriting config file: %s", strerror(-error));
}

void command_config_rewrite(struct call *call)
{
    struct server *server = call->server;
    int error;
    if (server->config_file[0] == '\0') {
        resp_error(call->reply, "ERR The server is running without a config file");
        return;
    }
    // A transaction cannot wait for the disk in its middle.
    if (call->inner) {
        resp_error(call->reply, "ERR CONFIG REWRITE is not possible inside a transaction");
        return;
    }
    if (rewrite_take_result(server->rewrite, call->connection->id, &error)) {
        rewrite_reply(call, error);
        return;
    }
    if (!rewrite_going_on(server->rewrite))
        rewrite_begin(server, call->connection->id);
    call->again = true;
    call->wait = WAIT_REWRITE;
}
