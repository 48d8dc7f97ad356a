// Loopback: the scenarios against the real server: a process of its own with its ring, over TCP on
// 127.0.0.1, through hiredis, with a fault layer between it and its files.
#ifndef PORO_SIM_LOOP_H
#define PORO_SIM_LOOP_H

#include "sim/world.h"

#include <stdint.h>
#include <stdio.h>

struct loop_result {
    enum verdict verdict;
    struct tally tally;
    uint64_t hash; // of every command, reply and recovered state: the same for the same seed
};

// How many runs of a scenario are the default.
uint32_t loop_runs(const char *scenario);

// One run. Wants build/poro-sim-server beside this program. `without`: faults that are left out, a bit
// each. `operations`: 0, or how many commands instead of what the seed says. A failure is explained
// to `report`.
void loop_run(const char *scenario, uint64_t seed, uint64_t without, uint32_t operations,
              FILE *report, struct loop_result *result);

#endif
