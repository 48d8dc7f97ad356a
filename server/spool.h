// Spools: large values on their way into the log, piece by piece between other batches.
//
// A command that sets such values waits until all of each is in the log, and then logs only which spool
// its value is in: others wait for one piece at most. A value lies in the block that it was received
// into, which nobody changes meanwhile. Whoever frees such a block before it has become an entry tells
// spool_forget.
#ifndef PORO_SERVER_SPOOL_H
#define PORO_SERVER_SPOOL_H

#include "wal/checkpoint.h"
#include "wal/log.h"

#include <stdbool.h>
#include <stdint.h>

struct call;
struct connection;
struct entry;
struct server;

enum spool_state {
    SPOOL_FREE,
    SPOOL_FILLING, // pieces are appended, or all have been
    SPOOL_DROPPED, // its value is gone; the log is still to be told
    SPOOL_ENDED,   // by a record in `batch`: free when that is written
};

struct spool {
    enum spool_state state;
    bool failed;               // no log space for the next piece
    uint32_t connection;       // slot of the one that waits for it
    const struct entry *block; // the value's; an address only, once it is dropped
    const uint8_t *data;
    uint32_t total;
    uint32_t done;
    uint64_t batch;
    struct wal_checkpoint_begin place; // where replay has to begin to see all of it
};

struct spools {
    uint32_t used;    // not FREE
    uint32_t filling; // and not full
    uint32_t dropped;
    uint32_t next;     // whose turn it is
    int64_t others_ns; // when there was anything else in a batch
    uint64_t bytes;    // put into the log this way
    uint64_t finished; // values that were
    struct spool spools[WAL_SPOOLS_MAX];
};

// After recovery: these (bit i: number i + 1) have been begun in the log and lead to nothing.
void spool_continue(struct server *server, uint64_t pending);

// Makes sure that the large values which the call sets are in the log; begins that if need be.
// WAL_ADMIT: they are, or cannot be put there ahead (all spools are in use): then they are logged as
// others are. WAL_WAIT: ask again when spool_busy is false and there may be room in the log. WAL_FULL:
// no space.
enum wal_admission spool_values(struct call *call);
// Are pieces of the connection's values still to be appended?
bool spool_busy(const struct server *server, const struct connection *connection);

// Is this argument's value in a spool, wholly?
bool spool_has(const struct call *call, uint32_t argument);
// The spool that holds the value of this block; 0: none. It ends with the record that names it, which
// is appended next.
uint32_t spool_take(struct server *server, const struct entry *block);
// The block is about to be freed.
void spool_forget(struct server *server, const struct entry *block);

// Before a batch is closed: appends the next piece.
void spool_append(struct server *server);
void spool_housekeeping(struct server *server);
// A checkpoint begins: replay has to begin where the oldest spool began that is not done.
void spool_place(const struct server *server, struct wal_checkpoint_begin *begin);

#endif
