// Crash test: writers on many connections, kill -9 at random moments, a restart, and a comparison of
// everything that is there with everything that was answered or shown.
//
// The rounds come in lives: a life is one data folder with its settings. Exit code 0 when every
// round has passed; the folder of a failed one is kept.
#include "tests/crash/load.h"
#include "tests/crash/test.h"
#include "tests/crash/verify.h"

#include <assert.h>
#include <getopt.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_ROUNDS 15
#define DEFAULT_LOAD_MS 400
#define START_PATIENCE_S 60
#define FAILURES_MAX 5
#define LIFE_ROUNDS_MAX 10
#define OPS_MAX 20000
// Of a soak: long lives, long rounds.
#define SOAK_LIFE_ROUNDS_MIN 20
#define SOAK_LIFE_ROUNDS_MAX 40
#define SOAK_OPS_MAX 200000
#define SOAK_LOAD_MS 6000
// Keys that expire within a moment must have done so before everything is read.
#define SHORT_LIVED_OVER_MS 80

struct options {
    const char *server;
    const char *folder;
    uint64_t seed;
    uint32_t rounds;
    uint32_t load_ms;
    uint32_t writers;
    uint32_t seconds; // 0: until the rounds are over
    bool soak;
    bool verbose;
};

// The settings of a life, and those of one start.
struct life {
    char segment_size[16];
    char segments_ahead[16];
    const char *direct;
    const char *appendfsync;
    const char *ack;
    char completion_interval[16];
    uint32_t rounds_left;
    int64_t ready_ms;            // how long the last start took
    const char *checkpoint_size; // when checkpoints begin
    const char *checkpoint_share;
};

void test_fail(struct test *test, const char *format, ...)
{
    char text[1000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printf("FAILED seed %" PRIu64 " round %u (%s): %s\n", test->seed, test->round,
           test->process.folder, text);
    fflush(stdout);
    test->failed = true;
}

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void sleep_us(int64_t us)
{
    nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

// --- starting --------------------------------------------------------------------------------

static void crash_start(struct test *test, struct life *life)
{
    static const char *const modes[] = {"always", "always", "everysec", "no"};
    static const char *const acks[] = {"intent", "completion"};
    life->appendfsync = modes[random_below(&test->random, 4)];
    life->ack = acks[random_below(&test->random, 2)];
    snprintf(life->completion_interval, sizeof life->completion_interval, "%u",
             random_percent(&test->random, 50) ? 100 : random_between(&test->random, 1, 300));
    const char *settings[] = {"--wal-segment-size",
                              life->segment_size,
                              "--wal-segments-ahead",
                              life->segments_ahead,
                              "--wal-direct-io",
                              life->direct,
                              "--appendfsync",
                              life->appendfsync,
                              "--wal-ack",
                              life->ack,
                              "--completion-interval",
                              life->completion_interval,
                              "--auto-aof-rewrite-min-size",
                              life->checkpoint_size,
                              "--auto-aof-rewrite-percentage",
                              life->checkpoint_share,
                              "--maxmemory",
                              "2gb",
                              NULL};
    process_start(&test->process, settings);
}

static bool crash_await_ready(struct test *test, struct life *life)
{
    int64_t began_us = now_us();
    if (!process_wait_ready(&test->process, START_PATIENCE_S)) {
        if (test->process.pid == 0)
            test_fail(test, "the server did not start: wait status 0x%x", test->process.status);
        else
            test_fail(test, "the server was not ready after %d s", START_PATIENCE_S);
        return false;
    }
    life->ready_ms = (now_us() - began_us) / 1000;
    return true;
}

// Starts that are killed before, while or just after they have become ready.
static void crash_early_kills(struct test *test, struct life *life)
{
    uint32_t count = random_between(&test->random, 1, 5);
    for (uint32_t i = 0; i < count && !test->failed; i++) {
        crash_start(test, life);
        sleep_us(random_below(&test->random, (uint32_t)(life->ready_ms * 1300 + 3000)));
        if (process_ended(&test->process)) {
            test_fail(test, "the server did not start: wait status 0x%x", test->process.status);
            return;
        }
        process_kill(&test->process);
        process_reap(&test->process, START_PATIENCE_S);
        test->early_kills++;
    }
}

// After load_run: makes sure that the old process is gone, or starts the new one while it goes.
static void crash_restart(struct test *test, struct life *life)
{
    pid_t dying = test->process.pid;
    if (dying != 0 && random_percent(&test->random, 70)) {
        if (!process_reap(&test->process, START_PATIENCE_S))
            test_fail(test, "still there after kill -9");
        dying = 0;
    }
    test->process.pid = 0;
    if (dying == 0 && random_percent(&test->random, 25))
        crash_early_kills(test, life);
    if (test->failed)
        return;
    crash_start(test, life);
    if (dying != 0)
        waitpid(dying, NULL, 0);
    crash_await_ready(test, life);
}

// --- lives -----------------------------------------------------------------------------------

// Checkpoints all the time, of all sizes; rounds long enough for several.
static void crash_life_soaks(struct test *test, struct life *life)
{
    static const char *const segments[] = {"1mb", "4mb", "16mb"};
    static const char *const sizes[] = {"1mb", "4mb", "16mb", "32mb"};
    static const char *const shares[] = {"10", "50", "100"};
    struct random *random = &test->random;
    snprintf(life->segment_size, sizeof life->segment_size, "%s",
             segments[random_below(random, 3)]);
    life->checkpoint_size = sizes[random_below(random, 4)];
    life->checkpoint_share = shares[random_below(random, 3)];
    life->rounds_left = random_between(random, SOAK_LIFE_ROUNDS_MIN, SOAK_LIFE_ROUNDS_MAX);
}

static bool crash_life_begin(struct test *test, struct life *life, const struct options *options)
{
    static const char *const sizes[] = {"256kb", "256kb", "1mb", "4mb", "16mb"};
    struct random *random = &test->random;
    test->model =
        model_create(options->writers > 0 ? options->writers : random_between(random, 20, 50));
    *life = (struct life){.ready_ms = 20};
    snprintf(life->segment_size, sizeof life->segment_size, "%s", sizes[random_below(random, 5)]);
    snprintf(life->segments_ahead, sizeof life->segments_ahead, "%u",
             random_percent(random, 50) ? 4 : random_between(random, 3, 12));
    static const char *const checkpoint_sizes[] = {"16kb", "64kb", "1mb", "16mb", "64mb"};
    static const char *const checkpoint_shares[] = {"1", "10", "50", "100", "0"};
    life->checkpoint_size = checkpoint_sizes[random_below(random, 5)];
    life->checkpoint_share = checkpoint_shares[random_below(random, 5)];
    life->direct = random_percent(random, 80) ? "auto" : "no";
    life->rounds_left = random_between(random, 1, LIFE_ROUNDS_MAX);
    if (options->soak)
        crash_life_soaks(test, life);
    snprintf(test->process.folder, sizeof test->process.folder, "%s/poro-crash-XXXXXX",
             options->folder);
    if (mkdtemp(test->process.folder) == NULL) {
        perror(options->folder);
        exit(2);
    }
    test->process.port = process_free_port();
    crash_start(test, life);
    return crash_await_ready(test, life);
}

static void crash_life_end(struct test *test)
{
    if (test->process.pid != 0) {
        process_kill(&test->process);
        process_reap(&test->process, START_PATIENCE_S);
    }
    test->process.pid = 0;
    if (test->failed)
        process_show_log(&test->process);
    else
        process_remove_folder(&test->process);
    model_destroy(test->model);
    test->model = NULL;
}

// --- rounds ----------------------------------------------------------------------------------

static void crash_flush_all(struct test *test)
{
    redisContext *context =
        redisConnectWithTimeout("127.0.0.1", test->process.port, (struct timeval){10, 0});
    redisReply *reply =
        context == NULL || context->err != 0 ? NULL : redisCommand(context, "FLUSHALL");
    if (reply == NULL || reply->type != REDIS_REPLY_STATUS)
        test_fail(test, "FLUSHALL was not answered with OK");
    else
        model_flush(test->model);
    if (reply != NULL)
        freeReplyObject(reply);
    if (context != NULL)
        redisFree(context);
}

static struct load_plan crash_plan(struct test *test, const struct options *options)
{
    struct random *random = &test->random;
    struct load_plan plan = {.duration_ms = random_between(random, 1, options->load_ms),
                             .bytes = 1000000LL << random_below(random, 6),
                             .changes_mode = random_percent(random, 30),
                             .vanishing = random_percent(random, 30),
                             .ops_max = OPS_MAX};
    if (random_percent(random, 25))
        plan.duration_ms = random_between(random, 1, 30);
    uint32_t which = random_below(random, 100);
    plan.ending = which < 75 ? ENDING_KILL : which < 85 ? ENDING_KILL_IDLE : ENDING_STOP;
    if (options->soak) {
        if (random_percent(random, 80))
            plan.duration_ms = random_between(random, options->load_ms / 4, options->load_ms);
        plan.bytes = 100000000LL << random_below(random, 5);
        plan.ops_max = SOAK_OPS_MAX;
        plan.saves = true;
    }
    return plan;
}

static void crash_tell(const struct test *test, const struct life *life,
                       const struct load_plan *plan)
{
    static const char *const endings[] = {"kill", "kill when idle", "stop"};
    printf("round %u: %u writers, segments of %s, %s ahead, direct %s, appendfsync %s, ack %s, "
           "%u ms, %" PRId64 " MB, then %s\n",
           test->round, test->model->writer_count, life->segment_size, life->segments_ahead,
           life->direct, life->appendfsync, life->ack, plan->duration_ms, plan->bytes / 1000000,
           endings[plan->ending]);
    fflush(stdout);
}

static void crash_round(struct test *test, struct life *life, const struct options *options)
{
    struct load_plan plan = crash_plan(test, options);
    if (options->verbose)
        crash_tell(test, life, &plan);
    if (random_percent(&test->random, 8))
        crash_flush_all(test);
    if (!test->failed)
        load_run(test, &plan);
    int64_t ended_us = now_us();
    if (!test->failed)
        crash_restart(test, life);
    if (test->failed)
        return;
    int64_t wait_us = ended_us + SHORT_LIVED_OVER_MS * 1000 - now_us();
    if (wait_us > 0)
        sleep_us(wait_us);
    verify_all(test);
}

static uint32_t crash_rounds(struct test *test, const struct options *options)
{
    struct life life = {0};
    uint32_t failed = 0;
    int64_t end_us = options->seconds > 0 ? now_us() + options->seconds * 1000000LL : INT64_MAX;
    for (test->round = 1;
         test->round <= options->rounds && failed < FAILURES_MAX && now_us() < end_us;
         test->round++) {
        // Every round draws from its own seed: what a round does depends on the seed alone.
        test->random.state = options->seed * 1000003 + test->round;
        test->failed = false;
        if (test->model == NULL)
            crash_life_begin(test, &life, options);
        if (!test->failed)
            crash_round(test, &life, options);
        failed += test->failed;
        life.rounds_left--;
        if (test->failed || life.rounds_left == 0)
            crash_life_end(test);
    }
    if (test->model != NULL)
        crash_life_end(test);
    return failed;
}

static void crash_usage(void)
{
    printf("usage: crash_test --server PATH [--rounds N] [--seed S] [--load-ms MS] [--writers N]\n"
           "                  [--folder PATH] [--soak] [--seconds S] [--verbose]\n"
           "  --load-ms   longest load of a round before the kill (default 400)\n"
           "  --writers   connections (default: 20 to 50, at random)\n"
           "  --folder    where the data folders are made (default /tmp)\n"
           "  --soak      long lives and rounds, checkpoints all the time\n"
           "  --seconds   no further round after so long; then --rounds has no default\n");
}

static bool crash_options(int argc, char **argv, struct options *options)
{
    static const struct option table[] = {
        {"server", required_argument, NULL, 's'},  {"rounds", required_argument, NULL, 'r'},
        {"seed", required_argument, NULL, 'S'},    {"load-ms", required_argument, NULL, 'l'},
        {"writers", required_argument, NULL, 'w'}, {"folder", required_argument, NULL, 'f'},
        {"verbose", no_argument, NULL, 'v'},       {"soak", no_argument, NULL, 'k'},
        {"seconds", required_argument, NULL, 't'}, {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        switch (option) {
        case 's':
            options->server = optarg;
            break;
        case 'r':
            options->rounds = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'S':
            options->seed = strtoull(optarg, NULL, 10);
            break;
        case 'l':
            options->load_ms = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'w':
            options->writers = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'f':
            options->folder = optarg;
            break;
        case 'k':
            options->soak = true;
            break;
        case 't':
            options->seconds = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'v':
            options->verbose = true;
            break;
        default:
            return false;
        }
    }
    if (options->rounds == 0)
        options->rounds = options->seconds > 0 ? UINT32_MAX : DEFAULT_ROUNDS;
    if (options->load_ms == 0)
        options->load_ms = options->soak ? SOAK_LOAD_MS : DEFAULT_LOAD_MS;
    bool writers_fit = options->writers == 0 ||
                       (options->writers > WRITERS_FLUSHING + 1 && options->writers <= WRITERS_MAX);
    return options->server != NULL && writers_fit;
}

int main(int argc, char **argv)
{
    struct options options = {.folder = "/tmp", .seed = (uint64_t)now_us()};
    if (!crash_options(argc, argv, &options)) {
        crash_usage();
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    struct test *test = calloc(1, sizeof *test);
    assert(test != NULL);
    test->seed = options.seed;
    test->process.path = options.server;
    int64_t began_us = now_us();
    uint32_t failed = crash_rounds(test, &options);
    uint32_t done = test->round - 1;
    printf("seed %" PRIu64 ": %u rounds in %.1f s, %" PRIu64 " kills, %" PRIu64
           " of them during starts, %" PRIu64 " clean stops, %" PRIu64 " commands sent, %" PRIu64
           " answered\n",
           options.seed, done, (double)(now_us() - began_us) / 1e6, test->kills + test->early_kills,
           test->early_kills, test->clean_stops, test->sent, test->answered);
    printf("crash: %u passed, %u failed\n", done - failed, failed);
    free(test);
    return failed == 0 ? 0 : 1;
}
