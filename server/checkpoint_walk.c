// The checkpoint's walk over the keyspace: entries become records, a few at a time.
//
// The cursor goes from one home bucket to the next, so that nothing slips behind it when entries move
// or the table grows. A bucket is mostly taken whole. Where it does not fit a frame, the walk goes
// through it in the order of its keys, and remembers the last one. A long value is written in pieces,
// each as it is by then. Should it change meanwhile, the log has the change, but perhaps no more than
// that (APPEND): the pieces go on to its end, wherever that is then.
#include "server/checkpoint_internal.h"

#include "server/clock.h"
#include "server/server.h"
#include "storage/entry.h"

#include <assert.h>
#include <string.h>

// Entries of one home bucket: the table is laid out so that they all lie close to it.
#define BUCKET_ENTRIES_MAX 1024
// Between two looks at the clock.
#define BUCKETS_AT_ONCE 8

struct bucket_entries {
    const struct keyspace *keyspace;
    uint32_t count;
    uint64_t bytes; // of their records, at most
    bool long_one;
    struct entry *entries[BUCKET_ENTRIES_MAX];
};

static uint64_t entry_record_bytes(const struct entry *entry)
{
    return sizeof(struct wal_record_header) + sizeof(int64_t) + entry_key_length(entry) +
           (uint64_t)entry_value_length(entry);
}

static void bucket_visit(void *context, struct entry *entry)
{
    struct bucket_entries *bucket = context;
    if (keyspace_database_of_slot(bucket->keyspace, entry->slot) < 0)
        return;
    assert(bucket->count < BUCKET_ENTRIES_MAX);
    uint64_t bytes = entry_record_bytes(entry);
    bucket->entries[bucket->count++] = entry;
    bucket->bytes += bytes;
    if (bytes > CHECKPOINT_ENTRY_BYTES)
        bucket->long_one = true;
}

static struct wal_record entry_record(const struct keyspace *keyspace, const struct entry *entry)
{
    return (struct wal_record){
        .type = WAL_RECORD_SET,
        .keyspace = keyspace_id_of_slot(keyspace, entry->slot),
        .key = entry_key(entry),
        .key_length = entry_key_length(entry),
        .data = entry_value(entry),
        .length = entry_value_length(entry),
        .total = entry_value_length(entry),
        .expiry_ms = entry_expiry(entry),
    };
}

// The order in which the walk goes through a bucket.
static int key_compare(const struct key *a, const struct key *b)
{
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    if (a->slot != b->slot)
        return a->slot < b->slot ? -1 : 1;
    if (a->length != b->length)
        return a->length < b->length ? -1 : 1;
    return a->length > 0 ? memcmp(a->data, b->data, a->length) : 0;
}

// The bucket's next entry behind the one that the walk stands at, NULL when there is none.
static struct entry *bucket_next(const struct checkpoint *checkpoint,
                                 const struct bucket_entries *bucket, struct key *key)
{
    struct entry *next = NULL;
    for (uint32_t i = 0; i < bucket->count; i++) {
        struct key candidate = keyspace_key_of(bucket->keyspace, bucket->entries[i]);
        if (checkpoint->within && key_compare(&candidate, &checkpoint->key) <= 0)
            continue;
        if (next != NULL && key_compare(&candidate, key) >= 0)
            continue;
        next = bucket->entries[i];
        *key = candidate;
    }
    return next;
}

static void stand_at(struct checkpoint *checkpoint, const struct key *key)
{
    if (key->length > 0)
        memcpy(checkpoint->key_bytes, key->data, key->length);
    checkpoint->key = *key;
    checkpoint->key.data = checkpoint->key_bytes;
    checkpoint->within = true;
}

// The next piece of the value that is on its way. False: there is no room for it.
static bool piece_append(struct server *server, struct checkpoint *checkpoint)
{
    struct wal_checkpoint_writer *writer = &checkpoint->writer;
    const struct entry *entry = keyspace_find(server->keyspace, &checkpoint->key);
    checkpoint->value_length = entry != NULL ? entry_value_length(entry) : 0;
    if (checkpoint->value_length <= checkpoint->value_done) {
        checkpoint->value_done = checkpoint->value_length; // the log knows what became of the rest
        return true;
    }
    uint64_t room = wal_checkpoint_room(writer, checkpoint->key.length);
    if (room == 0)
        return false;
    uint32_t left = checkpoint->value_length - checkpoint->value_done;
    struct wal_record record = {
        .type = checkpoint->value_done == 0 ? WAL_RECORD_SET : WAL_RECORD_RANGE,
        .keyspace = checkpoint->keyspace_id,
        .key = checkpoint->key.data,
        .key_length = checkpoint->key.length,
        .data = entry_value(entry) + checkpoint->value_done,
        .length = left < room ? left : (uint32_t)room,
        .total = checkpoint->value_length,
    };
    if (record.type == WAL_RECORD_SET)
        record.expiry_ms = entry_expiry(entry);
    else
        record.offset = checkpoint->value_done;
    bool fits = wal_checkpoint_append(writer, &record);
    assert(fits);
    checkpoint->value_done += record.length;
    return true;
}

// One entry of a bucket that is not taken whole. False: there is no room for it.
static bool bucket_step(struct server *server, struct checkpoint *checkpoint, struct entry *entry,
                        const struct key *key)
{
    struct wal_checkpoint_writer *writer = &checkpoint->writer;
    uint64_t room = wal_checkpoint_room(writer, key->length);
    if (room == 0)
        return false;
    if (entry_value_length(entry) <= room) {
        struct wal_record record = entry_record(server->keyspace, entry);
        bool fits = wal_checkpoint_append(writer, &record);
        assert(fits);
        stand_at(checkpoint, key);
        return true;
    }
    checkpoint->keyspace_id = keyspace_id_of_slot(server->keyspace, entry->slot);
    checkpoint->value_length = entry_value_length(entry);
    checkpoint->value_done = 0;
    stand_at(checkpoint, key);
    return piece_append(server, checkpoint);
}

static void cursor_advance(struct checkpoint *checkpoint, uint64_t next)
{
    checkpoint->cursor = next;
    checkpoint->within = false;
    checkpoint->walked = next == 0;
}

// Goes on in the bucket at the cursor. False: the frame is full.
static bool bucket_walk(struct server *server, struct checkpoint *checkpoint)
{
    struct wal_checkpoint_writer *writer = &checkpoint->writer;
    struct bucket_entries bucket; // large: what is not in use stays as it is
    bucket.keyspace = server->keyspace;
    bucket.count = 0;
    bucket.bytes = 0;
    bucket.long_one = false;
    uint64_t next = keyspace_scan(server->keyspace, checkpoint->cursor, bucket_visit, &bucket);
    uint64_t room = wal_checkpoint_room(writer, 0);
    if (room == 0)
        return false;
    if (!checkpoint->within && !bucket.long_one && bucket.bytes <= room) {
        for (uint32_t i = 0; i < bucket.count; i++) {
            struct wal_record record = entry_record(server->keyspace, bucket.entries[i]);
            bool fits = wal_checkpoint_append(writer, &record);
            assert(fits);
        }
        cursor_advance(checkpoint, next);
        return true;
    }
    struct key key;
    struct entry *entry = bucket_next(checkpoint, &bucket, &key);
    if (entry == NULL) {
        cursor_advance(checkpoint, next);
        return true;
    }
    return bucket_step(server, checkpoint, entry, &key);
}

bool checkpoint_walk(struct server *server, int64_t until_ns)
{
    struct checkpoint *checkpoint = server->checkpoint;
    for (;;) {
        for (uint32_t i = 0; i < BUCKETS_AT_ONCE && !checkpoint->walked; i++) {
            bool piece = checkpoint->value_done < checkpoint->value_length;
            if (!(piece ? piece_append(server, checkpoint) : bucket_walk(server, checkpoint)))
                return true;
            if (piece)
                break;
        }
        if (checkpoint->walked && checkpoint->value_done == checkpoint->value_length)
            return true;
        if (clock_monotonic_ns() >= until_ns)
            return false;
    }
}
