// The times of the loop's turns.
#include "server/turn.h"

#include "conf/limits.h"
#include "server/clock.h"
#include "server/latency.h"
#include "server/server.h"

#include <assert.h>
#include <string.h>

// The server's own work should take less.
#define LONG_NS 1000000

static void turn_count(struct turn_times *times, int64_t ns)
{
    uint64_t us = ns > 0 ? (uint64_t)ns / 1000 : 0;
    uint32_t bucket = us > 1 ? 63U - (uint32_t)__builtin_clzll(us) : 0;
    times->buckets[bucket < TURN_BUCKETS ? bucket : TURN_BUCKETS - 1]++;
    times->count++;
    if (ns > times->max_ns)
        times->max_ns = ns;
}

static void longest_note(struct turn_longest *longest, int64_t wall_ns, int64_t cpu_ns)
{
    if (wall_ns > longest->wall_ns)
        longest->wall_ns = wall_ns;
    if (cpu_ns > longest->cpu_ns)
        longest->cpu_ns = cpu_ns;
    longest->count += cpu_ns >= LONG_NS;
}

void turn_begin(struct server *server)
{
    struct turn *turn = &server->turn;
    bool before = turn->by_parts;
    turn->began_ns = server->now_ns;
    turn->by_parts = server->config.latency_monitor_threshold_ms > 0;
    if (!turn->by_parts)
        return;
    int64_t cpu_ns = clock_thread_cpu_ns();
    // Its wall time is mostly that of waiting.
    if (before)
        longest_note(&turn->parts[TURN_RING], 0, cpu_ns - turn->part_cpu_ns);
    turn->part_ns = server->now_ns;
    turn->part_cpu_ns = cpu_ns;
}

void turn_own(struct server *server)
{
    struct turn *turn = &server->turn;
    turn->own_ns = clock_monotonic_ns();
    turn->own_part_cpu_ns = turn->part_cpu_ns;
}

bool turn_has_time(const struct server *server)
{
    return clock_monotonic_ns() - server->turn.own_ns < TURN_OWN_NS;
}

void turn_end(struct server *server)
{
    struct turn *turn = &server->turn;
    int64_t now_ns = clock_monotonic_ns();
    turn_count(&turn->whole, now_ns - turn->began_ns);
    turn_count(&turn->own, now_ns - turn->own_ns);
    if (!turn->by_parts)
        return;
    longest_note(&turn->own_parts, now_ns - turn->own_ns,
                 turn->part_cpu_ns - turn->own_part_cpu_ns);
    latency_note(server, LATENCY_TURN, (now_ns - turn->began_ns) / 1000000);
}

void turn_timed(struct server *server, enum turn_part part)
{
    static const struct {
        enum latency_event event;
        bool noted;
    } events[TURN_PARTS] = {
        [TURN_CHECKPOINT] = {LATENCY_CHECKPOINT, true}, [TURN_TABLE] = {LATENCY_TABLE, true},
        [TURN_EXPIRY] = {LATENCY_EXPIRY, true},         [TURN_EVICTION] = {LATENCY_EVICTION, true},
        [TURN_DEFRAG] = {LATENCY_DEFRAG, true},         [TURN_RECLAIM] = {LATENCY_RECLAIM, true},
    };
    struct turn *turn = &server->turn;
    int64_t now_ns = clock_monotonic_ns();
    int64_t cpu_ns = clock_thread_cpu_ns();
    int64_t took_ns = now_ns - turn->part_ns;
    longest_note(&turn->parts[part], took_ns, cpu_ns - turn->part_cpu_ns);
    turn->part_ns = now_ns;
    turn->part_cpu_ns = cpu_ns;
    if (events[part].noted)
        latency_note(server, events[part].event, took_ns / 1000000);
}

void turn_reset(struct turn *turn)
{
    turn->whole = (struct turn_times){0};
    turn->own = (struct turn_times){0};
    turn->own_parts = (struct turn_longest){0};
    memset(turn->parts, 0, sizeof(turn->parts));
}

const char *turn_part_name(enum turn_part part)
{
    static const char *const names[TURN_PARTS] = {
        [TURN_RING] = "ring",
        [TURN_EVENTS] = "events",
        [TURN_COMMANDS] = "commands",
        [TURN_COMMIT] = "commit",
        [TURN_SEND] = "send",
        [TURN_JOURNAL] = "journal",
        [TURN_CHECKPOINT] = "checkpoint",
        [TURN_TABLE] = "table",
        [TURN_EXPIRY] = "expiry",
        [TURN_EVICTION] = "eviction",
        [TURN_DEFRAG] = "defrag",
        [TURN_RECLAIM] = "reclaim",
        [TURN_CONNECTIONS] = "connections",
    };
    assert(part < TURN_PARTS);
    return names[part];
}
