// Strings as Redis writes them in dumps (RDB), and the footer of a dump of one value.
#include "protocol/rdb_string.h"

#include "protocol/crc64.h"
#include "protocol/lzf.h"
#include "protocol/number.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

// The first two bits of a length tell how it goes on.
enum length_form {
    LENGTH_6 = 0,       // the other six bits are it
    LENGTH_14 = 1,      // and those of the next byte
    LENGTH_LONG = 2,    // see long_form
    LENGTH_SPECIAL = 3, // no length: the other six bits are a special_form
};
// The whole first byte.
enum long_form { LONG_32 = 0x80, LONG_64 = 0x81 };
enum special_form { SPECIAL_INT8, SPECIAL_INT16, SPECIAL_INT32, SPECIAL_PACKED };

// Longest text of a number that is written as one.
#define INTEGER_TEXT_MAX 11

// --- reading ---------------------------------------------------------------------------------

static uint64_t read_big(const uint8_t *from, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | from[i];
    return value;
}

static uint64_t read_little(const uint8_t *from, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = bytes; i > 0; i--)
        value = value << 8 | from[i - 1];
    return value;
}

int rdb_length_decode(const uint8_t *from, size_t available, uint64_t *length, bool *special)
{
    if (available == 0)
        return -EAGAIN;
    enum length_form form = from[0] >> 6;
    *special = form == LENGTH_SPECIAL;
    if (form == LENGTH_6 || form == LENGTH_SPECIAL) {
        *length = from[0] & 63;
        return 1;
    }
    if (form == LENGTH_LONG && from[0] != LONG_32 && from[0] != LONG_64)
        return -EBADMSG;
    size_t bytes = form == LENGTH_14 ? 1 : from[0] == LONG_32 ? 4 : 8;
    if (available < 1 + bytes)
        return -EAGAIN;
    *length = read_big(from + 1, bytes);
    if (form == LENGTH_14)
        *length |= (uint64_t)(from[0] & 63) << 8;
    return (int)(1 + bytes);
}

static int64_t decode_integer(const uint8_t *from, size_t available, uint64_t form,
                              struct rdb_string *string)
{
    size_t bytes = (size_t)1 << form;
    if (available < bytes)
        return -EAGAIN;
    uint64_t value = read_little(from, bytes);
    string->form = RDB_STRING_INTEGER;
    string->integer = form == SPECIAL_INT8    ? (int8_t)value
                      : form == SPECIAL_INT16 ? (int16_t)value
                                              : (int32_t)value;
    char text[NUMBER_TEXT_MAX];
    string->length = number_format(text, string->integer);
    return (int64_t)bytes;
}

// The packed length, the length, and the packed bytes.
static int64_t decode_packed(const uint8_t *from, size_t available, struct rdb_string *string)
{
    bool special_packed = false;
    bool special = false;
    int first = rdb_length_decode(from, available, &string->bytes, &special_packed);
    if (first < 0)
        return first;
    int second =
        rdb_length_decode(from + first, available - (size_t)first, &string->length, &special);
    if (second < 0)
        return second;
    // Divided, because a product might not fit its type.
    if (special_packed || special || string->length / LZF_RATIO_MAX > string->bytes)
        return -EBADMSG;
    size_t head = (size_t)first + (size_t)second;
    if (string->bytes > available - head)
        return -EAGAIN;
    string->form = RDB_STRING_PACKED;
    string->data = from + head;
    return (int64_t)(head + string->bytes);
}

int64_t rdb_string_decode(const uint8_t *from, size_t available, struct rdb_string *string)
{
    uint64_t length = 0;
    bool special;
    int head = rdb_length_decode(from, available, &length, &special);
    if (head < 0)
        return head;
    *string = (struct rdb_string){0};
    const uint8_t *rest = from + head;
    size_t left = available - (size_t)head;
    if (special) {
        int64_t tail = length <= SPECIAL_INT32    ? decode_integer(rest, left, length, string)
                       : length == SPECIAL_PACKED ? decode_packed(rest, left, string)
                                                  : -EBADMSG;
        return tail < 0 ? tail : head + tail;
    }
    if (length > left)
        return length > INT64_MAX - RDB_STRING_HEAD_MAX ? -EBADMSG : -EAGAIN;
    string->form = RDB_STRING_PLAIN;
    string->data = rest;
    string->bytes = length;
    string->length = length;
    return head + (int64_t)length;
}

bool rdb_string_unpack(const struct rdb_string *string, uint8_t *to)
{
    char text[NUMBER_TEXT_MAX];
    switch (string->form) {
    case RDB_STRING_PLAIN:
        if (string->length > 0)
            memcpy(to, string->data, string->length);
        return true;
    case RDB_STRING_INTEGER:
        memcpy(to, text, number_format(text, string->integer));
        return true;
    case RDB_STRING_PACKED:
        return lzf_unpack(string->data, string->bytes, to, string->length);
    }
    assert(false);
    return false;
}

// --- writing ---------------------------------------------------------------------------------

static void write_big(uint8_t *to, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> ((bytes - 1 - i) * 8));
}

static void write_little(uint8_t *to, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> (i * 8));
}

size_t rdb_string_begin(uint8_t head[RDB_STRING_HEAD_MAX], const uint8_t *string, uint32_t length,
                        bool *whole)
{
    int64_t value;
    *whole = length <= INTEGER_TEXT_MAX && number_parse(string, length, &value) &&
             value >= INT32_MIN && value <= INT32_MAX;
    if (*whole) {
        enum special_form form = value == (int8_t)value    ? SPECIAL_INT8
                                 : value == (int16_t)value ? SPECIAL_INT16
                                                           : SPECIAL_INT32;
        head[0] = (uint8_t)(LENGTH_SPECIAL << 6 | form);
        write_little(head + 1, (uint64_t)value, (size_t)1 << form);
        return 1 + ((size_t)1 << form);
    }
    if (length < 1 << 6) {
        head[0] = (uint8_t)length;
        return 1;
    }
    if (length < 1 << 14) {
        write_big(head, (uint64_t)LENGTH_14 << 14 | length, 2);
        return 2;
    }
    head[0] = LONG_32;
    write_big(head + 1, length, 4);
    return 5;
}

// --- the dump of one value -------------------------------------------------------------------

#define VERSION_BYTES 2

void rdb_footer_encode(uint8_t footer[RDB_FOOTER_BYTES], uint64_t crc)
{
    write_little(footer, RDB_VERSION, VERSION_BYTES);
    write_little(footer + VERSION_BYTES, crc64(crc, footer, VERSION_BYTES), 8);
}

bool rdb_footer_check(const uint8_t *dump, size_t dump_length, size_t *length)
{
    if (dump_length < RDB_FOOTER_BYTES)
        return false;
    *length = dump_length - RDB_FOOTER_BYTES;
    const uint8_t *footer = dump + *length;
    uint64_t version = read_little(footer, VERSION_BYTES);
    if (version > RDB_VERSION_MAX && version != RDB_VERSION_VALKEY)
        return false;
    return crc64(0, dump, *length + VERSION_BYTES) == read_little(footer + VERSION_BYTES, 8);
}
