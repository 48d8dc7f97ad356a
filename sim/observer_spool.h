// The observer: does the log say of every spool what became of it?
#ifndef PORO_SIM_OBSERVER_SPOOL_H
#define PORO_SIM_OBSERVER_SPOOL_H

struct world;

// The process is gone: what it still had in use is what the next start may find open.
void observer_spools_died(struct world *world);
// A start is over.
void observer_spools_recovered(struct world *world);
// Files have changed, or lost what was written: nothing can be said.
void observer_spools_unknown(struct world *world);

#endif
