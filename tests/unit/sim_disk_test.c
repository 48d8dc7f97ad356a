// The simulator's disk: what is read, what a sync promises, what a power cut takes.
#include "sim/disk.h"

#include "server/io.h"
#include "sim/disk_damage.h"
#include "sim/disk_internal.h"
#include "sim/random.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_FLAGS (IO_OPEN_WRITE | IO_OPEN_CREATE)

static struct disk *test_disk(uint64_t seed, uint64_t blocks)
{
    struct random random;
    struct disk_options options = {.capacity_blocks = blocks};
    random_init(&random, seed, "disk");
    return disk_create(&options, &random);
}

static int test_open(struct disk *disk, const char *name, uint32_t flags)
{
    return disk_open(disk, name, flags, NULL, NULL);
}

static int64_t test_begin(struct disk *disk, int file, const void *bytes, size_t length,
                          uint64_t offset, bool dsync)
{
    struct iovec piece = {(void *)(uintptr_t)bytes, length};
    return disk_write_begin(disk, file, &piece, 1, offset, dsync);
}

static void test_write(struct disk *disk, int file, const void *bytes, size_t length,
                       uint64_t offset, bool dsync)
{
    int64_t number = test_begin(disk, file, bytes, length, offset, dsync);
    cr_assert_geq(number, 0);
    disk_write_end(disk, number, (int64_t)length);
}

static void test_sync(struct disk *disk, int file, int result)
{
    int64_t number = disk_sync_begin(disk, file);
    cr_assert_geq(number, 0);
    disk_sync_end(disk, number, result);
}

static void test_put(struct disk *disk, const char *name, const char *text)
{
    int file = test_open(disk, name, WRITE_FLAGS);
    test_write(disk, file, text, strlen(text), 0, false);
    test_sync(disk, file, 0);
    disk_close(disk, file);
}

// Does the file hold this text? False when there is none.
static bool test_holds(struct disk *disk, const char *name, const char *text)
{
    char found[64] = "";
    int file = test_open(disk, name, IO_OPEN_READ);
    if (file < 0)
        return false;
    int64_t got = disk_read(disk, file, (uint8_t *)found, sizeof(found), 0);
    disk_close(disk, file);
    return got == (int64_t)strlen(text) && memcmp(found, text, strlen(text)) == 0;
}

static bool test_exists(struct disk *disk, const char *name)
{
    int file = test_open(disk, name, IO_OPEN_READ);
    if (file >= 0)
        disk_close(disk, file);
    return file >= 0;
}

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

// No block is lost or freed twice: when all files are gone, all are free.
static void test_all_free(struct disk *disk)
{
    uint64_t free_blocks = 0;
    for (const struct disk_block *block = disk->free; block != NULL; block = block->next)
        free_blocks++;
    cr_assert_eq(free_blocks, 64 * (uint64_t)disk->chunks_count);
}

static void test_remove_all(struct disk *disk)
{
    disk_kill(disk);
    while (disk->files_count > 0) {
        disk_unlink(disk, disk->files[0]->name);
        test_sync(disk, DISK_FOLDER, 0);
    }
    test_all_free(disk);
}

// --- sectors through syncs and power cuts ------------------------------------------------------

#define SECTORS 64
#define STAMPS 64

// What may be on the medium in a sector: the last value that is proved, and all that came after it.
struct sector_model {
    uint64_t stamps[STAMPS];
    uint64_t times[STAMPS];
    uint32_t count;
    uint64_t cache;
    bool phantom; // a sync has failed since it was written: syncs prove nothing
};

struct sync_model {
    int64_t number;
    uint64_t began;
    bool proves[SECTORS];
};

struct disk_model {
    struct disk *disk;
    struct random random;
    int file;
    uint64_t time;
    uint64_t stamp;
    struct sector_model sectors[SECTORS];
    struct sync_model syncs[4];
    uint32_t sync_count;
    uint64_t lost, kept, older; // outcomes of power cuts
};

static uint64_t model_read(const struct disk_model *model, uint32_t sector)
{
    uint64_t words[DISK_SECTOR_BYTES / 8];
    int64_t got = disk_read(model->disk, model->file, (uint8_t *)words, sizeof(words),
                            (uint64_t)sector * DISK_SECTOR_BYTES);
    cr_assert_eq(got, DISK_SECTOR_BYTES);
    for (uint32_t i = 1; i < DISK_SECTOR_BYTES / 8; i++)
        cr_assert_eq(words[i], words[0], "a sector is torn");
    return words[0];
}

static bool model_allows(const struct sector_model *sector, uint64_t stamp)
{
    for (uint32_t i = 0; i < sector->count; i++) {
        if (sector->stamps[i] == stamp)
            return true;
    }
    return false;
}

static void model_settle(struct sector_model *sector, uint64_t stamp)
{
    *sector = (struct sector_model){.stamps = {stamp}, .count = 1, .cache = stamp};
}

static void model_write(struct disk_model *model)
{
    static uint64_t words[SECTORS * DISK_SECTOR_BYTES / 8];
    struct random *random = &model->random;
    uint32_t first = (uint32_t)random_below(random, SECTORS);
    uint32_t count = 1 + (uint32_t)random_below(random, SECTORS - first);
    uint64_t stamp = random_below(random, 4) == 0 ? 0 : ++model->stamp;
    bool dsync = random_below(random, 3) == 0;
    size_t length = (size_t)count * DISK_SECTOR_BYTES;
    for (size_t i = 0; i < length / 8; i++)
        words[i] = stamp;
    int64_t number = test_begin(model->disk, model->file, words, length,
                                (uint64_t)first * DISK_SECTOR_BYTES, dsync);
    bool fails = random_below(random, 8) == 0;
    disk_write_end(model->disk, number, fails ? -EIO : (int64_t)length);
    model->time++;
    for (uint32_t i = first; i < first + count; i++) {
        struct sector_model *sector = &model->sectors[i];
        uint64_t found = model_read(model, i);
        if (!fails && dsync)
            model_settle(sector, stamp);
        cr_assert_lt(sector->count, STAMPS);
        sector->stamps[sector->count] = stamp;
        sector->times[sector->count++] = model->time;
        cr_assert(found == stamp || (fails && found == sector->cache));
        // Of a failed write it is not known whether a sync would write it.
        sector->phantom = fails;
        sector->cache = found;
    }
}

static void model_sync_begin(struct disk_model *model)
{
    if (model->sync_count == 4)
        return;
    struct sync_model *sync = &model->syncs[model->sync_count++];
    sync->number = disk_sync_begin(model->disk, model->file);
    sync->began = model->time;
    for (uint32_t i = 0; i < SECTORS; i++)
        sync->proves[i] = !model->sectors[i].phantom;
}

static void model_sync_end(struct disk_model *model)
{
    if (model->sync_count == 0)
        return;
    uint32_t chosen = (uint32_t)random_below(&model->random, model->sync_count);
    struct sync_model sync = model->syncs[chosen];
    model->syncs[chosen] = model->syncs[--model->sync_count];
    bool fails = random_below(&model->random, 4) == 0;
    disk_sync_end(model->disk, sync.number, fails ? -EIO : 0);
    for (uint32_t i = 0; i < SECTORS; i++) {
        struct sector_model *sector = &model->sectors[i];
        uint32_t last = sector->count - 1;
        if (fails && sector->times[last] <= sync.began)
            sector->phantom = true;
        if (fails || !sync.proves[i])
            continue;
        // The newest value of before the sync, and what came after it, is left.
        while (last > 0 && sector->times[last] > sync.began)
            last--;
        sector->count -= last;
        memmove(sector->stamps, sector->stamps + last, sector->count * sizeof(uint64_t));
        memmove(sector->times, sector->times + last, sector->count * sizeof(uint64_t));
    }
    for (uint32_t i = 0; i < SECTORS; i++)
        cr_assert_eq(model_read(model, i), model->sectors[i].cache);
}

static void model_drop(struct disk_model *model)
{
    cr_assert_eq(disk_drop_cache(model->disk, model->file), 0);
    for (uint32_t i = 0; i < SECTORS; i++) {
        struct sector_model *sector = &model->sectors[i];
        uint64_t found = model_read(model, i);
        cr_assert(found == sector->cache || (sector->phantom && model_allows(sector, found)));
        sector->cache = found;
    }
}

static void model_cut(struct disk_model *model)
{
    static uint64_t words[SECTORS * DISK_SECTOR_BYTES / 8];
    uint64_t stamp = ++model->stamp;
    bool in_flight = random_below(&model->random, 2) == 0;
    for (size_t i = 0; i < sizeof(words) / 8; i++)
        words[i] = stamp;
    if (in_flight) {
        cr_assert_geq(test_begin(model->disk, model->file, words, sizeof(words), 0, true), 0);
        cr_assert_eq(disk_writes_in_flight(model->disk), 1);
        cr_assert(disk_is_volatile(model->disk));
    }
    disk_power_cut(model->disk);
    model->sync_count = 0;
    cr_assert_not(disk_is_volatile(model->disk));
    cr_assert_eq(disk_writes_in_flight(model->disk), 0);
    cr_assert_not(disk_is_open(model->disk, model->file));
    model->file = test_open(model->disk, "a", IO_OPEN_WRITE);
    cr_assert_geq(model->file, 0);
    for (uint32_t i = 0; i < SECTORS; i++) {
        struct sector_model *sector = &model->sectors[i];
        uint64_t found = model_read(model, i);
        cr_assert((in_flight && found == stamp) || model_allows(sector, found),
                  "a synced sector is lost");
        bool newest = found == sector->stamps[sector->count - 1];
        model->kept += newest;
        model->lost += !newest && found == sector->stamps[0];
        model->older += !newest && found != sector->stamps[0] && found != stamp;
        model_settle(sector, found);
    }
}

Test(sim_disk, synced_sectors_are_never_lost)
{
    static struct disk_model model;
    uint64_t lost = 0;
    uint64_t kept = 0;
    uint64_t older = 0;
    for (uint64_t seed = 0; seed < 600; seed++) {
        static const uint8_t zeros[SECTORS * DISK_SECTOR_BYTES];
        memset(&model, 0, sizeof(model));
        random_init(&model.random, seed, "model");
        model.disk = test_disk(seed, 1000);
        model.file = test_open(model.disk, "a", WRITE_FLAGS);
        test_write(model.disk, model.file, zeros, sizeof(zeros), 0, false);
        test_sync(model.disk, model.file, 0);
        test_sync(model.disk, DISK_FOLDER, 0);
        for (uint32_t i = 0; i < SECTORS; i++)
            model_settle(&model.sectors[i], 0);
        for (int cut = 0; cut < 3; cut++) {
            for (uint64_t step = random_below(&model.random, 40); step > 0; step--) {
                switch (random_below(&model.random, 8)) {
                case 0:
                case 1:
                    model_sync_begin(&model);
                    break;
                case 2:
                case 3:
                    model_sync_end(&model);
                    break;
                case 4:
                    model_drop(&model);
                    break;
                default:
                    model_write(&model);
                    break;
                }
            }
            model_cut(&model);
        }
        lost += model.lost;
        kept += model.kept;
        older += model.older;
        test_remove_all(model.disk);
        disk_destroy(model.disk);
    }
    // All of it happens.
    cr_assert_gt(lost, 1000);
    cr_assert_gt(kept, 1000);
    cr_assert_gt(older, 100);
}

// One write in flight: nothing, all, a beginning, an end and a mixture of it arrive.
Test(sim_disk, writes_in_flight_are_torn_in_every_way)
{
    uint32_t nothing = 0;
    uint32_t all = 0;
    uint32_t beginning = 0;
    uint32_t end = 0;
    uint32_t mixed = 0;
    for (uint64_t seed = 0; seed < 600; seed++) {
        static uint8_t zeros[8192];
        static uint8_t ones[8192];
        memset(ones, 1, sizeof(ones));
        struct disk *disk = test_disk(seed, 1000);
        int file = test_open(disk, "a", WRITE_FLAGS);
        test_write(disk, file, zeros, 8192, 0, true);
        test_sync(disk, DISK_FOLDER, 0);
        test_begin(disk, file, ones, 8192, 0, true);
        disk_power_cut(disk);
        uint8_t found[8192];
        file = test_open(disk, "a", IO_OPEN_READ);
        cr_assert_eq(disk_read(disk, file, found, 8192, 0), 8192);
        uint32_t bits = 0;
        for (uint32_t i = 0; i < 16; i++)
            bits |= (uint32_t)found[i * 512] << i;
        nothing += bits == 0;
        all += bits == 0xffff;
        beginning += bits != 0 && bits != 0xffff && (bits & (bits + 1)) == 0;
        end += bits != 0 && bits != 0xffff && ((~bits & 0xffff) & ((~bits & 0xffff) + 1)) == 0;
        mixed += (bits & 1) == 0 && (bits & 2) != 0 && (bits & 0x8000) == 0;
        disk_destroy(disk);
    }
    cr_assert(nothing > 20 && all > 20 && beginning > 20 && end > 20 && mixed > 5);
}

Test(sim_disk, a_longer_file_may_be_shorter_again)
{
    uint32_t sizes[3] = {0};
    for (uint64_t seed = 0; seed < 400; seed++) {
        static uint8_t bytes[40960];
        memset(bytes, 7, sizeof(bytes));
        struct disk *disk = test_disk(seed, 1000);
        int file = test_open(disk, "a", WRITE_FLAGS);
        test_write(disk, file, bytes, 8192, 0, false);
        test_sync(disk, file, 0);
        test_sync(disk, DISK_FOLDER, 0);
        test_write(disk, file, bytes, 32768, 8192, false);
        disk_power_cut(disk);
        file = test_open(disk, "a", IO_OPEN_READ);
        int64_t size = disk_read(disk, file, bytes, sizeof(bytes), 0);
        cr_assert(size >= 8192 && size <= 40960);
        for (int64_t i = 0; i < size; i++)
            cr_assert(bytes[i] == 7 || (i >= 8192 && bytes[i] == 0));
        sizes[size == 8192 ? 0 : size == 40960 ? 2 : 1]++;
        disk_destroy(disk);
    }
    cr_assert(sizes[0] > 20 && sizes[1] > 5 && sizes[2] > 20);
}

Test(sim_disk, a_failed_sync_leaves_phantoms)
{
    uint32_t phantoms = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        static uint8_t bytes[4096] __attribute__((aligned(4096)));
        struct disk *disk = test_disk(seed, 1000);
        int file = test_open(disk, "a", WRITE_FLAGS);
        memset(bytes, 1, sizeof(bytes));
        test_write(disk, file, bytes, 4096, 0, true);
        memset(bytes, 2, sizeof(bytes));
        test_write(disk, file, bytes, 4096, 0, false);
        int direct = test_open(disk, "a", IO_OPEN_READ | IO_OPEN_DIRECT);
        cr_assert_eq(disk_read(disk, direct, bytes, 4096, 0), 4096);
        cr_assert_eq(bytes[0], 2); // what is dirty is seen
        test_sync(disk, file, -EIO);
        test_sync(disk, file, 0); // and proves nothing
        cr_assert_eq(disk_read(disk, file, bytes, 4096, 0), 4096);
        cr_assert_eq(bytes[0], 2);
        cr_assert_eq(disk_read(disk, direct, bytes, 4096, 0), 4096);
        uint8_t medium = bytes[0];
        disk_drop_cache(disk, file);
        cr_assert_eq(disk_read(disk, file, bytes, 4096, 0), 4096);
        cr_assert_eq(bytes[0], medium);
        phantoms += medium == 1;
        disk_destroy(disk);
    }
    cr_assert(phantoms > 50 && phantoms < 100);
}

Test(sim_disk, dsync_may_be_ignored)
{
    uint32_t lost = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct disk *disk = test_disk(seed, 1000);
        disk_options(disk)->ignores_dsync = true;
        test_put(disk, "a", "old");
        test_sync(disk, DISK_FOLDER, 0);
        int file = test_open(disk, "a", IO_OPEN_WRITE);
        test_write(disk, file, "new", 3, 0, true);
        disk_power_cut(disk);
        lost += test_holds(disk, "a", "old");
        disk_destroy(disk);
    }
    cr_assert(lost > 20 && lost < 80);
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
