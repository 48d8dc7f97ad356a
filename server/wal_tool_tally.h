// What an import leaves out: counted by kind, the first ones named.
#ifndef PORO_SERVER_WAL_TOOL_TALLY_H
#define PORO_SERVER_WAL_TOOL_TALLY_H

#include "server/wal_tool_keys.h"

#include <stdbool.h>
#include <stdint.h>

// What is in no database.
#define TALLY_NO_DATABASE (-1)
#define TALLY_KINDS_MAX 24

struct tally {
    const char *kind; // "list"
    uint64_t count;
    struct key_name *names; // as many as are kept
};

struct tallies {
    struct tally list[TALLY_KINDS_MAX];
    uint32_t kinds;
    uint32_t most; // names kept of each
    uint64_t count;
};

void tallies_create(struct tallies *tallies, uint32_t most);
void tallies_destroy(struct tallies *tallies);
// One more of this kind; `kind` is a string that stays.
void tallies_add(struct tallies *tallies, const char *kind, int64_t database, const uint8_t *name,
                 uint64_t length);
// A line for each kind, behind `label`, and the names.
void tallies_print(const struct tallies *tallies, const char *label);

#endif
