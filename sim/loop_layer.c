// The fault layer inside the server: its state, the clock, and the sockets' requests as they pass.
#include "sim/loop_layer.h"

#include "server/clock.h"
#include "server/token.h"
#include "sim/loop_seam.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

// The only variable at file scope: the clock's functions have no argument through which they could be
// told. It is set once, before main.
static struct layer *layer_instance;

static void *layer_map(size_t bytes, int file)
{
    int flags = file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, file, 0);
    if (memory == MAP_FAILED) {
        perror("poro-sim-server: mmap");
        exit(1);
    }
    return memory;
}

__attribute__((constructor)) static void layer_begin(void)
{
    const char *number = getenv(LOOP_ENVIRONMENT);
    if (number == NULL) {
        fprintf(stderr, "poro-sim-server: this is poro-server as poro-sim --loopback runs it\n");
        exit(1);
    }
    struct layer *layer = layer_map(sizeof(*layer), -1);
    layer->shared = layer_map(sizeof(*layer->shared), (int)strtol(number, NULL, 10));
    layer->directory = -1;
    for (uint32_t i = 0; i < LAYER_DESCRIPTORS_MAX; i++)
        layer->file_of[i] = LAYER_NO_FILE;
    layer_instance = layer;
}

struct layer *layer_current(void)
{
    assert(layer_instance != NULL);
    return layer_instance;
}

bool layer_unhindered(void)
{
    return layer_current()->shared->unhindered;
}

void layer_violation(struct layer *layer, const char *format, ...)
{
    char *text = layer->shared->violation;
    if (text[0] != '\0')
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(layer->shared->violation), format, arguments);
    va_end(arguments);
}

_Noreturn void layer_die(struct layer *layer)
{
    atomic_store(&layer->shared->killed, true);
    for (;;)
        kill(getpid(), SIGKILL);
}

// --- the clock -------------------------------------------------------------------------------

int64_t __wrap_clock_monotonic_ns(void)
{
    if (layer_unhindered())
        return __real_clock_monotonic_ns();
    return atomic_load(&layer_current()->shared->now_ns);
}

int64_t __wrap_clock_wall_us(void)
{
    if (layer_unhindered())
        return __real_clock_wall_us();
    return atomic_load(&layer_current()->shared->wall_us);
}

void __wrap_clock_entropy(void *bytes, size_t length)
{
    random_fill(&layer_current()->shared->entropy, bytes, length);
}

// --- the start's end -------------------------------------------------------------------------

int __wrap_server_run(struct server *server)
{
    struct layer *layer = layer_current();
    layer->started = true;
    layer->touched = true;
    atomic_store(&layer->shared->serving, layer->accepts);
    return __real_server_run(server);
}

// --- sockets ---------------------------------------------------------------------------------

void __wrap_io_accept(struct io *io, int listener, uint64_t token)
{
    struct layer *layer = layer_current();
    layer->touched = true;
    __real_io_accept(io, listener, token);
    layer->accepts = true;
    if (layer->started)
        atomic_store(&layer->shared->serving, true);
}

void __wrap_io_socket_names(struct io *io, int socket, char peer_text[64], char own[64])
{
    struct layer *layer = layer_current();
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
    } peer = {0};
    socklen_t length = sizeof(peer);
    bool known = getpeername(socket, &peer.any, &length) == 0 && peer.any.sa_family == AF_INET;
    assert(socket < LAYER_DESCRIPTORS_MAX);
    layer->port_of[socket] = known ? ntohs(peer.v4.sin_port) : 0;
    layer->shared->over[layer->port_of[socket]] = false;
    __real_io_socket_names(io, socket, peer_text, own);
}

static void layer_note_slot(struct layer *layer, int socket, uint64_t token)
{
    uint32_t slot = token_unpack(token).slot;
    assert(slot < LAYER_SLOTS_MAX && socket < LAYER_DESCRIPTORS_MAX);
    uint16_t port = layer->port_of[socket];
    layer->touched = true;
    layer->port_of_slot[slot] = port;
    layer->shared->slot[port] = slot;
}

static void layer_note_receive(struct layer *layer, int socket, uint64_t token)
{
    layer_note_slot(layer, socket, token);
    layer->receives[layer->port_of[socket]]++;
}

void __wrap_io_receive(struct io *io, int socket, uint64_t token)
{
    layer_note_receive(layer_current(), socket, token);
    __real_io_receive(io, socket, token);
}

void __wrap_io_send(struct io *io, int socket, uint64_t token, const struct iovec *pieces,
                    uint32_t count)
{
    struct layer *layer = layer_current();
    layer_note_slot(layer, socket, token);
    atomic_fetch_add(&layer->shared->sending[layer->port_of[socket]], 1);
    __real_io_send(io, socket, token, pieces, count);
}

void __wrap_io_receive_into(struct io *io, int socket, uint64_t token, uint8_t *bytes,
                            size_t length)
{
    layer_note_receive(layer_current(), socket, token);
    __real_io_receive_into(io, socket, token, bytes, length);
}

void __wrap_io_cancel(struct io *io, uint64_t target, uint64_t token)
{
    layer_current()->touched = true;
    __real_io_cancel(io, target, token);
}

void __wrap_io_socket_shutdown(struct io *io, int socket)
{
    layer_current()->touched = true;
    __real_io_socket_shutdown(io, socket);
}
