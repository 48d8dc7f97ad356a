// Replay: what a record of the log does to the keyspace, when a server starts and in poro-wal.
#ifndef PORO_SERVER_REPLAY_H
#define PORO_SERVER_REPLAY_H

#include "wal/record.h"

struct keyspace;

// 0, -EBADMSG for a record that no server could have written, -ENOMEM.
int replay_record(struct keyspace *keyspace, const struct wal_record *record);
// Frees the keys of databases that a map has emptied; takes as long as the table is large. Ids are
// never given out twice: what is dead stays so.
void replay_sweep(struct keyspace *keyspace);

#endif
