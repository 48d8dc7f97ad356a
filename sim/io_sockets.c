// Sockets of the virtual ring: the half of server/io.h that deals with them.
#include "sim/io_internal.h"

#include "sim/network.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LISTENER 1 // the descriptor of the one listener
#define SOCKET_FIRST 4
#define ENDS_PPM 2000 // a multishot request ends without need
#define POISON 0xA5
#define CANCEL_NS_MAX 2000000

static struct link *socket_link(struct io *io, int socket)
{
    struct link *link = network_of_socket(io->world->network, socket);
    assert(link != NULL);
    return link;
}

// --- listening -------------------------------------------------------------------------------

int io_listen(struct io *io, const char *address, uint16_t port, int backlog)
{
    assert(strcmp(address, "127.0.0.1") == 0 && port > 0 && backlog > 0);
    network_listen(io->world->network);
    return LISTENER;
}

void io_accept(struct io *io, int listener, uint64_t token)
{
    assert(listener == LISTENER && !io->accepting);
    io->accepting = true;
    io->accept_token = token;
}

static int socket_number(const struct world *world)
{
    int socket = SOCKET_FIRST;
    while (disk_is_open(world->disk, socket) || network_is_socket(world->network, socket))
        socket++;
    return socket;
}

void io_sockets_poll_accept(struct world *world)
{
    struct io *io = io_of(world);
    assert(io != NULL);
    while (io->accepting && network_waiting(world->network)) {
        if (world_fault(world, FAULT_DESCRIPTORS)) {
            io->accepting = false;
            io_event_add(world, io->accept_token, -EMFILE, false);
            return;
        }
        int socket = socket_number(world);
        struct link *link = network_accept(world->network, socket);
        assert(link != NULL);
        io->accepting = !random_chance(&world->timing, ENDS_PPM);
        trace_step(world->trace, world->now_ns, "accept", link->client, (uint64_t)socket, 0);
        io_event_add(world, io->accept_token, socket, io->accepting);
    }
}

void io_listener_setup(struct io *io, int listener, int keepalive_s)
{
    assert(io->world != NULL && listener == LISTENER && keepalive_s >= 0);
}

// There is no other process.
int io_listen_local(struct io *io, const char *path, unsigned permissions, int backlog)
{
    assert(io->world != NULL && path != NULL && permissions <= 0777 && backlog >= 0);
    return -EAFNOSUPPORT;
}

void io_listen_local_end(struct io *io, const char *path)
{
    assert(io->world != NULL && path != NULL);
}

void io_socket_names(struct io *io, int socket, char peer[64], char own[64])
{
    snprintf(peer, 64, "127.0.0.1:%u", 10000 + socket_link(io, socket)->client);
    snprintf(own, 64, "127.0.0.1:6379");
}

// --- receiving -------------------------------------------------------------------------------

void io_receive(struct io *io, int socket, uint64_t token)
{
    struct link *link = socket_link(io, socket);
    assert(!link->receive.armed);
    link->receive.armed = true;
    link->receive.token = token;
}

void io_receive_into(struct io *io, int socket, uint64_t token, uint8_t *bytes, size_t length)
{
    struct link *link = socket_link(io, socket);
    assert(!link->direct.armed && length > 0);
    link->direct.armed = true;
    link->direct.token = token;
    link->direct.bytes = bytes;
    link->direct.length = length;
}

uint8_t *io_buffer(struct io *io, uint16_t buffer)
{
    assert(buffer < IO_BUFFERS && io->lent[buffer]);
    return io->buffers + (size_t)buffer * IO_BUFFER_BYTES;
}

// The kernel may write into it from now on: nobody may rely on what was there.
void io_buffer_return(struct io *io, uint16_t buffer)
{
    assert(buffer < IO_BUFFERS && io->lent[buffer]);
    memset(io_buffer(io, buffer), POISON, 2048);
    io->lent[buffer] = false;
    io->free[io->free_count++] = buffer;
    io->free_seen++;
}

uint32_t io_buffers_free(const struct io *io)
{
    return io->free_seen;
}

static size_t link_take(struct world *world, struct link *link, uint8_t *to, size_t room)
{
    size_t length = link->arrived.length < room ? link->arrived.length : room;
    if (length > 1 && world_fault(world, FAULT_FRAGMENT))
        length = 1 + random_below(&world->faults, length);
    memcpy(to, link->arrived.data, length);
    bytes_drop(&link->arrived, length);
    return length;
}

// Result of a receive when there are no bytes: 1 when there may be some later.
static int32_t link_nothing(const struct link *link)
{
    if (link->reset)
        return -ECONNRESET;
    return link->ended || link->server_gone ? 0 : 1;
}

static void link_receive_end(struct world *world, struct link *link, int32_t result)
{
    link->receive.armed = false;
    io_event_add(world, link->receive.token, result, false);
}

static void link_receive(struct world *world, struct io *io, struct link *link)
{
    while (link->receive.armed && link->arrived.length > 0 && !link->reset && !link->server_gone) {
        if (io->free_count == 0) {
            world_count(world, FAULT_NO_BUFFERS);
            link_receive_end(world, link, -ENOBUFS);
            return;
        }
        uint16_t buffer = io->free[--io->free_count];
        io->lent[buffer] = true;
        size_t length = link_take(world, link, io_buffer(io, buffer), IO_BUFFER_BYTES);
        bool more = !random_chance(&world->timing, ENDS_PPM);
        link->receive.armed = more;
        trace_step(world->trace, world->now_ns, "receive", link->client, length, more);
        io_event_buffer(world, link->receive.token, (int32_t)length, more, buffer);
    }
    if (link->receive.armed && link_nothing(link) <= 0)
        link_receive_end(world, link, link_nothing(link));
}

static void link_receive_direct(struct world *world, struct link *link)
{
    if (!link->direct.armed)
        return;
    int32_t result = link_nothing(link);
    if (link->arrived.length > 0 && !link->reset && !link->server_gone) {
        result = (int32_t)link_take(world, link, link->direct.bytes, link->direct.length);
        trace_step(world->trace, world->now_ns, "receive direct", link->client, (uint64_t)result,
                   0);
    } else if (result > 0) {
        return;
    }
    link->direct.armed = false;
    io_event_add(world, link->direct.token, result, false);
}

void io_sockets_poll_link(struct world *world, uint32_t index)
{
    struct io *io = io_of(world);
    struct link *link = network_link(world->network, index);
    if (io == NULL || link == NULL || link->socket < 0)
        return;
    // Bytes go to one of the two, whichever was asked first: the server never asks for both.
    assert(!link->receive.armed || !link->direct.armed);
    link_receive(world, io, link);
    link_receive_direct(world, link);
}

void io_sockets_poll(struct world *world)
{
    if (io_of(world) == NULL)
        return;
    io_sockets_poll_accept(world);
    for (uint32_t i = 0; i < network_count(world->network); i++)
        io_sockets_poll_link(world, i);
}

// --- sending ---------------------------------------------------------------------------------

void io_send(struct io *io, int socket, uint64_t token, const struct iovec *pieces, uint32_t count)
{
    struct link *link = socket_link(io, socket);
    assert(!link->send.armed && count > 0 && count <= LINK_SEND_PIECES_MAX);
    link->send.armed = true;
    link->send.token = token;
    link->send.count = count;
    link->send.bytes = 0;
    memcpy(link->send.pieces, pieces, count * sizeof(*pieces));
    for (uint32_t i = 0; i < count; i++)
        link->send.bytes += pieces[i].iov_len;
    assert(link->send.bytes > 0);
    network_send_lend(link);
    conversation_submit(io->world, &link->conversation, pieces, count);
    network_send_begin(io->world, link);
}

// Only clients that are turned away are answered like this.
void io_send_now(struct io *io, int socket, const char *bytes, size_t length)
{
    struct link *link = socket_link(io, socket);
    static const char text[] = "-ERR max number of clients reached\r\n";
    if (length != sizeof(text) - 1 || memcmp(bytes, text, length) != 0)
        world_fail(io->world, VERDICT_WRONG, "a client was turned away with \"%.*s\"", (int)length,
                   bytes);
    link->refused = true;
}

// --- ending ----------------------------------------------------------------------------------

// Carried out a little later: until then what is to be cancelled goes on.
void io_cancel(struct io *io, uint64_t target, uint64_t token)
{
    struct world *world = io->world;
    uint32_t index = 0;
    while (index < IO_CANCELS_MAX && io->cancels[index].used)
        index++;
    assert(index < IO_CANCELS_MAX);
    uint32_t generation = (uint32_t)random_next(&world->timing);
    io->cancels[index] = (struct io_cancel){true, generation, target, token};
    int64_t ns = (int64_t)random_log(&world->timing, CANCEL_NS_MAX);
    agenda_add(&world->agenda, world->now_ns + ns, AGENDA_CANCEL, index, generation);
}

static bool io_cancel_link(struct world *world, struct link *link, uint64_t target)
{
    if (link->receive.armed && link->receive.token == target) {
        link_receive_end(world, link, -ECANCELED);
        return true;
    }
    if (link->direct.armed && link->direct.token == target) {
        link->direct.armed = false;
        io_event_add(world, target, -ECANCELED, false);
        return true;
    }
    return false;
}

void io_cancel_now(struct world *world, uint32_t index, uint32_t generation)
{
    struct io *io = io_of(world);
    if (io == NULL || !io->cancels[index].used || io->cancels[index].generation != generation)
        return;
    struct io_cancel *cancel = &io->cancels[index];
    cancel->used = false;
    bool found = io->accepting && io->accept_token == cancel->target;
    if (found) {
        io->accepting = false;
        io_event_add(world, cancel->target, -ECANCELED, false);
    }
    for (uint32_t i = 0; i < network_count(world->network) && !found; i++) {
        struct link *link = network_link(world->network, i);
        found = link != NULL && link->socket >= 0 && io_cancel_link(world, link, cancel->target);
    }
    io_event_add(world, cancel->token, found ? 0 : -ENOENT, false);
}

void io_socket_shutdown(struct io *io, int socket)
{
    network_server_shutdown(io->world, socket_link(io, socket));
}
