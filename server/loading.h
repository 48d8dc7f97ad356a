// Loading: what is done for clients, and told of the progress, while recovery reads and replays.
#ifndef PORO_SERVER_LOADING_H
#define PORO_SERVER_LOADING_H

#include <stdbool.h>
#include <stdint.h>

struct server;
struct wal_record;

// Part of the server.
struct loading {
    int64_t began_ns;
    int64_t began_ms; // wall clock
    int64_t said_ns;  // when its progress was told last
    int64_t looked_ns;
    uint32_t work;         // done since the clock was looked at
    int64_t owed_us;       // of key-load-delay
    uint64_t total_bytes;  // to be replayed, about
    uint64_t loaded_bytes; // of these
    uint64_t piece_bytes;  // being replayed
};

struct loading_progress {
    uint64_t total_bytes;
    uint64_t loaded_bytes;
    double percent;
    uint64_t left_s; // if it goes on like this
};
void loading_progress(const struct server *server, struct loading_progress *progress);

// From now on clients are served, as far as that is possible without the data.
void loading_begin(struct server *server);

// About so many bytes more will be replayed; the next ones have been read, and those before are done.
void loading_expect(struct server *server, int64_t bytes);
void loading_read(struct server *server, uint64_t bytes);
// A record has been replayed. Looks after clients every few milliseconds. -ECANCELED when the load is
// to end.
int loading_step(struct server *server, const struct wal_record *record);

// After events: what clients have sent, and the progress.
void loading_turn(struct server *server);
// How long to wait for a request when `timeout_ns` (< 0: for ever) would be right without clients.
int64_t loading_timeout_ns(const struct server *server, int64_t timeout_ns);

#endif
