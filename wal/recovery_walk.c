// The walk along the chain: verifies frame after frame and replays every batch that is whole.
#include "wal/recovery_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static const struct recovery_slot *cursor_slot(const struct wal_recovery *r,
                                               const struct recovery_cursor *cursor)
{
    assert(cursor->index < r->order_count);
    return &r->slots[r->order[cursor->index]];
}

// Moves the cursor to where the next frame must be. False when the chain ends before: *kind says
// how. Segments come in the order of their numbers; one with header F supersedes every frame >= F
// below it, so a segment counts up to the lowest F above it, and not at all when its own F is not
// lower.
static bool cursor_settle(const struct wal_recovery *r, struct recovery_cursor *cursor,
                          enum wal_damage_kind *kind)
{
    while (cursor->index < r->order_count) {
        const struct recovery_slot *slot = cursor_slot(r, cursor);
        uint64_t limit = r->lowest[cursor->index + 1];
        if (cursor->offset == 0 && limit > slot->first) {
            // Everything before F was walked up to F, or the walk has ended; unless a segment of
            // another time lies behind the checkpoint.
            if (slot->first != cursor->sequence) {
                *kind = slot->first > cursor->sequence ? WAL_DAMAGE_MISSING : WAL_DAMAGE_STALE;
                return false;
            }
            if (slot->chain != cursor->chain) {
                *kind = WAL_DAMAGE_STALE;
                return false;
            }
            cursor->offset = WAL_BLOCK_BYTES;
        }
        bool superseded = limit <= slot->first || cursor->sequence == limit;
        if (!superseded && cursor->offset < r->identity->segment_bytes)
            return true;
        cursor->index++;
        cursor->offset = 0;
    }
    *kind = WAL_DAMAGE_NONE;
    return false;
}

// What a block that is not the expected frame is, for the message.
static enum wal_damage_kind block_kind(const struct wal_recovery *r, const uint8_t *block,
                                       uint64_t number, uint64_t available)
{
    struct wal_frame_header header;
    memcpy(&header, block, sizeof(header));
    if (wal_block_is_zero(block))
        return WAL_DAMAGE_ZERO;
    if (available > r->frame_bytes_max)
        available = r->frame_bytes_max;
    if (wal_frame_plausible(block, available) && header.segment != number)
        return WAL_DAMAGE_STALE;
    return WAL_DAMAGE_CHECKSUM;
}

// The frame at the cursor, NULL when it is not there: *kind says what is.
static const uint8_t *cursor_frame(struct wal_recovery *r, const struct recovery_cursor *cursor,
                                   enum wal_damage_kind *kind)
{
    uint32_t file = r->order[cursor->index];
    uint64_t number = r->slots[file].number;
    uint64_t available = r->identity->segment_bytes - cursor->offset;
    int error;
    const uint8_t *frame = recovery_bytes(r, file, cursor->offset, WAL_BLOCK_BYTES, &error);
    if (frame == NULL) {
        *kind = error < 0 ? WAL_DAMAGE_UNREADABLE : WAL_DAMAGE_MISSING;
        return NULL;
    }
    *kind = block_kind(r, frame, number, available);
    if (available > r->frame_bytes_max)
        available = r->frame_bytes_max;
    struct wal_frame_header header;
    memcpy(&header, frame, sizeof(header));
    if (!wal_frame_plausible(frame, available) || header.segment != number)
        return NULL;
    if (header.sequence != cursor->sequence || header.chain != cursor->chain ||
        header.batch_first != cursor->batch)
        return NULL;
    uint64_t bytes = wal_round(sizeof(header) + (uint64_t)header.length);
    frame = recovery_bytes(r, file, cursor->offset, bytes, &error);
    if (frame == NULL) {
        *kind = error < 0 ? WAL_DAMAGE_UNREADABLE : WAL_DAMAGE_MISSING;
        return NULL;
    }
    if (!wal_frame_valid(frame, r->identity, number, cursor->offset))
        return NULL;
    return frame;
}

// Verifies the frame at the cursor and moves beyond it. NULL at the end of the chain.
static const uint8_t *cursor_step(struct wal_recovery *r, struct recovery_cursor *cursor,
                                  enum wal_damage_kind *kind)
{
    if (!cursor_settle(r, cursor, kind))
        return NULL;
    const uint8_t *frame = cursor_frame(r, cursor, kind);
    if (frame == NULL)
        return NULL;
    struct wal_frame_header header;
    memcpy(&header, frame, sizeof(header));
    cursor->offset += wal_round(sizeof(header) + (uint64_t)header.length);
    cursor->sequence++;
    cursor->chain = header.checksum;
    if (header.flags & WAL_FRAME_COMMIT)
        cursor->batch = cursor->sequence;
    return frame;
}

// --- replay ----------------------------------------------------------------------------------

// Applies the records of a verified frame. A checksum that is right over records that make no sense
// is no damage on disk but a program that does not understand them: nothing is guessed.
// Looks at the records that are to be applied soon, so that what they need is in cache by then.
struct lookahead {
    const uint8_t *records;
    uint64_t length;
    uint32_t left;
};

static void lookahead_step(struct wal_recovery *r, struct lookahead *ahead)
{
    struct wal_record record;
    if (ahead->left == 0)
        return;
    int64_t bytes = wal_record_decode(ahead->records, ahead->length, &record);
    if (bytes < 0) {
        ahead->left = 0;
        return;
    }
    ahead->records += bytes;
    ahead->length -= (uint64_t)bytes;
    ahead->left--;
    r->source->prefetch(r->source->context, &record);
}

// Before L0: a record for a spool that has been seen to begin. A SET that ends one has done so in the
// checkpoint: here it only drops it.
static bool lead_takes(struct wal_recovery *r, struct wal_record *record)
{
    if (record->spool == 0)
        return false;
    uint64_t bit = 1ULL << (record->spool - 1);
    if (record->type == WAL_RECORD_SPOOL && record->length == 0)
        r->lead_spools |= bit;
    if (!(r->lead_spools & bit))
        return false;
    if (record->type == WAL_RECORD_SET)
        *record = (struct wal_record){.type = WAL_RECORD_SPOOL, .spool = record->spool};
    return true;
}

bool recovery_apply(struct wal_recovery *r, const uint8_t *records, uint64_t length, uint32_t count)
{
    struct lookahead ahead = {records, length, r->source->prefetch != NULL ? count : 0};
    for (uint32_t i = 0; i < RECOVERY_AHEAD; i++)
        lookahead_step(r, &ahead);
    for (uint32_t i = 0; i < count; i++) {
        struct wal_record record;
        lookahead_step(r, &ahead);
        int64_t bytes = wal_record_decode(records, length, &record);
        if (bytes < 0 || (i + 1 == count && (uint64_t)bytes != length)) {
            r->undecodable = true;
            return false;
        }
        if (!r->lead || lead_takes(r, &record))
            r->apply_error = r->source->apply(r->source->context, &record);
        if (r->apply_error != 0)
            return false;
        r->changes += record.type != WAL_RECORD_SPOOL && !r->lead;
        records += bytes;
        length -= (uint64_t)bytes;
    }
    return true;
}

static bool frame_apply(struct wal_recovery *r, const uint8_t *frame)
{
    struct wal_frame_header header;
    memcpy(&header, frame, sizeof(header));
    uint64_t changes = r->changes;
    r->lead =
        r->checkpoint.number != 0 && header.sequence < wal_checkpoint_log(&r->checkpoint.begin);
    bool applied = recovery_apply(r, frame + sizeof(header), header.length, header.count);
    r->lead = false;
    if (!applied)
        return false;
    r->result->records += r->changes - changes;
    r->result->bytes += wal_round(sizeof(header) + (uint64_t)header.length);
    return true;
}

// The batch that begins at `start` has been verified up to `commit`: reads it again, verifies it
// again (the memory holds other bytes by now) and applies it.
static bool batch_apply(struct wal_recovery *r, struct recovery_cursor start, uint64_t commit)
{
    while (start.sequence <= commit) {
        enum wal_damage_kind kind;
        const uint8_t *frame = cursor_step(r, &start, &kind);
        if (frame == NULL) {
            // It was there a moment ago: the device cannot be relied upon.
            if (r->unreadable_count == 0)
                recovery_unreadable(r, r->order[start.index], start.offset, -EIO);
            return false;
        }
        r->slots[r->order[start.index]].needed = true;
        if (!frame_apply(r, frame))
            return false;
    }
    return true;
}

// Compares the chain with every witness whose D is this frame.
static void witnesses_check(struct wal_recovery *r, uint64_t sequence, uint64_t chain)
{
    while (r->witness_next < r->witness_count &&
           r->witnesses[r->witness_next].durable == sequence) {
        if (r->witnesses[r->witness_next].chain != chain)
            r->witness_agrees = false;
        r->witness_next++;
    }
}

// Where the chain starts: at the log's beginning, or at frame L0 of the checkpoint, which lies in the
// segment that its BEGIN names or in the next one. Segments before that are not part of it.
static struct recovery_cursor walk_start(struct wal_recovery *r)
{
    struct recovery_cursor start = {.sequence = 1, .batch = 1};
    start.chain = wal_chain_start(r->identity);
    r->walk_from = 0;
    if (r->checkpoint.number == 0)
        return start;
    const struct wal_checkpoint_begin *begin = &r->checkpoint.begin;
    start.sequence = begin->first;
    start.batch = begin->first;
    start.chain = begin->chain;
    while (start.index < r->order_count && cursor_slot(r, &start)->number < begin->segment)
        start.index++;
    r->walk_from = start.index;
    if (start.index < r->order_count && cursor_slot(r, &start)->number == begin->segment &&
        cursor_slot(r, &start)->first < begin->first)
        start.offset = begin->offset;
    return start;
}

// From segment `number` on; nobody knows yet how far the newest one is filled.
void recovery_expect_log(struct wal_recovery *r, uint64_t number)
{
    uint32_t halves = 0;
    for (uint32_t i = r->order_count; i > 0 && r->slots[r->order[i - 1]].number >= number; i--)
        halves += i == r->order_count ? 1 : 2;
    if (r->source->expect_log != NULL)
        r->source->expect_log(r->source->context, halves * (r->identity->segment_bytes / 2));
}

void recovery_walk(struct wal_recovery *r)
{
    struct wal_recovery_result *result = r->result;
    if (r->checkpoint.number == 0)
        recovery_expect_log(r, 0);
    struct recovery_cursor start = walk_start(r);
    result->end = start.sequence - 1;
    result->end_chain = start.chain;
    r->end = start;
    while (r->witness_next < r->witness_count &&
           r->witnesses[r->witness_next].durable < result->end)
        r->witness_next++;
    witnesses_check(r, result->end, start.chain);
    for (;;) {
        const uint8_t *frame = cursor_step(r, &r->end, &r->end_kind);
        if (frame == NULL)
            break;
        struct wal_frame_header header;
        memcpy(&header, frame, sizeof(header));
        recovery_raise_durable(r, header.durable);
        witnesses_check(r, header.sequence, header.checksum);
        r->walked_bytes_after += wal_round(sizeof(header) + (uint64_t)header.length);
        if (!(header.flags & WAL_FRAME_COMMIT))
            continue;
        // A batch of one frame is still in memory, a longer one may not be.
        bool applied = header.batch_first == header.sequence
                           ? frame_apply(r, frame)
                           : batch_apply(r, start, header.sequence);
        if (!applied)
            break;
        r->slots[r->order[r->end.index]].needed = true;
        result->end = header.sequence;
        result->end_chain = header.checksum;
        r->walked_bytes_after = 0;
        start = r->end;
    }
    for (uint32_t i = 0; i < r->end.index && i < r->order_count; i++)
        r->slots[r->order[i]].walked =
            i < r->walk_from || r->slots[r->order[i]].first < r->lowest[i + 1];
}
