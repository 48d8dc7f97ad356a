// Replay: records of the log, applied to the keyspace.
#include "server/replay.h"

#include "storage/keyspace.h"

#include <assert.h>
#include <errno.h>

// Buckets swept at a time.
#define REPLAY_SWEEP_BUCKETS 65536

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

static int replay_map(struct keyspace *keyspace, const struct wal_record *record)
{
    if (!replay_map_valid(record))
        return -EBADMSG;
    struct keyspace_map map = {.next_id = record->map.next_id};
    for (uint32_t i = 0; i < DATABASES_MAX; i++)
        map.ids[i] = record->map.ids[i];
    int result = keyspace_set_map(keyspace, &map);
    while (result == -ENOSPC && keyspace_count_dead(keyspace) > 0) {
        keyspace_sweep(keyspace, 0, REPLAY_SWEEP_BUCKETS, NULL, NULL);
        result = keyspace_set_map(keyspace, &map);
    }
    return result;
}

static bool replay_range(struct keyspace *keyspace, const struct key *key, struct entry *entry,
                         const struct wal_record *record)
{
    if (entry_value_length(entry) != record->total)
        entry = keyspace_resize(keyspace, key, entry, record->total);
    if (entry != NULL && record->length > 0)
        entry = keyspace_write(keyspace, key, entry, record->offset, record->data, record->length);
    return entry != NULL;
}

// A record about a key. What belongs to a keyspace that no database has any more is dropped.
static bool replay_key(struct keyspace *keyspace, const struct wal_record *record)
{
    int database = keyspace_database_of_id(keyspace, record->keyspace);
    if (database < 0)
        return true;
    struct key key = keyspace_key(keyspace, (uint32_t)database, record->key, record->key_length);
    if (record->type == WAL_RECORD_SET) {
        struct entry *entry =
            keyspace_set(keyspace, &key, record->data, record->length, record->expiry_ms);
        return entry != NULL && (record->total == record->length ||
                                 keyspace_resize(keyspace, &key, entry, record->total));
    }
    if (record->type == WAL_RECORD_DELETE) {
        keyspace_delete(keyspace, &key);
        return true;
    }
    struct entry *entry = keyspace_find(keyspace, &key);
    if (entry == NULL)
        return true;
    if (record->type == WAL_RECORD_RANGE)
        return replay_range(keyspace, &key, entry, record);
    assert(record->type == WAL_RECORD_EXPIRE);
    return keyspace_set_expiry(keyspace, &key, entry, record->expiry_ms) != NULL;
}

int replay_record(struct keyspace *keyspace, const struct wal_record *record)
{
    if (record->type == WAL_RECORD_MAP)
        return replay_map(keyspace, record);
    return replay_key(keyspace, record) ? 0 : -ENOMEM;
}

void replay_sweep(struct keyspace *keyspace)
{
    while (keyspace_count_dead(keyspace) > 0)
        keyspace_sweep(keyspace, 0, REPLAY_SWEEP_BUCKETS, NULL, NULL);
}
