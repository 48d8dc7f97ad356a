// Trimming: the disk space of removed files is given back piece by piece.
#include "server/trim.h"

#include "conf/limits.h"
#include "server/io.h"
#include "server/server.h"
#include "storage/allocator.h"

#include <assert.h>
#include <string.h>

#define TRIM_FILES_MAX 4
// A device that discards 4 GB/s is busy for 0.3 ms with a piece. With the pauses that makes 100 MB/s.
#define TRIM_BYTES_MAX MIB(1)
#define TRIM_PAUSE_NS_PER_KIB 10000

enum trim_step {
    TRIM_IDLE, // between two pieces
    TRIM_PUNCH,
    // Where there is a journal, pieces are discarded when they are committed: each by itself.
    TRIM_SYNC,
    TRIM_CLOSE,
};

struct trim_entry {
    int file;
    uint64_t bytes; // that are left
};

struct trim {
    enum trim_step step;
    struct trim_entry entries[TRIM_FILES_MAX]; // in order
    uint32_t count;
    int64_t due_ns;
    bool hurried;
};

size_t trim_overhead(void)
{
    return sizeof(struct trim) + 64;
}

struct trim *trim_create(struct allocator *allocator)
{
    return allocator_take(allocator, sizeof(struct trim), 64);
}

bool trim_has_room(const struct trim *trim)
{
    return trim->count < TRIM_FILES_MAX / 2;
}

bool trim_busy(const struct trim *trim)
{
    return trim->count > 0;
}

void trim_hurry(struct trim *trim)
{
    trim->hurried = trim->count > 0;
}

void trim_file(struct server *server, int file, uint64_t bytes)
{
    struct trim *trim = server->trim;
    assert(file >= 0);
    if (bytes == 0 || trim->count == TRIM_FILES_MAX) {
        io_close(server->io, file, token_pack((struct token){TOKEN_FILE_CLOSE, 0, 0}));
        return;
    }
    trim->entries[trim->count++] = (struct trim_entry){.file = file, .bytes = bytes};
}

// Bytes of a piece, whole blocks: less than a segment.
static uint64_t trim_piece(const struct server *server)
{
    uint64_t part = (uint64_t)server->config.wal_segment_size / 4;
    part -= part % WAL_BLOCK_BYTES;
    return part < TRIM_BYTES_MAX ? part : TRIM_BYTES_MAX;
}

static void trim_go(struct server *server, enum trim_step step)
{
    struct trim *trim = server->trim;
    const struct trim_entry *entry = &trim->entries[0];
    uint64_t piece = trim_piece(server);
    uint64_t token = token_pack((struct token){TOKEN_TRIM, 0, 0});
    trim->step = step;
    switch (step) {
    case TRIM_IDLE:
        trim->due_ns = server->now_ns + (int64_t)(piece / KIB(1)) * TRIM_PAUSE_NS_PER_KIB;
        break;
    case TRIM_PUNCH:
        io_punch(server->io, entry->file, entry->bytes - piece, piece, token);
        break;
    case TRIM_SYNC:
        io_sync(server->io, entry->file, false, token);
        break;
    case TRIM_CLOSE:
        io_close(server->io, entry->file, token);
        break;
    }
}

void trim_event(struct server *server, int32_t result)
{
    struct trim *trim = server->trim;
    struct trim_entry *entry = &trim->entries[0];
    assert(trim->count > 0);
    switch (trim->step) {
    case TRIM_PUNCH:
        // Where that cannot be done, the file goes as a whole.
        if (result < 0) {
            trim_go(server, TRIM_CLOSE);
            return;
        }
        entry->bytes -= trim_piece(server);
        trim_go(server, TRIM_SYNC);
        return;
    case TRIM_SYNC:
        trim_go(server, TRIM_IDLE);
        return;
    case TRIM_CLOSE:
        trim->count--;
        memmove(trim->entries, trim->entries + 1, trim->count * sizeof(trim->entries[0]));
        trim->hurried = trim->hurried && trim->count > 0;
        trim_go(server, TRIM_IDLE);
        return;
    case TRIM_IDLE:
        break;
    }
    assert(false);
}

int64_t trim_deadline_ns(const struct server *server)
{
    const struct trim *trim = server->trim;
    if (trim->count == 0 || trim->step != TRIM_IDLE)
        return INT64_MAX;
    return trim->hurried ? server->now_ns : trim->due_ns;
}

void trim_housekeeping(struct server *server)
{
    struct trim *trim = server->trim;
    if (trim_deadline_ns(server) > server->now_ns)
        return;
    bool last = trim->entries[0].bytes <= trim_piece(server);
    trim_go(server, last ? TRIM_CLOSE : TRIM_PUNCH);
}
