// Pushing: the end of a reply that has no command.
#include "server/push.h"

#include "server/connection.h"
#include "server/journal.h"
#include "server/server.h"

struct resp_writer *push_begin(struct connection *connection)
{
    if (connection->state != CONNECTION_OPEN || connection->reply_mode == REPLY_OFF ||
        connection->close_after_reply)
        return NULL;
    return &connection->reply.writer;
}

void push_end(struct server *server, struct connection *connection, uint64_t hold)
{
    struct reply *reply = &connection->reply;
    bool overflow = reply->writer.overflow;
    reply_stamp(reply, hold > journal_released(server) ? hold : 0);
    if (overflow || reply_pending(reply) > PUSH_BYTES_MAX) {
        notice(&server->notices, LOGLEVEL_WARNING,
               "client %s does not take what is pushed to it: closing it",
               connection_peer(server, connection));
        server->stats.evicted_clients++;
        connection_close(server, connection);
        return;
    }
    if (pressure_output(server, connection))
        return;
    if (reply_held(reply))
        connection_list_add(server, connection, LIST_HELD);
    if (reply_sendable(reply) > 0)
        connection_list_add(server, connection, LIST_SENDABLE);
}
