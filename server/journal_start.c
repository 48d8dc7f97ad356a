// The journal's start: lock the data folder, make it or recover what it holds, open a new segment.
#include "server/journal_internal.h"

#include "server/clock.h"
#include "server/io.h"
#include "server/memory.h"
#include "server/server.h"
#include "server/token.h"
#include "storage/allocator.h"
#include "storage/keyspace.h"
#include "wal/recovery.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// A killed process's last requests may hold the lock for a moment.
#define LOCK_ATTEMPTS 100
#define LOCK_PAUSE_NS 50000000
// Buckets swept at a time when replay needs a keyspace slot.
#define REPLAY_SWEEP_BUCKETS 65536

// What the start needs and the running server does not.
struct start {
    struct server *server;
    struct journal *journal;
    uint8_t *block; // one block of aligned memory
    uint8_t *buffer;
    size_t buffer_bytes;
    bool has_instance;
    bool has_completion;
    uint32_t slots;     // highest segment file + 1
    uint32_t open_slot; // the file that recovery reads at the moment
    int open_file;
};

// --- blocking requests -----------------------------------------------------------------------

static const uint64_t start_token = (uint64_t)TOKEN_START << 56;

// Waits for the request just queued; other events of the journal are dealt with meanwhile.
static int32_t start_wait(struct server *server)
{
    for (;;) {
        int count = io_wait(server->io, -1, server->events);
        server->now_ns = clock_monotonic_ns();
        if (count < 0)
            return count;
        bool found = false;
        int32_t result = 0;
        for (int i = 0; i < count; i++) {
            const struct io_event *event = &server->events[i];
            struct token token = token_unpack(event->token);
            if (token.operation == TOKEN_START) {
                assert(!found);
                found = true;
                result = event->result;
            } else {
                journal_event(server, token, event);
            }
        }
        if (found)
            return result;
    }
}

static int start_open(struct start *start, const char *name, uint32_t flags)
{
    io_open(start->server->io, start->journal->directory, name, flags, start_token);
    return start_wait(start->server);
}

static void start_close(struct start *start, int file)
{
    io_close(start->server->io, file, start_token);
    start_wait(start->server);
}

static int start_sync(struct start *start, int file)
{
    io_sync(start->server->io, file, false, start_token);
    return start_wait(start->server);
}

static int64_t start_read(struct start *start, int file, uint64_t offset, uint8_t *buffer,
                          uint64_t length)
{
    uint64_t done = 0;
    while (done < length) {
        uint64_t piece = length - done;
        if (piece > MIB(16))
            piece = MIB(16);
        io_read(start->server->io, file, buffer + done, (uint32_t)piece, offset + done,
                start_token);
        int32_t result = start_wait(start->server);
        if (result < 0)
            return result;
        done += (uint64_t)result;
        // The end of the file; O_DIRECT may answer with an odd length there.
        if ((uint64_t)result < piece)
            break;
    }
    return (int64_t)done;
}

static int start_write_block(struct start *start, int file, uint64_t offset)
{
    struct iovec piece = {start->block, WAL_BLOCK_BYTES};
    io_write(start->server->io, file, &piece, 1, offset, false, start_token);
    int32_t result = start_wait(start->server);
    if (result < 0)
        return result;
    return result == (int32_t)WAL_BLOCK_BYTES ? 0 : -EIO;
}

static int start_failed(struct server *server, int code, const char *what, int error)
{
    notice(&server->notices, LOGLEVEL_WARNING, "%s: %s", what, strerror(-error));
    return code;
}

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
        io_wait(server->io, LOCK_PAUSE_NS, server->events);
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

static int start_folder(struct start *start)
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
    return start->has_completion ? start_check_new_completion(start) : 0;
}

// Writes a file of whole zero blocks with `start->block` at `offset`, and syncs it.
static int start_make_file(struct start *start, const char *name, uint64_t blocks, uint64_t offset)
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
static int start_make_folder(struct start *start)
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

static int start_read_instance(struct start *start)
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
               "refusing to start: %s was made by a newer version of Poro", server->config.dir);
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

static int start_harden(struct start *start)
{
    char name[WAL_SEGMENT_NAME_BYTES];
    int result = start_harden_file(start, WAL_NAME_COMPLETION);
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

// --- replay ----------------------------------------------------------------------------------

static int64_t start_source_read(void *context, uint32_t slot, uint64_t offset, uint8_t *buffer,
                                 uint64_t length)
{
    struct start *start = context;
    if (start->open_file < 0 || start->open_slot != slot) {
        char name[WAL_SEGMENT_NAME_BYTES] = WAL_NAME_COMPLETION;
        if (slot != WAL_SLOT_COMPLETION)
            wal_segment_name(name, slot);
        if (start->open_file >= 0)
            start_close(start, start->open_file);
        uint32_t flags = start->journal->direct ? IO_OPEN_DIRECT : 0;
        start->open_file = start_open(start, name, IO_OPEN_READ | flags);
        start->open_slot = slot;
        if (start->open_file < 0)
            return start->open_file;
    }
    return start_read(start, start->open_file, offset, buffer, length);
}

// A map that the server could have written: ids that were given out, no two alike.
static bool replay_map_valid(const struct wal_record *record)
{
    for (uint32_t i = 0; i < DATABASES_MAX; i++) {
        if (record->map.ids[i] == 0 || record->map.ids[i] >= record->map.next_id)
            return false;
        for (uint32_t j = 0; j < i; j++) {
            if (record->map.ids[i] == record->map.ids[j])
                return false;
        }
    }
    return true;
}

static int replay_map(struct server *server, const struct wal_record *record)
{
    if (!replay_map_valid(record))
        return -EBADMSG;
    struct keyspace_map map = {.next_id = record->map.next_id};
    for (uint32_t i = 0; i < DATABASES_MAX; i++)
        map.ids[i] = record->map.ids[i];
    int result = keyspace_set_map(server->keyspace, &map);
    while (result == -ENOSPC && keyspace_count_dead(server->keyspace) > 0) {
        keyspace_sweep(server->keyspace, 0, REPLAY_SWEEP_BUCKETS, NULL, NULL);
        result = keyspace_set_map(server->keyspace, &map);
    }
    return result;
}

static bool replay_range(struct server *server, const struct key *key, struct entry *entry,
                         const struct wal_record *record)
{
    if (entry_value_length(entry) != record->total)
        entry = keyspace_resize(server->keyspace, key, entry, record->total);
    if (entry != NULL && record->length > 0)
        entry = keyspace_write(server->keyspace, key, entry, record->offset, record->data,
                               record->length);
    return entry != NULL;
}

// A record about a key. What belongs to a keyspace that no database has any more is dropped.
static bool replay_key(struct server *server, const struct wal_record *record)
{
    int database = keyspace_database_of_id(server->keyspace, record->keyspace);
    if (database < 0)
        return true;
    struct key key =
        keyspace_key(server->keyspace, (uint32_t)database, record->key, record->key_length);
    if (record->type == WAL_RECORD_SET) {
        struct entry *entry =
            keyspace_set(server->keyspace, &key, record->data, record->length, record->expiry_ms);
        return entry != NULL && (record->total == record->length ||
                                 keyspace_resize(server->keyspace, &key, entry, record->total));
    }
    if (record->type == WAL_RECORD_DELETE) {
        keyspace_delete(server->keyspace, &key);
        return true;
    }
    struct entry *entry = keyspace_find(server->keyspace, &key);
    if (entry == NULL)
        return true;
    if (record->type == WAL_RECORD_RANGE)
        return replay_range(server, &key, entry, record);
    assert(record->type == WAL_RECORD_EXPIRE);
    return keyspace_set_expiry(server->keyspace, &key, entry, record->expiry_ms) != NULL;
}

static int start_source_apply(void *context, const struct wal_record *record)
{
    struct start *start = context;
    if (record->type == WAL_RECORD_MAP)
        return replay_map(start->server, record);
    return replay_key(start->server, record) ? 0 : -ENOMEM;
}

static int start_recover(struct start *start)
{
    struct server *server = start->server;
    struct wal_recovery_result *result = &server->recovery;
    const struct wal_source source = {start, start_source_read, start_source_apply};
    int64_t began_ns = clock_monotonic_ns();
    int error =
        wal_recover(server->wal_recovery, &start->journal->identity, &source, start->slots, result);
    if (start->open_file >= 0)
        start_close(start, start->open_file);
    start->open_file = -1;
    server->recovery_ns = clock_monotonic_ns() - began_ns;
    if (error == -ENOMEM) {
        notice(&server->notices, LOGLEVEL_WARNING,
               "the data needs more memory than is reserved: raise maxmemory");
        return EXIT_START;
    }
    if (error < 0)
        return start_failed(server, EXIT_START, "recovery failed", error);
    if (wal_verdict_refuses(result->verdict)) {
        notice(&server->notices, LOGLEVEL_WARNING, "refusing to start: %s", result->message);
        notice(&server->notices, LOGLEVEL_WARNING,
               "nothing has been changed. Look at it with 'poro-wal check %s'; 'poro-wal repair' "
               "writes what can be saved into a new folder and says what it gives up.",
               server->config.dir);
        return EXIT_DAMAGED;
    }
    if (result->verdict == WAL_VERDICT_TORN)
        notice(&server->notices, LOGLEVEL_NOTICE, "%s", result->message);
    return 0;
}

// --- going on --------------------------------------------------------------------------------

static int start_slots(struct start *start)
{
    struct server *server = start->server;
    struct journal *journal = start->journal;
    for (uint32_t slot = 0; slot < start->slots; slot++) {
        uint64_t number = 0;
        enum wal_slot_state state = wal_recovery_slot(server->wal_recovery, slot, &number);
        wal_slot_found(server->wal, slot, state, number);
        journal->stats.segments += state != WAL_SLOT_NONE;
        if (state != WAL_SLOT_READY)
            continue;
        char name[WAL_SEGMENT_NAME_BYTES];
        wal_segment_name(name, slot);
        int file = start_open(start, name, journal_open_flags(journal));
        if (file < 0)
            return start_failed(server, EXIT_START, name, file);
        journal_adopt_file(journal, slot, file);
    }
    return 0;
}

// On a full disk without a segment left: goes on where the log ends, if nothing had to be cut there.
static bool start_resume_segment(struct start *start)
{
    struct server *server = start->server;
    const struct wal_recovery_result *result = &server->recovery;
    if (!result->resume.possible)
        return false;
    uint32_t slot = result->resume.slot;
    char name[WAL_SEGMENT_NAME_BYTES];
    wal_segment_name(name, slot);
    int file = start_open(start, name, journal_open_flags(start->journal));
    if (file < 0)
        return false;
    journal_adopt_file(start->journal, slot, file);
    wal_resume_segment(server->wal, slot, result->resume.number, result->resume.offset);
    notice(&server->notices, LOGLEVEL_WARNING,
           "the disk is full: going on in the last segment, writes may be refused");
    return true;
}

// The first segment of this start supersedes whatever was cut; it is durable before anything else.
static int start_open_segment(struct start *start)
{
    struct server *server = start->server;
    struct journal *journal = start->journal;
    while (!wal_open_segment(server->wal, &journal->write)) {
        if (journal->prepare_error == 0) {
            journal->prepare_retry_ns = 0;
            journal_prepare(server);
        }
        if (wal_segments_ready(server->wal) == 0 && journal->prepare_error != 0 &&
            !journal_preparing(journal))
            return start_resume_segment(start)
                       ? 0
                       : start_failed(server, EXIT_START, "cannot make the log's next segment",
                                      journal->prepare_error);
        int count = io_wait(server->io, -1, server->events);
        server->now_ns = clock_monotonic_ns();
        for (int i = 0; i < count; i++)
            journal_event(server, token_unpack(server->events[i].token), &server->events[i]);
        if (count < 0)
            return start_failed(server, EXIT_START, "the ring failed", count);
    }
    const struct wal_write *write = &journal->write;
    int file = journal->files[write->slot];
    struct iovec piece = {(void *)write->pieces[0], write->lengths[0]};
    io_write(server->io, file, &piece, 1, write->offset, false, start_token);
    int64_t result = start_wait(server);
    if (result == (int64_t)write->lengths[0]) {
        int synced = start_sync(start, file);
        result = synced < 0 ? synced : result;
    }
    if (wal_write_done(server->wal, result, true) != WAL_OK)
        return start_failed(server, EXIT_START, "cannot write the log's next segment",
                            result < 0 ? (int)result : -EIO);
    return 0;
}

static int start_open_completion(struct start *start)
{
    struct journal *journal = start->journal;
    int file = start_open(start, WAL_NAME_COMPLETION, journal_open_flags(journal));
    if (file < 0)
        return start_failed(start->server, EXIT_START, "cannot open the completion log", file);
    journal->completion_file = file;
    // The new D gets its witness before the first reply.
    const uint8_t *block;
    uint64_t offset;
    if (!wal_completion_next(start->server->wal, false, &block, &offset))
        return 0;
    memcpy(start->block, block, WAL_BLOCK_BYTES);
    int result = start_write_block(start, file, offset);
    if (result == 0)
        result = start_sync(start, file);
    wal_completion_done(start->server->wal, result);
    if (result < 0)
        return start_failed(start->server, EXIT_START, "cannot write the completion log", result);
    return 0;
}

// The completion log is gone, but nothing follows E: recovery has decided that nothing is lost.
static int start_remake_completion(struct start *start)
{
    struct server *server = start->server;
    notice(&server->notices, LOGLEVEL_WARNING, "the completion log is missing: making it anew");
    uint64_t offset = wal_completion_initial(start->block, &start->journal->identity);
    int result = start_make_file(start, WAL_NAME_COMPLETION, WAL_COMPLETION_BLOCKS, offset);
    if (result == 0)
        result = start_sync(start, start->journal->directory);
    if (result < 0)
        return start_failed(server, EXIT_START, "cannot make the completion log", result);
    server->recovery.completion_counter = WAL_COMPLETION_INITIAL;
    return 0;
}

static int start_run(struct start *start)
{
    struct server *server = start->server;
    struct journal *journal = start->journal;
    int code = start_folder(start);
    if (code == 0 && !start->has_instance)
        code = start_make_folder(start);
    if (code == 0 && start->has_instance)
        code = start_read_instance(start);
    if (code == 0)
        code = start_harden(start);
    if (code == 0)
        code = start_recover(start);
    if (code != 0)
        return code;
    struct wal_options options = {
        .identity = journal->identity,
        .segments_ahead = (uint32_t)server->config.wal_segments_ahead,
    };
    server->wal = wal_create(server->allocator, server->staging, server->staging_bytes, &options);
    if (server->wal == NULL)
        return start_failed(server, EXIT_START, "cannot create the log", -ENOMEM);
    if (start->has_instance && !start->has_completion) {
        code = start_remake_completion(start);
        if (code != 0)
            return code;
    }
    const struct wal_recovery_result *result = &server->recovery;
    wal_continue(server->wal, result->end, result->end_chain, result->segment_newest + 1,
                 result->completion_counter);
    code = start_slots(start);
    if (code == 0)
        code = start_open_segment(start);
    if (code == 0)
        code = start_open_completion(start);
    return code;
}

int journal_start(struct server *server)
{
    struct journal *journal = allocator_take(server->allocator, sizeof(*journal), 64);
    uint8_t *zeros = allocator_take(server->allocator, ZERO_BYTES, 4096);
    uint8_t *block = allocator_take(server->allocator, WAL_BLOCK_BYTES, 4096);
    if (journal == NULL || zeros == NULL || block == NULL)
        return start_failed(server, EXIT_START, "cannot create the journal", -ENOMEM);
    server->journal = journal;
    journal->zeros = zeros;
    for (uint32_t i = 0; i < WAL_SEGMENTS_MAX; i++)
        journal->files[i] = -1;
    struct start start = {.server = server, .journal = journal, .block = block, .open_file = -1};
    return start_run(&start);
}
