// The latency monitor: what took longer than latency-monitor-threshold, kind by kind.
#ifndef PORO_SERVER_LATENCY_H
#define PORO_SERVER_LATENCY_H

#include "conf/limits.h"

#include <stdbool.h>
#include <stdint.h>

struct server;

// With Redis's names where it has the event.
enum latency_event {
    LATENCY_COMMAND,
    LATENCY_FAST_COMMAND,
    LATENCY_LOG_SYNC,  // an intent write, to stable storage
    LATENCY_LOG_WRITE, // an intent write that is not synced
    LATENCY_EXPIRY,
    LATENCY_EVICTION,
    LATENCY_DEFRAG,
    LATENCY_CHECKPOINT, // a turn's part of it
    LATENCY_TABLE,      // ... of its growth
    LATENCY_RECLAIM,    // memory is given back to the system
    LATENCY_TURN,       // all that is done between two looks at the ring
    LATENCY_EVENTS,
};

// The longest of one second.
struct latency_sample {
    int64_t time_s;
    int64_t ms;
};

struct latency_series {
    uint32_t next;  // where the next sample goes; behind it the oldest one
    uint32_t count; // LATENCY_SAMPLES at most
    int64_t max_ms; // of all times
    struct latency_sample samples[LATENCY_SAMPLES];
};

// Part of the server.
struct latency {
    struct latency_series series[LATENCY_EVENTS];
};

// Something took `ms`. Counted when that is as much as the threshold or more.
void latency_note(struct server *server, enum latency_event event, int64_t ms);

const char *latency_event_name(enum latency_event event);
// The sample `index` of a series, 0 the oldest. The index is below the count.
struct latency_sample latency_sample_at(const struct latency_series *series, uint32_t index);
void latency_series_reset(struct latency_series *series);

#endif
