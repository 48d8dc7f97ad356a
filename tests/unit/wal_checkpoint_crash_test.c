// Checkpoints through crashes: cut at every step of their life, what was durable is there afterwards,
// and no crash is ever refused; damaged ones are refused, or nothing is lost.
#include "tests/unit/wal_driver.h"

#include <criterion/criterion.h>

static const struct driver_options always = {
    .durable = true, .failure = 20, .large = 4, .value_max = 3000, .checkpoints = 20};
static const struct driver_options everysec = {
    .durable = false, .failure = 20, .large = 4, .value_max = 3000, .checkpoints = 20};
static const struct driver_options resuming = {
    .durable = true, .failure = 20, .large = 4, .value_max = 3000, .resume = 50, .checkpoints = 20};
static const struct driver_options hurried = {
    .durable = true, .large = 1, .value_max = 20000, .checkpoints = 60};

static void recover_checked(struct driver *d, uint32_t durable, uint64_t seed)
{
    enum wal_verdict verdict = driver_recover(d);
    cr_assert(!wal_verdict_refuses(verdict), "seed %llu: %s", (unsigned long long)seed,
              d->result.message);
    uint32_t position = model_prefix(&d->model);
    cr_assert(position != UINT32_MAX, "seed %llu: no prefix: %s", (unsigned long long)seed,
              d->result.message);
    cr_assert(position >= durable, "seed %llu: %u of %u: %s", (unsigned long long)seed, position,
              durable, d->result.message);
}

struct seen {
    uint32_t finished;
    uint32_t reused;
    uint32_t loaded;
};

// Lives of one folder, each ended by a power cut; recovery is cut, too, several times in a row.
static void live_and_crash(uint64_t seed, const struct driver_options *options, uint32_t steps,
                           struct seen *seen)
{
    struct driver *d = malloc(sizeof(*d));
    driver_create(d, seed, options);
    uint32_t durable = 0;
    for (uint32_t life = 0; life < 8; life++) {
        recover_checked(d, durable, seed);
        seen->loaded += d->result.checkpoint > 0;
        if (!driver_open(d, (uint32_t)disk_below(&d->disk, 8))) {
            disk_crash(&d->disk);
            continue;
        }
        uint64_t count = disk_below(&d->disk, steps);
        for (uint64_t step = 0; step < count; step++) {
            if (!driver_step(d))
                break;
        }
        durable = driver_durable(d, wal_batch_durable(d->wal));
        disk_crash(&d->disk);
        driver_stop(d);
    }
    recover_checked(d, durable, seed);
    seen->finished += d->checkpoint.finished;
    seen->reused += d->checkpoint.reused;
    driver_free(d);
    free(d);
}

static void live_all(const struct driver_options *options, uint32_t steps)
{
    struct seen seen = {0};
    for (uint64_t seed = 1; seed <= 300; seed++)
        live_and_crash(seed, options, steps, &seen);
    cr_log_info("%u checkpoints, %u loaded, %u segments reused", seen.finished, seen.loaded,
                seen.reused);
    cr_assert(seen.finished > 100 && seen.loaded > 100 && seen.reused > 100, "%u, %u, %u",
              seen.finished, seen.loaded, seen.reused);
}

Test(wal_checkpoint_crash, always)
{
    live_all(&always, 600);
}

Test(wal_checkpoint_crash, everysec)
{
    live_all(&everysec, 600);
}

Test(wal_checkpoint_crash, resuming)
{
    live_all(&resuming, 600);
}

Test(wal_checkpoint_crash, hurried)
{
    live_all(&hurried, 1000);
}

// The same life again and again, cut at each of its steps.
static void crash_at_every_step(uint64_t seed, const struct driver_options *options)
{
    for (uint32_t cut = 0; cut < 250; cut++) {
        struct driver *d = malloc(sizeof(*d));
        driver_create(d, seed, options);
        recover_checked(d, 0, seed);
        cr_assert(driver_open(d, 3));
        bool going = true;
        for (uint32_t step = 0; step < cut && going; step++)
            going = driver_step(d);
        uint32_t durable = driver_durable(d, wal_batch_durable(d->wal));
        d->disk.random += cut;
        disk_crash(&d->disk);
        recover_checked(d, durable, seed);
        driver_free(d);
        free(d);
    }
}

Test(wal_checkpoint_crash, every_step)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        crash_at_every_step(seed, &hurried);
        crash_at_every_step(seed, &everysec);
    }
}

// A log that is used for ever in the same few segments.
Test(wal_checkpoint_crash, goes_on)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct driver *d = malloc(sizeof(*d));
        struct driver_options options = {.durable = true, .large = 20, .value_max = 9000};
        driver_create(d, seed, &options);
        recover_checked(d, 0, seed);
        cr_assert(driver_open(d, 3));
        uint32_t refused = 0;
        for (uint32_t i = 0; i < 2000; i++) {
            refused += driver_command(d) == WAL_FULL;
            driver_flush(d);
            driver_complete_done(d);
            driver_complete_submit(d);
            driver_checkpoint(d);
        }
        cr_assert_eq(refused, 0);
        cr_assert(d->checkpoint.reused > 20, "%u", d->checkpoint.reused);
        cr_assert(wal_segments_count(d->wal) < DISK_SLOTS, "%u", wal_segments_count(d->wal));
        disk_crash(&d->disk);
        recover_checked(d, d->model.count, seed);
        driver_free(d);
        free(d);
    }
}

// --- damage --------------------------------------------------------------------------------------

// A folder with checkpoints behind it, the newest one verified, everything durable and witnessed.
static bool build(struct driver *d, uint64_t seed)
{
    driver_create(d, seed, &hurried);
    recover_checked(d, 0, seed);
    cr_assert(driver_open(d, 3));
    for (uint32_t step = 0; step < 900; step++) {
        if (!driver_step(d))
            break;
    }
    for (uint32_t i = 0; i < 100 && d->checkpoint.step != DRIVER_IDLE; i++) {
        driver_flush(d);
        driver_witness(d);
        driver_checkpoint(d);
    }
    driver_flush(d);
    driver_witness(d);
    disk_sync(&d->disk, WAL_SLOT_COMPLETION);
    disk_sync_folder(&d->disk);
    disk_crash(&d->disk);
    return d->checkpoint.published > 0;
}

// As it is now: refused, naming the checkpoint, or everything is there.
static bool refused(struct driver *d, uint32_t durable, const char *what, uint64_t at)
{
    enum wal_verdict verdict = driver_recover(d);
    if (wal_verdict_refuses(verdict)) {
        cr_assert(strstr(d->result.message, "checkpoint") != NULL, "%s at %llu: %s", what,
                  (unsigned long long)at, d->result.message);
        return true;
    }
    uint32_t position = model_prefix(&d->model);
    cr_assert(position != UINT32_MAX && position >= durable, "%s at %llu: %u of %u: %s", what,
              (unsigned long long)at, position, durable, d->result.message);
    return false;
}

// Bytes of the newest checkpoint, and which of them mean something.
static uint64_t needed_bytes(struct driver *d, bool *is)
{
    struct disk_file *file = disk_file(&d->disk, WAL_SLOT_CHECKPOINT);
    struct wal_checkpoint_reader reader;
    uint64_t numbers[2];
    disk_checkpoints(&d->disk, numbers);
    memset(is, 0, DISK_CHECKPOINT_BYTES);
    wal_checkpoint_read(&reader, &d->identity, numbers[0]);
    while (!reader.ended) {
        struct wal_checkpoint_header header;
        const uint8_t *records;
        uint64_t length;
        uint32_t count;
        const uint8_t *frame = file->stable + reader.offset;
        memcpy(&header, frame, sizeof(header));
        memset(is + reader.offset, 1, sizeof(header) + header.length);
        cr_assert_eq(wal_checkpoint_frame_take(&reader, frame, &records, &length, &count), 0);
    }
    return reader.offset;
}

static void damage_all(struct driver *d, uint32_t durable)
{
    bool *is = malloc(DISK_CHECKPOINT_BYTES);
    uint64_t bytes = needed_bytes(d, is);
    struct disk_file *file = disk_file(&d->disk, WAL_SLOT_CHECKPOINT);
    for (uint32_t i = 0; i < 300; i++) {
        uint64_t at = disk_below(&d->disk, i % 4 == 0 ? file->length : bytes);
        if (i % 3 == 0)
            at = at / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES + disk_below(&d->disk, 64);
        uint8_t bits = (uint8_t)(1 << disk_below(&d->disk, 8));
        disk_flip(&d->disk, WAL_SLOT_CHECKPOINT, at, bits);
        cr_assert_eq(refused(d, durable, "flip", at), is[at], "byte %llu: %s",
                     (unsigned long long)at, d->result.message);
        disk_flip(&d->disk, WAL_SLOT_CHECKPOINT, at, bits);
    }
    uint64_t length = file->length;
    for (uint64_t at = 0; at < bytes + 3 * WAL_BLOCK_BYTES; at += WAL_BLOCK_BYTES) {
        d->disk.bad = true;
        d->disk.bad_slot = WAL_SLOT_CHECKPOINT;
        d->disk.bad_offset = at;
        bool needed = at < bytes;
        // A block behind the end may be read together with others.
        cr_assert(refused(d, durable, "unreadable", at) || !needed);
        d->disk.bad = false;
        file->length = at;
        cr_assert_eq(refused(d, durable, "cut off", at), needed);
        file->length = length;
    }
    free(is);
}

Test(wal_checkpoint_crash, damage)
{
    uint32_t built = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct driver *d = malloc(sizeof(*d));
        if (build(d, seed)) {
            uint32_t durable = d->model.count;
            cr_assert(!refused(d, durable, "nothing", 0));
            damage_all(d, durable);
            // Gone; or another one in its place.
            struct disk_checkpoint *newest = disk_checkpoint(&d->disk, d->checkpoint.published);
            newest->name = DISK_NAME_NONE;
            cr_assert(refused(d, durable, "missing", 0));
            newest->name = d->checkpoint.published - 1;
            cr_assert(newest->name == 0 || refused(d, durable, "older", 0));
            newest->name = d->checkpoint.published + 1;
            // Unknown to the completion log, and damaged: without it, all of the log has to be there.
            cr_assert(wal_verdict_refuses(driver_recover(d)) || model_prefix(&d->model) >= durable);
            newest->name = d->checkpoint.published;
            cr_assert(!refused(d, durable, "back", 0));
            // What is being made says nothing.
            struct disk_checkpoint *other = disk_checkpoint(&d->disk, DISK_NAME_NEW);
            if (other != NULL)
                memset(other->file.stable, 0x5a, DISK_CHECKPOINT_BYTES);
            cr_assert(!refused(d, durable, "space", 0));
            built++;
        }
        driver_free(d);
        free(d);
    }
    cr_assert(built > 6);
}
