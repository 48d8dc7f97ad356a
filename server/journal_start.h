// What the parts of the journal's start share: one request at a time, before anything is served.
#ifndef PORO_SERVER_JOURNAL_START_H
#define PORO_SERVER_JOURNAL_START_H

#include "server/journal_internal.h"
#include "server/replay.h"
#include "server/token.h"
#include "wal/recovery.h"

#include <stdbool.h>
#include <stdint.h>

struct server;

// The pieces of a file behind the one that recovery has just been given: read while that is replayed,
// several at a time. They are as large as what is asked for at once, and small enough that one is
// still in the processor's cache when it is looked at.
#define START_AHEAD_PIECES 4
#define START_AHEAD_BYTES WAL_RECOVERY_READ_BYTES
struct read_ahead {
    uint8_t *buffer; // START_AHEAD_PIECES * START_AHEAD_BYTES
    uint32_t first;  // the next piece; the others come behind it, round and round
    uint32_t count;
    struct {
        uint64_t offset;
        bool pending;   // its read has not ended
        int32_t result; // bytes or -errno
    } pieces[START_AHEAD_PIECES];
};

// What the start needs and the running server does not.
struct start {
    struct server *server;
    struct journal *journal;
    uint8_t *block; // one block of aligned memory
    bool has_instance;
    bool has_completion;
    uint32_t slots;          // highest segment file + 1
    uint64_t checkpoints[2]; // numbers of the newest two, 0: none
    uint32_t open_slot;      // the file that recovery reads at the moment
    int open_file;
    struct replay replay;
    uint64_t pending_spools; // see replay_end
    uint64_t swept_bytes;    // memory in use when dead keys were swept last, or less since
    struct read_ahead ahead;
};

struct start;
static const uint64_t start_token = (uint64_t)TOKEN_START << 56;

// Waits at most `timeout_ns` (< 0: for ever) for events. True when the request queued with start_token
// has ended, with *result, or the ring has failed. Clients are served meanwhile, as far as they can be
// while data is loaded.
bool start_reap(struct server *server, int64_t timeout_ns, int32_t *result);
// Waits for the request just queued with start_token. Its result.
int32_t start_wait(struct server *server);

// The same for reads that go on in the background; the number of the piece is added.
static const uint64_t start_ahead_token = (uint64_t)TOKEN_START << 56 | 1ULL << 32;

// Requests on files of the data folder, one at a time: results as in io.h.
int start_open(struct start *start, const char *name, uint32_t flags);
void start_close(struct start *start, int file);
int start_sync(struct start *start, int file);

// Reads up to `length` bytes; fewer only at the end of the file. Bytes or -errno.
int64_t start_read(struct start *start, int file, uint64_t offset, uint8_t *buffer,
                   uint64_t length);

// Writes `start->block`. 0 or -errno.
int start_write_block(struct start *start, int file, uint64_t offset);

// Tells what failed and why; returns `code`.
int start_failed(struct server *server, int code, const char *what, int error);

// journal_folder.c; 0 or an exit code, the reason told.
// Opens and locks the folder, notes what is in it, finds out how files can be written.
int start_folder(struct start *start);

// Writes a file of whole zero blocks with `start->block` at `offset`, and syncs it. 0 or -errno.
int start_make_file(struct start *start, const char *name, uint64_t blocks, uint64_t offset);

// Makes a new folder; refuses one that has lost its identity.
int start_make_folder(struct start *start);

// Reads the identity of an old one.
int start_read_instance(struct start *start);

// Syncs everything and drops it from the page cache, so that what is read is what is on the device.
int start_harden(struct start *start);

// journal_read.c: wal_source.read for the files of the data folder; the context is the start.
int64_t start_source_read(void *context, uint32_t slot, uint64_t offset, uint8_t *buffer,
                          uint64_t length);
void start_source_close(struct start *start);

// journal_replay.c; 0 or an exit code, the reason told: recovers the keyspace from both logs.
int start_recover(struct start *start);

#endif
