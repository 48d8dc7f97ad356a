// Damage to whole files at rest: cut off, gone, swapped, copied, old, foreign.
#include "sim/disk_damage_internal.h"

#include "sim/bytes.h"
#include "sim/disk_backup.h"
#include "wal/names.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool segment_any(const struct survey_segment *segment)
{
    return segment->size > 0;
}

static bool segment_has_header(const struct survey_segment *segment)
{
    return segment->kind == SURVEY_VALID;
}

static bool segment_is_needed(const struct survey_segment *segment)
{
    return segment->needed;
}

static bool segment_is_ready(const struct survey_segment *segment)
{
    return segment->kind == SURVEY_ZERO;
}

// --- cut off -------------------------------------------------------------------------------------

void damage_truncate(struct damage_work *work, struct disk_file *file)
{
    struct random *random = work->random;
    uint64_t size = random_below(random, file->size);
    uint64_t was = file->size;
    switch (random_below(random, 4)) {
    case 0:
        size = 0;
        break;
    case 1:
        break;
    default:
        size = size / DISK_BLOCK_BYTES * DISK_BLOCK_BYTES;
        break;
    }
    disk_file_cut(work->disk, file, size);
    damage_note(work, file->name, size, "%s is cut off at %llu of %llu bytes", file->name,
                (unsigned long long)size, (unsigned long long)was);
}

bool damage_truncate_segment(struct damage_work *work)
{
    const struct survey_segment *segment = damage_segment(work, segment_any);
    if (segment == NULL)
        return false;
    damage_truncate(work, damage_file(work, segment));
    return true;
}

bool damage_truncate_completion(struct damage_work *work)
{
    struct disk_file *file = disk_find(work->disk, WAL_NAME_COMPLETION);
    if (file == NULL || file->size == 0)
        return false;
    damage_truncate(work, file);
    return true;
}

// --- gone ----------------------------------------------------------------------------------------

bool damage_missing(struct damage_work *work, const char *name)
{
    char gone[DISK_NAME_BYTES];
    if (disk_find(work->disk, name) == NULL)
        return false;
    strncpy(gone, name, sizeof(gone) - 1);
    gone[sizeof(gone) - 1] = '\0';
    damage_note(work, gone, 0, "%s is gone", gone);
    disk_unlink(work->disk, gone);
    disk_settle(work->disk);
    return true;
}

static bool missing_segment(struct damage_work *work, const struct survey_segment *segment)
{
    return segment != NULL && damage_missing(work, damage_file(work, segment)->name);
}

bool damage_missing_segment(struct damage_work *work)
{
    return missing_segment(work, damage_segment(work, segment_is_needed));
}

bool damage_missing_newest(struct damage_work *work)
{
    const struct survey_segment *newest = NULL;
    for (uint32_t i = 0; i < work->before.segments_count; i++) {
        const struct survey_segment *segment = &work->before.segments[i];
        if (segment_has_header(segment) && (newest == NULL || segment->number > newest->number))
            newest = segment;
    }
    return missing_segment(work, newest);
}

bool damage_missing_ready(struct damage_work *work)
{
    return missing_segment(work, damage_segment(work, segment_is_ready));
}

bool damage_missing_completion(struct damage_work *work)
{
    return damage_missing(work, WAL_NAME_COMPLETION);
}

bool damage_missing_instance(struct damage_work *work)
{
    return damage_missing(work, WAL_NAME_INSTANCE);
}

// --- in another place ----------------------------------------------------------------------------

bool damage_swapped_segments(struct damage_work *work)
{
    const struct survey_segment *one = damage_segment(work, segment_has_header);
    const struct survey_segment *other = damage_segment(work, segment_any);
    if (one == NULL || one == other)
        return false;
    struct disk_file *file = damage_file(work, one);
    struct disk_file *second = damage_file(work, other);
    char name[DISK_NAME_BYTES];
    memcpy(name, file->name, sizeof(name));
    memcpy(file->name, second->name, sizeof(name));
    memcpy(second->name, name, sizeof(name));
    memcpy(file->medium, file->name, sizeof(name));
    memcpy(second->medium, second->name, sizeof(name));
    damage_note(work, "", 0, "%s and %s are swapped", file->name, second->name);
    return true;
}

bool damage_duplicate_segment(struct damage_work *work)
{
    const struct survey_segment *segment =
        damage_segment(work, random_below(work->random, 8) == 0 ? segment_any : segment_has_header);
    if (segment == NULL)
        return false;
    uint32_t slot = (uint32_t)random_below(work->random, 4);
    char name[WAL_SEGMENT_NAME_BYTES];
    do {
        wal_segment_name(name, slot++);
    } while (disk_find(work->disk, name) != NULL);
    const struct disk_file *from = damage_file(work, segment);
    struct disk_file *to = disk_create_file(work->disk, name);
    disk_file_reach(to, from->places_count);
    for (uint32_t i = 0; i < from->places_count; i++) {
        to->places[i].allocated = from->places[i].allocated;
        to->blocks += to->places[i].allocated;
        disk_block_assign(work->disk, &to->places[i].medium, from->places[i].medium);
        disk_block_assign(work->disk, &to->places[i].cache, from->places[i].medium);
    }
    to->size = from->size;
    disk_settle(work->disk);
    damage_note(work, "", 0, "%s is a copy of %s", name, from->name);
    return true;
}

// --- old -----------------------------------------------------------------------------------------

static bool stale_file(struct damage_work *work, const char *name)
{
    if (work->older == NULL || !backup_put(work->disk, work->older, name))
        return false;
    damage_note(work, name, 0, "%s is as it was earlier", name);
    return true;
}

bool damage_stale_segment(struct damage_work *work)
{
    uint32_t count = work->before.segments_count;
    uint32_t from = count > 0 ? (uint32_t)random_below(work->random, count) : 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct survey_segment *segment = &work->before.segments[(from + i) % count];
        if (stale_file(work, damage_file(work, segment)->name))
            return true;
    }
    return false;
}

// A part of an old backup: all segments are those of that time, the completion log is of now.
bool damage_stale_segments(struct damage_work *work)
{
    bool changed = false;
    for (uint32_t i = 0; i < work->before.segments_count && work->older != NULL; i++) {
        const char *name = damage_file(work, &work->before.segments[i])->name;
        if (backup_has(work->older, name))
            changed = stale_file(work, name) || changed;
        else
            changed = damage_missing(work, name) || changed;
    }
    if (changed)
        damage_note(work, "", 0, "all segments are as they were earlier");
    return changed;
}

bool damage_stale_completion(struct damage_work *work)
{
    return stale_file(work, WAL_NAME_COMPLETION);
}

// --- of something else ---------------------------------------------------------------------------

bool damage_misdirected(struct damage_work *work)
{
    struct survey *survey = &work->before;
    const struct survey_segment *to = damage_segment(work, segment_any);
    if (survey->frames_count == 0)
        return false;
    const struct survey_frame *frame =
        &survey->frames[random_below(work->random, survey->frames_count)];
    struct disk_file *from = damage_file(work, &survey->segments[frame->segment]);
    struct disk_file *file = random_below(work->random, 16) == 0
                                 ? disk_find(work->disk, WAL_NAME_COMPLETION)
                                 : damage_file(work, to);
    if (file == NULL || file->size < frame->bytes)
        return false;
    uint64_t places = (file->size - frame->bytes) / DISK_BLOCK_BYTES + 1;
    uint64_t offset = random_below(work->random, places) * DISK_BLOCK_BYTES;
    // Sometimes where it could pass for a frame.
    if (random_below(work->random, 4) == 0 && frame->offset + frame->bytes <= file->size)
        offset = frame->offset;
    if (file == from && offset == frame->offset)
        return false;
    uint8_t *copy = sim_alloc(frame->bytes, 1);
    for (uint64_t at = 0; at < frame->bytes; at += DISK_BLOCK_BYTES) {
        uint32_t index = (uint32_t)((frame->offset + at) / DISK_BLOCK_BYTES);
        memcpy(copy + at, damage_block(work->disk, from, index), DISK_BLOCK_BYTES);
    }
    for (uint64_t at = 0; at < frame->bytes; at += DISK_BLOCK_BYTES) {
        uint32_t index = (uint32_t)((offset + at) / DISK_BLOCK_BYTES);
        memcpy(damage_block(work->disk, file, index), copy + at, DISK_BLOCK_BYTES);
    }
    free(copy);
    damage_note(work, "", offset, "%s at %llu: frame %llu of %s has been written there", file->name,
                (unsigned long long)offset, (unsigned long long)frame->sequence, from->name);
    return true;
}

static void foreign_frame(struct damage_work *work, const struct survey_frame *frame,
                          struct disk_file *file, const struct wal_identity *identity)
{
    uint8_t *bytes = sim_alloc(frame->bytes, 1);
    uint32_t first = (uint32_t)(frame->offset / DISK_BLOCK_BYTES);
    uint32_t count = (uint32_t)(frame->bytes / DISK_BLOCK_BYTES);
    for (uint32_t i = 0; i < count; i++)
        memcpy(bytes + (size_t)i * DISK_BLOCK_BYTES, damage_block(work->disk, file, first + i),
               DISK_BLOCK_BYTES);
    wal_frame_seal(bytes, identity, frame->offset);
    for (uint32_t i = 0; i < count; i++)
        memcpy(damage_block(work->disk, file, first + i), bytes + (size_t)i * DISK_BLOCK_BYTES,
               DISK_BLOCK_BYTES);
    free(bytes);
}

// The very same segment, as another instance would have written it.
bool damage_foreign_segment(struct damage_work *work)
{
    const struct survey *survey = &work->before;
    const struct survey_segment *segment = damage_segment(work, segment_has_header);
    if (segment == NULL)
        return false;
    struct disk_file *file = damage_file(work, segment);
    struct wal_identity identity = survey->identity;
    random_fill(work->random, identity.id, sizeof(identity.id));
    for (uint32_t i = 0; i < survey->frames_count; i++) {
        if (&survey->segments[survey->frames[i].segment] == segment)
            foreign_frame(work, &survey->frames[i], file, &identity);
    }
    struct wal_segment_block header;
    uint8_t *block = damage_block(work->disk, file, 0);
    memcpy(&header, block, sizeof(header));
    wal_segment_encode(block, &identity, header);
    damage_note(work, file->name, 0, "%s is of another folder", file->name);
    return true;
}
