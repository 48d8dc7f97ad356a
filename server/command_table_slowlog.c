// The subcommands of SLOWLOG in the command table.
#include "server/command_table.h"

#include "server/command_table_macros.h"

// clang-format off

const struct command_doc command_table_slowlog[] = {
    {.name = "slowlog|get", .arity = -2, .group = GROUP_SERVER, .since = "2.2.12",
     .summary = "Returns the latest slow commands", .complexity = "O(N) for N entries",
     .flags = COMMAND_ADMIN | COMMAND_LOADING | COMMAND_STALE,
     .tips = {"request_policy:all_nodes", "nondeterministic_output"},
     .history = HISTORY({"4.0.0", "Fields for the client's address and name"}),
     .arguments = arguments_slowlog_get},
    {.name = "slowlog|help", .arity = 2, .group = GROUP_SERVER, .since = "6.2.0",
     .summary = "Explains the subcommands", .complexity = "O(1)",
     .flags = COMMAND_LOADING | COMMAND_STALE},
    {.name = "slowlog|len", .arity = 2, .group = GROUP_SERVER, .since = "2.2.12",
     .summary = "Counts the slow commands that are kept", .complexity = "O(1)",
     .flags = COMMAND_ADMIN | COMMAND_LOADING | COMMAND_STALE,
     .tips = {"request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"}},
    {.name = "slowlog|reset", .arity = 2, .group = GROUP_SERVER, .since = "2.2.12",
     .summary = "Forgets all slow commands", .complexity = "O(N) for N entries",
     .flags = COMMAND_ADMIN | COMMAND_LOADING | COMMAND_STALE,
     .tips = {"request_policy:all_nodes", "response_policy:all_succeeded"}},
    {0},
};
// clang-format on
