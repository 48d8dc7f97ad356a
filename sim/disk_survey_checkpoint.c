// What a disk at rest holds: checkpoints, and which of them the chain starts at.
#include "sim/disk_survey_internal.h"

#include "wal/names.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void checkpoint_add_part(struct survey_checkpoint *checkpoint, uint64_t offset,
                                const struct wal_checkpoint_header *header)
{
    uint32_t count = checkpoint->parts_count + 1;
    checkpoint->parts = sim_realloc(checkpoint->parts, count, sizeof(*checkpoint->parts));
    checkpoint->parts[checkpoint->parts_count++] = (struct survey_part){
        .kind = header->kind,
        .offset = offset,
        .covered = sizeof(*header) + (uint64_t)header->length,
    };
}

static void checkpoint_read(struct survey_checkpoint *checkpoint,
                            const struct wal_identity *identity, const struct survey_view *view)
{
    struct wal_checkpoint_reader reader;
    wal_checkpoint_read(&reader, identity, checkpoint->number);
    uint64_t size = view->size / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES;
    while (!reader.ended && size - reader.offset >= WAL_BLOCK_BYTES) {
        const uint8_t *frame = view->bytes.data + reader.offset;
        uint64_t offset = reader.offset;
        int64_t bytes = wal_checkpoint_frame_length(&reader, frame);
        const uint8_t *records;
        uint64_t length;
        uint32_t count;
        if (bytes < 0 || (uint64_t)bytes > size - offset ||
            wal_checkpoint_frame_take(&reader, frame, &records, &length, &count) < 0)
            break;
        struct wal_checkpoint_header header;
        memcpy(&header, frame, sizeof(header));
        checkpoint_add_part(checkpoint, offset, &header);
    }
    checkpoint->whole = reader.ended;
    checkpoint->begun = reader.begun;
    checkpoint->begin = reader.begin;
    checkpoint->end = reader.end;
    checkpoint->bytes = reader.offset;
    checkpoint->checksum = reader.chain;
}

static int checkpoint_newer(const void *a, const void *b)
{
    uint64_t one = ((const struct survey_checkpoint *)a)->number;
    uint64_t other = ((const struct survey_checkpoint *)b)->number;
    return one > other ? -1 : one < other;
}

void survey_checkpoints(struct disk *disk, const struct wal_identity *identity,
                        struct survey_view *view, struct survey *survey)
{
    survey->checkpoints = sim_alloc(disk->files_count, sizeof(*survey->checkpoints));
    for (uint32_t i = 0; i < disk->files_count; i++) {
        const struct disk_file *file = disk->files[i];
        uint64_t number;
        if (!wal_checkpoint_name_parse(file->name, &number) || survey_lacks(survey, file->name))
            continue;
        struct survey_checkpoint *checkpoint = &survey->checkpoints[survey->checkpoints_count++];
        *checkpoint = (struct survey_checkpoint){.number = number, .size = file->size};
        survey_view_take(disk, file, UINT64_MAX, view);
        checkpoint->unreadable = view->unreadable;
        checkpoint_read(checkpoint, identity, view);
    }
    qsort(survey->checkpoints, survey->checkpoints_count, sizeof(*survey->checkpoints),
          checkpoint_newer);
}

// Is the log there from its beginning?
static bool log_begins(const struct survey *survey)
{
    const struct survey_segment *oldest = NULL;
    for (uint32_t i = 0; i < survey->segments_count; i++) {
        const struct survey_segment *segment = &survey->segments[i];
        bool counts = segment->kind == SURVEY_VALID && !segment->duplicate;
        if (counts && (oldest == NULL || segment->number < oldest->number))
            oldest = segment;
    }
    return oldest != NULL && oldest->first == 1;
}

static void base_lose(struct survey *survey, uint64_t number)
{
    survey->base_lost = true;
    survey->base_lost_number = number;
}

static void base_take(struct survey *survey, uint32_t index)
{
    const struct survey_checkpoint *checkpoint = &survey->checkpoints[index];
    if (!checkpoint->whole) {
        base_lose(survey, checkpoint->number);
        return;
    }
    survey->base = (int32_t)index;
    survey->first = checkpoint->begin.first;
    survey->first_chain = checkpoint->begin.chain;
}

// The newest one, unless it is damaged and nobody has said that it was ever verified: then what it was
// to replace, the one before it or the whole log.
void survey_choose_base(struct survey *survey, const struct wal_identity *identity)
{
    survey->first_chain = wal_chain_start(identity);
    uint64_t newest = survey->checkpoints_count > 0 ? survey->checkpoints[0].number : 0;
    if (survey->checkpoint_witnessed > newest) {
        base_lose(survey, survey->checkpoint_witnessed);
        return;
    }
    if (newest == 0)
        return;
    bool proved = newest <= survey->checkpoint_witnessed;
    if (survey->without.newest_checkpoint && !proved)
        survey->checkpoints[0].whole = false;
    if (survey->checkpoints[0].whole || proved)
        base_take(survey, 0);
    else if (survey->checkpoints_count > 1)
        base_take(survey, 1);
    else if (!log_begins(survey))
        base_lose(survey, newest);
}
