// Records for people: which database a keyspace id stands for, and one record as a line.
#ifndef PORO_SERVER_WAL_TOOL_RECORD_H
#define PORO_SERVER_WAL_TOOL_RECORD_H

#include "wal/record.h"

#include <stdbool.h>
#include <stdint.h>

// Databases and their keyspace ids, as MAP records change them.
struct databases {
    uint32_t next_id;
    uint32_t ids[DATABASES_MAX];
};

// No database has this keyspace: it has been flushed, or is not known (yet).
#define DATABASE_FLUSHED (-1)
#define DATABASE_UNKNOWN (-2)

// As in a new data folder.
void databases_create(struct databases *databases);
void databases_change(struct databases *databases, const struct wal_record *map);
// 0 to 15, DATABASE_FLUSHED or DATABASE_UNKNOWN.
int databases_find(const struct databases *databases, uint32_t keyspace);

// "db0", "flushed", or what else there is to say.
void record_print_database(int database, uint32_t keyspace);
// One line, with the databases as they are before the record.
void record_print(const struct wal_record *record, const struct databases *databases, bool value);

// Calls `each` with every record of a frame, as far as they make sense. True when all do.
typedef void (*record_visit)(void *context, const struct wal_record *record);
bool records_decode(const uint8_t *records, uint64_t length, uint32_t count, record_visit each,
                    void *context);

#endif
