// The loopback harness: damage to files at rest, of every kind in the fault model.
#include "sim/loop_internal.h"

#include "sim/bytes.h"
#include "wal/format.h"
#include "wal/names.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct damage_work {
    struct loop *loop;
    struct random *random;
    struct loop_backup *image;
    const struct loop_survey *survey;
    const struct loop_backup *older;
};

static bool is_segment(const struct loop_copy *copy)
{
    uint32_t slot;
    return wal_segment_name_parse(copy->name, &slot);
}

static void flip(struct damage_work *work, struct loop_copy *copy, uint64_t from, uint64_t length)
{
    uint64_t bits = 1 + random_below(work->random, 8);
    assert(length > 0);
    for (uint64_t i = 0; i < bits; i++)
        copy->bytes[from + random_below(work->random, length)] ^=
            (uint8_t)(1U << random_below(work->random, 8));
}

// --- frames ----------------------------------------------------------------------------------

// A frame that counts, from `low` to `high`, by chance.
static const struct loop_frame *some_frame(struct damage_work *work, uint64_t low, uint64_t high)
{
    const struct loop_survey *survey = work->survey;
    if (high < low || high == 0)
        return NULL;
    return loop_survey_frame(survey,
                             (uint64_t)random_between(work->random, (int64_t)low, (int64_t)high));
}

static bool rot_frame(struct damage_work *work, uint64_t low, uint64_t high)
{
    const struct loop_frame *frame = some_frame(work, low, high);
    if (frame == NULL)
        return false;
    struct loop_copy *copy = &work->image->files[frame->file];
    struct wal_frame_header header;
    memcpy(&header, copy->bytes + frame->offset, sizeof(header));
    flip(work, copy, frame->offset, sizeof(header) + header.length);
    return true;
}

static bool rot_newest(struct damage_work *work)
{
    uint64_t end = work->survey->chain_end;
    return rot_frame(work, end > 3 ? end - 2 : 1, end);
}

static bool misdirect(struct damage_work *work)
{
    uint64_t end = work->survey->chain_end;
    const struct loop_frame *from = some_frame(work, 1, end);
    const struct loop_frame *over = some_frame(work, 1, end);
    if (from == NULL || over == NULL || from == over)
        return false;
    struct loop_copy *source = &work->image->files[from->file];
    struct loop_copy *target = &work->image->files[over->file];
    uint64_t room = target->size - over->offset;
    memmove(target->bytes + over->offset, source->bytes + from->offset,
            from->bytes < room ? from->bytes : room);
    return true;
}

// --- segments --------------------------------------------------------------------------------

enum segment_use { SEGMENT_ANY, SEGMENT_WITH_FRAMES, SEGMENT_READY };

static bool segment_fits(const struct damage_work *work, uint32_t file, enum segment_use use)
{
    bool frames = false;
    for (uint32_t i = 0; i < work->survey->count; i++)
        frames = frames || (work->survey->frames[i].file == file && work->survey->frames[i].counts);
    const struct loop_copy *copy = &work->image->files[file];
    if (!is_segment(copy))
        return false;
    bool zero = wal_block_is_zero(copy->bytes);
    return use == SEGMENT_ANY || (use == SEGMENT_WITH_FRAMES ? frames : zero);
}

static struct loop_copy *some_segment(struct damage_work *work, enum segment_use use)
{
    uint32_t fits[LOOP_FILES_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < work->image->count; i++) {
        if (segment_fits(work, i, use))
            fits[count++] = i;
    }
    return count == 0 ? NULL : &work->image->files[fits[random_below(work->random, count)]];
}

static struct loop_copy *newest_segment(struct damage_work *work)
{
    const struct loop_frame *frame = loop_survey_frame(work->survey, work->survey->chain_end);
    return frame == NULL ? NULL : &work->image->files[frame->file];
}

static bool rot_header(struct damage_work *work)
{
    struct loop_copy *copy = some_segment(work, SEGMENT_WITH_FRAMES);
    if (copy == NULL)
        return false;
    flip(work, copy, 0, sizeof(struct wal_segment_block));
    return true;
}

// A block in which no valid frame lies.
static bool rot_tail(struct damage_work *work)
{
    struct loop_copy *copy = some_segment(work, SEGMENT_ANY);
    if (copy == NULL || copy->size < 2 * WAL_BLOCK_BYTES)
        return false;
    uint64_t block = 1 + random_below(work->random, copy->size / WAL_BLOCK_BYTES - 1);
    uint64_t offset = block * WAL_BLOCK_BYTES;
    for (uint32_t i = 0; i < work->survey->count; i++) {
        const struct loop_frame *frame = &work->survey->frames[i];
        if (&work->image->files[frame->file] == copy && offset >= frame->offset &&
            offset < frame->offset + frame->bytes)
            return false;
    }
    flip(work, copy, offset, WAL_BLOCK_BYTES);
    return true;
}

static bool truncate_file(struct damage_work *work, struct loop_copy *copy)
{
    if (copy == NULL || copy->size == 0)
        return false;
    uint64_t size = random_below(work->random, copy->size);
    if (random_below(work->random, 2) == 0)
        size = size / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES;
    memset(copy->bytes + size, 0, copy->size - size);
    copy->size = size;
    return true;
}

static bool remove_file(struct damage_work *work, struct loop_copy *copy)
{
    if (copy == NULL)
        return false;
    loop_backup_remove(work->image, copy);
    return true;
}

static bool swap_segments(struct damage_work *work)
{
    struct loop_copy *a = some_segment(work, SEGMENT_WITH_FRAMES);
    struct loop_copy *b = some_segment(work, SEGMENT_WITH_FRAMES);
    if (a == NULL || a == b)
        return false;
    struct loop_copy swap = *a;
    a->bytes = b->bytes;
    a->size = b->size;
    b->bytes = swap.bytes;
    b->size = swap.size;
    return true;
}

static bool duplicate_segment(struct damage_work *work)
{
    char name[WAL_SEGMENT_NAME_BYTES];
    uint32_t slot = 0;
    const struct loop_copy *copy = some_segment(work, SEGMENT_WITH_FRAMES);
    if (copy == NULL)
        return false;
    const uint8_t *bytes = copy->bytes;
    uint64_t size = copy->size;
    do
        wal_segment_name(name, slot++);
    while (loop_backup_find(work->image, name) != NULL);
    struct loop_copy *added = loop_backup_add(work->image, name);
    memcpy(added->bytes, bytes, size);
    added->size = size;
    return true;
}

// The file as it was some lives ago.
static bool make_stale(struct damage_work *work, struct loop_copy *copy)
{
    if (copy == NULL || work->older == NULL)
        return false;
    for (uint32_t i = 0; i < work->older->count; i++) {
        const struct loop_copy *old = &work->older->files[i];
        if (strcmp(old->name, copy->name) != 0 ||
            memcmp(old->bytes, copy->bytes, LOOP_FILE_BYTES_MAX) == 0)
            continue;
        memcpy(copy->bytes, old->bytes, LOOP_FILE_BYTES_MAX);
        copy->size = old->size;
        return true;
    }
    return false;
}

// The same segment, as another instance would have written it.
static bool make_foreign(struct damage_work *work)
{
    struct loop_copy *copy = some_segment(work, SEGMENT_WITH_FRAMES);
    const struct loop_copy *instance = loop_backup_find(work->image, WAL_NAME_INSTANCE);
    struct wal_identity identity;
    struct wal_segment_block header;
    uint32_t slot;
    if (copy == NULL || instance == NULL || wal_instance_decode(instance->bytes, &identity) < 0 ||
        !wal_segment_name_parse(copy->name, &slot) ||
        !wal_segment_decode(copy->bytes, &identity, slot, &header))
        return false;
    random_fill(work->random, identity.id, sizeof(identity.id));
    memcpy(header.id, identity.id, sizeof(header.id));
    wal_segment_encode(copy->bytes, &identity, header);
    for (uint32_t i = 0; i < work->survey->count; i++) {
        const struct loop_frame *frame = &work->survey->frames[i];
        if (&work->image->files[frame->file] == copy)
            wal_frame_seal(copy->bytes + frame->offset, &identity, frame->offset);
    }
    return true;
}

// --- completion log, instance, anywhere ------------------------------------------------------

static bool rot_completions(struct damage_work *work, bool all)
{
    struct loop_copy *copy = loop_backup_find(work->image, WAL_NAME_COMPLETION);
    uint32_t written[WAL_COMPLETION_BLOCKS];
    uint32_t count = 0;
    for (uint32_t i = 0; copy != NULL && i < copy->size / WAL_BLOCK_BYTES; i++) {
        if (!wal_block_is_zero(copy->bytes + i * WAL_BLOCK_BYTES))
            written[count++] = i;
    }
    if (count == 0)
        return false;
    uint32_t only = (uint32_t)random_below(work->random, count);
    for (uint32_t i = 0; i < count; i++) {
        if (all || i == only)
            flip(work, copy, written[i] * WAL_BLOCK_BYTES, sizeof(struct wal_completion_block));
    }
    return true;
}

static bool rot_instance(struct damage_work *work)
{
    struct loop_copy *copy = loop_backup_find(work->image, WAL_NAME_INSTANCE);
    if (copy == NULL)
        return false;
    flip(work, copy, 0, sizeof(struct wal_instance_block));
    return true;
}

// Rather one that is not zeros: most are.
static uint64_t some_block(struct damage_work *work, const struct loop_copy *copy)
{
    uint64_t blocks = (copy->size + WAL_BLOCK_BYTES - 1) / WAL_BLOCK_BYTES;
    uint64_t block = 0;
    for (uint32_t i = 0; i < 8; i++) {
        block = random_below(work->random, blocks);
        if (!wal_block_is_zero(copy->bytes + block * WAL_BLOCK_BYTES))
            break;
    }
    return block;
}

static bool rot_anywhere(struct damage_work *work)
{
    uint64_t places = random_log(work->random, 20);
    bool any = false;
    for (uint64_t i = 0; i < places && work->image->count > 0; i++) {
        struct loop_copy *copy =
            &work->image->files[random_below(work->random, work->image->count)];
        if (copy->size == 0)
            continue;
        uint64_t block = some_block(work, copy);
        uint64_t left = copy->size - block * WAL_BLOCK_BYTES;
        flip(work, copy, block * WAL_BLOCK_BYTES, left < WAL_BLOCK_BYTES ? left : WAL_BLOCK_BYTES);
        any = true;
    }
    return any;
}

bool loop_damage(struct loop *loop, struct loop_backup *image, const struct loop_survey *survey,
                 const struct loop_backup *older, enum fault fault)
{
    struct damage_work work = {loop, &loop->faults, image, survey, older};
    struct loop_copy *completion = loop_backup_find(image, WAL_NAME_COMPLETION);
    switch (fault) {
    case FAULT_ROT_TAIL:
        return rot_tail(&work);
    case FAULT_ROT_INTENT:
        return rot_frame(&work, 1, survey->chain_end);
    case FAULT_ROT_NEWEST:
        return rot_newest(&work);
    case FAULT_ROT_HEADER:
        return rot_header(&work);
    case FAULT_ROT_COMPLETION:
        return rot_completions(&work, false);
    case FAULT_ROT_COMPLETION_ALL:
        return rot_completions(&work, true);
    case FAULT_ROT_INSTANCE:
        return rot_instance(&work);
    case FAULT_ROT_ANYWHERE:
        return rot_anywhere(&work);
    case FAULT_TRUNCATE_SEGMENT:
        return truncate_file(&work, some_segment(&work, SEGMENT_ANY));
    case FAULT_TRUNCATE_COMPLETION:
        return truncate_file(&work, completion);
    case FAULT_MISSING_SEGMENT:
        return remove_file(&work, some_segment(&work, SEGMENT_WITH_FRAMES));
    case FAULT_MISSING_NEWEST:
        return remove_file(&work, newest_segment(&work));
    case FAULT_MISSING_READY:
        return remove_file(&work, some_segment(&work, SEGMENT_READY));
    case FAULT_MISSING_COMPLETION:
        return remove_file(&work, completion);
    case FAULT_MISSING_INSTANCE:
        return remove_file(&work, loop_backup_find(image, WAL_NAME_INSTANCE));
    case FAULT_SWAPPED_SEGMENTS:
        return swap_segments(&work);
    case FAULT_DUPLICATE_SEGMENT:
        return duplicate_segment(&work);
    case FAULT_STALE_SEGMENT:
        return make_stale(&work, some_segment(&work, SEGMENT_ANY));
    case FAULT_STALE_COMPLETION:
        return make_stale(&work, completion);
    case FAULT_MISDIRECTED:
        return misdirect(&work);
    case FAULT_FOREIGN_SEGMENT:
        return make_foreign(&work);
    default:
        return false;
    }
}
