// Eviction: keys that leave so that others have room within maxmemory.
#include "server/evict.h"

#include "conf/limits.h"
#include "server/clock.h"
#include "server/connection.h"
#include "server/data.h"
#include "server/idle.h"
#include "server/server.h"
#include "storage/keyspace.h"
#include "wal/log.h"

#include <assert.h>
#include <string.h>

// Work of a turn: so many keys (or searches) and so much time at most.
#define WORK_MAX 8192
#define WORK_NS 400000
// Keys between two looks at the clock.
#define WORK_LOOK 16
// Buckets that one search goes through, and one sweep for keys of flushed databases.
#define SEARCH_BUCKETS 256
#define SWEEP_BUCKETS 64
// The same, and of a table that shrinks, where no key may go.
#define TIDY_BUCKETS 8

enum evict_kind evict_kind(enum config_maxmemory_policy policy)
{
    static const enum evict_kind kinds[] = {
        [MAXMEMORY_NOEVICTION] = EVICT_NEVER,          [MAXMEMORY_ALLKEYS_LRU] = EVICT_BY_TIME,
        [MAXMEMORY_VOLATILE_LRU] = EVICT_BY_TIME,      [MAXMEMORY_ALLKEYS_LFU] = EVICT_BY_FREQUENCY,
        [MAXMEMORY_VOLATILE_LFU] = EVICT_BY_FREQUENCY, [MAXMEMORY_ALLKEYS_RANDOM] = EVICT_BY_CHANCE,
        [MAXMEMORY_VOLATILE_RANDOM] = EVICT_BY_CHANCE, [MAXMEMORY_VOLATILE_TTL] = EVICT_BY_EXPIRY,
    };
    return kinds[policy];
}

static bool evict_volatile(const struct server *server)
{
    switch (server->config.maxmemory_policy) {
    case MAXMEMORY_VOLATILE_LRU:
    case MAXMEMORY_VOLATILE_LFU:
    case MAXMEMORY_VOLATILE_RANDOM:
    case MAXMEMORY_VOLATILE_TTL:
        return true;
    default:
        return false;
    }
}

void evict_policy(struct server *server)
{
    struct evict *evict = &server->evict;
    if (evict->random == 0)
        memcpy(&evict->random, server->run_id + 8, sizeof(evict->random));
    // What is in it was met under another policy.
    evict->pool_count = 0;
    evict->searched = 0;
}

// --- the pool --------------------------------------------------------------------------------

// The higher, the sooner it goes.
static uint64_t candidate_score(const struct server *server, const struct evict_candidate *c)
{
    switch (evict_kind(server->config.maxmemory_policy)) {
    case EVICT_BY_TIME:
        return (uint16_t)(server->idle.clock - c->idle);
    case EVICT_BY_FREQUENCY:
        // Of those used as often, the one that has not been used for longer.
        return (uint64_t)(UINT8_MAX - idle_frequency(server, c->idle)) << 8 |
               (uint8_t)(server->idle.now - (c->idle >> 8));
    case EVICT_BY_EXPIRY:
        return (uint64_t)INT64_MAX - (uint64_t)c->expiry_ms;
    default:
        return 0;
    }
}

static void pool_add(struct server *server, const struct entry *entry)
{
    struct evict *evict = &server->evict;
    struct key key = keyspace_key_of(server->keyspace, entry);
    struct evict_candidate candidate = {
        .hash = key.hash,
        .expiry_ms = entry_expiry(entry),
        .slot = key.slot,
        .idle = entry->idle,
    };
    struct evict_candidate *worst = NULL;
    uint64_t worst_score = candidate_score(server, &candidate);
    for (uint32_t i = 0; i < evict->pool_count; i++) {
        struct evict_candidate *c = &evict->pool[i];
        if (c->hash == candidate.hash && c->slot == candidate.slot) {
            *c = candidate;
            return;
        }
        uint64_t score = candidate_score(server, c);
        if (score < worst_score) {
            worst = c;
            worst_score = score;
        }
    }
    if (evict->pool_count < EVICT_POOL)
        evict->pool[evict->pool_count++] = candidate;
    else if (worst != NULL)
        *worst = candidate;
}

// Takes the best candidate out that is still as it was. NULL: there is none.
static struct entry *pool_take(struct server *server)
{
    struct evict *evict = &server->evict;
    while (evict->pool_count > 0) {
        uint32_t best = 0;
        for (uint32_t i = 1; i < evict->pool_count; i++) {
            if (candidate_score(server, &evict->pool[i]) >
                candidate_score(server, &evict->pool[best]))
                best = i;
        }
        struct evict_candidate c = evict->pool[best];
        evict->pool[best] = evict->pool[--evict->pool_count];
        struct entry *entry = keyspace_find_hash(server->keyspace, c.slot, c.hash);
        // Used since, or given another expiry, it has to be met once more.
        if (entry != NULL && entry->idle == c.idle && entry_expiry(entry) == c.expiry_ms &&
            !(entry->flags & ENTRY_PINNED) &&
            keyspace_database_of_slot(server->keyspace, entry->slot) >= 0)
            return entry;
    }
    return NULL;
}

// --- choosing --------------------------------------------------------------------------------

static uint64_t evict_random(struct evict *evict)
{
    // splitmix64 (Steele, Lea, Flood, 2014).
    uint64_t z = evict->random += 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

// Some keys from a random place; from where the last search ended, when that has found none.
static uint32_t evict_sample(struct server *server, struct entry **entries, uint32_t count)
{
    struct evict *evict = &server->evict;
    if (evict->searched == 0)
        evict->position = evict_random(evict);
    uint32_t found = keyspace_sample(server->keyspace, evict_volatile(server), &evict->position,
                                     evict_random(evict), SEARCH_BUCKETS, entries, count);
    evict->searched = found > 0 ? 0 : evict->searched + SEARCH_BUCKETS;
    return found;
}

// A key that is to go, or NULL: none was found in this search.
static struct entry *evict_choose(struct server *server)
{
    struct entry *entries[EVICT_SAMPLES_MAX];
    if (evict_kind(server->config.maxmemory_policy) == EVICT_BY_CHANCE)
        return evict_sample(server, entries, 1) > 0 ? entries[0] : NULL;
    int64_t wanted = server->config.maxmemory_samples;
    uint32_t count = evict_sample(
        server, entries, wanted > EVICT_SAMPLES_MAX ? EVICT_SAMPLES_MAX : (uint32_t)wanted);
    for (uint32_t i = 0; i < count; i++)
        pool_add(server, entries[i]);
    return pool_take(server);
}

// Keys that the policy may take.
static uint64_t evict_keys(const struct server *server)
{
    uint64_t keys = 0;
    for (uint32_t i = 0; i < DATABASES_MAX; i++)
        keys += evict_volatile(server) ? keyspace_count_volatile(server->keyspace, i)
                                       : keyspace_count(server->keyspace, i);
    return keys;
}

static bool evict_allowed(const struct server *server)
{
    return server->config.maxmemory_policy != MAXMEMORY_NOEVICTION &&
           server->state == SERVER_SERVING && server->pause.mode == PAUSE_NONE;
}

// Without taking a key: what has been flushed goes, and a table that has become too large.
static bool evict_tidies(const struct server *server, uint64_t bytes)
{
    if (server->state != SERVER_SERVING || server->pause.mode != PAUSE_NONE ||
        bytes > (uint64_t)server->config.maxmemory)
        return false;
    return keyspace_count_dead(server->keyspace) > 0 ||
           data_used_bytes(server) + bytes <=
               (uint64_t)server->config.maxmemory + keyspace_spare_bytes(server->keyspace);
}

bool evict_possible(const struct server *server, uint64_t bytes)
{
    if (server->config.maxmemory_policy == MAXMEMORY_NOEVICTION)
        return evict_tidies(server, bytes);
    if (!evict_allowed(server) ||
        (evict_keys(server) == 0 && keyspace_count_dead(server->keyspace) == 0))
        return false;
    // What no eviction frees.
    return data_overhead_bytes(server) + bytes <= (uint64_t)server->config.maxmemory;
}

// --- evicting --------------------------------------------------------------------------------

static bool evict_has_room(const struct server *server, uint64_t bytes)
{
    return data_used_bytes(server) + bytes <= (uint64_t)server->config.maxmemory;
}

// The turn's time is up; of this work, which began then, so much has not been added to it.
static bool evict_spent(struct evict *evict, int64_t began_ns)
{
    uint32_t work = evict->turn_work++;
    if (work % WORK_LOOK != 0)
        return work >= WORK_MAX;
    return work >= WORK_MAX || evict->turn_ns + clock_monotonic_ns() - began_ns > WORK_NS;
}

// Evicts one key. EVICT_DONE: go on.
static enum evict_result evict_one(struct server *server)
{
    struct evict *evict = &server->evict;
    const struct entry *entry = evict_choose(server);
    if (entry == NULL) {
        // All the keys there are, are being sent, which keeps their memory.
        bool none = evict->searched > 2 * keyspace_sample_buckets(server->keyspace) ||
                    evict_keys(server) == 0;
        evict->searched = none ? 0 : evict->searched;
        return none ? EVICT_FAILED : EVICT_DONE;
    }
    struct key key = keyspace_key_of(server->keyspace, entry);
    switch (data_drop(server, &key)) {
    case WAL_ADMIT:
        break;
    case WAL_WAIT:
        evict->blocked = true;
        return EVICT_GOING;
    default:
        return EVICT_FAILED;
    }
    bool deleted = keyspace_delete(server->keyspace, &key);
    assert(deleted);
    evict->total++;
    server->stats.evicted++;
    return EVICT_DONE;
}

// As evict_go where no key may go.
static enum evict_result evict_tidy(struct server *server, uint64_t bytes, int64_t began_ns)
{
    keyspace_press(server->keyspace, true);
    if (server->evict.turn_work == 0)
        data_reclaim(server);
    while (!evict_has_room(server, bytes)) {
        if (evict_spent(&server->evict, began_ns))
            return EVICT_GOING;
        bool dead = keyspace_count_dead(server->keyspace) > 0;
        server->sweep_stopped = false;
        if (dead)
            data_sweep_some(server, TIDY_BUCKETS);
        // What has expired cannot be logged: the flushed keys behind it are not reached.
        if (server->sweep_stopped)
            return EVICT_FAILED;
        if (!keyspace_grow(server->keyspace, TIDY_BUCKETS) && !dead)
            break;
    }
    if (evict_has_room(server, bytes))
        return EVICT_DONE;
    return evict_tidies(server, bytes) ? EVICT_GOING : EVICT_FAILED;
}

static enum evict_result evict_go(struct server *server, uint64_t bytes, int64_t began_ns)
{
    if (!evict_has_room(server, bytes) && server->evict.turn_work == 0)
        data_reclaim(server); // of what a table leaves behind
    while (!evict_has_room(server, bytes)) {
        if (evict_spent(&server->evict, began_ns))
            return EVICT_GOING;
        // Nobody misses what was flushed.
        if (keyspace_count_dead(server->keyspace) > 0 && data_sweep_some(server, SWEEP_BUCKETS) > 0)
            continue;
        enum evict_result result = evict_one(server);
        if (result == EVICT_FAILED && keyspace_count_dead(server->keyspace) > 0)
            return EVICT_GOING;
        if (result != EVICT_DONE)
            return result;
    }
    return EVICT_DONE;
}

static enum evict_result evict_until(struct server *server, uint64_t bytes)
{
    if (evict_has_room(server, bytes))
        return EVICT_DONE;
    int64_t began_ns = clock_monotonic_ns();
    bool tidies = server->config.maxmemory_policy == MAXMEMORY_NOEVICTION;
    enum evict_result result =
        tidies ? evict_tidy(server, bytes, began_ns) : evict_go(server, bytes, began_ns);
    server->evict.turn_ns += clock_monotonic_ns() - began_ns;
    return result;
}

enum evict_result evict_room(struct server *server, struct connection *connection, uint64_t bytes)
{
    struct evict *evict = &server->evict;
    if (!evict_possible(server, bytes)) {
        evict_settle(evict, connection);
        if (evict_allowed(server) && keyspace_count_dead(server->keyspace) > 0 &&
            bytes <= (uint64_t)server->config.maxmemory)
            return EVICT_GOING;
        return EVICT_FAILED;
    }
    if (evict->owner != NULL && evict->owner != connection)
        return EVICT_GOING;
    enum evict_result result = evict_until(server, bytes);
    evict->owner = result == EVICT_GOING ? connection : NULL;
    evict->reserved_bytes = result == EVICT_GOING ? bytes : 0;
    return result;
}

// --- once a turn -----------------------------------------------------------------------------

bool evict_ready(const struct server *server, const struct connection *connection)
{
    return server->evict.owner == NULL || server->evict.owner == connection;
}

bool evict_urgent(const struct server *server)
{
    const struct evict *evict = &server->evict;
    return !evict->blocked && (evict->going || evict->owner != NULL);
}

static void evict_note_exceeded(struct server *server, bool exceeded)
{
    struct evict *evict = &server->evict;
    if (exceeded && evict->exceeded_ns == 0)
        evict->exceeded_ns = server->now_ns;
    if (exceeded || evict->exceeded_ns == 0)
        return;
    evict->exceeded_total_ns += server->now_ns - evict->exceeded_ns;
    evict->exceeded_ns = 0;
}

void evict_housekeeping(struct server *server)
{
    struct evict *evict = &server->evict;
    const struct connection *owner = evict->owner;
    bool waits = owner != NULL && owner->state == CONNECTION_OPEN &&
                 (owner->wait == WAIT_MEMORY || owner->links[LIST_RUNNABLE].linked);
    if (owner != NULL && !waits)
        evict_settle(evict, owner);
    if (evict->owner == NULL)
        keyspace_press(server->keyspace, false);
    evict->going = false;
    evict->blocked = evict->blocked && waits;
    if (server->config.maxmemory_policy != MAXMEMORY_NOEVICTION || evict->exceeded_ns != 0)
        evict_note_exceeded(server, !evict_has_room(server, 0));
    if (evict->exceeded_ns != 0 && evict->owner == NULL && evict_allowed(server))
        evict->going = evict_until(server, 0) == EVICT_GOING;
    evict->turn_work = 0;
    evict->turn_ns = 0;
}
