// The server's beginning and end: memory, parts, recovery, listeners.
#include "server/server.h"

#include "server/checkpoint.h"
#include "server/clock.h"
#include "server/evict.h"
#include "server/hold.h"
#include "server/idle.h"
#include "server/info.h"
#include "server/journal.h"
#include "server/journal_start.h"
#include "server/memory.h"
#include "server/reply.h"
#include "server/rewrite.h"
#include "server/slowlog.h"
#include "server/token.h"
#include "server/trim.h"
#include "storage/allocator.h"
#include "storage/arena.h"
#include "storage/keyspace.h"
#include "wal/log.h"
#include "wal/recovery.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

// Address space of the arena, as a multiple of the memory that it may ever be allowed to use:
// replay is not bounded by maxmemory, and fragments must not be the limit.
#define ARENA_FACTOR 2
#define ARENA_EXTRA_BYTES GIB(1)

#define LISTEN_ATTEMPTS 50
#define LISTEN_PAUSE_NS 20000000

enum region_kind {
    REGION_STATIC,
    REGION_ARENA,
    REGION_TABLE_0,
    REGION_TABLE_1,
    REGION_STAGING_0,
    REGION_STAGING_1,
    REGION_RECOVERY,
    REGION_REPLIES,
    REGION_CHECKPOINT,
    REGION_COUNT,
};

struct memory {
    void *address[REGION_COUNT];
    size_t bytes[REGION_COUNT];
};

static size_t create_round(uint64_t bytes)
{
    return (size_t)((bytes + ARENA_PAGE_BYTES - 1) / ARENA_PAGE_BYTES * ARENA_PAGE_BYTES);
}

static uint32_t create_reply_chunks(const struct config *config)
{
    uint64_t chunks = (uint64_t)config->maxmemory / REPLY_SHARE / REPLY_CHUNK_BYTES;
    if (chunks < REPLY_CHUNKS_MIN)
        return REPLY_CHUNKS_MIN;
    return chunks > REPLY_CHUNKS_MAX ? REPLY_CHUNKS_MAX : (uint32_t)chunks;
}

static void create_sizes(const struct config *config, size_t bytes[REGION_COUNT])
{
    uint64_t limit = memory_machine_bytes();
    if ((uint64_t)config->maxmemory > limit)
        limit = (uint64_t)config->maxmemory;
    bytes[REGION_ARENA] = create_round(limit * ARENA_FACTOR + ARENA_EXTRA_BYTES);
    bytes[REGION_TABLE_0] = create_round(keyspace_region_bytes(bytes[REGION_ARENA]));
    bytes[REGION_TABLE_1] = bytes[REGION_TABLE_0];
    bytes[REGION_STAGING_0] = create_round(WAL_BATCH_BYTES_MAX * 5 / 4);
    bytes[REGION_STAGING_1] = bytes[REGION_STAGING_0];
    bytes[REGION_RECOVERY] = create_round(WAL_FRAME_BYTES_MAX + WAL_RECOVERY_READ_BYTES +
                                          START_AHEAD_PIECES * START_AHEAD_BYTES);
    bytes[REGION_REPLIES] = create_round((uint64_t)create_reply_chunks(config) * REPLY_CHUNK_BYTES);
    bytes[REGION_CHECKPOINT] = create_round(checkpoint_region_bytes());
    bytes[REGION_STATIC] =
        create_round(allocator_overhead() + sizeof(struct server) + io_overhead() +
                     hold_overhead() + reply_pool_overhead() + arena_overhead(bytes[REGION_ARENA]) +
                     keyspace_overhead() + wal_overhead() + wal_recovery_overhead() +
                     journal_overhead(config) + command_stats_overhead() + slowlog_overhead() +
                     rewrite_overhead() + trim_overhead() + checkpoint_overhead() +
                     sizeof(struct info) + 64 + (size_t)CLIENTS_MAX * sizeof(struct connection) +
                     RUN_ARGUMENTS * sizeof(struct resp_arg) + WAL_BLOCK_BYTES + MIB(1));
}

static bool create_reserve(const struct config *config, struct memory *memory)
{
    create_sizes(config, memory->bytes);
    for (int i = 0; i < REGION_COUNT; i++) {
        memory->address[i] = memory_reserve(memory->bytes[i]);
        if (memory->address[i] == NULL)
            return false;
    }
    // Every lookup goes to another page of a large table. A small one stays small.
    for (int i = REGION_TABLE_0; i <= REGION_TABLE_1; i++) {
        if (memory->bytes[i] > MEMORY_ALIGNMENT)
            memory_huge((uint8_t *)memory->address[i] + MEMORY_ALIGNMENT,
                        memory->bytes[i] - MEMORY_ALIGNMENT);
    }
    return true;
}

static void create_unreserve(const struct memory *memory)
{
    for (int i = REGION_COUNT - 1; i >= 0; i--) {
        if (memory->address[i] != NULL)
            memory_unreserve(memory->address[i], memory->bytes[i]);
    }
}

// --- parts -----------------------------------------------------------------------------------

static int64_t server_notice_ms(void *context)
{
    assert(context == NULL);
    return clock_wall_us() / 1000;
}

static bool create_parts(struct server *server, const struct memory *memory)
{
    struct allocator *allocator = server->allocator;
    uint64_t seed;
    clock_entropy(&seed, sizeof(seed));
    clock_entropy(server->run_id, sizeof(server->run_id));
    server->arena =
        arena_create(allocator, memory->address[REGION_ARENA], memory->bytes[REGION_ARENA]);
    if (server->arena == NULL)
        return false;
    void *const tables[2] = {memory->address[REGION_TABLE_0], memory->address[REGION_TABLE_1]};
    server->keyspace =
        keyspace_create(allocator, server->arena, tables, memory->bytes[REGION_TABLE_0], seed);
    server->hold = hold_create(allocator);
    if (server->keyspace == NULL || server->hold == NULL)
        return false;
    idle_policy(server);
    evict_policy(server);
    server->replies = reply_pool_create(allocator, memory->address[REGION_REPLIES],
                                        create_reply_chunks(&server->config), server->keyspace);
    size_t recovery = memory->bytes[REGION_RECOVERY] - START_AHEAD_PIECES * START_AHEAD_BYTES;
    server->wal_recovery =
        wal_recovery_create(allocator, memory->address[REGION_RECOVERY], recovery);
    server->read_ahead = (uint8_t *)memory->address[REGION_RECOVERY] + recovery;
    server->command_stats = command_stats_create(allocator);
    server->slowlog = slowlog_create(allocator);
    server->rewrite = rewrite_create(allocator);
    server->trim = trim_create(allocator);
    server->checkpoint = checkpoint_create(allocator, memory->address[REGION_CHECKPOINT]);
    server->info = allocator_take(allocator, sizeof(struct info), 64);
    server->connections_max = CLIENTS_MAX;
    server->connections =
        allocator_take(allocator, server->connections_max * sizeof(struct connection), 64);
    server->run_args = allocator_take(allocator, RUN_ARGUMENTS * sizeof(struct resp_arg), 64);
    server->staging[0] = memory->address[REGION_STAGING_0];
    server->staging[1] = memory->address[REGION_STAGING_1];
    server->staging_bytes = memory->bytes[REGION_STAGING_0];
    return server->replies != NULL && server->wal_recovery != NULL && server->connections != NULL &&
           server->run_args != NULL && server->command_stats != NULL && server->slowlog != NULL &&
           server->info != NULL && server->rewrite != NULL && server->checkpoint != NULL;
}

// --- listeners -------------------------------------------------------------------------------

// The kernel keeps a killed process's listener until its last request has ended: a restart at once
// may find the address in use for a moment.
static int create_listen(struct server *server, const char *address)
{
    int listener = -EADDRINUSE;
    for (int attempt = 0; attempt < LISTEN_ATTEMPTS && listener == -EADDRINUSE; attempt++) {
        if (attempt > 0)
            io_wait(server->io, LISTEN_PAUSE_NS, server->events);
        listener = io_listen(server->io, address, (uint16_t)server->config.port,
                             (int)server->config.tcp_backlog);
    }
    return listener;
}

// One word of `bind`: "-" in front: no error when there is no such address; "*": all of IPv4,
// "::*": all of IPv6.
static int create_listener(struct server *server, const char *word)
{
    bool optional = word[0] == '-';
    const char *address = optional ? word + 1 : word;
    if (strcmp(address, "*") == 0)
        address = "0.0.0.0";
    if (strcmp(address, "::*") == 0)
        address = "::";
    int listener = create_listen(server, address);
    if (listener >= 0) {
        io_listener_setup(server->io, listener, (int)server->config.tcp_keepalive_s);
        server->listeners[server->listeners_count++] = listener;
        return 0;
    }
    if (optional && (listener == -EADDRNOTAVAIL || listener == -EAFNOSUPPORT))
        return 0;
    if (listener == -EINVAL)
        notice(&server->notices, LOGLEVEL_WARNING,
               "cannot listen on '%s': bind takes numeric addresses, such as 127.0.0.1 or ::1",
               address);
    else
        notice(&server->notices, LOGLEVEL_WARNING, "cannot listen on %s port %lld: %s", address,
               (long long)server->config.port, strerror(-listener));
    return EXIT_START;
}

static int create_local_listener(struct server *server)
{
    const char *path = server->config.unixsocket;
    if (path[0] == '\0')
        return 0;
    int listener = io_listen_local(server->io, path, (unsigned)server->config.unixsocketperm,
                                   (int)server->config.tcp_backlog);
    if (listener < 0) {
        notice(&server->notices, LOGLEVEL_WARNING, "cannot listen on unixsocket %s: %s", path,
               strerror(-listener));
        return EXIT_START;
    }
    snprintf(server->local_name, sizeof(server->local_name), "%.120s:0", path);
    server->local_listener = server->listeners_count;
    server->listeners[server->listeners_count++] = listener;
    return 0;
}

static int create_tcp_listeners(struct server *server)
{
    char words[CONFIG_TEXT_MAX];
    snprintf(words, sizeof(words), "%s", server->config.bind);
    char *rest = words;
    for (char *word = strtok_r(words, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        assert(server->listeners_count < CONFIG_BINDS_MAX);
        int code = create_listener(server, word);
        if (code != 0)
            return code;
    }
    if (server->listeners_count == 0) {
        notice(&server->notices, LOGLEVEL_WARNING, "no address of bind is available");
        return EXIT_START;
    }
    return 0;
}

// First TCP, so that a second server by mistake ends at the port before it comes to the path.
static int create_listeners(struct server *server)
{
    server->local_listener = LISTENERS_MAX;
    if (server->config.port == 0 && server->config.unixsocket[0] == '\0') {
        notice(&server->notices, LOGLEVEL_WARNING,
               "nothing to listen on: port is 0, and there is no unixsocket");
        return EXIT_USAGE;
    }
    int code = server->config.port != 0 ? create_tcp_listeners(server) : 0;
    return code != 0 ? code : create_local_listener(server);
}

// --- the whole -------------------------------------------------------------------------------

static uint64_t create_count_keys(const struct server *server)
{
    uint64_t keys = 0;
    for (uint32_t i = 0; i < DATABASES_MAX; i++)
        keys += keyspace_count(server->keyspace, i);
    return keys;
}

static void create_welcome(struct server *server)
{
    struct journal_stats stats;
    journal_stats(server, &stats);
    notice(
        &server->notices, LOGLEVEL_NOTICE,
        "data folder %s: %llu keys recovered from %llu records of a checkpoint and %llu of the log "
        "in %.3f seconds (%s)",
        server->config.dir, (unsigned long long)create_count_keys(server),
        (unsigned long long)server->recovery.checkpoint_records,
        (unsigned long long)server->recovery.records, (double)server->recovery_ns / 1e9,
        wal_verdict_name(server->recovery.verdict));
    notice(&server->notices, LOGLEVEL_NOTICE, "log: %s on %s, appendfsync %s, maxmemory %llu MB",
           stats.write_mode, stats.file_system,
           server->config.appendfsync == APPENDFSYNC_ALWAYS     ? "always"
           : server->config.appendfsync == APPENDFSYNC_EVERYSEC ? "everysec"
                                                                : "no",
           (unsigned long long)(server->config.maxmemory / (int64_t)MIB(1)));
    const struct config *config = &server->config;
    if (config->port != 0)
        notice(&server->notices, LOGLEVEL_NOTICE,
               "Poro %s is ready: %s port %lld. Try: redis-cli -p %lld", PORO_VERSION, config->bind,
               (long long)config->port, (long long)config->port);
    if (config->unixsocket[0] != '\0')
        notice(&server->notices, LOGLEVEL_NOTICE, "Poro %s is ready: redis-cli -s %s", PORO_VERSION,
               config->unixsocket);
}

static int create_start(struct server *server, const struct memory *memory)
{
    char error[1024];
    if (io_create(server->allocator, &server->io, error) < 0) {
        notice(&server->notices, LOGLEVEL_WARNING, "%s", error);
        server->io = NULL;
        return EXIT_START;
    }
    if (!create_parts(server, memory)) {
        notice(&server->notices, LOGLEVEL_WARNING, "not enough static memory");
        return EXIT_START;
    }
    timing_settings(server);
    pressure_limits(server);
    int code = create_listeners(server);
    if (code != 0)
        return code;
    if (io_signals(server->io, token_pack((struct token){TOKEN_SIGNAL, 0, 0})) < 0) {
        notice(&server->notices, LOGLEVEL_WARNING, "cannot receive signals");
        return EXIT_START;
    }
    code = journal_start(server);
    allocator_seal(server->allocator);
    if (code == START_ENDED) {
        notice(&server->notices, LOGLEVEL_NOTICE, "stopped before all data was loaded, bye");
        server->state = SERVER_STOPPED;
        return 0;
    }
    if (code != 0)
        return code;
    server->state = SERVER_SERVING;
    create_welcome(server);
    if (server->stop_asked)
        server_stop(server);
    return 0;
}

int server_create(const struct config *config, const char *config_file, struct server **out)
{
    struct memory memory = {0};
    struct notice_sink notices;
    *out = NULL;
    notice_init(&notices, 1, config->loglevel, server_notice_ms, NULL);
    int opened = notice_open(&notices, config->logfile);
    if (opened < 0) {
        notice(&notices, LOGLEVEL_WARNING, "cannot open the log file %s: %s", config->logfile,
               strerror(-opened));
        return EXIT_START;
    }
    if (!create_reserve(config, &memory)) {
        notice(&notices, LOGLEVEL_WARNING,
               "cannot reserve address space: check ulimit -v and vm.overcommit_memory");
        create_unreserve(&memory);
        return EXIT_START;
    }
    struct allocator *allocator =
        allocator_create(memory.address[REGION_STATIC], memory.bytes[REGION_STATIC]);
    struct server *server = allocator_take(allocator, sizeof(*server), 64);
    struct memory *kept = allocator_take(allocator, sizeof(*kept), 64);
    assert(server != NULL && kept != NULL);
    *kept = memory;
    server->memory = kept;
    server->allocator = allocator;
    server->config = *config;
    server->notices = notices;
    snprintf(server->config_file, sizeof(server->config_file), "%s", config_file);
    server->now_ns = clock_monotonic_ns();
    server->wall_ms = clock_wall_us() / 1000;
    server->started_ns = server->now_ns;
    server->started_wall_ms = server->wall_ms;
    *out = server;
    return create_start(server, kept);
}

void server_destroy(struct server *server)
{
    if (server == NULL)
        return;
    if (server->io != NULL && server->local_name[0] != '\0')
        io_listen_local_end(server->io, server->config.unixsocket);
    if (server->io != NULL)
        io_destroy(server->io);
    allocator_deinit(server->allocator);
    notice_close(&server->notices);
    struct memory memory = *server->memory;
    create_unreserve(&memory);
}
