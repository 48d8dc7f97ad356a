// ROLE, REPLICAOF, SLAVEOF: this server is a master without replicas.
#include "server/command_handlers.h"

#include "protocol/number.h"
#include "server/call.h"

void command_role(struct call *call)
{
    resp_array(call->reply, 3);
    resp_bulk_text(call->reply, "master");
    resp_integer(call->reply, 0);
    resp_array(call->reply, 0);
}

void command_replicaof(struct call *call)
{
    if (call_arg_is(call, 1, "no") && call_arg_is(call, 2, "one")) {
        call_ok(call);
        return;
    }
    struct span text = call_arg(call, 2);
    int64_t port;
    if (!number_parse(text.data, text.length, &port) || port < 0 || port > 65535)
        resp_error(call->reply, "ERR Invalid master port");
    else
        resp_error(call->reply, "ERR replication is not supported: this server is always a master");
}

void command_slaveof(struct call *call)
{
    command_replicaof(call);
}
