// Scenarios: named mixes of work and faults, and the plan that a seed draws from one of them.
#ifndef PORO_SIM_SCENARIO_H
#define PORO_SIM_SCENARIO_H

#include "server/config.h"
#include "sim/fault_model.h"
#include "sim/random.h"
#include "sim/workload.h"

#include <stdbool.h>
#include <stdint.h>

struct scenario {
    const char *name;
    const char *what;
    uint32_t runs;       // of a default run of all scenarios
    uint32_t operations; // commands of a run, at most
    uint32_t clients;    // at most
    bool swarm;          // every run draws which faults there are, and how often
    bool changes_modes;  // CONFIG SET appendfsync and wal-ack, often
    bool checkpoints;    // one after the other, in every run
    bool grows;          // many keys come and go, many at once
    bool loads;          // the keys are written once, in order, by MSET
    // Chances in a million. While running: KILL, POWER_CUT, CLOCK_JUMP, DISK_FULL a turn of the loop
    // (the first two ten times as likely while writes are in flight); of files: a request; of
    // the network: an action of a client; NO_DIRECT, DSYNC_IGNORED, LYING_DISK, MEMORY_FULL: a run;
    // of files at rest: a restart.
    uint32_t ppm[FAULT_COUNT];
};

// What one run does; drawn from a scenario and a seed.
struct plan {
    const struct scenario *scenario;
    uint64_t seed;
    uint32_t operations;
    uint32_t clients;
    uint32_t pipeline; // commands that a client sends without waiting, at most
    uint32_t buffers;  // receive buffers
    int64_t think_us;  // of a client between commands, at most
    int64_t delay_us;  // of the network, at most
    int64_t disk_us;   // of an ordinary request, at most
    uint32_t ppm[FAULT_COUNT];
    struct workload workload;
    struct config config;
};

// The scenario of this name, or NULL; the table's rows by index, NULL at its end.
const struct scenario *scenario_find(const char *name);
const struct scenario *scenario_at(uint32_t index);

// `without`: faults that are left out, a bit each. `operations`: 0, or how many instead of what the
// seed says.
void plan_draw(struct plan *plan, const struct scenario *scenario, uint64_t seed, uint64_t without,
               uint32_t operations);

#endif
