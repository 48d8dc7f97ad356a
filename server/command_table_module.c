// The subcommands of MODULE in the command table.
#include "server/command_table.h"

#include "server/command_table_macros.h"

// clang-format off

const struct command_doc command_table_module[] = {
    {.name = "module|help", .arity = 2, .group = GROUP_SERVER, .since = "5.0.0",
     .summary = "Explains the subcommands", .complexity = "O(1)",
     .flags = COMMAND_LOADING | COMMAND_STALE},
    {.name = "module|list", .arity = 2, .group = GROUP_SERVER, .since = "4.0.0",
     .summary = "Lists the modules that are loaded", .complexity = "O(1)",
     .flags = COMMAND_ADMIN | COMMAND_NOSCRIPT, .tips = {"nondeterministic_output_order"}},
    {.name = "module|load", .arity = -3, .group = GROUP_SERVER, .since = "4.0.0",
     .summary = "Loads a module", .complexity = "O(1)",
     .flags = COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_NO_ASYNC_LOADING,
     .arguments = arguments_module_load},
    {.name = "module|loadex", .arity = -3, .group = GROUP_SERVER, .since = "7.0.0",
     .summary = "Loads a module with settings", .complexity = "O(1)",
     .flags = COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_NO_ASYNC_LOADING,
     .arguments = arguments_module_loadex},
    {.name = "module|unload", .arity = 3, .group = GROUP_SERVER, .since = "4.0.0",
     .summary = "Unloads a module", .complexity = "O(1)",
     .flags = COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_NO_ASYNC_LOADING,
     .arguments = arguments_module_unload},
    {0},
};
// clang-format on
