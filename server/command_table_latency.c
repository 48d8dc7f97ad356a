// The subcommands of LATENCY in the command table.
#include "server/command_table.h"

#include "server/command_table_macros.h"

// clang-format off

const struct command_doc command_table_latency[] = {
    {.name = "latency|doctor", .arity = 2, .group = GROUP_SERVER, .since = "2.8.13",
     .summary = "Explains in words what took long", .complexity = "O(1)", .flags = ADMINISTRATION,
     .tips = {"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"}},
    {.name = "latency|graph", .arity = 3, .group = GROUP_SERVER, .since = "2.8.13",
     .summary = "Draws the samples of an event", .complexity = "O(1)", .flags = ADMINISTRATION,
     .tips = {"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"},
     .arguments = arguments_latency_graph},
    {.name = "latency|help", .arity = 2, .group = GROUP_SERVER, .since = "2.8.13",
     .summary = "Explains the subcommands", .complexity = "O(1)",
     .flags = COMMAND_LOADING | COMMAND_STALE},
    {.name = "latency|histogram", .arity = -2, .group = GROUP_SERVER, .since = "7.0.0",
     .summary = "Returns how long commands take, as cumulative distributions",
     .complexity = "O(N) for N commands", .flags = ADMINISTRATION,
     .tips = {"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"},
     .arguments = arguments_latency_histogram},
    {.name = "latency|history", .arity = 3, .group = GROUP_SERVER, .since = "2.8.13",
     .summary = "Returns the samples of an event", .complexity = "O(1)", .flags = ADMINISTRATION,
     .tips = {"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"},
     .arguments = arguments_latency_graph},
    {.name = "latency|latest", .arity = 2, .group = GROUP_SERVER, .since = "2.8.13",
     .summary = "Returns the latest sample of every event", .complexity = "O(1)",
     .flags = ADMINISTRATION,
     .tips = {"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"}},
    {.name = "latency|reset", .arity = -2, .group = GROUP_SERVER, .since = "2.8.13",
     .summary = "Forgets the samples of all events, or some", .complexity = "O(1)",
     .flags = ADMINISTRATION, .tips = {"request_policy:all_nodes", "response_policy:all_succeeded"},
     .arguments = arguments_latency_reset},
    {0},
};
// clang-format on
