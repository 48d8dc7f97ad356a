// What the commands on strings and bits take: argument trees, as in command_arguments.c.
#include "server/command_table.h"

#include "server/command_table_macros.h"

#include <stddef.h>

// clang-format off

#define EXPIRATIONS(level) \
    LINE(level, "seconds", INTEGER, .token = "EX"), \
    LINE(level, "milliseconds", INTEGER, .token = "PX"), \
    LINE(level, "unix-time-seconds", UNIX_TIME, .token = "EXAT"), \
    LINE(level, "unix-time-milliseconds", UNIX_TIME, .token = "PXAT")

const struct command_argument arguments_bitcount[] = {
    LINE(0, "key", KEY),
    LINE(0, "index", BLOCK, OPTIONAL),
        LINE(1, "start", INTEGER),
        LINE(1, "end", INTEGER),
        LINE(1, "index_unit", ONEOF, .since = "7.0.0", OPTIONAL),
            LINE(2, "byte", TOKEN, .token = "BYTE"),
            LINE(2, "bit", TOKEN, .token = "BIT"),
    {0},
};

const struct command_argument arguments_bitfield[] = {
    LINE(0, "key", KEY),
    LINE(0, "operation", ONEOF, OPTIONAL_MULTIPLE),
        LINE(1, "encoding_offset", BLOCK, .token = "GET"),
            LINE(2, "encoding", STRING),
            LINE(2, "offset", INTEGER),
        LINE(1, "write", BLOCK),
            LINE(2, "wrap_sat_fail", ONEOF, .token = "OVERFLOW", OPTIONAL),
                LINE(3, "wrap", TOKEN, .token = "WRAP"),
                LINE(3, "sat", TOKEN, .token = "SAT"),
                LINE(3, "fail", TOKEN, .token = "FAIL"),
            LINE(2, "write_operation", ONEOF),
                LINE(3, "encoding_offset_value", BLOCK, .token = "SET"),
                    LINE(4, "encoding", STRING),
                    LINE(4, "offset", INTEGER),
                    LINE(4, "value", INTEGER),
                LINE(3, "encoding_offset_increment", BLOCK, .token = "INCRBY"),
                    LINE(4, "encoding", STRING),
                    LINE(4, "offset", INTEGER),
                    LINE(4, "increment", INTEGER),
    {0},
};

const struct command_argument arguments_bitfield_ro[] = {
    LINE(0, "key", KEY),
    LINE(0, "encoding_offset", BLOCK, .token = "GET",
         OPTIONAL_MULTIPLE | ARGUMENT_MULTIPLE_TOKEN),
        LINE(1, "encoding", STRING),
        LINE(1, "offset", INTEGER),
    {0},
};

const struct command_argument arguments_bitop[] = {
    LINE(0, "operation", STRING),
    LINE(0, "destkey", KEY),
    LINE(0, "key", KEY, .key_spec = 1, MULTIPLE),
    {0},
};

const struct command_argument arguments_bitpos[] = {
    LINE(0, "key", KEY),
    LINE(0, "bit", INTEGER),
    LINE(0, "index", BLOCK, OPTIONAL),
        LINE(1, "start", INTEGER),
        LINE(1, "end_index", BLOCK, OPTIONAL),
            LINE(2, "end", INTEGER),
            LINE(2, "index_unit", ONEOF, .since = "7.0.0", OPTIONAL),
                LINE(3, "byte", TOKEN, .token = "BYTE"),
                LINE(3, "bit", TOKEN, .token = "BIT"),
    {0},
};

const struct command_argument arguments_delex[] = {
    LINE(0, "key", KEY),
    LINE(0, "condition", ONEOF, OPTIONAL),
        LINE(1, "ifeq-value", STRING, .token = "IFEQ"),
        LINE(1, "ifne-value", STRING, .token = "IFNE"),
        LINE(1, "ifdeq-digest", STRING, .token = "IFDEQ"),
        LINE(1, "ifdne-digest", STRING, .token = "IFDNE"),
    {0},
};

const struct command_argument arguments_getbit[] = {
    LINE(0, "key", KEY),
    LINE(0, "offset", INTEGER),
    {0},
};

const struct command_argument arguments_getex[] = {
    LINE(0, "key", KEY),
    LINE(0, "expiration", ONEOF, OPTIONAL),
        EXPIRATIONS(1),
        LINE(1, "persist", TOKEN, .token = "PERSIST"),
    {0},
};

const struct command_argument arguments_getrange[] = {
    LINE(0, "key", KEY),
    LINE(0, "start", INTEGER),
    LINE(0, "end", INTEGER),
    {0},
};

const struct command_argument arguments_incrbyfloat[] = {
    LINE(0, "key", KEY),
    LINE(0, "increment", DOUBLE),
    {0},
};

const struct command_argument arguments_increx[] = {
    LINE(0, "key", KEY),
    LINE(0, "increment", ONEOF, OPTIONAL),
        LINE(1, "float", DOUBLE, .token = "BYFLOAT"),
        LINE(1, "integer", INTEGER, .token = "BYINT"),
    LINE(0, "lowerbound", STRING, .token = "LBOUND", OPTIONAL),
    LINE(0, "upperbound", STRING, .token = "UBOUND", OPTIONAL),
    LINE(0, "saturate", TOKEN, .token = "SATURATE", OPTIONAL),
    LINE(0, "expiration", ONEOF, OPTIONAL),
        EXPIRATIONS(1),
        LINE(1, "persist", TOKEN, .token = "PERSIST"),
    LINE(0, "enx", TOKEN, .token = "ENX", OPTIONAL),
    {0},
};

const struct command_argument arguments_lcs[] = {
    LINE(0, "key1", KEY),
    LINE(0, "key2", KEY),
    LINE(0, "len", TOKEN, .token = "LEN", OPTIONAL),
    LINE(0, "idx", TOKEN, .token = "IDX", OPTIONAL),
    LINE(0, "len", INTEGER, .token = "MINMATCHLEN", OPTIONAL),
    LINE(0, "withmatchlen", TOKEN, .token = "WITHMATCHLEN", OPTIONAL),
    {0},
};

const struct command_argument arguments_msetex[] = {
    LINE(0, "numkeys", INTEGER),
    LINE(0, "data", BLOCK, MULTIPLE),
        LINE(1, "key", KEY),
        LINE(1, "value", STRING),
    LINE(0, "condition", ONEOF, OPTIONAL),
        LINE(1, "nx", TOKEN, .token = "NX"),
        LINE(1, "xx", TOKEN, .token = "XX"),
    LINE(0, "expiration", ONEOF, OPTIONAL),
        EXPIRATIONS(1),
        LINE(1, "keepttl", TOKEN, .token = "KEEPTTL"),
    {0},
};

const struct command_argument arguments_psetex[] = {
    LINE(0, "key", KEY),
    LINE(0, "milliseconds", INTEGER),
    LINE(0, "value", STRING),
    {0},
};

const struct command_argument arguments_setbit[] = {
    LINE(0, "key", KEY),
    LINE(0, "offset", INTEGER),
    LINE(0, "value", INTEGER),
    {0},
};

const struct command_argument arguments_setex[] = {
    LINE(0, "key", KEY),
    LINE(0, "seconds", INTEGER),
    LINE(0, "value", STRING),
    {0},
};

const struct command_argument arguments_setrange[] = {
    LINE(0, "key", KEY),
    LINE(0, "offset", INTEGER),
    LINE(0, "value", STRING),
    {0},
};
// clang-format on
