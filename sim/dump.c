// Strings in Redis's dumps.
#include "sim/dump.h"

#include <stdio.h>
#include <string.h>

#define FOOTER_BYTES 10
// The newest versions that are taken, Redis's and Valkey's.
#define VERSION_MAX 15
#define VERSION_VALKEY 80
#define TYPE_STRING 0

enum { ENCODED_INT8 = 0xc0, ENCODED_INT16 = 0xc1, ENCODED_INT32 = 0xc2, ENCODED_PACKED = 0xc3 };

// --- checksum --------------------------------------------------------------------------------

// The polynomial of Jones, bits reflected.
static uint64_t checksum(const uint8_t *bytes, size_t length)
{
    uint64_t table[256];
    for (uint64_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = (table[i] & 1) != 0 ? table[i] >> 1 ^ 0x95ac9329ac4bc9b5ULL : table[i] >> 1;
    }
    uint64_t crc = 0;
    for (size_t i = 0; i < length; i++)
        crc = crc >> 8 ^ table[(uint8_t)(crc ^ bytes[i])];
    return crc;
}

// --- writing ---------------------------------------------------------------------------------

static void add_byte(struct bytes *dump, uint64_t byte)
{
    uint8_t one = (uint8_t)byte;
    bytes_add(dump, &one, 1);
}

static void add_little(struct bytes *dump, uint64_t number, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        add_byte(dump, number >> (8 * i));
}

static void add_big(struct bytes *dump, uint64_t number, uint32_t count)
{
    while (count-- > 0)
        add_byte(dump, number >> (8 * count));
}

void dump_add_length(struct bytes *dump, uint64_t length, uint32_t form)
{
    if (form == 0 && length < 64) {
        add_byte(dump, length);
    } else if (form <= 1 && length < 16384) {
        add_byte(dump, 0x40 | length >> 8);
        add_byte(dump, length);
    } else if (form <= 2) {
        add_byte(dump, 0x80);
        add_big(dump, length, 4);
    } else {
        add_byte(dump, 0x81);
        add_big(dump, length, 8);
    }
}

// Is the string what this number is written as?
static bool number_is(const void *string, uint32_t length, int32_t *number)
{
    char text[16];
    char again[16];
    int end = 0;
    long long value;
    if (length == 0 || length > 11)
        return false;
    memcpy(text, string, length);
    text[length] = '\0';
    if (sscanf(text, "%lld%n", &value, &end) != 1 || end != (int)length || value < INT32_MIN ||
        value > INT32_MAX)
        return false;
    *number = (int32_t)value;
    snprintf(again, sizeof(again), "%d", *number);
    return strlen(again) == length && memcmp(again, string, length) == 0;
}

void dump_add(struct bytes *dump, const void *string, uint32_t length)
{
    size_t from = dump->length;
    int32_t number;
    add_byte(dump, TYPE_STRING);
    if (!number_is(string, length, &number)) {
        dump_add_length(dump, length, 0);
        bytes_add(dump, string, length);
    } else if (number >= INT8_MIN && number <= INT8_MAX) {
        add_byte(dump, ENCODED_INT8);
        add_little(dump, (uint64_t)number, 1);
    } else if (number >= INT16_MIN && number <= INT16_MAX) {
        add_byte(dump, ENCODED_INT16);
        add_little(dump, (uint64_t)number, 2);
    } else {
        add_byte(dump, ENCODED_INT32);
        add_little(dump, (uint64_t)number, 4);
    }
    dump_end(dump, from, DUMP_VERSION);
}

void dump_end(struct bytes *dump, size_t from, uint16_t version)
{
    add_little(dump, version, 2);
    add_little(dump, checksum(dump->data + from, dump->length - from), 8);
}

// --- reading ---------------------------------------------------------------------------------

struct reader {
    const uint8_t *at;
    size_t left;
};

static bool take(struct reader *reader, uint32_t count, bool big, uint64_t *number)
{
    *number = 0;
    if (reader->left < count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t byte = reader->at[big ? i : count - 1 - i];
        *number = *number << 8 | byte;
    }
    reader->at += count;
    reader->left -= count;
    return true;
}

// Behind its first byte.
static bool take_length(struct reader *reader, uint64_t first, uint64_t *length)
{
    *length = first & 63;
    if (first < 0x40)
        return true;
    if (first == 0x80 || first == 0x81)
        return take(reader, first == 0x80 ? 4 : 8, true, length);
    uint64_t low;
    if (first >= 0x80 || !take(reader, 1, true, &low))
        return false;
    *length = *length << 8 | low;
    return true;
}

// Pieces: bytes as they are, or bytes that have come before.
static bool unpack(struct reader packed, uint64_t length, struct bytes *string)
{
    size_t begin = string->length;
    uint64_t control;
    while (packed.left > 0) {
        take(&packed, 1, true, &control);
        if (control < 32) {
            size_t count = (size_t)control + 1;
            if (count > packed.left)
                return false;
            bytes_add(string, packed.at, count);
            packed.at += count;
            packed.left -= count;
            continue;
        }
        uint64_t count = control >> 5;
        uint64_t more = 0;
        uint64_t low;
        if ((count == 7 && !take(&packed, 1, true, &more)) || !take(&packed, 1, true, &low))
            return false;
        uint64_t back = ((control & 31) << 8 | low) + 1;
        if (back > string->length - begin)
            return false;
        for (count += more + 2; count > 0; count--) {
            uint8_t byte = string->data[string->length - back];
            bytes_add(string, &byte, 1);
        }
    }
    return string->length - begin == length;
}

static bool take_packed(struct reader *reader, struct bytes *string)
{
    uint64_t first;
    uint64_t packed;
    uint64_t length;
    if (!take(reader, 1, true, &first) || !take_length(reader, first, &packed) ||
        !take(reader, 1, true, &first) || !take_length(reader, first, &length) ||
        packed > reader->left)
        return false;
    return unpack((struct reader){reader->at, (size_t)packed}, length, string);
}

static bool take_string(struct reader *reader, struct bytes *string)
{
    uint64_t first;
    uint64_t number;
    if (!take(reader, 1, true, &first))
        return false;
    if (first == ENCODED_PACKED)
        return take_packed(reader, string);
    if (first >= ENCODED_INT8 && first <= ENCODED_INT32) {
        uint32_t count = 1U << (first - ENCODED_INT8);
        if (!take(reader, count, false, &number))
            return false;
        uint32_t unused = 64 - 8 * count;
        bytes_format(string, "%lld", (long long)((int64_t)(number << unused) >> unused));
        return true;
    }
    if (!take_length(reader, first, &number) || number > reader->left)
        return false;
    bytes_add(string, reader->at, (size_t)number);
    return true;
}

enum dump_verdict dump_read(const uint8_t *dump, size_t length, struct bytes *string)
{
    if (length < FOOTER_BYTES)
        return DUMP_FOOTER;
    struct reader footer = {dump + length - FOOTER_BYTES, FOOTER_BYTES};
    uint64_t version;
    uint64_t sum;
    take(&footer, 2, false, &version);
    take(&footer, 8, false, &sum);
    // A sum of 0 stands for none.
    if ((version > VERSION_MAX && version != VERSION_VALKEY) ||
        (sum != 0 && sum != checksum(dump, length - 8)))
        return DUMP_FOOTER;
    struct reader reader = {dump, length - FOOTER_BYTES};
    uint64_t type;
    if (!take(&reader, 1, true, &type) || type != TYPE_STRING || !take_string(&reader, string))
        return DUMP_DATA;
    return DUMP_STRING;
}
