// Recovery's state, shared by the files that implement wal/recovery.h and by nothing else.
#ifndef PORO_WAL_RECOVERY_INTERNAL_H
#define PORO_WAL_RECOVERY_INTERNAL_H

#include "wal/recovery.h"

#define RECOVERY_SLOT_NULL (UINT32_MAX - 1)
// A device that fails this often is not read any further: the verdict is certain by then.
#define RECOVERY_UNREADABLE_MAX 16
// Records between the one that is applied and the one that is looked at ahead.
#define RECOVERY_AHEAD 16

enum recovery_slot_kind {
    RECOVERY_SLOT_MISSING,   // no file
    RECOVERY_SLOT_ZERO,      // header block all zero
    RECOVERY_SLOT_SEGMENT,   // valid header
    RECOVERY_SLOT_MISPLACED, // valid header of another slot
    RECOVERY_SLOT_DAMAGED,   // anything else
};

struct recovery_slot {
    uint64_t number; // these four: of the header
    uint64_t first;
    uint64_t chain;
    uint64_t durable;
    uint8_t kind;      // enum recovery_slot_kind
    uint8_t state;     // enum wal_slot_state: the answer of wal_recovery_slot
    bool short_file;   // shorter than a segment
    bool walked;       // the walk along the chain has been through it
    bool needed;       // holds frames that are kept
    bool holds_frames; // valid frames were found where there is no valid header
};

// A place in the chain: the next frame to verify.
struct recovery_cursor {
    uint32_t index;    // in `order`
    uint64_t offset;   // in that segment, 0: its header has not been checked yet
    uint64_t sequence; // expected
    uint64_t chain;    // expected
    uint64_t batch;    // expected: sequence of the first frame of its batch
};

struct wal_recovery {
    uint8_t *buffer;
    uint64_t buffer_bytes;

    const struct wal_identity *identity;
    const struct wal_source *source;
    struct wal_recovery_result *result;
    uint32_t slot_count;
    uint64_t frame_bytes_max;
    int apply_error;

    // What the buffer holds: bytes [start, end) of the file in `slot`.
    struct {
        uint32_t slot;
        uint64_t start;
        uint64_t end;
    } window;

    // Reads that failed.
    uint32_t unreadable_count;
    uint32_t unreadable_slot; // the first one
    uint64_t unreadable_offset;
    int unreadable_error;

    // Witnesses: valid completion records in the order of D.
    struct wal_completion_block witnesses[WAL_COMPLETION_BLOCKS + 1]; // and the checkpoint's
    uint32_t witness_count;
    uint32_t witness_next; // first one whose frame has not been walked
    bool witness_agrees;
    enum wal_completion_shape completion;
    uint64_t segment_witnessed;    // highest segment that a completion record names: it was durable
    uint64_t checkpoint_witnessed; // the same of checkpoints: it was verified

    // The checkpoint that the chain starts at; without any: the beginning of the log.
    struct wal_checkpoint_reader checkpoint;
    bool checkpoint_lost; // damaged or missing: nothing can be told without it
    bool lead;            // the frame being applied stands before L0
    uint64_t lead_spools; // bit i: spool i + 1 was seen to begin there
    uint64_t changes;     // records applied, but those of spools
    uint32_t walk_from;   // in `order`: segments before this one are older than the checkpoint

    // Where the walk ended.
    struct recovery_cursor end;
    enum wal_damage_kind end_kind;
    bool undecodable;            // a valid frame whose records make no sense
    uint64_t walked_bytes_after; // frames of an unfinished batch at the end
    enum wal_tail_shape tail;

    // Segments with a valid header in the order of their numbers. lowest[i]: the lowest F among
    // order[i...], so lowest[i + 1] is what supersedes frames in order[i].
    uint32_t order_count;
    uint32_t order[WAL_SEGMENTS_MAX];
    uint64_t lowest[WAL_SEGMENTS_MAX + 1];
    struct recovery_slot slots[WAL_SEGMENTS_MAX];
};

// recovery_read.c: `bytes` (whole blocks, at most the largest frame) of a segment file, in memory
// until the next call. NULL: *error is 0 at the end of the file, else -errno (and noted).
const uint8_t *recovery_bytes(struct wal_recovery *r, uint32_t slot, uint64_t offset,
                              uint64_t bytes, int *error);
void recovery_unreadable(struct wal_recovery *r, uint32_t slot, uint64_t offset, int error);

static inline void recovery_raise_durable(struct wal_recovery *r, uint64_t durable)
{
    if (durable > r->result->durable)
        r->result->durable = durable;
}

// Highest number among the segments whose headers are valid and where they belong, 0 for none.
static inline uint64_t recovery_segment_found(const struct wal_recovery *r)
{
    return r->order_count > 0 ? r->slots[r->order[r->order_count - 1]].number : 0;
}

static inline void recovery_raise_segment(struct wal_recovery *r, uint64_t number)
{
    if (number > r->result->segment_newest)
        r->result->segment_newest = number;
}

// recovery_slots.c
void recovery_read_completions(struct wal_recovery *r);
void recovery_read_headers(struct wal_recovery *r);
void recovery_order(struct wal_recovery *r);
// Lowest F of all valid headers with a higher number: frames from there on are superseded.
uint64_t recovery_superseded_from(const struct wal_recovery *r, uint64_t number);
void recovery_classify(struct wal_recovery *r);

void recovery_add_witness(struct wal_recovery *r, uint64_t durable, uint64_t chain);

// recovery_checkpoint.c: loads the checkpoint, if there is one. Without it `checkpoint_lost` is set.
void recovery_load_checkpoint(struct wal_recovery *r);

// recovery_walk.c: verifies and replays along the chain. Leaves E in the result.
void recovery_walk(struct wal_recovery *r);
// Tells the source how much will be walked, about, when the chain begins in segment `number`.
void recovery_expect_log(struct wal_recovery *r, uint64_t number);
// Applies records, which are valid bytes. False: they make no sense, or apply failed.
bool recovery_apply(struct wal_recovery *r, const uint8_t *records, uint64_t length,
                    uint32_t count);

// recovery_scan.c: looks at everything that the walk did not see.
void recovery_scan_rest(struct wal_recovery *r);

// verdict.c: the line for people.
void recovery_describe(struct wal_recovery *r);

#endif
