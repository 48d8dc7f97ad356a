// Random numbers from a seed.
#include "sim/random.h"

#include <assert.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

static uint64_t random_splitmix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

void random_init(struct random *random, uint64_t seed, const char *stream)
{
    uint64_t state = seed ^ XXH64(stream, strlen(stream), 0);
    for (int i = 0; i < 4; i++)
        random->state[i] = random_splitmix(&state);
}

static uint64_t random_rotate(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

uint64_t random_next(struct random *random)
{
    uint64_t *s = random->state;
    uint64_t result = random_rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = random_rotate(s[3], 45);
    return result;
}

uint64_t random_below(struct random *random, uint64_t bound)
{
    assert(bound > 0);
    return (uint64_t)(((unsigned __int128)random_next(random) * bound) >> 64);
}

int64_t random_between(struct random *random, int64_t low, int64_t high)
{
    assert(low <= high);
    return low + (int64_t)random_below(random, (uint64_t)(high - low) + 1);
}

bool random_chance(struct random *random, uint32_t ppm)
{
    return ppm > 0 && random_below(random, 1000000) < ppm;
}

uint64_t random_log(struct random *random, uint64_t most)
{
    assert(most > 0);
    int bits = 64 - __builtin_clzll(most);
    uint64_t high = 1ULL << random_below(random, (uint64_t)bits);
    uint64_t value = high + random_below(random, high);
    return value > most ? most : value;
}

void random_fill(struct random *random, void *bytes, size_t length)
{
    uint8_t *to = bytes;
    while (length > 0) {
        uint64_t word = random_next(random);
        size_t piece = length < sizeof(word) ? length : sizeof(word);
        memcpy(to, &word, piece);
        to += piece;
        length -= piece;
    }
}
