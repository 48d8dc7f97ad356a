// Lives of the server under test: one from its start to its end, whichever way it ends.
#ifndef PORO_SIM_LIFE_H
#define PORO_SIM_LIFE_H

#include "sim/world.h"

#include <stdbool.h>

enum life_end {
    LIFE_DIED,    // killed, or the power was cut
    LIFE_STOPPED, // asked to, and it did
    LIFE_FAILED,  // it stopped by itself, as the log could not be written
    LIFE_NO_START,
    LIFE_REFUSED, // to start
};

// One life: at most until `enough` says so after a turn; then it is asked to stop.
enum life_end life_run(struct world *world, bool (*enough)(struct world *world));

// What was not on stable storage is gone, although the process may have been told otherwise: the power
// was cut, or a sync has failed. A disk that lied may have lost anything that nothing witnesses.
void life_forgets(struct world *world);
// The power fails while no life goes on.
void life_power_cut(struct world *world);

// True when the server has said this in its present life.
bool life_has_said(const struct world *world, const char *text);

// Has the log grown by what makes a checkpoint begin (what a start has replayed counts), or is a save
// point reached, `ahead_ms` from now at the latest?
bool life_checkpoint_due(const struct world *world, int64_t ahead_ms);

#endif
