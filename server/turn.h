// What the loop's turns take: all of one, what of that is the server's own work, and its parts.
#ifndef PORO_SERVER_TURN_H
#define PORO_SERVER_TURN_H

#include <stdbool.h>
#include <stdint.h>

struct server;

// Bucket i counts times in [2^i, 2^(i+1)) microseconds.
#define TURN_BUCKETS 24

struct turn_times {
    uint64_t buckets[TURN_BUCKETS];
    int64_t max_ns;
    uint64_t count;
};

// In their order within a turn. Those from TURN_OWN_FIRST on are the server's own work, which no client
// asks for.
enum turn_part {
    TURN_RING, // the kernel: requests are handed over, and others end
    TURN_EVENTS,
    TURN_COMMANDS,
    TURN_COMMIT,
    TURN_SEND,
    TURN_OWN_FIRST,
    TURN_JOURNAL = TURN_OWN_FIRST,
    TURN_CHECKPOINT,
    TURN_TABLE, // it grows, or is tidied up
    TURN_EXPIRY,
    TURN_EVICTION,
    TURN_DEFRAG,
    TURN_RECLAIM,
    TURN_CONNECTIONS,
    TURN_PARTS,
};

// The longest ones. Where others want the processor, too, its time says more than the clock does.
struct turn_longest {
    int64_t wall_ns;
    int64_t cpu_ns;
    uint64_t count; // of those that took a millisecond of it or more
};

// Part of the server.
struct turn {
    int64_t began_ns;
    int64_t own_ns; // when the own work of this turn began
    struct turn_times whole;
    struct turn_times own;
    bool by_parts;           // parts are timed: the latency monitor is on
    int64_t part_ns;         // when the present part began
    int64_t part_cpu_ns;     // ... in the thread's time; 0: not known
    int64_t own_part_cpu_ns; // ... and the own work of this turn
    struct turn_longest parts[TURN_PARTS];
    struct turn_longest own_parts; // all of the own work
};

// A turn begins at server->now_ns, its own work now; it ends.
void turn_begin(struct server *server);
void turn_own(struct server *server);
void turn_end(struct server *server);
// Has this turn's own work taken little enough for some more that can wait?
bool turn_has_time(const struct server *server);
// A part has ended, and the next one begins.
void turn_timed(struct server *server, enum turn_part part);
static inline void turn_part(struct server *server, const struct turn *turn, enum turn_part part)
{
    if (turn->by_parts)
        turn_timed(server, part);
}

void turn_reset(struct turn *turn);

const char *turn_part_name(enum turn_part part);

#endif
