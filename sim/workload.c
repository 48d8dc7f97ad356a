// The workload: draws weights, and commands by them.
#include "sim/workload_internal.h"

#include <assert.h>
#include <stddef.h>

// --- weights ---------------------------------------------------------------------------------

// Often nothing, otherwise anything up to `most`, small shares likelier.
static uint32_t ppm_or_none(struct random *random, uint32_t most)
{
    return random_below(random, 3) == 0 ? 0 : (uint32_t)random_log(random, most);
}

void workload_draw(struct workload *workload, struct random *random)
{
    *workload = (struct workload){
        .keys = (uint32_t)random_between(random, 8, 16) + (uint32_t)random_log(random, 4984),
        .hot_ppm = ppm_or_none(random, 900000),
        .databases = random_below(random, 2) == 0 ? 1 : (uint32_t)random_between(random, 2, 16),
        .value_bytes_max = (uint32_t)random_log(random, 16384),
        .large_ppm = random_below(random, 3) == 0 ? (uint32_t)random_log(random, 50000) : 0,
        .large_bytes_max = (1 << 16) + (uint32_t)random_log(random, 4 << 20),
        .write_ppm = (uint32_t)random_between(random, 200000, 1000000),
        .delete_ppm = ppm_or_none(random, 400000),
        .expiry_ppm = ppm_or_none(random, 500000),
        .multi_ppm = ppm_or_none(random, 300000),
        .multi_keys_max = (uint32_t)random_between(random, 2, 20),
        .flush_ppm = ppm_or_none(random, 10000),
        .whole_ppm = ppm_or_none(random, 100000),
        .config_ppm = random_below(random, 8) == 0 ? 50000 : ppm_or_none(random, 10000),
        .session_ppm = ppm_or_none(random, 100000),
        .wrong_ppm = ppm_or_none(random, 100000),
        .quit_ppm = ppm_or_none(random, 5000),
    };
}

void workload_default(struct workload *workload)
{
    *workload = (struct workload){
        .keys = 500,
        .hot_ppm = 100000,
        .databases = 4,
        .value_bytes_max = 256,
        .large_ppm = 3000,
        .large_bytes_max = 1 << 20,
        .write_ppm = 600000,
        .delete_ppm = 100000,
        .expiry_ppm = 100000,
        .multi_ppm = 50000,
        .multi_keys_max = 8,
        .flush_ppm = 500,
        .whole_ppm = 5000,
        .session_ppm = 10000,
        .wrong_ppm = 10000,
    };
}

// --- several keys ----------------------------------------------------------------------------

static uint32_t several(const struct draw *draw)
{
    uint32_t most = draw->workload->multi_keys_max;
    assert(most <= 20);
    return most > 2 ? (uint32_t)random_between(draw->random, 2, most) : 2;
}

static void draw_keys_command(const struct draw *draw, const char *name, uint32_t count)
{
    draw_begin(draw, name, 1 + count);
    for (uint32_t i = 0; i < count; i++)
        draw_key(draw);
}

static void draw_mset(const struct draw *draw)
{
    uint32_t count = several(draw);
    draw_begin(draw, "MSET", 1 + 2 * count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = draw_key_number(draw);
        draw_key_name(draw, number);
        draw_value(draw, number);
    }
}

// --- SET -------------------------------------------------------------------------------------

static void draw_expiry_option(const struct draw *draw)
{
    int64_t lifetime_ms = draw_lifetime_ms(draw);
    bool past = !draw->workload->expiry_far && draw_below(draw, 8) == 0;
    int64_t until_ms = past ? draw->now_ms - lifetime_ms : draw->now_ms + lifetime_ms;
    switch (draw_below(draw, 4)) {
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
        draw_number(draw, until_ms > 1000 ? until_ms / 1000 : 1);
        break;
    default:
        draw_word(draw, "PXAT");
        draw_number(draw, until_ms > 0 ? until_ms : 1);
        break;
    }
}

// `expiry`: 0 none, 1 a time, 2 KEEPTTL.
static void draw_set(const struct draw *draw, uint32_t expiry)
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
        draw_expiry_option(draw);
    if (expiry == 2)
        draw_word(draw, "KEEPTTL");
    if (get)
        draw_word(draw, "GET");
}

// --- writing ---------------------------------------------------------------------------------

static void draw_expire(const struct draw *draw)
{
    static const char *const options[] = {"NX", "XX", "GT", "LT"};
    bool seconds = draw_below(draw, 3) == 0;
    bool option = draw_below(draw, 3) == 0;
    int64_t lifetime_ms = draw_lifetime_ms(draw);
    if (draw_below(draw, 12) == 0)
        lifetime_ms = -(int64_t)draw_below(draw, 5000);
    draw_begin(draw, seconds ? "EXPIRE" : "PEXPIRE", 3 + option);
    draw_key(draw);
    draw_number(draw, seconds ? lifetime_ms / 1000 : lifetime_ms);
    if (option)
        draw_word(draw, options[draw_below(draw, 4)]);
}

static void draw_expiry_write(const struct draw *draw)
{
    switch (draw_below(draw, 8)) {
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
    default:
        draw_expire(draw);
        break;
    }
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

static void draw_write(const struct draw *draw)
{
    const struct workload *workload = draw->workload;
    bool multi = draw_chance(draw, workload->multi_ppm);
    if (draw_chance(draw, workload->delete_ppm)) {
        draw_keys_command(draw, draw_below(draw, 2) == 0 ? "DEL" : "UNLINK",
                          multi ? several(draw) : 1);
    } else if (draw_chance(draw, workload->expiry_ppm)) {
        draw_expiry_write(draw);
    } else if (multi) {
        draw_mset(draw);
    } else {
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
}

// --- reading ---------------------------------------------------------------------------------

static void draw_read(const struct draw *draw)
{
    static const char *const names[] = {"GET", "GET", "GET", "GET", "STRLEN", "EXISTS", "TYPE"};
    const struct workload *workload = draw->workload;
    if (draw_chance(draw, workload->multi_ppm))
        draw_keys_command(draw, draw_below(draw, 2) == 0 ? "MGET" : "EXISTS", several(draw));
    else if (draw_chance(draw, workload->expiry_ppm))
        draw_keys_command(draw, draw_below(draw, 2) == 0 ? "TTL" : "PTTL", 1);
    else
        draw_keys_command(draw, names[draw_below(draw, sizeof(names) / sizeof(names[0]))], 1);
}

static void draw_scan(const struct draw *draw, uint64_t cursor)
{
    bool match = draw_below(draw, 4) == 0;
    bool count = draw_below(draw, 2) == 0;
    char text[24];
    size_t length = 0;
    char digits[24];
    do {
        digits[length++] = (char)('0' + cursor % 10);
        cursor /= 10;
    } while (cursor > 0);
    for (size_t i = 0; i < length; i++)
        text[i] = digits[length - 1 - i];
    draw_begin(draw, "SCAN", 2 + 2 * match + 2 * count);
    command_line_add(draw->line, text, (uint32_t)length);
    if (match) {
        draw_word(draw, "MATCH");
        draw_word(draw, "*");
    }
    if (count) {
        draw_word(draw, "COUNT");
        draw_number(draw, (int64_t)random_log(draw->random, 2000));
    }
}

static void draw_whole(const struct draw *draw, uint64_t scan_cursor)
{
    static const char *const patterns[] = {"*",    "k:*",   "k:1*",     "?:*5",  "*[a-f]",
                                           "k:?",  "k*7*",  "k:[^12]*", "\\k:3", "nothing",
                                           "k:1?", "*\\\\", "[k]*[0-4]"};
    static const char *const sections[] = {"keyspace", "keyspace", "persistence", "stats",
                                           "clients"};
    switch (draw_below(draw, 8)) {
    case 0:
        draw_begin(draw, "KEYS", 2);
        command_line_text(draw->line,
                          patterns[draw_below(draw, sizeof(patterns) / sizeof(patterns[0]))]);
        break;
    case 1:
    case 2:
        draw_words(draw, "DBSIZE", NULL);
        break;
    case 3:
        draw_words(draw, "INFO", sections[draw_below(draw, 5)], NULL);
        break;
    default:
        draw_scan(draw, scan_cursor);
        break;
    }
}

// --- the rest --------------------------------------------------------------------------------

static void draw_flush(const struct draw *draw)
{
    const char *name = draw_below(draw, 2) == 0 ? "FLUSHDB" : "FLUSHALL";
    static const char *const modes[] = {NULL, NULL, "ASYNC", "SYNC"};
    draw_words(draw, name, modes[draw_below(draw, 4)], NULL);
}

static void draw_config(const struct draw *draw)
{
    static const char *const fsync[] = {"always", "always", "everysec", "no"};
    static const char *const ack[] = {"intent", "completion"};
    switch (draw_below(draw, 6)) {
    case 0:
        draw_words(draw, "CONFIG", "GET", draw_below(draw, 2) == 0 ? "appendfsync" : "wal-ack",
                   NULL);
        break;
    case 1:
    case 2:
        draw_words(draw, "CONFIG", "SET", "wal-ack", ack[draw_below(draw, 2)], NULL);
        break;
    case 3:
        draw_words(draw, "CONFIG", "SET", "wal-ack", ack[draw_below(draw, 2)], "appendfsync",
                   fsync[draw_below(draw, 4)], NULL);
        break;
    default:
        draw_words(draw, "CONFIG", "SET", "appendfsync", fsync[draw_below(draw, 4)], NULL);
        break;
    }
}

void workload_next(const struct workload *workload, struct random *random, int64_t now_ms,
                   uint64_t scan_cursor, struct command_line *line)
{
    struct draw draw = {workload, random, line, now_ms};
    assert(workload->keys > 0 && workload->databases > 0);
    // One number decides between the rare kinds.
    uint32_t at = (uint32_t)random_below(random, 1000000);
    uint32_t end = workload->quit_ppm;
    if (at < end)
        draw_words(&draw, "QUIT", NULL);
    else if (at < (end += workload->flush_ppm))
        draw_flush(&draw);
    else if (at < (end += workload->whole_ppm))
        draw_whole(&draw, scan_cursor);
    else if (at < (end += workload->config_ppm))
        draw_config(&draw);
    else if (at < (end += workload->session_ppm))
        draw_session(&draw);
    else if (at < end + workload->wrong_ppm)
        draw_wrong(&draw);
    else if (random_chance(random, workload->write_ppm))
        draw_write(&draw);
    else
        draw_read(&draw);
    assert(line->argc == line->expected);
}
