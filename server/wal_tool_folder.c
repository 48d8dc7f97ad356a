// A data folder as poro-wal sees it.
#include "server/wal_tool_folder.h"

#include "server/server.h"
#include "server/wal_tool.h"
#include "server/wal_tool_text.h"
#include "storage/allocator.h"
#include "wal/names.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// A killed server's last requests may hold the lock for a moment.
#define LOCK_ATTEMPTS 20
#define LOCK_PAUSE_NS 50000000
#define READ_BYTES_MAX MIB(16)

// --- the lock --------------------------------------------------------------------------------

// The lock that a server takes. Without the file no server has ever run here; it is not made, for
// nothing in the folder is to change.
static int folder_lock(struct folder *folder, bool force)
{
    folder->lock_file = openat(folder->directory, WAL_NAME_LOCK, O_RDONLY | O_CLOEXEC);
    if (folder->lock_file < 0 && errno == ENOENT)
        return 0;
    if (folder->lock_file < 0) {
        fprintf(stderr, "poro-wal: cannot open the lock of %s: %s\n", folder->path,
                strerror(errno));
        return EXIT_START;
    }
    int result = -1;
    for (int attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
        result = flock(folder->lock_file, LOCK_EX | LOCK_NB);
        if (result == 0 || errno != EWOULDBLOCK || force)
            break;
        nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
    }
    if (result == 0)
        return 0;
    if (errno != EWOULDBLOCK) {
        fprintf(stderr, "poro-wal: cannot lock %s: %s\n", folder->path, strerror(errno));
        return EXIT_START;
    }
    folder->in_use = true;
    if (force)
        return 0;
    fprintf(stderr,
            "poro-wal: %s is in use by another process (its file lock is locked). 'check' and "
            "'dump' look at it all the same with --force.\n",
            folder->path);
    return EXIT_LOCKED;
}

// --- reading ---------------------------------------------------------------------------------

static void folder_close_file(struct folder *folder)
{
    if (folder->open_file >= 0)
        close(folder->open_file);
    folder->open_file = -1;
}

static int folder_open_file(struct folder *folder, uint32_t slot)
{
    char name[TEXT_SIZE_BYTES];
    static_assert(TEXT_SIZE_BYTES >= WAL_CHECKPOINT_NAME_BYTES, "every name fits");
    if (slot == WAL_SLOT_CHECKPOINT || slot == WAL_SLOT_CHECKPOINT_OLDER)
        wal_checkpoint_name(name, folder->checkpoints[slot == WAL_SLOT_CHECKPOINT_OLDER]);
    else
        text_file(name, slot);
    folder_close_file(folder);
    folder->open_slot = slot;
    int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW;
    if (!folder->buffered)
        folder->open_file = openat(folder->directory, name, flags | O_DIRECT);
    if (folder->open_file < 0 && !folder->buffered && errno == EINVAL)
        folder->buffered = true;
    if (folder->open_file < 0 && folder->buffered)
        folder->open_file = openat(folder->directory, name, flags);
    if (folder->open_file >= 0 && folder->buffered)
        posix_fadvise(folder->open_file, 0, 0, POSIX_FADV_DONTNEED);
    return folder->open_file < 0 ? -errno : 0;
}

int64_t folder_read(void *context, uint32_t slot, uint64_t offset, uint8_t *buffer, uint64_t length)
{
    struct folder *folder = *(struct folder **)context;
    if (folder->open_file < 0 || folder->open_slot != slot) {
        int result = folder_open_file(folder, slot);
        if (result < 0)
            return result;
    }
    uint64_t done = 0;
    while (done < length) {
        uint64_t piece = length - done < READ_BYTES_MAX ? length - done : READ_BYTES_MAX;
        ssize_t got = pread(folder->open_file, buffer + done, piece, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        done += (uint64_t)got;
        // The end of the file; O_DIRECT may answer with an odd length there.
        if ((uint64_t)got < piece)
            break;
    }
    return (int64_t)done;
}

int64_t folder_file_bytes(const struct folder *folder, uint32_t slot)
{
    char name[TEXT_SIZE_BYTES];
    struct stat status;
    if (fstatat(folder->directory, text_file(name, slot), &status, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return status.st_size;
}

static void folder_note_checkpoint(struct folder *folder, uint64_t number)
{
    if (number > folder->checkpoints[0]) {
        folder->checkpoints[1] = folder->checkpoints[0];
        folder->checkpoints[0] = number;
    } else if (number > folder->checkpoints[1]) {
        folder->checkpoints[1] = number;
    }
}

static int folder_list(struct folder *folder)
{
    int copy = openat(folder->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    if (stream == NULL) {
        int result = -errno;
        if (copy >= 0)
            close(copy);
        return result;
    }
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(stream);
        if (entry == NULL)
            break;
        uint32_t slot;
        if (wal_segment_name_parse(entry->d_name, &slot) && slot >= folder->slots)
            folder->slots = slot + 1;
        if (strcmp(entry->d_name, WAL_NAME_INSTANCE) == 0)
            folder->has_instance = true;
        uint64_t number;
        if (wal_checkpoint_name_parse(entry->d_name, &number))
            folder_note_checkpoint(folder, number);
    }
    int result = -errno;
    closedir(stream);
    return result;
}

// --- replaying -------------------------------------------------------------------------------

struct folder_source {
    struct folder *folder; // first: folder_read takes it from here
    folder_apply apply;
    void *context;
    // The newest value that comes in pieces, while some are missing.
    uint8_t *key; // KEY_BYTES_MAX
    uint32_t key_length;
    uint32_t keyspace;
    uint64_t missing;
    int error; // of a delete
};

static void source_note_pieces(struct folder_source *source, const struct wal_record *record)
{
    if (record->type == WAL_RECORD_SET) {
        source->missing = record->spool == 0 ? record->total - record->length : 0;
        if (source->missing == 0)
            return;
        memcpy(source->key, record->key, record->key_length);
        source->key_length = record->key_length;
        source->keyspace = record->keyspace;
    } else if (record->type == WAL_RECORD_RANGE && source->missing > 0) {
        source->missing -= record->length < source->missing ? record->length : source->missing;
    }
}

static int source_apply(void *context, const struct wal_record *record)
{
    struct folder_source *source = context;
    if (source->error != 0)
        return source->error;
    source_note_pieces(source, record);
    return source->apply(source->context, record);
}

// A value of which pieces are lost was never so: it goes.
static void source_lost(void *context)
{
    struct folder_source *source = context;
    if (source->missing == 0)
        return;
    struct wal_record record = {
        .type = WAL_RECORD_DELETE,
        .keyspace = source->keyspace,
        .key = source->key,
        .key_length = source->key_length,
    };
    source->missing = 0;
    source->error = source->apply(source->context, &record);
}

int folder_replay(struct folder *folder, folder_apply apply, void *context,
                  struct wal_recovery_result *result)
{
    struct folder_source own = {.folder = folder, .apply = apply, .context = context};
    own.key = tool_memory(KEY_BYTES_MAX);
    struct wal_source source = {
        .context = &own,
        .read = folder_read,
        .apply = source_apply,
        .lost = source_lost,
        .checkpoints = {folder->checkpoints[0], folder->checkpoints[1]},
    };
    int error = wal_recover(folder->recovery, &folder->identity, &source, folder->slots, result);
    tool_memory_free(own.key);
    return error;
}

// --- identity --------------------------------------------------------------------------------

// 0, -EBADMSG, -EPROTONOSUPPORT, or why the file cannot be read.
static int folder_read_instance(struct folder *folder)
{
    int file = openat(folder->directory, WAL_NAME_INSTANCE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0)
        return -errno;
    ssize_t got = pread(file, folder->block, WAL_BLOCK_BYTES, 0);
    int result = got < 0 ? -errno : 0;
    close(file);
    if (result < 0)
        return result;
    if (got != (ssize_t)WAL_BLOCK_BYTES)
        return -EBADMSG;
    return wal_instance_decode(folder->block, &folder->identity);
}

// True when some segment file begins with anything but zeros, or the completion log holds more than
// what it begins with: the folder is not new.
static bool folder_holds_data(struct folder *folder)
{
    for (uint64_t i = 0; i < WAL_COMPLETION_BLOCKS; i++) {
        int64_t got = folder_read(&folder, WAL_SLOT_COMPLETION, i * WAL_BLOCK_BYTES, folder->block,
                                  WAL_BLOCK_BYTES);
        if (got == (int64_t)WAL_BLOCK_BYTES && i != WAL_COMPLETION_INITIAL &&
            !wal_block_is_zero(folder->block))
            return true;
    }
    for (uint32_t slot = 0; slot < folder->slots; slot++) {
        int64_t got = folder_read(&folder, slot, 0, folder->block, WAL_BLOCK_BYTES);
        if (got == (int64_t)WAL_BLOCK_BYTES && !wal_block_is_zero(folder->block))
            return true;
    }
    return false;
}

static int folder_identify(struct folder *folder)
{
    int result = folder->has_instance ? folder_read_instance(folder) : -ENOENT;
    if (result == 0)
        return 0;
    if (result == -EPROTONOSUPPORT) {
        fprintf(stderr, "poro-wal: %s was made by another version of Poro\n", folder->path);
        return EXIT_DAMAGED;
    }
    if (result != -ENOENT && result != -EBADMSG) {
        fprintf(stderr, "poro-wal: cannot read the file %s in %s: %s\n", WAL_NAME_INSTANCE,
                folder->path, strerror(-result));
        return EXIT_START;
    }
    folder->instance = result == -ENOENT ? FOLDER_INSTANCE_MISSING : FOLDER_INSTANCE_DAMAGED;
    if (folder_rebuild_identity(folder))
        return 0;
    if (result == -ENOENT && !folder_holds_data(folder)) {
        fprintf(stderr,
                "poro-wal: %s is no data folder: it has no file %s, and nothing in its log\n",
                folder->path, WAL_NAME_INSTANCE);
        return EXIT_START;
    }
    fprintf(stderr,
            "poro-wal: the file %s in %s is %s, and no segment has a whole header to rebuild it "
            "from: without it nothing can be read. Restore it from a backup of this folder.\n",
            WAL_NAME_INSTANCE, folder->path, result == -ENOENT ? "missing" : "damaged");
    return EXIT_DAMAGED;
}

// --- life ------------------------------------------------------------------------------------

static void folder_create(struct folder *folder, const char *path, int directory)
{
    *folder = (struct folder){
        .path = path,
        .directory = directory,
        .lock_file = -1,
        .open_file = -1,
        .block = tool_memory(WAL_BLOCK_BYTES),
    };
}

// Memory for recovery, once it is known how large a frame can be.
static void folder_take_memory(struct folder *folder)
{
    size_t region_bytes = allocator_overhead() + wal_recovery_overhead();
    size_t buffer_bytes =
        wal_frame_bytes_max(folder->identity.segment_bytes) + WAL_RECOVERY_READ_BYTES;
    folder->region = tool_memory(region_bytes);
    folder->buffer = tool_memory(buffer_bytes);
    struct allocator *allocator = allocator_create(folder->region, region_bytes);
    folder->recovery = wal_recovery_create(allocator, folder->buffer, buffer_bytes);
    assert(folder->recovery != NULL);
}

int folder_open(struct folder *folder, const char *path, bool force)
{
    folder_create(folder, path, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    int result = folder->directory < 0 ? -errno : 0;
    if (result == 0) {
        int code = folder_lock(folder, force);
        if (code != 0)
            return code;
        result = folder_list(folder);
    }
    if (result < 0) {
        fprintf(stderr, "poro-wal: cannot read the folder %s: %s\n", path, strerror(-result));
        return EXIT_START;
    }
    int code = folder_identify(folder);
    if (code == 0)
        folder_take_memory(folder);
    return code;
}

int folder_attach(struct folder *folder, const char *path, int directory,
                  const struct wal_identity *identity)
{
    assert(directory >= 0);
    folder_create(folder, path, dup(directory));
    int result = folder->directory < 0 ? -errno : folder_list(folder);
    if (result < 0)
        return result;
    folder->identity = *identity;
    folder_take_memory(folder);
    return 0;
}

void folder_close(struct folder *folder)
{
    folder_close_file(folder);
    if (folder->lock_file >= 0)
        close(folder->lock_file);
    if (folder->directory >= 0)
        close(folder->directory);
    tool_memory_free(folder->region);
    tool_memory_free(folder->buffer);
    tool_memory_free(folder->block);
    *folder = (struct folder){.directory = -1, .lock_file = -1, .open_file = -1};
}
