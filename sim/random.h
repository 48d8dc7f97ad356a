// Random numbers from a seed: one independent stream for every concern, so that drawing more of one
// does not change another.
#ifndef PORO_SIM_RANDOM_H
#define PORO_SIM_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state[4];
};

// `stream`: a name; the same seed and name give the same numbers everywhere.
void random_init(struct random *random, uint64_t seed, const char *stream);
// xoshiro256** (Blackman, Vigna 2018).
uint64_t random_next(struct random *random);
// 0 <= result < bound; bound > 0.
uint64_t random_below(struct random *random, uint64_t bound);
// low <= result <= high.
int64_t random_between(struct random *random, int64_t low, int64_t high);
// True `ppm` times in a million.
bool random_chance(struct random *random, uint32_t ppm);
// 1 <= result <= most, small numbers likelier: every power of two has the same share.
uint64_t random_log(struct random *random, uint64_t most);
void random_fill(struct random *random, void *bytes, size_t length);

#endif
