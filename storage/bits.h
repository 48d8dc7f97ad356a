// Values as bits: counting, finding, combining, reading and writing numbers of any width. Bit 0 is
// the highest bit of the first byte.
#ifndef PORO_STORAGE_BITS_H
#define PORO_STORAGE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// How many bits are set.
uint64_t bits_count(const uint8_t *bytes, size_t length);
// The same of bits [first, last], which must be there.
uint64_t bits_count_between(const uint8_t *bytes, uint64_t first, uint64_t last);

// Position of the first bit that equals `bit`, length * 8 when there is none.
uint64_t bits_find(const uint8_t *bytes, size_t length, bool bit);
// The same in bits [first, last], which must be there; last + 1 when there is none.
uint64_t bits_find_between(const uint8_t *bytes, uint64_t first, uint64_t last, bool bit);

enum bits_operation { BITS_AND, BITS_OR, BITS_XOR };

// to := a OPERATION b, byte by byte; `to` may be `a` or `b`.
void bits_combine(enum bits_operation operation, uint8_t *to, const uint8_t *a, const uint8_t *b,
                  size_t length);
void bits_invert(uint8_t *to, const uint8_t *from, size_t length);

// The widest number below.
#define BITS_NUMBER_MAX 64
// Bytes that a number can touch, at most.
#define BITS_WINDOW_MAX 9

// The number of `width` bits (1 to BITS_NUMBER_MAX) at bit `offset`; bits behind the end are 0.
uint64_t bits_read(const uint8_t *bytes, size_t length, uint64_t offset, uint32_t width);
// Puts it into `window`, a copy of the bytes that it touches, of which the first one holds bit
// `offset`.
void bits_write(uint8_t window[BITS_WINDOW_MAX], uint64_t offset, uint32_t width, uint64_t number);
// How many bytes it touches.
uint32_t bits_window(uint64_t offset, uint32_t width);

#endif
