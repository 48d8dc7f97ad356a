// Saving: what SAVE and BGSAVE ask for, that all that has been written is on stable storage. With
// appendfsync always that is so before a write is answered.
#ifndef PORO_SERVER_SAVE_H
#define PORO_SERVER_SAVE_H

#include <stdbool.h>
#include <stdint.h>

struct server;

// Part of the server.
struct save {
    uint64_t batch; // BGSAVE waits for this one
    bool running;
    uint64_t count;  // how often that was asked for
    int64_t done_ms; // when everything was last known to be saved
};

// Everything written until now is to be saved. Begins a sync if one is needed.
void save_begin(struct server *server);
// Looks whether that has happened.
void save_look(struct server *server);

#endif
