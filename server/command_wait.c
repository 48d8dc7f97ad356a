// WAIT and WAITAOF: what others, and the disk, have of this connection's writes.
#include "server/command_handlers.h"

#include "protocol/number.h"
#include "server/call.h"

// A time span in milliseconds. False after a reply.
static bool wait_timeout_read(struct call *call, uint32_t index, int64_t *ms)
{
    struct span text = call_arg(call, index);
    const char *error = NULL;
    if (!number_parse(text.data, text.length, ms))
        error = "ERR timeout is not an integer or out of range";
    else if (*ms < 0)
        error = "ERR timeout is negative";
    if (error != NULL)
        resp_error(call->reply, error);
    return error == NULL;
}

// There are no replicas, and none can come: nobody has anything to wait for.
void command_wait(struct call *call)
{
    int64_t replicas;
    int64_t timeout_ms;
    if (call_arg_integer(call, 1, &replicas) && wait_timeout_read(call, 2, &timeout_ms))
        resp_integer(call->reply, 0);
}
