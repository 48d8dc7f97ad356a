// The table of verdicts: complete, and every row that can occur made from a real log.
#include "tests/unit/wal_driver.h"
#include "wal/recovery_internal.h"

#include <criterion/criterion.h>

static const enum wal_completion_shape completions[] = {WAL_COMPLETION_INTACT, WAL_COMPLETION_TORN,
                                                        WAL_COMPLETION_MISSING};
static const enum wal_tail_shape tails[] = {WAL_TAIL_NONE, WAL_TAIL_TORN, WAL_TAIL_FRAMES};
static const enum wal_extent extents[] = {WAL_EXTENT_AT_LEAST, WAL_EXTENT_BELOW};

// The rules, said once more in another way than the table does.
static enum wal_verdict rule(enum wal_completion_shape completion, enum wal_tail_shape tail,
                             enum wal_extent extent, bool agrees)
{
    if (!agrees)
        return WAL_VERDICT_CHAIN_MISMATCH;
    if (extent == WAL_EXTENT_BELOW)
        return WAL_VERDICT_DAMAGED;
    if (tail == WAL_TAIL_NONE)
        return WAL_VERDICT_CLEAN;
    return completion == WAL_COMPLETION_MISSING ? WAL_VERDICT_UNDECIDABLE : WAL_VERDICT_TORN;
}

Test(wal_verdict, table_is_exhaustive)
{
    uint32_t rows = 0;
    uint32_t seen[WAL_VERDICT_COUNT] = {0};
    for (uint32_t c = 0; c < 3; c++) {
        for (uint32_t t = 0; t < 3; t++) {
            for (uint32_t e = 0; e < 2; e++) {
                for (uint32_t agrees = 0; agrees < 2; agrees++) {
                    enum wal_verdict verdict =
                        wal_decide(completions[c], tails[t], extents[e], agrees);
                    cr_assert_eq(verdict, rule(completions[c], tails[t], extents[e], agrees));
                    seen[verdict]++;
                    rows++;
                }
            }
        }
    }
    cr_assert_eq(rows, 36);
    for (uint32_t verdict = 0; verdict < WAL_VERDICT_COUNT; verdict++) {
        // Only a failed read is judged without the table.
        cr_assert_eq(seen[verdict] == 0, verdict == WAL_VERDICT_UNREADABLE);
        cr_assert(wal_verdict_name((enum wal_verdict)verdict)[0] != 0);
    }
    cr_assert(!wal_verdict_refuses(WAL_VERDICT_CLEAN) && !wal_verdict_refuses(WAL_VERDICT_TORN));
    cr_assert(wal_verdict_refuses(WAL_VERDICT_DAMAGED));
    cr_assert(wal_verdict_refuses(WAL_VERDICT_UNDECIDABLE));
    cr_assert(wal_verdict_refuses(WAL_VERDICT_CHAIN_MISMATCH));
    cr_assert(wal_verdict_refuses(WAL_VERDICT_UNREADABLE));
}

// --- images --------------------------------------------------------------------------------------

#define FRAMES 12
#define FRAME_AT(i) (WAL_BLOCK_BYTES * (i)) // frame i = 1, 2, ... one block each, in one segment

static void forge_record(struct driver *d, struct wal_completion_block record)
{
    uint8_t block[WAL_BLOCK_BYTES];
    wal_completion_encode(block, &d->identity, record);
    uint64_t offset = record.counter % WAL_COMPLETION_BLOCKS * WAL_BLOCK_BYTES;
    disk_write(&d->disk, WAL_SLOT_COMPLETION, offset, block, sizeof(block));
    disk_sync(&d->disk, WAL_SLOT_COMPLETION);
}

static void forge_completion(struct driver *d, uint64_t counter, uint64_t durable, uint64_t chain)
{
    forge_record(
        d, (struct wal_completion_block){.counter = counter, .durable = durable, .chain = chain});
}

static void forge_header(struct driver *d, struct wal_segment_block header)
{
    uint8_t block[WAL_BLOCK_BYTES];
    wal_segment_encode(block, &d->identity, header);
    disk_write(&d->disk, header.slot, 0, block, sizeof(block));
    disk_sync(&d->disk, header.slot);
}

// FRAMES batches of one block each in slot 0, written with `synced` of them durable, and witnessed.
static void build(struct driver *d, uint32_t synced)
{
    struct driver_options options = {.durable = false, .value_max = 100};
    driver_create(d, 5, &options);
    driver_recover(d);
    cr_assert(driver_open(d, 3));
    for (uint32_t i = 1; i <= FRAMES; i++) {
        struct model_command command = {.id = i, .start = d->start, .batch = i};
        driver_append(d, &command);
        d->model.commands[d->model.count++] = command;
        cr_assert(driver_submit_next(d));
        driver_done(d, false);
        if (i <= synced) {
            driver_sync(d);
            driver_witness(d);
        }
    }
    cr_assert_eq(wal_durable(d->wal), synced);
    for (uint32_t slot = 0; slot < DISK_SLOTS; slot++) {
        if (disk_file(&d->disk, slot)->length > 0)
            disk_sync(&d->disk, slot);
    }
    driver_stop(d);
}

static void cut_from(struct driver *d, uint32_t frame)
{
    for (uint32_t i = frame; i <= FRAMES; i++)
        disk_zero(&d->disk, 0, FRAME_AT(i), WAL_BLOCK_BYTES);
}

// Makes the row; false when it cannot occur.
static bool make_row(struct driver *d, enum wal_completion_shape completion,
                     enum wal_tail_shape tail, enum wal_extent extent, bool agrees)
{
    bool missing = completion == WAL_COMPLETION_MISSING;
    // Without completion records, D and its chain value are known from frames and headers only: from
    // beyond a break.
    if (missing && extent == WAL_EXTENT_BELOW && (!agrees || tail != WAL_TAIL_FRAMES))
        return false;
    if (missing && !agrees && tail != WAL_TAIL_FRAMES)
        return false;
    build(d, extent == WAL_EXTENT_BELOW ? 9 : 4);
    switch (tail) {
    case WAL_TAIL_NONE:
        cut_from(d, extent == WAL_EXTENT_BELOW ? 8 : FRAMES);
        break;
    case WAL_TAIL_TORN:
        cut_from(d, 9);
        disk_flip(&d->disk, 0, FRAME_AT(extent == WAL_EXTENT_BELOW ? 8 : 10) + 70, 1);
        break;
    case WAL_TAIL_FRAMES:
        disk_flip(&d->disk, 0, FRAME_AT(7) + 70, 1);
        break;
    }
    if (!agrees && missing)
        forge_header(d, (struct wal_segment_block){.slot = 1,
                                                   .number = d->result.segment_newest + 2,
                                                   .first = 7,
                                                   .durable = 6,
                                                   .chain = 12345});
    else if (!agrees)
        forge_completion(d, d->result.completion_counter + 40, 3, 12345);
    if (!agrees && completion == WAL_COMPLETION_INTACT) {
        // All counters up to the forged one, as if they had been written.
        for (uint64_t counter = 1; counter < d->result.completion_counter + 40; counter++)
            forge_completion(d, counter, 0, wal_chain_start(&d->identity));
        forge_completion(d, 1, extent == WAL_EXTENT_BELOW ? 9 : 0, wal_chain_start(&d->identity));
    }
    uint32_t damaged = completion == WAL_COMPLETION_TORN ? 1 : 0;
    if (missing)
        damaged = WAL_COMPLETION_BLOCKS;
    for (uint32_t i = 0; i < damaged; i++)
        disk_flip(&d->disk, WAL_SLOT_COMPLETION, (1 + i) % 64 * WAL_BLOCK_BYTES + 9, 1);
    return true;
}

Test(wal_verdict, every_row_from_a_log)
{
    uint32_t made = 0;
    uint32_t impossible = 0;
    for (uint32_t row = 0; row < 36; row++) {
        enum wal_completion_shape completion = completions[row / 12];
        enum wal_tail_shape tail = tails[row / 4 % 3];
        enum wal_extent extent = extents[row / 2 % 2];
        bool agrees = row % 2;
        struct driver *d = malloc(sizeof(*d));
        memset(d, 0, sizeof(*d));
        if (!make_row(d, completion, tail, extent, agrees)) {
            impossible++;
            free(d);
            continue;
        }
        enum wal_verdict verdict = driver_recover(d);
        cr_expect_eq(d->recovery->completion, completion, "row %u: %s", row, d->result.message);
        cr_expect_eq(d->recovery->tail, tail, "row %u: %s", row, d->result.message);
        cr_expect_eq(d->recovery->witness_agrees, agrees, "row %u", row);
        cr_expect_eq(d->result.end < d->result.durable, extent == WAL_EXTENT_BELOW, "row %u", row);
        cr_expect_eq(verdict, wal_decide(completion, tail, extent, agrees), "row %u: %s", row,
                     d->result.message);
        made++;
        driver_free(d);
        free(d);
    }
    cr_assert_eq(impossible, 7);
    cr_assert_eq(made, 29);
}

// --- what the messages say ------------------------------------------------------------------------

// A segment that a completion record names was durable: without it, nobody can tell what it held.
Test(wal_verdict, newest_segment_is_missed)
{
    struct driver *d = malloc(sizeof(*d));
    build(d, FRAMES);
    cr_assert_eq(driver_recover(d), WAL_VERDICT_CLEAN);
    struct wal_completion_block record = {.counter = d->result.completion_counter + 1,
                                          .durable = d->result.end,
                                          .chain = d->result.end_chain,
                                          .segment = d->result.segment_newest};
    forge_record(d, record);
    cr_assert_eq(driver_recover(d), WAL_VERDICT_CLEAN);
    record.counter++;
    record.segment++;
    forge_record(d, record);
    cr_assert_eq(driver_recover(d), WAL_VERDICT_DAMAGED);
    cr_assert_eq(d->result.end, d->result.durable);
    cr_assert_eq(d->result.damage.segment, record.segment);
    cr_assert(strncmp(d->result.message, "segment ", 8) == 0, "%s", d->result.message);
    driver_free(d);
    free(d);
}

Test(wal_verdict, damage_is_named)
{
    struct driver *d = malloc(sizeof(*d));
    build(d, FRAMES);
    cr_assert_eq(driver_recover(d), WAL_VERDICT_CLEAN);
    cr_assert_eq(d->result.damage.kind, WAL_DAMAGE_NONE);
    cr_assert_eq(d->result.end, FRAMES);
    disk_flip(&d->disk, 0, FRAME_AT(5) + 70, 1);
    cr_assert_eq(driver_recover(d), WAL_VERDICT_DAMAGED);
    cr_assert_eq(d->result.damage.kind, WAL_DAMAGE_CHECKSUM);
    cr_assert_eq(d->result.damage.slot, 0);
    cr_assert_eq(d->result.damage.offset, FRAME_AT(5));
    cr_assert_eq(d->result.damage.sequence, 5);
    cr_assert_eq(d->result.damage.sequence_last, FRAMES);
    cr_assert_eq(d->result.dropped_frames, FRAMES - 5);
    cr_assert(strstr(d->result.message, "intent.00000") != NULL);
    disk_zero(&d->disk, 0, FRAME_AT(5), WAL_BLOCK_BYTES);
    driver_recover(d);
    cr_assert_eq(d->result.damage.kind, WAL_DAMAGE_ZERO);
    disk_truncate(&d->disk, 0, FRAME_AT(5));
    cr_assert_eq(driver_recover(d), WAL_VERDICT_DAMAGED);
    cr_assert_eq(d->result.damage.kind, WAL_DAMAGE_MISSING);
    disk_swap(&d->disk, 0, 1);
    cr_assert_eq(driver_recover(d), WAL_VERDICT_DAMAGED);
    cr_assert_eq(d->result.damage.kind, WAL_DAMAGE_MISPLACED);
    cr_assert_eq(d->result.damage.slot, 1);
    disk_truncate(&d->disk, 1, 0);
    cr_assert_eq(driver_recover(d), WAL_VERDICT_DAMAGED);
    cr_assert_eq(d->result.damage.kind, WAL_DAMAGE_MISSING);
    driver_free(d);
    free(d);
}

static int visit_count(void *context, uint32_t slot, uint64_t offset,
                       const struct wal_frame_header *header, const uint8_t *records)
{
    uint32_t *count = context;
    cr_assert_eq(slot, 0);
    cr_assert_eq(offset, FRAME_AT(header->sequence));
    struct wal_record record;
    cr_assert(wal_record_decode(records, header->length, &record) > 0);
    (*count)++;
    return 0;
}

Test(wal_verdict, scan_finds_every_valid_frame)
{
    struct driver *d = malloc(sizeof(*d));
    build(d, FRAMES);
    disk_flip(&d->disk, 0, FRAME_AT(5) + 70, 1);
    disk_flip(&d->disk, 0, 3, 1); // the header
    struct wal_source source = driver_source(d);
    uint32_t count = 0;
    cr_assert_eq(wal_scan_slot(d->recovery, &d->identity, &source, 0, visit_count, &count), 0);
    cr_assert_eq(count, FRAMES - 1);
    d->disk.bad = true;
    d->disk.bad_offset = FRAME_AT(3);
    count = 0;
    cr_assert_eq(wal_scan_slot(d->recovery, &d->identity, &source, 0, visit_count, &count), -EIO);
    cr_assert_eq(count, FRAMES - 2);
    driver_free(d);
    free(d);
}

Test(wal_verdict, clean_stop)
{
    struct driver *d = malloc(sizeof(*d));
    struct driver_options options = {.durable = true, .value_max = 100};
    driver_create(d, 5, &options);
    driver_recover(d);
    cr_assert(driver_open(d, 3));
    driver_command(d);
    driver_flush(d);
    const uint8_t *block;
    cr_assert(wal_completion_next(d->wal, true, &block, &d->completion_offset));
    disk_write(&d->disk, WAL_SLOT_COMPLETION, d->completion_offset, block, WAL_BLOCK_BYTES);
    driver_complete_done(d);
    driver_stop(d);
    cr_assert_eq(driver_recover(d), WAL_VERDICT_CLEAN);
    cr_assert(d->result.clean_stop);
    cr_assert(driver_open(d, 3));
    driver_stop(d);
    driver_recover(d);
    cr_assert(!d->result.clean_stop);
    driver_free(d);
    free(d);
}
