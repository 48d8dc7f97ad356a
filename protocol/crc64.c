// CRC-64 as Redis puts it behind its dumps: the polynomial of D. T. Jones, reflected, not inverted.
#include "protocol/crc64.h"

#include <string.h>

// What four bits become that are shifted out.
static const uint64_t nibbles[16] = {
    0x0000000000000000, 0x7d08ff3b88be6f81, 0xfa11fe77117cdf02, 0x8719014c99c2b083,
    0xdf7adabd7a6e2d6f, 0xa2722586f2d042ee, 0x256b24ca6b12f26d, 0x5863dbf1e3ac9dec,
    0x95ac9329ac4bc9b5, 0xe8a46c1224f5a634, 0x6fbd6d5ebd3716b7, 0x12b5926535897936,
    0x4ad64994d625e4da, 0x37deb6af5e9b8b5b, 0xb0c7b7e3c7593bd8, 0xcdcf48d84fe75459,
};

// From this length on it pays to make larger tables, for eight bytes at once: that takes some
// microseconds.
#define LONG_BYTES 4096

struct tables {
    uint64_t of[8][256]; // of a byte that 0 to 7 others follow
};

static uint64_t add_byte(uint64_t crc, uint8_t byte)
{
    crc ^= byte;
    crc = (crc >> 4) ^ nibbles[crc & 15];
    return (crc >> 4) ^ nibbles[crc & 15];
}

static void tables_make(struct tables *tables)
{
    for (uint32_t i = 0; i < 256; i++)
        tables->of[0][i] = add_byte(i, 0);
    for (uint32_t n = 1; n < 8; n++) {
        for (uint32_t i = 0; i < 256; i++) {
            uint64_t before = tables->of[n - 1][i];
            tables->of[n][i] = (before >> 8) ^ tables->of[0][before & 255];
        }
    }
}

static uint64_t add_long(uint64_t crc, const uint8_t *at, const uint8_t *end)
{
    struct tables tables;
    tables_make(&tables);
    for (; end - at >= 8; at += 8) {
        // The first byte counts least, whatever the machine's order is.
        uint64_t next = 0;
        for (uint32_t i = 0; i < 8; i++)
            next |= (uint64_t)at[i] << (i * 8);
        next ^= crc;
        crc = 0;
        for (uint32_t i = 0; i < 8; i++)
            crc ^= tables.of[7 - i][(next >> (i * 8)) & 255];
    }
    for (; at < end; at++)
        crc = (crc >> 8) ^ tables.of[0][(crc ^ *at) & 255];
    return crc;
}

uint64_t crc64(uint64_t crc, const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    if (length >= LONG_BYTES)
        return add_long(crc, at, at + length);
    for (size_t i = 0; i < length; i++)
        crc = add_byte(crc, at[i]);
    return crc;
}
