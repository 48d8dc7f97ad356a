// The keyspace's hash: XXH3, seeded per process and per keyspace.
#include "storage/keyspace_internal.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t keyspace_hash(const struct keyspace *keyspace, uint16_t slot, const void *key, size_t len)
{
    assert(slot < KEYSPACE_SLOTS_MAX);
    // An odd multiplier (2^64 / golden ratio) spreads the slots over the seed's bits.
    return XXH3_64bits_withSeed(key, len, keyspace->seed ^ (slot * 0x9E3779B97F4A7C15ULL));
}
