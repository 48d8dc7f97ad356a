// The loopback harness: files at rest are damaged, the server is started on them, and what it does is
// judged by what is left of the proof.
#include "sim/loop_internal.h"

#include <stdio.h>
#include <string.h>

// A fault is chosen so many times before there is none.
#define ATTEMPTS 6

// --- judging ---------------------------------------------------------------------------------

static void trial_refused(struct loop *loop, const struct damage *damage)
{
    loop->result->tally.refusals++;
    if (damage->expected == FAULT_SURVIVE || damage->expected == FAULT_UNDECIDABLE)
        loop_fail(loop, VERDICT_WRONG, "refused for harmless damage: %s", damage->what);
    if (!loop_server_said(loop, "refusing to start"))
        loop_fail(loop, VERDICT_WRONG, "refused without saying so: %s", damage->what);
    if (!loop_server_said(loop, damage->file))
        loop_fail(loop, VERDICT_WRONG, "the refusal does not name %s: %s", damage->file,
                  damage->what);
}

static void trial_served(struct loop *loop, const struct damage *damage)
{
    uint64_t lowest = loop->lowest;
    if (damage->expected == FAULT_REFUSE)
        loop_fail(loop, VERDICT_WRONG, "served in spite of damage to acknowledged data: %s",
                  damage->what);
    // What was dropped was witnessed by nothing that is left.
    if (damage->expected == FAULT_UNDECIDABLE)
        lowest = loop->witnessed;
    else if (damage->expected == FAULT_BEYOND)
        lowest = 0;
    loop_state_check(loop, lowest);
    loop_server_kill(loop);
    loop_clients_forget(loop);
}

static void trial_run(struct loop *loop, const struct damage *damage)
{
    loop_image_put(loop);
    loop_rules_clear(loop);
    enum loop_end end = loop_server_start(loop, false);
    trace_bytes(loop->trace, loop_now_ns(loop), "damage", damage->expected, damage->what,
                strlen(damage->what));
    loop_trace(loop, "damaged", damage->kind, damage->expected, end);
    if (end == LOOP_RUNNING)
        trial_served(loop, damage);
    else if (end == LOOP_REFUSED)
        trial_refused(loop, damage);
    else
        loop_fail(loop, VERDICT_WRONG, "did not start after damage, nor refuse (exit code %d): %s",
                  loop->exit_code, damage->what);
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

static bool trial_damage(struct loop *loop, struct damage *damage)
{
    for (uint32_t i = 0; i < ATTEMPTS; i++) {
        enum fault fault = fault_draw(loop);
        if (fault == FAULT_COUNT)
            return false;
        if (damage_apply(loop->image, fault, &loop->faults, loop->older, damage))
            return true;
    }
    return false;
}

void loop_rest(struct loop *loop)
{
    struct damage damage;
    if (random_below(&loop->faults, 4) == 0)
        return;
    loop_image_take(loop);
    struct damage_backup *whole = damage_backup(loop->image);
    if (trial_damage(loop, &damage)) {
        loop_count(loop, damage.kind);
        trial_run(loop, &damage);
        damage_restore(loop->image, whole);
        loop_image_put(loop);
        memset(loop->shared->failed, 0, sizeof(loop->shared->failed));
    }
    if (loop->older == NULL || random_below(&loop->faults, 3) == 0) {
        loop_rest_free(loop);
        loop->older = whole;
    } else {
        damage_backup_free(loop->image, whole);
    }
}

void loop_rest_free(struct loop *loop)
{
    if (loop->older != NULL)
        damage_backup_free(loop->image, loop->older);
    loop->older = NULL;
}
