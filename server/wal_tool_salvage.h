// What may be taken from beyond a break in the log without inventing values that never were.
#ifndef PORO_SERVER_WAL_TOOL_SALVAGE_H
#define PORO_SERVER_WAL_TOOL_SALVAGE_H

#include "server/wal_tool.h"
#include "server/wal_tool_keys.h"
#include "server/wal_tool_survey.h"
#include "server/wal_tool_target.h"

#include <stdint.h>

struct salvage {
    const struct survey *survey;
    const struct tool_options *options;
    struct target *target;
    struct databases databases;
    struct key_set known; // keys whose whole value was seen since the last loss
    bool lost;            // something has been lost: only keys in `known` are sure
    // Spools that were seen to begin since the last loss, and all pieces of theirs so far.
    struct {
        bool known;
        uint32_t done;
    } spools[WAL_SPOOLS_MAX];
    size_t run;   // of survey->beyond
    bool partial; // the frame belongs to a batch of which a part is missing
    int error;

    uint64_t records;         // taken
    uint64_t partial_records; // of them, from batches of which a part is missing
    uint64_t left_unsure;     // changes of a part of a value that is not known
    uint64_t left_homeless;   // of a keyspace that no database is known to have
    uint64_t left_flushed;    // of keyspaces that were flushed: nobody misses them
    uint64_t left_unfinished; // of batches that were never acknowledged and are not whole
    uint64_t left_frames;     // frames with records that make no sense
    struct key_list left_keys;
};

void salvage_create(struct salvage *salvage, const struct survey *survey, struct target *target,
                    const struct tool_options *options);
void salvage_destroy(struct salvage *salvage);
// Takes what it can from everything beyond E. 0 or -errno (of the target).
int salvage_run(struct salvage *salvage);
void salvage_print(const struct salvage *salvage);

#endif
