// Names of the files in a data folder.
#include "wal/names.h"

#include "conf/limits.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define SEGMENT_PREFIX "intent."
#define SEGMENT_DIGITS 5

static_assert(sizeof(SEGMENT_PREFIX) + SEGMENT_DIGITS <= WAL_SEGMENT_NAME_BYTES, "the name fits");
static_assert(WAL_SEGMENTS_MAX <= 100000, "a slot has at most this many digits");

void wal_segment_name(char name[WAL_SEGMENT_NAME_BYTES], uint32_t slot)
{
    assert(slot < WAL_SEGMENTS_MAX);
    int length =
        snprintf(name, WAL_SEGMENT_NAME_BYTES, "%s%0*u", SEGMENT_PREFIX, SEGMENT_DIGITS, slot);
    assert(length == (int)strlen(SEGMENT_PREFIX) + SEGMENT_DIGITS);
}

bool wal_segment_name_parse(const char *name, uint32_t *slot)
{
    size_t prefix = strlen(SEGMENT_PREFIX);
    if (strncmp(name, SEGMENT_PREFIX, prefix) != 0 || strlen(name) != prefix + SEGMENT_DIGITS)
        return false;
    uint32_t number = 0;
    for (const char *at = name + prefix; *at != 0; at++) {
        if (*at < '0' || *at > '9')
            return false;
        number = number * 10 + (uint32_t)(*at - '0');
    }
    if (number >= WAL_SEGMENTS_MAX)
        return false;
    *slot = number;
    return true;
}
