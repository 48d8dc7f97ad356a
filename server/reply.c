// Replies: chunks from one pool, and the marks that hold them back.
#include "server/reply.h"

#include "server/io.h"
#include "storage/allocator.h"
#include "storage/keyspace.h"

#include <assert.h>
#include <string.h>

struct reply_chunk {
    struct reply_chunk *next;
    struct entry *pin;   // a value of which a part follows the bytes, sent in place; or NULL
    uint32_t pin_offset; // of the part
    uint32_t pin_length;
    uint32_t length; // of the bytes; of the last chunk only known by the writer's cursor
    uint32_t reserved;
    uint8_t bytes[];
};

#define CHUNK_CAPACITY (REPLY_CHUNK_BYTES - sizeof(struct reply_chunk))

struct reply_pool {
    uint8_t *region;
    struct keyspace *keyspace;
    struct reply_chunk *free; // given back, newest first
    uint32_t carved;          // chunks of the region that have ever been taken
    uint32_t stale;           // those from `carved` up to here may still take memory
    uint32_t in_use;
    uint32_t capacity;
    uint64_t pinned_bytes;
};

// Returned to the system at a time.
#define RECLAIM_CHUNKS (MIB(1) / REPLY_CHUNK_BYTES)
// A pool whose chunks are all free keeps this many for the next replies.
#define POOL_KEPT_CHUNKS 1024

// --- the pool --------------------------------------------------------------------------------

size_t reply_pool_overhead(void)
{
    return sizeof(struct reply_pool) + 64;
}

struct reply_pool *reply_pool_create(struct allocator *allocator, void *region, uint32_t chunks,
                                     struct keyspace *keyspace)
{
    struct reply_pool *pool = allocator_take(allocator, sizeof(*pool), 64);
    if (pool == NULL)
        return NULL;
    pool->region = region;
    pool->capacity = chunks;
    pool->keyspace = keyspace;
    return pool;
}

uint32_t reply_pool_free(const struct reply_pool *pool)
{
    return pool->capacity - pool->in_use;
}

uint32_t reply_pool_capacity(const struct reply_pool *pool)
{
    return pool->capacity;
}

uint64_t reply_pool_pinned(const struct reply_pool *pool)
{
    return pool->pinned_bytes;
}

uint64_t reply_pool_output_limit(const struct reply_pool *pool)
{
    return reply_pool_free(pool) < pool->capacity / 8 ? REPLY_BYTES_SCARCE : REPLY_BYTES_SOFT;
}

void *reply_pool_take(struct reply_pool *pool)
{
    struct reply_chunk *chunk = pool->free;
    if (chunk != NULL) {
        pool->free = chunk->next;
    } else {
        if (pool->carved == pool->capacity)
            return NULL;
        chunk = (struct reply_chunk *)(pool->region + (size_t)pool->carved * REPLY_CHUNK_BYTES);
        pool->carved++;
    }
    pool->in_use++;
    return chunk;
}

void reply_pool_give(struct reply_pool *pool, void *memory)
{
    assert(pool->in_use > 0);
    assert((uint8_t *)memory >= pool->region);
    struct reply_chunk *chunk = memory;
    chunk->next = pool->free;
    pool->free = chunk;
    pool->in_use--;
}

bool reply_pool_reclaim(struct reply_pool *pool, void **address, size_t *bytes)
{
    if (pool->in_use == 0 && pool->carved > POOL_KEPT_CHUNKS) {
        pool->stale = pool->carved > pool->stale ? pool->carved : pool->stale;
        pool->carved = 0;
        pool->free = NULL;
    }
    if (pool->stale <= pool->carved || pool->stale <= POOL_KEPT_CHUNKS)
        return false;
    uint32_t kept = pool->carved > POOL_KEPT_CHUNKS ? pool->carved : POOL_KEPT_CHUNKS;
    uint32_t count = pool->stale - kept < RECLAIM_CHUNKS ? pool->stale - kept : RECLAIM_CHUNKS;
    pool->stale -= count;
    *address = pool->region + (size_t)pool->stale * REPLY_CHUNK_BYTES;
    *bytes = (size_t)count * REPLY_CHUNK_BYTES;
    return true;
}

// --- writing ---------------------------------------------------------------------------------

static uint64_t reply_position(const struct reply *reply)
{
    if (reply->last == NULL)
        return reply->base;
    return reply->base + (uint64_t)(reply->writer.cursor - reply->last->bytes);
}

// Ends the last chunk where the cursor is and begins a new one behind it.
static bool reply_more(struct resp_writer *writer)
{
    struct reply *reply = writer->context;
    // The last chunks are for replies of those who do not hold many already.
    if (reply_pool_free(reply->pool) < reply->pool->capacity / 32 &&
        reply_pending(reply) > REPLY_BYTES_SOFT)
        return false;
    struct reply_chunk *chunk = reply_pool_take(reply->pool);
    if (chunk == NULL)
        return false;
    chunk->next = NULL;
    chunk->pin = NULL;
    chunk->length = 0;
    if (reply->last != NULL) {
        struct reply_chunk *last = reply->last;
        last->length = (uint32_t)(writer->cursor - last->bytes);
        reply->base += last->length;
        if (last->pin != NULL)
            reply->base += last->pin_length;
        last->next = chunk;
    } else {
        reply->first = chunk;
        reply->first_sent = 0;
    }
    reply->last = chunk;
    writer->cursor = chunk->bytes;
    writer->end = chunk->bytes + CHUNK_CAPACITY;
    return true;
}

void reply_init(struct reply *reply, struct reply_pool *pool)
{
    *reply = (struct reply){.pool = pool};
    reply->writer = (struct resp_writer){.more = reply_more, .context = reply, .version = 2};
}

static void reply_unpin(struct reply *reply, struct reply_chunk *chunk)
{
    assert(reply->pool->pinned_bytes >= chunk->pin_length);
    reply->pool->pinned_bytes -= chunk->pin_length;
    keyspace_unpin(reply->pool->keyspace, chunk->pin);
    chunk->pin = NULL;
}

static void reply_chunk_drop(struct reply *reply, struct reply_chunk *chunk)
{
    if (chunk->pin != NULL)
        reply_unpin(reply, chunk);
    reply_pool_give(reply->pool, chunk);
}

static void reply_forget_chunks(struct reply *reply, uint64_t position)
{
    reply->first = NULL;
    reply->last = NULL;
    reply->first_sent = 0;
    reply->base = position;
    reply->writer.cursor = NULL;
    reply->writer.end = NULL;
}

void reply_clear(struct reply *reply)
{
    struct reply_chunk *chunk = reply->first;
    while (chunk != NULL) {
        struct reply_chunk *next = chunk->next;
        reply_chunk_drop(reply, chunk);
        chunk = next;
    }
    reply_forget_chunks(reply, 0);
    reply->released = 0;
    reply->sent = 0;
    reply->marks_count = 0;
    reply->writer.overflow = false;
}

struct reply_point reply_point(const struct reply *reply)
{
    return (struct reply_point){reply->base, reply->last, reply->writer.cursor};
}

uint8_t reply_first_byte(const struct reply *reply, struct reply_point point)
{
    if (point.last != NULL && point.cursor != point.last->bytes + CHUNK_CAPACITY)
        return point.cursor < reply->writer.cursor || point.last != reply->last ? *point.cursor : 0;
    const struct reply_chunk *chunk = point.last != NULL ? point.last->next : reply->first;
    return chunk != NULL ? chunk->bytes[0] : 0;
}

void reply_error_name(const struct reply *reply, struct reply_point point,
                      char name[ERROR_NAME_MAX])
{
    const struct reply_chunk *chunk = point.last != NULL ? point.last : reply->first;
    const uint8_t *at = point.last != NULL ? point.cursor : chunk->bytes;
    uint32_t length = 0;
    // The dash, and then the name; an error is at least a line break longer.
    for (uint32_t i = 0; i < ERROR_NAME_MAX; i++) {
        const uint8_t *end =
            chunk == reply->last ? reply->writer.cursor : chunk->bytes + chunk->length;
        if (at == end && chunk->next != NULL) {
            chunk = chunk->next;
            at = chunk->bytes;
        } else if (at == end) {
            break;
        }
        if (*at == ' ' || *at == '\r')
            break;
        if (i > 0)
            name[length++] = (char)*at;
        at++;
    }
    assert(length < ERROR_NAME_MAX);
    name[length] = '\0';
}

void reply_rollback(struct reply *reply, struct reply_point point)
{
    struct reply_chunk *chunk = point.last != NULL ? point.last->next : reply->first;
    while (chunk != NULL) {
        struct reply_chunk *next = chunk->next;
        reply_chunk_drop(reply, chunk);
        chunk = next;
    }
    reply->writer.overflow = false;
    if (point.last == NULL) {
        reply_forget_chunks(reply, point.base);
        return;
    }
    if (point.last->pin != NULL)
        reply_unpin(reply, point.last);
    point.last->next = NULL;
    reply->last = point.last;
    reply->base = point.base;
    reply->writer.cursor = point.cursor;
    reply->writer.end = point.last->bytes + CHUNK_CAPACITY;
}

void reply_raw(struct reply *reply, struct entry *entry, uint32_t offset, uint32_t length)
{
    assert(offset <= entry_value_length(entry) && length <= entry_value_length(entry) - offset);
    struct resp_writer *writer = &reply->writer;
    if (writer->overflow)
        return;
    if (length < REPLY_PIN_BYTES || !keyspace_pin(reply->pool->keyspace, entry)) {
        resp_write(writer, entry_value(entry) + offset, length);
        return;
    }
    assert(reply->last != NULL && reply->last->pin == NULL);
    reply->last->pin = entry;
    reply->last->pin_offset = offset;
    reply->last->pin_length = length;
    reply->pool->pinned_bytes += length;
    if (!reply_more(writer)) {
        reply_unpin(reply, reply->last);
        writer->overflow = true;
    }
}

void reply_part(struct reply *reply, struct entry *entry, uint32_t offset, uint32_t length)
{
    if (length < REPLY_PIN_BYTES) {
        resp_bulk(&reply->writer, entry_value(entry) + offset, length);
        return;
    }
    resp_bulk_header(&reply->writer, length);
    reply_raw(reply, entry, offset, length);
    resp_write(&reply->writer, "\r\n", 2);
}

void reply_value(struct reply *reply, struct entry *entry)
{
    reply_part(reply, entry, 0, entry_value_length(entry));
}

// --- holding ---------------------------------------------------------------------------------

void reply_stamp(struct reply *reply, uint64_t batch)
{
    uint64_t position = reply_position(reply);
    if (reply->marks_count == 0 && batch == 0) {
        reply->released = position;
        return;
    }
    struct reply_mark *last = reply->marks_count > 0 ? &reply->marks[reply->marks_count - 1] : NULL;
    if (last == NULL || (batch > last->batch && reply->marks_count < REPLY_MARKS)) {
        reply->marks[reply->marks_count++] = (struct reply_mark){position, batch};
        return;
    }
    // No room for another mark: the replies of the last one wait for the newer batch too.
    if (batch > last->batch)
        last->batch = batch;
    last->end = position;
}

void reply_release(struct reply *reply, uint64_t batch)
{
    uint32_t released = 0;
    while (released < reply->marks_count && reply->marks[released].batch <= batch)
        reply->released = reply->marks[released++].end;
    if (released == 0)
        return;
    reply->marks_count -= released;
    memmove(reply->marks, reply->marks + released, reply->marks_count * sizeof(*reply->marks));
}

bool reply_held(const struct reply *reply)
{
    return reply->marks_count > 0;
}

uint64_t reply_pending(const struct reply *reply)
{
    return reply_position(reply) - reply->sent;
}

uint64_t reply_sendable(const struct reply *reply)
{
    assert(reply->released >= reply->sent);
    return reply->released - reply->sent;
}

// --- sending ---------------------------------------------------------------------------------

static uint64_t reply_chunk_bytes(const struct reply *reply, const struct reply_chunk *chunk)
{
    if (chunk == reply->last)
        return (uint64_t)(reply->writer.cursor - chunk->bytes);
    return chunk->length;
}

static uint64_t reply_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint32_t reply_pieces(struct reply *reply, struct iovec *pieces, uint32_t count, uint64_t bytes_max)
{
    uint64_t left = reply_min(reply_sendable(reply), bytes_max);
    uint64_t skip = reply->first_sent;
    uint32_t filled = 0;
    for (struct reply_chunk *chunk = reply->first; chunk != NULL && left > 0 && filled < count;
         chunk = chunk->next) {
        uint64_t bytes = reply_chunk_bytes(reply, chunk);
        if (skip < bytes) {
            uint64_t length = reply_min(bytes - skip, left);
            pieces[filled++] = (struct iovec){chunk->bytes + skip, length};
            left -= length;
            skip = 0;
        } else {
            skip -= bytes;
        }
        if (chunk->pin == NULL || left == 0 || filled == count)
            continue;
        uint8_t *value = (uint8_t *)entry_value(chunk->pin) + chunk->pin_offset;
        uint64_t length = reply_min(chunk->pin_length - skip, left);
        pieces[filled++] = (struct iovec){value + skip, length};
        left -= length;
        skip = 0;
    }
    return filled;
}

void reply_sent(struct reply *reply, uint64_t bytes)
{
    assert(bytes <= reply_sendable(reply));
    reply->sent += bytes;
    reply->first_sent += bytes;
    while (reply->first != NULL) {
        struct reply_chunk *chunk = reply->first;
        uint64_t whole = reply_chunk_bytes(reply, chunk);
        if (chunk->pin != NULL)
            whole += chunk->pin_length;
        if (reply->first_sent < whole)
            return;
        reply->first_sent -= whole;
        if (chunk == reply->last) {
            assert(reply->first_sent == 0);
            reply_chunk_drop(reply, chunk);
            reply_forget_chunks(reply, reply->sent);
            return;
        }
        reply->first = chunk->next;
        reply_chunk_drop(reply, chunk);
    }
}
