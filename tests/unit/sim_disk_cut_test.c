// The simulator's disk: what a sync promises, what a power cut takes.
#include "sim/disk.h"

#include "server/io.h"
#include "tests/unit/sim_disk_fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

Test(sim_disk_cut, synced_sectors_are_never_lost)
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
Test(sim_disk_cut, writes_in_flight_are_torn_in_every_way)
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

Test(sim_disk_cut, a_longer_file_may_be_shorter_again)
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

Test(sim_disk_cut, a_failed_sync_leaves_phantoms)
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

Test(sim_disk_cut, dsync_may_be_ignored)
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
