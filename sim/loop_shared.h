// What the loopback harness and the fault layer inside the server share: one block of memory, passed
// on by descriptor.
//
// The layer lets the server run in steps. Time stands still in it, except that the server may pass
// the time that it would wait, up to `horizon_ns`; and requests on files have all come back from the
// kernel before time passes or the next turn begins. So a turn is decided by the seed and the
// commands alone, although ring, files and sockets are real. When nothing is left to do, the server is
// *parked*: the harness may look, change what is here, and let it go on with a new `request`.
#ifndef PORO_SIM_LOOP_SHARED_H
#define PORO_SIM_LOOP_SHARED_H

#include "sim/fault_model.h"
#include "sim/random.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// Environment variable with the descriptor's number.
#define LOOP_ENVIRONMENT "PORO_LOOP_SHARED"

#define LOOP_FILES_MAX 512
// Room in the address space; memory is taken only for what is used of it.
#define LOOP_FILE_BYTES_MAX (256ULL << 20)
#define LOOP_BLOCK_BYTES 4096U
#define LOOP_BLOCKS_MAX (LOOP_FILE_BYTES_MAX / LOOP_BLOCK_BYTES) // of a file
#define LOOP_SECTOR_BYTES 512U
#define LOOP_NAME_BYTES 32
#define LOOP_NAMINGS_MAX 4096
#define LOOP_RULES_MAX 16
#define LOOP_GATES_MAX 64
#define LOOP_UNREADABLE_MAX 64
#define LOOP_PORTS 65536

// What a request on a file is for.
enum loop_class {
    LOOP_OPEN,
    LOOP_CREATE, // an open that makes the file
    LOOP_READ,
    LOOP_CLOSE,
    LOOP_WRITE_INTENT,
    LOOP_WRITE_COMPLETION,
    LOOP_WRITE_PREPARE, // zeros ahead of use
    LOOP_WRITE_CHECKPOINT,
    LOOP_WRITE_OTHER, // when a folder is made
    LOOP_SYNC_INTENT, // of written frames
    LOOP_SYNC_COMPLETION,
    LOOP_SYNC_CHECKPOINT,
    LOOP_SYNC_OTHER, // of a segment that is prepared, or at start
    LOOP_SYNC_FOLDER,
    LOOP_SYNC_TRIM, // of what has no name any more
    LOOP_ALLOCATE,
    LOOP_PUNCH,
    LOOP_RENAME,
    LOOP_UNLINK,
    LOOP_FORGET,
    LOOP_CLASSES,
};
#define LOOP_BIT(class) (1U << (class))
#define LOOP_WRITES                                                                                \
    (LOOP_BIT(LOOP_WRITE_INTENT) | LOOP_BIT(LOOP_WRITE_COMPLETION) |                               \
     LOOP_BIT(LOOP_WRITE_PREPARE) | LOOP_BIT(LOOP_WRITE_CHECKPOINT) | LOOP_BIT(LOOP_WRITE_OTHER))
#define LOOP_SYNCS                                                                                 \
    (LOOP_BIT(LOOP_SYNC_INTENT) | LOOP_BIT(LOOP_SYNC_COMPLETION) |                                 \
     LOOP_BIT(LOOP_SYNC_CHECKPOINT) | LOOP_BIT(LOOP_SYNC_OTHER) | LOOP_BIT(LOOP_SYNC_FOLDER))
// What only checkpoints do, once the server serves. A failure of these is no reason to give up.
#define LOOP_PLACES                                                                                \
    (LOOP_BIT(LOOP_SYNC_CHECKPOINT) | LOOP_BIT(LOOP_RENAME) | LOOP_BIT(LOOP_UNLINK) |              \
     LOOP_BIT(LOOP_FORGET) | LOOP_BIT(LOOP_PUNCH) | LOOP_BIT(LOOP_SYNC_TRIM))
#define LOOP_CHECKPOINT (LOOP_PLACES | LOOP_BIT(LOOP_WRITE_CHECKPOINT))
#define LOOP_ANY (LOOP_BIT(LOOP_CLASSES) - 1U)

// What a rule does to a request that it hits.
enum loop_action {
    LOOP_KILL_BEFORE, // the process ends before the request is made
    LOOP_KILL_AFTER,  // ... when the kernel has done it, and the server does not know yet
    LOOP_FAIL,  // it ends with -errno `value`; of a write, some sectors may have changed; what a
                // sync was to write is dropped
    LOOP_SHORT, // a write ends early
    LOOP_SPOIL, // a sync succeeds, and the medium has other bytes
    LOOP_DELAY, // its end is told only after up to `value` nanoseconds
};

// Of which the replies may wait.
enum loop_log { LOOP_INTENT, LOOP_COMPLETION };

struct loop_rule {
    uint32_t classes; // LOOP_BIT of those it is for; 0: no rule
    enum loop_action action;
    int64_t value;
    uint32_t ppm;     // how many of those
    uint32_t skip;    // this many first ones are spared
    uint32_t left;    // how many it may still hit
    enum fault fault; // what is counted; FAULT_COUNT: nothing
};

// A file as the disk has it. The real file is the page cache: what a power cut may lose is where the
// two differ.
struct loop_file {
    bool used;
    bool exists;
    char name[LOOP_NAME_BYTES];
    uint64_t size;         // the real file's
    uint64_t durable_size; // on the medium
    uint64_t reach;        // behind this, no block has a state, and the medium is zeros
};

// The state of a file's block.
struct loop_block {
    uint32_t dirty; // loop_shared.time when it was written, and it is not yet synced; 0: it is
    bool flying;    // being written
    bool dropped;   // a sync of it has failed: what is read is not on the medium
    bool filled;    // may be other than zeros on the medium
};

#define LOOP_NO_FILE UINT16_MAX
// A change to the folder that is not yet durable.
enum loop_naming_kind { LOOP_NAMED_CREATE, LOOP_NAMED_RENAME, LOOP_NAMED_UNLINK };
struct loop_naming {
    enum loop_naming_kind kind;
    uint16_t file;
    uint16_t replaced;          // RENAME: the file that had the name, LOOP_NO_FILE for none
    char from[LOOP_NAME_BYTES]; // RENAME
};

// What the layer tells of eviction, in the order in which it happens: a key follows.
enum loop_told_kind {
    LOOP_TOLD_NOTHING,
    LOOP_TOLD_EVICTED,
    LOOP_TOLD_EXECUTED, // a command
    LOOP_TOLD_REFUSED,  // ... for want of memory or space
};
struct loop_told {
    enum loop_told_kind kind;
    uint32_t database;
    uint32_t length;
};
#define LOOP_TOLD_BYTES_MAX (16U << 20)

struct loop_shared {
    // --- set by the harness while the server is parked or not there
    _Atomic uint64_t request; // counts what it asks for
    int64_t horizon_ns;       // how far time may go
    _Atomic int64_t wall_us;  // the wall clock
    bool unhindered;          // nothing is simulated: real time, no waiting for files
    bool direct_refused;      // O_DIRECT
    uint32_t lies;            // LOOP_BIT of syncs that succeed and do nothing
    bool dsync_unknown;       // the file system is not known to honour RWF_DSYNC, and does not
    struct loop_rule rules[LOOP_RULES_MAX];
    uint32_t unreadable_count; // blocks that answer reads with an error
    struct {
        char name[LOOP_NAME_BYTES];
        uint64_t offset;
    } unreadable[LOOP_UNREADABLE_MAX];
    // What must have come in before the server counts as parked; `gate_holds`: until then none of the
    // received bytes is delivered, so that all are executed in one turn.
    bool gate_holds;
    uint32_t gates;
    struct {
        uint16_t port;
        uint64_t received;
    } gate[LOOP_GATES_MAX];
    uint64_t accepted_wanted;
    uint64_t ended_wanted;
    uint16_t ending; // port of the connection that is ending now, 0: none
    uint64_t signals_wanted;

    // --- told by the layer
    _Atomic uint64_t parked_for; // the newest request after which it was parked
    _Atomic uint32_t parked;     // a futex: changes whenever parked_for does
    _Atomic int64_t now_ns;      // the monotonic clock
    _Atomic bool serving;        // it accepts
    _Atomic bool killed;         // it has killed itself by a rule
    // Intent writes, with the syncs that belong to them, and completion writes that a rule delays:
    // now, and ever.
    _Atomic uint32_t held[2];
    _Atomic uint64_t held_ever[2];
    _Atomic uint32_t delayed; // requests of any kind that a rule delays now
    _Atomic uint64_t accepted;
    _Atomic uint64_t ended;  // connections whose end the server has been told
    _Atomic uint64_t closed; // ... and that it has closed
    _Atomic uint64_t signals;
    uint64_t published;  // checkpoints that got their names
    bool based;          // the present life has read one to start from
    char violation[256]; // a rule of the seam that the server has broken, "" while there is none
    uint64_t requests[LOOP_CLASSES];
    uint64_t failed[LOOP_CLASSES]; // ... that a rule made fail
    uint64_t faults[FAULT_COUNT];

    uint32_t told_bytes; // the harness takes what is there, and forgets it
    uint8_t told[LOOP_TOLD_BYTES_MAX];

    // --- the connections of each client's port
    uint64_t received[LOOP_PORTS];
    _Atomic uint64_t sent[LOOP_PORTS];
    _Atomic uint32_t sending[LOOP_PORTS]; // sends in flight
    bool over[LOOP_PORTS];                // counted in `ended`
    uint32_t slot[LOOP_PORTS];            // of the connection in the server

    // --- the disk; handed on from life to life
    struct random random;  // for rules
    struct random entropy; // of the server
    uint32_t time;         // of syncs: 1, 2, 3, ...
    uint32_t namings;
    struct loop_naming naming[LOOP_NAMINGS_MAX];
    struct loop_file files[LOOP_FILES_MAX];
    struct loop_block blocks[LOOP_FILES_MAX][LOOP_BLOCKS_MAX];
    uint8_t medium[LOOP_FILES_MAX][LOOP_FILE_BYTES_MAX];
};

#endif
