// Values that tell who wrote them: every byte follows from writer, command number and part.
#ifndef PORO_TESTS_CRASH_VALUE_H
#define PORO_TESTS_CRASH_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VALUE_BYTES_MAX_TESTED (300 * 1024)
// From this length a value holds its whole label, so that it can be traced to its writer.
#define VALUE_LABELLED_BYTES 40

struct value_label {
    uint32_t writer;
    uint32_t part; // which of the values of one command
    uint64_t op;   // number of the command among all of its writer's
};

// Fills `length` bytes.
void value_make(char *bytes, size_t length, struct value_label label);
// False when there is no label at the start.
bool value_parse(const char *bytes, size_t length, struct value_label *label);

// FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/): continues `hash` over more bytes,
// so that an APPEND is one more step.
#define VALUE_HASH_EMPTY 0xcbf29ce484222325ULL
uint64_t value_hash(uint64_t hash, const char *bytes, size_t length);

// Whether the bytes are exactly what value_make gives for their label. `scratch` holds
// VALUE_BYTES_MAX_TESTED bytes.
bool value_genuine(const char *bytes, size_t length, struct value_label label, char *scratch);

#endif
