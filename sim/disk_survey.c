// What a disk at rest holds: headers, frames, completion records, and the chain through them.
#include "sim/disk_survey_internal.h"

#include "wal/names.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

// A block that cannot be read counts as bytes that mean nothing.
static void view_block(struct disk *disk, const struct disk_file *file, uint32_t index, uint8_t *to)
{
    if (index < file->places_count && file->places[index].unreadable) {
        memset(to, 0xff, DISK_BLOCK_BYTES);
        return;
    }
    struct disk_block *view = disk_place_view(disk, file, index);
    if (view != NULL)
        memcpy(to, view->bytes, DISK_BLOCK_BYTES);
    else
        memset(to, 0, DISK_BLOCK_BYTES);
    disk_block_drop(disk, view);
}

void survey_view_take(struct disk *disk, const struct disk_file *file, uint64_t most,
                      struct survey_view *view)
{
    view->size = file->size < most ? file->size : most;
    view->unreadable = false;
    view->bytes.length = 0;
    uint32_t blocks = (uint32_t)((view->size + DISK_BLOCK_BYTES - 1) / DISK_BLOCK_BYTES);
    uint8_t *to = bytes_room(&view->bytes, (size_t)blocks * DISK_BLOCK_BYTES);
    for (uint32_t i = 0; i < blocks; i++) {
        view_block(disk, file, i, to + (size_t)i * DISK_BLOCK_BYTES);
        if (i < file->places_count && file->places[i].unreadable)
            view->unreadable = true;
    }
    view->bytes.length = (size_t)blocks * DISK_BLOCK_BYTES;
}

static void survey_witness(struct survey *survey, uint64_t durable)
{
    if (durable > survey->witnessed)
        survey->witnessed = durable;
}

// --- identity and witnesses --------------------------------------------------------------------

static void survey_instance(struct disk *disk, struct survey *survey)
{
    const struct disk_file *file = disk_find(disk, WAL_NAME_INSTANCE);
    if (file == NULL || file->size < WAL_BLOCK_BYTES)
        return;
    uint8_t block[WAL_BLOCK_BYTES];
    view_block(disk, file, 0, block);
    survey->instance_unreadable = file->places_count > 0 && file->places[0].unreadable;
    survey->has_instance = wal_instance_decode(block, &survey->identity) == 0;
}

static void survey_completions(struct disk *disk, const struct wal_identity *identity,
                               struct survey *survey)
{
    const struct disk_file *file = disk_find(disk, WAL_NAME_COMPLETION);
    for (uint32_t i = 0; i < WAL_COMPLETION_BLOCKS; i++) {
        struct survey_completion *completion = &survey->completion[i];
        completion->zero = true;
        if (file == NULL || file->size < (uint64_t)(i + 1) * WAL_BLOCK_BYTES)
            continue;
        uint8_t block[WAL_BLOCK_BYTES];
        view_block(disk, file, i, block);
        completion->unreadable = i < file->places_count && file->places[i].unreadable;
        completion->zero = wal_block_is_zero(block);
        if (!completion->zero && i != WAL_COMPLETION_INITIAL)
            survey->started = true;
        if (identity == NULL || !wal_completion_decode(block, identity, i, &completion->record))
            continue;
        completion->valid = true;
        survey->completions++;
        survey_witness(survey, completion->record.durable);
        if (completion->record.checkpoint > survey->checkpoint_witnessed)
            survey->checkpoint_witnessed = completion->record.checkpoint;
        if (completion->record.durable > survey->completion_witnessed)
            survey->completion_witnessed = completion->record.durable;
    }
}

// --- segments ----------------------------------------------------------------------------------

bool survey_lacks(const struct survey *survey, const char *name)
{
    return survey->without.file != NULL && strcmp(survey->without.file, name) == 0;
}

static void survey_add_frame(struct survey *survey, const struct wal_frame_header *header,
                             const uint8_t *records, uint64_t offset)
{
    if (survey->frames_count == survey->frames_capacity) {
        survey->frames_capacity = 2 * survey->frames_capacity + 64;
        survey->frames =
            sim_realloc(survey->frames, survey->frames_capacity, sizeof(*survey->frames));
    }
    uint64_t covered = sizeof(*header) + (uint64_t)header->length;
    survey->frames[survey->frames_count++] = (struct survey_frame){
        .segment = survey->segments_count - 1,
        .offset = offset,
        .bytes = wal_round(covered),
        .covered = covered,
        .number = header->segment,
        .sequence = header->sequence,
        .batch_first = header->batch_first,
        .durable = header->durable,
        .chain = header->chain,
        .checksum = header->checksum,
        .content = XXH3_64bits(records, header->length),
        .commit = (header->flags & WAL_FRAME_COMMIT) != 0,
    };
}

static void survey_frames(struct survey *survey, const struct wal_identity *identity,
                          const struct survey_view *view)
{
    uint64_t longest = wal_frame_bytes_max(identity->segment_bytes);
    // A frame needs all of its blocks.
    uint64_t size = view->size / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES;
    uint64_t offset = WAL_BLOCK_BYTES;
    while (offset < size) {
        const uint8_t *frame = view->bytes.data + offset;
        uint64_t available = size - offset < longest ? size - offset : longest;
        struct wal_frame_header header;
        memcpy(&header, frame, sizeof(header));
        offset += WAL_BLOCK_BYTES;
        if (!wal_frame_plausible(frame, available) ||
            !wal_frame_valid(frame, identity, header.segment, offset - WAL_BLOCK_BYTES))
            continue;
        offset -= WAL_BLOCK_BYTES;
        survey_add_frame(survey, &header, frame + sizeof(header), offset);
        offset += wal_round(sizeof(header) + (uint64_t)header.length);
    }
}

static void survey_header(struct survey *survey, const struct wal_identity *identity,
                          struct survey_segment *segment, const struct survey_view *view)
{
    struct wal_segment_block header;
    const uint8_t *block = view->bytes.data;
    if (view->size == 0) {
        segment->kind = SURVEY_EMPTY;
        return;
    }
    memcpy(&header, block, sizeof(header));
    uint32_t named = header.slot;
    if (wal_segment_decode(block, identity, segment->slot, &header))
        segment->kind = SURVEY_VALID;
    else if (wal_segment_decode(block, identity, named, &header))
        segment->kind = SURVEY_MISPLACED;
    else
        segment->kind = wal_block_is_zero(block) ? SURVEY_ZERO : SURVEY_BROKEN;
    if (segment->kind != SURVEY_VALID && segment->kind != SURVEY_MISPLACED)
        return;
    segment->number = header.number;
    segment->first = header.first;
    segment->chain = header.chain;
    segment->durable = header.durable;
    survey_witness(survey, header.durable);
}

static void survey_segment(struct disk *disk, const struct disk_file *file, uint32_t slot,
                           const struct wal_identity *identity, struct survey_view *view,
                           struct survey *survey)
{
    uint64_t most = identity != NULL ? identity->segment_bytes : WAL_BLOCK_BYTES;
    survey_view_take(disk, file, most, view);
    struct survey_segment *segment = &survey->segments[survey->segments_count++];
    *segment =
        (struct survey_segment){.slot = slot, .size = file->size, .frames = survey->frames_count};
    segment->unreadable = view->unreadable;
    if (view->size >= WAL_BLOCK_BYTES && !wal_block_is_zero(view->bytes.data))
        survey->started = true;
    if (identity == NULL)
        return;
    survey_header(survey, identity, segment, view);
    survey_frames(survey, identity, view);
}

static int survey_by_slot(const void *a, const void *b)
{
    uint32_t slot_a;
    uint32_t slot_b;
    wal_segment_name_parse((*(struct disk_file *const *)a)->name, &slot_a);
    wal_segment_name_parse((*(struct disk_file *const *)b)->name, &slot_b);
    return slot_a < slot_b ? -1 : slot_a > slot_b;
}

static void survey_segments(struct disk *disk, const struct wal_identity *identity,
                            struct survey_view *view, struct survey *survey)
{
    struct disk_file **files = sim_alloc(disk->files_count, sizeof(struct disk_file *));
    uint32_t count = 0;
    uint32_t slot;
    for (uint32_t i = 0; i < disk->files_count; i++) {
        const char *name = disk->files[i]->name;
        if (wal_segment_name_parse(name, &slot) && !survey_lacks(survey, name))
            files[count++] = disk->files[i];
    }
    qsort(files, count, sizeof(struct disk_file *), survey_by_slot);
    survey->segments = sim_alloc(count, sizeof(*survey->segments));
    for (uint32_t i = 0; i < count; i++) {
        wal_segment_name_parse(files[i]->name, &slot);
        survey_segment(disk, files[i], slot, identity, view, survey);
    }
    free(files);
}

// --- the chain -----------------------------------------------------------------------------------

// A header with F supersedes every frame >= F in segments with lower numbers.
static void survey_limits(struct survey *survey)
{
    for (uint32_t i = 0; i < survey->segments_count; i++) {
        struct survey_segment *one = &survey->segments[i];
        for (uint32_t j = 0; j < survey->segments_count; j++) {
            const struct survey_segment *other = &survey->segments[j];
            if (i != j && one->kind == SURVEY_VALID && other->kind == SURVEY_VALID &&
                one->number == other->number)
                one->duplicate = true;
        }
    }
    for (uint32_t i = 0; i < survey->segments_count; i++) {
        struct survey_segment *one = &survey->segments[i];
        one->limit = UINT64_MAX;
        for (uint32_t j = 0; j < survey->segments_count; j++) {
            const struct survey_segment *other = &survey->segments[j];
            bool counts = other->kind == SURVEY_VALID && !other->duplicate;
            if (counts && other->number > one->number && other->first < one->limit)
                one->limit = other->first;
        }
    }
}

// The segment that the chain goes on in: the lowest number above `number` of those that count.
static struct survey_segment *chain_next(const struct survey *survey, uint64_t number)
{
    struct survey_segment *next = NULL;
    for (uint32_t i = 0; i < survey->segments_count; i++) {
        struct survey_segment *segment = &survey->segments[i];
        if (segment->kind != SURVEY_VALID || segment->duplicate || segment->number <= number ||
            segment->first >= segment->limit)
            continue;
        if (next == NULL || segment->number < next->number)
            next = segment;
    }
    return next;
}

// The chain's next frame, if it is the frame at this place: `from` or a later one of the segment's.
static const struct survey_frame *chain_frame(const struct survey *survey, uint32_t *from,
                                              const struct survey_segment *segment,
                                              const struct survey_frame *expected)
{
    while (*from < survey->frames_count) {
        const struct survey_frame *frame = &survey->frames[*from];
        if (frame->segment != expected->segment || frame->offset > expected->offset)
            return NULL;
        if (frame->offset == expected->offset)
            break;
        (*from)++;
    }
    if (*from == survey->frames_count)
        return NULL;
    const struct survey_frame *frame = &survey->frames[*from];
    bool fits = frame->number == segment->number && frame->sequence == expected->sequence &&
                frame->chain == expected->chain && frame->batch_first == expected->batch_first;
    return fits ? frame : NULL;
}

// Follows the chain through one segment from `offset` on. `next`: what the next frame must say.
static void chain_walk(struct survey *survey, struct survey_segment *segment, uint64_t offset,
                       struct survey_frame *next, uint32_t *count)
{
    uint32_t from = segment->frames;
    segment->reached = true;
    next->segment = (uint32_t)(segment - survey->segments);
    next->offset = offset;
    segment->kept_end = offset;
    while (next->sequence < segment->limit) {
        const struct survey_frame *frame = chain_frame(survey, &from, segment, next);
        if (frame == NULL)
            return;
        survey->frames[from].walked = true;
        survey->chain[(*count)++] = from;
        next->offset += frame->bytes;
        next->chain = frame->checksum;
        next->sequence++;
        if (!frame->commit)
            continue;
        next->batch_first = next->sequence;
        survey->end = frame->sequence;
        survey->end_chain = frame->checksum;
        survey->chain_count = *count;
    }
}

bool survey_counts(const struct survey *survey, const struct survey_frame *frame)
{
    return frame->walked || !survey->segments[frame->segment].passed;
}

// Segments that are older than the checkpoint are no part of the chain.
static void chain_skip(struct survey *survey)
{
    if (survey->base < 0)
        return;
    uint64_t from = survey->checkpoints[survey->base].begin.segment;
    for (uint32_t i = 0; i < survey->segments_count; i++) {
        struct survey_segment *segment = &survey->segments[i];
        if (segment->kind == SURVEY_VALID && !segment->duplicate && segment->number < from) {
            segment->old = true;
            segment->passed = true;
        }
    }
}

// The offset in this segment where the chain comes into it, 0: it does not.
static uint64_t chain_enters(const struct survey *survey, const struct survey_segment *segment,
                             const struct survey_frame *next)
{
    if (survey->base >= 0 && next->sequence == survey->first) {
        const struct wal_checkpoint_begin *begin = &survey->checkpoints[survey->base].begin;
        if (segment->number == begin->segment && segment->first < begin->first)
            return begin->offset;
    }
    bool enters = segment->first == next->sequence && segment->chain == next->chain;
    return enters ? WAL_BLOCK_BYTES : 0;
}

static void survey_walk(struct survey *survey, const struct wal_identity *identity)
{
    struct survey_frame next = {.sequence = survey->first, .batch_first = survey->first};
    next.chain = survey->first_chain;
    uint32_t count = 0;
    survey->end = survey->first - 1;
    survey->end_chain = next.chain;
    survey->chain = sim_alloc(survey->frames_count, sizeof(*survey->chain));
    chain_skip(survey);
    uint64_t from = survey->base >= 0 ? survey->checkpoints[survey->base].begin.segment : 1;
    struct survey_segment *segment = chain_next(survey, from - 1);
    uint64_t offset;
    while (segment != NULL && (offset = chain_enters(survey, segment, &next)) > 0) {
        chain_walk(survey, segment, offset, &next, &count);
        segment->passed = next.sequence == segment->limit || next.offset == identity->segment_bytes;
        segment = chain_next(survey, segment->number);
    }
    survey->walked_to = next.sequence;
    for (uint32_t i = 0; i < survey->chain_count; i++) {
        const struct survey_frame *frame = &survey->frames[survey->chain[i]];
        struct survey_segment *home = &survey->segments[frame->segment];
        home->needed = true;
        home->kept_end = frame->offset + frame->bytes;
        assert(frame->sequence == survey->first + i);
    }
    for (uint32_t i = 0; i < survey->frames_count; i++) {
        const struct survey_frame *frame = &survey->frames[i];
        if (survey_counts(survey, frame))
            survey_witness(survey, frame->durable);
    }
    if (survey->base >= 0)
        survey_witness(survey, survey->checkpoints[survey->base].end.durable);
}

// --- behind the chain ----------------------------------------------------------------------------

// A header with a number above `number` supersedes frames from this sequence on.
static uint64_t follow_limit(const struct survey *survey, uint64_t number)
{
    uint64_t limit = UINT64_MAX;
    for (uint32_t i = 0; i < survey->segments_count; i++) {
        const struct survey_segment *segment = &survey->segments[i];
        if (segment->kind == SURVEY_VALID && !segment->duplicate && segment->number > number &&
            segment->first < limit)
            limit = segment->first;
    }
    return limit;
}

static void follow_in(const struct survey *survey, struct survey_segment *segment,
                      const struct survey_view *view)
{
    uint32_t index = (uint32_t)(segment - survey->segments);
    uint32_t next = segment->frames;
    uint64_t offset = segment->kept_end;
    while (offset < view->bytes.length) {
        const struct survey_frame *frame = NULL;
        for (; next < survey->frames_count && survey->frames[next].segment == index; next++) {
            frame = &survey->frames[next];
            if (frame->offset >= offset)
                break;
        }
        if (frame != NULL && frame->offset == offset) {
            if (frame->sequence > survey->end &&
                frame->sequence < follow_limit(survey, frame->number))
                segment->follows = true;
            offset += frame->bytes;
            continue;
        }
        if (!disk_is_zero(view->bytes.data + offset, DISK_BLOCK_BYTES))
            segment->remains = true;
        offset += DISK_BLOCK_BYTES;
    }
}

// What lies behind the chain's frames is known only when the chain is.
static void survey_follows(struct disk *disk, const struct wal_identity *identity,
                           struct survey_view *view, struct survey *survey)
{
    for (uint32_t i = 0; i < survey->segments_count; i++) {
        struct survey_segment *segment = &survey->segments[i];
        char name[WAL_SEGMENT_NAME_BYTES];
        wal_segment_name(name, segment->slot);
        survey_view_take(disk, disk_find(disk, name), identity->segment_bytes, view);
        if (segment->kept_end == 0)
            segment->kept_end = WAL_BLOCK_BYTES;
        follow_in(survey, segment, view);
    }
}

bool survey_has(const struct survey *survey, uint64_t sequence)
{
    return sequence + 1 >= survey->first && sequence <= survey->end;
}

uint64_t survey_chain_at(const struct survey *survey, uint64_t sequence)
{
    assert(survey_has(survey, sequence));
    if (sequence + 1 == survey->first)
        return survey->first_chain;
    return survey->frames[survey->chain[sequence - survey->first]].checksum;
}

// --- all of it -----------------------------------------------------------------------------------

static void survey_all(struct disk *disk, const struct wal_identity *identity,
                       struct survey *survey)
{
    struct survey_view view = {0};
    survey_instance(disk, survey);
    if (survey->has_instance)
        identity = &survey->identity;
    else if (identity != NULL)
        survey->identity = *identity;
    survey_completions(disk, identity, survey);
    survey_segments(disk, identity, &view, survey);
    if (identity != NULL) {
        survey_limits(survey);
        survey_checkpoints(disk, identity, &view, survey);
        survey_choose_base(survey, identity);
        survey_walk(survey, identity);
        survey_follows(disk, identity, &view, survey);
    }
    bytes_free(&view.bytes);
}

void survey_take(struct disk *disk, const struct wal_identity *identity, struct survey *survey)
{
    *survey = (struct survey){.first = 1, .base = -1};
    survey_all(disk, identity, survey);
}

void survey_take_without(struct disk *disk, const struct survey_without *without,
                         struct survey *survey)
{
    *survey = (struct survey){.first = 1, .base = -1, .without = *without};
    survey_all(disk, NULL, survey);
}

void survey_free(struct survey *survey)
{
    free(survey->segments);
    free(survey->frames);
    free(survey->chain);
    for (uint32_t i = 0; i < survey->checkpoints_count; i++)
        free(survey->checkpoints[i].parts);
    free(survey->checkpoints);
    *survey = (struct survey){0};
}
