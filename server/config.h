// Configuration: one table of settings, read from a file in redis.conf syntax, from the command
// line and by CONFIG SET.
#ifndef PORO_SERVER_CONFIG_H
#define PORO_SERVER_CONFIG_H

#include "conf/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_TEXT_MAX 1024 // longest value of a text setting, terminator included
#define CONFIG_ERROR_MAX 512
#define CONFIG_BINDS_MAX 16
#define CONFIG_PERCENTILES_MAX 16
#define CONFIG_RENAMES_MAX 64
#define CONFIG_OUTPUT_CLASSES 3 // of clients: normal, slave, pubsub
#define CONFIG_LIMIT_WORDS 4    // of a class: its name, hard, soft, seconds

enum config_appendfsync { APPENDFSYNC_ALWAYS, APPENDFSYNC_EVERYSEC, APPENDFSYNC_NO };
enum config_wal_ack { WAL_ACK_INTENT, WAL_ACK_COMPLETION };
enum config_direct_io { WAL_DIRECT_AUTO, WAL_DIRECT_NO };
enum config_debug_command { DEBUG_COMMAND_NO, DEBUG_COMMAND_YES, DEBUG_COMMAND_LOCAL };
enum config_maxmemory_policy {
    MAXMEMORY_NOEVICTION,
    MAXMEMORY_ALLKEYS_LRU,
    MAXMEMORY_ALLKEYS_LFU,
    MAXMEMORY_ALLKEYS_RANDOM,
    MAXMEMORY_VOLATILE_LRU,
    MAXMEMORY_VOLATILE_LFU,
    MAXMEMORY_VOLATILE_RANDOM,
    MAXMEMORY_VOLATILE_TTL,
};
// What a signal's stop is to do, as bits; none: a checkpoint if there are times for them (`save`).
enum config_shutdown {
    SHUTDOWN_DEFAULT = 0,
    SHUTDOWN_SAVE = 1 << 0,
    SHUTDOWN_NOSAVE = 1 << 1,
    SHUTDOWN_NOW = 1 << 2,   // there is nobody to wait for
    SHUTDOWN_FORCE = 1 << 3, // a failed checkpoint does not matter: it never does to a signal
};
enum config_loglevel { LOGLEVEL_DEBUG, LOGLEVEL_VERBOSE, LOGLEVEL_NOTICE, LOGLEVEL_WARNING };

// A command that clients call `to`, or not at all when that is empty.
struct config_rename {
    char from[24]; // lower case
    char to[64];
};

// How much output a client may leave untaken: 0: any. `soft` counts after it has lasted so long.
struct config_output_limit {
    uint64_t hard;
    uint64_t soft;
    int64_t soft_s;
};

// The values in force. Sizes in bytes; times in the unit that the name ends with.
struct config {
    // network
    // Addresses, separated by single spaces, 1 to CONFIG_BINDS_MAX of them; "-" before one: no
    // error if it is not there. Default "127.0.0.1 -::1", as in Redis's redis.conf.
    char bind[CONFIG_TEXT_MAX];
    int64_t port;                     // 0: no TCP
    char unixsocket[CONFIG_TEXT_MAX]; // path; empty: none
    int64_t unixsocketperm;           // 0: as the umask says
    int64_t tcp_backlog;
    int64_t timeout_s; // close idle clients after this; 0: never
    int64_t tcp_keepalive_s;
    bool protected_mode;
    // clients
    int64_t maxclients;
    char requirepass[CONFIG_TEXT_MAX]; // empty: none
    int64_t proto_max_bulk_len;
    struct config_output_limit output_limits[CONFIG_OUTPUT_CLASSES]; // the first is for all here
    int64_t maxmemory_clients; // of all connections; < 0: percent of maxmemory; 0: any
    // memory
    int64_t maxmemory;         // in force, never 0: setting 0 gives the default
    int64_t maxmemory_default; // 75 % of the machine's memory; not a setting
    enum config_maxmemory_policy maxmemory_policy;
    int64_t maxmemory_samples; // keys looked at for each that is evicted
    int64_t lfu_log_factor;
    int64_t lfu_decay_time_min; // 0: never
    bool activedefrag;
    // durability
    char dir[CONFIG_TEXT_MAX];
    enum config_appendfsync appendfsync;
    enum config_wal_ack wal_ack;         // wal-ack intent|completion
    int64_t completion_interval_ms;      // completion-interval, 1..10000, default 100
    int64_t wal_segment_size;            // whole blocks; fixed once a data folder exists
    int64_t wal_segments_ahead;          // default 4, min 3
    enum config_direct_io wal_direct_io; // wal-direct-io auto|no
    // checkpoints
    int64_t auto_aof_rewrite_percentage; // of the log's growth against the last one; 0: never
    int64_t auto_aof_rewrite_min_size;   // ... but not below so many bytes
    char save[CONFIG_TEXT_MAX];          // pairs "seconds changes"; empty: none
    int shutdown_on_sigint;              // enum config_shutdown
    int shutdown_on_sigterm;             // ... as well
    int64_t key_load_delay_us;           // for every record that a start replays; for tests
    // observation
    int64_t slowlog_log_slower_than_us; // -1: never
    int64_t slowlog_max_len;
    int64_t latency_monitor_threshold_ms; // 0: off
    bool latency_tracking;
    char latency_tracking_info_percentiles[CONFIG_TEXT_MAX]; // numbers from 0 to 100
    enum config_debug_command enable_debug_command;
    // rename-command, which is only in the file and no setting otherwise
    struct config_rename renames[CONFIG_RENAMES_MAX];
    uint32_t renames_count;
    // general
    enum config_loglevel loglevel;
    char logfile[CONFIG_TEXT_MAX]; // empty: standard output
    int64_t hz;                    // background cycles a second, 1..500 after clipping
    int64_t databases;             // fixed at 16
    bool appendonly;               // fixed at yes
};

// Defaults; `memory_bytes`: of the machine.
void config_init(struct config *config, uint64_t memory_bytes);

// Reads a file. 0, or -errno / -EINVAL with a message "FILE:LINE: reason" (or "FILE: reason") in
// error. What was read before the error has been applied: on error the caller exits.
int config_load(struct config *config, const char *path, char error[CONFIG_ERROR_MAX]);

// Applies `poro-server [file] [--name value ...]` as redis-server parses its arguments: the first
// one is a file unless it starts with "-"; an option takes the word after it whatever it is, and
// then all words up to the next one that starts with "--"; "--name value" may be one word; --save
// may stand alone; of repeated options the last one counts. `argv` without the program's name
// (which also has looked for --help and --version). Loads the file first if there is one. As
// config_load, the message begins with "command line: " if it is not about the file.
int config_arguments(struct config *config, int argc, char **argv, char error[CONFIG_ERROR_MAX]);

// The file that config_arguments would load, or NULL.
const char *config_arguments_file(int argc, char **argv);

// --- CONFIG GET and SET ----------------------------------------------------------------------

// Number of settings, the name of setting `index`, and its present value as text as CONFIG GET
// shows it; returns the length.
size_t config_count(void);
const char *config_name(size_t index);
size_t config_format(const struct config *config, size_t index, char text[CONFIG_TEXT_MAX]);

// The setting of this name (in any case), or config_count() when there is none.
size_t config_find(const char *name, size_t length);

// CONFIG SET of `count` pairs, all or none: changes `config` only when every one is valid. 0, or
// -EINVAL with the reply's error text (with its "ERR " prefix, equal to Redis 7.0's) in error. A
// caller that must put the change into force first, and may fail to, works on a copy and answers
// with config_refuse.
struct config_pair {
    const char *name;
    size_t name_length;
    const char *value;
    size_t value_length;
};
int config_set(struct config *config, const struct config_pair *pairs, size_t count,
               char error[CONFIG_ERROR_MAX]);

// The reply's error text when the setting `name` (as in config_name) cannot be put into force for
// `reason`.
void config_refuse(const char *name, const char *reason, char error[CONFIG_ERROR_MAX]);

#endif
