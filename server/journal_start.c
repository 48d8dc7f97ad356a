// The journal's start: the order of its steps, and a new segment to go on in.
#include "server/journal_start.h"

#include "server/checkpoint.h"
#include "server/clock.h"
#include "server/io.h"
#include "server/server.h"
#include "server/spool.h"
#include "server/token.h"
#include "storage/allocator.h"
#include "storage/keyspace.h"
#include "wal/recovery.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

// --- blocking requests -----------------------------------------------------------------------

bool start_reap(struct server *server, int64_t timeout_ns, int32_t *result)
{
    int count = io_wait(server->io, loading_timeout_ns(server, timeout_ns), server->events);
    server->now_ns = clock_monotonic_ns();
    server->wall_ms = clock_wall_us() / 1000;
    *result = count;
    bool found = count < 0;
    for (int i = 0; i < count; i++) {
        const struct io_event *event = &server->events[i];
        struct token token = token_unpack(event->token);
        if (token.operation != TOKEN_START) {
            server_event(server, event);
        } else if (event->token >= start_ahead_token) {
            uint64_t piece = event->token - start_ahead_token;
            assert(piece < START_AHEAD_PIECES);
            server->journal->ahead->pieces[piece].pending = false;
            server->journal->ahead->pieces[piece].result = event->result;
        } else {
            assert(!found);
            found = true;
            *result = event->result;
        }
    }
    if (server->state == SERVER_LOADING)
        loading_turn(server);
    return found;
}

int32_t start_wait(struct server *server)
{
    int32_t result;
    while (!start_reap(server, -1, &result))
        ;
    return result;
}

int start_open(struct start *start, const char *name, uint32_t flags)
{
    io_open(start->server->io, start->journal->directory, name, flags, start_token);
    return start_wait(start->server);
}

void start_close(struct start *start, int file)
{
    io_close(start->server->io, file, start_token);
    start_wait(start->server);
}

int start_sync(struct start *start, int file)
{
    io_sync(start->server->io, file, false, start_token);
    return start_wait(start->server);
}

int64_t start_read(struct start *start, int file, uint64_t offset, uint8_t *buffer, uint64_t length)
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

int start_write_block(struct start *start, int file, uint64_t offset)
{
    struct iovec piece = {start->block, WAL_BLOCK_BYTES};
    io_write(start->server->io, file, &piece, 1, offset, false, start_token);
    int32_t result = start_wait(start->server);
    if (result < 0)
        return result;
    return result == (int32_t)WAL_BLOCK_BYTES ? 0 : -EIO;
}

int start_failed(struct server *server, int code, const char *what, int error)
{
    notice(&server->notices, LOGLEVEL_WARNING, "%s: %s", what, strerror(-error));
    return code;
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

// On a full disk without a segment left: goes on where the log ends, if no frame had to be cut.
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

// Waits until a segment is ready and its header can be written. *resumed: none can be made, and the
// log goes on where it ends.
static int start_await_segment(struct start *start, bool *resumed)
{
    struct server *server = start->server;
    struct journal *journal = start->journal;
    *resumed = false;
    while (!wal_open_segment(server->wal, &journal->write)) {
        if (journal->prepare_error == 0) {
            journal->prepare_retry_ns = 0;
            journal_prepare(server);
        }
        if (wal_segments_ready(server->wal) == 0 && journal->prepare_error != 0 &&
            !journal_preparing(journal)) {
            *resumed = start_resume_segment(start);
            return *resumed ? 0
                            : start_failed(server, EXIT_START, "cannot make the log's next segment",
                                           journal->prepare_error);
        }
        int32_t failed;
        if (start_reap(server, -1, &failed))
            return start_failed(server, EXIT_START, "the ring failed", failed);
    }
    return 0;
}

// The first segment of this start supersedes whatever was cut; it is durable before anything else.
// One that cannot be written gives way to the next.
static int start_open_segment(struct start *start)
{
    struct server *server = start->server;
    struct journal *journal = start->journal;
    for (;;) {
        bool resumed;
        int code = start_await_segment(start, &resumed);
        if (code != 0 || resumed)
            return code;
        const struct wal_write *write = &journal->write;
        int file = journal->files[write->slot];
        struct iovec piece = {(void *)write->pieces[0], write->lengths[0]};
        io_write(server->io, file, &piece, 1, write->offset, false, start_token);
        int64_t result = start_wait(server);
        int synced = result == (int64_t)write->lengths[0] ? start_sync(start, file) : 0;
        if (synced < 0)
            return start_failed(server, EXIT_START, "cannot sync the log's next segment", synced);
        enum wal_outcome outcome = wal_write_done(server->wal, result, true);
        if (outcome == WAL_OK)
            return 0;
        if (outcome == WAL_FATAL)
            return start_failed(server, EXIT_START, "cannot write the log's next segment",
                                result < 0 ? (int)result : -EIO);
    }
}

// A completion log that has been cut off gets its length back while there is space for that. Recovery
// has decided without what was lost, and zeros say nothing.
static int start_extend_completion(struct start *start, int file)
{
    uint64_t blocks = WAL_COMPLETION_BLOCKS;
    int64_t got = 0;
    while (blocks > 0 && got < (int64_t)WAL_BLOCK_BYTES) {
        got =
            start_read(start, file, (blocks - 1) * WAL_BLOCK_BYTES, start->block, WAL_BLOCK_BYTES);
        if (got < 0) // unreadable is not missing
            return 0;
        blocks -= got < (int64_t)WAL_BLOCK_BYTES;
    }
    if (blocks == WAL_COMPLETION_BLOCKS)
        return 0;
    notice(&start->server->notices, LOGLEVEL_WARNING,
           "the completion log is too short: giving it its length back");
    int result = 0;
    memset(start->block, 0, WAL_BLOCK_BYTES);
    for (; blocks < WAL_COMPLETION_BLOCKS && result == 0; blocks++)
        result = start_write_block(start, file, blocks * WAL_BLOCK_BYTES);
    return result == 0 ? start_sync(start, file) : result;
}

static int start_open_completion(struct start *start)
{
    struct journal *journal = start->journal;
    int file = start_open(start, WAL_NAME_COMPLETION, journal_open_flags(journal));
    if (file < 0)
        return start_failed(start->server, EXIT_START, "cannot open the completion log", file);
    journal->completion_file = file;
    int result = start_extend_completion(start, file);
    if (result < 0 && result != -ENOSPC)
        return start_failed(start->server, EXIT_START, "cannot write the completion log", result);
    return 0;
}

// D gets its witness, if it has none yet.
static int start_witness(struct start *start)
{
    int file = start->journal->completion_file;
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

struct start_replaced {
    uint64_t kept;
    uint64_t found; // 0: none
};

static void start_note_replaced(void *context, const char *name)
{
    struct start_replaced *replaced = context;
    uint64_t number;
    if (wal_checkpoint_name_parse(name, &number) && number != replaced->kept)
        replaced->found = number;
}

// What the newest checkpoint replaces: a crash may have come before it was removed, or an error. It has
// just been read, past the page cache, and a completion record names it.
static int start_remove_checkpoints(struct start *start)
{
    struct server *server = start->server;
    int folder = start->journal->directory;
    for (;;) {
        struct start_replaced replaced = {.kept = server->recovery.checkpoint};
        char name[WAL_CHECKPOINT_NAME_BYTES];
        int result = io_list(server->io, folder, start_note_replaced, &replaced);
        if (result == 0 && replaced.found == 0)
            return 0;
        if (result == 0) {
            wal_checkpoint_name(name, replaced.found);
            io_unlink(server->io, folder, name, start_token);
            result = start_wait(server);
        }
        if (result == 0)
            result = start_sync(start, folder);
        if (result < 0)
            return start_failed(server, EXIT_START, "cannot remove an old checkpoint", result);
    }
}

// Empty, and stands where nothing has been written yet, until recovery knows where it goes on: clients
// that look while data is loaded find that.
static int start_create_log(struct start *start)
{
    struct server *server = start->server;
    struct wal_options options = {
        .identity = start->journal->identity,
        .segments_ahead = (uint32_t)server->config.wal_segments_ahead,
    };
    server->wal = wal_create(server->allocator, server->staging, server->staging_bytes, &options);
    return server->wal != NULL ? 0
                               : start_failed(server, EXIT_START, "cannot create the log", -ENOMEM);
}

static int start_run(struct start *start)
{
    struct server *server = start->server;
    int code = start_folder(start);
    if (code == 0 && !start->has_instance)
        code = start_make_folder(start);
    if (code == 0 && start->has_instance)
        code = start_read_instance(start);
    if (code == 0)
        code = start_create_log(start);
    if (code == 0 && start->has_instance)
        loading_begin(server);
    if (code == 0)
        code = start_harden(start);
    if (code == 0 && server->stop_asked)
        return START_ENDED;
    if (code == 0)
        code = start_recover(start);
    if (code != 0)
        return code;
    if (start->has_instance && !start->has_completion) {
        code = start_remake_completion(start);
        if (code != 0)
            return code;
    }
    const struct wal_recovery_result *result = &server->recovery;
    wal_continue(server->wal, result->end, result->end_chain, result->segment_newest + 1,
                 result->completion_counter, result->checkpoint);
    checkpoint_continue(server, result->checkpoint_newest, result->checkpoint);
    spool_continue(server, start->pending_spools);
    code = start_slots(start);
    if (code == 0)
        code = start_open_completion(start);
    // Without any valid record left, nothing may follow E before there is one again: a crash while
    // the segment is opened would leave a log of which nobody can tell whether it is all.
    // And before a segment that a checkpoint replaces is used again, that is the only one that can be
    // relied upon: it must not be passed over any more.
    bool unproved = result->checkpoint > result->checkpoint_witnessed;
    if (code == 0 && (result->completion_counter == 0 || unproved))
        code = start_witness(start);
    if (code == 0)
        code = start_open_segment(start);
    if (code == 0) // before the first reply
        code = start_witness(start);
    if (code == 0)
        code = start_remove_checkpoints(start);
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
    start.ahead.buffer = server->read_ahead;
    journal->ahead = &start.ahead;
    return start_run(&start);
}
