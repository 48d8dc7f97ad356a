// A log on the simulator's disk: written by the log's own writing side, through crashes and starts,
// as the server does it.
#ifndef PORO_TESTS_SIM_LOG_H
#define PORO_TESTS_SIM_LOG_H

#include "server/io.h"
#include "sim/disk.h"
#include "sim/disk_damage.h"
#include "sim/random.h"
#include "storage/allocator.h"
#include "wal/log.h"
#include "wal/names.h"
#include "wal/recovery.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LOG_SEGMENT_BYTES KIB(256)
#define LOG_SLOTS 64
#define LOG_STAGING_BYTES MIB(1)
#define LOG_REGION_BYTES MIB(8)
#define LOG_VALUE_MAX KIB(100)

struct log {
    struct disk *disk;
    struct random random;
    struct wal_identity identity;
    struct wal_recovery_result result;
    bool durable;     // appendfsync always
    bool dsync;       // ... by RWF_DSYNC, else by a sync behind it
    uint32_t failure; // writes of a thousand that fail

    void *recovery_region;
    struct wal_recovery *recovery;
    uint8_t *buffer;
    size_t buffer_bytes;
    uint8_t *staging;
    uint8_t *value;

    // Of the process that runs.
    void *region;
    struct wal *wal;
    int files[LOG_SLOTS + 1]; // the last one: the completion log
    struct wal_write write;
    int64_t write_number;
    int64_t completion_number;
    bool failed;
};

static inline uint64_t log_below(struct log *log, uint64_t bound)
{
    return random_below(&log->random, bound);
}

static inline uint8_t *log_memory(size_t bytes)
{
    void *memory = aligned_alloc(WAL_BLOCK_BYTES, bytes);
    assert(memory != NULL);
    memset(memory, 0, bytes);
    return memory;
}

static inline struct allocator *log_allocator(void **region)
{
    *region =
        mmap(NULL, LOG_REGION_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert(*region != MAP_FAILED);
    return allocator_create(*region, LOG_REGION_BYTES);
}

// --- files -----------------------------------------------------------------------------------

static inline int log_open(struct log *log, const char *name, uint32_t flags)
{
    return disk_open(log->disk, name, flags, NULL, NULL);
}

static inline void log_sync(struct log *log, int file)
{
    int64_t number = disk_sync_begin(log->disk, file);
    assert(number >= 0);
    disk_sync_end(log->disk, number, 0);
}

static inline void log_put(struct log *log, int file, const uint8_t *bytes, size_t length,
                           uint64_t offset, bool dsync)
{
    struct iovec piece = {(void *)(uintptr_t)bytes, length};
    int64_t number = disk_write_begin(log->disk, file, &piece, 1, offset, dsync);
    assert(number >= 0);
    disk_write_end(log->disk, number, (int64_t)length);
}

// The file of a slot, opened when it is needed first.
static inline int log_file(struct log *log, uint32_t slot)
{
    uint32_t at = slot == WAL_SLOT_COMPLETION ? LOG_SLOTS : slot;
    assert(at <= LOG_SLOTS);
    char name[WAL_SEGMENT_NAME_BYTES] = WAL_NAME_COMPLETION;
    if (at < LOG_SLOTS)
        wal_segment_name(name, slot);
    if (log->files[at] < 0)
        log->files[at] = log_open(log, name, IO_OPEN_WRITE | IO_OPEN_CREATE | IO_OPEN_DIRECT);
    assert(log->files[at] >= 0);
    return log->files[at];
}

// --- life ------------------------------------------------------------------------------------

static inline void log_no_process(struct log *log)
{
    for (uint32_t i = 0; i <= LOG_SLOTS; i++)
        log->files[i] = -1;
    log->write_number = -1;
    log->completion_number = -1;
    if (log->region != NULL)
        munmap(log->region, LOG_REGION_BYTES);
    log->region = NULL;
    log->wal = NULL;
}

static inline void log_create(struct log *log, uint64_t seed)
{
    memset(log, 0, sizeof(*log));
    random_init(&log->random, seed, "log");
    struct random random;
    random_init(&random, seed, "disk");
    struct disk_options options = {.capacity_blocks = 1 << 20};
    log->disk = disk_create(&options, &random);
    log->durable = log_below(log, 4) != 0;
    log->dsync = log_below(log, 4) != 0;
    log->failure = log_below(log, 3) == 0 ? 50 : 0;
    log_no_process(log);
    log->staging = log_memory(2 * LOG_STAGING_BYTES);
    log->value = log_memory(LOG_VALUE_MAX);
    log->buffer_bytes = wal_frame_bytes_max(LOG_SEGMENT_BYTES) + KIB(128);
    log->buffer = log_memory(log->buffer_bytes);
    log->recovery =
        wal_recovery_create(log_allocator(&log->recovery_region), log->buffer, log->buffer_bytes);
    assert(log->recovery != NULL);
    random_fill(&log->random, log->identity.id, sizeof(log->identity.id));
    log->identity.segment_bytes = LOG_SEGMENT_BYTES;
    uint8_t *block = log->buffer;
    int file = log_open(log, WAL_NAME_COMPLETION, IO_OPEN_WRITE | IO_OPEN_CREATE);
    memset(block, 0, WAL_BLOCK_BYTES);
    for (uint64_t i = 0; i < WAL_COMPLETION_BLOCKS; i++)
        log_put(log, file, block, WAL_BLOCK_BYTES, i * WAL_BLOCK_BYTES, false);
    uint64_t offset = wal_completion_initial(block, &log->identity);
    log_put(log, file, block, WAL_BLOCK_BYTES, offset, false);
    log_sync(log, file);
    disk_close(log->disk, file);
    file = log_open(log, WAL_NAME_INSTANCE_NEW, IO_OPEN_WRITE | IO_OPEN_CREATE);
    wal_instance_encode(block, &log->identity);
    log_put(log, file, block, WAL_BLOCK_BYTES, 0, false);
    log_sync(log, file);
    disk_close(log->disk, file);
    log_sync(log, DISK_FOLDER);
    int renamed = disk_rename(log->disk, WAL_NAME_INSTANCE_NEW, WAL_NAME_INSTANCE);
    assert(renamed == 0);
    (void)renamed;
    log_sync(log, DISK_FOLDER);
}

static inline void log_free(struct log *log)
{
    log_no_process(log);
    munmap(log->recovery_region, LOG_REGION_BYTES);
    disk_destroy(log->disk);
    free(log->staging);
    free(log->value);
    free(log->buffer);
}

// The process ends; what was in flight lands or fails, or the power is gone.
static inline void log_crash(struct log *log, bool power)
{
    disk_kill(log->disk);
    int64_t numbers[2] = {log->write_number, log->completion_number};
    int64_t lengths[2] = {(int64_t)log->write.lengths[0] + log->write.lengths[1], WAL_BLOCK_BYTES};
    for (int i = 0; i < 2 && !power; i++) {
        if (numbers[i] >= 0)
            disk_write_end(log->disk, numbers[i], log_below(log, 2) ? lengths[i] : -EIO);
    }
    if (power)
        disk_power_cut(log->disk);
    log_no_process(log);
}

// --- recovery --------------------------------------------------------------------------------

static inline int64_t log_read(void *context, uint32_t slot, uint64_t offset, uint8_t *buffer,
                               uint64_t length)
{
    struct log *log = context;
    char name[WAL_SEGMENT_NAME_BYTES] = WAL_NAME_COMPLETION;
    if (slot != WAL_SLOT_COMPLETION)
        wal_segment_name(name, slot);
    int file = log_open(log, name, IO_OPEN_READ | IO_OPEN_DIRECT);
    if (file < 0)
        return file;
    int64_t got = disk_read(log->disk, file, buffer, length, offset);
    disk_close(log->disk, file);
    return got;
}

static inline int log_apply(void *context, const struct wal_record *record)
{
    (void)context;
    (void)record;
    return 0;
}

static inline void log_note_slot(void *context, const char *name)
{
    uint32_t *slots = context;
    uint32_t slot;
    if (wal_segment_name_parse(name, &slot) && slot >= *slots)
        *slots = slot + 1;
}

static inline uint32_t log_slots(struct log *log)
{
    uint32_t slots = 0;
    disk_list(log->disk, log_note_slot, &slots);
    return slots;
}

static inline void log_harden(struct log *log, const char *name)
{
    int file = log_open(log, name, IO_OPEN_WRITE);
    if (file < 0)
        return;
    log_sync(log, file);
    disk_drop_cache(log->disk, file);
    disk_close(log->disk, file);
}

// As the server's start; no process runs.
static inline enum wal_verdict log_recover(struct log *log)
{
    char name[WAL_SEGMENT_NAME_BYTES];
    uint32_t slots = log_slots(log);
    log_harden(log, WAL_NAME_COMPLETION);
    for (uint32_t slot = 0; slot < slots; slot++) {
        wal_segment_name(name, slot);
        log_harden(log, name);
    }
    log_sync(log, DISK_FOLDER);
    struct wal_source source = {.context = log, .read = log_read, .apply = log_apply};
    int result = wal_recover(log->recovery, &log->identity, &source, slots, &log->result);
    assert(result == 0);
    (void)result;
    return log->result.verdict;
}

// --- the process -----------------------------------------------------------------------------

static inline void log_prepare(struct log *log)
{
    uint32_t slot;
    bool made;
    while (wal_slot_wanted(log->wal, &slot, &made)) {
        if (slot >= LOG_SLOTS) {
            wal_slot_prepared(log->wal, slot, -ENOSPC);
            return;
        }
        if (made) {
            wal_slot_prepared(log->wal, slot, 0);
            continue;
        }
        int file = log_file(log, slot);
        int allocated = disk_allocate(log->disk, file, 0, LOG_SEGMENT_BYTES);
        assert(allocated == 0);
        (void)allocated;
        uint8_t *zeros = log_memory(LOG_SEGMENT_BYTES);
        log_put(log, file, zeros, LOG_SEGMENT_BYTES, 0, false);
        free(zeros);
        log_sync(log, file);
        log_sync(log, DISK_FOLDER);
        wal_slot_prepared(log->wal, slot, 0);
    }
}

static inline void log_submit(struct log *log)
{
    const struct wal_write *write = &log->write;
    struct iovec pieces[2];
    uint32_t count = 0;
    for (uint32_t i = 0; i < 2; i++) {
        if (write->lengths[i] > 0)
            pieces[count++] =
                (struct iovec){(void *)(uintptr_t)write->pieces[i], write->lengths[i]};
    }
    log->write_number = disk_write_begin(log->disk, log_file(log, write->slot), pieces, count,
                                         write->offset, log->durable && log->dsync);
    assert(log->write_number >= 0);
}

// Ends the write in flight. False when the log gave up.
static inline bool log_done(struct log *log, bool durable, bool may_fail)
{
    int64_t length = (int64_t)log->write.lengths[0] + log->write.lengths[1];
    int64_t result = length;
    if (may_fail && log_below(log, 1000) < log->failure)
        result = log_below(log, 2) ? -EIO : (int64_t)log_below(log, (uint64_t)length);
    disk_write_end(log->disk, log->write_number, result);
    log->write_number = -1;
    if (result == length && durable && !(log->durable && log->dsync))
        log_sync(log, log_file(log, log->write.slot));
    log->failed = log->failed || result != length;
    return wal_write_done(log->wal, result, durable) != WAL_FATAL;
}

static inline void log_complete(struct log *log)
{
    if (log->completion_number >= 0) {
        disk_write_end(log->disk, log->completion_number, WAL_BLOCK_BYTES);
        log->completion_number = -1;
        log_sync(log, log_file(log, WAL_SLOT_COMPLETION));
        wal_completion_done(log->wal, 0);
        return;
    }
    const uint8_t *block;
    uint64_t offset;
    if (!wal_completion_next(log->wal, false, &block, &offset))
        return;
    // As long as it is in flight, its bytes belong to the disk.
    struct iovec piece = {(void *)(uintptr_t)block, WAL_BLOCK_BYTES};
    uint8_t *copy = log->buffer;
    memcpy(copy, block, WAL_BLOCK_BYTES);
    piece.iov_base = copy;
    log->completion_number =
        disk_write_begin(log->disk, log_file(log, WAL_SLOT_COMPLETION), &piece, 1, offset, false);
    assert(log->completion_number >= 0);
}

// A completion log that is missing is made anew.
static inline void log_remake_completion(struct log *log)
{
    int file = log_open(log, WAL_NAME_COMPLETION, IO_OPEN_READ);
    if (file >= 0) {
        disk_close(log->disk, file);
        return;
    }
    uint8_t *block = log->buffer;
    uint64_t initial = wal_completion_initial(block, &log->identity);
    uint8_t *zeros = log_memory(WAL_BLOCK_BYTES);
    file = log_file(log, WAL_SLOT_COMPLETION);
    for (uint64_t i = 0; i < WAL_COMPLETION_BLOCKS; i++)
        log_put(log, file, i == initial / WAL_BLOCK_BYTES ? block : zeros, WAL_BLOCK_BYTES,
                i * WAL_BLOCK_BYTES, false);
    free(zeros);
    log_sync(log, file);
    log_sync(log, DISK_FOLDER);
    log->result.completion_counter = WAL_COMPLETION_INITIAL;
}

// After log_recover, when it does not refuse. False when it stopped on the way, at a crash's place.
static inline bool log_start(struct log *log, bool whole)
{
    const struct wal_recovery_result *result = &log->result;
    struct wal_options options = {.identity = log->identity, .segments_ahead = 3};
    void *const staging[2] = {log->staging, log->staging + LOG_STAGING_BYTES};
    uint64_t steps = whole ? 100 : log_below(log, 5);
    log->wal = wal_create(log_allocator(&log->region), staging, LOG_STAGING_BYTES, &options);
    assert(log->wal != NULL);
    log->failed = false;
    log_remake_completion(log);
    wal_continue(log->wal, result->end, result->end_chain, result->segment_newest + 1,
                 result->completion_counter, result->checkpoint);
    uint32_t slots = log_slots(log);
    for (uint32_t slot = 0; slot < slots; slot++) {
        uint64_t number;
        enum wal_slot_state state = wal_recovery_slot(log->recovery, slot, &number);
        wal_slot_found(log->wal, slot, state, number);
    }
    if (steps == 0)
        return false;
    log_prepare(log);
    if (steps == 1 || !wal_open_segment(log->wal, &log->write))
        return false;
    log_submit(log);
    if (steps == 2)
        return false;
    log_done(log, true, false);
    log_complete(log);
    if (steps == 3)
        return false;
    log_complete(log);
    return true;
}

static inline void log_append(struct log *log)
{
    char key[16];
    uint32_t length = (uint32_t)log_below(log, log_below(log, 4) == 0 ? 20000 : 200);
    if (log_below(log, 20) == 0)
        length = (uint32_t)log_below(log, LOG_VALUE_MAX);
    if (wal_admit(log->wal, length + sizeof(key) + WAL_RECORD_OVERHEAD_MAX, false) != WAL_ADMIT)
        return;
    memset(key, 'k', sizeof(key));
    key[0] = (char)('a' + log_below(log, 26));
    random_fill(&log->random, log->value, length);
    struct wal_record record = {.type = WAL_RECORD_SET,
                                .keyspace = 1,
                                .key = (const uint8_t *)key,
                                .key_length = sizeof(key),
                                .data = log->value,
                                .length = length,
                                .total = length};
    wal_append(log->wal, &record);
}

static inline void log_sync_unsynced(struct log *log)
{
    uint32_t slots[4];
    uint64_t token;
    uint32_t count = wal_unsynced(log->wal, slots, 1 + (uint32_t)log_below(log, 4), &token);
    for (uint32_t i = 0; i < count; i++)
        log_sync(log, log_file(log, slots[i]));
    wal_synced(log->wal, token);
}

// Anything that may happen next. False when the log gave up.
static inline bool log_step(struct log *log)
{
    switch (log_below(log, 12)) {
    case 0:
    case 1:
    case 2:
    case 3:
        log_append(log);
        return true;
    case 4:
    case 5:
    case 6:
        if (!wal_write_in_flight(log->wal) && wal_write_next(log->wal, &log->write))
            log_submit(log);
        return true;
    case 7:
    case 8:
    case 9:
        return log->write_number < 0 || log_done(log, log->durable, true);
    case 10:
        if (log_below(log, 4) == 0)
            log_complete(log);
        return true;
    default:
        log_prepare(log);
        if (!log->durable && log_below(log, 4) == 0)
            log_sync_unsynced(log);
        return true;
    }
}

// One life of a process, from a recovered log to a crash. `whole`: the crash does not come before the
// start is over.
static inline void log_live(struct log *log, bool whole)
{
    bool goes_on = log_start(log, whole || log_below(log, 4) != 0);
    uint64_t steps = random_log(&log->random, 200);
    for (uint64_t i = 0; i < steps && goes_on; i++)
        goes_on = log_step(log);
    log_crash(log, log_below(log, 2) == 0);
}

#endif
