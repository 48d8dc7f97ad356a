// Loading: clients and progress while recovery reads and replays.
#include "server/loading.h"

#include "conf/limits.h"
#include "server/clock.h"
#include "server/connection.h"
#include "server/journal_start.h"
#include "server/server.h"
#include "wal/record.h"

#include <assert.h>
#include <errno.h>

// Clients wait so long at most while records are replayed.
#define LOOK_NS 10000000
// ... and while a file is waited for, what only time brings about.
#define WAIT_NS 100000000
#define SAY_NS 1000000000
// The clock is looked at after so much work: a record, or so many bytes of one.
#define WORK_LOOK 64
#define WORK_BYTES 4096
// key-load-delay is waited for in pieces of at least this length.
#define DELAY_US 1000

void loading_progress(const struct server *server, struct loading_progress *progress)
{
    const struct loading *loading = &server->loading;
    uint64_t total = loading->total_bytes;
    uint64_t loaded = loading->loaded_bytes < total ? loading->loaded_bytes : total;
    int64_t elapsed_ns = server->now_ns - loading->began_ns;
    *progress = (struct loading_progress){.total_bytes = total, .loaded_bytes = loaded};
    if (total == 0)
        return;
    progress->percent = (double)loaded * 100 / (double)total;
    // Redis too says 1 as long as it cannot know.
    progress->left_s = 1;
    if (loaded > 0 && elapsed_ns > 0)
        progress->left_s =
            (uint64_t)((double)elapsed_ns / 1e9 * (double)(total - loaded) / (double)loaded);
}

void loading_begin(struct server *server)
{
    assert(server->state == SERVER_STARTING);
    server->state = SERVER_LOADING;
    server->loading = (struct loading){
        .began_ns = server->now_ns,
        .began_ms = server->wall_ms,
        .said_ns = server->now_ns,
        .looked_ns = server->now_ns,
    };
    loading_turn(server);
}

void loading_expect(struct server *server, int64_t bytes)
{
    server->loading.total_bytes += bytes > 0 ? (uint64_t)bytes : 0;
}

void loading_read(struct server *server, uint64_t bytes)
{
    server->loading.loaded_bytes += server->loading.piece_bytes;
    server->loading.piece_bytes = bytes;
}

static void loading_say(struct server *server)
{
    struct loading *loading = &server->loading;
    if (server->now_ns - loading->said_ns < SAY_NS)
        return;
    loading->said_ns = server->now_ns;
    struct loading_progress progress;
    loading_progress(server, &progress);
    notice(&server->notices, LOGLEVEL_NOTICE,
           "loading: %.1f %% of %llu MB after %.0f seconds, about %llu to go", progress.percent,
           (unsigned long long)(progress.total_bytes / MIB(1)),
           (double)(server->now_ns - loading->began_ns) / 1e9, (unsigned long long)progress.left_s);
}

void loading_turn(struct server *server)
{
    loading_say(server);
    server_turn_loading(server);
    server->loading.looked_ns = server->now_ns;
}

int64_t loading_timeout_ns(const struct server *server, int64_t timeout_ns)
{
    if (server->state != SERVER_LOADING)
        return timeout_ns;
    if (server->lists[LIST_RUNNABLE].count > 0 || server->lists[LIST_SENDABLE].count > 0)
        return 0;
    bool tends = server->connections_open > 0 || server->accept_retry_ns > server->now_ns;
    return timeout_ns < 0 && tends ? WAIT_NS : timeout_ns;
}

// A ring that fails here fails the next read as well.
static void loading_look(struct server *server, int64_t timeout_ns)
{
    int32_t result;
    start_reap(server, timeout_ns, &result);
}

static void loading_delay(struct server *server)
{
    struct loading *loading = &server->loading;
    loading->owed_us += server->config.key_load_delay_us;
    if (loading->owed_us < DELAY_US)
        return;
    int64_t until_ns = clock_monotonic_ns() + loading->owed_us * 1000;
    loading->owed_us = 0;
    while (server->now_ns < until_ns && !server->stop_asked)
        loading_look(server, until_ns - server->now_ns);
}

int loading_step(struct server *server, const struct wal_record *record)
{
    struct loading *loading = &server->loading;
    loading->work += 1 + record->length / WORK_BYTES;
    if (loading->work >= WORK_LOOK) {
        loading->work = 0;
        if (clock_monotonic_ns() - loading->looked_ns >= LOOK_NS)
            loading_look(server, 0);
    }
    if (server->config.key_load_delay_us > 0)
        loading_delay(server);
    return server->stop_asked ? -ECANCELED : 0;
}
