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
    bool queued; // inside a transaction
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

// The number of a key. Of keys whose number leaves 1 when divided by 4 the values are integers, mostly;
// 6 when divided by 8, numbers with a fraction.
uint32_t draw_key_number(const struct draw *draw);
uint32_t draw_counter_number(const struct draw *draw);
uint32_t draw_float_number(const struct draw *draw);
void draw_key_name(const struct draw *draw, uint32_t number);
void draw_key(const struct draw *draw);
void draw_hot_key(const struct draw *draw);
// One of a few keys that are seldom there: for what wants a new one.
void draw_spare_key(const struct draw *draw);
void draw_key_or_spare(const struct draw *draw);
// A value for this key.
void draw_value(const struct draw *draw, uint32_t number);
// A large one, if the workload has any.
void draw_large_value(const struct draw *draw);
// A difference for INCRBY: small, mostly.
int64_t draw_difference(const struct draw *draw);
// A number with a fraction, as text.
void draw_fraction(const struct draw *draw);
// An offset in a value, in units of which there are `per_byte`: small, mostly.
int64_t draw_offset(const struct draw *draw, uint32_t per_byte);
// Milliseconds from now on, above 0.
int64_t draw_lifetime_ms(const struct draw *draw);
// EX, PX, EXAT or PXAT and its number: two arguments. `past`: it may be over already.
void draw_time(const struct draw *draw, bool past);
// A key may be set that has expired already.
bool draw_sets_past(const struct draw *draw);
// How many keys a command takes that takes several.
uint32_t draw_several(const struct draw *draw);
// A command and so many keys.
void draw_keys_command(const struct draw *draw, const char *name, uint32_t count);

// One command of a group.
void draw_set(const struct draw *draw, uint32_t expiry); // 0 none, 1 a time, 2 KEEPTTL
void draw_string_write(const struct draw *draw);         // SET, APPEND, INCR and its relatives
void draw_pairs(const struct draw *draw);                // MSET, MSETNX, MSETEX
void draw_range_write(const struct draw *draw);
void draw_range_read(const struct draw *draw);
void draw_float_write(const struct draw *draw);
void draw_expiry_write(const struct draw *draw);
void draw_expiry_read(const struct draw *draw);
void draw_bit_write(const struct draw *draw);
void draw_bit_read(const struct draw *draw);
void draw_rename(const struct draw *draw);
void draw_dump(const struct draw *draw);
void draw_object(const struct draw *draw);
void draw_newer(const struct draw *draw);
void draw_msetex(const struct draw *draw);
void draw_lcs(const struct draw *draw);
void draw_whole(const struct draw *draw, uint64_t scan_cursor);
// Commands that deserve an error.
void draw_wrong(const struct draw *draw);
// SELECT, HELLO, CLIENT, PING, ECHO, RESET, ...
// On checkpoints.
void draw_save(const struct draw *draw);
void draw_session(const struct draw *draw);

#endif
