// The seam's functions under the names that the linker's --wrap gives them. Only the fault layer
// includes this.
#ifndef PORO_SIM_LOOP_SEAM_H
#define PORO_SIM_LOOP_SEAM_H

#include "server/clock.h"
#include "server/data.h"
#include "server/evict.h"
#include "server/io.h"
#include "server/server.h"

struct call;

// Declares both: __wrap_NAME, which the server's calls come to, and __real_NAME, which they meant.
#define LOOP_WRAPPED(type, name, arguments)                                                        \
    type __wrap_##name arguments;                                                                  \
    type __real_##name arguments

LOOP_WRAPPED(int64_t, clock_monotonic_ns, (void));
LOOP_WRAPPED(int64_t, clock_wall_us, (void));
LOOP_WRAPPED(void, clock_entropy, (void *bytes, size_t length));

LOOP_WRAPPED(int, server_run, (struct server * server));

LOOP_WRAPPED(enum evict_result, evict_room,
             (struct server * server, struct connection *connection, uint64_t bytes));
LOOP_WRAPPED(enum wal_admission, data_drop, (struct server * server, const struct key *key));
LOOP_WRAPPED(bool, commands_call, (struct call * call));

LOOP_WRAPPED(int, io_wait, (struct io * io, int64_t timeout_ns, struct io_event *events));
LOOP_WRAPPED(void, io_accept, (struct io * io, int listener, uint64_t token));
LOOP_WRAPPED(void, io_socket_names, (struct io * io, int socket, char peer[64], char own[64]));
LOOP_WRAPPED(void, io_receive, (struct io * io, int socket, uint64_t token));
LOOP_WRAPPED(void, io_receive_into,
             (struct io * io, int socket, uint64_t token, uint8_t *bytes, size_t length));
LOOP_WRAPPED(void, io_cancel, (struct io * io, uint64_t target, uint64_t token));
LOOP_WRAPPED(void, io_socket_shutdown, (struct io * io, int socket));
LOOP_WRAPPED(void, io_send,
             (struct io * io, int socket, uint64_t token, const struct iovec *pieces,
              uint32_t count));

LOOP_WRAPPED(void, io_open,
             (struct io * io, int directory, const char *name, uint32_t flags, uint64_t token));
LOOP_WRAPPED(void, io_close, (struct io * io, int file, uint64_t token));
LOOP_WRAPPED(void, io_read,
             (struct io * io, int file, uint8_t *bytes, uint32_t length, uint64_t offset,
              uint64_t token));
LOOP_WRAPPED(void, io_write,
             (struct io * io, int file, const struct iovec *pieces, uint32_t count, uint64_t offset,
              bool dsync, uint64_t token));
LOOP_WRAPPED(void, io_sync, (struct io * io, int file, bool data_only, uint64_t token));
LOOP_WRAPPED(void, io_allocate,
             (struct io * io, int file, uint64_t offset, uint64_t length, uint64_t token));
LOOP_WRAPPED(void, io_punch,
             (struct io * io, int file, uint64_t offset, uint64_t length, uint64_t token));
LOOP_WRAPPED(void, io_rename,
             (struct io * io, int directory, const char *from, const char *to, uint64_t token));
LOOP_WRAPPED(void, io_unlink, (struct io * io, int directory, const char *name, uint64_t token));
LOOP_WRAPPED(void, io_forget, (struct io * io, int file, uint64_t token));
LOOP_WRAPPED(int, io_drop_cache, (struct io * io, int file));
LOOP_WRAPPED(bool, io_honours_dsync, (struct io * io, int file, char name[32]));

#undef LOOP_WRAPPED

#endif
