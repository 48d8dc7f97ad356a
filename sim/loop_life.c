// The loopback harness: lives of the server: a start, work and faults, an end, damage at rest.
#include "sim/loop_internal.h"

#include "server/server.h"

#include <assert.h>
#include <string.h>

// Requests on files from a start to its end, about.
#define START_REQUESTS 90
#define START_ATTEMPTS 4
#define MANY 1000000
#define LINGER_NS 20000000
#define LINGER_PPM 40000
#define LINGER_CHECKPOINT_NS 60000000
#define LINGER_CHECKPOINT_PPM 400000
#define MODE_ODDS 60
// In everysec, what was told before so much time has passed is on stable storage.
#define EVERYSEC_NS 2100000000
// After faults have ended, the server is well again in this time.
#define RECOVER_NS 5000000000

// How a life ends.
enum ending { ENDING_STOP, ENDING_KILL, ENDING_KILL_AT, ENDING_KILL_HELD };

struct life {
    enum ending ending;
    bool power_cut;
    uint32_t operations;
    bool failures; // requests on files fail
};

// --- faults of files -------------------------------------------------------------------------

#define SPACE (LOOP_BIT(LOOP_CREATE) | LOOP_BIT(LOOP_ALLOCATE) | LOOP_BIT(LOOP_WRITE_PREPARE))
#define OPENS (LOOP_BIT(LOOP_OPEN) | LOOP_BIT(LOOP_CREATE))
#define CHANGES (LOOP_WRITES | LOOP_SYNCS | SPACE | LOOP_BIT(LOOP_UNLINK))

static const struct file_fault {
    enum fault fault;
    uint32_t classes;
    enum loop_action action;
    int64_t value;
    uint32_t left;
    uint32_t odds; // against what the plan says: of some requests there are few
} file_faults[] = {
    {FAULT_EIO, CHANGES, LOOP_FAIL, 5, 4, 1},
    {FAULT_ENOSPC, SPACE, LOOP_FAIL, 28, 4, 10},
    {FAULT_SHORT_WRITE, LOOP_WRITES, LOOP_SHORT, 0, 4, 1},
    {FAULT_SYNC_ERROR, LOOP_SYNCS, LOOP_FAIL, 5, 2, 1},
    {FAULT_PERMISSION, OPENS, LOOP_FAIL, 13, 2, 20},
    {FAULT_DESCRIPTORS, OPENS, LOOP_FAIL, 24, 4, 20},
    {FAULT_SPOILT, LOOP_BIT(LOOP_SYNC_CHECKPOINT), LOOP_SPOIL, 0, 4, 2},
    {FAULT_SLOW, LOOP_ANY, LOOP_DELAY, 1000000000, MANY, 1},
    {FAULT_STUCK, LOOP_ANY, LOOP_DELAY, 60000000000, 2, 1},
};
#define FILE_FAULTS (sizeof(file_faults) / sizeof(file_faults[0]))

static void faults_on(struct loop *loop, const struct life *life)
{
    for (size_t i = 0; i < FILE_FAULTS; i++) {
        const struct file_fault *row = &file_faults[i];
        uint64_t ppm = (uint64_t)loop->plan.ppm[row->fault] * row->odds;
        bool fails = row->action != LOOP_DELAY && row->action != LOOP_SPOIL;
        if (ppm == 0 || (fails && !life->failures))
            continue;
        loop_rule_add(loop, (struct loop_rule){.classes = row->classes,
                                               .action = row->action,
                                               .value = row->value,
                                               .ppm = (uint32_t)(ppm < 1000000 ? ppm : 1000000),
                                               .left = row->left,
                                               .fault = row->fault});
        if (fails)
            loop->may_refuse = true;
    }
}

// What the layer has made fail in this life, of these classes.
static uint64_t failures(const struct loop *loop, uint32_t classes)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < LOOP_CLASSES; i++)
        count += (LOOP_BIT(i) & classes) != 0 ? loop->shared->failed[i] : 0;
    return count;
}

static bool sync_failed(const struct loop *loop)
{
    const uint64_t *failed = loop->shared->failed;
    return failed[LOOP_SYNC_INTENT] + failed[LOOP_SYNC_OTHER] > 0;
}

static void failures_forget(struct loop *loop)
{
    memset(loop->shared->failed, 0, sizeof(loop->shared->failed));
}

// --- the end of a life -----------------------------------------------------------------------

// The server is dead: what the next one must have.
static void life_ended(struct loop *loop, bool power_cut)
{
    loop_clients_forget(loop);
    loop_evict_take(loop, false);
    if (model_appendfsync(loop->model) == MODEL_ALWAYS && !loop_round_has_config(loop))
        loop->floor = loop->told;
    loop->clean = loop->end == LOOP_STOPPED;
    loop->lowest = loop->clean ? model_newest(loop->model) : loop->told;
    // A failed sync has dropped what it should have written.
    if ((power_cut || sync_failed(loop)) && !loop->clean)
        loop->lowest = loop->floor;
    if (power_cut)
        loop_disk_power_cut(loop);
}

// It has ended by itself. That is right only after failures that it cannot make good.
static void life_failed(struct loop *loop)
{
    const uint64_t *failed = loop->shared->failed;
    uint64_t count = failures(loop, LOOP_ANY & ~LOOP_CHECKPOINT);
    if (loop->exit_code != EXIT_LOG_FAILED)
        loop_fail(loop, VERDICT_WRONG, "the server ended with exit code %d", loop->exit_code);
    bool always = model_appendfsync(loop->model) == MODEL_ALWAYS && !loop_round_has_config(loop);
    bool one_write = count == 1 && failed[LOOP_WRITE_INTENT] == 1 && always;
    if (count == 0 || one_write)
        loop_fail(loop, VERDICT_WRONG, "the server gave up after %llu failures of its log's files",
                  (unsigned long long)count);
    loop->result->tally.failed_stops++;
    loop_trace(loop, "gave up", count, 0, 0);
}

static void life_stop(struct loop *loop)
{
    loop_rules_clear(loop);
    bool asks = loop->clients[0].context != NULL && random_below(&loop->faults, 2) == 0;
    loop_server_stop(loop, asks ? "SHUTDOWN\r\n" : NULL);
    if (loop->end != LOOP_STOPPED)
        loop_fail(loop, VERDICT_WRONG, "the server was asked to stop and ended with exit code %d",
                  loop->exit_code);
    loop_trace(loop, "stopped", asks, 0, 0);
}

static void life_end(struct loop *loop, const struct life *life)
{
    bool killed = life->ending != ENDING_STOP;
    if (loop->pid > 0 && killed)
        loop_server_kill(loop);
    else if (loop->pid > 0)
        life_stop(loop);
    loop_rules_clear(loop);
    bool power_cut = killed && life->power_cut;
    if (loop->end == LOOP_KILLED) {
        // By a rule: then the layer has counted it.
        if (loop->kill_sent)
            loop_count(loop, power_cut ? FAULT_POWER_CUT : FAULT_KILL);
        loop->result->tally.crashes++;
        loop_trace(loop, "killed", power_cut, loop->told, model_newest(loop->model));
    }
    if (loop->end == LOOP_FAILED)
        life_failed(loop);
    life_ended(loop, power_cut);
    failures_forget(loop);
}

// --- starting --------------------------------------------------------------------------------

static void start_fault(struct loop *loop)
{
    struct loop_rule rule = {.ppm = 1000000, .left = 1};
    rule.skip = (uint32_t)random_below(&loop->faults, START_REQUESTS);
    if (loop_chance(loop, FAULT_START_CUT, loop->plan.ppm[FAULT_START_CUT] > 0 ? 300000 : 0)) {
        rule.classes = LOOP_ANY;
        rule.action = random_below(&loop->faults, 2) == 0 ? LOOP_KILL_BEFORE : LOOP_KILL_AFTER;
        rule.fault = FAULT_START_CUT;
        loop_rule_add(loop, rule);
        return;
    }
    if (loop_chance(loop, FAULT_DISK_FULL, loop->plan.ppm[FAULT_DISK_FULL] > 0 ? 200000 : 0)) {
        loop_rule_add(loop, loop_space_rule());
        return;
    }
    const struct file_fault *row = &file_faults[random_below(&loop->faults, FILE_FAULTS)];
    if (!loop_chance(loop, row->fault, 400000))
        return;
    rule.classes = row->fault == FAULT_EIO ? row->classes | LOOP_BIT(LOOP_READ) : row->classes;
    rule.skip /= 1 + (uint32_t)random_below(&loop->faults, 8);
    rule.action = row->action;
    rule.value = row->value;
    rule.fault = row->fault;
    loop_rule_add(loop, rule);
}

// The start has ended in another way than serving: was that right?
static void start_ended(struct loop *loop)
{
    bool power_cut = loop->end == LOOP_KILLED && random_below(&loop->faults, 2) == 0;
    loop->clean = false;
    loop_trace(loop, "start ended", (uint64_t)loop->end, (uint64_t)loop->exit_code, power_cut);
    if (loop->end != LOOP_KILLED && failures(loop, LOOP_ANY) == 0)
        loop_fail(loop, VERDICT_WRONG, "the server does not start: exit code %d", loop->exit_code);
    if (loop->end == LOOP_KILLED)
        loop->result->tally.crashes++;
    if (loop->end == LOOP_REFUSED)
        loop->result->tally.refusals++;
    if (power_cut || sync_failed(loop))
        loop->lowest = loop->lowest < loop->floor ? loop->lowest : loop->floor;
    if (power_cut)
        loop_disk_power_cut(loop);
    failures_forget(loop);
}

static void start_settings(struct loop *loop)
{
    static const enum model_durability modes[] = {MODEL_ALWAYS, MODEL_EVERYSEC, MODEL_NO};
    struct config *config = &loop->plan.config;
    struct loop_shared *shared = loop->shared;
    shared->direct_refused = loop_chance(loop, FAULT_NO_DIRECT, loop->plan.ppm[FAULT_NO_DIRECT]);
    shared->dsync_unknown =
        loop_chance(loop, FAULT_DSYNC_IGNORED, loop->plan.ppm[FAULT_DSYNC_IGNORED]);
    if (shared->dsync_unknown)
        loop_count(loop, FAULT_DSYNC_IGNORED);
    model_set_durability(loop->model, modes[config->appendfsync],
                         config->wal_ack == WAL_ACK_COMPLETION);
}

// Starts until it serves; the last attempt is spared faults. Then what it has is checked.
static void life_start(struct loop *loop)
{
    start_settings(loop);
    loop_evict_begin(loop);
    for (uint32_t attempt = 1;; attempt++) {
        loop_rules_clear(loop);
        if (attempt < START_ATTEMPTS)
            start_fault(loop);
        if (loop_server_start(loop, false) == LOOP_RUNNING)
            break;
        start_ended(loop);
    }
    loop_rules_clear(loop);
    if (sync_failed(loop) && loop->lowest > loop->floor)
        loop->lowest = loop->floor;
    failures_forget(loop);
    // What was held while it started, and what it does after that, takes its time.
    loop_server_pass(loop, RECOVER_NS);
    loop_state_verify(loop, loop->lowest);
}

// --- work ------------------------------------------------------------------------------------

static bool work_connect(struct loop *loop)
{
    loop->clients_count = 1 + (uint32_t)random_between(&loop->work, 1, loop->plan.clients);
    for (uint32_t i = 0; i < loop->clients_count; i++) {
        if (!loop_client_connect(loop, i))
            return false;
    }
    return true;
}

// Commands of several clients at once, or, when any of them may be refused, one.
static bool work_round(struct loop *loop)
{
    uint32_t most = loop->may_refuse ? 1 : (uint32_t)random_log(&loop->work, loop->plan.clients);
    loop_round_begin(loop);
    for (uint32_t i = 0; i < most; i++) {
        uint32_t client = 1 + (uint32_t)random_below(&loop->work, loop->clients_count - 1);
        uint64_t count = loop->may_refuse ? 1 : random_log(&loop->work, loop->plan.pipeline);
        for (uint64_t j = 0; j < count; j++)
            loop_round_draw(loop, client);
    }
    return loop_round_run(loop);
}

static bool work_pass(struct loop *loop, int64_t ns)
{
    const _Atomic uint32_t *delayed = &loop->shared->delayed;
    uint64_t told = loop->told;
    // No sync is late, and none of this life has failed.
    bool prompt = loop->plan.ppm[FAULT_SLOW] == 0 && loop->plan.ppm[FAULT_STUCK] == 0 &&
                  atomic_load(delayed) == 0;
    if (!loop_server_pass(loop, ns))
        return false;
    prompt = prompt && atomic_load(delayed) == 0 && !sync_failed(loop);
    if (model_appendfsync(loop->model) == MODEL_EVERYSEC && ns >= EVERYSEC_NS && prompt)
        loop->floor = told;
    loop_trace(loop, "passed", (uint64_t)ns, loop->floor, loop->told);
    return true;
}

static bool work_time(struct loop *loop)
{
    switch (random_below(&loop->times, 20)) {
    case 0:
        return work_pass(loop, EVERYSEC_NS + (int64_t)random_log(&loop->times, 1000000000));
    case 1:
    case 2:
    case 3:
        return work_pass(loop, (int64_t)random_log(&loop->times, 1000000000));
    case 4:
    case 5:
    case 6:
    case 7:
        return work_pass(loop, (int64_t)random_log(&loop->times, 5000000));
    default:
        return true;
    }
}

static bool work_wall(struct loop *loop)
{
    int64_t to_ms = loop->wall_ms;
    if (loop_chance(loop, FAULT_CLOCK_JUMP, 12 * (uint64_t)loop->plan.ppm[FAULT_CLOCK_JUMP])) {
        int64_t jump_ms = (int64_t)random_log(&loop->times, 400000000);
        to_ms += random_below(&loop->times, 2) == 0 ? jump_ms : -jump_ms;
        loop_count(loop, FAULT_CLOCK_JUMP);
    } else if (random_below(&loop->times, 30) == 0) {
        to_ms += (int64_t)random_log(&loop->times, 5000);
    } else {
        return true;
    }
    // What expires now is deleted while no fault is about.
    struct loop_rule kept[LOOP_RULES_MAX];
    memcpy(kept, loop->shared->rules, sizeof(kept));
    loop_rules_clear(loop);
    bool alive = loop_state_wall(loop, to_ms);
    memcpy(loop->shared->rules, kept, sizeof(kept));
    return alive;
}

// Now and then, another durability.
static bool work_mode(struct loop *loop)
{
    static const char *const modes[] = {"always", "always", "everysec", "no"};
    switch (random_below(&loop->work, MODE_ODDS)) {
    case 0:
        return loop_ask(loop, "CONFIG", "SET", "appendfsync", modes[random_below(&loop->work, 4)],
                        NULL);
    case 1:
        return loop_ask(loop, "CONFIG", "SET", "wal-ack",
                        random_below(&loop->work, 2) == 0 ? "intent" : "completion", NULL);
    default:
        return true;
    }
}

static bool work_inspect(struct loop *loop)
{
    uint32_t odds = strcmp(loop->plan.scenario->name, "comprehensive") == 0 ? 20 : 300;
    return random_below(&loop->times, odds) != 0 || loop->evicts || loop_inspect(loop);
}

// No fault: now and then a disk takes its time. What is not yet written must not show meanwhile.
static void work_linger(struct loop *loop)
{
    loop_rule_add(loop, (struct loop_rule){.classes = LOOP_BIT(LOOP_WRITE_INTENT) |
                                                      LOOP_BIT(LOOP_SYNC_INTENT),
                                           .action = LOOP_DELAY,
                                           .value = LINGER_NS,
                                           .ppm = LINGER_PPM,
                                           .left = MANY,
                                           .fault = FAULT_COUNT});
    // Commands go on between any two steps of a checkpoint.
    loop_rule_add(loop, (struct loop_rule){.classes = LOOP_CHECKPOINT,
                                           .action = LOOP_DELAY,
                                           .value = LINGER_CHECKPOINT_NS,
                                           .ppm = LINGER_CHECKPOINT_PPM,
                                           .left = MANY,
                                           .fault = FAULT_COUNT});
}

static void work_arm(struct loop *loop, const struct life *life)
{
    static const uint32_t classes[] = {
        LOOP_BIT(LOOP_WRITE_INTENT),     LOOP_WRITES | LOOP_SYNCS,
        LOOP_BIT(LOOP_WRITE_COMPLETION), LOOP_ANY,
        LOOP_BIT(LOOP_WRITE_CHECKPOINT), LOOP_PLACES | LOOP_BIT(LOOP_SYNC_FOLDER)};
    struct loop_rule rule = {.ppm = 1000000, .left = 1};
    rule.fault = life->power_cut ? FAULT_POWER_CUT : FAULT_KILL;
    if (life->ending == ENDING_KILL_AT) {
        rule.classes = classes[random_below(&loop->faults, 6)];
        rule.action = random_below(&loop->faults, 2) == 0 ? LOOP_KILL_BEFORE : LOOP_KILL_AFTER;
        bool few = (rule.classes & LOOP_WRITES) == 0;
        rule.skip = (uint32_t)random_log(&loop->faults, few ? 20 : 100);
        loop_rule_add(loop, rule);
    }
    if (life->ending == ENDING_KILL_HELD) {
        rule.classes = LOOP_BIT(LOOP_WRITE_INTENT) | LOOP_BIT(LOOP_SYNC_INTENT);
        rule.action = LOOP_DELAY;
        rule.value = 60000000000;
        rule.skip = (uint32_t)random_log(&loop->faults, 50);
        rule.fault = FAULT_STUCK;
        loop_rule_add(loop, rule);
        loop->kill_when_held = true;
    }
}

static void life_work(struct loop *loop, struct life *life)
{
    uint64_t until = loop->result->tally.operations + life->operations;
    loop->may_refuse = loop->plan.config.maxmemory < (int64_t)MIB(16);
    loop->kill_when_held = false;
    bool alive =
        work_connect(loop) && loop_state_wall(loop, loop->wall_ms) && loop_evict_limit(loop);
    faults_on(loop, life);
    work_arm(loop, life);
    work_linger(loop);
    while (alive && loop->result->tally.operations < until)
        alive = work_round(loop) && work_time(loop) && work_wall(loop) &&
                (loop->evicts || loop_space_fault(loop)) &&
                (loop->may_refuse || loop_network_fault(loop)) && work_mode(loop) &&
                work_inspect(loop);
    loop->kill_when_held = false;
}

// --- lives -----------------------------------------------------------------------------------

static void life_draw(struct loop *loop, struct life *life)
{
    uint64_t kill = loop->plan.ppm[FAULT_KILL];
    uint64_t cut = loop->plan.ppm[FAULT_POWER_CUT];
    *life = (struct life){.ending = ENDING_STOP};
    uint64_t which = random_below(&loop->faults, 100);
    // Faults of the network want replies that are certain.
    uint64_t network = (uint64_t)loop->plan.ppm[FAULT_RESET] + loop->plan.ppm[FAULT_STALL];
    life->failures = network == 0 || random_below(&loop->faults, 2) == 0;
    life->power_cut = cut > 0 && random_below(&loop->faults, kill + cut) < cut;
    if (kill + cut > 0 && which < 80)
        life->ending = which < 20 ? ENDING_KILL : which < 60 ? ENDING_KILL_AT : ENDING_KILL_HELD;
}

static void life_run(struct loop *loop, uint32_t operations)
{
    struct life life;
    life_draw(loop, &life);
    life.operations = operations;
    life_start(loop);
    life_work(loop, &life);
    life_end(loop, &life);
    loop_rest(loop);
}

static uint32_t lives_count(const struct loop *loop)
{
    const uint32_t *ppm = loop->plan.ppm;
    bool disasters = ppm[FAULT_KILL] + ppm[FAULT_POWER_CUT] > 0;
    for (uint32_t i = FAULT_AT_REST_FIRST; i < FAULT_COUNT; i++)
        disasters = disasters || ppm[i] > 0;
    return disasters ? 8 : 3;
}

// The last start: nothing is in the way any more, and everything is there.
static void lives_close(struct loop *loop)
{
    life_start(loop);
    life_stop(loop);
    life_ended(loop, false);
    loop_trace(loop, "done", loop->result->tally.operations, 0, 0);
}

void loop_lives_run(struct loop *loop)
{
    uint32_t lives = lives_count(loop);
    for (uint32_t i = 0; i < lives; i++)
        life_run(loop, loop->plan.operations / lives + 1);
    lives_close(loop);
}
