// The checkpoint's state, shared by its sources only.
#ifndef PORO_SERVER_CHECKPOINT_INTERNAL_H
#define PORO_SERVER_CHECKPOINT_INTERNAL_H

#include "server/checkpoint.h"
#include "storage/keyspace.h"
#include "wal/checkpoint.h"
#include "wal/names.h"

#define CHECKPOINT_BUFFERS 4
// Writes in flight while clients are busy and there is time enough: then the log waits least for them.
#define CHECKPOINT_WRITES_GENTLE 1
// A failed one is followed by the next only after this time, as in Redis.
#define CHECKPOINT_RETRY_NS 5000000000
// Without any command for so long, the server counts as idle: the checkpoint goes on as fast as it can.
#define CHECKPOINT_IDLE_NS 50000000
// While clients are busy it works one part in ... of the time; when the log grows too fast, one part in
// CHECKPOINT_SHARE_HURRY.
#define CHECKPOINT_SHARE 10
#define CHECKPOINT_SHARE_HURRY 2

#define CHECKPOINT_REPLACED_MAX 8

enum checkpoint_step {
    CHECKPOINT_IDLE,
    CHECKPOINT_OPEN,         // checkpoint.new
    CHECKPOINT_DISCARD,      // it has much more space than is needed: it loses its name
    CHECKPOINT_DISCARD_SYNC, // the folder
    CHECKPOINT_ALLOCATE,     // space for it
    CHECKPOINT_AWAIT_SPACE,  // what was removed is still being given back
    CHECKPOINT_WALK,         // entries are written
    CHECKPOINT_AWAIT,        // everything is written; the log has to be as far
    CHECKPOINT_WRITE_END,    // the frame that makes it whole
    CHECKPOINT_SYNC,         // the file
    CHECKPOINT_RENAME,       // into its place
    CHECKPOINT_SYNC_FOLDER,  // published
    CHECKPOINT_DROP_CACHE,   // what is read back shall come from the device
    CHECKPOINT_VERIFY,       // it is read back
    CHECKPOINT_WITNESS,      // a completion record has to name it
    CHECKPOINT_CLOSE,        //
    CHECKPOINT_RETIRE,       // the one before becomes checkpoint.new
    CHECKPOINT_SYNC_RETIRED,
    // after a failure
    CHECKPOINT_WITHDRAW, // it was published and is damaged: out of its place
    CHECKPOINT_SYNC_WITHDRAWN,
    CHECKPOINT_ABANDON, // closes the file
};

struct checkpoint_buffer {
    uint8_t *bytes;
    uint64_t length; // of the frame that is being written, 0: empty or being filled
};

struct checkpoint {
    enum checkpoint_step step;
    bool waiting; // a request of the ring is in flight, but for writes of the walk
    int file;     // checkpoint.new, or what it has become; -1: not open
    bool running; // a checkpoint, not only space for one
    uint64_t newest;
    uint64_t published; // number of the newest one in its place, 0: none
    // Numbers that files in the folder may have which the newest one replaces: mostly just the one
    // before, more after errors. Those that find no place here go at the next start.
    uint64_t replaced[CHECKPOINT_REPLACED_MAX];
    uint32_t replaced_count;
    uint32_t retiring; // index
    bool placed;       // the file that is being written may have got its name

    uint64_t requested; // attempts that somebody has asked for
    uint64_t attempts;
    uint64_t begun; // attempts
    bool succeeded;
    int error; // of the attempt that is going on
    int64_t retry_ns;

    // the one that is going on
    struct wal_checkpoint_writer writer;
    struct wal_checkpoint_begin begin;
    uint64_t number;
    char name[WAL_CHECKPOINT_NAME_BYTES];
    uint64_t expected_bytes;
    uint64_t log_begin; // bytes of the log, and records, when it began
    uint64_t changes_begin;
    int64_t began_ns;
    int64_t began_ms;
    uint64_t batch; // the newest one that it may hold something of

    // the walk
    uint64_t cursor;
    bool walked; // all of it
    struct checkpoint_buffer buffers[CHECKPOINT_BUFFERS];
    uint32_t filling;
    uint32_t writing; // others, in a row before it
    // The entry that the walk stands behind, within the bucket at the cursor; its value may be on its
    // way in pieces.
    bool within;
    uint8_t *key_bytes;
    struct key key;
    uint32_t keyspace_id;
    uint32_t value_length;
    uint32_t value_done; // < value_length: pieces are due

    // reading back
    struct wal_checkpoint_reader reader;
    uint64_t read_offset;
    uint64_t held; // bytes in the buffer

    // pace
    int64_t worked_ns; // when it worked last, and for how long
    int64_t work_ns;
    int64_t busy_ns; // when a command was seen last
    uint64_t commands;

    // space
    uint64_t reserved; // what the open file has
    uint64_t reserving;
    int64_t space_retry_ns;
    uint32_t space_failures; // in a row, for lack of what may be there again soon
    bool space_short;
    bool space_tight; // enough for what is there, not for growth

    // the newest successful one
    uint64_t bytes;
    uint64_t count;
    uint64_t log_base; // what the counters were when it began
    uint64_t changes_base;
    int64_t done_ms;
    int64_t took_ms;
    int last_error;
};

// checkpoint.c: the next step.
void checkpoint_step_go(struct server *server, enum checkpoint_step step);
// There is space: the attempt begins. It has failed, with -errno.
void checkpoint_attempt_begin(struct server *server);
void checkpoint_attempt_failed(struct server *server, int error);

// checkpoint_space.c: begins a checkpoint that is due, or a search for space.
void checkpoint_look_idle(struct server *server);
// Goes on when all that was removed has been given back.
void checkpoint_await_space(struct server *server);
// The end of a step from CHECKPOINT_OPEN to CHECKPOINT_ALLOCATE.
void checkpoint_space_event(struct server *server, int32_t result);

// checkpoint_walk.c: puts entries into the frame that is being filled. True when it is full, or the
// walk has ended; false when the time is over.
bool checkpoint_walk(struct server *server, int64_t until_ns);

// checkpoint_pace.c: how much a checkpoint of what is there now takes, at most.
uint64_t checkpoint_expected_bytes(const struct server *server);
// The log's growth that makes the next one begin; 0: nothing does.
uint64_t checkpoint_trigger(const struct server *server);
// Is it time for one?
bool checkpoint_due(const struct server *server);
// When it may work again, and for how long.
int64_t checkpoint_work_due_ns(const struct server *server);
int64_t checkpoint_work_ns(const struct server *server);
uint32_t checkpoint_writes_max(const struct server *server);
void checkpoint_look_busy(struct server *server);

#endif
