// A data folder as poro-wal sees it: locked, read past the page cache, never changed.
#ifndef PORO_SERVER_WAL_TOOL_FOLDER_H
#define PORO_SERVER_WAL_TOOL_FOLDER_H

#include "wal/format.h"
#include "wal/recovery.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum folder_instance {
    FOLDER_INSTANCE_SOUND,
    FOLDER_INSTANCE_MISSING, // these two: the identity was rebuilt from segment headers
    FOLDER_INSTANCE_DAMAGED,
};

struct folder {
    const char *path;
    int directory;
    int lock_file;           // -1 when there is none
    bool in_use;             // somebody else has the lock
    uint32_t slots;          // highest segment file + 1
    uint64_t checkpoints[2]; // numbers of the newest two, 0: none
    bool has_instance;
    enum folder_instance instance;
    uint32_t headers; // segment headers that the identity was rebuilt from
    struct wal_identity identity;
    struct wal_recovery *recovery;

    // The file that is being read.
    uint32_t open_slot;
    int open_file;
    bool buffered; // this file system has no O_DIRECT

    void *region; // of `recovery`
    uint8_t *buffer;
    uint8_t *block; // one block, for whoever reads one
};

// Opens the folder, locks it, finds out its identity. 0, or an exit code with the reason told. With
// `force` the lock need not be free. Closed with folder_close in either case.
int folder_open(struct folder *folder, const char *path, bool force);
// A folder that is being made: no lock is taken, and the identity is known. `directory` stays the
// caller's. 0 or -errno.
int folder_attach(struct folder *folder, const char *path, int directory,
                  const struct wal_identity *identity);
void folder_close(struct folder *folder);

// wal_source.read: the context begins with a struct folder *.
int64_t folder_read(void *context, uint32_t slot, uint64_t offset, uint8_t *buffer,
                    uint64_t length);
// Reads all that the folder's state is made of, as a starting server does, and hands out the
// records to replay, in order. As wal_recover: 0 with a verdict, or apply's -errno. Whoever wants
// to know what a folder holds asks here.
typedef int (*folder_apply)(void *context, const struct wal_record *record);
int folder_replay(struct folder *folder, folder_apply apply, void *context,
                  struct wal_recovery_result *result);
// Size of a segment file, -errno when it cannot be told.
int64_t folder_file_bytes(const struct folder *folder, uint32_t slot);

// wal_tool_identity.c: without a sound `instance`, finds out what it said from the headers of the
// segments, which carry the id. False when no header is whole.
bool folder_rebuild_identity(struct folder *folder);
// Eight hexadecimal digits that tell folders apart without telling the secret id.
uint32_t folder_fingerprint(const struct wal_identity *identity);

#endif
