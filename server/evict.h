// Eviction: keys that leave so that others have room within maxmemory.
#ifndef PORO_SERVER_EVICT_H
#define PORO_SERVER_EVICT_H

#include "server/config.h"

#include <stdbool.h>
#include <stdint.h>

struct connection;
struct server;

// What a policy goes by.
enum evict_kind {
    EVICT_NEVER,
    EVICT_BY_TIME,      // used longest ago (lru)
    EVICT_BY_FREQUENCY, // used least often (lfu)
    EVICT_BY_EXPIRY,    // expires first (ttl)
    EVICT_BY_CHANCE,    // (random)
};

// The best keys that samples have shown so far, as Redis keeps them.
#define EVICT_POOL 16

struct evict_candidate {
    uint64_t hash;
    int64_t expiry_ms;
    uint16_t slot;
    uint16_t idle; // when it was met
};

// Part of the server.
struct evict {
    struct evict_candidate pool[EVICT_POOL];
    uint32_t pool_count;
    uint64_t random;
    uint64_t position; // where a search goes on that has found nothing yet
    uint64_t searched; // buckets that it has gone through
    uint64_t total;    // keys that were ever evicted
    // Whoever waits for room: what is freed is kept for it. Others wait behind it.
    struct connection *owner;
    uint64_t reserved_bytes;
    uint32_t turn_work;  // done in this turn
    int64_t turn_ns;     // ... and what it took
    bool going;          // the background has more to do
    bool blocked;        // ... when the log has room
    int64_t exceeded_ns; // when memory in use has exceeded maxmemory first; 0: it does not
    int64_t exceeded_total_ns;
};

enum evict_kind evict_kind(enum config_maxmemory_policy policy);
// A policy has been chosen, at the start or later.
void evict_policy(struct server *server);

enum evict_result {
    EVICT_DONE,   // there is room
    EVICT_GOING,  // not yet: try again in the next turn
    EVICT_FAILED, // not by the policy
};

// Makes room for `bytes` more in this turn as far as its time allows. Each key that goes is logged
// as deleted: the caller's reply waits for the open batch.
enum evict_result evict_room(struct server *server, struct connection *connection, uint64_t bytes);

// Could there be room for `bytes` more?
bool evict_possible(const struct server *server, uint64_t bytes);
// May a connection try again that waits for memory?
bool evict_ready(const struct server *server, const struct connection *connection);

// The connection's command has ended.
static inline void evict_settle(struct evict *evict, const struct connection *connection)
{
    if (__builtin_expect(evict->owner == connection, 0)) {
        evict->owner = NULL;
        evict->reserved_bytes = 0;
    }
}

// Once a turn: evicts while more memory is in use than there should be.
void evict_housekeeping(struct server *server);
// True while that, or a connection, should not wait for the next event.
bool evict_urgent(const struct server *server);

#endif
