// The open batch: records are laid out in staging as frames, ready but for their place in the log.
//
// A frame's header in staging holds only length, count and flags. Segment, sequence, chain and
// checksum are filled in when the frame is placed (log.c), because they depend on where it lands.
#include "wal/log_internal.h"

#include <assert.h>
#include <string.h>

static_assert(WAL_BATCH_BYTES_SOFT % WAL_BLOCK_BYTES == 0, "memory goes back in whole pages");
// Staging memory that is kept when a giant batch is done.
#define BATCH_KEEP_BYTES (4 * WAL_BATCH_BYTES_SOFT)
// Given back at a time.
#define RECLAIM_BYTES MIB(1)

static void batch_touch(struct wal *wal, struct wal_batch *batch)
{
    assert(batch->bytes <= wal->staging_bytes);
    if (batch->bytes > batch->touched)
        batch->touched = batch->bytes;
}

static void frame_begin(struct wal_batch *batch)
{
    assert(batch->bytes % WAL_BLOCK_BYTES == 0);
    batch->frame = batch->bytes;
    batch->bytes += sizeof(struct wal_frame_header);
    batch->count = 0;
}

static void frame_end(struct wal *wal, struct wal_batch *batch, uint16_t flags)
{
    uint64_t length = batch->bytes - batch->frame - sizeof(struct wal_frame_header);
    assert(batch->count > 0 && length > 0 && length <= wal_payload_max(wal));
    struct wal_frame_header header = {
        .flags = flags,
        .length = (uint32_t)length,
        .count = (uint32_t)batch->count,
    };
    memcpy(batch->base + batch->frame, &header, sizeof(header));
    // Staging is used again and again: old bytes must not reach the disk as padding.
    uint64_t end = wal_round(batch->bytes);
    assert(end <= wal->staging_bytes);
    memset(batch->base + batch->bytes, 0, end - batch->bytes);
    batch->bytes = end;
    batch_touch(wal, batch);
}

// Where a record of `bytes` goes; begins a new frame when it does not fit the one being filled.
static uint8_t *batch_reserve(struct wal *wal, uint64_t bytes)
{
    struct wal_batch *batch = wal_batch_open(wal);
    assert(bytes <= wal_payload_max(wal));
    if (batch->bytes == 0) {
        frame_begin(batch);
    } else if (batch->bytes - batch->frame + bytes > wal->frame_bytes_max) {
        frame_end(wal, batch, 0);
        frame_begin(batch);
    }
    uint8_t *to = batch->base + batch->bytes;
    batch->bytes += bytes;
    batch->count++;
    assert(wal_round(batch->bytes) <= wal->staging_bytes); // wal_admit has seen to that
    batch_touch(wal, batch);
    return to;
}

static void append_whole(struct wal *wal, const struct wal_record *record)
{
    size_t bytes = wal_record_bytes(record);
    size_t encoded = wal_record_encode(batch_reserve(wal, bytes), record);
    assert(encoded == bytes);
}

// Pieces that fill a frame each, but for the last one. The first one keeps the record's type; the
// value has its final length from the first piece on, so that replay allocates it once.
static void append_split(struct wal *wal, const struct wal_record *record)
{
    assert(record->type != WAL_RECORD_EXPIRE && record->type != WAL_RECORD_DELETE);
    uint64_t room = wal_payload_max(wal) - WAL_RECORD_OVERHEAD_MAX - record->key_length;
    assert(record->key_length <= wal_key_bytes_max(wal) && room > 0);
    struct wal_record piece = *record;
    uint32_t done = 0;
    while (done < record->length) {
        uint32_t rest = record->length - done;
        piece.data = record->data + done;
        piece.length = rest < room ? rest : (uint32_t)room;
        append_whole(wal, &piece);
        done += piece.length;
        if (piece.type == WAL_RECORD_SET)
            piece.type = WAL_RECORD_RANGE;
        piece.expiry_ms = 0;
        piece.offset = record->offset + done;
    }
    assert(done == record->length);
}

void wal_append(struct wal *wal, const struct wal_record *record)
{
    assert(record->key_length <= wal_key_bytes_max(wal));
    wal->records_total += record->type != WAL_RECORD_SPOOL; // changes
    if (wal_record_bytes(record) <= wal_payload_max(wal))
        append_whole(wal, record);
    else
        append_split(wal, record);
}

uint64_t wal_open_bytes(const struct wal *wal)
{
    return wal->batches[wal->open].bytes;
}

uint64_t wal_open_batch(const struct wal *wal)
{
    return wal->batches[wal->open].number;
}

uint64_t wal_newest_batch(const struct wal *wal)
{
    const struct wal_batch *batch = &wal->batches[wal->open];
    return batch->bytes > 0 ? batch->number : batch->number - 1;
}

void wal_batch_close(struct wal *wal)
{
    struct wal_batch *batch = wal_batch_open(wal);
    assert(!wal->writing && batch->bytes > 0);
    frame_end(wal, batch, WAL_FRAME_COMMIT);
    wal->writing = true;
    wal->placed = 0;
    wal->batch_sequence = 0;
    wal->open = 1 - wal->open;
    struct wal_batch *next = wal_batch_open(wal);
    next->number = batch->number + 1;
    next->bytes = 0;
    next->frame = 0;
    next->count = 0;
}

bool wal_reclaim(struct wal *wal, void **address, size_t *bytes)
{
    for (uint32_t i = 0; i < 2; i++) {
        struct wal_batch *batch = &wal->batches[i];
        bool busy = i != wal->open && wal->writing;
        uint64_t used = i == wal->open ? wal_round(batch->bytes) : 0;
        if (busy || used > BATCH_KEEP_BYTES || batch->touched <= BATCH_KEEP_BYTES)
            continue;
        uint64_t more = wal_round(batch->touched) - BATCH_KEEP_BYTES;
        more = more < RECLAIM_BYTES ? more : RECLAIM_BYTES;
        batch->touched = wal_round(batch->touched) - more;
        *address = batch->base + batch->touched;
        *bytes = more;
        return true;
    }
    return false;
}
