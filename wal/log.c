// The intent log's writing side: placing frames in segments, the one write in flight, and what to
// do when it fails.
//
// Why one write in flight and headers made at the last moment: a frame's sequence and chain are
// those of its place in the log, and its place is only known when everything before it has been
// written. So a frame that failed can be placed again, in another segment, by the same code.
#include "wal/log_internal.h"

#include "storage/allocator.h"
#include "wal/checkpoint.h"

#include <assert.h>
#include <string.h>

size_t wal_overhead(void)
{
    return sizeof(struct wal) + WAL_BLOCK_BYTES;
}

struct wal *wal_create(struct allocator *allocator, void *const staging[2], size_t staging_bytes,
                       const struct wal_options *options)
{
    assert(wal_segment_bytes_valid(options->identity.segment_bytes));
    assert(options->segments_ahead > WAL_RESERVE && options->segments_ahead < WAL_SEGMENTS_MAX);
    struct wal *wal = allocator_take(allocator, sizeof(*wal), WAL_BLOCK_BYTES);
    if (wal == NULL)
        return NULL;
    wal->identity = options->identity;
    wal->segments_ahead = options->segments_ahead;
    wal->frame_bytes_max = wal_frame_bytes_max(options->identity.segment_bytes);
    wal->staging_bytes = staging_bytes / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES;
    assert(wal->staging_bytes >= 4 * wal->frame_bytes_max);
    for (uint32_t i = 0; i < 2; i++) {
        assert((uintptr_t)staging[i] % WAL_BLOCK_BYTES == 0);
        wal->batches[i].base = staging[i];
    }
    wal->batches[wal->open].number = 1;
    wal->active = WAL_SLOT_NULL;
    wal->unsynced_head = WAL_SLOT_NULL;
    wal->unsynced_tail = WAL_SLOT_NULL;
    wal->counts[WAL_SLOT_NONE] = WAL_SEGMENTS_MAX;
    wal->ready_hint = WAL_SEGMENTS_MAX;
    wal->released_hint = WAL_SEGMENTS_MAX;
    return wal;
}

uint32_t wal_key_bytes_max(const struct wal *wal)
{
    // In a record that is split, at least about half of every frame is data. With the largest
    // frames (one block less in 64 MiB segments) that leaves room for every key there can be.
    uint64_t payload = wal_payload_max(wal);
    if (payload + 2 * WAL_BLOCK_BYTES >= 2 * KEY_BYTES_MAX)
        return KEY_BYTES_MAX;
    return (uint32_t)(payload / 2 - WAL_RECORD_OVERHEAD_MAX);
}

uint32_t wal_spool_piece_max(const struct wal *wal)
{
    uint64_t half = wal->frame_bytes_max / 2;
    return (uint32_t)(half < WAL_SPOOL_PIECE_BYTES ? half : WAL_SPOOL_PIECE_BYTES);
}

void wal_continue(struct wal *wal, uint64_t sequence, uint64_t chain, uint64_t segment_next,
                  uint64_t completion_counter, uint64_t checkpoint)
{
    assert(wal->written == 0 && wal->segment_next == 0 && segment_next > 0);
    assert(!wal->writing && wal->batches[wal->open].bytes == 0);
    assert(sequence > 0 || chain == wal_chain_start(&wal->identity));
    wal->written = sequence;
    wal->chain = chain;
    wal->commit = (struct wal_point){
        .sequence = sequence,
        .chain = chain,
        .segment = segment_next,
        .offset = WAL_BLOCK_BYTES,
    };
    wal->durable = wal->commit;
    wal->segment_next = segment_next;
    wal->completion_counter = completion_counter;
    wal->checkpoint = checkpoint;
}

// --- placing ---------------------------------------------------------------------------------

// Makes a READY slot the active one, with its header in header_block. The one that was active
// is SEALED. False when none is READY.
static bool segment_activate(struct wal *wal)
{
    uint32_t slot = wal_slot_take_ready(wal);
    if (slot == WAL_SLOT_NULL)
        return false;
    assert(wal->segment_next > 0); // wal_continue was called
    if (wal->active != WAL_SLOT_NULL)
        wal_slot_set(wal, wal->active, WAL_SLOT_SEALED);
    wal_slot_set(wal, slot, WAL_SLOT_ACTIVE);
    wal->active = slot;
    wal->fill = 0;
    wal->slots[slot].number = wal->segment_next++;
    wal->slots[slot].last = wal->written;
    wal->slots[slot].commit = wal->commit;
    struct wal_segment_block header = {
        .slot = slot,
        .number = wal->slots[slot].number,
        .first = wal->written + 1,
        .chain = wal->chain,
        .durable = wal->durable.sequence,
    };
    wal_segment_encode(wal->header_block, &wal->identity, header);
    return true;
}

void wal_resume_segment(struct wal *wal, uint32_t slot, uint64_t number, uint64_t offset)
{
    assert(wal->active == WAL_SLOT_NULL && !wal->flight.active);
    assert(wal->slots[slot].state == WAL_SLOT_SEALED);
    assert(offset >= WAL_BLOCK_BYTES && offset % WAL_BLOCK_BYTES == 0);
    assert(offset <= wal->identity.segment_bytes && number < wal->segment_next);
    wal_slot_set(wal, slot, WAL_SLOT_ACTIVE);
    wal->active = slot;
    wal->fill = offset;
    wal->slots[slot].number = number;
    wal->slots[slot].last = wal->written;
    wal->commit.segment = number;
    wal->commit.offset = offset;
    wal->durable = wal->commit;
    wal->slots[slot].commit = wal->commit;
}

// Fills in what the frame's place decides and returns the frame's checksum.
static uint64_t frame_place(struct wal *wal, uint8_t *frame, uint64_t offset)
{
    struct wal_frame_header header;
    memcpy(&header, frame, sizeof(header));
    if (wal->placed == 0)
        wal->batch_sequence = wal->written + 1;
    header.magic = WAL_FRAME_MAGIC;
    header.version = WAL_FORMAT_VERSION;
    header.segment = wal->slots[wal->active].number;
    header.sequence = wal->written + 1;
    header.batch_first = wal->batch_sequence;
    header.durable = wal->durable.sequence;
    header.chain = wal->chain;
    memcpy(frame, &header, sizeof(header));
    return wal_frame_seal(frame, &wal->identity, offset);
}

static bool frame_write(struct wal *wal, struct wal_write *write)
{
    struct wal_batch *batch = wal_batch_writing(wal);
    assert(wal->placed < batch->bytes && wal->placed % WAL_BLOCK_BYTES == 0);
    uint8_t *frame = batch->base + wal->placed;
    struct wal_frame_header header;
    memcpy(&header, frame, sizeof(header));
    uint64_t bytes = wal_round(sizeof(header) + (uint64_t)header.length);
    assert(bytes <= wal->frame_bytes_max && wal->placed + bytes <= batch->bytes);

    // Header and first frame in one write: a segment then costs no write of its own.
    bool fits = wal->active != WAL_SLOT_NULL && bytes <= wal->identity.segment_bytes - wal->fill;
    if (!fits && !segment_activate(wal))
        return false;
    uint32_t header_bytes = wal->fill == 0 ? WAL_BLOCK_BYTES : 0;
    uint64_t offset = wal->fill + header_bytes;
    wal->flight = (struct wal_flight){
        .active = true,
        .commit = (header.flags & WAL_FRAME_COMMIT) != 0,
        .bytes = header_bytes + bytes,
        .frame_bytes = bytes,
        .end = offset + bytes,
        .sequence = wal->written + 1,
        .chain = frame_place(wal, frame, offset),
    };
    *write = (struct wal_write){.slot = wal->active, .offset = wal->fill};
    uint32_t piece = 0;
    if (header_bytes > 0) {
        write->pieces[piece] = wal->header_block;
        write->lengths[piece++] = header_bytes;
    }
    write->pieces[piece] = frame;
    write->lengths[piece] = (uint32_t)bytes;
    return true;
}

bool wal_open_segment(struct wal *wal, struct wal_write *write)
{
    assert(!wal->flight.active);
    if (wal->fatal || !segment_activate(wal))
        return false;
    wal->header_due = false;
    wal->flight = (struct wal_flight){
        .active = true,
        .bytes = WAL_BLOCK_BYTES,
        .end = WAL_BLOCK_BYTES,
    };
    *write = (struct wal_write){
        .slot = wal->active,
        .pieces = {wal->header_block},
        .lengths = {WAL_BLOCK_BYTES},
    };
    return true;
}

bool wal_write_next(struct wal *wal, struct wal_write *write)
{
    if (wal->flight.active || wal->fatal)
        return false;
    if (wal->header_due)
        return wal_open_segment(wal, write);
    if (!wal->writing) {
        if (wal_batch_open(wal)->bytes == 0)
            return false;
        wal_batch_close(wal);
    }
    return frame_write(wal, write);
}

bool wal_write_closes(const struct wal *wal)
{
    return !wal->flight.active && !wal->fatal && !wal->header_due && !wal->writing;
}

bool wal_write_in_flight(const struct wal *wal)
{
    return wal->flight.active;
}

// --- completions of writes -------------------------------------------------------------------

// Nothing is retried in place: the kernel may have dropped the pages, the device may have written
// half. The frame goes to a fresh segment, whose header supersedes whatever of it reached the old
// one. Frames before it keep their place; they were reported as written.
static enum wal_outcome write_failed(struct wal *wal)
{
    wal_slot_set(wal, wal->active, WAL_SLOT_SEALED);
    wal->active = WAL_SLOT_NULL;
    wal->fill = 0;
    wal->header_due = wal->flight.frame_bytes == 0;
    wal->failures++;
    if (wal->failures > WAL_REWRITE_MAX || wal->counts[WAL_SLOT_READY] == 0) {
        wal->fatal = true;
        return WAL_FATAL;
    }
    return WAL_REWRITE;
}

enum wal_outcome wal_write_done(struct wal *wal, int64_t result, bool durable)
{
    assert(wal->flight.active && wal->active != WAL_SLOT_NULL);
    struct wal_flight *flight = &wal->flight;
    flight->active = false;
    if (result < 0 || (uint64_t)result != flight->bytes)
        return write_failed(wal);

    wal->failures = 0;
    wal->fill = flight->end;
    assert(wal->fill <= wal->identity.segment_bytes);
    if (flight->frame_bytes > 0) {
        struct wal_batch *batch = wal_batch_writing(wal);
        wal->written = flight->sequence;
        wal->bytes_total += flight->frame_bytes;
        wal->chain = flight->chain;
        if (flight->commit)
            wal->commit = (struct wal_point){wal->written, wal->chain, batch->number,
                                             wal->slots[wal->active].number, wal->fill};
        wal->placed += flight->frame_bytes;
        assert(flight->commit == (wal->placed == batch->bytes));
        if (flight->commit)
            wal->writing = false;
    }
    wal_unsynced_note(wal, durable);
    assert(wal->durable.sequence <= wal->commit.sequence);
    return WAL_OK;
}

uint64_t wal_batch_written(const struct wal *wal)
{
    return wal->commit.batch;
}

uint64_t wal_batch_durable(const struct wal *wal)
{
    return wal->durable.batch;
}

uint64_t wal_durable(const struct wal *wal)
{
    return wal->durable.sequence;
}

uint64_t wal_durable_point(const struct wal *wal, uint64_t *chain)
{
    *chain = wal->durable.chain;
    return wal->durable.sequence;
}

// Frames of a batch that is only partly written belong to what follows: replay begins with a batch.
void wal_checkpoint_place(const struct wal *wal, struct wal_checkpoint_begin *begin)
{
    begin->first = wal->commit.sequence + 1;
    begin->chain = wal->commit.chain;
    begin->segment = wal->commit.segment;
    begin->offset = wal->commit.offset;
    begin->lead = 0;
}

uint64_t wal_written(const struct wal *wal)
{
    return wal->written;
}

uint64_t wal_bytes_total(const struct wal *wal)
{
    return wal->bytes_total;
}

uint64_t wal_records_total(const struct wal *wal)
{
    return wal->records_total;
}
