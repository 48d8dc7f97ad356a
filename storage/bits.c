// Values as bits: counting, finding, combining, reading and writing numbers of any width.
#include "storage/bits.h"

#include <assert.h>
#include <string.h>

// Two 64-bit lanes: what every x86-64 and ARMv8 has registers for.
typedef uint64_t lanes __attribute__((vector_size(16)));

static lanes lanes_load(const uint8_t *bytes)
{
    lanes value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static uint64_t word_load(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static unsigned word_count(uint64_t word)
{
    word -= word >> 1 & 0x5555555555555555ULL;
    word = (word & 0x3333333333333333ULL) + (word >> 2 & 0x3333333333333333ULL);
    word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
    return (unsigned)(word * 0x0101010101010101ULL >> 56);
}

// --- counting --------------------------------------------------------------------------------

// Adds three bits in each place: `high` gets the carries, `low` the sums.
static inline void add_bits(lanes *high, lanes *low, lanes a, lanes b, lanes c)
{
    lanes half = a ^ b;
    *high = (a & b) | (half & c);
    *low = half ^ c;
}

// Four vectors more: *ones and *twos keep what is below four, the carries are returned.
static inline lanes add_four(lanes *ones, lanes *twos, const uint8_t *bytes)
{
    lanes first;
    lanes second;
    lanes fours;
    add_bits(&first, ones, *ones, lanes_load(bytes), lanes_load(bytes + 16));
    add_bits(&second, ones, *ones, lanes_load(bytes + 32), lanes_load(bytes + 48));
    add_bits(&fours, twos, *twos, first, second);
    return fours;
}

static uint64_t lanes_count(lanes value)
{
    return word_count(value[0]) + word_count(value[1]);
}

#define COUNT_BLOCK 256

// Harley and Seal's way: bits of the same weight are added place by place, so that only one vector
// in sixteen has to be counted.
uint64_t bits_count(const uint8_t *bytes, size_t length)
{
    lanes ones = {0};
    lanes twos = {0};
    lanes fours = {0};
    lanes eights = {0};
    uint64_t count = 0;
    size_t at = 0;
    for (; at + COUNT_BLOCK <= length; at += COUNT_BLOCK) {
        lanes a = add_four(&ones, &twos, bytes + at);
        lanes b = add_four(&ones, &twos, bytes + at + 64);
        lanes c = add_four(&ones, &twos, bytes + at + 128);
        lanes d = add_four(&ones, &twos, bytes + at + 192);
        lanes first;
        lanes second;
        lanes sixteens;
        add_bits(&first, &fours, fours, a, b);
        add_bits(&second, &fours, fours, c, d);
        add_bits(&sixteens, &eights, eights, first, second);
        count += 16 * lanes_count(sixteens);
    }
    count += 8 * lanes_count(eights) + 4 * lanes_count(fours) + 2 * lanes_count(twos);
    count += lanes_count(ones);
    for (; at + 8 <= length; at += 8)
        count += word_count(word_load(bytes + at));
    for (; at < length; at++)
        count += word_count(bytes[at]);
    return count;
}

// The bits of a byte from place `from` to place `to`, 0 is the highest.
static uint8_t byte_mask(unsigned from, unsigned to)
{
    return (uint8_t)((0xffU >> from) & (0xffU << (7 - to)));
}

uint64_t bits_count_between(const uint8_t *bytes, uint64_t first, uint64_t last)
{
    assert(first <= last);
    size_t begin = (size_t)(first / 8);
    size_t end = (size_t)(last / 8);
    if (begin == end)
        return word_count(bytes[begin] & byte_mask((unsigned)(first % 8), (unsigned)(last % 8)));
    uint64_t edges = word_count(bytes[begin] & byte_mask((unsigned)(first % 8), 7)) +
                     word_count(bytes[end] & byte_mask(0, (unsigned)(last % 8)));
    return edges + bits_count(bytes + begin + 1, end - begin - 1);
}

// --- finding ---------------------------------------------------------------------------------

static unsigned byte_find(uint8_t byte)
{
    assert(byte != 0);
    return (unsigned)__builtin_clz(byte) - 24;
}

uint64_t bits_find(const uint8_t *bytes, size_t length, bool bit)
{
    uint64_t other = bit ? 0 : UINT64_MAX; // a word in which it is not
    size_t at = 0;
    for (; at + 32 <= length; at += 32) {
        lanes different = (lanes_load(bytes + at) ^ other) | (lanes_load(bytes + at + 16) ^ other);
        if ((different[0] | different[1]) != 0)
            break;
    }
    while (at + 8 <= length && word_load(bytes + at) == other)
        at += 8;
    while (at < length && bytes[at] == (uint8_t)other)
        at++;
    if (at == length)
        return (uint64_t)length * 8;
    return (uint64_t)at * 8 + byte_find((uint8_t)(bytes[at] ^ (uint8_t)other));
}

uint64_t bits_find_between(const uint8_t *bytes, uint64_t first, uint64_t last, bool bit)
{
    assert(first <= last);
    size_t begin = (size_t)(first / 8);
    size_t end = (size_t)(last / 8);
    uint8_t head = (uint8_t)((bit ? bytes[begin] : ~bytes[begin]) & 0xff >> first % 8);
    uint64_t found;
    if (head != 0)
        found = (uint64_t)begin * 8 + byte_find(head);
    else
        found = (begin + 1) * 8ULL + bits_find(bytes + begin + 1, end - begin, bit);
    return found <= last ? found : last + 1;
}

// --- combining -------------------------------------------------------------------------------

static inline uint64_t combine(enum bits_operation operation, uint64_t a, uint64_t b)
{
    return operation == BITS_AND ? a & b : operation == BITS_OR ? a | b : a ^ b;
}

static inline __attribute__((always_inline)) void combine_all(enum bits_operation operation,
                                                              uint8_t *to, const uint8_t *a,
                                                              const uint8_t *b, size_t length)
{
    size_t at = 0;
    for (; at + 16 <= length; at += 16) {
        lanes left = lanes_load(a + at);
        lanes right = lanes_load(b + at);
        lanes both = operation == BITS_AND  ? left & right
                     : operation == BITS_OR ? left | right
                                            : left ^ right;
        memcpy(to + at, &both, sizeof(both));
    }
    for (; at < length; at++)
        to[at] = (uint8_t)combine(operation, a[at], b[at]);
}

void bits_combine(enum bits_operation operation, uint8_t *to, const uint8_t *a, const uint8_t *b,
                  size_t length)
{
    // Each one a loop of its own.
    switch (operation) {
    case BITS_AND:
        combine_all(BITS_AND, to, a, b, length);
        return;
    case BITS_OR:
        combine_all(BITS_OR, to, a, b, length);
        return;
    case BITS_XOR:
        combine_all(BITS_XOR, to, a, b, length);
        return;
    }
    assert(false);
}

void bits_invert(uint8_t *to, const uint8_t *from, size_t length)
{
    size_t at = 0;
    for (; at + 16 <= length; at += 16) {
        lanes value = ~lanes_load(from + at);
        memcpy(to + at, &value, sizeof(value));
    }
    for (; at < length; at++)
        to[at] = (uint8_t)~from[at];
}

// --- numbers ---------------------------------------------------------------------------------

uint32_t bits_window(uint64_t offset, uint32_t width)
{
    assert(width > 0 && width <= BITS_NUMBER_MAX);
    return (uint32_t)((offset % 8 + width + 7) / 8);
}

uint64_t bits_read(const uint8_t *bytes, size_t length, uint64_t offset, uint32_t width)
{
    uint32_t window = bits_window(offset, width);
    uint64_t first = offset / 8;
    unsigned __int128 value = 0;
    for (uint32_t i = 0; i < window; i++)
        value = value << 8 | (first + i < length ? bytes[first + i] : 0);
    value >>= window * 8 - (uint32_t)(offset % 8) - width;
    return (uint64_t)value & UINT64_MAX >> (64 - width);
}

void bits_write(uint8_t window[BITS_WINDOW_MAX], uint64_t offset, uint32_t width, uint64_t number)
{
    uint32_t bytes = bits_window(offset, width);
    uint32_t shift = bytes * 8 - (uint32_t)(offset % 8) - width;
    unsigned __int128 mask = (unsigned __int128)(UINT64_MAX >> (64 - width)) << shift;
    unsigned __int128 value = (unsigned __int128)number << shift & mask;
    for (uint32_t i = 0; i < bytes; i++) {
        uint32_t place = (bytes - 1 - i) * 8;
        uint8_t kept = window[i] & (uint8_t) ~(uint8_t)(mask >> place);
        window[i] = kept | (uint8_t)(value >> place);
    }
}
