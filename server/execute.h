// Execution: a connection's received bytes become commands, commands become calls.
#ifndef PORO_SERVER_EXECUTE_H
#define PORO_SERVER_EXECUTE_H

struct connection;
struct server;

// Executes what the connection has received, until its input is used up or it has to wait.
void execute_connection(struct server *server, struct connection *connection);

#endif
