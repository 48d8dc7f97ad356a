// Long doubles as text, with Redis's strictness and in its form.
#include "server/long_double.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool long_double_parse(const void *text, size_t length, long double *value)
{
    char copy[LONG_DOUBLE_TEXT_MAX]; // terminated
    if (length == 0 || length >= sizeof(copy))
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (isspace((unsigned char)copy[0]))
        return false;
    char *end;
    errno = 0;
    long double number = strtold(copy, &end);
    if (end != copy + length || isnan(number))
        return false;
    // A number that is too small for its full precision is out of range too, but not wrong.
    if (errno == ERANGE && (isinf(number) || number == 0))
        return false;
    *value = number;
    return true;
}

size_t long_double_format(char text[LONG_DOUBLE_TEXT_MAX], long double value)
{
    assert(isfinite(value));
    int wrote = snprintf(text, LONG_DOUBLE_TEXT_MAX, "%.17Lf", value);
    assert(wrote > 0 && wrote < LONG_DOUBLE_TEXT_MAX);
    size_t length = (size_t)wrote;
    while (text[length - 1] == '0')
        length--;
    if (text[length - 1] == '.')
        length--;
    if (length == 2 && text[0] == '-' && text[1] == '0') {
        text[0] = '0';
        length = 1;
    }
    return length;
}
