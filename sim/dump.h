// Strings in Redis's dumps: what DUMP returns and RESTORE takes, as the documentation of the format
// has it. For the model and the workload; nothing of it is the server's.
#ifndef PORO_SIM_DUMP_H
#define PORO_SIM_DUMP_H

#include "sim/bytes.h"

#include <stdbool.h>
#include <stdint.h>

#define DUMP_VERSION 10

// Adds the dump of a string: a number if it is one of up to 32 bits, otherwise its bytes.
void dump_add(struct bytes *dump, const void *string, uint32_t length);
// Adds a length: in `form` 0: the shortest, 1: 14 bits if it fits, 2: 32 bits, 3: 64 bits.
void dump_add_length(struct bytes *dump, uint64_t length, uint32_t form);
// Ends a dump that begins at `from`: version and checksum.
void dump_end(struct bytes *dump, size_t from, uint16_t version);

enum dump_verdict {
    DUMP_STRING,
    DUMP_FOOTER, // the version or the checksum are wrong
    DUMP_DATA    // no string
};
// The string that a dump holds is added to `string`.
enum dump_verdict dump_read(const uint8_t *dump, size_t length, struct bytes *string);

#endif
