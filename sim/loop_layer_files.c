// The fault layer inside the server: requests on files, what is done to them by the rules, and their
// ends.
#include "sim/loop_layer.h"

#include "server/token.h"
#include "sim/loop_seam.h"
#include "wal/names.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

// Tokens of the layer's own requests: an operation that the server does not have.
#define LAYER_TOKEN_OPERATION 0xFEULL

// --- requests --------------------------------------------------------------------------------

static struct layer_request *request_begin(struct layer *layer, enum loop_class class,
                                           uint64_t token, uint16_t file)
{
    for (uint32_t i = 0; i < LAYER_REQUESTS_MAX; i++) {
        struct layer_request *request = &layer->requests[i];
        if (request->used)
            continue;
        uint32_t generation = request->generation + 1;
        *request = (struct layer_request){
            .used = true,
            .class = class,
            .token = token,
            .serial = layer->serial++,
            .file = file,
            .generation = generation,
        };
        layer->shared->requests[class]++;
        return request;
    }
    assert(false && "too many requests on files");
    return NULL;
}

static uint64_t request_token(const struct layer *layer, const struct layer_request *request)
{
    uint64_t index = (uint64_t)(request - layer->requests);
    return LAYER_TOKEN_OPERATION << 56 | index << 32 | request->generation;
}

// The request goes to the ring; returns the token for it.
static uint64_t request_enter(struct layer *layer, struct layer_request *request)
{
    request->in_kernel = true;
    layer->in_kernel++;
    return request_token(layer, request);
}

static void request_end(struct layer_request *request, int64_t result)
{
    request->result = (int32_t)result;
}

// --- rules -----------------------------------------------------------------------------------

// The rule that hits this request, NULL when none does.
static struct loop_rule *rule_find(struct layer *layer, enum loop_class class)
{
    struct loop_shared *shared = layer->shared;
    for (uint32_t i = 0; i < LOOP_RULES_MAX; i++) {
        struct loop_rule *rule = &shared->rules[i];
        if ((rule->classes & LOOP_BIT(class)) == 0 || rule->left == 0)
            continue;
        if (rule->skip > 0) {
            rule->skip--;
            continue;
        }
        if (!random_chance(&shared->random, rule->ppm))
            continue;
        rule->left--;
        if (rule->fault < FAULT_COUNT)
            shared->faults[rule->fault]++;
        return rule;
    }
    return NULL;
}

// While one of these has not ended, what it writes may not be told.
static bool token_holds(uint64_t token, enum loop_log *log)
{
    enum token_operation operation = token_unpack(token).operation;
    *log = operation == TOKEN_COMPLETION_WRITE ? LOOP_COMPLETION : LOOP_INTENT;
    return operation == TOKEN_INTENT_WRITE || operation == TOKEN_INTENT_SYNC ||
           operation == TOKEN_COMPLETION_WRITE;
}

// Applies a rule that leaves the request whole: death and delay. Returns one that does not.
static struct loop_rule *rule_apply(struct layer *layer, struct layer_request *request)
{
    struct loop_rule *rule = rule_find(layer, request->class);
    request->due_ns = atomic_load(&layer->shared->now_ns);
    if (rule == NULL)
        return NULL;
    switch (rule->action) {
    case LOOP_KILL_BEFORE:
        layer_die(layer);
    case LOOP_KILL_AFTER:
        layer->kill_due = true;
        return NULL;
    case LOOP_DELAY:
        request->due_ns += (int64_t)random_log(&layer->shared->random, (uint64_t)rule->value);
        // The log does not wait for a checkpoint.
        request->delayed = (LOOP_BIT(request->class) & LOOP_CHECKPOINT) == 0;
        if (request->delayed)
            atomic_fetch_add(&layer->shared->delayed, 1);
        request->held = token_holds(request->token, &request->log);
        if (request->held) {
            atomic_fetch_add(&layer->shared->held[request->log], 1);
            atomic_fetch_add(&layer->shared->held_ever[request->log], 1);
        }
        return NULL;
    case LOOP_SPOIL:
        request->spoils = true;
        return NULL;
    case LOOP_FAIL:
    case LOOP_SHORT:
        layer->shared->failed[request->class]++;
        return rule;
    }
    assert(false);
}

// --- what a request is for -------------------------------------------------------------------

static uint16_t file_of(const struct layer *layer, int descriptor)
{
    assert(descriptor >= 0 && descriptor < LAYER_DESCRIPTORS_MAX);
    return layer->file_of[descriptor];
}

static bool file_is_segment(const struct layer *layer, uint16_t file)
{
    uint32_t slot;
    return file != LAYER_NO_FILE && wal_segment_name_parse(layer->shared->files[file].name, &slot);
}

static bool file_is_completion(const struct layer *layer, uint16_t file)
{
    return file != LAYER_NO_FILE &&
           strcmp(layer->shared->files[file].name, WAL_NAME_COMPLETION) == 0;
}

static enum loop_class class_of_write(const struct layer *layer, uint16_t file, uint64_t token)
{
    if (token_unpack(token).operation == TOKEN_SEGMENT)
        return LOOP_WRITE_PREPARE;
    if (token_unpack(token).operation == TOKEN_CHECKPOINT)
        return LOOP_WRITE_CHECKPOINT;
    if (file_is_segment(layer, file))
        return LOOP_WRITE_INTENT;
    return file_is_completion(layer, file) ? LOOP_WRITE_COMPLETION : LOOP_WRITE_OTHER;
}

static enum loop_class class_of_sync(const struct layer *layer, uint16_t file, uint64_t token)
{
    if (file == LAYER_NO_FILE)
        return LOOP_SYNC_FOLDER;
    if (token_unpack(token).operation == TOKEN_CHECKPOINT)
        return LOOP_SYNC_CHECKPOINT;
    if (token_unpack(token).operation == TOKEN_SEGMENT)
        return LOOP_SYNC_OTHER;
    if (file_is_segment(layer, file))
        return LOOP_SYNC_INTENT;
    return file_is_completion(layer, file) ? LOOP_SYNC_COMPLETION : LOOP_SYNC_OTHER;
}

// --- names -----------------------------------------------------------------------------------

void __wrap_io_open(struct io *io, int directory, const char *name, uint32_t flags, uint64_t token)
{
    struct layer *layer = layer_current();
    if (layer->shared->unhindered) {
        __real_io_open(io, directory, name, flags, token);
        return;
    }
    layer->directory = directory;
    uint16_t file = layer_disk_find(layer, name);
    bool creates = file == LAYER_NO_FILE && (flags & IO_OPEN_CREATE) != 0;
    struct layer_request *request =
        request_begin(layer, creates ? LOOP_CREATE : LOOP_OPEN, token, file);
    const struct loop_rule *rule = rule_apply(layer, request);
    if (rule != NULL) {
        request_end(request, -rule->value);
        return;
    }
    if (layer->shared->direct_refused && (flags & IO_OPEN_DIRECT)) {
        layer->shared->faults[FAULT_NO_DIRECT]++;
        request_end(request, -EINVAL);
        return;
    }
    if (creates) {
        request->file = layer_disk_create(layer, name);
        request->named = true;
    }
    __real_io_open(io, directory, name, flags, request_enter(layer, request));
}

void __wrap_io_rename(struct io *io, int directory, const char *from, const char *to,
                      uint64_t token)
{
    struct layer *layer = layer_current();
    if (layer->shared->unhindered) {
        __real_io_rename(io, directory, from, to, token);
        return;
    }
    uint16_t file = layer_disk_find(layer, from);
    struct layer_request *request = request_begin(layer, LOOP_RENAME, token, file);
    const struct loop_rule *rule = rule_apply(layer, request);
    if (rule != NULL) {
        request_end(request, -rule->value);
        return;
    }
    if (file != LAYER_NO_FILE) {
        layer_disk_rename(layer, file, to);
        request->named = true;
    }
    __real_io_rename(io, directory, from, to, request_enter(layer, request));
}

void __wrap_io_unlink(struct io *io, int directory, const char *name, uint64_t token)
{
    struct layer *layer = layer_current();
    if (layer->shared->unhindered) {
        __real_io_unlink(io, directory, name, token);
        return;
    }
    uint16_t file = layer_disk_find(layer, name);
    struct layer_request *request = request_begin(layer, LOOP_UNLINK, token, file);
    const struct loop_rule *rule = rule_apply(layer, request);
    if (rule != NULL) {
        request_end(request, -rule->value);
        return;
    }
    if (file != LAYER_NO_FILE) {
        layer_disk_unlink(layer, file);
        request->named = true;
    }
    __real_io_unlink(io, directory, name, request_enter(layer, request));
}

// --- bytes -----------------------------------------------------------------------------------

static bool read_is_impossible(const struct layer *layer, uint16_t file, uint64_t offset,
                               uint64_t length)
{
    const struct loop_shared *shared = layer->shared;
    for (uint32_t i = 0; i < shared->unreadable_count && file != LAYER_NO_FILE; i++) {
        uint64_t at = shared->unreadable[i].offset;
        if (strcmp(shared->files[file].name, shared->unreadable[i].name) == 0 &&
            offset < at + LOOP_BLOCK_BYTES && at < offset + length)
            return true;
    }
    return false;
}

void __wrap_io_read(struct io *io, int file, uint8_t *bytes, uint32_t length, uint64_t offset,
                    uint64_t token)
{
    struct layer *layer = layer_current();
    if (layer->shared->unhindered) {
        __real_io_read(io, file, bytes, length, offset, token);
        return;
    }
    struct layer_request *request = request_begin(layer, LOOP_READ, token, file_of(layer, file));
    if (!layer->started && request->file != LAYER_NO_FILE &&
        layer_disk_is_checkpoint(layer, request->file))
        layer->shared->based = true;
    const struct loop_rule *rule = rule_apply(layer, request);
    if (rule != NULL) {
        request_end(request, -rule->value);
        return;
    }
    if (read_is_impossible(layer, request->file, offset, length)) {
        request_end(request, -EIO);
        return;
    }
    __real_io_read(io, file, bytes, length, offset, request_enter(layer, request));
}

static uint64_t request_sum(const struct layer_request *request)
{
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    for (uint32_t i = 0; i < request->count; i++)
        XXH3_64bits_update(&state, request->pieces[i].iov_base, request->pieces[i].iov_len);
    return XXH3_64bits_digest(&state);
}

static void write_spoiled(struct layer *layer, struct layer_request *request,
                          const struct loop_rule *rule)
{
    if (rule->action == LOOP_FAIL) {
        layer_disk_write_some(layer, request);
        request_end(request, -rule->value);
        return;
    }
    uint64_t sectors = request->length / LOOP_SECTOR_BYTES;
    uint64_t bytes = random_below(&layer->shared->random, sectors) * LOOP_SECTOR_BYTES;
    layer_disk_write_first(layer, request, bytes);
    request_end(request, (int64_t)bytes);
}

void __wrap_io_write(struct io *io, int file, const struct iovec *pieces, uint32_t count,
                     uint64_t offset, bool dsync, uint64_t token)
{
    struct layer *layer = layer_current();
    if (layer->shared->unhindered) {
        __real_io_write(io, file, pieces, count, offset, dsync, token);
        return;
    }
    uint16_t index = file_of(layer, file);
    struct layer_request *request =
        request_begin(layer, class_of_write(layer, index, token), token, index);
    request->offset = offset;
    request->dsync = dsync;
    request->count = count;
    for (uint32_t i = 0; i < count; i++) {
        request->pieces[i] = pieces[i];
        request->length += pieces[i].iov_len;
    }
    request->sum = request_sum(request);
    const struct loop_rule *rule = rule_apply(layer, request);
    if (rule != NULL) {
        write_spoiled(layer, request, rule);
        return;
    }
    layer_disk_writing(layer, request);
    __real_io_write(io, file, pieces, count, offset, dsync, request_enter(layer, request));
}

// What no name leads to is not part of the disk any more: these go to the real file.
static bool trim_begin(struct layer *layer, enum loop_class class, uint64_t *token)
{
    struct layer_request *request = request_begin(layer, class, *token, LAYER_NO_FILE);
    const struct loop_rule *rule = rule_apply(layer, request);
    if (rule != NULL) {
        request_end(request, -rule->value);
        return false;
    }
    *token = request_enter(layer, request);
    return true;
}

void __wrap_io_punch(struct io *io, int file, uint64_t offset, uint64_t length, uint64_t token)
{
    struct layer *layer = layer_current();
    if (!layer->shared->unhindered) {
        layer_disk_expect_removed(layer, file_of(layer, file));
        if (!trim_begin(layer, LOOP_PUNCH, &token))
            return;
    }
    __real_io_punch(io, file, offset, length, token);
}

void __wrap_io_sync(struct io *io, int file, bool data_only, uint64_t token)
{
    struct layer *layer = layer_current();
    if (layer->shared->unhindered) {
        __real_io_sync(io, file, data_only, token);
        return;
    }
    if (token_unpack(token).operation == TOKEN_TRIM) {
        if (trim_begin(layer, LOOP_SYNC_TRIM, &token))
            __real_io_sync(io, file, data_only, token);
        return;
    }
    uint16_t index = file_of(layer, file);
    struct layer_request *request =
        request_begin(layer, class_of_sync(layer, index, token), token, index);
    if (index != LAYER_NO_FILE) {
        request->time = layer->shared->time++;
        request->size = layer->shared->files[index].size;
    }
    request->namings = layer->shared->namings;
    const struct loop_rule *rule = rule_apply(layer, request);
    if (rule != NULL) {
        request_end(request, -rule->value);
        return;
    }
    __real_io_sync(io, file, data_only, request_enter(layer, request));
}

void __wrap_io_allocate(struct io *io, int file, uint64_t offset, uint64_t length, uint64_t token)
{
    struct layer *layer = layer_current();
    if (layer->shared->unhindered) {
        __real_io_allocate(io, file, offset, length, token);
        return;
    }
    struct layer_request *request =
        request_begin(layer, LOOP_ALLOCATE, token, file_of(layer, file));
    request->offset = offset;
    request->length = length;
    const struct loop_rule *rule = rule_apply(layer, request);
    if (rule != NULL) {
        request_end(request, -rule->value);
        return;
    }
    __real_io_allocate(io, file, offset, length, request_enter(layer, request));
}

void __wrap_io_forget(struct io *io, int file, uint64_t token)
{
    struct layer *layer = layer_current();
    if (layer->shared->unhindered) {
        __real_io_forget(io, file, token);
        return;
    }
    uint16_t index = file_of(layer, file);
    struct layer_request *request = request_begin(layer, LOOP_FORGET, token, index);
    const struct loop_rule *rule = rule_apply(layer, request);
    if (rule != NULL) {
        request_end(request, -rule->value);
        return;
    }
    if (index != LAYER_NO_FILE)
        layer_disk_drop_cache(layer, index);
    __real_io_forget(io, file, request_enter(layer, request));
}

void __wrap_io_close(struct io *io, int file, uint64_t token)
{
    struct layer *layer = layer_current();
    bool socket = token_unpack(token).operation == TOKEN_CLOSE;
    layer->touched = true;
    if (layer->shared->unhindered || socket) {
        __real_io_close(io, file, token);
        return;
    }
    struct layer_request *request = request_begin(layer, LOOP_CLOSE, token, file_of(layer, file));
    layer->file_of[file] = LAYER_NO_FILE;
    rule_apply(layer, request);
    __real_io_close(io, file, request_enter(layer, request));
}

// --- at start --------------------------------------------------------------------------------

int __wrap_io_drop_cache(struct io *io, int file)
{
    struct layer *layer = layer_current();
    if (!layer->shared->unhindered && file_of(layer, file) != LAYER_NO_FILE)
        layer_disk_drop_cache(layer, file_of(layer, file));
    return __real_io_drop_cache(io, file);
}

bool __wrap_io_honours_dsync(struct io *io, int file, char name[32])
{
    bool honours = __real_io_honours_dsync(io, file, name);
    return honours && !layer_current()->shared->dsync_unknown;
}

// --- ends ------------------------------------------------------------------------------------

bool layer_file_event(struct layer *layer, const struct io_event *event)
{
    if (event->token >> 56 != LAYER_TOKEN_OPERATION)
        return false;
    uint64_t index = event->token >> 32 & 0xFFFFFF;
    assert(index < LAYER_REQUESTS_MAX);
    struct layer_request *request = &layer->requests[index];
    assert(request->used && request->in_kernel);
    assert(request->generation == (uint32_t)event->token);
    request->in_kernel = false;
    layer->in_kernel--;
    request->result = event->result;
    return true;
}

static void finish_write(struct layer *layer, const struct layer_request *request)
{
    if (request_sum(request) != request->sum)
        layer_violation(layer, "bytes lent to a write of %s were changed before it ended",
                        layer->shared->files[request->file].name);
    layer_disk_written(layer, request, request->result > 0 ? (uint64_t)request->result : 0);
}

static void finish_sync(struct layer *layer, const struct layer_request *request)
{
    if ((layer->shared->lies & LOOP_BIT(request->class)) != 0)
        return;
    if (request->class == LOOP_SYNC_FOLDER && request->result >= 0)
        layer_disk_folder_synced(layer, request);
    if (request->class == LOOP_SYNC_FOLDER)
        return;
    if (request->result >= 0)
        layer_disk_synced(layer, request);
    else
        layer_disk_sync_failed(layer, request);
}

static void finish_disk(struct layer *layer, const struct layer_request *request)
{
    if (LOOP_BIT(request->class) & LOOP_WRITES)
        finish_write(layer, request);
    if (LOOP_BIT(request->class) & LOOP_SYNCS)
        finish_sync(layer, request);
    if (request->named && request->result < 0)
        layer_disk_undo_naming(layer, request);
    if (request->class == LOOP_RENAME && request->result >= 0 &&
        layer_disk_is_checkpoint(layer, request->file))
        layer->shared->published++;
    if (request->class == LOOP_ALLOCATE && request->result == 0) {
        struct loop_file *file = &layer->shared->files[request->file];
        uint64_t end = request->offset + request->length;
        file->size = end > file->size ? end : file->size;
    }
}

void layer_file_finish(struct layer *layer, struct layer_request *request, struct io_event *event)
{
    assert(request->used && !request->in_kernel);
    bool opened = request->class == LOOP_OPEN || request->class == LOOP_CREATE;
    if (opened && request->result >= 0) {
        assert(request->result < LAYER_DESCRIPTORS_MAX);
        layer->file_of[request->result] = request->file;
    }
    finish_disk(layer, request);
    if (request->delayed)
        atomic_fetch_sub(&layer->shared->delayed, 1);
    if (request->held)
        atomic_fetch_sub(&layer->shared->held[request->log], 1);
    *event = (struct io_event){.token = request->token, .result = request->result};
    request->used = false;
}
