// Spools: large values on their way into the log, piece by piece between other batches.
#include "server/spool.h"

#include "server/call.h"
#include "server/commands.h"
#include "server/connection.h"
#include "server/server.h"
#include "storage/keyspace.h"

#include <assert.h>

// After others have written, so long only small pieces are appended.
#define OTHERS_NS 20000000

static uint32_t spool_number(const struct server *server, const struct spool *spool)
{
    return (uint32_t)(spool - server->spools.spools) + 1;
}

static struct spool *spool_find(struct server *server, const struct entry *block)
{
    struct spools *spools = &server->spools;
    for (uint32_t i = 0; i < WAL_SPOOLS_MAX && spools->used > 0; i++) {
        struct spool *spool = &spools->spools[i];
        if (spool->state == SPOOL_FILLING && spool->block == block)
            return spool;
    }
    return NULL;
}

static struct spool *spool_free(struct server *server)
{
    for (uint32_t i = 0; i < WAL_SPOOLS_MAX; i++) {
        if (server->spools.spools[i].state == SPOOL_FREE)
            return &server->spools.spools[i];
    }
    return NULL;
}

static bool spool_full(const struct spool *spool)
{
    return spool->done == spool->total;
}

static bool spool_fills(const struct spool *spool)
{
    return spool->state == SPOOL_FILLING && !spool_full(spool) && !spool->failed;
}

static void spool_end(struct server *server, struct spool *spool)
{
    spool->state = SPOOL_ENDED;
    spool->batch = wal_open_batch(server->wal);
}

// --- values of a call ------------------------------------------------------------------------

static struct entry *spool_block(const struct call *call, uint32_t argument)
{
    const struct resp_arg *arg = &call->args[argument];
    return arg->external ? (struct entry *)(uintptr_t)arg->where : NULL;
}

// Does the command make this argument a key's value, one that is worth a spool?
static bool spool_wants(const struct call *call, uint32_t argument)
{
    return call->command->stores && spool_block(call, argument) != NULL &&
           call->args[argument].length > wal_spool_piece_max(call->server->wal);
}

// The key whose value the argument will be: the one that stands before it.
static struct key spool_key(struct call *call, uint32_t argument)
{
    uint32_t found = 0;
    uint32_t index;
    for (uint32_t i = 0; call_key_index(call, i, &index) && index < argument; i++)
        found = index;
    assert(found > 0);
    return call_key(call, found);
}

static enum wal_admission spool_begin(struct call *call, uint32_t argument)
{
    struct server *server = call->server;
    struct spools *spools = &server->spools;
    // Replay must not need more memory for spools than there is now: it keeps those that are dropped
    // until the log says so.
    if (spools->dropped > 0)
        return WAL_WAIT;
    struct spool *spool = spool_free(server);
    if (spool == NULL)
        return WAL_ADMIT;
    struct key key = spool_key(call, argument);
    enum wal_admission admission =
        wal_admit(server->wal, (uint64_t)key.length + WAL_RECORD_OVERHEAD_MAX, false);
    if (admission != WAL_ADMIT)
        return admission;
    struct entry *block = spool_block(call, argument);
    *spool = (struct spool){
        .state = SPOOL_FILLING,
        .connection = call->connection->slot,
        .block = block,
        .data = keyspace_block_value(block),
        .total = call->args[argument].length,
    };
    wal_checkpoint_place(server->wal, &spool->place);
    struct wal_record record = {
        .type = WAL_RECORD_SPOOL,
        .keyspace = keyspace_id_of_slot(server->keyspace, key.slot),
        .key = key.data,
        .key_length = key.length,
        .total = spool->total,
        .spool = spool_number(server, spool),
    };
    wal_append(server->wal, &record);
    spools->used++;
    spools->filling++;
    return WAL_ADMIT;
}

enum wal_admission spool_values(struct call *call)
{
    for (uint32_t i = 1; i < call->argc; i++) {
        if (!spool_wants(call, i))
            continue;
        const struct spool *spool = spool_find(call->server, spool_block(call, i));
        if (spool != NULL && spool->failed)
            return WAL_FULL;
        enum wal_admission admission = spool == NULL ? spool_begin(call, i) : WAL_ADMIT;
        if (admission != WAL_ADMIT)
            return admission;
    }
    return spool_busy(call->server, call->connection) ? WAL_WAIT : WAL_ADMIT;
}

bool spool_busy(const struct server *server, const struct connection *connection)
{
    for (uint32_t i = 0; i < WAL_SPOOLS_MAX && server->spools.filling > 0; i++) {
        const struct spool *spool = &server->spools.spools[i];
        if (spool->connection == connection->slot && spool_fills(spool))
            return true;
    }
    return false;
}

bool spool_has(const struct call *call, uint32_t argument)
{
    const struct entry *block = spool_block(call, argument);
    const struct spool *spool = block != NULL ? spool_find(call->server, block) : NULL;
    return spool != NULL && spool_full(spool);
}

uint32_t spool_take(struct server *server, const struct entry *block)
{
    struct spool *spool = block != NULL ? spool_find(server, block) : NULL;
    if (spool == NULL || !spool_full(spool))
        return 0;
    spool_end(server, spool);
    server->spools.finished++;
    return spool_number(server, spool);
}

void spool_forget(struct server *server, const struct entry *block)
{
    struct spool *spool = spool_find(server, block);
    if (spool == NULL)
        return;
    server->spools.filling -= spool_fills(spool);
    server->spools.dropped++;
    spool->state = SPOOL_DROPPED;
}

// --- the log ---------------------------------------------------------------------------------

void spool_continue(struct server *server, uint64_t pending)
{
    for (uint32_t i = 0; i < WAL_SPOOLS_MAX; i++) {
        if (!(pending & (1ULL << i)))
            continue;
        struct spool *spool = &server->spools.spools[i];
        *spool = (struct spool){.state = SPOOL_DROPPED};
        wal_checkpoint_place(server->wal, &spool->place);
        server->spools.used++;
        server->spools.dropped++;
    }
}

// Whose turn it is. One after the other: each gets one piece.
static struct spool *spool_next(struct spools *spools)
{
    for (uint32_t i = 0; i < WAL_SPOOLS_MAX; i++) {
        struct spool *spool = &spools->spools[spools->next];
        spools->next = (spools->next + 1) % WAL_SPOOLS_MAX;
        if (spool_fills(spool))
            return spool;
    }
    return NULL;
}

void spool_append(struct server *server)
{
    struct spools *spools = &server->spools;
    struct spool *spool = spools->filling > 0 ? spool_next(spools) : NULL;
    if (spool == NULL || server->state != SERVER_SERVING)
        return;
    if (wal_open_bytes(server->wal) > 0)
        spools->others_ns = server->now_ns;
    uint32_t most = wal_spool_piece_max(server->wal);
    if (server->now_ns - spools->others_ns < OTHERS_NS && most > WAL_SPOOL_PIECE_GENTLE)
        most = WAL_SPOOL_PIECE_GENTLE;
    uint32_t rest = spool->total - spool->done;
    struct wal_record record = {
        .type = WAL_RECORD_SPOOL,
        .data = spool->data + spool->done,
        .length = rest < most ? rest : most,
        .total = spool->total,
        .offset = spool->done,
        .spool = spool_number(server, spool),
    };
    switch (wal_admit_piece(server->wal, (uint64_t)record.length + WAL_RECORD_OVERHEAD_MAX)) {
    case WAL_ADMIT:
        break;
    case WAL_FULL:
        spool->failed = true;
        spools->filling--;
        return;
    default: // it is asked again before the next batch
        return;
    }
    wal_append(server->wal, &record);
    spool->done += record.length;
    spools->bytes += record.length;
    spools->filling -= spool_full(spool);
}

// Nothing is to follow the record of a clean stop.
static void spool_drop(struct server *server, struct spool *spool)
{
    if (server->state != SERVER_SERVING ||
        wal_admit(server->wal, WAL_RECORD_OVERHEAD_MAX, true) != WAL_ADMIT)
        return;
    struct wal_record record = {.type = WAL_RECORD_SPOOL, .spool = spool_number(server, spool)};
    wal_append(server->wal, &record);
    server->spools.dropped--;
    spool_end(server, spool);
}

// Has the record that ended it been written?
static bool spool_done(const struct server *server, const struct spool *spool)
{
    return spool->state == SPOOL_ENDED && wal_batch_written(server->wal) >= spool->batch;
}

void spool_housekeeping(struct server *server)
{
    for (uint32_t i = 0; i < WAL_SPOOLS_MAX && server->spools.used > 0; i++) {
        struct spool *spool = &server->spools.spools[i];
        if (spool->state == SPOOL_DROPPED)
            spool_drop(server, spool);
        if (!spool_done(server, spool))
            continue;
        *spool = (struct spool){0};
        server->spools.used--;
    }
}

void spool_place(const struct server *server, struct wal_checkpoint_begin *begin)
{
    uint64_t log = begin->first;
    for (uint32_t i = 0; i < WAL_SPOOLS_MAX && server->spools.used > 0; i++) {
        const struct spool *spool = &server->spools.spools[i];
        if (spool->state == SPOOL_FREE || spool_done(server, spool) ||
            spool->place.first >= begin->first)
            continue;
        begin->first = spool->place.first;
        begin->chain = spool->place.chain;
        begin->segment = spool->place.segment;
        begin->offset = spool->place.offset;
    }
    // Each of these frames takes a block of the log at least: they are fewer than 2^32.
    assert(log - begin->first <= UINT32_MAX);
    begin->lead = (uint32_t)(log - begin->first);
}
