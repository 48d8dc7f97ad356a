// How long ago keys were used: a coarse clock, of which every entry keeps the last reading.
#include "server/idle.h"

#include "server/server.h"
#include "storage/entry.h"
#include "storage/keyspace.h"

#include <assert.h>

#define SECOND_NS 1000000000LL
#define MS_NS 1000000LL
// A round over all entries takes about this long, and goes on in steps of about this long.
#define ROUND_MS (4 * 3600 * 1000LL)
#define ROUND_STEP_MS 100
// Buckets at a time at most, so that the loop does not stop for it. Larger tables take longer.
#define ROUND_BUCKETS_MAX 1024

// Even the largest table that fits such a machine is gone round in time.
static_assert((UINT16_MAX + 1LL - IDLE_STEPS_MAX) * IDLE_STEP_S * 1000 > 2 * ROUND_MS,
              "no entry is passed over until the clock has gone round");

static uint16_t idle_steps(const struct server *server, const struct entry *entry)
{
    return (uint16_t)(server->idle_clock - entry->idle);
}

int64_t idle_seconds(const struct server *server, const struct entry *entry)
{
    return (int64_t)idle_steps(server, entry) * IDLE_STEP_S;
}

void idle_set(const struct server *server, struct entry *entry, int64_t seconds)
{
    assert(seconds >= 0);
    int64_t steps = seconds / IDLE_STEP_S;
    if (steps > IDLE_STEPS_MAX)
        steps = IDLE_STEPS_MAX;
    entry_touch(entry, (uint16_t)(server->idle_clock - (uint16_t)steps));
}

// Keeps an entry that is never used from looking fresh once the clock has gone round.
static void idle_visit(void *context, struct entry *entry)
{
    const struct server *server = context;
    if (idle_steps(server, entry) > IDLE_STEPS_MAX)
        entry_touch(entry, (uint16_t)(server->idle_clock - IDLE_STEPS_MAX));
}

void idle_housekeeping(struct server *server)
{
    server->idle_clock =
        (uint16_t)((server->now_ns - server->started_ns) / (IDLE_STEP_S * SECOND_NS));
    int64_t elapsed_ms = (server->now_ns - server->idle_ns) / MS_NS;
    if (elapsed_ms < ROUND_STEP_MS)
        return;
    server->idle_ns = server->now_ns;
    struct keyspace_stats stats;
    keyspace_stats(server->keyspace, &stats);
    uint64_t buckets = stats.buckets * (uint64_t)elapsed_ms / ROUND_MS + 1;
    if (buckets > ROUND_BUCKETS_MAX)
        buckets = ROUND_BUCKETS_MAX;
    for (; buckets > 0; buckets--)
        server->idle_cursor =
            keyspace_scan(server->keyspace, server->idle_cursor, idle_visit, server);
}
