// The journal's segments: created, allocated, zero-filled and synced ahead, step by step in the
// ring.
#include "server/journal_internal.h"

#include "server/checkpoint.h"
#include "server/io.h"
#include "server/server.h"
#include "server/token.h"
#include "server/trim.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

uint32_t journal_open_flags(const struct journal *journal)
{
    return IO_OPEN_WRITE | (journal->direct ? IO_OPEN_DIRECT : 0);
}

void journal_adopt_file(struct journal *journal, uint32_t slot, int file)
{
    assert(journal->files[slot] < 0 && file >= 0);
    assert(journal->open_count < WAL_SEGMENTS_MAX);
    journal->files[slot] = file;
    journal->open_slots[journal->open_count++] = slot;
}

void journal_close_file(struct server *server, uint32_t slot)
{
    struct journal *journal = server->journal;
    assert(journal->files[slot] >= 0);
    io_close(server->io, journal->files[slot],
             token_pack((struct token){TOKEN_FILE_CLOSE, slot, 0}));
    journal->files[slot] = -1;
    for (uint32_t i = 0; i < journal->open_count; i++) {
        if (journal->open_slots[i] != slot)
            continue;
        journal->open_slots[i] = journal->open_slots[--journal->open_count];
        return;
    }
    assert(!"an open file is listed");
}

static void prepare_submit(struct server *server, struct preparation *preparation)
{
    struct journal *journal = server->journal;
    uint32_t index = (uint32_t)(preparation - journal->preparations);
    uint64_t token = token_pack((struct token){TOKEN_SEGMENT, index, preparation->generation});
    switch (preparation->step) {
    case PREPARE_IDLE:
        break;
    case PREPARE_OPEN:
        io_open(server->io, journal->directory, preparation->name,
                journal_open_flags(journal) | IO_OPEN_CREATE, token);
        break;
    case PREPARE_REMOVE_OPEN:
        io_open(server->io, journal->directory, preparation->name, journal_open_flags(journal),
                token);
        break;
    case PREPARE_ALLOCATE:
        io_allocate(server->io, preparation->file, 0, journal->identity.segment_bytes, token);
        break;
    case PREPARE_ZERO: {
        uint64_t left = journal->identity.segment_bytes - preparation->zeroed;
        struct iovec piece = {journal->zeros, left < ZERO_BYTES ? left : ZERO_BYTES};
        io_write(server->io, preparation->file, &piece, 1, preparation->zeroed, false, token);
        break;
    }
    case PREPARE_SYNC:
        io_sync(server->io, preparation->file, false, token);
        break;
    case PREPARE_SYNC_FOLDER:
    case PREPARE_REMOVE_SYNC:
        io_sync(server->io, journal->directory, false, token);
        break;
    case PREPARE_UNDO_CLOSE:
        io_close(server->io, preparation->file, token);
        break;
    case PREPARE_UNDO_UNLINK:
    case PREPARE_REMOVE:
        io_unlink(server->io, journal->directory, preparation->name, token);
        break;
    }
}

static bool error_is_full(int error)
{
    return error == -ENOSPC || error == -EDQUOT;
}

static void prepare_end(struct server *server, struct preparation *preparation)
{
    struct journal *journal = server->journal;
    if (preparation->error == 0) {
        journal_adopt_file(journal, preparation->slot, preparation->file);
        journal->prepare_error = 0;
        if (journal->stats.full)
            notice(&server->notices, LOGLEVEL_NOTICE,
                   "there is disk space again: writes are accepted");
        journal->stats.full = false;
    } else if (error_is_full(preparation->error) && trim_busy(server->trim)) {
        trim_hurry(server->trim);
        preparation->error = -EAGAIN;
        journal->prepare_retry_ns = server->now_ns + PREPARE_RETRY_SOON_NS;
    } else {
        bool full = error_is_full(preparation->error);
        if (!full || !journal->stats.full)
            notice(&server->notices, LOGLEVEL_WARNING, "cannot prepare log segment %s: %s",
                   preparation->name, strerror(-preparation->error));
        journal->stats.full = full;
        journal->stats.last_error = preparation->error;
        journal->prepare_error = preparation->error;
        journal->prepare_retry_ns = server->now_ns + PREPARE_RETRY_NS;
    }
    wal_slot_prepared(server->wal, preparation->slot, preparation->error);
    preparation->step = PREPARE_IDLE;
}

static void prepare_failed(struct preparation *preparation, int error)
{
    preparation->error = error;
    preparation->step = preparation->file >= 0 ? PREPARE_UNDO_CLOSE : PREPARE_UNDO_UNLINK;
}

// A step has succeeded: what comes next.
static void prepare_advance(const struct journal *journal, struct preparation *preparation,
                            int32_t result)
{
    switch (preparation->step) {
    case PREPARE_OPEN:
        preparation->file = result;
        preparation->step = PREPARE_ALLOCATE;
        break;
    case PREPARE_ALLOCATE:
        // A file that has been in use is as long as it has to be, unless it was cut off.
        preparation->step = preparation->made ? PREPARE_SYNC : PREPARE_ZERO;
        break;
    case PREPARE_ZERO:
        preparation->zeroed += (uint64_t)result;
        // After a short write the next piece would start off the grid of blocks.
        if (result == 0 || preparation->zeroed % WAL_BLOCK_BYTES != 0)
            prepare_failed(preparation, -EIO);
        else if (preparation->zeroed == journal->identity.segment_bytes)
            preparation->step = PREPARE_SYNC;
        break;
    case PREPARE_SYNC:
        preparation->step = PREPARE_SYNC_FOLDER;
        break;
    case PREPARE_UNDO_CLOSE:
        preparation->step = PREPARE_UNDO_UNLINK;
        break;
    default:
        assert(false);
    }
}

// The file goes slowly, once its name cannot come back.
static void remove_end(struct server *server, struct preparation *preparation, bool durable)
{
    if (preparation->file >= 0)
        trim_file(server, preparation->file, durable ? server->journal->identity.segment_bytes : 0);
    wal_slot_removed(server->wal, preparation->slot);
    preparation->step = PREPARE_IDLE;
}

static void remove_event(struct server *server, struct preparation *preparation, int32_t result)
{
    switch (preparation->step) {
    case PREPARE_REMOVE_OPEN:
        // It can go without being opened as well.
        preparation->file = result >= 0 ? result : -1;
        preparation->step = PREPARE_REMOVE;
        break;
    case PREPARE_REMOVE:
        preparation->step = PREPARE_REMOVE_SYNC;
        if (result < 0 || preparation->file < 0)
            remove_end(server, preparation, false);
        break;
    default:
        remove_end(server, preparation, result >= 0);
    }
    prepare_submit(server, preparation);
}

void journal_prepare_event(struct server *server, uint32_t index, uint32_t generation,
                           int32_t result)
{
    struct journal *journal = server->journal;
    assert(index < PREPARATIONS_MAX);
    struct preparation *preparation = &journal->preparations[index];
    assert(preparation->step != PREPARE_IDLE && preparation->generation == generation);
    if (preparation->step >= PREPARE_REMOVE_OPEN) {
        remove_event(server, preparation, result);
        return;
    }
    bool undoing = preparation->step >= PREPARE_UNDO_CLOSE;
    if (preparation->step == PREPARE_UNDO_UNLINK ||
        (preparation->step == PREPARE_SYNC_FOLDER && result >= 0)) {
        prepare_end(server, preparation);
        return;
    }
    // File systems without fallocate get their blocks from the zeros.
    bool optional = preparation->step == PREPARE_ALLOCATE && result == -EOPNOTSUPP;
    if (result < 0 && !undoing && !optional)
        prepare_failed(preparation, result);
    else
        prepare_advance(journal, preparation, result);
    prepare_submit(server, preparation);
}

bool journal_preparing(const struct journal *journal)
{
    for (uint32_t i = 0; i < PREPARATIONS_MAX; i++) {
        if (journal->preparations[i].step != PREPARE_IDLE)
            return true;
    }
    return false;
}

static void prepare_begin(struct server *server, struct preparation *preparation,
                          enum preparation_step step, uint32_t slot, bool made)
{
    // A segment that was set free just now may not have been closed yet.
    if (server->journal->files[slot] >= 0)
        journal_close_file(server, slot);
    uint32_t generation = preparation->generation + 1;
    *preparation = (struct preparation){
        .step = step, .slot = slot, .generation = generation, .file = -1, .made = made};
    wal_segment_name(preparation->name, slot);
    prepare_submit(server, preparation);
}

// Segments that a checkpoint has set free are kept for the next round of the log, but not more than
// one round can need: what it grows by until a checkpoint begins and while that is written.
static uint32_t prepare_most(const struct server *server)
{
    struct checkpoint_stats stats;
    checkpoint_stats(server, &stats);
    uint64_t trigger = stats.log_trigger > 0 ? stats.log_trigger : stats.bytes;
    uint64_t round = (trigger + trigger / 2) / (uint64_t)server->journal->identity.segment_bytes;
    // Where space for the next checkpoint is short, it comes first.
    if (stats.space_short)
        round = 0;
    uint64_t most = round + 2 + (uint64_t)server->config.wal_segments_ahead;
    return most < WAL_SEGMENTS_MAX ? (uint32_t)most : WAL_SEGMENTS_MAX;
}

void journal_prepare(struct server *server)
{
    struct journal *journal = server->journal;
    if (server->now_ns < journal->prepare_retry_ns)
        return;
    for (uint32_t i = 0; i < PREPARATIONS_MAX; i++) {
        struct preparation *preparation = &journal->preparations[i];
        uint32_t slot;
        bool made;
        if (preparation->step != PREPARE_IDLE)
            continue;
        if (wal_slot_wanted(server->wal, &slot, &made))
            prepare_begin(server, preparation, PREPARE_OPEN, slot, made);
        else if (wal_segments_released(server->wal) > 0 && trim_has_room(server->trim) &&
                 wal_slot_surplus(server->wal, prepare_most(server), &slot))
            prepare_begin(server, preparation, PREPARE_REMOVE_OPEN, slot, true);
        else
            return;
    }
}
