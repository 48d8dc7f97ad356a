// Statistics of commands: where time goes is counted here.
#include "server/command_stats.h"

#include "server/call.h"
#include "server/clock.h"
#include "server/command_docs.h"
#include "server/commands.h"
#include "server/connection.h"
#include "server/latency.h"
#include "server/server.h"
#include "server/slowlog.h"
#include "storage/allocator.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

// What a brief command takes at most, as a rule.
#define BRIEF_NS 1000

struct error_stat {
    char name[ERROR_NAME_MAX];
    uint64_t count;
};

struct command_stats {
    struct error_stat errors[ERROR_NAMES_MAX];
    uint32_t errors_count;
    struct command_stat commands[]; // by command number
};

size_t command_stats_overhead(void)
{
    return sizeof(struct command_stats) + commands_count() * sizeof(struct command_stat) + 64;
}

struct command_stats *command_stats_create(struct allocator *allocator)
{
    assert(commands_count() <= TIMING_ROWS_MAX);
    return allocator_take(allocator, command_stats_overhead() - 64, 64);
}

// Pages of counters that nobody has used are not touched.
void command_stats_reset(struct command_stats *stats)
{
    memset(stats->errors, 0, sizeof(stats->errors));
    stats->errors_count = 0;
    for (uint32_t i = 0; i < commands_count(); i++) {
        struct command_stat *stat = &stats->commands[i];
        if (stat->calls + stat->rejected + stat->failed > 0)
            memset(stat, 0, sizeof(*stat));
    }
}

const struct command_stat *command_stats_of(const struct command_stats *stats,
                                            const struct command *command)
{
    assert(command->number < commands_count());
    return &stats->commands[command->number];
}

// --- buckets ---------------------------------------------------------------------------------

#define BUCKETS_MASK ((1U << STATS_BUCKETS_SHIFT) - 1)

uint32_t stats_bucket(uint64_t ns)
{
    if (ns <= BUCKETS_MASK)
        return (uint32_t)ns;
    uint32_t exponent = 63U - (uint32_t)__builtin_clzll(ns);
    if (exponent > STATS_EXPONENT_MAX)
        return STATS_BUCKETS - 1;
    uint32_t part = (uint32_t)(ns >> (exponent - STATS_BUCKETS_SHIFT)) & BUCKETS_MASK;
    return ((exponent - STATS_BUCKETS_SHIFT + 1) << STATS_BUCKETS_SHIFT) + part;
}

uint64_t stats_bucket_last(uint32_t bucket)
{
    assert(bucket < STATS_BUCKETS);
    if (bucket <= BUCKETS_MASK)
        return bucket;
    uint32_t shift = (bucket >> STATS_BUCKETS_SHIFT) - 1;
    uint64_t part = (bucket & BUCKETS_MASK) + BUCKETS_MASK + 2;
    return (part << shift) - 1;
}

uint64_t stats_percentile(const struct command_stat *stat, double percent)
{
    uint64_t seen = 0;
    assert(percent >= 0 && percent <= 100);
    for (uint32_t i = 0; i < STATS_BUCKETS; i++) {
        seen += stat->buckets[i];
        if (seen > 0 && (double)seen >= (double)stat->timed * percent / 100)
            return stats_bucket_last(i);
    }
    return 0;
}

// --- time ------------------------------------------------------------------------------------

static void stats_add(const struct server *server, struct command_stat *stat, uint64_t calls,
                      uint64_t ns)
{
    stat->calls += calls;
    stat->ns += calls * ns;
    if (!server->config.latency_tracking)
        return;
    stat->timed += calls;
    stat->buckets[stats_bucket(ns)] += calls;
}

static uint64_t timing_calls(const struct timing *timing)
{
    uint64_t calls = 0;
    for (uint32_t i = 0; i < timing->brief_count; i++)
        calls += timing->calls[timing->brief[i]];
    return calls;
}

// Each of the brief commands executed since the clock was read last took `share` nanoseconds.
static void timing_share(struct server *server, uint64_t share)
{
    struct timing *timing = &server->timing;
    for (uint32_t i = 0; i < timing->brief_count; i++) {
        uint16_t number = timing->brief[i];
        stats_add(server, &server->command_stats->commands[number], timing->calls[number], share);
        timing->calls[number] = 0;
    }
    timing->brief_count = 0;
}

void timing_flush(struct server *server)
{
    struct timing *timing = &server->timing;
    int64_t now_ns = clock_monotonic_ns();
    assert(now_ns >= timing->stamp_ns);
    if (timing->brief_count > 0)
        timing_share(server, (uint64_t)(now_ns - timing->stamp_ns) / timing_calls(timing));
    timing->stamp_ns = now_ns;
    timing->fresh = true;
}

void timing_brief_first(struct server *server, uint16_t number)
{
    struct timing *timing = &server->timing;
    timing->brief[timing->brief_count++] = number;
    if (timing->brief_count == TIMING_BRIEF_MAX)
        timing_flush(server);
}

int64_t timing_begin(struct server *server)
{
    if (!server->timing.fresh || server->timing.brief_count > 0)
        timing_flush(server);
    return server->timing.stamp_ns;
}

static void timing_add(const struct call *call, int64_t ns)
{
    struct server *server = call->server;
    int64_t threshold_us = server->config.slowlog_log_slower_than_us;
    uint32_t flags = call->command->doc->flags;
    assert(ns >= 0);
    stats_add(server, &server->command_stats->commands[call->command->number], 1, (uint64_t)ns);
    if (threshold_us >= 0 && ns / 1000 >= threshold_us && !(flags & COMMAND_SKIP_SLOWLOG))
        slowlog_note(server->slowlog, call, ns / 1000);
    latency_note(server, flags & COMMAND_FAST ? LATENCY_FAST_COMMAND : LATENCY_COMMAND,
                 ns / 1000000);
}

void timing_end(const struct call *call, int64_t began_ns)
{
    struct connection *connection = call->connection;
    timing_flush(call->server);
    int64_t slept_ns = connection->slept_ns;
    connection->slept_ns = 0;
    timing_add(call, call->server->timing.stamp_ns - began_ns + slept_ns);
}

// The commands before it in the pipeline get what they usually take, it gets the rest.
void timing_late(const struct call *call)
{
    struct timing *timing = &call->server->timing;
    int64_t now_ns = clock_monotonic_ns();
    int64_t ns = now_ns - timing->stamp_ns;
    uint64_t calls = timing_calls(timing);
    uint64_t share = (uint64_t)ns / (calls + 1);
    if (share > BRIEF_NS)
        share = BRIEF_NS;
    timing_share(call->server, share);
    timing->stamp_ns = now_ns;
    timing->fresh = true;
    timing_add(call, ns - (int64_t)(share * calls));
}

// Brief commands take some microseconds at most: only who wants to see such times pays for them.
void timing_settings(struct server *server)
{
    int64_t threshold_us = server->config.slowlog_log_slower_than_us;
    server->timing.exact = threshold_us >= 0 && threshold_us < TIMING_EXACT_US;
}

// --- errors ----------------------------------------------------------------------------------

void command_stats_error_named(struct server *server, const char *name)
{
    struct command_stats *stats = server->command_stats;
    server->stats.errors++;
    for (uint32_t i = 0; i < stats->errors_count; i++) {
        if (strcmp(stats->errors[i].name, name) != 0)
            continue;
        stats->errors[i].count++;
        return;
    }
    if (stats->errors_count == ERROR_NAMES_MAX)
        return;
    struct error_stat *error = &stats->errors[stats->errors_count++];
    snprintf(error->name, sizeof(error->name), "%s", name);
    error->count = 1;
}

void command_stats_error(const struct call *call, struct reply_point point, bool executed)
{
    struct server *server = call->server;
    char name[ERROR_NAME_MAX];
    reply_error_name(&call->connection->reply, point, name);
    command_stats_error_named(server, name);
    if (call->command == NULL)
        return;
    struct command_stat *stat = &server->command_stats->commands[call->command->number];
    if (executed)
        stat->failed++;
    else
        stat->rejected++;
}

bool command_stats_error_at(const struct command_stats *stats, uint32_t index, const char **name,
                            uint64_t *count)
{
    if (index >= stats->errors_count)
        return false;
    *name = stats->errors[index].name;
    *count = stats->errors[index].count;
    return true;
}
