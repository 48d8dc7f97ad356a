// Integers as text, with Redis's strictness.
#ifndef PORO_PROTOCOL_NUMBER_H
#define PORO_PROTOCOL_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Longest text that number_format writes.
#define NUMBER_TEXT_MAX 20

// Reads exactly an int64 in its canonical form: no spaces, no plus sign, no leading zeros, no "-0",
// no overflow. False, and *value unchanged, otherwise.
bool number_parse(const uint8_t *text, size_t length, int64_t *value);

// Writes value in decimal to `text` (NUMBER_TEXT_MAX bytes, no terminator). Returns the length.
size_t number_format(char *text, int64_t value);

// A double as Redis 7.0 prints one in a RESP3 reply (%.17g, "inf", "-inf", "nan"); returns the
// length, at most 32.
size_t number_format_double(char text[32], double value);

#endif
