// What the commands on keys take: their argument trees of COMMAND DOCS, line by line.
#include "server/command_table.h"
#include "server/command_table_macros.h"

#include <stddef.h>

// clang-format off

const struct command_argument arguments_copy[] = {
    LINE(0, "source", KEY),
    LINE(0, "destination", KEY, .key_spec = 1),
    LINE(0, "destination-db", INTEGER, .token = "DB", OPTIONAL),
    LINE(0, "replace", TOKEN, .token = "REPLACE", OPTIONAL),
    {0},
};

const struct command_argument arguments_expireat[] = {
    LINE(0, "key", KEY),
    LINE(0, "unix-time-seconds", UNIX_TIME),
    LINE(0, "condition", ONEOF, .since = "7.0.0", OPTIONAL),
        LINE(1, "nx", TOKEN, .token = "NX"),
        LINE(1, "xx", TOKEN, .token = "XX"),
        LINE(1, "gt", TOKEN, .token = "GT"),
        LINE(1, "lt", TOKEN, .token = "LT"),
    {0},
};

const struct command_argument arguments_move[] = {
    LINE(0, "key", KEY),
    LINE(0, "db", INTEGER),
    {0},
};

const struct command_argument arguments_pexpireat[] = {
    LINE(0, "key", KEY),
    LINE(0, "unix-time-milliseconds", UNIX_TIME),
    LINE(0, "condition", ONEOF, .since = "7.0.0", OPTIONAL),
        LINE(1, "nx", TOKEN, .token = "NX"),
        LINE(1, "xx", TOKEN, .token = "XX"),
        LINE(1, "gt", TOKEN, .token = "GT"),
        LINE(1, "lt", TOKEN, .token = "LT"),
    {0},
};

const struct command_argument arguments_rename[] = {
    LINE(0, "key", KEY),
    LINE(0, "newkey", KEY, .key_spec = 1),
    {0},
};

const struct command_argument arguments_restore[] = {
    LINE(0, "key", KEY),
    LINE(0, "ttl", INTEGER),
    LINE(0, "serialized-value", STRING),
    LINE(0, "replace", TOKEN, .token = "REPLACE", .since = "3.0.0", OPTIONAL),
    LINE(0, "absttl", TOKEN, .token = "ABSTTL", .since = "5.0.0", OPTIONAL),
    LINE(0, "seconds", INTEGER, .token = "IDLETIME", .since = "5.0.0", OPTIONAL),
    LINE(0, "frequency", INTEGER, .token = "FREQ", .since = "5.0.0", OPTIONAL),
    {0},
};

const struct command_argument arguments_swapdb[] = {
    LINE(0, "index1", INTEGER),
    LINE(0, "index2", INTEGER),
    {0},
};

const struct command_argument arguments_wait[] = {
    LINE(0, "numreplicas", INTEGER),
    LINE(0, "timeout", INTEGER),
    {0},
};

const struct command_argument arguments_waitaof[] = {
    LINE(0, "numlocal", INTEGER),
    LINE(0, "numreplicas", INTEGER),
    LINE(0, "timeout", INTEGER),
    {0},
};
// clang-format on
