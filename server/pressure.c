// Pressure: limits on output, and the search for clients that hold too much.
#include "server/pressure.h"

#include "server/connection.h"
#include "server/input.h"
#include "server/server.h"

#include <assert.h>
#include <string.h>

#define SECOND_NS 1000000000LL
// Connections that are looked at in one turn: each may be a miss of the cache.
#define LOOKS 1024
// After a round that found nobody.
#define REST_NS 20000000
// A client with little unsent output is innocent unless it has not taken any of it for so long.
#define SLOW_MS 100
// A client in the middle of a command may pause for so long, of a large argument for so long.
#define SILENT_MS 1000
#define LARGE_SILENT_MS 5000
// After the server itself has been away for so long, it looks at what has come first.
#define AWAY_NS 50000000

// --- client-output-buffer-limit --------------------------------------------------------------

static const struct config_output_limit *pressure_limit(const struct server *server)
{
    return &server->config.output_limits[0];
}

void pressure_limits(struct server *server)
{
    const struct config_output_limit *limit = pressure_limit(server);
    uint64_t least = limit->hard != 0 ? limit->hard : UINT64_MAX;
    if (limit->soft != 0 && limit->soft < least)
        least = limit->soft;
    server->output_watch =
        least < UINT64_MAX - REPLY_CHUNK_BYTES ? least + REPLY_CHUNK_BYTES : UINT64_MAX;
}

bool pressure_output(struct server *server, struct connection *connection)
{
    const struct config_output_limit *limit = pressure_limit(server);
    uint64_t pending = reply_pending(&connection->reply);
    // As in Redis, the first buffer does not count: short replies are never too much.
    bool counts = pending > REPLY_CHUNK_BYTES;
    uint64_t output = counts ? pending - REPLY_CHUNK_BYTES : 0;
    bool over = counts && limit->hard != 0 && output >= limit->hard;
    if (!counts || limit->soft == 0 || output < limit->soft)
        connection->output_soft_ns = 0;
    else if (connection->output_soft_ns == 0)
        connection->output_soft_ns = server->now_ns;
    else if (server->now_ns - connection->output_soft_ns > limit->soft_s * SECOND_NS)
        over = true;
    if (!over || connection->state == CONNECTION_CLOSING)
        return false;
    notice(
        &server->notices, LOGLEVEL_WARNING,
        "client %s has left %llu bytes untaken, more than client-output-buffer-limit: closing it",
        connection_peer(server, connection), (unsigned long long)pending);
    server->stats.output_limited++;
    connection_close(server, connection);
    return true;
}

// --- what is held ----------------------------------------------------------------------------

static uint64_t pressure_input_of(const struct connection *connection)
{
    uint64_t bytes = connection->carry_capacity;
    if (connection->saved_args != NULL && connection->saved_args != connection->own_args)
        bytes += connection->parser.args_capacity * sizeof(*connection->saved_args);
    return bytes;
}

uint64_t pressure_bytes_of(const struct server *server, const struct connection *connection)
{
    assert(connection->slot < server->connections_used);
    uint64_t chunks =
        (reply_pending(&connection->reply) + REPLY_CHUNK_BYTES - 1) / REPLY_CHUNK_BYTES;
    return sizeof(*connection) + pressure_input_of(connection) + connection->large_bytes +
           connection->transaction.bytes + chunks * REPLY_CHUNK_BYTES;
}

uint64_t pressure_bytes(const struct server *server)
{
    uint64_t chunks = reply_pool_capacity(server->replies) - reply_pool_free(server->replies);
    return chunks * REPLY_CHUNK_BYTES + reply_pool_pinned(server->replies) + server->input_bytes +
           server->large_bytes + server->transaction_bytes +
           server->connections_open * sizeof(struct connection);
}

static uint64_t pressure_clients_max(const struct server *server)
{
    int64_t limit = server->config.maxmemory_clients;
    if (limit < 0)
        return (uint64_t)server->config.maxmemory / 100 * (uint64_t)-limit;
    return limit > 0 ? (uint64_t)limit : UINT64_MAX;
}

static uint64_t pressure_above(uint64_t bytes, uint64_t limit)
{
    return bytes > limit ? bytes - limit : 0;
}

// How much too much is held.
static uint64_t pressure_excess(const struct server *server, enum pressure_kind kind)
{
    uint64_t chunks = reply_pool_capacity(server->replies);
    switch (kind) {
    case PRESSURE_NONE:
        break;
    case PRESSURE_REPLIES:
        return REPLY_CHUNK_BYTES * pressure_above(chunks / 16, reply_pool_free(server->replies));
    case PRESSURE_INPUT:
        return pressure_above(server->input_bytes, input_limit(server) / 2);
    case PRESSURE_LARGE:
        return pressure_above(server->large_bytes,
                              (uint64_t)server->config.maxmemory / LARGE_SHARE / 4 * 3);
    case PRESSURE_CLIENTS:
        return pressure_above(pressure_bytes(server), pressure_clients_max(server));
    }
    return 0;
}

// What a client holds of it.
static uint64_t pressure_held(const struct server *server, const struct connection *connection,
                              enum pressure_kind kind)
{
    switch (kind) {
    case PRESSURE_NONE:
        break;
    case PRESSURE_REPLIES:
        return reply_pending(&connection->reply);
    case PRESSURE_INPUT:
        return pressure_input_of(connection);
    case PRESSURE_LARGE:
        return connection->large_bytes;
    case PRESSURE_CLIENTS:
        return pressure_bytes_of(server, connection);
    }
    return 0;
}

static enum pressure_kind pressure_kind(const struct server *server)
{
    for (int kind = PRESSURE_REPLIES; kind <= PRESSURE_CLIENTS; kind++) {
        if (pressure_excess(server, (enum pressure_kind)kind) > 0)
            return (enum pressure_kind)kind;
    }
    return PRESSURE_NONE;
}

// --- who goes --------------------------------------------------------------------------------

// Is it the client's turn, in the middle of a command? Not when the server has yet to look at what it
// has received or to listen again, or waits for the log or anything else of its own.
static bool pressure_is_silent(const struct connection *connection)
{
    return connection->wait == WAIT_NONE && connection->buffers_count == 0 &&
           (connection->receiving || connection->receiving_direct) &&
           !connection->links[LIST_RUNNABLE].linked;
}

// Who is to blame for what is held of commands, if anybody: whoever does not go on, at once when there
// is no time left; whoever does not take its replies; at last those who all wait for each other.
static bool pressure_blames_input(const struct server *server, const struct connection *connection,
                                  uint64_t idle_ms)
{
    if (pressure_is_silent(connection))
        return idle_ms > SILENT_MS || !input_has_room(server);
    if (connection->wait == WAIT_OUTPUT)
        return connection->sending;
    return connection->wait == WAIT_INPUT && idle_ms > SILENT_MS;
}

// The more it holds and the longer nothing has come or gone, the more: 0 for those who stay.
static uint64_t pressure_score(const struct server *server, const struct connection *connection,
                               enum pressure_kind kind)
{
    uint64_t idle_ms = 1;
    if (server->wall_ms > connection->active_ms)
        idle_ms += (uint64_t)(server->wall_ms - connection->active_ms);
    uint64_t held = pressure_held(server, connection, kind);
    switch (kind) {
    case PRESSURE_NONE:
        break;
    case PRESSURE_REPLIES:
        if (reply_sendable(&connection->reply) == 0 ||
            (held < 2 * REPLY_BYTES_SCARCE && idle_ms < SLOW_MS))
            return 0;
        return held * idle_ms;
    case PRESSURE_INPUT:
        return pressure_blames_input(server, connection, idle_ms) ? held * idle_ms : 0;
    case PRESSURE_LARGE:
        return pressure_is_silent(connection) && idle_ms > LARGE_SILENT_MS ? held * idle_ms : 0;
    case PRESSURE_CLIENTS:
        return connection->no_evict ? 0 : held;
    }
    return 0;
}

static void pressure_rank(struct pressure *pressure, const struct connection *connection,
                          uint64_t score)
{
    uint32_t place = pressure->count;
    while (place > 0 && pressure->worst[place - 1].score < score)
        place--;
    if (place == PRESSURE_CLOSED_MAX)
        return;
    if (pressure->count < PRESSURE_CLOSED_MAX)
        pressure->count++;
    memmove(&pressure->worst[place + 1], &pressure->worst[place],
            (pressure->count - 1 - place) * sizeof(pressure->worst[0]));
    pressure->worst[place].slot = connection->slot;
    pressure->worst[place].generation = connection->generation;
    pressure->worst[place].score = score;
}

static void pressure_tell(const struct server *server, enum pressure_kind kind, uint32_t count,
                          const struct connection *worst, uint64_t bytes)
{
    static const char *const reasons[] = {
        [PRESSURE_NONE] = "",
        [PRESSURE_REPLIES] = "memory for replies is short, and they have not been taken",
        [PRESSURE_INPUT] = "memory for commands is short, and they have not been ended",
        [PRESSURE_LARGE] = "memory for large values is short, and they have not been sent",
        [PRESSURE_CLIENTS] = "clients hold more than maxmemory-clients",
    };
    notice(&server->notices, LOGLEVEL_WARNING,
           "%u clients closed: %s. The first is %s, which held %llu bytes", count, reasons[kind],
           connection_peer(server, worst), (unsigned long long)bytes);
}

static void pressure_close(struct server *server, struct connection *connection)
{
    server->stats.evicted_clients++;
    connection_close(server, connection);
    // Nothing is being executed now: what no request in flight refers to comes back at once.
    if (connection->state == CONNECTION_CLOSING && !connection->receiving_direct) {
        input_drop(server, connection);
        transaction_drop(server, connection);
    }
}

static struct connection *pressure_at(struct server *server, uint32_t index)
{
    const struct pressure *pressure = &server->pressure;
    return connection_of(server, pressure->worst[index].slot, pressure->worst[index].generation);
}

static void pressure_round_end(struct server *server, struct pressure *pressure)
{
    uint64_t excess = pressure_excess(server, pressure->kind);
    uint32_t closed = 0;
    const struct connection *worst = NULL;
    uint64_t worst_bytes = 0;
    for (uint32_t i = 0; i < pressure->count && excess > 0; i++) {
        struct connection *connection = pressure_at(server, i);
        if (connection == NULL || connection->state == CONNECTION_CLOSING)
            continue;
        excess = pressure_above(excess, pressure_held(server, connection, pressure->kind));
        if (closed == 0) {
            worst = connection;
            worst_bytes = pressure_bytes_of(server, connection);
        }
        pressure->worst[closed++] = pressure->worst[i];
        pressure_close(server, connection);
    }
    if (closed > 0)
        pressure_tell(server, pressure->kind, closed, worst, worst_bytes);
    pressure->count = closed;
    pressure->rest_until_ns = server->now_ns + REST_NS;
    pressure->kind = PRESSURE_NONE;
}

// What a closed client held comes back when its requests in flight have ended: only then is known
// whether that was enough.
static bool pressure_rests(struct server *server)
{
    const struct pressure *pressure = &server->pressure;
    if (server->now_ns >= pressure->rest_until_ns)
        return false;
    for (uint32_t i = 0; i < pressure->count; i++) {
        if (pressure_at(server, i) != NULL)
            return true;
    }
    return pressure->count == 0;
}

void pressure_housekeeping(struct server *server)
{
    struct pressure *pressure = &server->pressure;
    enum pressure_kind kind = pressure_kind(server);
    bool away = server->now_ns - pressure->turn_ns > AWAY_NS;
    pressure->turn_ns = server->now_ns;
    pressure->again = kind != PRESSURE_NONE && away;
    if (kind == PRESSURE_NONE || away ||
        (pressure->kind == PRESSURE_NONE && pressure_rests(server))) {
        pressure->kind = PRESSURE_NONE;
        return;
    }
    if (pressure->kind != kind) {
        pressure->kind = kind;
        pressure->slot = 0;
        pressure->count = 0;
    }
    for (uint32_t i = 0; i < LOOKS && pressure->slot < server->connections_used; i++) {
        const struct connection *connection = &server->connections[pressure->slot++];
        if (connection->state == CONNECTION_FREE || connection->state == CONNECTION_CLOSING)
            continue;
        uint64_t score = pressure_score(server, connection, kind);
        if (score > 0)
            pressure_rank(pressure, connection, score);
    }
    if (pressure->slot == server->connections_used)
        pressure_round_end(server, pressure);
}

bool pressure_urgent(const struct server *server)
{
    return server->pressure.kind != PRESSURE_NONE || server->pressure.again;
}
