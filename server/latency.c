// The latency monitor: series of samples.
#include "server/latency.h"

#include "server/server.h"

#include <assert.h>
#include <string.h>

const char *latency_event_name(enum latency_event event)
{
    static const char *const names[LATENCY_EVENTS] = {
        [LATENCY_COMMAND] = "command",
        [LATENCY_FAST_COMMAND] = "fast-command",
        [LATENCY_LOG_SYNC] = "aof-fsync-always",
        [LATENCY_LOG_WRITE] = "aof-write",
        [LATENCY_EXPIRY] = "expire-cycle",
        [LATENCY_EVICTION] = "eviction-cycle",
        [LATENCY_DEFRAG] = "active-defrag-cycle",
        [LATENCY_CHECKPOINT] = "checkpoint",
        [LATENCY_TABLE] = "table-growth",
        [LATENCY_RECLAIM] = "memory-return",
        [LATENCY_TURN] = "loop-turn",
    };
    assert(event < LATENCY_EVENTS);
    return names[event];
}

void latency_note(struct server *server, enum latency_event event, int64_t ms)
{
    int64_t threshold_ms = server->config.latency_monitor_threshold_ms;
    if (threshold_ms == 0 || ms < threshold_ms)
        return;
    struct latency_series *series = &server->latency.series[event];
    int64_t now_s = server->wall_ms / 1000;
    if (ms > series->max_ms)
        series->max_ms = ms;
    struct latency_sample *last =
        &series->samples[(series->next + LATENCY_SAMPLES - 1) % LATENCY_SAMPLES];
    if (series->count > 0 && last->time_s == now_s) {
        if (ms > last->ms)
            last->ms = ms;
        return;
    }
    series->samples[series->next] = (struct latency_sample){now_s, ms};
    series->next = (series->next + 1) % LATENCY_SAMPLES;
    if (series->count < LATENCY_SAMPLES)
        series->count++;
}

struct latency_sample latency_sample_at(const struct latency_series *series, uint32_t index)
{
    assert(index < series->count);
    return series
        ->samples[(series->next + LATENCY_SAMPLES - series->count + index) % LATENCY_SAMPLES];
}

void latency_series_reset(struct latency_series *series)
{
    memset(series, 0, sizeof(*series));
}
