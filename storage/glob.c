// Glob patterns as KEYS, SCAN MATCH and CONFIG GET use them.
#include "storage/glob.h"

#include <assert.h>

// A pattern is a row of elements; every one but * stands for exactly one byte of the text.
struct pattern {
    const uint8_t *bytes;
    size_t length;
    bool ignore_case;
};

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

// Bytes are compared as signed ones, as Redis does where char is signed: [\x00-\xff] is a range
// from -1 to 0.
static bool in_range(uint8_t first_byte, uint8_t last_byte, uint8_t some_byte)
{
    int8_t first = (int8_t)first_byte;
    int8_t last = (int8_t)last_byte;
    int8_t byte = (int8_t)some_byte;
    return first <= last ? byte >= first && byte <= last : byte >= last && byte <= first;
}

// Matches one byte against the set behind a [ at `at`. An unclosed set ends with the pattern.
// Inside a set an escaped byte is compared exactly, even when case is ignored, as in Redis.
static bool match_set(const struct pattern *pattern, size_t at, uint8_t byte, size_t *next)
{
    const uint8_t *p = pattern->bytes;
    bool fold = pattern->ignore_case;
    uint8_t folded = fold ? lower(byte) : byte;
    bool negated = at < pattern->length && p[at] == '^';
    bool match = false;
    at += negated;
    while (at < pattern->length && p[at] != ']') {
        size_t left = pattern->length - at;
        if (left >= 2 && p[at] == '\\') {
            match |= p[at + 1] == byte;
            at += 2;
        } else if (left >= 3 && p[at + 1] == '-') {
            match |= fold ? in_range(lower(p[at]), lower(p[at + 2]), folded)
                          : in_range(p[at], p[at + 2], byte);
            at += 3;
        } else {
            match |= (fold ? lower(p[at]) : p[at]) == folded;
            at++;
        }
    }
    *next = at < pattern->length ? at + 1 : at;
    return match != negated;
}

// Matches one byte against the element at `at`, which is not a star.
static bool match_element(const struct pattern *pattern, size_t at, uint8_t byte, size_t *next)
{
    const uint8_t *p = pattern->bytes;
    assert(at < pattern->length && p[at] != '*');
    if (p[at] == '[')
        return match_set(pattern, at + 1, byte, next);
    if (p[at] == '?') {
        *next = at + 1;
        return true;
    }
    if (p[at] == '\\' && pattern->length - at >= 2)
        at++;
    *next = at + 1;
    return pattern->ignore_case ? lower(p[at]) == lower(byte) : p[at] == byte;
}

// When an element does not match, only the last star before it can help by standing for one byte
// more: what an earlier star stands for can be as short as possible, because the last one makes up
// for it. So there is one place to go back to, and the work is bounded by the product of the
// lengths.
bool glob_match(const uint8_t *pattern, size_t pattern_length, const uint8_t *text,
                size_t text_length, bool ignore_case)
{
    const struct pattern p = {pattern, pattern_length, ignore_case};
    // Not even a star matches the empty text in Redis, whose KEYS * does not ask the matcher.
    if (text_length == 0)
        return pattern_length == 0;
    size_t at = 0;
    size_t position = 0;
    bool starred = false;
    size_t after_star = 0;    // the element behind the last star
    size_t star_position = 0; // where the text that it matches begins
    while (position < text_length) {
        size_t next;
        if (at < pattern_length && pattern[at] == '*') {
            starred = true;
            after_star = ++at;
            star_position = position;
            if (at == pattern_length)
                return true;
        } else if (at < pattern_length && match_element(&p, at, text[position], &next)) {
            at = next;
            position++;
        } else if (starred) {
            at = after_star;
            position = ++star_position;
        } else {
            return false;
        }
    }
    while (at < pattern_length && pattern[at] == '*')
        at++;
    return at == pattern_length;
}
