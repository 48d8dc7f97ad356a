// Values that tell who wrote them: every byte follows from writer, command number and part.
#include "tests/crash/value.h"

#include "tests/crash/random.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void value_make(char *bytes, size_t length, struct value_label label)
{
    assert(length <= VALUE_BYTES_MAX_TESTED);
    struct random random = {label.op * 1000003 + label.writer * 8191ULL + label.part};
    size_t at = 0;
    for (; at + 8 <= length; at += 8) {
        uint64_t next = random_next(&random);
        memcpy(bytes + at, &next, 8);
    }
    uint64_t last = random_next(&random);
    memcpy(bytes + at, &last, length - at);
    char text[VALUE_LABELLED_BYTES];
    int written = snprintf(text, sizeof text, "%" PRIu32 ":%" PRIu64 ":%" PRIu32 ";", label.writer,
                           label.op, label.part);
    assert(written > 0 && (size_t)written < sizeof text);
    memcpy(bytes, text, (size_t)written < length ? (size_t)written : length);
}

bool value_parse(const char *bytes, size_t length, struct value_label *label)
{
    char text[VALUE_LABELLED_BYTES];
    size_t copied = length < sizeof text - 1 ? length : sizeof text - 1;
    memcpy(text, bytes, copied);
    text[copied] = '\0';
    char end = '\0';
    return sscanf(text, "%" SCNu32 ":%" SCNu64 ":%" SCNu32 "%c", &label->writer, &label->op,
                  &label->part, &end) == 4 &&
           end == ';';
}

uint64_t value_hash(uint64_t hash, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)bytes[i]) * 0x100000001b3ULL;
    return hash;
}

bool value_genuine(const char *bytes, size_t length, struct value_label label, char *scratch)
{
    if (length > VALUE_BYTES_MAX_TESTED)
        return false;
    value_make(scratch, length, label);
    return memcmp(bytes, scratch, length) == 0;
}
