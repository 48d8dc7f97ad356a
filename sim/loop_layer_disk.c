// The fault layer inside the server: what requests do to the disk behind the page cache.
#include "sim/loop_layer.h"

#include "wal/names.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

// Blocks [from, below) of a file.
struct span {
    struct loop_block *blocks;
    uint64_t from;
    uint64_t below;
};

// The blocks that bytes [offset, offset + length) touch.
static struct span span_of(const struct layer *layer, uint16_t index, uint64_t offset,
                           uint64_t length)
{
    struct loop_file *file = &layer->shared->files[index];
    uint64_t below =
        length == 0 ? offset / LOOP_BLOCK_BYTES : (offset + length - 1) / LOOP_BLOCK_BYTES + 1;
    assert(below <= LOOP_BLOCKS_MAX);
    if (file->reach < below * LOOP_BLOCK_BYTES)
        file->reach = below * LOOP_BLOCK_BYTES;
    return (struct span){layer->shared->blocks[index], offset / LOOP_BLOCK_BYTES, below};
}

// All of those that have a state.
static struct span span_all(const struct layer *layer, uint16_t index)
{
    return span_of(layer, index, 0, layer->shared->files[index].reach);
}

static bool block_is_covered(const struct loop_block *block, uint32_t time)
{
    return block->dirty != 0 && block->dirty <= time;
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

bool layer_disk_is_checkpoint(const struct layer *layer, uint16_t file)
{
    uint64_t number;
    return wal_checkpoint_name_parse(layer->shared->files[file].name, &number);
}

static void naming_add(struct layer *layer, enum loop_naming_kind kind, uint16_t file,
                       uint16_t replaced, const char *from)
{
    struct loop_shared *shared = layer->shared;
    assert(shared->namings < LOOP_NAMINGS_MAX);
    struct loop_naming *naming = &shared->naming[shared->namings++];
    *naming = (struct loop_naming){.kind = kind, .file = file, .replaced = replaced};
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
        if (shared->naming[i].file == index || shared->naming[i].replaced == index)
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
    // Descriptors of the file that had this place, and has no name any more, lead nowhere.
    for (uint32_t i = 0; i < LAYER_DESCRIPTORS_MAX; i++) {
        if (layer->file_of[i] == index)
            layer->file_of[i] = LAYER_NO_FILE;
    }
    memset(shared->medium[index], 0, file->reach);
    memset(shared->blocks[index], 0,
           file->reach / LOOP_BLOCK_BYTES * sizeof(shared->blocks[index][0]));
    *file = (struct loop_file){.used = true, .exists = true};
    strncpy(file->name, name, LOOP_NAME_BYTES - 1);
    naming_add(layer, LOOP_NAMED_CREATE, index, LAYER_NO_FILE, "");
    return index;
}

void layer_disk_rename(struct layer *layer, uint16_t index, const char *to)
{
    struct loop_file *file = &layer->shared->files[index];
    assert(strlen(to) < LOOP_NAME_BYTES);
    uint16_t replaced = layer_disk_find(layer, to);
    // Of all files, only the space for the next checkpoint may be given up so.
    if (replaced != LAYER_NO_FILE && strcmp(to, WAL_NAME_CHECKPOINT_NEW) != 0)
        layer_violation(layer, "%s is renamed to %s, which exists", file->name, to);
    if (replaced != LAYER_NO_FILE)
        layer->shared->files[replaced].exists = false;
    naming_add(layer, LOOP_NAMED_RENAME, index, replaced, file->name);
    strncpy(file->name, to, LOOP_NAME_BYTES - 1);
}

void layer_disk_unlink(struct layer *layer, uint16_t index)
{
    layer->shared->files[index].exists = false;
    naming_add(layer, LOOP_NAMED_UNLINK, index, LAYER_NO_FILE, "");
}

void layer_disk_expect_removed(struct layer *layer, uint16_t index)
{
    if (index != LAYER_NO_FILE && !file_is_forgotten(layer->shared, index))
        layer_violation(layer, "space of %s is given back while the file can be found",
                        layer->shared->files[index].name);
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
    if (naming.replaced != LAYER_NO_FILE)
        shared->files[naming.replaced].exists = true;
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
        struct span span = span_of(layer, request->file, request->offset + at, LOOP_SECTOR_BYTES);
        span.blocks[span.from].dirty = layer->shared->time;
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
    struct span span = span_of(layer, request->file, request->offset, bytes);
    for (uint64_t i = span.from; i < span.below; i++)
        span.blocks[i].filled = true;
}

void layer_disk_writing(struct layer *layer, const struct layer_request *request)
{
    struct loop_file *file = &layer->shared->files[request->file];
    if (request->offset + request->length > LOOP_FILE_BYTES_MAX) {
        layer_violation(layer, "%s is written beyond its size", file->name);
        layer_die(layer);
    }
    struct span span = span_of(layer, request->file, request->offset, request->length);
    for (uint64_t i = span.from; i < span.below; i++)
        span.blocks[i].flying = true;
}

void layer_disk_written(struct layer *layer, const struct layer_request *request, uint64_t bytes)
{
    struct loop_file *file = &layer->shared->files[request->file];
    uint64_t end = request->offset + bytes;
    struct span whole = span_of(layer, request->file, request->offset, request->length);
    for (uint64_t i = whole.from; i < whole.below; i++)
        whole.blocks[i].flying = false;
    if (bytes == 0)
        return;
    bool durable = request->dsync && !layer->shared->dsync_unknown;
    struct span span = span_of(layer, request->file, request->offset, bytes);
    file->size = end > file->size ? end : file->size;
    if (durable)
        medium_write(layer, request, bytes);
    for (uint64_t i = span.from; i < span.below; i++) {
        struct loop_block *block = &span.blocks[i];
        block->dropped = false;
        if (durable)
            block->dirty = 0;
        else if (!request_is_zero(request) || block->filled)
            block->dirty = layer->shared->time;
    }
}

// Other bytes than it was told: the cache does not know.
static void medium_spoil(struct layer *layer, uint16_t index, uint64_t number)
{
    struct loop_shared *shared = layer->shared;
    uint64_t bit = random_below(&shared->random, LOOP_BLOCK_BYTES * 8);
    shared->medium[index][number * LOOP_BLOCK_BYTES + bit / 8] ^= (uint8_t)(1U << bit % 8);
    shared->blocks[index][number].dropped = true;
}

static void medium_take(struct layer *layer, uint16_t index, int real, uint64_t number)
{
    struct loop_shared *shared = layer->shared;
    uint64_t at = number * LOOP_BLOCK_BYTES;
    ssize_t got = pread(real, &shared->medium[index][at], LOOP_BLOCK_BYTES, (off_t)at);
    assert(got >= 0);
    shared->blocks[index][number].dirty = 0;
    shared->blocks[index][number].filled = true;
}

void layer_disk_synced(struct layer *layer, const struct layer_request *request)
{
    struct loop_file *file = &layer->shared->files[request->file];
    // The name may be another file's by now; then nobody will find this one again.
    int real = file->exists ? file_open(layer, request->file, O_RDONLY) : -1;
    struct span span = span_all(layer, request->file);
    uint64_t spoilt = LOOP_BLOCKS_MAX;
    uint64_t covered = 0;
    for (uint64_t i = span.from; real >= 0 && i < span.below; i++) {
        if (!block_is_covered(&span.blocks[i], request->time))
            continue;
        medium_take(layer, request->file, real, i);
        if (request->spoils && random_below(&layer->shared->random, ++covered) == 0)
            spoilt = i;
    }
    if (real >= 0)
        close(real);
    if (spoilt < LOOP_BLOCKS_MAX)
        medium_spoil(layer, request->file, spoilt);
    file->durable_size = request->size > file->durable_size ? request->size : file->durable_size;
}

// The kernel marks the pages clean, and tells of it only once: the next sync proves nothing.
void layer_disk_sync_failed(struct layer *layer, const struct layer_request *request)
{
    struct span span = span_all(layer, request->file);
    for (uint64_t i = span.from; i < span.below; i++) {
        if (!block_is_covered(&span.blocks[i], request->time))
            continue;
        span.blocks[i].dropped = true;
        span.blocks[i].dirty = 0;
    }
}

void layer_disk_drop_cache(struct layer *layer, uint16_t index)
{
    const struct loop_file *file = &layer->shared->files[index];
    struct span span = span_all(layer, index);
    int real = -1;
    for (uint64_t i = span.from; i < span.below; i++) {
        struct loop_block *block = &span.blocks[i];
        uint64_t at = i * LOOP_BLOCK_BYTES;
        if (!block->dropped || block->dirty != 0)
            continue;
        block->dropped = false;
        if (at >= file->size || !file->exists)
            continue;
        if (real < 0)
            real = file_open(layer, index, O_WRONLY);
        assert(real >= 0);
        const uint8_t *medium = &layer->shared->medium[index][at];
        ssize_t wrote = pwrite(real, medium, LOOP_BLOCK_BYTES, (off_t)at);
        assert(wrote == LOOP_BLOCK_BYTES);
    }
    if (real >= 0)
        close(real);
}
