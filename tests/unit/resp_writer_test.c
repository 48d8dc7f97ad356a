// The reply writer: every reply in RESP2 and RESP3, over pieces of every size, and out of memory.
#include "protocol/resp_writer.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(text) text, sizeof(text) - 1
#define PIECES_MAX 4096

// Hands out pieces of the same size, each a block of its own so that a sanitizer sees an overrun.
struct source {
    size_t piece_bytes;
    size_t pieces_allowed;
    size_t count;
    uint8_t *pieces[PIECES_MAX];
    size_t asked_in_vain;
};

static bool source_more(struct resp_writer *writer)
{
    struct source *source = writer->context;
    if (source->count == source->pieces_allowed) {
        source->asked_in_vain++;
        return false;
    }
    cr_assert_eq(writer->cursor, writer->end);
    uint8_t *piece = malloc(source->piece_bytes);
    source->pieces[source->count++] = piece;
    writer->cursor = piece;
    writer->end = piece + source->piece_bytes;
    return true;
}

static void start(struct resp_writer *writer, struct source *source, uint8_t version,
                  size_t piece_bytes, size_t pieces_allowed)
{
    cr_assert_leq(pieces_allowed, PIECES_MAX);
    memset(source, 0, sizeof(*source));
    source->piece_bytes = piece_bytes;
    source->pieces_allowed = pieces_allowed;
    *writer = (struct resp_writer){.more = source_more, .context = source, .version = version};
}

// All that was written, joined; the caller frees it.
static uint8_t *joined(const struct resp_writer *writer, const struct source *source,
                       size_t *length)
{
    uint8_t *all = malloc(source->count * source->piece_bytes + 1);
    *length = 0;
    for (size_t i = 0; i < source->count; i++) {
        const bool last = i + 1 == source->count;
        const size_t part =
            last ? (size_t)(writer->cursor - source->pieces[i]) : source->piece_bytes;
        memcpy(all + *length, source->pieces[i], part);
        *length += part;
    }
    return all;
}

static void end(struct source *source)
{
    for (size_t i = 0; i < source->count; i++)
        free(source->pieces[i]);
}

// --- one reply of each kind ------------------------------------------------------------------

static char long_text[3000];

static void write_long_bulk(struct resp_writer *writer)
{
    memset(long_text, 'x', sizeof(long_text));
    resp_bulk(writer, long_text, 1234);
}

static void write_raw(struct resp_writer *writer)
{
    resp_write(writer, "raw\0bytes", 9);
    resp_write(writer, NULL, 0);
}
static void write_simple(struct resp_writer *writer)
{
    resp_simple(writer, "OK");
}
static void write_error(struct resp_writer *writer)
{
    resp_error(writer, "ERR no such key");
}
static void write_errorf(struct resp_writer *writer)
{
    resp_errorf(writer, "ERR unknown '%s', %d%%\n", "a\r\nb\rc\nd", 7);
}
static void write_errorf_empty(struct resp_writer *writer)
{
    resp_errorf(writer, "%s", "");
}
static void write_errorf_nul(struct resp_writer *writer)
{
    resp_errorf(writer, "ERR '%c'", 0);
}
static void write_integers(struct resp_writer *writer)
{
    const int64_t values[] = {0, 1, -1, 9, 10, -10, 1000, 123456, -1234567, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        resp_integer(writer, values[i]);
}
static void write_bulk(struct resp_writer *writer)
{
    resp_bulk(writer, "a\r\n\0b", 5);
    resp_bulk(writer, "", 0);
    resp_bulk(writer, NULL, 0);
    resp_bulk(writer, "0123456789", 10);
}
static void write_bulk_text(struct resp_writer *writer)
{
    resp_bulk_text(writer, "hello");
    resp_bulk_text(writer, "");
}
static void write_bulk_integer(struct resp_writer *writer)
{
    resp_bulk_integer(writer, 0);
    resp_bulk_integer(writer, -42);
    resp_bulk_integer(writer, INT64_MIN);
}
static void write_bulk_header(struct resp_writer *writer)
{
    resp_bulk_header(writer, 0);
    resp_bulk_header(writer, 9);
    resp_bulk_header(writer, 536870912);
}
static void write_null(struct resp_writer *writer)
{
    resp_null(writer);
}
static void write_null_array(struct resp_writer *writer)
{
    resp_null_array(writer);
}
static void write_array(struct resp_writer *writer)
{
    resp_array(writer, 0);
    resp_array(writer, 1048576);
}
static void write_map(struct resp_writer *writer)
{
    resp_map(writer, 0);
    resp_map(writer, 7);
}
static void write_set(struct resp_writer *writer)
{
    resp_set(writer, 12);
}
static void write_push(struct resp_writer *writer)
{
    resp_push(writer, 3);
}
static void write_bool(struct resp_writer *writer)
{
    resp_bool(writer, true);
    resp_bool(writer, false);
}
static void write_double(struct resp_writer *writer)
{
    const double values[] = {0.0, -0.0, 1.0, 3.1, INFINITY, -INFINITY, NAN, 1e100, -DBL_MAX};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        resp_double(writer, values[i]);
}
static void write_verbatim(struct resp_writer *writer)
{
    resp_verbatim(writer, "txt", "some\r\ntext", 10);
    resp_verbatim(writer, "mkd", "", 0);
}

static const struct {
    void (*write)(struct resp_writer *writer);
    const char *resp2;
    size_t resp2_length;
    const char *resp3;
    size_t resp3_length;
} replies[] = {
    {write_raw, TEXT("raw\0bytes"), TEXT("raw\0bytes")},
    {write_simple, TEXT("+OK\r\n"), TEXT("+OK\r\n")},
    {write_error, TEXT("-ERR no such key\r\n"), TEXT("-ERR no such key\r\n")},
    {write_errorf, TEXT("-ERR unknown 'a  b c d', 7%\r\n"),
     TEXT("-ERR unknown 'a  b c d', 7%\r\n")},
    {write_errorf_empty, TEXT("-\r\n"), TEXT("-\r\n")},
    {write_errorf_nul, TEXT("-ERR '\0'\r\n"), TEXT("-ERR '\0'\r\n")},
    {write_integers,
     TEXT(":0\r\n:1\r\n:-1\r\n:9\r\n:10\r\n:-10\r\n:1000\r\n:123456\r\n:-1234567\r\n"
          ":9223372036854775807\r\n:-9223372036854775808\r\n"),
     TEXT(":0\r\n:1\r\n:-1\r\n:9\r\n:10\r\n:-10\r\n:1000\r\n:123456\r\n:-1234567\r\n"
          ":9223372036854775807\r\n:-9223372036854775808\r\n")},
    {write_bulk, TEXT("$5\r\na\r\n\0b\r\n$0\r\n\r\n$0\r\n\r\n$10\r\n0123456789\r\n"),
     TEXT("$5\r\na\r\n\0b\r\n$0\r\n\r\n$0\r\n\r\n$10\r\n0123456789\r\n")},
    {write_bulk_text, TEXT("$5\r\nhello\r\n$0\r\n\r\n"), TEXT("$5\r\nhello\r\n$0\r\n\r\n")},
    {write_bulk_integer, TEXT("$1\r\n0\r\n$3\r\n-42\r\n$20\r\n-9223372036854775808\r\n"),
     TEXT("$1\r\n0\r\n$3\r\n-42\r\n$20\r\n-9223372036854775808\r\n")},
    {write_bulk_header, TEXT("$0\r\n$9\r\n$536870912\r\n"), TEXT("$0\r\n$9\r\n$536870912\r\n")},
    {write_null, TEXT("$-1\r\n"), TEXT("_\r\n")},
    {write_null_array, TEXT("*-1\r\n"), TEXT("_\r\n")},
    {write_array, TEXT("*0\r\n*1048576\r\n"), TEXT("*0\r\n*1048576\r\n")},
    {write_map, TEXT("*0\r\n*14\r\n"), TEXT("%0\r\n%7\r\n")},
    {write_set, TEXT("*12\r\n"), TEXT("~12\r\n")},
    {write_push, TEXT("*3\r\n"), TEXT(">3\r\n")},
    {write_bool, TEXT(":1\r\n:0\r\n"), TEXT("#t\r\n#f\r\n")},
    {write_double,
     TEXT("$1\r\n0\r\n$2\r\n-0\r\n$1\r\n1\r\n$18\r\n3.1000000000000001\r\n$3\r\ninf\r\n"
          "$4\r\n-inf\r\n$3\r\nnan\r\n$6\r\n1e+100\r\n$24\r\n-1.7976931348623157e+308\r\n"),
     TEXT(",0\r\n,-0\r\n,1\r\n,3.1000000000000001\r\n,inf\r\n,-inf\r\n,nan\r\n,1e+100\r\n"
          ",-1.7976931348623157e+308\r\n")},
    {write_verbatim, TEXT("$10\r\nsome\r\ntext\r\n$0\r\n\r\n"),
     TEXT("=14\r\ntxt:some\r\ntext\r\n=4\r\nmkd:\r\n")},
};

#define REPLIES (sizeof(replies) / sizeof(replies[0]))

static void expect(const struct resp_writer *writer, const struct source *source,
                   const void *expected, size_t expected_length, const char *what, size_t number)
{
    size_t length;
    uint8_t *all = joined(writer, source, &length);
    cr_assert(length == expected_length && memcmp(all, expected, length) == 0,
              "%s %zu, pieces of %zu: %.*s", what, number, source->piece_bytes, (int)length,
              (const char *)all);
    cr_assert_not(writer->overflow);
    free(all);
}

Test(resp_writer, each_reply_at_each_place_in_a_piece)
{
    for (uint8_t version = 2; version <= 3; version++) {
        for (size_t reply = 0; reply < REPLIES; reply++) {
            const char *wanted = version == 2 ? replies[reply].resp2 : replies[reply].resp3;
            const size_t wanted_length =
                version == 2 ? replies[reply].resp2_length : replies[reply].resp3_length;
            for (size_t before = 0; before <= 130; before++) {
                struct source source;
                struct resp_writer writer;
                start(&writer, &source, version, 64, PIECES_MAX);
                char expected[1000];
                memset(expected, 'p', before);
                memcpy(expected + before, wanted, wanted_length);
                resp_write(&writer, expected, before);
                replies[reply].write(&writer);
                expect(&writer, &source, expected, before + wanted_length, "reply", reply);
                end(&source);
            }
        }
    }
}

Test(resp_writer, all_replies_through_pieces_of_every_size)
{
    for (uint8_t version = 2; version <= 3; version++) {
        static char expected[10000];
        size_t expected_length = 0;
        for (size_t round = 0; round < 4; round++) {
            for (size_t reply = 0; reply < REPLIES; reply++) {
                const size_t part =
                    version == 2 ? replies[reply].resp2_length : replies[reply].resp3_length;
                memcpy(expected + expected_length,
                       version == 2 ? replies[reply].resp2 : replies[reply].resp3, part);
                expected_length += part;
            }
            expected_length += (size_t)sprintf(expected + expected_length, "$1234\r\n");
            memset(expected + expected_length, 'x', 1234);
            memcpy(expected + expected_length + 1234, "\r\n", 2);
            expected_length += 1236;
        }
        for (size_t piece = 64; piece < 1500; piece++) {
            struct source source;
            struct resp_writer writer;
            start(&writer, &source, version, piece, PIECES_MAX);
            for (size_t round = 0; round < 4; round++) {
                for (size_t reply = 0; reply < REPLIES; reply++)
                    replies[reply].write(&writer);
                write_long_bulk(&writer);
            }
            expect(&writer, &source, expected, expected_length, "version", version);
            end(&source);
        }
    }
}

Test(resp_writer, raw_bytes_of_every_length)
{
    uint8_t bytes[600];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7 + 1);
    for (size_t piece = 64; piece <= 600; piece += 67) {
        for (size_t length = 0; length <= sizeof(bytes); length++) {
            // A block of exactly this length, and bytes beside the target that must stay.
            uint8_t *from = malloc(length + (length == 0));
            memcpy(from, bytes, length);
            struct source source;
            struct resp_writer writer;
            start(&writer, &source, 2, piece, PIECES_MAX);
            resp_write(&writer, from, length);
            expect(&writer, &source, bytes, length, "length", length);
            resp_write(&writer, "!", 1);
            end(&source);
            free(from);
        }
    }
}

Test(resp_writer, writes_nothing_behind_its_bytes)
{
    for (size_t length = 0; length <= 70; length++) {
        uint8_t piece[128], bytes[70];
        memset(piece, '#', sizeof(piece));
        memset(bytes, 'b', sizeof(bytes));
        struct resp_writer writer = {
            .cursor = piece, .end = piece + sizeof(piece), .more = source_more, .version = 2};
        resp_write(&writer, bytes, length);
        cr_assert_eq(writer.cursor, piece + length);
        for (size_t i = 0; i < sizeof(piece); i++)
            cr_assert_eq(piece[i], i < length ? 'b' : '#');
    }
}

Test(resp_writer, errors_are_cut_at_one_kibibyte)
{
    memset(long_text, 'e', sizeof(long_text));
    const size_t lengths[] = {1023, 1024, 1025, 2999};
    for (size_t i = 0; i < 4; i++) {
        struct source source;
        struct resp_writer writer;
        start(&writer, &source, 3, 64, PIECES_MAX);
        resp_errorf(&writer, "%.*s", (int)lengths[i], long_text);
        const size_t kept = lengths[i] < 1024 ? lengths[i] : 1024;
        char expected[1100];
        expected[0] = '-';
        memset(expected + 1, 'e', kept);
        memcpy(expected + 1 + kept, "\r\n", 2);
        expect(&writer, &source, expected, kept + 3, "length", lengths[i]);
        end(&source);
    }
}

// Whatever the memory, what was written before it ended is the start of the whole reply, later
// writes do nothing, and memory is asked for in vain only once.
Test(resp_writer, memory_that_ends)
{
    for (size_t pieces = 0; pieces < 40; pieces++) {
        struct source whole_source, source;
        struct resp_writer whole, writer;
        start(&whole, &whole_source, 3, 64, PIECES_MAX);
        start(&writer, &source, 3, 64, pieces);
        for (size_t reply = 0; reply < REPLIES; reply++) {
            replies[reply].write(&whole);
            replies[reply].write(&writer);
        }
        write_long_bulk(&whole);
        write_long_bulk(&writer);
        size_t whole_length, length;
        uint8_t *all = joined(&whole, &whole_source, &whole_length);
        uint8_t *part = joined(&writer, &source, &length);
        cr_assert_eq(writer.overflow, pieces * 64 < whole_length);
        cr_assert_eq(length, writer.overflow ? pieces * 64 : whole_length);
        cr_assert(memcmp(all, part, length) == 0);
        cr_assert_eq(source.asked_in_vain, writer.overflow ? 1 : 0);
        if (writer.overflow) {
            uint8_t *cursor = writer.cursor;
            for (size_t reply = 0; reply < REPLIES; reply++)
                replies[reply].write(&writer);
            cr_assert(writer.cursor == cursor && writer.overflow);
            cr_assert_eq(source.asked_in_vain, 1);
        }
        free(all);
        free(part);
        end(&source);
        end(&whole_source);
    }
}

Test(resp_writer, a_piece_that_is_filled_to_the_last_byte_asks_for_none)
{
    struct source source;
    struct resp_writer writer;
    start(&writer, &source, 2, 64, 1);
    resp_bulk(&writer, long_text, 57); // "$57\r\n" and "\r\n" make it 64
    cr_assert_eq(writer.cursor, writer.end);
    cr_assert_not(writer.overflow);
    cr_assert_eq(source.asked_in_vain, 0);
    resp_null(&writer);
    cr_assert(writer.overflow);
    end(&source);
}
