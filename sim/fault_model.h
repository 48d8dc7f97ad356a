// The fault model, in one place: every fault that the simulator injects, and what Poro owes then.
#ifndef PORO_SIM_FAULT_MODEL_H
#define PORO_SIM_FAULT_MODEL_H

#include <stdint.h>
#include <stdio.h>

enum fault_class {
    // Nothing acknowledged is lost, nothing that was shown is undone, and the server starts.
    FAULT_SURVIVE,
    // The server refuses to start and names the damage; with the files restored it starts.
    FAULT_REFUSE,
    // Hits newest batches that are durable but that nothing else witnesses: with `wal-ack intent`
    // they may be dropped like a torn tail (never served half), with `wal-ack completion` this
    // cannot happen to anything acknowledged.
    FAULT_UNDECIDABLE,
    // Beyond what can be told: refusing is right, and serving is right if what is served is a whole
    // prefix that lost nothing witnessed by what is left.
    FAULT_BEYOND,
};

// Faults while running come first, then those of files at rest.
enum fault {
    FAULT_KILL,          // the process dies; the page cache survives
    FAULT_LATE_WRITE,    // a killed process's write lands after the next start has begun
    FAULT_POWER_CUT,     // the cache is gone, writes in flight are torn
    FAULT_START_CUT,     // a power cut or kill while the server starts
    FAULT_EIO,           // an operation on a file fails
    FAULT_ENOSPC,        // ... for lack of space, though there is some
    FAULT_SHORT_WRITE,   // a write ends early
    FAULT_SYNC_ERROR,    // a sync fails, and what it should have written is dropped
    FAULT_SPOILT,        // the medium gets other bytes than a sync of a checkpoint has told it
    FAULT_SLOW,          // an operation takes up to a second
    FAULT_STUCK,         // ... or as long as faults go on
    FAULT_DEAD_DISK,     // every operation on a file fails for some time
    FAULT_DISK_FULL,     // no space for some time
    FAULT_NO_DIRECT,     // O_DIRECT is refused
    FAULT_DSYNC_IGNORED, // RWF_DSYNC does nothing, on a file system that is known for that
    FAULT_LYING_DISK,    // ... on one that is known to honour it
    FAULT_PERMISSION,    // a file may not be opened
    FAULT_DESCRIPTORS,   // accept or open finds no descriptor
    FAULT_RESET,         // a connection is reset, either side, replies in flight
    FAULT_STALL,         // a client does not read for some time
    FAULT_FRAGMENT,      // bytes arrive in pieces
    FAULT_NO_BUFFERS,    // receive buffers run out
    FAULT_CLOCK_JUMP,    // the wall clock jumps, forth or back
    FAULT_MEMORY_FULL,   // maxmemory is reached
    // --- files at rest
    FAULT_ROT_TAIL,   // bits flip behind the end of the chain, where no data is (zeros, torn tail)
    FAULT_ROT_INTENT, // ... in a frame of the chain that something witnesses
    FAULT_ROT_NEWEST, // ... in frames that nothing else witnesses
    FAULT_ROT_HEADER, // ... in a segment's header that the chain needs
    FAULT_ROT_COMPLETION,     // ... in one block of the completion log
    FAULT_ROT_COMPLETION_ALL, // in all of its blocks
    FAULT_ROT_INSTANCE,       // ... in the file instance
    FAULT_ROT_ANYWHERE,       // ... anywhere at all, any number of them
    FAULT_UNREADABLE,         // a block answers EIO
    FAULT_TRUNCATE_SEGMENT,
    FAULT_TRUNCATE_COMPLETION,
    FAULT_MISSING_SEGMENT, // one with frames of the chain
    FAULT_MISSING_NEWEST,  // the last one
    FAULT_MISSING_READY,   // one that was only prepared
    FAULT_MISSING_COMPLETION,
    FAULT_MISSING_INSTANCE,
    FAULT_SWAPPED_SEGMENTS,
    FAULT_DUPLICATE_SEGMENT, // a copy of one under another, new name
    FAULT_STALE_SEGMENT,     // an older state of the file is back
    FAULT_STALE_SEGMENTS,    // all of them, while the completion log is of now
    FAULT_STALE_COMPLETION,
    FAULT_MISDIRECTED,         // a frame has been written over another place, too
    FAULT_FOREIGN_SEGMENT,     // a segment of another instance takes the place of one
    FAULT_ROT_CHECKPOINT,      // bits flip in a checkpoint, in any of its parts
    FAULT_ROT_CHECKPOINT_TAIL, // ... behind its end, or in the space for the next one
    FAULT_TRUNCATE_CHECKPOINT,
    FAULT_MISSING_CHECKPOINT,
    FAULT_STALE_CHECKPOINT,      // an older one is in its place, or beside it
    FAULT_UNREADABLE_CHECKPOINT, // a block of one answers EIO
    FAULT_COUNT,
};
#define FAULT_AT_REST_FIRST FAULT_ROT_TAIL

struct fault_row {
    const char *name;          // as shown and as options take it
    enum fault_class expected; // where damage_apply does not find out better
    const char *what;
};
// The table.
const struct fault_row *fault_row(enum fault fault);
const char *fault_class_name(enum fault_class expected);
// All of it, for people.
void fault_model_print(FILE *to);

#endif
