// The reply writer: RESP2 and RESP3 replies into memory that the caller provides piece by piece.
#include "protocol/resp_writer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "protocol/number.h"

// A type byte, a number and a line break.
#define HEADER_BYTES_MAX (1 + NUMBER_TEXT_MAX + 2)
#define ERROR_BYTES_MAX 1024

static_assert(HEADER_BYTES_MAX <= 64, "a header fits the smallest piece");

static size_t room(const struct resp_writer *writer)
{
    assert(writer->cursor <= writer->end);
    return (size_t)(writer->end - writer->cursor);
}

// Fills piece after piece. Once there is no more memory the cursor stands at the end of the last
// piece, so that everything later comes here too and is dropped.
static __attribute__((noinline)) void write_pieces(struct resp_writer *writer, const uint8_t *bytes,
                                                   size_t length)
{
    while (length > 0 && !writer->overflow) {
        const size_t space = room(writer);
        if (space == 0) {
            writer->overflow = !writer->more(writer);
            assert(writer->overflow || room(writer) >= 64);
            continue;
        }
        const size_t part = length < space ? length : space;
        memcpy(writer->cursor, bytes, part);
        writer->cursor += part;
        bytes += part;
        length -= part;
    }
}

// Copies of a few bytes without the call of memcpy: two loads that overlap cover every length.
static inline void copy_bytes(uint8_t *to, const uint8_t *from, size_t length)
{
    if (length > 32) {
        memcpy(to, from, length);
    } else if (length >= 16) {
        uint8_t head[16], tail[16];
        memcpy(head, from, 16);
        memcpy(tail, from + length - 16, 16);
        memcpy(to, head, 16);
        memcpy(to + length - 16, tail, 16);
    } else if (length >= 8) {
        uint64_t head, tail;
        memcpy(&head, from, 8);
        memcpy(&tail, from + length - 8, 8);
        memcpy(to, &head, 8);
        memcpy(to + length - 8, &tail, 8);
    } else if (length >= 4) {
        uint32_t head, tail;
        memcpy(&head, from, 4);
        memcpy(&tail, from + length - 4, 4);
        memcpy(to, &head, 4);
        memcpy(to + length - 4, &tail, 4);
    } else if (length > 0) {
        const uint8_t head = from[0], middle = from[length / 2], tail = from[length - 1];
        to[0] = head;
        to[length / 2] = middle;
        to[length - 1] = tail;
    }
}

// Raw bytes; a constant length becomes a few instructions.
static inline void write_bytes(struct resp_writer *writer, const void *bytes, size_t length)
{
    if (length > room(writer)) {
        write_pieces(writer, bytes, length);
        return;
    }
    if (__builtin_constant_p(length))
        memcpy(writer->cursor, bytes, length);
    else
        copy_bytes(writer->cursor, bytes, length);
    writer->cursor += length;
}

// `text` has HEADER_BYTES_MAX bytes of room.
static inline size_t header_format(uint8_t *text, char type, int64_t value)
{
    text[0] = (uint8_t)type;
    size_t length = 2;
    if ((uint64_t)value < 10)
        text[1] = (uint8_t)('0' + value);
    else
        length = 1 + number_format((char *)text + 1, value);
    text[length] = '\r';
    text[length + 1] = '\n';
    return length + 2;
}

static inline void write_header(struct resp_writer *writer, char type, int64_t value)
{
    if (room(writer) >= HEADER_BYTES_MAX) {
        writer->cursor += header_format(writer->cursor, type, value);
        return;
    }
    uint8_t text[HEADER_BYTES_MAX];
    write_pieces(writer, text, header_format(text, type, value));
}

static void write_count(struct resp_writer *writer, char type, size_t count)
{
    assert(count <= INT64_MAX);
    assert(writer->version == 2 || writer->version == 3);
    write_header(writer, type, (int64_t)count);
}

static void write_line(struct resp_writer *writer, char type, const char *text, size_t length)
{
    assert(text != NULL);
    write_bytes(writer, &type, 1);
    write_bytes(writer, text, length);
    write_bytes(writer, "\r\n", 2);
}

void resp_write(struct resp_writer *writer, const void *bytes, size_t length)
{
    assert(bytes != NULL || length == 0);
    write_bytes(writer, bytes, length);
}

void resp_simple(struct resp_writer *writer, const char *text)
{
    write_line(writer, '+', text, strlen(text));
}

void resp_error(struct resp_writer *writer, const char *text)
{
    write_line(writer, '-', text, strlen(text));
}

void resp_errorf(struct resp_writer *writer, const char *format, ...)
{
    char text[ERROR_BYTES_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    const int wanted = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    assert(wanted >= 0);
    size_t length = wanted > ERROR_BYTES_MAX ? ERROR_BYTES_MAX : (size_t)wanted;
    while (length > 0 && (text[length - 1] == '\r' || text[length - 1] == '\n'))
        length--;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\r' || text[i] == '\n')
            text[i] = ' ';
    }
    write_line(writer, '-', text, length);
}

void resp_integer(struct resp_writer *writer, int64_t value)
{
    write_header(writer, ':', value);
}

void resp_bulk(struct resp_writer *writer, const void *bytes, size_t length)
{
    assert(bytes != NULL || length == 0);
    assert(length <= INT64_MAX);
    write_header(writer, '$', (int64_t)length);
    write_bytes(writer, bytes, length);
    write_bytes(writer, "\r\n", 2);
}

void resp_bulk_text(struct resp_writer *writer, const char *text)
{
    resp_bulk(writer, text, strlen(text));
}

void resp_bulk_integer(struct resp_writer *writer, int64_t value)
{
    char text[NUMBER_TEXT_MAX];
    resp_bulk(writer, text, number_format(text, value));
}

void resp_bulk_header(struct resp_writer *writer, size_t length)
{
    write_count(writer, '$', length);
}

void resp_null(struct resp_writer *writer)
{
    assert(writer->version == 2 || writer->version == 3);
    if (writer->version == 3)
        write_bytes(writer, "_\r\n", 3);
    else
        write_bytes(writer, "$-1\r\n", 5);
}

void resp_null_array(struct resp_writer *writer)
{
    assert(writer->version == 2 || writer->version == 3);
    if (writer->version == 3)
        write_bytes(writer, "_\r\n", 3);
    else
        write_bytes(writer, "*-1\r\n", 5);
}

void resp_array(struct resp_writer *writer, size_t count)
{
    write_count(writer, '*', count);
}

void resp_map(struct resp_writer *writer, size_t pairs)
{
    assert(pairs <= INT64_MAX / 2);
    if (writer->version == 3)
        write_count(writer, '%', pairs);
    else
        write_count(writer, '*', 2 * pairs);
}

void resp_set(struct resp_writer *writer, size_t count)
{
    write_count(writer, writer->version == 3 ? '~' : '*', count);
}

void resp_push(struct resp_writer *writer, size_t count)
{
    write_count(writer, writer->version == 3 ? '>' : '*', count);
}

void resp_bool(struct resp_writer *writer, bool value)
{
    assert(writer->version == 2 || writer->version == 3);
    if (writer->version == 3)
        write_bytes(writer, value ? "#t\r\n" : "#f\r\n", 4);
    else
        write_bytes(writer, value ? ":1\r\n" : ":0\r\n", 4);
}

void resp_double(struct resp_writer *writer, double value)
{
    assert(writer->version == 2 || writer->version == 3);
    char text[32];
    const size_t length = number_format_double(text, value);
    assert(length < sizeof(text));
    if (writer->version == 3)
        write_line(writer, ',', text, length);
    else
        resp_bulk(writer, text, length);
}

void resp_verbatim(struct resp_writer *writer, const char format[4], const void *bytes,
                   size_t length)
{
    assert(strlen(format) == 3);
    assert(length <= INT64_MAX - 4);
    if (writer->version != 3) {
        resp_bulk(writer, bytes, length);
        return;
    }
    write_count(writer, '=', length + 4);
    write_bytes(writer, format, 3);
    write_bytes(writer, ":", 1);
    write_bytes(writer, bytes, length);
    write_bytes(writer, "\r\n", 2);
}
