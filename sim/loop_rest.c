// The loopback harness: files at rest are damaged, the server is started on them, and what it does is
// judged by what is left of the proof.
#include "sim/loop_internal.h"

#include "server/server.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

// A fault is chosen so many times before there is none.
#define ATTEMPTS 6
// Of a start, about.
#define READS_MAX 100

struct trial {
    enum fault fault;
    struct loop_backup *whole;
    struct loop_backup *image;
    struct loop_survey before;
    struct loop_survey after;
    bool identity; // is left
    enum fault_class expected;
    char name[LOOP_NAME_BYTES]; // of the file that a refusal must name
};

// --- what is to be expected ------------------------------------------------------------------

// Judged by the numbers alone, whatever the damage looks like.
static enum fault_class trial_class(const struct trial *trial)
{
    const struct loop_survey *after = &trial->after;
    if (trial->fault == FAULT_UNREADABLE)
        return FAULT_BEYOND;
    if (!trial->identity || after->chain_end < after->witnessed || after->mismatch ||
        after->missing)
        return FAULT_REFUSE;
    // No witness is left: it depends on whether anything follows the chain.
    if (after->completions == 0)
        return FAULT_BEYOND;
    return after->chain_end < trial->before.chain_end ? FAULT_UNDECIDABLE : FAULT_SURVIVE;
}

// The file that holds, or held, the first frame that is missing now.
static void trial_name_lost(struct trial *trial)
{
    const struct loop_frame *lost = loop_survey_frame(&trial->before, trial->after.chain_end + 1);
    bool rot = trial->fault == FAULT_ROT_INTENT || trial->fault == FAULT_ROT_NEWEST;
    if (lost != NULL && rot)
        snprintf(trial->name, sizeof(trial->name), "%s", trial->whole->files[lost->file].name);
}

static void trial_expect(struct trial *trial)
{
    trial->expected = trial_class(trial);
    if (trial->expected != FAULT_REFUSE)
        return;
    if (!trial->identity)
        snprintf(trial->name, sizeof(trial->name), "instance");
    else if (trial->after.chain_end < trial->after.witnessed)
        trial_name_lost(trial);
}

// --- judging ---------------------------------------------------------------------------------

static void trial_refused(struct loop *loop, const struct trial *trial)
{
    const char *kind = fault_row(trial->fault)->name;
    loop->result->tally.refusals++;
    if (trial->expected == FAULT_SURVIVE || trial->expected == FAULT_UNDECIDABLE)
        loop_fail(loop, VERDICT_WRONG, "%s was refused: E %llu, D %llu", kind,
                  (unsigned long long)trial->after.chain_end,
                  (unsigned long long)trial->after.witnessed);
    if (!loop_server_said(loop, "refusing to start"))
        loop_fail(loop, VERDICT_WRONG, "%s was refused without saying so", kind);
    if (!loop_server_said(loop, trial->name))
        loop_fail(loop, VERDICT_WRONG, "%s was refused without naming %s", kind, trial->name);
}

static void trial_served(struct loop *loop, const struct trial *trial)
{
    uint64_t lowest = loop->lowest;
    if (trial->expected == FAULT_REFUSE)
        loop_fail(loop, VERDICT_WRONG, "%s was not noticed: E %llu, D %llu",
                  fault_row(trial->fault)->name, (unsigned long long)trial->after.chain_end,
                  (unsigned long long)trial->after.witnessed);
    // What was dropped was witnessed by nothing that is left. What cannot be read is still there.
    if (trial->expected != FAULT_SURVIVE && trial->fault != FAULT_UNREADABLE)
        lowest = trial->expected == FAULT_UNDECIDABLE ? loop->witnessed : 0;
    loop_state_check(loop, lowest);
    loop_server_kill(loop);
    loop_clients_forget(loop);
}

static void trial_run(struct loop *loop, struct trial *trial)
{
    loop_disk_restore(loop, trial->image);
    loop_rules_clear(loop);
    if (trial->fault == FAULT_UNREADABLE)
        loop_rule_add(loop,
                      (struct loop_rule){.classes = LOOP_BIT(LOOP_READ),
                                         .action = LOOP_FAIL,
                                         .value = 5,
                                         .ppm = 1000000,
                                         .skip = (uint32_t)random_below(&loop->faults, READS_MAX),
                                         .left = 1,
                                         .fault = FAULT_COUNT});
    enum loop_end end = loop_server_start(loop, false);
    loop_rules_clear(loop);
    loop_trace(loop, "damaged", trial->fault, trial->expected, end);
    if (end == LOOP_RUNNING)
        trial_served(loop, trial);
    else if (end == LOOP_REFUSED)
        trial_refused(loop, trial);
    else if (trial->fault == FAULT_UNREADABLE && loop->exit_code == EXIT_START)
        loop->result->tally.refusals++;
    else
        loop_fail(loop, VERDICT_WRONG, "%s: the start ended with exit code %d",
                  fault_row(trial->fault)->name, loop->exit_code);
}

// --- choosing --------------------------------------------------------------------------------

// By the plan's weights; FAULT_COUNT when there are none.
static enum fault fault_draw(struct loop *loop)
{
    uint64_t sum = 0;
    for (uint32_t i = FAULT_AT_REST_FIRST; i < FAULT_COUNT; i++)
        sum += loop->plan.ppm[i];
    uint64_t which = random_below(&loop->faults, sum > 0 ? sum : 1);
    for (uint32_t i = FAULT_AT_REST_FIRST; i < FAULT_COUNT; i++) {
        if (which < loop->plan.ppm[i])
            return (enum fault)i;
        which -= loop->plan.ppm[i];
    }
    return FAULT_COUNT;
}

static bool trial_damage(struct loop *loop, struct trial *trial)
{
    for (uint32_t i = 0; i < ATTEMPTS; i++) {
        trial->fault = fault_draw(loop);
        if (trial->fault == FAULT_COUNT)
            return false;
        // Of this one the layer takes care, when the server reads.
        if (trial->fault == FAULT_UNREADABLE)
            return true;
        if (loop_damage(loop, trial->image, &trial->before, loop->older, trial->fault))
            return true;
    }
    return false;
}

void loop_rest(struct loop *loop)
{
    struct trial trial = {.fault = FAULT_COUNT};
    if (random_below(&loop->faults, 4) == 0)
        return;
    trial.whole = loop_disk_backup(loop);
    trial.image = loop_backup_copy(trial.whole);
    if (loop_survey(trial.whole, &trial.before) && trial_damage(loop, &trial)) {
        loop_count(loop, trial.fault);
        trial.identity = loop_survey(trial.image, &trial.after);
        trial_expect(&trial);
        trial_run(loop, &trial);
        loop_disk_restore(loop, trial.whole);
        memset(loop->shared->failed, 0, sizeof(loop->shared->failed));
    }
    loop_survey_free(&trial.before);
    loop_survey_free(&trial.after);
    loop_backup_free(trial.image);
    if (loop->older == NULL || random_below(&loop->faults, 3) == 0) {
        loop_rest_free(loop);
        loop->older = trial.whole;
    } else {
        loop_backup_free(trial.whole);
    }
}

void loop_rest_free(struct loop *loop)
{
    if (loop->older != NULL)
        loop_backup_free(loop->older);
    loop->older = NULL;
}
