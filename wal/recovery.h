// Recovery: reads both logs, decides by two numbers whether what is there can be trusted, and hands
// out the records to replay.
//
// D is the largest "durable through" found in completion records, in any valid frame, in segment
// headers. E is the last batch of the unbroken chain. E >= D: replay to E, what follows was never
// acknowledged. E < D: refuse, because acknowledged data is damaged or missing. The same when the
// newest segment that a completion record names is not there: nobody can tell what it held.
//
// The chain starts at the newest checkpoint, which has to be whole: its file was put in place only when
// it was on stable storage, so whatever is wrong with it is damage. The one before it takes its place
// only where no completion record says yet that the newest was verified.
#ifndef PORO_WAL_RECOVERY_H
#define PORO_WAL_RECOVERY_H

#include "wal/checkpoint.h"
#include "wal/format.h"
#include "wal/log.h"
#include "wal/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What recovery reads from. `read`: fills `buffer` with `length` bytes (whole blocks, from a block
// boundary) of the segment file in `slot`, past the page cache; returns the bytes read (fewer only
// at the end of the file) or -errno. `slot` WAL_SLOT_COMPLETION means the completion log,
// WAL_SLOT_CHECKPOINT the newest checkpoint and WAL_SLOT_CHECKPOINT_OLDER the one before it.
// `checkpoints`: the numbers of these two, 0 where there is none. `expect` (may be NULL): so many keys
// will come. `expect_log` (may be NULL): about so many bytes of the log will be replayed. `prefetch`
// (may be NULL): this record will be applied soon. `apply`: one record to replay; 0, or -errno, which
// ends recovery. `lost` (NULL for a server): a part of the checkpoint is damaged; for repair what is
// whole of it is read all the same, though the verdict refuses.
#define WAL_SLOT_COMPLETION UINT32_MAX
#define WAL_SLOT_CHECKPOINT (UINT32_MAX - 2)
#define WAL_SLOT_CHECKPOINT_OLDER (UINT32_MAX - 3)
struct wal_source {
    void *context;
    int64_t (*read)(void *context, uint32_t slot, uint64_t offset, uint8_t *buffer,
                    uint64_t length);
    int (*apply)(void *context, const struct wal_record *record);
    void (*expect)(void *context, uint64_t keys);
    void (*expect_log)(void *context, uint64_t bytes);
    void (*prefetch)(void *context, const struct wal_record *record);
    void (*lost)(void *context);
    uint64_t checkpoints[2];
};

// How the log looks, for the table of verdicts.
enum wal_completion_shape {
    WAL_COMPLETION_INTACT,  // every block that was ever written is valid
    WAL_COMPLETION_TORN,    // some block is damaged, a valid one remains
    WAL_COMPLETION_MISSING, // no valid block at all
};
enum wal_tail_shape {
    WAL_TAIL_NONE,   // nothing but zeros follows E
    WAL_TAIL_TORN,   // damaged or incomplete bytes follow E, no valid frame after them
    WAL_TAIL_FRAMES, // valid frames, or whole segments, lie beyond a break in the chain
};
enum wal_extent {
    WAL_EXTENT_AT_LEAST, // E >= D, and every segment is there that is known of
    WAL_EXTENT_BELOW,    // E < D, or the newest segment that was durable is not there
};

enum wal_verdict {
    WAL_VERDICT_CLEAN,          // replay all
    WAL_VERDICT_TORN,           // replay to E, drop a tail that was never acknowledged
    WAL_VERDICT_DAMAGED,        // refuse: acknowledged data is damaged or missing
    WAL_VERDICT_UNDECIDABLE,    // refuse: no witness is left, and something follows E
    WAL_VERDICT_CHAIN_MISMATCH, // refuse: the frame at D is not the one that the witness saw
    WAL_VERDICT_UNREADABLE,     // refuse: a segment could not be read, or no completion block
    WAL_VERDICT_COUNT,
};

// One row of the decision table, for a log that could be read (a completion block that cannot be
// read counts as damaged while another one is valid). `witness_agrees`: every chain value that a
// completion record has of its D agrees with the frame that it names, where that frame was reached;
// so does what follows E, where it says that E was durable before it was written.
enum wal_verdict wal_decide(enum wal_completion_shape completion, enum wal_tail_shape tail,
                            enum wal_extent extent, bool witness_agrees);
bool wal_verdict_refuses(enum wal_verdict verdict);
const char *wal_verdict_name(enum wal_verdict verdict);

// Kinds of damage, for the message; they never decide.
enum wal_damage_kind {
    WAL_DAMAGE_NONE,
    WAL_DAMAGE_MISSING,    // the file is not there or too short
    WAL_DAMAGE_ZERO,       // zeros where a frame or header should be
    WAL_DAMAGE_CHECKSUM,   // bytes that do not match their checksum
    WAL_DAMAGE_STALE,      // a valid frame that belongs elsewhere in the order
    WAL_DAMAGE_MISPLACED,  // a segment that belongs to another file
    WAL_DAMAGE_UNREADABLE, // the device reports an error
};

struct wal_recovery_result {
    enum wal_verdict verdict;
    uint64_t end;                  // E
    uint64_t end_chain;            // chain value after E
    uint64_t durable;              // D
    uint64_t segment_newest;       // highest segment number seen, 0 when none
    uint64_t completion_counter;   // of the newest completion record, 0 when none
    bool clean_stop;               // the newest completion record says so and E is its D
    uint64_t checkpoint;           // number of the one that was loaded, 0: none
    uint64_t checkpoint_newest;    // highest number ever seen, in a name or a completion record
    uint64_t checkpoint_witnessed; // highest number that a completion record names
    uint64_t checkpoint_first;     // L0 of the one that was loaded
    uint64_t checkpoint_records;   // loaded from it
    uint64_t checkpoint_bytes;
    uint64_t checkpoint_lost_bytes;   // of it, where it was damaged
    uint64_t checkpoint_lost_records; // 0 also when that cannot be told
    uint64_t records;                 // replayed, but those of spools
    uint64_t bytes;                   // of frames replayed
    uint64_t dropped_bytes;           // of the tail that was never acknowledged
    uint64_t dropped_frames;          // valid ones among them
    struct {
        enum wal_damage_kind kind;
        uint32_t slot;
        uint64_t offset;
        uint64_t sequence;      // the first one that is missing
        uint64_t sequence_last; // the last acknowledged one that is lost, 0 when unknown
        uint64_t segment;       // the newest one that was durable, when it is missing; else 0
        uint64_t checkpoint;    // the one that is damaged, unreadable or missing; else 0
        int error;              // errno for UNREADABLE
        // Another suspect: a file whose header is damaged or belongs elsewhere. NONE: there is none.
        enum wal_damage_kind header_kind;
        uint32_t header_slot;
    } damage; // where the chain ends, if not cleanly
    // Where the log could simply go on: the place behind E in the newest segment, when no whole frame
    // follows it anywhere, so that there is nothing to supersede.
    struct {
        bool possible;
        uint32_t slot;
        uint64_t number;
        uint64_t offset;
    } resume;
    char message[640]; // one line for people
};

struct allocator;
struct wal_recovery;
size_t wal_recovery_overhead(void);
// `buffer`: block-aligned, wal_frame_bytes_max + WAL_RECOVERY_READ_BYTES for reads of full length;
// at least one block more than the largest frame. Stays the caller's.
#define WAL_RECOVERY_READ_BYTES MIB(1)
struct wal_recovery *wal_recovery_create(struct allocator *allocator, uint8_t *buffer,
                                         size_t buffer_bytes);

// Reads everything and replays as it goes. `slots`: number of segment slots to look at (files that
// do not exist read as 0 bytes or -ENOENT). When the verdict refuses, what has been applied is to
// be thrown away. Returns 0 when a verdict was reached, or apply's -errno.
int wal_recover(struct wal_recovery *recovery, const struct wal_identity *identity,
                const struct wal_source *source, uint32_t slots,
                struct wal_recovery_result *result);

// What recovery found in a slot, for wal_slot_found. NONE: no file, or one of another length with
// nothing in it, to be made again from scratch. READY: the header block is all zero. RELEASED: the
// segment holds nothing that is kept and another header does its work (see recovery_slots.c for why
// that is safe); it may be used under a new number. SEALED: everything else. *number: the segment's, 0
// without a valid header. Only after a verdict that does not refuse.
enum wal_slot_state wal_recovery_slot(const struct wal_recovery *recovery, uint32_t slot,
                                      uint64_t *number);

// Every valid frame in a slot, in file order, whatever the chain says: for `poro-wal dump` and for
// naming damaged keys. Returns 0 or -errno.
typedef int (*wal_frame_visit)(void *context, uint32_t slot, uint64_t offset,
                               const struct wal_frame_header *header, const uint8_t *records);
int wal_scan_slot(struct wal_recovery *recovery, const struct wal_identity *identity,
                  const struct wal_source *source, uint32_t slot, wal_frame_visit visit,
                  void *context);

#endif
