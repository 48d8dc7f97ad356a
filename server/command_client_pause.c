// CLIENT PAUSE, UNPAUSE, UNBLOCK: letting others wait, and no longer.
#include "server/command_handlers.h"

#include "protocol/number.h"
#include "server/call.h"
#include "server/commands.h"
#include "server/connection.h"
#include "server/pause.h"
#include "server/server.h"

void command_client_pause(struct call *call)
{
    enum pause_mode mode = PAUSE_ALL;
    struct span text = call_arg(call, 2);
    int64_t ms;
    if (call->argc > 4) {
        commands_error_arguments(call);
        return;
    }
    if (call->argc == 4 && call_arg_is(call, 3, "write")) {
        mode = PAUSE_WRITE;
    } else if (call->argc == 4 && !call_arg_is(call, 3, "all")) {
        resp_error(call->reply, "ERR CLIENT PAUSE mode must be WRITE or ALL");
        return;
    }
    if (!number_parse(text.data, text.length, &ms)) {
        resp_error(call->reply, "ERR timeout is not an integer or out of range");
        return;
    }
    if (ms < 0) {
        resp_error(call->reply, "ERR timeout is negative");
        return;
    }
    // As in Redis, a time that lies beyond all that can be counted is over at once.
    int64_t until_ms;
    if (__builtin_add_overflow(ms, call->now_ms, &until_ms))
        ms = 0;
    pause_begin(call->server, mode, ms);
    call_ok(call);
}

void command_client_unpause(struct call *call)
{
    pause_end(call->server);
    call_ok(call);
}

// Ends WAITAOF, the one command that waits for a time of its own: as if that were over, or with an
// error. False when this connection does not wait so.
static bool client_unblock(struct connection *connection, bool refuse)
{
    if (connection == NULL || connection->wait != WAIT_DURABLE || connection->wait_until_ns == 0)
        return false;
    connection->wait_refused = refuse;
    connection->wait_until_ns = 1;
    return true;
}

void command_client_unblock(struct call *call)
{
    int64_t id;
    bool refuse = call->argc == 4 && call_arg_is(call, 3, "error");
    if (call->argc > 4) {
        commands_error_arguments(call);
    } else if (call->argc == 4 && !call_arg_is(call, 3, "timeout") &&
               !call_arg_is(call, 3, "error")) {
        resp_error(call->reply, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    } else if (call_arg_integer(call, 2, &id)) {
        struct connection *connection =
            id > 0 ? connection_by_id(call->server, (uint64_t)id) : NULL;
        resp_integer(call->reply, client_unblock(connection, refuse));
    }
}
