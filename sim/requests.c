// Requests on files in flight.
#include "sim/requests.h"

#include "server/io.h"
#include "sim/bytes.h"
#include "sim/disk.h"
#include "sim/io_internal.h"
#include "sim/life.h"
#include "sim/network.h"
#include "sim/observer.h"
#include "sim/spent.h"
#include "wal/names.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REQUESTS_MAX 1024
#define SLOW_NS_MAX 1000000000
#define STUCK_NS_MAX 20000000000
#define LATE_NS_MAX 8000000000

struct requests {
    uint32_t waiting[REQUESTS_MAX]; // not handed over, in order
    uint32_t waiting_count;
    uint32_t writing;
    uint32_t orphans;
    uint32_t used; // slots that have ever been used
    struct request slots[REQUESTS_MAX];
};

struct requests *requests_create(void)
{
    return sim_alloc(1, sizeof(struct requests));
}

void requests_destroy(struct requests *requests)
{
    free(requests);
}

static struct request *request_take(struct requests *requests)
{
    for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
        struct request *request = &requests->slots[i];
        if (request->used)
            continue;
        uint32_t generation = request->generation + 1;
        memset(request, 0, sizeof(*request));
        request->generation = generation;
        request->used = true;
        if (i >= requests->used)
            requests->used = i + 1;
        return request;
    }
    assert(!"more requests on files in flight than the server may have");
    return NULL;
}

struct request *request_add(struct requests *requests, enum request_kind kind, uint64_t token)
{
    struct request *request = request_take(requests);
    request->kind = kind;
    request->token = token;
    assert(requests->waiting_count < REQUESTS_MAX);
    requests->waiting[requests->waiting_count++] = (uint32_t)(request - requests->slots);
    return request;
}

static void request_free(struct requests *requests, struct request *request)
{
    if (request->orphan) {
        assert(requests->orphans > 0);
        requests->orphans--;
    }
    request->used = false;
    request->begun = false;
}

uint32_t requests_orphans(const struct requests *requests)
{
    return requests->orphans;
}

uint32_t requests_waiting(const struct requests *requests)
{
    return requests->waiting_count;
}

uint32_t requests_writing(const struct requests *requests)
{
    return requests->writing;
}

// --- faults ----------------------------------------------------------------------------------

static bool request_opens_for_write(const struct request *request)
{
    return request->kind == REQUEST_OPEN && (request->flags & IO_OPEN_WRITE) != 0;
}

// The error that it is going to end with, 0 for none.
static int request_fault(struct world *world, const struct request *request)
{
    bool file = request->kind != REQUEST_CLOSE;
    bool spends = request->kind == REQUEST_WRITE || request->kind == REQUEST_ALLOCATE ||
                  request_opens_for_write(request);
    int error = 0;
    if (request->kind == REQUEST_RENAME && world->checkpoint_fails) {
        world->checkpoint_fails = false;
        error = -EIO;
    }
    if (file && world->now_ns < world->dead_until_ns && !world->calm)
        error = -EIO;
    if (file && world_fault(world, FAULT_EIO))
        error = -EIO;
    if (spends && world_fault(world, FAULT_ENOSPC))
        error = -ENOSPC;
    if (request->kind == REQUEST_SYNC && world_fault(world, FAULT_SYNC_ERROR))
        error = -EIO;
    if (request->kind == REQUEST_OPEN && world_fault(world, FAULT_PERMISSION))
        error = -EACCES;
    if (request->kind == REQUEST_OPEN && world_fault(world, FAULT_DESCRIPTORS))
        error = -EMFILE;
    if (error == 0)
        return 0;
    world->faulted_ns = world->now_ns;
    world->errored_ns = world->now_ns;
    if (!world->serving && (request->kind == REQUEST_READ || request->kind == REQUEST_OPEN))
        world->start_reads_failed++;
    return error;
}

static int64_t request_latency(struct world *world, const struct request *request)
{
    int64_t ns = (int64_t)random_log(&world->timing, (uint64_t)world->plan.disk_us) * 1000 + 5000;
    if (request->kind == REQUEST_CLOSE)
        return ns / 8;
    if (world_fault(world, FAULT_SLOW))
        ns = random_between(&world->faults, ns, SLOW_NS_MAX);
    if (world_fault(world, FAULT_STUCK))
        ns = random_between(&world->faults, SLOW_NS_MAX, STUCK_NS_MAX);
    return ns;
}

// --- beginning -------------------------------------------------------------------------------

static void request_begin_write(struct world *world, struct request *request)
{
    request->sum = bytes_sum(request->pieces, request->pieces_count);
    if (strncmp(disk_name(world->disk, request->file), "intent.", 7) == 0) {
        for (uint32_t i = 0; i < request->pieces_count; i++)
            observer_frame(world, request->pieces[i].iov_base, request->pieces[i].iov_len);
    }
    request->disk = disk_write_begin(world->disk, request->file, request->pieces,
                                     request->pieces_count, request->offset, request->dsync);
    if (request->disk < 0) {
        request->error = (int)request->disk;
        return;
    }
    world->requests->writing++;
}

static void request_begin(struct world *world, struct request *request)
{
    spent_look(world, request);
    request->begun = true;
    request->error = request_fault(world, request);
    request->disk = -1;
    if (request->kind == REQUEST_WRITE) {
        int error = request->error;
        request_begin_write(world, request);
        if (request->disk >= 0)
            request->error = error;
    } else if (request->kind == REQUEST_SYNC) {
        request->disk = disk_sync_begin(world->disk, request->file);
        if (request->disk < 0)
            request->error = (int)request->disk;
    }
    trace_step(world->trace, world->now_ns, "request", request->kind, (uint64_t)request->file,
               request->offset);
    uint32_t index = (uint32_t)(request - world->requests->slots);
    agenda_add(&world->agenda, world->now_ns + request_latency(world, request), AGENDA_FILE, index,
               request->generation);
}

void requests_hand_over(struct world *world)
{
    struct requests *requests = world->requests;
    for (uint32_t i = 0; i < requests->waiting_count; i++)
        request_begin(world, &requests->slots[requests->waiting[i]]);
    requests->waiting_count = 0;
}

// --- ending ----------------------------------------------------------------------------------

static bool request_is_socket(void *context, int handle)
{
    const struct world *world = context;
    return network_is_socket(world->network, handle);
}

static int64_t request_end_write(struct world *world, struct request *request)
{
    if (request->disk < 0)
        return request->error;
    assert(world->requests->writing > 0);
    world->requests->writing--;
    if (!request->orphan && bytes_sum(request->pieces, request->pieces_count) != request->sum)
        world_fail(world, VERDICT_WRONG, "memory lent to a write of %s changed before it ended",
                   disk_name(world->disk, request->file));
    int64_t result = (int64_t)request->length;
    if (request->error < 0)
        result = request->error;
    else if (world_fault(world, FAULT_SHORT_WRITE)) {
        result = (int64_t)random_below(&world->faults, request->length);
        world->faulted_ns = world->now_ns;
        world->errored_ns = world->now_ns;
    }
    disk_write_end(world->disk, request->disk, result);
    return result;
}

static int64_t request_end_read(struct world *world, const struct request *request)
{
    if (request->error < 0 || request->orphan)
        return request->error;
    int64_t result =
        disk_read(world->disk, request->file, request->buffer, request->length, request->offset);
    if (result < 0 && !world->serving)
        world->start_reads_failed++;
    return result;
}

// The server may do that only to what no start can find any more.
static int64_t request_end_punch(struct world *world, const struct request *request)
{
    if (!disk_is_removed(world->disk, request->file))
        world_fail(world, VERDICT_WRONG, "space of %s is given back while the file can be found",
                   disk_name(world->disk, request->file));
    return disk_punch(world->disk, request->file, request->offset, request->length);
}

static void request_spoil(struct world *world, const struct request *request)
{
    if (request->error == 0 && !request->orphan && request->file != DISK_FOLDER &&
        strcmp(disk_name(world->disk, request->file), WAL_NAME_CHECKPOINT_NEW) == 0 &&
        world_fault(world, FAULT_SPOILT))
        disk_spoil(world->disk, request->file, &world->faults);
}

static int64_t request_apply(struct world *world, struct request *request)
{
    struct disk *disk = world->disk;
    switch (request->kind) {
    case REQUEST_WRITE:
        return request_end_write(world, request);
    case REQUEST_SYNC:
        if (request->disk >= 0)
            disk_sync_end(disk, request->disk, request->error);
        request_spoil(world, request);
        world->sync_failed = world->sync_failed || (request->error < 0 && !request->orphan);
        return request->error;
    case REQUEST_READ:
        return request_end_read(world, request);
    case REQUEST_CLOSE:
        return request->orphan ? 0 : disk_close(disk, request->file);
    default:
        break;
    }
    if (request->error < 0)
        return request->error;
    switch (request->kind) {
    case REQUEST_OPEN:
        return disk_open(disk, request->name, request->flags, request_is_socket, world);
    case REQUEST_ALLOCATE:
        return disk_allocate(disk, request->file, request->offset, request->length);
    case REQUEST_PUNCH:
        return request_end_punch(world, request);
    case REQUEST_RENAME:
        return disk_rename(disk, request->name, request->to);
    case REQUEST_UNLINK:
        return disk_unlink(disk, request->name);
    case REQUEST_FORGET:
        return disk_drop_cache(disk, request->file);
    default:
        assert(false);
        return -EINVAL;
    }
}

void request_end(struct world *world, uint32_t index, uint32_t generation)
{
    struct request *request = &world->requests->slots[index];
    if (!request->used || request->generation != generation)
        return;
    int64_t result = request_apply(world, request);
    trace_step(world->trace, world->now_ns, request->orphan ? "orphan ends" : "request ends",
               request->kind, (uint64_t)result, request->offset);
    if (!request->orphan)
        io_event_add(world, request->token, (int32_t)result, false);
    else if (request->kind == REQUEST_SYNC && result < 0)
        life_forgets(world);
    request_free(world->requests, request);
}

// --- the end of the process ------------------------------------------------------------------

// What has begun to be written will land. Names are no longer changed, nothing is opened.
static bool request_survives(const struct request *request)
{
    return request->begun && (request->kind == REQUEST_WRITE || request->kind == REQUEST_SYNC);
}

void requests_orphan(struct world *world)
{
    struct requests *requests = world->requests;
    requests->waiting_count = 0;
    for (uint32_t i = 0; i < requests->used; i++) {
        struct request *request = &requests->slots[i];
        if (!request->used || request->orphan)
            continue;
        if (!request_survives(request)) {
            request->used = false;
            continue;
        }
        request->orphan = true;
        request->generation++; // the end that was foreseen is not the one that comes
        requests->orphans++;
        int64_t late = random_between(&world->timing, 0, 2000000);
        if (world_fault(world, FAULT_LATE_WRITE))
            late = random_between(&world->faults, 0, LATE_NS_MAX);
        agenda_add(&world->agenda, world->now_ns + late, AGENDA_FILE, i, request->generation);
    }
}

void requests_forget(struct world *world)
{
    struct requests *requests = world->requests;
    for (uint32_t i = 0; i < requests->used; i++)
        requests->slots[i].used = false;
    requests->waiting_count = 0;
    requests->writing = 0;
    requests->orphans = 0;
}
