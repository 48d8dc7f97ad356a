// Connections: accept, receive, send, close, with requests in flight at every step.
#include "server/connection.h"

#include "server/input.h"
#include "server/io.h"
#include "server/server.h"
#include "server/token.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

// After accept failed for lack of descriptors or memory, it is tried again after this time.
#define ACCEPT_RETRY_NS 100000000
// ... and told of again when there has been none for so long.
#define ACCEPT_TELL_NS 10000000000

static uint64_t connection_token(const struct connection *connection,
                                 enum token_operation operation)
{
    return token_pack((struct token){operation, connection->slot, connection->generation});
}

// --- lists -----------------------------------------------------------------------------------

void connection_list_add(struct server *server, struct connection *connection,
                         enum connection_list list)
{
    struct connection_links *links = &connection->links[list];
    if (links->linked)
        return;
    struct server_list *head = &server->lists[list];
    links->linked = true;
    links->next = NULL;
    links->previous = head->last;
    if (head->last != NULL)
        head->last->links[list].next = connection;
    else
        head->first = connection;
    head->last = connection;
    head->count++;
}

void connection_list_remove(struct server *server, struct connection *connection,
                            enum connection_list list)
{
    struct connection_links *links = &connection->links[list];
    if (!links->linked)
        return;
    struct server_list *head = &server->lists[list];
    assert(head->count > 0);
    if (links->previous != NULL)
        links->previous->links[list].next = links->next;
    else
        head->first = links->next;
    if (links->next != NULL)
        links->next->links[list].previous = links->previous;
    else
        head->last = links->previous;
    *links = (struct connection_links){0};
    head->count--;
}

// --- finding ---------------------------------------------------------------------------------

struct connection *connection_of(struct server *server, uint32_t slot, uint32_t generation)
{
    if (slot >= server->connections_max)
        return NULL;
    struct connection *connection = &server->connections[slot];
    if (connection->state == CONNECTION_FREE || connection->generation != generation)
        return NULL;
    return connection;
}

struct connection *connection_next(struct server *server, struct connection *connection)
{
    uint32_t slot = connection == NULL ? 0 : connection->slot + 1;
    for (; slot < server->connections_used; slot++) {
        if (server->connections[slot].state != CONNECTION_FREE)
            return &server->connections[slot];
    }
    return NULL;
}

struct connection *connection_by_id(struct server *server, uint64_t id)
{
    for (struct connection *c = connection_next(server, NULL); c != NULL;
         c = connection_next(server, c)) {
        if (c->id == id)
            return c;
    }
    return NULL;
}

// --- accepting -------------------------------------------------------------------------------

static struct connection *connection_take(struct server *server)
{
    struct connection *connection = server->connections_free;
    if (connection != NULL) {
        server->connections_free = connection->links[0].next;
        connection->links[0].next = NULL;
    } else {
        if (server->connections_used == server->connections_max)
            return NULL;
        connection = &server->connections[server->connections_used];
        connection->slot = server->connections_used++;
    }
    uint32_t slot = connection->slot;
    uint32_t generation = connection->generation + 1;
    memset(connection, 0, sizeof(*connection));
    connection->slot = slot;
    connection->generation = generation;
    server->connections_open++;
    return connection;
}

static void connection_give(struct server *server, struct connection *connection)
{
    connection->state = CONNECTION_FREE;
    connection->links[0].next = server->connections_free;
    server->connections_free = connection;
    assert(server->connections_open > 0);
    server->connections_open--;
}

static void connection_begin(struct server *server, struct connection *connection, int socket)
{
    assert(connection->state == CONNECTION_FREE);
    connection->state = CONNECTION_OPEN;
    connection->socket = socket;
    connection->id = ++server->connection_next_id;
    connection->created_ms = server->wall_ms;
    connection->active_ms = server->wall_ms;
    connection->authenticated = server->config.requirepass[0] == '\0';
    connection->last_command = "NULL";
    resp_parser_init(&connection->parser);
    reply_init(&connection->reply, server->replies);
    server->stats.connections++;
}

const char *connection_peer(const struct server *server, const struct connection *connection)
{
    return connection->local ? server->local_name : connection->peer;
}

const char *connection_own(const struct server *server, const struct connection *connection)
{
    return connection->local ? server->local_name : connection->own;
}

// The same two addresses as in Redis.
bool connection_is_local(const struct connection *connection)
{
    const char *peer = connection->peer;
    return connection->local || strncmp(peer, "127.0.0.1:", 10) == 0 ||
           strncmp(peer, "[::1]:", 6) == 0;
}

// While there is no password: is this one from elsewhere, and must not be served?
static const char *connection_refusal(const struct server *server,
                                      const struct connection *connection)
{
    if (!server->config.protected_mode || server->config.requirepass[0] != '\0' ||
        connection_is_local(connection))
        return NULL;
    return "-DENIED Poro is running in protected mode: no password is set, and only clients on "
           "this "
           "machine are served. Set requirepass, or turn protected-mode off, to serve others.\r\n";
}

// The answer is sent as far as the socket takes it at once, as in Redis.
static void connection_turn_away(struct server *server, int socket, const char *error)
{
    if (error != NULL)
        io_send_now(server->io, socket, error, strlen(error));
    server->stats.rejected++;
    io_close(server->io, socket, token_pack((struct token){TOKEN_CLOSE, TOKEN_SLOT_MAX, 0}));
}

void connection_accepted(struct server *server, uint32_t listener, const struct io_event *event)
{
    assert(listener < server->listeners_count);
    if (!event->more)
        server->accepting[listener] = false;
    if (event->result < 0) {
        if (event->result != -ECANCELED && event->result != -ECONNABORTED) {
            // Told once for all failures that follow each other.
            if (server->now_ns - server->accept_retry_ns > ACCEPT_TELL_NS)
                notice(&server->notices, LOGLEVEL_WARNING,
                       "cannot accept a connection: %s. Trying again ten times a second",
                       strerror(-event->result));
            server->accept_retry_ns = server->now_ns + ACCEPT_RETRY_NS;
            server->stats.accept_failures++;
        }
        return;
    }
    struct connection *connection = NULL;
    if (server->connections_open < (uint64_t)server->config.maxclients && server_executes(server))
        connection = connection_take(server);
    if (connection == NULL) {
        connection_turn_away(server, event->result,
                             server_executes(server) ? "-ERR max number of clients reached\r\n"
                                                     : NULL);
        return;
    }
    connection->local = listener == server->local_listener;
    if (!connection->local)
        io_socket_names(server->io, event->result, connection->peer, connection->own);
    const char *refusal = connection_refusal(server, connection);
    if (refusal != NULL) {
        connection_give(server, connection);
        connection_turn_away(server, event->result, refusal);
        return;
    }
    connection_begin(server, connection, event->result);
    connection_arm(server, connection);
}

// --- receiving -------------------------------------------------------------------------------

void connection_arm(struct server *server, struct connection *connection)
{
    if (connection->state != CONNECTION_OPEN || connection->receiving ||
        connection->receiving_direct || connection->end_of_stream ||
        connection->buffers_count >= INPUT_BUFFERS_KEPT)
        return;
    // A client that leaves while its value is on its way into the log, for seconds perhaps, is heard.
    if (connection->wait != WAIT_NONE && connection->wait != WAIT_SPOOL)
        return;
    if (io_buffers_free(server->io) == 0) {
        connection_list_add(server, connection, LIST_REARM);
        return;
    }
    // A large argument is received directly once the buffers before it are used up.
    if (connection->large_active && connection->large != NULL)
        return;
    connection->receiving = true;
    connection->receive_cancelled = false;
    connection_list_remove(server, connection, LIST_REARM);
    io_receive(server->io, connection->socket, connection_token(connection, TOKEN_RECEIVE));
}

void connection_disarm(struct server *server, struct connection *connection)
{
    if (!connection->receiving || connection->receive_cancelled)
        return;
    connection->receive_cancelled = true;
    connection->cancels++;
    io_cancel(server->io, connection_token(connection, TOKEN_RECEIVE),
              connection_token(connection, TOKEN_CANCEL));
}

static void connection_free_if_idle(struct server *server, struct connection *connection);

static void connection_keep_buffer(struct server *server, struct connection *connection,
                                   const struct io_event *event)
{
    server->buffers[event->buffer].length = (uint16_t)event->result;
    if (connection->buffers_count == 0)
        connection->buffer_first = event->buffer;
    else
        server->buffers[connection->buffer_last].next = event->buffer;
    connection->buffer_last = event->buffer;
    connection->buffers_count++;
    connection->bytes_in += (uint64_t)event->result;
    connection->active_ms = server->wall_ms;
    server->stats.bytes_in += (uint64_t)event->result;
    server->stats.reads++;
    connection_list_add(server, connection, LIST_RUNNABLE);
    if (connection->buffers_count >= INPUT_BUFFERS_KEPT)
        connection_disarm(server, connection);
}

static void connection_receive_ended(struct server *server, struct connection *connection,
                                     int32_t result)
{
    if (result == -ENOBUFS || result == -EINTR || result == -EAGAIN || result == -ENOMEM) {
        server->stats.out_of_buffers += result == -ENOBUFS;
        connection_list_add(server, connection, LIST_REARM);
        // The rest of a large argument needs no buffers.
        if (connection->large_active)
            connection_list_add(server, connection, LIST_RUNNABLE);
        return;
    }
    if (result == 0 || (result < 0 && result != -ECANCELED)) {
        // What has been received is still executed and answered, as far as the peer takes it.
        connection->end_of_stream = true;
    }
    connection_list_add(server, connection, LIST_RUNNABLE);
}

void connection_received(struct server *server, struct connection *connection,
                         const struct io_event *event)
{
    if (!event->more)
        connection->receiving = false;
    bool wanted = event->result > 0 && connection->state == CONNECTION_OPEN;
    if (event->has_buffer && wanted)
        connection_keep_buffer(server, connection, event);
    else if (event->has_buffer)
        io_buffer_return(server->io, event->buffer);
    if (connection->state == CONNECTION_CLOSING) {
        connection_free_if_idle(server, connection);
        return;
    }
    if (!event->more || event->result <= 0)
        connection_receive_ended(server, connection, event->result);
}

void connection_received_direct(struct server *server, struct connection *connection,
                                const struct io_event *event)
{
    assert(connection->receiving_direct);
    connection->receiving_direct = false;
    if (connection->state == CONNECTION_CLOSING) {
        connection_free_if_idle(server, connection);
        return;
    }
    if (event->result > 0) {
        connection->bytes_in += (uint64_t)event->result;
        connection->active_ms = server->wall_ms;
        server->stats.bytes_in += (uint64_t)event->result;
        server->stats.reads++;
        input_large_received(connection, (uint64_t)event->result);
    } else if (event->result != -EINTR && event->result != -EAGAIN) {
        connection->end_of_stream = true;
    }
    connection_list_add(server, connection, LIST_RUNNABLE);
}

bool connection_has_room(const struct server *server, const struct connection *connection)
{
    return reply_pending(&connection->reply) <= reply_pool_output_limit(server->replies) / 2 &&
           reply_pool_free(server->replies) >= REPLY_CHUNKS_RESERVE;
}

void connection_unclog(struct server *server, struct connection *connection)
{
    assert(connection->wait == WAIT_OUTPUT);
    if (!connection_has_room(server, connection))
        return;
    connection->wait = WAIT_NONE;
    connection_list_remove(server, connection, LIST_WAITING);
    connection_list_remove(server, connection, LIST_CLOGGED);
    connection_list_add(server, connection, LIST_RUNNABLE);
}

// --- sending ---------------------------------------------------------------------------------

uint64_t connection_send(struct server *server, struct connection *connection)
{
    connection_list_remove(server, connection, LIST_SENDABLE);
    if (connection->sending || connection->state == CONNECTION_CLOSING)
        return 0;
    struct iovec pieces[IO_SEND_PIECES_MAX];
    uint32_t count = reply_pieces(&connection->reply, pieces, IO_SEND_PIECES_MAX, SEND_BYTES_MAX);
    if (count == 0) {
        if (connection->state == CONNECTION_LAST && reply_pending(&connection->reply) == 0)
            connection_close(server, connection);
        return 0;
    }
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += pieces[i].iov_len;
    connection->sending = true;
    io_send(server->io, connection->socket, connection_token(connection, TOKEN_SEND), pieces,
            count);
    return bytes;
}

void connection_send_done(struct server *server, struct connection *connection,
                          const struct io_event *event)
{
    assert(connection->sending);
    connection->sending = false;
    if (connection->state == CONNECTION_CLOSING) {
        connection_free_if_idle(server, connection);
        return;
    }
    if (event->result <= 0 && event->result != -EINTR && event->result != -EAGAIN) {
        connection_close(server, connection);
        return;
    }
    if (event->result > 0) {
        reply_sent(&connection->reply, (uint64_t)event->result);
        connection->active_ms = server->wall_ms;
        connection->bytes_out += (uint64_t)event->result;
        server->stats.bytes_out += (uint64_t)event->result;
        server->stats.writes++;
        if (connection->wait == WAIT_OUTPUT)
            connection_unclog(server, connection);
    }
    if (reply_sendable(&connection->reply) > 0 || connection->state == CONNECTION_LAST)
        connection_list_add(server, connection, LIST_SENDABLE);
}

// --- closing ---------------------------------------------------------------------------------

// Nothing is in flight any more: gives everything back.
static void connection_free_if_idle(struct server *server, struct connection *connection)
{
    assert(connection->state == CONNECTION_CLOSING);
    if (connection->receiving || connection->receiving_direct || connection->sending ||
        connection->cancels > 0)
        return;
    if (!connection->closing_socket) {
        input_drop(server, connection);
        transaction_drop(server, connection);
        reply_clear(&connection->reply);
        connection->closing_socket = true;
        io_close(server->io, connection->socket, connection_token(connection, TOKEN_CLOSE));
    }
}

void connection_close_done(struct server *server, struct connection *connection)
{
    assert(connection->state == CONNECTION_CLOSING && connection->closing_socket);
    connection_give(server, connection);
}

void connection_cancel_done(struct server *server, struct connection *connection)
{
    assert(connection->cancels > 0);
    connection->cancels--;
    // A cancel that came too early or too late may be asked for again.
    if (connection->cancels == 0 && connection->receiving)
        connection->receive_cancelled = false;
    if (connection->state == CONNECTION_CLOSING)
        connection_free_if_idle(server, connection);
    else
        connection_list_add(server, connection, LIST_RUNNABLE);
}

void connection_close(struct server *server, struct connection *connection)
{
    if (connection->state == CONNECTION_CLOSING)
        return;
    assert(connection->state != CONNECTION_FREE);
    for (int list = 0; list < LIST_COUNT; list++)
        connection_list_remove(server, connection, (enum connection_list)list);
    // Closing a descriptor ends no request: the socket is shut down, which ends sends and receives,
    // and the multishot receive is cancelled as well; the descriptor goes when they have ended.
    connection->state = CONNECTION_CLOSING;
    connection_disarm(server, connection);
    io_socket_shutdown(server->io, connection->socket);
    connection_free_if_idle(server, connection);
}

void connection_finish(struct server *server, struct connection *connection)
{
    if (connection->state != CONNECTION_OPEN)
        return;
    connection->state = CONNECTION_LAST;
    connection_list_remove(server, connection, LIST_RUNNABLE);
    connection_list_remove(server, connection, LIST_WAITING);
    connection_list_remove(server, connection, LIST_CLOGGED);
    connection_list_remove(server, connection, LIST_REARM);
    connection_list_remove(server, connection, LIST_MONITORS);
    connection_disarm(server, connection);
    connection_list_add(server, connection, LIST_SENDABLE);
}
