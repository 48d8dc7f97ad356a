// Checkpoints, step by step: written, published, read back, and only then relied upon.
#include "server/checkpoint_internal.h"

#include "server/clock.h"
#include "server/io.h"
#include "server/journal.h"
#include "server/memory.h"
#include "server/server.h"
#include "server/token.h"
#include "storage/allocator.h"
#include "storage/keyspace.h"
#include "wal/log.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define BUFFER_BYTES WAL_FRAME_BYTES_MAX
// Memory of a buffer that is kept between checkpoints.
#define BUFFER_KEEP_BYTES (2 * CHECKPOINT_FRAME_BYTES)
// Read at once when it is read back.
#define VERIFY_BYTES KIB(256)

enum checkpoint_request_slot { REQUEST_STEP, REQUEST_WRITE /* and the buffer's index */ };

size_t checkpoint_overhead(void)
{
    return sizeof(struct checkpoint) + 64;
}

size_t checkpoint_region_bytes(void)
{
    return CHECKPOINT_BUFFERS * BUFFER_BYTES + KEY_BYTES_MAX;
}

struct checkpoint *checkpoint_create(struct allocator *allocator, void *region)
{
    assert((uintptr_t)region % WAL_BLOCK_BYTES == 0);
    struct checkpoint *checkpoint = allocator_take(allocator, sizeof(*checkpoint), 64);
    if (checkpoint == NULL)
        return NULL;
    for (uint32_t i = 0; i < CHECKPOINT_BUFFERS; i++)
        checkpoint->buffers[i].bytes = (uint8_t *)region + i * BUFFER_BYTES;
    checkpoint->key_bytes = (uint8_t *)region + CHECKPOINT_BUFFERS * BUFFER_BYTES;
    checkpoint->file = -1;
    checkpoint->took_ms = -1;
    checkpoint->succeeded = true;
    return checkpoint;
}

// From now on the newest checkpoint is this one (0: there is none), and nothing else is there.
static void replaced_by(struct checkpoint *checkpoint, uint64_t number)
{
    checkpoint->replaced[0] = number;
    checkpoint->replaced_count = number > 0;
}

// A file may have got this name and kept it.
static void replaced_add(struct checkpoint *checkpoint, uint64_t number)
{
    if (checkpoint->replaced_count == CHECKPOINT_REPLACED_MAX) {
        checkpoint->replaced_count--;
        memmove(checkpoint->replaced, checkpoint->replaced + 1,
                checkpoint->replaced_count * sizeof(checkpoint->replaced[0]));
    }
    checkpoint->replaced[checkpoint->replaced_count++] = number;
}

void checkpoint_continue(struct server *server, uint64_t newest, uint64_t loaded)
{
    struct checkpoint *checkpoint = server->checkpoint;
    checkpoint->newest = newest;
    checkpoint->published = loaded;
    replaced_by(checkpoint, loaded);
    checkpoint->bytes = server->recovery.checkpoint_bytes;
    checkpoint->done_ms = server->wall_ms;
    // What was replayed counts as the log's growth since the checkpoint.
    checkpoint->log_base = wal_bytes_total(server->wal) - server->recovery.bytes;
    checkpoint->changes_base = wal_records_total(server->wal) - server->recovery.records;
}

uint64_t checkpoint_request(struct server *server)
{
    struct checkpoint *checkpoint = server->checkpoint;
    // One that is going on began before what was executed since.
    checkpoint->requested = checkpoint->begun + 1;
    return checkpoint->requested;
}

uint64_t checkpoint_attempts(const struct checkpoint *checkpoint)
{
    return checkpoint->attempts;
}

bool checkpoint_succeeded(const struct checkpoint *checkpoint)
{
    return checkpoint->succeeded;
}

bool checkpoint_going_on(const struct checkpoint *checkpoint)
{
    return checkpoint->running;
}

bool checkpoint_requested(const struct checkpoint *checkpoint)
{
    return checkpoint->requested > checkpoint->begun;
}

bool checkpoint_awaits_witness(const struct checkpoint *checkpoint)
{
    return checkpoint->step == CHECKPOINT_WITNESS;
}

// --- requests of the ring ----------------------------------------------------------------------

static uint64_t checkpoint_token(uint32_t slot)
{
    return token_pack((struct token){TOKEN_CHECKPOINT, slot, 0});
}

// The frame that the writer has just finished in this buffer.
static void submit_write(struct server *server, uint32_t index, uint64_t length)
{
    struct checkpoint *checkpoint = server->checkpoint;
    struct checkpoint_buffer *buffer = &checkpoint->buffers[index];
    struct iovec piece = {buffer->bytes, length};
    assert(buffer->length == 0 && length > 0);
    buffer->length = length;
    checkpoint->writing++;
    io_write(server->io, checkpoint->file, &piece, 1, checkpoint->writer.offset - length, false,
             checkpoint_token(REQUEST_WRITE + index));
}

static void submit_read(struct server *server, struct checkpoint *checkpoint)
{
    uint8_t *to = checkpoint->buffers[0].bytes + checkpoint->held;
    uint64_t room = CHECKPOINT_BUFFERS * BUFFER_BYTES - checkpoint->held;
    io_read(server->io, checkpoint->file, to, (uint32_t)(room < VERIFY_BYTES ? room : VERIFY_BYTES),
            checkpoint->read_offset, checkpoint_token(REQUEST_STEP));
}

// Submits what the present step asks of the ring; those that ask for nothing are looked at every turn.
static void step_submit(struct server *server)
{
    struct checkpoint *checkpoint = server->checkpoint;
    struct io *io = server->io;
    const int folder = journal_directory(server);
    uint64_t token = checkpoint_token(REQUEST_STEP);
    char *name = checkpoint->name; // lent to the request
    checkpoint->waiting = true;
    switch (checkpoint->step) {
    case CHECKPOINT_DISCARD:
        io_unlink(io, folder, WAL_NAME_CHECKPOINT_NEW, token);
        return;
    case CHECKPOINT_OPEN:
        io_open(io, folder, WAL_NAME_CHECKPOINT_NEW, journal_file_flags(server) | IO_OPEN_CREATE,
                token);
        return;
    case CHECKPOINT_ALLOCATE:
        io_allocate(io, checkpoint->file, 0, checkpoint->reserving, token);
        return;
    case CHECKPOINT_SYNC:
        io_sync(io, checkpoint->file, false, token);
        return;
    case CHECKPOINT_RENAME:
        wal_checkpoint_name(name, checkpoint->number);
        checkpoint->placed = true;
        io_rename(io, folder, WAL_NAME_CHECKPOINT_NEW, name, token);
        return;
    case CHECKPOINT_WITHDRAW:
        wal_checkpoint_name(name, checkpoint->number);
        io_rename(io, folder, name, WAL_NAME_CHECKPOINT_NEW, token);
        return;
    case CHECKPOINT_RETIRE:
        wal_checkpoint_name(name, checkpoint->replaced[checkpoint->retiring]);
        io_rename(io, folder, name, WAL_NAME_CHECKPOINT_NEW, token);
        return;
    case CHECKPOINT_DISCARD_SYNC:
    case CHECKPOINT_SYNC_FOLDER:
    case CHECKPOINT_SYNC_RETIRED:
    case CHECKPOINT_SYNC_WITHDRAWN:
        io_sync(io, folder, false, token);
        return;
    case CHECKPOINT_DROP_CACHE:
        io_forget(io, checkpoint->file, token);
        return;
    case CHECKPOINT_VERIFY:
        submit_read(server, checkpoint);
        return;
    case CHECKPOINT_CLOSE:
    case CHECKPOINT_ABANDON:
        io_close(io, checkpoint->file, token);
        return;
    case CHECKPOINT_IDLE:
    case CHECKPOINT_AWAIT_SPACE:
    case CHECKPOINT_WALK:
    case CHECKPOINT_AWAIT:
    case CHECKPOINT_WRITE_END:
    case CHECKPOINT_WITNESS:
        checkpoint->waiting = false;
        return;
    }
    assert(false);
}

void checkpoint_step_go(struct server *server, enum checkpoint_step step)
{
    server->checkpoint->step = step;
    step_submit(server);
}

// --- the end of an attempt ---------------------------------------------------------------------

static void attempt_end(struct server *server)
{
    struct checkpoint *checkpoint = server->checkpoint;
    for (uint32_t i = 0; i < CHECKPOINT_BUFFERS; i++)
        memory_return(checkpoint->buffers[i].bytes + BUFFER_KEEP_BYTES,
                      BUFFER_BYTES - BUFFER_KEEP_BYTES);
    memory_return(checkpoint->key_bytes, KEY_BYTES_MAX);
    checkpoint->running = false;
    checkpoint->attempts = checkpoint->begun;
    checkpoint->succeeded = checkpoint->error == 0;
    checkpoint->step = CHECKPOINT_IDLE;
    if (checkpoint->error == 0)
        return;
    if (checkpoint->placed)
        replaced_add(checkpoint, checkpoint->number);
    checkpoint->last_error = checkpoint->error;
    checkpoint->retry_ns = server->now_ns + CHECKPOINT_RETRY_NS;
    notice(&server->notices, LOGLEVEL_WARNING, "checkpoint %llu failed: %s",
           (unsigned long long)checkpoint->number, strerror(-checkpoint->error));
}

// The one before has made room: what only the log before this one needed may be used again.
static void attempt_success(struct server *server)
{
    struct checkpoint *checkpoint = server->checkpoint;
    uint32_t released = wal_release(server->wal, checkpoint->begin.first);
    checkpoint->published = checkpoint->number;
    replaced_by(checkpoint, checkpoint->number);
    checkpoint->bytes = checkpoint->writer.offset;
    checkpoint->count++;
    checkpoint->log_base = checkpoint->log_begin;
    checkpoint->changes_base = checkpoint->changes_begin;
    checkpoint->done_ms = server->wall_ms;
    checkpoint->took_ms = (server->now_ns - checkpoint->began_ns) / 1000000;
    checkpoint->last_error = 0;
    notice(&server->notices, LOGLEVEL_NOTICE,
           "checkpoint %llu: %llu bytes in %lld ms, %u log segments are free again",
           (unsigned long long)checkpoint->number, (unsigned long long)checkpoint->bytes,
           (long long)checkpoint->took_ms, released);
    attempt_end(server);
}

// Nothing relies on the file yet. It stays as space for the next attempt, unless it has been published.
void checkpoint_attempt_failed(struct server *server, int error)
{
    struct checkpoint *checkpoint = server->checkpoint;
    assert(error < 0);
    checkpoint->error = error;
    bool published = checkpoint->step > CHECKPOINT_RENAME && checkpoint->step < CHECKPOINT_WITNESS;
    if (published)
        checkpoint_step_go(server, CHECKPOINT_WITHDRAW);
    else if (checkpoint->file >= 0 && checkpoint->writing == 0)
        checkpoint_step_go(server, CHECKPOINT_ABANDON);
    else if (checkpoint->file < 0)
        attempt_end(server);
}

// --- the walk ----------------------------------------------------------------------------------

void checkpoint_attempt_begin(struct server *server)
{
    struct checkpoint *checkpoint = server->checkpoint;
    struct wal_checkpoint_begin *begin = &checkpoint->begin;
    struct keyspace_stats stats;
    struct keyspace_map map;
    keyspace_stats(server->keyspace, &stats);
    keyspace_get_map(server->keyspace, &map);
    *begin = (struct wal_checkpoint_begin){.keys = stats.entries, .next_id = map.next_id};
    for (uint32_t i = 0; i < DATABASES_MAX; i++)
        begin->ids[i] = map.ids[i];
    wal_checkpoint_place(server->wal, begin);
    spool_place(server, begin);
    checkpoint->number = ++checkpoint->newest;
    checkpoint->placed = false;
    checkpoint->expected_bytes = checkpoint_expected_bytes(server);
    checkpoint->log_begin = wal_bytes_total(server->wal);
    checkpoint->changes_begin = wal_records_total(server->wal);
    checkpoint->cursor = 0;
    checkpoint->walked = false;
    checkpoint->within = false;
    checkpoint->value_length = 0;
    checkpoint->value_done = 0;
    checkpoint->filling = 0;
    wal_checkpoint_open(&checkpoint->writer, journal_identity(server), checkpoint->number);
    uint64_t length =
        wal_checkpoint_write_begin(&checkpoint->writer, checkpoint->buffers[0].bytes, begin);
    submit_write(server, 0, length);
    checkpoint->filling = 1;
    checkpoint_step_go(server, CHECKPOINT_WALK);
}

// Everything is in frames: what may be in them has to be on stable storage before the last one says
// that the checkpoint is whole.
static void walk_end(struct server *server)
{
    struct checkpoint *checkpoint = server->checkpoint;
    checkpoint->batch = wal_newest_batch(server->wal);
    journal_sync_up_to(server, checkpoint->batch);
    checkpoint_step_go(server, CHECKPOINT_AWAIT);
}

// Fills the present frame, and hands it over when it is full. True when there is time for the next one.
static bool walk_frame(struct server *server, int64_t until_ns)
{
    struct checkpoint *checkpoint = server->checkpoint;
    struct wal_checkpoint_writer *writer = &checkpoint->writer;
    uint32_t index = checkpoint->filling;
    if (writer->frame == NULL)
        wal_checkpoint_frame(writer, checkpoint->buffers[index].bytes);
    if (!checkpoint_walk(server, until_ns))
        return false;
    uint64_t length = wal_checkpoint_frame_close(writer);
    if (length > 0)
        submit_write(server, index, length);
    checkpoint->filling = (index + 1) % CHECKPOINT_BUFFERS;
    if (checkpoint->walked)
        walk_end(server);
    return !checkpoint->walked && clock_monotonic_ns() < until_ns;
}

// May the walk go on, or has it to wait for a write?
static bool walk_ready(const struct server *server)
{
    const struct checkpoint *checkpoint = server->checkpoint;
    return checkpoint->buffers[checkpoint->filling].length == 0 &&
           checkpoint->writing < checkpoint_writes_max(server);
}

static void walk_look(struct server *server)
{
    struct checkpoint *checkpoint = server->checkpoint;
    if (!walk_ready(server) || server->now_ns < checkpoint_work_due_ns(server))
        return;
    int64_t began_ns = clock_monotonic_ns();
    int64_t until_ns = began_ns + checkpoint_work_ns(server);
    while (walk_frame(server, until_ns) && walk_ready(server))
        ;
    int64_t ended_ns = clock_monotonic_ns();
    checkpoint->worked_ns = ended_ns;
    checkpoint->work_ns = ended_ns - began_ns;
}

static void await_look(struct server *server)
{
    struct checkpoint *checkpoint = server->checkpoint;
    if (checkpoint->writing > 0 || wal_batch_durable(server->wal) < checkpoint->batch)
        return;
    uint64_t chain;
    uint64_t durable = wal_durable_point(server->wal, &chain);
    uint64_t length =
        wal_checkpoint_write_end(&checkpoint->writer, checkpoint->buffers[0].bytes, durable, chain);
    submit_write(server, 0, length);
    checkpoint_step_go(server, CHECKPOINT_WRITE_END);
}

static void write_ended(struct server *server, uint32_t index, int32_t result)
{
    struct checkpoint *checkpoint = server->checkpoint;
    struct checkpoint_buffer *buffer = &checkpoint->buffers[index];
    assert(checkpoint->writing > 0 && buffer->length > 0);
    checkpoint->writing--;
    bool whole = result == (int64_t)buffer->length;
    buffer->length = 0;
    if (checkpoint->error != 0)
        checkpoint_attempt_failed(server, checkpoint->error);
    else if (!whole)
        checkpoint_attempt_failed(server, result < 0 ? result : -ENOSPC);
    else if (checkpoint->step == CHECKPOINT_WRITE_END)
        checkpoint_step_go(server, CHECKPOINT_SYNC);
}

// --- reading back ------------------------------------------------------------------------------

static void verify_begin(struct server *server)
{
    struct checkpoint *checkpoint = server->checkpoint;
    wal_checkpoint_read(&checkpoint->reader, journal_identity(server), checkpoint->number);
    checkpoint->read_offset = 0;
    checkpoint->held = 0;
    checkpoint_step_go(server, CHECKPOINT_VERIFY);
}

// Verifies the frames that are wholly there, and moves the rest to the buffer's start. False: damaged.
static bool verify_frames(struct checkpoint *checkpoint)
{
    uint8_t *bytes = checkpoint->buffers[0].bytes;
    uint64_t at = 0;
    while (!checkpoint->reader.ended && checkpoint->held - at >= WAL_BLOCK_BYTES) {
        const uint8_t *records;
        uint64_t length;
        uint32_t count;
        int64_t frame = wal_checkpoint_frame_length(&checkpoint->reader, bytes + at);
        if (frame < 0)
            return false;
        if ((uint64_t)frame > checkpoint->held - at)
            break;
        if (wal_checkpoint_frame_take(&checkpoint->reader, bytes + at, &records, &length, &count) <
            0)
            return false;
        at += (uint64_t)frame;
    }
    checkpoint->held -= at;
    memmove(bytes, bytes + at, checkpoint->held);
    return true;
}

static void verify_event(struct server *server, int32_t result)
{
    struct checkpoint *checkpoint = server->checkpoint;
    if (result < (int32_t)WAL_BLOCK_BYTES) {
        checkpoint_attempt_failed(server, result < 0 ? result : -EBADMSG);
        return;
    }
    uint64_t got = (uint64_t)result / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES;
    checkpoint->read_offset += got;
    checkpoint->held += got;
    if (!verify_frames(checkpoint)) {
        checkpoint_attempt_failed(server, -EBADMSG);
        return;
    }
    if (!checkpoint->reader.ended) {
        step_submit(server);
        return;
    }
    wal_checkpoint_verified(server->wal, checkpoint->number);
    checkpoint_step_go(server, CHECKPOINT_WITNESS);
}

// --- steps -------------------------------------------------------------------------------------

static void withdrawn(struct server *server)
{
    struct checkpoint *checkpoint = server->checkpoint;
    notice(&server->notices, LOGLEVEL_WARNING,
           "checkpoint %llu could not be read back as it was written: the one before it stays",
           (unsigned long long)checkpoint->number);
    checkpoint_step_go(server, CHECKPOINT_ABANDON);
}

static void step_event(struct server *server, int32_t result)
{
    struct checkpoint *checkpoint = server->checkpoint;
    switch (checkpoint->step) {
    case CHECKPOINT_OPEN:
    case CHECKPOINT_DISCARD:
    case CHECKPOINT_DISCARD_SYNC:
    case CHECKPOINT_ALLOCATE:
        checkpoint_space_event(server, result);
        return;
    case CHECKPOINT_SYNC:
    case CHECKPOINT_RENAME:
    case CHECKPOINT_SYNC_FOLDER:
        if (result < 0)
            checkpoint_attempt_failed(server, result);
        else
            checkpoint_step_go(server, checkpoint->step + 1);
        return;
    case CHECKPOINT_DROP_CACHE:
        verify_begin(server);
        return;
    case CHECKPOINT_VERIFY:
        verify_event(server, result);
        return;
    case CHECKPOINT_CLOSE:
        checkpoint->file = -1;
        checkpoint->reserved = 0;
        checkpoint->retiring = 0;
        if (checkpoint->replaced_count == 0)
            attempt_success(server);
        else
            checkpoint_step_go(server, CHECKPOINT_RETIRE);
        return;
    case CHECKPOINT_RETIRE:
        // It may be gone already, and only the sync have failed.
        if (result < 0 && result != -ENOENT)
            checkpoint_attempt_failed(server, result);
        else if (++checkpoint->retiring < checkpoint->replaced_count)
            checkpoint_step_go(server, CHECKPOINT_RETIRE);
        else
            checkpoint_step_go(server, CHECKPOINT_SYNC_RETIRED);
        return;
    case CHECKPOINT_SYNC_RETIRED:
        // Should the older one stay, it does no harm: recovery takes the newest. But the log that it
        // would need is given up only when that is certain.
        if (result < 0)
            checkpoint_attempt_failed(server, result);
        else
            attempt_success(server);
        return;
    case CHECKPOINT_WITHDRAW:
        checkpoint_step_go(server, CHECKPOINT_SYNC_WITHDRAWN);
        return;
    case CHECKPOINT_SYNC_WITHDRAWN:
        withdrawn(server);
        return;
    case CHECKPOINT_ABANDON:
        checkpoint->file = -1;
        checkpoint->reserved = 0;
        attempt_end(server);
        return;
    case CHECKPOINT_IDLE:
    case CHECKPOINT_AWAIT_SPACE:
    case CHECKPOINT_WALK:
    case CHECKPOINT_AWAIT:
    case CHECKPOINT_WRITE_END:
    case CHECKPOINT_WITNESS:
        break;
    }
    assert(false);
}

void checkpoint_event(struct server *server, struct token token, int32_t result)
{
    struct checkpoint *checkpoint = server->checkpoint;
    if (token.slot >= REQUEST_WRITE) {
        write_ended(server, token.slot - REQUEST_WRITE, result);
        return;
    }
    assert(checkpoint->waiting);
    checkpoint->waiting = false;
    step_event(server, result);
}

void checkpoint_housekeeping(struct server *server)
{
    struct checkpoint *checkpoint = server->checkpoint;
    if (checkpoint->waiting || server->state != SERVER_SERVING)
        return;
    checkpoint_look_busy(server);
    switch (checkpoint->step) {
    case CHECKPOINT_IDLE:
        checkpoint_look_idle(server);
        return;
    case CHECKPOINT_AWAIT_SPACE:
        checkpoint_await_space(server);
        return;
    case CHECKPOINT_WALK:
        if (checkpoint->error == 0)
            walk_look(server);
        return;
    case CHECKPOINT_AWAIT:
        if (checkpoint->error == 0)
            await_look(server);
        return;
    case CHECKPOINT_WITNESS:
        if (wal_checkpoint_witnessed(server->wal, checkpoint->number))
            checkpoint_step_go(server, CHECKPOINT_CLOSE);
        return;
    default:
        return;
    }
}

int64_t checkpoint_deadline_ns(const struct server *server)
{
    const struct checkpoint *checkpoint = server->checkpoint;
    if (checkpoint->step != CHECKPOINT_WALK || checkpoint->waiting || checkpoint->error != 0)
        return INT64_MAX;
    if (!walk_ready(server))
        return INT64_MAX; // a write has to end first
    return checkpoint_work_due_ns(server);
}

void checkpoint_stats(const struct server *server, struct checkpoint_stats *stats)
{
    const struct checkpoint *checkpoint = server->checkpoint;
    *stats = (struct checkpoint_stats){
        .number = checkpoint->published,
        .bytes = checkpoint->bytes,
        .count = checkpoint->count,
        .changes = wal_records_total(server->wal) - checkpoint->changes_base,
        .log_bytes = wal_bytes_total(server->wal) - checkpoint->log_base,
        .log_trigger = checkpoint_trigger(server),
        .done_ms = checkpoint->done_ms,
        .took_ms = checkpoint->took_ms,
        .running_ms = -1,
        .last_failed = !checkpoint->succeeded,
        .last_error = checkpoint->last_error,
        .reserved_bytes = checkpoint->reserved,
        .space_short = checkpoint->space_short,
    };
    if (!checkpoint->running)
        return;
    stats->running_ms = (server->now_ns - checkpoint->began_ns) / 1000000;
    stats->running_bytes = checkpoint->writer.offset;
    stats->running_bytes_expected = checkpoint->expected_bytes;
}
