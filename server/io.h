// I/O: half of the seam between the server and the world. io_uring.c implements it on one ring; a
// simulator may implement it otherwise.
//
// Requests are queued by the functions below, handed over by io_wait, and answered by events that
// carry the request's token (see token.h). Events come in any order. Memory passed to a request
// belongs to it until its event has come; a cancelled request still gets one.
#ifndef PORO_SERVER_IO_H
#define PORO_SERVER_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct allocator;
struct io;

// Events that one io_wait returns at most.
#define IO_EVENTS_MAX 2048
// Pieces of one send at most.
#define IO_SEND_PIECES_MAX 16
// Receive buffers shared by all connections, and the size of one.
#define IO_BUFFERS 1024
#define IO_BUFFER_BYTES 16384

struct io_event {
    uint64_t token;
    int32_t result; // bytes, a descriptor, 0, or -errno
    bool more;      // a multishot request that goes on: further events with this token will come
    bool has_buffer;
    uint16_t buffer; // a received buffer, to be given back with io_buffer_return
};

// --- life ------------------------------------------------------------------------------------

size_t io_overhead(void);

// Sets up the ring and proves with a no-op that it works. 0, or -errno with an explanation for the
// user in `error`.
int io_create(struct allocator *allocator, struct io **io, char error[1024]);
void io_destroy(struct io *io);
// Name of the implementation, for INFO.
const char *io_name(const struct io *io);

// Hands over what is queued and waits for at least one event, at most `timeout_ns` (0: not at all,
// < 0: for ever). Returns the number of events written to `events` (IO_EVENTS_MAX of room), or
// -errno.
int io_wait(struct io *io, int64_t timeout_ns, struct io_event *events);

// --- sockets ---------------------------------------------------------------------------------

// Binds and listens on a numeric address (IPv4 or IPv6) and port. Blocking; at start only. A
// descriptor or -errno.
int io_listen(struct io *io, const char *address, uint16_t port, int backlog);
// The same on a path in the file system, with these permissions (0: as the umask says). A socket that
// a killed process has left there is replaced; -EADDRINUSE: somebody listens on it; -EEXIST: something
// else is there; -ENAMETOOLONG.
int io_listen_local(struct io *io, const char *path, unsigned permissions, int backlog);
// Removes that path if it still is the listener's. At the end only.
void io_listen_local_end(struct io *io, const char *path);
// Multishot; events carry accepted descriptors.
void io_accept(struct io *io, int listener, uint64_t token);
// Options that connections inherit when a listener of io_listen accepts them: no delay, keep-alive.
void io_listener_setup(struct io *io, int listener, int keepalive_s);
// Peer and own address of an accepted connection as "ip:port".
void io_socket_names(struct io *io, int socket, char peer[64], char own[64]);
// Multishot receive into provided buffers. Result 0: end of stream. -ENOBUFS: ended for lack of
// buffers, nothing is lost, call again when some have been returned.
void io_receive(struct io *io, int socket, uint64_t token);
uint8_t *io_buffer(struct io *io, uint16_t buffer);
void io_buffer_return(struct io *io, uint16_t buffer);
// Buffers that the kernel has at the moment.
uint32_t io_buffers_free(const struct io *io);
// One receive into memory of the caller.
void io_receive_into(struct io *io, int socket, uint64_t token, uint8_t *bytes, size_t length);
// Sends up to IO_SEND_PIECES_MAX pieces in order; may send less than all. The vector is copied.
void io_send(struct io *io, int socket, uint64_t token, const struct iovec *pieces, uint32_t count);
// Sends what the socket takes at once, without waiting: for an error to a client that is turned away.
void io_send_now(struct io *io, int socket, const char *bytes, size_t length);
// Asks to end all requests with token `target`; each still gets its event. The cancel itself
// answers with `token`: 0 or -ENOENT.
void io_cancel(struct io *io, uint64_t target, uint64_t token);
// Ends both directions at once, so that pending receives and sends end too.
void io_socket_shutdown(struct io *io, int socket);

// --- files: requests
// ------------------------------------------------------------------------------- Names are
// relative to the directory descriptor `directory`.

enum io_open_flags {
    IO_OPEN_READ = 0,
    IO_OPEN_WRITE = 1, // read and write
    IO_OPEN_CREATE = 2,
    IO_OPEN_EXCLUSIVE = 4, // with CREATE: -EEXIST when there is one
    IO_OPEN_DIRECT = 8,    // O_DIRECT
    IO_OPEN_DIRECTORY = 16,
};
void io_open(struct io *io, int directory, const char *name, uint32_t flags, uint64_t token);
void io_close(struct io *io, int file, uint64_t token);
void io_read(struct io *io, int file, uint8_t *bytes, uint32_t length, uint64_t offset,
             uint64_t token);
// `dsync`: the event comes when the bytes are on stable storage (RWF_DSYNC).
void io_write(struct io *io, int file, const struct iovec *pieces, uint32_t count, uint64_t offset,
              bool dsync, uint64_t token);
void io_sync(struct io *io, int file, bool data_only, uint64_t token);
void io_allocate(struct io *io, int file, uint64_t offset, uint64_t length, uint64_t token);
// Gives the space of these bytes back; the file stays as long as it is. -EOPNOTSUPP where the file
// system cannot do that.
void io_punch(struct io *io, int file, uint64_t offset, uint64_t length, uint64_t token);
void io_rename(struct io *io, int directory, const char *from, const char *to, uint64_t token);
void io_unlink(struct io *io, int directory, const char *name, uint64_t token);
// Drops what the page cache holds of the file and is on the device.
void io_forget(struct io *io, int file, uint64_t token);

// --- memory ----------------------------------------------------------------------------------

// Pages of the process get their memory before they are touched first. -EINVAL where the kernel does
// not know that.
void io_populate(struct io *io, void *address, size_t bytes, uint64_t token);

// --- files: at once --------------------------------------------------------------------------

// Its length in bytes, or -errno. At once: the kernel knows it.
int64_t io_file_size(struct io *io, int file);
// The file `to` gets the permissions of `from`, and its owner where that is allowed. At once: only
// what the kernel knows of the files changes. 0 or -errno.
int io_copy_mode(struct io *io, int from, int to);

// --- files: at start only, blocking ----------------------------------------------------------

// Creates the directory (not its parents) unless it exists; opens it. A descriptor or -errno.
int io_open_directory(struct io *io, const char *path);
// Calls `each` with the name of every entry. 0 or -errno.
int io_list(struct io *io, int directory, void (*each)(void *context, const char *name),
            void *context);
// Takes the exclusive lock on the file `name`, and keeps it as long as any request of this process
// may still be at work (its descriptor is registered in the ring). 0 or -EWOULDBLOCK or -errno.
int io_lock(struct io *io, int directory, const char *name);
// Drops what the page cache holds of the file, so that reads come from the device.
int io_drop_cache(struct io *io, int file);
// Is RWF_DSYNC known to be honoured on this file's file system? Its name for INFO in `name`.
bool io_honours_dsync(struct io *io, int file, char name[32]);

// --- signals ---------------------------------------------------------------------------------

// From now on SIGTERM, SIGINT and the like arrive as events with this token and the signal's number
// as result. One event a call: call again after each. 0 or -errno.
int io_signals(struct io *io, uint64_t token);

#endif
