// Active defragmentation: in the background, entries move together, so that pages become free.
#include "server/defrag.h"

#include "conf/limits.h"
#include "server/clock.h"
#include "server/server.h"
#include "storage/arena.h"
#include "storage/keyspace.h"

#define LOOK_NS 100000000LL
// A step takes about this long, and there is one in so much time: more often while the data's pages
// exceed maxmemory.
#define STEP_NS 200000LL
#define STEP_EVERY_NS 2000000LL
#define STEP_HURRY_NS 500000LL
#define STEP_SPANS 16
// Runs of pages looked at for each.
#define STEP_RUNS 256
// Larger values stay where they are unless there is memory for two of them; part of maxmemory.
#define LARGE_PART 16

// When a work begins, and ends: at so much percent of the pages in use; and below what it is not worth
// the while. Scattered pages cost no memory but address space, of which there is twice as much.
static const struct {
    uint32_t begin_percent;
    uint32_t end_percent;
    uint64_t ignored_bytes;
} limits[DEFRAG_KINDS] = {
    [DEFRAG_LOOSE] = {7, 3, MIB(1)},
    [DEFRAG_SCATTERED] = {25, 10, MIB(8)},
};

uint64_t defrag_loose_bytes(const struct server *server)
{
    return arena_loose_bytes(server->arena);
}

static uint64_t defrag_bytes(const struct server *server, enum defrag_kind kind)
{
    if (kind == DEFRAG_LOOSE)
        return defrag_loose_bytes(server);
    // A large value that is being moved has taken free pages: that alone must not end its move.
    return arena_scattered_bytes(server->arena) + keyspace_slide_bytes(server->keyspace);
}

static void defrag_note(struct server *server)
{
    struct defrag *defrag = &server->defrag;
    bool running = defrag->works[DEFRAG_LOOSE].running || defrag->works[DEFRAG_SCATTERED].running;
    if (running && !defrag->running)
        defrag->began_ns = server->now_ns;
    if (!running && defrag->running)
        defrag->total_ns += server->now_ns - defrag->began_ns;
    defrag->running = running;
    if (!defrag->works[DEFRAG_SCATTERED].running)
        keyspace_slide_stop(server->keyspace);
}

static void defrag_stop(struct server *server)
{
    for (int i = 0; i < DEFRAG_KINDS; i++)
        server->defrag.works[i] = (struct defrag_work){0};
    defrag_note(server);
}

// Begins or ends as it is worthwhile or not.
static void defrag_look_at(struct server *server, enum defrag_kind kind)
{
    struct defrag_work *work = &server->defrag.works[kind];
    uint64_t ignored = limits[kind].ignored_bytes;
    uint64_t bytes = defrag_bytes(server, kind);
    uint64_t span = arena_span_bytes(server->arena);
    if (work->running && (bytes < ignored / 2 || bytes * 100 < span * limits[kind].end_percent))
        work->running = false;
    // What could not be moved before has to have become more, or much less, to be tried again.
    if (work->gave_up != 0 && (bytes > work->gave_up / 8 * 9 || bytes < work->gave_up / 8 * 7))
        work->gave_up = 0;
    if (work->running || work->gave_up != 0 || bytes < ignored ||
        bytes * 100 < span * limits[kind].begin_percent)
        return;
    work->running = true;
    work->barren = 0;
    work->round = 0;
}

static void defrag_give_up(struct server *server, enum defrag_kind kind)
{
    struct defrag_work *work = &server->defrag.works[kind];
    work->gave_up = defrag_bytes(server, kind) | 1;
    work->running = false;
}

// It has been all round: another one had better bring more than this one has.
static void defrag_round(struct server *server, enum defrag_kind kind)
{
    struct defrag_work *work = &server->defrag.works[kind];
    uint64_t bytes = defrag_bytes(server, kind);
    defrag_look_at(server, kind);
    if (work->running && work->round != 0 && bytes > work->round / 8 * 7)
        defrag_give_up(server, kind);
    work->round = bytes | 1;
}

static void defrag_look(struct server *server)
{
    server->defrag.look_ns = server->now_ns;
    for (int i = 0; i < DEFRAG_KINDS; i++)
        defrag_look_at(server, (enum defrag_kind)i);
    defrag_note(server);
}

// The largest value that is moved.
static size_t defrag_most(const struct server *server)
{
    uint64_t limit = (uint64_t)server->config.maxmemory;
    uint64_t used = arena_span_bytes(server->arena);
    uint64_t left = limit > used ? limit - used : 0;
    return left > limit / LARGE_PART ? left : limit / LARGE_PART;
}

static enum keyspace_defrag defrag_some(struct server *server, enum defrag_kind kind)
{
    struct defrag *defrag = &server->defrag;
    struct defrag_work *work = &defrag->works[kind];
    uint32_t moved;
    enum keyspace_defrag result =
        kind == DEFRAG_LOOSE
            ? keyspace_defrag(server->keyspace, STEP_RUNS, &moved)
            : keyspace_slide(server->keyspace, STEP_RUNS, defrag_most(server), &moved);
    defrag->moved += moved;
    defrag->freed += result == KEYSPACE_DEFRAG_FREED;
    defrag->stuck += result == KEYSPACE_DEFRAG_STUCK;
    bool some = result == KEYSPACE_DEFRAG_FREED || result == KEYSPACE_DEFRAG_PART;
    work->barren = some ? 0 : work->barren + STEP_RUNS;
    return result;
}

static void defrag_step(struct server *server, enum defrag_kind kind)
{
    struct defrag_work *work = &server->defrag.works[kind];
    int64_t began_ns = clock_monotonic_ns();
    for (uint32_t i = 0; i < STEP_SPANS; i++) {
        if (defrag_some(server, kind) == KEYSPACE_DEFRAG_ROUND)
            defrag_round(server, kind);
        if (!work->running || clock_monotonic_ns() - began_ns >= STEP_NS)
            break;
    }
    // Twice around.
    if (work->barren > 2 * arena_reach_bytes(server->arena) / ARENA_PAGE_BYTES + STEP_RUNS)
        defrag_give_up(server, kind);
}

static int64_t defrag_every_ns(const struct server *server)
{
    bool over = arena_span_bytes(server->arena) > (uint64_t)server->config.maxmemory;
    return over ? STEP_HURRY_NS : STEP_EVERY_NS;
}

void defrag_housekeeping(struct server *server)
{
    struct defrag *defrag = &server->defrag;
    if (!server->config.activedefrag || server->state != SERVER_SERVING) {
        defrag_stop(server);
        return;
    }
    if (server->now_ns - defrag->look_ns >= LOOK_NS)
        defrag_look(server);
    if (!defrag->running || server->now_ns - defrag->step_ns < defrag_every_ns(server) ||
        !turn_has_time(server))
        return;
    defrag->step_ns = server->now_ns;
    defrag->turn = (defrag->turn + 1) % DEFRAG_KINDS;
    if (!defrag->works[defrag->turn].running)
        defrag->turn = (defrag->turn + 1) % DEFRAG_KINDS;
    defrag_step(server, (enum defrag_kind)defrag->turn);
    defrag_note(server);
}

int64_t defrag_deadline_ns(const struct server *server)
{
    const struct defrag *defrag = &server->defrag;
    return defrag->running ? defrag->step_ns + defrag_every_ns(server) : INT64_MAX;
}
