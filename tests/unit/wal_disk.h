// A disk in memory for tests of the log: files with what is cached and what is on stable storage,
// crashes that tear whatever is not, and damage.
#ifndef PORO_TESTS_WAL_DISK_H
#define PORO_TESTS_WAL_DISK_H

#include "wal/log.h"
#include "wal/recovery.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DISK_SLOTS 24
#define DISK_SEGMENT_BYTES KIB(256)
#define DISK_SECTOR_BYTES 512ULL
#define DISK_COMPLETION_BYTES (WAL_COMPLETION_BLOCKS * WAL_BLOCK_BYTES)
#define DISK_CHECKPOINT_BYTES MIB(3)
#define DISK_CHECKPOINTS 3
// Names of checkpoint files: a number, or one of these.
#define DISK_NAME_NONE 0
#define DISK_NAME_NEW UINT64_MAX

struct disk_file {
    uint64_t length; // 0: no such file
    uint8_t *cache;  // what reads see while the process lives
    uint8_t *stable; // what survives
    uint64_t dirty_low, dirty_high;
};

// A file that may have the name of a checkpoint.
struct disk_checkpoint {
    struct disk_file file;
    uint64_t name;
    uint64_t name_stable; // after a power cut, if the folder's change was lost
};

struct disk {
    uint64_t random;
    struct disk_file slots[DISK_SLOTS];
    struct disk_file completion;
    struct disk_checkpoint checkpoints[DISK_CHECKPOINTS];
    struct disk_file absent;
    // Reads of this block fail.
    bool bad;
    uint32_t bad_slot;
    uint64_t bad_offset;
    uint64_t bytes_read;
};

// splitmix64 (Steele, Lea, Flood 2014).
static inline uint64_t disk_random(struct disk *disk)
{
    uint64_t z = (disk->random += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static inline uint64_t disk_below(struct disk *disk, uint64_t limit)
{
    return disk_random(disk) % limit;
}

static inline struct disk_checkpoint *disk_checkpoint(struct disk *disk, uint64_t name)
{
    for (uint32_t i = 0; i < DISK_CHECKPOINTS; i++) {
        if (disk->checkpoints[i].name == name)
            return &disk->checkpoints[i];
    }
    return NULL;
}

// Numbers of the newest two checkpoints, 0 where there is none.
static inline void disk_checkpoints(struct disk *disk, uint64_t numbers[2])
{
    numbers[0] = 0;
    numbers[1] = 0;
    for (uint32_t i = 0; i < DISK_CHECKPOINTS; i++) {
        uint64_t name = disk->checkpoints[i].name;
        if (name == DISK_NAME_NEW || name <= numbers[1])
            continue;
        numbers[1] = name > numbers[0] ? numbers[0] : name;
        numbers[0] = name > numbers[0] ? name : numbers[0];
    }
}

static inline struct disk_file *disk_file(struct disk *disk, uint32_t slot)
{
    if (slot == WAL_SLOT_COMPLETION)
        return &disk->completion;
    if (slot == WAL_SLOT_CHECKPOINT || slot == WAL_SLOT_CHECKPOINT_OLDER) {
        uint64_t numbers[2];
        disk_checkpoints(disk, numbers);
        uint64_t number = numbers[slot == WAL_SLOT_CHECKPOINT_OLDER];
        return number > 0 ? &disk_checkpoint(disk, number)->file : &disk->absent;
    }
    assert(slot < DISK_SLOTS);
    return &disk->slots[slot];
}

static inline uint64_t disk_capacity(uint32_t slot)
{
    if (slot == WAL_SLOT_CHECKPOINT || slot == WAL_SLOT_CHECKPOINT_OLDER)
        return DISK_CHECKPOINT_BYTES;
    return slot == WAL_SLOT_COMPLETION ? DISK_COMPLETION_BYTES : DISK_SEGMENT_BYTES;
}

static inline void disk_create_file(struct disk_file *file, uint64_t capacity, uint64_t length)
{
    if (file->cache == NULL) {
        file->cache = aligned_alloc(WAL_BLOCK_BYTES, capacity);
        file->stable = aligned_alloc(WAL_BLOCK_BYTES, capacity);
    }
    memset(file->cache, 0, capacity);
    memset(file->stable, 0, capacity);
    file->length = length;
    file->dirty_low = UINT64_MAX;
    file->dirty_high = 0;
}

static inline void disk_create(struct disk *disk, uint32_t slot, uint64_t length)
{
    disk_create_file(disk_file(disk, slot), disk_capacity(slot), length);
}

static inline void disk_free_file(struct disk_file *file)
{
    free(file->cache);
    free(file->stable);
    memset(file, 0, sizeof(*file));
}

static inline void disk_free(struct disk *disk)
{
    for (uint32_t slot = 0; slot < DISK_SLOTS; slot++)
        disk_free_file(&disk->slots[slot]);
    for (uint32_t i = 0; i < DISK_CHECKPOINTS; i++)
        disk_free_file(&disk->checkpoints[i].file);
    disk_free_file(&disk->completion);
}

static inline void disk_copy_file(struct disk_file *to, const struct disk_file *from,
                                  uint64_t capacity)
{
    memset(to, 0, sizeof(*to));
    if (from->length == 0)
        return;
    disk_create_file(to, capacity, from->length);
    memcpy(to->cache, from->cache, capacity);
    memcpy(to->stable, from->stable, capacity);
}

static inline void disk_copy(struct disk *to, const struct disk *from)
{
    *to = *from;
    for (uint32_t slot = 0; slot < DISK_SLOTS; slot++)
        disk_copy_file(&to->slots[slot], &from->slots[slot], DISK_SEGMENT_BYTES);
    for (uint32_t i = 0; i < DISK_CHECKPOINTS; i++)
        disk_copy_file(&to->checkpoints[i].file, &from->checkpoints[i].file, DISK_CHECKPOINT_BYTES);
    disk_copy_file(&to->completion, &from->completion, DISK_COMPLETION_BYTES);
}

static inline void disk_write_file(struct disk_file *file, uint64_t offset, const uint8_t *from,
                                   uint64_t bytes)
{
    assert(offset + bytes <= file->length);
    memcpy(file->cache + offset, from, bytes);
    if (offset < file->dirty_low)
        file->dirty_low = offset;
    if (offset + bytes > file->dirty_high)
        file->dirty_high = offset + bytes;
}

static inline void disk_write(struct disk *disk, uint32_t slot, uint64_t offset,
                              const uint8_t *from, uint64_t bytes)
{
    disk_write_file(disk_file(disk, slot), offset, from, bytes);
}

static inline void disk_harden_file(struct disk_file *file, uint64_t offset, uint64_t bytes)
{
    memcpy(file->stable + offset, file->cache + offset, bytes);
    if (offset <= file->dirty_low && offset + bytes >= file->dirty_high) {
        file->dirty_low = UINT64_MAX;
        file->dirty_high = 0;
    }
}

static inline void disk_harden(struct disk *disk, uint32_t slot, uint64_t offset, uint64_t bytes)
{
    disk_harden_file(disk_file(disk, slot), offset, bytes);
}

// The names of checkpoints as they are now are on stable storage.
static inline void disk_sync_folder(struct disk *disk)
{
    for (uint32_t i = 0; i < DISK_CHECKPOINTS; i++)
        disk->checkpoints[i].name_stable = disk->checkpoints[i].name;
}

static inline void disk_sync(struct disk *disk, uint32_t slot)
{
    disk_harden(disk, slot, 0, disk_file(disk, slot)->length);
}

// Power cut: of everything that is not on stable storage, any sectors may have arrived.
static inline void disk_crash_file(struct disk *disk, struct disk_file *file)
{
    if (file->dirty_low >= file->dirty_high)
        return;
    uint64_t how = disk_below(disk, 6);
    uint64_t low = file->dirty_low / DISK_SECTOR_BYTES;
    uint64_t high = file->dirty_high / DISK_SECTOR_BYTES;
    uint64_t cut = low + disk_below(disk, high - low + 1);
    bool arrives = false;
    for (uint64_t sector = low; sector < high; sector++) {
        switch (how) {
        case 0:
            arrives = false;
            break;
        case 1: // a killed process: the kernel writes it all
            arrives = true;
            break;
        case 2:
            arrives = disk_below(disk, 2) != 0;
            break;
        case 3:
            arrives = sector < cut;
            break;
        case 4:
            arrives = sector >= cut;
            break;
        default: // a few sectors are missing, whole blocks together
            if (sector % 8 == 0 || sector == low)
                arrives = disk_below(disk, 8) != 0;
        }
        uint64_t offset = sector * DISK_SECTOR_BYTES;
        if (arrives)
            memcpy(file->stable + offset, file->cache + offset, DISK_SECTOR_BYTES);
        else
            memcpy(file->cache + offset, file->stable + offset, DISK_SECTOR_BYTES);
    }
    file->dirty_low = UINT64_MAX;
    file->dirty_high = 0;
}

static inline void disk_crash(struct disk *disk)
{
    for (uint32_t slot = 0; slot < DISK_SLOTS; slot++)
        disk_crash_file(disk, &disk->slots[slot]);
    for (uint32_t i = 0; i < DISK_CHECKPOINTS; i++) {
        struct disk_checkpoint *checkpoint = &disk->checkpoints[i];
        disk_crash_file(disk, &checkpoint->file);
        if (checkpoint->name != checkpoint->name_stable && disk_below(disk, 2))
            checkpoint->name = checkpoint->name_stable;
        checkpoint->name_stable = checkpoint->name;
    }
    disk_crash_file(disk, &disk->completion);
}

// --- damage, on the stable image -------------------------------------------------------------

static inline void disk_flip(struct disk *disk, uint32_t slot, uint64_t offset, uint8_t bits)
{
    struct disk_file *file = disk_file(disk, slot);
    if (offset >= file->length)
        return;
    file->cache[offset] ^= bits;
    file->stable[offset] ^= bits;
}

static inline void disk_zero(struct disk *disk, uint32_t slot, uint64_t offset, uint64_t bytes)
{
    struct disk_file *file = disk_file(disk, slot);
    if (offset + bytes > file->length)
        return;
    memset(file->cache + offset, 0, bytes);
    memset(file->stable + offset, 0, bytes);
}

static inline void disk_truncate(struct disk *disk, uint32_t slot, uint64_t length)
{
    struct disk_file *file = disk_file(disk, slot);
    if (length < file->length)
        file->length = length;
}

static inline void disk_duplicate(struct disk *disk, uint32_t from, uint32_t to)
{
    struct disk_file *source = disk_file(disk, from);
    disk_create(disk, to, source->length);
    memcpy(disk_file(disk, to)->cache, source->cache, DISK_SEGMENT_BYTES);
    memcpy(disk_file(disk, to)->stable, source->stable, DISK_SEGMENT_BYTES);
}

static inline void disk_swap(struct disk *disk, uint32_t a, uint32_t b)
{
    struct disk_file file = *disk_file(disk, a);
    *disk_file(disk, a) = *disk_file(disk, b);
    *disk_file(disk, b) = file;
}

// wal_source.read, without the context.
static inline int64_t disk_read(struct disk *disk, uint32_t slot, uint64_t offset, uint8_t *buffer,
                                uint64_t length)
{
    assert(offset % WAL_BLOCK_BYTES == 0 && length % WAL_BLOCK_BYTES == 0 && length > 0);
    if (slot < WAL_SLOT_CHECKPOINT_OLDER && slot >= DISK_SLOTS)
        return -ENOENT;
    struct disk_file *file = disk_file(disk, slot);
    if (file->length == 0)
        return slot % 2 == 0 ? 0 : -ENOENT; // both are allowed
    if (disk->bad && slot == disk->bad_slot && disk->bad_offset >= offset &&
        disk->bad_offset < offset + length)
        return -EIO;
    if (offset >= file->length)
        return 0;
    uint64_t rest = file->length - offset;
    uint64_t bytes = length < rest ? length : rest;
    memcpy(buffer, file->stable + offset, bytes);
    disk->bytes_read += bytes;
    return (int64_t)bytes;
}

#endif
