// The segments of a folder in the order of their numbers, and every valid frame beyond a place.
#ifndef PORO_SERVER_WAL_TOOL_SEGMENTS_H
#define PORO_SERVER_WAL_TOOL_SEGMENTS_H

#include "server/wal_tool_folder.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum segment_kind {
    SEGMENT_WHOLE,      // its header is valid
    SEGMENT_MISPLACED,  // its header is that of another file
    SEGMENT_ZERO,       // its header is all zeros: made, and not used yet
    SEGMENT_DAMAGED,    // its header is not valid
    SEGMENT_UNREADABLE, // its header cannot be read
};

struct segment {
    uint32_t slot;
    enum segment_kind kind;
    uint64_t number; // 0 when there is none; without a header, that of its frames
    uint64_t first;  // these three: of the header, else 0
    uint64_t chain;
    uint64_t durable;
    uint32_t slot_meant; // MISPLACED: the file that it belongs to
    uint64_t bytes;      // of the file
};

struct segments {
    struct segment *list; // in the order of numbers; those without one come last
    uint32_t count;
};

// Reads all headers; where there is none, looks for frames. Freed with segments_destroy.
void segments_create(struct segments *segments, struct folder *folder);
void segments_destroy(struct segments *segments);
// Frames from this sequence on are superseded in a segment with this number.
uint64_t segments_superseded_from(const struct segments *segments, uint64_t number);

// --- beyond ----------------------------------------------------------------------------------

// A valid frame that counts: not superseded, not left over from an earlier use of its file.
struct beyond_frame {
    const struct segment *segment;
    uint64_t offset;
    struct wal_frame_header header;
    const uint8_t *records;
    bool gap;        // it does not continue what was before
    uint32_t before; // slot and offset where what was before ended
    uint64_t before_offset;
};
// 0 to go on.
typedef int (*beyond_visit)(void *context, const struct beyond_frame *frame);

// Calls `visit` with every such frame after `sequence` (whose checksum is `chain`), in order. 0, or
// what `visit` returned. Places that cannot be read are passed over.
int beyond_walk(struct folder *folder, const struct segments *segments, uint64_t sequence,
                uint64_t chain, beyond_visit visit, void *context);

// Frames that follow one another without a gap.
struct beyond_run {
    uint64_t first;
    uint64_t last;
    uint64_t commit; // the last commit frame among them, 0 for none
    bool gap;        // false only for one that continues the chain
    uint32_t slot;   // where the first one lies
    uint64_t offset;
    uint32_t before; // and where what was before ended: the damage is there
    uint64_t before_offset;
};

struct beyond {
    struct beyond_run *runs;
    size_t count;
    size_t capacity;
    uint64_t frames;
    uint64_t bytes;
    uint64_t records;
};

// Walks once and collects the runs. Freed with beyond_destroy.
void beyond_create(struct beyond *beyond, struct folder *folder, const struct segments *segments,
                   uint64_t sequence, uint64_t chain);
void beyond_destroy(struct beyond *beyond);

#endif
