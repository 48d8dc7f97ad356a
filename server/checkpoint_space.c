// The checkpoint's space: reserved ahead of time, so that writes are refused before the disk is full
// rather than after.
#include "server/checkpoint_internal.h"

#include "server/io.h"
#include "server/server.h"
#include "server/trim.h"
#include "wal/log.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

// A failed attempt to get space is followed by the next only after this time.
#define SPACE_RETRY_NS 1000000000
// Lack of descriptors or memory passes: only so many failures in a row mean that there is no space.
#define SPACE_FAILURES 10

// --- how much ----------------------------------------------------------------------------------

static uint64_t space_step(const struct server *server)
{
    return (uint64_t)server->config.wal_segment_size / 4;
}

// Space for a checkpoint of what is there now, and for some growth.
static uint64_t space_target(const struct server *server)
{
    uint64_t expected = checkpoint_expected_bytes(server), step = space_step(server);
    return (expected + expected / 8 + step) / step * step;
}

// Files stay as large as they have been: after data has gone, a new one gives the rest back.
static bool space_surplus(const struct server *server, uint64_t bytes)
{
    uint64_t target = space_target(server);
    return bytes > target + target / 4 + space_step(server);
}

// True when what is reserved is too little: then `reserving` says how much it should be.
static bool space_wanted(struct server *server)
{
    struct checkpoint *checkpoint = server->checkpoint;
    uint64_t expected = checkpoint_expected_bytes(server);
    if (expected <= checkpoint->reserved) {
        if (checkpoint->space_short) {
            checkpoint->space_short = false;
            wal_checkpoint_space(server->wal, true);
        }
        return false;
    }
    checkpoint->reserving = space_target(server);
    checkpoint->space_tight = false;
    return true;
}

// --- allocation --------------------------------------------------------------------------------

// Is it worth to try again before writes are refused?
static bool space_may_come(struct checkpoint *checkpoint, int32_t result)
{
    bool shortage = result == -EMFILE || result == -ENFILE || result == -ENOMEM;
    checkpoint->space_failures = shortage ? checkpoint->space_failures + 1 : 0;
    return shortage && !checkpoint->running && checkpoint->space_failures < SPACE_FAILURES;
}

static void space_is_there(struct server *server)
{
    struct checkpoint *checkpoint = server->checkpoint;
    checkpoint->reserved = checkpoint->reserving;
    if (checkpoint->space_short)
        notice(&server->notices, LOGLEVEL_NOTICE,
               "there is space for a checkpoint again: writes are accepted");
    checkpoint->space_short = false;
    wal_checkpoint_space(server->wal, true);
}

static void space_is_short(struct server *server, int32_t result)
{
    struct checkpoint *checkpoint = server->checkpoint;
    if (!checkpoint->space_short)
        notice(
            &server->notices, LOGLEVEL_WARNING,
            "there is no disk space for the next checkpoint (%llu bytes): writes are refused: %s",
            (unsigned long long)checkpoint->reserving, strerror(-result));
    checkpoint->space_short = true;
    wal_checkpoint_space(server->wal, false);
    checkpoint->space_retry_ns = server->now_ns + SPACE_RETRY_NS;
}

static void space_ended(struct server *server, int32_t result)
{
    struct checkpoint *checkpoint = server->checkpoint;
    if (!checkpoint->running)
        checkpoint->step = CHECKPOINT_IDLE;
    else if (checkpoint->space_short)
        checkpoint_attempt_failed(server, result);
    else
        checkpoint_attempt_begin(server);
}

static void space_allocated(struct server *server, int32_t result)
{
    struct checkpoint *checkpoint = server->checkpoint;
    if (space_may_come(checkpoint, result)) {
        checkpoint->space_retry_ns = server->now_ns + SPACE_RETRY_NS;
        checkpoint->step = CHECKPOINT_IDLE;
        return;
    }
    bool full = result == -ENOSPC || result == -EDQUOT;
    if (full && checkpoint->file >= 0 && trim_busy(server->trim)) {
        trim_hurry(server->trim);
        checkpoint_step_go(server, CHECKPOINT_AWAIT_SPACE);
        return;
    }
    // Where nothing can be allocated ahead, there is no promise either.
    if (result == 0 || result == -EOPNOTSUPP) {
        space_is_there(server);
    } else if (checkpoint->file >= 0 && checkpoint->reserving > checkpoint_expected_bytes(server)) {
        // Not for any growth, then, but for what is there.
        checkpoint->reserving = checkpoint_expected_bytes(server);
        checkpoint->space_tight = true;
        checkpoint_step_go(server, CHECKPOINT_ALLOCATE);
        return;
    } else {
        space_is_short(server, result);
    }
    space_ended(server, result);
}

void checkpoint_await_space(struct server *server)
{
    if (!trim_busy(server->trim))
        checkpoint_step_go(server, CHECKPOINT_ALLOCATE);
}

// --- steps -------------------------------------------------------------------------------------

void checkpoint_look_idle(struct server *server)
{
    struct checkpoint *checkpoint = server->checkpoint;
    bool due = checkpoint_due(server);
    if (due) {
        checkpoint->running = true;
        checkpoint->begun++;
        checkpoint->error = 0;
        checkpoint->began_ns = server->now_ns;
        checkpoint->began_ms = server->wall_ms;
    } else if (server->now_ns < checkpoint->space_retry_ns) {
        return;
    }
    if (due && checkpoint->file >= 0 && space_surplus(server, checkpoint->reserved))
        checkpoint_step_go(server, CHECKPOINT_DISCARD);
    else if (space_wanted(server) || (due && checkpoint->file < 0))
        checkpoint_step_go(server, checkpoint->file < 0 ? CHECKPOINT_OPEN : CHECKPOINT_ALLOCATE);
    else if (due)
        checkpoint_attempt_begin(server);
}

static void space_opened(struct server *server, int32_t result)
{
    struct checkpoint *checkpoint = server->checkpoint;
    if (result < 0 && checkpoint->running) {
        checkpoint_attempt_failed(server, result);
        return;
    }
    if (result < 0) {
        space_allocated(server, result);
        return;
    }
    checkpoint->file = result;
    checkpoint->reserved = 0;
    // It may be that of an earlier checkpoint, or of an earlier process.
    int64_t size = io_file_size(server->io, result);
    space_wanted(server);
    bool surplus = size > 0 && space_surplus(server, (uint64_t)size);
    checkpoint_step_go(server, surplus ? CHECKPOINT_DISCARD : CHECKPOINT_ALLOCATE);
}

// The file that is open has no name any more.
static void space_discarded(struct server *server, bool durable)
{
    struct checkpoint *checkpoint = server->checkpoint;
    int64_t size = durable ? io_file_size(server->io, checkpoint->file) : 0;
    trim_file(server, checkpoint->file, size > 0 ? (uint64_t)size : 0);
    checkpoint->file = -1;
    checkpoint->reserved = 0;
    checkpoint_step_go(server, CHECKPOINT_OPEN);
}

void checkpoint_space_event(struct server *server, int32_t result)
{
    switch (server->checkpoint->step) {
    case CHECKPOINT_DISCARD:
        // With too much space it is still a file for a checkpoint.
        if (result < 0 && result != -ENOENT)
            checkpoint_step_go(server, CHECKPOINT_ALLOCATE);
        else
            checkpoint_step_go(server, CHECKPOINT_DISCARD_SYNC);
        return;
    case CHECKPOINT_DISCARD_SYNC:
        space_discarded(server, result >= 0);
        return;
    case CHECKPOINT_OPEN:
        space_opened(server, result);
        return;
    case CHECKPOINT_ALLOCATE:
        space_allocated(server, result);
        return;
    default:
        assert(false);
    }
}
