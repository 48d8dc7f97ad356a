// The clients: they connect, send commands in pipelines, read or stall, vanish, come back and try
// again.
#ifndef PORO_SIM_CLIENTS_H
#define PORO_SIM_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

struct clients;
struct link;
struct world;

struct clients *clients_create(struct world *world);
void clients_destroy(struct clients *clients);

// A client's next action (AGENDA_CLIENT).
void clients_act(struct world *world, uint32_t index, uint32_t generation);
// So many of its commands are answered on this connection.
void clients_answered(struct world *world, struct link *link, uint64_t answered);
// The connection is gone.
void clients_disconnected(struct world *world, struct link *link);
// The server is up: those without a connection try again.
void clients_wake(struct world *world);
// No more faults: whoever stalls reads again.
void clients_calm(struct world *world);

// Have all asked what they wanted, and had all their answers?
bool clients_finished(const struct world *world);

#endif
