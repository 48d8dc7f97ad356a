// How the parts of a snapshot (RDB) are laid out: a row of steps for each type and opcode.
#ifndef PORO_PROTOCOL_RDB_SHAPE_H
#define PORO_PROTOCOL_RDB_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

// The first byte of each part: the type of a key, or one of these.
enum rdb_opcode {
    RDB_OPCODE_FIRST = 0xf3, // lower ones are types
    RDB_OPCODE_KEY_META = 0xf3,
    RDB_OPCODE_SLOT_INFO = 0xf4,
    RDB_OPCODE_FUNCTION = 0xf5,
    RDB_OPCODE_FUNCTION_OLD = 0xf6, // of release candidates
    RDB_OPCODE_MODULE_AUX = 0xf7,
    RDB_OPCODE_IDLE = 0xf8,
    RDB_OPCODE_FREQUENCY = 0xf9,
    RDB_OPCODE_AUX = 0xfa,
    RDB_OPCODE_RESIZE = 0xfb,
    RDB_OPCODE_EXPIRY_MS = 0xfc,
    RDB_OPCODE_EXPIRY_S = 0xfd,
    RDB_OPCODE_DATABASE = 0xfe,
    RDB_OPCODE_END = 0xff,
};

// One step is one character.
enum rdb_step {
    RDB_STEP_KEY = 'k',      // strings that are handed out
    RDB_STEP_VALUE = 'v',    //
    RDB_STEP_AUX_NAME = 'a', //
    RDB_STEP_AUX_TEXT = 't', //
    RDB_STEP_FUNCTION = 'f', //
    RDB_STEP_STRING = 's',   // a string that is passed over
    RDB_STEP_LENGTH = 'l',   // a length, or a number that is written like one
    RDB_STEP_MODULE = 'M',   // the same, the number of a module
    RDB_STEP_DATABASE = 'D', // the same, of a database
    RDB_STEP_SCORE = 'd',    // a number as text, with special lengths
    RDB_STEP_PARTS = 'p',    // a module's parts, up to the one that ends them
    RDB_STEP_BYTE = '1',     // so many bytes
    RDB_STEP_BYTES_4 = '4',
    RDB_STEP_BYTES_8 = '8',
    RDB_STEP_BYTES_16 = 'x',
    RDB_STEP_EXPIRY_S = 'e',
    RDB_STEP_EXPIRY_MS = 'E',
    RDB_STEP_LOOP = '{', // a length: as many times what follows up to its '}'
    RDB_STEP_LOOP_END = '}',
};
// Loops within loops.
#define RDB_LOOPS_MAX 3

struct rdb_shape {
    const char *name;  // for people; NULL: there is no such thing
    const char *steps; // NULL: it cannot be read or passed over
};

// The shape of what a first byte announces: the value of a key of that type (the key comes before
// it), or an opcode's. `valkey`: the file is one of Valkey's, which has given some numbers other
// meanings.
struct rdb_shape rdb_shape(uint8_t first, bool valkey);

#endif
