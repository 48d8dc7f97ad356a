// Watched keys: which connections' transactions a change of a key spoils.
#ifndef PORO_SERVER_WATCH_H
#define PORO_SERVER_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct connection;
struct key;
struct server;
struct watch;

// Watches a key of the connection's database, once. False when there is no memory for that, or too
// many keys are watched.
bool watch_add(struct server *server, struct connection *connection, const struct key *key);
// Forgets all keys that the connection watches.
void watch_drop(struct server *server, struct connection *connection);
// ... that it has begun to watch after this one, its newest then (NULL: none).
void watch_drop_since(struct server *server, struct connection *connection,
                      const struct watch *before);
// Has a watched key expired since it is watched?
bool watch_expired(const struct server *server, const struct connection *connection);

// This key has been changed, or `deleted`, by a command or for having expired.
void watch_touch(struct server *server, const struct key *key, bool deleted);
// Around a change of the databases' map (keyspace_set_map).
void watch_map_begin(struct server *server);
void watch_map_end(struct server *server);

#endif
