// Random commands on keys: RENAME, COPY, MOVE, DUMP, RESTORE, OBJECT; on whole databases: SCAN and
// others.
#include "sim/dump.h"
#include "sim/workload_internal.h"

#include <stddef.h>

// --- other names -----------------------------------------------------------------------------

// Any database; one that is not used at times.
static void draw_database(const struct draw *draw)
{
    uint32_t databases = draw->workload->databases + (draw->workload->databases < 16);
    draw_number(draw, (int64_t)draw_below(draw, databases));
}

static void draw_copy(const struct draw *draw)
{
    bool database = draw_below(draw, 3) == 0;
    bool replace = draw_below(draw, 2) == 0;
    draw_begin(draw, "COPY", 3 + 2 * database + replace);
    draw_key(draw);
    draw_key_or_spare(draw);
    if (database) {
        draw_word(draw, "DB");
        draw_database(draw);
    }
    if (replace)
        draw_word(draw, "REPLACE");
}

void draw_rename(const struct draw *draw)
{
    switch (draw_below(draw, 8)) {
    case 0:
    case 1:
        draw_begin(draw, "RENAME", 3);
        draw_key_or_spare(draw);
        draw_key_or_spare(draw);
        break;
    case 2:
        draw_begin(draw, "RENAMENX", 3);
        draw_key_or_spare(draw);
        draw_spare_key(draw);
        break;
    case 3:
        draw_begin(draw, "MOVE", 3);
        draw_key_or_spare(draw);
        draw_database(draw);
        break;
    case 4:
    case 5:
        draw_dump(draw);
        break;
    default:
        draw_copy(draw);
        break;
    }
}

// --- RESTORE ---------------------------------------------------------------------------------

// Packed: bytes as they are, and bytes once more that came before.
static void add_packed(const struct draw *draw, struct bytes *dump)
{
    struct bytes packed = {0};
    uint32_t length = 0;
    uint32_t steps = 1 + (uint32_t)draw_below(draw, 12);
    for (uint32_t i = 0; i < steps; i++) {
        if (length == 0 || draw_below(draw, 2) == 0) {
            uint8_t count = (uint8_t)(1 + draw_below(draw, 32));
            bytes_room(&packed, 33);
            packed.data[packed.length] = (uint8_t)(count - 1);
            random_fill(draw->random, packed.data + packed.length + 1, count);
            packed.length += (size_t)count + 1;
            length += count;
            continue;
        }
        uint32_t most = length < 8192 ? length : 8192;
        uint32_t back = (uint32_t)draw_below(draw, most);
        uint32_t count = 3 + (uint32_t)draw_below(draw, draw_below(draw, 2) == 0 ? 6 : 262);
        uint8_t piece[3] = {0};
        uint32_t used = 0;
        piece[used++] = (uint8_t)((count < 9 ? count - 2 : 7) << 5 | back >> 8);
        if (count >= 9)
            piece[used++] = (uint8_t)(count - 9);
        piece[used++] = (uint8_t)back;
        bytes_add(&packed, piece, used);
        length += count;
    }
    bytes_add(dump, "\xc3", 1);
    dump_add_length(dump, packed.length, (uint32_t)draw_below(draw, 4));
    dump_add_length(dump, length, (uint32_t)draw_below(draw, 4));
    bytes_add(dump, packed.data, packed.length);
    bytes_free(&packed);
}

// In a form that DUMP does not use.
static void add_unusual(const struct draw *draw, struct bytes *dump)
{
    uint8_t value[256];
    uint32_t length = (uint32_t)draw_below(draw, sizeof(value));
    uint8_t encoding = (uint8_t)(0xc0 + draw_below(draw, 3));
    size_t from = dump->length;
    bytes_add(dump, "", 1);
    random_fill(draw->random, value, length);
    switch (draw_below(draw, 3)) {
    case 0:
        dump_add_length(dump, length, (uint32_t)draw_below(draw, 4));
        bytes_add(dump, value, length);
        break;
    case 1:
        random_fill(draw->random, value, 4);
        bytes_add(dump, &encoding, 1);
        bytes_add(dump, value, (size_t)1 << (encoding - 0xc0));
        break;
    default:
        add_packed(draw, dump);
        break;
    }
    dump_end(dump, from, (uint16_t)(1 + draw_below(draw, DUMP_VERSION)));
}

static void draw_payload(const struct draw *draw, uint32_t number)
{
    struct bytes dump = {0};
    if (draw_below(draw, 3) == 0) {
        add_unusual(draw, &dump);
    } else {
        struct command_line line = {0};
        struct draw value = *draw;
        value.line = &line;
        command_line_begin(&line, 1);
        draw_value(&value, number);
        uint32_t length;
        const uint8_t *bytes = command_line_arg(&line, 0, &length);
        dump_add(&dump, bytes, length);
        command_line_free(&line);
    }
    // Damaged at times, or of a version to come.
    uint32_t fate = (uint32_t)draw_below(draw, 32);
    if (fate == 0)
        dump.data[draw_below(draw, dump.length)] ^= (uint8_t)(1 << draw_below(draw, 8));
    else if (fate == 1)
        dump.length -= 1 + draw_below(draw, dump.length);
    command_line_add(draw->line, dump.data, (uint32_t)dump.length);
    bytes_free(&dump);
}

void draw_dump(const struct draw *draw)
{
    uint32_t number = draw_key_number(draw);
    if (draw_below(draw, 3) == 0) {
        draw_keys_command(draw, "DUMP", 1);
        return;
    }
    bool replace = draw_below(draw, 3) != 0;
    bool absolute = draw_below(draw, 4) == 0;
    bool idle = draw_below(draw, 8) == 0;
    int64_t time_ms = draw_below(draw, 2) == 0 ? 0 : draw_lifetime_ms(draw);
    if (absolute && time_ms > 0)
        time_ms = draw_below(draw, 8) == 0 ? 1 : time_ms + draw->now_ms;
    draw_begin(draw, "RESTORE", 4 + replace + absolute + 2 * idle);
    if (replace)
        draw_key_name(draw, number);
    else
        draw_spare_key(draw);
    draw_number(draw, time_ms);
    draw_payload(draw, number);
    if (replace)
        draw_word(draw, "REPLACE");
    if (absolute)
        draw_word(draw, "ABSTTL");
    if (idle) {
        draw_word(draw, draw_below(draw, 2) == 0 ? "IDLETIME" : "FREQ");
        draw_number(draw, (int64_t)draw_below(draw, 256));
    }
}

// --- reading ---------------------------------------------------------------------------------

void draw_object(const struct draw *draw)
{
    static const char *const words[] = {"ENCODING", "ENCODING", "ENCODING",
                                        "REFCOUNT", "IDLETIME", "FREQ"};
    if (draw_below(draw, 3) == 0) {
        draw_keys_command(draw, "DUMP", 1);
        return;
    }
    draw_begin(draw, "OBJECT", 3);
    draw_word(draw, words[draw_below(draw, 6)]);
    draw_key_or_spare(draw);
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

void draw_whole(const struct draw *draw, uint64_t scan_cursor)
{
    static const char *const patterns[] = {"*",    "k:*",   "k:1*",     "?:*5",  "*[a-f]",
                                           "k:?",  "k*7*",  "k:[^12]*", "\\k:3", "nothing",
                                           "k:1?", "*\\\\", "[k]*[0-4]"};
    static const char *const sections[] = {"keyspace", "keyspace", "persistence", "stats",
                                           "clients"};
    switch (draw_below(draw, 10)) {
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
    case 4:
        draw_words(draw, "RANDOMKEY", NULL);
        break;
    default:
        draw_scan(draw, scan_cursor);
        break;
    }
}
