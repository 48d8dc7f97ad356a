// Stops that make a checkpoint first, so that the next start has little to replay. Nothing depends on
// it: all that was acknowledged is in the log. Clients are served until the checkpoint is done.
#ifndef PORO_SERVER_SHUTDOWN_H
#define PORO_SERVER_SHUTDOWN_H

#include <stdbool.h>
#include <stdint.h>

struct server;

// Part of the server.
struct shutdown {
    uint64_t
        attempt; // the server stops when so many checkpoints have been tried; 0: none is going on
    bool force;  // ... even if that one has failed
};

// Begins a stop, at once or after a checkpoint: `flags` as in enum config_shutdown. While one is
// going on a further one changes it only if it does not want to wait: then the server stops at once.
void shutdown_begin(struct server *server, int flags);
// ... as a signal's number says. A second signal does not want to wait.
void shutdown_signalled(struct server *server, int number);

// True while the server stops as soon as a checkpoint is done.
bool shutdown_going_on(const struct server *server);
// Goes on as if no stop had begun. False if none was going on.
bool shutdown_abort(struct server *server);
// Has the checkpoint ended? Once a turn, before commands.
void shutdown_look(struct server *server);

#endif
