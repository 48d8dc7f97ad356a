// The observer: keys that are evicted: only where the policy allows it, and only for want of memory.
#include "sim/observer_evict.h"

#include "server/data.h"
#include "server/evict.h"
#include "server/server.h"
#include "sim/model.h"
#include "sim/observer.h"
#include "sim/world.h"

enum evict_result __real_evict_room(struct server *server, struct connection *connection,
                                    uint64_t bytes);
enum evict_result __wrap_evict_room(struct server *server, struct connection *connection,
                                    uint64_t bytes);
enum wal_admission __real_data_drop(struct server *server, const struct key *key);
enum wal_admission __wrap_data_drop(struct server *server, const struct key *key);

enum evict_result __wrap_evict_room(struct server *server, struct connection *connection,
                                    uint64_t bytes)
{
    struct observer_evict *evict = observer_evict(world_current());
    evict->need = bytes;
    enum evict_result result = __real_evict_room(server, connection, bytes);
    evict->need = 0;
    return result;
}

static bool evict_volatile(enum config_maxmemory_policy policy)
{
    return policy == MAXMEMORY_VOLATILE_LRU || policy == MAXMEMORY_VOLATILE_LFU ||
           policy == MAXMEMORY_VOLATILE_RANDOM || policy == MAXMEMORY_VOLATILE_TTL;
}

// Eviction alone calls this from another source.
enum wal_admission __wrap_data_drop(struct server *server, const struct key *key)
{
    struct world *world = world_current();
    struct observer_evict *evict = observer_evict(world);
    const struct config *config = &world->plan.config;
    uint64_t used = data_used_bytes(server);
    if (config->maxmemory_policy == MAXMEMORY_NOEVICTION)
        world_fail(world, VERDICT_WRONG, "a key is evicted under noeviction: %.*s",
                   (int)key->length, (const char *)key->data);
    if (used + evict->need <= (uint64_t)config->maxmemory)
        world_fail(world, VERDICT_WRONG, "a key is evicted although %llu bytes are free: %.*s",
                   (unsigned long long)((uint64_t)config->maxmemory - used), (int)key->length,
                   (const char *)key->data);
    evict->dropping = true;
    enum wal_admission result = __real_data_drop(server, key);
    evict->dropping = false;
    return result;
}

void observer_evicted(struct world *world, uint32_t database, const uint8_t *key, uint32_t length)
{
    bool volatile_only = evict_volatile(world->plan.config.maxmemory_policy);
    uint64_t change;
    if (!model_evicted(world->model, database, key, length, volatile_only, &change))
        world_fail(world, VERDICT_WRONG, "a key is evicted that is not there, or may not be: %.*s",
                   (int)length, (const char *)key);
    world->tally.evicted++;
    trace_step(world->trace, world->now_ns, "evicted", change, database, 0);
}
