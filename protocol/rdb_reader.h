// Reads a snapshot (RDB) in pieces of any size: bytes in, events out. Strings with their expiry in
// all databases are handed out; all other types are passed over, and named. Nothing is allocated: a
// string comes in pieces as it is read.
//
// It reads the versions of all releases of Redis up to 8, and Valkey's.
#ifndef PORO_PROTOCOL_RDB_READER_H
#define PORO_PROTOCOL_RDB_READER_H

#include "protocol/lzf_stream.h"
#include "protocol/number.h"
#include "protocol/rdb_shape.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rdb_event_kind {
    RDB_EVENT_MORE,     // everything that was given is read
    RDB_EVENT_BEGIN,    // the head: `number` is the version
    RDB_EVENT_DATABASE, // `number`: of the following keys
    RDB_EVENT_TEXT,     // a piece of a string, see `step`
    RDB_EVENT_PASSED,   // the value of a key that is no string was passed over
    RDB_EVENT_META,     // the next key has metadata of modules, which is passed over
    RDB_EVENT_MODULE,   // data of a module beside the keys, passed over: `number` is its id
    RDB_EVENT_END,      // the whole snapshot: `number` is 1 when it has a checksum, and it is right
    RDB_EVENT_BAD,      // damaged, or nothing that can be read: see rdb_reader_problem
};

struct rdb_event {
    enum rdb_event_kind kind;
    uint64_t number;

    // TEXT. A string has one piece at least; only that of an empty one is empty.
    enum rdb_step step;   // KEY, VALUE, AUX_NAME, AUX_TEXT or FUNCTION
    const uint8_t *bytes; // until the next call
    size_t count;
    uint64_t offset; // of the piece
    uint64_t length; // of the whole string
    bool last;       // the string ends with it

    // TEXT of a KEY, PASSED.
    uint8_t type;
    const char *type_name;
    bool expires;
    int64_t expiry_ms;
};

// Fixed parts are at most so long.
#define RDB_HELD_MAX 16

struct rdb_loop {
    const char *body;
    uint64_t left;
};

// All of it is the reader's own, but `version` and `valkey` may be read after BEGIN.
struct rdb_reader {
    const uint8_t *start; // what was given, how far it has been read and summed up
    const uint8_t *at;
    const uint8_t *summed;
    const uint8_t *end;
    uint64_t before; // bytes given before `start`
    uint64_t crc;
    uint64_t part;       // where the present part begins
    const char *problem; // NULL: none
    uint32_t state;
    uint32_t version;
    bool valkey;

    uint8_t first; // of the part
    struct rdb_shape shape;
    const char *step; // NULL: between parts
    char inner;       // a step within RDB_STEP_PARTS, 0: none
    struct rdb_loop loops[RDB_LOOPS_MAX];
    uint32_t depth;
    uint64_t pass; // bytes to pass over

    uint8_t type; // of the key
    const char *type_name;
    const char *type_steps;
    bool expires;
    int64_t expiry_ms;

    // The string that is being read.
    uint32_t string_state;
    uint64_t string_left; // bytes in the file
    uint64_t string_length;
    uint64_t string_offset;
    char digits[NUMBER_TEXT_MAX];
    struct lzf_stream unpack;

    // A fixed part that spans what was given.
    uint8_t held[RDB_HELD_MAX];
    uint32_t held_count;
};

void rdb_reader_create(struct rdb_reader *reader);
// What comes next, after everything before it has been read (MORE, or nothing given yet). It must
// stay until then.
void rdb_reader_give(struct rdb_reader *reader, const uint8_t *bytes, size_t count);
enum rdb_event_kind rdb_reader_next(struct rdb_reader *reader, struct rdb_event *event);
// There is no more. False, with a problem, when the snapshot is not whole.
bool rdb_reader_finish(struct rdb_reader *reader);

// After BAD: what is wrong, at which byte of the file it was noticed, and where the part begins
// that is wrong.
const char *rdb_reader_problem(const struct rdb_reader *reader, uint64_t *offset, uint64_t *part);

// The name of a module of this id: nine characters and a terminator.
#define RDB_MODULE_NAME_BYTES 10
void rdb_module_name(char name[RDB_MODULE_NAME_BYTES], uint64_t id);

#endif
