// Long doubles as text, with Redis's strictness and in its form.
#ifndef PORO_SERVER_LONG_DOUBLE_H
#define PORO_SERVER_LONG_DOUBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Longest text that is read or written.
#define LONG_DOUBLE_TEXT_MAX (5 * 1024)

// Reads all of a text: a decimal or hexadecimal number, or an infinity. False, and *value
// unchanged, for anything else: spaces, NaN, numbers out of range.
bool long_double_parse(const void *text, size_t length, long double *value);
// Writes a finite value with up to 17 decimals, those that are zero at the end left out. Returns
// the length.
size_t long_double_format(char text[LONG_DOUBLE_TEXT_MAX], long double value);

#endif
