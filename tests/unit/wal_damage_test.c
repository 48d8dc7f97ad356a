// Damage to a log of acknowledged writes: it is refused, or nothing that was acknowledged is lost.
#include "tests/unit/wal_driver.h"

#include <criterion/criterion.h>

static const struct driver_options mixed = {
    .durable = true, .failure = 40, .large = 5, .value_max = 4000};

// A folder with a few lives behind it, everything durable, with a witness of it all or without.
static void build(struct driver *d, uint64_t seed, bool witnessed)
{
    driver_create(d, seed, &mixed);
    for (uint32_t life = 0; life < 3; life++) {
        enum wal_verdict verdict = driver_recover(d);
        cr_assert(!wal_verdict_refuses(verdict));
        cr_assert(driver_open(d, 3));
        for (uint32_t step = 0; step < 150; step++) {
            if (!driver_step(d))
                break;
        }
        if (life < 2)
            disk_crash(&d->disk);
    }
    driver_flush(d);
    if (witnessed) {
        driver_witness(d);
        disk_sync(&d->disk, WAL_SLOT_COMPLETION);
    }
    disk_crash(&d->disk);
}

// The log as it is now: refused, or at least `durable` commands.
static bool check(struct driver *d, uint32_t durable, const char *what, uint32_t slot, uint64_t at)
{
    enum wal_verdict verdict = driver_recover(d);
    if (wal_verdict_refuses(verdict))
        return false;
    uint32_t position = model_prefix(&d->model);
    cr_assert(position != UINT32_MAX, "%s %u %llu: no prefix", what, slot, (unsigned long long)at);
    cr_assert(position >= durable, "%s, slot %u at %llu: %u of %u: %s", what, slot,
              (unsigned long long)at, position, durable, d->result.message);
    return true;
}

struct image {
    uint64_t length;
    uint8_t *bytes;
};

static struct image image_take(struct driver *d, uint32_t slot)
{
    struct disk_file *file = disk_file(&d->disk, slot);
    struct image image = {.length = file->length, .bytes = malloc(DISK_SEGMENT_BYTES)};
    if (image.length > 0)
        memcpy(image.bytes, file->stable, disk_capacity(slot));
    return image;
}

static void image_restore(struct driver *d, uint32_t slot, const struct image *image)
{
    struct disk_file *file = disk_file(&d->disk, slot);
    if (image->length > 0 && file->length == 0)
        disk_create(&d->disk, slot, image->length);
    file->length = image->length;
    if (image->length > 0)
        memcpy(file->stable, image->bytes, disk_capacity(slot));
}

static void damage_block(struct driver *d, uint32_t slot, uint64_t offset, uint32_t how)
{
    uint64_t within =
        disk_below(&d->disk, 4) ? disk_below(&d->disk, 80) : disk_below(&d->disk, WAL_BLOCK_BYTES);
    uint64_t sector = disk_below(&d->disk, 8) * DISK_SECTOR_BYTES;
    switch (how) {
    case 0:
        disk_flip(&d->disk, slot, offset + within, (uint8_t)(1 << disk_below(&d->disk, 8)));
        break;
    case 1:
        disk_zero(&d->disk, slot, offset, WAL_BLOCK_BYTES);
        break;
    case 2:
        disk_zero(&d->disk, slot, offset + sector, DISK_SECTOR_BYTES);
        break;
    default: // another block of the file (a misdirected write)
        memmove(disk_file(&d->disk, slot)->stable + offset,
                disk_file(&d->disk, slot)->stable +
                    disk_below(&d->disk, disk_capacity(slot) / WAL_BLOCK_BYTES) * WAL_BLOCK_BYTES,
                WAL_BLOCK_BYTES);
    }
}

// One damaged block anywhere. Without a witness of the newest batch, that one batch may be lost.
static void damage_each_block(uint64_t seed, bool witnessed)
{
    struct driver *d = malloc(sizeof(*d));
    build(d, seed, witnessed);
    uint32_t all = driver_durable(d, wal_batch_durable(d->wal));
    uint32_t sure = all;
    if (!witnessed && all > d->base)
        sure = driver_durable(d, d->model.commands[all - 1].batch - 1);
    driver_stop(d);
    cr_assert(check(d, all, "no damage", 0, 0));
    uint32_t refused = 0;
    for (uint32_t i = 0; i <= DISK_SLOTS; i++) {
        uint32_t slot = i < DISK_SLOTS ? i : WAL_SLOT_COMPLETION;
        struct image image = image_take(d, slot);
        for (uint64_t offset = 0; offset < image.length; offset += WAL_BLOCK_BYTES) {
            uint32_t how = (uint32_t)disk_below(&d->disk, 4);
            damage_block(d, slot, offset, how);
            refused += !check(d, sure, "block", slot, offset);
            image_restore(d, slot, &image);
        }
        free(image.bytes);
    }
    cr_assert(refused > 0);
    driver_free(d);
    free(d);
}

Test(wal_damage, each_block_witnessed)
{
    for (uint64_t seed = 1; seed <= 3; seed++)
        damage_each_block(seed, true);
}

Test(wal_damage, each_block_without_newest_witness)
{
    for (uint64_t seed = 101; seed <= 103; seed++)
        damage_each_block(seed, false);
}

static void build_witnessed(struct driver *d, uint64_t seed, uint32_t *all)
{
    build(d, seed, true);
    *all = driver_durable(d, wal_batch_durable(d->wal));
    cr_assert_eq(driver_durable(d, wal_batch_completed(d->wal)), *all);
    driver_stop(d);
}

Test(wal_damage, files)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct driver *d = malloc(sizeof(*d));
        uint32_t all;
        build_witnessed(d, seed, &all);
        for (uint32_t slot = 0; slot < DISK_SLOTS; slot++) {
            struct image image = image_take(d, slot);
            if (image.length == 0) {
                free(image.bytes);
                continue;
            }
            disk_truncate(&d->disk, slot, 0);
            check(d, all, "missing", slot, 0);
            image_restore(d, slot, &image);
            for (uint64_t length = 100; length < image.length; length += 8 * WAL_BLOCK_BYTES) {
                disk_truncate(&d->disk, slot, length);
                check(d, all, "truncated", slot, length);
                image_restore(d, slot, &image);
            }
            for (uint32_t other = 0; other < DISK_SLOTS; other++) {
                if (other == slot)
                    continue;
                struct image before = image_take(d, other);
                disk_swap(&d->disk, slot, other);
                check(d, all, "swapped", slot, other);
                disk_swap(&d->disk, slot, other);
                disk_duplicate(&d->disk, slot, other);
                check(d, all, "duplicated", slot, other);
                image_restore(d, other, &before);
                free(before.bytes);
            }
            cr_assert(check(d, all, "restored", slot, 0));
            free(image.bytes);
        }
        driver_free(d);
        free(d);
    }
}

// A file put back to what it was some time ago, while the others are of today.
Test(wal_damage, old_copies)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct driver *d = malloc(sizeof(*d));
        struct image old[DISK_SLOTS];
        driver_create(d, seed, &mixed);
        driver_recover(d);
        cr_assert(driver_open(d, 3));
        for (uint32_t step = 0; step < 300; step++) {
            if (step == 100 + seed) {
                for (uint32_t slot = 0; slot < DISK_SLOTS; slot++)
                    old[slot] = image_take(d, slot);
            }
            if (!driver_step(d)) {
                driver_stop(d);
                disk_crash(&d->disk);
                driver_recover(d);
                cr_assert(driver_open(d, 3));
            }
        }
        driver_flush(d);
        driver_witness(d);
        disk_crash(&d->disk);
        uint32_t all = driver_durable(d, wal_batch_completed(d->wal));
        for (uint32_t slot = 0; slot < DISK_SLOTS; slot++) {
            struct image today = image_take(d, slot);
            image_restore(d, slot, &old[slot]);
            check(d, all, "old copy", slot, 0);
            image_restore(d, slot, &today);
            free(today.bytes);
            free(old[slot].bytes);
        }
        driver_free(d);
        free(d);
    }
}

// Blocks that cannot be read: never less than everything, and the message names the place.
Test(wal_damage, unreadable)
{
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct driver *d = malloc(sizeof(*d));
        uint32_t all;
        build_witnessed(d, seed, &all);
        d->disk.bad = true;
        uint32_t refused = 0;
        for (uint32_t slot = 0; slot < DISK_SLOTS; slot++) {
            d->disk.bad_slot = slot;
            for (uint64_t block = 0; block < disk_file(&d->disk, slot)->length / WAL_BLOCK_BYTES;
                 block++) {
                d->disk.bad_offset = block * WAL_BLOCK_BYTES;
                if (check(d, all, "unreadable", slot, d->disk.bad_offset))
                    continue;
                refused++;
                cr_assert_eq(d->result.verdict, WAL_VERDICT_UNREADABLE, "%s", d->result.message);
                cr_assert_eq(d->result.damage.slot, slot);
                cr_assert_eq(d->result.damage.offset, d->disk.bad_offset);
                cr_assert_eq(d->result.damage.error, EIO);
            }
        }
        cr_assert(refused > 0);
        // A completion block is one witness among many.
        d->disk.bad_slot = WAL_SLOT_COMPLETION;
        for (uint64_t block = 0; block < WAL_COMPLETION_BLOCKS; block++) {
            d->disk.bad_offset = block * WAL_BLOCK_BYTES;
            cr_assert(check(d, all, "unreadable witness", 0, d->disk.bad_offset));
        }
        driver_free(d);
        free(d);
    }
}

// Several faults at once may lose what had no other witness, but never invent: what is replayed is
// a prefix of history.
Test(wal_damage, many_faults)
{
    for (uint64_t seed = 1; seed <= 16; seed++) {
        struct driver *d = malloc(sizeof(*d));
        uint32_t all;
        build_witnessed(d, seed, &all);
        for (uint32_t round = 0; round < 30; round++) {
            struct image images[DISK_SLOTS + 1];
            for (uint32_t i = 0; i <= DISK_SLOTS; i++)
                images[i] = image_take(d, i < DISK_SLOTS ? i : WAL_SLOT_COMPLETION);
            uint64_t faults = 1 + disk_below(&d->disk, 6);
            for (uint64_t fault = 0; fault < faults; fault++) {
                uint32_t slot = (uint32_t)disk_below(&d->disk, 8);
                if (slot == 7)
                    slot = WAL_SLOT_COMPLETION;
                uint64_t blocks = disk_file(&d->disk, slot)->length / WAL_BLOCK_BYTES;
                if (blocks > 0)
                    damage_block(d, slot, disk_below(&d->disk, blocks) * WAL_BLOCK_BYTES,
                                 (uint32_t)disk_below(&d->disk, 3));
            }
            check(d, 0, "faults", 0, round);
            for (uint32_t i = 0; i <= DISK_SLOTS; i++) {
                image_restore(d, i < DISK_SLOTS ? i : WAL_SLOT_COMPLETION, &images[i]);
                free(images[i].bytes);
            }
        }
        driver_free(d);
        free(d);
    }
}
