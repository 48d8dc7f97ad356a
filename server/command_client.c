// CLIENT, as far as it is about the own connection.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/client_name.h"
#include "server/commands.h"
#include "server/connection.h"

#include <stdbool.h>
#include <stddef.h>

void command_client_id(struct call *call)
{
    resp_integer(call->reply, (int64_t)call->connection->id);
}

void command_client_getname(struct call *call)
{
    const struct connection_name *name = &call->connection->name;
    if (name->length > 0)
        resp_bulk(call->reply, name->text, name->length);
    else
        resp_null(call->reply);
}

void command_client_setname(struct call *call)
{
    if (client_name_set(call, 2, &call->connection->name, "Client names"))
        call_ok(call);
}

void command_client_setinfo(struct call *call)
{
    struct connection *connection = call->connection;
    bool set;
    if (call_arg_is(call, 2, "lib-name")) {
        set = client_name_set(call, 3, &connection->lib_name, "lib-name");
    } else if (call_arg_is(call, 2, "lib-ver")) {
        set = client_name_set(call, 3, &connection->lib_version, "lib-ver");
    } else {
        struct span option = call_arg(call, 2);
        int length = option.length < 1024 ? (int)option.length : 1024;
        resp_errorf(call->reply, "ERR Unrecognized option '%.*s'", length,
                    (const char *)option.data);
        return;
    }
    if (set)
        call_ok(call);
}

static void client_switch(struct call *call, bool *setting)
{
    bool on = call_arg_is(call, 2, "on");
    if (!on && !call_arg_is(call, 2, "off")) {
        call_error_syntax(call);
        return;
    }
    *setting = on;
    call_ok(call);
}

void command_client_no_evict(struct call *call)
{
    client_switch(call, &call->connection->no_evict);
}

void command_client_no_touch(struct call *call)
{
    client_switch(call, &call->connection->no_touch);
}

// The modes take effect when the call is finished: OFF and SKIP leave no reply of their own.
void command_client_reply(struct call *call)
{
    struct connection *connection = call->connection;
    if (call_arg_is(call, 2, "on")) {
        connection->reply_mode = REPLY_ON;
        call_ok(call);
    } else if (call_arg_is(call, 2, "off")) {
        connection->reply_mode = REPLY_OFF;
    } else if (call_arg_is(call, 2, "skip")) {
        if (connection->reply_mode != REPLY_OFF)
            connection->reply_mode = REPLY_SKIP_NEXT;
    } else {
        call_error_syntax(call);
    }
}

void command_client_help(struct call *call)
{
    static const char *const lines[] = {
        "GETNAME",
        "    Tells the name of this connection.",
        "HELP",
        "    Shows this text.",
        "ID",
        "    Tells the number of this connection.",
        "INFO",
        "    Describes this connection in one line.",
        "KILL <ip:port>",
        "    Closes the connection from this address.",
        "KILL <filter> <value> [<filter> <value> ...]",
        "    Closes the connections that pass all filters:",
        "    * ID <number>",
        "    * ADDR <ip:port> (the client's end)",
        "    * LADDR <ip:port> (the server's end)",
        "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
        "    * USER <name>",
        "    * SKIPME (YES|NO): spare this connection (default: YES)",
        "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <number> [<number> ...]]",
        "    Describes all connections, or some, one in a line.",
        "NO-EVICT (ON|OFF)",
        "    Protects this connection when memory is short.",
        "NO-TOUCH (ON|OFF)",
        "    Lets this connection's reads not count as use of the keys.",
        "PAUSE <milliseconds> [WRITE|ALL]",
        "    Lets commands wait: those that change something, or all (default).",
        "REPLY (ON|OFF|SKIP)",
        "    Turns replies on or off, or drops the next one.",
        "SETINFO (LIB-NAME|LIB-VER) <text>",
        "    Notes the client library's name or version.",
        "SETNAME <name>",
        "    Names this connection.",
        "UNBLOCK <number> [TIMEOUT|ERROR]",
        "    Ends a command that waits in another connection.",
        "UNPAUSE",
        "    Ends a pause.",
        NULL,
    };
    commands_help(call, lines);
}
