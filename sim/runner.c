// The runner: worker processes, their results in shared memory.
#include "sim/runner.h"

#include "sim/bytes.h"
#include "sim/loop.h"

#include <assert.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// A run that takes more processor time than this hangs.
#define RUN_SECONDS_MAX 300
#define PROGRESS_NS 250000000

// What a worker tells, in memory that it shares with the runner.
struct runner_share {
    uint64_t seed; // being run
    uint64_t hash;
    atomic_bool enough; // told by the runner: this run is the last one
    struct tally tally;
    char report[RUNNER_REPORT_BYTES];
};

static double runner_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

const char *runner_verdict_name(enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_PASSED:
        return "passed";
    case VERDICT_USAGE:
        return "bad usage";
    case VERDICT_CRASHED:
        return "the server crashed";
    case VERDICT_STUCK:
        return "the server got stuck";
    case VERDICT_WRONG:
        return "the server was wrong";
    }
    assert(false);
    return "?";
}

static void runner_add(struct tally *sum, const struct tally *tally)
{
    sum->runs += tally->runs;
    sum->operations += tally->operations;
    for (uint32_t i = 0; i < FAULT_COUNT; i++)
        sum->faults[i] += tally->faults[i];
    sum->crashes += tally->crashes;
    sum->starts += tally->starts;
    sum->recoveries += tally->recoveries;
    sum->refusals += tally->refusals;
    sum->loading += tally->loading;
    sum->failed_stops += tally->failed_stops;
    sum->checkpoints += tally->checkpoints;
    sum->based += tally->based;
    sum->evicted += tally->evicted;
    sum->moved += tally->moved;
    sum->turns += tally->turns;
    sum->rows |= tally->rows;
    sum->simulated_ns += tally->simulated_ns;
}

// --- the worker ------------------------------------------------------------------------------

// The server has failed an assertion, or runs without end: its last steps are still there.
static void worker_signal(int number)
{
    struct world *world = world_current();
    bool hangs = number == SIGPROF;
    if (world != NULL) {
        fprintf(world->report, "seed %llu: %s (signal %d)\n", (unsigned long long)world->plan.seed,
                hangs ? "the server runs without end" : "the server crashed", number);
        world_tell(world);
    }
    _exit(hangs ? VERDICT_STUCK : VERDICT_CRASHED);
}

static void worker_signals(void)
{
    static const int fatal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGPROF};
    const struct sigaction action = {.sa_handler = worker_signal};
    for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
        sigaction(fatal[i], &action, NULL);
}

static void worker_run(const struct job *job, struct runner_share *share, FILE *report)
{
    struct plan plan;
    plan_draw(&plan, job->scenario, share->seed, job->without, job->operations);
    FILE *trace = job->trace != NULL ? fopen(job->trace, "w") : NULL;
    struct world *world = world_create(&plan, trace, report);
    world_run(world);
    share->hash += trace_hash(world->trace);
    runner_add(&share->tally, &world->tally);
    world_destroy(world);
    if (trace != NULL)
        fclose(trace);
}

static void worker_run_loopback(const struct job *job, struct runner_share *share, FILE *report)
{
    struct loop_result result;
    const struct loop_options options = {.scenario = job->scenario->name,
                                         .seed = share->seed,
                                         .without = job->without,
                                         .operations = job->operations,
                                         .lie = job->lie};
    loop_run(&options, report, &result);
    share->hash += result.hash;
    runner_add(&share->tally, &result.tally);
    if (result.verdict == VERDICT_PASSED)
        return;
    fflush(report);
    _exit((int)result.verdict);
}

static void worker_main(const struct job *job, uint32_t index, struct runner_share *share)
{
    const struct itimerval limit = {.it_value.tv_sec = RUN_SECONDS_MAX};
    FILE *report = fmemopen(share->report, sizeof(share->report), "w");
    assert(report != NULL);
    worker_signals();
    for (uint64_t i = index; i < job->runs && !atomic_load(&share->enough); i += job->jobs) {
        share->seed = job->seed + i;
        setitimer(ITIMER_PROF, &limit, NULL);
        if (job->loopback)
            worker_run_loopback(job, share, report);
        else
            worker_run(job, share, report);
    }
    fclose(report);
    exit(VERDICT_PASSED);
}

// --- the runner ------------------------------------------------------------------------------

static void runner_progress(const struct job *job, const struct runner_share *shares)
{
    uint64_t runs = 0;
    uint64_t operations = 0;
    for (uint32_t i = 0; i < job->jobs; i++) {
        runs += shares[i].tally.runs;
        operations += shares[i].tally.operations;
    }
    fprintf(stderr, "\r%-22s %llu/%llu runs, %llu operations ", job->scenario->name,
            (unsigned long long)runs, (unsigned long long)job->runs,
            (unsigned long long)operations);
}

static enum verdict runner_verdict(int status)
{
    if (WIFEXITED(status)) {
        int code = WEXITSTATUS(status);
        if (code == VERDICT_PASSED || code == VERDICT_STUCK || code == VERDICT_WRONG)
            return (enum verdict)code;
    }
    return VERDICT_CRASHED;
}

// Waits for the next worker to end: its index, or job->jobs when none has in a while.
static uint32_t runner_reap(const struct job *job, const pid_t *workers, int *status)
{
    pid_t ended = waitpid(-1, status, WNOHANG);
    for (uint32_t i = 0; i < job->jobs && ended > 0; i++) {
        if (workers[i] == ended)
            return i;
    }
    const struct timespec pause = {.tv_nsec = 2000000};
    nanosleep(&pause, NULL);
    return job->jobs;
}

static void runner_collect(const struct job *job, struct runner_share *shares, pid_t *workers,
                           struct outcome *outcome)
{
    double shown = 0;
    uint32_t left = job->jobs;
    while (left > 0) {
        int status;
        uint32_t index = runner_reap(job, workers, &status);
        if (job->progress && runner_now() - shown > PROGRESS_NS / 1e9) {
            runner_progress(job, shares);
            shown = runner_now();
        }
        if (index == job->jobs)
            continue;
        left--;
        workers[index] = 0;
        enum verdict verdict = runner_verdict(status);
        if (verdict == VERDICT_PASSED || outcome->verdict != VERDICT_PASSED)
            continue;
        outcome->verdict = verdict;
        outcome->seed = shares[index].seed;
        memcpy(outcome->report, shares[index].report, RUNNER_REPORT_BYTES);
        // A loopback run has a folder, which it removes.
        for (uint32_t i = 0; i < job->jobs; i++) {
            atomic_store(&shares[i].enough, true);
            if (workers[i] > 0 && !job->loopback)
                kill(workers[i], SIGKILL);
        }
    }
    if (job->progress)
        fprintf(stderr, "\r%78s\r", "");
}

void runner_run(const struct job *job, struct outcome *outcome)
{
    assert(job->jobs > 0 && job->jobs <= RUNNER_JOBS_MAX && job->runs > 0);
    memset(outcome, 0, sizeof(*outcome));
    double began = runner_now();
    size_t bytes = job->jobs * sizeof(struct runner_share);
    struct runner_share *shares =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(shares != MAP_FAILED);
    pid_t workers[RUNNER_JOBS_MAX];
    fflush(NULL);
    for (uint32_t i = 0; i < job->jobs; i++) {
        workers[i] = fork();
        assert(workers[i] >= 0);
        if (workers[i] == 0)
            worker_main(job, i, &shares[i]);
    }
    runner_collect(job, shares, workers, outcome);
    for (uint32_t i = 0; i < job->jobs; i++) {
        runner_add(&outcome->tally, &shares[i].tally);
        outcome->hash += shares[i].hash;
    }
    outcome->seconds = runner_now() - began;
    munmap(shares, bytes);
}

// --- shrinking -------------------------------------------------------------------------------

static bool shrink_fails(const struct job *job, enum verdict verdict, struct outcome *outcome)
{
    struct outcome *tried = sim_alloc(1, sizeof(*tried));
    runner_run(job, tried);
    bool fails = tried->verdict == verdict;
    if (fails)
        *outcome = *tried;
    free(tried);
    return fails;
}

static void shrink_faults(struct job *job, struct outcome *outcome)
{
    struct plan plan;
    plan_draw(&plan, job->scenario, job->seed, job->without, job->operations);
    for (uint32_t i = 0; i < FAULT_COUNT; i++) {
        struct job fewer = *job;
        fewer.without |= 1ULL << i;
        if (plan.ppm[i] == 0)
            continue;
        bool fails = shrink_fails(&fewer, outcome->verdict, outcome);
        fprintf(stderr, "without %-20s %s\n", fault_row((enum fault)i)->name,
                fails ? "still fails" : "passes");
        if (fails)
            *job = fewer;
    }
}

static void shrink_operations(struct job *job, struct outcome *outcome)
{
    uint32_t low = 1;
    uint32_t high = (uint32_t)outcome->tally.operations + 1;
    while (low < high) {
        struct job fewer = *job;
        fewer.operations = low + (high - low) / 2;
        bool fails = shrink_fails(&fewer, outcome->verdict, outcome);
        fprintf(stderr, "with %u commands: %s\n", fewer.operations,
                fails ? "still fails" : "passes");
        if (fails) {
            *job = fewer;
            high = fewer.operations;
        } else {
            low = fewer.operations + 1;
        }
    }
}

void runner_shrink(struct job *job, struct outcome *outcome)
{
    assert(outcome->verdict != VERDICT_PASSED);
    job->seed = outcome->seed;
    job->runs = 1;
    job->jobs = 1;
    job->progress = false;
    shrink_operations(job, outcome);
    shrink_faults(job, outcome);
    shrink_operations(job, outcome);
}
