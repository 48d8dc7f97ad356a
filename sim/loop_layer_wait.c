// The fault layer inside the server: waiting. Collects what the ring has, decides what the server is
// told of and when, lets time pass, and parks the server when nothing is left to do.
#include "sim/loop_layer.h"

#include "server/token.h"
#include "sim/loop_seam.h"

#include <assert.h>
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

// Pauses of real time, for what comes from outside: bytes that are on their way, a new request.
#define PAUSE_FILES_NS 1000000000
#define PAUSE_NS 500000

// --- from the ring ---------------------------------------------------------------------------

static void note_end(struct loop_shared *shared, uint16_t port)
{
    if (!shared->over[port])
        atomic_fetch_add(&shared->ended, 1);
    shared->over[port] = true;
}

// A receive that ends for another reason than the stream's end.
static bool result_is_passing(int32_t result)
{
    return result == -ECANCELED || result == -ENOBUFS || result == -EINTR || result == -EAGAIN ||
           result == -ENOMEM;
}

static void event_note(struct layer *layer, const struct io_event *event)
{
    struct loop_shared *shared = layer->shared;
    struct token token = token_unpack(event->token);
    uint16_t port = token.slot < LAYER_SLOTS_MAX ? layer->port_of_slot[token.slot] : 0;
    switch (token.operation) {
    case TOKEN_ACCEPT:
        if (event->result >= 0)
            atomic_fetch_add(&shared->accepted, 1);
        break;
    case TOKEN_RECEIVE:
    case TOKEN_RECEIVE_DIRECT:
        layer->receives[port] -= !event->more;
        if (event->result > 0)
            shared->received[port] += (uint64_t)event->result;
        else if (!result_is_passing(event->result))
            note_end(shared, port);
        break;
    case TOKEN_SEND:
        if (event->result > 0)
            atomic_fetch_add(&shared->sent[port], (uint64_t)event->result);
        else if (!result_is_passing(event->result))
            note_end(shared, port);
        atomic_fetch_sub(&shared->sending[port], 1);
        break;
    case TOKEN_SIGNAL:
        atomic_fetch_add(&shared->signals, 1);
        break;
    case TOKEN_CLOSE:
        note_end(shared, port);
        atomic_fetch_add(&shared->closed, 1);
        break;
    default:
        break;
    }
}

static int layer_collect(struct layer *layer, struct io *io, int64_t timeout_ns)
{
    int count = __real_io_wait(io, timeout_ns, layer->batch);
    for (int i = 0; i < count; i++) {
        const struct io_event *event = &layer->batch[i];
        if (layer_file_event(layer, event))
            continue;
        assert(layer->events < LAYER_EVENTS_MAX);
        event_note(layer, event);
        layer->event[layer->events++] = *event;
    }
    return count;
}

// Takes what there is, and waits until no request on a file is in the kernel.
static int layer_reap(struct layer *layer, struct io *io)
{
    layer->touched = false;
    int result = layer_collect(layer, io, layer->in_kernel > 0 ? PAUSE_FILES_NS : 0);
    while (result >= 0 && layer->in_kernel > 0)
        result = layer_collect(layer, io, PAUSE_FILES_NS);
    if (layer->kill_due)
        layer_die(layer);
    return result;
}

// --- to the server ---------------------------------------------------------------------------

// One of the requests on files whose end is due, by chance: ends come in any order.
static struct layer_request *request_due(struct layer *layer)
{
    int64_t now_ns = atomic_load(&layer->shared->now_ns);
    struct layer_request *due[LAYER_REQUESTS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < LAYER_REQUESTS_MAX; i++) {
        struct layer_request *request = &layer->requests[i];
        if (request->used && request->due_ns <= now_ns)
            due[count++] = request;
    }
    if (count < 2)
        return count == 0 ? NULL : due[0];
    return due[random_below(&layer->shared->random, count)];
}

static bool gate_open(const struct loop_shared *shared)
{
    for (uint32_t i = 0; i < shared->gates; i++) {
        if (shared->received[shared->gate[i].port] < shared->gate[i].received)
            return false;
    }
    return true;
}

static bool event_is_received(const struct io_event *event)
{
    enum token_operation operation = token_unpack(event->token).operation;
    return operation == TOKEN_RECEIVE || operation == TOKEN_RECEIVE_DIRECT;
}

// Received bytes in the order of connections, each one's in their own order: what the server
// executes first does not depend on which packet was faster.
static void events_sort(struct layer *layer)
{
    for (uint32_t i = 1; i < layer->events; i++) {
        struct io_event event = layer->event[i];
        uint32_t at = i;
        if (!event_is_received(&event))
            continue;
        uint32_t slot = token_unpack(event.token).slot;
        while (at > 0 && event_is_received(&layer->event[at - 1]) &&
               token_unpack(layer->event[at - 1].token).slot > slot) {
            layer->event[at] = layer->event[at - 1];
            at--;
        }
        layer->event[at] = event;
    }
}

static int deliver_sockets(struct layer *layer, struct io_event *events, int count)
{
    bool open = gate_open(layer->shared) || !layer->shared->gate_holds;
    events_sort(layer);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < layer->events; i++) {
        const struct io_event *event = &layer->event[i];
        if (count == IO_EVENTS_MAX || (!open && event_is_received(event)))
            layer->event[kept++] = *event;
        else
            events[count++] = *event;
    }
    layer->events = kept;
    return count;
}

static int layer_deliver(struct layer *layer, struct io_event *events)
{
    int count = 0;
    struct layer_request *request;
    while (count < IO_EVENTS_MAX && (request = request_due(layer)) != NULL)
        layer_file_finish(layer, request, &events[count++]);
    return deliver_sockets(layer, events, count);
}

// --- time ------------------------------------------------------------------------------------

static int64_t next_due_ns(const struct layer *layer)
{
    int64_t next_ns = INT64_MAX;
    for (uint32_t i = 0; i < LAYER_REQUESTS_MAX; i++) {
        const struct layer_request *request = &layer->requests[i];
        if (request->used && request->due_ns < next_ns)
            next_ns = request->due_ns;
    }
    return next_ns;
}

// The server knows of the ends that it can know of: after a QUIT it receives no more, and closes when
// its reply is gone, for which time may have to pass.
static bool ends_settled(const struct layer *layer)
{
    const struct loop_shared *shared = layer->shared;
    bool deaf = shared->ending != 0 && layer->receives[shared->ending] == 0 &&
                atomic_load(&shared->sending[shared->ending]) == 0;
    return deaf || atomic_load(&shared->ended) >= shared->ended_wanted;
}

// Everything that the harness has sent on its way has come in.
static bool layer_settled(const struct layer *layer)
{
    const struct loop_shared *shared = layer->shared;
    return layer->events == 0 && gate_open(shared) &&
           atomic_load(&shared->accepted) >= shared->accepted_wanted && ends_settled(layer) &&
           atomic_load(&shared->signals) >= shared->signals_wanted;
}

static void layer_park(struct layer *layer, uint64_t request)
{
    struct loop_shared *shared = layer->shared;
    if (atomic_load(&shared->parked_for) == request)
        return;
    atomic_store(&shared->parked_for, request);
    atomic_fetch_add(&shared->parked, 1);
    syscall(SYS_futex, &shared->parked, FUTEX_WAKE, 1, NULL, NULL, 0);
}

// While the server starts, nobody sets a horizon: held requests end in their order, and pauses that
// it makes are real.
static int layer_pass_start(struct layer *layer, struct io *io, int64_t timeout_ns)
{
    int64_t next_ns = next_due_ns(layer);
    if (next_ns < INT64_MAX) {
        atomic_store(&layer->shared->now_ns, next_ns);
        return 0;
    }
    return layer_collect(layer, io, timeout_ns);
}

// Nothing is to be delivered now: lets time pass to what comes next, as far as it may.
static int layer_pass(struct layer *layer, struct io *io, int64_t deadline_ns)
{
    struct loop_shared *shared = layer->shared;
    uint64_t request = atomic_load(&shared->request);
    if (!layer_settled(layer))
        return layer_collect(layer, io, PAUSE_NS);
    int64_t now_ns = atomic_load(&shared->now_ns);
    int64_t next_ns = next_due_ns(layer);
    next_ns = next_ns < deadline_ns ? next_ns : deadline_ns;
    if (next_ns <= shared->horizon_ns) {
        if (next_ns > now_ns)
            atomic_store(&shared->now_ns, next_ns);
        return 0;
    }
    if (now_ns < shared->horizon_ns)
        atomic_store(&shared->now_ns, shared->horizon_ns);
    layer_park(layer, request);
    return layer_collect(layer, io, PAUSE_NS);
}

// Nothing can have come in, and there is time to pass: the ring need not be asked.
static bool layer_is_idle(const struct layer *layer, int64_t deadline_ns)
{
    int64_t next_ns = next_due_ns(layer);
    next_ns = next_ns < deadline_ns ? next_ns : deadline_ns;
    return !layer->touched && layer->in_kernel == 0 && layer_settled(layer) &&
           atomic_load(&layer->shared->serving) && next_ns <= layer->shared->horizon_ns;
}

int __wrap_io_wait(struct io *io, int64_t timeout_ns, struct io_event *events)
{
    struct layer *layer = layer_current();
    struct loop_shared *shared = layer->shared;
    if (shared->unhindered)
        return __real_io_wait(io, timeout_ns, events);
    int64_t deadline_ns = timeout_ns < 0 ? INT64_MAX : atomic_load(&shared->now_ns) + timeout_ns;
    bool starting = !layer->started;
    // The first turn is the one that begins to accept: it is not to wait for a client before that.
    bool impatient = timeout_ns == 0 || (layer->started && !atomic_load(&shared->serving));
    for (bool waited = false;;) {
        int result = layer_is_idle(layer, deadline_ns) ? 0 : layer_reap(layer, io);
        if (result < 0)
            return result;
        int count = layer_deliver(layer, events);
        if (count > 0 || impatient || (starting && waited) ||
            atomic_load(&shared->now_ns) >= deadline_ns)
            return count;
        waited = next_due_ns(layer) == INT64_MAX;
        result =
            starting ? layer_pass_start(layer, io, timeout_ns) : layer_pass(layer, io, deadline_ns);
        if (result < 0)
            return result;
    }
}
