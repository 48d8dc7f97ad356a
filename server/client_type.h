// Types of clients, as CLIENT LIST and CLIENT KILL filter by them.
#ifndef PORO_SERVER_CLIENT_TYPE_H
#define PORO_SERVER_CLIENT_TYPE_H

#include "server/call.h"

#include <stdbool.h>

// Reads the type in argument `index`: normal, master, replica (slave), pubsub. *every is true when
// it is the type that all connections have. False after an error reply.
bool client_type_read(struct call *call, uint32_t index, bool *every);

#endif
