// Segment slots: their life cycle, and admission of commands by the space that is ready.
#include "wal/log_internal.h"

#include <assert.h>
#include <errno.h>

// Preparations in a row that may fail for lack of descriptors or memory before the log counts as full.
#define SHORTAGES_MAX 10
#define PREPARING_MAX 2

void wal_slot_set(struct wal *wal, uint32_t slot, enum wal_slot_state state)
{
    assert(slot < WAL_SEGMENTS_MAX && state < WAL_SLOT_STATES);
    struct wal_slot *s = &wal->slots[slot];
    assert(wal->counts[s->state] > 0);
    wal->counts[s->state]--;
    wal->counts[state]++;
    s->state = (uint8_t)state;
    if (slot >= wal->slots_top)
        wal->slots_top = slot + 1;
    if (state == WAL_SLOT_NONE && slot < wal->none_hint)
        wal->none_hint = slot;
    if (state == WAL_SLOT_READY && slot < wal->ready_hint)
        wal->ready_hint = slot;
    if (state == WAL_SLOT_RELEASED && slot < wal->released_hint)
        wal->released_hint = slot;
}

// Lowest slot in `state`; *hint: none below it is. Moves the hint up to what it finds.
static uint32_t slot_lowest(const struct wal *wal, enum wal_slot_state state, uint32_t *hint)
{
    for (uint32_t slot = *hint; slot < WAL_SEGMENTS_MAX; slot++) {
        if (wal->slots[slot].state == state) {
            *hint = slot;
            return slot;
        }
    }
    *hint = WAL_SEGMENTS_MAX;
    return WAL_SLOT_NULL;
}

uint32_t wal_slot_take_ready(struct wal *wal)
{
    if (wal->counts[WAL_SLOT_READY] == 0)
        return WAL_SLOT_NULL;
    uint32_t slot = slot_lowest(wal, WAL_SLOT_READY, &wal->ready_hint);
    assert(slot != WAL_SLOT_NULL);
    return slot;
}

void wal_slot_found(struct wal *wal, uint32_t slot, enum wal_slot_state state, uint64_t number)
{
    assert(slot < WAL_SEGMENTS_MAX && wal->slots[slot].state == WAL_SLOT_NONE);
    assert(state != WAL_SLOT_PREPARING && state != WAL_SLOT_ACTIVE);
    assert(number < wal->segment_next);
    wal->slots[slot].number = number;
    wal_slot_set(wal, slot, state);
}

enum wal_slot_state wal_slot_state(const struct wal *wal, uint32_t slot)
{
    assert(slot < WAL_SEGMENTS_MAX);
    return (enum wal_slot_state)wal->slots[slot].state;
}

bool wal_slot_wanted(struct wal *wal, uint32_t *slot, bool *made)
{
    uint32_t target =
        wal->ready_needed > wal->segments_ahead ? wal->ready_needed : wal->segments_ahead;
    // Space for the next checkpoint comes first.
    if (wal->checkpoint_short)
        target = WAL_RESERVE + 1;
    uint32_t preparing = wal->counts[WAL_SLOT_PREPARING];
    if (preparing >= PREPARING_MAX || wal->counts[WAL_SLOT_READY] + preparing >= target)
        return false;
    *made = wal->counts[WAL_SLOT_RELEASED] > 0;
    if (!*made && wal->counts[WAL_SLOT_NONE] == 0)
        return false;
    *slot = *made ? slot_lowest(wal, WAL_SLOT_RELEASED, &wal->released_hint)
                  : slot_lowest(wal, WAL_SLOT_NONE, &wal->none_hint);
    assert(*slot != WAL_SLOT_NULL);
    wal_slot_set(wal, *slot, WAL_SLOT_PREPARING);
    return true;
}

void wal_slot_prepared(struct wal *wal, uint32_t slot, int result)
{
    assert(slot < WAL_SEGMENTS_MAX && wal->slots[slot].state == WAL_SLOT_PREPARING);
    assert(result <= 0);
    if (result == 0) {
        wal->space_failed = false;
        wal->shortages = 0;
        wal_slot_set(wal, slot, WAL_SLOT_READY);
        return;
    }
    // A shortage of descriptors or memory often passes by itself; anything else does not soon.
    bool shortage = result == -EMFILE || result == -ENFILE || result == -ENOMEM;
    wal->shortages = shortage ? wal->shortages + 1 : 0;
    if ((!shortage && result != -EAGAIN) || wal->shortages >= SHORTAGES_MAX)
        wal->space_failed = true;
    wal_slot_set(wal, slot, WAL_SLOT_NONE);
}

uint32_t wal_segments_ready(const struct wal *wal)
{
    return wal->counts[WAL_SLOT_READY];
}

bool wal_is_full(const struct wal *wal)
{
    return wal->space_failed;
}

uint32_t wal_segments_count(const struct wal *wal)
{
    return WAL_SEGMENTS_MAX - wal->counts[WAL_SLOT_NONE];
}

uint32_t wal_segments_released(const struct wal *wal)
{
    return wal->counts[WAL_SLOT_RELEASED];
}

// --- release ---------------------------------------------------------------------------------

// A slot whose last frame lies before `first` is older than the one that frame `first` is in, and so
// recovery never looks at it: it begins there. (What a failed write may have left behind that last
// frame was superseded by the header of the slot that came after it.)
uint32_t wal_release(struct wal *wal, uint64_t first)
{
    assert(first <= wal->durable.sequence + 1);
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < wal->slots_top; slot++) {
        const struct wal_slot *s = &wal->slots[slot];
        if (s->state != WAL_SLOT_SEALED || s->unsynced || s->last >= first)
            continue;
        wal_slot_set(wal, slot, WAL_SLOT_RELEASED);
        count++;
    }
    return count;
}

bool wal_slot_surplus(struct wal *wal, uint32_t most, uint32_t *slot)
{
    if (wal->counts[WAL_SLOT_RELEASED] == 0 || wal_segments_count(wal) <= most ||
        wal->counts[WAL_SLOT_PREPARING] >= PREPARING_MAX)
        return false;
    *slot = slot_lowest(wal, WAL_SLOT_RELEASED, &wal->released_hint);
    assert(*slot != WAL_SLOT_NULL);
    wal_slot_set(wal, *slot, WAL_SLOT_PREPARING);
    return true;
}

void wal_slot_removed(struct wal *wal, uint32_t slot)
{
    assert(wal->slots[slot].state == WAL_SLOT_PREPARING);
    wal_slot_set(wal, slot, WAL_SLOT_NONE);
}

void wal_checkpoint_space(struct wal *wal, bool enough)
{
    wal->checkpoint_short = !enough;
}

// --- admission -------------------------------------------------------------------------------

// Bytes of records that a command's sum can come to. Up to a frame's payload P nothing is split.
// A record of key k and data d that is split has ceil(d / q) pieces of k + overhead each, where
// q = P - overhead - k is what a full piece carries: d + ceil(d/q) * (P - q) <= (k + overhead + d)
// * P / q. With k <= wal_key_bytes_max, q is at least P/2, or 8 MiB - 5 KiB where P is almost
// 16 MiB: P / q < 2 + 1/1024.
static uint64_t admit_record_bytes(const struct wal *wal, uint64_t bytes)
{
    return bytes <= wal_payload_max(wal) ? bytes : 2 * bytes + bytes / 1024;
}

// Staging, and so log space, that `bytes` more of records can take. A frame ends when the next
// record does not fit, so two neighbours together hold more than P: at most 2T/P + 2 new frames,
// each with a header and less than a block of padding.
static uint64_t admit_frame_bytes(const struct wal *wal, uint64_t bytes)
{
    uint64_t records = admit_record_bytes(wal, bytes);
    uint64_t frames = 2 * records / wal_payload_max(wal) + 2;
    return wal_round(records) + frames * (sizeof(struct wal_frame_header) + WAL_BLOCK_BYTES);
}

uint64_t wal_batch_bytes_max(const struct wal *wal)
{
    // The largest b with admit_frame_bytes(b) <= staging, from below: (2 + 1/1024) b for the
    // records, as much for headers and padding as there are frames, and a constant.
    uint64_t constant = 8 * WAL_BLOCK_BYTES;
    uint64_t room = wal->staging_bytes > constant ? wal->staging_bytes - constant : 0;
    uint64_t per_frame = sizeof(struct wal_frame_header) + WAL_BLOCK_BYTES;
    uint64_t factor = 2049 + 4 * 1025 * per_frame / wal_payload_max(wal) + 1; // in 1/1024
    uint64_t most = room / factor * 1024;
    if (most < wal_payload_max(wal))
        most = wal_payload_max(wal);
    return most < WAL_BATCH_BYTES_MAX ? most : WAL_BATCH_BYTES_MAX;
}

// Bytes of frames that are admitted and not yet placed in a segment.
static uint64_t admit_unplaced(const struct wal *wal)
{
    uint64_t bytes = wal_round(wal->batches[wal->open].bytes);
    if (wal->writing) {
        bytes += wal->batches[1 - wal->open].bytes - wal->placed;
        if (wal->flight.active)
            bytes -= wal->flight.frame_bytes;
    }
    return bytes;
}

// Ready segments that `bytes` of frames need beyond the active one, at most. Frames go in order, no
// frame crosses a segment's end, and none is longer than `longest`: what is left over at an end is
// less than that.
static uint64_t admit_segments(const struct wal *wal, uint64_t bytes)
{
    uint64_t segment = wal->identity.segment_bytes;
    // The write in flight takes its place only when it is done.
    uint64_t fill = wal->flight.active ? wal->flight.end : wal->fill;
    uint64_t rest = wal->active == WAL_SLOT_NULL ? 0 : segment - fill;
    if (bytes <= rest)
        return 0;
    uint64_t longest = bytes < wal->frame_bytes_max ? bytes : wal->frame_bytes_max;
    uint64_t waste = longest - WAL_BLOCK_BYTES;
    uint64_t taken = rest > waste ? rest - waste : 0;
    uint64_t each = segment - WAL_BLOCK_BYTES - waste;
    return (bytes - taken + each - 1) / each;
}

// Answers for a command that needs `ready` segments (with the reserve) and finds fewer.
static enum wal_admission admit_refuse(struct wal *wal, uint64_t ready)
{
    bool none_left = wal->counts[WAL_SLOT_NONE] == 0 && wal->counts[WAL_SLOT_PREPARING] == 0;
    if (wal->counts[WAL_SLOT_RELEASED] == 0 && (wal->space_failed || none_left))
        return WAL_FULL;
    // Never more than there can be: then it ends as "none left" above.
    uint32_t needed = ready < WAL_SEGMENTS_MAX ? (uint32_t)ready : WAL_SEGMENTS_MAX;
    if (needed > wal->ready_needed)
        wal->ready_needed = needed;
    return WAL_WAIT;
}

// Is there room for frames of so many bytes, on disk?
static enum wal_admission admit_frames(struct wal *wal, uint64_t frames, bool reserve)
{
    uint64_t kept = reserve ? WAL_RESERVE - 1 : WAL_RESERVE;
    uint64_t needed = admit_segments(wal, admit_unplaced(wal) + frames) + kept;
    uint32_t ready = wal->counts[WAL_SLOT_READY];
    // Without need of a segment, the reserve may be in use: the active one has room. But the last
    // segment stays out of it, for a write that fails, or for a start after a torn one.
    if ((needed > kept && needed > ready) || ready == 0)
        return admit_refuse(wal, needed > kept ? needed : 1);
    // Enough for the largest one that was refused: it only has to ask again.
    if (ready >= wal->ready_needed)
        wal->ready_needed = 0;
    return WAL_ADMIT;
}

enum wal_admission wal_admit(struct wal *wal, uint64_t bytes, bool reserve)
{
    if (bytes > wal_batch_bytes_max(wal))
        return WAL_LARGE;
    if (wal->fatal)
        return WAL_WAIT;
    if (wal->checkpoint_short && !reserve)
        return WAL_FULL;
    uint64_t frames = admit_frame_bytes(wal, bytes);
    uint64_t open = wal_round(wal->batches[wal->open].bytes);
    if (open >= WAL_BATCH_BYTES_SOFT || open + frames > wal->staging_bytes) {
        assert(open > 0); // an empty batch takes whatever is not LARGE
        return WAL_WAIT;
    }
    return admit_frames(wal, frames, reserve);
}

enum wal_admission wal_admit_piece(struct wal *wal, uint64_t bytes)
{
    if (wal->fatal)
        return WAL_WAIT;
    if (wal->checkpoint_short)
        return WAL_FULL;
    uint64_t frames = admit_frame_bytes(wal, bytes);
    if (wal_round(wal->batches[wal->open].bytes) + frames > wal->staging_bytes)
        return WAL_WAIT;
    return admit_frames(wal, frames, false);
}
