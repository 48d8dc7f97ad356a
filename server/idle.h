// How long ago keys were used: a coarse clock, of which every entry keeps the last reading.
#ifndef PORO_SERVER_IDLE_H
#define PORO_SERVER_IDLE_H

#include <stdint.h>

struct entry;
struct server;

// The clock's step. It has 16 bits, begins with 0 at the start, as do the entries that are
// recovered, and wraps after a week.
#define IDLE_STEP_S 10
// What is unused for longer counts as unused for this long. The rest of the clock's range is the
// time that the round over all entries has to see to that.
#define IDLE_STEPS_MAX 61440

// Seconds since the entry was used, in whole steps.
int64_t idle_seconds(const struct server *server, const struct entry *entry);
// Lets an entry count as unused for `seconds` (not negative).
void idle_set(const struct server *server, struct entry *entry, int64_t seconds);

// Moves the clock, and goes on with the round over all entries.
void idle_housekeeping(struct server *server);

#endif
