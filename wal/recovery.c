// Recovery: the order of its steps, and its result.
#include "wal/recovery_internal.h"

#include "storage/allocator.h"

#include <assert.h>
#include <string.h>

size_t wal_recovery_overhead(void)
{
    return sizeof(struct wal_recovery) + 64;
}

struct wal_recovery *wal_recovery_create(struct allocator *allocator, uint8_t *buffer,
                                         size_t buffer_bytes)
{
    assert((uintptr_t)buffer % WAL_BLOCK_BYTES == 0);
    assert(buffer_bytes >= 2 * WAL_BLOCK_BYTES);
    struct wal_recovery *recovery = allocator_take(allocator, sizeof(*recovery), 64);
    if (recovery == NULL)
        return NULL;
    recovery->buffer = buffer;
    recovery->buffer_bytes = buffer_bytes / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES;
    return recovery;
}

static void recovery_reset(struct wal_recovery *r, const struct wal_identity *identity,
                           const struct wal_source *source, uint32_t slots,
                           struct wal_recovery_result *result)
{
    memset(result, 0, sizeof(*result));
    r->identity = identity;
    r->source = source;
    r->result = result;
    r->slot_count = slots;
    r->frame_bytes_max = wal_frame_bytes_max(identity->segment_bytes);
    assert(r->buffer_bytes > r->frame_bytes_max);
    r->apply_error = 0;
    r->window.slot = RECOVERY_SLOT_NULL;
    r->unreadable_count = 0;
    r->unreadable_error = 0;
    r->witness_count = 0;
    r->witness_next = 0;
    r->witness_agrees = true;
    r->segment_witnessed = 0;
    r->checkpoint_witnessed = 0;
    r->checkpoint_lost = false;
    r->walk_from = 0;
    r->lead = false;
    r->lead_spools = 0;
    r->changes = 0;
    memset(&r->checkpoint, 0, sizeof(r->checkpoint));
    r->undecodable = false;
    r->end = (struct recovery_cursor){0};
    r->end_kind = WAL_DAMAGE_NONE;
    r->walked_bytes_after = 0;
    r->tail = WAL_TAIL_NONE;
}

static enum wal_damage_kind header_damage(const struct recovery_slot *slot)
{
    switch ((enum recovery_slot_kind)slot->kind) {
    case RECOVERY_SLOT_MISPLACED:
        return WAL_DAMAGE_MISPLACED;
    case RECOVERY_SLOT_DAMAGED:
        return WAL_DAMAGE_CHECKSUM;
    case RECOVERY_SLOT_ZERO:
        return slot->holds_frames ? WAL_DAMAGE_ZERO : WAL_DAMAGE_NONE;
    case RECOVERY_SLOT_MISSING:
    case RECOVERY_SLOT_SEGMENT:
        return WAL_DAMAGE_NONE;
    }
    assert(false);
}

// A file whose header is not what it should be, the likeliest one: in the wrong place, or else
// damaged, or else all zero.
static void damage_find_header(struct wal_recovery *r)
{
    struct wal_recovery_result *result = r->result;
    for (uint32_t slot = 0; slot < r->slot_count; slot++) {
        enum wal_damage_kind kind = header_damage(&r->slots[slot]);
        static_assert(WAL_DAMAGE_NONE < WAL_DAMAGE_ZERO && WAL_DAMAGE_ZERO < WAL_DAMAGE_CHECKSUM &&
                          WAL_DAMAGE_CHECKSUM < WAL_DAMAGE_MISPLACED,
                      "likelihood");
        if (kind <= result->damage.header_kind)
            continue;
        result->damage.header_kind = kind;
        result->damage.header_slot = slot;
    }
}

static enum wal_extent recovery_extent(const struct wal_recovery *r)
{
    bool reached = r->result->end >= r->result->durable;
    bool found = recovery_segment_found(r) >= r->segment_witnessed;
    return reached && found ? WAL_EXTENT_AT_LEAST : WAL_EXTENT_BELOW;
}

static void recovery_note_damage(struct wal_recovery *r)
{
    struct wal_recovery_result *result = r->result;
    bool below = recovery_extent(r) == WAL_EXTENT_BELOW;
    bool at_segment = r->end.index < r->order_count;
    result->damage.kind = r->end_kind;
    result->damage.slot = at_segment ? r->order[r->end.index] : RECOVERY_SLOT_NULL;
    result->damage.offset = at_segment ? r->end.offset : 0;
    result->damage.sequence = r->undecodable ? result->end + 1 : r->end.sequence;
    result->damage.sequence_last = result->end < result->durable ? result->durable : 0;
    if (r->segment_witnessed > recovery_segment_found(r))
        result->damage.segment = r->segment_witnessed;
    if (r->unreadable_count > 0) {
        result->damage.kind = WAL_DAMAGE_UNREADABLE;
        result->damage.slot = r->unreadable_slot;
        result->damage.offset = r->unreadable_offset;
        result->damage.error = r->unreadable_error;
        return;
    }
    // Zeros after the last frame are how every log ends.
    if (r->end_kind == WAL_DAMAGE_ZERO && r->tail == WAL_TAIL_NONE && !below)
        result->damage.kind = WAL_DAMAGE_NONE;
    if (below || r->tail != WAL_TAIL_NONE)
        damage_find_header(r);
    bool at_header = !at_segment || r->end.offset == 0;
    if (!at_header || (!below && r->tail == WAL_TAIL_NONE))
        return;
    // The chain ends at a segment that is not there: a file that is damaged or in the wrong place is
    // a likelier cause than one that is gone.
    if (result->damage.kind == WAL_DAMAGE_NONE)
        result->damage.kind = WAL_DAMAGE_MISSING;
    if (result->damage.header_kind != WAL_DAMAGE_NONE) {
        result->damage.kind = result->damage.header_kind;
        result->damage.slot = result->damage.header_slot;
        result->damage.offset = 0;
    }
}

// The walk has stopped where the next frame would be. That place can be used as it is if it lies in
// the newest segment, whose header supersedes what was cut elsewhere, and no whole frame follows that
// could continue the chain one day. Bytes that are no frame (of a write that was torn, or remains of
// an earlier use of the file) never become one: writing goes on over them from here, in order.
static void recovery_note_resume(struct wal_recovery *r)
{
    struct wal_recovery_result *result = r->result;
    if (wal_verdict_refuses(result->verdict) || r->tail == WAL_TAIL_FRAMES ||
        r->end.index >= r->order_count || r->end.sequence != result->end + 1)
        return;
    const uint32_t slot = r->order[r->end.index];
    if (r->slots[slot].number != result->segment_newest || r->slots[slot].short_file ||
        r->end.offset < WAL_BLOCK_BYTES)
        return;
    result->resume.possible = true;
    result->resume.slot = slot;
    result->resume.number = r->slots[slot].number;
    result->resume.offset = r->end.offset;
}

int wal_recover(struct wal_recovery *recovery, const struct wal_identity *identity,
                const struct wal_source *source, uint32_t slots, struct wal_recovery_result *result)
{
    struct wal_recovery *r = recovery;
    assert(slots <= WAL_SEGMENTS_MAX);
    recovery_reset(r, identity, source, slots, result);
    recovery_read_completions(r);
    recovery_read_headers(r);
    recovery_order(r);
    recovery_load_checkpoint(r);
    if (r->apply_error != 0)
        return r->apply_error;
    if (!r->checkpoint_lost) {
        recovery_walk(r);
        if (r->apply_error != 0)
            return r->apply_error;
        recovery_scan_rest(r);
    }

    if (r->unreadable_count > 0)
        result->verdict = WAL_VERDICT_UNREADABLE;
    else if (r->undecodable || result->damage.checkpoint != 0)
        result->verdict = WAL_VERDICT_DAMAGED;
    else
        result->verdict = wal_decide(r->completion, r->tail, recovery_extent(r), r->witness_agrees);
    result->clean_stop = result->clean_stop && result->end == result->durable;
    // Behind a clean stop there is nothing but remains of an earlier use of the file.
    if (result->verdict == WAL_VERDICT_TORN && result->clean_stop && r->tail == WAL_TAIL_TORN) {
        result->verdict = WAL_VERDICT_CLEAN;
        result->dropped_bytes = 0;
    }
    if (result->damage.checkpoint == 0)
        recovery_note_damage(r);
    recovery_note_resume(r);
    recovery_classify(r);
    recovery_describe(r);
    return 0;
}
