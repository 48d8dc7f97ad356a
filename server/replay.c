// Replay: records of the log, applied to the keyspace.
#include "server/replay.h"

#include "storage/keyspace.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

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

// --- spools ----------------------------------------------------------------------------------

static struct replay_spool *spool_of(struct replay *replay, const struct wal_record *record)
{
    assert(record->spool > 0 && record->spool <= WAL_SPOOLS_MAX);
    return &replay->spools[record->spool - 1];
}

static void spool_free(struct replay *replay, struct replay_spool *spool)
{
    if (spool->block != NULL)
        keyspace_block_free(replay->keyspace, spool->block);
    *spool = (struct replay_spool){0};
}

static int spool_begin(struct replay *replay, struct replay_spool *spool,
                       const struct wal_record *record)
{
    spool_free(replay, spool);
    if (record->total == 0)
        return 0;
    spool->block = keyspace_block_create(replay->keyspace, record->key_length, record->total, 0);
    spool->total = record->total;
    return spool->block != NULL ? 0 : -ENOMEM;
}

static int replay_spool(struct replay *replay, const struct wal_record *record)
{
    struct replay_spool *spool = spool_of(replay, record);
    if (record->length == 0)
        return spool_begin(replay, spool, record);
    if (spool->block == NULL || spool->total != record->total || spool->done != record->offset)
        return -EBADMSG;
    memcpy(keyspace_block_value(spool->block) + record->offset, record->data, record->length);
    spool->done += record->length;
    return 0;
}

// The SET that a spool was made for. `key`: NULL when no database has its keyspace any more.
static int replay_spooled(struct replay *replay, const struct key *key,
                          const struct wal_record *record)
{
    struct replay_spool *spool = spool_of(replay, record);
    if (spool->block == NULL || spool->total != record->total || spool->done != spool->total)
        return -EBADMSG;
    struct entry *entry = NULL;
    if (key != NULL && entry_key_length(spool->block) == key->length) {
        entry = keyspace_adopt(replay->keyspace, key, spool->block, record->expiry_ms);
        if (entry != NULL)
            spool->block = NULL;
    } else if (key != NULL) {
        entry = keyspace_set(replay->keyspace, key, keyspace_block_value(spool->block),
                             spool->total, record->expiry_ms);
    }
    spool_free(replay, spool);
    return key == NULL || entry != NULL ? 0 : -ENOMEM;
}

// --- keys ------------------------------------------------------------------------------------

static bool replay_change(struct keyspace *keyspace, const struct key *key,
                          const struct wal_record *record)
{
    if (record->type == WAL_RECORD_SET) {
        struct entry *entry =
            keyspace_set(keyspace, key, record->data, record->length, record->expiry_ms);
        return entry != NULL && (record->total == record->length ||
                                 keyspace_resize(keyspace, key, entry, record->total));
    }
    if (record->type == WAL_RECORD_DELETE) {
        keyspace_delete(keyspace, key);
        return true;
    }
    struct entry *entry = keyspace_find(keyspace, key);
    if (entry == NULL)
        return true;
    if (record->type == WAL_RECORD_RANGE)
        return replay_range(keyspace, key, entry, record);
    assert(record->type == WAL_RECORD_EXPIRE);
    return keyspace_set_expiry(keyspace, key, entry, record->expiry_ms) != NULL;
}

// A record about a key. What belongs to a keyspace that no database has any more is dropped.
static int replay_key(struct replay *replay, const struct wal_record *record)
{
    struct keyspace *keyspace = replay->keyspace;
    int database = keyspace_database_of_id(keyspace, record->keyspace);
    if (database < 0)
        return record->spool != 0 ? replay_spooled(replay, NULL, record) : 0;
    struct key key = keyspace_key(keyspace, (uint32_t)database, record->key, record->key_length);
    if (record->spool != 0)
        return replay_spooled(replay, &key, record);
    return replay_change(keyspace, &key, record) ? 0 : -ENOMEM;
}

// --- records ---------------------------------------------------------------------------------

void replay_begin(struct replay *replay, struct keyspace *keyspace)
{
    *replay = (struct replay){.keyspace = keyspace};
}

int replay_record(struct replay *replay, const struct wal_record *record)
{
    if (record->type == WAL_RECORD_MAP)
        return replay_map(replay->keyspace, record);
    if (record->type == WAL_RECORD_SPOOL)
        return replay_spool(replay, record);
    return replay_key(replay, record);
}

uint64_t replay_end(struct replay *replay)
{
    uint64_t pending = 0;
    for (uint32_t i = 0; i < WAL_SPOOLS_MAX; i++) {
        if (replay->spools[i].block != NULL)
            pending |= 1ULL << i;
        spool_free(replay, &replay->spools[i]);
    }
    return pending;
}

void replay_sweep(struct keyspace *keyspace)
{
    while (keyspace_count_dead(keyspace) > 0)
        keyspace_sweep(keyspace, 0, REPLAY_SWEEP_BUCKETS, NULL, NULL);
}
