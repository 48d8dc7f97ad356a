// Recovery's checkpoint: which one the chain starts at, loaded frame by frame.
#include "wal/recovery_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

// How reading one went.
enum checkpoint_outcome {
    CHECKPOINT_WHOLE,
    CHECKPOINT_DAMAGED,
    CHECKPOINT_UNREADABLE,
    CHECKPOINT_STOPPED, // its records could not be applied
};

// The next frame, verified; NULL with *outcome.
static const uint8_t *checkpoint_next(struct wal_recovery *r, uint32_t slot, uint64_t *length,
                                      uint32_t *count, enum checkpoint_outcome *outcome)
{
    struct wal_checkpoint_reader *reader = &r->checkpoint;
    int error;
    const uint8_t *frame = recovery_bytes(r, slot, reader->offset, WAL_BLOCK_BYTES, &error);
    int64_t bytes = frame != NULL ? wal_checkpoint_frame_length(reader, frame) : -EBADMSG;
    if (bytes > (int64_t)WAL_BLOCK_BYTES)
        frame = recovery_bytes(r, slot, reader->offset, (uint64_t)bytes, &error);
    *outcome = error < 0 ? CHECKPOINT_UNREADABLE : CHECKPOINT_DAMAGED;
    const uint8_t *records;
    if (frame == NULL || bytes < 0 ||
        wal_checkpoint_frame_take(reader, frame, &records, length, count) < 0)
        return NULL;
    *outcome = CHECKPOINT_WHOLE;
    return *count > 0 ? records : frame;
}

// The databases' keyspaces as they were at the beginning.
static bool checkpoint_apply_map(struct wal_recovery *r)
{
    const struct wal_checkpoint_begin *begin = &r->checkpoint.begin;
    struct wal_record record = {.type = WAL_RECORD_MAP};
    record.map.next_id = begin->next_id;
    memcpy(record.map.ids, begin->ids, sizeof(record.map.ids));
    if (r->source->expect != NULL)
        r->source->expect(r->source->context, begin->keys);
    recovery_expect_log(r, begin->segment);
    r->apply_error = r->source->apply(r->source->context, &record);
    return r->apply_error == 0;
}

static void checkpoint_note_damage(struct wal_recovery *r, uint64_t number, uint32_t slot,
                                   enum wal_damage_kind kind)
{
    struct wal_recovery_result *result = r->result;
    if (result->damage.checkpoint != 0)
        return; // the first place counts
    result->damage.kind = kind;
    result->damage.slot = slot;
    result->damage.offset = r->checkpoint.offset;
    result->damage.sequence = 1;
    result->damage.sequence_last = result->durable;
    result->damage.checkpoint = number;
    result->damage.error = r->unreadable_error;
}

// Without it nothing of the log can be told.
static void checkpoint_lose(struct wal_recovery *r, uint64_t number, uint32_t slot,
                            enum wal_damage_kind kind)
{
    checkpoint_note_damage(r, number, slot, kind);
    r->checkpoint_lost = true;
    r->end_kind = kind;
    memset(&r->checkpoint, 0, sizeof(r->checkpoint));
}

// Passes over what is damaged, up to the next frame that is whole. False: there is none.
static bool checkpoint_skip(struct wal_recovery *r, uint32_t slot, uint64_t number)
{
    struct wal_checkpoint_reader *reader = &r->checkpoint;
    uint64_t from = reader->offset;
    uint32_t unreadable = r->unreadable_count;
    bool found = false;
    checkpoint_note_damage(r, number, slot,
                           unreadable > 0 ? WAL_DAMAGE_UNREADABLE : WAL_DAMAGE_CHECKSUM);
    r->source->lost(r->source->context);
    uint64_t at = from;
    while (!found) {
        at += WAL_BLOCK_BYTES;
        int error;
        const uint8_t *block = recovery_bytes(r, slot, at, WAL_BLOCK_BYTES, &error);
        if (block == NULL && error == 0)
            break;
        struct wal_checkpoint_reader before = *reader;
        if (block == NULL || !wal_checkpoint_resync(reader, block, at))
            continue;
        struct wal_checkpoint_reader there = *reader;
        uint64_t length;
        uint32_t count;
        enum checkpoint_outcome outcome;
        found = checkpoint_next(r, slot, &length, &count, &outcome) != NULL;
        *reader = found ? there : before;
    }
    r->unreadable_count = unreadable;
    r->result->checkpoint_lost_bytes += at - from;
    return found;
}

// Reads the checkpoint `number` to its end; applies it, or only looks whether it is whole.
static enum checkpoint_outcome checkpoint_read(struct wal_recovery *r, uint32_t slot,
                                               uint64_t number, bool apply)
{
    struct wal_checkpoint_reader *reader = &r->checkpoint;
    wal_checkpoint_read(reader, r->identity, number);
    while (!reader->ended) {
        enum checkpoint_outcome outcome;
        bool begun = reader->begun;
        uint64_t length;
        uint32_t count;
        const uint8_t *records = checkpoint_next(r, slot, &length, &count, &outcome);
        if (records == NULL && apply && begun && r->source->lost != NULL) {
            if (!checkpoint_skip(r, slot, number))
                return CHECKPOINT_WHOLE; // as far as it is
            continue;
        }
        if (records == NULL)
            return outcome;
        if (!apply)
            continue;
        if (!begun && !checkpoint_apply_map(r))
            return CHECKPOINT_STOPPED;
        if (count > 0 && !recovery_apply(r, records, length, count))
            return CHECKPOINT_STOPPED;
    }
    return CHECKPOINT_WHOLE;
}

// Is the log there from its beginning?
static bool log_begins(const struct wal_recovery *r)
{
    return r->order_count > 0 && r->slots[r->order[0]].first == 1;
}

// The newest one counts, whatever it looks like. Only while nothing says that it has been verified, and
// what it was to replace is still there (the one before it, or all of the log), it may be passed over.
// Returns its place in `checkpoints`, or -1 for none.
static int checkpoint_choose(struct wal_recovery *r)
{
    const uint64_t *numbers = r->source->checkpoints;
    bool older = numbers[1] != 0;
    if (numbers[0] <= r->checkpoint_witnessed || (!older && !log_begins(r)))
        return 0;
    uint32_t unreadable = r->unreadable_count;
    if (checkpoint_read(r, WAL_SLOT_CHECKPOINT, numbers[0], false) == CHECKPOINT_WHOLE)
        return 0;
    r->unreadable_count = unreadable;
    memset(&r->checkpoint, 0, sizeof(r->checkpoint));
    return older ? 1 : -1;
}

void recovery_load_checkpoint(struct wal_recovery *r)
{
    static const uint32_t slots[2] = {WAL_SLOT_CHECKPOINT, WAL_SLOT_CHECKPOINT_OLDER};
    struct wal_recovery_result *result = r->result;
    const uint64_t *numbers = r->source->checkpoints;
    result->checkpoint_newest =
        numbers[0] > r->checkpoint_witnessed ? numbers[0] : r->checkpoint_witnessed;
    result->checkpoint_witnessed = r->checkpoint_witnessed;
    if (r->checkpoint_witnessed > numbers[0]) {
        checkpoint_lose(r, r->checkpoint_witnessed, RECOVERY_SLOT_NULL, WAL_DAMAGE_MISSING);
        return;
    }
    if (numbers[0] == 0)
        return;
    int chosen = checkpoint_choose(r);
    if (chosen < 0)
        return;
    uint64_t number = numbers[chosen];
    switch (checkpoint_read(r, slots[chosen], number, true)) {
    case CHECKPOINT_WHOLE:
        break;
    case CHECKPOINT_DAMAGED:
        checkpoint_lose(r, number, slots[chosen], WAL_DAMAGE_CHECKSUM);
        return;
    case CHECKPOINT_UNREADABLE:
        checkpoint_lose(r, number, slots[chosen], WAL_DAMAGE_UNREADABLE);
        return;
    case CHECKPOINT_STOPPED:
        if (r->undecodable)
            checkpoint_lose(r, number, slots[chosen], WAL_DAMAGE_NONE);
        return;
    }
    result->checkpoint = number;
    result->checkpoint_first = r->checkpoint.begin.first;
    result->checkpoint_records = r->checkpoint.records;
    result->checkpoint_bytes = r->checkpoint.offset;
    if (r->checkpoint.ended) {
        result->checkpoint_lost_records = r->checkpoint.end.records - r->checkpoint.records;
        recovery_add_witness(r, r->checkpoint.end.durable, r->checkpoint.end.chain);
    }
}
