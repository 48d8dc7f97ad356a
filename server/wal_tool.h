// poro-wal's commands and what they are told.
#ifndef PORO_SERVER_WAL_TOOL_H
#define PORO_SERVER_WAL_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// repair: a keyspace id that a database is said to have had.
struct tool_keyspace {
    uint32_t id;
    uint32_t database;
};
#define TOOL_KEYSPACES_MAX 64

struct tool_options {
    const char *folder;
    const char *target;     // repair, import
    const char *rdb;        // import, export: the file
    const char *keys;       // dump: pattern, or NULL for all
    uint64_t segment;       // dump: number of the only one wanted, 0 for all
    uint32_t names;         // keys that a list shows at most
    uint64_t segment_bytes; // import: of the new folder
    bool force;             // check, dump: go on although the folder is in use
    bool values;            // dump
    bool salvage;           // repair
    bool strict;            // import: refuse what would be left out
    struct tool_keyspace keyspaces[TOOL_KEYSPACES_MAX];
    uint32_t keyspace_count;
};

// Each prints to standard output, problems to standard error, and returns an exit code (see
// server.h).
int tool_check(const struct tool_options *options);
int tool_dump(const struct tool_options *options);
int tool_repair(const struct tool_options *options);
int tool_import(const struct tool_options *options);
int tool_export(const struct tool_options *options);

// Beside those of server.h: an RDB file is whole, and holds what cannot be taken.
#define TOOL_EXIT_REFUSED 6

// Zeroed memory, aligned to a block, touched as it is used. Ends the process when there is none.
void *tool_memory(size_t bytes);
void tool_memory_free(void *memory); // or NULL

#endif
