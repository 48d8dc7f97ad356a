// The loopback harness: files at rest: what a power cut leaves of them.
#include "sim/loop_internal.h"

#include "sim/bytes.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void loop_file_path(const struct loop *loop, const char *name,
                    char path[LOOP_PATH_BYTES + LOOP_NAME_BYTES])
{
    snprintf(path, LOOP_PATH_BYTES + LOOP_NAME_BYTES, "%s/%s", loop->data, name);
}

static int file_open(const struct loop *loop, const char *name, int flags)
{
    char path[LOOP_PATH_BYTES + LOOP_NAME_BYTES];
    loop_file_path(loop, name, path);
    return open(path, flags | O_CLOEXEC, 0600);
}

uint64_t loop_file_read(const struct loop *loop, const char *name, struct bytes *bytes)
{
    struct stat status;
    bytes->length = 0;
    int file = file_open(loop, name, O_RDONLY);
    if (file < 0 || fstat(file, &status) != 0)
        return 0;
    size_t room = ((size_t)status.st_size / LOOP_BLOCK_BYTES + 1) * LOOP_BLOCK_BYTES;
    uint8_t *to = bytes_room(bytes, room);
    memset(to, 0, room);
    uint64_t size = 0;
    ssize_t got;
    while (size < (uint64_t)status.st_size &&
           (got = pread(file, to + size, (size_t)status.st_size - size, (off_t)size)) > 0)
        size += (uint64_t)got;
    close(file);
    bytes->length = room;
    return size;
}

void loop_file_write(const struct loop *loop, const char *name, const uint8_t *bytes, uint64_t size)
{
    int file = file_open(loop, name, O_WRONLY | O_CREAT | O_TRUNC);
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

// Its name is back, and so is what of it was on the medium.
static void file_revive(struct loop *loop, uint16_t index)
{
    struct loop_file *file = &loop->shared->files[index];
    file->exists = true;
    loop_file_write(loop, file->name, loop->shared->medium[index], file->durable_size);
}

static void naming_undo(struct loop *loop, const struct loop_naming *naming)
{
    struct loop_file *file = &loop->shared->files[naming->file];
    char path[LOOP_PATH_BYTES + LOOP_NAME_BYTES];
    char from[LOOP_PATH_BYTES + LOOP_NAME_BYTES];
    loop_file_path(loop, file->name, path);
    switch (naming->kind) {
    case LOOP_NAMED_CREATE:
        file->exists = false;
        unlink(path);
        break;
    case LOOP_NAMED_RENAME:
        loop_file_path(loop, naming->from, from);
        rename(path, from);
        memcpy(file->name, naming->from, LOOP_NAME_BYTES);
        if (naming->replaced != LOOP_NO_FILE)
            file_revive(loop, naming->replaced);
        break;
    case LOOP_NAMED_UNLINK:
        file_revive(loop, naming->file);
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

// What a file is from now on, in cache and on the medium.
static void file_settle(struct loop *loop, uint32_t index, const uint8_t *bytes, uint64_t size)
{
    struct loop_shared *shared = loop->shared;
    struct loop_file *file = &shared->files[index];
    uint64_t reach = (size + LOOP_BLOCK_BYTES - 1) / LOOP_BLOCK_BYTES * LOOP_BLOCK_BYTES;
    reach = reach > file->reach ? reach : file->reach;
    assert(reach <= LOOP_FILE_BYTES_MAX);
    memset(shared->medium[index], 0, reach);
    memcpy(shared->medium[index], bytes, size);
    memset(shared->blocks[index], 0, reach / LOOP_BLOCK_BYTES * sizeof(struct loop_block));
    for (uint64_t i = 0; i < reach / LOOP_BLOCK_BYTES; i++)
        shared->blocks[index][i].filled = true;
    file->reach = reach;
    file->size = size;
    file->durable_size = size;
}

static void cut_file(struct loop *loop, uint32_t index, struct survival *survival,
                     struct bytes *bytes)
{
    struct loop_file *file = &loop->shared->files[index];
    const uint8_t *medium = loop->shared->medium[index];
    uint64_t size = loop_file_read(loop, file->name, bytes);
    bool all = random_chance(&loop->faults, survival->ppm);
    bool changed = false;
    // What is longer on the medium than in the cache has been cut: it is not read again.
    for (uint64_t at = 0; at < size; at += LOOP_SECTOR_BYTES) {
        uint8_t *sector = bytes->data + at;
        if (memcmp(sector, medium + at, LOOP_SECTOR_BYTES) == 0)
            continue;
        if (survival->by_file ? all : random_chance(&loop->faults, survival->ppm)) {
            survival->kept++;
            continue;
        }
        memcpy(sector, medium + at, LOOP_SECTOR_BYTES);
        survival->torn++;
        changed = true;
    }
    bool shrinks = size > file->durable_size && !random_chance(&loop->faults, survival->ppm);
    if (shrinks)
        size = file->durable_size;
    if (changed || shrinks)
        loop_file_write(loop, file->name, bytes->data, size);
    file_settle(loop, index, bytes->data, size);
}

void loop_disk_power_cut(struct loop *loop)
{
    assert(loop->pid == 0);
    struct survival survival = survival_draw(&loop->faults);
    struct bytes bytes = {0};
    cut_namings(loop, &survival);
    for (uint32_t i = 0; i < LOOP_FILES_MAX; i++) {
        if (loop->shared->files[i].used && loop->shared->files[i].exists)
            cut_file(loop, i, &survival, &bytes);
    }
    bytes_free(&bytes);
    loop_trace(loop, "power cut", survival.torn, survival.kept, 0);
}

void loop_disk_process_gone(struct loop *loop)
{
    struct loop_shared *shared = loop->shared;
    for (uint32_t i = 0; i < LOOP_FILES_MAX; i++) {
        struct loop_file *file = &shared->files[i];
        if (!file->used || !file->exists)
            continue;
        for (uint64_t block = 0; block < file->reach / LOOP_BLOCK_BYTES; block++) {
            if (shared->blocks[i][block].flying)
                shared->blocks[i][block].dirty = shared->time;
            shared->blocks[i][block].flying = false;
        }
        char path[LOOP_PATH_BYTES + LOOP_NAME_BYTES];
        struct stat status;
        loop_file_path(loop, file->name, path);
        if (stat(path, &status) == 0)
            file->size = (uint64_t)status.st_size;
    }
}

void loop_disk_know(struct loop *loop, uint32_t index, const char *name, const uint8_t *bytes,
                    uint64_t size)
{
    struct loop_file *file = &loop->shared->files[index];
    assert(index < LOOP_FILES_MAX && strlen(name) < LOOP_NAME_BYTES);
    *file = (struct loop_file){.used = true, .exists = true, .reach = file->reach};
    snprintf(file->name, sizeof(file->name), "%s", name);
    file_settle(loop, index, bytes, size);
}

void loop_disk_forget(struct loop *loop)
{
    struct loop_shared *shared = loop->shared;
    for (uint32_t i = 0; i < LOOP_FILES_MAX; i++)
        shared->files[i] = (struct loop_file){.reach = shared->files[i].reach};
    shared->namings = 0;
    shared->unreadable_count = 0;
}
