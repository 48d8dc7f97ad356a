// A new data folder, made as the server makes one.
//
// Order: completion log, segments, records, everything synced, the clean-stop record, all of it read
// back; `instance` comes last of all, by rename. A folder that was left half-way has none, so no
// server takes it for data.
#include "server/wal_tool_target.h"

#include "server/wal_tool.h"
#include "server/wal_tool_folder.h"
#include "storage/allocator.h"
#include "wal/log.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

// One segment to go on, and the log's reserve, as a server wants them at least.
#define SEGMENTS_AHEAD (1 + WAL_RESERVE)
#define ZERO_BYTES MIB(1)
#define SYNC_SLOTS_MAX 64
// Segments that are written before they are synced.
#define UNSYNCED_MAX 4

static int target_failed(struct target *target, const char *step, int error)
{
    assert(error < 0);
    target->step = step;
    return error;
}

// --- files -----------------------------------------------------------------------------------

static int write_all(int file, const uint8_t *bytes, uint64_t length, uint64_t offset)
{
    uint64_t done = 0;
    while (done < length) {
        ssize_t wrote = pwrite(file, bytes + done, length - done, (off_t)(offset + done));
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return wrote < 0 ? -errno : -ENOSPC;
        done += (uint64_t)wrote;
    }
    return 0;
}

static int write_zeros(const struct target *target, int file, uint64_t bytes)
{
    int result = posix_fallocate(file, 0, (off_t)bytes);
    if (result != 0 && result != EOPNOTSUPP && result != EINVAL)
        return -result;
    for (uint64_t done = 0; done < bytes;) {
        uint64_t piece = bytes - done < ZERO_BYTES ? bytes - done : ZERO_BYTES;
        result = write_all(file, target->zeros, piece, done);
        if (result < 0)
            return result;
        done += piece;
    }
    return 0;
}

static int sync_file(int file)
{
    return fsync(file) < 0 ? -errno : 0;
}

static int create_file(const struct target *target, const char *name)
{
    int file = openat(target->directory, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return file < 0 ? -errno : file;
}

// A small file: zeros, and target->block at `offset`.
static int make_file(const struct target *target, const char *name, uint64_t bytes, uint64_t offset)
{
    int file = create_file(target, name);
    if (file < 0)
        return file;
    int result = write_zeros(target, file, bytes);
    if (result == 0)
        result = write_all(file, target->block, WAL_BLOCK_BYTES, offset);
    if (result == 0)
        result = sync_file(file);
    close(file);
    return result;
}

// --- the folder ------------------------------------------------------------------------------

// 0 when there is nothing in it.
static int folder_must_be_empty(int directory)
{
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    if (stream == NULL) {
        int result = -errno;
        if (copy >= 0)
            close(copy);
        return result;
    }
    int result = 0;
    errno = 0;
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = -ENOTEMPTY;
        errno = 0;
    }
    if (errno != 0)
        result = -errno;
    closedir(stream);
    return result;
}

static int sync_parent(const struct target *target)
{
    int parent = openat(target->directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return -errno;
    int result = sync_file(parent);
    close(parent);
    return result;
}

static int make_folder(struct target *target)
{
    int result = mkdir(target->path, 0700) < 0 ? -errno : 0;
    target->made = result == 0;
    if (result < 0 && result != -EEXIST)
        return target_failed(target, "cannot make the folder", result);
    target->directory = open(target->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (target->directory < 0)
        return target_failed(target, "cannot open the folder", -errno);
    result = folder_must_be_empty(target->directory);
    if (result < 0)
        return target_failed(target, "the folder must not exist, or be empty", result);
    target->lock_file =
        openat(target->directory, WAL_NAME_LOCK, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (target->lock_file < 0 || flock(target->lock_file, LOCK_EX | LOCK_NB) < 0)
        return target_failed(target, "cannot lock the folder", -errno);
    result = sync_parent(target);
    return result < 0 ? target_failed(target, "cannot sync its parent folder", result) : 0;
}

// --- the log ---------------------------------------------------------------------------------

static void create_log(struct target *target)
{
    uint64_t frame_bytes = wal_frame_bytes_max(target->identity.segment_bytes);
    uint64_t staging_bytes = 4 * frame_bytes + 4 * WAL_BATCH_BYTES_SOFT;
    size_t region_bytes = allocator_overhead() + wal_overhead();
    target->region = tool_memory(region_bytes);
    for (int i = 0; i < 2; i++)
        target->staging[i] = tool_memory(staging_bytes);
    void *const staging[2] = {target->staging[0], target->staging[1]};
    struct wal_options options = {
        .identity = target->identity,
        .segments_ahead = SEGMENTS_AHEAD,
    };
    struct allocator *allocator = allocator_create(target->region, region_bytes);
    target->wal = wal_create(allocator, staging, staging_bytes, &options);
    assert(target->wal != NULL);
    wal_continue(target->wal, 0, wal_chain_start(&target->identity), 1, 1, 0);
}

int target_create(struct target *target, const char *path, uint64_t segment_bytes)
{
    *target = (struct target){.path = path, .directory = -1, .lock_file = -1};
    target->identity.segment_bytes = segment_bytes;
    target->block = tool_memory(WAL_BLOCK_BYTES);
    target->zeros = tool_memory(ZERO_BYTES);
    target->files = tool_memory(WAL_SEGMENTS_MAX * sizeof(target->files[0]));
    for (uint32_t i = 0; i < WAL_SEGMENTS_MAX; i++)
        target->files[i] = -1;
    ssize_t got = getrandom(target->identity.id, sizeof(target->identity.id), 0);
    if (got != (ssize_t)sizeof(target->identity.id))
        return target_failed(target, "cannot get random bytes", got < 0 ? -errno : -EIO);
    int result = make_folder(target);
    if (result < 0)
        return result;
    uint64_t offset = wal_completion_initial(target->block, &target->identity);
    result =
        make_file(target, WAL_NAME_COMPLETION, WAL_COMPLETION_BLOCKS * WAL_BLOCK_BYTES, offset);
    if (result < 0)
        return target_failed(target, "cannot make the completion log", result);
    create_log(target);
    return 0;
}

// Makes the segments that the log asks for.
static int prepare_segments(struct target *target)
{
    uint32_t slot;
    bool made; // never: nothing is released here
    while (wal_slot_wanted(target->wal, &slot, &made)) {
        wal_segment_name(target->name, slot);
        int file = create_file(target, target->name);
        int result = file < 0 ? file : write_zeros(target, file, target->identity.segment_bytes);
        if (result == 0)
            result = sync_file(file);
        wal_slot_prepared(target->wal, slot, result);
        if (result < 0) {
            if (file >= 0)
                close(file);
            return target_failed(target, "cannot make a segment", result);
        }
        target->files[slot] = file;
        target->segments++;
    }
    return 0;
}

// Syncs what has been written, and closes the segments that take no more.
static int sync_segments(struct target *target)
{
    uint32_t slots[SYNC_SLOTS_MAX];
    uint64_t token;
    for (;;) {
        uint32_t count = wal_unsynced(target->wal, slots, SYNC_SLOTS_MAX, &token);
        if (count == 0)
            return 0;
        for (uint32_t i = 0; i < count; i++) {
            int result = sync_file(target->files[slots[i]]);
            if (result < 0)
                return target_failed(target, "cannot sync a segment", result);
            if (wal_slot_state(target->wal, slots[i]) == WAL_SLOT_SEALED) {
                close(target->files[slots[i]]);
                target->files[slots[i]] = -1;
            }
        }
        wal_synced(target->wal, token);
    }
}

// Writes the open batch.
static int flush(struct target *target)
{
    while (wal_open_bytes(target->wal) > 0 ||
           wal_newest_batch(target->wal) > wal_batch_written(target->wal)) {
        int result = prepare_segments(target);
        if (result < 0)
            return result;
        struct wal_write write;
        if (!wal_write_next(target->wal, &write))
            return target_failed(target, "no segment is left to write to", -ENOSPC);
        uint64_t offset = write.offset;
        for (int i = 0; i < 2 && result == 0; i++) {
            result =
                write_all(target->files[write.slot], write.pieces[i], write.lengths[i], offset);
            offset += write.lengths[i];
        }
        int64_t wrote = result < 0 ? result : (int64_t)(offset - write.offset);
        enum wal_outcome outcome = wal_write_done(target->wal, wrote, false);
        if (result < 0 || outcome != WAL_OK)
            return target_failed(target, "cannot write a segment", result < 0 ? result : -EIO);
        uint32_t slots[UNSYNCED_MAX];
        uint64_t token;
        if (wal_unsynced(target->wal, slots, UNSYNCED_MAX, &token) == UNSYNCED_MAX)
            result = sync_segments(target);
        if (result < 0)
            return result;
    }
    return 0;
}

static uint64_t record_hash(const struct wal_record *record, uint64_t hash)
{
    struct {
        uint64_t hash;
        int64_t expiry_ms;
        uint32_t type, keyspace, key_length, length, total, offset;
        uint32_t next_id, ids[DATABASES_MAX];
        uint32_t spool;
    } fields = {
        .hash = hash,
        .expiry_ms = record->expiry_ms,
        .type = record->type,
        .keyspace = record->keyspace,
        .key_length = record->key_length,
        .length = record->length,
        .total = record->total,
        .offset = record->offset,
        .spool = record->spool,
        .next_id = record->map.next_id,
    };
    static_assert(sizeof(fields) == 2 * 8 + (6 + 1 + DATABASES_MAX + 1) * 4, "no hidden bytes");
    memcpy(fields.ids, record->map.ids, sizeof(fields.ids));
    hash = XXH3_64bits(&fields, sizeof(fields));
    if (record->key_length > 0)
        hash = XXH3_64bits_withSeed(record->key, record->key_length, hash);
    if (record->length > 0)
        hash = XXH3_64bits_withSeed(record->data, record->length, hash);
    return hash;
}

uint32_t target_key_bytes_max(const struct target *target)
{
    return wal_key_bytes_max(target->wal);
}

int target_append(struct target *target, const struct wal_record *record)
{
    uint64_t bytes = (uint64_t)record->key_length + record->length + WAL_RECORD_OVERHEAD_MAX;
    assert(record->key_length <= wal_key_bytes_max(target->wal));
    // At most: full batch, then no segment ready; both are mended by writing.
    for (int attempt = 0; attempt < 3; attempt++) {
        enum wal_admission admission = wal_admit(target->wal, bytes, true);
        if (admission == WAL_ADMIT) {
            wal_append(target->wal, record);
            target->records += record->type != WAL_RECORD_SPOOL; // as recovery counts
            target->hash = record_hash(record, target->hash);
            return 0;
        }
        if (admission != WAL_WAIT)
            return target_failed(target, "the log has no room for a record", -ENOSPC);
        int result = flush(target);
        if (result == 0)
            result = prepare_segments(target);
        if (result < 0)
            return result;
    }
    return target_failed(target, "the log does not take a record", -EIO);
}

// --- the end ---------------------------------------------------------------------------------

static int read_back_apply(void *context, const struct wal_record *record)
{
    uint64_t *hash = context;
    *hash = record_hash(record, *hash);
    return 0;
}

// Recovers what is on the device and compares it with what was appended.
static int compare(struct target *target)
{
    struct folder folder;
    uint64_t hash = 0;
    struct wal_recovery_result found = {0};
    int result = folder_attach(&folder, target->path, target->directory, &target->identity);
    if (result == 0)
        result = folder_replay(&folder, read_back_apply, &hash, &found);
    folder_close(&folder);
    if (result < 0)
        return target_failed(target, "cannot read it back", result);
    if (found.verdict != WAL_VERDICT_CLEAN || !found.clean_stop ||
        found.records != target->records || hash != target->hash)
        return target_failed(target, "what is read back is not what was written", -EIO);
    return 0;
}

static int write_clean_stop(struct target *target)
{
    const uint8_t *block;
    uint64_t offset;
    bool any = wal_completion_next(target->wal, true, &block, &offset);
    assert(any);
    int file = openat(target->directory, WAL_NAME_COMPLETION, O_RDWR | O_CLOEXEC);
    int result = file < 0 ? -errno : write_all(file, block, WAL_BLOCK_BYTES, offset);
    if (result == 0)
        result = sync_file(file);
    wal_completion_done(target->wal, result);
    if (file >= 0)
        close(file);
    return result < 0 ? target_failed(target, "cannot write the completion log", result) : 0;
}

static int put_identity(struct target *target)
{
    wal_instance_encode(target->block, &target->identity);
    int result = make_file(target, WAL_NAME_INSTANCE_NEW, WAL_BLOCK_BYTES, 0);
    if (result == 0)
        result = sync_file(target->directory);
    if (result == 0 && renameat(target->directory, WAL_NAME_INSTANCE_NEW, target->directory,
                                WAL_NAME_INSTANCE) < 0)
        result = -errno;
    if (result == 0)
        result = sync_file(target->directory);
    return result < 0 ? target_failed(target, "cannot put the identity in place", result) : 0;
}

int target_finish(struct target *target)
{
    int result = flush(target);
    if (result == 0)
        result = prepare_segments(target);
    if (result == 0)
        result = sync_segments(target);
    if (result == 0 && sync_file(target->directory) < 0)
        result = target_failed(target, "cannot sync the folder", -errno);
    if (result == 0)
        result = write_clean_stop(target);
    if (result == 0)
        result = compare(target);
    return result == 0 ? put_identity(target) : result;
}

void target_undo(struct target *target)
{
    // Without the lock, nothing of what is there is ours.
    if (target->lock_file >= 0) {
        // Slots are taken from the lowest on; the last one may be half made.
        for (uint32_t slot = 0; slot <= target->segments && slot < WAL_SEGMENTS_MAX; slot++) {
            wal_segment_name(target->name, slot);
            unlinkat(target->directory, target->name, 0);
        }
        unlinkat(target->directory, WAL_NAME_INSTANCE, 0);
        unlinkat(target->directory, WAL_NAME_INSTANCE_NEW, 0);
        unlinkat(target->directory, WAL_NAME_COMPLETION, 0);
        unlinkat(target->directory, WAL_NAME_LOCK, 0);
    }
    if (target->made)
        rmdir(target->path);
}

void target_destroy(struct target *target)
{
    for (uint32_t i = 0; i < WAL_SEGMENTS_MAX; i++) {
        if (target->files[i] >= 0)
            close(target->files[i]);
    }
    if (target->lock_file >= 0)
        close(target->lock_file);
    if (target->directory >= 0)
        close(target->directory);
    tool_memory_free(target->files);
    tool_memory_free(target->region);
    tool_memory_free(target->staging[0]);
    tool_memory_free(target->staging[1]);
    tool_memory_free(target->block);
    tool_memory_free(target->zeros);
}
