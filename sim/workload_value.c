// Arguments of random commands: words, keys, values, times.
#include "sim/workload_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// --- words -----------------------------------------------------------------------------------

void draw_word(const struct draw *draw, const char *word)
{
    char text[32];
    size_t length = strlen(word);
    assert(length < sizeof(text));
    bool small = draw_below(draw, 4) == 0;
    for (size_t i = 0; i <= length; i++) {
        bool capital = word[i] >= 'A' && word[i] <= 'Z';
        text[i] = (char)(small && capital ? word[i] + ('a' - 'A') : word[i]);
    }
    command_line_add(draw->line, text, (uint32_t)length);
}

void draw_begin(const struct draw *draw, const char *name, uint32_t argc)
{
    command_line_begin(draw->line, argc);
    draw_word(draw, name);
}

void draw_number(const struct draw *draw, int64_t number)
{
    command_line_number(draw->line, number);
}

void draw_words(const struct draw *draw, const char *first, ...)
{
    uint32_t argc = 0;
    va_list list;
    va_start(list, first);
    for (const char *word = first; word != NULL; word = va_arg(list, const char *))
        argc++;
    va_end(list);
    command_line_begin(draw->line, argc);
    va_start(list, first);
    for (const char *word = first; word != NULL; word = va_arg(list, const char *))
        draw_word(draw, word);
    va_end(list);
}

// --- keys ------------------------------------------------------------------------------------

static uint32_t hot_number(const struct draw *draw)
{
    uint32_t keys = draw->workload->keys;
    return (uint32_t)draw_below(draw, keys < 4 ? keys : 4);
}

uint32_t draw_key_number(const struct draw *draw)
{
    if (draw_chance(draw, draw->workload->hot_ppm))
        return hot_number(draw);
    return (uint32_t)draw_below(draw, draw->workload->keys);
}

uint32_t draw_counter_number(const struct draw *draw)
{
    uint32_t number = draw_key_number(draw) / 4 * 4 + 1;
    return number < draw->workload->keys ? number : 0;
}

uint32_t draw_float_number(const struct draw *draw)
{
    uint32_t number = draw_key_number(draw) / 8 * 8 + 6;
    return number < draw->workload->keys ? number : 0;
}

// Mostly "k:<number>"; some are empty, binary or long. The same number always gives the same name.
void draw_key_name(const struct draw *draw, uint32_t number)
{
    char name[WORKLOAD_KEY_BYTES_MAX];
    uint32_t length = (uint32_t)snprintf(name, sizeof(name), "k:%u", number);
    if (number == 7) {
        length = 0;
    } else if (number % 32 == 5) {
        static const char more[] = {'\0', '\r', '\n', (char)0xff, '*', '$', '-'};
        memcpy(name + length, more, sizeof(more));
        length += (uint32_t)sizeof(more);
    } else if (number % 64 == 10) {
        uint32_t wanted = 1000 + number * 37 % 1000;
        memset(name + length, 'a' + (int)(number % 26), wanted - length);
        length = wanted;
    } else if (number % 16 == 11) {
        uint32_t wanted = 20 + number * 37 % 280;
        memset(name + length, 'a' + (int)(number % 26), wanted - length);
        length = wanted;
    }
    command_line_add(draw->line, name, length);
}

void draw_key(const struct draw *draw)
{
    draw_key_name(draw, draw_key_number(draw));
}

void draw_hot_key(const struct draw *draw)
{
    draw_key_name(draw, hot_number(draw));
}

#define SPARE_KEYS 12

void draw_spare_key(const struct draw *draw)
{
    draw_key_name(draw, draw->workload->keys + (uint32_t)draw_below(draw, SPARE_KEYS));
}

void draw_key_or_spare(const struct draw *draw)
{
    if (draw_below(draw, 8) == 0)
        draw_spare_key(draw);
    else
        draw_key(draw);
}

// --- values ----------------------------------------------------------------------------------

static int64_t value_integer(const struct draw *draw)
{
    switch (draw_below(draw, 8)) {
    case 0: // near the ends
        return draw_below(draw, 2) == 0 ? INT64_MAX - (int64_t)draw_below(draw, 3)
                                        : INT64_MIN + (int64_t)draw_below(draw, 3);
    case 1:
        return (int64_t)random_next(draw->random);
    case 2:
        return -(int64_t)random_log(draw->random, 1000000);
    default:
        return (int64_t)draw_below(draw, 1000);
    }
}

int64_t draw_difference(const struct draw *draw)
{
    return draw_below(draw, 4) == 0 ? value_integer(draw) : (int64_t)draw_below(draw, 200) - 100;
}

void draw_fraction(const struct draw *draw)
{
    static const char *const texts[] = {"0.1",    "-0.5",
                                        "1e2",    "-2.5e-3",
                                        "5e-324", "0",
                                        "-0",     "3",
                                        ".5",     "1e17",
                                        "-1e18",  "0x1p-3",
                                        "3.0e3",  "-7",
                                        "1e-17",  "1e-18",
                                        "1.",     "+2",
                                        "1e4000", "inf",
                                        "-1e400", "123456789.123456789"};
    char text[40];
    if (draw_below(draw, 2) == 0) {
        command_line_text(draw->line, texts[draw_below(draw, sizeof(texts) / sizeof(texts[0]))]);
        return;
    }
    snprintf(text, sizeof(text), "%lld.%02u", (long long)draw_below(draw, 200) - 100,
             (unsigned)draw_below(draw, 100));
    command_line_text(draw->line, text);
}

int64_t draw_offset(const struct draw *draw, uint32_t per_byte)
{
    const struct workload *workload = draw->workload;
    switch (draw_below(draw, 8)) {
    case 0: // far behind the end, at times
        if (workload->large_ppm > 0 && !draw->queued && draw_below(draw, 16) == 0)
            return (int64_t)random_log(draw->random, (uint64_t)workload->large_bytes_max) *
                   per_byte;
        return (int64_t)draw_below(draw, (uint64_t)512 * per_byte);
    case 1:
    case 2:
        return (int64_t)random_log(draw->random,
                                   ((uint64_t)workload->value_bytes_max + 8) * per_byte) -
               1;
    default:
        return (int64_t)draw_below(draw, 16 * per_byte);
    }
}

static void value_text(const struct draw *draw, uint8_t *bytes, uint32_t length)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyz 0123456789 ABCDEFGHIJKLMNOPQRSTUVWX\r\n";
    random_fill(draw->random, bytes, length);
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)letters[bytes[i] & 63];
}

// A large value inside a transaction has up to so many bytes, at least.
#define LARGE_QUEUED_BYTES (1 << 16)

static uint32_t large_length(const struct draw *draw)
{
    const struct workload *workload = draw->workload;
    if (!draw->queued)
        return (uint32_t)random_log(draw->random, workload->large_bytes_max);
    // What a transaction may need is reckoned before it begins, for the worst case.
    uint32_t most = workload->large_bytes_max / 16;
    if (most < LARGE_QUEUED_BYTES && !workload->plain_transactions)
        most = LARGE_QUEUED_BYTES;
    return (uint32_t)draw_below(draw, most);
}

static uint32_t value_length(const struct draw *draw)
{
    const struct workload *workload = draw->workload;
    if (workload->large_bytes_max > 0 && draw_chance(draw, workload->large_ppm))
        return large_length(draw);
    return (uint32_t)random_log(draw->random, (uint64_t)workload->value_bytes_max + 1) - 1;
}

static void draw_bytes(const struct draw *draw, uint32_t length)
{
    uint8_t small[4096];
    if (length <= sizeof(small)) {
        if (draw_below(draw, 2) == 0)
            value_text(draw, small, length);
        else
            random_fill(draw->random, small, length);
        command_line_add(draw->line, small, length);
        return;
    }
    uint8_t *large = sim_alloc(length, 1);
    random_fill(draw->random, large, length);
    command_line_add(draw->line, large, length);
    struct bytes done = {.data = large};
    bytes_free(&done);
}

void draw_value(const struct draw *draw, uint32_t number)
{
    bool integer = draw_below(draw, 8) != 0 ? number % 4 == 1 : number % 4 != 1;
    if (integer)
        draw_number(draw, value_integer(draw));
    else if (number % 8 == 6 && draw_below(draw, 8) != 0)
        draw_fraction(draw);
    else
        draw_bytes(draw, value_length(draw));
}

void draw_large_value(const struct draw *draw)
{
    bool large = draw->workload->large_ppm > 0;
    draw_bytes(draw, large ? large_length(draw) : value_length(draw));
}

// --- times -----------------------------------------------------------------------------------

int64_t draw_lifetime_ms(const struct draw *draw)
{
    if (draw->workload->expiry_far)
        return 3600000 + (int64_t)draw_below(draw, 3600000000);
    switch (draw_below(draw, 4)) {
    case 0:
        return 1 + (int64_t)draw_below(draw, 20);
    case 1:
        return (int64_t)random_log(draw->random, 2000);
    case 2:
        return 1000 * (int64_t)random_log(draw->random, 60);
    default:
        return 1000 * (int64_t)random_log(draw->random, 36000);
    }
}
