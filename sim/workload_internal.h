// What the parts of the workload share.
#ifndef PORO_SIM_WORKLOAD_INTERNAL_H
#define PORO_SIM_WORKLOAD_INTERNAL_H

#include "sim/workload.h"

// The longest name of a key.
#define WORKLOAD_KEY_BYTES_MAX 2048

// A command being drawn.
struct draw {
    const struct workload *workload;
    struct random *random;
    struct command_line *line;
    int64_t now_ms;
};

static inline uint64_t draw_below(const struct draw *draw, uint64_t bound)
{
    return random_below(draw->random, bound);
}
static inline bool draw_chance(const struct draw *draw, uint32_t ppm)
{
    return random_chance(draw->random, ppm);
}

// Begins the command; its name in small letters at times.
void draw_begin(const struct draw *draw, const char *name, uint32_t argc);
// A word, in small letters at times.
void draw_word(const struct draw *draw, const char *word);
void draw_number(const struct draw *draw, int64_t number);
// A whole command of fixed words, ended by NULL.
void draw_words(const struct draw *draw, const char *first, ...) __attribute__((sentinel));

// The number of a key. Keys whose number leaves 1 when divided by 4 are counters: their values are
// integers, mostly.
uint32_t draw_key_number(const struct draw *draw);
uint32_t draw_counter_number(const struct draw *draw);
void draw_key_name(const struct draw *draw, uint32_t number);
void draw_key(const struct draw *draw);
// A value for this key.
void draw_value(const struct draw *draw, uint32_t number);
// A difference for INCRBY: small, mostly.
int64_t draw_difference(const struct draw *draw);
// Milliseconds from now on, above 0.
int64_t draw_lifetime_ms(const struct draw *draw);

// Commands that deserve an error.
void draw_wrong(const struct draw *draw);
// SELECT, HELLO, CLIENT, PING, ECHO, RESET, ...
void draw_session(const struct draw *draw);

#endif
