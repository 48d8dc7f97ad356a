// The state that a data folder holds, read into memory as a server reads it.
#ifndef PORO_SERVER_WAL_TOOL_STATE_H
#define PORO_SERVER_WAL_TOOL_STATE_H

#include "server/replay.h"
#include "server/wal_tool_folder.h"
#include "wal/recovery.h"

#include <stddef.h>

#define STATE_REGIONS 4

struct state {
    struct keyspace *keyspace;
    struct replay replay;
    struct wal_recovery_result result;
    void *regions[STATE_REGIONS];
    size_t bytes[STATE_REGIONS];
};

// 0 when there is a verdict (state->result; when it refuses, what was read means nothing); -ENOMEM,
// or what else ended it. Freed with state_destroy in either case.
int state_read(struct state *state, struct folder *folder);
void state_destroy(struct state *state);

#endif
