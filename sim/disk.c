// The virtual disk: its life, handles and reads.
#include "sim/disk_internal.h"

#include "server/io.h"
#include "sim/bytes.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HANDLE_FIRST (DISK_FOLDER + 1)

struct disk *disk_create(const struct disk_options *options, struct random *random)
{
    struct disk *disk = sim_alloc(1, sizeof(*disk));
    disk->options = *options;
    disk->random = *random;
    return disk;
}

void disk_destroy(struct disk *disk)
{
    for (uint32_t i = 0; i < disk->files_count; i++) {
        free(disk->files[i]->places);
        free(disk->files[i]);
    }
    for (uint32_t i = 0; i < disk->writes_count; i++)
        free(disk->writes[i].blocks);
    for (uint32_t i = 0; i < disk->syncs_count; i++)
        free(disk->syncs[i].items);
    disk_blocks_free(disk);
    free(disk->files);
    free(disk->handles);
    free(disk->writes);
    free(disk->syncs);
    free(disk->namings);
    free(disk);
}

struct disk_options *disk_options(struct disk *disk)
{
    return &disk->options;
}

uint64_t disk_used_blocks(const struct disk *disk)
{
    uint64_t blocks = 0;
    for (uint32_t i = 0; i < disk->files_count; i++) {
        const struct disk_file *file = disk->files[i];
        if (file->name[0] != '\0' || file->handles > 0)
            blocks += file->blocks;
    }
    return blocks;
}

// --- handles ---------------------------------------------------------------------------------

struct disk_handle *disk_handle_of(const struct disk *disk, int handle)
{
    if (handle < HANDLE_FIRST || (uint32_t)handle >= disk->handles_count ||
        disk->handles[handle].file == NULL)
        return NULL;
    return &disk->handles[handle];
}

static int handle_take(struct disk *disk, bool (*shared)(void *context, int handle), void *context)
{
    int handle = HANDLE_FIRST;
    while (disk_handle_of(disk, handle) != NULL || (shared != NULL && shared(context, handle)))
        handle++;
    if ((uint32_t)handle >= disk->handles_count) {
        uint32_t count = 2 * (uint32_t)handle + 16;
        disk->handles = sim_realloc(disk->handles, count, sizeof(*disk->handles));
        memset(disk->handles + disk->handles_count, 0,
               (count - disk->handles_count) * sizeof(*disk->handles));
        disk->handles_count = count;
    }
    return handle;
}

int disk_open(struct disk *disk, const char *name, uint32_t flags,
              bool (*shared)(void *context, int handle), void *context)
{
    assert(name[0] != '\0' && strlen(name) < DISK_NAME_BYTES);
    struct disk_file *file = disk_find(disk, name);
    if ((flags & IO_OPEN_DIRECTORY) != 0)
        return file != NULL ? -ENOTDIR : -ENOENT;
    if (file == NULL && (flags & IO_OPEN_CREATE) == 0)
        return -ENOENT;
    if (file != NULL && (flags & IO_OPEN_CREATE) != 0 && (flags & IO_OPEN_EXCLUSIVE) != 0)
        return -EEXIST;
    if (file == NULL && disk_used_blocks(disk) >= disk->options.capacity_blocks)
        return -ENOSPC;
    if (file == NULL)
        file = disk_create_file(disk, name);
    // As on Linux: by then the file has been made.
    if ((flags & IO_OPEN_DIRECT) != 0 && disk->options.refuses_direct)
        return -EINVAL;
    int handle = handle_take(disk, shared, context);
    disk->handles[handle] = (struct disk_handle){file, flags};
    file->handles++;
    return handle;
}

int disk_close(struct disk *disk, int handle)
{
    struct disk_handle *h = disk_handle_of(disk, handle);
    if (h == NULL)
        return -EBADF;
    struct disk_file *file = h->file;
    h->file = NULL;
    file->handles--;
    disk_file_release(disk, file);
    return 0;
}

bool disk_is_open(const struct disk *disk, int handle)
{
    return disk_handle_of(disk, handle) != NULL;
}

uint64_t disk_size(const struct disk *disk, int handle)
{
    return disk_handle_of(disk, handle)->file->size;
}

const char *disk_name(const struct disk *disk, int handle)
{
    const struct disk_handle *h = disk_handle_of(disk, handle);
    return h != NULL ? h->file->name : "";
}

void disk_kill(struct disk *disk)
{
    for (int handle = HANDLE_FIRST; (uint32_t)handle < disk->handles_count; handle++) {
        if (disk_handle_of(disk, handle) != NULL)
            disk_close(disk, handle);
    }
}

// --- reading ---------------------------------------------------------------------------------

static bool read_is_aligned(const uint8_t *bytes, uint64_t length, uint64_t offset)
{
    return (uintptr_t)bytes % DISK_SECTOR_BYTES == 0 && length % DISK_SECTOR_BYTES == 0 &&
           offset % DISK_SECTOR_BYTES == 0;
}

static void read_block(struct disk *disk, const struct disk_file *file, uint32_t index, bool direct,
                       uint8_t *to, uint64_t from, uint64_t length)
{
    const struct disk_place *place =
        index < file->places_count ? &file->places[index] : &(const struct disk_place){0};
    if (direct && place->phantom != 0) {
        struct disk_block *view = disk_place_view(disk, file, index);
        memcpy(to, disk_block_own(disk, &view) + from, length);
        disk_block_drop(disk, view);
    } else if (place->cache != NULL) {
        memcpy(to, place->cache->bytes + from, length);
    } else {
        memset(to, 0, length);
    }
}

int64_t disk_read(struct disk *disk, int handle, uint8_t *bytes, uint64_t length, uint64_t offset)
{
    const struct disk_handle *h = disk_handle_of(disk, handle);
    if (h == NULL)
        return -EBADF;
    const struct disk_file *file = h->file;
    bool direct = (h->flags & IO_OPEN_DIRECT) != 0;
    if (direct && !read_is_aligned(bytes, length, offset))
        return -EINVAL;
    if (offset >= file->size)
        return 0;
    if (length > file->size - offset)
        length = file->size - offset;
    uint64_t done = 0;
    while (done < length) {
        uint32_t index = (uint32_t)((offset + done) / DISK_BLOCK_BYTES);
        uint64_t from = (offset + done) % DISK_BLOCK_BYTES;
        uint64_t piece = DISK_BLOCK_BYTES - from;
        if (piece > length - done)
            piece = length - done;
        // The page cache hands out what it has before the bad block.
        if (index < file->places_count && file->places[index].unreadable)
            return direct || done == 0 ? -EIO : (int64_t)done;
        read_block(disk, file, index, direct, bytes + done, from, piece);
        done += piece;
    }
    return (int64_t)done;
}

int disk_drop_cache(struct disk *disk, int handle)
{
    const struct disk_handle *h = disk_handle_of(disk, handle);
    if (h == NULL)
        return -EBADF;
    struct disk_file *file = h->file;
    for (uint32_t i = 0; i < file->places_count && file->phantoms > 0; i++) {
        struct disk_place *place = &file->places[i];
        // What a sync is writing stays.
        uint8_t kept = disk_syncs_pending(disk, file, i) & place->phantom;
        if (place->phantom == kept)
            continue;
        disk_block_merge(disk, &place->cache, place->medium, place->phantom & (uint8_t)~kept);
        disk_place_mark(file, i, place->dirty, kept);
        if (place->dirty == 0 && kept == 0)
            disk_place_drop(disk, file, i);
    }
    return 0;
}
