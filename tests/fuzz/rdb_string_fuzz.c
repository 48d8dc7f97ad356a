// Fuzzes the strings of dumps: whatever the bytes are, nothing outside them is touched, and what is
// read and written again reads the same.
#include "protocol/rdb_string.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// What may be unpacked here.
#define LENGTH_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(const uint8_t *value, uint32_t length)
{
    uint8_t *bytes = malloc((size_t)length + RDB_STRING_HEAD_MAX);
    bool whole;
    size_t head = rdb_string_begin(bytes, value, length, &whole);
    size_t total = head + (whole ? 0 : length);
    if (!whole && length > 0)
        memcpy(bytes + head, value, length);
    struct rdb_string string;
    assert(rdb_string_decode(bytes, total, &string) == (int64_t)total);
    assert(string.length == length);
    uint8_t *to = malloc((size_t)length + 1);
    assert(rdb_string_unpack(&string, to));
    assert(length == 0 || memcmp(to, value, length) == 0);
    free(to);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rdb_string string;
    size_t length;
    rdb_footer_check(data, size, &length);
    int64_t used = rdb_string_decode(data, size, &string);
    assert(used == -EAGAIN || used == -EBADMSG || (used > 0 && (uint64_t)used <= size));
    if (used < 0 || string.length > LENGTH_MAX)
        return 0;
    uint8_t *value = malloc(string.length + 1);
    if (rdb_string_unpack(&string, value))
        again(value, (uint32_t)string.length);
    free(value);
    return 0;
}
