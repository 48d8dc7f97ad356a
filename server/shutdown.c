// Stops that make a checkpoint first.
#include "server/shutdown.h"

#include "server/checkpoint.h"
#include "server/server.h"

#include <signal.h>

static bool shutdown_saves(const struct server *server, int flags)
{
    if (server->state != SERVER_SERVING || (flags & SHUTDOWN_NOSAVE) != 0)
        return false;
    return (flags & SHUTDOWN_SAVE) != 0 || server->config.save[0] != '\0';
}

void shutdown_begin(struct server *server, int flags)
{
    struct shutdown *shutdown = &server->shutdown;
    if (shutdown->attempt != 0 && (flags & (SHUTDOWN_NOSAVE | SHUTDOWN_NOW)) == 0)
        return;
    if (shutdown->attempt != 0 || !shutdown_saves(server, flags)) {
        shutdown->attempt = 0;
        server_stop(server);
        return;
    }
    // One that is being made does as well: what it lacks is in the log.
    shutdown->attempt = checkpoint_going_on(server->checkpoint)
                            ? checkpoint_attempts(server->checkpoint) + 1
                            : checkpoint_request(server);
    shutdown->force = (flags & SHUTDOWN_FORCE) != 0;
    notice(&server->notices, LOGLEVEL_NOTICE, "a checkpoint comes before the stop");
}

void shutdown_signalled(struct server *server, int number)
{
    bool term = number == SIGTERM;
    int flags = term ? server->config.shutdown_on_sigterm : server->config.shutdown_on_sigint;
    bool again = shutdown_going_on(server);
    notice(&server->notices, LOGLEVEL_WARNING, "received %s%s, stopping",
           term ? "SIGTERM" : "SIGINT", again ? " again" : "");
    // Nobody would hear that it has not stopped.
    shutdown_begin(server, flags | SHUTDOWN_FORCE | (again ? SHUTDOWN_NOW : 0));
}

bool shutdown_going_on(const struct server *server)
{
    return server->shutdown.attempt != 0;
}

bool shutdown_abort(struct server *server)
{
    bool going_on = shutdown_going_on(server);
    server->shutdown.attempt = 0;
    if (going_on)
        notice(&server->notices, LOGLEVEL_NOTICE, "the stop has been taken back");
    return going_on;
}

void shutdown_look(struct server *server)
{
    struct shutdown *shutdown = &server->shutdown;
    if (shutdown->attempt == 0 || checkpoint_attempts(server->checkpoint) < shutdown->attempt)
        return;
    shutdown->attempt = 0;
    if (checkpoint_succeeded(server->checkpoint) || shutdown->force)
        server_stop(server);
    else
        notice(&server->notices, LOGLEVEL_WARNING,
               "the checkpoint before the stop has failed: not stopping");
}
