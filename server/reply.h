// Replies: what a connection is to be sent, in order, in chunks from one pool; each part released
// when the batch that it waits for cannot be undone any more.
#ifndef PORO_SERVER_REPLY_H
#define PORO_SERVER_REPLY_H

#include "conf/limits.h"
#include "protocol/resp_writer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct allocator;
struct entry;
struct keyspace;
struct reply_chunk;
struct reply_pool;

// --- the pool --------------------------------------------------------------------------------

size_t reply_pool_overhead(void);
// `region`: `chunks` * REPLY_CHUNK_BYTES, reserved, zero-filled. `keyspace` is needed to
// release pinned values.
struct reply_pool *reply_pool_create(struct allocator *allocator, void *region, uint32_t chunks,
                                     struct keyspace *keyspace);
uint32_t reply_pool_free(const struct reply_pool *pool);     // chunks
uint32_t reply_pool_capacity(const struct reply_pool *pool); // chunks
uint64_t reply_pool_pinned(const struct reply_pool *pool);   // bytes of values sent in place
// A connection with this much unsent output executes nothing more until some has been sent.
uint64_t reply_pool_output_limit(const struct reply_pool *pool);
// One chunk for other uses (REPLY_CHUNK_BYTES), NULL when there is none; and back.
void *reply_pool_take(struct reply_pool *pool);
void reply_pool_give(struct reply_pool *pool, void *chunk);
// Memory of free chunks at the pool's end that may be returned to the system. False when none.
bool reply_pool_reclaim(struct reply_pool *pool, void **address, size_t *bytes);

// --- one connection's replies ----------------------------------------------------------------

struct reply_mark {
    uint64_t end;   // position in the stream of replies up to which ...
    uint64_t batch; // ... everything waits for this batch
};

struct reply {
    struct resp_writer writer; // commands write here
    struct reply_pool *pool;
    struct reply_chunk *first; // oldest unsent
    struct reply_chunk *last;  // being written to
    uint64_t base;             // position in the stream of replies of the last chunk's first byte
    uint64_t released;         // positions: what may leave, and what has left
    uint64_t sent;
    uint64_t first_sent;  // bytes of the first chunk that have been sent
    uint32_t marks_count; // ascending in both fields
    struct reply_mark marks[REPLY_MARKS];
};

void reply_init(struct reply *reply, struct reply_pool *pool);
// Frees everything that is unsent. Nothing may be in flight.
void reply_clear(struct reply *reply);

// Undo for a reply that turns out to be premature.
struct reply_point {
    uint64_t base;
    struct reply_chunk *last;
    uint8_t *cursor;
};
struct reply_point reply_point(const struct reply *reply);
void reply_rollback(struct reply *reply, struct reply_point point);
// The first byte written since: the reply's type, 0 when nothing has been written.
uint8_t reply_first_byte(const struct reply *reply, struct reply_point point);
// The first word of the error written since, terminated, cut if it is too long.
void reply_error_name(const struct reply *reply, struct reply_point point,
                      char name[ERROR_NAME_MAX]);

// Writes an entry's value as a bulk string, in place when it is large.
void reply_value(struct reply *reply, struct entry *entry);
// The same for bytes [offset, offset + length) of the value.
void reply_part(struct reply *reply, struct entry *entry, uint32_t offset, uint32_t length);
// Only the bytes of such a part, with something written before them in this reply.
void reply_raw(struct reply *reply, struct entry *entry, uint32_t offset, uint32_t length);

// What was written since the last call waits for `batch` (0: for nothing of its own), and in any
// case for what everything before it waits for.
void reply_stamp(struct reply *reply, uint64_t batch);
// All batches up to `batch` are safe: what waited for them may leave.
void reply_release(struct reply *reply, uint64_t batch);

bool reply_held(const struct reply *reply);         // something waits for a batch
uint64_t reply_pending(const struct reply *reply);  // bytes written and not sent
uint64_t reply_sendable(const struct reply *reply); // bytes released and not sent
// Fills in up to `count` pieces of what may be sent next, `bytes_max` together; returns how many.
uint32_t reply_pieces(struct reply *reply, struct iovec *pieces, uint32_t count,
                      uint64_t bytes_max);
// The first `bytes` of them have been sent.
void reply_sent(struct reply *reply, uint64_t bytes);

#endif
