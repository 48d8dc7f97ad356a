// The server's turn and its stop.
#include "server/server.h"

#include "server/checkpoint.h"
#include "server/clock.h"
#include "server/data.h"
#include "server/execute.h"
#include "server/input.h"
#include "server/journal.h"
#include "server/rewrite.h"
#include "server/token.h"
#include "server/trim.h"
#include "storage/keyspace.h"
#include "wal/log.h"

#include <assert.h>
#include <signal.h>
#include <string.h>

#define RECLAIM_NS 10000000
#define VISIT_REARM_MS 30000
#define WAKE_CLOGGED 64
// How long a clean stop waits for clients to take their replies.
#define STOP_PATIENCE_NS 5000000000
// ... and after that for the log.
#define STOP_COMMIT_PATIENCE_NS 25000000000

// --- reap ------------------------------------------------------------------------------------

static void server_event_connection(struct server *server, struct token token,
                                    const struct io_event *event)
{
    struct connection *connection = connection_of(server, token.slot, token.generation);
    if (connection == NULL) {
        // A socket that was turned away, or an event of a slot's former owner.
        if (event->has_buffer)
            io_buffer_return(server->io, event->buffer);
        return;
    }
    switch (token.operation) {
    case TOKEN_RECEIVE:
        connection_received(server, connection, event);
        break;
    case TOKEN_RECEIVE_DIRECT:
        connection_received_direct(server, connection, event);
        break;
    case TOKEN_SEND:
        connection_send_done(server, connection, event);
        break;
    case TOKEN_CANCEL:
        connection_cancel_done(server, connection);
        break;
    case TOKEN_CLOSE:
        connection_close_done(server, connection);
        break;
    default:
        assert(false);
    }
}

static void server_event_signal(struct server *server, const struct io_event *event)
{
    if (event->result == SIGTERM || event->result == SIGINT)
        shutdown_signalled(server, event->result);
    io_signals(server->io, token_pack((struct token){TOKEN_SIGNAL, 0, 0}));
}

void server_event(struct server *server, const struct io_event *event)
{
    struct token token = token_unpack(event->token);
    switch (token.operation) {
    case TOKEN_ACCEPT:
        connection_accepted(server, token.slot, event);
        return;
    case TOKEN_RECEIVE:
    case TOKEN_RECEIVE_DIRECT:
    case TOKEN_SEND:
    case TOKEN_CANCEL:
    case TOKEN_CLOSE:
        server_event_connection(server, token, event);
        return;
    case TOKEN_SIGNAL:
        server_event_signal(server, event);
        return;
    case TOKEN_INTENT_WRITE:
    case TOKEN_INTENT_SYNC:
    case TOKEN_LOG_SYNC:
    case TOKEN_COMPLETION_WRITE:
    case TOKEN_SEGMENT:
    case TOKEN_FILE_CLOSE:
        journal_event(server, token, event);
        return;
    case TOKEN_CHECKPOINT:
        checkpoint_event(server, token, event->result);
        return;
    case TOKEN_TRIM:
        trim_event(server, event->result);
        return;
    case TOKEN_REWRITE:
        rewrite_event(server, token.generation, event->result);
        return;
    case TOKEN_POPULATE:
        data_populated(server, event->result);
        return;
    case TOKEN_NONE:
    case TOKEN_START:
    case TOKEN_OPERATIONS:
        break;
    }
    assert(false);
}

// --- execute ---------------------------------------------------------------------------------

// May what the connection waits for be there?
static bool server_is_ready(const struct server *server, const struct connection *connection,
                            bool log)
{
    switch (connection->wait) {
    case WAIT_NONE:
        break;
    case WAIT_LOG:
        return log;
    case WAIT_SPOOL:
        return !spool_busy(server, connection);
    case WAIT_OUTPUT:
        return connection_has_room(server, connection);
    case WAIT_PAUSE:
        return server->pause.mode == PAUSE_NONE;
    case WAIT_SLEEP:
        return server->now_ns >= connection->wait_until_ns;
    case WAIT_DURABLE:
        return wal_batch_durable(server->wal) >= connection->wait_batch ||
               (connection->wait_until_ns != 0 && server->now_ns >= connection->wait_until_ns);
    case WAIT_MEMORY:
        return evict_ready(server, connection);
    case WAIT_CHECKPOINT:
        return checkpoint_attempts(server->checkpoint) >= connection->wait_batch;
    case WAIT_SHUTDOWN:
        return !shutdown_going_on(server);
    case WAIT_REWRITE:
        return !rewrite_going_on(server->rewrite);
    case WAIT_INPUT:
        return input_has_room(server);
    }
    assert(false);
    return false;
}

// Connections that wait run again as soon as what they wait for may be there.
static void server_wake_waiting(struct server *server)
{
    bool log = server->state == SERVER_SERVING &&
               wal_admit(server->wal, WAL_BLOCK_BYTES, false) != WAL_WAIT;
    struct connection *next;
    for (struct connection *c = server->lists[LIST_WAITING].first; c != NULL; c = next) {
        next = c->links[LIST_WAITING].next;
        if (!server_is_ready(server, c, log))
            continue;
        c->wait = WAIT_NONE;
        connection_list_remove(server, c, LIST_WAITING);
        connection_list_add(server, c, LIST_RUNNABLE);
    }
}

// Mostly a connection with too much output goes on when some of that has been sent, see
// connection_send_done. There can be thousands that never take it: only some are looked at in a turn,
// for when it is the pool that has room again.
static void server_wake_clogged(struct server *server)
{
    uint32_t count = server->lists[LIST_CLOGGED].count;
    for (uint32_t i = 0; i < WAKE_CLOGGED && i < count; i++) {
        struct connection *connection = server->lists[LIST_CLOGGED].first;
        connection_list_remove(server, connection, LIST_CLOGGED);
        connection_list_add(server, connection, LIST_CLOGGED);
        connection_unclog(server, connection);
    }
}

bool server_executes(const struct server *server)
{
    return server->state == SERVER_SERVING ||
           (server->state == SERVER_LOADING && !server->stop_asked);
}

static void server_execute(struct server *server)
{
    if (!server_executes(server) || pause_sleeps(server))
        return;
    pause_look(server);
    if (server->lists[LIST_WAITING].count > 0)
        server_wake_waiting(server);
    if (server->lists[LIST_CLOGGED].count > 0)
        server_wake_clogged(server);
    if (server->lists[LIST_RUNNABLE].count > 0)
        timing_flush(server);
    uint32_t count = server->lists[LIST_RUNNABLE].count;
    while (count-- > 0 && server->lists[LIST_RUNNABLE].first != NULL) {
        server->timing.fresh = false;
        execute_connection(server, server->lists[LIST_RUNNABLE].first);
        // Mostly that has been done at the end of its commands.
        if (!server->timing.fresh)
            timing_flush(server);
        if (server->timing.stamp_ns - server->now_ns > TURN_EXECUTE_NS)
            return;
    }
}

// --- send ------------------------------------------------------------------------------------

// What waited for batches that are safe now may leave.
static void server_release(struct server *server)
{
    uint64_t released = journal_released(server);
    struct connection *next;
    for (struct connection *c = server->lists[LIST_HELD].first; c != NULL; c = next) {
        next = c->links[LIST_HELD].next;
        reply_release(&c->reply, released);
        if (!reply_held(&c->reply))
            connection_list_remove(server, c, LIST_HELD);
        if (reply_sendable(&c->reply) > 0)
            connection_list_add(server, c, LIST_SENDABLE);
    }
}

static void server_send(struct server *server)
{
    if (server->state == SERVER_STOPPED)
        return;
    server_release(server);
    uint32_t count = server->lists[LIST_SENDABLE].count;
    uint64_t bytes = 0;
    while (count-- > 0 && server->lists[LIST_SENDABLE].first != NULL && bytes < TURN_SEND_BYTES)
        bytes += connection_send(server, server->lists[LIST_SENDABLE].first);
}

// --- housekeeping ----------------------------------------------------------------------------

static void server_accept(struct server *server)
{
    if (!server_executes(server) || server->now_ns < server->accept_retry_ns)
        return;
    for (uint32_t i = 0; i < server->listeners_count; i++) {
        if (server->accepting[i])
            continue;
        server->accepting[i] = true;
        io_accept(server->io, server->listeners[i], token_pack((struct token){TOKEN_ACCEPT, i, 0}));
    }
}

static void server_rearm(struct server *server)
{
    uint32_t count = io_buffers_free(server->io);
    struct connection *next;
    for (struct connection *c = server->lists[LIST_REARM].first; c != NULL && count > 0; c = next) {
        next = c->links[LIST_REARM].next;
        connection_list_remove(server, c, LIST_REARM);
        connection_arm(server, c);
        count--;
    }
}

static void server_sample(struct server *server)
{
    struct server_stats *stats = &server->stats;
    int64_t elapsed = server->wall_ms - stats->sample.at_ms;
    if (elapsed <= 0) {
        stats->sample.at_ms = server->wall_ms;
        return;
    }
    // Weighted with the past, so that about the last second and a half counts.
    uint64_t commands = (stats->commands - stats->sample.commands) * 1000 / (uint64_t)elapsed;
    uint64_t in = (stats->bytes_in - stats->sample.bytes_in) * 1000 / (uint64_t)elapsed;
    uint64_t out = (stats->bytes_out - stats->sample.bytes_out) * 1000 / (uint64_t)elapsed;
    stats->commands_per_second = (15 * stats->commands_per_second + commands) / 16;
    stats->bytes_in_per_second = (15 * stats->bytes_in_per_second + in) / 16;
    stats->bytes_out_per_second = (15 * stats->bytes_out_per_second + out) / 16;
    stats->sample.at_ms = server->wall_ms;
    stats->sample.commands = stats->commands;
    stats->sample.bytes_in = stats->bytes_in;
    stats->sample.bytes_out = stats->bytes_out;
}

// As in Redis, `timeout` is not for monitors and for whoever waits for the server.
static bool server_expects_silence(const struct connection *connection)
{
    return connection->links[LIST_MONITORS].linked ||
           (connection->wait != WAIT_NONE && connection->wait != WAIT_OUTPUT);
}

// Closes a connection that has been idle for too long; otherwise lets its receive begin anew when it
// has heard nothing for long: kernels are known to lose the end of a stream now and then, and the new
// receive sees it.
static void server_visit(struct server *server, struct connection *connection)
{
    int64_t idle_ms = server->wall_ms - connection->active_ms;
    int64_t timeout_ms = server->config.timeout_s * 1000;
    if (connection->state == CONNECTION_FREE || connection->state == CONNECTION_CLOSING)
        return;
    if (timeout_ms > 0 && idle_ms > timeout_ms && !server_expects_silence(connection)) {
        connection_close(server, connection);
        return;
    }
    if (pressure_output(server, connection))
        return;
    if (idle_ms > VISIT_REARM_MS && server->wall_ms - connection->rearmed_ms > VISIT_REARM_MS) {
        connection->rearmed_ms = server->wall_ms;
        connection_disarm(server, connection);
    }
}

// Every connection is visited about once a second.
static void server_visit_some(struct server *server)
{
    uint32_t count = server->connections_used / (uint32_t)server->config.hz + 1;
    for (uint32_t i = 0; i < count && server->connections_used > 0; i++) {
        server->visit_slot = (server->visit_slot + 1) % server->connections_used;
        server_visit(server, &server->connections[server->visit_slot]);
    }
}

static void server_tend_connections(struct server *server)
{
    pressure_housekeeping(server);
    server_accept(server);
    if (server->lists[LIST_REARM].count > 0)
        server_rearm(server);
    if (server->now_ns - server->cycle_ns >= 1000000000 / server->config.hz) {
        server->cycle_ns = server->now_ns;
        server_sample(server);
        server_visit_some(server);
    }
}

static void server_housekeeping(struct server *server)
{
    journal_housekeeping(server);
    spool_housekeeping(server);
    trim_housekeeping(server);
    turn_part(server, &server->turn, TURN_JOURNAL);
    checkpoint_housekeeping(server);
    turn_part(server, &server->turn, TURN_CHECKPOINT);
    data_housekeeping(server);
    evict_housekeeping(server);
    turn_part(server, &server->turn, TURN_EVICTION);
    defrag_housekeeping(server);
    turn_part(server, &server->turn, TURN_DEFRAG);
    if (server->now_ns - server->reclaim_ns >= RECLAIM_NS && turn_has_time(server)) {
        server->reclaim_ns = server->now_ns;
        data_reclaim(server);
    }
    turn_part(server, &server->turn, TURN_RECLAIM);
    server_tend_connections(server);
    turn_part(server, &server->turn, TURN_CONNECTIONS);
}

void server_turn_loading(struct server *server)
{
    assert(server->state == SERVER_LOADING);
    server_execute(server);
    server_send(server);
    server_tend_connections(server);
}

// --- stopping --------------------------------------------------------------------------------

void server_stop(struct server *server)
{
    if (server->state == SERVER_STARTING || server->state == SERVER_LOADING)
        server->stop_asked = true;
    if (server->state != SERVER_SERVING)
        return;
    server->state = SERVER_STOPPING;
    server->stop_deadline_ns = server->now_ns + STOP_PATIENCE_NS;
    for (uint32_t i = 0; i < server->listeners_count; i++) {
        if (server->accepting[i])
            io_cancel(server->io, token_pack((struct token){TOKEN_ACCEPT, i, 0}),
                      token_pack((struct token){TOKEN_CANCEL, TOKEN_SLOT_MAX, 0}));
    }
}

void server_fail(struct server *server, const char *reason)
{
    notice(&server->notices, LOGLEVEL_WARNING,
           "stopping at once: %s. Nothing that was held back has been answered.", reason);
    server->state = SERVER_STOPPED;
    server->exit_code = EXIT_LOG_FAILED;
}

static bool server_output_pending(struct server *server)
{
    for (struct connection *c = connection_next(server, NULL); c != NULL;
         c = connection_next(server, c)) {
        if (c->state != CONNECTION_CLOSING && reply_pending(&c->reply) > 0)
            return true;
    }
    return false;
}

static void server_stopping(struct server *server)
{
    if (!journal_stopped(server)) {
        if (server->now_ns > server->stop_deadline_ns + STOP_COMMIT_PATIENCE_NS)
            server_fail(server, "the log could not take the last writes");
        return;
    }
    if (server_output_pending(server) && server->now_ns < server->stop_deadline_ns)
        return;
    server->state = SERVER_STOPPED;
    server->exit_code = EXIT_CLEAN;
    notice(&server->notices, LOGLEVEL_NOTICE, "everything is on disk%s, bye",
           journal_clean(server) ? "" : ", though the record that says so is not");
}

// --- the turn --------------------------------------------------------------------------------

static int64_t server_timeout_ns(struct server *server)
{
    bool serving = server->state == SERVER_SERVING;
    bool runnable = server->lists[LIST_RUNNABLE].count > 0 && !pause_sleeps(server);
    if (server->lists[LIST_SENDABLE].count > 0 ||
        (serving && (runnable || data_urgent(server) || evict_urgent(server))) ||
        pressure_urgent(server))
        return 0;
    int64_t deadline = journal_deadline_ns(server);
    if (server->reclaim_rest && server->reclaim_ns + RECLAIM_NS < deadline)
        deadline = server->reclaim_ns + RECLAIM_NS;
    if (serving && data_deadline_ns(server) < deadline)
        deadline = data_deadline_ns(server);
    if (checkpoint_deadline_ns(server) < deadline)
        deadline = checkpoint_deadline_ns(server);
    if (trim_deadline_ns(server) < deadline)
        deadline = trim_deadline_ns(server);
    if (pause_deadline_ns(server) < deadline)
        deadline = pause_deadline_ns(server);
    if (server->accept_retry_ns > server->now_ns && server->accept_retry_ns < deadline)
        deadline = server->accept_retry_ns;
    if (defrag_deadline_ns(server) < deadline)
        deadline = defrag_deadline_ns(server);
    int64_t wait = deadline - server->now_ns;
    if (wait < 0)
        return 0;
    int64_t cycle = 1000000000 / server->config.hz;
    return wait < cycle ? wait : cycle;
}

static int server_wait(struct server *server)
{
    int count = io_wait(server->io, server_timeout_ns(server), server->events);
    server->now_ns = clock_monotonic_ns();
    server->wall_ms = clock_wall_us() / 1000;
    return count;
}

void server_turn(struct server *server)
{
    int count = server_wait(server);
    if (count < 0) {
        server_fail(server, strerror(-count));
        return;
    }
    turn_begin(server);
    for (int i = 0; i < count; i++)
        server_event(server, &server->events[i]);
    shutdown_look(server);
    turn_part(server, &server->turn, TURN_EVENTS);
    server_execute(server);
    turn_part(server, &server->turn, TURN_COMMANDS);
    if (server->state != SERVER_STOPPED)
        journal_commit(server);
    turn_part(server, &server->turn, TURN_COMMIT);
    server_send(server);
    turn_part(server, &server->turn, TURN_SEND);
    turn_own(server);
    server_housekeeping(server);
    if (server->state == SERVER_STOPPING)
        server_stopping(server);
    turn_end(server);
}

int server_run(struct server *server)
{
    while (server->state != SERVER_STOPPED)
        server_turn(server);
    return server->exit_code;
}
