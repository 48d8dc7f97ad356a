// Watched keys: found by their hash when a key changes.
#include "server/watch.h"

#include "conf/limits.h"
#include "server/connection.h"
#include "server/data.h"
#include "server/evict.h"
#include "server/server.h"
#include "storage/arena.h"
#include "storage/keyspace.h"

#include <assert.h>
#include <string.h>

struct watch {
    struct watch *next_own; // of the connection
    struct watch *next;     // of the bucket
    struct watch *previous;
    struct connection *connection;
    struct key key; // its bytes follow
    uint32_t database;
    bool expired; // it was, when it was watched first: whether it goes or stays makes no difference
    bool existed; // before the map changed
    uint8_t bytes[];
};

static struct watch **watch_bucket(struct server *server, uint64_t hash)
{
    static_assert((WATCH_BUCKETS & (WATCH_BUCKETS - 1)) == 0, "indexed by a mask");
    return &server->watches[hash & (WATCH_BUCKETS - 1)];
}

static bool watch_is(const struct watch *watch, const struct key *key)
{
    return watch->key.hash == key->hash && watch->key.slot == key->slot &&
           watch->key.length == key->length && memcmp(watch->key.data, key->data, key->length) == 0;
}

static void watch_link(struct server *server, struct watch *watch)
{
    struct watch **bucket = watch_bucket(server, watch->key.hash);
    watch->previous = NULL;
    watch->next = *bucket;
    if (watch->next != NULL)
        watch->next->previous = watch;
    *bucket = watch;
}

static void watch_unlink(struct server *server, struct watch *watch)
{
    if (watch->next != NULL)
        watch->next->previous = watch->previous;
    if (watch->previous != NULL)
        watch->previous->next = watch->next;
    else
        *watch_bucket(server, watch->key.hash) = watch->next;
}

// --- is it there -----------------------------------------------------------------------------

static bool key_expired(const struct server *server, const struct entry *entry)
{
    int64_t expiry = entry_expiry(entry);
    return expiry != 0 && expiry <= server->wall_ms;
}

static const struct entry *watch_entry(const struct server *server, const struct watch *watch)
{
    return keyspace_find(server->keyspace, &watch->key);
}

// --- a connection's keys ---------------------------------------------------------------------

bool watch_add(struct server *server, struct connection *connection, const struct key *key)
{
    for (const struct watch *w = *watch_bucket(server, key->hash); w != NULL; w = w->next) {
        if (w->connection == connection && watch_is(w, key))
            return true;
    }
    uint64_t bytes = sizeof(struct watch) + key->length;
    if (server->watches_count == WATCHES_MAX)
        return false;
    // Where keys are evicted they will be for this, too.
    if (data_used_bytes(server) + bytes > (uint64_t)server->config.maxmemory &&
        !evict_possible(server, bytes))
        return false;
    struct watch *watch = arena_alloc(server->arena, bytes);
    if (watch == NULL)
        return false;
    const struct entry *entry = keyspace_find(server->keyspace, key);
    *watch = (struct watch){
        .next_own = connection->transaction.watches,
        .connection = connection,
        .key = *key,
        .database = connection->database,
        .expired = entry != NULL && key_expired(server, entry),
    };
    memcpy(watch->bytes, key->data, key->length);
    watch->key.data = watch->bytes;
    watch_link(server, watch);
    connection->transaction.watches = watch;
    connection->transaction.watches_count++;
    server->watches_count++;
    return true;
}

void watch_drop(struct server *server, struct connection *connection)
{
    watch_drop_since(server, connection, NULL);
    connection->transaction.dirty = false;
}

void watch_drop_since(struct server *server, struct connection *connection,
                      const struct watch *before)
{
    struct transaction *transaction = &connection->transaction;
    while (transaction->watches != before) {
        struct watch *watch = transaction->watches;
        transaction->watches = watch->next_own;
        watch_unlink(server, watch);
        arena_free(server->arena, watch);
        assert(server->watches_count > 0 && transaction->watches_count > 0);
        server->watches_count--;
        transaction->watches_count--;
    }
}

bool watch_expired(const struct server *server, const struct connection *connection)
{
    for (const struct watch *w = connection->transaction.watches; w != NULL; w = w->next_own) {
        const struct entry *entry = watch_entry(server, w);
        if (!w->expired && entry != NULL && key_expired(server, entry))
            return true;
    }
    return false;
}

// --- changes ---------------------------------------------------------------------------------

void watch_touch(struct server *server, const struct key *key, bool deleted)
{
    for (struct watch *w = *watch_bucket(server, key->hash); w != NULL; w = w->next) {
        if (!watch_is(w, key))
            continue;
        // That an expired key is deleted changes nothing for anybody.
        if (w->expired && deleted)
            w->expired = false;
        else
            w->connection->transaction.dirty = true;
    }
}

// Keys are hashed for the keyspace that their database has: with another one, each has to be looked
// for anew.
void watch_map_begin(struct server *server)
{
    for (uint32_t i = 0; i < WATCH_BUCKETS && server->watches_count > 0; i++) {
        for (struct watch *w = server->watches[i]; w != NULL; w = w->next)
            w->existed = watch_entry(server, w) != NULL;
    }
}

// The database that the key belongs to has another keyspace now.
static void watch_moved(const struct server *server, struct watch *watch)
{
    const struct entry *entry = watch_entry(server, watch);
    bool expired = entry != NULL && key_expired(server, entry);
    bool was_there = watch->existed && !watch->expired;
    bool is_there = entry != NULL && !expired;
    watch->expired = expired;
    if (was_there || is_there)
        watch->connection->transaction.dirty = true;
}

void watch_map_end(struct server *server)
{
    if (server->watches_count == 0)
        return;
    // First all are taken out, then all go back: nobody is met twice.
    struct watch *all = NULL;
    for (uint32_t i = 0; i < WATCH_BUCKETS; i++) {
        while (server->watches[i] != NULL) {
            struct watch *watch = server->watches[i];
            watch_unlink(server, watch);
            watch->next = all;
            all = watch;
        }
    }
    while (all != NULL) {
        struct watch *watch = all;
        all = watch->next;
        uint16_t slot = watch->key.slot;
        watch->key =
            keyspace_key(server->keyspace, watch->database, watch->key.data, watch->key.length);
        watch_link(server, watch);
        if (watch->key.slot != slot)
            watch_moved(server, watch);
    }
}
