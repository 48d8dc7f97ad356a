// The fault layer inside the server: tells which keys are evicted, and before or after which command.
#include "sim/loop_layer.h"

#include "server/call.h"
#include "server/data.h"
#include "server/server.h"
#include "sim/loop_seam.h"
#include "storage/keyspace.h"

#include <string.h>

static bool evicts(const struct server *server)
{
    return !layer_unhindered() && server->config.maxmemory_policy != MAXMEMORY_NOEVICTION;
}

static void told_add(struct layer *layer, enum loop_told_kind kind, int database,
                     const struct key *key)
{
    struct loop_shared *shared = layer->shared;
    uint32_t length = key != NULL ? key->length : 0;
    struct loop_told told = {.kind = kind, .database = (uint32_t)database, .length = length};
    if (shared->told_bytes + sizeof(told) + length > LOOP_TOLD_BYTES_MAX) {
        layer_violation(layer, "more keys are evicted than can be told");
        return;
    }
    memcpy(shared->told + shared->told_bytes, &told, sizeof(told));
    shared->told_bytes += (uint32_t)sizeof(told);
    if (length > 0)
        memcpy(shared->told + shared->told_bytes, key->data, length);
    shared->told_bytes += length;
}

enum evict_result __wrap_evict_room(struct server *server, struct connection *connection,
                                    uint64_t bytes)
{
    struct layer *layer = layer_current();
    layer->need = bytes;
    enum evict_result result = __real_evict_room(server, connection, bytes);
    layer->need = 0;
    return result;
}

// Eviction alone calls this from another source.
enum wal_admission __wrap_data_drop(struct server *server, const struct key *key)
{
    struct layer *layer = layer_current();
    int database = keyspace_database_of_slot(server->keyspace, key->slot);
    uint64_t used = data_used_bytes(server);
    uint64_t most = (uint64_t)server->config.maxmemory;
    if (server->config.maxmemory_policy == MAXMEMORY_NOEVICTION)
        layer_violation(layer, "a key is evicted under noeviction");
    if (used + layer->need <= most)
        layer_violation(layer, "a key is evicted although %llu bytes are free",
                        (unsigned long long)(most - used));
    enum wal_admission admission = __real_data_drop(server, key);
    if (admission == WAL_ADMIT && evicts(server))
        told_add(layer, LOOP_TOLD_EVICTED, database, key);
    return admission;
}

bool __wrap_commands_call(struct call *call)
{
    const struct server *server = call->server;
    uint64_t denied = server->stats.denied_full + server->stats.denied_memory;
    bool done = __real_commands_call(call);
    bool refused = server->stats.denied_full + server->stats.denied_memory > denied;
    if (done && evicts(server))
        told_add(layer_current(), refused ? LOOP_TOLD_REFUSED : LOOP_TOLD_EXECUTED, 0, NULL);
    return done;
}
