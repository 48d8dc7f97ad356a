// An import of a snapshot (RDB): its state, and what is reported of it.
#ifndef PORO_SERVER_WAL_TOOL_IMPORT_H
#define PORO_SERVER_WAL_TOOL_IMPORT_H

#include "conf/limits.h"
#include "protocol/rdb_reader.h"
#include "server/wal_tool.h"
#include "server/wal_tool_record.h"
#include "server/wal_tool_tally.h"
#include "server/wal_tool_target.h"

#include <stdbool.h>
#include <stdint.h>

#define IMPORT_TEXT_BYTES 64

struct import {
    const struct tool_options *options;
    struct rdb_reader *reader;
    struct target target;
    bool target_begun;
    struct databases databases; // of the new folder
    int file;
    int64_t now_ms; // what has expired by then is left out
    uint8_t *input;

    // The key that is being read.
    uint64_t database;
    uint8_t *key;
    uint64_t key_length; // more than `key` holds when it is too long
    bool expires;
    int64_t expiry_ms;
    bool metadata; // it has some of modules
    bool take;     // it goes into the folder
    uint8_t *value;
    uint64_t value_length;
    uint64_t value_done;  // handed to the log
    uint32_t gathered;    // in `value`
    uint32_t piece_bytes; // of a value that goes to the log at a time, at most

    // For the report.
    char aux_name[IMPORT_TEXT_BYTES];
    char made_by[IMPORT_TEXT_BYTES];
    uint64_t bytes; // of the file
    bool checksum;  // it has one, and it is right
    uint64_t keys;
    uint64_t keys_volatile;
    uint64_t in_database[DATABASES_MAX];
    uint64_t memory; // that the keys take
    uint64_t expired;
    struct tallies left;    // what was passed over
    struct tallies refused; // what cannot be taken: nothing is
};

// wal_tool_import_report.c
void import_print(const struct import *import);
void import_print_refused(const struct import *import);

#endif
