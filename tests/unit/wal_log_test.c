// The log's writing side: admission, batches, segments, failures, D and the completion log.
#include "tests/unit/wal_driver.h"

#include <criterion/criterion.h>

static const struct driver_options always = {.durable = true, .value_max = 100};
static const struct driver_options everysec = {.durable = false, .value_max = 100};

static struct driver *open_driver(const struct driver_options *options)
{
    struct driver *d = malloc(sizeof(*d));
    driver_create(d, 3, options);
    cr_assert_eq(driver_recover(d), WAL_VERDICT_CLEAN);
    cr_assert(driver_open(d, 3));
    return d;
}

static void close_driver(struct driver *d)
{
    driver_free(d);
    free(d);
}

static void append(struct driver *d, uint32_t key_length, uint32_t length)
{
    static uint8_t bytes[DRIVER_STAGING_BYTES]; // zeros
    struct wal_record record = {
        .type = WAL_RECORD_SET,
        .keyspace = 1,
        .key = bytes,
        .key_length = key_length,
        .data = bytes,
        .length = length,
        .total = length,
    };
    wal_append(d->wal, &record);
}

// One write, ended well.
static struct wal_write write_one(struct driver *d)
{
    struct wal_write write;
    cr_assert(wal_write_next(d->wal, &write));
    driver_submit(d, &write);
    cr_assert(driver_done(d, false));
    return write;
}

Test(wal_log, batches_are_numbered_and_released)
{
    struct driver *d = open_driver(&always);
    struct wal_write write;
    cr_assert(!wal_write_next(d->wal, &write));
    cr_assert_eq(wal_open_batch(d->wal), 1);
    cr_assert_eq(wal_newest_batch(d->wal), 0);
    append(d, 3, 10);
    cr_assert_eq(wal_newest_batch(d->wal), 1);
    cr_assert(wal_open_bytes(d->wal) > 0);
    cr_assert(wal_write_next(d->wal, &write));
    driver_submit(d, &write);
    cr_assert(wal_write_in_flight(d->wal));
    cr_assert_eq(wal_open_batch(d->wal), 2);
    cr_assert_eq(wal_open_bytes(d->wal), 0);
    append(d, 3, 10);
    append(d, 3, 10);
    cr_assert(!wal_write_next(d->wal, &write)); // one in flight
    cr_assert_eq(wal_batch_durable(d->wal), 0);
    driver_done(d, false);
    cr_assert_eq(wal_batch_durable(d->wal), 1);
    cr_assert_eq(wal_batch_written(d->wal), 1);
    cr_assert_eq(wal_durable(d->wal), 1);
    write = write_one(d);
    cr_assert_eq(write.lengths[0], WAL_BLOCK_BYTES);
    cr_assert_eq(wal_batch_durable(d->wal), 2);
    cr_assert_eq(wal_durable(d->wal), 2);
    close_driver(d);
}

Test(wal_log, frames_close_when_full_and_long_values_split)
{
    struct driver *d = open_driver(&always);
    uint64_t frame = wal_frame_bytes_max(DISK_SEGMENT_BYTES);
    append(d, 10, (uint32_t)(frame - 200));
    append(d, 10, 1000); // does not fit the first frame
    append(d, 10, (uint32_t)(3 * frame));
    uint64_t frames = 0;
    while (wal_batch_durable(d->wal) == 0) {
        struct wal_write write = write_one(d);
        uint32_t last = write.lengths[1] > 0 ? 1 : 0;
        cr_assert_leq(write.lengths[last], frame);
        struct wal_frame_header header;
        memcpy(&header, write.pieces[last], sizeof(header));
        cr_assert_eq(header.sequence, ++frames);
        cr_assert_eq(header.batch_first, 1);
        cr_assert_eq(header.durable, 0);
        cr_assert(wal_frame_valid(write.pieces[last], &d->identity, header.segment,
                                  write.offset + (last == 1 ? WAL_BLOCK_BYTES : 0)));
        cr_assert_eq(wal_durable(d->wal), (header.flags & WAL_FRAME_COMMIT) ? frames : 0);
    }
    cr_assert_eq(frames, 6);
    close_driver(d);
}

// Padding never shows what the staging memory held before.
Test(wal_log, padding_is_zero)
{
    struct driver *d = open_driver(&always);
    memset(d->staging, 0xee, 2 * DRIVER_STAGING_BYTES);
    append(d, 3, 10);
    struct wal_write write = write_one(d);
    uint64_t used = 64 + 16 + 13;
    for (uint64_t i = used; i < WAL_BLOCK_BYTES; i++)
        cr_assert_eq(write.pieces[0][i], 0);
    close_driver(d);
}

Test(wal_log, failed_write_goes_to_fresh_segments_then_gives_up)
{
    struct driver *d = open_driver(&always);
    append(d, 3, 10);
    write_one(d);
    append(d, 3, 10);
    struct wal_write write;
    uint64_t number = 0;
    uint32_t slot = UINT32_MAX;
    for (uint32_t attempt = 0; attempt <= WAL_REWRITE_MAX; attempt++) {
        cr_assert(wal_write_next(d->wal, &write));
        cr_assert_neq(write.slot, slot);
        if (attempt > 0) {
            struct wal_segment_block header;
            cr_assert_eq(write.offset, 0);
            cr_assert(wal_segment_decode(write.pieces[0], &d->identity, write.slot, &header));
            cr_assert_eq(header.first, 2);
            cr_assert_eq(header.durable, 1);
            cr_assert_gt(header.number, number);
            number = header.number;
        }
        slot = write.slot;
        uint64_t bytes = (uint64_t)write.lengths[0] + write.lengths[1];
        // A short write is a failure like any other.
        enum wal_outcome outcome =
            wal_write_done(d->wal, attempt == 1 ? (int64_t)bytes - 512 : -EIO, true);
        cr_assert_eq(outcome, attempt < WAL_REWRITE_MAX ? WAL_REWRITE : WAL_FATAL);
        cr_assert_eq(wal_slot_state(d->wal, slot), WAL_SLOT_SEALED);
    }
    cr_assert(!wal_write_next(d->wal, &write));
    cr_assert_eq(wal_batch_durable(d->wal), 1);
    close_driver(d);
}

Test(wal_log, failures_count_only_in_a_row)
{
    struct driver *d = open_driver(&always);
    for (uint32_t i = 0; i < 5; i++) {
        append(d, 3, 10);
        struct wal_write write;
        cr_assert(wal_write_next(d->wal, &write));
        cr_assert_eq(wal_write_done(d->wal, -EIO, true), WAL_REWRITE);
        driver_prepare(d);
        write_one(d);
        cr_assert_eq(wal_batch_durable(d->wal), i + 1);
    }
    close_driver(d);
}

Test(wal_log, failed_header_is_repeated_elsewhere)
{
    struct driver *d = open_driver(&always);
    driver_recover(d);
    cr_assert(!driver_open(d, 1)); // header in flight
    cr_assert_eq(wal_write_done(d->wal, -EIO, true), WAL_REWRITE);
    struct wal_write write;
    cr_assert(wal_write_next(d->wal, &write));
    cr_assert_neq(write.slot, d->write.slot);
    cr_assert_eq(write.lengths[0], WAL_BLOCK_BYTES);
    cr_assert_eq(write.lengths[1], 0);
    cr_assert_eq(wal_write_done(d->wal, WAL_BLOCK_BYTES, true), WAL_OK);
    cr_assert(!wal_write_next(d->wal, &write));
    close_driver(d);
}

// --- admission -----------------------------------------------------------------------------------

Test(wal_log, admission_waits_for_segments_then_admits)
{
    struct driver *d = open_driver(&always);
    uint64_t most = wal_batch_bytes_max(d->wal);
    cr_assert_gt(most, MIB(1));
    cr_assert_eq(wal_admit(d->wal, most + 1, false), WAL_LARGE);
    cr_assert_eq(wal_admit(d->wal, most, false), WAL_WAIT);
    uint32_t before = wal_segments_ready(d->wal);
    driver_prepare(d);
    cr_assert_gt(wal_segments_ready(d->wal), before);
    cr_assert_eq(wal_admit(d->wal, most, false), WAL_ADMIT);
    cr_assert_eq(wal_admit(d->wal, 100, false), WAL_ADMIT);
    close_driver(d);
}

// Whatever mix of keys and values adds up to what was admitted can be appended and written.
Test(wal_log, admitted_bytes_always_fit)
{
    struct driver_options options = {.durable = true, .value_max = 100};
    for (uint32_t shape = 0; shape < 8; shape++) {
        struct driver *d = open_driver(&options);
        uint64_t most = wal_batch_bytes_max(d->wal);
        uint32_t key_max = wal_key_bytes_max(d->wal);
        uint64_t frame = wal_frame_bytes_max(DISK_SEGMENT_BYTES);
        const uint32_t keys[8] = {1, key_max, key_max, 10, 300, key_max, key_max / 2, 20};
        const uint64_t data[8] = {1,         most, frame,         frame - 200,
                                  frame / 2, 0,    frame / 2 + 1, most / 3};
        for (uint32_t i = 0; i < 20 && wal_admit(d->wal, most, false) == WAL_WAIT; i++)
            driver_prepare(d);
        cr_assert_eq(wal_admit(d->wal, most, false), WAL_ADMIT, "shape %u", shape);
        uint64_t left = most;
        while (left >= keys[shape] + WAL_RECORD_OVERHEAD_MAX) {
            uint64_t room = left - keys[shape] - WAL_RECORD_OVERHEAD_MAX;
            uint64_t length = data[shape] < room ? data[shape] : room;
            append(d, keys[shape], (uint32_t)length);
            left -= keys[shape] + WAL_RECORD_OVERHEAD_MAX + length;
        }
        // Without preparing more: the space was there.
        for (uint32_t i = 0; i < 1000 && wal_batch_durable(d->wal) == 0; i++)
            write_one(d);
        cr_assert_eq(wal_batch_durable(d->wal), 1);
        cr_assert_geq(wal_segments_ready(d->wal), WAL_RESERVE);
        close_driver(d);
    }
}

Test(wal_log, soft_limit_holds_commands_back)
{
    struct driver *d = open_driver(&always);
    for (uint32_t i = 0; i < 20 && wal_admit(d->wal, MIB(1) + 1000, false) == WAL_WAIT; i++)
        driver_prepare(d);
    cr_assert_eq(wal_admit(d->wal, MIB(1) + 1000, false), WAL_ADMIT);
    append(d, 3, (uint32_t)MIB(1));
    cr_assert_eq(wal_admit(d->wal, 100, false), WAL_WAIT);
    struct wal_write write;
    cr_assert(wal_write_next(d->wal, &write));
    driver_submit(d, &write);
    driver_prepare(d);
    cr_assert_eq(wal_admit(d->wal, 100, false), WAL_ADMIT); // the next batch
    close_driver(d);
}

// Whatever has been admitted can be written, at any moment of the writes before it, without a segment
// more than there are: no preparation succeeds once the test has begun.
Test(wal_log, admitted_means_room)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct driver *d = open_driver(&always);
        d->disk.random = seed;
        bool full = false;
        for (uint32_t i = 0; i < 4000; i++) {
            uint32_t length = (uint32_t)disk_below(&d->disk, 60000);
            enum wal_admission admission = wal_admit(d->wal, length + 200, false);
            if (admission == WAL_ADMIT && disk_below(&d->disk, 3) > 0)
                append(d, 1 + (uint32_t)disk_below(&d->disk, 9), length);
            uint32_t slot;
            bool made;
            if (wal_slot_wanted(d->wal, &slot, &made))
                wal_slot_prepared(d->wal, slot, -ENOSPC);
            full = full || admission == WAL_FULL;
            struct wal_write write;
            if (wal_write_in_flight(d->wal)) {
                if (disk_below(&d->disk, 2) == 0)
                    cr_assert(driver_done(d, false));
            } else if (wal_write_next(d->wal, &write)) {
                driver_submit(d, &write);
            } else {
                bool stuck = wal_newest_batch(d->wal) > wal_batch_written(d->wal);
                cr_assert(!stuck, "seed %d: admitted, and no room", (int)seed);
            }
        }
        cr_assert(full);
        cr_assert_geq(wal_segments_ready(d->wal), 1);
        close_driver(d);
    }
}

Test(wal_log, full_when_a_preparation_failed)
{
    struct driver *d = open_driver(&always);
    enum wal_admission admission = WAL_ADMIT;
    for (uint32_t i = 0; i < 100 && admission == WAL_ADMIT; i++) {
        append(d, 3, 50000);
        write_one(d);
        admission = wal_admit(d->wal, 50100, false);
    }
    cr_assert_eq(admission, WAL_WAIT);
    cr_assert_eq(wal_segments_ready(d->wal), WAL_RESERVE);
    uint32_t slot;
    uint32_t other;
    uint32_t third;
    bool made;
    cr_assert(wal_slot_wanted(d->wal, &slot, &made));
    cr_assert_eq(wal_admit(d->wal, 50100, false), WAL_WAIT);
    // Space is on its way, however long that takes.
    for (uint32_t i = 0; i < 50; i++) {
        wal_slot_prepared(d->wal, slot, -EAGAIN);
        cr_assert_eq(wal_admit(d->wal, 50100, false), WAL_WAIT);
        cr_assert(wal_slot_wanted(d->wal, &slot, &made));
    }
    // A shortage may pass, but not for ever.
    for (uint32_t i = 0; i < 9; i++) {
        wal_slot_prepared(d->wal, slot, -EMFILE);
        cr_assert_eq(wal_admit(d->wal, 50100, false), WAL_WAIT);
        cr_assert(wal_slot_wanted(d->wal, &slot, &made));
    }
    wal_slot_prepared(d->wal, slot, -EMFILE);
    cr_assert_eq(wal_admit(d->wal, 50100, false), WAL_FULL);
    cr_assert(wal_slot_wanted(d->wal, &slot, &made));
    wal_slot_prepared(d->wal, slot, -EIO);
    cr_assert_eq(wal_slot_state(d->wal, slot), WAL_SLOT_NONE);
    cr_assert_eq(wal_admit(d->wal, 50100, false), WAL_FULL);
    // Deletes have one segment more.
    cr_assert_eq(wal_admit(d->wal, 50100, true), WAL_ADMIT);
    cr_assert(wal_slot_wanted(d->wal, &slot, &made));
    cr_assert(!wal_slot_wanted(d->wal, &other, &made) || !wal_slot_wanted(d->wal, &third, &made));
    disk_create(&d->disk, slot, DISK_SEGMENT_BYTES);
    wal_slot_prepared(d->wal, slot, 0);
    cr_assert_eq(wal_admit(d->wal, 50100, false), WAL_ADMIT);
    close_driver(d);
}

// --- D, syncs, completion log --------------------------------------------------------------------

Test(wal_log, synced_moves_d_to_the_listing_and_no_further)
{
    struct driver *d = open_driver(&everysec);
    append(d, 3, 10);
    write_one(d);
    uint32_t slots[8];
    uint64_t token;
    cr_assert_eq(wal_unsynced(d->wal, slots, 8, &token), 1);
    append(d, 3, 10);
    write_one(d);
    cr_assert_eq(wal_batch_written(d->wal), 2);
    cr_assert_eq(wal_durable(d->wal), 0);
    wal_synced(d->wal, token);
    cr_assert_eq(wal_durable(d->wal), 1);
    cr_assert_eq(wal_batch_durable(d->wal), 1);
    // A durable write hardens itself, not the one before it.
    append(d, 3, 10);
    struct wal_write write;
    cr_assert(wal_write_next(d->wal, &write));
    cr_assert_eq(wal_write_done(d->wal, write.lengths[0], true), WAL_OK);
    cr_assert_eq(wal_durable(d->wal), 1);
    cr_assert_eq(wal_unsynced(d->wal, slots, 8, &token), 1);
    wal_synced(d->wal, token);
    cr_assert_eq(wal_durable(d->wal), 3);
    cr_assert_eq(wal_unsynced(d->wal, slots, 8, &token), 0);
    close_driver(d);
}

// Looking at the list, again and again, does not make a running sync worthless.
Test(wal_log, many_listings_keep_the_oldest)
{
    struct driver *d = open_driver(&everysec);
    append(d, 3, 10);
    write_one(d);
    uint32_t slots[8];
    uint64_t running;
    uint64_t token;
    wal_unsynced(d->wal, slots, 8, &running);
    for (uint32_t i = 0; i < 10; i++) {
        append(d, 3, 10);
        write_one(d);
        wal_unsynced(d->wal, slots, 8, &token);
    }
    wal_synced(d->wal, running);
    cr_assert_eq(wal_durable(d->wal), 1);
    wal_synced(d->wal, token);
    cr_assert_eq(wal_durable(d->wal), 11);
    close_driver(d);
}

Test(wal_log, unsynced_segments_are_listed_oldest_first)
{
    struct driver *d = open_driver(&everysec);
    for (uint32_t i = 0; i < 20; i++) {
        append(d, 3, 60000);
        driver_prepare(d);
        write_one(d);
    }
    uint32_t slots[2];
    uint64_t token;
    uint64_t durable = 0;
    uint32_t rounds = 0;
    while (wal_durable(d->wal) < 20) {
        cr_assert_gt(wal_unsynced(d->wal, slots, 2, &token), 0);
        cr_assert_gt(token, durable);
        wal_synced(d->wal, token);
        cr_assert_eq(wal_durable(d->wal), token); // each batch is one frame
        durable = token;
        rounds++;
    }
    cr_assert_geq(rounds, 3);
    close_driver(d);
}

Test(wal_log, completion_records_witness_d)
{
    struct driver *d = open_driver(&always);
    const uint8_t *block;
    uint64_t offset;
    cr_assert(!wal_completion_due(d->wal)); // driver_open wrote one
    cr_assert(!wal_completion_next(d->wal, false, &block, &offset));
    append(d, 3, 10);
    write_one(d);
    cr_assert(wal_completion_due(d->wal));
    cr_assert(wal_completion_next(d->wal, false, &block, &offset));
    cr_assert(wal_completion_in_flight(d->wal));
    cr_assert(!wal_completion_due(d->wal));
    append(d, 3, 10);
    write_one(d);
    cr_assert(!wal_completion_next(d->wal, true, &block, &offset)); // one in flight
    struct wal_completion_block record;
    uint32_t index = (uint32_t)(offset / WAL_BLOCK_BYTES);
    cr_assert(wal_completion_decode(block, &d->identity, index, &record));
    cr_assert_eq(record.durable, 1);
    cr_assert_eq(record.flags, 0);
    wal_completion_done(d->wal, -EIO);
    cr_assert_eq(wal_batch_completed(d->wal), 0);
    cr_assert(wal_completion_due(d->wal));
    uint64_t failed = offset;
    append(d, 3, 10);
    cr_assert(wal_completion_next(d->wal, true, &block, &offset));
    cr_assert_eq(offset, failed + WAL_BLOCK_BYTES);
    index = (uint32_t)(offset / WAL_BLOCK_BYTES);
    cr_assert(wal_completion_decode(block, &d->identity, index, &record));
    cr_assert_eq(record.durable, 2);
    cr_assert_eq(record.flags, 0); // a record is open: not clean
    wal_completion_done(d->wal, 0);
    cr_assert_eq(wal_batch_completed(d->wal), 2);
    close_driver(d);
}

Test(wal_log, giant_batch_gives_its_memory_back)
{
    void *region;
    struct allocator *allocator = driver_allocator(&region, wal_overhead());
    uint8_t *staging = driver_memory(2 * MIB(16));
    void *const halves[2] = {staging, staging + MIB(16)};
    struct wal_options options = {.segments_ahead = 3};
    options.identity.segment_bytes = MIB(16);
    struct wal *wal = wal_create(allocator, halves, MIB(16), &options);
    cr_assert_not_null(wal);
    wal_continue(wal, 0, wal_chain_start(&options.identity), 1, 1, 0);
    for (uint32_t slot = 0; slot < 4; slot++)
        wal_slot_found(wal, slot, WAL_SLOT_READY, 0);
    void *address;
    size_t bytes;
    cr_assert(!wal_reclaim(wal, &address, &bytes));
    cr_assert_eq(wal_admit(wal, MIB(6), false), WAL_ADMIT);
    struct wal_record record = {
        .type = WAL_RECORD_SET,
        .key = staging,
        .key_length = 5,
        .data = staging + MIB(16), // the other region is as good as any bytes
        .length = (uint32_t)MIB(6),
        .total = (uint32_t)MIB(6),
    };
    wal_append(wal, &record);
    cr_assert(!wal_reclaim(wal, &address, &bytes)); // open
    struct wal_write write;
    while (wal_write_next(wal, &write)) {
        cr_assert(!wal_reclaim(wal, &address, &bytes)); // being written
        int64_t written = (int64_t)write.lengths[0] + write.lengths[1];
        cr_assert_eq(wal_write_done(wal, written, true), WAL_OK);
    }
    size_t all = 0;
    while (wal_reclaim(wal, &address, &bytes)) {
        cr_assert_leq(bytes, MIB(1));
        cr_assert_eq((uintptr_t)address % WAL_BLOCK_BYTES, 0);
        cr_assert_eq(bytes % WAL_BLOCK_BYTES, 0);
        all += bytes;
    }
    cr_assert_eq((uint8_t *)address, staging + MIB(4));
    cr_assert_geq(all, MIB(2));
    free(staging);
    munmap(region, DRIVER_REGION_BYTES);
}
