// Everything that check and repair want to know about a folder before they say or do anything.
#ifndef PORO_SERVER_WAL_TOOL_SURVEY_H
#define PORO_SERVER_WAL_TOOL_SURVEY_H

#include "server/wal_tool_folder.h"
#include "server/wal_tool_keys.h"
#include "server/wal_tool_record.h"
#include "server/wal_tool_segments.h"
#include "wal/recovery.h"

#include <stdbool.h>
#include <stdint.h>

struct survey {
    struct folder *folder;
    struct wal_recovery_result result;
    struct segments segments;
    struct databases databases; // at E
    struct beyond beyond;       // what is valid beyond E

    // The completion log.
    uint32_t completion_valid;
    uint32_t completion_damaged;
    uint32_t completion_empty;
    uint32_t completion_missing; // beyond the end of the file, or unreadable
    struct wal_completion_block completion_newest;

    // Acknowledged sequences of which nothing valid is left.
    uint64_t missing;

    // Keys beyond E: named in valid frames, and in damaged ones, which proves nothing.
    struct key_list beyond_keys;
    struct key_list damaged_keys;
};

// Reads the whole folder. 0 or an exit code, with the reason told. `names`: keys that a list keeps.
// Freed with survey_destroy in either case.
int survey_create(struct survey *survey, struct folder *folder, uint32_t names);
void survey_destroy(struct survey *survey);

// True when a server would start from this folder.
bool survey_starts(const struct survey *survey);
// Calls `each` with every range of sequences after E, up to D or what is valid beyond it, of which
// nothing valid is left: from `first` to `last`, after the frame that ends at this place.
typedef void (*missing_visit)(void *context, uint64_t first, uint64_t last, uint32_t slot,
                              uint64_t offset);
void survey_each_missing(const struct survey *survey, missing_visit each, void *context);

// The parts of the report that repair shows too.
void survey_print_folder(const struct survey *survey);
void survey_print_verdict(const struct survey *survey);

#endif
