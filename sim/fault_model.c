// The fault model: the table of faults, and how it is shown.
#include "sim/fault_model.h"

#include <assert.h>
#include <stdbool.h>

#define SURVIVE FAULT_SURVIVE
#define REFUSE FAULT_REFUSE
#define UNDECIDABLE FAULT_UNDECIDABLE
#define BEYOND FAULT_BEYOND
// clang-format off
static const struct fault_row rows[FAULT_COUNT] = {
    [FAULT_KILL] = {"kill", SURVIVE,
        "The process is killed at any moment; what it has written stays in the page cache."},
    [FAULT_LATE_WRITE] = {"late-write", SURVIVE,
        "A write of the killed process lands long after its death, when the next one wants to start."},
    [FAULT_POWER_CUT] = {"power-cut", SURVIVE,
        "The power fails: the cache is lost in whole, in part or not at all, writes in flight are torn."},
    [FAULT_START_CUT] = {"start-cut", SURVIVE,
        "A kill or a power cut while the server starts, several times in a row."},
    [FAULT_EIO] = {"eio", SURVIVE,
        "An operation on a file fails; of a failed write any part may have arrived."},
    [FAULT_ENOSPC] = {"enospc", SURVIVE,
        "An operation on a file fails for lack of space, though there is some."},
    [FAULT_SHORT_WRITE] = {"short-write", SURVIVE,
        "A write ends early and says so."},
    [FAULT_SYNC_ERROR] = {"sync-error", SURVIVE,
        "A sync fails, what it should have written is dropped, and the next sync succeeds."},
    [FAULT_SPOILT] = {"spoilt-checkpoint", SURVIVE,
        "A sync of a checkpoint succeeds, and the medium has other bytes."},
    [FAULT_SLOW] = {"slow", SURVIVE,
        "An operation on a file takes up to a second."},
    [FAULT_STUCK] = {"stuck", SURVIVE,
        "An operation on a file takes many seconds."},
    [FAULT_DEAD_DISK] = {"dead-disk", SURVIVE,
        "Every operation on files fails for some time."},
    [FAULT_DISK_FULL] = {"disk-full", SURVIVE,
        "There is no space left for some time."},
    [FAULT_NO_DIRECT] = {"no-direct", SURVIVE,
        "The file system refuses O_DIRECT."},
    [FAULT_DSYNC_IGNORED] = {"dsync-ignored", SURVIVE,
        "RWF_DSYNC succeeds and does nothing, on a file system that is known for that."},
    [FAULT_LYING_DISK] = {"lying-disk", BEYOND,
        "RWF_DSYNC succeeds and does nothing, on a file system that is known to honour it."},
    [FAULT_PERMISSION] = {"permission", SURVIVE,
        "A file or the folder may not be opened; a start fails until it may."},
    [FAULT_DESCRIPTORS] = {"descriptors", SURVIVE,
        "There is no descriptor left for a file or a connection."},
    [FAULT_RESET] = {"reset", SURVIVE,
        "A connection is reset by either side, with replies in flight."},
    [FAULT_STALL] = {"stall", SURVIVE,
        "A client does not read for some time."},
    [FAULT_FRAGMENT] = {"fragment", SURVIVE,
        "Bytes arrive in pieces of any size."},
    [FAULT_NO_BUFFERS] = {"no-buffers", SURVIVE,
        "Receive buffers run out."},
    [FAULT_CLOCK_JUMP] = {"clock-jump", SURVIVE,
        "The wall clock jumps, forth or back."},
    [FAULT_MEMORY_FULL] = {"memory-full", SURVIVE,
        "maxmemory is reached: writes are refused."},

    [FAULT_ROT_TAIL] = {"rot-tail", SURVIVE,
        "Bits flip in the intent log where no data is: unused space, what an earlier start has cut."},
    [FAULT_ROT_INTENT] = {"rot-intent", REFUSE,
        "Bits flip in a frame that something else witnesses."},
    [FAULT_ROT_NEWEST] = {"rot-newest", UNDECIDABLE,
        "Bits flip in one of the newest frames, which nothing else witnesses."},
    [FAULT_ROT_HEADER] = {"rot-header", REFUSE,
        "Bits flip in the header of a segment in use."},
    [FAULT_ROT_COMPLETION] = {"rot-completion", SURVIVE,
        "Bits flip in one block of the completion log."},
    [FAULT_ROT_COMPLETION_ALL] = {"rot-completion-all", BEYOND,
        "Bits flip in every block of the completion log."},
    [FAULT_ROT_INSTANCE] = {"rot-instance", REFUSE,
        "Bits flip in the file instance."},
    [FAULT_ROT_ANYWHERE] = {"rot-anywhere", BEYOND,
        "Bits flip in any blocks of any files."},
    [FAULT_UNREADABLE] = {"unreadable", BEYOND,
        "A block of a log answers reads with EIO."},
    [FAULT_TRUNCATE_SEGMENT] = {"truncate-segment", BEYOND,
        "A segment is cut off at some length."},
    [FAULT_TRUNCATE_COMPLETION] = {"truncate-completion", SURVIVE,
        "The completion log is cut off at some length."},
    [FAULT_MISSING_SEGMENT] = {"missing-segment", REFUSE,
        "A segment with data is gone."},
    [FAULT_MISSING_NEWEST] = {"missing-newest", REFUSE,
        "The newest segment is gone."},
    [FAULT_MISSING_READY] = {"missing-ready", SURVIVE,
        "A segment that was only prepared is gone."},
    [FAULT_MISSING_COMPLETION] = {"missing-completion", BEYOND,
        "The completion log is gone."},
    [FAULT_MISSING_INSTANCE] = {"missing-instance", REFUSE,
        "The file instance is gone, and there is data."},
    [FAULT_SWAPPED_SEGMENTS] = {"swapped-segments", REFUSE,
        "Two segments have each other's name."},
    [FAULT_DUPLICATE_SEGMENT] = {"duplicate-segment", SURVIVE,
        "A segment has a copy under another name."},
    [FAULT_STALE_SEGMENT] = {"stale-segment", BEYOND,
        "An older state of a segment is back."},
    [FAULT_STALE_SEGMENTS] = {"stale-segments", BEYOND,
        "All segments are those of an earlier time, the completion log is of now."},
    [FAULT_STALE_COMPLETION] = {"stale-completion", SURVIVE,
        "An older state of the completion log is back."},
    [FAULT_MISDIRECTED] = {"misdirected", BEYOND,
        "A frame has been written over another place, too."},
    [FAULT_FOREIGN_SEGMENT] = {"foreign-segment", REFUSE,
        "A segment of another folder has taken the place of one."},
    [FAULT_ROT_CHECKPOINT] = {"rot-checkpoint", REFUSE,
        "Bits flip in the checkpoint: in its beginning, its records or its end."},
    [FAULT_ROT_CHECKPOINT_TAIL] = {"rot-checkpoint-tail", SURVIVE,
        "Bits flip behind the checkpoint's end, or in the space for the next one."},
    [FAULT_TRUNCATE_CHECKPOINT] = {"truncate-checkpoint", BEYOND,
        "The checkpoint is cut off at some length."},
    [FAULT_MISSING_CHECKPOINT] = {"missing-checkpoint", REFUSE,
        "The checkpoint is gone."},
    [FAULT_STALE_CHECKPOINT] = {"stale-checkpoint", BEYOND,
        "An older checkpoint is in the place of the newest one, or beside it."},
    [FAULT_UNREADABLE_CHECKPOINT] = {"unreadable-checkpoint", BEYOND,
        "A block of the checkpoint answers reads with EIO."},
};
// clang-format on
#undef SURVIVE
#undef REFUSE
#undef UNDECIDABLE
#undef BEYOND

const struct fault_row *fault_row(enum fault fault)
{
    assert(fault < FAULT_COUNT && rows[fault].name != NULL);
    return &rows[fault];
}

const char *fault_class_name(enum fault_class expected)
{
    switch (expected) {
    case FAULT_SURVIVE:
        return "survive";
    case FAULT_REFUSE:
        return "refuse";
    case FAULT_UNDECIDABLE:
        return "undecidable";
    case FAULT_BEYOND:
        return "beyond";
    }
    assert(false);
    return "";
}

static void model_print_rows(FILE *to, uint32_t from, uint32_t below)
{
    for (uint32_t i = from; i < below; i++) {
        const struct fault_row *row = fault_row((enum fault)i);
        fprintf(to, "  %-21s %-12s %s\n", row->name, fault_class_name(row->expected), row->what);
    }
}

void fault_model_print(FILE *to)
{
    fputs(
        "What Poro owes when a fault happens:\n"
        "\n"
        "  survive      Nothing acknowledged is lost, nothing that a client was shown is undone,\n"
        "               and the server starts, at the latest when the fault is over.\n"
        "  refuse       The server refuses to start and names the damage. With the files restored\n"
        "               it starts and has everything.\n"
        "  undecidable  The newest batches, durable but witnessed by nothing else, may be dropped\n"
        "               as a torn tail would be; never served in part. With 'wal-ack completion'\n"
        "               this happens to nothing that was acknowledged.\n"
        "  beyond       It cannot always be told: refusing is right, and serving is right if what\n"
        "               is served is a whole prefix with everything that what is left witnesses.\n"
        "\n"
        "Faults while the server runs or starts:\n",
        to);
    model_print_rows(to, 0, FAULT_AT_REST_FIRST);
    fputs("\n"
          "Damage to files at rest. The class is that of the usual case: what has been hit is\n"
          "looked at each time, and what follows from it is demanded. Damage to frames that a\n"
          "completion record, a later frame or a segment's header witnesses is always to be "
          "refused;\n"
          "damage that leaves every frame and a witness is always to be survived.\n",
          to);
    model_print_rows(to, FAULT_AT_REST_FIRST, FAULT_COUNT);
}
