// The sections of INFO, with Redis's names for what Redis has too.
#include "server/info.h"

#include "server/clock.h"
#include "server/data.h"
#include "server/io.h"
#include "server/journal.h"
#include "server/memory.h"
#include "server/server.h"
#include "storage/arena.h"
#include "storage/keyspace.h"
#include "wal/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

// --- lines -----------------------------------------------------------------------------------

static void info_text(struct info *info, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void info_text(struct info *info, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length =
        vsnprintf(info->text + info->length, sizeof(info->text) - info->length, format, arguments);
    va_end(arguments);
    assert(length >= 0 && (size_t)length < sizeof(info->text) - info->length);
    info->length += (size_t)length;
}

static void info_string(struct info *info, const char *name, const char *value)
{
    info_text(info, "%s:%s\r\n", name, value);
}

static void info_number(struct info *info, const char *name, uint64_t value)
{
    info_text(info, "%s:%llu\r\n", name, (unsigned long long)value);
}

static void info_fraction(struct info *info, const char *name, double value)
{
    info_text(info, "%s:%.2f\r\n", name, value);
}

// The number, and once more in the largest unit that it fills.
static void info_bytes(struct info *info, const char *name, uint64_t bytes)
{
    static const char units[] = "BKMGTPE";
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 2 < sizeof(units)) {
        value /= 1024;
        unit++;
    }
    info_number(info, name, bytes);
    if (unit == 0)
        info_text(info, "%s_human:%lluB\r\n", name, (unsigned long long)bytes);
    else
        info_text(info, "%s_human:%.2f%c\r\n", name, value, units[unit]);
}

// --- sections --------------------------------------------------------------------------------

static void info_server(struct info *info)
{
    const struct server *server = info->server;
    struct utsname system;
    if (uname(&system) < 0)
        memset(&system, 0, sizeof(system));
    char run_id[2 * sizeof(server->run_id) + 1];
    for (size_t i = 0; i < sizeof(server->run_id); i++)
        snprintf(run_id + 2 * i, 3, "%02x", server->run_id[i]);
    uint64_t uptime_s = (uint64_t)(server->now_ns - server->started_ns) / 1000000000;
    info_string(info, "redis_version", PORO_REDIS_VERSION);
    info_string(info, "poro_version", PORO_VERSION);
    info_string(info, "redis_mode", "standalone");
    info_text(info, "os:%s %s %s\r\n", system.sysname, system.release, system.machine);
    info_number(info, "arch_bits", sizeof(void *) * 8);
    info_string(info, "monotonic_clock", "POSIX clock_gettime");
    info_string(info, "multiplexing_api", io_name(server->io));
    info_string(info, "io_engine", io_name(server->io));
    info_text(info, "gcc_version:%d.%d.%d\r\n", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
    info_number(info, "process_id", (uint64_t)server->notices.pid);
    info_string(info, "run_id", run_id);
    info_number(info, "tcp_port", (uint64_t)server->config.port);
    info_number(info, "server_time_usec", (uint64_t)clock_wall_us());
    info_number(info, "uptime_in_seconds", uptime_s);
    info_number(info, "uptime_in_days", uptime_s / 86400);
    info_number(info, "hz", (uint64_t)server->config.hz);
    info_number(info, "configured_hz", (uint64_t)server->config.hz);
    info_string(info, "config_file", server->config_file);
    info_number(info, "io_threads_active", 0);
}

static void info_clients(struct info *info)
{
    const struct server *server = info->server;
    info_number(info, "connected_clients", server->connections_open);
    info_number(info, "cluster_connections", 0);
    info_number(info, "maxclients", (uint64_t)server->config.maxclients);
    info_number(info, "blocked_clients", 0);
    info_number(info, "tracking_clients", 0);
    info_number(info, "clients_waiting", server->lists[LIST_WAITING].count);
    info_number(info, "clients_replies_held", server->lists[LIST_HELD].count);
    info_number(info, "clients_input_bytes", server->input_bytes + server->large_bytes);
}

static void info_memory(struct info *info)
{
    const struct server *server = info->server;
    uint64_t used = data_used_bytes(server);
    uint64_t peak = data_peak_bytes(server);
    uint64_t resident = memory_resident_bytes();
    uint64_t tables = keyspace_table_bytes(server->keyspace);
    struct keyspace_stats keys;
    keyspace_stats(server->keyspace, &keys);
    uint64_t replies =
        (uint64_t)(reply_pool_capacity(server->replies) - reply_pool_free(server->replies)) *
        REPLY_CHUNK_BYTES;
    info_bytes(info, "used_memory", used);
    info_bytes(info, "used_memory_rss", resident);
    info_bytes(info, "used_memory_peak", peak);
    info_text(info, "used_memory_peak_perc:%.2f%%\r\n",
              peak > 0 ? (double)used * 100 / (double)peak : 0);
    info_number(info, "used_memory_overhead", tables);
    info_number(info, "used_memory_dataset", used - tables);
    info_text(info, "used_memory_dataset_perc:%.2f%%\r\n",
              used > 0 ? (double)(used - tables) * 100 / (double)used : 0);
    info_bytes(info, "total_system_memory", memory_machine_bytes());
    info_bytes(info, "maxmemory", (uint64_t)server->config.maxmemory);
    info_string(info, "maxmemory_policy", "noeviction");
    info_fraction(info, "mem_fragmentation_ratio", used > 0 ? (double)resident / (double)used : 0);
    info_text(info, "mem_fragmentation_bytes:%lld\r\n", (long long)(resident - used));
    info_string(info, "mem_allocator", "poro");
    info_number(info, "allocator_allocated", arena_used_bytes(server->arena));
    info_number(info, "allocator_active", arena_span_bytes(server->arena));
    info_number(info, "mem_clients_replies", replies);
    info_number(info, "mem_pinned_values", keys.pins);
    info_number(info, "mem_pinned_dead_bytes", keys.pinned_dead_bytes);
    info_number(info, "table_entries", keys.entries);
    info_number(info, "table_buckets", keys.buckets);
    info_number(info, "table_growing_to_buckets", keys.grown_to);
    info_number(info, "lazyfree_pending_objects", keyspace_count_dead(server->keyspace));
}

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

static void info_persistence(struct info *info)
{
    const struct server *server = info->server;
    struct journal_stats stats;
    journal_stats(server, &stats);
    info_number(info, "loading", 0);
    info_number(info, "async_loading", 0);
    info_number(info, "aof_enabled", 1);
    info_number(info, "aof_rewrite_in_progress", 0);
    info_number(info, "aof_rewrite_scheduled", 0);
    info_string(info, "aof_last_write_status", stats.full || stats.last_error != 0 ? "err" : "ok");
    info_log(info, &stats);
    info_latency(info, &stats);
    info_string(info, "recovery_verdict", wal_verdict_name(server->recovery.verdict));
    info_number(info, "recovery_records", server->recovery.records);
    info_number(info, "recovery_bytes", server->recovery.bytes);
    info_number(info, "recovery_dropped_bytes", server->recovery.dropped_bytes);
    info_number(info, "recovery_clean_stop", server->recovery.clean_stop);
    info_fraction(info, "recovery_seconds", (double)server->recovery_ns / 1e9);
}

static void info_stats(struct info *info)
{
    const struct server_stats *stats = &info->server->stats;
    info_number(info, "total_connections_received", stats->connections);
    info_number(info, "total_commands_processed", stats->commands);
    info_number(info, "instantaneous_ops_per_sec", stats->commands_per_second);
    info_number(info, "total_net_input_bytes", stats->bytes_in);
    info_number(info, "total_net_output_bytes", stats->bytes_out);
    info_fraction(info, "instantaneous_input_kbps", (double)stats->bytes_in_per_second / 1024);
    info_fraction(info, "instantaneous_output_kbps", (double)stats->bytes_out_per_second / 1024);
    info_number(info, "rejected_connections", stats->rejected);
    info_number(info, "accept_failures", stats->accept_failures);
    info_number(info, "expired_keys", stats->expired);
    info_number(info, "evicted_keys", 0);
    info_number(info, "evicted_clients", stats->evicted_clients);
    info_number(info, "keyspace_hits", stats->hits);
    info_number(info, "keyspace_misses", stats->misses);
    info_number(info, "total_error_replies", stats->errors);
    info_number(info, "writes_denied_disk_full", stats->denied_full);
    info_number(info, "commands_denied_memory", stats->denied_memory);
    info_number(info, "receive_buffers_exhausted", stats->out_of_buffers);
    info_number(info, "turn_us_max", (uint64_t)stats->turn_ns_max / 1000);
}

static void info_replication(struct info *info)
{
    info_string(info, "role", "master");
    info_number(info, "connected_slaves", 0);
    info_string(info, "master_failover_state", "no-failover");
    info_number(info, "master_repl_offset", 0);
}

static void info_cpu(struct info *info)
{
    int64_t user_us;
    int64_t system_us;
    clock_cpu_us(&user_us, &system_us);
    info_text(info, "used_cpu_sys:%lld.%06lld\r\n", (long long)(system_us / 1000000),
              (long long)(system_us % 1000000));
    info_text(info, "used_cpu_user:%lld.%06lld\r\n", (long long)(user_us / 1000000),
              (long long)(user_us % 1000000));
}

static void info_modules(struct info *info)
{
    assert(info->length > 0); // nothing but the title
}

static void info_cluster(struct info *info)
{
    info_number(info, "cluster_enabled", 0);
}

static void info_keyspace(struct info *info)
{
    const struct keyspace *keyspace = info->server->keyspace;
    for (uint32_t i = 0; i < DATABASES_MAX; i++) {
        uint64_t keys = keyspace_count(keyspace, i);
        if (keys == 0)
            continue;
        info_text(info, "db%u:keys=%llu,expires=%llu,avg_ttl=0\r\n", i, (unsigned long long)keys,
                  (unsigned long long)keyspace_count_volatile(keyspace, i));
    }
}

// --- all of them -----------------------------------------------------------------------------

static const struct {
    const char *name;
    const char *title;
    void (*add)(struct info *info);
} sections[INFO_SECTIONS] = {
    [INFO_SERVER] = {"server", "Server", info_server},
    [INFO_CLIENTS] = {"clients", "Clients", info_clients},
    [INFO_MEMORY] = {"memory", "Memory", info_memory},
    [INFO_PERSISTENCE] = {"persistence", "Persistence", info_persistence},
    [INFO_STATS] = {"stats", "Stats", info_stats},
    [INFO_REPLICATION] = {"replication", "Replication", info_replication},
    [INFO_CPU] = {"cpu", "CPU", info_cpu},
    [INFO_MODULES] = {"modules", "Modules", info_modules},
    [INFO_CLUSTER] = {"cluster", "Cluster", info_cluster},
    [INFO_KEYSPACE] = {"keyspace", "Keyspace", info_keyspace},
};

const char *info_section_name(enum info_section section)
{
    assert(section < INFO_SECTIONS);
    return sections[section].name;
}

void info_section_add(struct info *info, enum info_section section)
{
    assert(section < INFO_SECTIONS && info->server != NULL);
    if (info->length > 0)
        info_text(info, "\r\n");
    info_text(info, "# %s\r\n", sections[section].title);
    sections[section].add(info);
}
