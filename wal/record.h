// Records: the changes that a frame carries. They state results, never operations, so that
// replaying one twice does no harm.
#ifndef PORO_WAL_RECORD_H
#define PORO_WAL_RECORD_H

#include "conf/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Spools: places where a large value is put together in the log, piece by piece over many batches, so
// that others' records find room between the pieces. The SET that makes it a key's value comes behind
// the last piece and only names the spool. What no SET names is as if it had never been. A spool is
// dropped, or begun anew, before anything else is put in it.
enum wal_record_type {
    WAL_RECORD_SET =
        1,            // key := value of `total` bytes, of which the first `length` are here, or all
                      // in a spool
    WAL_RECORD_RANGE, // bytes [offset, offset + length) := data, length becomes `total`; ignored
                      // where the key is missing
    WAL_RECORD_EXPIRE, // expiry := expiry_ms (0: none); ignored where the key is missing
    WAL_RECORD_DELETE,
    WAL_RECORD_MAP, // databases -> keyspace ids
    // A spool begins (offset and length 0; for this key), takes the next piece of a value (behind the
    // one before; no key), or is dropped (total 0; no key).
    WAL_RECORD_SPOOL,
};

// Spools are numbered from 1.
#define WAL_SPOOLS_MAX 64

struct wal_record {
    enum wal_record_type type;
    uint32_t keyspace; // keyspace id (not for MAP)
    const uint8_t *key;
    uint32_t key_length;
    const uint8_t *data;
    uint32_t length;   // of data
    uint32_t total;    // SET, RANGE, SPOOL: length of the whole value
    uint32_t offset;   // RANGE, SPOOL
    uint32_t spool;    // SPOOL; SET: the value is in this one, and length is 0; 0: it is not
    int64_t expiry_ms; // SET, EXPIRE: 0 for none
    struct {
        uint32_t next_id;
        uint32_t ids[DATABASES_MAX];
    } map; // MAP
};

// On-disk header of a record; expiry (8 bytes), total, offset and spool (4 each) follow where the type
// and flags say so, then key, then data. Records are not aligned.
struct wal_record_header {
    uint8_t type;
    uint8_t flags;
    uint16_t reserved;
    uint32_t keyspace;
    uint32_t key_length;
    uint32_t length;
};
static_assert(sizeof(struct wal_record_header) == 16, "on-disk size");

// Encoded size of a record beyond its key and data, at most. Covers a whole MAP record, which has
// neither.
#define WAL_RECORD_OVERHEAD_MAX 88

// The fields that a record's type does not use must be zero (SET without RANGE: length == total).
size_t wal_record_bytes(const struct wal_record *record);
// Writes wal_record_bytes(record) bytes to `to`. Returns that number.
size_t wal_record_encode(uint8_t *to, const struct wal_record *record);
// Decodes one record from `from`, of which `available` bytes are there; key and data point into it
// (NULL in a MAP record). Returns the bytes consumed, or -EBADMSG.
int64_t wal_record_decode(const uint8_t *from, size_t available, struct wal_record *record);

#endif
