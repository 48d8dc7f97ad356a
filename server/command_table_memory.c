// The subcommands of MEMORY in the command table.
#include "server/command_table.h"

#include "server/command_table_macros.h"

// clang-format off

const struct command_doc command_table_memory[] = {
    {.name = "memory|doctor", .arity = 2, .group = GROUP_SERVER, .since = "4.0.0",
     .summary = "Explains in words what is odd about memory", .complexity = "O(1)",
     .tips = {"nondeterministic_output", "request_policy:all_shards", "response_policy:special"}},
    {.name = "memory|help", .arity = 2, .group = GROUP_SERVER, .since = "4.0.0",
     .summary = "Explains the subcommands", .complexity = "O(1)",
     .flags = COMMAND_LOADING | COMMAND_STALE},
    {.name = "memory|malloc-stats", .arity = 2, .group = GROUP_SERVER, .since = "4.0.0",
     .summary = "Describes the allocator's state", .complexity = "O(1)",
     .tips = {"nondeterministic_output", "request_policy:all_shards", "response_policy:special"}},
    {.name = "memory|purge", .arity = 2, .group = GROUP_SERVER, .since = "4.0.0",
     .summary = "Returns unused memory to the system", .complexity = "O(N) for N unused pages",
     .tips = {"request_policy:all_shards", "response_policy:all_succeeded"}},
    {.name = "memory|stats", .arity = 2, .group = GROUP_SERVER, .since = "4.0.0",
     .summary = "Returns numbers about memory", .complexity = "O(1)",
     .tips = {"nondeterministic_output", "request_policy:all_shards", "response_policy:special"}},
    {.name = "memory|usage", .arity = -3, .group = GROUP_SERVER, .since = "4.0.0",
     .summary = "Returns the bytes that a key takes", .complexity = "O(1)",
     .flags = COMMAND_READONLY, .first_key = 2, .last_key = 2, .key_step = 1, .key_flags = KEY_RO,
     .arguments = arguments_memory_usage},
    {0},
};
// clang-format on
