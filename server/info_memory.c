// INFO's section on memory.
#include "server/info.h"

#include "server/data.h"
#include "server/memory.h"
#include "server/server.h"
#include "storage/arena.h"
#include "storage/keyspace.h"
#include "wal/log.h"

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

// How much more one is than the other, as a factor and in bytes.
static void info_ratio(struct info *info, const char *ratio, const char *bytes, uint64_t more,
                       uint64_t than)
{
    info_fraction(info, ratio, than > 0 ? (double)more / (double)than : 0);
    info_text(info, "%s:%lld\r\n", bytes, (long long)(more - than));
}

// There are no scripts and functions.
static void info_scripts(struct info *info)
{
    info_number(info, "used_memory_lua", 0);
    info_number(info, "used_memory_vm_eval", 0);
    info_number(info, "used_memory_scripts_eval", 0);
    info_number(info, "number_of_cached_scripts", 0);
    info_number(info, "number_of_functions", 0);
    info_number(info, "number_of_libraries", 0);
    info_number(info, "used_memory_vm_functions", 0);
    info_number(info, "used_memory_vm_total", 0);
    info_number(info, "used_memory_functions", 0);
    info_bytes(info, "used_memory_scripts", 0);
}

static void info_policy(struct info *info)
{
    char text[CONFIG_TEXT_MAX];
    static const char name[] = "maxmemory-policy";
    config_format(&info->server->config, config_find(name, sizeof(name) - 1), text);
    info_string(info, "maxmemory_policy", text);
}

void info_memory(struct info *info)
{
    const struct server *server = info->server;
    uint64_t used = data_used_bytes(server);
    uint64_t peak = data_peak_bytes(server);
    uint64_t resident = memory_resident_bytes();
    uint64_t allocated = arena_used_bytes(server->arena);
    uint64_t active = arena_span_bytes(server->arena);
    uint64_t arena = arena_resident_bytes(server->arena);
    uint64_t overhead = data_overhead_bytes(server);
    struct keyspace_stats keys;
    keyspace_stats(server->keyspace, &keys);
    uint64_t replies =
        (uint64_t)(reply_pool_capacity(server->replies) - reply_pool_free(server->replies)) *
        REPLY_CHUNK_BYTES;
    uint64_t dataset = used > overhead ? used - overhead : 0;
    info_bytes(info, "used_memory", used);
    info_bytes(info, "used_memory_rss", resident);
    info_bytes(info, "used_memory_peak", peak);
    info_text(info, "used_memory_peak_perc:%.2f%%\r\n",
              peak > 0 ? (double)used * 100 / (double)peak : 0);
    info_number(info, "used_memory_overhead", overhead);
    info_number(info, "used_memory_startup", 0);
    info_number(info, "used_memory_dataset", dataset);
    info_text(info, "used_memory_dataset_perc:%.2f%%\r\n",
              used > 0 ? (double)dataset * 100 / (double)used : 0);
    info_number(info, "allocator_allocated", allocated);
    info_number(info, "allocator_active", active);
    info_number(info, "allocator_resident", arena);
    info_bytes(info, "total_system_memory", memory_machine_bytes());
    info_scripts(info);
    info_bytes(info, "maxmemory", (uint64_t)server->config.maxmemory);
    info_policy(info);
    info_ratio(info, "allocator_frag_ratio", "allocator_frag_bytes", active, allocated);
    info_ratio(info, "allocator_rss_ratio", "allocator_rss_bytes", arena, active);
    info_ratio(info, "rss_overhead_ratio", "rss_overhead_bytes", resident, arena);
    info_ratio(info, "mem_fragmentation_ratio", "mem_fragmentation_bytes", resident, used);
    info_number(info, "mem_not_counted_for_evict", 0);
    info_number(info, "mem_replication_backlog", 0);
    info_number(info, "mem_total_replication_buffers", 0);
    info_number(info, "mem_clients_slaves", 0);
    info_number(info, "mem_clients_normal", replies + server->input_bytes + server->large_bytes);
    info_number(info, "mem_cluster_links", 0);
    info_number(info, "mem_aof_buffer", wal_open_bytes(server->wal));
    info_string(info, "mem_allocator", "poro");
    info_number(info, "active_defrag_running", server->defrag.running);
    info_number(info, "mem_clients_replies", replies);
    info_number(info, "mem_pinned_values", keys.pins);
    info_number(info, "mem_pinned_dead_bytes", keys.pinned_dead_bytes);
    info_number(info, "table_entries", keys.entries);
    info_number(info, "table_buckets", keys.buckets);
    info_number(info, "table_growing_to_buckets", keys.grown_to);
    info_number(info, "arena_loose_bytes", defrag_loose_bytes(server));
    info_number(info, "arena_scattered_bytes", arena_scattered_bytes(server->arena));
    info_number(info, "lazyfree_pending_objects", keyspace_count_dead(server->keyspace));
}
