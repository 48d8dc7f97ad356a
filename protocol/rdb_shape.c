// How the parts of a snapshot (RDB) are laid out: a row of steps for each type and opcode.
#include "protocol/rdb_shape.h"

#include <stddef.h>

#define TYPES_MAX 34

// What the generations of streams have in common: nodes (key and entries); length and last id;
// then consumer groups: name, last id, entries delivered and not acknowledged (id, time, count),
// consumers (name, times, ids of such entries).
#define STREAM_NODES "{ss}"
#define STREAM_PENDING "{x8l}"
// Since the second: first id, highest deleted id, entries added; each group has a counter. Since
// the third consumers have a second time.
#define STREAM_HEAD_2 STREAM_NODES "llllllll"
#define STREAM_GROUP_3 "slll" STREAM_PENDING "{s88{x}}"
// Since the fourth: producers with the ids that tell their duplicates. Since the fifth each group
// has a list of ids that were handed back.
#define STREAM_PRODUCERS "ll{s{sll}}ll"

static const struct rdb_shape types[TYPES_MAX] = {
    [0] = {"string", "v"},
    [1] = {"list", "{s}"},
    [2] = {"set", "{s}"},
    [3] = {"sorted set", "{sd}"},
    [4] = {"hash", "{ss}"},
    [5] = {"sorted set", "{s8}"},
    [6] = {"module value of a release candidate of Redis 4.0", NULL},
    [7] = {"module value", "Mp"},
    [9] = {"hash", "s"},
    [10] = {"list", "s"},
    [11] = {"set", "s"},
    [12] = {"sorted set", "s"},
    [13] = {"hash", "s"},
    [14] = {"list", "{s}"},
    [15] = {"stream", STREAM_NODES "lll{sll" STREAM_PENDING "{s8{x}}}"},
    [16] = {"hash", "s"},
    [17] = {"sorted set", "s"},
    [18] = {"list", "{ls}"},
    [19] = {"stream", STREAM_HEAD_2 "{slll" STREAM_PENDING "{s8{x}}}"},
    [20] = {"set", "s"},
    [21] = {"stream", STREAM_HEAD_2 "{" STREAM_GROUP_3 "}"},
    [22] = {"hash", "{lss}"}, // these two: of release candidates of 7.4
    [23] = {"hash", "s"},
    [24] = {"hash", "8{lss}"},
    [25] = {"hash", "8s"},
    [26] = {"stream", STREAM_HEAD_2 "{" STREAM_GROUP_3 "}" STREAM_PRODUCERS},
    [27] = {"stream", STREAM_HEAD_2 "{" STREAM_GROUP_3 "{x}}" STREAM_PRODUCERS},
    [28] = {"array", NULL}, // of Redis 8.8 and later
    [29] = {"hash with a template", NULL},
    [30] = {"hash with a template", NULL},
    [31] = {"hash with a template", NULL},
    [32] = {"hash with a template", NULL},
    [33] = {"rate limit", NULL},
};

static const struct rdb_shape opcodes[256 - RDB_OPCODE_FIRST] = {
    [RDB_OPCODE_KEY_META - RDB_OPCODE_FIRST] = {"metadata of a key", "{4p}"},
    [RDB_OPCODE_SLOT_INFO - RDB_OPCODE_FIRST] = {"size of a slot", "lll"},
    [RDB_OPCODE_FUNCTION - RDB_OPCODE_FIRST] = {"function library", "f"},
    [RDB_OPCODE_FUNCTION_OLD -
        RDB_OPCODE_FIRST] = {"function library of a release candidate of Redis 7.0", NULL},
    [RDB_OPCODE_MODULE_AUX - RDB_OPCODE_FIRST] = {"data of a module", "Mllp"},
    [RDB_OPCODE_IDLE - RDB_OPCODE_FIRST] = {"idle time", "l"},
    [RDB_OPCODE_FREQUENCY - RDB_OPCODE_FIRST] = {"frequency of use", "1"},
    [RDB_OPCODE_AUX - RDB_OPCODE_FIRST] = {"auxiliary field", "at"},
    [RDB_OPCODE_RESIZE - RDB_OPCODE_FIRST] = {"size of a database", "ll"},
    [RDB_OPCODE_EXPIRY_MS - RDB_OPCODE_FIRST] = {"expiry", "E"},
    [RDB_OPCODE_EXPIRY_S - RDB_OPCODE_FIRST] = {"expiry", "e"},
    [RDB_OPCODE_DATABASE - RDB_OPCODE_FIRST] = {"database", "D"},
    [RDB_OPCODE_END - RDB_OPCODE_FIRST] = {"end", ""},
};

#define VALKEY_TYPE_HASH_2 22

struct rdb_shape rdb_shape(uint8_t first, bool valkey)
{
    if (first >= RDB_OPCODE_FIRST) {
        if (valkey && first == RDB_OPCODE_KEY_META)
            return (struct rdb_shape){"import of a slot", "s{ll}"};
        return opcodes[first - RDB_OPCODE_FIRST];
    }
    if (first >= TYPES_MAX || (valkey && first > VALKEY_TYPE_HASH_2))
        return (struct rdb_shape){NULL, NULL};
    if (valkey && first == VALKEY_TYPE_HASH_2)
        return (struct rdb_shape){"hash", "{ss8}"};
    return types[first];
}
