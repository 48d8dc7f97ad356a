// Commands on the server itself: TIME and SHUTDOWN.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/clock.h"
#include "server/connection.h"
#include "server/server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void command_time(struct call *call)
{
    int64_t now_us = clock_wall_us();
    resp_array(call->reply, 2);
    resp_bulk_integer(call->reply, now_us / 1000000);
    resp_bulk_integer(call->reply, now_us % 1000000);
}

static bool shutdown_option(const struct call *call, uint32_t index, int *flags, bool *abort)
{
    static const struct {
        const char *name;
        int flag;
    } options[] = {{"save", SHUTDOWN_SAVE},
                   {"nosave", SHUTDOWN_NOSAVE},
                   {"now", SHUTDOWN_NOW},
                   {"force", SHUTDOWN_FORCE}};
    if (call_arg_is(call, index, "abort")) {
        *abort = true;
        return true;
    }
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (call_arg_is(call, index, options[i].name)) {
            *flags |= options[i].flag;
            return true;
        }
    }
    return false;
}

// A stop makes everything durable in any case. The client whose command began one waits for its
// checkpoint: it hears of it only if that fails or the stop is taken back.
void command_shutdown(struct call *call)
{
    struct connection *connection = call->connection;
    int flags = 0;
    bool abort = false;
    bool valid = true;
    for (uint32_t i = 1; i < call->argc; i++)
        valid = shutdown_option(call, i, &flags, &abort) && valid;
    bool both = (flags & SHUTDOWN_SAVE) != 0 && (flags & SHUTDOWN_NOSAVE) != 0;
    if (!valid || both || (abort && flags != 0)) {
        call_error_syntax(call);
        return;
    }
    if (abort) {
        if (shutdown_abort(call->server))
            call_ok(call);
        else
            resp_error(call->reply, "ERR No shutdown in progress.");
        return;
    }
    bool waited = connection->wait_batch != 0;
    connection->wait_batch = 0;
    if (!waited)
        shutdown_begin(call->server, flags);
    if (!shutdown_going_on(call->server)) {
        if (waited)
            resp_error(call->reply, "ERR Errors trying to SHUTDOWN. Check logs.");
        return;
    }
    connection->wait_batch = call->server->shutdown.attempt;
    call->again = true;
    call->wait = WAIT_SHUTDOWN;
}
