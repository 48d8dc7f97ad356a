// Pauses: CLIENT PAUSE keeps commands waiting for a time, DEBUG SLEEP the whole server.
#ifndef PORO_SERVER_PAUSE_H
#define PORO_SERVER_PAUSE_H

#include <stdbool.h>
#include <stdint.h>

struct call;
struct server;

enum pause_mode {
    PAUSE_NONE,
    PAUSE_WRITE, // commands that change something wait
    PAUSE_ALL,   // all commands wait
};

// Part of the server.
struct pause {
    enum pause_mode mode;
    int64_t until_ns;       // monotonic
    int64_t sleep_until_ns; // nothing is executed before
};

// CLIENT PAUSE: of the pause that is and the new one, the stricter mode and the later end count.
void pause_begin(struct server *server, enum pause_mode mode, int64_t ms);
void pause_end(struct server *server);
// Ends a pause whose time is over. Once a turn, and before commands that ask.
void pause_look(struct server *server);

// Has the call to wait? Only asked while there is a pause.
bool pause_holds(const struct call *call);

// True while nothing at all is to be executed.
bool pause_sleeps(const struct server *server);
// The next time at which a pause or sleep ends; INT64_MAX when there is none.
int64_t pause_deadline_ns(const struct server *server);

#endif
