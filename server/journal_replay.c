// Replay: recovery's records, applied to the keyspace.
#include "server/journal_start.h"

#include "server/clock.h"
#include "server/io.h"
#include "server/server.h"
#include "server/token.h"
#include "storage/allocator.h"
#include "storage/keyspace.h"
#include "wal/recovery.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

// Buckets swept at a time when replay needs a keyspace slot.
#define REPLAY_SWEEP_BUCKETS 65536

// --- replay ----------------------------------------------------------------------------------

static int64_t start_source_read(void *context, uint32_t slot, uint64_t offset, uint8_t *buffer,
                                 uint64_t length)
{
    struct start *start = context;
    if (start->open_file < 0 || start->open_slot != slot) {
        char name[WAL_SEGMENT_NAME_BYTES] = WAL_NAME_COMPLETION;
        if (slot != WAL_SLOT_COMPLETION)
            wal_segment_name(name, slot);
        if (start->open_file >= 0)
            start_close(start, start->open_file);
        uint32_t flags = start->journal->direct ? IO_OPEN_DIRECT : 0;
        start->open_file = start_open(start, name, IO_OPEN_READ | flags);
        start->open_slot = slot;
        if (start->open_file < 0)
            return start->open_file;
    }
    return start_read(start, start->open_file, offset, buffer, length);
}

// A map that the server could have written: ids that were given out, no two alike.
static bool replay_map_valid(const struct wal_record *record)
{
    for (uint32_t i = 0; i < DATABASES_MAX; i++) {
        if (record->map.ids[i] == 0 || record->map.ids[i] >= record->map.next_id)
            return false;
        for (uint32_t j = 0; j < i; j++) {
            if (record->map.ids[i] == record->map.ids[j])
                return false;
        }
    }
    return true;
}

static int replay_map(struct server *server, const struct wal_record *record)
{
    if (!replay_map_valid(record))
        return -EBADMSG;
    struct keyspace_map map = {.next_id = record->map.next_id};
    for (uint32_t i = 0; i < DATABASES_MAX; i++)
        map.ids[i] = record->map.ids[i];
    int result = keyspace_set_map(server->keyspace, &map);
    while (result == -ENOSPC && keyspace_count_dead(server->keyspace) > 0) {
        keyspace_sweep(server->keyspace, 0, REPLAY_SWEEP_BUCKETS, NULL, NULL);
        result = keyspace_set_map(server->keyspace, &map);
    }
    return result;
}

static bool replay_range(struct server *server, const struct key *key, struct entry *entry,
                         const struct wal_record *record)
{
    if (entry_value_length(entry) != record->total)
        entry = keyspace_resize(server->keyspace, key, entry, record->total);
    if (entry != NULL && record->length > 0)
        entry = keyspace_write(server->keyspace, key, entry, record->offset, record->data,
                               record->length);
    return entry != NULL;
}

// A record about a key. What belongs to a keyspace that no database has any more is dropped.
static bool replay_key(struct server *server, const struct wal_record *record)
{
    int database = keyspace_database_of_id(server->keyspace, record->keyspace);
    if (database < 0)
        return true;
    struct key key =
        keyspace_key(server->keyspace, (uint32_t)database, record->key, record->key_length);
    if (record->type == WAL_RECORD_SET) {
        struct entry *entry =
            keyspace_set(server->keyspace, &key, record->data, record->length, record->expiry_ms);
        return entry != NULL && (record->total == record->length ||
                                 keyspace_resize(server->keyspace, &key, entry, record->total));
    }
    if (record->type == WAL_RECORD_DELETE) {
        keyspace_delete(server->keyspace, &key);
        return true;
    }
    struct entry *entry = keyspace_find(server->keyspace, &key);
    if (entry == NULL)
        return true;
    if (record->type == WAL_RECORD_RANGE)
        return replay_range(server, &key, entry, record);
    assert(record->type == WAL_RECORD_EXPIRE);
    return keyspace_set_expiry(server->keyspace, &key, entry, record->expiry_ms) != NULL;
}

static int start_source_apply(void *context, const struct wal_record *record)
{
    struct start *start = context;
    if (record->type == WAL_RECORD_MAP)
        return replay_map(start->server, record);
    return replay_key(start->server, record) ? 0 : -ENOMEM;
}

int start_recover(struct start *start)
{
    struct server *server = start->server;
    struct wal_recovery_result *result = &server->recovery;
    const struct wal_source source = {start, start_source_read, start_source_apply};
    int64_t began_ns = clock_monotonic_ns();
    int error =
        wal_recover(server->wal_recovery, &start->journal->identity, &source, start->slots, result);
    if (start->open_file >= 0)
        start_close(start, start->open_file);
    start->open_file = -1;
    server->recovery_ns = clock_monotonic_ns() - began_ns;
    if (error == -ENOMEM) {
        notice(&server->notices, LOGLEVEL_WARNING,
               "the data needs more memory than is reserved: raise maxmemory");
        return EXIT_START;
    }
    if (error < 0)
        return start_failed(server, EXIT_START, "recovery failed", error);
    if (wal_verdict_refuses(result->verdict)) {
        notice(&server->notices, LOGLEVEL_WARNING, "refusing to start: %s", result->message);
        notice(&server->notices, LOGLEVEL_WARNING,
               "nothing has been changed. Look at it with 'poro-wal check %s'; 'poro-wal repair' "
               "writes what can be saved into a new folder and says what it gives up.",
               server->config.dir);
        return EXIT_DAMAGED;
    }
    if (result->verdict == WAL_VERDICT_TORN)
        notice(&server->notices, LOGLEVEL_NOTICE, "%s", result->message);
    return 0;
}
