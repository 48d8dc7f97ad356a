// Secrets: which arguments of which commands.
#include "server/redact.h"

#include "server/call.h"
#include "server/command_handlers.h"
#include "server/commands.h"

#include <stdbool.h>
#include <string.h>

// HELLO version [AUTH user password] ...
static bool redact_hello(const struct call *call, uint32_t index)
{
    for (uint32_t i = 2; i + 2 < call->argc; i++) {
        if (call_arg_is(call, i, "auth") && (index == i + 1 || index == i + 2))
            return true;
    }
    return false;
}

static bool redact_is_secret(const struct call *call, uint32_t index)
{
    command_handler handler = call->command->handler;
    if (handler == command_auth)
        return index >= 1;
    if (handler == command_hello)
        return redact_hello(call, index);
    if (handler == command_acl_setuser)
        return index >= 2;
    if (handler == command_config_set)
        return index >= 3 && index % 2 == 1 && call_arg_is(call, index - 1, "requirepass");
    return false;
}

struct redacted redact_argument(const struct call *call, uint32_t index)
{
    static const char text[] = "(redacted)";
    const struct resp_arg *arg = &call->args[index];
    if (redact_is_secret(call, index))
        return (struct redacted){(const uint8_t *)text, (uint32_t)strlen(text)};
    if (arg->external && arg->where == 0)
        return (struct redacted){NULL, arg->length};
    struct span span = call_arg(call, index);
    return (struct redacted){span.data, span.length};
}
