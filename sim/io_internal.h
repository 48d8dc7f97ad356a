// The state of the virtual ring, shared by the sources that implement server/io.h.
#ifndef PORO_SIM_IO_INTERNAL_H
#define PORO_SIM_IO_INTERNAL_H

#include "server/io.h"
#include "sim/world.h"

#include <stdbool.h>
#include <stdint.h>

// Events that are ready and not yet reaped, at most.
#define IO_READY_MAX 8192

// Cancels that are asked for and not carried out yet, at most.
#define IO_CANCELS_MAX 1024

struct io_cancel {
    bool used;
    uint32_t generation;
    uint64_t target;
    uint64_t token;
};

struct io {
    struct world *world;
    uint8_t *buffers;
    uint16_t free[IO_BUFFERS]; // a stack of buffers that the kernel has
    uint32_t free_count;       // ... less those of events that are not reaped yet
    uint32_t free_seen;        // as the server counts them
    bool lent[IO_BUFFERS];     // to the server
    uint64_t accept_token;
    bool accepting;
    uint64_t signal_token;
    bool signals;
    struct io_cancel cancels[IO_CANCELS_MAX];
    struct io_event ready[IO_READY_MAX];
    uint32_t ready_count;
};

// An event of the present process; nothing when there is none.
void io_event_add(struct world *world, uint64_t token, int32_t result, bool more);
// As io_event_add with a buffer.
void io_event_buffer(struct world *world, uint64_t token, int32_t result, bool more,
                     uint16_t buffer);
// The ring of the server that lives, NULL when there is none.
struct io *io_of(struct world *world);

// Sockets: gives out what can be given: connections to accept, bytes to receive.
void io_sockets_poll(struct world *world);
void io_sockets_poll_accept(struct world *world);
void io_sockets_poll_link(struct world *world, uint32_t index);
// A cancel is carried out (AGENDA_CANCEL).
void io_cancel_now(struct world *world, uint32_t index, uint32_t generation);
// SIGTERM arrives.
void io_signal(struct world *world, int number);

#endif
