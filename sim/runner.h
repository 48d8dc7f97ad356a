// The runner: many runs of a scenario in worker processes, so that one that crashes or hangs is told
// like any other failure.
#ifndef PORO_SIM_RUNNER_H
#define PORO_SIM_RUNNER_H

#include "sim/loop.h"
#include "sim/scenario.h"
#include "sim/world.h"

#include <stdbool.h>
#include <stdint.h>

#define RUNNER_REPORT_BYTES 65536
#define RUNNER_JOBS_MAX 64

struct job {
    const struct scenario *scenario;
    uint64_t seed; // of the first run; those of the others follow
    uint64_t runs;
    uint32_t jobs;       // worker processes
    uint64_t without;    // faults that are left out, a bit each
    uint32_t operations; // 0: as the seed says
    const char *trace;   // file for the trace of a single run, or NULL
    bool loopback;
    enum loop_lie lie; // in loopback
    bool progress;     // is shown on standard error
};

struct outcome {
    enum verdict verdict;
    uint64_t seed; // of the run that failed
    struct tally tally;
    uint64_t hash; // sum over the runs' trace hashes
    double seconds;
    char report[RUNNER_REPORT_BYTES]; // of the run that failed
};

// Runs until all have passed or one has failed.
void runner_run(const struct job *job, struct outcome *outcome);

// The same failure (verdict) with fewer faults and fewer commands: `job` becomes the smallest one
// that was found. Tells its progress on standard error.
void runner_shrink(struct job *job, struct outcome *outcome);

const char *runner_verdict_name(enum verdict verdict);

#endif
