// How long ago keys were used, or how often: every entry keeps 16 bits about that.
#ifndef PORO_SERVER_IDLE_H
#define PORO_SERVER_IDLE_H

#include "storage/entry.h"

#include <stdbool.h>
#include <stdint.h>

struct server;

// Long ago: the entry has the step of the clock at which it was used last. A step is taken every 10
// seconds; while a policy of maxmemory goes by it, every second, and whenever a 512th of the keys
// has been replaced: whatever the speed at which keys come and go, those that will be evicted next
// can be told apart. When each step began is noted. The clock has 16 bits, begins with 0 at the
// start, as do the entries that are recovered, and wraps after a week (or 18 hours).
#define IDLE_STEP_S 10
#define IDLE_STEP_LRU_S 1
// What is unused for longer counts as unused for this long. The rest of the clock's range is the
// time that the round over all entries has to see to that.
#define IDLE_STEPS_MAX 61440

// How often, under a policy that goes by that: a counter in the lower 8 bits, logarithmic as
// Redis's, that goes down by one for every lfu-decay-time in which the key is not used, and in the
// upper 8 bits when that was reckoned last, in minutes (or in decay times, when these are long).
#define IDLE_FREQUENCY_NEW 5

// Part of the server.
struct idle {
    uint16_t clock;
    bool lfu;           // entries count how often
    uint64_t steps;     // since the start
    int64_t step_ns;    // when the last one was taken
    uint64_t evicted;   // keys until then
    uint64_t entries;   // that were there then
    int64_t round_ns;   // when the round over all entries went on last
    uint64_t round_due; // buckets that it is behind
    uint64_t round_cursor;
    uint16_t now;         // the present time, as counting entries have it
    uint32_t unit_min;    // its unit
    uint32_t decay_units; // 0: counters do not go down
    uint64_t random;
    uint32_t odds[256];     // of counting on, by the counter, in 2^32
    int32_t began_s[65536]; // when each step began, since the start
};

// A policy has been chosen, at the start or later.
void idle_policy(struct server *server);

// Seconds since the entry was used, in whole steps.
int64_t idle_seconds(const struct server *server, const struct entry *entry);
// Lets an entry count as unused for `seconds` (not negative).
void idle_set(const struct server *server, struct entry *entry, int64_t seconds);

// How often: 0 to 255, as it is now for an entry whose `idle` is this.
uint8_t idle_frequency(const struct server *server, uint16_t idle);
void idle_set_frequency(const struct server *server, struct entry *entry, uint8_t frequency);
// Counts one use.
void idle_count(struct idle *state, struct entry *entry);

// The entry is used now.
static inline void idle_use(struct idle *state, struct entry *entry)
{
    if (__builtin_expect(state->lfu, 0))
        idle_count(state, entry);
    else
        entry_touch(entry, state->clock);
}

// Moves the clock, and goes on with the round over all entries.
void idle_housekeeping(struct server *server);

#endif
