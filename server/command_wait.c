// WAIT and WAITAOF: what others, and the disk, have of this connection's writes.
#include "server/command_handlers.h"

#include "protocol/number.h"
#include "server/call.h"
#include "server/connection.h"
#include "server/journal.h"
#include "server/server.h"
#include "wal/log.h"

// A time span in milliseconds. False after a reply.
static bool wait_timeout_read(struct call *call, uint32_t index, int64_t *ms)
{
    struct span text = call_arg(call, index);
    const char *error = NULL;
    if (!number_parse(text.data, text.length, ms))
        error = "ERR timeout is not an integer or out of range";
    else if (*ms < 0)
        error = "ERR timeout is negative";
    if (error != NULL)
        resp_error(call->reply, error);
    return error == NULL;
}

// There are no replicas, and none can come: nobody has anything to wait for.
void command_wait(struct call *call)
{
    int64_t replicas;
    int64_t timeout_ms;
    if (call_arg_integer(call, 1, &replicas) && wait_timeout_read(call, 2, &timeout_ms))
        resp_integer(call->reply, 0);
}

// --- WAITAOF ---------------------------------------------------------------------------------

#define MS_NS 1000000

static bool wait_local_read(struct call *call, int64_t *local)
{
    if (!call_arg_integer(call, 1, local))
        return false;
    if (*local == 0 || *local == 1)
        return true;
    resp_error(call->reply, "ERR value is out of range, value must between 0 and 1");
    return false;
}

static bool wait_replicas_read(struct call *call)
{
    struct span text = call_arg(call, 2);
    int64_t replicas;
    if (number_parse(text.data, text.length, &replicas) && replicas >= 0)
        return true;
    resp_error(call->reply, "ERR value is out of range, must be positive");
    return false;
}

// What the connection has written is on stable storage. Inside a transaction that is not known of
// the transaction's own writes: then of everybody's.
static bool wait_is_durable(const struct call *call)
{
    const struct wal *wal = call->server->wal;
    uint64_t batch = call->inner ? wal_newest_batch(wal) : call->connection->batch;
    return wal_batch_durable(wal) >= batch;
}

// Waits until it is, or the time is over; the log is asked to hurry. True when there is more to
// wait for.
static bool wait_goes_on(struct call *call, int64_t timeout_ms)
{
    struct server *server = call->server;
    struct connection *connection = call->connection;
    if (connection->wait_batch == 0) {
        connection->wait_batch = connection->batch;
        connection->wait_until_ns = INT64_MAX;
        if (timeout_ms > 0 && timeout_ms < (INT64_MAX - server->now_ns) / MS_NS)
            connection->wait_until_ns = server->now_ns + timeout_ms * MS_NS;
        journal_sync_up_to(server, connection->batch);
    }
    if (wait_is_durable(call) || server->now_ns >= connection->wait_until_ns) {
        connection->wait_batch = 0;
        connection->wait_until_ns = 0;
        return false;
    }
    call->again = true;
    call->wait = WAIT_DURABLE;
    return true;
}

// CLIENT UNBLOCK has ended it with an error.
static bool wait_is_refused(struct call *call)
{
    struct connection *connection = call->connection;
    if (!connection->wait_refused)
        return false;
    connection->wait_refused = false;
    connection->wait_batch = 0;
    connection->wait_until_ns = 0;
    resp_error(call->reply, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
    return true;
}

// Where every reply waits for stable storage, this one waits for what the connection has written,
// as those before it do: no timeout could let it pass them. Elsewhere a sync is asked for. For
// replicas there is nothing to wait.
void command_waitaof(struct call *call)
{
    int64_t local;
    int64_t timeout_ms;
    if (wait_is_refused(call) || !wait_local_read(call, &local) || !wait_replicas_read(call) ||
        !wait_timeout_read(call, 3, &timeout_ms))
        return;
    bool durable = wait_is_durable(call);
    if (local == 1 && call->server->config.appendfsync == APPENDFSYNC_ALWAYS) {
        if (call->hold < call->connection->batch)
            call->hold = call->connection->batch;
        durable = true;
    } else if (local == 1 && !call->inner) {
        if (wait_goes_on(call, timeout_ms))
            return;
        durable = wait_is_durable(call);
    }
    resp_array(call->reply, 2);
    resp_integer(call->reply, durable);
    resp_integer(call->reply, 0);
}
