// Damage to a disk at rest: chosen, done, and judged by what is left.
#include "sim/disk_damage_internal.h"

#include "wal/names.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// --- what the kinds share ------------------------------------------------------------------------

void damage_note(struct damage_work *work, const char *file, uint64_t offset, const char *format,
                 ...)
{
    struct damage *damage = work->damage;
    snprintf(damage->file, sizeof(damage->file), "%s", file);
    damage->offset = offset;
    va_list list;
    va_start(list, format);
    vsnprintf(damage->what, sizeof(damage->what), format, list);
    va_end(list);
}

struct disk_file *damage_file(const struct damage_work *work, const struct survey_segment *segment)
{
    char name[WAL_SEGMENT_NAME_BYTES];
    wal_segment_name(name, segment->slot);
    struct disk_file *file = disk_find(work->disk, name);
    assert(file != NULL);
    return file;
}

struct survey_segment *damage_segment(struct damage_work *work,
                                      bool (*fits)(const struct survey_segment *segment))
{
    struct survey_segment *chosen = NULL;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < work->before.segments_count; i++) {
        struct survey_segment *segment = &work->before.segments[i];
        if (fits(segment) && random_below(work->random, ++seen) == 0)
            chosen = segment;
    }
    return chosen;
}

uint8_t *damage_block(struct disk *disk, struct disk_file *file, uint32_t index)
{
    disk_file_reach(file, index + 1);
    struct disk_place *place = &file->places[index];
    assert(place->dirty == 0 && place->phantom == 0);
    disk_block_assign(disk, &place->cache, NULL);
    uint8_t *bytes = disk_block_own(disk, &place->medium);
    disk_block_assign(disk, &place->cache, place->medium);
    return bytes;
}

// --- the survey ----------------------------------------------------------------------------------

void damage_survey(struct disk *disk, struct damage_survey *result)
{
    struct survey survey;
    survey_take(disk, NULL, &survey);
    *result = (struct damage_survey){
        .has_instance = survey.has_instance,
        .witnessed = survey.witnessed,
        .chain_end = survey.end,
        .segments = survey.segments_count,
        .frames = survey.chain_count,
        .completion_records = survey.completions,
    };
    survey_free(&survey);
}

// --- applying ------------------------------------------------------------------------------------

static bool damage_do(struct damage_work *work)
{
    switch (work->damage->kind) {
    case FAULT_ROT_TAIL:
        return damage_rot_tail(work);
    case FAULT_ROT_INTENT:
        return damage_rot_intent(work);
    case FAULT_ROT_NEWEST:
        return damage_rot_newest(work);
    case FAULT_ROT_HEADER:
        return damage_rot_header(work);
    case FAULT_ROT_COMPLETION:
        return damage_rot_completion(work);
    case FAULT_ROT_COMPLETION_ALL:
        return damage_rot_completion_all(work);
    case FAULT_ROT_INSTANCE:
        return damage_rot_instance(work);
    case FAULT_ROT_ANYWHERE:
        return damage_rot_anywhere(work);
    case FAULT_UNREADABLE:
        return damage_unreadable(work);
    case FAULT_TRUNCATE_SEGMENT:
        return damage_truncate_segment(work);
    case FAULT_TRUNCATE_COMPLETION:
        return damage_truncate_completion(work);
    case FAULT_MISSING_SEGMENT:
        return damage_missing_segment(work);
    case FAULT_MISSING_NEWEST:
        return damage_missing_newest(work);
    case FAULT_MISSING_READY:
        return damage_missing_ready(work);
    case FAULT_MISSING_COMPLETION:
        return damage_missing_completion(work);
    case FAULT_MISSING_INSTANCE:
        return damage_missing_instance(work);
    case FAULT_SWAPPED_SEGMENTS:
        return damage_swapped_segments(work);
    case FAULT_DUPLICATE_SEGMENT:
        return damage_duplicate_segment(work);
    case FAULT_STALE_SEGMENT:
        return damage_stale_segment(work);
    case FAULT_STALE_SEGMENTS:
        return damage_stale_segments(work);
    case FAULT_STALE_COMPLETION:
        return damage_stale_completion(work);
    case FAULT_MISDIRECTED:
        return damage_misdirected(work);
    case FAULT_FOREIGN_SEGMENT:
        return damage_foreign_segment(work);
    case FAULT_ROT_CHECKPOINT:
        return damage_rot_checkpoint(work);
    case FAULT_ROT_CHECKPOINT_TAIL:
        return damage_rot_checkpoint_tail(work);
    case FAULT_TRUNCATE_CHECKPOINT:
        return damage_truncate_checkpoint(work);
    case FAULT_MISSING_CHECKPOINT:
        return damage_missing_checkpoint(work);
    case FAULT_STALE_CHECKPOINT:
        return damage_stale_checkpoint(work);
    case FAULT_UNREADABLE_CHECKPOINT:
        return damage_unreadable_checkpoint(work);
    default:
        assert(!"a kind that damages files at rest");
        return false;
    }
}

// What is left is surveyed with the identity that was there, even when that is what is damaged.
static bool damage_try(struct damage_work *work)
{
    bool done = damage_do(work);
    if (!done)
        return false;
    survey_take(work->disk, &work->before.identity, &work->after);
    work->damage->witnessed_after = work->after.witnessed;
    done = damage_judge(work);
    survey_free(&work->after);
    return done;
}

bool damage_apply(struct disk *disk, enum fault kind, struct random *random,
                  const struct damage_backup *older, struct damage *damage)
{
    disk_settle(disk);
    *damage = (struct damage){.kind = kind};
    struct damage_work work = {.disk = disk, .random = random, .older = older, .damage = damage};
    survey_take(disk, NULL, &work.before);
    // A folder that is only being made holds nothing yet.
    bool done = false;
    if (work.before.has_instance) {
        struct damage_backup *backup = damage_backup(disk);
        done = damage_try(&work);
        if (!done)
            damage_restore(disk, backup);
        damage_backup_free(disk, backup);
    }
    survey_free(&work.before);
    return done;
}
