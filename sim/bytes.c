// A growing run of bytes.
#include "sim/bytes.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define SUM_WHOLE_BYTES 8192
#define SUM_SAMPLES 16
#define SUM_SAMPLE_BYTES 256

static void *sim_memory(void *memory)
{
    if (memory != NULL)
        return memory;
    fprintf(stderr, "poro-sim: out of memory\n");
    abort();
}

void *sim_alloc(size_t count, size_t size)
{
    return sim_memory(calloc(count > 0 ? count : 1, size));
}

void *sim_realloc(void *memory, size_t count, size_t size)
{
    return sim_memory(reallocarray(memory, count > 0 ? count : 1, size));
}

static uint64_t bytes_sum_piece(const uint8_t *bytes, size_t length)
{
    if (length <= SUM_WHOLE_BYTES)
        return XXH3_64bits(bytes, length);
    uint64_t sum = length;
    for (size_t at = 0; at + SUM_SAMPLE_BYTES <= length; at += length / SUM_SAMPLES)
        sum = sum * 31 + XXH3_64bits(bytes + at, SUM_SAMPLE_BYTES);
    return sum * 31 + XXH3_64bits(bytes + length - SUM_SAMPLE_BYTES, SUM_SAMPLE_BYTES);
}

uint64_t bytes_sum(const struct iovec *pieces, uint32_t count)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum = sum * 31 + bytes_sum_piece(pieces[i].iov_base, pieces[i].iov_len);
    return sum;
}

uint8_t *bytes_room(struct bytes *bytes, size_t more)
{
    size_t needed = bytes->length + more;
    if (needed > bytes->capacity) {
        size_t capacity = bytes->capacity * 2 > needed ? bytes->capacity * 2 : needed + 64;
        bytes->data = sim_realloc(bytes->data, capacity, 1);
        bytes->capacity = capacity;
    }
    return bytes->data + bytes->length;
}

void bytes_add(struct bytes *bytes, const void *data, size_t length)
{
    if (length == 0)
        return;
    memcpy(bytes_room(bytes, length), data, length);
    bytes->length += length;
}

void bytes_text(struct bytes *bytes, const char *text)
{
    bytes_add(bytes, text, strlen(text));
}

void bytes_format(struct bytes *bytes, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    va_list again;
    va_copy(again, list);
    int length = vsnprintf(NULL, 0, format, list);
    va_end(list);
    assert(length >= 0);
    vsnprintf((char *)bytes_room(bytes, (size_t)length + 1), (size_t)length + 1, format, again);
    va_end(again);
    bytes->length += (size_t)length;
}

void bytes_drop(struct bytes *bytes, size_t length)
{
    assert(length <= bytes->length);
    bytes->length -= length;
    if (bytes->length > 0)
        memmove(bytes->data, bytes->data + length, bytes->length);
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}
