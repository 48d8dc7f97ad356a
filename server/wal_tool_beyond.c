// Valid frames beyond a place in the log, in the order in which they were written.
#include "server/wal_tool_segments.h"

#include "server/wal_tool.h"

#include <assert.h>
#include <string.h>

#define RUNS_INITIAL 64

struct walk {
    struct folder *folder; // first: folder_read takes it from here
    const struct segment *segment;
    uint64_t superseded_from;
    uint64_t sequence; // of the last frame taken
    uint64_t chain;    // its checksum
    uint32_t slot;     // where it ended
    uint64_t offset;
    beyond_visit visit;
    void *context;
};

static int walk_visit(void *context, uint32_t slot, uint64_t offset,
                      const struct wal_frame_header *header, const uint8_t *records)
{
    struct walk *walk = context;
    const struct segment *segment = walk->segment;
    assert(slot == segment->slot);
    // Frames of another number are left over from an earlier use of this file.
    if (header->segment != segment->number || header->sequence >= walk->superseded_from)
        return 0;
    // What has been replayed, or seen in another copy.
    if (header->sequence <= walk->sequence) {
        walk->slot = slot;
        walk->offset = offset + wal_round(sizeof(*header) + (uint64_t)header->length);
        return 0;
    }
    struct beyond_frame frame = {
        .segment = segment,
        .offset = offset,
        .header = *header,
        .records = records,
        .gap = header->sequence != walk->sequence + 1 || header->chain != walk->chain,
        .before = walk->slot,
        .before_offset = walk->offset,
    };
    walk->sequence = header->sequence;
    walk->chain = header->checksum;
    walk->slot = slot;
    walk->offset = offset + wal_round(sizeof(*header) + (uint64_t)header->length);
    return walk->visit(walk->context, &frame);
}

int beyond_walk(struct folder *folder, const struct segments *segments, uint64_t sequence,
                uint64_t chain, beyond_visit visit, void *context)
{
    struct walk walk = {
        .folder = folder,
        .sequence = sequence,
        .chain = chain,
        .slot = UINT32_MAX,
        .visit = visit,
        .context = context,
    };
    struct wal_source source = {.context = &walk, .read = folder_read};
    for (uint32_t i = 0; i < segments->count; i++) {
        const struct segment *segment = &segments->list[i];
        if (segment->number == 0)
            continue;
        walk.segment = segment;
        walk.superseded_from = segments_superseded_from(segments, segment->number);
        if (walk.superseded_from <= sequence + 1)
            continue;
        int result = wal_scan_slot(folder->recovery, &folder->identity, &source, segment->slot,
                                   walk_visit, &walk);
        if (result > 0)
            return result; // the visitor's; negative ones are of unreadable places
    }
    return 0;
}

// --- runs ------------------------------------------------------------------------------------

static struct beyond_run *run_add(struct beyond *beyond)
{
    if (beyond->count == beyond->capacity) {
        size_t capacity = beyond->capacity > 0 ? beyond->capacity * 2 : RUNS_INITIAL;
        struct beyond_run *runs = tool_memory(capacity * sizeof(runs[0]));
        if (beyond->count > 0)
            memcpy(runs, beyond->runs, beyond->count * sizeof(runs[0]));
        tool_memory_free(beyond->runs);
        beyond->runs = runs;
        beyond->capacity = capacity;
    }
    return &beyond->runs[beyond->count++];
}

static int run_visit(void *context, const struct beyond_frame *frame)
{
    struct beyond *beyond = context;
    const struct wal_frame_header *header = &frame->header;
    struct beyond_run *run;
    if (beyond->count == 0 || frame->gap) {
        run = run_add(beyond);
        *run = (struct beyond_run){
            .first = header->sequence,
            .gap = frame->gap,
            .slot = frame->segment->slot,
            .offset = frame->offset,
            .before = frame->before,
            .before_offset = frame->before_offset,
        };
    }
    run = &beyond->runs[beyond->count - 1];
    run->last = header->sequence;
    if (header->flags & WAL_FRAME_COMMIT)
        run->commit = header->sequence;
    beyond->frames++;
    beyond->bytes += wal_round(sizeof(*header) + (uint64_t)header->length);
    beyond->records += header->count;
    return 0;
}

void beyond_create(struct beyond *beyond, struct folder *folder, const struct segments *segments,
                   uint64_t sequence, uint64_t chain)
{
    *beyond = (struct beyond){0};
    int result = beyond_walk(folder, segments, sequence, chain, run_visit, beyond);
    assert(result == 0);
}

void beyond_destroy(struct beyond *beyond)
{
    tool_memory_free(beyond->runs);
    *beyond = (struct beyond){0};
}
