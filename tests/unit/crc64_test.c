// CRC-64: the known answer, a bit-by-bit model, and pieces that add up.
#include "protocol/crc64.h"

#include <criterion/criterion.h>

static uint64_t model(uint64_t crc, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (crc >> 1) ^ 0x95ac9329ac4bc9b5 : crc >> 1;
    }
    return crc;
}

Test(crc64, known_answers)
{
    cr_assert_eq(crc64(0, "123456789", 9), 0xe9c6d914c4b8d9ca);
    cr_assert_eq(crc64(0, NULL, 0), 0);
    cr_assert_eq(crc64(77, "", 0), 77);
}

// Around the lengths at which another way is taken.
Test(crc64, every_length_like_the_model)
{
    static uint8_t bytes[20000];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * i / 7 + i);
    static const size_t lengths[] = {1, 2, 7, 8, 9, 100, 4095, 4096, 4097, 4103, 4104, 8191, 19990};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        for (size_t offset = 0; offset < 10; offset++)
            cr_assert_eq(crc64(offset, bytes + offset, lengths[i]),
                         model(offset, bytes + offset, lengths[i]));
    }
}

Test(crc64, pieces_add_up)
{
    static uint8_t bytes[20000];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 31 + i / 256);
    uint64_t whole = crc64(0, bytes, sizeof(bytes));
    for (size_t cut = 0; cut <= sizeof(bytes); cut += 999)
        cr_assert_eq(crc64(crc64(0, bytes, cut), bytes + cut, sizeof(bytes) - cut), whole);
}
