// The log's writing side: batches, group commit, segments, both logs' state. Pure: it is told what
// happened and answers what is to be written; it does no I/O.
#ifndef PORO_WAL_LOG_H
#define PORO_WAL_LOG_H

#include "wal/format.h"
#include "wal/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct allocator;
struct wal;

struct wal_options {
    struct wal_identity identity;
    // Segments that must be ready beyond the active one before the log is content; at least 3: one
    // for going on, WAL_RESERVE for failures and the next start.
    uint32_t segments_ahead;
};
// Ready segments outside normal admission: one for a failed write, one for the next start.
#define WAL_RESERVE 2

// A frame that cannot be written is tried in this many further segments before the log gives up.
#define WAL_REWRITE_MAX 2

// Bytes that wal_create takes from the allocator, alignment included.
size_t wal_overhead(void);

// `staging`: two regions of `staging_bytes` each, block-aligned, reserved, touched as used; at
// least four largest frames, and WAL_BATCH_BYTES_MAX * 5/4 for the full limits (smaller ones lower
// wal_batch_bytes_max). The regions stay the caller's and must outlive the log.
struct wal *wal_create(struct allocator *allocator, void *const staging[2], size_t staging_bytes,
                       const struct wal_options *options);

// Largest `bytes` that wal_admit ever admits. Beyond one frame's length it reckons with twice the
// bytes, because a long value's key is repeated in every piece.
uint64_t wal_batch_bytes_max(const struct wal *wal);
// Longest key that a record may have: KEY_BYTES_MAX with segments of 64 MiB and more, about half a
// frame with smaller ones. Commands with longer keys must be refused before they append.
uint32_t wal_key_bytes_max(const struct wal *wal);

// --- after recovery, before the first append -------------------------------------------------

// Called once, before anything else. Where the log goes on: `sequence` and `chain` of the last
// frame kept (0 and wal_chain_start for a new instance), which is durable; `segment_next`: higher
// than every segment number ever seen; `completion_counter`: of the newest completion record (1 in
// a new folder, see wal_completion_initial); `checkpoint`: the one that was loaded, 0: none. A
// completion record is due then, so that the new D has a witness.
void wal_continue(struct wal *wal, uint64_t sequence, uint64_t chain, uint64_t segment_next,
                  uint64_t completion_counter, uint64_t checkpoint);

// --- segments --------------------------------------------------------------------------------

enum wal_slot_state {
    WAL_SLOT_NONE,      // no such file
    WAL_SLOT_PREPARING, // being created, allocated, zero-filled, synced
    WAL_SLOT_READY,     // usable
    WAL_SLOT_ACTIVE,    // being appended to
    WAL_SLOT_SEALED,    // holds frames, takes no more
    WAL_SLOT_RELEASED,  // holds frames that nobody needs any more: may be READY again
};

// Tells which slots exist after recovery: SEALED, READY or RELEASED (NONE: nothing happens). After
// wal_continue.
void wal_slot_found(struct wal *wal, uint32_t slot, enum wal_slot_state state, uint64_t number);
enum wal_slot_state wal_slot_state(const struct wal *wal, uint32_t slot);
// True when a further segment should be prepared now; *slot says which, *made whether its file is there
// (it was RELEASED: only its length is to be made sure of). It is PREPARING then. At most two are
// prepared at a time. After a failed preparation it is true again at once: the pace of
// retries is the caller's.
bool wal_slot_wanted(struct wal *wal, uint32_t *slot, bool *made);
// Preparation ended: 0, or -errno (the slot is NONE again, its file is gone; admission answers FULL
// instead of WAIT until a preparation succeeds; but for -EAGAIN: space is on its way).
void wal_slot_prepared(struct wal *wal, uint32_t slot, int result);
// How many are READY, how many exist, how many are RELEASED.
uint32_t wal_segments_ready(const struct wal *wal);
uint32_t wal_segments_count(const struct wal *wal);
uint32_t wal_segments_released(const struct wal *wal);
// A RELEASED slot that exceeds `most` files, to be removed: it is PREPARING then, and NONE after
// wal_slot_removed. False when there is none.
bool wal_slot_surplus(struct wal *wal, uint32_t most, uint32_t *slot);
void wal_slot_removed(struct wal *wal, uint32_t slot);

// --- checkpoints -------------------------------------------------------------------------------

struct wal_checkpoint_begin;
// Where a checkpoint that begins now is to be replayed from: fills in first, chain, segment, offset.
void wal_checkpoint_place(const struct wal *wal, struct wal_checkpoint_begin *begin);
// D and its chain value.
uint64_t wal_durable_point(const struct wal *wal, uint64_t *chain);
// This checkpoint is in its place and verified: completion records name it from now on. One is due.
void wal_checkpoint_verified(struct wal *wal, uint64_t number);
// Does a durable completion record name it?
bool wal_checkpoint_witnessed(const struct wal *wal, uint64_t number);
// No frame before `first` is needed any more: segments that hold only such are RELEASED. How many.
uint32_t wal_release(struct wal *wal, uint64_t first);
// While there is no space for the next checkpoint, only what frees some is admitted.
void wal_checkpoint_space(struct wal *wal, bool enough);

// --- appending -------------------------------------------------------------------------------

enum wal_admission {
    WAL_ADMIT, // there is room, on disk and in memory
    WAL_WAIT,  // not now: try again when the open batch has been closed (wal_write_next), when a
               // write has ended or when a segment has been prepared
    WAL_FULL,  // no disk space, or no slot left
    WAL_LARGE, // more than a batch can ever take
};

// May a command append records of together at most `bytes`: the sum of key + data +
// WAL_RECORD_OVERHEAD_MAX per record (splitting, frame headers and padding are reckoned with here)?
// `reserve`: it only deletes, and may use space that is kept for that. Asked before a command
// changes anything; a command that was admitted can append that much without failing. On WAIT for
// lack of segments the need is remembered, and wal_slot_wanted asks for as many.
enum wal_admission wal_admit(struct wal *wal, uint64_t bytes, bool reserve);

// The same for a piece of a spool, of at most wal_spool_piece_max bytes: it may come on top of a batch
// that takes no more commands, so that these cannot keep it out for ever.
enum wal_admission wal_admit_piece(struct wal *wal, uint64_t bytes);
// Longest piece of a spool to be appended at once; a value that is longer is worth a spool.
uint32_t wal_spool_piece_max(const struct wal *wal);

// Appends one record to the open batch. A SET or RANGE whose data is too long for a frame is split
// into a SET with the value's `total` and RANGE records that follow it in the same batch.
void wal_append(struct wal *wal, const struct wal_record *record);

// The open batch's size in bytes, 0 when it is empty.
uint64_t wal_open_bytes(const struct wal *wal);
// Number of the open batch: what a command that appends now will belong to. 1, 2, 3, ...
uint64_t wal_open_batch(const struct wal *wal);
// Newest batch that has records or is being written: what a reply over everything waits for.
uint64_t wal_newest_batch(const struct wal *wal);

// --- writing the intent log ------------------------------------------------------------------

// One write: up to two pieces, contiguous in the file.
struct wal_write {
    uint32_t slot;
    uint64_t offset; // in the file, whole blocks
    const uint8_t *pieces[2];
    uint32_t lengths[2]; // whole blocks; lengths[1] may be 0
};

// The next write to submit, if none is in flight and there is something to write. Closes the open
// batch when nothing older is waiting. The bytes stay untouched until wal_write_done. Also false
// while the frame needs a new segment and none is READY: ask again after wal_slot_prepared.
bool wal_write_next(struct wal *wal, struct wal_write *write);
bool wal_write_in_flight(const struct wal *wal);
// Will wal_write_next close the open batch, if there is anything in it?
bool wal_write_closes(const struct wal *wal);

enum wal_outcome {
    WAL_OK,      // go on
    WAL_REWRITE, // the write failed: it has been re-chained into a fresh segment, call
                 // wal_write_next
    WAL_FATAL,   // it cannot be saved: nothing that is held may leave, stop
};

// The write in flight ended: result = bytes written or -errno. `durable`: on stable storage now
// (DSYNC or synced), else only written. A short write is a failure. The slot of a failed write is
// SEALED for ever. Frames in it that were written before, but not synced, stay listed in
// wal_unsynced; only a successful sync makes D pass them. A failed sync is the caller's end: what
// the kernel has dropped cannot be written again from here.
enum wal_outcome wal_write_done(struct wal *wal, int64_t result, bool durable);

// Opens a new segment with a header and no frame: at every start, before the first wal_write_next,
// with no write in flight. As wal_write_next; false when no segment is ready.
bool wal_open_segment(struct wal *wal, struct wal_write *write);

// Goes on behind the last frame of a segment instead (wal_recovery_result.resume): for a start on a
// full disk that has no segment left. No whole frame was cut, so there is nothing to supersede. `slot`
// was found SEALED.
void wal_resume_segment(struct wal *wal, uint32_t slot, uint64_t number, uint64_t offset);

// Newest batch that is wholly written (everysec, no) / wholly on stable storage (always).
uint64_t wal_batch_written(const struct wal *wal);
uint64_t wal_batch_durable(const struct wal *wal);
// D: newest commit frame known to be on stable storage, with everything before it; its chain value.
uint64_t wal_durable(const struct wal *wal);
// Last sequence handed to a write that is done.
uint64_t wal_written(const struct wal *wal);
// Since wal_create: bytes of frames written, records appended (but those of spools).
uint64_t wal_bytes_total(const struct wal *wal);
uint64_t wal_records_total(const struct wal *wal);
// Is there no disk space for a further segment?
bool wal_is_full(const struct wal *wal);

// Syncs (everysec, no, and when leaving them): lists the slots with bytes that are written but not
// synced, oldest first, into `slots`; returns how many, at most `capacity` (more than 0; when it
// was not enough: sync these, then ask again). *token names the point that is reached when all that
// were listed are synced. While any are unsynced, durable writes are listed too: a write with FUA
// hardens itself, not earlier ones.
uint32_t wal_unsynced(struct wal *wal, uint32_t *slots, uint32_t capacity, uint64_t *token);
// Are there any? Is there something in this slot?
bool wal_has_unsynced(const struct wal *wal);
bool wal_slot_unsynced(const struct wal *wal, uint32_t slot);
// All of them were synced successfully, by syncs that began after they were listed.
void wal_synced(struct wal *wal, uint64_t token);

// --- writing the completion log --------------------------------------------------------------

// True when D has moved beyond the newest completion record written.
bool wal_completion_due(const struct wal *wal);
// The block to write next, none while one is in flight. `clean`: a clean stop. `block`:
// WAL_BLOCK_BYTES of memory inside the wal, untouched until wal_completion_done; *offset in the
// file `completion`. Without `clean`: none either when none is due. With it: always one, and the
// record says so if it is true: nothing is open, waiting or not yet durable.
bool wal_completion_next(struct wal *wal, bool clean, const uint8_t **block, uint64_t *offset);
bool wal_completion_in_flight(const struct wal *wal);
// 0 (on stable storage) or -errno. A failed completion write is not retried in place: the next
// record goes to the next block.
void wal_completion_done(struct wal *wal, int result);
// Newest batch that a durable completion record covers.
uint64_t wal_batch_completed(const struct wal *wal);

// After a giant batch: memory of the staging regions beyond what is needed soon that may be
// returned to the system, a range of them at a time. False when none.
bool wal_reclaim(struct wal *wal, void **address, size_t *bytes);

#endif
