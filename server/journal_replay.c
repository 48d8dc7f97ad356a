// Recovery at start: what it reads from, and what becomes of its records.
#include "server/journal_start.h"

#include "server/clock.h"
#include "server/data.h"
#include "server/io.h"
#include "server/server.h"
#include "server/token.h"
#include "storage/allocator.h"
#include "wal/recovery.h"

#include <errno.h>
#include <string.h>

// Dead keys are swept when the data has grown by one part in so many of maxmemory.
#define SWEEP_PART 8

// --- replay ----------------------------------------------------------------------------------

// Emptied databases take memory until their keys are swept, and the log may tell of any number of
// them. A sweep takes its time, so there has to be something to gain.
static void start_sweep(struct start *start)
{
    const struct server *server = start->server;
    uint64_t used = data_used_bytes(server);
    if (used < start->swept_bytes)
        start->swept_bytes = used;
    if (used - start->swept_bytes < (uint64_t)server->config.maxmemory / SWEEP_PART)
        return;
    replay_sweep(server->keyspace);
    start->swept_bytes = data_used_bytes(server);
}

static int start_source_apply(void *context, const struct wal_record *record)
{
    struct start *start = context;
    int result = replay_record(&start->replay, record);
    if (result == 0 && record->type == WAL_RECORD_MAP)
        start_sweep(start);
    return result == 0 ? loading_step(start->server, record) : result;
}

static void start_source_expect_log(void *context, uint64_t bytes)
{
    const struct start *start = context;
    loading_expect(start->server, (int64_t)bytes);
}

// The table takes so many keys without growing.
static void start_source_expect(void *context, uint64_t keys)
{
    struct start *start = context;
    keyspace_expect(start->server->keyspace, keys);
}

static void start_source_prefetch(void *context, const struct wal_record *record)
{
    struct start *start = context;
    if (record->type == WAL_RECORD_MAP || record->type == WAL_RECORD_SPOOL)
        return;
    int database = keyspace_database_of_id(start->server->keyspace, record->keyspace);
    if (database < 0)
        return;
    struct key key =
        keyspace_key(start->server->keyspace, (uint32_t)database, record->key, record->key_length);
    keyspace_prefetch_bucket(start->server->keyspace, &key);
}

int start_recover(struct start *start)
{
    struct server *server = start->server;
    struct wal_recovery_result *result = &server->recovery;
    const struct wal_source source = {
        .context = start,
        .read = start_source_read,
        .apply = start_source_apply,
        .expect = start_source_expect,
        .expect_log = start_source_expect_log,
        .prefetch = start_source_prefetch,
        .checkpoints = {start->checkpoints[0], start->checkpoints[1]},
    };
    int64_t began_ns = clock_monotonic_ns();
    replay_begin(&start->replay, server->keyspace);
    int error =
        wal_recover(server->wal_recovery, &start->journal->identity, &source, start->slots, result);
    start_source_close(start);
    start->pending_spools = replay_end(&start->replay);
    server->recovery_ns = clock_monotonic_ns() - began_ns;
    if (server->stop_asked) // what it has not seen looks like damage
        return START_ENDED;
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
