// poro-wal export: a snapshot (RDB) for Redis from a data folder.
//
// Values are not compressed: Redis does that with its own next snapshot, and a tool for whole files
// does it better on the way there.
#include "protocol/rdb_writer.h"
#include "server/server.h"
#include "server/wal_tool.h"
#include "server/wal_tool_folder.h"
#include "server/wal_tool_state.h"
#include "server/wal_tool_text.h"
#include "storage/keyspace.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT_BYTES MIB(1)
#define PATH_BYTES 4096
#define SUFFIX_BYTES 24

struct export
{
    const struct tool_options *options;
    struct keyspace *keyspace;
    struct rdb_writer writer;
    uint8_t *output;
    int file;
    int64_t now_ms;
    char temporary[PATH_BYTES + SUFFIX_BYTES];
    int error; // -errno, 0: none yet
    const char *step;

    uint32_t database;
    uint64_t keys;
    uint64_t keys_volatile;
    uint64_t expired;
    uint64_t visited; // of the present database
    uint64_t bytes;
};

static void failed(struct export *export, const char *step, int error)
{
    if (export->error == 0) {
        export->error = error;
        export->step = step;
    }
}

// --- writing ---------------------------------------------------------------------------------

static void write_output(struct export *export)
{
    const uint8_t *bytes;
    size_t count = rdb_writer_output(&export->writer, &bytes);
    for (size_t done = 0; done < count && export->error == 0;) {
        ssize_t wrote = write(export->file, bytes + done, count - done);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            failed(export, "cannot write it", wrote < 0 ? -errno : -ENOSPC);
        else
            done += (size_t)wrote;
    }
    export->bytes += count;
}

// The part that was begun.
static void write_part(struct export *export)
{
    while (!rdb_writer_fill(&export->writer))
        write_output(export);
}

static void write_head(struct export *export)
{
    char time_text[24];
    snprintf(time_text, sizeof(time_text), "%lld", (long long)(export->now_ms / 1000));
    rdb_writer_begin(&export->writer);
    write_part(export);
    // What Redis writes, and says when it loads a file.
    const char *const fields[][2] = {
        {"redis-ver", PORO_REDIS_VERSION},
        {"redis-bits", "64"},
        {"ctime", time_text},
        {"poro-ver", PORO_VERSION},
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        rdb_writer_aux(&export->writer, fields[i][0], fields[i][1]);
        write_part(export);
    }
}

static void write_entry(void *context, struct entry *entry)
{
    struct export *export = context;
    int database = keyspace_database_of_slot(export->keyspace, entry->slot);
    if (database < 0 || (uint32_t)database != export->database || export->error != 0)
        return;
    export->visited++;
    int64_t expiry_ms = entry_expiry(entry);
    if (expiry_ms != 0 && expiry_ms <= export->now_ms) {
        export->expired++;
        return;
    }
    rdb_writer_string(&export->writer, entry_key(entry), entry_key_length(entry),
                      entry_value(entry), entry_value_length(entry), expiry_ms);
    write_part(export);
    export->keys++;
    export->keys_volatile += expiry_ms != 0;
}

static void write_database(struct export *export, uint32_t database)
{
    uint64_t keys = keyspace_count(export->keyspace, database);
    if (keys == 0 || export->error != 0)
        return;
    export->database = database;
    export->visited = 0;
    rdb_writer_database(&export->writer, database, keys,
                        keyspace_count_volatile(export->keyspace, database));
    write_part(export);
    uint64_t cursor = 0;
    do
        cursor = keyspace_scan(export->keyspace, cursor, write_entry, export);
    while (cursor != 0 && export->error == 0);
    // Redis loads no file that has a key twice.
    if (export->visited != keys)
        failed(export, "the walk over the keys went wrong", -EIO);
}

static void write_all(struct export *export)
{
    rdb_writer_create(&export->writer, export->output, OUTPUT_BYTES);
    write_head(export);
    for (uint32_t i = 0; i < DATABASES_MAX; i++)
        write_database(export, i);
    rdb_writer_end(&export->writer);
    write_part(export);
    write_output(export);
}

// --- the file --------------------------------------------------------------------------------

static int file_exists(const char *path)
{
    fprintf(stderr, "poro-wal: %s exists, and is not overwritten\n", path);
    return EXIT_START;
}

// The folder that the file lies in.
static int sync_folder(const char *path)
{
    char folder[PATH_BYTES];
    const char *slash = strrchr(path, '/');
    size_t length = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    memcpy(folder, path, length);
    folder[length] = 0;
    int file = open(length > 0 ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0)
        return -errno;
    int result = fsync(file) < 0 ? -errno : 0;
    close(file);
    return result;
}

static void file_create(struct export *export)
{
    uint64_t random;
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        failed(export, "cannot get random bytes", -EIO);
        return;
    }
    snprintf(export->temporary, sizeof(export->temporary), "%s.%016llx", export->options->rdb,
             (unsigned long long)random);
    export->file = open(export->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (export->file < 0)
        failed(export, "cannot make it", -errno);
}

// In place of nothing: a file that has appeared there meanwhile stays.
static int file_rename(const struct export *export)
{
    const char *to = export->options->rdb;
    if (renameat2(AT_FDCWD, export->temporary, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    // This file system has no such thing.
    if (access(to, F_OK) == 0)
        return -EEXIST;
    return rename(export->temporary, to) < 0 ? -errno : 0;
}

static void file_publish(struct export *export)
{
    if (export->error == 0 && fsync(export->file) < 0)
        failed(export, "cannot sync it", -errno);
    if (export->file >= 0 && close(export->file) < 0)
        failed(export, "cannot write it", -errno);
    int result = export->error == 0 ? file_rename(export) : 0;
    if (result < 0)
        failed(export, "cannot put it in place", result);
    if (export->error != 0) {
        if (export->file >= 0)
            unlink(export->temporary);
        return;
    }
    result = sync_folder(export->options->rdb);
    if (result < 0)
        failed(export, "is in place, but its folder cannot be synced", result);
}

// --- the command -----------------------------------------------------------------------------

static int export_write(const struct tool_options *options, struct state *state)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct export export = {
        .options = options,
        .keyspace = state->keyspace,
        .output = tool_memory(OUTPUT_BYTES),
        .file = -1,
        .now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
    };
    file_create(&export);
    if (export.error == 0)
        write_all(&export);
    file_publish(&export);
    tool_memory_free(export.output);
    if (export.error != 0) {
        fprintf(stderr, "poro-wal: %s: %s: %s\n", options->rdb, export.step,
                strerror(-export.error));
        return EXIT_START;
    }
    char size[TEXT_SIZE_BYTES];
    printf("exported     %llu keys, %llu of them with an expiry\n", (unsigned long long)export.keys,
           (unsigned long long)export.keys_volatile);
    if (export.expired > 0)
        printf("expired      %llu keys had expired by now and were left out\n",
               (unsigned long long)export.expired);
    printf("made         %s: %s, synced; version %d of Redis's format\n", options->rdb,
           text_size(size, export.bytes), RDB_WRITER_VERSION);
    return EXIT_CLEAN;
}

static int export_folder(const struct tool_options *options, struct folder *folder)
{
    struct state state;
    int code;
    int result = state_read(&state, folder);
    bool refused = result == 0 && (wal_verdict_refuses(state.result.verdict) ||
                                   folder->instance != FOLDER_INSTANCE_SOUND);
    if (result == -ENOMEM) {
        fprintf(stderr, "poro-wal: the data of %s needs more memory than there is\n", folder->path);
        code = EXIT_START;
    } else if (result < 0) {
        fprintf(stderr, "poro-wal: reading %s failed: %s\n", folder->path, strerror(-result));
        code = EXIT_START;
    } else if (refused) {
        fprintf(stderr,
                "poro-wal: a server refuses to start from %s: %s. Nothing was exported; 'poro-wal "
                "check' says more, 'poro-wal repair' writes what can be saved into a new folder.\n",
                folder->path,
                folder->instance != FOLDER_INSTANCE_SOUND ? "its identity is missing or damaged"
                                                          : state.result.message);
        code = EXIT_DAMAGED;
    } else {
        printf("folder       %s: %s\n", folder->path, state.result.message);
        code = export_write(options, &state);
    }
    state_destroy(&state);
    return code;
}

int tool_export(const struct tool_options *options)
{
    if (strlen(options->rdb) >= PATH_BYTES) {
        fprintf(stderr, "poro-wal: the name of the file is too long\n");
        return EXIT_USAGE;
    }
    if (access(options->rdb, F_OK) == 0)
        return file_exists(options->rdb);
    struct folder folder;
    int code = folder_open(&folder, options->folder, false);
    if (code == 0)
        code = export_folder(options, &folder);
    folder_close(&folder);
    return code;
}
