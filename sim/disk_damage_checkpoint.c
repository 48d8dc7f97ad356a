// Damage to checkpoints at rest.
#include "sim/disk_damage_internal.h"

#include "sim/disk_backup.h"
#include "wal/names.h"

#include <string.h>

// Of so many logs one is hit where only the checkpoint's end knows how far it went.
#define ROT_PROVED 3

// Mostly the one that the chain starts at.
static const struct survey_checkpoint *any_checkpoint(struct damage_work *work)
{
    const struct survey *survey = &work->before;
    if (survey->checkpoints_count == 0)
        return NULL;
    if (survey->base >= 0 && random_below(work->random, 8) != 0)
        return &survey->checkpoints[survey->base];
    return &survey->checkpoints[random_below(work->random, survey->checkpoints_count)];
}

static struct disk_file *checkpoint_file(const struct damage_work *work,
                                         const struct survey_checkpoint *checkpoint)
{
    char name[WAL_CHECKPOINT_NAME_BYTES];
    wal_checkpoint_name(name, checkpoint->number);
    return disk_find(work->disk, name);
}

// The beginning and the end are hit as often as all the records together.
static const struct survey_part *any_part(struct damage_work *work,
                                          const struct survey_checkpoint *checkpoint)
{
    uint32_t count = checkpoint->parts_count;
    switch (random_below(work->random, 3)) {
    case 0:
        return &checkpoint->parts[0];
    case 1:
        return &checkpoint->parts[count - 1];
    default:
        return &checkpoint->parts[random_below(work->random, count)];
    }
}

// Not the checkpoint: the newest frame of which its end says that it is durable, and the completion
// records that know of it. While the log has not gone on, nobody else does.
static bool rot_proved(struct damage_work *work)
{
    const struct survey *survey = &work->before;
    struct disk_file *file = disk_find(work->disk, WAL_NAME_COMPLETION);
    uint64_t durable = survey->checkpoints[survey->base].end.durable;
    if (durable < survey->first || durable > survey->end || file == NULL)
        return false;
    for (uint32_t i = 0; i < WAL_COMPLETION_BLOCKS; i++) {
        const struct survey_completion *completion = &survey->completion[i];
        if (completion->valid && completion->record.durable >= durable)
            damage_rot_completion_block(work, file, i);
    }
    return damage_rot_frame(work, &survey->frames[survey->chain[durable - survey->first]]);
}

bool damage_rot_checkpoint(struct damage_work *work)
{
    const struct survey_checkpoint *checkpoint = any_checkpoint(work);
    if (checkpoint == NULL || checkpoint->parts_count == 0)
        return false;
    if (work->before.base >= 0 && work->before.end % ROT_PROVED == 0 && rot_proved(work))
        return true;
    static const char *const names[] = {"nothing", "beginning", "records", "end"};
    struct disk_file *file = checkpoint_file(work, checkpoint);
    const struct survey_part *part = any_part(work, checkpoint);
    damage_rot(work, file, part->offset, part->covered);
    damage_note(work, file->name, part->offset, "%s at %llu: its %s has rotted", file->name,
                (unsigned long long)part->offset, names[part->kind]);
    return true;
}

bool damage_rot_checkpoint_tail(struct damage_work *work)
{
    const struct survey_checkpoint *checkpoint = any_checkpoint(work);
    struct disk_file *file = disk_find(work->disk, WAL_NAME_CHECKPOINT_NEW);
    uint64_t from = 0;
    if (file == NULL || random_below(work->random, 2) == 0) {
        file = checkpoint != NULL ? checkpoint_file(work, checkpoint) : NULL;
        from = checkpoint != NULL ? checkpoint->bytes : 0;
    }
    if (file == NULL || file->size < from + DISK_BLOCK_BYTES)
        return false;
    uint64_t blocks = (file->size - from) / DISK_BLOCK_BYTES;
    damage_rot(work, file, from, blocks * DISK_BLOCK_BYTES);
    damage_note(work, "", from, "%s has rotted where nothing is", file->name);
    return true;
}

bool damage_truncate_checkpoint(struct damage_work *work)
{
    const struct survey_checkpoint *checkpoint = any_checkpoint(work);
    struct disk_file *file = checkpoint != NULL ? checkpoint_file(work, checkpoint) : NULL;
    if (file == NULL || file->size == 0)
        return false;
    damage_truncate(work, file);
    return true;
}

bool damage_missing_checkpoint(struct damage_work *work)
{
    const struct survey_checkpoint *checkpoint = any_checkpoint(work);
    return checkpoint != NULL && damage_missing(work, checkpoint_file(work, checkpoint)->name);
}

// The name of a checkpoint in the backup, NULL for none.
static const char *older_checkpoint(const struct damage_work *work)
{
    const char *name;
    uint64_t number;
    for (uint32_t i = 0; work->older != NULL && (name = backup_name(work->older, i)) != NULL; i++) {
        if (wal_checkpoint_name_parse(name, &number))
            return name;
    }
    return NULL;
}

bool damage_stale_checkpoint(struct damage_work *work)
{
    const struct survey_checkpoint *checkpoint = any_checkpoint(work);
    const char *name = older_checkpoint(work);
    if (checkpoint == NULL || name == NULL)
        return false;
    char newest[WAL_CHECKPOINT_NAME_BYTES];
    wal_checkpoint_name(newest, checkpoint->number);
    if (strcmp(newest, name) == 0)
        return false;
    switch (random_below(work->random, 3)) {
    case 0: // under the newer one's name
        backup_put_as(work->disk, work->older, name, newest);
        damage_note(work, newest, 0, "%s is what %s was", newest, name);
        return true;
    case 1:
        damage_missing(work, newest);
        backup_put_as(work->disk, work->older, name, name);
        damage_note(work, newest, 0, "%s is back in the place of %s", name, newest);
        return true;
    default: // removed once, and back
        backup_put_as(work->disk, work->older, name, name);
        damage_note(work, "", 0, "%s is back beside %s", name, newest);
        return true;
    }
}

bool damage_unreadable_checkpoint(struct damage_work *work)
{
    const struct survey_checkpoint *checkpoint = any_checkpoint(work);
    struct disk_file *file = checkpoint != NULL ? checkpoint_file(work, checkpoint) : NULL;
    if (file == NULL || file->size < DISK_BLOCK_BYTES)
        return false;
    uint64_t blocks = file->size / DISK_BLOCK_BYTES;
    uint64_t used = checkpoint->bytes / DISK_BLOCK_BYTES;
    if (used > 0 && random_below(work->random, 4) != 0)
        blocks = used;
    uint32_t index = (uint32_t)random_below(work->random, blocks);
    disk_file_reach(file, index + 1);
    file->places[index].unreadable = true;
    uint64_t offset = (uint64_t)index * DISK_BLOCK_BYTES;
    damage_note(work, file->name, offset, "%s at %llu cannot be read", file->name,
                (unsigned long long)offset);
    return true;
}
