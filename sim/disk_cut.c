// The virtual disk at a power cut: what of the cache, of what is in flight and of names is left.
#include "sim/disk_internal.h"

#include <assert.h>
#include <string.h>

// How likely what is volatile survives, drawn for each cut.
enum survival_mode {
    SURVIVAL_NOTHING,
    SURVIVAL_EVERYTHING,
    SURVIVAL_HALF, // any of the sectors
    SURVIVAL_FEW,
    SURVIVAL_MOST,
    SURVIVAL_BLOCKS, // any of the blocks, whole
    SURVIVAL_FILES,  // all of some files
    SURVIVAL_PREFIX, // what came before some moment, and a part of what came then
    SURVIVAL_MODES,
};

struct survival {
    struct disk *disk;
    enum survival_mode mode;
    // Of PREFIX: that moment, and the block that was just being written.
    uint64_t time;
    const struct disk_file *file;
    uint32_t index;
};

static bool survival_one(const struct survival *survival, uint64_t time)
{
    struct random *random = &survival->disk->random;
    switch (survival->mode) {
    case SURVIVAL_NOTHING:
        return false;
    case SURVIVAL_EVERYTHING:
        return true;
    case SURVIVAL_FEW:
        return random_below(random, 16) == 0;
    case SURVIVAL_MOST:
        return random_below(random, 16) != 0;
    case SURVIVAL_HALF:
    case SURVIVAL_BLOCKS:
    case SURVIVAL_FILES:
        return random_below(random, 2) == 0;
    case SURVIVAL_PREFIX:
        return time < survival->time || (time == survival->time && random_below(random, 2) == 0);
    case SURVIVAL_MODES:
        break;
    }
    assert(false);
    return false;
}

// Which sectors of a block survive. `file_kept`: of FILES.
static uint8_t survival_sectors(const struct survival *survival, const struct disk_file *file,
                                uint32_t index, bool file_kept)
{
    struct random *random = &survival->disk->random;
    const struct disk_place *place = &file->places[index];
    switch (survival->mode) {
    case SURVIVAL_HALF:
        return (uint8_t)random_next(random);
    case SURVIVAL_FEW:
        return (uint8_t)(random_next(random) & random_next(random) & random_next(random));
    case SURVIVAL_MOST:
        return (uint8_t)(random_next(random) | random_next(random) | random_next(random));
    case SURVIVAL_FILES:
        return file_kept ? DISK_ALL_SECTORS : 0;
    case SURVIVAL_PREFIX:
        if (place->written != survival->time || file != survival->file)
            return place->written < survival->time ? DISK_ALL_SECTORS : 0;
        if (index != survival->index)
            return index < survival->index ? DISK_ALL_SECTORS : 0;
        return (uint8_t)((1U << random_below(random, DISK_BLOCK_SECTORS + 1)) - 1);
    default:
        return survival_one(survival, 0) ? DISK_ALL_SECTORS : 0;
    }
}

// The moment of PREFIX: that of any dirty block's last write, or any at all.
static void survival_draw_moment(struct survival *survival)
{
    struct disk *disk = survival->disk;
    uint64_t dirty = 0;
    for (uint32_t i = 0; i < disk->files_count; i++)
        dirty += disk->files[i]->dirty;
    survival->time = random_below(&disk->random, disk->time + 1);
    if (dirty == 0)
        return;
    uint64_t chosen = random_below(&disk->random, dirty);
    for (uint32_t i = 0; i < disk->files_count; i++) {
        const struct disk_file *file = disk->files[i];
        for (uint32_t index = file->dirty_low; index < file->dirty_high; index++) {
            if (file->places[index].dirty == 0 || chosen-- > 0)
                continue;
            survival->file = file;
            survival->index = index;
            survival->time = file->places[index].written;
            return;
        }
    }
    assert(false);
}

// --- files -----------------------------------------------------------------------------------

// A sync that was under way has written some of what it has noted.
static void cut_sync(struct survival *survival, const struct disk_sync *sync)
{
    struct disk *disk = survival->disk;
    for (uint32_t i = 0; i < sync->count; i++) {
        const struct disk_sync_item *item = &sync->items[i];
        if (item->sectors != 0 && survival_one(survival, sync->began))
            disk_block_merge(disk, &sync->file->places[item->index].medium, item->block,
                             item->sectors);
    }
}

static uint64_t cut_size(const struct survival *survival, const struct disk_file *file,
                         bool file_kept)
{
    bool kept =
        survival->mode == SURVIVAL_FILES ? file_kept : survival_one(survival, file->size_written);
    if (file->size <= file->size_medium)
        return file->size_medium;
    uint64_t between = random_below(&survival->disk->random, file->size - file->size_medium);
    between = (file->size_medium + between) / DISK_BLOCK_BYTES * DISK_BLOCK_BYTES;
    if (between < file->size_medium || random_below(&survival->disk->random, 4) != 0)
        return kept ? file->size : file->size_medium;
    return between;
}

static void cut_file(struct survival *survival, struct disk_file *file)
{
    struct disk *disk = survival->disk;
    bool file_kept = random_below(&disk->random, 2) == 0;
    for (uint32_t i = file->dirty_low; i < file->dirty_high; i++) {
        struct disk_place *place = &file->places[i];
        if (place->dirty == 0)
            continue;
        uint8_t sectors = place->dirty & survival_sectors(survival, file, i, file_kept);
        disk_block_merge(disk, &place->medium, place->cache, sectors);
    }
    uint64_t size = cut_size(survival, file, file_kept);
    uint32_t low = file->dirty_low;
    uint32_t high = file->dirty_high;
    if (file->phantoms > 0) {
        low = 0;
        high = file->places_count;
    }
    for (uint32_t i = low; i < high; i++)
        disk_place_drop(disk, file, i);
    disk_file_cut(disk, file, size);
}

// A write in flight: any mix of old and new.
static void cut_write(struct disk *disk, const struct disk_write *write)
{
    struct disk_torn torn = disk_torn_draw(disk, write->length / DISK_SECTOR_BYTES + 1);
    struct disk_file *file = write->file;
    uint64_t size = file->size;
    disk->time++;
    for (uint32_t i = 0; i < write->count; i++) {
        uint32_t index = (uint32_t)(write->offset / DISK_BLOCK_BYTES) + i;
        disk_file_reach(file, index + 1);
        disk_write_put(disk, write, i, disk_torn_mask(disk, &torn, write, i));
        disk_place_harden(disk, file, index, file->places[index].dirty);
    }
    // A longer file is a change of its own, which may be lost.
    if (file->size > size && random_below(&disk->random, 2) == 0)
        disk_file_cut(disk, file, size);
    file->size_medium = file->size;
}

static bool cut_keeps_naming(void *context, const struct disk_naming *naming)
{
    const struct survival *survival = context;
    return survival_one(survival, naming->time);
}

void disk_power_cut(struct disk *disk)
{
    struct survival survival = {.disk = disk};
    survival.mode = (enum survival_mode)random_below(&disk->random, SURVIVAL_MODES);
    survival_draw_moment(&survival);
    disk_kill(disk);
    for (uint32_t i = 0; i < disk->syncs_count; i++) {
        if (disk->syncs[i].used && disk->syncs[i].file != NULL)
            cut_sync(&survival, &disk->syncs[i]);
    }
    for (uint32_t i = 0; i < disk->files_count; i++)
        cut_file(&survival, disk->files[i]);
    for (uint32_t i = 0; i < disk->syncs_count; i++) {
        if (disk->syncs[i].used)
            disk_sync_free(disk, &disk->syncs[i]);
    }
    for (uint32_t i = 0; i < disk->writes_count; i++) {
        if (disk->writes[i].file == NULL)
            continue;
        cut_write(disk, &disk->writes[i]);
        disk_write_free(disk, &disk->writes[i]);
    }
    for (uint32_t i = 0; i < disk->files_count; i++)
        disk->files[i]->name[0] = '\0'; // what the medium has is set below
    disk_namings_apply(disk, disk->time, cut_keeps_naming, &survival);
    for (uint32_t i = disk->files_count; i > 0; i--) {
        struct disk_file *file = disk->files[i - 1];
        memcpy(file->name, file->medium, sizeof(file->name));
        disk_file_release(disk, file);
    }
}

bool disk_is_volatile(const struct disk *disk)
{
    if (disk->writes_used > 0 || disk->namings_count > 0)
        return true;
    for (uint32_t i = 0; i < disk->files_count; i++) {
        const struct disk_file *file = disk->files[i];
        if (file->dirty > 0 || file->phantoms > 0 || file->size != file->size_medium)
            return true;
    }
    return false;
}

void disk_settle(struct disk *disk)
{
    assert(disk->writes_used == 0);
    disk_namings_apply(disk, disk->time, NULL, NULL);
    for (uint32_t i = 0; i < disk->files_count; i++) {
        struct disk_file *file = disk->files[i];
        assert(file->handles == 0 && file->syncs == 0);
        for (uint32_t index = file->dirty_low; index < file->dirty_high; index++)
            disk_place_harden(disk, file, index, file->places[index].dirty);
        for (uint32_t index = 0; index < file->places_count && file->phantoms > 0; index++)
            disk_place_drop(disk, file, index);
        file->size_medium = file->size;
    }
}
