// Pushing: output that a connection has not asked for just now, such as what MONITOR shows.
#ifndef PORO_SERVER_PUSH_H
#define PORO_SERVER_PUSH_H

#include <stdint.h>

struct connection;
struct resp_writer;
struct server;

// Where to write it; NULL when the connection takes none: it is closing, or its replies are off.
struct resp_writer *push_begin(struct connection *connection);
// It is complete, and leaves once batch `hold` is safe (0: at once), after everything before it. A
// connection that has not taken PUSH_BYTES_MAX of its output is closed.
void push_end(struct server *server, struct connection *connection, uint64_t hold);

#endif
