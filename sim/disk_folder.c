// The virtual disk's folder: names, and which of their changes are on the medium.
#include "sim/disk_internal.h"

#include "sim/bytes.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct disk_file *disk_find(const struct disk *disk, const char *name)
{
    for (uint32_t i = 0; i < disk->files_count; i++) {
        if (strcmp(disk->files[i]->name, name) == 0)
            return disk->files[i];
    }
    return NULL;
}

static void naming_add(struct disk *disk, enum disk_naming_kind kind, struct disk_file *file,
                       const char *from, const char *to)
{
    if (disk->namings_count == disk->namings_capacity) {
        disk->namings_capacity = 2 * disk->namings_capacity + 16;
        disk->namings = sim_realloc(disk->namings, disk->namings_capacity, sizeof(*disk->namings));
    }
    struct disk_naming *naming = &disk->namings[disk->namings_count++];
    *naming = (struct disk_naming){.kind = kind, .file = file, .time = ++disk->time};
    snprintf(naming->from, sizeof(naming->from), "%s", from);
    snprintf(naming->to, sizeof(naming->to), "%s", to);
    file->pending++;
}

struct disk_file *disk_create_file(struct disk *disk, const char *name)
{
    assert(strlen(name) < DISK_NAME_BYTES && disk_find(disk, name) == NULL);
    if (disk->files_count == disk->files_capacity) {
        disk->files_capacity = 2 * disk->files_capacity + 16;
        disk->files = sim_realloc(disk->files, disk->files_capacity, sizeof(struct disk_file *));
    }
    struct disk_file *file = sim_alloc(1, sizeof(*file));
    disk->files[disk->files_count++] = file;
    snprintf(file->name, sizeof(file->name), "%s", name);
    naming_add(disk, DISK_CREATE, file, "", name);
    return file;
}

void disk_file_release(struct disk *disk, struct disk_file *file)
{
    if (file->name[0] != '\0' || file->medium[0] != '\0' || file->handles > 0 || file->pending > 0)
        return;
    disk_file_cut(disk, file, 0);
    for (uint32_t i = 0; i < disk->files_count; i++) {
        if (disk->files[i] != file)
            continue;
        disk->files_count--;
        memmove(&disk->files[i], &disk->files[i + 1],
                (disk->files_count - i) * sizeof(struct disk_file *));
    }
    free(file->places);
    free(file);
}

int disk_rename(struct disk *disk, const char *from, const char *to)
{
    struct disk_file *file = disk_find(disk, from);
    if (file == NULL || from[0] == '\0')
        return -ENOENT;
    if (strcmp(from, to) == 0)
        return 0;
    assert(to[0] != '\0' && strlen(to) < DISK_NAME_BYTES);
    struct disk_file *replaced = disk_find(disk, to);
    naming_add(disk, DISK_RENAME, file, from, to);
    snprintf(file->name, sizeof(file->name), "%s", to);
    if (replaced != NULL) {
        replaced->name[0] = '\0';
        disk_file_release(disk, replaced);
    }
    return 0;
}

int disk_unlink(struct disk *disk, const char *name)
{
    struct disk_file *file = disk_find(disk, name);
    if (file == NULL || name[0] == '\0')
        return -ENOENT;
    naming_add(disk, DISK_UNLINK, file, name, "");
    file->name[0] = '\0';
    return 0;
}

bool disk_is_removed(const struct disk *disk, int handle)
{
    const struct disk_handle *h = disk_handle_of(disk, handle);
    if (h == NULL)
        return false;
    for (uint32_t i = 0; i < disk->namings_count; i++) {
        if (disk->namings[i].file == h->file)
            return false;
    }
    return h->file->name[0] == '\0' && h->file->medium[0] == '\0';
}

void disk_list(struct disk *disk, void (*each)(void *context, const char *name), void *context)
{
    for (uint32_t i = 0; i < disk->files_count; i++) {
        if (disk->files[i]->name[0] != '\0')
            each(context, disk->files[i]->name);
    }
}

// --- the medium's names ----------------------------------------------------------------------

static struct disk_file *medium_find(const struct disk *disk, const char *name)
{
    for (uint32_t i = 0; i < disk->files_count; i++) {
        if (strcmp(disk->files[i]->medium, name) == 0)
            return disk->files[i];
    }
    return NULL;
}

// Gives the name to this file. Who has it now loses it: that an earlier change took it away from
// there is on the medium together with this one.
static void medium_give(struct disk *disk, const char *name, struct disk_file *file)
{
    struct disk_file *before = medium_find(disk, name);
    if (before != NULL)
        before->medium[0] = '\0';
    snprintf(file->medium, sizeof(file->medium), "%s", name);
}

static void medium_apply(struct disk *disk, const struct disk_naming *naming)
{
    bool here = naming->from[0] != '\0' && strcmp(naming->file->medium, naming->from) == 0;
    switch (naming->kind) {
    case DISK_CREATE:
        medium_give(disk, naming->to, naming->file);
        break;
    case DISK_RENAME: // without its source there is nothing to rename
        if (here)
            medium_give(disk, naming->to, naming->file);
        break;
    case DISK_UNLINK:
        if (here)
            naming->file->medium[0] = '\0';
        break;
    }
}

void disk_namings_apply(struct disk *disk, uint64_t time,
                        bool (*keeps)(void *context, const struct disk_naming *naming),
                        void *context)
{
    uint32_t done = 0;
    while (done < disk->namings_count && disk->namings[done].time <= time) {
        const struct disk_naming *naming = &disk->namings[done++];
        if (keeps == NULL || keeps(context, naming))
            medium_apply(disk, naming);
        naming->file->pending--;
    }
    if (done == 0)
        return;
    disk->namings_count -= done;
    memmove(disk->namings, disk->namings + done, disk->namings_count * sizeof(*disk->namings));
    for (uint32_t i = disk->files_count; i > 0; i--)
        disk_file_release(disk, disk->files[i - 1]);
}
