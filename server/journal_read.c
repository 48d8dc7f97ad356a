// Reading the log's files at start: in order, one piece ahead of what is being replayed.
#include "server/journal_start.h"

#include "server/io.h"
#include "server/server.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

// Shorter reads are looks at single blocks: nothing is read ahead for them.
#define AHEAD_FROM_BYTES KIB(256)

// Gives out of what was read ahead as much as is there of [offset, offset + length). Errors are found
// again, and told, by whoever reads the place itself.
static uint64_t ahead_take(struct start *start, uint64_t offset, uint8_t *buffer, uint64_t length)
{
    struct read_ahead *ahead = &start->ahead;
    start_wait_ahead(start);
    bool hit = ahead->wanted && ahead->offset == offset && ahead->result > 0;
    ahead->wanted = false;
    if (!hit)
        return 0;
    uint64_t there = (uint64_t)ahead->result / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES;
    uint64_t taken = there < length ? there : length;
    memcpy(buffer, ahead->buffer, taken);
    return taken;
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
    if (done == length && length >= AHEAD_FROM_BYTES) {
        start->ahead.wanted = true;
        start->ahead.offset = offset + length;
        start_submit_ahead(start);
    }
    return (int64_t)done;
}

void start_source_close(struct start *start)
{
    start_wait_ahead(start);
    start->ahead.wanted = false;
    if (start->open_file >= 0)
        start_close(start, start->open_file);
    start->open_file = -1;
}
