// The digest of a value, as Redis 8.4 defines it: XXH3, 64 bits wide, without a seed.
#ifndef PORO_STORAGE_DIGEST_H
#define PORO_STORAGE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

uint64_t digest_of(const void *bytes, size_t length);

#endif
