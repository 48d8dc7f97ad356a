// Pauses: when they end, and whom they hold.
#include "server/pause.h"

#include "server/call.h"
#include "server/command_docs.h"
#include "server/command_handlers.h"
#include "server/commands.h"
#include "server/connection.h"
#include "server/server.h"

#include <assert.h>

void pause_look(struct server *server)
{
    if (server->pause.mode != PAUSE_NONE && server->now_ns >= server->pause.until_ns)
        pause_end(server);
}

void pause_begin(struct server *server, enum pause_mode mode, int64_t ms)
{
    struct pause *pause = &server->pause;
    int64_t until_ns;
    assert(mode != PAUSE_NONE && ms >= 0);
    pause_look(server);
    if (__builtin_mul_overflow(ms, (int64_t)1000000, &until_ns) ||
        __builtin_add_overflow(until_ns, server->now_ns, &until_ns))
        until_ns = INT64_MAX;
    if (pause->mode == PAUSE_NONE)
        pause->until_ns = until_ns;
    if (mode > pause->mode)
        pause->mode = mode;
    if (until_ns > pause->until_ns)
        pause->until_ns = until_ns;
    pause_look(server);
}

void pause_end(struct server *server)
{
    server->pause.mode = PAUSE_NONE;
    server->pause.until_ns = 0;
}

bool pause_holds(const struct call *call)
{
    const struct pause *pause = &call->server->pause;
    const uint32_t changes = COMMAND_WRITE | COMMAND_MAY_REPLICATE;
    uint32_t flags = call->command->doc->flags;
    if (call->command->handler == command_exec)
        flags |= call->connection->transaction.flags;
    return pause->mode == PAUSE_ALL || (pause->mode == PAUSE_WRITE && (flags & changes) != 0);
}

bool pause_sleeps(const struct server *server)
{
    return server->now_ns < server->pause.sleep_until_ns;
}

int64_t pause_deadline_ns(const struct server *server)
{
    const struct pause *pause = &server->pause;
    int64_t deadline = pause->mode != PAUSE_NONE ? pause->until_ns : INT64_MAX;
    if (pause_sleeps(server) && pause->sleep_until_ns < deadline)
        deadline = pause->sleep_until_ns;
    return deadline;
}
