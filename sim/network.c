// The virtual network: what is on its way, what has arrived, who has gone.
#include "sim/network.h"

#include "server/server.h"
#include "sim/clients.h"
#include "sim/io_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES_MAX 65536
// What a client's side takes at least without being read.
#define WINDOW_BYTES_MIN 2048

struct network {
    bool listening;
    uint32_t count; // places that have ever been used
    uint32_t backlog[LINKS_MAX];
    uint32_t backlog_count;
    struct link links[LINKS_MAX];
};

struct network *network_create(void)
{
    return sim_alloc(1, sizeof(struct network));
}

static void link_clear(struct link *link)
{
    bytes_free(&link->outbox);
    bytes_free(&link->arrived);
    free(link->coming.lengths);
    free(link->going.lengths);
    conversation_free(&link->conversation);
    uint32_t generation = link->generation;
    uint32_t send_generation = link->send.generation;
    memset(link, 0, sizeof(*link));
    link->generation = generation;
    link->send.generation = send_generation;
    link->socket = -1;
}

void network_destroy(struct network *network)
{
    for (uint32_t i = 0; i < network->count; i++) {
        if (network->links[i].used)
            link_clear(&network->links[i]);
    }
    free(network);
}

uint32_t network_count(const struct network *network)
{
    return network->count;
}

struct link *network_link(struct network *network, uint32_t index)
{
    assert(index < network->count);
    struct link *link = &network->links[index];
    return link->used ? link : NULL;
}

uint32_t network_index(const struct network *network, const struct link *link)
{
    return (uint32_t)(link - network->links);
}

struct link *network_of_socket(struct network *network, int socket)
{
    for (uint32_t i = 0; i < network->count; i++) {
        if (network->links[i].used && network->links[i].socket == socket)
            return &network->links[i];
    }
    return NULL;
}

bool network_is_socket(const struct network *network, int socket)
{
    for (uint32_t i = 0; i < network->count; i++) {
        if (network->links[i].used && network->links[i].socket == socket)
            return true;
    }
    return false;
}

// --- chunks ----------------------------------------------------------------------------------

static void chunks_add(struct chunks *chunks, uint32_t length)
{
    if (chunks->count == chunks->capacity) {
        uint32_t capacity = chunks->capacity > 0 ? 2 * chunks->capacity : 8;
        uint32_t *lengths = sim_alloc(capacity, sizeof(*lengths));
        for (uint32_t i = 0; i < chunks->count; i++)
            lengths[i] = chunks->lengths[(chunks->first + i) % chunks->capacity];
        free(chunks->lengths);
        chunks->lengths = lengths;
        chunks->first = 0;
        chunks->capacity = capacity;
    }
    chunks->lengths[(chunks->first + chunks->count++) % chunks->capacity] = length;
}

static uint32_t chunks_take(struct chunks *chunks)
{
    assert(chunks->count > 0);
    uint32_t length = chunks->lengths[chunks->first];
    chunks->first = (chunks->first + 1) % chunks->capacity;
    chunks->count--;
    return length;
}

// On its way: arrives after what was sent before it.
static void chunks_send(struct world *world, struct chunks *chunks, const struct link *link,
                        uint32_t length, enum agenda_kind kind)
{
    int64_t delay_ns = (int64_t)random_log(&world->timing, (uint64_t)world->plan.delay_us) * 1000;
    int64_t at_ns = world->now_ns + delay_ns;
    if (at_ns < chunks->last_ns)
        at_ns = chunks->last_ns;
    chunks->last_ns = at_ns;
    chunks_add(chunks, length);
    agenda_add(&world->agenda, at_ns, kind, network_index(world->network, link), link->generation);
}

// --- the client's side -----------------------------------------------------------------------

struct link *network_connect(struct world *world, uint32_t client)
{
    struct network *network = world->network;
    if (!network->listening || network->backlog_count == LINKS_MAX)
        return NULL;
    uint32_t index = 0;
    while (index < network->count && network->links[index].used)
        index++;
    if (index == LINKS_MAX)
        return NULL;
    if (index == network->count)
        network->count++;
    struct link *link = &network->links[index];
    link->generation++;
    link->used = true;
    link->client = client;
    link->socket = -1;
    link->listed = true;
    link->window = WINDOW_BYTES_MIN + random_log(&world->timing, 1 << 20);
    conversation_init(&link->conversation);
    network->backlog[network->backlog_count++] = index;
    return link;
}

void network_client_send(struct world *world, struct link *link)
{
    uint64_t under_way = 0;
    for (uint32_t i = 0; i < link->coming.count; i++)
        under_way += link->coming.lengths[(link->coming.first + i) % link->coming.capacity];
    assert(under_way <= link->outbox.length);
    uint64_t left = link->outbox.length - under_way;
    while (left > 0) {
        uint64_t most = left < CHUNK_BYTES_MAX ? left : CHUNK_BYTES_MAX;
        if (most > 1 && world_fault(world, FAULT_FRAGMENT))
            most = random_log(&world->faults, most);
        chunks_send(world, &link->coming, link, (uint32_t)most, AGENDA_ARRIVE);
        left -= most;
    }
}

void network_client_close(struct world *world, struct link *link, bool reset)
{
    assert(!link->client_gone);
    link->client_gone = true;
    link->window = UINT64_MAX / 2; // what is still sent to it vanishes
    link->stalled = false;
    chunks_send(world, &link->coming, link, reset ? CHUNK_RESET : CHUNK_END, AGENDA_ARRIVE);
}

void network_client_stall(struct world *world, struct link *link, bool stalled)
{
    link->stalled = stalled;
    if (stalled)
        return;
    link->window += link->unread;
    link->unread = 0;
    if (link->send.armed)
        network_send_begin(world, link);
}

void network_release(struct world *world, struct link *link)
{
    if (!link->client_gone || link->socket >= 0 || link->listed)
        return;
    trace_step(world->trace, world->now_ns, "released", link->client, 0, 0);
    link->generation++;
    link_clear(link);
}

// --- what happens ----------------------------------------------------------------------------

static struct link *link_now(struct world *world, uint32_t index, uint32_t generation)
{
    struct link *link = network_link(world->network, index);
    return link != NULL && link->generation == generation ? link : NULL;
}

void network_arrive(struct world *world, uint32_t index, uint32_t generation)
{
    struct link *link = link_now(world, index, generation);
    if (link == NULL || link->coming.count == 0)
        return;
    uint32_t length = chunks_take(&link->coming);
    if (length == CHUNK_END) {
        link->ended = true;
    } else if (length == CHUNK_RESET) {
        link->reset = true;
    } else {
        bytes_add(&link->arrived, link->outbox.data, length);
        bytes_drop(&link->outbox, length);
    }
    if (link->reset && link->send.armed)
        network_send_begin(world, link);
    io_sockets_poll_link(world, index);
    if (link->server_gone)
        network_release(world, link);
}

void network_deliver(struct world *world, uint32_t index, uint32_t generation)
{
    struct link *link = link_now(world, index, generation);
    if (link == NULL || link->going.count == 0)
        return;
    uint32_t length = chunks_take(&link->going);
    if (link->client_gone)
        return;
    if (length == CHUNK_END || length == CHUNK_RESET) {
        clients_disconnected(world, link);
        return;
    }
    link->unread += length;
    if (!link->stalled)
        network_client_stall(world, link, false);
    clients_answered(world, link, conversation_deliver(&link->conversation, length));
}

// May the server end this connection by itself? Where clients are idle for too long, or memory is
// short, it may.
static bool link_may_hang_up(const struct world *world, const struct link *link)
{
    const struct conversation *conversation = &link->conversation;
    const struct plan *plan = &world->plan;
    return link->client_gone || link->refused || conversation->over ||
           conversation->session.closing || plan->config.timeout_s > 0 ||
           plan->ppm[FAULT_MEMORY_FULL] > 0 || world->server == NULL || world->server->stop_asked ||
           (world->server->state != SERVER_SERVING && world->server->state != SERVER_LOADING);
}

static void link_end(struct world *world, struct link *link)
{
    if (link->server_gone)
        return;
    link->server_gone = true;
    chunks_send(world, &link->going, link, CHUNK_END, AGENDA_DELIVER);
}

static void link_hang_up(struct world *world, struct link *link)
{
    if (!link->server_gone && !link_may_hang_up(world, link))
        world_fail(world, VERDICT_WRONG, "client %u is disconnected without reason", link->client);
    link_end(world, link);
}

void network_server_died(struct world *world)
{
    struct network *network = world->network;
    network->listening = false;
    network->backlog_count = 0;
    for (uint32_t i = 0; i < network->count; i++) {
        struct link *link = &network->links[i];
        if (!link->used)
            continue;
        link->listed = false;
        link->socket = -1;
        link->receive.armed = false;
        link->direct.armed = false;
        link->send.armed = false;
        link_end(world, link);
        network_release(world, link);
    }
}

// --- the server's side -----------------------------------------------------------------------

void network_listen(struct network *network)
{
    network->listening = true;
}

bool network_waiting(const struct network *network)
{
    return network->backlog_count > 0;
}

struct link *network_accept(struct network *network, int socket)
{
    if (network->backlog_count == 0)
        return NULL;
    struct link *link = &network->links[network->backlog[0]];
    network->backlog_count--;
    memmove(network->backlog, network->backlog + 1,
            network->backlog_count * sizeof(*network->backlog));
    assert(link->used && link->listed && link->socket < 0);
    link->listed = false;
    link->socket = socket;
    return link;
}

void network_server_shutdown(struct world *world, struct link *link)
{
    link_hang_up(world, link);
    if (link->send.armed)
        network_send_begin(world, link);
    io_sockets_poll_link(world, network_index(world->network, link));
}

void network_server_close(struct world *world, struct link *link)
{
    if (link->receive.armed || link->direct.armed || link->send.armed)
        world_fail(world, VERDICT_WRONG,
                   "the socket of client %u is closed while requests on it are in flight",
                   link->client);
    link_hang_up(world, link);
    link->socket = -1;
    trace_step(world->trace, world->now_ns, "closed", link->client, 0, 0);
    network_release(world, link);
}

// --- sends -----------------------------------------------------------------------------------

void network_send_lend(struct link *link)
{
    link->send.sum = bytes_sum(link->send.pieces, link->send.count);
}

void network_send_begin(struct world *world, struct link *link)
{
    bool ends = link->window > 0 || link->reset || link->server_gone;
    link->send.generation++;
    if (!ends)
        return;
    int64_t ns = (int64_t)random_below(&world->timing, 30000);
    agenda_add(&world->agenda, world->now_ns + ns, AGENDA_SEND, network_index(world->network, link),
               link->send.generation);
}

static int32_t send_result(struct world *world, const struct link *link)
{
    if (link->reset)
        return -ECONNRESET;
    if (link->server_gone)
        return -EPIPE;
    uint64_t most = link->send.bytes < link->window ? link->send.bytes : link->window;
    if (most > 1 && world_fault(world, FAULT_FRAGMENT))
        most = 1 + random_below(&world->faults, most);
    return (int32_t)most;
}

void network_send_end(struct world *world, uint32_t index, uint32_t generation)
{
    struct link *link = network_link(world->network, index);
    if (link == NULL || !link->send.armed || link->send.generation != generation)
        return;
    int32_t result = send_result(world, link);
    if (result == 0)
        return; // the window has closed again
    if (bytes_sum(link->send.pieces, link->send.count) != link->send.sum)
        world_fail(world, VERDICT_WRONG,
                   "memory lent to a send to client %u changed before it ended", link->client);
    link->send.armed = false;
    trace_step(world->trace, world->now_ns, "send ends", link->client, (uint64_t)result, 0);
    if (result > 0) {
        if (!link->client_gone)
            link->window -= (uint64_t)result;
        conversation_confirm(world, &link->conversation, (uint64_t)result);
        chunks_send(world, &link->going, link, (uint32_t)result, AGENDA_DELIVER);
    }
    io_event_add(world, link->send.token, result, false);
}
