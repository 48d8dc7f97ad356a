// Recovery's first look: witnesses, segment headers, their order; and at the end, which slots may
// be used again.
#include "wal/recovery_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

// --- completion log --------------------------------------------------------------------------

// Reads block `index` of the completion log. False when it is not all there.
static bool completion_block_read(struct wal_recovery *r, uint32_t index, int *error)
{
    const struct wal_source *source = r->source;
    int64_t got = source->read(source->context, WAL_SLOT_COMPLETION, index * WAL_BLOCK_BYTES,
                               r->buffer, WAL_BLOCK_BYTES);
    *error = got < 0 && got != -ENOENT ? (int)got : 0;
    return got == (int64_t)WAL_BLOCK_BYTES;
}

// Keeps witnesses in the order of D (insertion: there are few).
static void witness_insert(struct wal_recovery *r, const struct wal_completion_block *record)
{
    uint32_t at = r->witness_count++;
    assert(at < WAL_COMPLETION_BLOCKS + 1);
    while (at > 0 && r->witnesses[at - 1].durable > record->durable) {
        r->witnesses[at] = r->witnesses[at - 1];
        at--;
    }
    r->witnesses[at] = *record;
    recovery_raise_durable(r, record->durable);
}

void recovery_add_witness(struct wal_recovery *r, uint64_t durable, uint64_t chain)
{
    struct wal_completion_block witness = {.durable = durable, .chain = chain};
    witness_insert(r, &witness);
}

static void witness_add(struct wal_recovery *r, const struct wal_completion_block *record)
{
    witness_insert(r, record);
    recovery_raise_segment(r, record->segment);
    if (record->segment > r->segment_witnessed)
        r->segment_witnessed = record->segment;
}

void recovery_read_completions(struct wal_recovery *r)
{
    struct wal_completion_block newest = {0};
    bool damaged = false;
    for (uint32_t index = 0; index < WAL_COMPLETION_BLOCKS; index++) {
        struct wal_completion_block record;
        int error;
        if (!completion_block_read(r, index, &error)) {
            // Fewer witnesses, as if the block were damaged: the others decide. Without any other
            // one, recovery ends as UNREADABLE.
            damaged = true;
            if (error < 0 && r->unreadable_error == 0) {
                r->unreadable_slot = WAL_SLOT_COMPLETION;
                r->unreadable_offset = index * WAL_BLOCK_BYTES;
                r->unreadable_error = -error;
            }
        } else if (wal_completion_decode(r->buffer, r->identity, index, &record)) {
            witness_add(r, &record);
            if (record.counter > newest.counter)
                newest = record;
        } else if (!wal_block_is_zero(r->buffer)) {
            damaged = true;
        }
    }
    if (r->witness_count == 0) {
        r->completion = WAL_COMPLETION_MISSING;
        if (r->unreadable_error != 0)
            r->unreadable_count = 1;
        return;
    }
    // Every counter up to the newest has been written, so this many blocks are valid.
    uint64_t expected =
        newest.counter < WAL_COMPLETION_BLOCKS ? newest.counter : WAL_COMPLETION_BLOCKS;
    if (r->witness_count < expected)
        damaged = true;
    r->completion = damaged ? WAL_COMPLETION_TORN : WAL_COMPLETION_INTACT;
    r->result->completion_counter = newest.counter;
    // Older ones may name a newer one, that a start has passed over since.
    r->checkpoint_witnessed = newest.checkpoint;
    r->result->clean_stop = (newest.flags & WAL_COMPLETION_CLEAN) != 0;
    // Judged when E is known: so far it only says what the record says, of this D.
    if (newest.durable != r->result->durable)
        r->result->clean_stop = false;
}

// --- segment headers -------------------------------------------------------------------------

static void slot_take_header(struct wal_recovery *r, struct recovery_slot *slot,
                             enum recovery_slot_kind kind, const struct wal_segment_block *header)
{
    slot->kind = (uint8_t)kind;
    slot->number = header->number;
    slot->first = header->first;
    slot->chain = header->chain;
    slot->durable = header->durable;
    recovery_raise_durable(r, header->durable);
    recovery_raise_segment(r, header->number);
}

static bool slot_is_short(struct wal_recovery *r, uint32_t slot)
{
    uint64_t last = r->identity->segment_bytes - WAL_BLOCK_BYTES;
    int64_t got = r->source->read(r->source->context, slot, last, r->buffer, WAL_BLOCK_BYTES);
    // Unreadable is not short; whether it matters shows when the block is needed.
    return got >= 0 ? got < (int64_t)WAL_BLOCK_BYTES : got == -ENOENT;
}

static void slot_read_header(struct wal_recovery *r, uint32_t index)
{
    struct recovery_slot *slot = &r->slots[index];
    struct wal_segment_block header;
    memset(r->buffer, 0, WAL_BLOCK_BYTES);
    int64_t got = r->source->read(r->source->context, index, 0, r->buffer, WAL_BLOCK_BYTES);
    if (got == -ENOENT || got == 0) {
        slot->kind = RECOVERY_SLOT_MISSING;
        return;
    }
    if (got < 0) {
        slot->kind = RECOVERY_SLOT_DAMAGED;
        recovery_unreadable(r, index, 0, (int)got);
        return;
    }
    memcpy(&header, r->buffer, sizeof(header));
    uint32_t slot_named = header.slot;
    if (wal_segment_decode(r->buffer, r->identity, index, &header))
        slot_take_header(r, slot, RECOVERY_SLOT_SEGMENT, &header);
    else if (wal_segment_decode(r->buffer, r->identity, slot_named, &header))
        slot_take_header(r, slot, RECOVERY_SLOT_MISPLACED, &header);
    else if (wal_block_is_zero(r->buffer))
        slot->kind = RECOVERY_SLOT_ZERO;
    else
        slot->kind = RECOVERY_SLOT_DAMAGED;
    slot->short_file = slot_is_short(r, index);
}

void recovery_read_headers(struct wal_recovery *r)
{
    assert(r->slot_count <= WAL_SEGMENTS_MAX);
    memset(r->slots, 0, sizeof(r->slots[0]) * r->slot_count);
    for (uint32_t slot = 0; slot < r->slot_count; slot++)
        slot_read_header(r, slot);
}

// Heapsort: no memory, no recursion, and libc's qsort would call malloc.
static void order_sift(struct wal_recovery *r, uint32_t root, uint32_t count)
{
    for (;;) {
        uint32_t child = 2 * root + 1;
        if (child >= count)
            return;
        const struct recovery_slot *slots = r->slots;
        if (child + 1 < count && slots[r->order[child]].number < slots[r->order[child + 1]].number)
            child++;
        if (slots[r->order[root]].number >= slots[r->order[child]].number)
            return;
        uint32_t swap = r->order[root];
        r->order[root] = r->order[child];
        r->order[child] = swap;
        root = child;
    }
}

static void order_sort(struct wal_recovery *r)
{
    uint32_t count = r->order_count;
    for (uint32_t i = count / 2; i > 0; i--)
        order_sift(r, i - 1, count);
    for (uint32_t end = count; end > 1; end--) {
        uint32_t swap = r->order[0];
        r->order[0] = r->order[end - 1];
        r->order[end - 1] = swap;
        order_sift(r, 0, end - 1);
    }
}

// Two valid headers with one number cannot be, and nothing says which one is meant: neither is
// used. What they hold is still seen by the scan.
static void order_drop_duplicates(struct wal_recovery *r)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < r->order_count;) {
        uint64_t number = r->slots[r->order[i]].number;
        uint32_t run = i + 1;
        while (run < r->order_count && r->slots[r->order[run]].number == number)
            run++;
        if (run == i + 1)
            r->order[kept++] = r->order[i];
        for (uint32_t j = i; run > i + 1 && j < run; j++)
            r->slots[r->order[j]].kind = RECOVERY_SLOT_DAMAGED;
        i = run;
    }
    r->order_count = kept;
}

void recovery_order(struct wal_recovery *r)
{
    r->order_count = 0;
    for (uint32_t slot = 0; slot < r->slot_count; slot++) {
        if (r->slots[slot].kind == RECOVERY_SLOT_SEGMENT)
            r->order[r->order_count++] = slot;
    }
    order_sort(r);
    order_drop_duplicates(r);
    r->lowest[r->order_count] = UINT64_MAX;
    for (uint32_t i = r->order_count; i > 0; i--) {
        uint64_t first = r->slots[r->order[i - 1]].first;
        r->lowest[i - 1] = first < r->lowest[i] ? first : r->lowest[i];
        assert(i == 1 || r->slots[r->order[i - 2]].number < r->slots[r->order[i - 1]].number);
    }
}

uint64_t recovery_superseded_from(const struct wal_recovery *r, uint64_t number)
{
    uint32_t low = 0;
    uint32_t high = r->order_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (r->slots[r->order[middle]].number > number)
            high = middle;
        else
            low = middle + 1;
    }
    return r->lowest[low];
}

// --- use of slots afterwards -----------------------------------------------------------------

// Which slots may be written over, under a new number?
//
// A segment that holds frames that are kept: never. A header block that is all zero: yes, nothing
// there was used for the verdict. A header that is damaged, or belongs elsewhere: no; it costs a
// slot until the next checkpoint and keeps the evidence.
//
// A segment K with a valid header and no kept frame has one role left: its header supersedes
// frames >= F(K) in lower-numbered segments. Some of these may be whole on disk although they were
// never acknowledged (a write that failed but landed, a tail that was cut by an earlier start);
// if K's header went away, such a frame could continue the chain and come back. Somebody may have
// been served from the state without it in between. So K may be written over only while another
// header does its work: one with a higher number, F <= F(K), that is itself not written over.
// Then, whatever a crash leaves of the new header and first frame in K's place:
// - the old header: K is superseded as before, its frames are never walked;
// - the new one: it supersedes from E + 1, as it should;
// - neither (damaged): the slot is no part of the chain, and the other header stands.
// Stale frames behind the new header have the old number and are valid only under that.
//
// The newest header is therefore always kept: nobody else does its work until the next segment is
// durable in another slot. Going down from it with the lowest F kept so far finds all others. At
// the following start the newest of today has a successor with F = E + 1, and is free.
//
// A segment that is older than the checkpoint has no role at all: the walk begins behind it.
static enum wal_slot_state segment_state(const struct recovery_slot *slot, uint64_t lowest_kept,
                                         bool older)
{
    if (older && !slot->short_file)
        return WAL_SLOT_RELEASED;
    if (slot->needed || slot->short_file || slot->first < lowest_kept)
        return WAL_SLOT_SEALED;
    return WAL_SLOT_RELEASED;
}

void recovery_classify(struct wal_recovery *r)
{
    for (uint32_t i = 0; i < r->slot_count; i++) {
        struct recovery_slot *slot = &r->slots[i];
        slot->state = WAL_SLOT_SEALED;
        if (slot->kind == RECOVERY_SLOT_MISSING)
            slot->state = WAL_SLOT_NONE;
        // A file of another length was being made when the process ended: it is made again. Not
        // so if there are frames in it.
        if (slot->kind == RECOVERY_SLOT_ZERO && !slot->short_file)
            slot->state = WAL_SLOT_READY;
        if (slot->kind == RECOVERY_SLOT_ZERO && slot->short_file && !slot->holds_frames)
            slot->state = WAL_SLOT_NONE;
    }
    uint64_t lowest_kept = UINT64_MAX; // so the newest one is kept
    for (uint32_t i = r->order_count; i > 0; i--) {
        struct recovery_slot *slot = &r->slots[r->order[i - 1]];
        slot->state = (uint8_t)segment_state(slot, lowest_kept, i - 1 < r->walk_from);
        if (slot->state == WAL_SLOT_SEALED && slot->first < lowest_kept)
            lowest_kept = slot->first;
    }
}

enum wal_slot_state wal_recovery_slot(const struct wal_recovery *recovery, uint32_t slot,
                                      uint64_t *number)
{
    *number = 0;
    if (slot >= recovery->slot_count)
        return WAL_SLOT_NONE;
    const struct recovery_slot *s = &recovery->slots[slot];
    if (s->kind == RECOVERY_SLOT_SEGMENT || s->kind == RECOVERY_SLOT_MISPLACED)
        *number = s->number;
    return (enum wal_slot_state)s->state;
}
