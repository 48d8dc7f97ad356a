// How long ago keys were used, or how often: every entry keeps 16 bits about that.
#include "server/idle.h"

#include "server/evict.h"
#include "server/server.h"
#include "storage/keyspace.h"

#include <assert.h>
#include <string.h>

#define SECOND_NS 1000000000LL
#define MS_NS 1000000LL
// A round over all entries takes about this long, and goes on in steps of about this long.
#define ROUND_MS (4 * 3600 * 1000LL)
#define ROUND_LFU_MS (3600 * 1000LL)
#define ROUND_STEP_MS 100
// Buckets at a time at most, so that the loop does not stop for it. Larger tables take longer.
#define ROUND_BUCKETS_MAX 1024
// Steps in which the round gets over all entries, however fast they follow each other.
#define ROUND_STEPS 2048
// Part of the keys after whose replacement a step is taken.
#define STEP_PART 512
// Decay times up to this many minutes are counted in minutes, of which 8 bits tell apart 256.
#define DECAY_MINUTES_MAX 100

// Even the largest table that fits such a machine is gone round in time.
static_assert((UINT16_MAX + 1LL - IDLE_STEPS_MAX) * IDLE_STEP_S * 1000 > 2 * ROUND_MS,
              "no entry is passed over until the clock has gone round");
static_assert(UINT16_MAX + 1 - IDLE_STEPS_MAX >= 2 * ROUND_STEPS, "nor when steps follow fast");
static_assert(ROUND_LFU_MS / 60000 + DECAY_MINUTES_MAX < UINT8_MAX,
              "counters go down before their time has gone round");

// --- how long ago ----------------------------------------------------------------------------

static uint16_t idle_steps(const struct idle *state, uint16_t step)
{
    return (uint16_t)(state->clock - step);
}

// When the step `age` steps ago began, in seconds since the start.
static int64_t idle_began_s(const struct idle *state, uint16_t age)
{
    if (age > state->steps)
        return -(int64_t)(age - state->steps) * IDLE_STEP_S;
    return state->began_s[(uint16_t)(state->clock - age)];
}

int64_t idle_seconds(const struct server *server, const struct entry *entry)
{
    const struct idle *state = &server->idle;
    return idle_began_s(state, 0) - idle_began_s(state, idle_steps(state, entry->idle));
}

void idle_set(const struct server *server, struct entry *entry, int64_t seconds)
{
    const struct idle *state = &server->idle;
    assert(seconds >= 0);
    int64_t now_s = idle_began_s(state, 0);
    uint16_t age = 0;
    uint16_t above = IDLE_STEPS_MAX + 1;
    // The most steps that are not longer ago.
    while (above - age > 1) {
        uint16_t middle = (uint16_t)(age + (above - age) / 2);
        if (now_s - idle_began_s(state, middle) <= seconds)
            age = middle;
        else
            above = middle;
    }
    entry_touch(entry, (uint16_t)(state->clock - age));
}

static void idle_step(struct server *server, int64_t at_ns)
{
    struct idle *state = &server->idle;
    state->clock++;
    state->steps++;
    state->step_ns = at_ns;
    state->began_s[state->clock] = (int32_t)((at_ns - server->started_ns) / SECOND_NS);
}

// --- how often -------------------------------------------------------------------------------

// xorshift64* (Vigna, 2016).
static uint32_t idle_random(struct idle *state)
{
    state->random ^= state->random >> 12;
    state->random ^= state->random << 25;
    state->random ^= state->random >> 27;
    return (uint32_t)((state->random * 0x2545F4914F6CDD1DULL) >> 32);
}

static uint8_t idle_decayed(const struct idle *state, uint16_t idle)
{
    uint8_t counter = (uint8_t)idle;
    uint8_t elapsed = (uint8_t)(state->now - (idle >> 8));
    if (elapsed == 0 || state->decay_units == 0)
        return counter;
    uint32_t periods = elapsed / state->decay_units;
    return periods > counter ? 0 : (uint8_t)(counter - periods);
}

uint8_t idle_frequency(const struct server *server, uint16_t idle)
{
    return idle_decayed(&server->idle, idle);
}

static uint16_t idle_pack(const struct idle *state, uint8_t counter)
{
    return (uint16_t)(state->now << 8 | counter);
}

void idle_set_frequency(const struct server *server, struct entry *entry, uint8_t frequency)
{
    entry_touch(entry, idle_pack(&server->idle, frequency));
}

void idle_count(struct idle *state, struct entry *entry)
{
    uint8_t counter = idle_decayed(state, entry->idle);
    if (counter < UINT8_MAX && idle_random(state) <= state->odds[counter])
        counter++;
    entry_touch(entry, idle_pack(state, counter));
}

static void idle_set_odds(struct idle *state, int64_t factor)
{
    for (uint32_t counter = 0; counter < 256; counter++) {
        uint64_t above = counter > IDLE_FREQUENCY_NEW ? counter - IDLE_FREQUENCY_NEW : 0;
        state->odds[counter] = (uint32_t)(UINT32_MAX / (above * (uint64_t)factor + 1));
    }
}

// --- the clock and the round -----------------------------------------------------------------

static void idle_minute(struct server *server)
{
    struct idle *state = &server->idle;
    int64_t minutes = (server->now_ns - server->started_ns) / (60 * SECOND_NS);
    state->now = (uint8_t)(minutes / state->unit_min);
    if (state->lfu)
        keyspace_fresh(server->keyspace, idle_pack(state, IDLE_FREQUENCY_NEW));
}

void idle_policy(struct server *server)
{
    struct idle *state = &server->idle;
    const struct config *config = &server->config;
    if (state->random == 0) {
        memcpy(&state->random, server->run_id, sizeof(state->random));
        state->random |= 1;
    }
    state->lfu = evict_kind(config->maxmemory_policy) == EVICT_BY_FREQUENCY;
    bool minutes = config->lfu_decay_time_min <= DECAY_MINUTES_MAX;
    state->unit_min = minutes ? 1 : (uint32_t)config->lfu_decay_time_min;
    state->decay_units = minutes ? (uint32_t)config->lfu_decay_time_min : 1;
    idle_set_odds(state, config->lfu_log_factor);
    if (!state->lfu)
        keyspace_fresh(server->keyspace, state->clock);
    idle_minute(server);
}

static void idle_visit(void *context, struct entry *entry)
{
    const struct server *server = context;
    const struct idle *state = &server->idle;
    if (state->lfu) {
        // As when it is used, but what is left of a period counts on.
        uint8_t elapsed = (uint8_t)(state->now - (entry->idle >> 8));
        if (state->decay_units == 0 || elapsed < state->decay_units)
            return;
        uint8_t from = (uint8_t)(state->now - elapsed % state->decay_units);
        entry_touch(entry, (uint16_t)(from << 8 | idle_decayed(state, entry->idle)));
        return;
    }
    // Keeps an entry that is never used from looking fresh once the clock has gone round.
    if (idle_steps(state, entry->idle) > IDLE_STEPS_MAX)
        entry_touch(entry, (uint16_t)(state->clock - IDLE_STEPS_MAX));
}

// Steps for the time that has passed, and for the keys that have come or gone.
static void idle_move(struct server *server, const struct keyspace_stats *stats)
{
    struct idle *state = &server->idle;
    bool lru = evict_kind(server->config.maxmemory_policy) == EVICT_BY_TIME;
    int64_t period_ns = (lru ? IDLE_STEP_LRU_S : IDLE_STEP_S) * SECOND_NS;
    if (state->steps == 0 && state->step_ns == 0)
        state->step_ns = server->started_ns;
    // After a long sleep more steps than the clock has make no difference.
    int64_t due = (server->now_ns - state->step_ns) / period_ns;
    if (due > UINT16_MAX)
        state->step_ns = server->now_ns - UINT16_MAX * period_ns;
    uint64_t before = state->steps;
    for (; server->now_ns - state->step_ns >= period_ns; due--)
        idle_step(server, state->step_ns + period_ns);
    uint64_t events = server->evict.total - state->evicted;
    if (stats->entries > state->entries)
        events += stats->entries - state->entries;
    if (state->steps == before && lru && events > stats->entries / STEP_PART) {
        idle_step(server, server->now_ns);
        state->round_due += stats->buckets / ROUND_STEPS + 1;
    }
    if (state->steps == before)
        return;
    state->evicted = server->evict.total;
    state->entries = stats->entries;
    if (!state->lfu)
        keyspace_fresh(server->keyspace, state->clock);
}

void idle_housekeeping(struct server *server)
{
    struct idle *state = &server->idle;
    struct keyspace_stats stats;
    keyspace_stats(server->keyspace, &stats);
    idle_move(server, &stats);
    int64_t elapsed_ms = (server->now_ns - state->round_ns) / MS_NS;
    if (elapsed_ms >= ROUND_STEP_MS) {
        state->round_ns = server->now_ns;
        idle_minute(server);
        int64_t round_ms = state->lfu ? ROUND_LFU_MS : ROUND_MS;
        state->round_due += stats.buckets * (uint64_t)elapsed_ms / (uint64_t)round_ms + 1;
    }
    uint64_t buckets = state->round_due;
    if (buckets > ROUND_BUCKETS_MAX)
        buckets = ROUND_BUCKETS_MAX;
    state->round_due = 0; // who is behind by more takes longer
    for (; buckets > 0; buckets--)
        state->round_cursor =
            keyspace_scan(server->keyspace, state->round_cursor, idle_visit, server);
}
