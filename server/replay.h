// Replay: what a record of the log does to the keyspace, when a server starts and in poro-wal.
#ifndef PORO_SERVER_REPLAY_H
#define PORO_SERVER_REPLAY_H

#include "wal/record.h"

struct entry;
struct keyspace;

// A spool that has begun and that no SET has named yet.
struct replay_spool {
    struct entry *block; // NULL: there is none
    uint32_t total;
    uint32_t done;
};

struct replay {
    struct keyspace *keyspace;
    struct replay_spool spools[WAL_SPOOLS_MAX];
};

void replay_begin(struct replay *replay, struct keyspace *keyspace);
// 0, -EBADMSG for a record that no server could have written there, -ENOMEM.
int replay_record(struct replay *replay, const struct wal_record *record);
// After the last record: frees the values of which only pieces were there. Bit i of what it returns is
// set when spool i + 1 was one of them.
uint64_t replay_end(struct replay *replay);
// Frees the keys of databases that a map has emptied; takes as long as the table is large. Ids are
// never given out twice: what is dead stays so.
void replay_sweep(struct keyspace *keyspace);

#endif
