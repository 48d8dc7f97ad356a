// Putting changed settings into force: what depends on a setting and must hear of its change.
#include "server/config_apply.h"

#include "server/call.h"
#include "server/connection.h"
#include "server/evict.h"
#include "server/idle.h"
#include "server/io.h"
#include "server/journal.h"
#include "server/server.h"
#include "server/slowlog.h"

static void config_apply_keepalive(struct server *server)
{
    for (uint32_t i = 0; i < server->listeners_count; i++) {
        if (i != server->local_listener)
            io_listener_setup(server->io, server->listeners[i],
                              (int)server->config.tcp_keepalive_s);
    }
}

void config_apply(struct call *call, const struct config *after)
{
    struct server *server = call->server;
    struct config before = server->config;
    server->config = *after;
    server->notices.level = after->loglevel;
    timing_settings(server);
    idle_policy(server);
    if (before.maxmemory_policy != after->maxmemory_policy)
        evict_policy(server);
    pressure_limits(server);
    if (before.tcp_keepalive_s != after->tcp_keepalive_s)
        config_apply_keepalive(server);
    slowlog_trim(server->slowlog, after->slowlog_max_len);
    if (before.requirepass[0] != '\0' && after->requirepass[0] == '\0') {
        for (struct connection *connection = connection_next(server, NULL); connection != NULL;
             connection = connection_next(server, connection))
            connection->authenticated = true;
    }
    if (before.appendfsync == after->appendfsync && before.wal_ack == after->wal_ack)
        return;
    journal_mode_changed(server, &before);
    // "OK" promises the new mode for what has been written before it, too.
    call_hold_all(call);
}
