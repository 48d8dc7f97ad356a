// I/O on one io_uring: sockets, files and signals as requests and completions of a single ring.
#include "server/io.h"

#include "storage/allocator.h"

#include <arpa/inet.h>
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#define RING_ENTRIES 4096
#define RING_COMPLETIONS (4 * RING_ENTRIES)
#define BUFFER_GROUP 0

// What a vectored request points to until it has been submitted, one for each submission entry.
struct io_vector {
    struct msghdr message;
    struct iovec pieces[IO_SEND_PIECES_MAX];
};

struct io {
    struct io_uring ring;
    struct io_uring_buf_ring *buffer_ring;
    uint8_t *buffers;
    uint32_t buffers_free;
    struct io_vector *vectors;
    int signal_file;
    uint64_t signal_token;
    struct signalfd_siginfo signal;
    int lock_file;
    struct stat local; // of the path that it listens on
};

static_assert((IO_BUFFERS & (IO_BUFFERS - 1)) == 0, "a ring of buffers is a power of two");
static_assert(IO_BUFFERS <= UINT16_MAX, "buffer ids are 16 bits wide");

// --- life ------------------------------------------------------------------------------------

size_t io_overhead(void)
{
    return sizeof(struct io) + IO_BUFFERS * sizeof(struct io_uring_buf) +
           (size_t)IO_BUFFERS * IO_BUFFER_BYTES + RING_ENTRIES * sizeof(struct io_vector) +
           4 * 4096;
}

static const char *io_setup_advice(int error)
{
    switch (error) {
    case EPERM:
    case EACCES:
    case ENOSYS:
        return "io_uring is forbidden here. Likely causes: (1) the seccomp profile of a container "
               "(Docker and containerd block io_uring by default: run with --security-opt "
               "seccomp=conf/seccomp-poro.json); (2) the sysctl kernel.io_uring_disabled (set it "
               "to 0); (3) a kernel without io_uring, or older than Linux 6.1";
    case ENOMEM:
        return "the ring does not fit the limit on locked memory: raise it (ulimit -l unlimited, "
               "LimitMEMLOCK=infinity, docker --ulimit memlock=-1); other causes of a refused "
               "ring are the seccomp profile of a container and the sysctl "
               "kernel.io_uring_disabled";
    default:
        return "Poro needs Linux 6.1 or later with io_uring; it may also be forbidden by the "
               "seccomp profile of a container, by the sysctl kernel.io_uring_disabled, or by the "
               "limit on locked memory (ulimit -l)";
    }
}

// A profile may allow setting up a ring and yet forbid entering it: only a request that comes back
// proves that the ring works.
static int io_probe(struct io *io)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&io->ring);
    assert(sqe != NULL);
    io_uring_prep_nop(sqe);
    sqe->user_data = 0;
    int result = io_uring_submit_and_wait(&io->ring, 1);
    if (result < 0)
        return result;
    struct io_uring_cqe *cqe;
    result = io_uring_peek_cqe(&io->ring, &cqe);
    if (result < 0)
        return result;
    result = cqe->res;
    io_uring_cqe_seen(&io->ring, cqe);
    return result;
}

static int io_setup_ring(struct io *io)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE |
                 IORING_SETUP_SUBMIT_ALL,
        .cq_entries = RING_COMPLETIONS,
    };
    int result = io_uring_queue_init_params(RING_ENTRIES, &io->ring, &params);
    if (result < 0)
        return result;
    result = io_probe(io);
    if (result < 0)
        io_uring_queue_exit(&io->ring);
    return result;
}

static int io_setup_buffers(struct io *io, struct allocator *allocator)
{
    io->buffer_ring = allocator_take(allocator, IO_BUFFERS * sizeof(struct io_uring_buf), 4096);
    io->buffers = allocator_take(allocator, (size_t)IO_BUFFERS * IO_BUFFER_BYTES, 4096);
    io->vectors = allocator_take(allocator, RING_ENTRIES * sizeof(struct io_vector), 64);
    if (io->buffer_ring == NULL || io->buffers == NULL || io->vectors == NULL)
        return -ENOMEM;
    struct io_uring_buf_reg registration = {
        .ring_addr = (uint64_t)(uintptr_t)io->buffer_ring,
        .ring_entries = IO_BUFFERS,
        .bgid = BUFFER_GROUP,
    };
    int result = io_uring_register_buf_ring(&io->ring, &registration, 0);
    if (result < 0)
        return result;
    io_uring_buf_ring_init(io->buffer_ring);
    for (uint16_t i = 0; i < IO_BUFFERS; i++)
        io_buffer_return(io, i);
    return 0;
}

int io_create(struct allocator *allocator, struct io **out, char error[1024])
{
    struct io *io = allocator_take(allocator, sizeof(*io), 64);
    if (io == NULL)
        return -ENOMEM;
    io->signal_file = -1;
    io->lock_file = -1;
    int result = io_setup_ring(io);
    if (result == 0) {
        result = io_setup_buffers(io, allocator);
        if (result < 0)
            io_uring_queue_exit(&io->ring);
    }
    if (result < 0) {
        snprintf(error, 1024, "cannot set up io_uring: %s. %s.", strerror(-result),
                 io_setup_advice(-result));
        return result;
    }
    signal(SIGPIPE, SIG_IGN);
    *out = io;
    return 0;
}

void io_destroy(struct io *io)
{
    io_uring_queue_exit(&io->ring);
    if (io->signal_file >= 0)
        close(io->signal_file);
    if (io->lock_file >= 0)
        close(io->lock_file);
}

const char *io_name(const struct io *io)
{
    assert(io->buffers != NULL);
    return "io_uring";
}

// --- submitting and reaping ------------------------------------------------------------------

static struct io_uring_sqe *io_request(struct io *io, uint64_t token)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&io->ring);
    // A full submission queue is handed over early; an overflowing completion queue (-EBUSY) is
    // kept by the kernel and delivered by the next wait.
    for (int attempts = 0; sqe == NULL && attempts < 1000; attempts++) {
        io_uring_submit(&io->ring);
        sqe = io_uring_get_sqe(&io->ring);
    }
    assert(sqe != NULL);
    sqe->user_data = token;
    return sqe;
}

static struct io_vector *io_vector(struct io *io, const struct io_uring_sqe *sqe)
{
    size_t index = (size_t)(sqe - io->ring.sq.sqes);
    assert(index < RING_ENTRIES);
    return &io->vectors[index];
}

static void io_event_of(struct io *io, const struct io_uring_cqe *cqe, struct io_event *event)
{
    *event = (struct io_event){
        .token = cqe->user_data,
        .result = cqe->res,
        .more = (cqe->flags & IORING_CQE_F_MORE) != 0,
        .has_buffer = (cqe->flags & IORING_CQE_F_BUFFER) != 0,
        .buffer = (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT),
    };
    if (event->has_buffer) {
        assert(event->buffer < IO_BUFFERS);
        assert(io->buffers_free > 0);
        io->buffers_free--;
    }
    if (io->signal_token != 0 && cqe->user_data == io->signal_token && cqe->res > 0)
        event->result = (int32_t)io->signal.ssi_signo;
}

int io_wait(struct io *io, int64_t timeout_ns, struct io_event *events)
{
    struct io_uring_cqe *first;
    int result;
    if (timeout_ns < 0) {
        result = io_uring_submit_and_wait(&io->ring, 1);
    } else {
        struct __kernel_timespec timeout = {
            .tv_sec = timeout_ns / 1000000000,
            .tv_nsec = timeout_ns % 1000000000,
        };
        result = io_uring_submit_and_wait_timeout(&io->ring, &first, 1, &timeout, NULL);
    }
    if (result < 0 && result != -ETIME && result != -EINTR && result != -EBUSY && result != -EAGAIN)
        return result;
    unsigned head;
    struct io_uring_cqe *cqe;
    int count = 0;
    io_uring_for_each_cqe(&io->ring, head, cqe)
    {
        if (count == IO_EVENTS_MAX)
            break;
        io_event_of(io, cqe, &events[count++]);
    }
    io_uring_cq_advance(&io->ring, (unsigned)count);
    return count;
}

// --- sockets ---------------------------------------------------------------------------------

union io_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static int io_parse_address(const char *address, uint16_t port, union io_address *parsed,
                            socklen_t *length)
{
    memset(parsed, 0, sizeof(*parsed));
    if (inet_pton(AF_INET, address, &parsed->v4.sin_addr) == 1) {
        parsed->v4.sin_family = AF_INET;
        parsed->v4.sin_port = htons(port);
        *length = sizeof(parsed->v4);
        return 0;
    }
    if (inet_pton(AF_INET6, address, &parsed->v6.sin6_addr) == 1) {
        parsed->v6.sin6_family = AF_INET6;
        parsed->v6.sin6_port = htons(port);
        *length = sizeof(parsed->v6);
        return 0;
    }
    return -EINVAL;
}

int io_listen(struct io *io, const char *address, uint16_t port, int backlog)
{
    assert(io->buffers != NULL);
    union io_address parsed;
    socklen_t length;
    int result = io_parse_address(address, port, &parsed, &length);
    if (result < 0)
        return result;
    int listener = socket(parsed.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0)
        return -errno;
    int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (parsed.any.sa_family == AF_INET6)
        setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(listener, &parsed.any, length) < 0 || listen(listener, backlog) < 0) {
        result = -errno;
        close(listener);
        return result;
    }
    return listener;
}

static int io_local_address(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address->sun_path))
        return -ENAMETOOLONG;
    memcpy(address->sun_path, path, strlen(path) + 1);
    return 0;
}

// Makes room at a path: removes a socket that nobody listens on.
static int io_local_clear(const char *path, const struct sockaddr_un *address)
{
    struct stat status;
    if (lstat(path, &status) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(status.st_mode))
        return -EEXIST;
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (probe < 0)
        return -errno;
    bool left = connect(probe, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
                errno == ECONNREFUSED;
    close(probe);
    if (!left)
        return -EADDRINUSE;
    return unlink(path) < 0 ? -errno : 0;
}

int io_listen_local(struct io *io, const char *path, unsigned permissions, int backlog)
{
    struct sockaddr_un address;
    int result = io_local_address(path, &address);
    if (result == 0)
        result = io_local_clear(path, &address);
    if (result < 0)
        return result;
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0)
        return -errno;
    // The path has its permissions from the beginning.
    mode_t before = umask(0777);
    umask(permissions != 0 ? 0777 & ~permissions : before);
    bool bound = bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0;
    result = bound ? 0 : -errno;
    umask(before);
    if (bound && (listen(listener, backlog) < 0 || lstat(path, &io->local) < 0))
        result = -errno;
    if (result < 0) {
        close(listener);
        return result;
    }
    return listener;
}

void io_listen_local_end(struct io *io, const char *path)
{
    struct stat status;
    if (lstat(path, &status) == 0 && status.st_ino == io->local.st_ino &&
        status.st_dev == io->local.st_dev)
        unlink(path);
}

void io_accept(struct io *io, int listener, uint64_t token)
{
    struct io_uring_sqe *sqe = io_request(io, token);
    io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
    sqe->user_data = token;
}

void io_listener_setup(struct io *io, int listener, int keepalive_s)
{
    assert(io->buffers != NULL);
    int on = 1;
    int alive = keepalive_s > 0;
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(listener, SOL_SOCKET, SO_KEEPALIVE, &alive, sizeof(alive));
    if (!alive)
        return;
    int interval = keepalive_s / 3 > 0 ? keepalive_s / 3 : 1;
    int probes = 3;
    setsockopt(listener, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive_s, sizeof(keepalive_s));
    setsockopt(listener, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
    setsockopt(listener, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

static void io_address_text(const union io_address *address, char text[64])
{
    char ip[INET6_ADDRSTRLEN] = "?";
    if (address->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address->v4.sin_addr, ip, sizeof(ip));
        snprintf(text, 64, "%s:%u", ip, ntohs(address->v4.sin_port));
    } else if (address->any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &address->v6.sin6_addr, ip, sizeof(ip));
        snprintf(text, 64, "[%s]:%u", ip, ntohs(address->v6.sin6_port));
    } else {
        snprintf(text, 64, "?:0");
    }
}

void io_socket_names(struct io *io, int socket, char peer[64], char own[64])
{
    assert(io->buffers != NULL);
    union io_address address = {0};
    socklen_t length = sizeof(address);
    if (getpeername(socket, &address.any, &length) < 0)
        address.any.sa_family = AF_UNSPEC;
    io_address_text(&address, peer);
    length = sizeof(address);
    if (getsockname(socket, &address.any, &length) < 0)
        address.any.sa_family = AF_UNSPEC;
    io_address_text(&address, own);
}

void io_receive(struct io *io, int socket, uint64_t token)
{
    struct io_uring_sqe *sqe = io_request(io, token);
    io_uring_prep_recv_multishot(sqe, socket, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = BUFFER_GROUP;
    sqe->user_data = token;
}

uint8_t *io_buffer(struct io *io, uint16_t buffer)
{
    assert(buffer < IO_BUFFERS);
    return io->buffers + (size_t)buffer * IO_BUFFER_BYTES;
}

void io_buffer_return(struct io *io, uint16_t buffer)
{
    assert(buffer < IO_BUFFERS);
    assert(io->buffers_free < IO_BUFFERS);
    io_uring_buf_ring_add(io->buffer_ring, io_buffer(io, buffer), IO_BUFFER_BYTES, buffer,
                          io_uring_buf_ring_mask(IO_BUFFERS), 0);
    io_uring_buf_ring_advance(io->buffer_ring, 1);
    io->buffers_free++;
}

uint32_t io_buffers_free(const struct io *io)
{
    return io->buffers_free;
}

void io_receive_into(struct io *io, int socket, uint64_t token, uint8_t *bytes, size_t length)
{
    assert(length > 0);
    struct io_uring_sqe *sqe = io_request(io, token);
    io_uring_prep_recv(sqe, socket, bytes, length, 0);
    sqe->user_data = token;
}

void io_send(struct io *io, int socket, uint64_t token, const struct iovec *pieces, uint32_t count)
{
    assert(count > 0 && count <= IO_SEND_PIECES_MAX);
    struct io_uring_sqe *sqe = io_request(io, token);
    if (count == 1) {
        io_uring_prep_send(sqe, socket, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL);
    } else {
        struct io_vector *vector = io_vector(io, sqe);
        memcpy(vector->pieces, pieces, count * sizeof(*pieces));
        vector->message = (struct msghdr){.msg_iov = vector->pieces, .msg_iovlen = count};
        io_uring_prep_sendmsg(sqe, socket, &vector->message, MSG_NOSIGNAL);
    }
    sqe->user_data = token;
}

void io_send_now(struct io *io, int socket, const char *bytes, size_t length)
{
    assert(io->buffers != NULL);
    (void)!send(socket, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void io_cancel(struct io *io, uint64_t target, uint64_t token)
{
    struct io_uring_sqe *sqe = io_request(io, token);
    io_uring_prep_cancel64(sqe, target, IORING_ASYNC_CANCEL_ALL);
    sqe->user_data = token;
}

void io_socket_shutdown(struct io *io, int socket)
{
    assert(io->buffers != NULL);
    shutdown(socket, SHUT_RDWR);
}

// --- files: requests -------------------------------------------------------------------------

void io_open(struct io *io, int directory, const char *name, uint32_t flags, uint64_t token)
{
    int how = O_CLOEXEC | ((flags & IO_OPEN_WRITE) ? O_RDWR : O_RDONLY);
    how |= (flags & IO_OPEN_CREATE) ? O_CREAT : 0;
    how |= (flags & IO_OPEN_EXCLUSIVE) ? O_EXCL : 0;
    how |= (flags & IO_OPEN_DIRECT) ? O_DIRECT : 0;
    how |= (flags & IO_OPEN_DIRECTORY) ? O_DIRECTORY : 0;
    struct io_uring_sqe *sqe = io_request(io, token);
    io_uring_prep_openat(sqe, directory, name, how, 0600);
    sqe->user_data = token;
}

void io_close(struct io *io, int file, uint64_t token)
{
    struct io_uring_sqe *sqe = io_request(io, token);
    io_uring_prep_close(sqe, file);
    sqe->user_data = token;
}

void io_read(struct io *io, int file, uint8_t *bytes, uint32_t length, uint64_t offset,
             uint64_t token)
{
    struct io_uring_sqe *sqe = io_request(io, token);
    io_uring_prep_read(sqe, file, bytes, length, offset);
    sqe->user_data = token;
}

void io_write(struct io *io, int file, const struct iovec *pieces, uint32_t count, uint64_t offset,
              bool dsync, uint64_t token)
{
    assert(count > 0 && count <= IO_SEND_PIECES_MAX);
    struct io_uring_sqe *sqe = io_request(io, token);
    if (count == 1) {
        io_uring_prep_write(sqe, file, pieces[0].iov_base, (unsigned)pieces[0].iov_len, offset);
    } else {
        struct io_vector *vector = io_vector(io, sqe);
        memcpy(vector->pieces, pieces, count * sizeof(*pieces));
        io_uring_prep_writev(sqe, file, vector->pieces, count, offset);
    }
    sqe->rw_flags = dsync ? RWF_DSYNC : 0;
    sqe->user_data = token;
}

void io_sync(struct io *io, int file, bool data_only, uint64_t token)
{
    struct io_uring_sqe *sqe = io_request(io, token);
    io_uring_prep_fsync(sqe, file, data_only ? IORING_FSYNC_DATASYNC : 0);
    sqe->user_data = token;
}

void io_allocate(struct io *io, int file, uint64_t offset, uint64_t length, uint64_t token)
{
    struct io_uring_sqe *sqe = io_request(io, token);
    io_uring_prep_fallocate(sqe, file, 0, (off_t)offset, (off_t)length);
    sqe->user_data = token;
}

void io_punch(struct io *io, int file, uint64_t offset, uint64_t length, uint64_t token)
{
    struct io_uring_sqe *sqe = io_request(io, token);
    io_uring_prep_fallocate(sqe, file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
                            (off_t)length);
    sqe->user_data = token;
}

void io_rename(struct io *io, int directory, const char *from, const char *to, uint64_t token)
{
    struct io_uring_sqe *sqe = io_request(io, token);
    io_uring_prep_renameat(sqe, directory, from, directory, to, 0);
    sqe->user_data = token;
}

void io_unlink(struct io *io, int directory, const char *name, uint64_t token)
{
    struct io_uring_sqe *sqe = io_request(io, token);
    io_uring_prep_unlinkat(sqe, directory, name, 0);
    sqe->user_data = token;
}

void io_forget(struct io *io, int file, uint64_t token)
{
    struct io_uring_sqe *sqe = io_request(io, token);
    io_uring_prep_fadvise(sqe, file, 0, 0, POSIX_FADV_DONTNEED);
    sqe->user_data = token;
}

void io_populate(struct io *io, void *address, size_t bytes, uint64_t token)
{
    struct io_uring_sqe *sqe = io_request(io, token);
    io_uring_prep_madvise(sqe, address, (off_t)bytes, MADV_POPULATE_WRITE);
    sqe->user_data = token;
}

// --- files: at start, blocking ---------------------------------------------------------------

int io_open_directory(struct io *io, const char *path)
{
    assert(io->buffers != NULL);
    bool made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST)
        return -errno;
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -errno;
    int parent = made ? openat(directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (!made)
        return directory;
    // The new name itself has to be on stable storage.
    int result = parent < 0 || fsync(parent) < 0 ? -errno : 0;
    if (parent >= 0)
        close(parent);
    if (result < 0) {
        close(directory);
        return result;
    }
    return directory;
}

int io_list(struct io *io, int directory, void (*each)(void *context, const char *name),
            void *context)
{
    assert(io->buffers != NULL);
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0)
        return -errno;
    DIR *stream = fdopendir(copy);
    if (stream == NULL) {
        int result = -errno;
        close(copy);
        return result;
    }
    errno = 0;
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            each(context, entry->d_name);
        errno = 0;
    }
    int result = -errno;
    closedir(stream);
    return result;
}

int io_lock(struct io *io, int directory, const char *name)
{
    if (io->lock_file < 0) {
        io->lock_file = openat(directory, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (io->lock_file < 0)
            return -errno;
    }
    if (flock(io->lock_file, LOCK_EX | LOCK_NB) < 0)
        return -errno;
    return io_uring_register_files(&io->ring, &io->lock_file, 1);
}

int io_copy_mode(struct io *io, int from, int to)
{
    struct stat status;
    assert(io != NULL);
    if (fstat(from, &status) < 0)
        return -errno;
    // The owner first: a change of it may take permissions away.
    if (fchown(to, status.st_uid, status.st_gid) < 0 && errno != EPERM)
        return -errno;
    return fchmod(to, status.st_mode & 07777) < 0 ? -errno : 0;
}

int io_drop_cache(struct io *io, int file)
{
    assert(io->buffers != NULL);
    return -posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
}

int64_t io_file_size(struct io *io, int file)
{
    assert(io->buffers != NULL);
    struct stat status;
    return fstat(file, &status) < 0 ? -errno : status.st_size;
}

bool io_honours_dsync(struct io *io, int file, char name[32])
{
    assert(io->buffers != NULL);
    // Magic numbers of <linux/magic.h>, written out because not all are in Debian's header.
    static const struct {
        uint32_t magic;
        const char *name;
        bool honours;
    } known[] = {
        {0xEF53, "ext4", true},           {0x58465342, "xfs", true},
        {0x9123683E, "btrfs", false},     {0x01021994, "tmpfs", false},
        {0x794C7630, "overlayfs", false}, {0x65735546, "fuse", false},
        {0x6969, "nfs", false},           {0x2FC12FC1, "zfs", false},
        {0xF2F52010, "f2fs", false},
    };
    struct statfs status;
    snprintf(name, 32, "unknown");
    if (fstatfs(file, &status) < 0)
        return false;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if ((uint32_t)status.f_type != known[i].magic)
            continue;
        snprintf(name, 32, "%s", known[i].name);
        return known[i].honours;
    }
    snprintf(name, 32, "0x%x", (uint32_t)status.f_type);
    return false;
}

// --- signals ---------------------------------------------------------------------------------

int io_signals(struct io *io, uint64_t token)
{
    assert(token != 0);
    if (io->signal_file < 0) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
            return -errno;
        io->signal_file = signalfd(-1, &set, SFD_CLOEXEC);
        if (io->signal_file < 0)
            return -errno;
        io->signal_token = token;
    }
    io_read(io, io->signal_file, (uint8_t *)&io->signal, sizeof(io->signal), 0, token);
    return 0;
}
