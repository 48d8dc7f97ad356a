// Looks for frames wherever the walk along the chain did not come: they raise D and tell what the
// tail looks like.
//
// Segments that the walk has been through are not looked at again. What follows the kept frames in
// them was written before the next segment was opened, so no "durable through" in it is higher than
// the one in that segment's header.
#include "wal/recovery_internal.h"

#include <assert.h>
#include <string.h>

// Told of every valid frame, with `header`, and of every other block that is not zero, with NULL.
// 0 to go on.
typedef int (*scan_visit)(struct wal_recovery *r, void *context, uint32_t slot, uint64_t offset,
                          const struct wal_frame_header *header, const uint8_t *records);

// The frame at `offset` if one is valid there under its own segment number, NULL if not.
static const uint8_t *scan_frame(struct wal_recovery *r, uint32_t slot, uint64_t offset,
                                 const uint8_t *block, struct wal_frame_header *header)
{
    uint64_t available = r->identity->segment_bytes - offset;
    if (available > r->frame_bytes_max)
        available = r->frame_bytes_max;
    if (!wal_frame_plausible(block, available))
        return NULL;
    memcpy(header, block, sizeof(*header));
    uint64_t bytes = wal_round(sizeof(*header) + (uint64_t)header->length);
    // A damaged length may reach over the end of the file or a bad block. That is no news: the
    // blocks are visited one by one afterwards.
    uint32_t unreadable_count = r->unreadable_count;
    int error;
    const uint8_t *frame = recovery_bytes(r, slot, offset, bytes, &error);
    if (frame == NULL) {
        if (unreadable_count > 0)
            r->unreadable_count = unreadable_count;
        return NULL;
    }
    return wal_frame_valid(frame, r->identity, header->segment, offset) ? frame : NULL;
}

static int scan_slot(struct wal_recovery *r, uint32_t slot, uint64_t offset, scan_visit visit,
                     void *context)
{
    while (offset < r->identity->segment_bytes) {
        int error;
        const uint8_t *block = recovery_bytes(r, slot, offset, WAL_BLOCK_BYTES, &error);
        if (block == NULL && error == 0)
            return 0;
        if (block == NULL && r->unreadable_count > RECOVERY_UNREADABLE_MAX)
            return 0;
        uint64_t bytes = WAL_BLOCK_BYTES;
        int result = 0;
        if (block == NULL) {
            result = visit(r, context, slot, offset, NULL, NULL);
        } else if (!wal_block_is_zero(block)) {
            struct wal_frame_header header;
            const uint8_t *frame = scan_frame(r, slot, offset, block, &header);
            if (frame != NULL)
                bytes = wal_round(sizeof(header) + (uint64_t)header.length);
            result = visit(r, context, slot, offset, frame != NULL ? &header : NULL,
                           frame != NULL ? frame + sizeof(header) : NULL);
        }
        if (result != 0)
            return result;
        offset += bytes;
    }
    return 0;
}

// --- the tail --------------------------------------------------------------------------------

static void tail_raise(struct wal_recovery *r, enum wal_tail_shape shape)
{
    static_assert(WAL_TAIL_NONE < WAL_TAIL_TORN && WAL_TAIL_TORN < WAL_TAIL_FRAMES, "severity");
    if (shape > r->tail)
        r->tail = shape;
}

// What follows E and says that E was durable before it was written is a witness of E's chain value,
// as a completion record is.
static void witness_check(struct wal_recovery *r, uint64_t sequence, uint64_t durable,
                          uint64_t chain)
{
    const struct wal_recovery_result *result = r->result;
    if (sequence == result->end + 1 && durable == result->end && chain != result->end_chain)
        r->witness_agrees = false;
}

// A block that is no frame: does it count as something that follows E?
static bool damage_follows(const struct wal_recovery *r, const struct recovery_slot *slot)
{
    switch ((enum recovery_slot_kind)slot->kind) {
    case RECOVERY_SLOT_SEGMENT:
        // Not in a segment of which everything is superseded.
        return recovery_superseded_from(r, slot->number) > slot->first;
    case RECOVERY_SLOT_MISPLACED:
        return recovery_superseded_from(r, slot->number) == UINT64_MAX;
    case RECOVERY_SLOT_ZERO:
    case RECOVERY_SLOT_DAMAGED:
        return true;
    case RECOVERY_SLOT_MISSING:
        return false;
    }
    assert(false);
}

static int tail_visit(struct wal_recovery *r, void *context, uint32_t slot, uint64_t offset,
                      const struct wal_frame_header *header, const uint8_t *records)
{
    (void)context;
    (void)offset;
    (void)records;
    struct wal_recovery_result *result = r->result;
    if (header == NULL) {
        if (damage_follows(r, &r->slots[slot])) {
            tail_raise(r, WAL_TAIL_TORN);
            result->dropped_bytes += WAL_BLOCK_BYTES;
        }
        return 0;
    }
    recovery_raise_durable(r, header->durable);
    recovery_raise_segment(r, header->segment);
    r->slots[slot].holds_frames = true;
    // Frames up to E are copies or remains of what has been replayed.
    if (header->sequence <= result->end)
        return 0;
    if (header->sequence >= recovery_superseded_from(r, header->segment))
        return 0;
    witness_check(r, header->sequence, header->durable, header->chain);
    tail_raise(r, WAL_TAIL_FRAMES);
    result->dropped_frames++;
    result->dropped_bytes += wal_round(sizeof(*header) + (uint64_t)header->length);
    return 0;
}

// Where the scan of this slot begins; the segment's size when there is nothing to look for.
static uint64_t tail_begin(const struct wal_recovery *r, uint32_t slot)
{
    const struct recovery_slot *s = &r->slots[slot];
    if (s->kind == RECOVERY_SLOT_MISSING || s->walked)
        return r->identity->segment_bytes;
    if (r->end.index < r->order_count && r->order[r->end.index] == slot && r->end.offset > 0)
        return r->end.offset;
    return WAL_BLOCK_BYTES;
}

void recovery_scan_rest(struct wal_recovery *r)
{
    struct wal_recovery_result *result = r->result;
    if (r->end.sequence > result->end + 1) { // an unfinished batch
        tail_raise(r, WAL_TAIL_TORN);
        result->dropped_frames += r->end.sequence - result->end - 1;
        result->dropped_bytes += r->walked_bytes_after;
    }
    // Segments that count, beyond the one where the chain ends.
    for (uint32_t i = r->end.index; i < r->order_count; i++) {
        const struct recovery_slot *slot = &r->slots[r->order[i]];
        bool counts = slot->first < r->lowest[i + 1];
        if (counts && (i > r->end.index || r->end.offset == 0)) {
            witness_check(r, slot->first, slot->durable, slot->chain);
            tail_raise(r, WAL_TAIL_FRAMES);
        }
        if (counts && slot->short_file)
            tail_raise(r, WAL_TAIL_TORN);
    }
    for (uint32_t slot = 0; slot < r->slot_count; slot++) {
        const struct recovery_slot *s = &r->slots[slot];
        if (s->kind == RECOVERY_SLOT_DAMAGED) {
            tail_raise(r, WAL_TAIL_TORN);
            result->dropped_bytes += WAL_BLOCK_BYTES;
        }
        if (s->kind == RECOVERY_SLOT_MISPLACED && damage_follows(r, s)) {
            witness_check(r, s->first, s->durable, s->chain);
            tail_raise(r, WAL_TAIL_FRAMES);
        }
        int stopped = scan_slot(r, slot, tail_begin(r, slot), tail_visit, NULL);
        assert(stopped == 0);
    }
}

// --- for tools -------------------------------------------------------------------------------

struct visit_frames {
    wal_frame_visit visit;
    void *context;
};

static int visit_frame(struct wal_recovery *r, void *context, uint32_t slot, uint64_t offset,
                       const struct wal_frame_header *header, const uint8_t *records)
{
    (void)r;
    const struct visit_frames *frames = context;
    return header != NULL ? frames->visit(frames->context, slot, offset, header, records) : 0;
}

int wal_scan_slot(struct wal_recovery *recovery, const struct wal_identity *identity,
                  const struct wal_source *source, uint32_t slot, wal_frame_visit visit,
                  void *context)
{
    struct wal_recovery *r = recovery;
    assert(slot < WAL_SEGMENTS_MAX && visit != NULL);
    r->identity = identity;
    r->source = source;
    r->frame_bytes_max = wal_frame_bytes_max(identity->segment_bytes);
    assert(r->buffer_bytes > r->frame_bytes_max);
    r->window.slot = RECOVERY_SLOT_NULL;
    r->unreadable_count = 0;
    struct visit_frames frames = {.visit = visit, .context = context};
    int result = scan_slot(r, slot, WAL_BLOCK_BYTES, visit_frame, &frames);
    if (result == 0 && r->unreadable_count > 0)
        result = -r->unreadable_error;
    return result;
}
