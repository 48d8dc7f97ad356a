// Glob patterns as KEYS, SCAN MATCH and CONFIG GET use them.
#ifndef PORO_STORAGE_GLOB_H
#define PORO_STORAGE_GLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// True when `text` matches `pattern`: * ? [abc] [a-c] [^abc] and backslash escapes, on bytes, with
// the same results as Redis for unclosed brackets and trailing backslashes. Work is bounded by
// pattern_length * text_length.
bool glob_match(const uint8_t *pattern, size_t pattern_length, const uint8_t *text,
                size_t text_length, bool ignore_case);

#endif
