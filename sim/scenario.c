// Scenarios: the table, and what a seed makes of a row.
#include "sim/scenario.h"

#include <stdio.h>
#include <string.h>

// clang-format off
#define QUIET [FAULT_FRAGMENT] = 50000
#define AT_REST_CHECKPOINT(ppm) \
    [FAULT_ROT_CHECKPOINT] = (ppm), [FAULT_ROT_CHECKPOINT_TAIL] = (ppm), \
    [FAULT_TRUNCATE_CHECKPOINT] = (ppm), [FAULT_MISSING_CHECKPOINT] = (ppm), \
    [FAULT_STALE_CHECKPOINT] = (ppm), [FAULT_UNREADABLE_CHECKPOINT] = (ppm)
#define AT_REST(ppm) \
    [FAULT_ROT_TAIL] = (ppm), [FAULT_ROT_INTENT] = (ppm), [FAULT_ROT_NEWEST] = (ppm), \
    [FAULT_ROT_HEADER] = (ppm), [FAULT_ROT_COMPLETION] = (ppm), \
    [FAULT_ROT_COMPLETION_ALL] = (ppm), [FAULT_ROT_INSTANCE] = (ppm), \
    [FAULT_ROT_ANYWHERE] = (ppm), [FAULT_UNREADABLE] = (ppm), \
    [FAULT_TRUNCATE_SEGMENT] = (ppm), [FAULT_TRUNCATE_COMPLETION] = (ppm), \
    [FAULT_MISSING_SEGMENT] = (ppm), [FAULT_MISSING_NEWEST] = (ppm), \
    [FAULT_MISSING_READY] = (ppm), [FAULT_MISSING_COMPLETION] = (ppm), \
    [FAULT_MISSING_INSTANCE] = (ppm), [FAULT_SWAPPED_SEGMENTS] = (ppm), \
    [FAULT_DUPLICATE_SEGMENT] = (ppm), [FAULT_STALE_SEGMENT] = (ppm), \
    [FAULT_STALE_SEGMENTS] = (ppm), [FAULT_STALE_COMPLETION] = (ppm), [FAULT_MISDIRECTED] = (ppm), \
    [FAULT_FOREIGN_SEGMENT] = (ppm), AT_REST_CHECKPOINT(ppm)

static const struct scenario scenarios[] = {
    {.name = "perfect", .what = "no faults at all: every reply is right, a clean stop loses nothing",
     .runs = 20, .operations = 4000, .clients = 8, .ppm = {QUIET}},
    {.name = "corruption", .what = "the intent log is damaged between lives",
     .runs = 100, .operations = 600, .clients = 4,
     .ppm = {QUIET, [FAULT_KILL] = 600, [FAULT_POWER_CUT] = 600, [FAULT_ROT_TAIL] = 120000,
             [FAULT_ROT_INTENT] = 200000, [FAULT_ROT_NEWEST] = 200000, [FAULT_ROT_HEADER] = 120000,
             [FAULT_UNREADABLE] = 60000, [FAULT_MISDIRECTED] = 60000}},
    {.name = "completion_corruption", .what = "the completion log is damaged; full disks",
     .runs = 100, .operations = 600, .clients = 4,
     .ppm = {QUIET, [FAULT_KILL] = 600, [FAULT_POWER_CUT] = 600, [FAULT_ROT_COMPLETION] = 300000,
             [FAULT_ROT_COMPLETION_ALL] = 150000, [FAULT_TRUNCATE_COMPLETION] = 150000,
             [FAULT_STALE_COMPLETION] = 100000, [FAULT_MISSING_COMPLETION] = 100000,
             [FAULT_DISK_FULL] = 3000}},
    {.name = "massive", .what = "a million keys, kills and power cuts while they are written",
     .runs = 1, .operations = 52000, .clients = 8, .loads = true,
     .ppm = {QUIET, [FAULT_KILL] = 10, [FAULT_POWER_CUT] = 10}},
    {.name = "random", .what = "random damage anywhere in the files",
     .runs = 100, .operations = 500, .clients = 4,
     .ppm = {QUIET, [FAULT_KILL] = 600, [FAULT_POWER_CUT] = 600, [FAULT_ROT_ANYWHERE] = 700000}},
    {.name = "truncation", .what = "files are cut short, missing, swapped, doubled, old",
     .runs = 100, .operations = 600, .clients = 4,
     .ppm = {QUIET, [FAULT_KILL] = 600, [FAULT_POWER_CUT] = 600, [FAULT_TRUNCATE_SEGMENT] = 150000,
             [FAULT_TRUNCATE_COMPLETION] = 80000, [FAULT_MISSING_SEGMENT] = 80000,
             [FAULT_MISSING_NEWEST] = 80000, [FAULT_MISSING_READY] = 80000,
             [FAULT_MISSING_COMPLETION] = 40000, [FAULT_MISSING_INSTANCE] = 60000,
             [FAULT_SWAPPED_SEGMENTS] = 80000, [FAULT_DUPLICATE_SEGMENT] = 80000,
             [FAULT_STALE_SEGMENT] = 80000, [FAULT_STALE_SEGMENTS] = 80000,
             [FAULT_FOREIGN_SEGMENT] = 80000}},
    {.name = "comprehensive", .what = "all commands, all databases, many clients, kills in between",
     .runs = 30, .operations = 6000, .clients = 24,
     .ppm = {QUIET, [FAULT_KILL] = 200, [FAULT_POWER_CUT] = 200, [FAULT_START_CUT] = 200,
             [FAULT_RESET] = 2000, [FAULT_LATE_WRITE] = 300000, [FAULT_MEMORY_FULL] = 300000}},
    {.name = "filesystem", .what = "errors of every operation on files, permissions, a full disk",
     .runs = 100, .operations = 1000, .clients = 6,
     .ppm = {QUIET, [FAULT_KILL] = 200, [FAULT_POWER_CUT] = 200, [FAULT_EIO] = 5000,
             [FAULT_ENOSPC] = 5000, [FAULT_SHORT_WRITE] = 5000, [FAULT_SYNC_ERROR] = 10000,
             [FAULT_PERMISSION] = 3000, [FAULT_DESCRIPTORS] = 5000, [FAULT_DISK_FULL] = 1000,
             [FAULT_DEAD_DISK] = 200,
             [FAULT_NO_DIRECT] = 250000, [FAULT_DSYNC_IGNORED] = 250000}},
    {.name = "power_loss", .what = "power cuts at any point, also while starting",
     .runs = 200, .operations = 800, .clients = 6,
     .ppm = {QUIET, [FAULT_KILL] = 500, [FAULT_POWER_CUT] = 3000, [FAULT_START_CUT] = 4000,
             [FAULT_LATE_WRITE] = 300000, [FAULT_NO_DIRECT] = 200000,
             [FAULT_DSYNC_IGNORED] = 200000, [FAULT_LYING_DISK] = 100000}},
    {.name = "disk_full", .what = "the disk fills up and is freed, again and again",
     .runs = 100, .operations = 1000, .clients = 6,
     .ppm = {QUIET, [FAULT_DISK_FULL] = 5000, [FAULT_ENOSPC] = 2000, [FAULT_KILL] = 500,
             [FAULT_POWER_CUT] = 500, [FAULT_START_CUT] = 1000}},
    {.name = "slow_disk", .what = "requests on files take up to a second, or as long as faults last",
     .runs = 60, .operations = 800, .clients = 8,
     .ppm = {QUIET, [FAULT_SLOW] = 50000, [FAULT_STUCK] = 1000, [FAULT_KILL] = 300,
             [FAULT_POWER_CUT] = 300, [FAULT_LATE_WRITE] = 500000}},
    {.name = "checkpoint",
     .what = "cuts, errors and a full disk at every step of checkpoints; they are damaged",
     .runs = 160, .operations = 1500, .clients = 6, .checkpoints = true,
     .ppm = {QUIET, [FAULT_KILL] = 100, [FAULT_POWER_CUT] = 300, [FAULT_START_CUT] = 2000,
             [FAULT_LATE_WRITE] = 200000, [FAULT_EIO] = 1000, [FAULT_ENOSPC] = 500,
             [FAULT_SHORT_WRITE] = 500, [FAULT_SYNC_ERROR] = 2000, [FAULT_SLOW] = 2000,
             [FAULT_SPOILT] = 100000, [FAULT_RESET] = 500, [FAULT_DISK_FULL] = 500, [FAULT_NO_DIRECT] = 200000, [FAULT_DSYNC_IGNORED] = 200000,
             [FAULT_ROT_INTENT] = 20000, [FAULT_ROT_NEWEST] = 40000,
             AT_REST_CHECKPOINT(60000)}},
    {.name = "growth", .what = "the table grows and shrinks while checkpoints are written; kills",
     .runs = 60, .operations = 2000, .clients = 6, .checkpoints = true, .grows = true,
     .ppm = {QUIET, [FAULT_KILL] = 300, [FAULT_POWER_CUT] = 300, [FAULT_START_CUT] = 1000}},
    {.name = "eviction", .what = "memory is short: keys leave by every policy, or writes are refused; cuts",
     .runs = 100, .operations = 1500, .clients = 8,
     .ppm = {QUIET, [FAULT_KILL] = 200, [FAULT_POWER_CUT] = 1500, [FAULT_START_CUT] = 500,
             [FAULT_MEMORY_FULL] = 1000000}},
    {.name = "network", .what = "connections are split, stalled, reset; receive buffers run out",
     .runs = 100, .operations = 3000, .clients = 40,
     .ppm = {[FAULT_FRAGMENT] = 400000, [FAULT_RESET] = 20000, [FAULT_STALL] = 30000,
             [FAULT_NO_BUFFERS] = 600000, [FAULT_DESCRIPTORS] = 10000, [FAULT_KILL] = 100}},
    {.name = "clock", .what = "the wall clock jumps, keys expire at the edge",
     .runs = 100, .operations = 1500, .clients = 6,
     .ppm = {QUIET, [FAULT_CLOCK_JUMP] = 5000, [FAULT_KILL] = 400, [FAULT_POWER_CUT] = 400}},
    {.name = "modes", .what = "modes of durability change, syncs are slow, the power fails, files are old",
     .runs = 100, .operations = 800, .clients = 8, .changes_modes = true,
     .ppm = {QUIET, [FAULT_SLOW] = 50000, [FAULT_KILL] = 500, [FAULT_POWER_CUT] = 2000,
             [FAULT_NO_DIRECT] = 200000, [FAULT_DSYNC_IGNORED] = 200000,
             [FAULT_STALE_SEGMENT] = 200000}},
    {.name = "swarm", .what = "everything at once: every run draws its own faults",
     .runs = 2000, .operations = 800, .clients = 16, .swarm = true,
     .ppm = {[FAULT_KILL] = 3000, [FAULT_LATE_WRITE] = 500000, [FAULT_POWER_CUT] = 4000,
             [FAULT_START_CUT] = 5000, [FAULT_EIO] = 3000, [FAULT_ENOSPC] = 3000,
             [FAULT_SHORT_WRITE] = 3000, [FAULT_SYNC_ERROR] = 6000, [FAULT_SLOW] = 30000,
             [FAULT_STUCK] = 500, [FAULT_DEAD_DISK] = 500, [FAULT_DISK_FULL] = 2000,
             [FAULT_NO_DIRECT] = 500000, [FAULT_SPOILT] = 200000,
             [FAULT_DSYNC_IGNORED] = 500000, [FAULT_LYING_DISK] = 200000,
             [FAULT_PERMISSION] = 2000, [FAULT_DESCRIPTORS] = 4000, [FAULT_RESET] = 20000,
             [FAULT_STALL] = 20000, [FAULT_FRAGMENT] = 400000, [FAULT_NO_BUFFERS] = 1000000,
             [FAULT_CLOCK_JUMP] = 2000, [FAULT_MEMORY_FULL] = 1000000, AT_REST(60000)}},
};
// clang-format on

#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))
// Of a swarm run's faults, about so many in a hundred are present.
#define SWARM_PRESENT 45
// ... with a frequency of one or more of so many parts of the scenario's, rarely all.
#define SWARM_SHARES 128
// A little more memory than a server without keys uses.
#define EMPTY_BYTES (int64_t) KIB(9)

const struct scenario *scenario_find(const char *name)
{
    for (size_t i = 0; i < SCENARIOS; i++) {
        if (strcmp(scenarios[i].name, name) == 0)
            return &scenarios[i];
    }
    return NULL;
}

const struct scenario *scenario_at(uint32_t index)
{
    return index < SCENARIOS ? &scenarios[index] : NULL;
}

static_assert(FAULT_COUNT <= 64, "bits of `without`");
static void plan_faults(struct plan *plan, struct random *random, uint64_t without)
{
    const struct scenario *scenario = plan->scenario;
    for (uint32_t i = 0; i < FAULT_COUNT; i++) {
        uint32_t ppm = scenario->ppm[i];
        // Drawn whether used or not: what is left out must not change the rest.
        bool present = random_below(random, 100) < SWARM_PRESENT;
        uint32_t share = (uint32_t)random_log(random, SWARM_SHARES);
        if (scenario->swarm)
            ppm = present && ppm > 0 ? (uint32_t)((uint64_t)ppm * share / SWARM_SHARES) + 1 : 0;
        plan->ppm[i] = (without >> i & 1) != 0 ? 0 : ppm;
    }
}

// Checkpoints all the time, seldom, or never by themselves.
static void plan_checkpoints(const struct scenario *scenario, struct config *config,
                             struct random *random)
{
    uint64_t often = random_below(random, 8) + (scenario->checkpoints ? 1 : 0);
    config->auto_aof_rewrite_min_size =
        (int64_t)KIB(random_log(random, scenario->checkpoints ? 128 : 2048));
    config->auto_aof_rewrite_percentage = (int64_t)random_log(random, 400);
    if (often == 0)
        config->auto_aof_rewrite_percentage = 0;
    if (often == 1)
        snprintf(config->save, sizeof(config->save), "%u %u",
                 (uint32_t)random_between(random, 1, 30), (uint32_t)random_log(random, 200));
    else
        config->save[0] = '\0';
}

// Long values, which a checkpoint cuts in pieces, and changes of the same keys meanwhile.
static void plan_write_long(struct plan *plan, struct random *random)
{
    struct workload *workload = &plan->workload;
    uint64_t kind = random_below(random, 4);
    workload->save_ppm = 20000;
    if (kind == 0)
        return;
    workload->keys = (uint32_t)random_between(random, 10, 100);
    workload->hot_ppm = 500000;
    workload->large_ppm = 300000;
    workload->large_bytes_max = 1 << 18;
    workload->range_ppm = 500000;
    if (kind == 1) {
        workload->large_bytes_max = 1 << 19;
        workload->expiry_ppm = 300000;
        return;
    }
    // Several at a time on their way into the log, and the same keys are written meanwhile.
    workload->keys = (uint32_t)random_between(random, 4, 12);
    workload->large_bytes_max = 1 << 20;
    plan->operations = plan->scenario->grows ? plan->operations : plan->operations / 3;
    workload->range_ppm = kind == 2 ? 0 : 200000;
    workload->delete_ppm = 200000;
    workload->bit_ppm = workload->float_ppm = workload->newer_ppm = 10000;
}

// Small segments, so that many of them are filled; few clients' slots; little memory.
#define LOAD_DELAY_US_MAX 2000
static void plan_config(struct plan *plan, struct random *random)
{
    static const int64_t segment_bytes[] = {KIB(256), KIB(256), KIB(256), KIB(512), MIB(1)};
    static const int64_t intervals[] = {1, 10, 100, 1000};
    struct config *config = &plan->config;
    config_init(config, GIB(1));
    snprintf(config->bind, sizeof(config->bind), "127.0.0.1");
    snprintf(config->dir, sizeof(config->dir), "data");
    config->maxclients = random_between(random, plan->clients, plan->clients + 8);
    // Transactions reckon with the worst case.
    config->maxmemory = (int64_t)MIB(512);
    if (random_chance(random, plan->ppm[FAULT_MEMORY_FULL]))
        config->maxmemory =
            EMPTY_BYTES + random_between(random, 0, (int64_t)KIB(random_log(random, KIB(4))));
    // ... and keys leave for others, or writes are refused.
    bool evicts = random_below(random, 3) != 0;
    config->maxmemory_policy = (enum config_maxmemory_policy)random_below(random, 8);
    if (!evicts || config->maxmemory == (int64_t)MIB(512))
        config->maxmemory_policy = MAXMEMORY_NOEVICTION;
    config->maxmemory_samples = random_between(random, 1, 10);
    config->wal_segment_size = segment_bytes[random_below(random, 5)];
    config->wal_segments_ahead = random_between(random, 3, 5);
    config->completion_interval_ms = intervals[random_below(random, 4)];
    config->hz = random_between(random, 1, 100);
    config->timeout_s = random_below(random, 8) == 0 ? random_between(random, 1, 60) : 0;
    uint64_t durability = random_below(random, 8);
    uint64_t acknowledge = random_below(random, 4);
    uint64_t direct = random_below(random, 8);
    config->appendfsync = durability == 0   ? APPENDFSYNC_EVERYSEC
                          : durability == 1 ? APPENDFSYNC_NO
                                            : APPENDFSYNC_ALWAYS;
    config->wal_ack = acknowledge == 0 ? WAL_ACK_COMPLETION : WAL_ACK_INTENT;
    plan_checkpoints(plan->scenario, config, random);
    config->wal_direct_io = direct == 0 ? WAL_DIRECT_NO : WAL_DIRECT_AUTO;
    // A slow start, in which clients are there already.
    if (random_below(random, 4) == 0)
        config->key_load_delay_us = (int64_t)random_log(random, LOAD_DELAY_US_MAX);
}

static void plan_load(struct plan *plan)
{
    plan->operations = plan->scenario->operations;
    plan->pipeline = 64;
    plan->think_us = 10;
    plan->config.wal_segment_size = (int64_t)MIB(64);
    plan->config.maxmemory = (int64_t)MIB(512);
    plan->config.key_load_delay_us = 0;
}

void plan_draw(struct plan *plan, const struct scenario *scenario, uint64_t seed, uint64_t without,
               uint32_t operations)
{
    struct random faults;
    struct random work;
    struct random config;
    random_init(&faults, seed, "plan of faults");
    random_init(&work, seed, "plan of work");
    random_init(&config, seed, "plan of settings");
    *plan = (struct plan){.scenario = scenario, .seed = seed};
    plan_faults(plan, &faults, without);
    uint32_t most = scenario->operations;
    plan->operations =
        scenario->swarm ? (uint32_t)random_between(&work, most / 8, most) : scenario->operations;
    plan->clients = (uint32_t)random_between(&work, 1, scenario->clients);
    plan->pipeline = (uint32_t)random_log(&work, 64);
    plan->think_us = random_between(&work, 0, 1) * (int64_t)random_log(&work, 1000000);
    plan->delay_us = (int64_t)random_log(&work, 2000);
    plan->disk_us = (int64_t)random_log(&work, 5000) + 20;
    plan->buffers = 64;
    if (random_chance(&faults, plan->ppm[FAULT_NO_BUFFERS]))
        plan->buffers = (uint32_t)random_between(&faults, 2, 8);
    if (scenario->swarm)
        workload_draw(&plan->workload, &work);
    else
        workload_default(&plan->workload);
    // Whether LCS finds memory for its table, nobody can tell.
    if (plan->ppm[FAULT_MEMORY_FULL] > 0)
        plan->workload.lcs_ppm = 0;
    if (!scenario->swarm && scenario->ppm[FAULT_RESET] > 0)
        plan->workload.quit_ppm = 5000;
    if (scenario->checkpoints)
        plan_write_long(plan, &work);
    if (scenario->grows)
        workload_grow(&plan->workload, &work);
    if (scenario->changes_modes)
        plan->workload.config_ppm = 60000;
    plan_config(plan, &config);
    if (scenario->loads)
        plan_load(plan);
    if (operations > 0)
        plan->operations = operations;
}
