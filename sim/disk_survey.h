// What a disk at rest holds, block by block: the simulator's own reading of the log, which uses the
// format's decoders and nothing of recovery.
#ifndef PORO_SIM_DISK_SURVEY_H
#define PORO_SIM_DISK_SURVEY_H

#include "sim/disk.h"
#include "wal/checkpoint.h"
#include "wal/format.h"

#include <stdbool.h>
#include <stdint.h>

enum survey_header {
    SURVEY_EMPTY, // no byte in the file
    SURVEY_ZERO,  // never used
    SURVEY_VALID,
    SURVEY_MISPLACED, // valid in another file
    SURVEY_BROKEN,
};

struct survey_segment {
    uint32_t slot;
    enum survey_header kind;
    uint64_t number; // of the header, these four
    uint64_t first;
    uint64_t chain;
    uint64_t durable;
    uint64_t limit; // frames from this sequence on are superseded here
    uint64_t size;
    uint32_t frames;   // the first one of its frames
    bool duplicate;    // another one has the same number: none of them counts
    bool needed;       // has frames of the chain
    bool reached;      // the chain comes through it, or ends in it
    bool passed;       // ... and has gone on: what is left behind there counts for nothing
    bool old;          // ... or it is older than the checkpoint: so does all of it
    bool unreadable;   // in some block
    uint64_t kept_end; // offset behind the last frame of the chain, or behind the header
    bool follows;      // behind there is a frame that is not superseded, above E
    bool remains;      // behind there is something that is neither a frame nor zeros
};

struct survey_frame {
    uint32_t segment; // index
    uint64_t offset;
    uint64_t bytes;   // with padding
    uint64_t covered; // by the checksum
    uint64_t number;  // of the segment that it was written to
    uint64_t sequence;
    uint64_t batch_first;
    uint64_t durable;
    uint64_t chain;
    uint64_t checksum;
    uint64_t content; // hash of the records: what a frame says, wherever it has been written
    bool commit;
    bool walked; // of the chain, or of a batch that begins where it ends
};

struct survey_completion {
    bool valid;
    bool zero;
    bool unreadable;
    struct wal_completion_block record;
};

// A part of a checkpoint's file.
struct survey_part {
    uint16_t kind; // enum wal_checkpoint_kind
    uint64_t offset;
    uint64_t covered; // by the checksum
};

// A file with a checkpoint's name.
struct survey_checkpoint {
    uint64_t number; // in the name
    uint64_t size;
    bool whole;      // to its END
    bool unreadable; // in some block
    bool begun;
    struct wal_checkpoint_begin begin;
    struct wal_checkpoint_end end;
    uint64_t bytes;    // of what is whole
    uint64_t checksum; // of the last frame: with the chain, all of it
    struct survey_part *parts;
    uint32_t parts_count;
};

// What a survey takes to be damaged beyond use.
struct survey_without {
    const char *file;       // NULL: no file
    bool newest_checkpoint; // unless a completion record names it
};

struct survey {
    struct survey_without without;
    bool has_instance; // valid
    struct wal_identity identity;
    uint64_t witnessed; // D
    uint64_t end;       // E
    uint64_t end_chain;
    uint64_t walked_to;              // the sequence that the chain has not got
    struct survey_segment *segments; // in the order of slots
    uint32_t segments_count;
    struct survey_frame *frames; // valid ones, wherever they are
    uint32_t frames_count;
    uint32_t frames_capacity;
    uint64_t
        first; // sequence of the first one of the chain: what comes before is in the checkpoint
    uint64_t first_chain; // checksum of the frame before that
    uint32_t *chain;      // frames by index, in the order of sequences
    uint32_t chain_count;
    struct survey_checkpoint *checkpoints; // the newest first
    uint32_t checkpoints_count;
    int32_t base;   // the one that the chain starts at, -1: at the beginning of the log
    bool base_lost; // it is damaged or gone
    uint64_t base_lost_number;
    uint64_t checkpoint_witnessed; // largest number that a completion record names
    struct survey_completion completion[WAL_COMPLETION_BLOCKS];
    uint32_t completions;          // valid ones
    uint64_t completion_witnessed; // largest D of them
    bool instance_unreadable;
    bool started; // something shows that there has been data, whatever the identity
};

// `identity`: when the file instance cannot tell, NULL for none: then nothing is decoded.
void survey_take(struct disk *disk, const struct wal_identity *identity, struct survey *survey);
// What would be left without the one and the other. `without` outlives the survey.
void survey_take_without(struct disk *disk, const struct survey_without *without,
                         struct survey *survey);
void survey_free(struct survey *survey);
// Does what this frame says of D count?
bool survey_counts(const struct survey *survey, const struct survey_frame *frame);
// Does the survey know the chain's frame with this sequence, or that it begins behind it?
bool survey_has(const struct survey *survey, uint64_t sequence);
// The checksum of that frame. It is known.
uint64_t survey_chain_at(const struct survey *survey, uint64_t sequence);

#endif
