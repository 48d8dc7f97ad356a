// Drives the log's writing side and recovery over a disk in memory, as the server does over files.
#ifndef PORO_TESTS_WAL_DRIVER_H
#define PORO_TESTS_WAL_DRIVER_H

#include "storage/allocator.h"
#include "tests/unit/wal_disk.h"
#include "tests/unit/wal_model.h"
#include "wal/checkpoint.h"

#include <sys/mman.h>

#define DRIVER_STAGING_BYTES MIB(4)

struct driver_options {
    bool durable;         // appendfsync always: every write is durable when it is done
    uint32_t failure;     // writes of a thousand that fail
    uint32_t large;       // commands of a hundred that are longer than a frame
    uint32_t value_max;   // bytes of other values
    uint32_t resume;      // starts of a hundred that go on where the log ends, if that is possible
    uint32_t checkpoints; // steps of a hundred that work at one; 0: none are made
};

// Where a checkpoint stands: a step each, with commands in between.
enum driver_checkpoint_step {
    DRIVER_IDLE,
    DRIVER_WALK,
    DRIVER_AWAIT,
    DRIVER_END,
    DRIVER_RENAME,
    DRIVER_SYNC_FOLDER,
    DRIVER_VERIFY,
    DRIVER_WITNESS,
    DRIVER_RETIRE,
    DRIVER_SYNC_RETIRED,
    DRIVER_WITHDRAW,
};

struct driver_checkpoint {
    enum driver_checkpoint_step step;
    struct wal_checkpoint_writer writer;
    struct wal_checkpoint_begin begin;
    struct disk_file *file; // checkpoint.new, and what it becomes
    uint8_t *frame;
    uint64_t newest;
    uint64_t published;
    uint64_t batch;
    uint32_t from; // the walk begins with this key
    uint32_t key;  // keys done
    uint32_t done; // bytes of the next one
    uint32_t total;
    uint32_t finished; // by all processes
    uint32_t reused;   // segments
};

struct driver {
    struct disk disk;
    struct model model;
    struct driver_options options;
    struct wal_identity identity;
    struct wal_recovery_result result;

    // Of the process that runs.
    uint64_t start;
    void *region;
    struct wal *wal;
    bool serving;  // start is complete
    bool failed;   // a write failed since the start
    uint32_t base; // history up to here was there when it started
    struct wal_write write;
    uint64_t completion_offset;
    uint64_t next_id;
    uint32_t resumed; // starts that went on where the log ended
    struct driver_checkpoint checkpoint;

    void *recovery_region;
    struct wal_recovery *recovery;
    uint8_t *staging;
    uint8_t *buffer;
    uint64_t buffer_bytes;
};

static inline uint8_t *driver_memory(uint64_t bytes)
{
    void *memory = aligned_alloc(WAL_BLOCK_BYTES, bytes);
    assert(memory != NULL);
    return memory;
}

#define DRIVER_REGION_BYTES MIB(8)

// Fresh pages, so that memory which is not touched costs nothing.
static inline struct allocator *driver_allocator(void **region, size_t bytes)
{
    assert(bytes + allocator_overhead() <= DRIVER_REGION_BYTES);
    *region =
        mmap(NULL, DRIVER_REGION_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert(*region != MAP_FAILED);
    return allocator_create(*region, DRIVER_REGION_BYTES);
}

// A new folder: identity and the completion log with its first record.
static inline void driver_create(struct driver *d, uint64_t seed,
                                 const struct driver_options *options)
{
    memset(d, 0, sizeof(*d));
    d->disk.random = seed;
    d->options = *options;
    d->next_id = 1;
    model_create(&d->model);
    for (uint32_t i = 0; i < sizeof(d->identity.id); i++)
        d->identity.id[i] = (uint8_t)disk_random(&d->disk);
    d->identity.segment_bytes = DISK_SEGMENT_BYTES;
    uint8_t block[WAL_BLOCK_BYTES];
    disk_create(&d->disk, WAL_SLOT_COMPLETION, DISK_COMPLETION_BYTES);
    uint64_t offset = wal_completion_initial(block, &d->identity);
    disk_write(&d->disk, WAL_SLOT_COMPLETION, offset, block, sizeof(block));
    disk_sync(&d->disk, WAL_SLOT_COMPLETION);
    d->staging = driver_memory(2 * DRIVER_STAGING_BYTES);
    // Small, so that frames straddle the reads.
    d->buffer_bytes = wal_frame_bytes_max(DISK_SEGMENT_BYTES) + WAL_BLOCK_BYTES * (1 + seed % 20);
    d->buffer = driver_memory(d->buffer_bytes);
    d->checkpoint.frame = driver_memory(wal_checkpoint_frame_bytes_max(DISK_SEGMENT_BYTES));
    struct allocator *allocator = driver_allocator(&d->recovery_region, wal_recovery_overhead());
    d->recovery = wal_recovery_create(allocator, d->buffer, d->buffer_bytes);
    assert(d->recovery != NULL);
}

static inline void driver_stop(struct driver *d)
{
    if (d->region != NULL)
        munmap(d->region, DRIVER_REGION_BYTES);
    d->region = NULL;
    d->wal = NULL;
    d->serving = false;
}

static inline void driver_free(struct driver *d)
{
    driver_stop(d);
    munmap(d->recovery_region, DRIVER_REGION_BYTES);
    free(d->staging);
    free(d->buffer);
    free(d->checkpoint.frame);
    model_free(&d->model);
    disk_free(&d->disk);
}

// --- recovery --------------------------------------------------------------------------------

static inline int64_t driver_read(void *context, uint32_t slot, uint64_t offset, uint8_t *buffer,
                                  uint64_t length)
{
    struct driver *d = context;
    return disk_read(&d->disk, slot, offset, buffer, length);
}

static inline int driver_apply(void *context, const struct wal_record *record)
{
    struct driver *d = context;
    model_apply(&d->model.replayed, record);
    return 0;
}

static inline struct wal_source driver_source(struct driver *d)
{
    struct wal_source source = {.context = d, .read = driver_read, .apply = driver_apply};
    disk_checkpoints(&d->disk, source.checkpoints);
    return source;
}

static inline enum wal_verdict driver_recover(struct driver *d)
{
    struct wal_source source = driver_source(d);
    model_state_clear(&d->model.replayed);
    int result = wal_recover(d->recovery, &d->identity, &source, DISK_SLOTS, &d->result);
    assert(result == 0);
    assert(d->result.message[0] != 0);
    return d->result.verdict;
}

// Position in history up to which everything was durable, as the process knew.
static inline uint32_t driver_durable(const struct driver *d, uint64_t batch)
{
    uint32_t position = d->base;
    while (position < d->model.count && d->model.commands[position].batch <= batch)
        position++;
    return position;
}

// --- the process -----------------------------------------------------------------------------

static inline void driver_prepare(struct driver *d)
{
    uint32_t slot;
    bool made;
    while (wal_slot_wanted(d->wal, &slot, &made)) {
        if (slot >= DISK_SLOTS) {
            wal_slot_prepared(d->wal, slot, -ENOSPC);
            return;
        }
        if (!made)
            disk_create(&d->disk, slot, DISK_SEGMENT_BYTES);
        else
            d->checkpoint.reused++;
        wal_slot_prepared(d->wal, slot, 0);
    }
}

static inline void driver_submit(struct driver *d, const struct wal_write *write)
{
    uint64_t offset = write->offset;
    for (uint32_t i = 0; i < 2 && write->lengths[i] > 0; i++) {
        assert((uintptr_t)write->pieces[i] % WAL_BLOCK_BYTES == 0);
        assert(write->lengths[i] % WAL_BLOCK_BYTES == 0);
        disk_write(&d->disk, write->slot, offset, write->pieces[i], write->lengths[i]);
        offset += write->lengths[i];
    }
    d->write = *write;
}

// Ends the write in flight. Returns false when the log gave up.
static inline bool driver_done(struct driver *d, bool may_fail)
{
    uint64_t bytes = (uint64_t)d->write.lengths[0] + d->write.lengths[1];
    if (may_fail && disk_below(&d->disk, 1000) < d->options.failure) {
        // What has landed of it is decided by the next crash.
        d->failed = true;
        int64_t result = disk_below(&d->disk, 2) ? -EIO : (int64_t)(bytes - WAL_BLOCK_BYTES);
        return wal_write_done(d->wal, result, d->options.durable) != WAL_FATAL;
    }
    if (d->options.durable)
        disk_harden(&d->disk, d->write.slot, d->write.offset, bytes);
    enum wal_outcome outcome = wal_write_done(d->wal, (int64_t)bytes, d->options.durable);
    assert(outcome == WAL_OK);
    return true;
}

static inline bool driver_submit_next(struct driver *d)
{
    struct wal_write write;
    if (!wal_write_next(d->wal, &write)) {
        // What was admitted can be written: unless failures have used up the reserve.
        bool waiting = wal_newest_batch(d->wal) > wal_batch_written(d->wal);
        assert(wal_write_in_flight(d->wal) || !waiting || d->failed);
        return false;
    }
    driver_submit(d, &write);
    return true;
}

static inline void driver_complete_submit(struct driver *d)
{
    const uint8_t *block;
    if (wal_completion_next(d->wal, false, &block, &d->completion_offset))
        disk_write(&d->disk, WAL_SLOT_COMPLETION, d->completion_offset, block, WAL_BLOCK_BYTES);
}

static inline void driver_complete_done(struct driver *d)
{
    if (!wal_completion_in_flight(d->wal))
        return;
    if (disk_below(&d->disk, 1000) < d->options.failure) {
        wal_completion_done(d->wal, -EIO);
        return;
    }
    disk_harden(&d->disk, WAL_SLOT_COMPLETION, d->completion_offset, WAL_BLOCK_BYTES);
    wal_completion_done(d->wal, 0);
}

static inline void driver_sync(struct driver *d)
{
    uint32_t slots[4];
    uint64_t token;
    uint32_t count = wal_unsynced(d->wal, slots, 1 + (uint32_t)disk_below(&d->disk, 4), &token);
    for (uint32_t i = 0; i < count; i++)
        disk_sync(&d->disk, slots[i]);
    wal_synced(d->wal, token);
}

static inline bool driver_open_segment(struct driver *d, uint32_t steps)
{
    const struct wal_recovery_result *result = &d->result;
    if (result->resume.possible && disk_below(&d->disk, 100) < d->options.resume) {
        wal_resume_segment(d->wal, result->resume.slot, result->resume.number,
                           result->resume.offset);
        d->resumed++;
        return steps > 1;
    }
    struct wal_write write;
    if (!wal_open_segment(d->wal, &write) || steps == 0)
        return false;
    driver_submit(d, &write);
    if (steps == 1)
        return false;
    // Durable in every mode, before anything is served.
    uint64_t bytes = write.lengths[0];
    disk_harden(&d->disk, write.slot, 0, bytes);
    enum wal_outcome outcome = wal_write_done(d->wal, (int64_t)bytes, true);
    assert(outcome == WAL_OK);
    return true;
}

// What the newest checkpoint replaces is removed.
static inline bool driver_remove_checkpoints(struct driver *d, uint32_t steps)
{
    for (uint32_t i = 0; i < DISK_CHECKPOINTS; i++) {
        struct disk_checkpoint *one = &d->disk.checkpoints[i];
        if (one->name != d->result.checkpoint && one->name != DISK_NAME_NEW)
            one->name = DISK_NAME_NONE;
    }
    if (steps == 4)
        return false;
    disk_sync_folder(&d->disk);
    return true;
}

// After driver_recover: opens the log. `steps`: how far (a crash may come at any of them).
static inline bool driver_open(struct driver *d, uint32_t steps)
{
    const struct wal_recovery_result *result = &d->result;
    struct wal_options options = {.identity = d->identity, .segments_ahead = 3};
    void *const staging[2] = {d->staging, d->staging + DRIVER_STAGING_BYTES};
    driver_stop(d);
    d->wal = wal_create(driver_allocator(&d->region, wal_overhead()), staging, DRIVER_STAGING_BYTES,
                        &options);
    assert(d->wal != NULL);
    d->start++;
    d->failed = false;
    uint32_t position = model_prefix(&d->model);
    assert(position != UINT32_MAX);
    // Until the start is complete, nobody has seen what was recovered; what lies beyond may yet
    // be found by the next recovery.
    d->base = position;
    wal_continue(d->wal, result->end, result->end_chain, result->segment_newest + 1,
                 result->completion_counter, result->checkpoint);
    for (uint32_t slot = 0; slot < DISK_SLOTS; slot++) {
        uint64_t number;
        enum wal_slot_state state = wal_recovery_slot(d->recovery, slot, &number);
        if (state == WAL_SLOT_NONE && disk_file(&d->disk, slot)->length > 0)
            disk_file(&d->disk, slot)->length = 0; // removed, to be made again
        wal_slot_found(d->wal, slot, state, number);
    }
    driver_prepare(d);
    if (!driver_open_segment(d, steps))
        return false;
    driver_complete_submit(d);
    if (steps == 2)
        return false;
    disk_harden(&d->disk, WAL_SLOT_COMPLETION, d->completion_offset, WAL_BLOCK_BYTES);
    wal_completion_done(d->wal, 0);
    if (!driver_remove_checkpoints(d, steps))
        return false;
    d->checkpoint.step = DRIVER_IDLE;
    d->checkpoint.newest = result->checkpoint_newest;
    d->checkpoint.published = result->checkpoint;
    model_state_copy(&d->model.live, &d->model.replayed);
    d->model.count = position;
    d->base = position;
    d->serving = true;
    return true;
}

// --- commands --------------------------------------------------------------------------------

static inline void driver_random_op(struct driver *d, struct model_command *command, bool large)
{
    struct disk *random = &d->disk;
    uint32_t op = command->op_count++;
    uint32_t length = (uint32_t)disk_below(random, d->options.value_max + 1);
    if (large)
        length = (uint32_t)(KIB(60) + disk_below(random, MODEL_VALUE_MAX - KIB(60)));
    command->ops[op].key = (uint32_t)disk_below(random, MODEL_KEYS);
    command->ops[op].seed = disk_random(random);
    switch (large ? 0 : disk_below(random, 8)) {
    case 0:
    case 1:
    case 2:
        command->ops[op].type = WAL_RECORD_SET;
        command->ops[op].length = length;
        command->ops[op].total = length;
        command->ops[op].expiry_ms = disk_below(random, 2) ? (int64_t)disk_random(random) : 0;
        break;
    case 3:
    case 4:
        command->ops[op].type = WAL_RECORD_RANGE;
        command->ops[op].length = length;
        command->ops[op].offset = (uint32_t)disk_below(random, 1000);
        command->ops[op].total = command->ops[op].offset + length + (uint32_t)disk_below(random, 9);
        break;
    case 5:
        command->ops[op].type = WAL_RECORD_EXPIRE;
        command->ops[op].expiry_ms = (int64_t)disk_below(random, 3);
        break;
    case 6:
        command->ops[op].type = WAL_RECORD_DELETE;
        break;
    default:
        command->ops[op].type = WAL_RECORD_MAP;
        break;
    }
    assert(command->ops[op].total <= MODEL_VALUE_MAX);
}

static inline void driver_append(struct driver *d, const struct model_command *command)
{
    struct wal_record record = model_id_record(command);
    wal_append(d->wal, &record);
    model_apply(&d->model.live, &record);
    for (uint32_t op = 0; op < command->op_count; op++) {
        char name[32];
        record = model_record(command, op, name, d->model.scratch);
        wal_append(d->wal, &record);
        model_apply(&d->model.live, &record);
    }
}

// One command, if the log admits it. Some are rolled back.
static inline enum wal_admission driver_command(struct driver *d)
{
    assert(d->serving && d->model.count < MODEL_COMMANDS);
    struct model_command command = {.id = d->next_id, .start = d->start};
    uint32_t count = (uint32_t)disk_below(&d->disk, MODEL_OPS + 1);
    for (uint32_t i = 0; i < count; i++) {
        bool large = disk_below(&d->disk, 100) < d->options.large;
        driver_random_op(d, &command, large);
    }
    uint64_t bytes = 2 + sizeof(command.id) + WAL_RECORD_OVERHEAD_MAX;
    for (uint32_t op = 0; op < command.op_count; op++)
        bytes += 4 + command.ops[op].key + command.ops[op].length + WAL_RECORD_OVERHEAD_MAX;
    enum wal_admission admission = wal_admit(d->wal, bytes, disk_below(&d->disk, 10) == 0);
    if (admission != WAL_ADMIT)
        return admission;
    d->next_id++;
    command.batch = wal_open_batch(d->wal);
    driver_append(d, &command);
    d->model.commands[d->model.count++] = command;
    return WAL_ADMIT;
}

// --- checkpoints ---------------------------------------------------------------------------------

static inline void driver_checkpoint_begin(struct driver *d)
{
    struct driver_checkpoint *checkpoint = &d->checkpoint;
    struct disk_checkpoint *file = disk_checkpoint(&d->disk, DISK_NAME_NEW);
    if (file == NULL) {
        file = disk_checkpoint(&d->disk, DISK_NAME_NONE);
        if (file == NULL || file->name_stable != DISK_NAME_NONE)
            return; // retired ones are still there
        disk_create_file(&file->file, DISK_CHECKPOINT_BYTES, DISK_CHECKPOINT_BYTES);
        file->name = DISK_NAME_NEW;
    }
    checkpoint->file = &file->file;
    checkpoint->begin = (struct wal_checkpoint_begin){.next_id = d->model.live.map_next_id};
    wal_checkpoint_place(d->wal, &checkpoint->begin);
    wal_checkpoint_open(&checkpoint->writer, &d->identity, ++checkpoint->newest);
    uint64_t bytes =
        wal_checkpoint_write_begin(&checkpoint->writer, checkpoint->frame, &checkpoint->begin);
    disk_write_file(checkpoint->file, 0, checkpoint->frame, bytes);
    checkpoint->from = (uint32_t)disk_below(&d->disk, MODEL_KEYS + 1);
    checkpoint->key = 0;
    checkpoint->done = 0;
    checkpoint->step = DRIVER_WALK;
}

// The key that the walk stands at, as it is now. False when there is none.
static inline bool driver_checkpoint_record(struct driver *d, char name[32],
                                            struct wal_record *record)
{
    const struct model_state *live = &d->model.live;
    uint32_t key = (d->checkpoint.key + d->checkpoint.from) % (MODEL_KEYS + 1);
    *record = (struct wal_record){.type = WAL_RECORD_SET, .keyspace = 7};
    if (key == MODEL_KEYS) {
        record->key = (const uint8_t *)"id";
        record->key_length = 2;
        record->data = (const uint8_t *)&live->id;
        record->length = sizeof(live->id);
        record->total = sizeof(live->id);
        return live->id > 0;
    }
    record->key = (const uint8_t *)name;
    record->key_length = model_key(name, key);
    record->data = live->keys[key].bytes;
    record->length = live->keys[key].total;
    record->total = live->keys[key].total;
    record->expiry_ms = live->keys[key].expiry_ms;
    return live->keys[key].exists;
}

// One more record into the frame. False when it has no room for it.
static inline bool driver_checkpoint_put(struct driver *d)
{
    struct driver_checkpoint *checkpoint = &d->checkpoint;
    char name[32];
    struct wal_record record;
    bool exists = driver_checkpoint_record(d, name, &record);
    // A value that has changed meanwhile: the log knows.
    bool there = exists && (checkpoint->done == 0 || record.total == checkpoint->total);
    if (there) {
        uint64_t room = wal_checkpoint_room(&checkpoint->writer, record.key_length);
        if (room == 0)
            return false;
        record.data += checkpoint->done;
        record.length -= checkpoint->done;
        if (record.length > room)
            record.length = (uint32_t)room;
        record.offset = checkpoint->done;
        if (checkpoint->done > 0) {
            record.type = WAL_RECORD_RANGE;
            record.expiry_ms = 0;
        }
        bool fits = wal_checkpoint_append(&checkpoint->writer, &record);
        assert(fits);
        checkpoint->total = record.total;
        checkpoint->done += record.length;
    }
    if (!there || checkpoint->done == record.total) {
        checkpoint->key++;
        checkpoint->done = 0;
    }
    return true;
}

static inline void driver_checkpoint_walk(struct driver *d)
{
    struct driver_checkpoint *checkpoint = &d->checkpoint;
    struct wal_checkpoint_writer *writer = &checkpoint->writer;
    uint64_t offset = writer->offset;
    uint64_t records = 1 + disk_below(&d->disk, 3);
    wal_checkpoint_frame(writer, checkpoint->frame);
    while (records-- > 0 && checkpoint->key <= MODEL_KEYS && driver_checkpoint_put(d))
        ;
    uint64_t bytes = wal_checkpoint_frame_close(writer);
    assert(offset + bytes + WAL_BLOCK_BYTES <= DISK_CHECKPOINT_BYTES);
    disk_write_file(checkpoint->file, offset, checkpoint->frame, bytes);
    if (checkpoint->key <= MODEL_KEYS)
        return;
    checkpoint->batch = wal_newest_batch(d->wal);
    checkpoint->step = DRIVER_AWAIT;
}

static inline void driver_checkpoint_end(struct driver *d)
{
    struct driver_checkpoint *checkpoint = &d->checkpoint;
    if (wal_batch_durable(d->wal) < checkpoint->batch)
        return;
    uint64_t chain;
    uint64_t durable = wal_durable_point(d->wal, &chain);
    uint64_t offset = checkpoint->writer.offset;
    uint64_t bytes =
        wal_checkpoint_write_end(&checkpoint->writer, checkpoint->frame, durable, chain);
    disk_write_file(checkpoint->file, offset, checkpoint->frame, bytes);
    checkpoint->step = DRIVER_END;
}

// Everything in the file is what was written.
static inline bool driver_checkpoint_verify(struct driver *d)
{
    struct driver_checkpoint *checkpoint = &d->checkpoint;
    struct wal_checkpoint_reader reader;
    wal_checkpoint_read(&reader, &d->identity, checkpoint->writer.number);
    while (!reader.ended) {
        const uint8_t *records;
        uint64_t length;
        uint32_t count;
        if (wal_checkpoint_frame_take(&reader, checkpoint->file->stable + reader.offset, &records,
                                      &length, &count) < 0)
            return false;
    }
    return true;
}

static inline void driver_checkpoint_rename(struct driver *d, uint64_t from, uint64_t to)
{
    struct disk_checkpoint *file = disk_checkpoint(&d->disk, from);
    assert(file != NULL);
    file->name = to;
}

static inline void driver_checkpoint_success(struct driver *d)
{
    struct driver_checkpoint *checkpoint = &d->checkpoint;
    wal_release(d->wal, checkpoint->begin.first);
    checkpoint->published = checkpoint->writer.number;
    checkpoint->finished++;
    checkpoint->step = DRIVER_IDLE;
}

// It fails: before it is published it stays as space, afterwards it is withdrawn.
static inline bool driver_checkpoint_fails(struct driver *d)
{
    struct driver_checkpoint *checkpoint = &d->checkpoint;
    if (checkpoint->step == DRIVER_IDLE || checkpoint->step >= DRIVER_WITNESS ||
        disk_below(&d->disk, 1000) >= d->options.failure)
        return false;
    checkpoint->step = checkpoint->step > DRIVER_RENAME ? DRIVER_WITHDRAW : DRIVER_IDLE;
    return true;
}

static inline void driver_checkpoint(struct driver *d)
{
    struct driver_checkpoint *checkpoint = &d->checkpoint;
    uint64_t number = checkpoint->writer.number;
    if (driver_checkpoint_fails(d))
        return;
    switch (checkpoint->step) {
    case DRIVER_IDLE:
        driver_checkpoint_begin(d);
        return;
    case DRIVER_WALK:
        driver_checkpoint_walk(d);
        return;
    case DRIVER_AWAIT:
        driver_checkpoint_end(d);
        return;
    case DRIVER_END:
        disk_harden_file(checkpoint->file, 0, DISK_CHECKPOINT_BYTES);
        checkpoint->step = DRIVER_RENAME;
        return;
    case DRIVER_RENAME:
        driver_checkpoint_rename(d, DISK_NAME_NEW, number);
        checkpoint->step = DRIVER_SYNC_FOLDER;
        return;
    case DRIVER_SYNC_FOLDER:
        disk_sync_folder(&d->disk);
        checkpoint->step = DRIVER_VERIFY;
        return;
    case DRIVER_VERIFY:
        assert(driver_checkpoint_verify(d));
        wal_checkpoint_verified(d->wal, number);
        checkpoint->step = DRIVER_WITNESS;
        return;
    case DRIVER_WITNESS:
        if (!wal_checkpoint_witnessed(d->wal, number))
            return;
        checkpoint->step = DRIVER_RETIRE;
        if (checkpoint->published == 0)
            driver_checkpoint_success(d);
        return;
    case DRIVER_RETIRE:
        driver_checkpoint_rename(d, checkpoint->published, DISK_NAME_NEW);
        checkpoint->step = DRIVER_SYNC_RETIRED;
        return;
    case DRIVER_SYNC_RETIRED:
        disk_sync_folder(&d->disk);
        driver_checkpoint_success(d);
        return;
    case DRIVER_WITHDRAW:
        driver_checkpoint_rename(d, number, DISK_NAME_NEW);
        disk_sync_folder(&d->disk);
        checkpoint->step = DRIVER_IDLE;
        return;
    }
}

// Anything that may happen next. False when the log gave up.
static inline bool driver_step(struct driver *d)
{
    if (d->options.checkpoints > 0 && disk_below(&d->disk, 100) < d->options.checkpoints) {
        driver_checkpoint(d);
        return true;
    }
    switch (disk_below(&d->disk, 10)) {
    case 0:
    case 1:
    case 2:
        if (d->model.count < MODEL_COMMANDS && driver_command(d) == WAL_WAIT)
            driver_prepare(d);
        return true;
    case 3:
    case 4:
    case 5:
        driver_submit_next(d);
        return true;
    case 6:
    case 7:
        return !wal_write_in_flight(d->wal) || driver_done(d, true);
    case 8:
        if (disk_below(&d->disk, 2))
            driver_complete_submit(d);
        else
            driver_complete_done(d);
        return true;
    default:
        if (disk_below(&d->disk, 2))
            driver_sync(d);
        else
            driver_prepare(d);
        return true;
    }
}

// Everything written and durable.
static inline void driver_flush(struct driver *d)
{
    uint32_t failure = d->options.failure;
    d->options.failure = 0;
    for (uint32_t i = 0; i < 10000; i++) {
        driver_prepare(d);
        if (wal_write_in_flight(d->wal))
            driver_done(d, false);
        else if (!driver_submit_next(d))
            break;
    }
    for (uint32_t i = 0; i < 100 && wal_durable(d->wal) < wal_written(d->wal); i++)
        driver_sync(d);
    d->options.failure = failure;
}

static inline void driver_witness(struct driver *d)
{
    uint32_t failure = d->options.failure;
    d->options.failure = 0;
    for (uint32_t i = 0; i < 3; i++) {
        driver_complete_done(d);
        driver_complete_submit(d);
    }
    d->options.failure = failure;
}

#endif
