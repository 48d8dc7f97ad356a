// The log's format on disk: every structure, its checksums, and the arithmetic of their sizes.
//
// A data folder has: `instance` (identity, put in place last of all when the folder is made),
// `lock`, `completion` (WAL_COMPLETION_BLOCKS blocks, written round robin), the segments
// `intent.00000`, `intent.00001`, ... (one fixed slot each), and the newest checkpoint
// `checkpoint.NUMBER` (see checkpoint.h). All integers are little-endian.
#ifndef PORO_WAL_FORMAT_H
#define PORO_WAL_FORMAT_H

#include "conf/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WAL_FORMAT_VERSION 2
#define WAL_INSTANCE_MAGIC 0x6563617473696f70ULL   // "poistace"
#define WAL_SEGMENT_MAGIC 0x746e656765736f70ULL    // "posegent"
#define WAL_COMPLETION_MAGIC 0x656c706d6f636f70ULL // "pocomple"
#define WAL_FRAME_MAGIC 0x6d726670U                // "pfrm"

// Identity of a data folder. The id is random and secret: it seeds every checksum, so that nobody
// who may only store values can forge a frame inside one.
struct wal_identity {
    uint8_t id[16];
    uint64_t segment_bytes;
};

// The file `instance`, one block.
struct wal_instance_block {
    uint64_t magic;
    uint32_t version;
    uint32_t reserved;
    uint8_t id[16];
    uint64_t segment_bytes;
    uint64_t checksum;
};
static_assert(sizeof(struct wal_instance_block) == 48, "on-disk size");

// The first block of a segment. All zero: the segment is ready and has never been used.
struct wal_segment_block {
    uint64_t magic;
    uint32_t version;
    uint32_t slot; // of the file: a segment found in another file is not valid there
    uint8_t id[16];
    uint64_t number;  // never reused; a higher number is newer
    uint64_t first;   // F: this segment supersedes every frame >= F in lower-numbered segments
    uint64_t chain;   // checksum of frame F - 1 (of the instance when F is 1)
    uint64_t durable; // D when it was written
    uint64_t checksum;
};
static_assert(sizeof(struct wal_segment_block) == 72, "on-disk size");

enum wal_frame_flags {
    WAL_FRAME_COMMIT = 1, // the last frame of its batch
};

// A frame: this header, records, zero padding to a whole block.
struct wal_frame_header {
    uint32_t magic;
    uint16_t version;
    uint16_t flags;
    uint64_t segment;     // number of the segment that it was written to
    uint64_t sequence;    // 1, 2, 3, ... over all frames of the log
    uint64_t batch_first; // sequence of the first frame of its batch
    uint64_t durable;     // D when it was written: always below `sequence`, always a commit frame
    uint64_t chain;       // checksum of the frame before it
    uint32_t length;      // bytes of records after this header
    uint32_t count;       // number of records
    uint64_t checksum;    // over this header (with this field zero) and the records
};
static_assert(sizeof(struct wal_frame_header) == 64, "on-disk size");

enum wal_completion_flags {
    WAL_COMPLETION_CLEAN = 1, // a clean stop: nothing follows
};

// One block of the completion log: a witness of what is on stable storage.
struct wal_completion_block {
    uint64_t magic;
    uint32_t version;
    uint32_t flags;
    uint64_t counter;    // block counter % WAL_COMPLETION_BLOCKS; starts at 1
    uint64_t durable;    // D
    uint64_t chain;      // checksum of frame D
    uint64_t segment;    // number of the newest segment that was durable when it was written
    uint64_t checkpoint; // number of the newest one that was published and verified, 0: none
    uint64_t checksum;
};
static_assert(sizeof(struct wal_completion_block) == 64, "on-disk size");

// --- sizes -----------------------------------------------------------------------------------

// `bytes` rounded up to whole blocks.
uint64_t wal_round(uint64_t bytes);
// Largest frame of a log with these segments, header and padding included: WAL_FRAME_BYTES_MAX, or
// a quarter of what a segment holds beside its header when that is less: so four of them fill one.
uint64_t wal_frame_bytes_max(uint64_t segment_bytes);
// True for whole blocks between the limits of conf/limits.h.
bool wal_segment_bytes_valid(uint64_t segment_bytes);

// --- encoding; every block written is WAL_BLOCK_BYTES long, zero-padded ----------------------

void wal_instance_encode(uint8_t block[WAL_BLOCK_BYTES], const struct wal_identity *identity);
// 0, or -EBADMSG (checksum or magic), or -EPROTONOSUPPORT (made by another version).
int wal_instance_decode(const uint8_t block[WAL_BLOCK_BYTES], struct wal_identity *identity);

// Chain value before the first frame of an instance.
uint64_t wal_chain_start(const struct wal_identity *identity);

void wal_segment_encode(uint8_t block[WAL_BLOCK_BYTES], const struct wal_identity *identity,
                        struct wal_segment_block header);
bool wal_segment_decode(const uint8_t block[WAL_BLOCK_BYTES], const struct wal_identity *identity,
                        uint32_t slot, struct wal_segment_block *header);

void wal_completion_encode(uint8_t block[WAL_BLOCK_BYTES], const struct wal_identity *identity,
                           struct wal_completion_block record);
bool wal_completion_decode(const uint8_t block[WAL_BLOCK_BYTES],
                           const struct wal_identity *identity, uint32_t index,
                           struct wal_completion_block *record);

// Block of the record that a new folder's completion log begins with.
#define WAL_COMPLETION_INITIAL 1
// That record (D = 0). Returns its offset in the file. It has to be on stable storage before
// `instance` is put in place: only then does "no valid completion block" always mean damage and
// never a crash in the first moments of a folder.
uint64_t wal_completion_initial(uint8_t block[WAL_BLOCK_BYTES],
                                const struct wal_identity *identity);

// Fills in `header->checksum` of the frame at `frame` (header and records contiguous), for its
// place: segment `header->segment`, `offset` bytes into the file. Returns it: the next chain value.
uint64_t wal_frame_seal(uint8_t *frame, const struct wal_identity *identity, uint64_t offset);
// Header plausible (magic, version, length within `available`) for a frame at this place?
bool wal_frame_plausible(const uint8_t *frame, uint64_t available);
// Checksum valid for this place? The frame must be plausible and wholly in memory. `segment`: the
// number that the segment's header has.
bool wal_frame_valid(const uint8_t *frame, const struct wal_identity *identity, uint64_t segment,
                     uint64_t offset);

// Seed of the checksum of a frame at `offset` of checkpoint `number`.
uint64_t wal_checkpoint_seed(const struct wal_identity *identity, uint64_t number, uint64_t offset);

bool wal_block_is_zero(const uint8_t block[WAL_BLOCK_BYTES]);

#endif
