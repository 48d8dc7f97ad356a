// The writing side's state, shared by the files that implement wal/log.h and by nothing else.
#ifndef PORO_WAL_LOG_INTERNAL_H
#define PORO_WAL_LOG_INTERNAL_H

#include "wal/log.h"

#define WAL_SLOT_STATES (WAL_SLOT_RELEASED + 1)
#define WAL_SLOT_NULL UINT32_MAX
// Listings of unsynced slots whose token is remembered exactly.
#define WAL_LISTINGS_MAX 4

// A place between two batches: the commit frame before it.
struct wal_point {
    uint64_t sequence; // of the commit frame, 0 before the first
    uint64_t chain;    // its checksum
    uint64_t batch;    // number of its batch in this process, 0 for what recovery found
    uint64_t segment;  // what follows it lies in the segment of this number, at `offset`, or in a
    uint64_t offset;   // higher one
};

struct wal_slot {
    uint64_t number;         // of its segment
    uint64_t last;           // last sequence written while the slot was active
    struct wal_point commit; // last commit frame at or before `last`
    uint32_t unsynced_next;  // list of slots with unsynced bytes
    uint8_t state;           // enum wal_slot_state
    bool unsynced;
};

// A batch in staging: closed frames, each padded to whole blocks, and one that is being filled.
struct wal_batch {
    uint8_t *base;
    uint64_t number;
    uint64_t bytes;   // used: end of the last record, or of the padding when closed
    uint64_t frame;   // offset of the frame that is being filled
    uint64_t count;   // records in it
    uint64_t touched; // memory from `base` that may have been written to
};

// The one write in flight.
struct wal_flight {
    bool active;
    bool commit;          // of the frame
    uint64_t bytes;       // whole write
    uint64_t frame_bytes; // 0: a segment header alone
    uint64_t end;         // in the segment
    uint64_t sequence;
    uint64_t chain; // checksum of the frame
};

struct wal {
    uint8_t header_block[WAL_BLOCK_BYTES]; // lent to the write that opens a segment
    uint8_t completion_block[WAL_BLOCK_BYTES];

    struct wal_identity identity;
    uint32_t segments_ahead;
    uint64_t frame_bytes_max;
    uint64_t staging_bytes;

    // Staging. One batch is open; the other one is being written or empty.
    struct wal_batch batches[2];
    uint32_t open;
    bool writing;
    uint64_t placed;         // offset in the batch being written of the frame that is due
    uint64_t batch_sequence; // sequence of its first frame
    struct wal_flight flight;
    uint32_t failures; // in a row
    bool fatal;
    bool header_due; // a header-only write failed and is to be repeated

    // Where the log stands.
    uint64_t written;        // last sequence written
    uint64_t bytes_total;    // of frames written
    uint64_t records_total;  // appended
    uint64_t chain;          // its checksum
    struct wal_point commit; // last commit frame written
    struct wal_point durable;
    uint32_t active; // slot, or WAL_SLOT_NULL
    uint64_t fill;   // offset in it
    uint64_t segment_next;
    uint64_t segment_durable; // newest segment known to be on stable storage, 0 for none

    // Slots with unsynced bytes, oldest first: in the order of their sequences.
    uint32_t unsynced_head;
    uint32_t unsynced_tail;
    uint32_t unsynced_count;
    struct {
        uint64_t token;
        struct wal_point commit;
    } listings[WAL_LISTINGS_MAX];

    // Completion log.
    uint64_t completion_counter;
    bool completion_any;               // a record was written by this process
    struct wal_point completion;       // newest one written
    bool completion_active;            // one is in flight
    struct wal_point completion_point; // what it says
    uint64_t checkpoint;               // number of the newest one that is verified, 0: none
    uint64_t checkpoint_said;          // by the newest record written
    uint64_t checkpoint_saying;        // by the one in flight

    // Slots.
    uint32_t counts[WAL_SLOT_STATES];
    uint32_t none_hint;     // no slot below is NONE
    uint32_t ready_hint;    // no slot below is READY
    uint32_t released_hint; // no slot below is RELEASED
    uint32_t slots_top;     // no slot from here on was ever used
    uint32_t ready_needed;
    bool space_failed;
    bool checkpoint_short; // no space for the next checkpoint
    uint32_t shortages;    // preparations in a row that failed for lack of descriptors or memory
    struct wal_slot slots[WAL_SEGMENTS_MAX];
};

static inline uint64_t wal_payload_max(const struct wal *wal)
{
    return wal->frame_bytes_max - sizeof(struct wal_frame_header);
}

static inline struct wal_batch *wal_batch_open(struct wal *wal)
{
    return &wal->batches[wal->open];
}

static inline struct wal_batch *wal_batch_writing(struct wal *wal)
{
    return &wal->batches[1 - wal->open];
}

// batch.c: closes the open batch and opens the next in the other staging region.
void wal_batch_close(struct wal *wal);

// segments.c
void wal_slot_set(struct wal *wal, uint32_t slot, enum wal_slot_state state);
// Takes the lowest READY slot, WAL_SLOT_NULL when there is none.
uint32_t wal_slot_take_ready(struct wal *wal);

// unsynced.c: bytes up to wal->written were written to the active slot.
void wal_unsynced_note(struct wal *wal, bool durable);

#endif
