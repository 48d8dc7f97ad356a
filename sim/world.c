// The virtual world: time, chance, and the end of a run that has failed.
#include "sim/world.h"

#include "server/server.h"
#include "sim/bytes.h"
#include "sim/clients.h"
#include "sim/disk_damage.h"
#include "sim/io_internal.h"
#include "sim/model.h"
#include "sim/network.h"
#include "sim/observer.h"
#include "sim/requests.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TAIL_STEPS 60
#define WALL_START_US 1700000000000000
#define DISK_BLOCKS (1ULL << 24)

// The seam of time takes no argument: this is the one place that says which world it means.
static struct world **world_place(void)
{
    static struct world *current;
    return &current;
}

struct world *world_current(void)
{
    return *world_place();
}

// --- life ------------------------------------------------------------------------------------

static void world_create_disk(struct world *world)
{
    struct disk_options options = {
        .capacity_blocks = DISK_BLOCKS,
        .refuses_direct = world_fault(world, FAULT_NO_DIRECT),
        .ignores_dsync = world_fault(world, FAULT_DSYNC_IGNORED),
    };
    world->lying = world_fault(world, FAULT_LYING_DISK);
    options.ignores_dsync = options.ignores_dsync || world->lying;
    struct random random;
    random_init(&random, world->plan.seed, "disk");
    world->disk = disk_create(&options, &random);
}

struct world *world_create(const struct plan *plan, FILE *trace, FILE *report)
{
    struct world *world = sim_alloc(1, sizeof(*world));
    assert(world_current() == NULL);
    *world_place() = world;
    world->plan = *plan;
    world->report = report;
    world->trace = trace_create(trace);
    world->now_ns = WORLD_START_NS;
    world->wall_us = WALL_START_US;
    world->faulted_ns = -1;
    world->errored_ns = -1;
    world->spools = UINT64_MAX;
    random_init(&world->timing, plan->seed, "timing");
    random_init(&world->faults, plan->seed, "faults");
    random_init(&world->entropy, plan->seed, "entropy");
    random_init(&world->aside, plan->seed, "aside");
    world_create_disk(world);
    world->requests = requests_create();
    world->network = network_create();
    world->clients = clients_create(world);
    world->model = model_create();
    world->observer = observer_create();
    world->notices = memfd_create("notices", 0);
    assert(world->notices >= 0);
    snprintf(world->plan.config.logfile, sizeof(world->plan.config.logfile), "/proc/self/fd/%d",
             world->notices);
    return world;
}

void world_destroy(struct world *world)
{
    assert(world != NULL && world == world_current() && world->server == NULL);
    observer_destroy(world->observer);
    model_destroy(world->model);
    clients_destroy(world->clients);
    network_destroy(world->network);
    requests_destroy(world->requests);
    if (world->older != NULL)
        damage_backup_free(world->disk, world->older);
    disk_destroy(world->disk);
    agenda_free(&world->agenda);
    trace_destroy(world->trace);
    close(world->notices);
    free(world);
    *world_place() = NULL;
}

// --- chance ----------------------------------------------------------------------------------

int64_t world_wall_ms(const struct world *world)
{
    return (world->now_ns / 1000 + world->wall_us) / 1000;
}

void world_count(struct world *world, enum fault fault)
{
    world->tally.faults[fault]++;
    if (world->trace != NULL)
        trace_step(world->trace, world->now_ns, fault_row(fault)->name, 0, 0, 0);
}

bool world_fault_at(struct world *world, enum fault fault, uint32_t ppm)
{
    if (ppm == 0 || world->calm || !random_chance(&world->faults, ppm))
        return false;
    // How bytes are split is no misfortune: it would only fill the trace.
    if (fault == FAULT_FRAGMENT)
        world->tally.faults[fault]++;
    else
        world_count(world, fault);
    return true;
}

bool world_fault(struct world *world, enum fault fault)
{
    return world_fault_at(world, fault, world->plan.ppm[fault]);
}

void world_keep_disk(struct world *world)
{
    if (random_below(&world->timing, 4) != 0)
        return;
    if (world->older != NULL)
        damage_backup_free(world->disk, world->older);
    world->older = damage_backup(world->disk);
}

// --- time ------------------------------------------------------------------------------------

static void world_happen(struct world *world, const struct agenda_item *item)
{
    switch (item->kind) {
    case AGENDA_FILE:
        request_end(world, item->index, item->generation);
        break;
    case AGENDA_SEND:
        network_send_end(world, item->index, item->generation);
        break;
    case AGENDA_ARRIVE:
        network_arrive(world, item->index, item->generation);
        break;
    case AGENDA_DELIVER:
        network_deliver(world, item->index, item->generation);
        break;
    case AGENDA_CLIENT:
        clients_act(world, item->index, item->generation);
        break;
    case AGENDA_CANCEL:
        io_cancel_now(world, item->index, item->generation);
        break;
    case AGENDA_DISK_FREE:
        disk_options(world->disk)->capacity_blocks = DISK_BLOCKS;
        trace_step(world->trace, world->now_ns, "disk has room", 0, 0, 0);
        break;
    }
}

void world_advance(struct world *world, int64_t until_ns, bool (*enough)(const struct world *))
{
    for (;;) {
        const struct agenda_item *first = agenda_first(&world->agenda);
        bool due = first != NULL && first->at_ns <= world->now_ns;
        // What is due happens; then it may be enough.
        if (!due && (world->now_ns >= until_ns || enough(world)))
            return;
        if (first == NULL || (!due && first->at_ns > until_ns)) {
            // Nothing happens before then.
            if (until_ns != INT64_MAX)
                world->now_ns = until_ns;
            return;
        }
        struct agenda_item item = agenda_take(&world->agenda);
        if (item.at_ns > world->now_ns)
            world->now_ns = item.at_ns;
        world_happen(world, &item);
        if (world->server != NULL && world->server->io != NULL)
            io_sockets_poll_accept(world);
    }
}

// --- failing ---------------------------------------------------------------------------------

static void world_show_notices(const struct world *world)
{
    char text[8192];
    off_t size = lseek(world->notices, 0, SEEK_END);
    off_t from = size > (off_t)sizeof(text) ? size - (off_t)sizeof(text) : 0;
    ssize_t length = pread(world->notices, text, sizeof(text), from);
    if (length > 0)
        fprintf(world->report, "the server's last messages:\n%.*s", (int)length, text);
}

void world_tell(struct world *world)
{
    fprintf(world->report, "the last steps (number, time, what):\n");
    trace_tail(world->trace, TAIL_STEPS, world->report);
    world_show_notices(world);
    fflush(world->report);
}

void world_fail(struct world *world, enum verdict verdict, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fprintf(world->report, "seed %llu: %s: ", (unsigned long long)world->plan.seed,
            verdict == VERDICT_STUCK ? "the server got stuck" : "the server was wrong");
    vfprintf(world->report, format, list);
    fputc('\n', world->report);
    va_end(list);
    world_tell(world);
    _exit(verdict);
}
