// The checkpoint's pace: when one begins, and how fast it goes.
//
// It gets all the time while nobody else wants any, else a part of it: enough to be done before the log
// has grown by half of what makes the next one begin. So the log stays within about 1.5 times its
// trigger, and the data folder within a bound.
#include "server/checkpoint_internal.h"

#include "server/server.h"
#include "storage/arena.h"
#include "wal/log.h"

#include <stdlib.h>

uint64_t checkpoint_expected_bytes(const struct server *server)
{
    struct keyspace_stats stats;
    keyspace_stats(server->keyspace, &stats);
    // A record's header is longer than an entry's by 8 bytes, its expiry perhaps by as many. Frames
    // add a header and padding: less than 1 part in 16 with the smallest, and three blocks.
    uint64_t bytes = arena_used_bytes(server->arena) + 16 * stats.entries;
    return wal_round(bytes + bytes / 16) + 16 * WAL_BLOCK_BYTES;
}

uint64_t checkpoint_trigger(const struct server *server)
{
    const struct config *config = &server->config;
    if (config->auto_aof_rewrite_percentage == 0)
        return 0;
    // Long data is split into pieces with the key, and entries have room in reserve: what a checkpoint
    // really took says more than an estimate.
    uint64_t base = server->checkpoint->bytes / 100 * (uint64_t)config->auto_aof_rewrite_percentage;
    uint64_t least = (uint64_t)config->auto_aof_rewrite_min_size;
    uint64_t trigger = base > least ? base : least;
    return trigger > 0 ? trigger : 1;
}

static uint64_t log_since(const struct server *server, uint64_t base)
{
    return wal_bytes_total(server->wal) - base;
}

// The pairs "seconds changes" of `save`.
static bool save_point_reached(const struct server *server)
{
    const struct checkpoint *checkpoint = server->checkpoint;
    uint64_t changes = wal_records_total(server->wal) - checkpoint->changes_base;
    int64_t seconds = (server->wall_ms - checkpoint->done_ms) / 1000;
    const char *text = server->config.save;
    while (*text != '\0') {
        char *end;
        long long after = strtoll(text, &end, 10);
        unsigned long long least = strtoull(end, &end, 10);
        if (end == text)
            return false;
        if (changes >= least && changes > 0 && seconds >= after)
            return true;
        text = end;
    }
    return false;
}

bool checkpoint_due(const struct server *server)
{
    const struct checkpoint *checkpoint = server->checkpoint;
    if (checkpoint->requested > checkpoint->begun)
        return true;
    if (server->now_ns < checkpoint->retry_ns)
        return false;
    uint64_t grown = log_since(server, checkpoint->log_base);
    uint64_t trigger = checkpoint_trigger(server);
    if (trigger > 0 && grown >= trigger)
        return true;
    // On a disk that is nearly full the log goes on in what a checkpoint sets free.
    bool full = wal_is_full(server->wal) || checkpoint->space_tight;
    uint64_t least = 2 * (uint64_t)server->config.wal_segment_size + checkpoint->bytes / 4;
    if (trigger > 0 && full && grown >= least && checkpoint->reserved > 0 &&
        checkpoint->reserved >= checkpoint_expected_bytes(server))
        return true;
    return server->config.save[0] != '\0' && save_point_reached(server);
}

void checkpoint_look_busy(struct server *server)
{
    struct checkpoint *checkpoint = server->checkpoint;
    if (server->stats.commands == checkpoint->commands)
        return;
    checkpoint->commands = server->stats.commands;
    checkpoint->busy_ns = server->now_ns;
}

// Is the log about to grow beyond its bound before the checkpoint is done?
static bool checkpoint_late(const struct server *server)
{
    const struct checkpoint *checkpoint = server->checkpoint;
    uint64_t grown = log_since(server, checkpoint->log_begin) >> 10;
    uint64_t trigger = checkpoint_trigger(server);
    if (trigger == 0)
        trigger = (uint64_t)server->config.auto_aof_rewrite_min_size;
    uint64_t allowed = (trigger / 2 >> 10) + 1;
    uint64_t done = (checkpoint->writer.offset >> 10) + 1;
    uint64_t expected = checkpoint->expected_bytes >> 10;
    return (unsigned __int128)grown * expected > (unsigned __int128)done * allowed;
}

int64_t checkpoint_work_due_ns(const struct server *server)
{
    const struct checkpoint *checkpoint = server->checkpoint;
    if (server->now_ns - checkpoint->busy_ns > CHECKPOINT_IDLE_NS)
        return checkpoint->worked_ns;
    int64_t share = checkpoint_late(server) ? CHECKPOINT_SHARE_HURRY : CHECKPOINT_SHARE;
    return checkpoint->worked_ns + checkpoint->work_ns * (share - 1);
}

static bool checkpoint_hurries(const struct server *server)
{
    bool busy = server->now_ns - server->checkpoint->busy_ns <= CHECKPOINT_IDLE_NS;
    return !busy || checkpoint_late(server);
}

uint32_t checkpoint_writes_max(const struct server *server)
{
    return checkpoint_hurries(server) ? CHECKPOINT_BUFFERS - 1 : CHECKPOINT_WRITES_GENTLE;
}

int64_t checkpoint_work_ns(const struct server *server)
{
    return checkpoint_hurries(server) ? CHECKPOINT_HURRY_NS : CHECKPOINT_TURN_NS;
}
