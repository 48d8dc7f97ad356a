// What commands on the server take: argument trees of COMMAND DOCS.
#include "server/command_table.h"

#include "server/command_table_macros.h"

// clang-format off

const struct command_argument arguments_acl_cat[] = {
    LINE(0, "categoryname", STRING, OPTIONAL),
    {0},
};

const struct command_argument arguments_acl_deluser[] = {
    LINE(0, "username", STRING, MULTIPLE),
    {0},
};

const struct command_argument arguments_acl_dryrun[] = {
    LINE(0, "username", STRING),
    LINE(0, "command", STRING),
    LINE(0, "arg", STRING, OPTIONAL_MULTIPLE),
    {0},
};

const struct command_argument arguments_acl_genpass[] = {
    LINE(0, "bits", INTEGER, OPTIONAL),
    {0},
};

const struct command_argument arguments_acl_getuser[] = {
    LINE(0, "username", STRING),
    {0},
};

const struct command_argument arguments_acl_log[] = {
    LINE(0, "operation", ONEOF, OPTIONAL),
        LINE(1, "count", INTEGER),
        LINE(1, "reset", TOKEN, .token = "RESET"),
    {0},
};

const struct command_argument arguments_acl_setuser[] = {
    LINE(0, "username", STRING),
    LINE(0, "rule", STRING, OPTIONAL_MULTIPLE),
    {0},
};

const struct command_argument arguments_bgsave[] = {
    LINE(0, "schedule", TOKEN, .token = "SCHEDULE", .since = "3.2.2", OPTIONAL),
    {0},
};

const struct command_argument arguments_client_pause[] = {
    LINE(0, "timeout", INTEGER),
    LINE(0, "mode", ONEOF, .since = "6.2.0", OPTIONAL),
        LINE(1, "write", TOKEN, .token = "WRITE"),
        LINE(1, "all", TOKEN, .token = "ALL"),
    {0},
};

const struct command_argument arguments_client_unblock[] = {
    LINE(0, "client-id", INTEGER),
    LINE(0, "timeout_error", ONEOF, OPTIONAL),
        LINE(1, "timeout", TOKEN, .token = "TIMEOUT"),
        LINE(1, "error", TOKEN, .token = "ERROR"),
    {0},
};

const struct command_argument arguments_latency_graph[] = {
    LINE(0, "event", STRING),
    {0},
};

const struct command_argument arguments_latency_histogram[] = {
    LINE(0, "command", STRING, OPTIONAL_MULTIPLE),
    {0},
};

const struct command_argument arguments_latency_reset[] = {
    LINE(0, "event", STRING, OPTIONAL_MULTIPLE),
    {0},
};

const struct command_argument arguments_lolwut[] = {
    LINE(0, "version", INTEGER, .token = "VERSION", OPTIONAL),
    {0},
};

const struct command_argument arguments_memory_usage[] = {
    LINE(0, "key", KEY),
    LINE(0, "count", INTEGER, .token = "SAMPLES", OPTIONAL),
    {0},
};

const struct command_argument arguments_module_load[] = {
    LINE(0, "path", STRING),
    LINE(0, "arg", STRING, OPTIONAL_MULTIPLE),
    {0},
};

const struct command_argument arguments_module_loadex[] = {
    LINE(0, "path", STRING),
    LINE(0, "configs", BLOCK, .token = "CONFIG", OPTIONAL_MULTIPLE_MULTIPLE_TOKEN),
        LINE(1, "name", STRING),
        LINE(1, "value", STRING),
    LINE(0, "args", BLOCK, .token = "ARGS", OPTIONAL_MULTIPLE),
        LINE(1, "arg", STRING),
    {0},
};

const struct command_argument arguments_module_unload[] = {
    LINE(0, "name", STRING),
    {0},
};

const struct command_argument arguments_replicaof[] = {
    LINE(0, "args", ONEOF),
        LINE(1, "host-port", BLOCK),
            LINE(2, "host", STRING),
            LINE(2, "port", INTEGER),
        LINE(1, "no-one", BLOCK),
            LINE(2, "no", TOKEN, .token = "NO"),
            LINE(2, "one", TOKEN, .token = "ONE"),
    {0},
};

const struct command_argument arguments_slowlog_get[] = {
    LINE(0, "count", INTEGER, OPTIONAL),
    {0},
};
// clang-format on
