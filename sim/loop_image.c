// The loopback harness: the folder as a disk of the virtual world, so that what surveys, damages and
// judges such a disk can do it with real files, too; and back.
#include "sim/loop_internal.h"

#include "sim/disk_internal.h"
#include "wal/names.h"

#include <assert.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES_MAX LOOP_FILES_MAX

struct names {
    uint32_t count;
    char names[NAMES_MAX][LOOP_NAME_BYTES];
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

// In an order of their own: that of the folder is chance.
static void names_read(const struct loop *loop, struct names *names)
{
    names->count = 0;
    DIR *folder = opendir(loop->data);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, WAL_NAME_LOCK) == 0)
            continue;
        size_t length = strlen(entry->d_name);
        assert(names->count < NAMES_MAX && length < LOOP_NAME_BYTES);
        memcpy(names->names[names->count++], entry->d_name, length + 1);
    }
    if (folder != NULL)
        closedir(folder);
    qsort(names->names, names->count, LOOP_NAME_BYTES, compare_names);
}

static bool names_have(const struct names *names, const char *name)
{
    return bsearch(name, names->names, names->count, LOOP_NAME_BYTES, compare_names) != NULL;
}

// --- from the folder -------------------------------------------------------------------------

// Blocks that are as they were stay the same blocks: so an older copy shows what has changed.
static void image_block(struct disk *disk, struct disk_file *file, uint32_t index,
                        const uint8_t *bytes)
{
    struct disk_place *place = &file->places[index];
    const struct disk_block *old = place->medium;
    bool zero = disk_is_zero(bytes, DISK_BLOCK_BYTES);
    bool same = old == NULL ? zero : memcmp(old->bytes, bytes, DISK_BLOCK_BYTES) == 0;
    file->blocks += !place->allocated;
    place->allocated = true;
    if (same)
        return;
    disk_block_assign(disk, &place->cache, NULL);
    disk_block_assign(disk, &place->medium, NULL);
    if (zero)
        return;
    memcpy(disk_block_own(disk, &place->medium), bytes, DISK_BLOCK_BYTES);
    disk_block_assign(disk, &place->cache, place->medium);
}

static void image_file(struct loop *loop, const char *name, struct bytes *bytes)
{
    struct disk *disk = loop->image;
    struct disk_file *file = disk_find(disk, name);
    if (file == NULL)
        file = disk_create_file(disk, name);
    uint64_t size = loop_file_read(loop, name, bytes);
    uint32_t blocks = (uint32_t)((size + DISK_BLOCK_BYTES - 1) / DISK_BLOCK_BYTES);
    disk_file_cut(disk, file, size);
    disk_file_reach(file, blocks);
    for (uint32_t i = 0; i < blocks; i++)
        image_block(disk, file, i, bytes->data + (size_t)i * DISK_BLOCK_BYTES);
}

void loop_image_take(struct loop *loop)
{
    struct disk *disk = loop->image;
    struct bytes bytes = {0};
    struct names names;
    names_read(loop, &names);
    for (uint32_t i = disk->files_count; i > 0; i--) {
        struct disk_file *file = disk->files[i - 1];
        if (names_have(&names, file->name))
            continue;
        file->name[0] = '\0';
        file->medium[0] = '\0';
        disk_file_release(disk, file);
    }
    for (uint32_t i = 0; i < names.count; i++)
        image_file(loop, names.names[i], &bytes);
    disk_settle(disk);
    bytes_free(&bytes);
}

// --- to the folder ---------------------------------------------------------------------------

static void image_unreadable(struct loop *loop, const struct disk_file *file)
{
    struct loop_shared *shared = loop->shared;
    for (uint32_t i = 0; i < file->places_count; i++) {
        if (!file->places[i].unreadable || shared->unreadable_count == LOOP_UNREADABLE_MAX)
            continue;
        uint32_t at = shared->unreadable_count++;
        memcpy(shared->unreadable[at].name, file->name, LOOP_NAME_BYTES);
        shared->unreadable[at].offset = (uint64_t)i * DISK_BLOCK_BYTES;
    }
}

static void image_put_file(struct loop *loop, uint32_t index, const struct disk_file *file,
                           struct bytes *bytes)
{
    uint32_t blocks = (uint32_t)((file->size + DISK_BLOCK_BYTES - 1) / DISK_BLOCK_BYTES);
    bytes->length = 0;
    uint8_t *to = bytes_room(bytes, ((size_t)blocks + 1) * DISK_BLOCK_BYTES);
    memset(to, 0, ((size_t)blocks + 1) * DISK_BLOCK_BYTES);
    for (uint32_t i = 0; i < blocks && i < file->places_count; i++) {
        const struct disk_block *block = file->places[i].medium;
        if (block != NULL)
            memcpy(to + (size_t)i * DISK_BLOCK_BYTES, block->bytes, DISK_BLOCK_BYTES);
    }
    loop_file_write(loop, file->name, to, file->size);
    loop_disk_know(loop, index, file->name, to, file->size);
    image_unreadable(loop, file);
}

void loop_image_put(struct loop *loop)
{
    const struct disk *disk = loop->image;
    struct bytes bytes = {0};
    struct names names;
    assert(loop->pid == 0);
    names_read(loop, &names);
    for (uint32_t i = 0; i < names.count; i++) {
        char path[LOOP_PATH_BYTES + LOOP_NAME_BYTES];
        loop_file_path(loop, names.names[i], path);
        unlink(path);
    }
    loop_disk_forget(loop);
    for (uint32_t i = 0; i < disk->files_count; i++)
        image_put_file(loop, i, disk->files[i], &bytes);
    bytes_free(&bytes);
}
