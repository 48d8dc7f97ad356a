// Is what the server writes over, or gives up, still needed by some start?
#ifndef PORO_SIM_SPENT_H
#define PORO_SIM_SPENT_H

struct request;
struct world;

// A request on a file begins. Where it writes a segment's header, or takes away a file of the log: what a
// crash leaves of that file may be nothing, and the log has to have the same end without it; while no
// completion record names the newest checkpoint, also should that turn out to be damaged.
void spent_look(struct world *world, const struct request *request);

#endif
