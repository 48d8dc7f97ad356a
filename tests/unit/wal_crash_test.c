// The log through crashes: whatever was durable is there afterwards, exactly a prefix of history is
// replayed, and no crash is ever refused.
#include "tests/unit/wal_driver.h"

#include <criterion/criterion.h>

static const struct driver_options always = {
    .durable = true, .failure = 30, .large = 4, .value_max = 3000};
static const struct driver_options everysec = {
    .durable = false, .failure = 30, .large = 4, .value_max = 3000};
static const struct driver_options resuming = {
    .durable = true, .failure = 30, .large = 4, .value_max = 3000, .resume = 50};
static const struct driver_options tiny = {
    .durable = true, .failure = 0, .large = 0, .value_max = 40};

// Recovers after a crash and checks it: at least `durable` commands of history.
static void recover_checked(struct driver *d, uint32_t durable, uint64_t seed)
{
    enum wal_verdict verdict = driver_recover(d);
    cr_assert(!wal_verdict_refuses(verdict), "seed %llu: %s", (unsigned long long)seed,
              d->result.message);
    uint32_t position = model_prefix(&d->model);
    cr_assert(position != UINT32_MAX, "seed %llu: no prefix", (unsigned long long)seed);
    cr_assert(position >= durable, "seed %llu: %u of %u: %s", (unsigned long long)seed, position,
              durable, d->result.message);
}

// Several lives of one folder, each ended by a power cut.
static void live_and_crash(uint64_t seed, const struct driver_options *options, uint32_t steps)
{
    struct driver *d = malloc(sizeof(*d));
    driver_create(d, seed, options);
    uint32_t durable = 0;
    for (uint32_t life = 0; life < 6; life++) {
        recover_checked(d, durable, seed);
        if (!driver_open(d, (uint32_t)disk_below(&d->disk, 6))) {
            // A crash while starting: nothing was served, nothing more is durable.
            disk_crash(&d->disk);
            continue;
        }
        uint64_t count = disk_below(&d->disk, steps);
        for (uint64_t step = 0; step < count; step++) {
            if (!driver_step(d))
                break;
        }
        durable = driver_durable(d, wal_batch_durable(d->wal));
        cr_assert(driver_durable(d, wal_batch_completed(d->wal)) <= durable);
        disk_crash(&d->disk);
        driver_stop(d);
    }
    recover_checked(d, durable, seed);
    driver_free(d);
    free(d);
}

Test(wal_crash, always)
{
    for (uint64_t seed = 1; seed <= 400; seed++)
        live_and_crash(seed, &always, 300);
}

Test(wal_crash, resuming)
{
    for (uint64_t seed = 1; seed <= 400; seed++)
        live_and_crash(seed, &resuming, 300);
}

Test(wal_crash, everysec)
{
    for (uint64_t seed = 1; seed <= 400; seed++)
        live_and_crash(seed, &everysec, 300);
}

Test(wal_crash, tiny)
{
    for (uint64_t seed = 1; seed <= 400; seed++)
        live_and_crash(seed, &tiny, 100);
}

// The same life again and again, cut at each of its steps.
static void crash_at_every_step(uint64_t seed, const struct driver_options *options)
{
    for (uint32_t cut = 0; cut < 120; cut++) {
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

Test(wal_crash, every_step)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        crash_at_every_step(seed, &always);
        crash_at_every_step(seed, &everysec);
    }
}

// A folder is used until no segment is left: commands are refused with FULL, never half-written.
Test(wal_crash, full)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct driver *d = malloc(sizeof(*d));
        struct driver_options options = {.durable = true, .large = 30, .value_max = 20000};
        driver_create(d, seed, &options);
        recover_checked(d, 0, seed);
        cr_assert(driver_open(d, 3));
        enum wal_admission admission = WAL_ADMIT;
        for (uint32_t i = 0; i < 3000 && admission != WAL_FULL; i++) {
            admission = driver_command(d);
            driver_flush(d);
        }
        cr_assert(admission == WAL_FULL);
        cr_assert(wal_segments_ready(d->wal) >= WAL_RESERVE - 1);
        uint32_t durable = driver_durable(d, wal_batch_durable(d->wal));
        cr_assert(durable == d->model.count);
        disk_crash(&d->disk);
        recover_checked(d, durable, seed);
        driver_free(d);
        free(d);
    }
}
