// The loopback harness: eviction: the layer tells which keys have gone, in the order of commands.
//
// Which ones, only the server knows; the model is told, and says whether the policy allows it. A server
// has all the memory that it needs until what it recovered has been looked at.
#include "sim/loop_internal.h"

#include "server/evict.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static bool evict_volatile(const struct loop *loop)
{
    switch (loop->plan.config.maxmemory_policy) {
    case MAXMEMORY_VOLATILE_LRU:
    case MAXMEMORY_VOLATILE_LFU:
    case MAXMEMORY_VOLATILE_RANDOM:
    case MAXMEMORY_VOLATILE_TTL:
        return true;
    default:
        return false;
    }
}

const char *loop_evict_policy(const struct loop *loop)
{
    static const char *const names[] = {
        [MAXMEMORY_NOEVICTION] = "noeviction",
        [MAXMEMORY_ALLKEYS_LRU] = "allkeys-lru",
        [MAXMEMORY_ALLKEYS_LFU] = "allkeys-lfu",
        [MAXMEMORY_ALLKEYS_RANDOM] = "allkeys-random",
        [MAXMEMORY_VOLATILE_LRU] = "volatile-lru",
        [MAXMEMORY_VOLATILE_LFU] = "volatile-lfu",
        [MAXMEMORY_VOLATILE_RANDOM] = "volatile-random",
        [MAXMEMORY_VOLATILE_TTL] = "volatile-ttl",
    };
    return names[loop->plan.config.maxmemory_policy];
}

void loop_evict_begin(struct loop *loop)
{
    enum config_maxmemory_policy policy = loop->plan.config.maxmemory_policy;
    loop->evicts = policy != MAXMEMORY_NOEVICTION;
    model_set_lfu(loop->model, evict_kind(policy) == EVICT_BY_FREQUENCY);
}

static void evict_apply(struct loop *loop, const struct loop_told *told, const uint8_t *key)
{
    uint64_t change;
    if (!model_evicted(loop->model, told->database, key, told->length, evict_volatile(loop),
                       &change))
        loop_fail(loop, VERDICT_WRONG, "a key is evicted that is not there, or may not be: %.*s",
                  (int)told->length, (const char *)key);
    loop->result->tally.evicted++;
    loop_trace(loop, "evicted", change, told->database, told->length);
}

enum loop_told_kind loop_evict_take(struct loop *loop, bool to_command)
{
    struct loop_shared *shared = loop->shared;
    while (loop->told_at < shared->told_bytes) {
        struct loop_told told;
        memcpy(&told, shared->told + loop->told_at, sizeof(told));
        const uint8_t *key = shared->told + loop->told_at + sizeof(told);
        loop->told_at += (uint32_t)sizeof(told) + told.length;
        if (told.kind == LOOP_TOLD_EVICTED)
            evict_apply(loop, &told, key);
        else if (to_command)
            return told.kind;
    }
    loop->told_at = 0;
    shared->told_bytes = 0;
    return LOOP_TOLD_NOTHING;
}

bool loop_evict_limit(struct loop *loop)
{
    char number[24];
    snprintf(number, sizeof(number), "%lld", (long long)loop->plan.config.maxmemory);
    return !loop->evicts || loop_ask(loop, "CONFIG", "SET", "maxmemory", number, NULL);
}
