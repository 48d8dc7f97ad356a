// Reading the log's files at start: in order, some pieces ahead of what is being replayed.
#include "server/journal_start.h"

#include "server/io.h"
#include "server/server.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

// Shorter reads are looks at single blocks: nothing is read ahead for them.
#define AHEAD_FROM_BYTES KIB(256)

static void ahead_wait(struct start *start, uint32_t piece)
{
    struct read_ahead *ahead = &start->ahead;
    int32_t result;
    while (ahead->pieces[piece].pending) {
        if (start_reap(start->server, -1, &result)) {
            ahead->pieces[piece].pending = false; // the ring failed: whoever waits is told so
            ahead->pieces[piece].result = result;
        }
    }
}

static void ahead_next(struct read_ahead *ahead)
{
    ahead->first = (ahead->first + 1) % START_AHEAD_PIECES;
    ahead->count--;
}

static void ahead_drop(struct start *start)
{
    while (start->ahead.count > 0) {
        ahead_wait(start, start->ahead.first);
        ahead_next(&start->ahead);
    }
}

// Gives out of what was read ahead as much as is there of [offset, offset + length). Errors are found
// again, and told, by whoever reads the place itself.
static uint64_t ahead_take(struct start *start, uint64_t offset, uint8_t *buffer, uint64_t length)
{
    struct read_ahead *ahead = &start->ahead;
    uint64_t done = 0;
    while (done < length && ahead->count > 0) {
        uint32_t piece = ahead->first;
        ahead_wait(start, piece);
        int32_t result = ahead->pieces[piece].result;
        if (ahead->pieces[piece].offset != offset + done || result <= 0)
            break;
        uint64_t there = (uint64_t)result / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES;
        uint64_t taken = there < length - done ? there : length - done;
        memcpy(buffer + done, ahead->buffer + (size_t)piece * START_AHEAD_BYTES, taken);
        done += taken;
        if (taken < START_AHEAD_BYTES)
            break;
        ahead_next(ahead);
    }
    // It does not go on from here as was expected.
    if (done < length || (ahead->count > 0 && ahead->pieces[ahead->first].offset != offset + done))
        ahead_drop(start);
    return done;
}

// Reads what follows `offset`, as far as that is not being done.
static void ahead_submit(struct start *start, uint64_t offset)
{
    struct read_ahead *ahead = &start->ahead;
    bool any = false;
    for (; ahead->count < START_AHEAD_PIECES; ahead->count++) {
        uint32_t piece = (ahead->first + ahead->count) % START_AHEAD_PIECES;
        ahead->pieces[piece].offset = offset + (uint64_t)ahead->count * START_AHEAD_BYTES;
        ahead->pieces[piece].pending = true;
        io_read(start->server->io, start->open_file,
                ahead->buffer + (size_t)piece * START_AHEAD_BYTES, START_AHEAD_BYTES,
                ahead->pieces[piece].offset, start_ahead_token + piece);
        any = true;
    }
    int32_t result;
    if (any && start_reap(start->server, 0, &result)) {
        for (uint32_t i = 0; i < START_AHEAD_PIECES; i++) {
            ahead->pieces[i].pending = false;
            ahead->pieces[i].result = result;
        }
    }
}

static int source_open(struct start *start, uint32_t slot)
{
    char name[WAL_CHECKPOINT_NAME_BYTES] = WAL_NAME_COMPLETION;
    if (slot == WAL_SLOT_CHECKPOINT || slot == WAL_SLOT_CHECKPOINT_OLDER)
        wal_checkpoint_name(name, start->checkpoints[slot == WAL_SLOT_CHECKPOINT_OLDER]);
    else if (slot != WAL_SLOT_COMPLETION)
        wal_segment_name(name, slot);
    start_source_close(start);
    uint32_t flags = start->journal->direct ? IO_OPEN_DIRECT : 0;
    start->open_file = start_open(start, name, IO_OPEN_READ | flags);
    start->open_slot = slot;
    if (start->open_file >= 0 && (slot == WAL_SLOT_CHECKPOINT || slot == WAL_SLOT_CHECKPOINT_OLDER))
        loading_expect(start->server, io_file_size(start->server->io, start->open_file));
    return start->open_file;
}

int64_t start_source_read(void *context, uint32_t slot, uint64_t offset, uint8_t *buffer,
                          uint64_t length)
{
    struct start *start = context;
    if (start->server->stop_asked)
        return -ECANCELED;
    if (start->open_file < 0 || start->open_slot != slot) {
        int file = source_open(start, slot);
        if (file < 0)
            return file;
    }
    uint64_t done = ahead_take(start, offset, buffer, length);
    if (done < length) {
        int64_t got =
            start_read(start, start->open_file, offset + done, buffer + done, length - done);
        if (got < 0)
            return got;
        done += (uint64_t)got;
    }
    // Headers are looked at before anything is read in earnest.
    if (length > WAL_BLOCK_BYTES)
        loading_read(start->server, done);
    if (done == length && length >= AHEAD_FROM_BYTES)
        ahead_submit(start, offset + length);
    return (int64_t)done;
}

void start_source_close(struct start *start)
{
    ahead_drop(start);
    if (start->open_file >= 0)
        start_close(start, start->open_file);
    start->open_file = -1;
}
