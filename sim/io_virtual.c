// The virtual ring: its life, waiting, and the order in which events come out.
#include "sim/io_internal.h"

#include "server/checkpoint_internal.h"
#include "server/server.h"
#include "sim/network.h"
#include "sim/requests.h"
#include "storage/allocator.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

// What a turn of the server costs, at most and now and then.
#define TURN_NS_MAX 60000
#define HICCUP_NS_MAX 20000000
#define HICCUP_PPM 300
// A start that recovers is asked to stop.
#define STOP_LOADING_PPM 1000
// Turns without any time passing that nobody would need.
#define TURNS_STILL_MAX 1000000

size_t io_overhead(void)
{
    return sizeof(struct io) + (size_t)IO_BUFFERS * IO_BUFFER_BYTES + 4ULL * 4096;
}

int io_create(struct allocator *allocator, struct io **out, char error[1024])
{
    struct world *world = world_current();
    struct io *io = allocator_take(allocator, sizeof(*io), 64);
    assert(io != NULL && error != NULL);
    io->world = world;
    io->buffers = allocator_take(allocator, (size_t)IO_BUFFERS * IO_BUFFER_BYTES, 4096);
    assert(io->buffers != NULL);
    for (uint32_t i = 0; i < world->plan.buffers; i++)
        io->free[io->free_count++] = (uint16_t)i;
    io->free_seen = io->free_count;
    *out = io;
    return 0;
}

void io_destroy(struct io *io)
{
    assert(io->world == world_current());
    io->ready_count = 0;
}

const char *io_name(const struct io *io)
{
    assert(io->world != NULL);
    return "virtual";
}

struct io *io_of(struct world *world)
{
    return world->server != NULL ? world->server->io : NULL;
}

// --- events ----------------------------------------------------------------------------------

static struct io_event *io_event_new(struct world *world, uint64_t token, int32_t result, bool more)
{
    struct io *io = io_of(world);
    if (io == NULL)
        return NULL;
    assert(io->ready_count < IO_READY_MAX);
    struct io_event *event = &io->ready[io->ready_count++];
    *event = (struct io_event){.token = token, .result = result, .more = more};
    return event;
}

void io_event_add(struct world *world, uint64_t token, int32_t result, bool more)
{
    io_event_new(world, token, result, more);
}

void io_event_buffer(struct world *world, uint64_t token, int32_t result, bool more,
                     uint16_t buffer)
{
    struct io_event *event = io_event_new(world, token, result, more);
    assert(event != NULL);
    event->has_buffer = true;
    event->buffer = buffer;
}

// Completions come in any order, but those of one request in theirs.
static void io_shuffle(struct io *io)
{
    struct world *world = io->world;
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i + 1 < io->ready_count; i++) {
            if (io->ready[i].token == io->ready[i + 1].token ||
                (random_next(&world->timing) & 1) != 0)
                continue;
            struct io_event event = io->ready[i];
            io->ready[i] = io->ready[i + 1];
            io->ready[i + 1] = event;
        }
    }
}

static int io_reap(struct io *io, struct io_event *events)
{
    if (io->ready_count > 1)
        io_shuffle(io);
    uint32_t count = io->ready_count < IO_EVENTS_MAX ? io->ready_count : IO_EVENTS_MAX;
    // Now and then not all of them are there yet.
    if (count > 1 && random_below(&io->world->timing, 8) == 0)
        count = 1 + (uint32_t)random_below(&io->world->timing, count);
    memcpy(events, io->ready, count * sizeof(*events));
    io->ready_count -= count;
    memmove(io->ready, io->ready + count, io->ready_count * sizeof(*events));
    for (uint32_t i = 0; i < count; i++) {
        if (!events[i].has_buffer)
            continue;
        assert(io->free_seen > 0);
        io->free_seen--;
    }
    return (int)count;
}

// --- waiting ---------------------------------------------------------------------------------

static bool io_has_events(const struct world *world)
{
    const struct server *server = world->server;
    return server->io->ready_count > 0;
}

// The power is cut, or the process killed, before or after the kernel has taken what is waiting.
static void io_disaster(struct world *world, bool files)
{
    if (world->calm)
        return;
    // While something is being written, or a checkpoint is put into its place.
    bool busy = requests_writing(world->requests) > 0 ||
                (world->serving && world->server->checkpoint->step > CHECKPOINT_WALK);
    uint32_t likelier = busy ? 10 : 1;
    enum disaster disaster = DISASTER_NONE;
    if (world->serving) {
        if (world_fault_at(world, FAULT_POWER_CUT, world->plan.ppm[FAULT_POWER_CUT] * likelier))
            disaster = DISASTER_POWER_CUT;
        else if (world_fault_at(world, FAULT_KILL, world->plan.ppm[FAULT_KILL] * likelier))
            disaster = DISASTER_KILL;
    } else if (files && world_fault(world, FAULT_START_CUT)) {
        disaster = random_below(&world->faults, 2) == 0 ? DISASTER_POWER_CUT : DISASTER_KILL;
    }
    if (disaster == DISASTER_NONE)
        return;
    world->disaster = disaster;
    longjmp(world->gone, 1);
}

static void io_stop_loading(struct world *world, const struct io *io)
{
    if (world->server == NULL || world->server->state != SERVER_LOADING || world->calm ||
        world->plan.ppm[FAULT_KILL] == 0 || !io->signals ||
        !random_chance(&world->timing, STOP_LOADING_PPM))
        return;
    trace_step(world->trace, world->now_ns, "is asked to stop", 0, 0, 0);
    io_signal(world, SIGTERM);
}

static void io_count_turn(struct world *world, int64_t before_ns)
{
    world->tally.turns++;
    world->turns_still = world->now_ns > before_ns ? 0 : world->turns_still + 1;
    if (world->turns_still > TURNS_STILL_MAX)
        world_fail(world, VERDICT_STUCK, "%u turns without any time passing", TURNS_STILL_MAX);
}

int io_wait(struct io *io, int64_t timeout_ns, struct io_event *events)
{
    struct world *world = io->world;
    // The server has not been told to the world before its ring was made.
    int64_t before_ns = world->now_ns;
    // A start waits for clients, too, while it loads: only its own steps count.
    bool files = requests_waiting(world->requests) > 0;
    io_disaster(world, files);
    requests_hand_over(world);
    world->now_ns += (int64_t)random_below(&world->timing, TURN_NS_MAX);
    if (!world->calm && random_chance(&world->timing, HICCUP_PPM))
        world->now_ns += (int64_t)random_below(&world->timing, HICCUP_NS_MAX);
    io_sockets_poll(world);
    io_disaster(world, files);
    io_stop_loading(world, io);
    int64_t until_ns = timeout_ns < 0 ? INT64_MAX : world->now_ns + timeout_ns;
    world_advance(world, until_ns, io_has_events);
    if (timeout_ns < 0 && io->ready_count == 0)
        world_fail(world, VERDICT_STUCK, "the server waits for an event that will never come");
    io_count_turn(world, before_ns);
    int count = io_reap(io, events);
    trace_step(world->trace, world->now_ns, "turn", (uint64_t)count, io->ready_count,
               (uint64_t)timeout_ns);
    return count;
}

// --- signals ---------------------------------------------------------------------------------

int io_signals(struct io *io, uint64_t token)
{
    io->signal_token = token;
    io->signals = true;
    return 0;
}

void io_signal(struct world *world, int number)
{
    struct io *io = io_of(world);
    assert(io != NULL && io->signals);
    io->signals = false;
    io_event_add(world, io->signal_token, number, false);
}
