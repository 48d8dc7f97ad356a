// What the subcommands of CLUSTER take: argument trees of COMMAND DOCS.
#include "server/command_table.h"

#include "server/command_table_macros.h"

// clang-format off

const struct command_argument arguments_cluster_addslots[] = {
    LINE(0, "slot", INTEGER, MULTIPLE),
    {0},
};

const struct command_argument arguments_cluster_addslotsrange[] = {
    LINE(0, "start-slot_end-slot", BLOCK, MULTIPLE),
        LINE(1, "start-slot", INTEGER),
        LINE(1, "end-slot", INTEGER),
    {0},
};

const struct command_argument arguments_cluster_count_failure_reports[] = {
    LINE(0, "node-id", STRING),
    {0},
};

const struct command_argument arguments_cluster_countkeysinslot[] = {
    LINE(0, "slot", INTEGER),
    {0},
};

const struct command_argument arguments_cluster_failover[] = {
    LINE(0, "options", ONEOF, OPTIONAL),
        LINE(1, "force", TOKEN, .token = "FORCE"),
        LINE(1, "takeover", TOKEN, .token = "TAKEOVER"),
    {0},
};

const struct command_argument arguments_cluster_getkeysinslot[] = {
    LINE(0, "slot", INTEGER),
    LINE(0, "count", INTEGER),
    {0},
};

const struct command_argument arguments_cluster_keyslot[] = {
    LINE(0, "key", STRING),
    {0},
};

const struct command_argument arguments_cluster_meet[] = {
    LINE(0, "ip", STRING),
    LINE(0, "port", INTEGER),
    LINE(0, "cluster_bus_port", INTEGER, .since = "4.0.0", OPTIONAL),
    {0},
};

const struct command_argument arguments_cluster_reset[] = {
    LINE(0, "hard_soft", ONEOF, OPTIONAL),
        LINE(1, "hard", TOKEN, .token = "HARD"),
        LINE(1, "soft", TOKEN, .token = "SOFT"),
    {0},
};

const struct command_argument arguments_cluster_set_config_epoch[] = {
    LINE(0, "config-epoch", INTEGER),
    {0},
};

const struct command_argument arguments_cluster_setslot[] = {
    LINE(0, "slot", INTEGER),
    LINE(0, "subcommand", ONEOF),
        LINE(1, "node-id", STRING, .token = "IMPORTING"),
        LINE(1, "node-id", STRING, .token = "MIGRATING"),
        LINE(1, "node-id", STRING, .token = "NODE"),
        LINE(1, "stable", TOKEN, .token = "STABLE"),
    {0},
};
// clang-format on
