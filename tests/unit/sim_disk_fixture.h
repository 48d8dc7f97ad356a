// Shorthand for tests of the simulator's disk.
#ifndef PORO_TESTS_SIM_DISK_FIXTURE_H
#define PORO_TESTS_SIM_DISK_FIXTURE_H

#include "server/io.h"
#include "sim/disk.h"
#include "sim/disk_internal.h"
#include "sim/random.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_FLAGS (IO_OPEN_WRITE | IO_OPEN_CREATE)

static inline struct disk *test_disk(uint64_t seed, uint64_t blocks)
{
    struct random random;
    struct disk_options options = {.capacity_blocks = blocks};
    random_init(&random, seed, "disk");
    return disk_create(&options, &random);
}

static inline int test_open(struct disk *disk, const char *name, uint32_t flags)
{
    return disk_open(disk, name, flags, NULL, NULL);
}

static inline int64_t test_begin(struct disk *disk, int file, const void *bytes, size_t length,
                                 uint64_t offset, bool dsync)
{
    struct iovec piece = {(void *)(uintptr_t)bytes, length};
    return disk_write_begin(disk, file, &piece, 1, offset, dsync);
}

static inline void test_write(struct disk *disk, int file, const void *bytes, size_t length,
                              uint64_t offset, bool dsync)
{
    int64_t number = test_begin(disk, file, bytes, length, offset, dsync);
    cr_assert_geq(number, 0);
    disk_write_end(disk, number, (int64_t)length);
}

static inline void test_sync(struct disk *disk, int file, int result)
{
    int64_t number = disk_sync_begin(disk, file);
    cr_assert_geq(number, 0);
    disk_sync_end(disk, number, result);
}

static inline void test_put(struct disk *disk, const char *name, const char *text)
{
    int file = test_open(disk, name, WRITE_FLAGS);
    test_write(disk, file, text, strlen(text), 0, false);
    test_sync(disk, file, 0);
    disk_close(disk, file);
}

// Does the file hold this text? False when there is none.
static inline bool test_holds(struct disk *disk, const char *name, const char *text)
{
    char found[64] = "";
    int file = test_open(disk, name, IO_OPEN_READ);
    if (file < 0)
        return false;
    int64_t got = disk_read(disk, file, (uint8_t *)found, sizeof(found), 0);
    disk_close(disk, file);
    return got == (int64_t)strlen(text) && memcmp(found, text, strlen(text)) == 0;
}

static inline bool test_exists(struct disk *disk, const char *name)
{
    int file = test_open(disk, name, IO_OPEN_READ);
    if (file >= 0)
        disk_close(disk, file);
    return file >= 0;
}

// No block is lost or freed twice: when all files are gone, all are free.
static inline void test_all_free(struct disk *disk)
{
    uint64_t free_blocks = 0;
    for (const struct disk_block *block = disk->free; block != NULL; block = block->next)
        free_blocks++;
    cr_assert_eq(free_blocks, 64 * (uint64_t)disk->chunks_count);
}

static inline void test_remove_all(struct disk *disk)
{
    disk_kill(disk);
    while (disk->files_count > 0) {
        disk_unlink(disk, disk->files[0]->name);
        test_sync(disk, DISK_FOLDER, 0);
    }
    test_all_free(disk);
}

#endif
