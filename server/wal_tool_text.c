// Bytes, sizes and times as poro-wal prints them.
#include "server/wal_tool_text.h"

#include "conf/limits.h"
#include "wal/names.h"
#include "wal/recovery.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

static void print_byte(uint8_t byte)
{
    static const char named[][2] = {{'\n', 'n'}, {'\r', 'r'},  {'\t', 't'}, {'\a', 'a'},
                                    {'\b', 'b'}, {'\\', '\\'}, {'"', '"'}};
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
        if (byte == (uint8_t)named[i][0]) {
            putchar('\\');
            putchar(named[i][1]);
            return;
        }
    }
    if (byte >= 0x20 && byte < 0x7f)
        putchar(byte);
    else
        printf("\\x%02x", byte);
}

void text_print_bytes(const uint8_t *bytes, size_t length, size_t most)
{
    size_t shown = most > 0 && length > most ? most : length;
    putchar('"');
    for (size_t i = 0; i < shown; i++)
        print_byte(bytes[i]);
    putchar('"');
    if (shown < length)
        printf("... (%zu bytes)", length);
}

const char *text_size(char text[TEXT_SIZE_BYTES], uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    if (bytes < 10000) {
        snprintf(text, TEXT_SIZE_BYTES, "%llu bytes", (unsigned long long)bytes);
        return text;
    }
    double size = (double)bytes / 1024;
    size_t unit = 0;
    while (size >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        size /= 1024;
        unit++;
    }
    snprintf(text, TEXT_SIZE_BYTES, "%.1f %s", size, units[unit]);
    return text;
}

const char *text_time(char text[TEXT_TIME_BYTES], int64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000);
    int ms = (int)(time_ms % 1000);
    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    struct tm parts;
    char date[TEXT_TIME_BYTES - 16];
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &parts) == 0)
        snprintf(text, TEXT_TIME_BYTES, "%lld ms", (long long)time_ms);
    else
        snprintf(text, TEXT_TIME_BYTES, "%s.%03d UTC", date, ms);
    return text;
}

const char *text_file(char text[TEXT_SIZE_BYTES], uint32_t slot)
{
    static_assert(WAL_SEGMENT_NAME_BYTES <= TEXT_SIZE_BYTES, "names fit");
    if (slot == WAL_SLOT_COMPLETION)
        snprintf(text, TEXT_SIZE_BYTES, "%s", WAL_NAME_COMPLETION);
    else if (slot < WAL_SEGMENTS_MAX)
        wal_segment_name(text, slot);
    else
        snprintf(text, TEXT_SIZE_BYTES, "(no segment)");
    return text;
}
