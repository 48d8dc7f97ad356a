// poro-wal import: a new data folder from a snapshot (RDB) of Redis.
#include "server/wal_tool_import.h"

#include "protocol/rdb_string.h"
#include "server/server.h"
#include "server/wal_tool.h"
#include "storage/keyspace.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define INPUT_BYTES MIB(1)
// A value goes to the log in pieces of this size; of a part of a frame, where frames are small: the
// other parts are for the key.
#define VALUE_PIECE_BYTES MIB(1)
#define FRAME_PARTS 4

// --- keys ------------------------------------------------------------------------------------

static void refuse(struct import *import, const char *kind)
{
    tallies_add(&import->refused, kind, (int64_t)import->database, import->key, import->key_length);
    import->take = false;
}

static void leave(struct import *import, const char *kind, int64_t database, const uint8_t *name,
                  uint64_t length)
{
    struct tallies *tallies = import->options->strict ? &import->refused : &import->left;
    tallies_add(tallies, kind, database, name, length);
}

// Nothing more needs to be written once it is known that all is in vain.
static bool in_vain(const struct import *import)
{
    return import->refused.count > 0;
}

static int append(struct import *import, const struct wal_record *record)
{
    if (in_vain(import))
        return 0;
    return target_append(&import->target, record);
}

static void key_piece(struct import *import, const struct rdb_event *event)
{
    uint64_t room = event->offset < KEY_BYTES_MAX ? KEY_BYTES_MAX - event->offset : 0;
    size_t count = event->count < room ? event->count : (size_t)room;
    if (count > 0)
        memcpy(import->key + event->offset, event->bytes, count);
    if (!event->last)
        return;
    import->key_length = event->length;
    import->expires = event->expires;
    import->expiry_ms = event->expiry_ms;
    import->take = false;
    bool metadata = import->metadata;
    import->metadata = false;
    if (event->type != RDB_TYPE_STRING)
        return;
    if (metadata)
        leave(import, "metadata that modules keep of a key", (int64_t)import->database, import->key,
              import->key_length);
    import->take = true;
    if (import->database >= DATABASES_MAX)
        refuse(import, "key in a database that Poro does not have (it has 0 to 15)");
    else if (event->length > target_key_bytes_max(&import->target))
        refuse(import, "key that is too long (8 MiB at most, less with small segments)");
}

// Appends what has been gathered of the value, the last piece of it with `last`.
static int value_append(struct import *import, const uint8_t *bytes, uint32_t count, bool first)
{
    struct wal_record record = {
        .type = first ? WAL_RECORD_SET : WAL_RECORD_RANGE,
        .keyspace = import->databases.ids[import->database],
        .key = import->key,
        .key_length = (uint32_t)import->key_length,
        .data = bytes,
        .length = count,
        .total = (uint32_t)import->value_length,
        .offset = first ? 0 : (uint32_t)import->value_done,
        .expiry_ms = first ? import->expiry_ms : 0,
    };
    import->value_done += count;
    return append(import, &record);
}

static int value_gather(struct import *import, const struct rdb_event *event)
{
    for (size_t done = 0; done < event->count;) {
        size_t room = import->piece_bytes - import->gathered;
        size_t count = event->count - done < room ? event->count - done : room;
        memcpy(import->value + import->gathered, event->bytes + done, count);
        import->gathered += (uint32_t)count;
        done += count;
        bool end = event->last && done == event->count;
        if (import->gathered < import->piece_bytes && !end)
            continue;
        int result = value_append(import, import->value, import->gathered, import->value_done == 0);
        import->gathered = 0;
        if (result < 0)
            return result;
    }
    return 0;
}

static void count_key(struct import *import)
{
    import->keys++;
    import->keys_volatile += import->expires;
    import->in_database[import->database]++;
    import->memory += keyspace_entry_bytes((uint32_t)import->key_length,
                                           (uint32_t)import->value_length, import->expires);
}

static int value_piece(struct import *import, const struct rdb_event *event)
{
    if (import->take && event->offset == 0) {
        import->value_length = event->length;
        import->value_done = 0;
        import->gathered = 0;
        if (event->length > VALUE_BYTES_MAX) {
            refuse(import, "key with a value that is too long (512 MiB at most)");
        } else if (import->expires && import->expiry_ms <= import->now_ms) {
            import->expired++;
            import->take = false;
        } else {
            count_key(import);
        }
    }
    if (!import->take)
        return 0;
    if (event->offset == 0 && event->last && event->count <= import->piece_bytes)
        return value_append(import, event->bytes, (uint32_t)event->count, true);
    return value_gather(import, event);
}

// --- what is beside them ---------------------------------------------------------------------

static void text_copy(char to[IMPORT_TEXT_BYTES], const struct rdb_event *event)
{
    for (size_t i = 0; i < event->count && event->offset + i < IMPORT_TEXT_BYTES - 1; i++) {
        to[event->offset + i] = (char)event->bytes[i];
        to[event->offset + i + 1] = 0;
    }
    if (event->length == 0)
        to[0] = 0;
}

static void aux_piece(struct import *import, const struct rdb_event *event)
{
    if (event->step == RDB_STEP_AUX_NAME) {
        text_copy(import->aux_name, event);
        return;
    }
    if (strcmp(import->aux_name, "redis-ver") == 0 || strcmp(import->aux_name, "valkey-ver") == 0)
        text_copy(import->made_by, event);
}

// Its first line has its name.
static void function_piece(struct import *import, const struct rdb_event *event)
{
    if (event->offset == 0) {
        const uint8_t *end = memchr(event->bytes, '\n', event->count);
        size_t length = end != NULL ? (size_t)(end - event->bytes) : event->count;
        leave(import, event->length == 0 ? "empty function library" : "function library",
              TALLY_NO_DATABASE, event->bytes, length);
    }
}

static void module_data(struct import *import, uint64_t id)
{
    char name[RDB_MODULE_NAME_BYTES];
    rdb_module_name(name, id);
    leave(import, "data of a module", TALLY_NO_DATABASE, (const uint8_t *)name, strlen(name));
}

static int text_piece(struct import *import, const struct rdb_event *event)
{
    switch (event->step) {
    case RDB_STEP_KEY:
        key_piece(import, event);
        return 0;
    case RDB_STEP_VALUE:
        return value_piece(import, event);
    case RDB_STEP_FUNCTION:
        function_piece(import, event);
        return 0;
    default:
        aux_piece(import, event);
        return 0;
    }
}

// --- the file --------------------------------------------------------------------------------

// 0, or -errno of the target.
static int import_event(struct import *import, const struct rdb_event *event)
{
    switch (event->kind) {
    case RDB_EVENT_BEGIN:
        import->target_begun = true;
        return target_create(&import->target, import->options->target,
                             import->options->segment_bytes);
    case RDB_EVENT_DATABASE:
        import->database = event->number;
        return 0;
    case RDB_EVENT_TEXT:
        return text_piece(import, event);
    case RDB_EVENT_PASSED:
        leave(import, event->type_name, (int64_t)import->database, import->key, import->key_length);
        return 0;
    case RDB_EVENT_META:
        import->metadata = true;
        return 0;
    case RDB_EVENT_MODULE:
        module_data(import, event->number);
        return 0;
    case RDB_EVENT_END:
        import->checksum = event->number == 1;
        return 0;
    case RDB_EVENT_MORE:
    case RDB_EVENT_BAD:
        break;
    }
    assert(false);
    return 0;
}

static int report_target(const struct import *import, int error)
{
    fprintf(stderr, "poro-wal: %s: %s: %s\n", import->options->target,
            import->target.step != NULL ? import->target.step : "cannot be written",
            strerror(-error));
    return EXIT_START;
}

static int report_bad(const struct import *import)
{
    uint64_t offset;
    uint64_t part;
    const char *problem = rdb_reader_problem(import->reader, &offset, &part);
    fprintf(stderr, "poro-wal: %s cannot be imported: at byte %llu", import->options->rdb,
            (unsigned long long)offset);
    if (part > 0)
        fprintf(stderr, " (in what begins at byte %llu: %s)", (unsigned long long)part,
                import->reader->shape.name != NULL ? import->reader->shape.name : "unknown");
    fprintf(stderr, ": %s. Nothing was imported.\n", problem);
    return EXIT_DAMAGED;
}

// What has been given to the reader. 0 or an exit code.
static int import_events(struct import *import)
{
    struct rdb_event event;
    for (;;) {
        enum rdb_event_kind kind = rdb_reader_next(import->reader, &event);
        if (kind == RDB_EVENT_MORE)
            return 0;
        if (kind == RDB_EVENT_BAD)
            return report_bad(import);
        int result = import_event(import, &event);
        if (result < 0)
            return report_target(import, result);
    }
}

static int import_read(struct import *import)
{
    for (;;) {
        ssize_t got = read(import->file, import->input, INPUT_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            fprintf(stderr, "poro-wal: cannot read %s: %s\n", import->options->rdb,
                    strerror(errno));
            return EXIT_START;
        }
        if (got == 0)
            return rdb_reader_finish(import->reader) ? 0 : report_bad(import);
        import->bytes += (uint64_t)got;
        rdb_reader_give(import->reader, import->input, (size_t)got);
        int code = import_events(import);
        if (code != 0)
            return code;
    }
}

// --- the command -----------------------------------------------------------------------------

static int import_run(struct import *import)
{
    int code = import_read(import);
    if (code != 0)
        return code;
    if (in_vain(import)) {
        import_print_refused(import);
        return TOOL_EXIT_REFUSED;
    }
    int result = target_finish(&import->target);
    if (result < 0)
        return report_target(import, result);
    import_print(import);
    return EXIT_CLEAN;
}

int tool_import(const struct tool_options *options)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t part = wal_frame_bytes_max(options->segment_bytes) / FRAME_PARTS;
    struct import import = {
        .options = options,
        .piece_bytes = part < VALUE_PIECE_BYTES ? (uint32_t)part : VALUE_PIECE_BYTES,
        .now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
        .file = open(options->rdb, O_RDONLY | O_CLOEXEC),
    };
    if (import.file < 0) {
        fprintf(stderr, "poro-wal: cannot open %s: %s\n", options->rdb, strerror(errno));
        return EXIT_START;
    }
    posix_fadvise(import.file, 0, 0, POSIX_FADV_SEQUENTIAL);
    import.input = tool_memory(INPUT_BYTES);
    import.key = tool_memory(KEY_BYTES_MAX);
    import.value = tool_memory(VALUE_PIECE_BYTES);
    import.reader = tool_memory(sizeof(*import.reader));
    databases_create(&import.databases);
    tallies_create(&import.left, options->names);
    tallies_create(&import.refused, options->names);
    rdb_reader_create(import.reader);
    int code = import_run(&import);
    if (import.target_begun) {
        if (code != 0)
            target_undo(&import.target);
        target_destroy(&import.target);
    }
    tallies_destroy(&import.left);
    tallies_destroy(&import.refused);
    tool_memory_free(import.reader);
    tool_memory_free(import.value);
    tool_memory_free(import.key);
    tool_memory_free(import.input);
    close(import.file);
    return code;
}
