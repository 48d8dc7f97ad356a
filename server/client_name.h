// Names that clients give to their connections.
#ifndef PORO_SERVER_CLIENT_NAME_H
#define PORO_SERVER_CLIENT_NAME_H

#include "server/call.h"

#include <stdbool.h>

struct connection_name;

// Sets `name` to argument `index`. `what` begins the error's text ("Client names"). False after an
// error reply: a name consists of visible ASCII characters, CLIENT_NAME_MAX at most.
bool client_name_set(struct call *call, uint32_t index, struct connection_name *name,
                     const char *what);

#endif
