// The command table's rows of OBJECT.
#include "server/command_table.h"

#include <stddef.h>

// clang-format off
#define ABOUT_KEY                                                                                  \
    .arity = 3, .group = GROUP_GENERIC, .complexity = "O(1)", .flags = COMMAND_READONLY,           \
    .categories = CATEGORY_KEYSPACE, .first_key = 2, .last_key = 2, .key_step = 1,                 \
    .key_flags = KEY_RO, .tips = {"nondeterministic_output"}, .arguments = arguments_key

const struct command_doc command_table_object[] = {
    {.name = "object|encoding", .since = "2.2.3", ABOUT_KEY,
     .summary = "Says in which form Redis would keep the value"},
    {.name = "object|freq", .since = "4.0.0", ABOUT_KEY,
     .summary = "Says how often the key is used, where that is counted"},
    {.name = "object|help", .arity = 2, .group = GROUP_GENERIC, .since = "6.2.0",
     .summary = "Explains the subcommands", .complexity = "O(1)",
     .flags = COMMAND_LOADING | COMMAND_STALE, .categories = CATEGORY_KEYSPACE},
    {.name = "object|idletime", .since = "2.2.3", ABOUT_KEY,
     .summary = "Says how long ago the key was used last"},
    {.name = "object|refcount", .since = "2.2.3", ABOUT_KEY,
     .summary = "Says how many keys share the value"},
    {0},
};
// clang-format on
