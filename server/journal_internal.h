// The journal's state, shared by its sources only.
#ifndef PORO_SERVER_JOURNAL_INTERNAL_H
#define PORO_SERVER_JOURNAL_INTERNAL_H

#include "server/journal.h"
#include "wal/log.h"
#include "wal/names.h"

#include <stdbool.h>
#include <stdint.h>

// Zeros are written ahead in pieces of this size: small ones, so that a commit waits little for
// them.
#define ZERO_BYTES KIB(256)
#define PREPARATIONS_MAX 2
// After a segment could not be prepared, it is tried again after this time.
#define PREPARE_RETRY_NS 1000000000
// ... or this, while space is being given back.
#define PREPARE_RETRY_SOON_NS 20000000
// Without a commit for this long the log counts as idle, and a completion record is due at once.
#define COMPLETION_IDLE_NS 2000000
// A batch is left open for this long after the last write, as long as clients of the batch before it
// are still to come back: their next commands then share one write.
#define GATHER_NS 100000
#define GATHER_BYTES KIB(256)
// A failed completion record is followed by the next one only after this time; that many in a row end
// a server whose replies wait for them.
#define COMPLETION_RETRY_NS 100000000
#define COMPLETION_FAILURES_MAX 64
// With more open segment files than this, those that are full are synced in any mode, and closed.
#define OPEN_FILES_MAX 32
#define SYNC_INTERVAL_NS 1000000000
#define SYNC_SLOTS_MAX 64

enum preparation_step {
    PREPARE_IDLE,
    PREPARE_OPEN,
    PREPARE_ALLOCATE,
    PREPARE_ZERO,
    PREPARE_SYNC,
    PREPARE_SYNC_FOLDER,
    PREPARE_UNDO_CLOSE,
    PREPARE_UNDO_UNLINK,
    // a segment that is no longer needed
    PREPARE_REMOVE_OPEN,
    PREPARE_REMOVE,
    PREPARE_REMOVE_SYNC, // the folder
};

// A segment on its way to being ready.
struct preparation {
    enum preparation_step step;
    uint32_t slot;
    uint32_t generation;
    int file;
    uint64_t zeroed;
    int error; // why it is being undone
    bool made; // the file is there, with its zeros or older frames
    char name[WAL_SEGMENT_NAME_BYTES];
};

struct journal {
    int directory;
    int completion_file;
    bool direct; // O_DIRECT
    bool dsync;  // RWF_DSYNC is honoured
    char file_system[32];
    struct wal_identity identity;
    int files[WAL_SEGMENTS_MAX]; // open segments, -1 when not
    uint32_t open_slots[WAL_SEGMENTS_MAX];
    uint32_t open_count;
    uint8_t *zeros;
    struct read_ahead *ahead; // of the start
    uint32_t slots;           // of files seen at start

    // Group commit: clients with records in the open batch, and in the batch before it.
    uint32_t writers_open;
    uint32_t writers_last;

    // the intent write in flight
    struct wal_write write;
    bool write_durable; // it will be on stable storage when it ends
    int64_t write_result;
    int64_t write_started_ns;
    int64_t write_ended_ns;

    struct preparation preparations[PREPARATIONS_MAX];
    int64_t prepare_retry_ns;
    int prepare_error; // -errno of the last segment that could not be prepared, 0 since one could

    // syncs of what was written in everysec and no
    bool syncing;
    uint32_t sync_slots[SYNC_SLOTS_MAX];
    uint32_t sync_count;
    uint32_t sync_next;
    uint64_t sync_token;
    int64_t sync_started_ns;
    uint64_t sync_wanted; // a batch that somebody wants to be synced

    int64_t completion_started_ns;
    bool completion_synced; // its second half, where DSYNC is not honoured
    bool clean_submitted;
    bool clean_done;
    bool clean_failed;
    uint32_t completion_failures; // in a row

    struct journal_stats stats;
};

uint32_t journal_open_flags(const struct journal *journal);

// An open segment file becomes the journal's.
void journal_adopt_file(struct journal *journal, uint32_t slot, int file);

// Closes it; its requests have ended.
void journal_close_file(struct server *server, uint32_t slot);

// One step of the preparation in this place.
void journal_prepare_event(struct server *server, uint32_t index, uint32_t generation,
                           int32_t result);
// True while one is under way.
bool journal_preparing(const struct journal *journal);
// Starts preparations that the log wants.
void journal_prepare(struct server *server);

#endif
