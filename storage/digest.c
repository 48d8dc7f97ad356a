// The digest of a value, as Redis 8.4 defines it: XXH3, 64 bits wide, without a seed.
#include "storage/digest.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t digest_of(const void *bytes, size_t length)
{
    return XXH3_64bits(bytes, length);
}
