// The virtual disk's files: where their blocks are, and which sectors are on the medium.
#include "sim/disk_internal.h"

#include "sim/bytes.h"

#include <assert.h>
#include <string.h>

void disk_file_reach(struct disk_file *file, uint32_t count)
{
    if (count <= file->places_count)
        return;
    uint32_t capacity = 2 * file->places_count > count ? 2 * file->places_count : count;
    file->places = sim_realloc(file->places, capacity, sizeof(*file->places));
    memset(file->places + file->places_count, 0,
           (capacity - file->places_count) * sizeof(*file->places));
    file->places_count = capacity;
}

bool disk_file_allocate(struct disk *disk, struct disk_file *file, uint64_t offset, uint64_t length)
{
    if (length == 0)
        return true;
    uint32_t first = (uint32_t)(offset / DISK_BLOCK_BYTES);
    uint32_t last = (uint32_t)((offset + length - 1) / DISK_BLOCK_BYTES);
    disk_file_reach(file, last + 1);
    uint32_t missing = 0;
    for (uint32_t i = first; i <= last; i++)
        missing += !file->places[i].allocated;
    if (missing == 0)
        return true;
    if (disk_used_blocks(disk) + missing > disk->options.capacity_blocks)
        return false;
    for (uint32_t i = first; i <= last; i++)
        file->places[i].allocated = true;
    file->blocks += missing;
    return true;
}

void disk_place_mark(struct disk_file *file, uint32_t index, uint8_t dirty, uint8_t phantom)
{
    struct disk_place *place = &file->places[index];
    assert((dirty & phantom) == 0);
    file->dirty += (dirty != 0) - (place->dirty != 0);
    file->phantoms += (phantom != 0) - (place->phantom != 0);
    place->dirty = dirty;
    place->phantom = phantom;
    if (file->dirty == 0) {
        file->dirty_low = file->dirty_high = 0;
    } else if (dirty != 0) {
        bool only = file->dirty_low == file->dirty_high;
        if (only || index < file->dirty_low)
            file->dirty_low = index;
        if (only || index >= file->dirty_high)
            file->dirty_high = index + 1;
    }
}

// When both sides are the same, they share one block.
static void place_share(struct disk *disk, struct disk_place *place)
{
    if (place->dirty == 0 && place->phantom == 0)
        disk_block_assign(disk, &place->cache, place->medium);
}

void disk_place_harden(struct disk *disk, struct disk_file *file, uint32_t index, uint8_t sectors)
{
    struct disk_place *place = &file->places[index];
    if (sectors == 0)
        return;
    disk_block_merge(disk, &place->medium, place->cache, sectors);
    disk_place_mark(file, index, place->dirty & (uint8_t)~sectors,
                    place->phantom & (uint8_t)~sectors);
    place_share(disk, place);
    disk_syncs_note(disk, file, index, 0, sectors);
}

void disk_place_drop(struct disk *disk, struct disk_file *file, uint32_t index)
{
    struct disk_place *place = &file->places[index];
    disk_place_mark(file, index, 0, 0);
    disk_block_assign(disk, &place->cache, place->medium);
}

struct disk_block *disk_place_view(struct disk *disk, const struct disk_file *file, uint32_t index)
{
    if (index >= file->places_count)
        return NULL;
    const struct disk_place *place = &file->places[index];
    struct disk_block *view = disk_block_share(place->cache);
    disk_block_merge(disk, &view, place->medium, place->phantom);
    return view;
}

static void place_zero_tail(struct disk *disk, struct disk_block **block, uint64_t from)
{
    if (*block != NULL)
        memset(disk_block_own(disk, block) + from, 0, DISK_BLOCK_BYTES - from);
}

void disk_place_clear(struct disk *disk, struct disk_file *file, uint32_t index)
{
    struct disk_place *place = &file->places[index];
    disk_place_mark(file, index, 0, 0);
    disk_block_assign(disk, &place->cache, NULL);
    disk_block_assign(disk, &place->medium, NULL);
    file->blocks -= place->allocated;
    place->allocated = false;
    place->unreadable = false;
}

void disk_file_cut(struct disk *disk, struct disk_file *file, uint64_t size)
{
    uint32_t first = (uint32_t)((size + DISK_BLOCK_BYTES - 1) / DISK_BLOCK_BYTES);
    for (uint32_t i = first; i < file->places_count; i++)
        disk_place_clear(disk, file, i);
    uint32_t last = (uint32_t)(size / DISK_BLOCK_BYTES);
    if (size % DISK_BLOCK_BYTES != 0 && last < file->places_count) {
        struct disk_place *place = &file->places[last];
        bool shared = place->cache == place->medium;
        place_zero_tail(disk, &place->medium, size % DISK_BLOCK_BYTES);
        if (shared)
            disk_block_assign(disk, &place->cache, place->medium);
        else
            place_zero_tail(disk, &place->cache, size % DISK_BLOCK_BYTES);
    }
    file->size = size;
    file->size_medium = size;
}
