// Transactions: the commands that MULTI queues on a connection, and the keys that it watches.
#ifndef PORO_SERVER_TRANSACTION_H
#define PORO_SERVER_TRANSACTION_H

#include <stdbool.h>
#include <stdint.h>

struct call;
struct connection;
struct queued;
struct server;
struct watch;

// Part of a connection. All zero: no transaction, nothing watched.
struct transaction {
    bool open;    // MULTI has been said
    bool refused; // a command could not be queued: EXEC gives up
    bool dirty;   // a watched key has changed: EXEC does nothing
    uint32_t count;
    uint32_t flags;       // enum command_flag of all queued commands together
    uint64_t bytes;       // memory that the queue takes
    struct queued *first; // oldest
    struct queued *last;
    struct watch *watches;
    uint32_t watches_count;
};

// Commands that a transaction does not queue, because they are about it or end the connection.
bool transaction_takes(const struct call *call);
// Queues a command that has passed all checks, and replies QUEUED; or OOM, and EXEC will give up.
void transaction_queue(struct call *call);
// Forgets the queue and what is watched, and leaves the transaction.
void transaction_drop(struct server *server, struct connection *connection);

// What the commands queued may need at most, for EXEC to make sure of before it changes anything.
struct transaction_need {
    uint64_t log_bytes;    // records, as wal_admit counts them
    uint64_t memory_bytes; // arena_round sizes
    uint32_t maps;         // commands that change the map of keyspaces
    bool deletes;          // all that change something only delete
};
// spool_values for all that is queued.
enum wal_admission transaction_spool(const struct call *exec);
void transaction_need(struct call *call, struct transaction_need *need);

#endif
