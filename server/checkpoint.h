// Checkpoints at work: when one begins, its file step by step through the ring, and what the log may
// forget afterwards. No fork and no copy of memory: a few entries a turn are written while commands
// go on (see wal/checkpoint.h for why that is right).
#ifndef PORO_SERVER_CHECKPOINT_H
#define PORO_SERVER_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct allocator;
struct checkpoint;
struct server;
struct token;

size_t checkpoint_overhead(void);
// Memory of its own that checkpoint_create needs: reserved, aligned to blocks, touched as used.
size_t checkpoint_region_bytes(void);
struct checkpoint *checkpoint_create(struct allocator *allocator, void *region);

// After recovery: `newest` is the highest number ever used, `loaded` the one that was read (0: none).
void checkpoint_continue(struct server *server, uint64_t newest, uint64_t loaded);

// One is to begin now, or as soon as the one that is going on has ended. Returns the number of the
// attempt that will hold everything that has been executed until now; see checkpoint_attempts.
uint64_t checkpoint_request(struct server *server);
// Attempts that have ended, and whether the newest of them was successful.
uint64_t checkpoint_attempts(const struct checkpoint *checkpoint);
bool checkpoint_succeeded(const struct checkpoint *checkpoint);
bool checkpoint_going_on(const struct checkpoint *checkpoint);
// One has been asked for and has not begun.
bool checkpoint_requested(const struct checkpoint *checkpoint);

// A completion record is to name it as soon as possible: until then the log cannot be given up.
bool checkpoint_awaits_witness(const struct checkpoint *checkpoint);

// A part of every turn: begins one when it is time, and works at it.
void checkpoint_housekeeping(struct server *server);
// Monotonic time at which it wants to run next; INT64_MAX when never.
int64_t checkpoint_deadline_ns(const struct server *server);
void checkpoint_event(struct server *server, struct token token, int32_t result);

struct checkpoint_stats {
    uint64_t number;      // of the newest one, 0: none
    uint64_t bytes;       // of that
    uint64_t count;       // successful ones since the start
    uint64_t changes;     // records logged since that one began
    uint64_t log_bytes;   // written to the log since that one began
    uint64_t log_trigger; // the next one begins at so many, 0: never by itself
    int64_t done_ms;      // wall time at which it was there; without any: of the start
    int64_t took_ms;      // the last successful one, -1: none
    int64_t running_ms;   // the one that is going on, -1: none
    uint64_t running_bytes;
    uint64_t running_bytes_expected;
    bool last_failed;
    int last_error;          // -errno, 0
    uint64_t reserved_bytes; // disk space that is kept for the next one
    bool space_short;        // and there is too little
};
void checkpoint_stats(const struct server *server, struct checkpoint_stats *stats);

#endif
