// The segments of a folder in the order of their numbers.
#include "server/wal_tool_segments.h"

#include "server/wal_tool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct number_search {
    struct folder *folder;
    uint64_t number;
};

static int number_visit(void *context, uint32_t slot, uint64_t offset,
                        const struct wal_frame_header *header, const uint8_t *records)
{
    (void)slot;
    (void)offset;
    (void)records;
    struct number_search *search = context;
    if (header->segment > search->number)
        search->number = header->segment;
    return 0;
}

// A file whose header is gone may still hold frames, and they say which segment it was: the newest
// that they name, for older ones are left over from an earlier use of the file.
static uint64_t segment_number_of_frames(struct folder *folder, uint32_t slot)
{
    struct number_search search = {.folder = folder};
    struct wal_source source = {.context = &search, .read = folder_read};
    // Unreadable places are no news here.
    (void)wal_scan_slot(folder->recovery, &folder->identity, &source, slot, number_visit, &search);
    return search.number;
}

static void segment_take_header(struct segment *segment, enum segment_kind kind,
                                const struct wal_segment_block *header)
{
    segment->kind = kind;
    segment->number = header->number;
    segment->first = header->first;
    segment->chain = header->chain;
    segment->durable = header->durable;
    segment->slot_meant = header->slot;
}

// False when there is no such file.
static bool segment_read(struct segment *segment, struct folder *folder, uint32_t slot)
{
    int64_t bytes = folder_file_bytes(folder, slot);
    if (bytes == -ENOENT)
        return false;
    *segment = (struct segment){.slot = slot, .bytes = bytes > 0 ? (uint64_t)bytes : 0};
    memset(folder->block, 0, WAL_BLOCK_BYTES);
    int64_t got = folder_read(&folder, slot, 0, folder->block, WAL_BLOCK_BYTES);
    if (got < 0) {
        segment->kind = SEGMENT_UNREADABLE;
        segment->number = segment_number_of_frames(folder, slot);
        return true;
    }
    struct wal_segment_block header;
    memcpy(&header, folder->block, sizeof(header));
    uint32_t named = header.slot;
    if (wal_segment_decode(folder->block, &folder->identity, slot, &header)) {
        segment_take_header(segment, SEGMENT_WHOLE, &header);
    } else if (wal_segment_decode(folder->block, &folder->identity, named, &header)) {
        segment_take_header(segment, SEGMENT_MISPLACED, &header);
    } else {
        bool zero = wal_block_is_zero(folder->block);
        segment->kind = zero ? SEGMENT_ZERO : SEGMENT_DAMAGED;
        segment->number = segment_number_of_frames(folder, slot);
    }
    return true;
}

// By number; of two with the same number, the one that is in its place comes first.
static int segment_compare(const void *left, const void *right)
{
    const struct segment *a = left;
    const struct segment *b = right;
    uint64_t number_a = a->number > 0 ? a->number : UINT64_MAX;
    uint64_t number_b = b->number > 0 ? b->number : UINT64_MAX;
    if (number_a != number_b)
        return number_a < number_b ? -1 : 1;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return a->slot < b->slot ? -1 : 1;
}

void segments_create(struct segments *segments, struct folder *folder)
{
    segments->count = 0;
    segments->list = tool_memory((folder->slots + 1) * sizeof(segments->list[0]));
    for (uint32_t slot = 0; slot < folder->slots; slot++) {
        if (segment_read(&segments->list[segments->count], folder, slot))
            segments->count++;
    }
    qsort(segments->list, segments->count, sizeof(segments->list[0]), segment_compare);
}

void segments_destroy(struct segments *segments)
{
    tool_memory_free(segments->list);
    *segments = (struct segments){0};
}

uint64_t segments_superseded_from(const struct segments *segments, uint64_t number)
{
    uint64_t lowest = UINT64_MAX;
    for (uint32_t i = 0; i < segments->count; i++) {
        const struct segment *segment = &segments->list[i];
        if (segment->kind == SEGMENT_WHOLE && segment->number > number && segment->first < lowest)
            lowest = segment->first;
    }
    return lowest;
}
