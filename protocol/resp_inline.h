// Words of an inline command's line: counting them, and taking their quotes off in place.
#ifndef PORO_PROTOCOL_RESP_INLINE_H
#define PORO_PROTOCOL_RESP_INLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct resp_arg;

// Counts the words of `line`, which holds neither its line break nor a NUL; changes nothing. False
// when the quotes do not match.
bool resp_inline_count(const uint8_t *line, size_t length, uint32_t *count);

// Unquotes the words in place, once only, and fills `args`, of which there are exactly as many as
// resp_inline_count found: `where` is `base` plus the word's offset in the line.
void resp_inline_split(uint8_t *line, size_t length, uint64_t base, struct resp_arg *args,
                       uint32_t count);

#endif
