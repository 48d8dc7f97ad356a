// INFO's section on persistence: the log, and how fast it is.
#include "server/info.h"

#include "server/checkpoint.h"
#include "server/journal.h"
#include "server/server.h"
#include "wal/log.h"

#include <assert.h>
#include <string.h>

uint64_t info_percentile(const uint64_t *buckets, size_t count, double share)
{
    assert(count <= 64 && share >= 0 && share <= 1);
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += buckets[i];
    if (total == 0)
        return 0;
    uint64_t seen = 0;
    for (size_t i = 0; i < count; i++) {
        seen += buckets[i];
        if (seen > 0 && (double)seen >= (double)total * share)
            return ((uint64_t)2 << i) - 1;
    }
    return ((uint64_t)2 << (count - 1)) - 1;
}

static void info_latency(struct info *info, const struct journal_stats *stats)
{
    const uint64_t *buckets = stats->sync_us_buckets;
    size_t count = sizeof(stats->sync_us_buckets) / sizeof(stats->sync_us_buckets[0]);
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += buckets[i];
    static const struct {
        const char *name;
        double share;
    } lines[] = {
        {"wal_sync_us_p50", 0.5},
        {"wal_sync_us_p99", 0.99},
        {"wal_sync_us_p99_9", 0.999},
    };
    info_number(info, "wal_sync_us_average", total > 0 ? stats->sync_us_total / total : 0);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        uint64_t bound = info_percentile(buckets, count, lines[i].share);
        info_number(info, lines[i].name, bound < stats->sync_us_max ? bound : stats->sync_us_max);
    }
    info_number(info, "wal_sync_us_max", stats->sync_us_max);
}

static const char *info_error_name(int error)
{
    const char *name = error < 0 ? strerrorname_np(-error) : "none";
    return name != NULL ? name : "unknown";
}

static void info_log(struct info *info, const struct journal_stats *stats)
{
    const struct server *server = info->server;
    static const char *const fsync_names[] = {
        [APPENDFSYNC_ALWAYS] = "always",
        [APPENDFSYNC_EVERYSEC] = "everysec",
        [APPENDFSYNC_NO] = "no",
    };
    info_string(info, "wal_appendfsync", fsync_names[server->config.appendfsync]);
    info_string(info, "wal_ack",
                server->config.wal_ack == WAL_ACK_COMPLETION ? "completion" : "intent");
    info_string(info, "wal_write_mode", stats->write_mode);
    info_string(info, "wal_file_system", stats->file_system);
    info_number(info, "wal_segment_size", (uint64_t)server->config.wal_segment_size);
    info_number(info, "wal_segments", stats->segments);
    info_number(info, "wal_segments_ready", stats->segments_ready);
    info_number(info, "wal_spools", info->server->spools.used);
    info_number(info, "wal_spooled_values", info->server->spools.finished);
    info_number(info, "wal_spooled_bytes", info->server->spools.bytes);
    info_number(info, "wal_disk_full", stats->full);
    info_number(info, "wal_writes", stats->writes);
    info_number(info, "wal_written_bytes", stats->written_bytes);
    info_number(info, "wal_write_failures", stats->write_failures);
    info_string(info, "wal_last_error", info_error_name(stats->last_error));
    info_number(info, "wal_syncs", stats->syncs);
    info_number(info, "wal_completion_writes", stats->completion_writes);
    info_number(info, "wal_batches", stats->batches);
    info_number(info, "wal_batch_open_bytes", wal_open_bytes(server->wal));
    info_number(info, "wal_batch_newest", wal_newest_batch(server->wal));
    info_number(info, "wal_batch_written", wal_batch_written(server->wal));
    info_number(info, "wal_batch_durable", wal_batch_durable(server->wal));
    info_number(info, "wal_batch_completed", wal_batch_completed(server->wal));
    info_number(info, "wal_durable_through", wal_durable(server->wal));
}

static void info_seconds(struct info *info, const char *name, int64_t ms)
{
    if (ms < 0)
        info_string(info, name, "-1");
    else
        info_number(info, name, (uint64_t)ms / 1000);
}

// Under Redis's names: a checkpoint is what both its snapshot and its rewritten log are for.
static void info_save(struct info *info, const struct checkpoint_stats *stats)
{
    bool running = stats->running_ms >= 0;
    info_number(info, "rdb_changes_since_last_save", stats->changes);
    info_number(info, "rdb_bgsave_in_progress", running);
    info_number(info, "rdb_last_save_time", (uint64_t)(stats->done_ms / 1000));
    info_string(info, "rdb_last_bgsave_status", stats->last_failed ? "err" : "ok");
    info_seconds(info, "rdb_last_bgsave_time_sec", stats->took_ms);
    info_seconds(info, "rdb_current_bgsave_time_sec", stats->running_ms);
    info_number(info, "rdb_saves", stats->count);
    info_number(info, "rdb_last_cow_size", 0);
}

static void info_rewrite(struct info *info, const struct checkpoint_stats *stats)
{
    const struct server *server = info->server;
    info_number(info, "aof_enabled", 1);
    info_number(info, "aof_rewrite_in_progress", stats->running_ms >= 0);
    info_number(info, "aof_rewrite_scheduled", checkpoint_requested(server->checkpoint));
    info_seconds(info, "aof_last_rewrite_time_sec", stats->took_ms);
    info_seconds(info, "aof_current_rewrite_time_sec", stats->running_ms);
    info_string(info, "aof_last_bgrewrite_status", stats->last_failed ? "err" : "ok");
    info_number(info, "aof_rewrites", stats->count);
}

static void info_checkpoint(struct info *info, const struct checkpoint_stats *stats)
{
    info_number(info, "checkpoint_number", stats->number);
    info_number(info, "checkpoint_bytes", stats->bytes);
    info_number(info, "checkpoint_log_bytes", stats->log_bytes);
    info_number(info, "checkpoint_log_trigger", stats->log_trigger);
    info_number(info, "checkpoint_running_bytes", stats->running_bytes);
    info_number(info, "checkpoint_running_bytes_expected", stats->running_bytes_expected);
    info_number(info, "checkpoint_space_reserved", stats->reserved_bytes);
    info_number(info, "checkpoint_space_short", stats->space_short);
    info_string(info, "checkpoint_last_error", info_error_name(stats->last_error));
}

static void info_loading(struct info *info)
{
    const struct server *server = info->server;
    struct loading_progress progress;
    loading_progress(server, &progress);
    info_number(info, "loading_start_time", (uint64_t)(server->loading.began_ms / 1000));
    info_number(info, "loading_total_bytes", progress.total_bytes);
    info_number(info, "loading_rdb_used_mem", 0);
    info_number(info, "loading_loaded_bytes", progress.loaded_bytes);
    info_text(info, "loading_loaded_perc:%.2f%%\r\n", progress.percent);
    info_number(info, "loading_eta_seconds", progress.left_s);
}

void info_persistence(struct info *info)
{
    const struct server *server = info->server;
    struct journal_stats stats;
    journal_stats(server, &stats);
    bool loading = server->state == SERVER_LOADING;
    info_number(info, "loading", loading);
    info_number(info, "async_loading", 0);
    struct checkpoint_stats checkpoint;
    checkpoint_stats(server, &checkpoint);
    info_save(info, &checkpoint);
    info_rewrite(info, &checkpoint);
    info_string(info, "aof_last_write_status", stats.full || stats.last_error != 0 ? "err" : "ok");
    info_number(info, "aof_current_size", checkpoint.bytes + checkpoint.log_bytes);
    info_number(info, "aof_base_size", checkpoint.bytes);
    info_number(info, "aof_buffer_length", wal_open_bytes(server->wal));
    info_number(info, "aof_delayed_fsync", 0);
    info_number(info, "module_fork_in_progress", 0);
    info_log(info, &stats);
    info_latency(info, &stats);
    info_checkpoint(info, &checkpoint);
    if (loading) {
        info_loading(info);
        return;
    }
    info_string(info, "recovery_verdict", wal_verdict_name(server->recovery.verdict));
    info_number(info, "recovery_records", server->recovery.records);
    info_number(info, "recovery_bytes", server->recovery.bytes);
    info_number(info, "recovery_dropped_bytes", server->recovery.dropped_bytes);
    info_number(info, "recovery_clean_stop", server->recovery.clean_stop);
    info_fraction(info, "recovery_seconds", (double)server->recovery_ns / 1e9);
}
