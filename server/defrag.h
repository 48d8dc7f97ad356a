// Active defragmentation: in the background, entries move together, so that pages become free.
#ifndef PORO_SERVER_DEFRAG_H
#define PORO_SERVER_DEFRAG_H

#include <stdbool.h>
#include <stdint.h>

struct server;

enum defrag_kind {
    DEFRAG_LOOSE,     // spans of which little is in use
    DEFRAG_SCATTERED, // free pages between others
    DEFRAG_KINDS,
};

struct defrag_work {
    bool running;
    uint64_t barren;  // runs of pages looked at since one was freed
    uint64_t round;   // bytes when the last round ended; 0: none has
    uint64_t gave_up; // bytes when a whole round found nothing to do; 0: it has not
};

// Part of the server.
struct defrag {
    bool running; // one of:
    struct defrag_work works[DEFRAG_KINDS];
    uint32_t turn;    // the one that took the last step
    int64_t look_ns;  // when it was looked at last whether it is worthwhile
    int64_t step_ns;  // when the last step was taken
    int64_t began_ns; // when it began to run
    int64_t total_ns; // that it ran, without the present time
    uint64_t moved;   // entries
    uint64_t freed;   // spans
    uint64_t stuck;   // spans that something else was in
};

// One bounded step, when there is something to do.
void defrag_housekeeping(struct server *server);
// When the next step is due; INT64_MAX: nothing to do.
int64_t defrag_deadline_ns(const struct server *server);
// Bytes of pages that are neither in use nor free for all sizes.
uint64_t defrag_loose_bytes(const struct server *server);

#endif
