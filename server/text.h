// A text that grows piece by piece, for replies that people read.
#ifndef PORO_SERVER_TEXT_H
#define PORO_SERVER_TEXT_H

#include <stddef.h>

#define TEXT_BYTES_MAX 4096

struct text {
    size_t length;
    char bytes[TEXT_BYTES_MAX];
};

// printf to its end; it must fit.
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
