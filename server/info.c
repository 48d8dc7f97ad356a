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

void info_text(struct info *info, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length =
        vsnprintf(info->text + info->length, sizeof(info->text) - info->length, format, arguments);
    va_end(arguments);
    assert(length >= 0 && (size_t)length < sizeof(info->text) - info->length);
    info->length += (size_t)length;
}

void info_string(struct info *info, const char *name, const char *value)
{
    info_text(info, "%s:%s\r\n", name, value);
}

void info_number(struct info *info, const char *name, uint64_t value)
{
    info_text(info, "%s:%llu\r\n", name, (unsigned long long)value);
}

void info_fraction(struct info *info, const char *name, double value)
{
    info_text(info, "%s:%.2f\r\n", name, value);
}

// --- sections --------------------------------------------------------------------------------

static void info_run_id(const struct server *server, char text[2 * sizeof(server->run_id) + 1])
{
    for (size_t i = 0; i < sizeof(server->run_id); i++)
        snprintf(text + 2 * i, 3, "%02x", server->run_id[i]);
}

static void info_server(struct info *info)
{
    const struct server *server = info->server;
    struct utsname system;
    if (uname(&system) < 0)
        memset(&system, 0, sizeof(system));
    char run_id[2 * sizeof(server->run_id) + 1];
    info_run_id(server, run_id);
    uint64_t uptime_s = (uint64_t)(server->now_ns - server->started_ns) / 1000000000;
    info_string(info, "redis_version", PORO_REDIS_VERSION);
    info_string(info, "redis_git_sha1", "00000000");
    info_number(info, "redis_git_dirty", 0);
    info_string(info, "redis_build_id", "0");
    info_string(info, "poro_version", PORO_VERSION);
    info_string(info, "redis_mode", "standalone");
    info_text(info, "os:%s %s %s\r\n", system.sysname, system.release, system.machine);
    info_number(info, "arch_bits", sizeof(void *) * 8);
    info_string(info, "monotonic_clock", "POSIX clock_gettime");
    info_string(info, "multiplexing_api", io_name(server->io));
    info_string(info, "io_engine", io_name(server->io));
    info_text(info, "gcc_version:%d.%d.%d\r\n", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
    info_number(info, "process_id", (uint64_t)server->notices.pid);
    info_string(info, "process_supervised", "no");
    info_string(info, "run_id", run_id);
    info_number(info, "tcp_port", (uint64_t)server->config.port);
    info_number(info, "server_time_usec", (uint64_t)clock_wall_us());
    info_number(info, "uptime_in_seconds", uptime_s);
    info_number(info, "uptime_in_days", uptime_s / 86400);
    info_number(info, "hz", (uint64_t)server->config.hz);
    info_number(info, "configured_hz", (uint64_t)server->config.hz);
    info_number(info, "lru_clock", (uint64_t)(server->wall_ms / 1000) & 0xffffff);
    info_string(info, "executable", server->executable);
    info_string(info, "config_file", server->config_file);
    info_number(info, "io_threads_active", 0);
}

// Who waits for what a command asked to wait for.
static uint64_t info_blocked(const struct server *server)
{
    uint64_t blocked = 0;
    for (const struct connection *c = server->lists[LIST_WAITING].first; c != NULL;
         c = c->links[LIST_WAITING].next)
        blocked += c->wait == WAIT_DURABLE;
    return blocked;
}

static void info_clients(struct info *info)
{
    const struct server *server = info->server;
    info_number(info, "connected_clients", server->connections_open);
    info_number(info, "cluster_connections", 0);
    info_number(info, "maxclients", (uint64_t)server->config.maxclients);
    info_number(info, "blocked_clients", info_blocked(server));
    info_number(info, "tracking_clients", 0);
    info_number(info, "clients_in_timeout_table", 0);
    info_number(info, "clients_waiting",
                server->lists[LIST_WAITING].count + server->lists[LIST_CLOGGED].count);
    info_number(info, "clients_monitoring", server->lists[LIST_MONITORS].count);
    info_number(info, "clients_replies_held", server->lists[LIST_HELD].count);
    info_number(info, "clients_input_bytes", server->input_bytes + server->large_bytes);
}

static void info_eviction(struct info *info)
{
    const struct server *server = info->server;
    const struct evict *evict = &server->evict;
    int64_t current_ns = evict->exceeded_ns != 0 ? server->now_ns - evict->exceeded_ns : 0;
    info_number(info, "total_eviction_exceeded_time",
                (uint64_t)(evict->exceeded_total_ns + current_ns) / 1000000);
    info_number(info, "current_eviction_exceeded_time", (uint64_t)current_ns / 1000000);
}

// Strings have nothing but their value: hits are the entries that have moved, misses the spans of
// which something could not.
static void info_defrag(struct info *info)
{
    const struct server *server = info->server;
    const struct defrag *defrag = &server->defrag;
    int64_t current_ns = defrag->running ? server->now_ns - defrag->began_ns : 0;
    info_number(info, "active_defrag_hits", defrag->moved);
    info_number(info, "active_defrag_misses", defrag->stuck);
    info_number(info, "active_defrag_key_hits", defrag->moved);
    info_number(info, "active_defrag_key_misses", defrag->stuck);
    info_number(info, "active_defrag_spans_freed", defrag->freed);
    info_number(info, "total_active_defrag_time",
                (uint64_t)(defrag->total_ns + current_ns) / 1000000);
    info_number(info, "current_active_defrag_time", (uint64_t)current_ns / 1000000);
}

static void info_turn_times(struct info *info, const char *name, const struct turn_times *times)
{
    static const struct {
        const char *name;
        double share;
    } lines[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99_9", 0.999}};
    uint64_t max_us = (uint64_t)times->max_ns / 1000;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        uint64_t bound = info_percentile(times->buckets, TURN_BUCKETS, lines[i].share);
        info_text(info, "%s_us_%s:%llu\r\n", name, lines[i].name,
                  (unsigned long long)(bound < max_us ? bound : max_us));
    }
    info_text(info, "%s_us_max:%llu\r\n", name, (unsigned long long)max_us);
}

static void info_turn_longest(struct info *info, const char *name,
                              const struct turn_longest *longest)
{
    info_text(info, "turn_%s_longest:us=%llu,cpu_us=%llu,cpu_1ms=%llu\r\n", name,
              (unsigned long long)longest->wall_ns / 1000,
              (unsigned long long)longest->cpu_ns / 1000, (unsigned long long)longest->count);
}

// Parts are timed only while the latency monitor is on.
static void info_turns(struct info *info, const struct turn *turn)
{
    info_number(info, "turns", turn->whole.count);
    info_turn_times(info, "turn", &turn->whole);
    info_turn_times(info, "turn_own", &turn->own);
    if (!turn->by_parts)
        return;
    info_turn_longest(info, "own", &turn->own_parts);
    for (uint32_t i = 0; i < TURN_PARTS; i++)
        info_turn_longest(info, turn_part_name((enum turn_part)i), &turn->parts[i]);
}

static void info_stats(struct info *info)
{
    const struct server_stats *stats = &info->server->stats;
    info_number(info, "total_connections_received", stats->connections);
    info_number(info, "total_commands_processed", stats->commands);
    info_number(info, "instantaneous_ops_per_sec", stats->commands_per_second);
    info_number(info, "total_net_input_bytes", stats->bytes_in);
    info_number(info, "total_net_output_bytes", stats->bytes_out);
    info_number(info, "total_net_repl_input_bytes", 0);
    info_number(info, "total_net_repl_output_bytes", 0);
    info_fraction(info, "instantaneous_input_kbps", (double)stats->bytes_in_per_second / 1024);
    info_fraction(info, "instantaneous_output_kbps", (double)stats->bytes_out_per_second / 1024);
    info_fraction(info, "instantaneous_input_repl_kbps", 0);
    info_fraction(info, "instantaneous_output_repl_kbps", 0);
    info_number(info, "rejected_connections", stats->rejected);
    info_number(info, "accept_failures", stats->accept_failures);
    info_number(info, "sync_full", 0);
    info_number(info, "sync_partial_ok", 0);
    info_number(info, "sync_partial_err", 0);
    info_number(info, "expired_keys", stats->expired);
    info_number(info, "evicted_keys", stats->evicted);
    info_number(info, "evicted_clients", stats->evicted_clients);
    info_number(info, "client_output_buffer_limit_disconnections", stats->output_limited);
    info_eviction(info);
    info_defrag(info);
    info_number(info, "keyspace_hits", stats->hits);
    info_number(info, "keyspace_misses", stats->misses);
    info_number(info, "pubsub_channels", 0);
    info_number(info, "pubsub_patterns", 0);
    info_number(info, "pubsubshard_channels", 0);
    info_number(info, "latest_fork_usec", 0);
    info_number(info, "total_forks", 0);
    info_number(info, "migrate_cached_sockets", 0);
    info_number(info, "slave_expires_tracked_keys", 0);
    info_number(info, "tracking_total_keys", 0);
    info_number(info, "tracking_total_items", 0);
    info_number(info, "tracking_total_prefixes", 0);
    info_number(info, "unexpected_error_replies", 0);
    info_number(info, "total_error_replies", stats->errors);
    info_number(info, "total_reads_processed", stats->reads);
    info_number(info, "total_writes_processed", stats->writes);
    info_number(info, "io_threaded_reads_processed", 0);
    info_number(info, "io_threaded_writes_processed", 0);
    info_number(info, "writes_denied_disk_full", stats->denied_full);
    info_number(info, "commands_denied_memory", stats->denied_memory);
    info_number(info, "receive_buffers_exhausted", stats->out_of_buffers);
    info_turns(info, &info->server->turn);
}

// There is no replication: the numbers of a master that never had a replica.
static void info_replication(struct info *info)
{
    char id[2 * sizeof(info->server->run_id) + 1];
    info_run_id(info->server, id);
    info_string(info, "role", "master");
    info_number(info, "connected_slaves", 0);
    info_string(info, "master_failover_state", "no-failover");
    info_string(info, "master_replid", id);
    info_string(info, "master_replid2", "0000000000000000000000000000000000000000");
    info_number(info, "master_repl_offset", 0);
    info_string(info, "second_repl_offset", "-1");
    info_number(info, "repl_backlog_active", 0);
    info_number(info, "repl_backlog_size", 0);
    info_number(info, "repl_backlog_first_byte_offset", 0);
    info_number(info, "repl_backlog_histlen", 0);
}

static void info_seconds(struct info *info, const char *name, int64_t us)
{
    info_text(info, "%s:%lld.%06lld\r\n", name, (long long)(us / 1000000),
              (long long)(us % 1000000));
}

// One process, one thread.
static void info_cpu(struct info *info)
{
    int64_t user_us;
    int64_t system_us;
    clock_cpu_us(&user_us, &system_us);
    info_seconds(info, "used_cpu_sys", system_us);
    info_seconds(info, "used_cpu_user", user_us);
    info_seconds(info, "used_cpu_sys_children", 0);
    info_seconds(info, "used_cpu_user_children", 0);
    info_seconds(info, "used_cpu_sys_main_thread", system_us);
    info_seconds(info, "used_cpu_user_main_thread", user_us);
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
    // What is being loaded may yet turn out to be damaged.
    for (uint32_t i = 0; i < DATABASES_MAX && info->server->state != SERVER_LOADING; i++) {
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
    [INFO_COMMANDSTATS] = {"commandstats", "Commandstats", info_commandstats},
    [INFO_ERRORSTATS] = {"errorstats", "Errorstats", info_errorstats},
    [INFO_LATENCYSTATS] = {"latencystats", "Latencystats", info_latencystats},
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
