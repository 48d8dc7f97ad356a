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
    uint32_t write_ppm;      // a command writes
    uint32_t delete_ppm;     // ... and of those: it deletes
    uint32_t expiry_ppm;     // ... it has to do with expiry
    uint32_t multi_ppm;      // a command takes several keys (MSET, MGET, DEL, EXISTS, UNLINK)
    uint32_t multi_keys_max; // at most this many, up to 20
    uint32_t flush_ppm;      // FLUSHDB, FLUSHALL
    uint32_t whole_ppm;      // KEYS, SCAN, DBSIZE, INFO
    uint32_t config_ppm;     // CONFIG SET appendfsync, wal-ack
    uint32_t session_ppm;    // SELECT, HELLO, CLIENT, PING, ECHO, RESET
    uint32_t wrong_ppm;      // deserves an error: wrong type of argument, unknown command, overflow
    uint32_t quit_ppm;
    // Times are hours away, or over at once: for comparing with a server whose clock runs by itself.
    bool expiry_far;
};

// Draws all weights: what a swarm run does.
void workload_draw(struct workload *workload, struct random *random);
// A quiet mix of everything that keeps its connection.
void workload_default(struct workload *workload);

// The next command into `line`. `now_ms`: wall clock, for absolute expiry times. `scan_cursor`: the
// cursor that the last SCAN of this client returned, 0 when none is under way.
void workload_next(const struct workload *workload, struct random *random, int64_t now_ms,
                   uint64_t scan_cursor, struct command_line *line);

#endif
