// Names of the files in a data folder.
#include "wal/names.h"

#include "conf/limits.h"

#include <assert.h>
#include <inttypes.h>
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

#define CHECKPOINT_PREFIX "checkpoint."
#define CHECKPOINT_DIGITS 10 // more when they are needed

void wal_checkpoint_name(char name[WAL_CHECKPOINT_NAME_BYTES], uint64_t number)
{
    assert(number > 0);
    int length = snprintf(name, WAL_CHECKPOINT_NAME_BYTES, "%s%0*" PRIu64, CHECKPOINT_PREFIX,
                          CHECKPOINT_DIGITS, number);
    assert(length > 0 && length < WAL_CHECKPOINT_NAME_BYTES);
}

bool wal_checkpoint_name_parse(const char *name, uint64_t *number)
{
    size_t prefix = strlen(CHECKPOINT_PREFIX);
    if (strncmp(name, CHECKPOINT_PREFIX, prefix) != 0)
        return false;
    uint64_t value = 0;
    for (const char *at = name + prefix; *at != 0; at++) {
        if (*at < '0' || *at > '9' || value > (UINT64_MAX - 9) / 10)
            return false;
        value = value * 10 + (uint64_t)(*at - '0');
    }
    // Only the name that is written for this number: no two files have one.
    char canonical[WAL_CHECKPOINT_NAME_BYTES];
    if (value == 0)
        return false;
    wal_checkpoint_name(canonical, value);
    *number = value;
    return strcmp(canonical, name) == 0;
}
