// The virtual disk's syncs, in two steps: what is dirty is noted, and later it is on the medium, or
// only said to be clean.
#include "sim/disk_internal.h"

#include "sim/bytes.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct disk_sync *sync_take(struct disk *disk)
{
    for (uint32_t i = 0; i < disk->syncs_count; i++) {
        if (!disk->syncs[i].used)
            return &disk->syncs[i];
    }
    uint32_t count = disk->syncs_count + 8;
    disk->syncs = sim_realloc(disk->syncs, count, sizeof(*disk->syncs));
    memset(disk->syncs + disk->syncs_count, 0, 8 * sizeof(*disk->syncs));
    struct disk_sync *sync = &disk->syncs[disk->syncs_count];
    disk->syncs_count = count;
    return sync;
}

static void sync_note_dirty(struct disk_sync *sync)
{
    struct disk_file *file = sync->file;
    for (uint32_t i = file->dirty_low; i < file->dirty_high; i++) {
        const struct disk_place *place = &file->places[i];
        if (place->dirty == 0)
            continue;
        if (sync->count == sync->capacity) {
            sync->capacity = 2 * sync->capacity + 64;
            sync->items = sim_realloc(sync->items, sync->capacity, sizeof(*sync->items));
        }
        sync->items[sync->count++] = (struct disk_sync_item){
            .block = disk_block_share(place->cache), .index = i, .sectors = place->dirty};
    }
}

int64_t disk_sync_begin(struct disk *disk, int handle)
{
    struct disk_file *file = NULL;
    if (handle != DISK_FOLDER) {
        const struct disk_handle *h = disk_handle_of(disk, handle);
        if (h == NULL)
            return -EBADF;
        file = h->file;
    }
    struct disk_sync *sync = sync_take(disk);
    sync->used = true;
    sync->file = file;
    sync->began = ++disk->time;
    sync->count = 0;
    if (file != NULL) {
        sync->size = file->size;
        sync_note_dirty(sync);
        file->pending++;
        file->syncs++;
    }
    return sync - disk->syncs;
}

void disk_sync_free(struct disk *disk, struct disk_sync *sync)
{
    for (uint32_t i = 0; i < sync->count; i++)
        disk_block_drop(disk, sync->items[i].block);
    struct disk_file *file = sync->file;
    sync->count = 0;
    sync->used = false;
    sync->file = NULL;
    if (file == NULL)
        return;
    assert(file->pending > 0 && file->syncs > 0);
    file->pending--;
    file->syncs--;
    disk_file_release(disk, file);
}

static struct disk_sync_item *sync_find(const struct disk_sync *sync, uint32_t index)
{
    uint32_t low = 0;
    uint32_t high = sync->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sync->items[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low < sync->count && sync->items[low].index == index ? &sync->items[low] : NULL;
}

void disk_syncs_note(struct disk *disk, struct disk_file *file, uint32_t index, uint8_t again,
                     uint8_t done)
{
    for (uint32_t i = 0; i < disk->syncs_count && file->syncs > 0; i++) {
        const struct disk_sync *sync = &disk->syncs[i];
        if (!sync->used || sync->file != file)
            continue;
        struct disk_sync_item *item = sync_find(sync, index);
        if (item == NULL)
            continue;
        item->again |= again;
        item->sectors &= (uint8_t)~done;
    }
}

uint8_t disk_syncs_pending(const struct disk *disk, const struct disk_file *file, uint32_t index)
{
    uint8_t sectors = 0;
    for (uint32_t i = 0; i < disk->syncs_count && file->syncs > 0; i++) {
        const struct disk_sync *sync = &disk->syncs[i];
        const struct disk_sync_item *item =
            sync->used && sync->file == file ? sync_find(sync, index) : NULL;
        if (item != NULL)
            sectors |= item->sectors;
    }
    return sectors;
}

// --- ending ----------------------------------------------------------------------------------

// These sectors are on the medium as they were when the sync began. Older syncs of the file have
// nothing to add.
static void sync_item_done(struct disk *disk, const struct disk_sync *sync,
                           const struct disk_sync_item *item)
{
    struct disk_file *file = sync->file;
    struct disk_place *place = &file->places[item->index];
    uint8_t sectors = item->sectors;
    uint8_t clean = sectors & (uint8_t)~item->again;
    disk_block_merge(disk, &place->medium, item->block, sectors);
    disk_place_mark(file, item->index, place->dirty & (uint8_t)~clean,
                    place->phantom & (uint8_t)~clean);
    if (place->dirty == 0 && place->phantom == 0)
        disk_place_drop(disk, file, item->index);
    for (uint32_t i = 0; i < disk->syncs_count && file->syncs > 1; i++) {
        const struct disk_sync *other = &disk->syncs[i];
        if (!other->used || other->file != file || other->began >= sync->began)
            continue;
        struct disk_sync_item *older = sync_find(other, item->index);
        if (older != NULL)
            older->sectors &= (uint8_t)~sectors;
    }
}

static void sync_item_lost(struct disk_file *file, const struct disk_sync_item *item)
{
    const struct disk_place *place = &file->places[item->index];
    uint8_t lost = item->sectors & (uint8_t)~item->again & place->dirty;
    disk_place_mark(file, item->index, place->dirty & (uint8_t)~lost, place->phantom | lost);
}

// Some of what a failed sync was to write may be there.
static void sync_failed(struct disk *disk, const struct disk_sync *sync)
{
    bool none = random_below(&disk->random, 2) == 0;
    for (uint32_t i = 0; i < sync->count; i++) {
        if (!none && random_below(&disk->random, 2) == 0)
            sync_item_done(disk, sync, &sync->items[i]);
        else
            sync_item_lost(sync->file, &sync->items[i]);
    }
}

void disk_sync_end(struct disk *disk, int64_t number, int result)
{
    assert(number >= 0 && (uint64_t)number < disk->syncs_count && result <= 0);
    struct disk_sync *sync = &disk->syncs[number];
    assert(sync->used);
    if (sync->file == NULL && result == 0) {
        disk_namings_apply(disk, sync->began, NULL, NULL);
    } else if (sync->file != NULL && result == 0) {
        for (uint32_t i = 0; i < sync->count; i++)
            sync_item_done(disk, sync, &sync->items[i]);
        if (sync->size > sync->file->size_medium)
            sync->file->size_medium = sync->size;
    } else if (sync->file != NULL) {
        sync_failed(disk, sync);
    }
    disk_sync_free(disk, sync);
}

void disk_spoil(struct disk *disk, int handle, struct random *random)
{
    const struct disk_handle *h = disk_handle_of(disk, handle);
    if (h == NULL || h->file->places_count == 0)
        return;
    struct disk_file *file = h->file;
    uint32_t index = (uint32_t)random_below(random, file->places_count);
    struct disk_place *place = &file->places[index];
    if (place->medium == NULL || place->dirty != 0 || disk_syncs_pending(disk, file, index) != 0)
        return;
    uint32_t sector = (uint32_t)random_below(random, DISK_BLOCK_SECTORS);
    uint8_t *bytes = disk_block_own(disk, &place->medium) + sector * DISK_SECTOR_BYTES;
    bytes[random_below(random, DISK_SECTOR_BYTES)] ^= (uint8_t)(1U << random_below(random, 8));
    disk_place_mark(file, index, 0, place->phantom | (uint8_t)(1U << sector));
}
