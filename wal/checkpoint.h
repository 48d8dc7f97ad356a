// Checkpoints: the keyspace in one file, as it was while the file was being written, and where the
// log is to be replayed from.
//
// The snapshot is fuzzy: entries are written one after the other while commands go on. Every change
// after the beginning is in the log from frame L0 on, so that replaying it makes of any such mixture
// the state at the log's end. What may be in the snapshot must not be ahead of the log: a checkpoint
// is complete only when everything that it may contain is on stable storage (D in its last frame).
//
// A file is a row of frames of whole blocks: one BEGIN, RECORDS, one END. Each carries the checksum of
// the one before it, and its own is seeded with the instance, the checkpoint's number and the offset.
// What lies behind END has no meaning: the file may have been a longer checkpoint before.
#ifndef PORO_WAL_CHECKPOINT_H
#define PORO_WAL_CHECKPOINT_H

#include "wal/format.h"
#include "wal/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WAL_CHECKPOINT_MAGIC 0x6b686370U // "pchk"

enum wal_checkpoint_kind {
    WAL_CHECKPOINT_BEGIN = 1,
    WAL_CHECKPOINT_RECORDS,
    WAL_CHECKPOINT_END,
};

// A frame: this header, a payload, zero padding to a whole block.
struct wal_checkpoint_header {
    uint32_t magic;
    uint16_t version;
    uint16_t kind;
    uint64_t number;   // of the checkpoint
    uint64_t chain;    // checksum of the frame before it, 0 in the first one
    uint32_t length;   // bytes of payload
    uint32_t count;    // RECORDS: how many
    uint64_t checksum; // over this header (with this field zero) and the payload
};
static_assert(sizeof(struct wal_checkpoint_header) == 40, "on-disk size");

// Payload of BEGIN.
struct wal_checkpoint_begin {
    uint64_t first;   // replay begins with this frame, the first one of a batch
    uint64_t chain;   // checksum of the frame before it (of the instance when `first` is 1)
    uint64_t segment; // it lies in the segment of this number, at `offset`, or in a higher one
    uint64_t offset;
    uint64_t keys; // about so many follow
    // L0 is this much higher. What stands before is known here already: only spools are taken of it, for
    // commands at or after L0.
    uint32_t lead;
    uint32_t next_id; // databases -> keyspace ids, as in a MAP record
    uint32_t ids[DATABASES_MAX];
};
static_assert(sizeof(struct wal_checkpoint_begin) == 48 + 4 * DATABASES_MAX, "on-disk size");

// L0: from this frame on the log says what the checkpoint may lack.
static inline uint64_t wal_checkpoint_log(const struct wal_checkpoint_begin *begin)
{
    return begin->first + begin->lead;
}

// Payload of END.
struct wal_checkpoint_end {
    uint64_t durable; // D when everything before was written: nothing in the file is newer
    uint64_t chain;   // checksum of frame D
    uint64_t records; // in the whole file
};
static_assert(sizeof(struct wal_checkpoint_end) == 24, "on-disk size");

// --- writing -----------------------------------------------------------------------------------

// Puts frames together, one at a time, in memory of the caller.
struct wal_checkpoint_writer {
    const struct wal_identity *identity;
    uint64_t number;
    uint64_t chain;   // checksum of the newest frame
    uint64_t offset;  // in the file, of the next frame
    uint64_t records; // in all frames
    uint8_t *frame;   // the one being filled
    uint64_t room;    // its memory in bytes
    uint64_t used;
    uint32_t count;
};

// From this size on a frame of records is full.
uint64_t wal_checkpoint_frame_bytes(uint64_t segment_bytes);
// A frame can become so long: memory that its writer and reader need. As long as a frame of the log,
// so that both have the same longest key.
uint64_t wal_checkpoint_frame_bytes_max(uint64_t segment_bytes);

// Begins a file. `identity` must outlive the writer.
void wal_checkpoint_open(struct wal_checkpoint_writer *writer, const struct wal_identity *identity,
                         uint64_t number);
// The first and the last frame, in `frame` (block-aligned, one block). Returns its bytes; it belongs
// at the offset that the writer had before.
uint64_t wal_checkpoint_write_begin(struct wal_checkpoint_writer *writer, uint8_t *frame,
                                    const struct wal_checkpoint_begin *begin);
uint64_t wal_checkpoint_write_end(struct wal_checkpoint_writer *writer, uint8_t *frame,
                                  uint64_t durable, uint64_t chain);
// A frame of records: begun in `frame` (block-aligned, wal_checkpoint_frame_bytes_max of memory).
void wal_checkpoint_frame(struct wal_checkpoint_writer *writer, uint8_t *frame);
// Appends a record. False when it does not fit any more; an empty frame takes any record whose
// bytes fit a frame of the greatest length.
bool wal_checkpoint_append(struct wal_checkpoint_writer *writer, const struct wal_record *record);
// Bytes of data that one more record may carry when its key has this length, so that the frame ends
// near its usual size: 0 when the frame should be closed first.
uint64_t wal_checkpoint_room(const struct wal_checkpoint_writer *writer, uint32_t key_length);
// Closes it. Returns its bytes, 0 when it has no record.
uint64_t wal_checkpoint_frame_close(struct wal_checkpoint_writer *writer);

// --- reading -----------------------------------------------------------------------------------

// Follows the frames of a file in their order.
struct wal_checkpoint_reader {
    const struct wal_identity *identity;
    uint64_t number;
    uint64_t chain;
    uint64_t offset;  // of the next frame
    uint64_t records; // so far
    bool begun;
    bool ended; // END was there: the file is whole
    bool gaps;  // ... but for what was passed over by wal_checkpoint_resync
    struct wal_checkpoint_begin begin;
    struct wal_checkpoint_end end;
};

void wal_checkpoint_read(struct wal_checkpoint_reader *reader, const struct wal_identity *identity,
                         uint64_t number);
// The length of the frame at `bytes` (one block at least is there), padding included, or -EBADMSG
// when no frame of this checkpoint can begin so.
int64_t wal_checkpoint_frame_length(const struct wal_checkpoint_reader *reader,
                                    const uint8_t *bytes);
// For repair: could a frame of this checkpoint lie here, at offset `offset`, whatever comes before it?
// The reader goes on there then.
bool wal_checkpoint_resync(struct wal_checkpoint_reader *reader, const uint8_t *bytes,
                           uint64_t offset);
// Verifies the frame, which is wholly in memory, and moves beyond it. *records, *length and *count:
// the records in it, none for BEGIN and END. 0 or -EBADMSG.
int wal_checkpoint_frame_take(struct wal_checkpoint_reader *reader, const uint8_t *frame,
                              const uint8_t **records, uint64_t *length, uint32_t *count);

#endif
