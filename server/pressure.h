// Pressure: which clients are closed when they leave too much output untaken, or when all of them
// together hold too much memory.
#ifndef PORO_SERVER_PRESSURE_H
#define PORO_SERVER_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

struct connection;
struct server;

enum pressure_kind {
    PRESSURE_NONE,
    PRESSURE_REPLIES, // chunks for replies are running out
    PRESSURE_INPUT,   // memory for commands that are being received is
    PRESSURE_LARGE,   // that for large arguments is
    PRESSURE_CLIENTS, // maxmemory-clients
};

// Clients closed in one round at most.
#define PRESSURE_CLOSED_MAX 64

// A round over all connections, some in a turn, that finds those with the highest scores.
struct pressure {
    enum pressure_kind kind;
    uint32_t slot;
    uint32_t count;
    struct {
        uint32_t slot;
        uint32_t generation;
        uint64_t score;
    } worst[PRESSURE_CLOSED_MAX]; // descending
    int64_t rest_until_ns;
    int64_t turn_ns; // when the turn before began
    bool again;      // had better look once more at once
};

// client-output-buffer-limit has been set.
void pressure_limits(struct server *server);
// Output has been written or sent: is the connection above a limit of client-output-buffer-limit? Then
// it is closed, and true.
bool pressure_output(struct server *server, struct connection *connection);

// Memory that a connection takes, and all of them.
uint64_t pressure_bytes_of(const struct server *server, const struct connection *connection);
uint64_t pressure_bytes(const struct server *server);

// Once a turn: closes those who hold the most, while too much is held.
void pressure_housekeeping(struct server *server);
// Is there more to do at once?
bool pressure_urgent(const struct server *server);

#endif
