// What is written but not yet on stable storage, and how D moves.
//
// Slots with unsynced bytes form a list in the order of their sequences. A slot is in it at most
// once: it is active only once, so its frames are consecutive. D moves when the list is empty, or
// up to a point before which everything has been synced; always to a commit frame, never back.
#include "wal/log_internal.h"

#include <assert.h>

static void durable_move(struct wal *wal, struct wal_point point)
{
    assert(point.sequence <= wal->written);
    if (point.sequence > wal->durable.sequence)
        wal->durable = point;
    assert(wal->durable.sequence <= wal->commit.sequence);
}

// This slot's segment is on stable storage, its header at least. The active one may not be: the
// write that begins it may be in flight.
static void durable_segment(struct wal *wal, uint32_t slot)
{
    if (wal->slots[slot].number > wal->segment_durable)
        wal->segment_durable = wal->slots[slot].number;
}

void wal_unsynced_note(struct wal *wal, bool durable)
{
    struct wal_slot *slot = &wal->slots[wal->active];
    slot->last = wal->written;
    slot->commit = wal->commit;
    // A durable write hardens itself only: while anything before it is not, it waits with it.
    if (durable && wal->unsynced_count == 0) {
        durable_move(wal, wal->commit);
        durable_segment(wal, wal->active);
        return;
    }
    if (slot->unsynced) {
        assert(wal->unsynced_tail == wal->active);
        return;
    }
    slot->unsynced = true;
    slot->unsynced_next = WAL_SLOT_NULL;
    if (wal->unsynced_count == 0)
        wal->unsynced_head = wal->active;
    else
        wal->slots[wal->unsynced_tail].unsynced_next = wal->active;
    wal->unsynced_tail = wal->active;
    wal->unsynced_count++;
}

// Remembers which commit frame the token stands for. With more listings open than are remembered
// the newest gives way, so that the oldest, whose sync may be running, moves D when it ends; the
// others wait for a later sync, which is safe.
static void listing_note(struct wal *wal, uint64_t token)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < WAL_LISTINGS_MAX; i++) {
        if (wal->listings[i].token == token)
            return;
        bool unused = wal->listings[i].token == 0;
        bool newer = wal->listings[i].token > wal->listings[at].token;
        if (unused || (newer && wal->listings[at].token != 0))
            at = i;
    }
    wal->listings[at].token = token;
    wal->listings[at].commit = wal->commit;
}

bool wal_has_unsynced(const struct wal *wal)
{
    return wal->unsynced_count > 0;
}

bool wal_slot_unsynced(const struct wal *wal, uint32_t slot)
{
    assert(slot < WAL_SEGMENTS_MAX);
    return wal->slots[slot].unsynced;
}

uint32_t wal_unsynced(struct wal *wal, uint32_t *slots, uint32_t capacity, uint64_t *token)
{
    assert(capacity > 0);
    uint32_t count = 0;
    uint32_t slot = wal->unsynced_head;
    uint32_t listed = wal->unsynced_count < capacity ? wal->unsynced_count : capacity;
    *token = wal->written;
    while (count < listed) {
        assert(slot != WAL_SLOT_NULL && wal->slots[slot].unsynced);
        slots[count++] = slot;
        if (count == listed && listed < wal->unsynced_count)
            *token = wal->slots[slot].last; // sealed: its last commit frame will not change
        slot = wal->slots[slot].unsynced_next;
    }
    if (listed == wal->unsynced_count && listed > 0)
        listing_note(wal, *token);
    return count;
}

void wal_synced(struct wal *wal, uint64_t token)
{
    assert(token <= wal->written);
    while (wal->unsynced_count > 0 && wal->slots[wal->unsynced_head].last <= token) {
        struct wal_slot *slot = &wal->slots[wal->unsynced_head];
        durable_move(wal, slot->commit);
        durable_segment(wal, wal->unsynced_head);
        slot->unsynced = false;
        wal->unsynced_head = slot->unsynced_next;
        wal->unsynced_count--;
    }
    for (uint32_t i = 0; i < WAL_LISTINGS_MAX; i++) {
        if (wal->listings[i].token > 0 && wal->listings[i].token <= token) {
            durable_move(wal, wal->listings[i].commit);
            wal->listings[i].token = 0;
        }
    }
    if (wal->unsynced_count == 0) {
        wal->unsynced_head = WAL_SLOT_NULL;
        wal->unsynced_tail = WAL_SLOT_NULL;
        durable_move(wal, wal->commit);
    }
}
