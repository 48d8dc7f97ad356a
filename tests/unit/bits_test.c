// Bits of values against the plain way, one bit at a time; and digests.
#include "storage/bits.h"
#include "storage/digest.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_MAX 900

static uint8_t bytes[LENGTH_MAX + 16];
static uint8_t others[LENGTH_MAX + 16];
static uint8_t result[LENGTH_MAX + 16];

static bool bit_at(const uint8_t *from, uint64_t place)
{
    return from[place / 8] >> (7 - place % 8) & 1;
}

// Runs of equal bytes, so that words without the wanted bit occur.
static void fill(uint8_t *to, size_t length)
{
    static const uint8_t usual[] = {0, 0, 0, 0xff, 0xff, 0x80, 0x01, 0x7f, 0xfe};
    size_t at = 0;
    while (at < length) {
        size_t run = (size_t)(rand() % 90) + 1;
        int kind = rand() % 10;
        for (; run > 0 && at < length; run--)
            to[at++] = kind == 9 ? (uint8_t)rand() : usual[kind];
    }
}

static size_t some_length(void)
{
    return (size_t)(rand() % 3 == 0 ? rand() % LENGTH_MAX : rand() % 70);
}

Test(bits, counted_and_found_as_one_by_one)
{
    srand(1);
    for (int round = 0; round < 20000; round++) {
        size_t length = some_length();
        const uint8_t *from = bytes + rand() % 16;
        fill(bytes, sizeof(bytes));
        uint64_t set = 0;
        uint64_t found[2] = {length * 8, length * 8};
        for (uint64_t i = length * 8; i-- > 0;) {
            set += bit_at(from, i);
            found[bit_at(from, i)] = i;
        }
        cr_assert_eq(bits_count(from, length), set);
        cr_assert_eq(bits_find(from, length, false), found[0]);
        cr_assert_eq(bits_find(from, length, true), found[1]);
    }
}

Test(bits, between_two_places)
{
    srand(2);
    for (int round = 0; round < 20000; round++) {
        size_t length = some_length() + 1;
        fill(bytes, sizeof(bytes));
        uint64_t first = (uint64_t)rand() % (length * 8);
        uint64_t last = first + (uint64_t)rand() % (length * 8 - first);
        uint64_t set = 0;
        uint64_t found[2] = {last + 1, last + 1};
        for (uint64_t i = last + 1; i-- > first;) {
            set += bit_at(bytes, i);
            found[bit_at(bytes, i)] = i;
        }
        cr_assert_eq(bits_count_between(bytes, first, last), set);
        cr_assert_eq(bits_find_between(bytes, first, last, false), found[0]);
        cr_assert_eq(bits_find_between(bytes, first, last, true), found[1]);
    }
}

Test(bits, combined_byte_by_byte)
{
    srand(3);
    for (int round = 0; round < 5000; round++) {
        size_t length = some_length();
        const uint8_t *a = bytes + rand() % 16;
        const uint8_t *b = others + rand() % 16;
        fill(bytes, sizeof(bytes));
        fill(others, sizeof(others));
        memset(result, 0x55, sizeof(result));
        for (int operation = BITS_AND; operation <= BITS_XOR; operation++) {
            bits_combine((enum bits_operation)operation, result, a, b, length);
            for (size_t i = 0; i < length; i++) {
                uint8_t expected[] = {a[i] & b[i], a[i] | b[i], a[i] ^ b[i]};
                cr_assert_eq(result[i], expected[operation]);
            }
        }
        bits_invert(result, a, length);
        for (size_t i = 0; i < length; i++)
            cr_assert_eq(result[i], (uint8_t)~a[i]);
        for (size_t i = length; i < sizeof(result); i++)
            cr_assert_eq(result[i], 0x55);
        // In place.
        memcpy(result, a, length);
        bits_combine(BITS_XOR, result, result, b, length);
        bits_combine(BITS_XOR, result, b, result, length);
        cr_assert_eq(memcmp(result, a, length), 0);
    }
}

Test(bits, numbers_of_any_width)
{
    srand(4);
    for (int round = 0; round < 50000; round++) {
        size_t length = (size_t)rand() % 24;
        uint32_t width = (uint32_t)(rand() % BITS_NUMBER_MAX) + 1;
        uint64_t offset = (uint64_t)rand() % 200;
        fill(bytes, sizeof(bytes));
        memset(bytes + length, 0, sizeof(bytes) - length);
        uint64_t expected = 0;
        for (uint32_t i = 0; i < width; i++)
            expected = expected << 1 | bit_at(bytes, offset + i);
        cr_assert_eq(bits_read(bytes, length, offset, width), expected);

        uint64_t number = ((uint64_t)rand() << 42) ^ ((uint64_t)rand() << 21) ^ (uint64_t)rand();
        memcpy(others, bytes, sizeof(bytes));
        uint8_t window[BITS_WINDOW_MAX];
        memcpy(window, others + offset / 8, bits_window(offset, width));
        bits_write(window, offset, width, number);
        memcpy(others + offset / 8, window, bits_window(offset, width));
        for (uint64_t i = 0; i < sizeof(others) * 8; i++) {
            bool inside = i >= offset && i < offset + width;
            bool bit = inside ? number >> (offset + width - 1 - i) & 1 : bit_at(bytes, i);
            cr_assert_eq(bit_at(others, i), bit, "bit %lu of %u at %lu", i, width, offset);
        }
    }
}

// Examples from the documentation of Redis and the questions of its users.
Test(bits, digests)
{
    static const char padded[] = "v8lf0c11xh8ymlqztfd3eeq16kfn4sspw7fqmnuuq3k3t75em5wdizgcdw7uc26nn"
                                 "f961u2jkfzkjytls2kwlj7626sd";
    cr_assert_eq(digest_of("", 0), 0x2d06800538d394c2);
    cr_assert_eq(digest_of("hello", 5), 0x9555e8555c62dcfd);
    cr_assert_eq(digest_of("Hello world", 11), 0xb6acb9d84a38ff74);
    cr_assert_eq(digest_of(padded, sizeof(padded) - 1), 0x00006c38adf31777);
}
