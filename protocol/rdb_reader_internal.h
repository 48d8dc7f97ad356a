// What the parts of the reader of snapshots share.
#ifndef PORO_PROTOCOL_RDB_READER_INTERNAL_H
#define PORO_PROTOCOL_RDB_READER_INTERNAL_H

#include "protocol/rdb_reader.h"

enum state {
    STATE_HEAD,
    STATE_PARTS,
    STATE_CHECKSUM,
    STATE_END,
    STATE_BAD,
};

enum string_state {
    STRING_HEAD, // a length, or a special form
    STRING_INT8, // these in the order of the special forms
    STRING_INT16,
    STRING_INT32,
    STRING_PACKED_BYTES,
    STRING_PACKED_LENGTH,
    STRING_PLAIN,
    STRING_PACKED,
};

// What a piece of work has led to.
enum progress {
    GO_ON,   // nothing to tell
    TELL,    // an event
    STARVED, // it needs more bytes
    BROKEN,  // bad
};

// --- rdb_reader_bytes.c: what is taken from the file ------------------------------------------

// Where in the file the reader is.
uint64_t reader_position(const struct rdb_reader *reader);
// BROKEN, with this problem.
enum progress reader_broken(struct rdb_reader *reader, const char *problem);
// Everything read so far goes into the checksum.
void reader_sum_up(struct rdb_reader *reader);
// The next `count` bytes, or NULL when they are not all there yet.
const uint8_t *reader_take(struct rdb_reader *reader, uint32_t count);
uint64_t reader_little(const uint8_t *from, uint32_t bytes);
// A length, or the number of a special form where there may be one (`special` is not NULL).
enum progress reader_take_length(struct rdb_reader *reader, uint64_t *length, bool *special);

// --- rdb_reader_string.c -----------------------------------------------------------------------

// One piece of work on a string. It is at its end when its state is STRING_HEAD again.
enum progress reader_string(struct rdb_reader *reader, struct rdb_event *event, bool told);

// --- rdb_reader_step.c -------------------------------------------------------------------------

// One piece of work on the present step.
enum progress reader_step(struct rdb_reader *reader, struct rdb_event *event);

#endif
