// Lives of the server under test.
#include "sim/life.h"

#include "server/checkpoint_internal.h"
#include "server/server.h"
#include "sim/bytes.h"
#include "sim/clients.h"
#include "sim/disk.h"
#include "sim/disk_damage.h"
#include "sim/io_internal.h"
#include "sim/model.h"
#include "sim/network.h"
#include "sim/observer.h"
#include "sim/observer_spool.h"
#include "sim/requests.h"
#include "wal/log.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A stop takes as long as clients may take to read, and as the log may take; see server.c.
#define STOP_NS_MAX 60000000000
// Without any command executed for so long, somebody waits in vain.
#define IDLE_NS_MAX 300000000000
// A failed checkpoint is tried again after CHECKPOINT_RETRY_NS.
#define OVERDUE_NS_MAX (CHECKPOINT_RETRY_NS + 3000000000)
#define STOP_PPM 300
#define JUMP_US_MAX 100000000000
#define DISK_FULL_NS_MAX 5000000000
#define DEAD_NS_MAX 12000000000
// Room that a start needs: a few segments.
#define DISK_SPARE_BLOCKS 2048

// --- what the server says --------------------------------------------------------------------

bool life_has_said(const struct world *world, const char *text)
{
    off_t length = lseek(world->notices, 0, SEEK_END);
    assert(length >= 0);
    char *said = sim_alloc((size_t)length + 1, 1);
    ssize_t got = pread(world->notices, said, (size_t)length, 0);
    said[got > 0 ? got : 0] = '\0';
    bool found = strstr(said, text) != NULL;
    free(said);
    return found;
}

static void life_listen(struct world *world)
{
    int result = ftruncate(world->notices, 0);
    assert(result == 0);
    (void)result;
}

// --- ending ----------------------------------------------------------------------------------

// The process is gone, whatever it was doing.
static void life_drop(struct world *world)
{
    struct server *server = world->server;
    if (world->serving)
        world->tally.checkpoints += server->checkpoint->count;
    world->tally.moved += server->defrag.moved;
    world->reserve_kept = world->serving && world->errored_ns < world->served_ns;
    observer_died(world);
    observer_spools_died(world);
    if (world->sync_failed)
        observer_spools_unknown(world);
    network_server_died(world);
    requests_orphan(world);
    disk_kill(world->disk);
    // The kernel has forgotten what a failed sync was to write.
    if (world->sync_failed)
        life_forgets(world);
    world->sync_failed = false;
    world->serving = false;
    server_destroy(server);
    world->server = NULL;
}

void life_forgets(struct world *world)
{
    observer_power_cut(world);
    if (!world->lying)
        return;
    struct damage_survey survey;
    damage_survey(world->disk, &survey);
    observer_lower(world->observer, observer_change_of(world->observer, survey.witnessed));
}

void life_power_cut(struct world *world)
{
    world_keep_disk(world);
    disk_power_cut(world->disk);
    observer_spools_unknown(world);
    requests_forget(world);
    life_forgets(world);
}

static enum life_end life_died(struct world *world)
{
    trace_step(world->trace, world->now_ns, "dies", world->disaster, world->serving, 0);
    world->tally.crashes++;
    life_drop(world);
    if (world->disaster == DISASTER_POWER_CUT)
        life_power_cut(world);
    return LIFE_DIED;
}

// --- starting --------------------------------------------------------------------------------

static void life_refused(struct world *world)
{
    world->tally.refusals++;
    if (!life_has_said(world, "refusing to start"))
        world_fail(world, VERDICT_WRONG, "the server refused to start and did not say why");
}

static bool life_disk_is_full(const struct world *world)
{
    return disk_used_blocks(world->disk) + DISK_SPARE_BLOCKS >
           disk_options(world->disk)->capacity_blocks;
}

// Is this exit code explained by what has been injected?
static void life_start_failed(struct world *world, int code, int64_t began_ns, bool orphans)
{
    // What is kept in reserve is for this: a full disk alone keeps nobody from starting.
    bool full = life_disk_is_full(world) && !world->reserve_kept;
    bool faulted = world->errored_ns >= began_ns || full;
    bool explained = (code == EXIT_START && faulted) || (code == EXIT_LOCKED && orphans) ||
                     (code == EXIT_LOG_FAILED && faulted);
    if (!explained)
        world_fail(world, VERDICT_WRONG, "the server did not start (exit code %d) without reason",
                   code);
}

static enum life_end life_start(struct world *world)
{
    int64_t began_ns = world->now_ns;
    bool orphans = requests_orphans(world->requests) > 0;
    struct config config = world->plan.config;
    life_listen(world);
    world->tally.starts++;
    world->start_reads_failed = 0;
    trace_step(world->trace, world->now_ns, "starts", world->tally.starts, 0, 0);
    observer_starts(world, &config);
    int code = server_create(&config, "", &world->server);
    trace_step(world->trace, world->now_ns, "started", (uint64_t)code, 0, 0);
    if (code == EXIT_CLEAN && world->server->state != SERVER_STOPPED)
        return LIFE_STOPPED;
    if (code == EXIT_CLEAN) { // it was asked to stop while it recovered
        life_drop(world);
        return LIFE_NO_START;
    }
    if (code == EXIT_DAMAGED)
        life_refused(world);
    else
        life_start_failed(world, code, began_ns, orphans);
    life_drop(world);
    world->reserve_kept = false;
    return code == EXIT_DAMAGED ? LIFE_REFUSED : LIFE_NO_START;
}

// --- living ----------------------------------------------------------------------------------

static void life_disk_full(struct world *world)
{
    world->faulted_ns = world->now_ns;
    disk_options(world->disk)->capacity_blocks =
        disk_used_blocks(world->disk) + random_below(&world->faults, 128);
    int64_t until_ns = world->now_ns + random_between(&world->faults, 0, DISK_FULL_NS_MAX);
    agenda_add(&world->agenda, until_ns, AGENDA_DISK_FREE, 0, 0);
}

static void life_jump(struct world *world)
{
    int64_t us = (int64_t)random_log(&world->faults, JUMP_US_MAX);
    world->wall_us += random_below(&world->faults, 2) == 0 ? us : -us;
}

static bool life_asks_to_stop(struct world *world, bool (*enough)(struct world *world))
{
    if (enough(world))
        return true;
    return !world->calm && world->plan.ppm[FAULT_KILL] > 0 &&
           random_chance(&world->timing, STOP_PPM);
}

static void life_watch(const struct world *world, uint64_t *operations, int64_t *since_ns)
{
    if (world->tally.operations != *operations) {
        *operations = world->tally.operations;
        *since_ns = world->now_ns;
    }
}

// The one pair "seconds changes" that a run may have.
static bool life_save_point(const struct world *world, const struct checkpoint_stats *stats,
                            int64_t ahead_ms)
{
    unsigned long long seconds;
    unsigned long long changes;
    if (sscanf(world->plan.config.save, "%llu %llu", &seconds, &changes) != 2 ||
        world->plan.ppm[FAULT_CLOCK_JUMP] > 0)
        return false;
    int64_t passed_ms = world_wall_ms(world) + ahead_ms - stats->done_ms;
    return stats->changes >= changes && passed_ms / 1000 >= (int64_t)seconds;
}

bool life_checkpoint_due(const struct world *world, int64_t ahead_ms)
{
    const struct server *server = world->server;
    struct checkpoint_stats stats;
    checkpoint_stats(server, &stats);
    uint64_t grown = stats.log_bytes;
    if (server->checkpoint->count == 0)
        grown = server->recovery.bytes + wal_bytes_total(server->wal);
    return (stats.log_trigger > 0 && grown >= stats.log_trigger) ||
           life_save_point(world, &stats, ahead_ms);
}

// A checkpoint is due, and none begins.
static void life_watch_checkpoint(struct world *world, uint64_t *begun, int64_t *since_ns)
{
    const struct server *server = world->server;
    const struct checkpoint *checkpoint = server->checkpoint;
    bool idle = server->state == SERVER_SERVING && checkpoint->step == CHECKPOINT_IDLE;
    if (!idle || checkpoint->begun != *begun || !life_checkpoint_due(world, 0)) {
        *begun = checkpoint->begun;
        *since_ns = world->now_ns;
    }
    if (world->now_ns - *since_ns > OVERDUE_NS_MAX)
        world_fail(world, VERDICT_STUCK, "for %lld s a checkpoint has been due, and none begins",
                   (long long)(OVERDUE_NS_MAX / 1000000000));
}

// Turns until it is enough. False when the server stopped by itself.
static bool life_serve(struct world *world, bool (*enough)(struct world *world))
{
    uint64_t operations = world->tally.operations;
    int64_t since_ns = world->now_ns;
    uint64_t begun = 0;
    int64_t due_ns = world->now_ns;
    struct server *server = world->server;
    while (!life_asks_to_stop(world, enough)) {
        server_turn(server);
        if (server->state == SERVER_STOPPED)
            return false;
        if (world_fault(world, FAULT_CLOCK_JUMP))
            life_jump(world);
        if (world_fault(world, FAULT_DISK_FULL))
            life_disk_full(world);
        if (world_fault(world, FAULT_DEAD_DISK))
            world->dead_until_ns = world->now_ns + random_between(&world->faults, 0, DEAD_NS_MAX);
        life_watch_checkpoint(world, &begun, &due_ns);
        life_watch(world, &operations, &since_ns);
        if (world->now_ns - since_ns > IDLE_NS_MAX)
            world_fail(world, VERDICT_STUCK, "no command was executed for %lld s",
                       (long long)(IDLE_NS_MAX / 1000000000));
    }
    return true;
}

static void life_stop(struct world *world)
{
    struct server *server = world->server;
    int64_t began_ns = world->now_ns;
    trace_step(world->trace, world->now_ns, "is asked to stop", 0, 0, 0);
    io_signal(world, SIGTERM);
    while (server->state != SERVER_STOPPED) {
        server_turn(server);
        if (world->now_ns - began_ns > STOP_NS_MAX)
            world_fail(world, VERDICT_STUCK, "the server does not stop");
    }
}

// The server has stopped: what its exit code says must be true.
static enum life_end life_exit(struct world *world, int64_t began_ns)
{
    int code = world->server->exit_code;
    trace_step(world->trace, world->now_ns, "exits", (uint64_t)code, 0, 0);
    life_drop(world);
    if (code == EXIT_CLEAN) {
        observer_stopped(world);
        return LIFE_STOPPED;
    }
    if (code != EXIT_LOG_FAILED || world->faulted_ns < began_ns)
        world_fail(world, VERDICT_WRONG, "the server ended (exit code %d) without reason", code);
    world->tally.failed_stops++;
    return LIFE_FAILED;
}

enum life_end life_run(struct world *world, bool (*enough)(struct world *world))
{
    world->disaster = DISASTER_NONE;
    if (setjmp(world->gone) != 0)
        return life_died(world);
    int64_t began_ns = world->now_ns;
    enum life_end start = life_start(world);
    if (start != LIFE_STOPPED)
        return start;
    world->tally.recoveries++;
    world->tally.based += world->server->recovery.checkpoint > 0;
    observer_recovered(world);
    observer_spools_recovered(world);
    world->serving = true;
    world->served_ns = world->now_ns;
    clients_wake(world);
    if (life_serve(world, enough))
        life_stop(world);
    return life_exit(world, began_ns);
}
