// The loopback harness: files at rest: what a power cut leaves of them, copies and restoring.
#include "sim/loop_internal.h"

#include "sim/bytes.h"
#include "wal/names.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int files_open(const struct loop *loop, const char *name, int flags)
{
    char path[LOOP_PATH_BYTES + LOOP_NAME_BYTES];
    snprintf(path, sizeof(path), "%s/%s", loop->data, name);
    return open(path, flags | O_CLOEXEC, 0600);
}

static void files_path(const struct loop *loop, const char *name,
                       char path[LOOP_PATH_BYTES + LOOP_NAME_BYTES])
{
    snprintf(path, LOOP_PATH_BYTES + LOOP_NAME_BYTES, "%s/%s", loop->data, name);
}

// The whole file into `bytes`, zeros behind its end. Its size, 0 when there is no such file.
static uint64_t files_read(const struct loop *loop, const char *name,
                           uint8_t bytes[LOOP_FILE_BYTES_MAX])
{
    memset(bytes, 0, LOOP_FILE_BYTES_MAX);
    int file = files_open(loop, name, O_RDONLY);
    if (file < 0)
        return 0;
    uint64_t size = 0;
    ssize_t got;
    while (size < LOOP_FILE_BYTES_MAX &&
           (got = pread(file, bytes + size, LOOP_FILE_BYTES_MAX - size, (off_t)size)) > 0)
        size += (uint64_t)got;
    close(file);
    return size;
}

static void files_write(const struct loop *loop, const char *name, const uint8_t *bytes,
                        uint64_t size)
{
    int file = files_open(loop, name, O_WRONLY | O_CREAT | O_TRUNC);
    assert(file >= 0);
    ssize_t wrote = pwrite(file, bytes, size, 0);
    assert(wrote == (ssize_t)size);
    close(file);
}

// --- the power cut ---------------------------------------------------------------------------

// How much of what is volatile survives: drawn anew for each cut.
struct survival {
    uint32_t ppm;  // of sectors
    bool by_file;  // each file as a whole
    uint32_t torn; // sectors lost in this cut
    uint32_t kept;
};

static struct survival survival_draw(struct random *random)
{
    struct survival survival = {0};
    switch (random_below(random, 5)) {
    case 0:
        survival.ppm = 0;
        break;
    case 1:
        survival.ppm = 1000000;
        break;
    case 2:
        survival.ppm = 500000;
        break;
    case 3:
        survival.by_file = true;
        survival.ppm = (uint32_t)random_below(random, 1000001);
        break;
    default:
        survival.ppm = (uint32_t)random_below(random, 1000001);
        break;
    }
    return survival;
}

static void naming_undo(struct loop *loop, const struct loop_naming *naming)
{
    struct loop_file *file = &loop->shared->files[naming->file];
    char path[LOOP_PATH_BYTES + LOOP_NAME_BYTES];
    char from[LOOP_PATH_BYTES + LOOP_NAME_BYTES];
    files_path(loop, file->name, path);
    switch (naming->kind) {
    case LOOP_NAMED_CREATE:
        file->exists = false;
        unlink(path);
        break;
    case LOOP_NAMED_RENAME:
        files_path(loop, naming->from, from);
        rename(path, from);
        memcpy(file->name, naming->from, LOOP_NAME_BYTES);
        break;
    case LOOP_NAMED_UNLINK:
        file->exists = true;
        files_write(loop, file->name, loop->shared->medium[naming->file], file->durable_size);
        break;
    }
}

// Changes to the folder become durable in their order: a journal's order.
static void cut_namings(struct loop *loop, const struct survival *survival)
{
    struct loop_shared *shared = loop->shared;
    uint32_t durable = 0;
    while (durable < shared->namings && random_chance(&loop->faults, survival->ppm))
        durable++;
    for (uint32_t i = shared->namings; i > durable; i--)
        naming_undo(loop, &shared->naming[i - 1]);
    loop_trace(loop, "names", shared->namings, durable, 0);
    shared->namings = 0;
}

static void cut_file(struct loop *loop, uint32_t index, struct survival *survival, uint8_t *bytes)
{
    struct loop_file *file = &loop->shared->files[index];
    uint8_t *medium = loop->shared->medium[index];
    uint64_t size = files_read(loop, file->name, bytes);
    bool all = random_chance(&loop->faults, survival->ppm);
    bool changed = false;
    for (uint64_t at = 0; at < LOOP_FILE_BYTES_MAX; at += LOOP_SECTOR_BYTES) {
        if (memcmp(bytes + at, medium + at, LOOP_SECTOR_BYTES) == 0)
            continue;
        if (survival->by_file ? all : random_chance(&loop->faults, survival->ppm)) {
            survival->kept++;
            continue;
        }
        memcpy(bytes + at, medium + at, LOOP_SECTOR_BYTES);
        survival->torn++;
        changed = true;
    }
    bool shrinks = size != file->durable_size && !random_chance(&loop->faults, survival->ppm);
    if (shrinks)
        size = file->durable_size;
    if (changed || shrinks)
        files_write(loop, file->name, bytes, size);
    memcpy(medium, bytes, LOOP_FILE_BYTES_MAX);
    file->size = size;
    file->durable_size = size;
    file->dirty = 0;
    file->dropped = 0;
    file->filled = UINT64_MAX;
}

void loop_disk_power_cut(struct loop *loop)
{
    assert(loop->pid == 0);
    struct survival survival = survival_draw(&loop->faults);
    uint8_t *bytes = sim_alloc(LOOP_FILE_BYTES_MAX, 1);
    cut_namings(loop, &survival);
    for (uint32_t i = 0; i < LOOP_FILES_MAX; i++) {
        if (loop->shared->files[i].used && loop->shared->files[i].exists)
            cut_file(loop, i, &survival, bytes);
    }
    free(bytes);
    loop_trace(loop, "power cut", survival.torn, survival.kept, 0);
}

void loop_disk_process_gone(struct loop *loop)
{
    for (uint32_t i = 0; i < LOOP_FILES_MAX; i++) {
        struct loop_file *file = &loop->shared->files[i];
        if (!file->used || !file->exists)
            continue;
        char path[LOOP_PATH_BYTES + LOOP_NAME_BYTES];
        struct stat status;
        files_path(loop, file->name, path);
        file->dirty |= file->flying;
        file->flying = 0;
        if (stat(path, &status) == 0)
            file->size = (uint64_t)status.st_size;
    }
}

// --- copies ----------------------------------------------------------------------------------

static int compare_copies(const void *a, const void *b)
{
    return strcmp(((const struct loop_copy *)a)->name, ((const struct loop_copy *)b)->name);
}

struct loop_copy *loop_backup_add(struct loop_backup *backup, const char *name)
{
    assert(backup->count < LOOP_FILES_MAX && strlen(name) < LOOP_NAME_BYTES);
    struct loop_copy *copy = &backup->files[backup->count++];
    *copy = (struct loop_copy){.bytes = sim_alloc(LOOP_FILE_BYTES_MAX, 1)};
    snprintf(copy->name, sizeof(copy->name), "%s", name);
    return copy;
}

void loop_backup_remove(struct loop_backup *backup, struct loop_copy *file)
{
    free(file->bytes);
    size_t after = (size_t)(&backup->files[backup->count] - (file + 1));
    memmove(file, file + 1, after * sizeof(*file));
    backup->count--;
}

struct loop_copy *loop_backup_find(struct loop_backup *backup, const char *name)
{
    for (uint32_t i = 0; i < backup->count; i++) {
        if (strcmp(backup->files[i].name, name) == 0)
            return &backup->files[i];
    }
    return NULL;
}

// In the order of the files' names: that of the folder is chance.
struct loop_backup *loop_disk_backup(struct loop *loop)
{
    struct loop_backup *backup = sim_alloc(1, sizeof(*backup));
    DIR *folder = opendir(loop->data);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, WAL_NAME_LOCK) == 0)
            continue;
        struct loop_copy *copy = loop_backup_add(backup, entry->d_name);
        copy->size = files_read(loop, copy->name, copy->bytes);
    }
    if (folder != NULL)
        closedir(folder);
    qsort(backup->files, backup->count, sizeof(backup->files[0]), compare_copies);
    return backup;
}

struct loop_backup *loop_backup_copy(const struct loop_backup *backup)
{
    struct loop_backup *copy = sim_alloc(1, sizeof(*copy));
    for (uint32_t i = 0; i < backup->count; i++) {
        struct loop_copy *file = loop_backup_add(copy, backup->files[i].name);
        file->size = backup->files[i].size;
        memcpy(file->bytes, backup->files[i].bytes, file->size);
    }
    return copy;
}

void loop_backup_free(struct loop_backup *backup)
{
    for (uint32_t i = 0; i < backup->count; i++)
        free(backup->files[i].bytes);
    free(backup);
}

static void files_clear(struct loop *loop)
{
    struct loop_backup *there = loop_disk_backup(loop);
    for (uint32_t i = 0; i < there->count; i++) {
        char path[LOOP_PATH_BYTES + LOOP_NAME_BYTES];
        files_path(loop, there->files[i].name, path);
        unlink(path);
    }
    loop_backup_free(there);
}

// The table of files, all durable as they are.
static void files_know(struct loop *loop, const struct loop_backup *backup)
{
    struct loop_shared *shared = loop->shared;
    for (uint32_t i = 0; i < LOOP_FILES_MAX; i++) {
        struct loop_file *file = &shared->files[i];
        if (i >= backup->count) {
            uint64_t filled = file->filled;
            *file = (struct loop_file){.filled = filled};
            continue;
        }
        const struct loop_copy *copy = &backup->files[i];
        *file = (struct loop_file){.used = true, .exists = true, .filled = UINT64_MAX};
        memcpy(file->name, copy->name, LOOP_NAME_BYTES);
        file->size = copy->size;
        file->durable_size = copy->size;
        memset(shared->medium[i], 0, LOOP_FILE_BYTES_MAX);
        memcpy(shared->medium[i], copy->bytes, copy->size);
    }
    shared->namings = 0;
}

void loop_disk_restore(struct loop *loop, const struct loop_backup *backup)
{
    assert(loop->pid == 0);
    files_clear(loop);
    for (uint32_t i = 0; i < backup->count; i++)
        files_write(loop, backup->files[i].name, backup->files[i].bytes, backup->files[i].size);
    files_know(loop, backup);
}
