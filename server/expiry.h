// Expiry times in arguments: units, and how a number becomes an absolute time.
#ifndef PORO_SERVER_EXPIRY_H
#define PORO_SERVER_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

struct call;

struct expiry_unit {
    bool seconds;  // else milliseconds
    bool absolute; // since 1970, else from now on
};

// The unit that argument `index` names: EX, PX, EXAT, PXAT. False when it names none.
bool expiry_unit_find(const struct call *call, uint32_t index, struct expiry_unit *unit);
bool expiry_unit_same(const struct expiry_unit *a, const struct expiry_unit *b);

// Reads the number in argument `index` and makes it an absolute time in milliseconds. False after
// an error reply: no integer, or a time that 64 bits cannot hold; expiry_read_positive refuses what
// is not above 0 too. Times that have passed are fine.
bool expiry_read(struct call *call, uint32_t index, const struct expiry_unit *unit, int64_t *ms);
bool expiry_read_positive(struct call *call, uint32_t index, const struct expiry_unit *unit,
                          int64_t *ms);

#endif
