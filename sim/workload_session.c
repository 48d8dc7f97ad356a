// Random commands on the connection, and commands that deserve an error.
#include "sim/workload_internal.h"

#include <stddef.h>

// --- the connection --------------------------------------------------------------------------

static void draw_select(const struct draw *draw)
{
    draw_begin(draw, "SELECT", 2);
    draw_number(draw, (int64_t)draw_below(draw, draw->workload->databases));
}

static void draw_hello(const struct draw *draw)
{
    const char *version = draw_below(draw, 2) == 0 ? "2" : "3";
    switch (draw_below(draw, 6)) {
    case 0:
        draw_words(draw, "HELLO", NULL);
        break;
    case 1:
        draw_words(draw, "HELLO", version, "SETNAME", "someone", NULL);
        break;
    case 2:
        draw_words(draw, "HELLO", version, "AUTH", "default", "any", "SETNAME", "", NULL);
        break;
    default:
        draw_words(draw, "HELLO", version, NULL);
        break;
    }
}

static void draw_client(const struct draw *draw)
{
    static const char *const names[] = {"a", "worker-7", "", "x:y!z~"};
    switch (draw_below(draw, 16)) {
    case 0:
        draw_words(draw, "CLIENT", "REPLY", "OFF", NULL);
        break;
    case 1:
    case 2:
        draw_words(draw, "CLIENT", "REPLY", "SKIP", NULL);
        break;
    case 3:
        draw_words(draw, "CLIENT", "ID", NULL);
        break;
    case 4:
        draw_words(draw, "CLIENT", "NO-EVICT", draw_below(draw, 2) == 0 ? "ON" : "OFF", NULL);
        break;
    case 5:
    case 6:
        draw_words(draw, "CLIENT", "SETNAME", names[draw_below(draw, 4)], NULL);
        break;
    case 7:
    case 8:
    case 9:
        draw_words(draw, "CLIENT", "GETNAME", NULL);
        break;
    default: // much likelier than OFF, so that few clients are mute at a time
        draw_words(draw, "CLIENT", "REPLY", "ON", NULL);
        break;
    }
}

static void draw_other(const struct draw *draw)
{
    switch (draw_below(draw, 8)) {
    case 0:
        draw_words(draw, "RESET", NULL);
        break;
    case 1:
        draw_words(draw, "TIME", NULL);
        break;
    case 2:
        draw_words(draw, "AUTH", "default", "whatever", NULL);
        break;
    case 3:
        draw_words(draw, "COMMAND", "COUNT", NULL);
        break;
    case 4:
        draw_begin(draw, "ECHO", 2);
        draw_value(draw, 0);
        break;
    case 5:
        draw_begin(draw, "PING", 2);
        draw_value(draw, 0);
        break;
    default:
        draw_words(draw, "PING", NULL);
        break;
    }
}

void draw_session(const struct draw *draw)
{
    switch (draw_below(draw, 8)) {
    case 0:
    case 1:
    case 2:
        draw_select(draw);
        break;
    case 3:
        draw_hello(draw);
        break;
    case 4:
    case 5:
        draw_client(draw);
        break;
    default:
        draw_other(draw);
        break;
    }
}

// --- errors ----------------------------------------------------------------------------------

// Commands without a key that are wrong as they stand.
static void draw_wrong_words(const struct draw *draw)
{
    switch (draw_below(draw, 22)) {
    case 0:
        draw_words(draw, "NOSUCH", NULL);
        break;
    case 1:
        draw_words(draw, "nosuch\r\ncommand", "a", "b c", "", "\r\n", NULL);
        break;
    case 2:
        draw_words(draw, "GET", NULL);
        break;
    case 3:
        draw_words(draw, "CLIENT", NULL);
        break;
    case 4:
        draw_words(draw, "CLIENT", "NOSUCH", "a", NULL);
        break;
    case 5:
        draw_words(draw, "CLIENT", "GETNAME", "a", NULL);
        break;
    case 6:
        draw_words(draw, "CLIENT", "REPLY", "LATER", NULL);
        break;
    case 7:
        draw_words(draw, "CLIENT", "SETNAME", "with space", NULL);
        break;
    case 8:
        draw_words(draw, "CONFIG", "SET", "appendfsync", "sometimes", NULL);
        break;
    case 9:
        draw_words(draw, "CONFIG", "SET", "appendfsync", "always", "appendfsync", "no", NULL);
        break;
    case 10:
        draw_words(draw, "CONFIG", "SET", "nosuch", "1", NULL);
        break;
    case 11:
        draw_words(draw, "SELECT", draw_below(draw, 2) == 0 ? "16" : "-1", NULL);
        break;
    case 12:
        draw_words(draw, "SELECT", draw_below(draw, 2) == 0 ? "one" : "4294967296", NULL);
        break;
    case 13:
        draw_words(draw, "HELLO", draw_below(draw, 2) == 0 ? "4" : "three", NULL);
        break;
    case 14:
        draw_words(draw, "HELLO", "3", "SETNAME", NULL);
        break;
    case 15:
        draw_words(draw, "AUTH", "password", NULL);
        break;
    case 16:
        draw_words(draw, "AUTH", "nobody", "password", NULL);
        break;
    case 17:
        draw_words(draw, "FLUSHALL", "NOW", NULL);
        break;
    case 18:
        draw_words(draw, "SCAN", draw_below(draw, 2) == 0 ? "first" : "18446744073709551616", NULL);
        break;
    case 19:
        draw_words(draw, "SCAN", "0", "COUNT", draw_below(draw, 2) == 0 ? "0" : "many", NULL);
        break;
    case 20:
        draw_words(draw, "PING", "a", "b", NULL);
        break;
    default:
        draw_words(draw, "MSET", "a", "b", "c", NULL);
        break;
    }
}

// SET with options that do not go together, or times that are none.
static void draw_wrong_set(const struct draw *draw)
{
    static const char *const options[][3] = {
        {"NX", "XX", NULL},
        {"EX", NULL, NULL},
        {"EX", "0", NULL},
        {"PX", "-5", NULL},
        {"PX", "1.5", NULL},
        {"EX", "9223372036854775807", NULL},
        {"EXAT", "9223372036854775", "NX"},
        {"KEEPTTL", "EX", "10"},
        {"NOSUCH", NULL, NULL},
        {"PXAT", "x", "GET"},
    };
    size_t row = draw_below(draw, sizeof(options) / sizeof(options[0]));
    uint32_t count = 0;
    while (count < 3 && options[row][count] != NULL)
        count++;
    uint32_t number = draw_key_number(draw);
    draw_begin(draw, "SET", 3 + count);
    draw_key_name(draw, number);
    draw_value(draw, number);
    for (uint32_t i = 0; i < count; i++)
        draw_word(draw, options[row][i]);
}

static void draw_wrong_expire(const struct draw *draw)
{
    static const char *const arguments[][3] = {
        {"10000", "NX", "XX"},
        {"10000", "GT", "LT"},
        {"10000", "NOSUCH", NULL},
        {"soon", NULL, NULL},
        {"", NULL, NULL},
        {"9223372036854775807", NULL, NULL},
        {"-9223372036854775808", "NX", NULL},
    };
    size_t row = draw_below(draw, sizeof(arguments) / sizeof(arguments[0]));
    uint32_t count = 0;
    while (count < 3 && arguments[row][count] != NULL)
        count++;
    draw_begin(draw, draw_below(draw, 2) == 0 ? "EXPIRE" : "PEXPIRE", 2 + count);
    draw_key(draw);
    for (uint32_t i = 0; i < count; i++)
        draw_word(draw, arguments[row][i]);
}

static void draw_wrong_count(const struct draw *draw)
{
    static const char *const differences[] = {
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "+1",
        "01",
        " 1",
        "1.0",
        "",
        "-0",
    };
    bool decrease = draw_below(draw, 2) == 0;
    draw_begin(draw, decrease ? "DECRBY" : "INCRBY", 3);
    draw_key_name(draw,
                  draw_below(draw, 2) == 0 ? draw_counter_number(draw) : draw_key_number(draw));
    draw_word(draw, differences[draw_below(draw, sizeof(differences) / sizeof(differences[0]))]);
}

void draw_wrong(const struct draw *draw)
{
    switch (draw_below(draw, 8)) {
    case 0:
    case 1:
        draw_wrong_set(draw);
        break;
    case 2:
        draw_wrong_expire(draw);
        break;
    case 3:
        draw_wrong_count(draw);
        break;
    case 4: // the number of arguments
        draw_begin(draw, draw_below(draw, 2) == 0 ? "GET" : "APPEND", 4);
        draw_key(draw);
        draw_key(draw);
        draw_key(draw);
        break;
    case 5: // most values are no integers
        draw_begin(draw, "INCR", 2);
        draw_key(draw);
        break;
    default:
        draw_wrong_words(draw);
        break;
    }
}
