// A new data folder, made as the server makes one, that gets its records before its identity.
#ifndef PORO_SERVER_WAL_TOOL_TARGET_H
#define PORO_SERVER_WAL_TOOL_TARGET_H

#include "wal/format.h"
#include "wal/names.h"
#include "wal/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wal;

struct target {
    const char *path;
    int directory;
    int lock_file;
    bool made; // the folder was not there before
    struct wal_identity identity;
    struct wal *wal;
    int *files; // by slot, -1 when not open
    void *region;
    uint8_t *staging[2];
    uint8_t *block;
    uint8_t *zeros;
    const char *step; // what went wrong, with the error
    char name[WAL_SEGMENT_NAME_BYTES];

    // What was appended: read back before the folder gets its identity.
    uint64_t records;
    uint64_t hash;
    uint32_t segments;
};

// Makes the folder (it must not exist, or be empty), locks it and begins its logs, under a new
// random id. 0 or -errno; target->step says what failed.
int target_create(struct target *target, const char *path, uint64_t segment_bytes);
// Appends one record that came out of a frame of segments of this size. 0 or -errno.
int target_append(struct target *target, const struct wal_record *record);
// Writes what is left, syncs everything, reads it all back past the page cache and compares; then
// puts the identity in place. 0 or -errno.
int target_finish(struct target *target);
// Removes what has been made so far. Before target_destroy, when something failed.
void target_undo(struct target *target);
void target_destroy(struct target *target);

// Longest key that a record may have here.
uint32_t target_key_bytes_max(const struct target *target);

#endif
