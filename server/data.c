// The data as commands see it: expiry, logging and holding around the keyspace.
#include "server/data.h"

#include "server/clock.h"
#include "server/commands.h"
#include "server/connection.h"
#include "server/evict.h"
#include "server/hold.h"
#include "server/idle.h"
#include "server/journal.h"
#include "server/memory.h"
#include "server/server.h"
#include "server/token.h"
#include "server/watch.h"
#include "storage/arena.h"
#include "storage/keyspace.h"
#include "wal/log.h"

#include <assert.h>
#include <errno.h>

// --- memory ----------------------------------------------------------------------------------

uint64_t data_used_bytes(const struct server *server)
{
    return arena_used_bytes(server->arena) + keyspace_table_bytes(server->keyspace);
}

uint64_t data_overhead_bytes(const struct server *server)
{
    return keyspace_table_bytes(server->keyspace) + server->input_bytes + server->large_bytes +
           server->transaction_bytes;
}

uint64_t data_peak_bytes(const struct server *server)
{
    uint64_t used = data_used_bytes(server);
    return used > server->stats.peak_bytes ? used : server->stats.peak_bytes;
}

static bool data_out_of_memory(struct call *call)
{
    call_error_memory(call);
    return false;
}

// Within maxmemory. What is freed for another command is not to be had.
static bool data_fits(const struct server *server, uint64_t bytes)
{
    return data_used_bytes(server) + server->evict.reserved_bytes + bytes <=
           (uint64_t)server->config.maxmemory;
}

bool data_has_room(const struct server *server, uint64_t bytes)
{
    return data_fits(server, bytes) && arena_has_room(server->arena, bytes);
}

bool data_wait_room(struct call *call, uint64_t bytes)
{
    const struct server *server = call->server;
    if (call->inner || call->denied || data_fits(server, bytes) ||
        (server->config.maxmemory_policy == MAXMEMORY_NOEVICTION && !evict_possible(server, bytes)))
        return false;
    call->again = true;
    call->wait = WAIT_MEMORY;
    call->need = bytes;
    return true;
}

// Keys that are evicted may make room, for the command to be executed once more; if not, it fails.
static bool data_short(struct call *call, uint64_t bytes)
{
    return data_wait_room(call, bytes) ? false : data_out_of_memory(call);
}

bool data_room(struct call *call, uint64_t bytes)
{
    // In a transaction that has been seen to before it began.
    if (!call->room && !data_has_room(call->server, bytes))
        return data_short(call, bytes);
    call->room = true;
    return true;
}

static uint64_t data_entry_bytes(const struct entry *entry)
{
    return keyspace_entry_bytes(entry_key_length(entry), entry_value_length(entry),
                                entry_expiry(entry) != 0);
}

// As data_room for an entry that takes the place of `old` (or NULL): only growth needs room.
static bool data_room_instead(struct call *call, const struct entry *old, uint64_t bytes)
{
    uint64_t before = old != NULL ? data_entry_bytes(old) : 0;
    uint64_t growth = bytes > before ? bytes - before : 0;
    if (growth == 0 || call->room || data_fits(call->server, growth))
        return true;
    return data_short(call, growth);
}

// --- logging ---------------------------------------------------------------------------------

// Appends a record about one key: its next readers wait for this batch, and so does this reply.
static void data_log(struct call *call, const struct key *key, struct wal_record *record)
{
    struct server *server = call->server;
    record->keyspace = keyspace_id_of_slot(server->keyspace, key->slot);
    record->key = key->data;
    record->key_length = key->length;
    wal_append(server->wal, record);
    call->hold = wal_open_batch(server->wal);
    call->changed = true;
    hold_touch(server->hold, key->hash, call->hold);
    if (server->watches_count > 0)
        watch_touch(server, key, record->type == WAL_RECORD_DELETE);
}

static void data_log_delete(struct call *call, const struct key *key)
{
    struct wal_record record = {.type = WAL_RECORD_DELETE};
    data_log(call, key, &record);
}

// Logs an entry that is new, whole. `fresh`: so is its key. `block`: where its value was received, NULL:
// elsewhere.
static void data_log_set(struct call *call, const struct key *key, struct entry *entry, bool fresh,
                         const struct entry *block)
{
    // One command is one use.
    if (!fresh && !(call->server->idle.lfu && call->found))
        idle_use(&call->server->idle, entry);
    struct wal_record record = {
        .type = WAL_RECORD_SET,
        .data = entry_value(entry),
        .length = entry_value_length(entry),
        .total = entry_value_length(entry),
        .expiry_ms = entry_expiry(entry),
    };
    if (block != NULL && call->server->spools.used > 0)
        record.spool = spool_take(call->server, block);
    if (record.spool != 0)
        record.length = 0;
    data_log(call, key, &record);
}

static void data_note_hold(struct call *call, uint64_t batch)
{
    if (batch > call->hold)
        call->hold = batch;
}

// --- finding ---------------------------------------------------------------------------------

static bool data_expired(const struct entry *entry, int64_t now_ms)
{
    int64_t expiry = entry_expiry(entry);
    return expiry != 0 && expiry <= now_ms;
}

// Deletes an expired key. It needs room in the log like every change: a command that writes has
// secured it, one that only reads asks for it here, and is executed again later if there is none yet.
// On a full disk the key counts as missing and stays until there is room: reads go on.
static void data_expire(struct call *call, const struct key *key)
{
    struct server *server = call->server;
    if (!call->admitted) {
        enum wal_admission admission =
            wal_admit(server->wal, key->length + WAL_RECORD_OVERHEAD_MAX, true);
        if (admission == WAL_WAIT)
            call->again = true;
        if (admission != WAL_ADMIT)
            return;
    }
    bool deleted = keyspace_delete(server->keyspace, key);
    assert(deleted);
    data_log_delete(call, key);
    server->stats.expired++;
}

struct entry *data_peek(struct call *call, const struct key *key, bool count)
{
    struct server *server = call->server;
    struct entry *entry = keyspace_find(server->keyspace, key);
    data_note_hold(call, hold_batch(server->hold, key->hash));
    if (entry != NULL && data_expired(entry, call->now_ms)) {
        data_expire(call, key);
        entry = NULL;
    }
    if (count && entry != NULL)
        server->stats.hits++;
    else if (count)
        server->stats.misses++;
    return entry;
}

struct entry *data_find(struct call *call, const struct key *key, bool count)
{
    struct entry *entry = data_peek(call, key, count);
    call->found = true;
    if (entry != NULL && !call->connection->no_touch)
        idle_use(&call->server->idle, entry);
    return entry;
}

bool data_exists(struct call *call, const struct key *key)
{
    const struct entry *entry = keyspace_find(call->server->keyspace, key);
    data_note_hold(call, hold_batch(call->server->hold, key->hash));
    return entry != NULL && !data_expired(entry, call->now_ms);
}

// --- changing --------------------------------------------------------------------------------

static struct entry *data_block(const struct call *call, uint32_t argument)
{
    struct entry *block = (struct entry *)(uintptr_t)call->args[argument].where;
    assert(block != NULL);
    return block;
}

bool data_adoptable(const struct call *call, const struct key *key, uint32_t argument)
{
    return argument != 0 && call->args[argument].external &&
           entry_key_length(data_block(call, argument)) == key->length;
}

bool data_set(struct call *call, const struct key *key, uint32_t argument, const void *data,
              uint32_t length, int64_t expiry_ms)
{
    struct server *server = call->server;
    struct entry *entry;
    const struct entry *old = keyspace_find(server->keyspace, key);
    bool fresh = old == NULL;
    const struct entry *block = NULL;
    if (argument != 0 && call->args[argument].external)
        block = data_block(call, argument);
    if (data_adoptable(call, key, argument)) {
        entry = keyspace_adopt(server->keyspace, key, data_block(call, argument), expiry_ms);
        if (entry != NULL)
            call->args[argument].where = 0;
    } else {
        if (argument != 0) {
            struct span value = call_arg(call, argument);
            data = value.data;
            length = value.length;
        }
        if (!data_room_instead(call, old,
                               keyspace_entry_bytes(key->length, length, expiry_ms != 0)))
            return false;
        entry = keyspace_set(server->keyspace, key, data, length, expiry_ms);
    }
    if (entry == NULL)
        return data_out_of_memory(call);
    data_log_set(call, key, entry, fresh, block);
    return true;
}

bool data_adopt(struct call *call, const struct key *key, struct entry *block, int64_t expiry_ms)
{
    bool fresh = keyspace_find(call->server->keyspace, key) == NULL;
    struct entry *entry = keyspace_adopt(call->server->keyspace, key, block, expiry_ms);
    if (entry == NULL)
        return data_out_of_memory(call);
    data_log_set(call, key, entry, fresh, NULL);
    return true;
}

struct entry *data_block_create(struct call *call, const struct key *key, uint32_t length)
{
    struct keyspace *keyspace = call->server->keyspace;
    const struct entry *old = keyspace_find(keyspace, key);
    // As a block has it, with a place for an expiry.
    if (!data_room_instead(call, old, keyspace_entry_bytes(key->length, length, true)))
        return NULL;
    struct entry *block = keyspace_block_create(keyspace, key->length, length, 0);
    if (block == NULL)
        data_out_of_memory(call);
    return block;
}

void data_mark_edited(struct call *call, const struct key *key)
{
    entry_mark_edited(keyspace_find(call->server->keyspace, key));
}

// A command that copies so much takes a time that is worth knowing, brief or not.
static void data_copied(struct call *call, uint64_t bytes)
{
    if (bytes >= HEAVY_BYTES)
        call->timed = true;
}

bool data_copy(struct call *call, const struct key *key, const struct entry *entry)
{
    bool edited = (entry->flags & ENTRY_EDITED) != 0;
    if (!data_set(call, key, 0, entry_value(entry), entry_value_length(entry), entry_expiry(entry)))
        return false;
    if (edited)
        data_mark_edited(call, key);
    return true;
}

bool data_rename(struct call *call, const struct key *from, const struct key *to)
{
    struct entry *entry = keyspace_rename(call->server->keyspace, from, to);
    if (entry == NULL)
        return data_out_of_memory(call);
    // Its use goes with the value, which the command has found already.
    data_log_set(call, to, entry, true, NULL);
    data_log_delete(call, from);
    return true;
}

bool data_write(struct call *call, const struct key *key, struct entry *entry, uint32_t offset,
                const void *data, uint32_t length, uint32_t total)
{
    struct server *server = call->server;
    assert((uint64_t)offset + length <= total);
    if (total != entry_value_length(entry)) {
        uint64_t bytes = keyspace_entry_bytes(key->length, total, entry_expiry(entry) != 0);
        data_copied(call, bytes);
        if (!data_room_instead(call, entry, bytes))
            return false;
        entry = keyspace_resize(server->keyspace, key, entry, total);
    }
    if (entry != NULL && length > 0)
        entry = keyspace_write(server->keyspace, key, entry, offset, data, length);
    if (entry == NULL)
        return data_out_of_memory(call);
    entry_mark_edited(entry);
    struct wal_record record = {
        .type = WAL_RECORD_RANGE,
        .data = data,
        .length = length,
        .offset = offset,
        .total = total,
    };
    data_log(call, key, &record);
    return true;
}

bool data_write_new(struct call *call, const struct key *key, uint32_t offset, const void *data,
                    uint32_t length, uint32_t total)
{
    struct server *server = call->server;
    assert(keyspace_find(server->keyspace, key) == NULL);
    if (!data_room(call, keyspace_entry_bytes(key->length, 0, false) +
                             keyspace_entry_bytes(key->length, total, false)) ||
        !data_set(call, key, 0, "", 0, 0))
        return false;
    if (data_write(call, key, keyspace_find(server->keyspace, key), offset, data, length, total))
        return true;
    // Room has been made sure of, so this is not expected.
    data_delete(call, key);
    return false;
}

bool data_set_expiry(struct call *call, const struct key *key, struct entry *entry,
                     int64_t expiry_ms)
{
    data_copied(call, entry_value_length(entry));
    if (keyspace_set_expiry(call->server->keyspace, key, entry, expiry_ms) == NULL)
        return data_out_of_memory(call);
    struct wal_record record = {.type = WAL_RECORD_EXPIRE, .expiry_ms = expiry_ms};
    data_log(call, key, &record);
    return true;
}

bool data_delete(struct call *call, const struct key *key)
{
    struct server *server = call->server;
    const struct entry *entry = keyspace_find(server->keyspace, key);
    data_note_hold(call, hold_batch(server->hold, key->hash));
    if (entry == NULL)
        return false;
    bool live = !data_expired(entry, call->now_ms);
    if (!live)
        server->stats.expired++;
    keyspace_delete(server->keyspace, key);
    data_log_delete(call, key);
    return live;
}

// Ids for the databases to be emptied. Databases without keys keep theirs. False when ids run out.
static bool data_flush_map(const struct server *server, int database, struct keyspace_map *map)
{
    keyspace_get_map(server->keyspace, map);
    for (uint32_t i = 0; i < DATABASES_MAX; i++) {
        if ((database >= 0 && (uint32_t)database != i) || keyspace_count(server->keyspace, i) == 0)
            continue;
        if (map->next_id == UINT32_MAX)
            return false;
        map->ids[i] = map->next_id++;
    }
    return true;
}

// Gives databases other keyspaces.
static bool data_map(struct call *call, const struct keyspace_map *map)
{
    struct server *server = call->server;
    watch_map_begin(server);
    if (keyspace_set_map(server->keyspace, map) < 0) {
        // All slots hold keys that are still being freed: the background does that first.
        call->again = true;
        return false;
    }
    struct wal_record record = {.type = WAL_RECORD_MAP};
    record.map.next_id = map->next_id;
    for (uint32_t i = 0; i < DATABASES_MAX; i++)
        record.map.ids[i] = map->ids[i];
    watch_map_end(server);
    wal_append(server->wal, &record);
    call->changed = true;
    call->hold = wal_open_batch(server->wal);
    hold_touch_all(server->hold, call->hold);
    server->map_version++;
    return true;
}

bool data_flush(struct call *call, int database)
{
    struct server *server = call->server;
    struct keyspace_map before;
    struct keyspace_map map;
    keyspace_get_map(server->keyspace, &before);
    data_note_hold(call, wal_newest_batch(server->wal));
    if (!data_flush_map(server, database, &map)) {
        resp_error(call->reply, "ERR no keyspace ids are left: export and import the data");
        return false;
    }
    return map.next_id == before.next_id || data_map(call, &map);
}

bool data_swap(struct call *call, uint32_t a, uint32_t b)
{
    struct server *server = call->server;
    struct keyspace_map map;
    keyspace_get_map(server->keyspace, &map);
    data_note_hold(call, wal_newest_batch(server->wal));
    uint32_t id = map.ids[a];
    map.ids[a] = map.ids[b];
    map.ids[b] = id;
    return a == b || data_map(call, &map);
}

// --- background ------------------------------------------------------------------------------

// The whole table is swept for expired keys in about this time.
#define SWEEP_PERIOD_NS 10000000000
#define SWEEP_BUCKETS_MIN 16
// ... a few at a time, and for so long in a turn at most: the rest is for the next ones.
#define SWEEP_BUCKETS_STEP 8
#define SWEEP_TURN_NS 200000
// The loop comes round that soon while there is such a rest, or the table grows or shrinks.
#define REST_NS 1000000
// Buckets a turn while dead keys are to be freed, and while the table grows.
#define SWEEP_BUCKETS_DEAD 128
#define GROW_BUCKETS 64
#define RECLAIM_RANGES_MAX 4
#define RECLAIM_TURN_NS 200000

enum wal_admission data_drop(struct server *server, const struct key *key)
{
    uint64_t bytes = key->length + WAL_RECORD_OVERHEAD_MAX;
    enum wal_admission admission = wal_admit(server->wal, bytes, true);
    if (admission != WAL_ADMIT)
        return admission;
    struct wal_record record = {
        .type = WAL_RECORD_DELETE,
        .keyspace = keyspace_id_of_slot(server->keyspace, key->slot),
        .key = key->data,
        .key_length = key->length,
    };
    wal_append(server->wal, &record);
    hold_touch(server->hold, key->hash, wal_open_batch(server->wal));
    if (server->watches_count > 0)
        watch_touch(server, key, true);
    return WAL_ADMIT;
}

static enum keyspace_verdict data_judge(void *context, const struct entry *entry,
                                        const struct key *key)
{
    struct server *server = context;
    assert(entry_expiry(entry) != 0);
    if (wal_open_bytes(server->wal) > WAL_BATCH_BYTES_SOFT / 4 ||
        data_drop(server, key) != WAL_ADMIT) {
        server->sweep_stopped = true;
        return KEYSPACE_STOP;
    }
    server->stats.expired++;
    return KEYSPACE_REMOVE;
}

uint64_t data_sweep_some(struct server *server, uint32_t buckets)
{
    return keyspace_sweep(server->keyspace, server->wall_ms, buckets, data_judge, server);
}

static bool data_has_volatile(const struct server *server)
{
    for (uint32_t i = 0; i < DATABASES_MAX; i++) {
        if (keyspace_count_volatile(server->keyspace, i) > 0)
            return true;
    }
    return false;
}

static void data_sweep(struct server *server)
{
    bool dead = keyspace_count_dead(server->keyspace) > 0;
    int64_t elapsed = server->now_ns - server->sweep_ns;
    bool any = dead || data_has_volatile(server);
    if (!any)
        server->sweep_rest = 0;
    if (!any || (!dead && elapsed < 1000000))
        return;
    struct keyspace_stats stats;
    keyspace_stats(server->keyspace, &stats);
    uint64_t buckets = stats.buckets * (uint64_t)elapsed / SWEEP_PERIOD_NS + SWEEP_BUCKETS_MIN;
    buckets += server->sweep_rest;
    if (dead && buckets < SWEEP_BUCKETS_DEAD)
        buckets = SWEEP_BUCKETS_DEAD;
    if (buckets > stats.buckets)
        buckets = stats.buckets;
    server->sweep_ns = server->now_ns;
    int64_t began_ns = clock_monotonic_ns();
    server->sweep_stopped = false;
    while (buckets > 0 && !server->sweep_stopped) {
        uint32_t some = buckets < SWEEP_BUCKETS_STEP ? (uint32_t)buckets : SWEEP_BUCKETS_STEP;
        keyspace_sweep(server->keyspace, server->wall_ms, some, data_judge, server);
        buckets -= some;
        if (clock_monotonic_ns() - began_ns > SWEEP_TURN_NS)
            break;
    }
    server->sweep_rest = buckets;
}

// Nothing is to follow the record of a clean stop.
static bool data_sweeps(const struct server *server)
{
    return server->state == SERVER_SERVING && !server->expires_lazily &&
           server->pause.mode == PAUSE_NONE;
}

bool data_urgent(const struct server *server)
{
    // When the log has no room for what has expired, its events say when it has.
    return keyspace_count_dead(server->keyspace) > 0 && !server->sweep_stopped &&
           data_sweeps(server);
}

int64_t data_deadline_ns(const struct server *server)
{
    bool goes_on = server->table_moves ||
                   (server->sweep_rest > 0 && !server->sweep_stopped && data_sweeps(server));
    return goes_on ? server->now_ns + REST_NS : INT64_MAX;
}

void data_reclaim(struct server *server)
{
    server->reclaim_rest = false;
    void *address;
    size_t bytes;
    int64_t began_ns = clock_monotonic_ns();
    for (int i = 0; i < RECLAIM_RANGES_MAX; i++) {
        if (!keyspace_reclaim(server->keyspace, &address, &bytes) &&
            !arena_reclaim(server->arena, &address, &bytes) &&
            !wal_reclaim(server->wal, &address, &bytes) &&
            !reply_pool_reclaim(server->replies, &address, &bytes))
            return;
        memory_return(address, bytes);
        if (clock_monotonic_ns() - began_ns > RECLAIM_TURN_NS)
            break;
    }
    server->reclaim_rest = true;
}

// The memory of the table that is grown into comes in huge pages: to clear one takes a fifth of a
// millisecond, and several where a hypervisor has to find it first. Others do that.
static void data_populate(struct server *server)
{
    void *address;
    size_t bytes;
    if (server->populate != POPULATE_READY ||
        !keyspace_needs_soon(server->keyspace, &address, &bytes))
        return;
    server->populate = POPULATE_WAITING;
    io_populate(server->io, address, bytes, token_pack((struct token){TOKEN_POPULATE, 0, 0}));
}

void data_populated(struct server *server, int32_t result)
{
    assert(server->populate == POPULATE_WAITING);
    keyspace_provided(server->keyspace);
    server->populate =
        result == -EINVAL || result == -EOPNOTSUPP ? POPULATE_UNKNOWN : POPULATE_READY;
}

void data_housekeeping(struct server *server)
{
    server->table_moves = keyspace_grow(server->keyspace, GROW_BUCKETS);
    data_populate(server);
    idle_housekeeping(server);
    turn_part(server, &server->turn, TURN_TABLE);
    if (data_sweeps(server))
        data_sweep(server);
    turn_part(server, &server->turn, TURN_EXPIRY);
    server->stats.peak_bytes = data_peak_bytes(server);
}
