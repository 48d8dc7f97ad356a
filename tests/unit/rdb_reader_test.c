// Snapshots: every part of the format is read or passed over, in pieces of every size; what the
// writer writes is read again; damage is noticed.
#include "protocol/rdb_reader.h"

#include "protocol/crc64.h"
#include "protocol/rdb_writer.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 4096

// What was told, as text: one line for each event, strings put together.
struct told {
    char text[TEXT_MAX];
    size_t used;
    struct rdb_reader *reader;
    bool in_string;
    enum rdb_event_kind end; // END, BAD, or MORE
};

static void tell(struct told *told, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    told->used +=
        (size_t)vsnprintf(told->text + told->used, TEXT_MAX - told->used, format, arguments);
    va_end(arguments);
    cr_assert_lt(told->used, TEXT_MAX);
}

static void tell_event(struct told *told, const struct rdb_event *event)
{
    switch (event->kind) {
    case RDB_EVENT_BEGIN:
        tell(told, "version %llu;", (unsigned long long)event->number);
        return;
    case RDB_EVENT_DATABASE:
        tell(told, "db %llu;", (unsigned long long)event->number);
        return;
    case RDB_EVENT_TEXT:
        cr_assert(event->count > 0 || (event->length == 0 && event->last));
        if (event->offset == 0)
            tell(told, "%c%llu:", event->step, (unsigned long long)event->length);
        if (event->offset == 0 && event->step == RDB_STEP_KEY && event->expires)
            tell(told, "<%lld>", (long long)event->expiry_ms);
        tell(told, "%.*s%s", (int)event->count, (const char *)event->bytes, event->last ? ";" : "");
        return;
    case RDB_EVENT_PASSED:
        tell(told, "%s;", event->type_name);
        return;
    case RDB_EVENT_META:
        tell(told, "meta;");
        return;
    case RDB_EVENT_MODULE: {
        char name[RDB_MODULE_NAME_BYTES];
        rdb_module_name(name, event->number);
        tell(told, "module %s;", name);
        return;
    }
    case RDB_EVENT_END:
        tell(told, "end %llu;", (unsigned long long)event->number);
        return;
    case RDB_EVENT_MORE:
    case RDB_EVENT_BAD:
        return;
    }
}

// Reads bytes in pieces of `step` from memory that is exactly as long.
static void read_pieces(struct told *told, const uint8_t *bytes, size_t length, size_t step)
{
    struct rdb_reader *reader = malloc(sizeof(*reader));
    struct rdb_event event;
    uint64_t offset;
    uint64_t part;
    memset(reader, 0xa5, sizeof(*reader));
    rdb_reader_create(reader);
    told->used = 0;
    told->text[0] = 0;
    enum rdb_event_kind kind = RDB_EVENT_MORE;
    for (size_t at = 0; at < length && kind == RDB_EVENT_MORE; at += step) {
        size_t count = length - at < step ? length - at : step;
        uint8_t *copy = malloc(count);
        memcpy(copy, bytes + at, count);
        rdb_reader_give(reader, copy, count);
        while ((kind = rdb_reader_next(reader, &event)) != RDB_EVENT_MORE && kind != RDB_EVENT_BAD)
            tell_event(told, &event);
        free(copy);
    }
    bool whole = kind == RDB_EVENT_MORE && rdb_reader_finish(reader);
    told->end = whole ? RDB_EVENT_END : RDB_EVENT_BAD;
    if (!whole) {
        const char *problem = rdb_reader_problem(reader, &offset, &part);
        cr_assert_not_null(problem);
        tell(told, "BAD %s", problem);
    }
    free(reader);
}

static size_t file_make(uint8_t *file, const char *head, const char *body, size_t length)
{
    size_t used = strlen(head);
    memcpy(file, head, used);
    memcpy(file + used, body, length);
    used += length;
    file[used++] = 0xff;
    uint64_t crc = crc64(0, file, used);
    for (int i = 0; i < 8; i++)
        file[used++] = (uint8_t)(crc >> (i * 8));
    return used;
}

static void expect_of(const char *head, const char *body, size_t length, const char *expected)
{
    static struct told told;
    uint8_t file[TEXT_MAX];
    char whole[TEXT_MAX];
    size_t used = file_make(file, head, body, length);
    size_t digits = strcspn(head, "0123456789");
    snprintf(whole, sizeof(whole), "version %d;%send 1;", atoi(head + digits), expected);
    for (size_t step = 1; step <= used; step++) {
        read_pieces(&told, file, used, step);
        cr_assert_str_eq(told.text, whole, "in pieces of %zu: %s instead of %s", step, told.text,
                         whole);
        cr_assert_eq(told.end, RDB_EVENT_END);
    }
    // Cut anywhere it is not whole, and says so; with any byte changed it is not right.
    for (size_t cut = 0; cut < used; cut++) {
        read_pieces(&told, file, cut, used);
        cr_assert_eq(told.end, RDB_EVENT_BAD, "cut at %zu", cut);
    }
    for (size_t at = 0; at < used; at++) {
        for (int bit = 0; bit < 8; bit++) {
            file[at] ^= (uint8_t)(1 << bit);
            read_pieces(&told, file, used, used);
            cr_assert(told.end == RDB_EVENT_BAD, "byte %zu bit %d: %s", at, bit, told.text);
            file[at] ^= (uint8_t)(1 << bit);
        }
    }
}

#define EXPECT(body, expected) expect_of("REDIS0010", body, sizeof(body) - 1, expected)
#define EXPECT_OF(head, body, expected) expect_of(head, body, sizeof(body) - 1, expected)

Test(rdb_reader, nothing)
{
    EXPECT("", "");
}

Test(rdb_reader, strings)
{
    EXPECT("\x00\x01k\x05hello", "k1:k;v5:hello;");
    EXPECT("\x00\x00\x00", "k0:;v0:;");
    EXPECT("\x00\xc0\xfb\xc1\x7f\xff", "k2:-5;v4:-129;");
    EXPECT("\x00\x01k\xc2\x00\x00\x00\x80", "k1:k;v11:-2147483648;");
    EXPECT("\x00\x01k\x40\x05hello", "k1:k;v5:hello;");
    EXPECT("\x00\x01k\x80\x00\x00\x00\x05hello", "k1:k;v5:hello;");
    EXPECT("\x00\x01k\x81\x00\x00\x00\x00\x00\x00\x00\x05hello", "k1:k;v5:hello;");
    EXPECT("\x00\x01k\xc3\x09\x20\x01"
           "aa\xe0\x13\x00\x01"
           "aa\x00\x01j\x01v",
           "k1:k;v32:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;k1:j;v1:v;");
}

Test(rdb_reader, databases_and_expiry)
{
    EXPECT("\xfe\x00\xfb\x01\x01\x00\x01k\x01v", "db 0;k1:k;v1:v;");
    EXPECT("\xfe\x40\x64\xfc\x01\x02\x00\x00\x00\x00\x00\x00\x00\x01k\x01v\x00\x01j\x01v",
           "db 100;k1:<513>k;v1:v;k1:j;v1:v;");
    EXPECT("\xfd\x02\x00\x00\x00\xf8\x05\xf9\x07\x00\x01k\x01v", "k1:<2000>k;v1:v;");
    EXPECT("\xfd\xff\xff\xff\xff\x00\x01k\x01v", "k1:k;v1:v;");
    EXPECT("\xfc\xfe\xff\xff\xff\xff\xff\xff\xff\x00\x01k\x01v", "k1:<-2>k;v1:v;");
    // Of a key that is passed over, and not of the one after it.
    EXPECT("\xfc\x01\x02\x00\x00\x00\x00\x00\x00\x01\x01k\x01\x01v\x00\x01j\x01v",
           "k1:<513>k;list;k1:j;v1:v;");
}

Test(rdb_reader, other_types)
{
    EXPECT("\x01\x01k\x02\x01"
           "a\xc0\x05",
           "k1:k;list;");
    EXPECT("\x02\x01k\x00", "k1:k;set;");
    EXPECT("\x03\x01k\x04\x01"
           "a\x03"
           "1.5\x01"
           "b\xfd\x01"
           "c\xfe\x01"
           "d\xff",
           "k1:k;sorted set;");
    EXPECT("\x04\x01k\x01\x01"
           "f\xc3\x05\x0a\x00"
           "a\xe0\x00\x00",
           "k1:k;hash;");
    EXPECT("\x05\x01k\x01\x01"
           "a12345678",
           "k1:k;sorted set;");
    // Part kinds: signed, unsigned, float, double, string, end. The name: nine letters of six bits.
    EXPECT("\x07\x01k\x81\x00\x10\x83\x10\x51\x87\x20\x01\x01\x05\x02\x41\x00\x03"
           "1234\x04"
           "12345678"
           "\x05\x03"
           "abc\x00",
           "k1:k;module value;");
    EXPECT("\x09\x01k\x01z\x0a\x01k\x01z\x0b\x01k\x01z\x0c\x01k\x01z\x0d\x01k\x01z",
           "k1:k;hash;k1:k;list;k1:k;set;k1:k;sorted set;k1:k;hash;");
    EXPECT("\x0e\x01k\x02\x01z\x01z\x10\x01k\x01z\x11\x01k\x01z\x12\x01k\x02\x01\x01z\x02\x01z"
           "\x14\x01k\x01z",
           "k1:k;list;k1:k;hash;k1:k;sorted set;k1:k;list;k1:k;set;");
}

#define ID "0123456789abcdef"
#define TIME "12345678"

Test(rdb_reader, streams)
{
    EXPECT("\x0f\x01k\x01\x10" ID "\x01z\x05\x06\x07\x00\x00\x01j\x01v", "k1:k;stream;k1:j;v1:v;");
    EXPECT("\x0f\x01k\x00\x05\x06\x07\x02"
           "\x01g\x01\x02\x02" ID TIME "\x01" ID TIME "\x01\x02\x01"
           "c" TIME "\x02" ID ID "\x01"
           "d" TIME "\x00"
           "\x01h\x01\x02\x00\x00",
           "k1:k;stream;");
    EXPECT("\x13\x01k\x01\x10" ID "\x01z\x05\x06\x07\x01\x02\x03\x04\x05\x01"
           "\x01g\x01\x02\x03\x01" ID TIME "\x01\x01\x01"
           "c" TIME "\x01" ID,
           "k1:k;stream;");
    EXPECT("\x15\x01k\x01\x10" ID "\x01z\x05\x06\x07\x01\x02\x03\x04\x05\x01"
           "\x01g\x01\x02\x03\x01" ID TIME "\x01\x01\x01"
           "c" TIME TIME "\x01" ID,
           "k1:k;stream;");
    EXPECT_OF("REDIS0013",
              "\x1a\x01k\x00\x05\x06\x07\x01\x02\x03\x04\x05\x01"
              "\x01g\x01\x02\x03\x00\x01\x01"
              "c" TIME TIME "\x00"
              "\x24\x24\x01\x01p\x01\x02"
              "id\x05\x06\x01\x02",
              "k1:k;stream;");
    EXPECT_OF("REDIS0014",
              "\x1b\x01k\x00\x05\x06\x07\x01\x02\x03\x04\x05\x01"
              "\x01g\x01\x02\x03\x00\x00\x01" ID "\x01\x02\x00\x03\x04",
              "k1:k;stream;");
}

Test(rdb_reader, hashes_with_expiring_fields)
{
    EXPECT_OF("REDIS0012",
              "\x18\x01k" TIME "\x02\x00\x01"
              "f\x01v\x05\x01g\x01v",
              "k1:k;hash;");
    EXPECT_OF("REDIS0012", "\x19\x01k" TIME "\x01z", "k1:k;hash;");
    EXPECT_OF("REDIS0012",
              "\x16\x01k\x01\x00\x01"
              "f\x01v\x17\x01k\x01z",
              "k1:k;hash;k1:k;hash;");
    EXPECT_OF("VALKEY080",
              "\x16\x01k\x01\x01"
              "f\x01v" TIME,
              "k1:k;hash;");
}

Test(rdb_reader, what_is_beside_the_keys)
{
    EXPECT("\xfa\x09redis-ver\x05"
           "7.0.0\xfa\x04"
           "bits\xc0\x40",
           "a9:redis-ver;t5:7.0.0;a4:bits;t2:64;");
    EXPECT("\xf5\x0b#!lua name=", "f11:#!lua name=;");
    EXPECT("\xf7\x81\x00\x10\x83\x10\x51\x87\x20\x01\x02\x01\x05\x02"
           "ab\x00",
           "module ABCDEFGHI;");
    EXPECT("\xf4\x05\x06\x07\x00\x01k\x01v", "k1:k;v1:v;");
    EXPECT_OF("REDIS0013",
              "\xf3\x02"
              "1234\x01\x05\x00"
              "1234\x05\x01"
              "a\x00\x00\x01k\x01v",
              "meta;k1:k;v1:v;");
    EXPECT_OF("VALKEY080", "\xf3\x03job\x02\x01\x02\x03\x04\x00\x01k\x01v", "k1:k;v1:v;");
}

static void refuse(const char *file, size_t length, const char *expected)
{
    static struct told told;
    for (size_t step = 1; step <= length; step++) {
        read_pieces(&told, (const uint8_t *)file, length, step);
        cr_assert_eq(told.end, RDB_EVENT_BAD);
        cr_assert_not_null(strstr(told.text, expected), "%s", told.text);
    }
}
#define REFUSE(file, expected) refuse(file, sizeof(file) - 1, expected)

Test(rdb_reader, what_is_refused)
{
    REFUSE("REDIX0010\xff", "does not begin with REDIS");
    REFUSE("REDIS00x0\xff", "no number");
    REFUSE("REDIS0016\xff", "not known");
    REFUSE("REDIS0000\xff", "not known");
    REFUSE("VALKEY081\xff", "not known");
    REFUSE("REDIS", "too short");
    REFUSE("REDIS0010\x00\x01k", "ends before");
    REFUSE("REDIS0010\x08\x01k", "no such type");
    REFUSE("REDIS0010\x40\x01k", "no such type");
    REFUSE("REDIS0010\x06\x01k", "cannot be read");
    REFUSE("REDIS0014\x1c\x01k", "cannot be read");
    REFUSE("REDIS0010\xf6\x01k", "cannot be read");
    REFUSE("REDIS0010\x00\xc4", "no string");
    REFUSE("REDIS0010\x00\x82xxxx", "no length");
    REFUSE("REDIS0010\xfe\xc0\x01", "no length");
    REFUSE("REDIS0010\x07\x01k\x01\x06", "no known kind");
    REFUSE("REDIS0010\x00\x01k\xc3\x01\x80\x00\x00\x01\x00x", "longer than it can be");
    REFUSE("REDIS0010\x00\x01k\xc3\x03\x01\x01"
           "ab",
           "packed string is damaged");
    REFUSE("REDIS0010\xff\x00\x00\x00\x00\x00\x00\x00\x01", "checksum");
    REFUSE("REDIS0010\xff\x00\x00\x00\x00\x00\x00\x00\x00*", "follows the end");
}

Test(rdb_reader, without_a_checksum)
{
    static struct told told;
    static const uint8_t zero[] = "REDIS0010\x00\x01k\x01v\xff\x00\x00\x00\x00\x00\x00\x00";
    read_pieces(&told, zero, sizeof(zero), 3);
    cr_assert_str_eq(told.text, "version 10;k1:k;v1:v;end 0;");
    static const uint8_t old[] = "REDIS0003\x00\x01k\x01v\xff";
    read_pieces(&told, old, sizeof(old) - 1, 3);
    cr_assert_str_eq(told.text, "version 3;k1:k;v1:v;end 0;");
}

// A packed string that is much longer than the reader's memory, written by hand: literals, then
// repetitions from everywhere in reach.
Test(rdb_reader, long_packed_string)
{
    enum { LENGTH = 1000000 };
    uint8_t *plain = malloc(LENGTH + 300);
    uint8_t *packed = malloc(2 * LENGTH);
    size_t used = 0;
    size_t length = 0;
    uint32_t random = 1;
    while (length < LENGTH) {
        random = random * 1664525 + 1013904223;
        uint32_t count = 3 + (random >> 8) % 262;
        uint32_t back = 1 + (random >> 17) % 8192;
        if (back > length || random % 16 == 0) {
            count = 1 + count % 32;
            packed[used++] = (uint8_t)(count - 1);
            for (uint32_t i = 0; i < count; i++)
                packed[used++] = plain[length++] = (uint8_t)(random >> (i % 24));
            continue;
        }
        if (count - 2 < 7) {
            packed[used++] = (uint8_t)((count - 2) << 5 | (back - 1) >> 8);
        } else {
            packed[used++] = (uint8_t)(7 << 5 | (back - 1) >> 8);
            packed[used++] = (uint8_t)(count - 9);
        }
        packed[used++] = (uint8_t)(back - 1);
        for (uint32_t i = 0; i < count; i++, length++)
            plain[length] = plain[length - back];
    }
    static const size_t steps[] = {1, 7, 4096, 100000, 10000000};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct lzf_stream *stream = malloc(sizeof(*stream));
        lzf_stream_begin(stream, used, length);
        size_t made = 0;
        const uint8_t *at = packed;
        const uint8_t *end = packed;
        for (enum lzf_progress progress = LZF_MORE; progress != LZF_END;) {
            const uint8_t *piece;
            size_t count;
            if (progress == LZF_MORE)
                end = at + (used - (size_t)(at - packed) < steps[i] ? used - (size_t)(at - packed)
                                                                    : steps[i]);
            progress = lzf_stream_next(stream, &at, end, &piece, &count);
            cr_assert_neq(progress, LZF_BAD);
            if (progress == LZF_MORE)
                continue;
            cr_assert_leq(made + count, length);
            cr_assert_eq(memcmp(piece, plain + made, count), 0);
            made += count;
        }
        cr_assert_eq(made, length);
        free(stream);
    }
    free(plain);
    free(packed);
}

// --- the writer ------------------------------------------------------------------------------

static size_t put(uint8_t *file, size_t used, struct rdb_writer *writer)
{
    bool done;
    do {
        done = rdb_writer_fill(writer);
        const uint8_t *bytes;
        size_t count = rdb_writer_output(writer, &bytes);
        memcpy(file + used, bytes, count);
        used += count;
    } while (!done);
    return used;
}

Test(rdb_writer, what_it_writes_is_read)
{
    static struct told told;
    static uint8_t file[TEXT_MAX];
    uint8_t buffer[100];
    for (size_t capacity = 1; capacity <= sizeof(buffer); capacity++) {
        struct rdb_writer writer;
        rdb_writer_create(&writer, buffer, capacity);
        size_t used = 0;
        rdb_writer_begin(&writer);
        used = put(file, used, &writer);
        rdb_writer_aux(&writer, "redis-ver", "7.0.15");
        used = put(file, used, &writer);
        rdb_writer_database(&writer, 15, 100, 1ULL << 40);
        used = put(file, used, &writer);
        rdb_writer_string(&writer, (const uint8_t *)"", 0, (const uint8_t *)"", 0, 0);
        used = put(file, used, &writer);
        rdb_writer_string(&writer, (const uint8_t *)"12", 2, (const uint8_t *)"-70000", 6, 513);
        used = put(file, used, &writer);
        rdb_writer_string(&writer, (const uint8_t *)"key", 3, (const uint8_t *)"012", 3, -2);
        used = put(file, used, &writer);
        rdb_writer_end(&writer);
        used = put(file, used, &writer);
        read_pieces(&told, file, used, used);
        cr_assert_str_eq(told.text, "version 9;a9:redis-ver;t6:7.0.15;db 15;k0:;v0:;k2:<513>12;"
                                    "v6:-70000;k3:<-2>key;v3:012;end 1;");
    }
}
