// The loopback harness: one run: what it needs, what it leaves, how it fails.
#include "sim/loop_internal.h"

#include "sim/bytes.h"

#include <assert.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVER_NAME "poro-sim-server"
// When the clocks of a run begin: any time will do, as long as it is always the same.
#define WALL_BEGIN_MS 1700000000000
#define MONOTONIC_BEGIN_NS 1000000000000
// Background work beyond what a second needs only costs time here.
#define HZ_MAX 20
// Of some thousand commands a run, some have to empty databases.
#define FLUSH_PPM_MIN 4000
#define STEPS_SHOWN 40
// The smallest: all files are copied again and again.
#define SEGMENT_BYTES KIB(256)
// While a million keys are loaded, checkpoints begin at this length of the log, then at twice theirs.
#define LOAD_REWRITE_BYTES (int64_t) MIB(8)
// A server without keys uses about so much.
#define MEMORY_LEAST (int64_t) KIB(10)

uint32_t loop_runs(const char *scenario)
{
    static const struct {
        const char *scenario;
        uint32_t runs;
    } runs[] = {{"massive", 1}, {"perfect", 2}, {"swarm", 10}};
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
        if (strcmp(runs[i].scenario, scenario) == 0)
            return runs[i].runs;
    }
    return 3;
}

static const struct {
    const char *name;
    uint32_t classes;
} lies[] = {
    [LOOP_LIE_NONE] = {"nothing", 0},
    [LOOP_LIE_LOG] = {"log", LOOP_BIT(LOOP_SYNC_INTENT)},
    [LOOP_LIE_CHECKPOINT] = {"checkpoint", LOOP_BIT(LOOP_SYNC_CHECKPOINT)},
    [LOOP_LIE_FOLDER] = {"folder", LOOP_BIT(LOOP_SYNC_FOLDER)},
};

bool loop_lie_find(const char *name, enum loop_lie *lie)
{
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        if (strcmp(lies[i].name, name) != 0)
            continue;
        *lie = (enum loop_lie)i;
        return true;
    }
    return false;
}

// --- small things ----------------------------------------------------------------------------

int64_t loop_now_ns(const struct loop *loop)
{
    return atomic_load(&loop->shared->now_ns);
}

void loop_trace(struct loop *loop, const char *what, uint64_t a, uint64_t b, uint64_t c)
{
    trace_step(loop->trace, loop_now_ns(loop), what, a, b, c);
}

void loop_count(struct loop *loop, enum fault fault)
{
    loop->result->tally.faults[fault]++;
}

bool loop_chance(struct loop *loop, enum fault fault, uint64_t ppm)
{
    // Drawn whether used or not: what is left out must not change the rest.
    bool happens = random_chance(&loop->faults, ppm < 1000000 ? (uint32_t)ppm : 1000000);
    return happens && loop->plan.ppm[fault] > 0;
}

_Noreturn void loop_fail(struct loop *loop, enum verdict verdict, const char *format, ...)
{
    va_list arguments;
    fprintf(loop->report, "loopback, seed %llu: ", (unsigned long long)loop->plan.seed);
    va_start(arguments, format);
    vfprintf(loop->report, format, arguments);
    va_end(arguments);
    fprintf(loop->report, "\nthe last steps:\n");
    trace_tail(loop->trace, STEPS_SHOWN, loop->report);
    loop_server_show(loop, loop->report);
    loop->result->verdict = verdict;
    longjmp(loop->failed, 1);
}

// --- what a run needs ------------------------------------------------------------------------

// The server's program is where this one is.
static void run_find_server(struct loop *loop)
{
    char path[LOOP_PATH_BYTES - sizeof(SERVER_NAME)];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    assert(length > 0);
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    assert(slash != NULL);
    slash[1] = '\0';
    snprintf(loop->program, sizeof(loop->program), "%s%s", path, SERVER_NAME);
    if (access(loop->program, X_OK) != 0) {
        fprintf(loop->report, "%s is missing: build it first\n", loop->program);
        loop->result->verdict = VERDICT_USAGE;
        longjmp(loop->failed, 1);
    }
}

static void run_make_folder(struct loop *loop)
{
    snprintf(loop->folder, sizeof(loop->folder), "/tmp/poro-loop-XXXXXX");
    char *made = mkdtemp(loop->folder);
    assert(made != NULL);
    snprintf(loop->data, sizeof(loop->data), "%s/data", loop->folder);
}

static void run_make_shared(struct loop *loop)
{
    loop->shared_file = memfd_create("poro-loop", 0);
    assert(loop->shared_file >= 0);
    int sized = ftruncate(loop->shared_file, (off_t)sizeof(struct loop_shared));
    assert(sized == 0);
    loop->shared = mmap(NULL, sizeof(struct loop_shared), PROT_READ | PROT_WRITE, MAP_SHARED,
                        loop->shared_file, 0);
    assert(loop->shared != MAP_FAILED);
    random_init(&loop->shared->random, loop->plan.seed, "loopback layer");
    random_init(&loop->shared->entropy, loop->plan.seed, "loopback entropy");
    atomic_store(&loop->shared->now_ns, MONOTONIC_BEGIN_NS);
    loop->shared->time = 1;
    loop->shared->horizon_ns = MONOTONIC_BEGIN_NS;
    loop->wall_ms = WALL_BEGIN_MS;
    atomic_store(&loop->shared->wall_us, WALL_BEGIN_MS * 1000);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void run_end(struct loop *loop)
{
    if (loop->pid > 0) {
        kill(loop->pid, SIGKILL);
        waitpid(loop->pid, NULL, 0);
        loop->pid = 0;
    }
    loop_clients_forget(loop);
    loop_rounds_free(loop);
    loop_rest_free(loop);
    if (loop->image != NULL)
        disk_destroy(loop->image);
    if (loop->model != NULL)
        model_destroy(loop->model);
    if (loop->folder[0] != '\0')
        nftw(loop->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (loop->shared != NULL) {
        munmap(loop->shared, sizeof(*loop->shared));
        close(loop->shared_file);
    }
    trace_destroy(loop->trace);
    free(loop);
}

// The plan of the virtual world, as far as it can be had here.
static void run_plan(struct loop *loop, const char *name, uint64_t seed, uint64_t without,
                     uint32_t operations)
{
    const struct scenario *scenario = scenario_find(name);
    assert(scenario != NULL);
    plan_draw(&loop->plan, scenario, seed, without, operations);
    struct plan *plan = &loop->plan;
    if (scenario->loads) {
        plan->config.auto_aof_rewrite_percentage = 100;
        plan->config.auto_aof_rewrite_min_size = LOAD_REWRITE_BYTES;
    } else {
        plan->config.wal_segment_size = SEGMENT_BYTES;
    }
    plan->config.timeout_s = 0;
    // Here a life has fewer commands.
    if (plan->config.maxmemory_policy != MAXMEMORY_NOEVICTION)
        plan->config.maxmemory -= (plan->config.maxmemory - MEMORY_LEAST) * 15 / 16;
    if (plan->config.hz > HZ_MAX)
        plan->config.hz = HZ_MAX;
    if (plan->workload.flush_ppm < FLUSH_PPM_MIN && !scenario->swarm)
        plan->workload.flush_ppm = FLUSH_PPM_MIN;
    plan->workload.never_past = true;
    plan->workload.plain_transactions = true;
    if (plan->clients > LOOP_CLIENTS_MAX - 1)
        plan->clients = LOOP_CLIENTS_MAX - 1;
    if (plan->workload.large_bytes_max > SEGMENT_BYTES / 2)
        plan->workload.large_bytes_max = SEGMENT_BYTES / 2;
    random_init(&loop->work, seed, "loopback work");
    random_init(&loop->faults, seed, "loopback faults");
    random_init(&loop->times, seed, "loopback times");
}

void loop_run(const struct loop_options *options, FILE *report, struct loop_result *result)
{
    struct loop *loop = sim_alloc(1, sizeof(*loop));
    *result = (struct loop_result){.verdict = VERDICT_PASSED, .tally.runs = 1};
    loop->report = report;
    loop->result = result;
    loop->trace = trace_create(NULL);
    signal(SIGPIPE, SIG_IGN);
    run_plan(loop, options->scenario, options->seed, options->without, options->operations);
    if (setjmp(loop->failed) == 0) {
        run_find_server(loop);
        run_make_folder(loop);
        run_make_shared(loop);
        loop->shared->lies = lies[options->lie].classes;
        loop->model = model_create();
        const struct disk_options roomy = {.capacity_blocks = UINT32_MAX};
        loop->image = disk_create(&roomy, &loop->faults);
        if (loop->plan.scenario->loads)
            loop_massive_run(loop);
        else
            loop_lives_run(loop);
        result->tally.simulated_ns = loop_now_ns(loop) - MONOTONIC_BEGIN_NS;
        result->hash = trace_hash(loop->trace);
    }
    run_end(loop);
}
