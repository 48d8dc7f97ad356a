// Saving: a sync for those who ask, and when it was done.
#include "server/save.h"

#include "server/journal.h"
#include "server/server.h"
#include "wal/log.h"

void save_begin(struct server *server)
{
    server->save.batch = wal_newest_batch(server->wal);
    server->save.running = true;
    server->save.count++;
    journal_sync_up_to(server, server->save.batch);
    save_look(server);
}

void save_look(struct server *server)
{
    struct save *save = &server->save;
    if (!save->running || wal_batch_durable(server->wal) < save->batch)
        return;
    save->running = false;
    save->done_ms = server->wall_ms;
}
