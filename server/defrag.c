// Active defragmentation: in the background, entries move together, so that pages become free.
#include "server/defrag.h"

#include "conf/limits.h"
#include "server/clock.h"
#include "server/server.h"
#include "storage/arena.h"
#include "storage/keyspace.h"

#define LOOK_NS 100000000LL
// A step takes about this long, and there is one in so much time.
#define STEP_NS 200000LL
#define STEP_EVERY_NS 2000000LL
#define STEP_SPANS 16
// Runs of pages looked at for each.
#define STEP_RUNS 256
// Begins when so much of the pages in use is loose, and ends below the other.
#define BEGIN_PERCENT 7
#define END_PERCENT 3
#define IGNORE_BYTES MIB(1)

uint64_t defrag_loose_bytes(const struct server *server)
{
    return arena_loose_bytes(server->arena);
}

static void defrag_stop(struct server *server)
{
    struct defrag *defrag = &server->defrag;
    if (defrag->running)
        defrag->total_ns += server->now_ns - defrag->began_ns;
    defrag->running = false;
}

// Begins or ends as it is worthwhile or not.
static void defrag_look(struct server *server)
{
    struct defrag *defrag = &server->defrag;
    uint64_t loose = defrag_loose_bytes(server);
    uint64_t span = arena_span_bytes(server->arena);
    defrag->look_ns = server->now_ns;
    if (defrag->running && (loose < IGNORE_BYTES / 2 || loose * 100 < span * END_PERCENT))
        defrag_stop(server);
    // What could not be moved before has to have become more, or much less, to be tried again.
    if (defrag->gave_up != 0 &&
        (loose > defrag->gave_up / 8 * 9 || loose < defrag->gave_up / 8 * 7))
        defrag->gave_up = 0;
    if (defrag->running || defrag->gave_up != 0 || loose < IGNORE_BYTES ||
        loose * 100 < span * BEGIN_PERCENT)
        return;
    defrag->running = true;
    defrag->began_ns = server->now_ns;
    defrag->barren = 0;
}

static void defrag_step(struct server *server)
{
    struct defrag *defrag = &server->defrag;
    int64_t began_ns = clock_monotonic_ns();
    for (uint32_t i = 0; i < STEP_SPANS; i++) {
        uint32_t moved;
        enum keyspace_defrag result = keyspace_defrag(server->keyspace, STEP_RUNS, &moved);
        defrag->moved += moved;
        defrag->freed += result == KEYSPACE_DEFRAG_FREED;
        defrag->stuck += result == KEYSPACE_DEFRAG_STUCK;
        bool some = result == KEYSPACE_DEFRAG_FREED || result == KEYSPACE_DEFRAG_PART;
        defrag->barren = some ? 0 : defrag->barren + STEP_RUNS;
        if (clock_monotonic_ns() - began_ns >= STEP_NS)
            break;
    }
    // Twice around.
    if (defrag->barren <= 2 * arena_reach_bytes(server->arena) / ARENA_PAGE_BYTES + STEP_RUNS)
        return;
    defrag->gave_up = defrag_loose_bytes(server) | 1;
    defrag_stop(server);
}

void defrag_housekeeping(struct server *server)
{
    struct defrag *defrag = &server->defrag;
    if (!server->config.activedefrag || server->state != SERVER_SERVING) {
        defrag_stop(server);
        defrag->gave_up = 0;
        return;
    }
    if (server->now_ns - defrag->look_ns >= LOOK_NS)
        defrag_look(server);
    if (!defrag->running || server->now_ns - defrag->step_ns < STEP_EVERY_NS ||
        !turn_has_time(server))
        return;
    defrag->step_ns = server->now_ns;
    defrag_step(server);
}

int64_t defrag_deadline_ns(const struct server *server)
{
    const struct defrag *defrag = &server->defrag;
    return defrag->running ? defrag->step_ns + STEP_EVERY_NS : INT64_MAX;
}
