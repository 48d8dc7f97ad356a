// Random commands on values: SET and its relatives, numbers, parts of values, expiry.
#include "sim/workload_internal.h"

#include <assert.h>
#include <stddef.h>

// --- several keys ----------------------------------------------------------------------------

uint32_t draw_several(const struct draw *draw)
{
    uint32_t most = draw->workload->multi_keys_max;
    assert(most <= 20);
    return most > 2 ? (uint32_t)random_between(draw->random, 2, most) : 2;
}

void draw_keys_command(const struct draw *draw, const char *name, uint32_t count)
{
    draw_begin(draw, name, 1 + count);
    for (uint32_t i = 0; i < count; i++)
        draw_key_or_spare(draw);
}

void draw_pairs(const struct draw *draw)
{
    uint32_t count = draw_several(draw);
    switch (draw_below(draw, 4)) {
    case 0: // seldom are all of many new
        count = 2 + (uint32_t)draw_below(draw, 3);
        draw_begin(draw, "MSETNX", 1 + 2 * count);
        for (uint32_t i = 0; i < count; i++) {
            draw_spare_key(draw);
            draw_value(draw, 0);
        }
        return;
    case 1:
        if (draw->workload->newer_ppm > 0) {
            draw_msetex(draw);
            return;
        }
        break;
    default:
        break;
    }
    draw_begin(draw, "MSET", 1 + 2 * count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = draw_key_number(draw);
        draw_key_name(draw, number);
        draw_value(draw, number);
    }
}

// --- SET -------------------------------------------------------------------------------------

void draw_time(const struct draw *draw, bool past)
{
    const struct workload *workload = draw->workload;
    int64_t lifetime_ms = draw_lifetime_ms(draw);
    // A point in time may be over when EXEC comes.
    bool relative = !past && workload->never_past && draw->queued;
    past = past && draw_below(draw, 8) == 0;
    int64_t until_ms = past ? draw->now_ms - lifetime_ms : draw->now_ms + lifetime_ms;
    switch (draw_below(draw, relative ? 2 : 4)) {
    case 0:
        draw_word(draw, "EX");
        draw_number(draw, lifetime_ms / 1000 + 1);
        break;
    case 1:
        draw_word(draw, "PX");
        draw_number(draw, lifetime_ms);
        break;
    case 2:
        draw_word(draw, "EXAT");
        draw_number(draw, (until_ms > 1000 ? until_ms / 1000 : 1) + workload->never_past);
        break;
    default:
        draw_word(draw, "PXAT");
        draw_number(draw, until_ms > 0 ? until_ms : 1);
        break;
    }
}

bool draw_sets_past(const struct draw *draw)
{
    const struct workload *workload = draw->workload;
    return workload->expiry_far ? workload->expiry_past : !workload->never_past;
}

void draw_set(const struct draw *draw, uint32_t expiry)
{
    uint32_t condition = draw_below(draw, 4) == 0 ? (uint32_t)draw_below(draw, 2) + 1 : 0;
    bool get = draw_below(draw, 8) == 0;
    uint32_t number = draw_key_number(draw);
    static const uint32_t expiry_argc[] = {0, 2, 1};
    draw_begin(draw, "SET", 3 + expiry_argc[expiry] + (condition != 0) + get);
    draw_key_name(draw, number);
    draw_value(draw, number);
    if (condition != 0)
        draw_word(draw, condition == 1 ? "NX" : "XX");
    if (expiry == 1)
        draw_time(draw, draw_sets_past(draw));
    if (expiry == 2)
        draw_word(draw, "KEEPTTL");
    if (get)
        draw_word(draw, "GET");
}

static void draw_setex(const struct draw *draw)
{
    bool seconds = draw_below(draw, 2) == 0;
    uint32_t number = draw_key_number(draw);
    int64_t lifetime_ms = draw_lifetime_ms(draw);
    draw_begin(draw, seconds ? "SETEX" : "PSETEX", 4);
    draw_key_name(draw, number);
    draw_number(draw, seconds ? lifetime_ms / 1000 + 1 : lifetime_ms);
    draw_value(draw, number);
}

static void draw_count(const struct draw *draw)
{
    static const char *const names[] = {"INCR", "DECR", "INCRBY", "DECRBY"};
    uint32_t kind = (uint32_t)draw_below(draw, 4);
    draw_begin(draw, names[kind], kind < 2 ? 2 : 3);
    draw_key_name(draw,
                  draw_below(draw, 8) == 0 ? draw_key_number(draw) : draw_counter_number(draw));
    if (kind >= 2)
        draw_number(draw, draw_difference(draw));
}

static void draw_append(const struct draw *draw)
{
    uint32_t number = draw_key_number(draw);
    draw_begin(draw, "APPEND", 3);
    draw_key_name(draw, number);
    if (draw_below(draw, 16) == 0) {
        command_line_text(draw->line, "");
    } else if (number % 4 == 1) {
        // May well stay an integer.
        draw_number(draw, (int64_t)draw_below(draw, 10));
    } else {
        draw_value(draw, number);
    }
}

void draw_string_write(const struct draw *draw)
{
    switch (draw_below(draw, 8)) {
    case 0:
    case 1:
        draw_count(draw);
        break;
    case 2:
        draw_append(draw);
        break;
    default:
        draw_set(draw, 0);
        break;
    }
}

void draw_float_write(const struct draw *draw)
{
    draw_begin(draw, "INCRBYFLOAT", 3);
    switch (draw_below(draw, 8)) {
    case 0:
        draw_key(draw);
        break;
    case 1:
    case 2:
        draw_key_name(draw, draw_counter_number(draw));
        break;
    default:
        draw_key_name(draw, draw_float_number(draw));
        break;
    }
    draw_fraction(draw);
}

// --- parts of values, and what was there before ----------------------------------------------

static void draw_setrange(const struct draw *draw)
{
    uint32_t number = draw_key_number(draw);
    draw_begin(draw, "SETRANGE", 4);
    draw_key_name(draw, number);
    draw_number(draw, draw_offset(draw, 1));
    if (draw_below(draw, 16) == 0)
        command_line_text(draw->line, "");
    else
        draw_value(draw, number);
}

void draw_range_write(const struct draw *draw)
{
    uint32_t number = draw_key_number(draw);
    switch (draw_below(draw, 8)) {
    case 0:
        draw_begin(draw, "GETSET", 3);
        draw_key_name(draw, number);
        draw_value(draw, number);
        break;
    case 1:
        draw_begin(draw, "SETNX", 3);
        draw_spare_key(draw);
        draw_value(draw, number);
        break;
    case 2:
        draw_keys_command(draw, "GETDEL", 1);
        break;
    case 3:
        draw_append(draw);
        break;
    default:
        draw_setrange(draw);
        break;
    }
}

void draw_range_read(const struct draw *draw)
{
    draw_begin(draw, draw_below(draw, 4) == 0 ? "SUBSTR" : "GETRANGE", 4);
    draw_key(draw);
    for (int i = 0; i < 2; i++) {
        int64_t offset = draw_offset(draw, 1);
        draw_number(draw, draw_below(draw, 3) == 0 ? -offset : offset);
    }
}

// --- expiry ----------------------------------------------------------------------------------

static void draw_expire(const struct draw *draw)
{
    static const char *const options[] = {"NX", "XX", "GT", "LT"};
    static const char *const names[] = {"EXPIRE", "PEXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"};
    uint32_t kind = (uint32_t)draw_below(draw, 5);
    bool seconds = kind == 0 || kind == 3;
    bool option = draw_below(draw, 3) == 0;
    int64_t time_ms = draw_lifetime_ms(draw);
    if (draw_below(draw, 12) == 0)
        time_ms = -(int64_t)draw_below(draw, 5000);
    if (kind >= 3)
        time_ms += draw->now_ms;
    draw_begin(draw, names[kind], 3 + option);
    draw_key(draw);
    draw_number(draw, seconds ? time_ms / 1000 : time_ms);
    if (option)
        draw_word(draw, options[draw_below(draw, 4)]);
}

static void draw_getex(const struct draw *draw)
{
    uint32_t kind = (uint32_t)draw_below(draw, 8);
    draw_begin(draw, "GETEX", kind == 0 ? 2 : kind < 4 ? 3 : 4);
    draw_key(draw);
    if (kind >= 4)
        draw_time(draw, true);
    else if (kind > 0)
        draw_word(draw, "PERSIST");
}

void draw_expiry_write(const struct draw *draw)
{
    switch (draw_below(draw, 12)) {
    case 0:
    case 1:
    case 2:
        draw_set(draw, 1);
        break;
    case 3:
        draw_set(draw, 2);
        break;
    case 4:
        draw_keys_command(draw, "PERSIST", 1);
        break;
    case 5:
        draw_setex(draw);
        break;
    case 6:
    case 7:
        draw_getex(draw);
        break;
    default:
        draw_expire(draw);
        break;
    }
}

void draw_expiry_read(const struct draw *draw)
{
    static const char *const names[] = {"TTL", "PTTL", "TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"};
    draw_keys_command(draw, names[draw_below(draw, 6)], 1);
}
