// The fault layer inside the server: what requests do to the disk behind the page cache.
#include "sim/loop_layer.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static_assert(LOOP_FILE_BYTES_MAX / LOOP_BLOCK_BYTES <= 64, "a file's blocks are bits of a word");

// The blocks that bytes [offset, offset + length) touch.
static uint64_t blocks_of(uint64_t offset, uint64_t length)
{
    uint64_t blocks = 0;
    for (uint64_t at = offset / LOOP_BLOCK_BYTES * LOOP_BLOCK_BYTES; at < offset + length;
         at += LOOP_BLOCK_BYTES)
        blocks |= 1ULL << (at / LOOP_BLOCK_BYTES);
    return blocks;
}

// --- names -----------------------------------------------------------------------------------

uint16_t layer_disk_find(const struct layer *layer, const char *name)
{
    for (uint16_t i = 0; i < LOOP_FILES_MAX; i++) {
        const struct loop_file *file = &layer->shared->files[i];
        if (file->used && file->exists && strcmp(file->name, name) == 0)
            return i;
    }
    return LAYER_NO_FILE;
}

static void naming_add(struct layer *layer, enum loop_naming_kind kind, uint16_t file,
                       const char *from)
{
    struct loop_shared *shared = layer->shared;
    assert(shared->namings < LOOP_NAMINGS_MAX);
    struct loop_naming *naming = &shared->naming[shared->namings++];
    *naming = (struct loop_naming){.kind = kind, .file = file};
    strncpy(naming->from, from, LOOP_NAME_BYTES - 1);
}

// A file that exists no more, nor can come back.
static bool file_is_forgotten(const struct loop_shared *shared, uint16_t index)
{
    if (!shared->files[index].used)
        return true;
    if (shared->files[index].exists)
        return false;
    for (uint32_t i = 0; i < shared->namings; i++) {
        if (shared->naming[i].file == index)
            return false;
    }
    return true;
}

uint16_t layer_disk_create(struct layer *layer, const char *name)
{
    struct loop_shared *shared = layer->shared;
    uint16_t index = 0;
    while (index < LOOP_FILES_MAX && !file_is_forgotten(shared, index))
        index++;
    assert(index < LOOP_FILES_MAX && strlen(name) < LOOP_NAME_BYTES);
    struct loop_file *file = &shared->files[index];
    if (file->filled != 0)
        memset(shared->medium[index], 0, LOOP_FILE_BYTES_MAX);
    *file = (struct loop_file){.used = true, .exists = true};
    strncpy(file->name, name, LOOP_NAME_BYTES - 1);
    naming_add(layer, LOOP_NAMED_CREATE, index, "");
    return index;
}

void layer_disk_rename(struct layer *layer, uint16_t index, const char *to)
{
    struct loop_file *file = &layer->shared->files[index];
    assert(strlen(to) < LOOP_NAME_BYTES);
    if (layer_disk_find(layer, to) != LAYER_NO_FILE)
        layer_violation(layer, "%s is renamed to %s, which exists", file->name, to);
    naming_add(layer, LOOP_NAMED_RENAME, index, file->name);
    strncpy(file->name, to, LOOP_NAME_BYTES - 1);
}

void layer_disk_unlink(struct layer *layer, uint16_t index)
{
    layer->shared->files[index].exists = false;
    naming_add(layer, LOOP_NAMED_UNLINK, index, "");
}

void layer_disk_undo_naming(struct layer *layer, const struct layer_request *request)
{
    struct loop_shared *shared = layer->shared;
    uint32_t at = shared->namings;
    while (at > 0 && shared->naming[at - 1].file != request->file)
        at--;
    assert(at > 0);
    struct loop_naming naming = shared->naming[--at];
    struct loop_file *file = &shared->files[naming.file];
    file->exists = naming.kind != LOOP_NAMED_CREATE;
    if (naming.kind == LOOP_NAMED_RENAME)
        memcpy(file->name, naming.from, LOOP_NAME_BYTES);
    shared->namings--;
    memmove(&shared->naming[at], &shared->naming[at + 1],
            (shared->namings - at) * sizeof(shared->naming[0]));
}

void layer_disk_folder_synced(struct layer *layer, const struct layer_request *request)
{
    struct loop_shared *shared = layer->shared;
    uint32_t durable = request->namings < shared->namings ? request->namings : shared->namings;
    shared->namings -= durable;
    memmove(&shared->naming[0], &shared->naming[durable],
            shared->namings * sizeof(shared->naming[0]));
}

// --- the real file ---------------------------------------------------------------------------

// The file through the page cache, whatever the server has opened it with.
static int file_open(const struct layer *layer, uint16_t file, int flags)
{
    return openat(layer->directory, layer->shared->files[file].name, flags | O_CLOEXEC);
}

// Byte `at` of the request's pieces, and how many follow it in one piece.
static const uint8_t *request_bytes(const struct layer_request *request, uint64_t at,
                                    uint64_t *follow)
{
    for (uint32_t i = 0; i < request->count; i++) {
        if (at < request->pieces[i].iov_len) {
            *follow = request->pieces[i].iov_len - at;
            return (const uint8_t *)request->pieces[i].iov_base + at;
        }
        at -= request->pieces[i].iov_len;
    }
    assert(false);
}

static void write_sector(const struct layer_request *request, int real, uint64_t at)
{
    uint64_t follow;
    const uint8_t *bytes = request_bytes(request, at, &follow);
    uint64_t length = follow < LOOP_SECTOR_BYTES ? follow : LOOP_SECTOR_BYTES;
    ssize_t wrote = pwrite(real, bytes, length, (off_t)(request->offset + at));
    assert(wrote == (ssize_t)length);
}

static void write_sectors(struct layer *layer, const struct layer_request *request, uint64_t bytes,
                          uint32_t ppm)
{
    struct loop_file *file = &layer->shared->files[request->file];
    int real = file_open(layer, request->file, O_WRONLY);
    assert(real >= 0);
    uint64_t end = file->size;
    for (uint64_t at = 0; at < bytes; at += LOOP_SECTOR_BYTES) {
        if (!random_chance(&layer->shared->random, ppm))
            continue;
        write_sector(request, real, at);
        uint64_t after = request->offset + at + LOOP_SECTOR_BYTES;
        end = after > end ? after : end;
        file->dirty |= blocks_of(request->offset + at, LOOP_SECTOR_BYTES);
    }
    close(real);
    file->size = end;
}

void layer_disk_write_some(struct layer *layer, const struct layer_request *request)
{
    static const uint32_t odds[] = {0, 200000, 800000, 1000000};
    uint32_t ppm = odds[random_below(&layer->shared->random, 4)];
    write_sectors(layer, request, request->length, ppm);
}

void layer_disk_write_first(struct layer *layer, const struct layer_request *request,
                            uint64_t bytes)
{
    write_sectors(layer, request, bytes, 1000000);
}

// --- the medium ------------------------------------------------------------------------------

// Zeros over what has never been anything else on the medium change nothing there but the size.
static bool request_is_zero(const struct layer_request *request)
{
    return request->class == LOOP_WRITE_PREPARE;
}

static void medium_write(struct layer *layer, const struct layer_request *request, uint64_t bytes)
{
    struct loop_shared *shared = layer->shared;
    struct loop_file *file = &shared->files[request->file];
    uint64_t at = 0;
    while (at < bytes) {
        uint64_t follow;
        const uint8_t *from = request_bytes(request, at, &follow);
        uint64_t length = follow < bytes - at ? follow : bytes - at;
        memcpy(&shared->medium[request->file][request->offset + at], from, length);
        at += length;
    }
    uint64_t end = request->offset + bytes;
    file->durable_size = end > file->durable_size ? end : file->durable_size;
    file->filled |= blocks_of(request->offset, bytes);
}

void layer_disk_writing(struct layer *layer, const struct layer_request *request)
{
    struct loop_file *file = &layer->shared->files[request->file];
    if (request->offset + request->length > LOOP_FILE_BYTES_MAX) {
        layer_violation(layer, "%s is written beyond its size", file->name);
        layer_die(layer);
    }
    file->flying |= blocks_of(request->offset, request->length);
}

void layer_disk_written(struct layer *layer, const struct layer_request *request, uint64_t bytes)
{
    struct loop_file *file = &layer->shared->files[request->file];
    uint64_t end = request->offset + bytes;
    file->flying &= ~blocks_of(request->offset, request->length);
    if (bytes == 0)
        return;
    uint64_t blocks = blocks_of(request->offset, bytes);
    file->size = end > file->size ? end : file->size;
    file->dropped &= ~blocks;
    if (request->dsync && !layer->shared->dsync_unknown) {
        medium_write(layer, request, bytes);
        file->dirty &= ~blocks;
    } else {
        file->dirty |= request_is_zero(request) ? blocks & file->filled : blocks;
    }
}

void layer_disk_synced(struct layer *layer, const struct layer_request *request)
{
    struct loop_shared *shared = layer->shared;
    struct loop_file *file = &shared->files[request->file];
    int real = request->dirty != 0 ? file_open(layer, request->file, O_RDONLY) : -1;
    for (uint64_t block = 0; real >= 0 && block < 64; block++) {
        if ((request->dirty >> block & 1) == 0)
            continue;
        uint64_t at = block * LOOP_BLOCK_BYTES;
        ssize_t got = pread(real, &shared->medium[request->file][at], LOOP_BLOCK_BYTES, (off_t)at);
        assert(got >= 0);
    }
    if (real >= 0)
        close(real);
    file->dirty &= ~request->dirty;
    file->filled |= request->dirty;
    file->durable_size = request->size > file->durable_size ? request->size : file->durable_size;
}

// The kernel marks the pages clean, and tells of it only once: the next sync proves nothing.
void layer_disk_sync_failed(struct layer *layer, const struct layer_request *request)
{
    struct loop_file *file = &layer->shared->files[request->file];
    file->dropped |= request->dirty;
    file->dirty &= ~request->dirty;
}

void layer_disk_drop_cache(struct layer *layer, uint16_t index)
{
    struct loop_shared *shared = layer->shared;
    struct loop_file *file = &shared->files[index];
    uint64_t dropped = file->dropped & ~file->dirty;
    if (dropped == 0)
        return;
    int real = file_open(layer, index, O_WRONLY);
    assert(real >= 0);
    for (uint64_t block = 0; block < 64; block++) {
        uint64_t at = block * LOOP_BLOCK_BYTES;
        if ((dropped >> block & 1) == 0 || at >= file->size)
            continue;
        ssize_t wrote = pwrite(real, &shared->medium[index][at], LOOP_BLOCK_BYTES, (off_t)at);
        assert(wrote == LOOP_BLOCK_BYTES);
    }
    close(real);
    file->dropped &= ~dropped;
}
