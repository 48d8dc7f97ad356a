// A text that grows piece by piece.
#include "server/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

void text_add(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text->bytes + text->length, sizeof(text->bytes) - text->length, format,
                           arguments);
    va_end(arguments);
    assert(length >= 0 && (size_t)length < sizeof(text->bytes) - text->length);
    text->length += (size_t)length;
}
