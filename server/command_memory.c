// MEMORY: what takes memory.
#include "server/command_handlers.h"

#include "server/call.h"
#include "server/commands.h"
#include "server/data.h"
#include "server/memory.h"
#include "server/reply.h"
#include "server/server.h"
#include "server/text.h"
#include "storage/arena.h"
#include "storage/keyspace.h"
#include "wal/log.h"

#include <stdio.h>

// What an entry's place in the table takes: a bucket of 64 bytes for 10 of them, two thirds full.
#define SLOT_BYTES 10

static bool memory_samples_read(struct call *call)
{
    for (uint32_t i = 3; i < call->argc; i += 2) {
        int64_t samples;
        if (!call_arg_is(call, i, "samples") || i + 1 == call->argc) {
            call_error_syntax(call);
            return false;
        }
        if (!call_arg_integer(call, i + 1, &samples))
            return false;
        if (samples < 0) {
            call_error_syntax(call);
            return false;
        }
    }
    return true;
}

// Strings have nothing to take samples of.
void command_memory_usage(struct call *call)
{
    if (!memory_samples_read(call))
        return;
    struct key key = call_key(call, 2);
    const struct entry *entry = data_find(call, &key, false);
    if (entry == NULL)
        resp_null(call->reply);
    else
        resp_integer(call->reply,
                     (int64_t)(arena_block_bytes(call->server->arena, entry) + SLOT_BYTES));
}

void command_memory_purge(struct call *call)
{
    data_reclaim(call->server);
    call_ok(call);
}

// --- STATS -----------------------------------------------------------------------------------

struct memory_numbers {
    uint64_t used;
    uint64_t peak;
    uint64_t resident;
    uint64_t tables;
    uint64_t clients;
    uint64_t log;
    uint64_t keys;
    uint64_t arena_used;
    uint64_t arena_span;
    uint64_t arena_resident;
};

static void memory_count(const struct server *server, struct memory_numbers *n)
{
    *n = (struct memory_numbers){
        .used = data_used_bytes(server),
        .peak = data_peak_bytes(server),
        .resident = memory_resident_bytes(),
        .tables = keyspace_table_bytes(server->keyspace),
        .log = wal_open_bytes(server->wal),
        .arena_used = arena_used_bytes(server->arena),
        .arena_span = arena_span_bytes(server->arena),
        .arena_resident = arena_resident_bytes(server->arena),
    };
    uint64_t chunks = reply_pool_capacity(server->replies) - reply_pool_free(server->replies);
    n->clients = chunks * REPLY_CHUNK_BYTES + server->input_bytes + server->large_bytes;
    for (uint32_t i = 0; i < DATABASES_MAX; i++)
        n->keys += keyspace_count(server->keyspace, i);
}

static double memory_ratio(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0;
}

static void stats_integer(struct call *call, const char *name, int64_t value)
{
    resp_bulk_text(call->reply, name);
    resp_integer(call->reply, value);
}

static void stats_double(struct call *call, const char *name, double value)
{
    resp_bulk_text(call->reply, name);
    resp_double(call->reply, value);
}

static uint64_t stats_databases(const struct server *server)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < DATABASES_MAX; i++)
        count += keyspace_count(server->keyspace, i) > 0;
    return count;
}

// All databases share one table: each has the part of it that its keys take.
static void stats_database(struct call *call, uint32_t database, const struct memory_numbers *n)
{
    char name[16];
    uint64_t keys = keyspace_count(call->server->keyspace, database);
    snprintf(name, sizeof(name), "db.%u", database);
    resp_bulk_text(call->reply, name);
    resp_map(call->reply, 3);
    stats_integer(call, "overhead.hashtable.main",
                  (int64_t)((double)n->tables * memory_ratio(keys, n->keys)));
    stats_integer(call, "overhead.hashtable.expires", 0);
    stats_integer(call, "overhead.hashtable.slot-to-keys", 0);
}

// The last ten fields: memory as the allocator and the system see it.
static void stats_allocator(struct call *call, const struct memory_numbers *n)
{
    stats_integer(call, "allocator.allocated", (int64_t)n->arena_used);
    stats_integer(call, "allocator.active", (int64_t)n->arena_span);
    stats_integer(call, "allocator.resident", (int64_t)n->arena_resident);
    stats_double(call, "allocator-fragmentation.ratio", memory_ratio(n->arena_span, n->arena_used));
    stats_integer(call, "allocator-fragmentation.bytes", (int64_t)(n->arena_span - n->arena_used));
    stats_double(call, "allocator-rss.ratio", memory_ratio(n->arena_resident, n->arena_span));
    stats_integer(call, "allocator-rss.bytes", (int64_t)(n->arena_resident - n->arena_span));
    stats_double(call, "rss-overhead.ratio", memory_ratio(n->resident, n->arena_resident));
    stats_integer(call, "rss-overhead.bytes", (int64_t)(n->resident - n->arena_resident));
    stats_double(call, "fragmentation", memory_ratio(n->resident, n->used));
    stats_integer(call, "fragmentation.bytes", (int64_t)(n->resident - n->used));
}

void command_memory_stats(struct call *call)
{
    const struct server *server = call->server;
    struct memory_numbers n;
    memory_count(server, &n);
    uint64_t overhead = n.tables + n.clients + n.log;
    // Replies and the log lie elsewhere.
    uint64_t within = data_overhead_bytes(server);
    uint64_t dataset = n.used > within ? n.used - within : 0;
    resp_map(call->reply, 27 + stats_databases(server));
    stats_integer(call, "peak.allocated", (int64_t)n.peak);
    stats_integer(call, "total.allocated", (int64_t)n.used);
    stats_integer(call, "startup.allocated", 0);
    stats_integer(call, "replication.backlog", 0);
    stats_integer(call, "clients.slaves", 0);
    stats_integer(call, "clients.normal", (int64_t)n.clients);
    stats_integer(call, "cluster.links", 0);
    stats_integer(call, "aof.buffer", (int64_t)n.log);
    stats_integer(call, "lua.caches", 0);
    stats_integer(call, "functions.caches", 0);
    for (uint32_t i = 0; i < DATABASES_MAX; i++) {
        if (keyspace_count(server->keyspace, i) > 0)
            stats_database(call, i, &n);
    }
    stats_integer(call, "overhead.total", (int64_t)overhead);
    stats_integer(call, "keys.count", (int64_t)n.keys);
    stats_integer(call, "keys.bytes-per-key", n.keys > 0 ? (int64_t)(n.used / n.keys) : 0);
    stats_integer(call, "dataset.bytes", (int64_t)dataset);
    stats_double(call, "dataset.percentage", 100 * memory_ratio(dataset, n.used));
    stats_double(call, "peak.percentage", 100 * memory_ratio(n.used, n.peak));
    stats_allocator(call, &n);
    // Numbers of keys show what has been written.
    call_hold_all(call);
}

// --- texts -----------------------------------------------------------------------------------

void command_memory_doctor(struct call *call)
{
    const struct server *server = call->server;
    struct text text = {0};
    struct memory_numbers n;
    struct keyspace_stats keys;
    memory_count(server, &n);
    keyspace_stats(server->keyspace, &keys);
    if (n.used > (uint64_t)server->config.maxmemory / 10 * 9)
        text_add(&text, "- More than nine tenths of maxmemory are in use: soon writes that need "
                        "memory will be refused, or keys evicted for them (maxmemory-policy).\n");
    if (n.peak > n.used / 2 * 3 && n.peak - n.used > MIB(64))
        text_add(&text, "- At its peak the data took half as much again as now. Memory between "
                        "values that are left may stay in use by the process.\n");
    if (n.arena_span > n.arena_used / 10 * 14 && n.arena_span - n.arena_used > MIB(16))
        text_add(&text, "- Pages of memory are less than three quarters full: many values were "
                        "deleted or changed their size. Values are moved together unless "
                        "activedefrag is no; until then the process takes more memory than the "
                        "data.\n");
    if (keys.pinned_dead_bytes > MIB(16))
        text_add(&text, "- Clients are slow to take large values, which have been changed or "
                        "deleted since and cannot be freed yet.\n");
    if (reply_pool_free(server->replies) < reply_pool_capacity(server->replies) / 2)
        text_add(&text, "- More than half of the memory for replies is in use: some clients ask "
                        "for much and read slowly (see omem in CLIENT LIST).\n");
    if (text.length == 0)
        text_add(&text, "Nothing about memory is out of the ordinary.\n");
    resp_verbatim(call->reply, "txt", text.bytes, text.length);
}

void command_memory_malloc_stats(struct call *call)
{
    const struct server *server = call->server;
    struct text text = {0};
    struct memory_numbers n;
    struct keyspace_stats keys;
    uint64_t input = server->input_bytes + server->large_bytes;
    memory_count(server, &n);
    keyspace_stats(server->keyspace, &keys);
    text_add(&text, "All memory was reserved at start; pages are touched as they are used.\n");
    text_add(&text, "arena: %llu bytes in blocks, %llu bytes in pages\n",
             (unsigned long long)n.arena_used, (unsigned long long)n.arena_span);
    text_add(&text, "table: %llu bytes, %llu entries, %llu buckets\n", (unsigned long long)n.tables,
             (unsigned long long)keys.entries, (unsigned long long)keys.buckets);
    text_add(&text, "pinned values: %llu, of these deleted: %llu bytes\n",
             (unsigned long long)keys.pins, (unsigned long long)keys.pinned_dead_bytes);
    text_add(&text, "replies: %u of %u chunks of %llu bytes in use\n",
             reply_pool_capacity(server->replies) - reply_pool_free(server->replies),
             reply_pool_capacity(server->replies), (unsigned long long)REPLY_CHUNK_BYTES);
    text_add(&text, "input: %llu bytes\n", (unsigned long long)input);
    resp_verbatim(call->reply, "txt", text.bytes, text.length);
}

void command_memory_help(struct call *call)
{
    static const char *const lines[] = {
        "DOCTOR",
        "    Tells in words what is odd about memory.",
        "HELP",
        "    Shows this text.",
        "MALLOC-STATS",
        "    Describes the allocator's state.",
        "PURGE",
        "    Returns unused memory to the system.",
        "STATS",
        "    Tells what memory is used for.",
        "USAGE <key> [SAMPLES <count>]",
        "    Tells how many bytes a key and its value take.",
        NULL,
    };
    commands_help(call, lines);
}
