// What every command takes: the argument trees of COMMAND DOCS, line by line.
#include "server/command_table.h"

#include "server/command_table_macros.h"

#include <stddef.h>

// Names, types, tokens and versions are those of Redis 7.0 (the two of 7.2: CLIENT SETINFO and
// CLIENT NO-TOUCH). A LINE's first number is its depth. Every tree ends with an
// empty line.

// clang-format off

const struct command_argument arguments_append[] = {
    LINE(0, "key", KEY),
    LINE(0, "value", STRING),
    {0},
};

const struct command_argument arguments_auth[] = {
    LINE(0, "username", STRING, .since = "6.0.0", OPTIONAL),
    LINE(0, "password", STRING),
    {0},
};

const struct command_argument arguments_client_kill[] = {
    LINE(0, "filter", ONEOF),
        LINE(1, "ip:port", STRING, .deprecated_since = "2.8.12"),
        LINE(1, "new-format", ONEOF, MULTIPLE),
            LINE(2, "client-id", INTEGER, .token = "ID", .since = "2.8.12", OPTIONAL),
            LINE(2, "normal_master_slave_pubsub", ONEOF, .token = "TYPE", .since = "2.8.12",
                 OPTIONAL),
                LINE(3, "normal", TOKEN, .token = "NORMAL"),
                LINE(3, "master", TOKEN, .token = "MASTER", .since = "3.2.0"),
                LINE(3, "slave", TOKEN, .token = "SLAVE"),
                LINE(3, "replica", TOKEN, .token = "REPLICA", .since = "5.0.0"),
                LINE(3, "pubsub", TOKEN, .token = "PUBSUB"),
            LINE(2, "username", STRING, .token = "USER", OPTIONAL),
            LINE(2, "ip:port", STRING, .token = "ADDR", OPTIONAL),
            LINE(2, "ip:port", STRING, .token = "LADDR", .since = "6.2.0", OPTIONAL),
            LINE(2, "yes/no", STRING, .token = "SKIPME", OPTIONAL),
    {0},
};

const struct command_argument arguments_client_list[] = {
    LINE(0, "normal_master_replica_pubsub", ONEOF, .token = "TYPE", .since = "5.0.0", OPTIONAL),
        LINE(1, "normal", TOKEN, .token = "NORMAL"),
        LINE(1, "master", TOKEN, .token = "MASTER"),
        LINE(1, "replica", TOKEN, .token = "REPLICA"),
        LINE(1, "pubsub", TOKEN, .token = "PUBSUB"),
    LINE(0, "id", BLOCK, .token = "ID", .since = "6.2.0", OPTIONAL),
        LINE(1, "client-id", INTEGER, MULTIPLE),
    {0},
};

const struct command_argument arguments_on_off[] = {
    LINE(0, "enabled", ONEOF),
        LINE(1, "on", TOKEN, .token = "ON"),
        LINE(1, "off", TOKEN, .token = "OFF"),
    {0},
};

const struct command_argument arguments_client_reply[] = {
    LINE(0, "on_off_skip", ONEOF),
        LINE(1, "on", TOKEN, .token = "ON"),
        LINE(1, "off", TOKEN, .token = "OFF"),
        LINE(1, "skip", TOKEN, .token = "SKIP"),
    {0},
};

const struct command_argument arguments_client_setinfo[] = {
    LINE(0, "attr", ONEOF),
        LINE(1, "libname", STRING, .token = "lib-name"),
        LINE(1, "libver", STRING, .token = "lib-ver"),
    {0},
};

const struct command_argument arguments_client_setname[] = {
    LINE(0, "connection-name", STRING),
    {0},
};

const struct command_argument arguments_command_names[] = {
    LINE(0, "command-name", STRING, OPTIONAL_MULTIPLE),
    {0},
};

const struct command_argument arguments_command_list[] = {
    LINE(0, "filterby", ONEOF, .token = "FILTERBY", OPTIONAL),
        LINE(1, "module-name", STRING, .token = "MODULE"),
        LINE(1, "category", STRING, .token = "ACLCAT"),
        LINE(1, "pattern", PATTERN, .token = "PATTERN"),
    {0},
};

const struct command_argument arguments_config_get[] = {
    LINE(0, "parameter", BLOCK, MULTIPLE),
        LINE(1, "parameter", STRING),
    {0},
};

const struct command_argument arguments_config_set[] = {
    LINE(0, "parameter_value", BLOCK, MULTIPLE),
        LINE(1, "parameter", STRING),
        LINE(1, "value", STRING),
    {0},
};

const struct command_argument arguments_key[] = {
    LINE(0, "key", KEY),
    {0},
};

const struct command_argument arguments_decrby[] = {
    LINE(0, "key", KEY),
    LINE(0, "decrement", INTEGER),
    {0},
};

const struct command_argument arguments_some_keys[] = {
    LINE(0, "key", KEY, MULTIPLE),
    {0},
};

const struct command_argument arguments_message[] = {
    LINE(0, "message", STRING),
    {0},
};

const struct command_argument arguments_expire[] = {
    LINE(0, "key", KEY),
    LINE(0, "seconds", INTEGER),
    LINE(0, "condition", ONEOF, .since = "7.0.0", OPTIONAL),
        LINE(1, "nx", TOKEN, .token = "NX"),
        LINE(1, "xx", TOKEN, .token = "XX"),
        LINE(1, "gt", TOKEN, .token = "GT"),
        LINE(1, "lt", TOKEN, .token = "LT"),
    {0},
};

const struct command_argument arguments_flush[] = {
    LINE(0, "async", ONEOF, OPTIONAL),
        LINE(1, "async", TOKEN, .token = "ASYNC", .since = "4.0.0"),
        LINE(1, "sync", TOKEN, .token = "SYNC", .since = "6.2.0"),
    {0},
};

const struct command_argument arguments_hello[] = {
    LINE(0, "arguments", BLOCK, OPTIONAL),
        LINE(1, "protover", INTEGER),
        LINE(1, "username_password", BLOCK, .token = "AUTH", OPTIONAL),
            LINE(2, "username", STRING),
            LINE(2, "password", STRING),
        LINE(1, "clientname", STRING, .token = "SETNAME", OPTIONAL),
    {0},
};

const struct command_argument arguments_incrby[] = {
    LINE(0, "key", KEY),
    LINE(0, "increment", INTEGER),
    {0},
};

const struct command_argument arguments_info[] = {
    LINE(0, "section", STRING, OPTIONAL_MULTIPLE),
    {0},
};

const struct command_argument arguments_keys[] = {
    LINE(0, "pattern", PATTERN),
    {0},
};

const struct command_argument arguments_mset[] = {
    LINE(0, "key_value", BLOCK, MULTIPLE),
        LINE(1, "key", KEY),
        LINE(1, "value", STRING),
    {0},
};

const struct command_argument arguments_pexpire[] = {
    LINE(0, "key", KEY),
    LINE(0, "milliseconds", INTEGER),
    LINE(0, "condition", ONEOF, .since = "7.0.0", OPTIONAL),
        LINE(1, "nx", TOKEN, .token = "NX"),
        LINE(1, "xx", TOKEN, .token = "XX"),
        LINE(1, "gt", TOKEN, .token = "GT"),
        LINE(1, "lt", TOKEN, .token = "LT"),
    {0},
};

const struct command_argument arguments_ping[] = {
    LINE(0, "message", STRING, OPTIONAL),
    {0},
};

const struct command_argument arguments_scan[] = {
    LINE(0, "cursor", INTEGER),
    LINE(0, "pattern", PATTERN, .token = "MATCH", OPTIONAL),
    LINE(0, "count", INTEGER, .token = "COUNT", OPTIONAL),
    LINE(0, "type", STRING, .token = "TYPE", .since = "6.0.0", OPTIONAL),
    {0},
};

const struct command_argument arguments_select[] = {
    LINE(0, "index", INTEGER),
    {0},
};

const struct command_argument arguments_set[] = {
    LINE(0, "key", KEY),
    LINE(0, "value", STRING),
    LINE(0, "condition", ONEOF, .since = "2.6.12", OPTIONAL),
        LINE(1, "nx", TOKEN, .token = "NX"),
        LINE(1, "xx", TOKEN, .token = "XX"),
        LINE(1, "ifeq-value", STRING, .token = "IFEQ", .since = "8.4.0"),
        LINE(1, "ifne-value", STRING, .token = "IFNE", .since = "8.4.0"),
        LINE(1, "ifdeq-digest", STRING, .token = "IFDEQ", .since = "8.4.0"),
        LINE(1, "ifdne-digest", STRING, .token = "IFDNE", .since = "8.4.0"),
    LINE(0, "get", TOKEN, .token = "GET", .since = "6.2.0", OPTIONAL),
    LINE(0, "expiration", ONEOF, OPTIONAL),
        LINE(1, "seconds", INTEGER, .token = "EX", .since = "2.6.12"),
        LINE(1, "milliseconds", INTEGER, .token = "PX", .since = "2.6.12"),
        LINE(1, "unix-time-seconds", UNIX_TIME, .token = "EXAT", .since = "6.2.0"),
        LINE(1, "unix-time-milliseconds", UNIX_TIME, .token = "PXAT", .since = "6.2.0"),
        LINE(1, "keepttl", TOKEN, .token = "KEEPTTL", .since = "6.0.0"),
    {0},
};

const struct command_argument arguments_shutdown[] = {
    LINE(0, "nosave_save", ONEOF, OPTIONAL),
        LINE(1, "nosave", TOKEN, .token = "NOSAVE"),
        LINE(1, "save", TOKEN, .token = "SAVE"),
    LINE(0, "now", TOKEN, .token = "NOW", .since = "7.0.0", OPTIONAL),
    LINE(0, "force", TOKEN, .token = "FORCE", .since = "7.0.0", OPTIONAL),
    LINE(0, "abort", TOKEN, .token = "ABORT", .since = "7.0.0", OPTIONAL),
    {0},
};
// clang-format on
