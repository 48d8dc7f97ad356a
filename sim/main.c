// poro-sim: runs scenarios, tells the verdict.
#include "sim/bytes.h"
#include "sim/fault_model.h"
#include "sim/loop.h"
#include "sim/runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEED_DEFAULT 1

static void main_usage(FILE *to)
{
    fprintf(to, "poro-sim: drives Poro through faults, reproducibly from a seed\n"
                "usage: poro-sim [--scenario NAME] [OPTION ...]\n"
                "  --scenario NAME     one scenario; without it: all of them, one after the other\n"
                "  --seed N            of the first run (default 1)\n"
                "  --runs K            how many, with seeds that follow (default: the scenario's)\n"
                "  --jobs J            worker processes (default: one a processor)\n"
                "  --loopback          the real ring over TCP instead of the virtual world\n"
                "  --spoil log|checkpoint|folder\n"
                "                      in loopback: its syncs do nothing, so that runs must fail\n"
                "  --trace FILE        every step of a single run\n"
                "  --without A,B,...   leaves out these faults\n"
                "  --operations N      about so many commands a run\n"
                "  --shrink            after a failure: looks for a smaller one\n"
                "  --hash              shows the hash of the traces\n"
                "  --list              the scenarios\n"
                "  --fault-model       the faults, and what Poro owes after each\n"
                "exit codes: 0 passed, 2 bad usage, 3 the server crashed, 4 it got stuck, 5 it was "
                "wrong\n");
}

struct main_options {
    struct job job; // without a scenario: all
    bool runs_given;
    bool shrink;
    bool hash;
};

// --- options ---------------------------------------------------------------------------------

static bool main_number(const char *text, uint64_t least, uint64_t most, uint64_t *number)
{
    char *end;
    errno = 0;
    *number = text != NULL ? strtoull(text, &end, 10) : 0;
    bool valid = text != NULL && *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
    return valid && *number >= least && *number <= most;
}

static bool main_without(const char *text, uint64_t *without)
{
    char names[1024];
    if (text == NULL || strlen(text) >= sizeof(names))
        return false;
    memcpy(names, text, strlen(text) + 1);
    char *rest = names;
    for (char *name = strtok_r(names, ",", &rest); name != NULL;
         name = strtok_r(NULL, ",", &rest)) {
        uint32_t fault = 0;
        while (fault < FAULT_COUNT && strcmp(fault_row((enum fault)fault)->name, name) != 0)
            fault++;
        if (fault == FAULT_COUNT)
            return false;
        *without |= 1ULL << fault;
    }
    return true;
}

// An option with a value. False when there is no such option, or the value is no good.
static bool main_value(struct main_options *options, const char *name, const char *value)
{
    struct job *job = &options->job;
    uint64_t number;
    if (strcmp(name, "--scenario") == 0) {
        job->scenario = value != NULL ? scenario_find(value) : NULL;
        return job->scenario != NULL;
    }
    if (strcmp(name, "--trace") == 0) {
        job->trace = value;
        return value != NULL;
    }
    if (strcmp(name, "--spoil") == 0)
        return value != NULL && loop_lie_find(value, &job->lie);
    if (strcmp(name, "--without") == 0)
        return main_without(value, &job->without);
    if (strcmp(name, "--seed") == 0)
        return main_number(value, 0, UINT64_MAX, &job->seed);
    if (strcmp(name, "--runs") == 0) {
        options->runs_given = true;
        return main_number(value, 1, UINT64_MAX, &job->runs);
    }
    if (strcmp(name, "--jobs") == 0 && main_number(value, 1, RUNNER_JOBS_MAX, &number)) {
        job->jobs = (uint32_t)number;
        return true;
    }
    if (strcmp(name, "--operations") == 0 && main_number(value, 1, UINT32_MAX, &number)) {
        job->operations = (uint32_t)number;
        return true;
    }
    return false;
}

static bool main_flag(struct main_options *options, const char *name)
{
    if (strcmp(name, "--loopback") == 0)
        options->job.loopback = true;
    else if (strcmp(name, "--shrink") == 0)
        options->shrink = true;
    else if (strcmp(name, "--hash") == 0)
        options->hash = true;
    else
        return false;
    return true;
}

static bool main_parse(struct main_options *options, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (main_flag(options, argv[i]))
            continue;
        if (!main_value(options, argv[i], i + 1 < argc ? argv[i + 1] : NULL)) {
            fprintf(stderr, "poro-sim: bad option or value: %s %s\n", argv[i],
                    i + 1 < argc ? argv[i + 1] : "");
            return false;
        }
        i++;
    }
    if (options->job.lie != LOOP_LIE_NONE && !options->job.loopback) {
        fprintf(stderr, "poro-sim: --spoil is for --loopback\n");
        return false;
    }
    if (options->job.trace == NULL)
        return true;
    if (!options->runs_given)
        options->job.runs = 1;
    options->runs_given = true;
    if (options->job.runs != 1 || options->job.scenario == NULL || options->job.loopback) {
        fprintf(stderr,
                "poro-sim: --trace is for a single run of a --scenario in the virtual world\n");
        return false;
    }
    return true;
}

// --- telling ---------------------------------------------------------------------------------

static void main_faults(const struct tally *tally)
{
    char line[256];
    size_t used = 0;
    for (uint32_t i = 0; i < FAULT_COUNT; i++) {
        if (tally->faults[i] == 0)
            continue;
        char text[64];
        size_t length =
            (size_t)snprintf(text, sizeof(text), " %s %llu", fault_row((enum fault)i)->name,
                             (unsigned long long)tally->faults[i]);
        if (used + length > 88) {
            printf("      %s\n", line);
            used = 0;
        }
        used += (size_t)snprintf(line + used, sizeof(line) - used, "%s", text);
    }
    if (used > 0)
        printf("      %s\n", line);
}

static void main_row(const struct job *job, const struct outcome *outcome, bool hash)
{
    const struct tally *tally = &outcome->tally;
    uint64_t faults = 0;
    for (uint32_t i = 0; i < FAULT_COUNT; i++)
        faults += tally->faults[i];
    printf("%-22s %7llu %9llu %9llu %8llu %8llu %8llu %7.1f  %s\n", job->scenario->name,
           (unsigned long long)tally->runs, (unsigned long long)tally->operations,
           (unsigned long long)faults, (unsigned long long)tally->crashes,
           (unsigned long long)tally->recoveries, (unsigned long long)tally->refusals,
           outcome->seconds, runner_verdict_name(outcome->verdict));
    main_faults(tally);
    printf("       %llu checkpoints, %llu starts from one, %llu keys evicted, %llu moved\n",
           (unsigned long long)tally->checkpoints, (unsigned long long)tally->based,
           (unsigned long long)tally->evicted, (unsigned long long)tally->moved);
    printf("       %.0f operations a second, %.2f simulated hours a second\n",
           (double)tally->operations / outcome->seconds,
           (double)tally->simulated_ns / 3.6e12 / outcome->seconds);
    if (tally->loading > 0)
        printf("       %llu commands refused while data was loaded\n",
               (unsigned long long)tally->loading);
    if (hash)
        printf("       hash %016llx\n", (unsigned long long)outcome->hash);
    fflush(stdout);
}

static void main_command(const struct job *job, uint64_t seed)
{
    printf("to repeat it: ./build/poro-sim%s --scenario %s --seed %llu --runs 1",
           job->loopback ? " --loopback" : "", job->scenario->name, (unsigned long long)seed);
    if (job->operations > 0)
        printf(" --operations %u", job->operations);
    const char *before = " --without ";
    for (uint32_t i = 0; i < FAULT_COUNT; i++) {
        if ((job->without >> i & 1) == 0)
            continue;
        printf("%s%s", before, fault_row((enum fault)i)->name);
        before = ",";
    }
    printf("\n");
}

// --- running ---------------------------------------------------------------------------------

static enum verdict main_scenario(const struct main_options *options,
                                  const struct scenario *scenario, uint64_t *rows)
{
    struct job job = options->job;
    job.scenario = scenario;
    if (!options->runs_given)
        job.runs = job.loopback ? loop_runs(scenario->name) : scenario->runs;
    if (job.runs == 0)
        return VERDICT_PASSED;
    if (job.runs < job.jobs)
        job.jobs = (uint32_t)job.runs;
    struct outcome *outcome = sim_alloc(1, sizeof(*outcome));
    runner_run(&job, outcome);
    main_row(&job, outcome, options->hash);
    *rows |= outcome->tally.rows;
    enum verdict verdict = outcome->verdict;
    if (verdict != VERDICT_PASSED && options->shrink)
        runner_shrink(&job, outcome);
    if (verdict != VERDICT_PASSED) {
        printf("FAILED, seed %llu: %s\n%s", (unsigned long long)outcome->seed,
               runner_verdict_name(verdict), outcome->report);
        main_command(&job, outcome->seed);
    }
    free(outcome);
    return verdict;
}

static void main_list(void)
{
    const struct scenario *scenario;
    for (uint32_t i = 0; (scenario = scenario_at(i)) != NULL; i++)
        printf("%-22s %5u runs  %s\n", scenario->name, scenario->runs, scenario->what);
}

// Which rows of recovery's table (wal/verdict.c) have decided. Without a completion record only frames
// behind E can disagree. The others are made, one by one, by the unit tests of wal/verdict.c.
static void main_table(uint64_t rows)
{
    static const char *const completions[] = {"intact", "torn", "missing"};
    static const char *const tails[] = {"none", "torn", "frames"};
    static const char *const extents[] = {"at-least", "below"};
    uint32_t reached = 0;
    uint32_t all = 0;
    for (uint32_t row = 0; row < 36; row++) {
        uint32_t completion = row / 12;
        bool agrees = (row & 1) != 0;
        if (completion == 2 && !agrees && row / 4 % 3 != 2)
            continue;
        all++;
        reached += rows >> row & 1;
        if ((rows >> row & 1) == 0)
            printf("recovery table: not reached: completion %s, tail %s, extent %s, witness %s\n",
                   completions[completion], tails[row / 4 % 3], extents[row / 2 % 2],
                   agrees ? "agrees" : "disagrees");
    }
    printf("recovery table: %u of %u rows have decided\n", reached, all);
}

static enum verdict main_all(const struct main_options *options)
{
    enum verdict verdict = VERDICT_PASSED;
    uint32_t passed = 0;
    uint32_t failed = 0;
    uint64_t rows = 0;
    printf("%-22s %7s %9s %9s %8s %8s %8s %7s  %s\n", "scenario", "runs", "commands", "faults",
           "crashes", "recover", "refused", "seconds", "verdict");
    const struct scenario *scenario;
    for (uint32_t i = 0; (scenario = scenario_at(i)) != NULL; i++) {
        if (options->job.scenario != NULL && options->job.scenario != scenario)
            continue;
        enum verdict one = main_scenario(options, scenario, &rows);
        passed += one == VERDICT_PASSED;
        failed += one != VERDICT_PASSED;
        if (verdict == VERDICT_PASSED)
            verdict = one;
    }
    if (!options->job.loopback && options->job.scenario == NULL)
        main_table(rows);
    printf("scenarios: %u passed, %u failed\n", passed, failed);
    return verdict;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        main_usage(stdout);
        return VERDICT_PASSED;
    }
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        main_list();
        return VERDICT_PASSED;
    }
    if (argc == 2 && strcmp(argv[1], "--fault-model") == 0) {
        fault_model_print(stdout);
        return VERDICT_PASSED;
    }
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct main_options options = {
        .job.seed = SEED_DEFAULT,
        .job.jobs = processors > 0 && processors <= RUNNER_JOBS_MAX ? (uint32_t)processors : 1,
        .job.progress = isatty(STDERR_FILENO) != 0,
    };
    if (!main_parse(&options, argc, argv)) {
        main_usage(stderr);
        return VERDICT_USAGE;
    }
    return main_all(&options);
}
