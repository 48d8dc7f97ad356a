// What commands on bits have in common: bit offsets in arguments.
#ifndef PORO_SERVER_COMMAND_BIT_H
#define PORO_SERVER_COMMAND_BIT_H

#include "server/call.h"

#include <stdbool.h>
#include <stdint.h>

// Reads a bit offset within the longest value that may be. `width` above 0: "#3" is the offset of
// the fourth number of that width. False when it is none.
bool bit_offset_parse(const struct call *call, struct span text, uint32_t width, uint64_t *offset);
// The same for argument `index`; false after an error reply.
bool bit_offset_read(struct call *call, uint32_t index, uint32_t width, uint64_t *offset);

#endif
