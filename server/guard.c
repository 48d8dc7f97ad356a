// Commands that must be allowed in the configuration.
#include "server/guard.h"

#include "server/call.h"
#include "server/command_handlers.h"
#include "server/commands.h"
#include "server/connection.h"
#include "server/server.h"

#include <stddef.h>

#define OBJECTION(command, setting)                                                                \
    "ERR " command " command not allowed. If the " setting                                         \
    " option is set to \"local\", you can run it from a local connection, otherwise you need to "  \
    "set this option in the configuration file, and then restart the server."

const char *guard_objection(const struct call *call)
{
    command_handler handler = call->command->handler;
    const struct config *config = &call->server->config;
    if (handler == command_module_load || handler == command_module_loadex ||
        handler == command_module_unload)
        return OBJECTION("MODULE", "enable-module-command");
    if (handler != command_debug || config->enable_debug_command == DEBUG_COMMAND_YES)
        return NULL;
    if (config->enable_debug_command == DEBUG_COMMAND_LOCAL &&
        connection_is_local(call->connection))
        return NULL;
    return OBJECTION("DEBUG", "enable-debug-command");
}
