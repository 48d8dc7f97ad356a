// The subcommands of ACL in the command table.
#include "server/command_table.h"

#include "server/command_table_macros.h"

// clang-format off

const struct command_doc command_table_acl[] = {
    {.name = "acl|cat", .arity = -2, .group = GROUP_SERVER, .since = "6.0.0",
     .summary = "Lists the categories, or the commands in one", .complexity = "O(1)",
     .flags = CONNECTION_STATE, .arguments = arguments_acl_cat},
    {.name = "acl|deluser", .arity = -3, .group = GROUP_SERVER, .since = "6.0.0",
     .summary = "Removes users", .complexity = "O(N) for N names", .flags = ADMINISTRATION,
     .arguments = arguments_acl_deluser},
    {.name = "acl|dryrun", .arity = -4, .group = GROUP_SERVER, .since = "7.0.0",
     .summary = "Tells whether a user may execute a command, without executing it",
     .complexity = "O(1)", .flags = ADMINISTRATION, .arguments = arguments_acl_dryrun},
    {.name = "acl|genpass", .arity = -2, .group = GROUP_SERVER, .since = "6.0.0",
     .summary = "Makes a random password", .complexity = "O(1)", .flags = CONNECTION_STATE,
     .arguments = arguments_acl_genpass},
    {.name = "acl|getuser", .arity = 3, .group = GROUP_SERVER, .since = "6.0.0",
     .summary = "Describes a user", .complexity = "O(1)", .flags = ADMINISTRATION,
     .history = HISTORY({"6.2.0", "Channels"}, {"7.0.0",
              "Selectors; keys and channels in the form of rules"}),
     .arguments = arguments_acl_getuser},
    {.name = "acl|help", .arity = 2, .group = GROUP_SERVER, .since = "6.0.0",
     .summary = "Explains the subcommands", .complexity = "O(1)",
     .flags = COMMAND_LOADING | COMMAND_STALE},
    {.name = "acl|list", .arity = 2, .group = GROUP_SERVER, .since = "6.0.0",
     .summary = "Lists the users as rules", .complexity = "O(1)", .flags = ADMINISTRATION},
    {.name = "acl|load", .arity = 2, .group = GROUP_SERVER, .since = "6.0.0",
     .summary = "Reads the users from the file", .complexity = "O(1)", .flags = ADMINISTRATION},
    {.name = "acl|log", .arity = -2, .group = GROUP_SERVER, .since = "6.0.0",
     .summary = "Shows refused attempts", .complexity = "O(1)", .flags = ADMINISTRATION,
     .arguments = arguments_acl_log},
    {.name = "acl|save", .arity = 2, .group = GROUP_SERVER, .since = "6.0.0",
     .summary = "Writes the users to the file", .complexity = "O(1)", .flags = ADMINISTRATION},
    {.name = "acl|setuser", .arity = -3, .group = GROUP_SERVER, .since = "6.0.0",
     .summary = "Changes a user", .complexity = "O(N) for N rules", .flags = ADMINISTRATION,
     .history = HISTORY({"6.2.0", "Rules about channels"}, {"7.0.0",
              "Selectors and rules about keys"}), .arguments = arguments_acl_setuser},
    {.name = "acl|users", .arity = 2, .group = GROUP_SERVER, .since = "6.0.0",
     .summary = "Lists the names of the users", .complexity = "O(1)", .flags = ADMINISTRATION},
    {.name = "acl|whoami", .arity = 2, .group = GROUP_SERVER, .since = "6.0.0",
     .summary = "Returns the user of this connection", .complexity = "O(1)",
     .flags = CONNECTION_STATE},
    {0},
};
// clang-format on
