// Random commands that are newer than Redis 7.0; and LCS, on keys of its own.
#include "sim/workload_internal.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

// --- locks -----------------------------------------------------------------------------------

// A few keys with few values: so that comparing them comes out either way.
static const char *const tokens[] = {
    "", "a", "worker-7", "worker-8", "4711", "0123456789abcdef0123456789abcdef0123456789abcdef",
};

static const char *draw_token(const struct draw *draw)
{
    return tokens[draw_below(draw, sizeof(tokens) / sizeof(tokens[0]))];
}

static void draw_lock_key(const struct draw *draw)
{
    char name[16];
    snprintf(name, sizeof(name), "lock:%u", (unsigned)draw_below(draw, 4));
    command_line_text(draw->line, name);
}

// IFEQ, IFNE, IFDEQ or IFDNE, and what it compares with.
static void draw_condition(const struct draw *draw)
{
    static const char *const words[] = {"IFEQ", "IFNE", "IFDEQ", "IFDNE"};
    uint32_t kind = (uint32_t)draw_below(draw, 4);
    const char *token = draw_token(draw);
    char digest[17];
    draw_word(draw, words[kind]);
    if (kind < 2) {
        command_line_text(draw->line, token);
        return;
    }
    snprintf(digest, sizeof(digest), draw_below(draw, 4) == 0 ? "%016llX" : "%016llx",
             (unsigned long long)XXH3_64bits(token, strlen(token)));
    if (draw_below(draw, 16) == 0)
        digest[15] = '\0';
    command_line_text(draw->line, digest);
}

static void draw_lock_set(const struct draw *draw)
{
    bool absent = draw_below(draw, 2) == 0;
    bool time = draw_below(draw, 2) == 0;
    bool get = draw_below(draw, 4) == 0;
    draw_begin(draw, "SET", 3 + (absent ? 1 : 2) + 2 * time + get);
    draw_lock_key(draw);
    command_line_text(draw->line, draw_token(draw));
    if (get)
        draw_word(draw, "GET");
    if (absent)
        draw_word(draw, "NX");
    else
        draw_condition(draw);
    if (time)
        draw_time(draw, false);
}

static void draw_unlock(const struct draw *draw)
{
    uint32_t kind = (uint32_t)draw_below(draw, 8);
    draw_begin(draw, kind < 3 ? "DELIFEQ" : "DELEX", kind < 3 ? 3 : kind == 3 ? 2 : 4);
    draw_lock_key(draw);
    if (kind < 3)
        command_line_text(draw->line, draw_token(draw));
    else if (kind > 3)
        draw_condition(draw);
}

// --- INCREX ----------------------------------------------------------------------------------

static void draw_bound(const struct draw *draw, bool fraction)
{
    if (fraction)
        draw_fraction(draw);
    else
        draw_number(draw, draw_difference(draw));
}

static void draw_increx(const struct draw *draw)
{
    static const char *const names[] = {"LBOUND", "UBOUND"};
    bool fraction = draw_below(draw, 2) == 0;
    bool by = fraction || draw_below(draw, 2) == 0;
    bool bound[2] = {draw_below(draw, 3) == 0, draw_below(draw, 3) == 0};
    bool saturate = draw_below(draw, 2) == 0;
    uint32_t expiry = (uint32_t)draw_below(draw, 4); // 0, 1: none; 2: PERSIST; 3: a time
    bool only_new = expiry == 3 && draw_below(draw, 2) == 0;
    static const uint32_t expiry_argc[] = {0, 0, 1, 2};
    draw_begin(draw, "INCREX",
               2 + 2 * (by + bound[0] + bound[1]) + saturate + expiry_argc[expiry] + only_new);
    draw_key_name(draw, fraction ? draw_float_number(draw) : draw_counter_number(draw));
    if (by) {
        draw_word(draw, fraction ? "BYFLOAT" : "BYINT");
        draw_bound(draw, fraction);
    }
    for (uint32_t i = 0; i < 2; i++) {
        if (!bound[i])
            continue;
        draw_word(draw, names[i]);
        draw_bound(draw, fraction);
    }
    if (saturate)
        draw_word(draw, "SATURATE");
    if (expiry == 2)
        draw_word(draw, "PERSIST");
    if (expiry == 3)
        draw_time(draw, true);
    if (only_new)
        draw_word(draw, "ENX");
}

// --- MSETEX ----------------------------------------------------------------------------------

void draw_msetex(const struct draw *draw)
{
    uint32_t condition = (uint32_t)draw_below(draw, 4); // 1: NX, 2: XX
    uint32_t expiry = (uint32_t)draw_below(draw, 3);    // 1: a time, 2: KEEPTTL
    static const uint32_t expiry_argc[] = {0, 2, 1};
    bool conditional = condition == 1 || condition == 2;
    uint32_t count = conditional ? 2 + (uint32_t)draw_below(draw, 2) : draw_several(draw);
    draw_begin(draw, "MSETEX", 2 + 2 * count + conditional + expiry_argc[expiry]);
    draw_number(draw, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = draw_key_number(draw);
        if (condition == 1)
            draw_spare_key(draw);
        else
            draw_key_name(draw, number);
        draw_value(draw, number);
    }
    if (conditional)
        draw_word(draw, condition == 1 ? "NX" : "XX");
    if (expiry == 1)
        draw_time(draw, draw_sets_past(draw));
    if (expiry == 2)
        draw_word(draw, "KEEPTTL");
}

void draw_newer(const struct draw *draw)
{
    switch (draw_below(draw, 8)) {
    case 0:
    case 1:
        draw_lock_set(draw);
        break;
    case 2:
        draw_unlock(draw);
        break;
    case 3:
        draw_begin(draw, draw_below(draw, 2) == 0 ? "DIGEST" : "GET", 2);
        draw_lock_key(draw);
        break;
    case 4:
        draw_keys_command(draw, "DIGEST", 1);
        break;
    case 5:
        draw_msetex(draw);
        break;
    default:
        draw_increx(draw);
        break;
    }
}

// --- LCS -------------------------------------------------------------------------------------

// The time that it takes is the product of the lengths: these stay short.
static void draw_lcs_key(const struct draw *draw)
{
    char name[16];
    snprintf(name, sizeof(name), "lcs:%u", (unsigned)draw_below(draw, 5));
    command_line_text(draw->line, name);
}

static void draw_lcs_value(const struct draw *draw, uint32_t most)
{
    uint8_t text[64];
    uint32_t length = (uint32_t)draw_below(draw, most + 1);
    random_fill(draw->random, text, length);
    for (uint32_t i = 0; i < length; i++)
        text[i] = (uint8_t)('a' + text[i] % 4);
    command_line_add(draw->line, text, length);
}

static void draw_lcs_command(const struct draw *draw)
{
    uint32_t form = (uint32_t)draw_below(draw, 4); // 0, 1: the text, 2: LEN, 3: IDX
    bool shortest = draw_below(draw, 3) == 0;
    bool lengths = draw_below(draw, 3) == 0;
    draw_begin(draw, "LCS", 3 + (form > 1) + 2 * shortest + lengths);
    draw_lcs_key(draw);
    draw_lcs_key(draw);
    if (form > 1)
        draw_word(draw, form == 2 ? "LEN" : "IDX");
    if (shortest) {
        draw_word(draw, "MINMATCHLEN");
        draw_number(draw, (int64_t)draw_below(draw, 6) - 1);
    }
    if (lengths)
        draw_word(draw, "WITHMATCHLEN");
}

void draw_lcs(const struct draw *draw)
{
    switch (draw_below(draw, 4)) {
    case 0:
        draw_begin(draw, "SET", 3);
        draw_lcs_key(draw);
        draw_lcs_value(draw, 60);
        break;
    case 1:
        draw_begin(draw, "SETRANGE", 4);
        draw_lcs_key(draw);
        draw_number(draw, (int64_t)draw_below(draw, 60));
        draw_lcs_value(draw, 10);
        break;
    default:
        draw_lcs_command(draw);
        break;
    }
}
