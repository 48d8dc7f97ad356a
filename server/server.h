// The server: all of its state in one struct, and its life: create, turn after turn, stop.
#ifndef PORO_SERVER_SERVER_H
#define PORO_SERVER_SERVER_H

#include "server/command_stats.h"
#include "server/config.h"
#include "server/connection.h"
#include "server/defrag.h"
#include "server/evict.h"
#include "server/idle.h"
#include "server/io.h"
#include "server/latency.h"
#include "server/loading.h"
#include "server/notice.h"
#include "server/pause.h"
#include "server/pressure.h"
#include "server/shutdown.h"
#include "server/spool.h"
#include "server/turn.h"
#include "wal/recovery.h"

#include <stdbool.h>
#include <stdint.h>

#define PORO_VERSION "0.1.0"
// What INFO's redis_version and HELLO claim: the command set that we are compatible with.
#define PORO_REDIS_VERSION "7.0.15"

struct allocator;
struct arena;
struct hold;
struct info;
struct keyspace;
struct reply_pool;
struct rewrite;
struct trim;
struct slowlog;
struct wal;
struct journal;
struct memory;
struct call;
struct checkpoint;

enum server_state {
    SERVER_STARTING,
    SERVER_LOADING, // recovers; answers what Redis answers meanwhile
    SERVER_SERVING,
    SERVER_STOPPING, // a clean stop: commits and answers what was accepted
    SERVER_STOPPED,
};

// Exit codes, as documented in README.
enum server_exit {
    EXIT_CLEAN = 0,
    EXIT_USAGE = 1,      // bad configuration or arguments
    EXIT_START = 2,      // cannot start: address, ring, memory, permissions
    EXIT_LOCKED = 3,     // another process uses the data folder
    EXIT_DAMAGED = 4,    // the log is damaged: refused
    EXIT_LOG_FAILED = 5, // the log could not be written while running
};

struct server_stats {
    uint64_t connections;
    uint64_t rejected;
    uint64_t accept_failures;
    uint64_t commands;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t reads;  // pieces that clients sent
    uint64_t writes; // pieces that were sent to them
    uint64_t hits;
    uint64_t misses;
    uint64_t expired;
    uint64_t evicted;
    uint64_t errors;
    uint64_t denied_full; // writes refused for lack of disk space
    uint64_t denied_memory;
    uint64_t denied_loading; // commands that have to wait for the data
    uint64_t peak_bytes;
    uint64_t out_of_buffers;
    uint64_t evicted_clients; // closed because they held too much memory
    uint64_t output_limited;  // ... more output than client-output-buffer-limit
    // instantaneous rates: samples of the last 16 * 100 ms
    struct {
        int64_t at_ms;
        uint64_t commands, bytes_in, bytes_out;
    } sample;
    uint64_t commands_per_second;
    uint64_t bytes_in_per_second;
    uint64_t bytes_out_per_second;
};

// A received buffer that a connection keeps.
struct server_buffer {
    uint16_t next;
    uint16_t length;
};

struct server_list {
    struct connection *first;
    struct connection *last;
    uint32_t count;
};

struct server {
    struct config config;
    char config_file[CONFIG_TEXT_MAX]; // absolute; empty: none
    char executable[CONFIG_TEXT_MAX];
    enum server_state state;
    int exit_code;
    bool stop_asked; // before it serves: the start ends early

    struct notice_sink notices;
    struct allocator *allocator;
    struct memory *memory;
    struct io *io;
    struct arena *arena;
    struct keyspace *keyspace;
    struct hold *hold;
    struct reply_pool *replies;
    struct wal *wal;
    struct wal_recovery *wal_recovery;
    void *staging[2]; // of the log's batches
    size_t staging_bytes;
    uint8_t *read_ahead;     // of recovery
    struct journal *journal; // drives the log's files, see journal.h
    struct checkpoint *checkpoint;
    struct spools spools;

    // connections
    struct connection *connections;
    uint32_t connections_max;
    uint32_t connections_used;           // slots that have ever been taken
    struct connection *connections_free; // given back, chained through links[0]
    uint32_t connections_open;
    uint64_t connection_next_id;
    struct server_list lists[LIST_COUNT];
    int listeners[LISTENERS_MAX];
    bool accepting[LISTENERS_MAX];
    uint32_t listeners_count;
    uint32_t local_listener; // which of them is the unix socket; LISTENERS_MAX: none
    char local_name[128];    // as an address: "path:0"
    int64_t accept_retry_ns; // when to accept again after a failure, 0: no failure
    struct server_buffer buffers[IO_BUFFERS];
    uint64_t large_bytes;  // large arguments of commands that are not executed yet
    uint64_t input_bytes;  // carried commands and their arguments
    uint64_t input_missed; // what was asked for last when there was no memory for it
    uint64_t output_watch; // from so much output on client-output-buffer-limit may say something
    struct pressure pressure;

    // transactions
    struct watch *watches[WATCH_BUCKETS]; // by the hash of their keys
    uint64_t watches_count;
    uint64_t transaction_bytes; // of all queued commands

    // execution
    struct resp_arg *run_args; // RUN_ARGUMENTS
    uint64_t map_version; // counts flushes: keys hashed before one are hashed for a dead keyspace
    struct idle idle;
    struct evict evict;
    struct defrag defrag;

    // time, read once a turn
    int64_t now_ns; // monotonic
    int64_t wall_ms;
    int64_t started_ns;
    int64_t started_wall_ms;
    int64_t sweep_ns;    // when the expiry sweep ran last
    bool sweep_stopped;  // ... because the log has no room now
    uint64_t sweep_rest; // buckets that it should have got to by then
    bool table_moves;    // into a larger or smaller one
    int64_t reclaim_ns;  // when memory was given back last
    bool reclaim_rest;   // ... and not all
    enum {
        POPULATE_READY,
        POPULATE_WAITING, // for the memory that has been asked for
        POPULATE_UNKNOWN, // to this kernel
    } populate;
    uint32_t visit_slot; // where the round over all connections goes on
    int64_t cycle_ns;    // when the once-a-second work ran last
    int64_t stop_deadline_ns;

    // observation
    struct timing timing;
    struct command_stats *command_stats;
    struct slowlog *slowlog;
    struct latency latency;
    struct turn turn;
    struct shutdown shutdown;
    struct info *info; // where INFO is put together

    struct rewrite *rewrite;
    struct trim *trim;
    struct pause pause;
    bool expires_lazily; // expired keys are deleted only when somebody asks for them

    uint8_t run_id[20];
    struct server_stats stats;
    struct wal_recovery_result recovery;
    struct loading loading;
    int64_t recovery_ns;
    struct io_event events[IO_EVENTS_MAX];
};

// Builds everything, recovers the data, opens the listeners, prints what a newcomer needs. Takes
// all memory that the server will ever use. 0, or an exit code (the reason has been told). *server
// is set as soon as there is one, to be given to server_destroy in any case.
int server_create(const struct config *config, const char *config_file, struct server **server);
// One turn of the loop.
void server_turn(struct server *server);
// Are commands taken up?
bool server_executes(const struct server *server);
// While the data is loaded: what belongs to connections in a turn, one event and then the rest of it.
void server_event(struct server *server, const struct io_event *event);
void server_turn_loading(struct server *server);
// Turns until stopped. Returns the exit code.
int server_run(struct server *server);
void server_destroy(struct server *server);

// Begins a clean stop; answered connections are closed, the log is committed and witnessed.
void server_stop(struct server *server);
// Stops at once, answering nobody: what is held must not leave.
void server_fail(struct server *server, const char *reason);

#endif
