// A run: lives of the server with faults and damage between them, until the work is done; then calm,
// and the last checks.
#include "sim/world.h"

#include "server/checkpoint_internal.h"
#include "server/server.h"
#include "sim/clients.h"
#include "sim/disk_damage.h"
#include "sim/disk_internal.h"
#include "sim/disk_survey.h"
#include "sim/life.h"
#include "sim/model.h"
#include "sim/observer.h"
#include "sim/observer_spool.h"
#include "sim/requests.h"
#include "wal/log.h"
#include "wal/names.h"

#include <assert.h>
#include <string.h>

// Lives with faults; then the rest of the work is done in calm.
#define LIVES_MAX 60
// What is asked last must be answered in this time.
#define CALM_NS_MAX 120000000000
// Between two lives.
#define PAUSE_NS_MAX 200000000
// The longest time that a save point of a run has.
#define SAVE_MS_MAX 30000
#define SURVEY_PPM 200000
#define READY_PPM 250000

// --- damage at rest --------------------------------------------------------------------------

static bool run_never(const struct world *world)
{
    assert(world != NULL);
    return false;
}

static bool run_landed(const struct world *world)
{
    return requests_orphans(world->requests) == 0;
}

static enum fault run_draw_damage(struct world *world)
{
    uint32_t first = FAULT_AT_REST_FIRST;
    uint32_t kinds = FAULT_COUNT - first;
    uint32_t from = (uint32_t)random_below(&world->faults, kinds);
    for (uint32_t i = 0; i < kinds; i++) {
        enum fault fault = (enum fault)(first + (from + i) % kinds);
        if (!world->calm && random_chance(&world->faults, world->plan.ppm[fault]))
            return fault;
    }
    return FAULT_COUNT;
}

// With wal-ack completion, what was acknowledged has a witness in the completion log.
static void run_check_witness(struct world *world)
{
    struct observer *observer = world->observer;
    if (world->lying || observer_witnessed(observer) == 0)
        return;
    struct damage_survey survey;
    damage_survey(world->disk, &survey);
    if (observer_change_of(observer, survey.witnessed) < observer_witnessed(observer))
        world_fail(world, VERDICT_WRONG,
                   "acknowledged with wal-ack completion, but witnessed by nothing: change %llu",
                   (unsigned long long)observer_witnessed(observer));
}

static void run_judge(struct world *world, const struct damage *damage, enum life_end end)
{
    enum fault_class expected = damage->expected;
    const char *what = damage->what;
    if (end == LIFE_REFUSED && expected == FAULT_SURVIVE)
        world_fail(world, VERDICT_WRONG, "refused for harmless damage: %s", what);
    if (end == LIFE_REFUSED && damage->file[0] != '\0' && !life_has_said(world, damage->file))
        world_fail(world, VERDICT_WRONG, "the refusal does not name %s: %s", damage->file, what);
    if (end != LIFE_REFUSED && expected == FAULT_REFUSE)
        world_fail(world, VERDICT_WRONG, "served in spite of damage to acknowledged data: %s",
                   what);
    if (end == LIFE_NO_START)
        world_fail(world, VERDICT_WRONG, "did not start after damage, nor refuse: %s", what);
}

static bool run_at_once(struct world *world)
{
    return world->serving;
}

// What could not be read, and did not matter, can be read again: the next damage is judged alone.
static void run_heal(struct world *world)
{
    world_advance(world, INT64_MAX, run_landed);
    struct damage_backup *backup = damage_backup(world->disk);
    damage_restore(world->disk, backup);
    damage_backup_free(world->disk, backup);
}

// Where a frame has been hit, the completion log may be hit as well: then less can be told, but what
// is served must still be right.
static void run_damage_more(struct world *world, struct damage *damage)
{
    static const enum fault kinds[] = {FAULT_ROT_COMPLETION, FAULT_ROT_COMPLETION_ALL,
                                       FAULT_MISSING_COMPLETION};
    bool frame = damage->kind == FAULT_ROT_INTENT || damage->kind == FAULT_ROT_NEWEST;
    if (!frame || random_below(&world->faults, 3) != 0)
        return;
    struct damage more;
    enum fault kind = kinds[random_below(&world->faults, 3)];
    if (!damage_apply(world->disk, kind, &world->faults, NULL, &more))
        return;
    world_count(world, kind);
    damage->expected = FAULT_BEYOND;
    damage->file[0] = '\0';
    if (more.witnessed_after < damage->witnessed_after)
        damage->witnessed_after = more.witnessed_after;
}

// Is there an empty segment whose header keeps out frames that have been cut?
static bool run_keeps_out(const struct survey *survey)
{
    for (uint32_t i = 0; i < survey->segments_count; i++) {
        const struct survey_segment *segment = &survey->segments[i];
        for (uint32_t j = 0; j < survey->frames_count && !segment->needed; j++) {
            const struct survey_frame *frame = &survey->frames[j];
            if (segment->kind == SURVEY_VALID && frame->number < segment->number &&
                frame->sequence >= segment->first && frame->sequence > survey->end)
                return true;
        }
    }
    return false;
}

// Segments that were only prepared are gone, all of them: the next start uses what others have left, and
// crashes as starts do. `always`: whatever the others are.
static bool run_lose_ready(struct world *world, bool always)
{
    struct survey survey;
    uint32_t lost = 0;
    disk_settle(world->disk);
    survey_take(world->disk, NULL, &survey);
    bool loses = survey.has_instance && (always || run_keeps_out(&survey));
    for (uint32_t i = 0; i < survey.segments_count && loses; i++) {
        char name[WAL_SEGMENT_NAME_BYTES];
        if (survey.segments[i].kind != SURVEY_ZERO)
            continue;
        wal_segment_name(name, survey.segments[i].slot);
        disk_unlink(world->disk, name);
        lost++;
    }
    disk_settle(world->disk);
    survey_free(&survey);
    trace_step(world->trace, world->now_ns, "no segment is ready", lost, 0, 0);
    if (lost > 0)
        world_count(world, FAULT_MISSING_READY);
    return lost > 0;
}

// One start over damaged files, without other faults, and its verdict. When it refuses, the files are
// put back as they were.
static void run_damaged(struct world *world, enum fault kind)
{
    struct damage_backup *backup = damage_backup(world->disk);
    struct damage damage;
    if (!damage_apply(world->disk, kind, &world->faults, world->older, &damage)) {
        damage_backup_free(world->disk, backup);
        return;
    }
    world_count(world, kind);
    observer_spools_unknown(world);
    run_damage_more(world, &damage);
    trace_bytes(world->trace, world->now_ns, "damage", damage.expected, damage.what,
                strlen(damage.what));
    struct observer_marks marks = observer_marks(world->observer);
    if (damage.expected == FAULT_UNDECIDABLE || damage.expected == FAULT_BEYOND)
        observer_lower(world->observer,
                       observer_change_of(world->observer, damage.witnessed_after));
    world->calm = true;
    disk_options(world->disk)->capacity_blocks = UINT32_MAX;
    enum life_end end = life_run(world, run_at_once);
    world->calm = false;
    run_judge(world, &damage, end);
    if (end == LIFE_REFUSED) {
        observer_set_marks(world->observer, marks);
        damage_restore(world->disk, backup);
    } else if (kind == FAULT_UNREADABLE || kind == FAULT_UNREADABLE_CHECKPOINT) {
        run_heal(world);
    }
    damage_backup_free(world->disk, backup);
}

static void run_rest(struct world *world)
{
    int64_t pause_ns = (int64_t)random_below(&world->timing, PAUSE_NS_MAX);
    enum fault kind = run_draw_damage(world);
    bool survey = random_chance(&world->timing, SURVEY_PPM);
    bool ready = world->plan.scenario->checkpoints && !world->calm &&
                 random_chance(&world->faults, READY_PPM);
    if (kind == FAULT_COUNT && !survey && !ready) {
        world_advance(world, world->now_ns + pause_ns, run_never);
        return;
    }
    world_advance(world, INT64_MAX, run_landed);
    if (survey)
        run_check_witness(world);
    if (ready)
        run_lose_ready(world, random_below(&world->faults, 4) == 0);
    else if (kind != FAULT_COUNT)
        run_damaged(world, kind);
    world_keep_disk(world);
}

// --- the run ---------------------------------------------------------------------------------

// A refusal without damage: only unreadable files, or a disk that lied, explain it.
static void run_check_refusal(struct world *world)
{
    if (world->start_reads_failed > 0 || world->lying)
        return;
    world_fail(world, VERDICT_WRONG, "refused to start after an ordinary crash");
}

static bool run_is_done(struct world *world)
{
    return world->tally.operations >= world->plan.operations && clients_finished(world);
}

// What a folder may hold when a checkpoint has been made and nobody writes: that one, space for the
// next, and the segments of one round of the log.
static bool run_folder_bounded(struct world *world)
{
    const struct server *server = world->server;
    struct checkpoint_stats stats;
    checkpoint_stats(server, &stats);
    uint64_t round = stats.log_trigger > 0 ? stats.log_trigger : stats.bytes;
    uint64_t segments = (round + round / 2) / (uint64_t)server->config.wal_segment_size + 2 +
                        (uint64_t)server->config.wal_segments_ahead;
    // More may be ready than are kept: a long command has asked for them, and the log will use them.
    segments += wal_segments_ready(server->wal);
    world->folder_segments = 0;
    world->folder_checkpoints = 0;
    for (uint32_t i = 0; i < world->disk->files_count; i++) {
        const char *name = world->disk->files[i]->name;
        world->folder_checkpoints += strncmp(name, "checkpoint.", 11) == 0;
        world->folder_segments += strncmp(name, "intent.", 7) == 0;
    }
    return world->folder_segments <= segments && world->folder_checkpoints <= 2;
}

// Faults have ended: a checkpoint can be made, and the folder is as small as it has to be.
static bool run_folder_is_small(struct world *world)
{
    struct server *server = world->server;
    const struct checkpoint *checkpoint = server->checkpoint;
    // One that is due begins by itself, also after one that has failed.
    if (world->last_checkpoint == 0 && world->plan.scenario->checkpoints &&
        life_checkpoint_due(world, SAVE_MS_MAX))
        return false;
    world->checkpoint_fails = false;
    if (world->last_checkpoint == 0)
        world->last_checkpoint = checkpoint_request(server);
    if (checkpoint_attempts(checkpoint) < world->last_checkpoint)
        return false;
    if (!checkpoint_succeeded(checkpoint))
        world_fail(world, VERDICT_WRONG, "a checkpoint failed without reason: %s",
                   strerror(-checkpoint->last_error));
    return run_folder_bounded(world);
}

static bool run_is_over(struct world *world)
{
    if (clients_finished(world) && run_folder_is_small(world))
        return true;
    if (world->now_ns - world->calm_ns > CALM_NS_MAX)
        world_fail(
            world, VERDICT_STUCK,
            "%lld s after the last fault not everything is answered, or no checkpoint is made, "
            "or the folder is too large: %u segments, %u checkpoints",
            (long long)(CALM_NS_MAX / 1000000000), world->folder_segments,
            world->folder_checkpoints);
    return false;
}

// A disk that lied may have lost even what every start needs: then there is nothing more to see.
static bool run_is_lost(const struct world *world, enum life_end end)
{
    return end == LIFE_REFUSED && world->lying;
}

static void run_calm(struct world *world)
{
    world->calm = true;
    world->closing = true;
    world->calm_ns = world->now_ns;
    world->faulted_ns = -1;
    disk_options(world->disk)->capacity_blocks = UINT32_MAX;
    world_advance(world, INT64_MAX, run_landed);
    clients_calm(world);
    world->checkpoint_fails = world->plan.scenario->checkpoints && world->plan.ppm[FAULT_EIO] > 0;
    trace_step(world->trace, world->now_ns, "calm", 0, 0, 0);
    enum life_end end = life_run(world, run_is_over);
    if (run_is_lost(world, end))
        return;
    if (end != LIFE_STOPPED)
        world_fail(world, VERDICT_WRONG, "the server does not start and stop in calm (%d)", end);
    // Once more, to see that the clean stop has kept everything, also when the power is cut then.
    bool cut = world->plan.ppm[FAULT_POWER_CUT] > 0 && random_below(&world->timing, 2) == 0;
    if (cut && !world->lying) {
        world_count(world, FAULT_POWER_CUT);
        life_power_cut(world);
    }
    end = life_run(world, run_at_once);
    if (end != LIFE_STOPPED)
        world_fail(world, VERDICT_WRONG, "the server does not start after a clean stop (%d)", end);
}

void world_run(struct world *world)
{
    bool lost = false;
    for (uint32_t life = 0; life < LIVES_MAX && !lost && !run_is_done(world); life++) {
        if (life > 0)
            run_rest(world);
        enum life_end end = life_run(world, run_is_done);
        if (end == LIFE_REFUSED)
            run_check_refusal(world);
        lost = run_is_lost(world, end);
    }
    if (!lost)
        run_calm(world);
    world->tally.runs = 1;
    world->tally.simulated_ns = world->now_ns - WORLD_START_NS;
}
