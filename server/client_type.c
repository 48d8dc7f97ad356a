// Types of clients, as CLIENT LIST and CLIENT KILL filter by them.
#include "server/client_type.h"

#include <stddef.h>

bool client_type_read(struct call *call, uint32_t index, bool *every)
{
    static const char *const others[] = {"master", "replica", "slave", "pubsub"};
    *every = call_arg_is(call, index, "normal");
    if (*every)
        return true;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (call_arg_is(call, index, others[i]))
            return true;
    }
    struct span type = call_arg(call, index);
    int length = type.length < 1024 ? (int)type.length : 1024;
    resp_errorf(call->reply, "ERR Unknown client type '%.*s'", length, (const char *)type.data);
    return false;
}
