// Names that clients give to their connections.
#include "server/client_name.h"

#include "server/connection.h"

#include <assert.h>
#include <string.h>

bool client_name_set(struct call *call, uint32_t index, struct connection_name *name,
                     const char *what)
{
    struct span text = call_arg(call, index);
    for (uint32_t i = 0; i < text.length; i++) {
        if (text.data[i] >= '!' && text.data[i] <= '~')
            continue;
        resp_errorf(call->reply, "ERR %s cannot contain spaces, newlines or special characters.",
                    what);
        return false;
    }
    if (text.length > sizeof(name->text)) {
        resp_errorf(call->reply, "ERR %s cannot be longer than %d bytes.", what, CLIENT_NAME_MAX);
        return false;
    }
    static_assert(sizeof(name->text) == CLIENT_NAME_MAX, "the message states the bound");
    name->length = (uint16_t)text.length;
    memcpy(name->text, text.data, text.length);
    return true;
}
