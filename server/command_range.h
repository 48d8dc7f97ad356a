// What commands on a part of a value have in common.
#ifndef PORO_SERVER_COMMAND_RANGE_H
#define PORO_SERVER_COMMAND_RANGE_H

#include <stdbool.h>
#include <stdint.h>

struct call;
struct entry;
struct key;

// Cuts a range of places [*first, *last], of which negative ones count from the end, to what is
// there of `length`. False when nothing remains.
bool range_cut(int64_t *first, int64_t *last, int64_t length);

// May a value be this long? False after an error reply.
bool range_allowed(struct call *call, uint64_t total);
// Overwrites a part of a value (entry NULL: of one that is not there yet), which becomes longer if
// need be. False after an error reply, nothing has changed then.
bool range_write(struct call *call, const struct key *key, struct entry *entry, uint32_t offset,
                 const void *data, uint32_t length);
// What one more record about the command's key takes in the log, beyond its data.
uint64_t range_record_bytes(const struct call *call);

#endif
