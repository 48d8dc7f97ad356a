// Random commands on bits.
#include "sim/workload_internal.h"

#include <stddef.h>
#include <stdio.h>

// An offset of a bit; `scaled`: as one of numbers of the same width, at times.
static void draw_bit_offset(const struct draw *draw, bool scaled)
{
    char text[32];
    long long offset = (long long)draw_offset(draw, 8);
    bool in_numbers = scaled && draw_below(draw, 3) == 0;
    snprintf(text, sizeof(text), in_numbers ? "#%lld" : "%lld", in_numbers ? offset / 64 : offset);
    command_line_text(draw->line, text);
}

static void draw_bit_type(const struct draw *draw)
{
    char text[16];
    bool has_sign = draw_below(draw, 2) == 0;
    snprintf(text, sizeof(text), "%c%u", has_sign ? 'i' : 'u',
             1 + (unsigned)draw_below(draw, has_sign ? 64 : 63));
    command_line_text(draw->line, text);
}

// Redis takes numbers for far too large that are far too small, when a field is set to one of them.
static int64_t draw_bit_number(const struct draw *draw)
{
    int64_t number = draw_difference(draw);
    return number < INT64_MIN / 2 ? number / 2 : number;
}

// So many operations of BITFIELD: OVERFLOW, GET, SET, INCRBY.
static void draw_bitfield(const struct draw *draw, bool reads)
{
    enum { NONE, GET, SET, INCRBY };
    static const char *const words[] = {"", "GET", "SET", "INCRBY"};
    static const char *const overflows[] = {"WRAP", "SAT", "FAIL"};
    uint8_t kinds[6];
    bool overflow[6];
    uint32_t count = (uint32_t)draw_below(draw, reads ? 3 : 7);
    uint32_t argc = 2;
    for (uint32_t i = 0; i < count; i++) {
        kinds[i] = reads ? GET : (uint8_t)(1 + draw_below(draw, 3));
        overflow[i] = draw_below(draw, 3) == 0;
        argc += (kinds[i] == GET ? 3 : 4) + 2 * overflow[i];
    }
    draw_begin(draw, reads ? "BITFIELD_RO" : "BITFIELD", argc);
    draw_key(draw);
    for (uint32_t i = 0; i < count; i++) {
        if (overflow[i]) {
            draw_word(draw, "OVERFLOW");
            draw_word(draw, overflows[draw_below(draw, 3)]);
        }
        draw_word(draw, words[kinds[i]]);
        draw_bit_type(draw);
        draw_bit_offset(draw, true);
        if (kinds[i] != GET)
            draw_number(draw, draw_bit_number(draw));
    }
}

static void draw_bitop(const struct draw *draw)
{
    static const char *const words[] = {"AND", "OR", "XOR", "NOT"};
    uint32_t kind = (uint32_t)draw_below(draw, 4);
    uint32_t count = kind == 3 ? 1 : 1 + (uint32_t)draw_below(draw, 4);
    draw_begin(draw, "BITOP", 3 + count);
    draw_word(draw, words[kind]);
    draw_key_or_spare(draw);
    // Keys that are seldom there make empty results.
    bool spare = draw_below(draw, 4) == 0;
    for (uint32_t i = 0; i < count; i++) {
        if (spare)
            draw_spare_key(draw);
        else
            draw_key(draw);
    }
}

void draw_bit_write(const struct draw *draw)
{
    switch (draw_below(draw, 8)) {
    case 0:
    case 1:
        draw_bitop(draw);
        break;
    case 2:
    case 3:
    case 4:
        draw_bitfield(draw, false);
        break;
    default:
        draw_begin(draw, "SETBIT", 4);
        draw_key(draw);
        draw_bit_offset(draw, false);
        draw_number(draw, (int64_t)draw_below(draw, 2));
        break;
    }
}

static void draw_bit_range(const struct draw *draw, uint32_t ends, bool unit)
{
    for (uint32_t i = 0; i < ends; i++) {
        int64_t offset = draw_offset(draw, unit ? 8 : 1);
        draw_number(draw, draw_below(draw, 3) == 0 ? -offset : offset);
    }
    if (unit)
        draw_word(draw, draw_below(draw, 2) == 0 ? "BIT" : "BYTE");
}

void draw_bit_read(const struct draw *draw)
{
    uint32_t ends = (uint32_t)draw_below(draw, 3);
    bool unit = ends == 2 && draw_below(draw, 2) == 0;
    switch (draw_below(draw, 5)) {
    case 0:
        ends = ends == 1 ? 2 : ends;
        draw_begin(draw, "BITCOUNT", 2 + ends + unit);
        draw_key(draw);
        draw_bit_range(draw, ends, unit);
        break;
    case 1:
        draw_begin(draw, "BITPOS", 3 + ends + unit);
        draw_key(draw);
        draw_number(draw, (int64_t)draw_below(draw, 2));
        draw_bit_range(draw, ends, unit);
        break;
    case 2:
        draw_bitfield(draw, true);
        break;
    case 3: // bits make text of a number
        draw_begin(draw, "OBJECT", 3);
        draw_word(draw, "ENCODING");
        draw_key(draw);
        break;
    default:
        draw_begin(draw, "GETBIT", 3);
        draw_key(draw);
        draw_bit_offset(draw, false);
        break;
    }
}
