// LZF: what Redis has packed is unpacked, so is all that a packer can write; damage is noticed or
// harmless.
#include "protocol/lzf.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define PACKED_MAX 200000

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return *state >> 33;
}

// Unpacks into memory that is exactly as long, so that a sanitizer sees what is too much.
static bool unpacks(const uint8_t *packed, size_t packed_length, const uint8_t *expected,
                    size_t length)
{
    uint8_t *from = malloc(packed_length + (packed_length == 0));
    uint8_t *to = malloc(length + (length == 0));
    memcpy(from, packed, packed_length);
    bool unpacked = lzf_unpack(from, packed_length, to, length);
    bool same = unpacked && (expected == NULL || memcmp(to, expected, length) == 0);
    free(from);
    free(to);
    return same;
}

// Packs by chance: literals and repetitions of any length that the format has, overlapping or not.
static size_t pack(uint64_t *random, uint8_t *packed, uint8_t *bytes, size_t *length)
{
    size_t in = 0;
    size_t out = 0;
    for (uint64_t steps = next_random(random) % 200; steps > 0; steps--) {
        if (out == 0 || next_random(random) % 2) {
            size_t count = next_random(random) % 32 + 1;
            packed[in++] = (uint8_t)(count - 1);
            for (size_t i = 0; i < count; i++)
                packed[in++] = bytes[out++] = (uint8_t)next_random(random);
            continue;
        }
        size_t count =
            next_random(random) % 2 ? next_random(random) % 6 + 3 : next_random(random) % 256 + 9;
        size_t back = next_random(random) % (out < 8192 ? out : 8192) + 1;
        size_t code = count - 2 < 7 ? count - 2 : 7;
        packed[in++] = (uint8_t)(code << 5 | (back - 1) >> 8);
        if (code == 7)
            packed[in++] = (uint8_t)(count - 9);
        packed[in++] = (uint8_t)(back - 1);
        for (size_t i = 0; i < count; i++, out++)
            bytes[out] = bytes[out - back];
    }
    *length = out;
    return in;
}

Test(lzf, what_redis_packs)
{
    uint8_t bytes[120];
    memset(bytes, 'a', 100);
    cr_assert(unpacks((const uint8_t *)"\x01\x61\x61\xe0\x57\x00\x01\x61\x61", 9, bytes, 100));
    for (size_t i = 0; i < 120; i++)
        bytes[i] = "abc"[i % 3];
    cr_assert(
        unpacks((const uint8_t *)"\x03\x61\x62\x63\x61\xe0\x69\x02\x01\x62\x63", 11, bytes, 120));
    cr_assert(unpacks((const uint8_t *)"", 0, bytes, 0));
}

Test(lzf, everything_that_can_be_packed)
{
    static uint8_t packed[PACKED_MAX];
    static uint8_t bytes[PACKED_MAX];
    uint64_t random = 5;
    size_t most = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        size_t length;
        size_t packed_length = pack(&random, packed, bytes, &length);
        cr_assert(unpacks(packed, packed_length, bytes, length));
        cr_assert_leq(length, packed_length * LZF_RATIO_MAX);
        most = length > most ? length : most;
        // Of another length than is said, or cut.
        cr_assert_not(unpacks(packed, packed_length, NULL, length + 1));
        if (length > 0)
            cr_assert_not(unpacks(packed, packed_length, NULL, length - 1));
        if (packed_length > 0)
            cr_assert_not(unpacks(packed, next_random(&random) % packed_length, NULL, length));
    }
    cr_assert_gt(most, 5000);
}

Test(lzf, repetitions_stay_within_what_there_is)
{
    cr_assert_not(unpacks((const uint8_t *)"\x20\x00", 2, NULL, 3)); // nothing to repeat yet
    cr_assert(unpacks((const uint8_t *)"\x00z\x20\x00", 4, (const uint8_t *)"zzzz", 4));
    cr_assert_not(unpacks((const uint8_t *)"\x00z\x20\x01", 4, NULL, 4)); // before the start
    cr_assert_not(unpacks((const uint8_t *)"\x00z\x3f\xff", 4, NULL, 4));
    cr_assert_not(unpacks((const uint8_t *)"\x00z\xe0", 3, NULL, 10)); // cut in a step
    cr_assert_not(unpacks((const uint8_t *)"\x00z\xe0\x00", 4, NULL, 10));
    cr_assert(unpacks((const uint8_t *)"\x00z\xe0\x00\x00", 5, (const uint8_t *)"zzzzzzzzzz", 10));
    cr_assert_not(unpacks((const uint8_t *)"\x1f", 1, NULL, 32));
}

// Whatever is flipped, nothing outside is read or written.
Test(lzf, damage_is_harmless)
{
    static uint8_t packed[PACKED_MAX];
    static uint8_t bytes[PACKED_MAX];
    uint64_t random = 6;
    uint32_t noticed = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        size_t length;
        size_t packed_length = pack(&random, packed, bytes, &length);
        if (packed_length == 0)
            continue;
        packed[next_random(&random) % packed_length] ^= (uint8_t)(1 << next_random(&random) % 8);
        noticed += !unpacks(packed, packed_length, bytes, length);
    }
    cr_assert_gt(noticed, 15000);
}
