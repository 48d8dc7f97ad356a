// The observer: keys that are evicted: only where the policy allows it, and only for want of memory.
#ifndef PORO_SIM_OBSERVER_EVICT_H
#define PORO_SIM_OBSERVER_EVICT_H

#include <stdbool.h>
#include <stdint.h>

struct world;

struct observer_evict {
    uint64_t need; // of whoever waits for room
    bool dropping; // a key is being evicted
};

// The server has logged that this key, which it evicts, is gone.
void observer_evicted(struct world *world, uint32_t database, const uint8_t *key, uint32_t length);

#endif
