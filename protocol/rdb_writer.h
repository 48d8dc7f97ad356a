// Writes a snapshot (RDB) of strings into a buffer that is handed over whenever it is full: what is
// to be written in, bytes out.
#ifndef PORO_PROTOCOL_RDB_WRITER_H
#define PORO_PROTOCOL_RDB_WRITER_H

#include "protocol/rdb_string.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The version of the file: the lowest one that all of Redis since 5.0 (and its relatives) read, and
// that has all that is written here: nothing about strings has changed since.
#define RDB_WRITER_VERSION 9
// Longest part beside keys and values: an expiry, a type, a length.
#define RDB_WRITER_HEAD_MAX 32

struct rdb_writer {
    uint8_t *buffer;
    size_t capacity;
    size_t used;
    size_t summed; // of what is in the buffer
    uint64_t crc;
    bool ending; // the checksum is still to be written

    // The part that is being written, piece by piece.
    uint8_t head[RDB_WRITER_HEAD_MAX];
    uint8_t value_head[RDB_STRING_HEAD_MAX];
    struct {
        const uint8_t *bytes;
        size_t length;
    } pieces[4];
    uint32_t count;
    uint32_t next;
};

// `buffer` stays the caller's.
void rdb_writer_create(struct rdb_writer *writer, uint8_t *buffer, size_t capacity);

// Each begins a part, when the one before it is done: what it is given must stay until then. The
// head comes first, then auxiliary fields, then databases with their keys, then the end.
void rdb_writer_begin(struct rdb_writer *writer);
void rdb_writer_aux(struct rdb_writer *writer, const char *name, const char *text);
void rdb_writer_database(struct rdb_writer *writer, uint32_t database, uint64_t keys,
                         uint64_t volatile_keys);
// `expiry_ms`: 0 for none.
void rdb_writer_string(struct rdb_writer *writer, const uint8_t *key, uint32_t key_length,
                       const uint8_t *value, uint32_t value_length, int64_t expiry_ms);
void rdb_writer_end(struct rdb_writer *writer);

// Puts the part into the buffer. True when it is done; false when the buffer is full: hand it over
// (rdb_writer_output) and call this again.
bool rdb_writer_fill(struct rdb_writer *writer);
// What is in the buffer, to be written to the file before anything more is filled in.
size_t rdb_writer_output(struct rdb_writer *writer, const uint8_t **bytes);

#endif
