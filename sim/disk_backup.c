// Copies of a disk at rest, and the way back to them.
#include "sim/disk_backup.h"

#include "sim/bytes.h"
#include "sim/disk_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct backup_place {
    struct disk_block *block;
    bool allocated;
};

struct backup_file {
    char name[DISK_NAME_BYTES];
    uint64_t size;
    struct backup_place *places;
    uint32_t count;
};

struct damage_backup {
    struct backup_file *files;
    uint32_t count;
};

struct damage_backup *damage_backup(struct disk *disk)
{
    struct damage_backup *backup = sim_alloc(1, sizeof(*backup));
    backup->files = sim_alloc(disk->files_count, sizeof(*backup->files));
    for (uint32_t i = 0; i < disk->files_count; i++) {
        const struct disk_file *file = disk->files[i];
        if (file->name[0] == '\0')
            continue;
        struct backup_file *copy = &backup->files[backup->count++];
        memcpy(copy->name, file->name, sizeof(copy->name));
        copy->size = file->size;
        copy->count = file->places_count;
        copy->places = sim_alloc(copy->count, sizeof(*copy->places));
        for (uint32_t index = 0; index < copy->count; index++) {
            copy->places[index].block = disk_place_view(disk, file, index);
            copy->places[index].allocated = file->places[index].allocated;
        }
    }
    return backup;
}

void damage_backup_free(struct disk *disk, struct damage_backup *backup)
{
    for (uint32_t i = 0; i < backup->count; i++) {
        struct backup_file *copy = &backup->files[i];
        for (uint32_t index = 0; index < copy->count; index++)
            disk_block_drop(disk, copy->places[index].block);
        free(copy->places);
    }
    free(backup->files);
    free(backup);
}

static const struct backup_file *backup_find(const struct damage_backup *backup, const char *name)
{
    for (uint32_t i = 0; i < backup->count; i++) {
        if (strcmp(backup->files[i].name, name) == 0)
            return &backup->files[i];
    }
    return NULL;
}

bool backup_has(const struct damage_backup *backup, const char *name)
{
    return backup_find(backup, name) != NULL;
}

static void backup_put_file(struct disk *disk, const struct backup_file *copy,
                            struct disk_file *file)
{
    disk_file_cut(disk, file, 0);
    disk_file_reach(file, copy->count);
    for (uint32_t index = 0; index < copy->count; index++) {
        struct disk_place *place = &file->places[index];
        disk_block_assign(disk, &place->medium, copy->places[index].block);
        disk_block_assign(disk, &place->cache, copy->places[index].block);
        place->allocated = copy->places[index].allocated;
        file->blocks += place->allocated;
    }
    file->size = copy->size;
    file->size_medium = copy->size;
}

void damage_restore(struct disk *disk, const struct damage_backup *backup)
{
    disk_settle(disk);
    for (uint32_t i = disk->files_count; i > 0; i--) {
        struct disk_file *file = disk->files[i - 1];
        file->name[0] = '\0';
        file->medium[0] = '\0';
        disk_file_release(disk, file);
    }
    assert(disk->files_count == 0);
    for (uint32_t i = 0; i < backup->count; i++)
        backup_put_file(disk, &backup->files[i], disk_create_file(disk, backup->files[i].name));
    disk_settle(disk);
}

bool backup_put(struct disk *disk, const struct damage_backup *backup, const char *name)
{
    const struct backup_file *copy = backup_find(backup, name);
    struct disk_file *file = disk_find(disk, name);
    if (copy == NULL || file == NULL)
        return false;
    bool same = file->size == copy->size;
    for (uint32_t i = 0; same && i < file->places_count; i++) {
        const struct disk_block *old = i < copy->count ? copy->places[i].block : NULL;
        same = file->places[i].medium == old && !file->places[i].unreadable;
    }
    if (same)
        return false;
    backup_put_file(disk, copy, file);
    return true;
}

void backup_put_as(struct disk *disk, const struct damage_backup *backup, const char *name,
                   const char *as)
{
    const struct backup_file *copy = backup_find(backup, name);
    struct disk_file *file = disk_find(disk, as);
    assert(copy != NULL);
    backup_put_file(disk, copy, file != NULL ? file : disk_create_file(disk, as));
    disk_settle(disk);
}

const char *backup_name(const struct damage_backup *backup, uint32_t index)
{
    return index < backup->count ? backup->files[index].name : NULL;
}
