// Integers as text, with Redis's strictness.
#include "protocol/number.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_MAX 19 // of the magnitude of an int64

// "00" to "99": two digits for each division.
static const char digit_pairs[201] = "00010203040506070809"
                                     "10111213141516171819"
                                     "20212223242526272829"
                                     "30313233343536373839"
                                     "40414243444546474849"
                                     "50515253545556575859"
                                     "60616263646566676869"
                                     "70717273747576777879"
                                     "80818283848586878889"
                                     "90919293949596979899";

bool number_parse(const uint8_t *text, size_t length, int64_t *value)
{
    assert(text != NULL || length == 0);
    assert(value != NULL);
    const bool negative = length > 0 && text[0] == '-';
    const uint8_t *digits = text + negative;
    const size_t count = length - negative;
    if (count == 0 || count > DIGITS_MAX)
        return false;
    if (digits[0] == '0' && length > 1)
        return false;
    uint64_t magnitude = 0; // nineteen digits cannot overflow it
    for (size_t i = 0; i < count; i++) {
        const uint8_t digit = (uint8_t)(digits[i] - '0');
        if (digit > 9)
            return false;
        magnitude = magnitude * 10 + digit;
    }
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *value = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

static size_t digits_count(uint64_t magnitude)
{
    size_t count = 1;
    while (magnitude >= 10000) {
        magnitude /= 10000;
        count += 4;
    }
    return count + (magnitude >= 10) + (magnitude >= 100) + (magnitude >= 1000);
}

size_t number_format(char *text, int64_t value)
{
    assert(text != NULL);
    const bool negative = value < 0;
    uint64_t magnitude = negative ? 0 - (uint64_t)value : (uint64_t)value;
    text[0] = '-'; // overwritten unless negative
    const size_t length = digits_count(magnitude) + negative;
    assert(length <= NUMBER_TEXT_MAX);
    size_t at = length;
    while (magnitude >= 100) {
        at -= 2;
        memcpy(text + at, digit_pairs + 2 * (magnitude % 100), 2);
        magnitude /= 100;
    }
    if (magnitude >= 10)
        memcpy(text + at - 2, digit_pairs + 2 * magnitude, 2);
    else
        text[at - 1] = (char)('0' + magnitude);
    return length;
}

size_t number_format_double(char text[32], double value)
{
    assert(text != NULL);
    // The C library prints the sign of a NaN, which says nothing to a client.
    const int length =
        value != value ? snprintf(text, 32, "nan") : snprintf(text, 32, "%.17g", value);
    assert(length > 0 && length < 32);
    return (size_t)length;
}
