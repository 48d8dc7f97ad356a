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
    pause_begin(call->server, mode, ms);
    call_ok(call);
}

void command_client_unpause(struct call *call)
{
    pause_end(call->server);
    call_ok(call);
}

// No command that could be ended so waits.
void command_client_unblock(struct call *call)
{
    int64_t id;
    if (call->argc > 4) {
        commands_error_arguments(call);
    } else if (call->argc == 4 && !call_arg_is(call, 3, "timeout") &&
               !call_arg_is(call, 3, "error")) {
        resp_error(call->reply, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    } else if (call_arg_integer(call, 2, &id)) {
        resp_integer(call->reply, 0);
    }
}
