// Loopback: the scenarios against the real server: a process of its own with its ring, over TCP on
// 127.0.0.1, through hiredis, with a fault layer between it and its files.
#ifndef PORO_SIM_LOOP_H
#define PORO_SIM_LOOP_H

#include "sim/world.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct loop_result {
    enum verdict verdict;
    struct tally tally;
    uint64_t hash; // of every command, reply and recovered state: the same for the same seed
};

// How many runs of a scenario are the default.
uint32_t loop_runs(const char *scenario);

// A promise of the disk's that it breaks, so that runs have to fail: syncs that do nothing.
enum loop_lie { LOOP_LIE_NONE, LOOP_LIE_LOG, LOOP_LIE_CHECKPOINT, LOOP_LIE_FOLDER };
// By name; false when there is no such one.
bool loop_lie_find(const char *name, enum loop_lie *lie);

struct loop_options {
    const char *scenario;
    uint64_t seed;
    uint64_t without;    // faults that are left out, a bit each
    uint32_t operations; // 0, or how many commands instead of what the seed says
    enum loop_lie lie;
};
// One run. Wants build/poro-sim-server beside this program. A failure is explained to `report`.
void loop_run(const struct loop_options *options, FILE *report, struct loop_result *result);

#endif
