// Execution: a connection's received bytes become commands, commands become calls.
#ifndef PORO_SERVER_EXECUTE_H
#define PORO_SERVER_EXECUTE_H

#include <stdint.h>

struct connection;
struct server;

// Executes what the connection has received, until its input is used up or it has to wait.
void execute_connection(struct server *server, struct connection *connection);
// Gives back everything that the connection's input holds (buffers, carry, large arguments).
void execute_drop_input(struct server *server, struct connection *connection);
// Bytes of a large argument have arrived directly.
void execute_large_received(struct server *server, struct connection *connection, uint64_t length);

#endif
