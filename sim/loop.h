// The loopback mode: scenarios against the real ring, over TCP, driven through hiredis.
#ifndef PORO_SIM_LOOP_H
#define PORO_SIM_LOOP_H

#include "sim/world.h"

#include <stdint.h>
#include <stdio.h>

struct loop_result {
    enum verdict verdict; // PASSED, CRASHED, STUCK or WRONG
    uint64_t hash;        // over all replies and recovered states: the same for the same seed
    struct tally tally;
};

// One run of a scenario. `without`: faults that are left out, a bit each; `operations`: 0, or about how
// many commands. What went wrong is told in `report`.
void loop_run(const char *scenario, uint64_t seed, uint64_t without, uint32_t operations,
              FILE *report, struct loop_result *result);

// Runs of this scenario by default; 0: it has no loopback form.
uint32_t loop_runs(const char *scenario);

#endif
