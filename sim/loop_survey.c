// The loopback harness: what a folder proves: the same question that recovery asks, answered in
// another way: all frames first, then which of them count, then how far they go.
#include "sim/loop_internal.h"

#include "sim/bytes.h"
#include "wal/format.h"
#include "wal/names.h"

#include <stdlib.h>
#include <string.h>

struct segment {
    bool valid;
    uint32_t file;
    struct wal_segment_block header;
};

static void raise_to(uint64_t *most, uint64_t value)
{
    *most = value > *most ? value : *most;
}

// --- segments --------------------------------------------------------------------------------

static void segments_read(const struct loop_backup *backup, const struct wal_identity *identity,
                          struct segment *segments)
{
    for (uint32_t i = 0; i < backup->count; i++) {
        const struct loop_copy *copy = &backup->files[i];
        uint32_t slot;
        segments[i] = (struct segment){.file = i};
        if (!wal_segment_name_parse(copy->name, &slot) || copy->size < WAL_BLOCK_BYTES)
            continue;
        segments[i].valid = wal_segment_decode(copy->bytes, identity, slot, &segments[i].header);
    }
    // Nothing says which of two segments with one number is meant.
    for (uint32_t i = 0; i < backup->count; i++) {
        bool twice = false;
        for (uint32_t j = i + 1; j < backup->count; j++) {
            if (!segments[i].valid || !segments[j].valid ||
                segments[i].header.number != segments[j].header.number)
                continue;
            segments[j].valid = false;
            twice = true;
        }
        segments[i].valid = segments[i].valid && !twice;
    }
}

static uint64_t segments_newest(const struct segment *segments, uint32_t count)
{
    uint64_t newest = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (segments[i].valid)
            raise_to(&newest, segments[i].header.number);
    }
    return newest;
}

static uint64_t superseded_from(const struct segment *segments, uint32_t count, uint64_t number)
{
    uint64_t from = UINT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        if (segments[i].valid && segments[i].header.number > number &&
            segments[i].header.first < from)
            from = segments[i].header.first;
    }
    return from;
}

// --- frames ----------------------------------------------------------------------------------

static void survey_add(struct loop_survey *survey, const struct wal_frame_header *header,
                       uint32_t file, uint64_t offset)
{
    survey->frames = sim_realloc(survey->frames, survey->count + 1, sizeof(survey->frames[0]));
    survey->frames[survey->count++] = (struct loop_frame){
        .file = file,
        .offset = offset,
        .bytes = wal_round(sizeof(*header) + (uint64_t)header->length),
        .sequence = header->sequence,
        .batch_first = header->batch_first,
        .durable = header->durable,
        .chain = header->chain,
        .checksum = header->checksum,
        .commit = (header->flags & WAL_FRAME_COMMIT) != 0,
    };
}

// Every valid frame of a file. Those of its segment count, unless a later one supersedes them.
static void survey_file(struct loop_survey *survey, const struct loop_copy *copy, uint32_t file,
                        const struct wal_identity *identity, const struct segment *segments,
                        uint32_t count)
{
    const struct segment *segment = &segments[file];
    uint64_t offset = WAL_BLOCK_BYTES;
    while (offset + WAL_BLOCK_BYTES <= copy->size) {
        struct wal_frame_header header;
        memcpy(&header, copy->bytes + offset, sizeof(header));
        uint64_t bytes = WAL_BLOCK_BYTES;
        if (wal_frame_plausible(copy->bytes + offset, copy->size - offset) &&
            wal_frame_valid(copy->bytes + offset, identity, header.segment, offset)) {
            survey_add(survey, &header, file, offset);
            struct loop_frame *frame = &survey->frames[survey->count - 1];
            frame->superseded = header.sequence >= superseded_from(segments, count, header.segment);
            frame->counts = segment->valid && header.segment == segment->header.number &&
                            !frame->superseded && header.sequence >= segment->header.first;
            raise_to(&survey->witnessed, header.durable);
            bytes = frame->bytes;
        }
        offset += bytes;
    }
}

// --- the chain -------------------------------------------------------------------------------

const struct loop_frame *loop_survey_frame(const struct loop_survey *survey, uint64_t sequence)
{
    for (uint32_t i = 0; i < survey->count; i++) {
        if (survey->frames[i].counts && survey->frames[i].sequence == sequence)
            return &survey->frames[i];
    }
    return NULL;
}

// Leaves the chain value behind E in *end.
static void survey_chain(struct loop_survey *survey, const struct wal_identity *identity,
                         uint64_t *end)
{
    uint64_t chain = wal_chain_start(identity);
    *end = chain;
    uint64_t batch = 1;
    for (uint64_t sequence = 1;; sequence++) {
        const struct loop_frame *frame = loop_survey_frame(survey, sequence);
        if (frame == NULL || frame->chain != chain || frame->batch_first != batch)
            return;
        chain = frame->checksum;
        if (!frame->commit)
            continue;
        survey->chain_end = sequence;
        *end = chain;
        batch = sequence + 1;
    }
}

// What follows E and says that E was durable before has seen the frame E.
static void survey_followers(struct loop_survey *survey, const struct segment *segments,
                             uint32_t count, uint64_t end)
{
    uint64_t next = survey->chain_end + 1;
    for (uint32_t i = 0; i < count; i++) {
        const struct wal_segment_block *header = &segments[i].header;
        if (segments[i].valid && header->first == next && header->durable + 1 == next &&
            header->chain != end && superseded_from(segments, count, header->number) > next)
            survey->mismatch = true;
    }
    for (uint32_t i = 0; i < survey->count; i++) {
        const struct loop_frame *frame = &survey->frames[i];
        if (frame->sequence == next && frame->durable + 1 == next && frame->chain != end &&
            !frame->superseded)
            survey->mismatch = true;
    }
}

static void survey_completions(struct loop_survey *survey, const struct loop_copy *copy,
                               const struct wal_identity *identity, uint64_t newest)
{
    for (uint32_t i = 0; i < WAL_COMPLETION_BLOCKS; i++) {
        struct wal_completion_block record;
        uint64_t offset = i * WAL_BLOCK_BYTES;
        if (offset + WAL_BLOCK_BYTES > copy->size ||
            !wal_completion_decode(copy->bytes + offset, identity, i, &record))
            continue;
        survey->completions++;
        raise_to(&survey->witnessed, record.durable);
        survey->missing = survey->missing || record.segment > newest;
        if (record.durable == 0 || record.durable > survey->chain_end)
            continue;
        const struct loop_frame *frame = loop_survey_frame(survey, record.durable);
        survey->mismatch = survey->mismatch || frame == NULL || frame->checksum != record.chain;
    }
}

bool loop_survey(const struct loop_backup *backup, struct loop_survey *survey)
{
    struct wal_identity identity;
    const struct loop_copy *instance = NULL;
    const struct loop_copy *completion = NULL;
    *survey = (struct loop_survey){0};
    for (uint32_t i = 0; i < backup->count; i++) {
        if (strcmp(backup->files[i].name, WAL_NAME_INSTANCE) == 0)
            instance = &backup->files[i];
        if (strcmp(backup->files[i].name, WAL_NAME_COMPLETION) == 0)
            completion = &backup->files[i];
    }
    if (instance == NULL || instance->size < WAL_BLOCK_BYTES ||
        wal_instance_decode(instance->bytes, &identity) < 0)
        return false;
    struct segment *segments = sim_alloc(backup->count, sizeof(*segments));
    segments_read(backup, &identity, segments);
    for (uint32_t i = 0; i < backup->count; i++) {
        uint32_t slot;
        if (!wal_segment_name_parse(backup->files[i].name, &slot))
            continue;
        if (segments[i].valid)
            raise_to(&survey->witnessed, segments[i].header.durable);
        survey_file(survey, &backup->files[i], i, &identity, segments, backup->count);
    }
    uint64_t end;
    survey_chain(survey, &identity, &end);
    survey_followers(survey, segments, backup->count, end);
    if (completion != NULL)
        survey_completions(survey, completion, &identity, segments_newest(segments, backup->count));
    free(segments);
    return true;
}

void loop_survey_free(struct loop_survey *survey)
{
    free(survey->frames);
    *survey = (struct loop_survey){0};
}
