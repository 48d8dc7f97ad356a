// Records for people.
#include "server/wal_tool_record.h"

#include "server/wal_tool_text.h"

#include <assert.h>
#include <stdio.h>

// --- databases -------------------------------------------------------------------------------

void databases_create(struct databases *databases)
{
    databases->next_id = DATABASES_MAX + 1;
    for (uint32_t i = 0; i < DATABASES_MAX; i++)
        databases->ids[i] = i + 1;
}

void databases_change(struct databases *databases, const struct wal_record *map)
{
    assert(map->type == WAL_RECORD_MAP);
    databases->next_id = map->map.next_id;
    for (uint32_t i = 0; i < DATABASES_MAX; i++)
        databases->ids[i] = map->map.ids[i];
}

int databases_find(const struct databases *databases, uint32_t keyspace)
{
    for (uint32_t i = 0; i < DATABASES_MAX; i++) {
        if (databases->ids[i] == keyspace)
            return (int)i;
    }
    return keyspace < databases->next_id ? DATABASE_FLUSHED : DATABASE_UNKNOWN;
}

// --- records ---------------------------------------------------------------------------------

void record_print_database(int database, uint32_t keyspace)
{
    if (database >= 0)
        printf("db%d", database);
    else
        printf("%s (keyspace %u)", database == DATABASE_FLUSHED ? "flushed" : "unknown database",
               keyspace);
}

static void print_map(const struct wal_record *record, const struct databases *databases)
{
    printf("MAP   ");
    for (uint32_t i = 0; i < DATABASES_MAX; i++) {
        if (record->map.ids[i] != databases->ids[i])
            printf(" db%u: keyspace %u, was %u;", i, record->map.ids[i], databases->ids[i]);
    }
    printf(" next keyspace %u", record->map.next_id);
}

static void print_expiry(int64_t expiry_ms)
{
    char text[TEXT_TIME_BYTES];
    printf(" expires %s", text_time(text, expiry_ms));
}

static void print_data(const struct wal_record *record, bool value)
{
    if (record->type == WAL_RECORD_SET && record->length == record->total)
        printf(" %u bytes", record->length);
    else if (record->type == WAL_RECORD_SET && record->spool != 0)
        printf(" %u bytes, in spool %u", record->total, record->spool);
    else if (record->type == WAL_RECORD_SET)
        printf(" first %u of %u bytes", record->length, record->total);
    else
        printf(" bytes %u to %u of %u", record->offset, record->offset + record->length,
               record->total);
    if (value && (record->length > 0 || record->total == 0)) {
        putchar(' ');
        text_print_bytes(record->data, record->length, 0);
    }
}

static void print_spool(const struct wal_record *record, const struct databases *databases,
                        bool value)
{
    printf("SPOOL  %u", record->spool);
    if (record->length > 0) {
        print_data(record, value);
    } else if (record->total == 0) {
        printf(" is dropped");
    } else {
        printf(" begins: %u bytes for ", record->total);
        record_print_database(databases_find(databases, record->keyspace), record->keyspace);
        putchar(' ');
        text_print_bytes(record->key, record->key_length, value ? 0 : TEXT_NAME_BYTES);
    }
}

void record_print(const struct wal_record *record, const struct databases *databases, bool value)
{
    static const char *const names[] = {
        [WAL_RECORD_SET] = "SET   ",
        [WAL_RECORD_RANGE] = "RANGE ",
        [WAL_RECORD_EXPIRE] = "EXPIRE",
        [WAL_RECORD_DELETE] = "DELETE",
    };
    printf("    ");
    if (record->type == WAL_RECORD_MAP || record->type == WAL_RECORD_SPOOL) {
        if (record->type == WAL_RECORD_MAP)
            print_map(record, databases);
        else
            print_spool(record, databases, value);
        putchar('\n');
        return;
    }
    printf("%s ", names[record->type]);
    record_print_database(databases_find(databases, record->keyspace), record->keyspace);
    putchar(' ');
    text_print_bytes(record->key, record->key_length, value ? 0 : TEXT_NAME_BYTES);
    if (record->type == WAL_RECORD_SET || record->type == WAL_RECORD_RANGE)
        print_data(record, value);
    if (record->expiry_ms != 0)
        print_expiry(record->expiry_ms);
    else if (record->type == WAL_RECORD_EXPIRE)
        printf(" never expires");
    putchar('\n');
}

bool records_decode(const uint8_t *records, uint64_t length, uint32_t count, record_visit each,
                    void *context)
{
    for (uint32_t i = 0; i < count; i++) {
        struct wal_record record;
        int64_t bytes = wal_record_decode(records, length, &record);
        if (bytes < 0)
            return false;
        assert(bytes > 0 && (uint64_t)bytes <= length);
        each(context, &record);
        records += bytes;
        length -= (uint64_t)bytes;
    }
    return length == 0;
}
