// Random commands that deserve an error.
#include "sim/workload_internal.h"

#include <stddef.h>

// Commands without a key that are wrong as they stand.
static void draw_wrong_words(const struct draw *draw)
{
    switch (draw_below(draw, 30)) {
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
    case 21:
        draw_words(draw, draw_below(draw, 2) == 0 ? "EXEC" : "DISCARD", NULL);
        break;
    case 22:
        draw_words(draw, "MULTI", draw_below(draw, 2) == 0 ? NULL : "now", NULL);
        break;
    case 23:
        draw_words(draw, "WATCH", draw_below(draw, 2) == 0 ? NULL : "a", NULL);
        break;
    case 24:
        draw_words(draw, "EXEC", "now", NULL);
        break;
    case 25:
        draw_words(draw, "SWAPDB", "0", draw_below(draw, 2) == 0 ? "one" : "16", NULL);
        break;
    case 26:
        draw_words(draw, "OBJECT", draw_below(draw, 2) == 0 ? "ENCODING" : "NOSUCH", NULL);
        break;
    case 27:
        draw_words(draw, "WAIT", draw_below(draw, 2) == 0 ? "one" : "1", "-1", NULL);
        break;
    case 28:
        draw_words(draw, "MSETNX", "a", "b", "c", NULL);
        break;
    default:
        draw_words(draw, "MSET", "a", "b", "c", NULL);
        break;
    }
}

// Commands on a key with arguments that do not fit it.
static void draw_wrong_arguments(const struct draw *draw)
{
    static const char *const commands[][5] = {
        {"SETBIT", "-1", "1"},
        {"SETBIT", "4294967296", "1"},
        {"SETBIT", "7", "2"},
        {"GETBIT", "x"},
        {"BITCOUNT", "1"},
        {"BITCOUNT", "1", "2", "NIBBLE"},
        {"BITPOS", "2"},
        {"BITPOS", "1", "a"},
        {"BITFIELD", "GET", "u64", "0"},
        {"BITFIELD", "SET", "i8", "#-1", "1"},
        {"BITFIELD", "OVERFLOW", "NEVER"},
        {"BITFIELD", "GET", "u8"},
        {"BITFIELD_RO", "SET", "u8", "0", "1"},
        {"BITOP", "a"},
        {"SETRANGE", "-1", "a"},
        {"SETRANGE", "536870912", "a"},
        {"SETRANGE", "x", "a"},
        {"GETRANGE", "0", "x"},
        {"INCRBYFLOAT", "abc"},
        {"INCRBYFLOAT", " 1"},
        {"INCRBYFLOAT", "nan"},
        {"INCRBYFLOAT", "1e5000"},
        {"GETEX", "EX", "0"},
        {"GETEX", "EX"},
        {"GETEX", "PERSIST", "EX", "10"},
        {"SETEX", "0", "a"},
        {"PSETEX", "x", "a"},
        {"RENAME", "nosuch"},
        {"COPY", "b", "DB", "16"},
        {"COPY", "b", "DB"},
        {"COPY", "b", "NOSUCH"},
        {"MOVE", "x"},
        {"MOVE", "16"},
        {"RESTORE", "-1", "a"},
        {"RESTORE", "0", "", "REPLACE"},
        {"RESTORE", "0", "a", "FREQ", "256"},
        {"LCS", "a", "LEN", "IDX"},
        {"LCS", "a", "NOSUCH"},
        {"EXPIREAT", "x"},
        {"PEXPIREAT", "9223372036854775807", "GT", "LT"},
    };
    size_t row = draw_below(draw, sizeof(commands) / sizeof(commands[0]));
    uint32_t count = 1;
    while (count < 5 && commands[row][count] != NULL)
        count++;
    draw_begin(draw, commands[row][0], 1 + count);
    draw_key(draw);
    for (uint32_t i = 1; i < count; i++)
        draw_word(draw, commands[row][i]);
}

static void draw_wrong_newer(const struct draw *draw)
{
    static const char *const commands[][6] = {
        {"SET", "a", "IFEQ"},
        {"SET", "a", "IFEQ", "b", "NX"},
        {"SET", "a", "IFDEQ", "0123"},
        {"DELEX", "IFEQ"},
        {"DELEX", "NX", "a"},
        {"DELEX", "IFDNE", "0123456789abcdeg"},
        {"DELIFEQ"},
        {"INCREX", "BYINT"},
        {"INCREX", "BYINT", "1.5"},
        {"INCREX", "BYFLOAT", "abc"},
        {"INCREX", "LBOUND", "5", "UBOUND", "4"},
        {"INCREX", "ENX"},
        {"INCREX", "PERSIST", "EX", "10"},
        {"INCREX", "EX", "0"},
        {"INCREX", "BYINT", "1", "BYFLOAT", "1"},
    };
    size_t row = draw_below(draw, sizeof(commands) / sizeof(commands[0]));
    uint32_t count = 1;
    while (count < 6 && commands[row][count] != NULL)
        count++;
    if (draw_below(draw, 8) == 0) {
        draw_words(draw, "MSETEX", draw_below(draw, 2) == 0 ? "0" : "2", "a", "b", NULL);
        return;
    }
    draw_begin(draw, commands[row][0], 1 + count);
    draw_key(draw);
    for (uint32_t i = 1; i < count; i++)
        draw_word(draw, commands[row][i]);
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
        {"EXAT", "99999999999", "NX"},
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
    switch (draw_below(draw, 12)) {
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
    case 6:
    case 7:
        draw_wrong_arguments(draw);
        break;
    case 8:
        if (draw->workload->newer_ppm > 0)
            draw_wrong_newer(draw);
        else
            draw_wrong_words(draw);
        break;
    default:
        draw_wrong_words(draw);
        break;
    }
}
