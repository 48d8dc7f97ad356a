// Commands on the server itself: TIME and SHUTDOWN.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/clock.h"
#include "server/server.h"

#include <stdbool.h>

void command_time(struct call *call)
{
    int64_t now_us = clock_wall_us();
    resp_array(call->reply, 2);
    resp_bulk_integer(call->reply, now_us / 1000000);
    resp_bulk_integer(call->reply, now_us % 1000000);
}

// A stop makes everything durable in any case and takes no snapshot: SAVE, NOSAVE, NOW and FORCE
// are accepted and change nothing. It begins at once and cannot be taken back.
void command_shutdown(struct call *call)
{
    bool save = false;
    bool no_save = false;
    bool other = false;
    bool abort = false;
    bool valid = true;
    for (uint32_t i = 1; i < call->argc; i++) {
        if (call_arg_is(call, i, "save"))
            save = true;
        else if (call_arg_is(call, i, "nosave"))
            no_save = true;
        else if (call_arg_is(call, i, "now") || call_arg_is(call, i, "force"))
            other = true;
        else if (call_arg_is(call, i, "abort"))
            abort = true;
        else
            valid = false;
    }
    if (!valid || (save && no_save) || (abort && (save || no_save || other)))
        call_error_syntax(call);
    else if (abort)
        resp_error(call->reply, "ERR No shutdown in progress.");
    else
        server_stop(call->server);
}
