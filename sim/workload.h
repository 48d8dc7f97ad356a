// The workload: random commands of the kind that clients send, by weights that a run draws.
#ifndef PORO_SIM_WORKLOAD_H
#define PORO_SIM_WORKLOAD_H

#include "sim/command_line.h"
#include "sim/random.h"

#include <stdbool.h>
#include <stdint.h>

struct workload {
    uint32_t keys;            // distinct keys
    uint32_t hot_ppm;         // a key is one of the four hot ones
    uint32_t databases;       // 1 to 16
    uint32_t value_bytes_max; // usual values; lengths are spread by powers of two
    uint32_t large_ppm;       // a value is of up to large_bytes_max
    uint32_t large_bytes_max;
    uint32_t write_ppm;       // a command writes
    uint32_t delete_ppm;      // ... and of those: it deletes
    uint32_t expiry_ppm;      // ... it has to do with expiry
    uint32_t range_ppm;       // ... with a part of a value, or with what was there before
    uint32_t bit_ppm;         // ... with bits
    uint32_t float_ppm;       // ... with numbers that have a fraction
    uint32_t rename_ppm;      // ... it moves, copies, dumps, restores
    uint32_t newer_ppm;       // ... it is newer than Redis 7.0
    uint32_t lcs_ppm;         // ... it has to do with LCS
    uint32_t multi_ppm;       // a command takes several keys (MSET, MGET, DEL, EXISTS, UNLINK)
    uint32_t multi_keys_max;  // at most this many, up to 20
    uint32_t transaction_ppm; // MULTI, or WATCH, when there is no transaction
    uint32_t transaction_max; // commands, at most
    uint32_t watch_ppm;       // ... of transactions: keys are watched
    uint32_t discard_ppm;     // ... it ends with DISCARD
    uint32_t swap_ppm;        // SWAPDB
    uint32_t flush_ppm;       // FLUSHDB, FLUSHALL
    uint32_t whole_ppm;       // KEYS, SCAN, DBSIZE, RANDOMKEY, INFO
    uint32_t save_ppm;        // SAVE, BGSAVE, BGREWRITEAOF, LASTSAVE
    uint32_t config_ppm;      // CONFIG SET appendfsync, wal-ack
    uint32_t session_ppm;     // SELECT, HELLO, CLIENT, PING, ECHO, RESET, WAIT
    uint32_t wrong_ppm; // deserves an error: wrong type of argument, unknown command, overflow
    uint32_t quit_ppm;
    // Times are hours away, or over at once: for comparing with a server whose clock runs by itself.
    bool expiry_far;
    // Keys are set that have expired already: never, or though they live long otherwise.
    bool never_past, expiry_past;
    // CONFIG SET, FLUSHDB, FLUSHALL and SWAPDB are never part of a transaction, nor is what may have to
    // wait for room in the log.
    bool plain_transactions;
};

// A client: what it is in the middle of. Zeroed memory is a new one.
struct workload_client {
    uint64_t scan_cursor; // set by the owner: what the last SCAN returned, 0: none is under way
    bool watches;
    bool queues;   // after MULTI
    uint32_t left; // commands that are still to be queued
    bool copies;   // ... these copy one key; the first one sets it
    bool copies_first;
    uint32_t copied; // its number
};

// Draws all weights: what a swarm run does.
void workload_draw(struct workload *workload, struct random *random);
// A quiet mix of everything that keeps its connection.
void workload_default(struct workload *workload);
// Thousands of small keys come and go, many with each command.
void workload_grow(struct workload *workload, struct random *random);
// Leaves out what a server that imitates Redis 7.0 need not know.
void workload_imitate_redis(struct workload *workload);

// The next command into `line`. `now_ms`: wall clock, for absolute expiry times.
void workload_next(const struct workload *workload, struct random *random,
                   struct workload_client *client, int64_t now_ms, struct command_line *line);
// The client has sent a command that was not drawn now.
void workload_asked(struct workload_client *client, const struct command_line *line);

#endif
