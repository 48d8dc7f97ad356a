// Files of the virtual ring: the half of server/io.h that deals with them.
#include "sim/io_internal.h"

#include "sim/disk.h"
#include "sim/network.h"
#include "sim/requests.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct request *file_request(struct io *io, enum request_kind kind, uint64_t token, int file)
{
    assert(file >= 0);
    struct request *request = request_add(io->world->requests, kind, token);
    request->file = file;
    return request;
}

static void file_name(char to[REQUEST_NAME_BYTES], const char *name)
{
    assert(strlen(name) < REQUEST_NAME_BYTES);
    snprintf(to, REQUEST_NAME_BYTES, "%s", name);
}

void io_open(struct io *io, int directory, const char *name, uint32_t flags, uint64_t token)
{
    struct request *request = file_request(io, REQUEST_OPEN, token, directory);
    request->flags = flags;
    file_name(request->name, name);
}

void io_close(struct io *io, int file, uint64_t token)
{
    struct link *link = network_of_socket(io->world->network, file);
    if (link != NULL) {
        network_server_close(io->world, link);
        io_event_add(io->world, token, 0, false);
        return;
    }
    file_request(io, REQUEST_CLOSE, token, file);
}

void io_read(struct io *io, int file, uint8_t *bytes, uint32_t length, uint64_t offset,
             uint64_t token)
{
    struct request *request = file_request(io, REQUEST_READ, token, file);
    request->buffer = bytes;
    request->length = length;
    request->offset = offset;
}

void io_write(struct io *io, int file, const struct iovec *pieces, uint32_t count, uint64_t offset,
              bool dsync, uint64_t token)
{
    assert(count > 0 && count <= REQUEST_PIECES_MAX);
    struct request *request = file_request(io, REQUEST_WRITE, token, file);
    memcpy(request->pieces, pieces, count * sizeof(*pieces));
    request->pieces_count = count;
    request->offset = offset;
    request->dsync = dsync;
    for (uint32_t i = 0; i < count; i++)
        request->length += pieces[i].iov_len;
}

void io_sync(struct io *io, int file, bool data_only, uint64_t token)
{
    struct request *request = file_request(io, REQUEST_SYNC, token, file);
    request->flags = data_only;
}

void io_allocate(struct io *io, int file, uint64_t offset, uint64_t length, uint64_t token)
{
    struct request *request = file_request(io, REQUEST_ALLOCATE, token, file);
    request->offset = offset;
    request->length = length;
}

void io_punch(struct io *io, int file, uint64_t offset, uint64_t length, uint64_t token)
{
    struct request *request = file_request(io, REQUEST_PUNCH, token, file);
    request->offset = offset;
    request->length = length;
}

void io_rename(struct io *io, int directory, const char *from, const char *to, uint64_t token)
{
    struct request *request = file_request(io, REQUEST_RENAME, token, directory);
    file_name(request->name, from);
    file_name(request->to, to);
}

void io_unlink(struct io *io, int directory, const char *name, uint64_t token)
{
    struct request *request = file_request(io, REQUEST_UNLINK, token, directory);
    file_name(request->name, name);
}

void io_forget(struct io *io, int file, uint64_t token)
{
    file_request(io, REQUEST_FORGET, token, file);
}

void io_populate(struct io *io, void *address, size_t bytes, uint64_t token)
{
    assert(address != NULL && bytes > 0);
    io_event_add(io->world, token, 0, false);
}

// The server of a simulation has no configuration file.
int io_copy_mode(struct io *io, int from, int to)
{
    assert(io != NULL && from >= 0 && to >= 0);
    return -EOPNOTSUPP;
}

// --- at start --------------------------------------------------------------------------------

int io_open_directory(struct io *io, const char *path)
{
    assert(strcmp(path, io->world->plan.config.dir) == 0);
    if (world_fault(io->world, FAULT_PERMISSION)) {
        io->world->faulted_ns = io->world->errored_ns = io->world->now_ns;
        return -EACCES;
    }
    return DISK_FOLDER;
}

int io_list(struct io *io, int directory, void (*each)(void *context, const char *name),
            void *context)
{
    assert(directory == DISK_FOLDER);
    if (world_fault(io->world, FAULT_EIO)) {
        io->world->faulted_ns = io->world->errored_ns = io->world->now_ns;
        return -EIO;
    }
    disk_list(io->world->disk, each, context);
    return 0;
}

// The lock is held as long as a request of the process that has died is still to land.
int io_lock(struct io *io, int directory, const char *name)
{
    assert(directory == DISK_FOLDER && strcmp(name, "lock") == 0);
    return requests_orphans(io->world->requests) > 0 ? -EWOULDBLOCK : 0;
}

int io_drop_cache(struct io *io, int file)
{
    return disk_drop_cache(io->world->disk, file);
}

int64_t io_file_size(struct io *io, int file)
{
    return (int64_t)disk_size(io->world->disk, file);
}

// A disk that is known to ignore the flag, and one that only pretends.
bool io_honours_dsync(struct io *io, int file, char name[32])
{
    assert(disk_is_open(io->world->disk, file));
    const struct disk_options *options = disk_options(io->world->disk);
    bool honours = !options->ignores_dsync || io->world->lying;
    snprintf(name, 32, honours ? "ext4" : "fuse");
    return honours;
}
