// SLOWLOG: shows and empties the slow log.
#include "server/command_handlers.h"

#include "protocol/number.h"
#include "server/call.h"
#include "server/commands.h"
#include "server/server.h"
#include "server/slowlog.h"

#define GET_DEFAULT 10

void command_slowlog_get(struct call *call)
{
    int64_t count = GET_DEFAULT;
    if (call->argc > 3) {
        commands_error_arguments(call);
        return;
    }
    if (call->argc == 3) {
        struct span text = call_arg(call, 2);
        if (!number_parse(text.data, text.length, &count) || count < -1) {
            resp_error(call->reply, "ERR count should be greater than or equal to -1");
            return;
        }
    }
    if (count == -1 || count > UINT32_MAX)
        count = UINT32_MAX;
    slowlog_reply(call->server->slowlog, (uint32_t)count, call->reply);
}

void command_slowlog_len(struct call *call)
{
    resp_integer(call->reply, slowlog_count(call->server->slowlog));
}

void command_slowlog_reset(struct call *call)
{
    slowlog_reset(call->server->slowlog);
    call_ok(call);
}

void command_slowlog_help(struct call *call)
{
    static const char *const lines[] = {
        "GET [<count>]",
        "    Shows the latest entries (default: 10; -1: all), each with its number, time,",
        "    duration in microseconds, arguments, and the client's address and name.",
        "HELP",
        "    Shows this text.",
        "LEN",
        "    Counts the entries.",
        "RESET",
        "    Forgets all entries.",
        NULL,
    };
    commands_help(call, lines);
}
