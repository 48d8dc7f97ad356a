// MODULE: there are no modules.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/commands.h"
#include "server/guard.h"

void command_module_list(struct call *call)
{
    resp_array(call->reply, 0);
}

// They are never allowed.
static void module_error(struct call *call)
{
    resp_error(call->reply, guard_objection(call));
}

void command_module_load(struct call *call)
{
    module_error(call);
}

void command_module_loadex(struct call *call)
{
    module_error(call);
}

void command_module_unload(struct call *call)
{
    module_error(call);
}

void command_module_help(struct call *call)
{
    static const char *const lines[] = {
        "HELP",
        "    Shows this text.",
        "LIST",
        "    Lists the modules: there are none.",
        "LOAD <path> [<argument> ...]",
        "    Loads a module: that is not possible.",
        "LOADEX <path> [CONFIG <name> <value> ...] [ARGS <argument> ...]",
        "    Loads a module: that is not possible.",
        "UNLOAD <name>",
        "    Unloads a module: there are none.",
        NULL,
    };
    commands_help(call, lines);
}
