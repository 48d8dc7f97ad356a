// The simulator's disk: handles, bytes, names, space, copies.
#include "sim/disk.h"

#include "server/io.h"
#include "sim/disk_damage.h"
#include "tests/unit/sim_disk_fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// --- handles -----------------------------------------------------------------------------------

static bool test_is_socket(void *context, int handle)
{
    return handle == *(int *)context;
}

Test(sim_disk, handles)
{
    struct disk *disk = test_disk(1, 100);
    int taken = 5;
    cr_assert_eq(test_open(disk, "a", IO_OPEN_WRITE), -ENOENT);
    cr_assert_eq(disk_open(disk, "a", WRITE_FLAGS, test_is_socket, &taken), 4);
    cr_assert_eq(disk_open(disk, "b", WRITE_FLAGS, test_is_socket, &taken), 6);
    cr_assert_eq(test_open(disk, "a", WRITE_FLAGS | IO_OPEN_EXCLUSIVE), -EEXIST);
    cr_assert_str_eq(disk_name(disk, 6), "b");
    cr_assert_eq(disk_close(disk, 4), 0);
    cr_assert_eq(disk_close(disk, 4), -EBADF);
    cr_assert_not(disk_is_open(disk, 4));
    cr_assert_eq(test_open(disk, "a", IO_OPEN_READ), 4);
    uint8_t byte = 1;
    cr_assert_eq(test_begin(disk, 4, &byte, 1, 0, false), -EACCES);
    cr_assert_eq(test_begin(disk, 5, &byte, 1, 0, false), -EBADF);
    cr_assert_eq(disk_read(disk, 9, &byte, 1, 0), -EBADF);
    cr_assert_eq(disk_sync_begin(disk, 9), -EBADF);
    cr_assert_eq(disk_drop_cache(disk, 9), -EBADF);
    cr_assert_eq(disk_allocate(disk, 4, 0, 1), -EBADF);
    cr_assert_eq(test_begin(disk, 6, &byte, 1, DISK_FILE_BYTES_MAX, false), -EFBIG);
    cr_assert_eq(disk_unlink(disk, "b"), 0);
    cr_assert_str_eq(disk_name(disk, 6), "");
    test_write(disk, 6, &byte, 1, 0, false); // as long as it is open
    disk_options(disk)->refuses_direct = true;
    cr_assert_eq(test_open(disk, "c", WRITE_FLAGS | IO_OPEN_DIRECT), -EINVAL);
    cr_assert(test_exists(disk, "c"));
    disk_destroy(disk);
}

Test(sim_disk, direct_reads_and_writes_are_aligned)
{
    static uint8_t bytes[8192] __attribute__((aligned(4096)));
    struct disk *disk = test_disk(1, 100);
    int file = test_open(disk, "a", WRITE_FLAGS | IO_OPEN_DIRECT);
    test_write(disk, file, bytes, 8192, 0, false);
    cr_assert_eq(test_begin(disk, file, bytes, 100, 0, false), -EINVAL);
    cr_assert_eq(test_begin(disk, file, bytes + 8, 512, 0, false), -EINVAL);
    cr_assert_eq(test_begin(disk, file, bytes, 512, 100, false), -EINVAL);
    cr_assert_eq(disk_read(disk, file, bytes + 1, 512, 0), -EINVAL);
    cr_assert_eq(disk_read(disk, file, bytes, 512, 1), -EINVAL);
    cr_assert_eq(disk_read(disk, file, bytes, 8192, 4096), 4096);
    cr_assert_eq(disk_read(disk, file, bytes, 4096, 8192), 0);
    disk_destroy(disk);
}

// --- bytes -------------------------------------------------------------------------------------

#define SHADOW_BYTES 100000

static void test_compare(struct disk *disk, int file, const uint8_t *shadow, uint64_t size)
{
    static uint8_t found[SHADOW_BYTES + 100];
    cr_assert_eq(disk_read(disk, file, found, sizeof(found), 0), (int64_t)size);
    cr_assert_eq(memcmp(found, shadow, size), 0);
}

// Writes of any length, place and number of pieces, against an array.
Test(sim_disk, bytes_are_those_that_were_written)
{
    static uint8_t shadow[SHADOW_BYTES];
    static uint8_t bytes[20000];
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct random random;
        random_init(&random, seed, "test");
        struct disk *disk = test_disk(seed, 1000);
        int file = test_open(disk, "a", WRITE_FLAGS);
        uint64_t size = 0;
        memset(shadow, 0, sizeof(shadow));
        for (int step = 0; step < 60; step++) {
            uint64_t length = 1 + random_log(&random, sizeof(bytes) - 1);
            uint64_t offset = random_below(&random, SHADOW_BYTES - length);
            uint64_t cut = random_below(&random, length);
            memset(bytes, 0, length);
            if (random_below(&random, 4) != 0)
                random_fill(&random, bytes, length);
            struct iovec pieces[3] = {{bytes, cut}, {bytes + cut, 0}, {bytes + cut, length - cut}};
            int64_t number = disk_write_begin(disk, file, pieces, 3, offset, step % 3 == 0);
            uint64_t done = random_below(&random, 4) == 0 ? random_below(&random, length) : length;
            disk_write_end(disk, number, (int64_t)done);
            memcpy(shadow + offset, bytes, done);
            if (done > 0 && offset + done > size)
                size = offset + done;
            if (random_below(&random, 8) == 0)
                test_sync(disk, file, 0);
            test_compare(disk, file, shadow, size);
        }
        disk_kill(disk);
        file = test_open(disk, "a", IO_OPEN_READ);
        test_compare(disk, file, shadow, size);
        disk_destroy(disk);
    }
}

Test(sim_disk, a_killed_process_writes_on)
{
    struct disk *disk = test_disk(1, 1000);
    int file = test_open(disk, "a", WRITE_FLAGS);
    int64_t number = test_begin(disk, file, "late", 4, 0, false);
    disk_kill(disk);
    cr_assert_not(disk_is_open(disk, file));
    cr_assert_not(test_holds(disk, "a", "late"));
    disk_write_end(disk, number, 4);
    cr_assert(test_holds(disk, "a", "late"));
    disk_destroy(disk);
}

// --- names -------------------------------------------------------------------------------------

Test(sim_disk, names_need_a_sync_of_the_folder)
{
    uint32_t gone = 0;
    uint32_t renamed = 0;
    uint32_t replaced = 0;
    uint32_t both = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct disk *disk = test_disk(seed, 1000);
        test_put(disk, "old", "old");
        test_put(disk, "target", "target");
        test_sync(disk, DISK_FOLDER, 0);
        test_put(disk, "new", "new"); // its bytes are synced, its name is not
        int64_t early = disk_sync_begin(disk, DISK_FOLDER);
        cr_assert_eq(disk_rename(disk, "old", "moved"), 0);
        cr_assert_eq(disk_rename(disk, "new", "target"), 0);
        cr_assert_not(test_exists(disk, "new"));
        cr_assert(test_holds(disk, "target", "new"));
        if (seed % 2 == 0)
            disk_sync_end(disk, early, 0);
        disk_power_cut(disk);
        cr_assert(test_holds(disk, "old", "old") != test_holds(disk, "moved", "old"));
        bool before = test_holds(disk, "target", "target");
        cr_assert(before || test_holds(disk, "target", "new"));
        cr_assert_not(!before && test_exists(disk, "new"));
        cr_assert(seed % 2 == 1 || !before || test_holds(disk, "new", "new"));
        gone += before && !test_exists(disk, "new");
        renamed += test_exists(disk, "moved");
        replaced += !before;
        both += before && test_exists(disk, "new");
        test_remove_all(disk);
        disk_destroy(disk);
    }
    cr_assert(gone > 20 && renamed > 50 && renamed < 350 && replaced > 20 && both > 20);
}

Test(sim_disk, a_removed_file_may_come_back)
{
    uint32_t back = 0;
    uint32_t none = 0;
    uint32_t fresh = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct disk *disk = test_disk(seed, 1000);
        test_put(disk, "a", "old");
        test_sync(disk, DISK_FOLDER, 0);
        cr_assert_eq(disk_unlink(disk, "a"), 0);
        cr_assert_eq(disk_unlink(disk, "a"), -ENOENT);
        cr_assert_eq(disk_rename(disk, "a", "b"), -ENOENT);
        test_put(disk, "a", "new");
        disk_power_cut(disk);
        back += test_holds(disk, "a", "old");
        fresh += test_holds(disk, "a", "new");
        none += !test_exists(disk, "a");
        test_remove_all(disk);
        disk_destroy(disk);
    }
    cr_assert(back > 20 && fresh > 20 && none > 20 && back + fresh + none == 400);
}

static void test_count(void *context, const char *name)
{
    uint32_t *count = context;
    cr_assert(name[0] != '\0');
    (*count)++;
}

// --- space -------------------------------------------------------------------------------------

Test(sim_disk, space_is_counted)
{
    static uint8_t bytes[40960];
    struct disk *disk = test_disk(1, 10);
    int file = test_open(disk, "a", WRITE_FLAGS);
    cr_assert_eq(disk_allocate(disk, file, 0, 8 * 4096), 0);
    cr_assert_eq(disk_used_blocks(disk), 8);
    cr_assert_eq(disk_allocate(disk, file, 0, 8 * 4096), 0);
    cr_assert_eq(disk_used_blocks(disk), 8);
    cr_assert_eq(disk_allocate(disk, file, 0, 11 * 4096), -ENOSPC);
    cr_assert_eq(disk_used_blocks(disk), 8);
    cr_assert_eq(disk_read(disk, file, bytes, sizeof(bytes), 0), 8 * 4096);
    cr_assert_eq(test_begin(disk, file, bytes, 3 * 4096, 8 * 4096, false), -ENOSPC);
    test_write(disk, file, bytes, 2 * 4096, 8 * 4096, false);
    cr_assert_eq(disk_used_blocks(disk), 10);
    cr_assert_eq(test_open(disk, "b", WRITE_FLAGS), -ENOSPC);
    disk_options(disk)->capacity_blocks = 4;
    test_write(disk, file, bytes, 40960, 0, false); // its blocks are there
    disk_options(disk)->capacity_blocks = 10;
    cr_assert_eq(disk_unlink(disk, "a"), 0);
    cr_assert_eq(disk_used_blocks(disk), 10); // still open
    disk_close(disk, file);
    cr_assert_eq(disk_used_blocks(disk), 0);
    uint32_t names = 0;
    disk_list(disk, test_count, &names);
    cr_assert_eq(names, 0);
    disk_destroy(disk);
}

// --- copies ------------------------------------------------------------------------------------

Test(sim_disk, a_backup_brings_everything_back)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        static uint8_t bytes[40960];
        static uint8_t other[40960];
        struct random random;
        random_init(&random, seed, "backup");
        struct disk *disk = test_disk(seed, 1000);
        random_fill(&random, bytes, sizeof(bytes));
        int file = test_open(disk, "a", WRITE_FLAGS);
        test_write(disk, file, bytes, sizeof(bytes), 0, seed % 2 == 0);
        test_put(disk, "b", "text");
        disk_kill(disk);
        struct damage_backup *backup = damage_backup(disk); // with what is only in the cache
        file = test_open(disk, "a", IO_OPEN_WRITE);
        random_fill(&random, other, sizeof(other));
        test_write(disk, file, other, sizeof(other), 512 * random_below(&random, 100), false);
        disk_rename(disk, "b", "c");
        test_put(disk, "d", "text");
        if (seed % 3 == 0)
            disk_power_cut(disk);
        else
            disk_kill(disk);
        for (int i = 0; i < 2; i++) {
            damage_restore(disk, backup);
            cr_assert_not(disk_is_volatile(disk));
            cr_assert(test_holds(disk, "b", "text"));
            cr_assert_not(test_exists(disk, "c") || test_exists(disk, "d"));
            file = test_open(disk, "a", IO_OPEN_WRITE);
            cr_assert_eq(disk_read(disk, file, other, sizeof(other), 0), sizeof(other));
            cr_assert_eq(memcmp(bytes, other, sizeof(bytes)), 0);
            cr_assert_eq(disk_read(disk, file, other, 1, sizeof(other)), 0);
            memset(other, 3, sizeof(other));
            test_write(disk, file, other, sizeof(other), 0, true);
            disk_kill(disk);
        }
        damage_backup_free(disk, backup);
        test_remove_all(disk);
        disk_destroy(disk);
    }
}

Test(sim_disk, is_deterministic)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        static uint8_t found[2][40960];
        for (int i = 0; i < 2; i++) {
            static uint8_t bytes[32768];
            struct disk *disk = test_disk(seed, 1000);
            int file = test_open(disk, "a", WRITE_FLAGS);
            test_write(disk, file, bytes, sizeof(bytes), 0, true);
            test_sync(disk, DISK_FOLDER, 0);
            memset(bytes, 1, sizeof(bytes));
            test_write(disk, file, bytes, sizeof(bytes), 512, false);
            memset(bytes, 2, sizeof(bytes));
            test_begin(disk, file, bytes, 16384, 4096, false);
            disk_power_cut(disk);
            file = test_open(disk, "a", IO_OPEN_READ);
            memset(found[i], 0, sizeof(found[i]));
            disk_read(disk, file, found[i], sizeof(found[i]), 0);
            memset(bytes, 0, sizeof(bytes));
            disk_destroy(disk);
        }
        cr_assert_eq(memcmp(found[0], found[1], sizeof(found[0])), 0);
    }
}
