// Strings in dumps: what Redis writes is read, what is written is what Redis writes, damage is
// noticed.
#include "protocol/rdb_string.h"

#include "protocol/crc64.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(text) (const uint8_t *)(text), sizeof(text) - 1

// Decodes from memory that is exactly as long, so that a sanitizer sees a read beyond it.
static int64_t decode(const uint8_t *from, size_t available, struct rdb_string *string,
                      uint8_t **copy)
{
    *copy = malloc(available + (available == 0));
    memcpy(*copy, from, available);
    return rdb_string_decode(*copy, available, string);
}

static void expect(const uint8_t *from, size_t available, enum rdb_string_form form,
                   const uint8_t *value, size_t length)
{
    struct rdb_string string;
    uint8_t *copy;
    cr_assert_eq(decode(from, available, &string, &copy), available);
    cr_assert_eq(string.form, form);
    cr_assert_eq(string.length, length);
    uint8_t *to = malloc(length + (length == 0));
    cr_assert(rdb_string_unpack(&string, to));
    cr_assert_eq(memcmp(to, value, length), 0);
    free(to);
    free(copy);
    // Cut anywhere it is not complete.
    for (size_t cut = 0; cut < available && cut < 40; cut++) {
        cr_assert_eq(decode(from, cut, &string, &copy), -EAGAIN, "cut at %zu", cut);
        free(copy);
    }
}

static void refuse(const uint8_t *from, size_t available)
{
    struct rdb_string string;
    uint8_t *copy;
    cr_assert_eq(decode(from, available, &string, &copy), -EBADMSG);
    free(copy);
}

Test(rdb_string, every_form)
{
    expect(TEXT("\x00"), RDB_STRING_PLAIN, TEXT(""));
    expect(TEXT("\x05hello"), RDB_STRING_PLAIN, TEXT("hello"));
    expect(TEXT("\x40\x05hello"), RDB_STRING_PLAIN, TEXT("hello"));
    expect(TEXT("\x80\x00\x00\x00\x05hello"), RDB_STRING_PLAIN, TEXT("hello"));
    expect(TEXT("\x81\x00\x00\x00\x00\x00\x00\x00\x05hello"), RDB_STRING_PLAIN, TEXT("hello"));
    expect(TEXT("\xc0\xfb"), RDB_STRING_INTEGER, TEXT("-5"));
    expect(TEXT("\xc0\x7f"), RDB_STRING_INTEGER, TEXT("127"));
    expect(TEXT("\xc1\x7f\xff"), RDB_STRING_INTEGER, TEXT("-129"));
    expect(TEXT("\xc2\x70\x11\x01\x00"), RDB_STRING_INTEGER, TEXT("70000"));
    expect(TEXT("\xc2\x00\x00\x00\x80"), RDB_STRING_INTEGER, TEXT("-2147483648"));
    uint8_t bytes[100];
    memset(bytes, 'a', sizeof(bytes));
    expect(TEXT("\xc3\x09\x40\x64\x01\x61\x61\xe0\x57\x00\x01\x61\x61"), RDB_STRING_PACKED, bytes,
           sizeof(bytes));
}

Test(rdb_string, what_never_is_a_string)
{
    refuse(TEXT("\x82\x00\x00\x00\x01x"));
    refuse(TEXT("\xbf"));
    refuse(TEXT("\xc4"));
    refuse(TEXT("\xff"));
    refuse(TEXT("\x81\xff\xff\xff\xff\xff\xff\xff\xff"));
    refuse(TEXT("\xc3\xc0\x01"));
    refuse(TEXT("\xc3\x01\xc0"));
    refuse(TEXT("\xc3\x82"));
    refuse(TEXT("\xc3\x01\x82"));
    // More than so many packed bytes can become.
    refuse(TEXT("\xc3\x02\x81\xff\xff\xff\xff\xff\xff\xff\xff\x20\x00"));
    refuse(TEXT("\xc3\x02\x41\x08\x20\x00"));
}

// A length that fits, of packed bytes that do not lead to it.
Test(rdb_string, damaged_packed_bytes)
{
    struct rdb_string string;
    uint8_t to[200];
    const uint8_t damaged[] = "\xc3\x09\x40\x65\x01\x61\x61\xe0\x57\x00\x01\x61\x61";
    cr_assert_eq(rdb_string_decode(damaged, sizeof(damaged) - 1, &string), sizeof(damaged) - 1);
    cr_assert_eq(string.length, 101);
    cr_assert_not(rdb_string_unpack(&string, to));
}

static void write_and_read(const uint8_t *value, uint32_t length, const char *head_expected,
                           size_t head_length, bool whole_expected)
{
    uint8_t *bytes = malloc((size_t)length + RDB_STRING_HEAD_MAX);
    bool whole;
    size_t head = rdb_string_begin(bytes, value, length, &whole);
    cr_assert_eq(head, head_length);
    cr_assert_eq(memcmp(bytes, head_expected, head), 0);
    cr_assert_eq(whole, whole_expected);
    if (!whole)
        memcpy(bytes + head, value, length);
    expect(bytes, head + (whole ? 0 : length), whole ? RDB_STRING_INTEGER : RDB_STRING_PLAIN, value,
           length);
    free(bytes);
}

Test(rdb_string, written_as_redis_writes_it)
{
    static uint8_t bytes[70000];
    memset(bytes, 'w', sizeof(bytes));
    write_and_read(TEXT(""), "\x00", 1, false);
    write_and_read(TEXT("hello"), "\x05", 1, false);
    write_and_read(bytes, 63, "\x3f", 1, false);
    write_and_read(bytes, 64, "\x40\x40", 2, false);
    write_and_read(bytes, 16383, "\x7f\xff", 2, false);
    write_and_read(bytes, 16384, "\x80\x00\x00\x40\x00", 5, false);
    write_and_read(bytes, 70000, "\x80\x00\x01\x11\x70", 5, false);
    write_and_read(TEXT("0"), "\xc0\x00", 2, true);
    write_and_read(TEXT("-128"), "\xc0\x80", 2, true);
    write_and_read(TEXT("128"), "\xc1\x80\x00", 3, true);
    write_and_read(TEXT("-32768"), "\xc1\x00\x80", 3, true);
    write_and_read(TEXT("32768"), "\xc2\x00\x80\x00\x00", 5, true);
    write_and_read(TEXT("2147483647"), "\xc2\xff\xff\xff\x7f", 5, true);
    write_and_read(TEXT("-2147483648"), "\xc2\x00\x00\x00\x80", 5, true);
    write_and_read(TEXT("2147483648"), "\x0a", 1, false);
    write_and_read(TEXT("-2147483649"), "\x0b", 1, false);
    write_and_read(TEXT("01"), "\x02", 1, false);
    write_and_read(TEXT("-0"), "\x02", 1, false);
    write_and_read(TEXT("+1"), "\x02", 1, false);
    write_and_read(TEXT("1 "), "\x02", 1, false);
}

// Dumps of redis-server 7.0, and of other versions.
Test(rdb_string, footers)
{
    const uint8_t hello[] = "\x00\x05hello\x0a\x00\x63\x72\xdf\x76\x65\x34\x20\x0a";
    size_t length;
    cr_assert(rdb_footer_check(hello, sizeof(hello) - 1, &length));
    cr_assert_eq(length, 7);
    uint8_t footer[RDB_FOOTER_BYTES];
    rdb_footer_encode(footer, crc64(0, hello, 7));
    cr_assert_eq(memcmp(footer, hello + 7, sizeof(footer)), 0);
    const uint8_t old[] = "\x00\xc0{\x06\x00\xde\x0f;a\xf5/[*"; // version 6
    cr_assert(rdb_footer_check(old, sizeof(old) - 1, &length));
    const uint8_t new[] = "\x00\xc0\x01\x0b\x00O\xa7Z\xc5,\x9e\xf8u"; // version 11
    cr_assert(rdb_footer_check(new, sizeof(new) - 1, &length));
    const uint8_t newer[] = "\x00\xc0{\x0c\x00\x83\x94g!\xfaP\xf9\xf0"; // version 12
    cr_assert(rdb_footer_check(newer, sizeof(newer) - 1, &length));
}

Test(rdb_string, versions)
{
    for (uint32_t version = 0; version < 300; version++) {
        uint8_t dump[12] = {RDB_TYPE_STRING, 0, (uint8_t)version, (uint8_t)(version >> 8)};
        uint64_t crc = crc64(0, dump, 4);
        memcpy(dump + 4, &crc, 8);
        size_t length;
        cr_assert_eq(rdb_footer_check(dump, sizeof(dump), &length),
                     version <= RDB_VERSION_MAX || version == RDB_VERSION_VALKEY);
    }
}

// Every bit counts, and so does every byte.
Test(rdb_string, damaged_footers)
{
    const uint8_t hello[] = "\x00\x05hello\x0a\x00\x63\x72\xdf\x76\x65\x34\x20\x0a";
    size_t length;
    for (size_t bit = 0; bit < (sizeof(hello) - 1) * 8; bit++) {
        uint8_t damaged[sizeof(hello)];
        memcpy(damaged, hello, sizeof(hello));
        damaged[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_not(rdb_footer_check(damaged, sizeof(hello) - 1, &length));
    }
    for (size_t cut = 0; cut < sizeof(hello) - 1; cut++)
        cr_assert_not(rdb_footer_check(hello, cut, &length));
}
