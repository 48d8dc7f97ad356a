// CONFIG REWRITE: the steps from the old file to the new one.
#include "server/rewrite.h"

#include "conf/limits.h"
#include "server/config_rewrite.h"
#include "server/io.h"
#include "server/server.h"
#include "server/token.h"
#include "storage/allocator.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>

enum rewrite_step {
    REWRITE_IDLE,
    REWRITE_OPEN_FOLDER,
    REWRITE_OPEN,
    REWRITE_READ,
    REWRITE_UNLINK, // what a rewrite that was cut off has left
    REWRITE_CREATE,
    REWRITE_WRITE,
    REWRITE_SYNC,
    REWRITE_RENAME,
    REWRITE_SYNC_FOLDER,
    // the end, also of one that has failed
    REWRITE_CLEAN, // removes the new file where it has not become the configuration file
    REWRITE_CLOSE_NEW,
    REWRITE_CLOSE_OLD,
    REWRITE_CLOSE_FOLDER,
};

struct rewrite {
    enum rewrite_step step;
    uint32_t generation;
    uint64_t client;
    bool ended; // and its client has not been told
    bool made;  // the new file exists under a name of its own
    int error;
    int folder;
    int old_file;
    int new_file;
    char folder_name[CONFIG_TEXT_MAX];
    char name[CONFIG_TEXT_MAX];
    char new_name[CONFIG_TEXT_MAX + 16];
    uint64_t old_length;
    uint64_t new_length;
    uint64_t written;
    char old_text[CONFIG_FILE_BYTES_MAX];
    char new_text[CONFIG_FILE_BYTES_MAX];
};

size_t rewrite_overhead(void)
{
    return sizeof(struct rewrite) + 64;
}

struct rewrite *rewrite_create(struct allocator *allocator)
{
    return allocator_take(allocator, sizeof(struct rewrite), 64);
}

bool rewrite_going_on(const struct rewrite *rewrite)
{
    return rewrite->step != REWRITE_IDLE;
}

bool rewrite_take_result(struct rewrite *rewrite, uint64_t client, int *error)
{
    if (!rewrite->ended || rewrite->client != client)
        return false;
    rewrite->ended = false;
    *error = rewrite->error;
    return true;
}

static void rewrite_submit(struct server *server)
{
    struct rewrite *rewrite = server->rewrite;
    struct io *io = server->io;
    uint64_t token = token_pack((struct token){TOKEN_REWRITE, 0, rewrite->generation});
    struct iovec piece;
    switch (rewrite->step) {
    case REWRITE_IDLE:
        break;
    case REWRITE_OPEN_FOLDER:
        io_open(io, AT_FDCWD, rewrite->folder_name, IO_OPEN_READ | IO_OPEN_DIRECTORY, token);
        break;
    case REWRITE_OPEN:
        io_open(io, rewrite->folder, rewrite->name, IO_OPEN_READ, token);
        break;
    case REWRITE_READ:
        io_read(io, rewrite->old_file, (uint8_t *)rewrite->old_text + rewrite->old_length,
                (uint32_t)(CONFIG_FILE_BYTES_MAX - rewrite->old_length), rewrite->old_length,
                token);
        break;
    case REWRITE_UNLINK:
    case REWRITE_CLEAN:
        io_unlink(io, rewrite->folder, rewrite->new_name, token);
        break;
    case REWRITE_CREATE:
        io_open(io, rewrite->folder, rewrite->new_name,
                IO_OPEN_WRITE | IO_OPEN_CREATE | IO_OPEN_EXCLUSIVE, token);
        break;
    case REWRITE_WRITE:
        piece = (struct iovec){rewrite->new_text + rewrite->written,
                               rewrite->new_length - rewrite->written};
        io_write(io, rewrite->new_file, &piece, 1, rewrite->written, false, token);
        break;
    case REWRITE_SYNC:
        io_sync(io, rewrite->new_file, false, token);
        break;
    case REWRITE_RENAME:
        io_rename(io, rewrite->folder, rewrite->new_name, rewrite->name, token);
        break;
    case REWRITE_SYNC_FOLDER:
        io_sync(io, rewrite->folder, false, token);
        break;
    case REWRITE_CLOSE_NEW:
        io_close(io, rewrite->new_file, token);
        break;
    case REWRITE_CLOSE_OLD:
        io_close(io, rewrite->old_file, token);
        break;
    case REWRITE_CLOSE_FOLDER:
        io_close(io, rewrite->folder, token);
        break;
    }
}

// --- what follows a step ---------------------------------------------------------------------

// Skips what there is nothing to do for.
static enum rewrite_step rewrite_end_step(const struct rewrite *rewrite, enum rewrite_step step)
{
    if (step == REWRITE_CLEAN && !rewrite->made)
        step = REWRITE_CLOSE_NEW;
    if (step == REWRITE_CLOSE_NEW && rewrite->new_file < 0)
        step = REWRITE_CLOSE_OLD;
    if (step == REWRITE_CLOSE_OLD && rewrite->old_file < 0)
        step = REWRITE_CLOSE_FOLDER;
    if (step == REWRITE_CLOSE_FOLDER && rewrite->folder < 0)
        step = REWRITE_IDLE;
    return step;
}

static enum rewrite_step rewrite_failed(struct rewrite *rewrite, int error)
{
    assert(error < 0);
    rewrite->error = error;
    return rewrite_end_step(rewrite, REWRITE_CLEAN);
}

// The old text is there: makes the new one.
static enum rewrite_step rewrite_make(struct server *server)
{
    struct rewrite *rewrite = server->rewrite;
    int64_t length = config_rewrite(&server->config, rewrite->old_text, rewrite->old_length,
                                    rewrite->new_text, sizeof(rewrite->new_text));
    if (length < 0)
        return rewrite_failed(rewrite, (int)length);
    rewrite->new_length = (uint64_t)length;
    return REWRITE_UNLINK;
}

static enum rewrite_step rewrite_after_open(struct server *server, int32_t result)
{
    struct rewrite *rewrite = server->rewrite;
    // As in Redis, a file that has gone is written anew.
    if (result == -ENOENT)
        return rewrite_make(server);
    if (result < 0)
        return rewrite_failed(rewrite, result);
    rewrite->old_file = result;
    return REWRITE_READ;
}

static enum rewrite_step rewrite_after_read(struct server *server, int32_t result)
{
    struct rewrite *rewrite = server->rewrite;
    if (result < 0)
        return rewrite_failed(rewrite, result);
    if (result == 0)
        return rewrite_make(server);
    rewrite->old_length += (uint64_t)result;
    return rewrite->old_length < CONFIG_FILE_BYTES_MAX ? REWRITE_READ
                                                       : rewrite_failed(rewrite, -EFBIG);
}

// The new file may be read by whom the old one may, and by nobody else before it has that mode.
static enum rewrite_step rewrite_after_create(struct server *server, int32_t result)
{
    struct rewrite *rewrite = server->rewrite;
    if (result < 0)
        return rewrite_failed(rewrite, result);
    rewrite->new_file = result;
    rewrite->made = true;
    int error = 0;
    if (rewrite->old_file >= 0)
        error = io_copy_mode(server->io, rewrite->old_file, rewrite->new_file);
    if (error < 0)
        return rewrite_failed(rewrite, error);
    return rewrite->new_length > 0 ? REWRITE_WRITE : REWRITE_SYNC;
}

static enum rewrite_step rewrite_after_write(struct rewrite *rewrite, int32_t result)
{
    if (result <= 0)
        return rewrite_failed(rewrite, result < 0 ? result : -EIO);
    rewrite->written += (uint64_t)result;
    return rewrite->written < rewrite->new_length ? REWRITE_WRITE : REWRITE_SYNC;
}

static enum rewrite_step rewrite_next(struct server *server, int32_t result)
{
    struct rewrite *rewrite = server->rewrite;
    switch (rewrite->step) {
    case REWRITE_IDLE:
        break;
    case REWRITE_OPEN_FOLDER:
        if (result < 0)
            return rewrite_failed(rewrite, result);
        rewrite->folder = result;
        return REWRITE_OPEN;
    case REWRITE_OPEN:
        return rewrite_after_open(server, result);
    case REWRITE_READ:
        return rewrite_after_read(server, result);
    case REWRITE_UNLINK:
        return result < 0 && result != -ENOENT ? rewrite_failed(rewrite, result) : REWRITE_CREATE;
    case REWRITE_CREATE:
        return rewrite_after_create(server, result);
    case REWRITE_WRITE:
        return rewrite_after_write(rewrite, result);
    case REWRITE_SYNC:
        return result < 0 ? rewrite_failed(rewrite, result) : REWRITE_RENAME;
    case REWRITE_RENAME:
        if (result < 0)
            return rewrite_failed(rewrite, result);
        rewrite->made = false;
        return REWRITE_SYNC_FOLDER;
    case REWRITE_SYNC_FOLDER:
        if (result < 0)
            return rewrite_failed(rewrite, result);
        return rewrite_end_step(rewrite, REWRITE_CLEAN);
    case REWRITE_CLEAN:
        return rewrite_end_step(rewrite, REWRITE_CLOSE_NEW);
    case REWRITE_CLOSE_NEW:
        return rewrite_end_step(rewrite, REWRITE_CLOSE_OLD);
    case REWRITE_CLOSE_OLD:
        return rewrite_end_step(rewrite, REWRITE_CLOSE_FOLDER);
    case REWRITE_CLOSE_FOLDER:
        return REWRITE_IDLE;
    }
    assert(false);
    return REWRITE_IDLE;
}

// --- beginning and end -----------------------------------------------------------------------

void rewrite_begin(struct server *server, uint64_t client)
{
    struct rewrite *rewrite = server->rewrite;
    char path[CONFIG_TEXT_MAX];
    assert(!rewrite_going_on(rewrite) && server->config_file[0] != '\0');
    rewrite->client = client;
    rewrite->generation++;
    rewrite->ended = rewrite->made = false;
    rewrite->error = 0;
    rewrite->folder = rewrite->old_file = rewrite->new_file = -1;
    rewrite->old_length = rewrite->new_length = rewrite->written = 0;
    memcpy(path, server->config_file, sizeof(path));
    snprintf(rewrite->folder_name, sizeof(rewrite->folder_name), "%s", dirname(path));
    memcpy(path, server->config_file, sizeof(path));
    snprintf(rewrite->name, sizeof(rewrite->name), "%s", basename(path));
    snprintf(rewrite->new_name, sizeof(rewrite->new_name), ".%s.new", rewrite->name);
    rewrite->step = REWRITE_OPEN_FOLDER;
    rewrite_submit(server);
}

void rewrite_event(struct server *server, uint32_t generation, int32_t result)
{
    struct rewrite *rewrite = server->rewrite;
    assert(rewrite_going_on(rewrite) && generation == rewrite->generation);
    rewrite->step = rewrite_next(server, result);
    if (rewrite_going_on(rewrite)) {
        rewrite_submit(server);
        return;
    }
    rewrite->ended = true;
    if (rewrite->error == 0)
        notice(&server->notices, LOGLEVEL_NOTICE, "the configuration file has been rewritten");
    else
        notice(&server->notices, LOGLEVEL_WARNING, "rewriting the configuration file failed: %s",
               strerror(-rewrite->error));
}
