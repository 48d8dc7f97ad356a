// What was cut never comes back: failed writes that landed, torn starts, retries of the same bytes.
#include "tests/unit/wal_driver.h"

#include <criterion/criterion.h>

static const struct driver_options always = {.durable = true, .value_max = 100};

static void create(struct driver *d, uint64_t seed, const struct driver_options *options)
{
    driver_create(d, seed, options);
    cr_assert_eq(driver_recover(d), WAL_VERDICT_CLEAN);
    cr_assert(driver_open(d, 3));
}

// A command with one SET of `length` bytes, in a batch of its own that is not written yet.
static void append_set(struct driver *d, uint64_t id, uint32_t length)
{
    struct model_command command = {.id = id, .start = d->start, .op_count = 1};
    command.ops[0].type = WAL_RECORD_SET;
    command.ops[0].key = 1;
    command.ops[0].length = length;
    command.ops[0].total = length;
    command.ops[0].seed = id;
    command.batch = wal_open_batch(d->wal);
    for (uint32_t i = 0; i < 10 && wal_admit(d->wal, length + 1000, false) == WAL_WAIT; i++)
        driver_prepare(d);
    cr_assert_eq(wal_admit(d->wal, length + 1000, false), WAL_ADMIT);
    driver_append(d, &command);
    d->model.commands[d->model.count++] = command;
    d->next_id = id + 1;
}

static uint32_t recovered(struct driver *d)
{
    enum wal_verdict verdict = driver_recover(d);
    cr_assert(!wal_verdict_refuses(verdict), "%s", d->result.message);
    uint32_t position = model_prefix(&d->model);
    cr_assert(position != UINT32_MAX);
    return position;
}

// Command 1 is acknowledged. Command 2 is written whole, but reported as failed; it is written
// again to a fresh segment, of which only the header arrives. Nobody was told of it, and a start
// serves without it. From then on it must stay away, however many starts are torn.
Test(wal_cut, failed_write_that_landed)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct driver *d = malloc(sizeof(*d));
        create(d, seed, &always);
        append_set(d, 1, 50);
        driver_flush(d);
        append_set(d, 2, 60);
        cr_assert(driver_submit_next(d));
        uint32_t slot_first = d->write.slot;
        disk_sync(&d->disk, slot_first);
        cr_assert_eq(wal_write_done(d->wal, -EIO, true), WAL_REWRITE);
        cr_assert(driver_submit_next(d));
        cr_assert_neq(d->write.slot, slot_first);
        cr_assert_eq(d->write.offset, 0);
        disk_harden(&d->disk, d->write.slot, 0, WAL_BLOCK_BYTES);
        disk_file(&d->disk, d->write.slot)->dirty_high = 0; // the frame is lost
        memcpy(disk_file(&d->disk, d->write.slot)->cache,
               disk_file(&d->disk, d->write.slot)->stable, DISK_SEGMENT_BYTES);
        driver_stop(d);

        cr_assert_eq(recovered(d), 1);
        cr_assert(driver_open(d, 3));
        driver_stop(d);
        for (uint32_t start = 0; start < 12; start++) {
            cr_assert_eq(recovered(d), 1, "start %u", start);
            // Some starts get through, of others only rubbish arrives where the header should be.
            if (disk_below(&d->disk, 3) == 0) {
                cr_assert(driver_open(d, 3));
            } else if (!driver_open(d, 1) && wal_write_in_flight(d->wal)) {
                uint32_t slot = d->write.slot;
                disk_crash(&d->disk);
                disk_flip(&d->disk, slot, disk_below(&d->disk, 60), 0x55);
            }
            driver_stop(d);
        }
        driver_free(d);
        free(d);
    }
}

// Written but not synced: command 2 is lost, command 3 arrives. The client sends the very same
// command 2 again; the old command 3 must not follow it.
Test(wal_cut, same_bytes_again)
{
    struct driver_options options = {.durable = false, .value_max = 100};
    struct driver *d = malloc(sizeof(*d));
    create(d, 7, &options);
    append_set(d, 1, 50);
    driver_flush(d);
    uint64_t offset = 0;
    uint32_t slot = 0;
    for (uint64_t id = 2; id <= 3; id++) {
        append_set(d, id, 60);
        cr_assert(driver_submit_next(d));
        if (id == 2) {
            offset = d->write.offset;
            slot = d->write.slot;
        }
        driver_done(d, false);
    }
    disk_sync(&d->disk, slot);
    disk_flip(&d->disk, slot, offset + 100, 1);
    driver_stop(d);

    cr_assert_eq(recovered(d), 1);
    cr_assert_eq(d->result.dropped_frames, 1);
    cr_assert(driver_open(d, 3));
    append_set(d, 2, 60);
    driver_flush(d);
    driver_stop(d);
    cr_assert_eq(recovered(d), 2);
    // Even when the damage heals.
    disk_flip(&d->disk, slot, offset + 100, 1);
    cr_assert_eq(recovered(d), 2);
    cr_assert_eq(d->result.verdict, WAL_VERDICT_CLEAN);
    driver_free(d);
    free(d);
}

// A batch of several frames whose commit frame is missing leaves nothing behind, and its frames do
// not take part in the next batch.
Test(wal_cut, half_a_batch)
{
    struct driver *d = malloc(sizeof(*d));
    create(d, 9, &always);
    append_set(d, 1, 50);
    driver_flush(d);
    append_set(d, 2, (uint32_t)KIB(200));
    for (uint32_t i = 0; i < 2; i++) {
        cr_assert(driver_submit_next(d));
        driver_done(d, false);
    }
    cr_assert_eq(wal_batch_durable(d->wal), 1);
    cr_assert_eq(wal_written(d->wal), 3);
    driver_stop(d);
    cr_assert_eq(recovered(d), 1);
    cr_assert_eq(d->result.end, 1);
    cr_assert_eq(d->result.verdict, WAL_VERDICT_TORN);
    cr_assert_eq(d->result.dropped_frames, 2);
    cr_assert(driver_open(d, 3));
    append_set(d, 3, (uint32_t)KIB(200));
    driver_flush(d);
    driver_stop(d);
    cr_assert_eq(recovered(d), 2);
    cr_assert_eq(d->result.verdict, WAL_VERDICT_CLEAN);
    driver_free(d);
    free(d);
}

// A slot is used again; its frames arrive, but the new header is lost by the device and the old one
// shows again. The old header says that nothing in there counts; the frames say otherwise.
Test(wal_cut, old_header_over_new_frames)
{
    struct driver *d = malloc(sizeof(*d));
    create(d, 13, &always);
    uint8_t header[WAL_BLOCK_BYTES];
    uint32_t slot = 0;
    for (uint32_t start = 0; start < 4; start++) {
        driver_stop(d);
        cr_assert_eq(recovered(d), 0);
        uint8_t before[3][WAL_BLOCK_BYTES];
        for (uint32_t i = 0; i < 3; i++)
            memcpy(before[i], disk_file(&d->disk, i)->stable, WAL_BLOCK_BYTES);
        cr_assert(driver_open(d, 3));
        for (uint32_t i = 0; i < 3; i++) {
            if (memcmp(before[i], disk_file(&d->disk, i)->stable, WAL_BLOCK_BYTES) != 0) {
                memcpy(header, before[i], WAL_BLOCK_BYTES);
                slot = i;
            }
        }
    }
    cr_assert(!wal_block_is_zero(header), "no slot was used again");
    append_set(d, 1, 50);
    driver_flush(d);
    append_set(d, 2, 50);
    driver_flush(d);
    driver_stop(d);
    cr_assert_eq(recovered(d), 2);
    memcpy(disk_file(&d->disk, slot)->stable, header, WAL_BLOCK_BYTES);
    cr_assert_eq(driver_recover(d), WAL_VERDICT_DAMAGED);
    driver_free(d);
    free(d);
}

// A start on a full disk goes on where the log ends, but only if no frame was cut.
Test(wal_cut, resume_behind_the_end)
{
    struct driver_options options = always;
    options.resume = 100;
    struct driver *d = malloc(sizeof(*d));
    create(d, 12, &always);
    d->options = options;
    for (uint64_t id = 1; id <= 20; id++) {
        append_set(d, id, 100);
        driver_flush(d);
        driver_stop(d);
        cr_assert_eq(recovered(d), id);
        cr_assert(d->result.resume.possible);
        cr_assert(driver_open(d, 3));
        cr_assert_eq(d->resumed, id);
    }
    append_set(d, 21, 100);
    cr_assert(driver_submit_next(d));
    disk_sync(&d->disk, d->write.slot);
    disk_flip(&d->disk, d->write.slot, d->write.offset + 100, 0x55); // a torn write
    driver_stop(d);
    cr_assert_eq(recovered(d), 20);
    cr_assert(d->result.resume.possible);
    cr_assert(driver_open(d, 3));
    append_set(d, 21, 100);
    driver_flush(d);
    d->options.durable = false;
    append_set(d, 22, 100);
    cr_assert(driver_submit_next(d));
    struct wal_write torn = d->write;
    driver_done(d, false);
    append_set(d, 23, 100);
    cr_assert(driver_submit_next(d));
    disk_sync(&d->disk, d->write.slot);
    disk_flip(&d->disk, torn.slot, torn.offset + 100, 0x55);
    driver_stop(d);
    cr_assert_eq(recovered(d), 21);
    cr_assert(!d->result.resume.possible);
    driver_free(d);
    free(d);
}

// Starts without writes do not use up slots.
Test(wal_cut, idle_starts_use_few_slots)
{
    struct driver *d = malloc(sizeof(*d));
    create(d, 11, &always);
    for (uint32_t start = 0; start < 60; start++) {
        driver_stop(d);
        cr_assert_eq(recovered(d), 0);
        cr_assert(driver_open(d, 3));
    }
    uint32_t files = 0;
    for (uint32_t slot = 0; slot < DISK_SLOTS; slot++)
        files += disk_file(&d->disk, slot)->length > 0;
    cr_assert_leq(files, 6);
    driver_free(d);
    free(d);
}
