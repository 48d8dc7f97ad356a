// The data folder at start: locked, made when it is new, synced and read when it is old.
#include "server/journal_start.h"

#include "server/clock.h"
#include "server/io.h"
#include "server/server.h"
#include "server/token.h"
#include "storage/allocator.h"
#include "storage/keyspace.h"
#include "wal/recovery.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

// A killed process's last requests may hold the lock for a moment.
#define LOCK_ATTEMPTS 100
#define LOCK_PAUSE_NS 50000000

// --- the folder ------------------------------------------------------------------------------

static int start_lock(struct start *start)
{
    struct server *server = start->server;
    int result = 0;
    for (int attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
        result = io_lock(server->io, start->journal->directory, WAL_NAME_LOCK);
        if (result != -EWOULDBLOCK)
            break;
        if (attempt == 0)
            notice(&server->notices, LOGLEVEL_NOTICE,
                   "the data folder %s is locked, waiting for it", server->config.dir);
        int32_t failed;
        start_reap(server, LOCK_PAUSE_NS, &failed);
        if (server->stop_asked)
            return START_ENDED;
    }
    if (result == -EWOULDBLOCK) {
        notice(&server->notices, LOGLEVEL_WARNING,
               "another process uses the data folder %s (its file lock is locked)",
               server->config.dir);
        return EXIT_LOCKED;
    }
    if (result < 0)
        return start_failed(server, EXIT_START, "cannot lock the data folder", result);
    return 0;
}

static void start_note_file(void *context, const char *name)
{
    struct start *start = context;
    if (strcmp(name, WAL_NAME_INSTANCE) == 0)
        start->has_instance = true;
    if (strcmp(name, WAL_NAME_COMPLETION) == 0)
        start->has_completion = true;
    uint32_t slot;
    if (wal_segment_name_parse(name, &slot) && slot >= start->slots)
        start->slots = slot + 1;
    uint64_t number;
    if (!wal_checkpoint_name_parse(name, &number))
        return;
    if (number > start->checkpoints[0]) {
        start->checkpoints[1] = start->checkpoints[0];
        start->checkpoints[0] = number;
    } else if (number > start->checkpoints[1]) {
        start->checkpoints[1] = number;
    }
}

// Finds out how files can be written here: on the completion log when there is one (a full disk must
// not keep a server from starting), else on a file that is made for it.
static int start_probe_file(struct start *start, uint32_t direct)
{
    if (start->has_completion)
        return start_open(start, WAL_NAME_COMPLETION, IO_OPEN_WRITE | direct);
    return start_open(start, "probe", IO_OPEN_WRITE | IO_OPEN_CREATE | direct);
}

static int start_probe(struct start *start)
{
    struct journal *journal = start->journal;
    struct server *server = start->server;
    journal->direct = server->config.wal_direct_io == WAL_DIRECT_AUTO;
    int file = start_probe_file(start, journal->direct ? IO_OPEN_DIRECT : 0);
    if (file == -EINVAL && journal->direct) {
        journal->direct = false;
        file = start_probe_file(start, 0);
    }
    if (file < 0)
        return start_failed(server, EXIT_START, "cannot write to the data folder", file);
    memset(start->block, 0, WAL_BLOCK_BYTES);
    int64_t result = start->has_completion
                         ? start_read(start, file, 0, start->block, WAL_BLOCK_BYTES)
                         : start_write_block(start, file, 0);
    if (result == -EINVAL && journal->direct) {
        journal->direct = false;
        result = 0;
    }
    bool honoured = io_honours_dsync(server->io, file, journal->file_system);
    journal->dsync = journal->direct && honoured;
    start_close(start, file);
    if (!start->has_completion) {
        io_unlink(server->io, journal->directory, "probe", start_token);
        start_wait(server);
    }
    if (result < 0 && !start->has_completion)
        return start_failed(server, EXIT_START, "cannot write to the data folder", (int)result);
    return 0;
}

int start_folder(struct start *start)
{
    struct server *server = start->server;
    struct journal *journal = start->journal;
    journal->directory = io_open_directory(server->io, server->config.dir);
    if (journal->directory < 0) {
        notice(&server->notices, LOGLEVEL_WARNING, "cannot open the data folder %s: %s",
               server->config.dir, strerror(-journal->directory));
        return EXIT_START;
    }
    int code = start_lock(start);
    if (code != 0)
        return code;
    int result = io_list(server->io, journal->directory, start_note_file, start);
    if (result < 0)
        return start_failed(server, EXIT_START, "cannot list the data folder", result);
    return start_probe(start);
}

// --- a new folder ----------------------------------------------------------------------------

static int start_refuse_new(struct start *start, const char *name)
{
    notice(&start->server->notices, LOGLEVEL_WARNING,
           "refusing to start: the file %s is missing in %s, but %s holds data. Restore it from a "
           "backup of this folder, or see what 'poro-wal repair' can do without it.",
           WAL_NAME_INSTANCE, start->server->config.dir, name);
    return EXIT_DAMAGED;
}

// A completion log with more than the one record that it begins with witnesses that there was data,
// even if every segment is gone.
static int start_check_new_completion(struct start *start)
{
    int file = start_open(start, WAL_NAME_COMPLETION, IO_OPEN_READ);
    int64_t got = file < 0 ? file : (int64_t)WAL_BLOCK_BYTES;
    bool data = false;
    for (uint64_t i = 0; i < WAL_COMPLETION_BLOCKS && got == (int64_t)WAL_BLOCK_BYTES; i++) {
        got = start_read(start, file, i * WAL_BLOCK_BYTES, start->block, WAL_BLOCK_BYTES);
        if (got == (int64_t)WAL_BLOCK_BYTES && i != WAL_COMPLETION_INITIAL)
            data = data || !wal_block_is_zero(start->block);
    }
    if (file >= 0)
        start_close(start, file);
    if (got < 0)
        return start_failed(start->server, EXIT_START, WAL_NAME_COMPLETION, (int)got);
    return data ? start_refuse_new(start, WAL_NAME_COMPLETION) : 0;
}

// Without `instance` the folder is new, or its making was interrupted. Anything that looks like
// data says otherwise.
static int start_check_new(struct start *start)
{
    struct server *server = start->server;
    char name[WAL_SEGMENT_NAME_BYTES];
    for (uint32_t slot = 0; slot < start->slots; slot++) {
        wal_segment_name(name, slot);
        int file = start_open(start, name, IO_OPEN_READ);
        if (file == -ENOENT)
            continue;
        int64_t got = file < 0 ? file : start_read(start, file, 0, start->block, WAL_BLOCK_BYTES);
        if (file >= 0)
            start_close(start, file);
        if (got < 0)
            return start_failed(server, EXIT_START, name, (int)got);
        if (got == (int64_t)WAL_BLOCK_BYTES && !wal_block_is_zero(start->block))
            return start_refuse_new(start, name);
    }
    if (start->checkpoints[0] > 0) {
        char checkpoint[WAL_CHECKPOINT_NAME_BYTES];
        wal_checkpoint_name(checkpoint, start->checkpoints[0]);
        return start_refuse_new(start, checkpoint);
    }
    return start->has_completion ? start_check_new_completion(start) : 0;
}

// Writes a file of whole zero blocks with `start->block` at `offset`, and syncs it.
int start_make_file(struct start *start, const char *name, uint64_t blocks, uint64_t offset)
{
    struct journal *journal = start->journal;
    int file = start_open(start, name, journal_open_flags(journal) | IO_OPEN_CREATE);
    if (file < 0)
        return file;
    int result = 0;
    for (uint64_t i = 0; i < blocks && result == 0; i++) {
        struct iovec piece = {journal->zeros, WAL_BLOCK_BYTES};
        if (i == offset / WAL_BLOCK_BYTES)
            piece.iov_base = start->block;
        io_write(start->server->io, file, &piece, 1, i * WAL_BLOCK_BYTES, false, start_token);
        int32_t wrote = start_wait(start->server);
        result = wrote < 0 ? wrote : (wrote == (int32_t)WAL_BLOCK_BYTES ? 0 : -ENOSPC);
    }
    if (result == 0)
        result = start_sync(start, file);
    start_close(start, file);
    return result;
}

// The identity comes last of all: until it is in place the folder counts as new.
int start_make_folder(struct start *start)
{
    struct server *server = start->server;
    struct journal *journal = start->journal;
    int code = start_check_new(start);
    if (code != 0)
        return code;
    journal->identity.segment_bytes = (uint64_t)server->config.wal_segment_size;
    clock_entropy(journal->identity.id, sizeof(journal->identity.id));
    uint64_t offset = wal_completion_initial(start->block, &journal->identity);
    int result = start_make_file(start, WAL_NAME_COMPLETION, WAL_COMPLETION_BLOCKS, offset);
    if (result == 0) {
        wal_instance_encode(start->block, &journal->identity);
        result = start_make_file(start, WAL_NAME_INSTANCE_NEW, 1, 0);
    }
    if (result == 0)
        result = start_sync(start, journal->directory);
    if (result == 0) {
        io_rename(server->io, journal->directory, WAL_NAME_INSTANCE_NEW, WAL_NAME_INSTANCE,
                  start_token);
        result = start_wait(server);
    }
    if (result == 0)
        result = start_sync(start, journal->directory);
    if (result < 0)
        return start_failed(server, EXIT_START, "cannot make the data folder", result);
    return 0;
}

// --- an old folder ---------------------------------------------------------------------------

int start_read_instance(struct start *start)
{
    struct server *server = start->server;
    struct journal *journal = start->journal;
    int file = start_open(start, WAL_NAME_INSTANCE, IO_OPEN_READ);
    int64_t got = file < 0 ? file : start_read(start, file, 0, start->block, WAL_BLOCK_BYTES);
    if (file >= 0)
        start_close(start, file);
    if (got < 0)
        return start_failed(server, EXIT_START, "cannot read the file instance", (int)got);
    int result = got == (int64_t)WAL_BLOCK_BYTES
                     ? wal_instance_decode(start->block, &journal->identity)
                     : -EBADMSG;
    if (result == -EPROTONOSUPPORT) {
        notice(&server->notices, LOGLEVEL_WARNING,
               "refusing to start: %s was made by another version of Poro", server->config.dir);
        return EXIT_DAMAGED;
    }
    if (result < 0) {
        notice(&server->notices, LOGLEVEL_WARNING,
               "refusing to start: the file instance in %s is damaged. Restore it from a backup "
               "of this folder.",
               server->config.dir);
        return EXIT_DAMAGED;
    }
    return 0;
}

// What a killed process left in the page cache is no proof: before anything is believed, all files
// and the folder are synced, and what the cache has is dropped.
static int start_harden_file(struct start *start, const char *name)
{
    int file = start_open(start, name, IO_OPEN_WRITE);
    if (file == -ENOENT)
        return 0;
    if (file < 0)
        return file;
    int result = start_sync(start, file);
    if (result == 0)
        result = io_drop_cache(start->server->io, file);
    start_close(start, file);
    return result;
}

int start_harden(struct start *start)
{
    char name[WAL_SEGMENT_NAME_BYTES];
    int result = start_harden_file(start, WAL_NAME_COMPLETION);
    for (int i = 0; i < 2 && result == 0 && start->checkpoints[i] > 0; i++) {
        char checkpoint[WAL_CHECKPOINT_NAME_BYTES];
        wal_checkpoint_name(checkpoint, start->checkpoints[i]);
        result = start_harden_file(start, checkpoint);
    }
    for (uint32_t slot = 0; slot < start->slots && result == 0; slot++) {
        wal_segment_name(name, slot);
        result = start_harden_file(start, name);
    }
    if (result == 0)
        result = start_sync(start, start->journal->directory);
    if (result < 0)
        return start_failed(start->server, EXIT_START, "cannot sync the data folder", result);
    return 0;
}
