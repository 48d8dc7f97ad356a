// The observer: does the log say of every spool what became of it?
//
// Replay keeps the value of each spool that has begun until the log says that it has ended. It must not
// need more memory than there was: so what a start finds open was in use when the process was killed.
#include "sim/observer_spool.h"

#include "server/replay.h"
#include "server/server.h"
#include "sim/world.h"

static_assert(WAL_SPOOLS_MAX <= 64, "bits of `spools`");

void observer_spools_unknown(struct world *world)
{
    world->spools = UINT64_MAX;
}

void observer_spools_died(struct world *world)
{
    if (!world->serving)
        return;
    world->spools = 0;
    for (uint32_t i = 0; i < WAL_SPOOLS_MAX; i++) {
        if (world->server->spools.spools[i].state != SPOOL_FREE)
            world->spools |= 1ULL << i;
    }
}

uint64_t __real_replay_end(struct replay *replay);
uint64_t __wrap_replay_end(struct replay *replay);

uint64_t __wrap_replay_end(struct replay *replay)
{
    struct world *world = world_current();
    world->spools_open = __real_replay_end(replay);
    return world->spools_open;
}

// A start that ended early has not seen the log's end.
void observer_spools_recovered(struct world *world)
{
    if (!world->lying && (world->spools_open & ~world->spools) != 0)
        world_fail(world, VERDICT_WRONG,
                   "replay keeps spools that had ended: %llx, in use were %llx",
                   (unsigned long long)world->spools_open, (unsigned long long)world->spools);
}
