// Recovery's reader: a window over one file at a time, filled in large sequential reads.
#include "wal/recovery_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

void recovery_unreadable(struct wal_recovery *r, uint32_t slot, uint64_t offset, int error)
{
    assert(error < 0);
    if (r->unreadable_count == 0) {
        r->unreadable_slot = slot;
        r->unreadable_offset = offset;
        r->unreadable_error = -error;
    }
    if (r->unreadable_count < UINT32_MAX)
        r->unreadable_count++;
}

// A file of the log has its fixed length; a checkpoint ends where its frames say so.
static uint64_t file_limit(const struct wal_recovery *r, uint32_t slot)
{
    return slot < WAL_SEGMENTS_MAX ? r->identity->segment_bytes : INT64_MAX;
}

// Reads on at the window's end. Returns the bytes gained, 0 at the end of the file, or -errno. When
// a large read fails, a single block is tried, so that all bytes before the bad one are used and
// the message can name it.
static int64_t window_extend(struct wal_recovery *r)
{
    uint64_t chunk = r->buffer_bytes - r->frame_bytes_max;
    uint64_t want = chunk < WAL_RECOVERY_READ_BYTES ? chunk : WAL_RECOVERY_READ_BYTES;
    uint64_t room = r->buffer_bytes - (r->window.end - r->window.start);
    uint64_t rest = file_limit(r, r->window.slot) - r->window.end;
    want = want < room ? want : room;
    want = want < rest ? want : rest;
    if (want == 0)
        return 0;
    assert(want % WAL_BLOCK_BYTES == 0);
    uint8_t *to = r->buffer + (r->window.end - r->window.start);
    const struct wal_source *source = r->source;
    int64_t got = source->read(source->context, r->window.slot, r->window.end, to, want);
    if (got < 0 && got != -ENOENT && want > WAL_BLOCK_BYTES) {
        want = WAL_BLOCK_BYTES;
        got = source->read(source->context, r->window.slot, r->window.end, to, want);
    }
    if (got == -ENOENT)
        return 0;
    if (got < 0)
        return got;
    assert((uint64_t)got <= want);
    got -= got % (int64_t)WAL_BLOCK_BYTES; // a part of a block is no block
    r->window.end += (uint64_t)got;
    return got;
}

const uint8_t *recovery_bytes(struct wal_recovery *r, uint32_t slot, uint64_t offset,
                              uint64_t bytes, int *error)
{
    assert(offset % WAL_BLOCK_BYTES == 0 && bytes > 0 && bytes % WAL_BLOCK_BYTES == 0);
    assert(bytes <= r->frame_bytes_max);
    *error = 0;
    if (offset + bytes > file_limit(r, slot))
        return NULL;
    if (r->window.slot != slot || offset < r->window.start || offset > r->window.end) {
        r->window.slot = slot;
        r->window.start = offset;
        r->window.end = offset;
    }
    if (offset + bytes > r->window.end) {
        uint64_t kept = r->window.end - offset;
        memmove(r->buffer, r->buffer + (offset - r->window.start), kept);
        r->window.start = offset;
    }
    while (offset + bytes > r->window.end) {
        int64_t got = window_extend(r);
        if (got == 0)
            return NULL;
        if (got < 0) {
            recovery_unreadable(r, slot, r->window.end, (int)got);
            *error = (int)got;
            return NULL;
        }
    }
    return r->buffer + (offset - r->window.start);
}
